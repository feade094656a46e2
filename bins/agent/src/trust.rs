//! Receives an intent as it came, says who has signed it and whether this agent does what they say.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use ogent_broker::credentials::{SignerRole, Trust};
use ogent_broker::sign::{Asked, IntentCheck, IntentRules, Original, Signer, Verifier};
use ogent_protocol::{AgentId, SignatureFault, SignedBy};

use crate::enrolment::files;

/// Whose word counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum TrustMode {
    /// Only signed intents count.
    Signed,
    /// What the broker lets through counts.
    #[default]
    Broker,
}

/// Flags and variables about signatures.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct TrustArgs {
    /// Whose word counts: signed (only intents that a trusted key has signed), broker (whatever the broker lets through)
    /// [default: signed with --trust-file or after a join, else broker]
    #[arg(long, env = "OGENT_TRUST", value_name = "WHOM", value_enum)]
    pub trust: Option<TrustMode>,
    /// The public keys that count: trust.json, as `ogent init` writes it
    #[arg(long, env = "OGENT_TRUST_FILE", value_name = "FILE")]
    pub trust_file: Option<PathBuf>,
    /// A person whose own signature counts, by name or by public key; may be given several times
    #[arg(long = "trust-person", env = "OGENT_TRUST_PERSONS", value_name = "KEY_OR_NAME", value_delimiter = ',')]
    pub trust_persons: Vec<String>,
    /// Sign what this agent reports with the key in this file
    #[arg(long, env = "OGENT_SIGNER", value_name = "FILE")]
    pub signer: Option<PathBuf>,
}

/// The same, read.
#[derive(Debug, Clone, Default)]
pub struct TrustConfig {
    /// Whose word counts.
    pub mode: TrustMode,
    /// Which keys count.
    pub keys: Option<Trust>,
    /// People whose own signature counts.
    pub persons: BTreeSet<String>,
    /// Who signs what this agent reports.
    pub signer: Option<Signer>,
    /// Whether that is the file that a registrar renews.
    pub signer_is_joined: bool,
}

/// Why signatures cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// A file cannot be used.
    #[error("{path} cannot be used")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Without keys, nothing signed could be told from anything else.
    #[error("--trust signed needs --trust-file: the public keys that count")]
    NoKeys,
}

/// What checks intents for one agent.
#[derive(Debug, Clone)]
pub(crate) struct Trusting {
    agent: AgentId,
    mode: TrustMode,
    rules: Option<IntentRules>,
}

// === impl TrustArgs ===

impl TrustArgs {
    /// What these say. What they do not say stands in the state folder, where the agent has joined by an invitation.
    ///
    /// # Errors
    /// See [`TrustError`].
    pub fn load(self, state_dir: &Path) -> Result<TrustConfig, TrustError> {
        // Compose files and units set a variable to nothing to say that there is none.
        let given = |path: Option<PathBuf>| path.filter(|path| !path.as_os_str().is_empty());
        let wrong = |path: &PathBuf| {
            let path = path.clone();
            move |source| TrustError::File { path, source }
        };
        let joined = |name: &str| {
            let has_joined = state_dir.join(files::ENROLLED).exists();
            Some(state_dir.join(name)).filter(|path| has_joined && path.exists())
        };
        let trust_file = given(self.trust_file).or_else(|| joined(files::TRUST));
        let keys = trust_file.map(|path| Trust::load(&path).map_err(wrong(&path))).transpose()?;
        let own = given(self.signer);
        let signer_is_joined = own.is_none();
        let signer = own.or_else(|| joined(files::SIGNER));
        let signer = signer.map(|path| Signer::load(&path, SignerRole::Agent).map_err(wrong(&path)));
        let mode = match (self.trust, &keys) {
            (Some(TrustMode::Signed), None) => return Err(TrustError::NoKeys),
            (Some(mode), _) => mode,
            (None, Some(_)) => TrustMode::Signed,
            (None, None) => TrustMode::Broker,
        };
        let persons = self.trust_persons.into_iter().filter(|person| !person.is_empty()).collect();
        Ok(TrustConfig { mode, keys, persons, signer: signer.transpose()?, signer_is_joined })
    }
}

// === impl Trusting ===

impl Trusting {
    pub(crate) fn new(agent: &AgentId, config: &TrustConfig) -> Self {
        let rules = config
            .keys
            .clone()
            .map(|keys| IntentRules { verifier: Verifier::new(keys), persons: config.persons.clone() });
        Self { agent: agent.clone(), mode: config.mode, rules }
    }

    /// Whether nothing counts that is not signed.
    pub(crate) fn is_strict(&self) -> bool {
        self.mode == TrustMode::Signed
    }

    /// Who has signed the intent, where that can be told; or why it does not count here. `is_new`: it has not waited in the
    /// ledger, so that its time must not be over.
    pub(crate) fn check(
        &self,
        asked: Asked<'_>,
        original: &Original,
        is_new: bool,
    ) -> Result<Option<SignedBy>, SignatureFault> {
        let check = IntentCheck { agent: &self.agent, now: Timestamp::now(), is_new };
        let checked = match &self.rules {
            Some(rules) => rules.check(asked, original, check),
            None => Err(SignatureFault::UntrustedSigner("no keys are trusted".to_owned())),
        };
        match checked {
            Ok(by) => Ok(Some(by)),
            Err(fault) if self.is_strict() => Err(fault),
            Err(fault) => {
                if self.rules.is_some() && original.is_signed() {
                    tracing::warn!(%fault, "took an intent whose signature does not count: the broker is trusted");
                }
                Ok(None)
            }
        }
    }
}
