//! Receives analyses from analysts, keeps them for a time, and gives the latest one under an id.

use std::time::Duration;

use bytes::Bytes;
use ogent_protocol::subject::{self, ANALYSES};
use ogent_protocol::{Analysis, CommandId, Encoding, limits};

use super::record;
use crate::append::{ApiError, AppendError, Entry};
use crate::connect::Broker;
use crate::direct::ReadError;

/// Pauses between attempts to store: the connection is made anew within 4 s.
const PAUSES: [Duration; 3] = [Duration::from_millis(250), Duration::from_secs(2), Duration::from_secs(5)];

/// What analysts have said. Not history: the oldest make room for what is new.
#[derive(Debug, Clone)]
pub struct Analyses {
    broker: Broker,
}

#[derive(serde::Deserialize)]
struct Info {
    error: Option<ApiError>,
}

// === impl Analyses ===

impl Analyses {
    /// Those behind this connection.
    #[must_use]
    pub fn new(broker: &Broker) -> Self {
        Self { broker: broker.clone() }
    }

    /// Whether there is a stream for them. Once it is known, the broker has seen everything that was sent before.
    ///
    /// # Errors
    /// When there is none, or the broker does not answer.
    pub async fn check(&self) -> Result<(), ReadError> {
        let unavailable = |error: String| ReadError::Unavailable(error);
        let request = self.broker.api(&format!("STREAM.INFO.{ANALYSES}"));
        let answer = self.broker.client().request(request, Bytes::new()).await;
        let answer = answer.map_err(|error| unavailable(error.to_string()))?;
        let info: Info = serde_json::from_slice(&answer.payload).map_err(|error| unavailable(error.to_string()))?;
        info.error.map_or(Ok(()), |error| Err(unavailable(error.description)))
    }

    /// Stores an analysis; whoever listens on `analysis.results` hears it. Tries again while the broker is away, for
    /// some 30 s in all.
    ///
    /// # Errors
    /// When the broker does not take it, or it is larger than a message may be.
    pub async fn publish(&self, analysis: &Analysis) -> Result<(), AppendError> {
        let payload = Encoding::Json.encode(analysis).map_err(|_| AppendError::TooLarge)?;
        let entry =
            Entry::new(subject::analysis(&analysis.id), payload).header("Content-Type", Encoding::Json.content_type());
        for pause in PAUSES {
            match self.broker.append(entry.clone()).await {
                Err(AppendError::Unavailable(_)) => tokio::time::sleep(pause).await,
                done => return done.map(drop),
            }
        }
        self.broker.append(entry).await.map(drop)
    }

    /// The latest analysis with this id. Compare it with what it should be about ([`Analysis::is_about`]): whoever may
    /// ask an analyst may name any id.
    ///
    /// # Errors
    /// When the broker does not answer, or what it holds cannot be read.
    pub async fn last(&self, id: &CommandId) -> Result<Option<Analysis>, ReadError> {
        let Some(last) = self.broker.last(ANALYSES, &subject::analysis(id)).await? else { return Ok(None) };
        let corrupt = |problem: &str| record::corrupt(last.sequence, problem);
        if last.is_led_here {
            return Err(corrupt(record::LED_HERE));
        }
        let analysis: Analysis = record::encoding_of(&last.headers)
            .and_then(|encoding| {
                encoding.decode(&last.payload, limits::MAX_PAYLOAD_BYTES).map_err(|error| error.to_string())
            })
            .map_err(|problem| corrupt(&problem))?;
        if analysis.id != *id {
            return Err(corrupt("it names another command than its subject"));
        }
        Ok(Some(analysis))
    }
}
