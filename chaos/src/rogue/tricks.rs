//! Receives the tape, publishes from it what should never have been said twice.

use std::time::Duration;

use async_nats::HeaderMap;
use rand::{Rng as _, RngCore};
use tokio::time::{Instant, interval};

use super::Rogue;
use super::tape::Recorded;

/// How often something is played.
const EVERY: Duration = Duration::from_millis(50);
/// Old messages at each time: 100 a second in all.
const AT_ONCE: usize = 5;
/// How many are turned around.
const ROW: usize = 4;

/// A trick of the rogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trick {
    /// Each new message is published again, up to three times.
    Duplicate,
    /// Each four new messages are published again in the opposite order.
    Reorder,
    /// Old messages as they were, from the oldest on.
    Replay,
    /// Old messages without their headers, as an operator would send them.
    Bare,
    /// Old messages under headers with other sequences, subjects and streams.
    Forge,
}

// === impl Trick ===

impl Trick {
    /// All tricks.
    pub const ALL: [Self; 5] = [Self::Duplicate, Self::Reorder, Self::Replay, Self::Bare, Self::Forge];

    /// Its name in the table of faults.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Duplicate => "rogue duplicate",
            Self::Reorder => "rogue reorder",
            Self::Replay => "rogue replay",
            Self::Bare => "rogue bare",
            Self::Forge => "rogue forge",
        }
    }
}

/// Plays until the time is over; how many messages were published.
pub(super) async fn play(rogue: &Rogue, trick: Trick, lasts: Duration) -> u64 {
    let until = Instant::now() + lasts;
    let mut clock = interval(EVERY);
    let (mut heard_to, mut oldest, mut count) = (rogue.tape().end(), 0, 0);
    while Instant::now() < until {
        clock.tick().await;
        let messages = match trick {
            Trick::Duplicate => doubled(rogue, &mut heard_to),
            Trick::Reorder => turned(rogue, &mut heard_to),
            Trick::Replay => old(rogue, &mut oldest),
            Trick::Bare => any(rogue).into_iter().map(bare).collect(),
            Trick::Forge => any(rogue).into_iter().map(|message| forged(message, &mut *rogue.rng())).collect(),
        };
        for Recorded { subject, headers, payload } in messages {
            // A closed connection reconnects; what cannot be said now is not said.
            if rogue.publisher.publish_with_headers(subject, headers, payload.into()).await.is_ok() {
                count += 1;
            }
        }
    }
    let _ = tokio::time::timeout(Duration::from_secs(2), rogue.publisher.flush()).await;
    count
}

fn doubled(rogue: &Rogue, heard_to: &mut u64) -> Vec<Recorded> {
    let fresh = rogue.tape().since(*heard_to);
    *heard_to += fresh.len() as u64;
    let mut rng = rogue.rng();
    fresh.into_iter().flat_map(|message| vec![message; rng.random_range(1..=3)]).collect()
}

fn turned(rogue: &Rogue, heard_to: &mut u64) -> Vec<Recorded> {
    let fresh = rogue.tape().since(*heard_to);
    let whole = fresh.len() / ROW * ROW;
    *heard_to += whole as u64;
    fresh.chunks_exact(ROW).flat_map(|row| row.iter().rev().cloned()).collect()
}

fn old(rogue: &Rogue, oldest: &mut usize) -> Vec<Recorded> {
    let tape = rogue.tape();
    if *oldest >= tape.len() {
        *oldest = 0;
    }
    let messages: Vec<_> = (*oldest..).map_while(|at| tape.get(at)).take(AT_ONCE).collect();
    *oldest += messages.len();
    messages
}

fn any(rogue: &Rogue) -> Vec<Recorded> {
    let tape = rogue.tape();
    if tape.len() == 0 {
        return Vec::new();
    }
    let mut rng = rogue.rng();
    (0..AT_ONCE).filter_map(|_| tape.get(rng.random_range(0..tape.len()))).collect()
}

fn bare(message: Recorded) -> Recorded {
    Recorded { headers: HeaderMap::new(), ..message }
}

/// One header says something else than the broker did.
fn forged(mut message: Recorded, rng: &mut impl RngCore) -> Recorded {
    let headers = &mut message.headers;
    let sequence: u64 = headers.get("Nats-Sequence").and_then(|text| text.as_str().parse().ok()).unwrap_or(1);
    match rng.random_range(0..7) {
        0 => headers.insert("Nats-Sequence", (sequence + 1_000_000).to_string().as_str()),
        1 => headers.insert("Nats-Sequence", u64::MAX.to_string().as_str()),
        2 => headers.insert("Nats-Sequence", sequence.saturating_sub(rng.random_range(1..20)).to_string().as_str()),
        3 => headers.insert("Nats-Sequence", "0"),
        4 => headers.insert("Nats-Stream", "RESULTS"),
        5 => headers.insert("Nats-Subject", "commands.somebody.else"),
        _ => headers.insert("Nats-Last-Sequence", sequence.to_string().as_str()),
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forgery_keeps_the_payload() {
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Sequence", "5");
        let message = Recorded { subject: "agents.a.exec".into(), headers, payload: b"{}".to_vec() };
        for _ in 0..50 {
            let forged = forged(message.clone(), &mut rand::rng());
            assert_eq!(forged.payload, message.payload);
            assert_ne!(forged.headers, message.headers);
        }
    }
}
