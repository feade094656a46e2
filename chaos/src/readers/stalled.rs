//! Receives the broker, subscribes to all results there, and then reads nothing more.
//!
//! async-nats always reads, and drops what nobody takes. So it connects through a small relay, which stops reading from
//! the broker once the subscription stands; the broker has to get rid of the connection by itself.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use ogent_protocol::subject;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::Counts;
use crate::load::{Load, connect};

const RECEIVE_BUFFER: u32 = 4096;
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// The broker closes the connection of a slow consumer after ten seconds by default. A new one begins then, or after
/// this time where little is said.
const STALL_FOR: Duration = Duration::from_secs(15);

/// One connection, until the broker closes it or it has been stalled for long enough.
pub(super) async fn subscribe(load: &Load, counts: &Counts) -> anyhow::Result<()> {
    let options = load.options();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let relay = format!("nats://{}", listener.local_addr()?);
    let broker = broker(&options.nats_url).await?;
    let stall = CancellationToken::new();
    let relaying = async {
        let (client, _) = listener.accept().await?;
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
        let server = socket.connect(broker).await?;
        let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
        let never = CancellationToken::new();
        let forth = copy(from_client, to_server, &never, None);
        let back = copy(from_server, to_client, &stall, Some(counts));
        tokio::select! { ended = forth => ended, ended = back => ended }
    };
    let subscribing = async {
        let client = timeout(CONNECT_WITHIN, connect("chaos stalled", &relay, &options.person_creds)).await??;
        let _subscription = client.subscribe(subject::ALL_FEEDS).await?;
        timeout(CONNECT_WITHIN, client.flush()).await??;
        counts.connected();
        stall.cancel();
        tokio::time::sleep(STALL_FOR).await;
        anyhow::Ok(())
    };
    // Whichever ends first ends both, and with them the connection.
    tokio::select! {
        ended = relaying => ended,
        ended = subscribing => ended,
    }
}

/// Passes bytes on until the end, or until `stop`.
async fn copy(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    stop: &CancellationToken,
    counts: Option<&Counts>,
) -> anyhow::Result<()> {
    let mut buffer = [0; 4096];
    while let Some(read) = stop.run_until_cancelled(from.read(&mut buffer)).await {
        let length = read?;
        if length == 0 {
            break;
        }
        to.write_all(&buffer[..length]).await?;
        if let Some(counts) = counts {
            counts.read(length);
        }
    }
    if stop.is_cancelled() {
        // Dropped, the halves would close the connection.
        std::future::pending::<()>().await;
    }
    Ok(())
}

/// The first broker of the list.
async fn broker(urls: &str) -> anyhow::Result<SocketAddr> {
    let first = urls.split(',').next().unwrap_or_default().trim();
    let host = first.strip_prefix("nats://").unwrap_or(first);
    tokio::net::lookup_host(host).await?.next().context("no address")
}
