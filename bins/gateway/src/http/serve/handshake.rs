//! Receives connections of strangers, gives them back encrypted; within a time, and so many at once.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use super::impatient::Impatient;
use crate::limits::{HANDSHAKE_WITHIN, MAX_HANDSHAKES};

/// What a connection begins with that means TLS: the type of a handshake record.
const TLS_HANDSHAKE: u8 = 0x16;

/// What somebody is told who speaks plain HTTP here, instead of waiting for an answer that never comes.
const SPEAK_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 37\r\n\
    Connection: close\r\n\r\nthis port speaks TLS: use https://...";

/// All handshakes under way.
#[derive(Clone)]
pub(super) struct Handshakes {
    acceptor: TlsAcceptor,
    places: Arc<Mutex<Places>>,
}

#[derive(Default)]
struct Places {
    next: u64,
    // The oldest first.
    taken: BTreeMap<u64, CancellationToken>,
}

/// Given back when dropped.
struct Place {
    number: u64,
    given_up: CancellationToken,
    places: Arc<Mutex<Places>>,
}

// === impl Handshakes ===

impl Handshakes {
    pub(super) fn new(acceptor: TlsAcceptor) -> Self {
        Self { acceptor, places: Arc::default() }
    }

    /// Agrees with a client on how to encrypt.
    pub(super) async fn shake(&self, stream: TcpStream) -> io::Result<TlsStream<Impatient>> {
        let place = Place::take(&self.places);
        let shaken = timeout(HANDSHAKE_WITHIN, accept(&self.acceptor, stream));
        tokio::select! {
            shaken = shaken => shaken.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?,
            () = place.given_up.cancelled() => Err(io::Error::other("too many handshakes are under way")),
        }
    }
}

async fn accept(acceptor: &TlsAcceptor, mut stream: TcpStream) -> io::Result<TlsStream<Impatient>> {
    let mut first = [0];
    let [byte] = match stream.peek(&mut first).await? {
        0 => return Err(io::ErrorKind::UnexpectedEof.into()),
        _ => first,
    };
    if byte != TLS_HANDSHAKE {
        // A few bytes into an empty buffer: that does not wait.
        if byte.is_ascii_uppercase() {
            stream.write_all(SPEAK_TLS).await?;
            stream.shutdown().await?;
        }
        return Err(io::Error::other("the client does not speak TLS"));
    }
    acceptor.accept(Impatient::new(stream)).await
}

// === impl Place ===

impl Place {
    fn take(places: &Arc<Mutex<Places>>) -> Self {
        let given_up = CancellationToken::new();
        let mut locked = places.lock().unwrap_or_else(PoisonError::into_inner);
        if locked.taken.len() >= MAX_HANDSHAKES
            && let Some((_, oldest)) = locked.taken.pop_first()
        {
            oldest.cancel();
        }
        let number = locked.next;
        locked.next = number.wrapping_add(1);
        locked.taken.insert(number, given_up.clone());
        Self { number, given_up, places: Arc::clone(places) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).taken.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_the_bound_the_oldest_makes_room() {
        let places = Arc::default();
        let mut all: Vec<Place> = (0..MAX_HANDSHAKES).map(|_| Place::take(&places)).collect();
        assert!(all.iter().all(|place| !place.given_up.is_cancelled()));
        // One that is over makes room by itself.
        drop(all.pop());
        all.push(Place::take(&places));
        assert!(all.iter().all(|place| !place.given_up.is_cancelled()));
        let newest = Place::take(&places);
        assert!(all[0].given_up.is_cancelled() && !all[1].given_up.is_cancelled() && !newest.given_up.is_cancelled());
        drop((all, newest));
        assert!(places.lock().unwrap().taken.is_empty());
    }

    #[test]
    fn the_plain_answer_is_as_long_as_it_says() {
        let text = std::str::from_utf8(SPEAK_TLS).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}", body.len())), "{}", body.len());
    }
}
