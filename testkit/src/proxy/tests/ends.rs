//! How connections end: resets, refusals, a side that is gone, the end of the proxy.

use super::*;

#[tokio::test]
async fn what_was_said_before_a_reset_arrives() {
    let pair = Pair::start().await;
    let (mut client, mut server) = pair.connect().await;
    passes(&mut client, &mut server).await;
    pair.proxy.set_link(Link::Slow { delay: SILENCE, jitter: Duration::ZERO });
    server.write_all(b"-ERR no").await.unwrap();
    server.set_zero_linger().unwrap();
    drop(server);
    // The proxy cannot hand this on any more, and the client is to hear why all the same.
    client.write_all(b"more").await.unwrap();
    arrives(&mut client, b"-ERR no").await;
    assert_eq!(end(&mut client).await, Some(ErrorKind::ConnectionReset));
    nobody_connected(&pair.proxy).await;
}

#[tokio::test]
async fn over_a_half_open_link_nobody_hears_that_the_other_is_gone() {
    let pair = Pair::start().await;
    let (client, mut server) = pair.connect().await;
    pair.proxy.set_link(Link::HalfOpen(Direction::ToServer));
    client.set_zero_linger().unwrap();
    drop(client);
    // The proxy finds that the client is gone when it has something for it.
    for _ in 0..5 {
        server.write_all(b"are you there?").await.unwrap();
        is_silent(&mut server).await;
    }
    pair.proxy.set_link(Link::Up);
    assert_eq!(end(&mut server).await, Some(ErrorKind::ConnectionReset));
    nobody_connected(&pair.proxy).await;
}

#[tokio::test]
async fn a_refused_link_resets_what_is_open_and_what_comes() {
    let pair = Pair::start().await;
    let (mut client, mut server) = pair.connect().await;
    pair.proxy.set_link(Link::Cut);
    let mut hanging = TcpStream::connect(pair.proxy.address()).await.unwrap();
    crate::wait_until("the hanging one", LIMIT, async || (pair.proxy.connections() == 2).then_some(())).await;
    pair.proxy.set_link(Link::Refused);
    for open in [&mut client, &mut server, &mut hanging] {
        assert_eq!(end(open).await, Some(ErrorKind::ConnectionReset));
    }
    for _ in 0..20 {
        if let Ok(mut new) = TcpStream::connect(pair.proxy.address()).await {
            assert_eq!(end(&mut new).await, Some(ErrorKind::ConnectionReset));
        }
    }
    assert!(timeout(SILENCE, pair.server.accept()).await.is_err(), "a refused connection passes");
    nobody_connected(&pair.proxy).await;
    pair.proxy.set_link(Link::Up);
    let (mut client, mut server) = pair.connect().await;
    passes(&mut client, &mut server).await;
}

#[tokio::test]
async fn a_reset_ends_all_that_is_open_and_nothing_else() {
    let pair = Pair::start().await;
    let mut open = [pair.connect().await, pair.connect().await, pair.connect().await];
    passes(&mut open[2].0, &mut open[2].1).await;
    // Also while nothing passes.
    pair.proxy.set_link(Link::Cut);
    assert_eq!(pair.proxy.reset(), 3);
    assert_eq!(pair.proxy.reset(), 0);
    for (client, server) in &mut open {
        assert_eq!(end(client).await, Some(ErrorKind::ConnectionReset));
        assert_eq!(end(server).await, Some(ErrorKind::ConnectionReset));
    }
    pair.proxy.set_link(Link::Up);
    let (mut client, mut server) = pair.connect().await;
    passes(&mut client, &mut server).await;
}

#[tokio::test]
async fn everything_ends_with_the_proxy() {
    let pair = Pair::start().await;
    let (mut client, mut server) = pair.connect().await;
    let address = pair.proxy.address();
    drop(pair.proxy);
    assert_eq!(end(&mut client).await, None);
    assert_eq!(end(&mut server).await, None);
    assert!(TcpStream::connect(address).await.is_err());
}
