//! Receives flags and variables, gives the policy by which a part lets commands run, asks about them or refuses them.

use std::path::{Path, PathBuf};

use ogent_protocol::PolicyMode;
use ogent_risk::{Policy, PolicyError};

/// Longest policy file that is read.
const MAX_BYTES: u64 = 1024 * 1024;

/// Which policy a part has.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct PolicyArgs {
    /// How far the policy reaches: off (nothing is judged), advise (judged and told), enforce [default: what the policy file
    /// says, or enforce; for `ogent up`: advise]
    #[arg(long, env = "OGENT_POLICY", value_name = "MODE", value_parser = mode)]
    pub policy: Option<PolicyMode>,

    /// TOML file that says which commands somebody has to approve, and which are refused
    #[arg(long, env = "OGENT_POLICY_FILE", value_name = "FILE")]
    pub policy_file: Option<PathBuf>,
}

/// Why there is no policy.
#[derive(Debug, thiserror::Error)]
pub enum PolicyFileError {
    /// The file cannot be read.
    #[error("the policy file {path} cannot be read")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It says something that is not understood. A policy that is half understood would be none.
    #[error("the policy file {path} cannot be used")]
    Wrong {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: PolicyError,
    },
}

// === impl PolicyArgs ===

impl PolicyArgs {
    /// The policy that these say.
    ///
    /// # Errors
    /// When there is a policy file that cannot be used.
    pub fn load(&self) -> Result<Policy, PolicyFileError> {
        let policy = match &self.policy_file {
            // Compose files and units set a variable to nothing to say that there is none.
            Some(path) if !path.as_os_str().is_empty() => from_file(path)?,
            _ => Policy::default(),
        };
        Ok(Policy { mode: self.policy.unwrap_or(policy.mode), ..policy })
    }
}

fn from_file(path: &Path) -> Result<Policy, PolicyFileError> {
    let read = |source| PolicyFileError::Read { path: path.to_owned(), source };
    let size = std::fs::metadata(path).map_err(read)?.len();
    if size > MAX_BYTES {
        return Err(read(std::io::Error::other(format!("it has more than {MAX_BYTES} bytes"))));
    }
    let text = std::fs::read_to_string(path).map_err(read)?;
    Policy::from_toml(&text).map_err(|source| PolicyFileError::Wrong { path: path.to_owned(), source })
}

/// Reads how far a policy reaches.
fn mode(text: &str) -> Result<PolicyMode, String> {
    match text {
        "off" => Ok(PolicyMode::Off),
        "advise" => Ok(PolicyMode::Advise),
        "enforce" => Ok(PolicyMode::Enforce),
        _ => Err("must be off, advise or enforce".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(policy: Option<PolicyMode>, text: Option<&str>) -> Result<Policy, String> {
        let path =
            std::env::temp_dir().join(format!("ogent-policy-{}-{:?}", std::process::id(), std::thread::current().id()));
        let policy_file = text.map(|text| {
            std::fs::write(&path, text).unwrap();
            path.clone()
        });
        let policy = PolicyArgs { policy, policy_file }.load().map_err(|error| {
            let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            format!("{error}: {source}")
        });
        let _ = std::fs::remove_file(path);
        policy
    }

    #[test]
    fn who_says_nothing_gets_the_shipped_policy_enforced() {
        assert_eq!(load(None, None).unwrap(), Policy::shipped(PolicyMode::Enforce));
        assert_eq!(load(Some(PolicyMode::Advise), None).unwrap().mode, PolicyMode::Advise);
    }

    #[test]
    fn a_flag_goes_before_the_file() {
        let text = "mode = \"off\"\nblock = \"high\"";
        assert_eq!(load(None, Some(text)).unwrap().mode, PolicyMode::Off);
        let both = load(Some(PolicyMode::Enforce), Some(text)).unwrap();
        assert_eq!((both.mode, both.block), (PolicyMode::Enforce, ogent_protocol::RiskLevel::High));
    }

    #[test]
    fn a_file_that_is_half_understood_is_no_policy() {
        assert!(load(None, Some("blok = \"high\"")).unwrap_err().contains("blok"));
        let missing = PolicyArgs { policy: None, policy_file: Some("/nowhere/policy.toml".into()) };
        assert!(missing.load().unwrap_err().to_string().contains("/nowhere/policy.toml"));
    }

    #[test]
    fn modes_have_one_spelling() {
        assert_eq!(mode("advise"), Ok(PolicyMode::Advise));
        assert!(["", "Enforce", "on", "none"].iter().all(|text| mode(text).is_err()));
    }
}
