//! Receives a command's events from the ledger, gives `http` the bytes that it printed, in order.

use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use ogent_broker::{CommandRecord, Ledger, ReadError};
use ogent_protocol::{CommandId, EventKind, OutputChunk, OutputStream};
use tokio::sync::mpsc;

use super::{Found, History, HistoryError};

/// Number of the first event that can carry output: the one before is the claim.
const FIRST_WITH_OUTPUT: u64 = 1;

/// Pieces read ahead of the client, of at most 128 KiB each. At the bound the reading waits for the client.
const READ_AHEAD: usize = 4;

type Piece = Result<Bytes, ReadError>;

// === impl History ===

impl History {
    /// What the command has printed so far on `wanted`; on both, as it came, where that is absent.
    ///
    /// # Errors
    /// When there is no such command, or the first piece cannot be read. A later one that cannot be read ends the
    /// stream with an error.
    pub(crate) async fn output(
        &self,
        id: &CommandId,
        wanted: Option<OutputStream>,
    ) -> Result<impl Stream<Item = Piece> + Send + use<>, HistoryError> {
        let (sender, mut receiver) = mpsc::channel(READ_AHEAD);
        match self.look(id).await? {
            // The task ends with the last piece, or when the client leaves and the receiver is dropped.
            Found::Command(record) => drop(tokio::spawn(send_pieces(self.ledger.clone(), *record, wanted, sender))),
            // What was not sent has printed nothing.
            Found::Proposal(_) => drop(sender),
        }
        // While the head of the answer is not yet sent, a failure can still become a proper one.
        let first = receiver.recv().await.transpose()?;
        let rest = stream::poll_fn(move |context| receiver.poll_recv(context));
        Ok(stream::iter(first.map(Ok)).chain(rest))
    }
}

async fn send_pieces(ledger: Ledger, record: CommandRecord, wanted: Option<OutputStream>, sender: mpsc::Sender<Piece>) {
    let mut events = Box::pin(ledger.read_events(&record.agent, &record.run.id, FIRST_WITH_OUTPUT));
    while let Some(stored) = events.next().await {
        let pieces: Vec<Piece> = match stored {
            Ok(stored) => pieces(stored.event.kind, wanted).map(Ok).collect(),
            Err(error) => vec![Err(error)],
        };
        for piece in pieces {
            let is_last = piece.is_err();
            if sender.send(piece).await.is_err() || is_last {
                return;
            }
        }
    }
}

fn pieces(event: EventKind, wanted: Option<OutputStream>) -> impl Iterator<Item = Bytes> {
    let chunks: Vec<OutputChunk> = match event {
        EventKind::Output(chunk) => vec![chunk],
        EventKind::Finished(finished) => finished.tail,
        EventKind::Accepted(_) | EventKind::Started(_) => Vec::new(),
    };
    let is_wanted = move |chunk: &OutputChunk| wanted.is_none_or(|wanted| chunk.stream == wanted);
    chunks.into_iter().filter(is_wanted).map(|chunk| chunk.data.into_bytes())
}

#[cfg(test)]
mod tests {
    use ogent_protocol::event::{Finished, Started};
    use ogent_protocol::{Cause, Outcome};

    use super::*;

    fn chunk(stream: OutputStream, data: &'static str) -> OutputChunk {
        OutputChunk { stream, offset: 0, data: data.into() }
    }

    #[test]
    fn the_tail_of_the_end_counts_and_streams_are_told_apart() {
        let tail = vec![chunk(OutputStream::Stdout, "out"), chunk(OutputStream::Stderr, "err")];
        let end = Finished { tail, ..Finished::without_process(Outcome::Lost, Cause::AgentLost, "") };
        let read = |wanted| {
            let bytes: Vec<Bytes> = pieces(EventKind::Finished(Box::new(end.clone())), wanted).collect();
            bytes.concat()
        };
        assert_eq!(read(None), b"outerr");
        assert_eq!(read(Some(OutputStream::Stdout)), b"out");
        assert_eq!(read(Some(OutputStream::Stderr)), b"err");
        assert_eq!(pieces(EventKind::Started(Started { pid: 1 }), None).count(), 0);
    }
}
