//! Receives an order that is to be cancelled, does so after its time, and writes down what was heard.

use std::time::Duration;

use tokio::time::sleep;

use super::wish::Order;
use super::{Client, Way};
use crate::evidence::ClientEvent;

const TRIES: usize = 8;
const PAUSE: Duration = Duration::from_millis(250);

// === impl Client ===

impl Client {
    /// Cancels the command of this order, if it is one to be cancelled. It may not be there yet, or never.
    pub(super) async fn cancel(&self, order: &Order) {
        let Some(after) = order.wish.cancel_after else { return };
        sleep(after).await;
        let mut status = 0;
        for tries in 0..TRIES {
            status = self.cancel_once(order, tries).await;
            if matches!(status, 200..=299) || status == 409 || self.is_stopping() {
                break;
            }
            sleep(PAUSE).await;
        }
        self.book.write(ClientEvent::Cancelled { nonce: order.wish.nonce.clone(), status });
    }

    async fn cancel_once(&self, order: &Order, tries: usize) -> u16 {
        match order.wish.way {
            // The agent first, then the history, which works for each command.
            Way::Nats if tries < TRIES / 2 => self.person.cancel(order).await,
            _ => self.gateways.cancel(order.wish.gateway() + tries, &order.wish.command()).await,
        }
    }
}
