//! Receives an accepted client, connects it to the target, and tells both when the other one is gone.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::editor::Editor;
use super::pipe::Pipe;
use super::pump::{Broken, Pump};
use super::{Direction, Link, Shared};

/// Takes the connection off the list however its task ends.
struct Listed {
    number: u64,
    shared: Arc<Shared>,
}

/// Carries one connection to its end.
pub(super) async fn serve(mut client: TcpStream, number: u64, reset: CancellationToken, shared: Arc<Shared>) {
    let _listed = Listed { number, shared: shared.clone() };
    let mut server = None;
    let end = tokio::select! {
        biased;
        () = reset.cancelled() => Err(Broken),
        end = carry(&mut client, &mut server, number, &shared) => end,
    };
    if end.is_err() {
        // Without lingering, closing is an RST instead of a FIN.
        let _ = client.set_zero_linger();
        let _ = server.map(|server| server.set_zero_linger());
    }
}

async fn carry(
    client: &mut TcpStream,
    server: &mut Option<TcpStream>,
    number: u64,
    shared: &Arc<Shared>,
) -> Result<(), Broken> {
    // Over a cut link no connection would come about: the target hears of this one when the link is back.
    let link = shared.link.subscribe().wait_for(|link| *link != Link::Cut).await.map_err(|_| Broken)?.clone();
    if link == Link::Refused {
        return Err(Broken);
    }
    let server = server.insert(TcpStream::connect(shared.target()).await.map_err(|_| Broken)?);
    // The proxy must not add delays of its own.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let is_broken = AtomicBool::new(false);
    let pump = |direction, reader, writer| Pump {
        direction,
        reader,
        writer,
        editor: Editor::new(direction, shared.clone()),
        pipe: Pipe::new(number * 2 + u64::from(direction == Direction::ToClient)),
        links: shared.link.subscribe(),
        is_broken: &is_broken,
    };
    let requests = pump(Direction::ToServer, from_client, to_server);
    let answers = pump(Direction::ToClient, from_server, to_client);
    tokio::try_join!(requests.run(), answers.run())?;
    if is_broken.into_inner() { Err(Broken) } else { Ok(()) }
}

// === impl Listed ===

impl Drop for Listed {
    fn drop(&mut self) {
        self.shared.open().remove(&self.number);
    }
}
