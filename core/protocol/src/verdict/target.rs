//! What kind of thing something is done to.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! classes {
    ($($(#[$meta:meta])+ $name:ident = $text:literal,)+) => {
        /// Kinds of things that commands act on. More may be added.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema, utoipa::ToSchema))]
        pub enum TargetClass {
            $($(#[$meta])+ $name,)+
        }

        impl TargetClass {
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

classes! {
    /// Nothing in particular.
    #[default]
    None = "none",
    /// `/dev/null` and its like, standard streams.
    Sink = "sink",
    /// Below `/tmp`, `/var/tmp` and their like.
    Temporary = "temporary",
    /// Below the folder that the command runs in.
    Project = "project",
    /// The folder that the command runs in, whole.
    WorkingFolder = "working_folder",
    /// What a version control system keeps.
    Repository = "repository",
    /// A file or folder in somebody's home.
    HomeFile = "home_file",
    /// A whole home, or all of them.
    Home = "home",
    /// Data of services and people outside of homes: `/srv`, `/opt`, `/mnt`, `/var/lib`.
    Data = "data",
    /// A file of the system.
    SystemFile = "system_file",
    /// A whole folder of the system: `/etc`, `/usr`.
    System = "system",
    /// Everything: `/`.
    Root = "root",
    /// A disk or another device.
    Device = "device",
    /// The kernel's own files: `/proc`, `/sys`.
    Kernel = "kernel",
    /// Passwords, keys, tokens.
    Credentials = "credentials",
    /// A place from which things start by themselves.
    Startup = "startup",
    /// Logs of the system.
    Log = "log",
    /// The history of a shell.
    History = "history",
    /// A machine or address on the network.
    Network = "network",
    /// A process.
    Process = "process",
    /// A service of the machine.
    Service = "service",
    /// An account or group.
    Account = "account",
    /// A package.
    Package = "package",
    /// A container, image, volume or cluster object.
    Container = "container",
    /// A database or what is in it.
    Database = "database",
    /// Something at a service elsewhere.
    Cloud = "cloud",
    /// Not known.
    Unknown = "unknown",
}

impl fmt::Display for TargetClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
