//! Receives a nonce and a range, gives the bytes that a witness prints there.
//!
//! Lines of 64 bytes: the number of the line, who prints, and filling. A piece that is missing, doubled, moved or of
//! somebody else shows in each line.

use std::ops::Range;

use sha2::{Digest as _, Sha256};

const LINE: usize = 64;
const HEX: &[u8; 16] = b"0123456789abcdef";
/// Where in a line its number stands, in hexadecimal digits.
const NUMBER: Range<usize> = 0..16;

/// What the witness `nonce` prints at `range` of its standard output.
///
/// # Panics
/// When the range does not fit into memory.
#[must_use]
pub fn pattern(nonce: &str, range: Range<u64>) -> Vec<u8> {
    let length = usize::try_from(range.end.saturating_sub(range.start)).expect("a range that fits into memory");
    let mut bytes = vec![0; length];
    fill(nonce, range.start, &mut bytes);
    bytes
}

/// The same into a buffer.
pub fn fill(nonce: &str, offset: u64, into: &mut [u8]) {
    let mut line = template(nonce);
    let (mut at, mut done) = (offset, 0);
    while done < into.len() {
        let within = (at % LINE as u64) as usize;
        number(at / LINE as u64, &mut line);
        let length = (LINE - within).min(into.len() - done);
        into[done..done + length].copy_from_slice(&line[within..within + length]);
        done += length;
        at += length as u64;
    }
}

fn number(number: u64, line: &mut [u8; LINE]) {
    for (at, place) in line[NUMBER].iter_mut().enumerate() {
        *place = HEX[(number >> (60 - 4 * at)) as usize & 15];
    }
}

/// A line without its number.
fn template(nonce: &str) -> [u8; LINE] {
    let hash = Sha256::digest(nonce);
    let mut line = [b'.'; LINE];
    let who: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    line[16] = b' ';
    line[17..33].copy_from_slice(who.as_bytes());
    line[33] = b' ';
    line[LINE - 1] = b'\n';
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_parts_of_the_whole() {
        let whole = pattern("n", 0..1000);
        for (from, to) in [(0, 1), (1, 64), (63, 65), (64, 128), (17, 999), (500, 500)] {
            assert_eq!(pattern("n", from..to), whole[from as usize..to as usize], "{from}..{to}");
        }
        assert!(whole.iter().all(|byte| byte.is_ascii_graphic() || b" \n".contains(byte)));
    }

    #[test]
    fn every_line_knows_its_place_and_its_owner() {
        let whole = pattern("n", 0..64 * 500);
        let lines: std::collections::HashSet<&[u8]> = whole.chunks(64).collect();
        assert_eq!(lines.len(), 500);
        assert!(pattern("m", 0..64 * 500).chunks(64).all(|line| !lines.contains(line)));
        assert_ne!(pattern("n", u64::MAX - 64..u64::MAX), pattern("n", 0..64));
    }

    #[test]
    fn it_stays_the_same() {
        // Evidence is checked by later builds, too.
        let expected = b"0000000000000001 1b16b1df538ba12d ..............................";
        assert_eq!(&pattern("n", 64..127), &expected[..63]);
    }
}
