//! Receives where the broker is and whose credentials there are, gives each part its own way in.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Context as _;
use ogent_broker::accounts::JETSTREAM_API;
use ogent_broker::credentials::{SignerRole, Trust};
use ogent_broker::permissions::{self, Role};
use ogent_broker::sign::Signer;
use ogent_broker::{ConnectOptions, Credentials};
use ogent_registrar::{KeysError, RegistrarArgs, RegistrarConfig};

use super::args::ExternalArgs;
use super::identities::Identities;

/// How the parts reach the broker.
#[derive(Debug)]
pub(crate) struct Access {
    /// Where it is.
    pub(crate) url: String,
    who: Who,
}

#[derive(Debug)]
enum Who {
    /// The server is our own: each role has its own credentials, and may do only what that role does.
    Roles(Box<Identities>),
    /// The server is somebody else's: all parts use what the user was given for it.
    Given { nkey: Option<PathBuf>, creds: Option<PathBuf>, ca: Option<PathBuf>, inbox_prefix: Option<String> },
}

// === impl Access ===

impl Access {
    /// To a server that was started with these.
    pub(crate) fn to_own(url: String, identities: Identities) -> Self {
        Self { url, who: Who::Roles(Box::new(identities)) }
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
            Who::Roles(identities) => (Credentials::Creds(identities.creds(role)), None),
            Who::Given { nkey: Some(file), ca, .. } => (Credentials::Nkey(file.clone()), ca.clone()),
            Who::Given { creds: Some(file), ca, .. } => (Credentials::Creds(file.clone()), ca.clone()),
            Who::Given { ca, .. } => (Credentials::None, ca.clone()),
        };
        let api_prefix = match &self.who {
            Who::Roles(_) => credentials.api_prefix(role),
            // All parts are the same user there, in the account that has the streams.
            Who::Given { .. } => JETSTREAM_API,
        };
        ConnectOptions {
            url: self.url.clone(),
            credentials,
            api_prefix: api_prefix.to_owned(),
            name: format!("ogent-up {}", role.kind().name()),
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
            Credentials::None | Credentials::NkeySeed(_) | Credentials::CredsText(_) | Credentials::Bearer(_) => {}
        }
        if let Some(file) = options.root_ca {
            flags.extend(["--nats-ca".into(), file.into()]);
        }
        flags.extend(["--nats-inbox-prefix".into(), options.inbox_prefix.into()]);
        flags.extend(["--nats-api-prefix".into(), options.api_prefix.into()]);
        flags
    }

    /// Who signs for the gateway, and whose signatures count; nobody's where the server is somebody else's.
    pub(crate) fn signing(&self) -> anyhow::Result<(Option<Signer>, Option<Trust>)> {
        let Who::Roles(identities) = &self.who else { return Ok((None, None)) };
        let (signer, trust) = (identities.gateway_signer(), identities.trust_file());
        let signer = Signer::load(&signer, SignerRole::Gateway)
            .with_context(|| format!("{} cannot be used", signer.display()))?;
        let trust = Trust::load(&trust).with_context(|| format!("{} cannot be used", trust.display()))?;
        Ok((Some(signer), Some(trust)))
    }

    /// The same for the agent, as its flags: what the broker lets through counts, and what is signed is checked and signed.
    pub(crate) fn agent_signing(&self) -> Vec<OsString> {
        let Who::Roles(identities) = &self.who else { return Vec::new() };
        let (signer, trust) = (identities.agent_signer(), identities.trust_file());
        vec!["--trust".into(), "broker".into(), "--trust-file".into(), trust.into(), "--signer".into(), signer.into()]
    }

    /// The file with which a person logs in, and the variable that names it for the `nats` command line.
    pub(crate) fn person(&self) -> Option<(&'static str, PathBuf)> {
        match &self.who {
            Who::Roles(identities) => Some(("NATS_CREDS", identities.creds(&Role::Person))),
            Who::Given { nkey: Some(file), .. } => Some(("NATS_NKEY", file.clone())),
            Who::Given { creds: Some(file), .. } => Some(("NATS_CREDS", file.clone())),
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

    /// What a registrar is started with, where the server is our own.
    pub(crate) fn registrar(&self) -> Result<Option<RegistrarConfig>, KeysError> {
        let Who::Roles(identities) = &self.who else { return Ok(None) };
        let args = RegistrarArgs {
            dir: identities.registrar(),
            nats_url: self.url.clone(),
            public_nats_url: None,
            credentials_ttl: 86_400,
            return_days: 90,
        };
        args.into_config().map(Some)
    }

    /// Whether the server is our own.
    pub(crate) fn is_own(&self) -> bool {
        matches!(self.who, Who::Roles(_))
    }

    fn inbox_prefix(&self, role: &Role) -> String {
        match &self.who {
            Who::Roles(_) => permissions::inbox_prefix(role),
            Who::Given { inbox_prefix: Some(prefix), .. } => prefix.clone(),
            // All parts are the same user there, and a person's prefix is the one that everybody has.
            Who::Given { .. } => permissions::inbox_prefix(&Role::Person),
        }
    }
}
