//! Receives bytes on their way through a link, tells which of them may leave it when.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::Link;

/// How much may be on its way in one direction before the sender has to wait, bytes. With a delay of a fifth of a
/// second this still lets five megabytes a second pass.
const FULL: usize = 1024 * 1024;

/// A trickle is this many times a second as much as it may be, but at least one byte.
const DRIPS_PER_SECOND: u32 = 20;

/// Bytes on their way in one direction, in order.
pub(super) struct Pipe {
    pieces: VecDeque<Piece>,
    bytes: usize,
    /// When a trickle may go on.
    next_drip: Instant,
    random: u64,
}

/// Bytes that came together.
struct Piece {
    bytes: Vec<u8>,
    sent: usize,
    /// When a slow link is done with them.
    due: Instant,
}

/// What may leave the pipe.
pub(super) enum Next<'a> {
    Nothing,
    Now(&'a [u8]),
    At(Instant),
}

// === impl Pipe ===

impl Pipe {
    /// An empty one; the same seed gives the same jitter.
    pub(super) fn new(seed: u64) -> Self {
        Self { pieces: VecDeque::new(), bytes: 0, next_drip: Instant::now(), random: seed }
    }

    /// Puts bytes in that have come over `link` just now.
    pub(super) fn push(&mut self, bytes: Vec<u8>, link: &Link, now: Instant) {
        if bytes.is_empty() {
            return;
        }
        let due = now + self.delay(link);
        let due = self.pieces.back().map_or(due, |last| due.max(last.due));
        self.bytes += bytes.len();
        self.pieces.push_back(Piece { bytes, sent: 0, due });
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes >= FULL
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// What may leave next over `link`, which is not cut.
    pub(super) fn next(&self, link: &Link, now: Instant) -> Next<'_> {
        let Some(piece) = self.pieces.front() else { return Next::Nothing };
        let bytes = &piece.bytes[piece.sent..];
        match link {
            Link::Slow { .. } if piece.due > now => Next::At(piece.due),
            Link::Trickle { .. } if self.next_drip > now => Next::At(self.next_drip),
            Link::Trickle { bytes_per_second } => Next::Now(&bytes[..drip(*bytes_per_second).min(bytes.len())]),
            _ => Next::Now(bytes),
        }
    }

    /// The first `count` bytes have left it.
    pub(super) fn sent(&mut self, count: usize, link: &Link, now: Instant) {
        let Some(piece) = self.pieces.front_mut() else { return };
        piece.sent += count;
        self.bytes -= count;
        if piece.sent == piece.bytes.len() {
            self.pieces.pop_front();
        }
        if let Link::Trickle { bytes_per_second } = link {
            self.next_drip = now + Duration::from_secs_f64(count as f64 / f64::from((*bytes_per_second).max(1)));
        }
    }

    fn delay(&mut self, link: &Link) -> Duration {
        match link {
            Link::Slow { delay, jitter } => *delay + jitter.mul_f64(self.chance()),
            _ => Duration::ZERO,
        }
    }

    /// A number from 0 to 1, by splitmix64: jitter needs no better one.
    fn chance(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        f64::from((mixed >> 32) as u32) / f64::from(u32::MAX)
    }
}

fn drip(bytes_per_second: u32) -> usize {
    (bytes_per_second / DRIPS_PER_SECOND).max(1) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOW: Link = Link::Slow { delay: Duration::from_millis(100), jitter: Duration::from_millis(50) };

    /// What leaves at a time, all of it.
    fn leaves(pipe: &mut Pipe, link: &Link, now: Instant) -> Vec<u8> {
        let mut left = Vec::new();
        while let Next::Now(bytes) = pipe.next(link, now) {
            let count = bytes.len();
            left.extend_from_slice(bytes);
            pipe.sent(count, link, now);
        }
        left
    }

    #[test]
    fn a_slow_link_delays_everything_and_keeps_the_order() {
        let (mut pipe, begin) = (Pipe::new(1), Instant::now());
        let after = |ms| begin + Duration::from_millis(ms);
        for n in 0..100 {
            pipe.push(vec![n as u8], &SLOW, after(n));
            let Some(piece) = pipe.pieces.back() else { unreachable!() };
            assert!(piece.due >= after(n + 100) && piece.due <= after(n + 150));
        }
        assert!(pipe.pieces.iter().is_sorted_by_key(|piece| piece.due));
        assert!(leaves(&mut pipe, &SLOW, after(99)).is_empty());
        assert!(matches!(pipe.next(&SLOW, after(99)), Next::At(at) if at > after(99)));
        let first = leaves(&mut pipe, &SLOW, after(175)).len();
        assert!((26..=76).contains(&first), "{first}");
        assert_eq!(
            leaves(&mut pipe, &Link::Up, after(175)).len(),
            100 - first,
            "a link that is up again holds nothing"
        );
        assert!(pipe.is_empty() && pipe.bytes == 0);
    }

    #[test]
    fn a_trickle_keeps_to_its_rate() {
        for rate in [0, 1, 7, 1000, 1_000_000] {
            let (mut pipe, begin) = (Pipe::new(1), Instant::now());
            let link = Link::Trickle { bytes_per_second: rate };
            pipe.push(vec![0; 3 * rate.max(1) as usize], &link, begin);
            // The first drip comes at once, the others within their time.
            let drip = drip(rate);
            let after = |ms| begin + Duration::from_millis(ms);
            let left: usize = (0..1000).map(|ms| leaves(&mut pipe, &link, after(ms)).len()).sum();
            assert!(left.abs_diff(rate.max(1) as usize) <= drip, "{left} of {rate}");
        }
    }

    #[test]
    fn a_full_pipe_says_so() {
        let (mut pipe, now) = (Pipe::new(1), Instant::now());
        pipe.push(vec![0; FULL - 1], &Link::Up, now);
        assert!(!pipe.is_full());
        pipe.push(vec![0; 1], &Link::Up, now);
        assert!(pipe.is_full());
        pipe.sent(1, &Link::Up, now);
        assert!(!pipe.is_full());
    }
}
