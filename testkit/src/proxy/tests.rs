//! Each link over plain TCP, where it shows what passes, when, and how a connection ends.

mod ends;

use std::io::ErrorKind;
use std::time::Instant;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use super::*;

const LIMIT: Duration = Duration::from_secs(10);

/// Long enough for anything that passes a proxy of this machine; nothing waits this long that goes well.
const SILENCE: Duration = Duration::from_millis(150);

/// A server, and a proxy before it.
struct Pair {
    server: TcpListener,
    proxy: Proxy,
}

impl Pair {
    async fn start() -> Self {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Proxy::raw(server.local_addr().unwrap()).await;
        Self { server, proxy }
    }

    /// A connection: the client's end and the server's.
    async fn connect(&self) -> (TcpStream, TcpStream) {
        let client = TcpStream::connect(self.proxy.address()).await.unwrap();
        (client, self.accept().await)
    }

    async fn accept(&self) -> TcpStream {
        timeout(LIMIT, self.server.accept()).await.expect("nobody connects").unwrap().0
    }
}

async fn arrives(at: &mut TcpStream, expected: &[u8]) {
    let mut bytes = vec![0; expected.len()];
    timeout(LIMIT, at.read_exact(&mut bytes)).await.expect("it does not arrive").unwrap();
    assert_eq!(bytes, expected);
}

async fn passes(from: &mut TcpStream, to: &mut TcpStream) {
    from.write_all(b"some bytes").await.unwrap();
    arrives(to, b"some bytes").await;
}

async fn is_silent(at: &mut TcpStream) {
    let heard = timeout(SILENCE, at.read(&mut [0; 64])).await;
    assert!(heard.is_err(), "{heard:?}");
}

/// How a connection ends: `None` in order, else the error.
async fn end(of: &mut TcpStream) -> Option<ErrorKind> {
    match timeout(LIMIT, of.read(&mut [0; 64])).await.expect("no end") {
        Ok(count) => {
            assert_eq!(count, 0, "more bytes");
            None
        }
        Err(error) => Some(error.kind()),
    }
}

async fn nobody_connected(proxy: &Proxy) {
    crate::wait_until("the proxy's connections to end", LIMIT, async || (proxy.connections() == 0).then_some(())).await;
}

#[tokio::test]
async fn an_intact_link_passes_bytes_and_ends() {
    let pair = Pair::start().await;
    let (mut client, mut server) = pair.connect().await;
    assert_eq!(pair.proxy.connections(), 1);
    passes(&mut client, &mut server).await;
    passes(&mut server, &mut client).await;
    // One side says that it has said all; the other still answers.
    client.shutdown().await.unwrap();
    assert_eq!(end(&mut server).await, None);
    passes(&mut server, &mut client).await;
    drop(server);
    assert_eq!(end(&mut client).await, None);
    nobody_connected(&pair.proxy).await;

    let (client, mut server) = pair.connect().await;
    client.set_zero_linger().unwrap();
    drop(client);
    assert_eq!(end(&mut server).await, Some(ErrorKind::ConnectionReset));
    nobody_connected(&pair.proxy).await;
}

#[tokio::test]
async fn a_cut_link_holds_everything_until_it_is_up() {
    let pair = Pair::start().await;
    let (mut client, mut server) = pair.connect().await;
    let (mut leaver, mut left) = pair.connect().await;
    passes(&mut client, &mut server).await;
    pair.proxy.set_link(Link::Cut);
    client.write_all(b"to server").await.unwrap();
    server.write_all(b"to client").await.unwrap();
    leaver.write_all(b"bye").await.unwrap();
    drop(leaver);
    let mut late = TcpStream::connect(pair.proxy.address()).await.unwrap();
    late.write_all(b"late").await.unwrap();
    is_silent(&mut server).await;
    is_silent(&mut client).await;
    is_silent(&mut left).await;
    assert!(timeout(SILENCE, pair.server.accept()).await.is_err(), "a new connection passes");
    assert_eq!(pair.proxy.connections(), 3);

    pair.proxy.set_link(Link::Up);
    arrives(&mut server, b"to server").await;
    arrives(&mut client, b"to client").await;
    arrives(&mut left, b"bye").await;
    assert_eq!(end(&mut left).await, None);
    let mut late_server = pair.accept().await;
    arrives(&mut late_server, b"late").await;
    passes(&mut late_server, &mut late).await;
}

#[tokio::test]
async fn a_half_open_link_passes_one_way() {
    for cut in [Direction::ToServer, Direction::ToClient] {
        let pair = Pair::start().await;
        let (client, server) = pair.connect().await;
        pair.proxy.set_link(Link::HalfOpen(cut));
        let (mut from, mut to) = if cut == Direction::ToServer { (client, server) } else { (server, client) };
        from.write_all(b"held").await.unwrap();
        passes(&mut to, &mut from).await;
        is_silent(&mut to).await;
        // A new connection is half open as well.
        let (client, server) = pair.connect().await;
        let (mut new_from, mut new_to) = if cut == Direction::ToServer { (client, server) } else { (server, client) };
        passes(&mut new_to, &mut new_from).await;
        new_from.write_all(b"held too").await.unwrap();
        is_silent(&mut new_to).await;
        pair.proxy.set_link(Link::Up);
        arrives(&mut to, b"held").await;
        arrives(&mut new_to, b"held too").await;
    }
}

#[tokio::test]
async fn a_slow_link_takes_its_time_and_keeps_the_order() {
    let pair = Pair::start().await;
    let (mut client, mut server) = pair.connect().await;
    let delay = Duration::from_millis(100);
    pair.proxy.set_link(Link::Slow { delay, jitter: Duration::from_millis(40) });
    let begin = Instant::now();
    passes(&mut client, &mut server).await;
    passes(&mut server, &mut client).await;
    assert!(begin.elapsed() >= 2 * delay, "{:?}", begin.elapsed());
    // It delays, and does not make each byte wait for the one before it.
    let begin = Instant::now();
    let text: Vec<u8> = (0..=255).collect();
    for byte in &text {
        client.write_all(&[*byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    arrives(&mut server, &text).await;
    assert!(begin.elapsed() >= delay && begin.elapsed() < 20 * delay, "{:?}", begin.elapsed());
    // What is on its way arrives at once when the link is up again.
    pair.proxy.set_link(Link::Slow { delay: Duration::from_secs(3600), jitter: Duration::ZERO });
    client.write_all(b"hour").await.unwrap();
    is_silent(&mut server).await;
    pair.proxy.set_link(Link::Up);
    arrives(&mut server, b"hour").await;
}

#[tokio::test]
async fn a_trickle_is_a_trickle() {
    let pair = Pair::start().await;
    let (mut client, mut server) = pair.connect().await;
    pair.proxy.set_link(Link::Trickle { bytes_per_second: 100 });
    let begin = Instant::now();
    client.write_all(&[b'x'; 1000]).await.unwrap();
    arrives(&mut server, &[b'x'; 50]).await;
    let taken = begin.elapsed();
    assert!(taken >= Duration::from_millis(400), "50 bytes in {taken:?}");
    pair.proxy.set_link(Link::Cut);
    while timeout(SILENCE, server.read(&mut [0; 64])).await.is_ok() {}
    pair.proxy.set_link(Link::Up);
    client.shutdown().await.unwrap();
    let mut rest = Vec::new();
    timeout(LIMIT, server.read_to_end(&mut rest)).await.unwrap().unwrap();
    assert!(begin.elapsed() < Duration::from_secs(8), "the rest came no quicker: {:?}", begin.elapsed());
    assert!(rest.len() > 800 && rest.iter().all(|byte| *byte == b'x'), "{}", rest.len());
}

#[tokio::test]
async fn new_connections_go_to_the_new_target() {
    let (pair, other) = (Pair::start().await, Pair::start().await);
    let (mut client, mut server) = pair.connect().await;
    pair.proxy.retarget(other.server.local_addr().unwrap());
    let mut new = TcpStream::connect(pair.proxy.address()).await.unwrap();
    let mut new_server = other.accept().await;
    passes(&mut new, &mut new_server).await;
    passes(&mut client, &mut server).await;
    // A target that does not listen.
    drop(other.server);
    let mut unlucky = TcpStream::connect(pair.proxy.address()).await.unwrap();
    assert_eq!(end(&mut unlucky).await, Some(ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn a_reader_that_stops_stops_the_writer() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = Proxy::start(server.local_addr().unwrap()).await;
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    let (mut writer, _) = server.accept().await.unwrap();
    let block: Vec<u8> = (0..64 * 1024).map(|n| (n % 251) as u8).collect();
    let mut written = 0;
    // What the kernel and the proxy take is bounded.
    while let Ok(count) = timeout(SILENCE, writer.write(&block[written % block.len()..])).await {
        written += count.unwrap();
        assert!(written < 64 * 1024 * 1024, "no back-pressure");
    }
    drop(writer);
    let mut read = Vec::new();
    timeout(LIMIT, client.read_to_end(&mut read)).await.unwrap().unwrap();
    assert_eq!(read.len(), written);
    assert!(read.iter().enumerate().all(|(at, byte)| *byte == block[at % block.len()]));
}
