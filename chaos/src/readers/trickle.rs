//! Receives a gateway, follows something there, and takes one byte a second of it.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use ogent_protocol::AgentId;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{interval, timeout};

use super::Counts;
use crate::load::Load;

/// What the slow reader of SSE follows prints so much: more than the buffers of two sockets hold.
const PRINTED: u64 = 8 * 1024 * 1024;
/// The kernel doubles it, and has a least size of its own.
const RECEIVE_BUFFER: u32 = 1024;
const EVERY: Duration = Duration::from_secs(1);
const HEAD_WITHIN: Duration = Duration::from_secs(10);

/// Follows the events of a command that prints much.
pub(super) async fn sse(load: &Load, gateway: usize, agent: &AgentId, counts: &Counts) -> anyhow::Result<()> {
    let command = load.print(gateway, agent, PRINTED).await.context("nobody prints")?;
    let (url, token) = load.way_in(gateway).await?;
    let host = host(&url)?;
    let request = format!(
        "GET /commands/{command}/events HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\
         Accept: text/event-stream\r\n\r\n"
    );
    let stream = open(host, &request, "200").await?;
    trickle(stream, counts).await
}

/// Follows all results of an agent.
pub(super) async fn web_socket(load: &Load, gateway: usize, agent: &AgentId, counts: &Counts) -> anyhow::Result<()> {
    let (url, token) = load.way_in(gateway).await?;
    let host = host(&url)?;
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    );
    let mut stream = open(host, &request, "101").await?;
    let wish = serde_json::json!({"type": "subscribe", "ref": "slow", "topic": {"results": {"agent": agent}}});
    stream.write_all(&text_frame(&wish.to_string())).await?;
    trickle(stream, counts).await
}

fn host(url: &str) -> anyhow::Result<&str> {
    url.strip_prefix("http://").map(|host| host.trim_end_matches('/')).context("not an http:// address")
}

/// Sends a request, and reads the head of the answer at a normal pace: byte for byte, as what follows must not be read.
async fn open(host: &str, request: &str, status: &str) -> anyhow::Result<TcpStream> {
    let address: SocketAddr = host.parse()?;
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    let mut stream = timeout(HEAD_WITHIN, socket.connect(address)).await??;
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        ensure!(head.len() < 16 * 1024, "the head of the answer has no end");
        head.push(timeout(HEAD_WITHIN, stream.read_u8()).await??);
    }
    let head = String::from_utf8_lossy(&head);
    match head.split(' ').nth(1) {
        Some(found) if found == status => Ok(stream),
        _ => bail!("not {status}: {}", head.lines().next().unwrap_or_default()),
    }
}

async fn trickle(mut stream: TcpStream, counts: &Counts) -> anyhow::Result<()> {
    counts.connected();
    let mut clock = interval(EVERY);
    loop {
        clock.tick().await;
        stream.read_u8().await?;
        counts.read(1);
    }
}

/// A frame of a client: final, text, and masked, with a mask of zeros.
fn text_frame(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).ok().filter(|length| *length < 126).expect("a short message");
    let mut frame = vec![0x81, 0x80 | length, 0, 0, 0, 0];
    frame.extend_from_slice(text.as_bytes());
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_masked_text() {
        assert_eq!(text_frame("ab"), [0x81, 0x82, 0, 0, 0, 0, b'a', b'b']);
        assert_eq!(host("http://127.0.0.1:1/").unwrap(), "127.0.0.1:1");
    }
}
