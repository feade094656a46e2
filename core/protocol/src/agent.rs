//! What an agent says about itself.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::id::AgentId;

/// Who an agent is and what it can do: its record in the KV bucket `agents`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub struct AgentInfo {
    /// Its id.
    pub id: AgentId,
    /// The machine's name, where it differs from the id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// What it runs on.
    pub platform: Platform,
    /// Version of the agent.
    pub version: String,
    /// What it can do: `shell`, `argv`, `run-as`.
    pub capabilities: Vec<String>,
    /// What its owner says about it, to choose agents by.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Commands that it runs at once.
    pub max_concurrent: u32,
    /// The account that it runs as.
    pub user: String,
    /// The home of that account, which commands get as `HOME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<String>,
    /// The folder that commands run in when nobody says another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// The program behind `/bin/sh`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shell: Option<String>,
    /// The programs that its commands find on `PATH`; absent where the agent does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub programs: Option<Programs>,
    /// When this agent process was started.
    pub started_at: Timestamp,
    /// Names this agent process.
    pub instance: String,
    /// Sequence in the stream of commands up to which everything of this agent has ended.
    pub settled_through: u64,
}

/// Which programs a machine has, in short. The bucket `inventory` has their names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub struct Programs {
    /// How many.
    pub count: u32,
    /// Names this set of programs: [`Inventory::digest_of`].
    pub digest: String,
}

/// The programs that an agent's commands find on `PATH`: its record in the KV bucket `inventory`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Inventory {
    /// Names this set of programs.
    pub digest: String,
    /// Their names, sorted.
    pub programs: Vec<String>,
}

/// What an agent runs on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub struct Platform {
    /// `linux`, `macos`, …
    pub os: String,
    /// What the system calls itself, for example `Debian GNU/Linux 12 (bookworm)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distribution: Option<String>,
    /// `x86_64`, `aarch64`, …
    pub arch: String,
    /// Release of the kernel.
    pub kernel: String,
}

/// A sign of life: the agent's record in the KV bucket `presence`. It disappears when the agent does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Heartbeat {
    /// The agent process that lives.
    pub instance: String,
    /// Names the machine, without telling its real machine id.
    pub machine: String,
    /// The agent's clock.
    pub at: Timestamp,
    /// Commands that it runs now.
    pub running: u32,
    /// Commands that wait for their turn.
    pub queued: u32,
}

// === impl Inventory ===

impl Inventory {
    /// A record of these programs.
    #[must_use]
    pub fn of(mut programs: Vec<String>) -> Self {
        programs.sort_unstable();
        programs.dedup();
        Self { digest: Self::digest_of(&programs), programs }
    }

    /// Whether the digest is that of the programs: whoever keeps inventories by digest has to ask, or one agent could
    /// say what another one has.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.digest == Self::digest_of(&self.programs)
    }

    /// The same in short.
    #[must_use]
    pub fn summary(&self) -> Programs {
        Programs { count: u32::try_from(self.programs.len()).unwrap_or(u32::MAX), digest: self.digest.clone() }
    }

    /// Names a sorted list of programs: SHA-256 of their names with a NUL behind each, in hexadecimal.
    #[must_use]
    pub fn digest_of(programs: &[String]) -> String {
        let mut hash = Sha256::new();
        for name in programs {
            hash.update(name);
            hash.update([0]);
        }
        data_encoding::HEXLOWER.encode(&hash.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inventory_is_named_by_what_is_in_it() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let one = Inventory::of(names(&["ls", "cat", "ls"]));
        assert_eq!(one, Inventory::of(names(&["cat", "ls"])));
        assert!(one.is_whole() && one.summary().count == 2);
        assert_ne!(one.digest, Inventory::of(names(&["cat", "l", "s"])).digest);
        assert!(!Inventory { programs: names(&["rm"]), ..one }.is_whole());
    }
}
