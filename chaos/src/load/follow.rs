//! Receives a command, follows its live events to their end through changing gateways, writes down their numbers.

use std::time::Duration;

use ogent_protocol::CommandId;
use tokio::time::{Instant, sleep, timeout};

use super::Client;
use super::sse::{Numbers, Seen};
use crate::evidence::ClientEvent;

/// Longer than the gateways' keep-alive: who is silent for so long is cut off.
const SILENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(300);

// === impl Client ===

impl Client {
    /// Follows a command until its end, but not longer than `limit`.
    pub(super) async fn follow(&self, command: CommandId, gateway: usize, limit: Duration) {
        let give_up_at = Instant::now() + limit;
        let mut numbers = Vec::new();
        let mut ended = false;
        for tries in 0.. {
            let left = self.give_up_at(give_up_at).saturating_duration_since(Instant::now());
            if ended || left.is_zero() {
                break;
            }
            if tries > 0 {
                sleep(PAUSE).await;
            }
            ended = timeout(left, self.read(gateway + tries, &command, &mut numbers)).await.unwrap_or(false);
        }
        if ended {
            self.book.ended(&command);
        }
        self.book.write(ClientEvent::Followed { command, gateway: gateway % self.gateways.count(), numbers, ended });
    }

    /// Reads one connection; whether it came to `end`.
    async fn read(&self, gateway: usize, command: &CommandId, numbers: &mut Vec<u64>) -> bool {
        let Some(mut response) = self.gateways.events(gateway, command, numbers.last().copied()).await else {
            return false;
        };
        let mut parser = Numbers::default();
        while let Ok(Ok(Some(piece))) = timeout(SILENCE, response.chunk()).await {
            for seen in parser.push(&piece) {
                match seen {
                    Seen::Number(number) => numbers.push(number),
                    Seen::End => return true,
                }
            }
        }
        false
    }
}
