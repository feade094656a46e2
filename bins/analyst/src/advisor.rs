//! Receives a question about a command, gives what a model says of it.
//!
//! In the order of the data: [`prompt`] makes the question, [`ollama`] or [`openai`] asks it over [`http`], and
//! [`opinion`] makes sense of the answer, or none.

mod http;
mod ollama;
mod openai;
mod opinion;
mod prompt;

use futures::future::BoxFuture;
use ogent_protocol::{Advice, AdvisorState, RiskLevel};

use crate::config::{AdvisorConfig, Protocol};

pub(crate) use http::ClientError;
pub(crate) use opinion::{Opinion, Unusable};
pub(crate) use prompt::{Key, Question};

/// Somebody who has an opinion on commands.
pub(crate) trait Advisor: Send + Sync {
    /// Which model.
    fn model(&self) -> &str;

    /// Asks. There is no deadline in it: whoever calls has one.
    fn advise<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Result<Opinion, AdvisorError>>;
}

/// Why there is no opinion. Nothing in it comes from the model's server: what that says may hold anything, a key too.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AdvisorError {
    #[error("the model's server cannot be reached")]
    Unreachable,
    #[error("the model's server does not know the model (or has no such path)")]
    NoModel,
    #[error("the model's server refuses the credentials ({0})")]
    Denied(u16),
    #[error("the model's server has too much to do ({0})")]
    Busy(u16),
    #[error("the model's server answers {0}")]
    Status(u16),
    #[error("the model's server reports an error")]
    Reported,
    #[error("the connection to the model's server was cut")]
    Cut,
    #[error("the answer has more than {0} bytes")]
    TooLarge(usize),
    #[error("no answer in time")]
    Late,
    #[error("the question cannot be written")]
    Question,
    #[error(transparent)]
    Unusable(#[from] Unusable),
}

/// The advisor that the configuration names.
pub(crate) fn make(config: AdvisorConfig) -> Result<Box<dyn Advisor>, ClientError> {
    let AdvisorConfig { protocol, url, model, key, .. } = config;
    Ok(match protocol {
        Protocol::Ollama => Box::new(ollama::Ollama::new(&url, key, model)?),
        Protocol::OpenAi => Box::new(openai::OpenAi::new(&url, key, model)?),
    })
}

/// The advice in what a model has written about `command`, of which the rules say `floor`. For tests of this reading.
#[must_use]
pub fn read_opinion(text: &str, command: &str, floor: RiskLevel) -> Option<Advice> {
    Opinion::read(text, command, floor).ok().map(|opinion| opinion.advice("", floor))
}

// === impl AdvisorError ===

impl AdvisorError {
    /// What those who wait for the advice are told.
    pub(crate) fn state(&self) -> AdvisorState {
        match self {
            Self::Unreachable | Self::NoModel | Self::Denied(_) => AdvisorState::Absent,
            Self::Busy(_) => AdvisorState::Busy,
            _ => AdvisorState::NoOpinion,
        }
    }

    /// Whether the next question is likely to fare no better. A model that talks nonsense is still one that answers.
    pub(crate) fn is_fault(&self) -> bool {
        !matches!(self, Self::Unusable(_) | Self::Question)
    }
}
