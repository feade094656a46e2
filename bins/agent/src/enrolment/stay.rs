//! Receives who the agent is, renews its credentials in time; says when they are refused for good.
//!
//! The new credentials are in their file before the connection is made anew. Commands in flight see no more of it than of
//! any other short loss of the connection.

use std::path::PathBuf;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use ogent_broker::credentials::SignerFile;
use ogent_broker::enroll::{RegistrarError, Registrars};
use ogent_broker::sign::Signer;
use ogent_broker::{Broker, ConnectError, ConnectionState};
use ogent_protocol::enroll::{EnrollResponse, Grant, Ground, InvalidKey, RenewRequest};
use rand::Rng as _;
use tokio::sync::watch;
use tokio::time::Instant;

use super::files::{self, Enrolled, KeepError, Keys};
use super::request::{self, RequestError};
use crate::facts;

/// Longest pause between two attempts to renew.
const MAX_PAUSE: Duration = Duration::from_secs(60);
/// Shortest.
const MIN_PAUSE: Duration = Duration::from_millis(500);
/// Longest time from the first connection to the first renewal.
const START_WITHIN: SignedDuration = SignedDuration::from_secs(5);
/// A broker that has just started may not know its accounts yet; after so long, a refusal is meant.
const REFUSED_FOR_GOOD: Duration = Duration::from_secs(5);

/// Keeps an agent's credentials fresh.
#[derive(Debug)]
pub(crate) struct Stay {
    pub(crate) dir: PathBuf,
    pub(crate) enrolled: Enrolled,
    /// What signs the agent's events, where that is the file in the folder.
    pub(crate) signer: Option<Signer>,
}

/// Why the agent cannot stay.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StayError {
    /// The broker does not know the agent any more.
    #[error(
        "the NATS server refuses this agent's credentials for good: it was revoked, or another machine has taken its place; \
         to come back, ask for an invitation ('ogent agents invite') and run 'ogent-agent join --new-keys'"
    )]
    Revoked,
    /// A registrar says so.
    #[error("{0}")]
    Refused(String),
    /// No registrar is there.
    #[error("the credentials have ended, and no registrar renews them")]
    Registrar(#[from] RegistrarError),
    /// Nobody can be asked.
    #[error("the credentials have ended, and nobody can be asked for new ones")]
    Connect(#[from] ConnectError),
    /// The files cannot be read.
    #[error("the agent's keys cannot be used")]
    Keys(#[from] std::io::Error),
    /// A public key is none.
    #[error("the agent's keys cannot be used")]
    Key(#[from] InvalidKey),
    /// No request can be made.
    #[error("the agent's keys cannot be used")]
    Request(#[from] RequestError),
    /// What came cannot be kept.
    #[error("the new credentials cannot be kept")]
    Keep(#[from] KeepError),
}

// === impl StayError ===

impl StayError {
    /// Whether asking again is of no use.
    fn is_final(&self) -> bool {
        matches!(self, Self::Revoked | Self::Refused(_))
    }
}

// === impl Stay ===

impl Stay {
    /// Whether the credentials have ended, by this machine's clock, or will before the agent has started with them.
    pub(crate) fn has_ended(&self) -> bool {
        self.enrolled.expires_at.duration_since(Timestamp::now()) <= START_WITHIN
    }

    /// Renews again and again. Returns only when the agent is refused for good.
    pub(crate) async fn go(mut self, broker: Broker) -> StayError {
        let mut connection = broker.state();
        let mut due = Instant::now() + self.pause();
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(due) => {
                    due = Instant::now() + match self.renew(&broker).await {
                        Ok(()) => self.pause(),
                        Err(error) => {
                            tracing::warn!(%error, expires_at = %self.enrolled.expires_at, "the credentials could not be renewed");
                            self.soon()
                        }
                    };
                }
                () = refused(&mut connection) => {
                    match self.recover(&mut connection).await {
                        Ok(()) => due = Instant::now() + self.pause(),
                        Err(error) if error.is_final() => return error,
                        Err(error) => {
                            tracing::warn!(%error, "the NATS server refuses the credentials, trying to get new ones");
                            tokio::time::sleep(self.soon()).await;
                        }
                    }
                }
            }
        }
    }

    /// Asks as the agent that it is, and connects anew with what it gets.
    async fn renew(&mut self, broker: &Broker) -> Result<(), StayError> {
        // Who waits for an answer that cannot come does not see that the credentials are refused.
        if !broker.is_connected() {
            return Err(RegistrarError::Unavailable("there is no connection".to_owned()).into());
        }
        let keys = Keys::load_or_create(&self.dir)?;
        let request = RenewRequest { key: keys.key.public().as_str().parse()?, facts: facts::all() };
        let answer = Registrars::new(broker).renew(&self.enrolled.id, &request).await?;
        self.keep(granted(answer)?, keys)?;
        if let Err(error) = broker.reconnect().await {
            tracing::debug!(%error, "the connection is closed");
        }
        Ok(())
    }

    /// Credentials that are refused have ended, or the agent is out. Its right to come back tells one from the other: what
    /// is revoked is revoked with it.
    async fn recover(&mut self, connection: &mut watch::Receiver<ConnectionState>) -> Result<(), StayError> {
        match self.come_back().await {
            Err(StayError::Connect(ConnectError::Refused { .. })) => {
                let is_back = connection.wait_for(|now| now.connected);
                if tokio::time::timeout(REFUSED_FOR_GOOD, is_back).await.is_ok() {
                    return Ok(());
                }
                match self.come_back().await {
                    Err(StayError::Connect(ConnectError::Refused { .. })) => Err(StayError::Revoked),
                    other => other,
                }
            }
            other => other,
        }
    }

    /// Asks by the right to come back. The running connection finds the new credentials at its next attempt.
    pub(crate) async fn come_back(&mut self) -> Result<(), StayError> {
        let jwt = std::fs::read_to_string(self.dir.join(files::RETURN))?;
        let keys = Keys::load_or_create(&self.dir)?;
        let ca = Some(self.dir.join(files::CA)).filter(|path| path.exists());
        let id = self.enrolled.id.clone();
        let request = request::request(Ground::Return { agent: id.clone() }, None, Default::default(), &keys)?;
        let (broker, registrars) = request::connect(&self.enrolled.urls, ca, jwt.trim().to_owned(), &id).await?;
        let answer = registrars.enroll(&request).await;
        broker.drain().await;
        self.keep(granted(answer?)?, keys)
    }

    fn keep(&mut self, grant: Grant, keys: Keys) -> Result<(), StayError> {
        self.enrolled = files::refresh(&self.dir, grant, self.enrolled.urls.clone(), keys)?;
        if let Some(signer) = &self.signer {
            signer.replace(SignerFile::load(&self.dir.join(files::SIGNER))?);
        }
        tracing::info!(until = %self.enrolled.expires_at, "the credentials were renewed");
        Ok(())
    }

    /// Until two thirds of the credentials' life are over, some chance added: a fleet that has joined in one moment must
    /// not renew in one moment.
    fn pause(&self) -> Duration {
        let Enrolled { issued_at, expires_at, .. } = &self.enrolled;
        let life = expires_at.duration_since(*issued_at);
        let due = issued_at.saturating_add(life.checked_mul(2).unwrap_or(life) / 3).unwrap_or(*expires_at);
        let left = positive(due.duration_since(Timestamp::now()));
        left.mul_f64(rand::rng().random_range(0.9..1.0)).max(MIN_PAUSE)
    }

    /// Sooner when less is left.
    fn soon(&self) -> Duration {
        let left = positive(self.enrolled.expires_at.duration_since(Timestamp::now()));
        (left / 10).clamp(MIN_PAUSE, MAX_PAUSE).mul_f64(rand::rng().random_range(0.5..1.0))
    }
}

fn positive(time: SignedDuration) -> Duration {
    Duration::try_from(time).unwrap_or_default()
}

fn granted(answer: EnrollResponse) -> Result<Grant, StayError> {
    match answer {
        EnrollResponse::Active(grant) => Ok(*grant),
        EnrollResponse::Refused { problem, retry_after: None, .. } => Err(StayError::Refused(problem)),
        EnrollResponse::Refused { problem, .. } => Err(RegistrarError::Unusable(problem).into()),
        EnrollResponse::Pending { .. } => Err(RegistrarError::Unusable("it waits for an admin".to_owned()).into()),
    }
}

/// Returns when the broker has refused the credentials. One refusal may come from a broker that has just started.
async fn refused(connection: &mut watch::Receiver<ConnectionState>) {
    if connection.wait_for(|now| now.refused >= 2 && !now.connected).await.is_err() {
        std::future::pending::<()>().await;
    }
}
