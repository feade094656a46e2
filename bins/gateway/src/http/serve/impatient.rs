//! Receives the bytes of answers from hyper, gives them to the socket, and gives up on a client that takes none.
//!
//! hyper waits for ever for a client that does not read, and its connection would keep its place for ever. Anybody can
//! be such a client: the answers to many requests that came at once are enough, and none of them needs a token.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use crate::limits::TAKE_WITHIN;

/// A connection that breaks off when its client stops reading.
pub(super) struct Impatient {
    stream: TcpStream,
    within: Duration,
    /// Runs while the socket takes nothing more.
    stalled: Option<Pin<Box<Sleep>>>,
}

// === impl Impatient ===

impl Impatient {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, within: TAKE_WITHIN, stalled: None }
    }

    /// What came of a write, unless it has now been waiting for too long.
    fn bounded<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let within = self.within;
        ready!(self.stalled.get_or_insert_with(|| Box::pin(sleep(within))).as_mut().poll(cx));
        // Closed in the usual way, the socket would stay in the kernel with all that nobody reads.
        if let Err(error) = self.stream.set_zero_linger() {
            tracing::debug!(%error, "a connection cannot be reset");
        }
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read its answer")))
    }
}

impl AsyncRead for Impatient {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Impatient {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.bounded(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.bounded(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio::time::Instant;

    use super::*;

    const WITHIN: Duration = Duration::from_millis(200);

    async fn pair() -> (Impatient, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        (Impatient { within: WITHIN, ..Impatient::new(stream) }, client)
    }

    async fn write_on(stream: &mut Impatient) -> io::Error {
        loop {
            if let Err(error) = stream.write_all(&[0; 64 * 1024]).await {
                return error;
            }
        }
    }

    #[tokio::test]
    async fn a_client_that_reads_nothing_is_reset() {
        let (mut stream, mut client) = pair().await;
        let began = Instant::now();
        assert_eq!(write_on(&mut stream).await.kind(), io::ErrorKind::TimedOut);
        assert!(began.elapsed() >= WITHIN);
        drop(stream);
        let end = loop {
            match client.read(&mut [0; 64 * 1024]).await {
                Ok(0) => break None,
                Ok(_) => {}
                Err(error) => break Some(error.kind()),
            }
        };
        assert_eq!(end, Some(io::ErrorKind::ConnectionReset));
    }

    #[tokio::test]
    async fn a_client_that_pauses_is_waited_for() {
        let (mut stream, mut client) = pair().await;
        // It pauses, reads much, and stops for good in the end, without closing.
        let reader = tokio::spawn(async move {
            for _ in 0..8 {
                sleep(WITHIN / 2).await;
                let mut left = 32 * 1024 * 1024_usize;
                while left > 0 {
                    let Ok(read @ 1..) = client.read(&mut [0; 64 * 1024]).await else { return };
                    left = left.saturating_sub(read);
                }
            }
            std::future::pending::<()>().await;
        });
        let began = Instant::now();
        assert_eq!(write_on(&mut stream).await.kind(), io::ErrorKind::TimedOut);
        assert!(began.elapsed() > WITHIN * 2, "it was cut off while it read");
        reader.abort();
    }
}
