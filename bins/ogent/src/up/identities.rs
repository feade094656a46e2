//! Receives the data folder, gives the identities in it: those of an installation, as `ogent init` makes them.

use std::path::PathBuf;
use std::{fs, io};

use anyhow::Context as _;
use jiff::Timestamp;
use ogent_broker::accounts::Account;
use ogent_broker::credentials::{Key, KeyKind, Layout, SignerRole};
use ogent_broker::permissions::{Kind, Role};
use ogent_broker::server_config::Identities as Vouchers;
use ogent_protocol::AgentId;

use super::data_dir::DataDir;
use super::start::ADMIN;

/// Where the server keeps its streams.
pub(crate) const STORE: &str = "jetstream";
/// Where the server keeps the tokens of accounts that it was sent.
const RESOLVER: &str = "resolver";

/// What the parts connect and sign with.
#[derive(Debug)]
pub(crate) struct Identities {
    layout: Layout,
    /// The agent's id.
    pub(crate) agent: AgentId,
    /// What the agent connects with.
    agent_creds: PathBuf,
    /// What it signs with.
    agent_signer: PathBuf,
    /// What a person connects with.
    person_creds: PathBuf,
    /// Who vouches for all of them, for the server.
    pub(crate) vouchers: Vouchers,
}

// === impl Identities ===

impl Identities {
    /// The identities in the data folder; missing ones are made. The agent is called `agent`, or by its key.
    pub(crate) fn open(data: &DataDir, agent: Option<AgentId>) -> anyhow::Result<Self> {
        let now = Timestamp::now();
        let resolver = data.folder(RESOLVER).context("the folder for tokens of accounts cannot be made")?;
        make_room(data).context("the key of an earlier version cannot be put aside")?;
        let mut layout = Layout::open(data.path(), Some(&resolver), now)?;
        let file = data.join("keys").join("agent.nk");
        let key = Key::load_or_create(KeyKind::User, &file);
        let key = key.with_context(|| format!("{} cannot be used", file.display()))?;
        let agent = match agent {
            Some(id) => id,
            None => AgentId::from_public_key(key.public().as_str()).context("the agent's key gives no id")?,
        };
        let (agent_creds, agent_signer) = layout.agent(&agent, Some(key), now)?;
        let admin = ADMIN.parse().context("the admin's name")?;
        let person_creds = layout.creds(Kind::Person, &admin, now)?;
        layout.signer(SignerRole::Person, &admin, now)?;
        let vouchers = layout.identities(resolver)?;
        Ok(Self { layout, agent, agent_creds, agent_signer, person_creds, vouchers })
    }

    /// What a part connects with.
    pub(crate) fn creds(&self, role: &Role) -> PathBuf {
        match role {
            Role::Agent(_) => self.agent_creds.clone(),
            Role::Person => self.person_creds.clone(),
            other => self.layout.path(&format!("creds/{}.creds", other.name())),
        }
    }

    /// What the agent signs with.
    pub(crate) fn agent_signer(&self) -> PathBuf {
        self.agent_signer.clone()
    }

    /// What the gateway signs with.
    pub(crate) fn gateway_signer(&self) -> PathBuf {
        self.layout.path("creds/gateway.sign")
    }

    /// Whose signatures count.
    pub(crate) fn trust_file(&self) -> PathBuf {
        self.layout.path("trust.json")
    }

    /// The folder with what a registrar needs.
    pub(crate) fn registrar(&self) -> PathBuf {
        self.layout.path("registrar")
    }

    /// Takes over what an earlier version has stored. There the server had nkeys instead of tokens, and its account a
    /// name instead of a key: the streams are the same. Says whether there was anything.
    pub(crate) fn adopt(&self, data: &DataDir) -> anyhow::Result<bool> {
        let streams = data.folder(STORE)?.join("jetstream");
        let account = self.layout.authority().account(Account::Ogent);
        let (old, new) = (streams.join(Account::Ogent.name()), streams.join(account.as_str()));
        if !old.exists() || new.exists() {
            return Ok(false);
        }
        fs::rename(&old, &new).with_context(|| format!("{} cannot be taken over", old.display()))?;
        Ok(true)
    }
}

/// An earlier version kept a person's key where the operator's belongs: it is put aside.
fn make_room(data: &DataDir) -> io::Result<()> {
    let keys = data.join("keys");
    match Key::load(KeyKind::User, &keys.join("operator.nk")) {
        Ok(_) => fs::rename(keys.join("operator.nk"), keys.join("person-before.nk")),
        Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_of_an_earlier_version_stays_who_it_is() {
        let root = tempfile::tempdir().unwrap();
        let data = DataDir::open(&root.path().join("data")).unwrap();
        let keys = data.folder("keys").unwrap();
        let key = |name: &str| ogent_broker::keys::KeyPair::load_or_create(&keys.join(name)).unwrap();
        let [old, ..] = ["agent.nk", "operator.nk", "setup.nk", "gateway.nk", "analyst.nk"].map(key);
        let identities = Identities::open(&data, None).unwrap();
        assert_eq!(identities.agent, AgentId::from_public_key(&old.public()).unwrap());
        let again = Identities::open(&data, None).unwrap();
        assert_eq!((again.agent, again.layout.written()), (identities.agent, &[] as &[PathBuf]));
    }

    #[test]
    fn streams_of_an_earlier_version_are_taken_over_once() {
        let root = tempfile::tempdir().unwrap();
        let data = DataDir::open(&root.path().join("data")).unwrap();
        let identities = Identities::open(&data, None).unwrap();
        assert!(!identities.adopt(&data).unwrap());
        let old = data.join(STORE).join("jetstream/OGENT");
        fs::create_dir_all(old.join("streams/COMMANDS")).unwrap();
        assert!(identities.adopt(&data).unwrap() && !old.exists());
        // What is there under both names is not mixed.
        fs::create_dir_all(&old).unwrap();
        assert!(!identities.adopt(&data).unwrap() && old.exists());
    }
}
