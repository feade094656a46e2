//! What a command would do to something.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{RiskLevel, Span, TargetClass};

/// One thing that a command would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub struct Effect {
    /// What.
    pub kind: EffectKind,
    /// To what, as far as that is known: a path, a host, a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What kind of thing that is.
    pub class: TargetClass,
    /// Where the target, or what is executed, comes from.
    pub provenance: Provenance,
    /// With whose rights.
    pub privilege: Privilege,
    /// Whether it reaches everything below the target.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recursive: bool,
    /// How bad this alone is.
    pub level: RiskLevel,
    /// Where it stands in the command.
    pub span: Span,
}

macro_rules! kinds {
    ($($(#[$meta:meta])+ $name:ident = $text:literal,)+) => {
        /// What can be done. More may be added.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
        pub enum EffectKind {
            $($(#[$meta])+ $name,)+
        }

        impl EffectKind {
            /// Every kind, in the order of their declaration.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// As it is written everywhere.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

kinds! {
    /// Reads, and tells.
    Read = "read",
    /// Makes or changes ordinary files.
    Write = "write",
    /// Removes files.
    Delete = "delete",
    /// Replaces or empties what is there.
    Overwrite = "overwrite",
    /// Writes to a device itself, past its file system.
    RawDevice = "raw_device",
    /// Makes a new file system or partition table.
    Format = "format",
    /// Starts code that is not in the command.
    Execute = "execute",
    /// Gets something from the network.
    NetworkFetch = "network_fetch",
    /// Sends something to the network.
    NetworkSend = "network_send",
    /// Waits for connections.
    NetworkListen = "network_listen",
    /// Hands a shell to the network.
    RemoteShell = "remote_shell",
    /// Reads what should stay secret.
    SecretRead = "secret_read",
    /// Lets more people do more.
    PermissionWidened = "permission_widened",
    /// Changes permissions without widening them.
    Permission = "permission",
    /// Gives files to somebody else.
    Ownership = "ownership",
    /// Makes, changes or removes accounts, groups or passwords.
    Account = "account",
    /// Sees to it that something starts again by itself.
    Persistence = "persistence",
    /// Changes the running kernel: modules, parameters, mounts.
    Kernel = "kernel",
    /// Starts, stops or changes services.
    Service = "service",
    /// Turns the machine off, or starts it anew.
    Power = "power",
    /// Changes or removes logs, or stops logging.
    LogTampering = "log_tampering",
    /// Changes or removes the history of a shell.
    HistoryTampering = "history_tampering",
    /// Changes which connections are let through, or another guard of the machine.
    Firewall = "firewall",
    /// Changes how the machine is connected: addresses, routes, names.
    Network = "network",
    /// Ends processes.
    Kill = "kill",
    /// Installs, changes or removes packages.
    Package = "package",
    /// Loses work or history that a version control system keeps.
    VersionControlLoss = "version_control_loss",
    /// Publishes or changes what others share in a version control system.
    VersionControl = "version_control",
    /// Leaves a container, or could.
    ContainerEscape = "container_escape",
    /// Starts, stops or changes containers and what belongs to them.
    Container = "container",
    /// Drops tables, databases, buckets.
    DatabaseDrop = "database_drop",
    /// Changes what a database holds.
    DatabaseChange = "database_change",
    /// Uses up processes, memory, disk or time.
    ResourceExhaustion = "resource_exhaustion",
    /// Does something on another machine.
    Remote = "remote",
    /// Changes something at a service elsewhere: a cloud, a cluster, a hosted product.
    RemoteChange = "remote_change",
    /// Destroys something at a service elsewhere.
    RemoteDelete = "remote_delete",
    /// Takes more rights than the caller has.
    PrivilegeRaised = "privilege_raised",
    /// Something that the rules do not know.
    Unknown = "unknown",
}

impl fmt::Display for EffectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Where something comes from. Each is less to be trusted than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub enum Provenance {
    /// It stands in the command.
    #[default]
    Literal,
    /// It stands in the command, in a coded form.
    Decoded,
    /// A file of the machine.
    File,
    /// What a program prints.
    CommandOutput,
    /// Not known: a variable of the machine, something too deep to follow.
    Unknown,
    /// The network.
    Network,
}

/// With whose rights something is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
pub enum Privilege {
    /// Those of the account that runs the command, not known to be root.
    #[default]
    Ordinary,
    /// Those of root, or of another account that it changes to.
    Elevated,
}
