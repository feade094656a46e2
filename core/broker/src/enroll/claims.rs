//! Receives an account's token, gives it to the broker's resolver; and asks which one the broker has.

use async_nats::client::RequestErrorKind;
use bytes::Bytes;
use serde::Deserialize;

use crate::connect::Broker;
use crate::credentials::PublicKey;

/// The broker's accounts, over a connection of the system account.
#[derive(Debug, Clone)]
pub struct Accounts {
    broker: Broker,
}

/// Why the broker does not have an account's new token, or did not say.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AccountClaimsError {
    /// No answer.
    #[error("the NATS server does not answer about accounts: {0}")]
    Unavailable(String),
    /// It does not take the token.
    #[error("the NATS server does not take the account's token: {0}")]
    Refused(String),
}

#[derive(Deserialize)]
struct Answer {
    error: Option<AnswerError>,
}

#[derive(Deserialize)]
struct AnswerError {
    #[serde(default)]
    description: String,
}

// === impl Accounts ===

impl Accounts {
    /// Those behind this connection.
    #[must_use]
    pub fn new(system: &Broker) -> Self {
        Self { broker: system.clone() }
    }

    /// The token that the broker has of an account.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn lookup(&self, account: &PublicKey) -> Result<Option<String>, AccountClaimsError> {
        let answer = self.ask(format!("$SYS.REQ.ACCOUNT.{account}.CLAIMS.LOOKUP"), Bytes::new()).await?;
        let text = String::from_utf8_lossy(&answer).trim().to_owned();
        Ok((!text.is_empty()).then_some(text))
    }

    /// Gives the broker an account's new token. Connections that it no longer lets in are cut at once.
    ///
    /// # Errors
    /// When it does not answer, or does not take it.
    pub async fn update(&self, token: String) -> Result<(), AccountClaimsError> {
        let answer = self.ask("$SYS.REQ.CLAIMS.UPDATE".to_owned(), token.into()).await?;
        let answer: Answer =
            serde_json::from_slice(&answer).map_err(|error| AccountClaimsError::Unavailable(error.to_string()))?;
        match answer.error {
            None => Ok(()),
            Some(error) => Err(AccountClaimsError::Refused(error.description)),
        }
    }

    async fn ask(&self, subject: String, payload: Bytes) -> Result<Bytes, AccountClaimsError> {
        let answer = self.broker.client().request(subject, payload).await;
        answer.map(|answer| answer.payload).map_err(|error| match error.kind() {
            RequestErrorKind::MaxPayloadExceeded => {
                AccountClaimsError::Refused("it is larger than a message may be".to_owned())
            }
            _ => AccountClaimsError::Unavailable(error.to_string()),
        })
    }
}
