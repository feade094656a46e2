//! Receives an order, asks the agent itself for it over NATS, as a person with `nats req` does, gives what that has
//! shown.

use std::time::Duration;

use async_nats::client::{Request, RequestErrorKind};
use async_nats::{Client, ServerAddr};
use ogent_protocol::{AgentId, IntentWire, subject};

use super::answer::Answer;
use super::wish::Order;
use crate::evidence::now;

/// The answer comes with the end of the command; whoever hears nothing asks again.
const ANSWER_WITHIN: Duration = Duration::from_secs(12);
const CANCEL_WITHIN: Duration = Duration::from_secs(4);

/// An operator's connection to the broker.
pub(super) struct Person(Client);

// === impl Person ===

impl Person {
    pub(super) async fn connect(urls: &str, seed: &str) -> anyhow::Result<Self> {
        Ok(Self(connect("chaos load", urls, seed).await?))
    }

    /// Asks for a command, once.
    pub(super) async fn execute(&self, order: &Order) -> Answer {
        match self.request(&order.wish.agent, &order.intent(), ANSWER_WITHIN).await {
            Ok(message) => Answer::of_nats(refusal(&message), &message.payload),
            // The broker itself says that nobody listens.
            Err(RequestErrorKind::NoResponders) => Answer::Refused { status: 0, code: "no_responders".to_owned() },
            Err(kind) => Answer::Unsure(format!("NATS: {kind}")),
        }
    }

    /// Asks the agent to cancel a command; a status like that of HTTP, 0 for none.
    pub(super) async fn cancel(&self, order: &Order) -> u16 {
        let intent = IntentWire {
            kind: ogent_protocol::intent::IntentType::Cancel,
            id: Some(order.wish.command()),
            requested_by: Some("chaos".to_owned()),
            ..IntentWire::default()
        };
        match self.request(&order.wish.agent, &intent, CANCEL_WITHIN).await {
            Ok(message) => refusal(&message).map_or(200, |status| status.parse().unwrap_or(0)),
            Err(_) => 0,
        }
    }

    async fn request(
        &self,
        agent: &AgentId,
        intent: &IntentWire,
        within: Duration,
    ) -> Result<async_nats::Message, RequestErrorKind> {
        let payload = serde_json::to_vec(intent).expect("an intent is JSON");
        let request = Request::new().payload(payload.into()).timeout(Some(within));
        self.0.send_request(subject::exec(agent), request).await.map_err(|error| error.kind())
    }
}

fn refusal(message: &async_nats::Message) -> Option<&str> {
    Some(message.headers.as_ref()?.get("Nats-Service-Error-Code")?.as_str())
}

/// A connection that never gives up. `urls` are separated by commas.
pub(crate) async fn connect(name: &str, urls: &str, creds: &str) -> anyhow::Result<Client> {
    let servers = urls.split(',').map(|url| url.trim().parse()).collect::<Result<Vec<ServerAddr>, _>>()?;
    let options = async_nats::ConnectOptions::with_credentials(creds)?
        .name(format!("{name} {}", now()))
        .connection_timeout(Duration::from_secs(3))
        .ping_interval(Duration::from_secs(5))
        .ignore_discovered_servers()
        .max_reconnects(None)
        .reconnect_delay_callback(|_| Duration::from_millis(250));
    Ok(options.connect(servers).await?)
}
