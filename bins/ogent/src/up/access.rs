//! Receives where the broker is and whose credentials there are, gives each part its own way in.

use std::ffi::OsString;
use std::path::PathBuf;

use ogent_broker::permissions::{self, Role};
use ogent_broker::{ConnectOptions, Credentials};

use super::args::ExternalArgs;
use super::secrets::{RoleKey, RoleKeys};

/// How the parts reach the broker.
#[derive(Debug)]
pub(crate) struct Access {
    /// Where it is.
    pub(crate) url: String,
    who: Who,
}

#[derive(Debug)]
enum Who {
    /// The server is our own: one nkey a role, which may do only what that role does.
    Roles(RoleKeys),
    /// The server is somebody else's: all parts use what the user was given for it.
    Given { nkey: Option<PathBuf>, creds: Option<PathBuf>, ca: Option<PathBuf>, inbox_prefix: Option<String> },
}

// === impl Access ===

impl Access {
    /// To a server that was started with a user for each of `keys`.
    pub(crate) fn to_own(url: String, keys: RoleKeys) -> Self {
        Self { url, who: Who::Roles(keys) }
    }

    /// To a server that was there before.
    pub(crate) fn to_external(url: String, args: ExternalArgs) -> Self {
        let ExternalArgs { nats_url: _, nats_nkey, nats_creds, nats_ca, nats_inbox_prefix } = args;
        let (nkey, creds) = (nats_nkey, nats_creds);
        Self { url, who: Who::Given { nkey, creds, ca: nats_ca, inbox_prefix: nats_inbox_prefix } }
    }

    /// What a part of this process connects with.
    pub(crate) fn options(&self, role: &Role) -> ConnectOptions {
        let (credentials, root_ca) = match &self.who {
            Who::Roles(keys) => (Credentials::Nkey(key_of(keys, role).file.clone()), None),
            Who::Given { nkey: Some(file), ca, .. } => (Credentials::Nkey(file.clone()), ca.clone()),
            Who::Given { creds: Some(file), ca, .. } => (Credentials::Creds(file.clone()), ca.clone()),
            Who::Given { ca, .. } => (Credentials::None, ca.clone()),
        };
        ConnectOptions {
            url: self.url.clone(),
            credentials,
            name: format!("ogent-up {}", name_of(role)),
            inbox_prefix: self.inbox_prefix(role),
            root_ca,
        }
    }

    /// The same for a part in a process of its own, as the flags of `BrokerArgs`.
    pub(crate) fn flags(&self, role: &Role) -> Vec<OsString> {
        let options = self.options(role);
        let mut flags: Vec<OsString> = vec!["--nats-url".into(), options.url.into()];
        match options.credentials {
            Credentials::Nkey(file) => flags.extend(["--nats-nkey".into(), file.into()]),
            Credentials::Creds(file) => flags.extend(["--nats-creds".into(), file.into()]),
            Credentials::None | Credentials::NkeySeed(_) => {}
        }
        if let Some(file) = options.root_ca {
            flags.extend(["--nats-ca".into(), file.into()]);
        }
        flags.extend(["--nats-inbox-prefix".into(), options.inbox_prefix.into()]);
        flags
    }

    /// The file with which a person logs in, and the variable that names it for the `nats` command line.
    pub(crate) fn person(&self) -> Option<(&'static str, &PathBuf)> {
        match &self.who {
            Who::Roles(keys) => Some(("NATS_NKEY", &keys.operator.file)),
            Who::Given { nkey: Some(file), .. } => Some(("NATS_NKEY", file)),
            Who::Given { creds: Some(file), .. } => Some(("NATS_CREDS", file)),
            Who::Given { .. } => None,
        }
    }

    /// The tokens before a person's answers, where they are not the usual `_INBOX`.
    pub(crate) fn persons_inbox_prefix(&self) -> Option<&str> {
        match &self.who {
            Who::Roles(_) => None,
            Who::Given { inbox_prefix, .. } => inbox_prefix.as_deref(),
        }
    }

    /// Whether the server is our own.
    pub(crate) fn is_own(&self) -> bool {
        matches!(self.who, Who::Roles(_))
    }

    fn inbox_prefix(&self, role: &Role) -> String {
        match &self.who {
            Who::Roles(_) => permissions::inbox_prefix(role),
            Who::Given { inbox_prefix: Some(prefix), .. } => prefix.clone(),
            // All parts are the same user there, and an operator's prefix is the one that everybody has.
            Who::Given { .. } => permissions::inbox_prefix(&Role::Operator),
        }
    }
}

fn key_of<'a>(keys: &'a RoleKeys, role: &Role) -> &'a RoleKey {
    match role {
        Role::Setup => &keys.setup,
        Role::Gateway => &keys.gateway,
        Role::Analyst => &keys.analyst,
        Role::Agent(_) => &keys.agent,
        Role::Operator => &keys.operator,
    }
}

fn name_of(role: &Role) -> &'static str {
    match role {
        Role::Setup => "setup",
        Role::Gateway => "gateway",
        Role::Analyst => "analyst",
        Role::Agent(_) => "agent",
        Role::Operator => "operator",
    }
}
