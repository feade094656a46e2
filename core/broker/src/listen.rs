//! Receives a subject, gives what is published under it, and nothing else.
//!
//! A broker delivers more: a consumer brings what a stream holds to whatever subject its maker has named, with the
//! subject and headers under which its writer stored it. Such a message says by its own subject where it comes from.

use std::pin::Pin;
use std::task::{Context, Poll};

use async_nats::{Message, Subscriber};
use futures::{Stream, StreamExt as _};
use ogent_protocol::subject;

use crate::connect::{Broker, BrokerError};

/// Messages that were published under the subject which somebody listens to.
#[derive(Debug)]
pub(crate) struct Published {
    subscriber: Subscriber,
    subject: String,
}

// === impl Broker ===

impl Broker {
    /// Listens to a subject, which may have wildcards. What the broker sends after this returns comes.
    ///
    /// # Errors
    /// When the connection is closed.
    pub(crate) async fn listen(&self, subject: impl Into<String>) -> Result<Published, BrokerError> {
        let subject = subject.into();
        let subscriber = self.client().subscribe(subject.clone()).await;
        let subscriber = subscriber.map_err(|error| BrokerError::Unavailable(error.to_string()))?;
        Ok(Published { subscriber, subject })
    }
}

// === impl Published ===

impl Published {
    /// Stops listening; what has come already can still be taken.
    pub(crate) async fn close(&mut self) {
        let _ = self.subscriber.unsubscribe().await;
    }
}

impl Stream for Published {
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Message>> {
        loop {
            match self.subscriber.poll_next_unpin(context) {
                Poll::Ready(Some(message)) if !subject::matches(&self.subject, &message.subject) => {
                    tracing::trace!(at = self.subject, own = %message.subject, "passed over a message of another subject");
                }
                other => return other,
            }
        }
    }
}
