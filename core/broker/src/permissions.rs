//! Who may do what on the broker: one allow-list a role, as data. Nothing is ever denied by name, because a broker
//! that forgets one deny rule then lets everything through.

mod table;

use ogent_protocol::AgentId;
use ogent_protocol::subject::{
    self, AGENTS_BUCKET, ANALYSES, APPROVALS, AUDIT, COMMANDS, IDENTITIES_BUCKET, INVENTORY_BUCKET, INVITES_BUCKET,
    POLICIES_BUCKET, PRESENCE_BUCKET, RESULTS, SESSIONS_BUCKET, TICKETS_BUCKET, USERS_BUCKET, template,
};

use crate::accounts::{Account, LEDGER_API};
use crate::credentials::Name;
use crate::service;

pub use table::table;

/// Stands for the name of whoever has the role; the broker puts it in.
const NAME: &str = "{{name()}}";

/// What a broker user is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Makes the streams and buckets, once.
    Setup,
    /// Turns HTTP into messages.
    Gateway,
    /// Judges commands for whoever asks.
    Analyst,
    /// Gives agents their identities.
    Registrar,
    /// Copies the history elsewhere.
    Mirror,
    /// Somebody who publishes commands and follows results with the `nats` command line.
    Person,
    /// Runs commands: one agent, on its own subjects only.
    Agent,
    /// A machine that asks to become an agent.
    Enroll,
    /// Tells the broker about new versions of accounts: how a registrar revokes an agent.
    Claims,
}

/// A broker user.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Role {
    /// See [`Kind::Setup`].
    Setup,
    /// See [`Kind::Gateway`].
    Gateway,
    /// See [`Kind::Analyst`].
    Analyst,
    /// See [`Kind::Registrar`].
    Registrar,
    /// See [`Kind::Mirror`].
    Mirror,
    /// See [`Kind::Person`].
    Person,
    /// The agent with this id.
    Agent(AgentId),
    /// The machine that this invitation is for.
    Enroll(Name),
    /// See [`Kind::Claims`].
    Claims,
}

/// The subjects that a role may use. There is nothing else that it may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permissions {
    /// Subjects that it may publish to.
    pub publish: Vec<String>,
    /// Subjects that it may subscribe to; after a space, the queue group in which alone it may.
    pub subscribe: Vec<String>,
}

// === impl Kind ===

impl Kind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Setup,
        Self::Gateway,
        Self::Analyst,
        Self::Registrar,
        Self::Mirror,
        Self::Person,
        Self::Agent,
        Self::Enroll,
        Self::Claims,
    ];

    /// What it is called, in tokens and in the names of files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::Gateway => "gateway",
            Self::Analyst => "analyst",
            Self::Registrar => "registrar",
            Self::Mirror => "mirror",
            Self::Person => "person",
            Self::Agent => "agent",
            Self::Enroll => "enroll",
            Self::Claims => "claims",
        }
    }

    /// The account in which it lives.
    #[must_use]
    pub fn account(self) -> Account {
        match self {
            Self::Agent | Self::Enroll => Account::Agents,
            Self::Analyst => Account::Analysts,
            Self::Registrar => Account::Registrars,
            Self::Mirror => Account::Mirrors,
            Self::Person => Account::People,
            Self::Claims => Account::System,
            Self::Setup | Self::Gateway => Account::Ogent,
        }
    }

    /// Whether the token alone is enough: an invitation is a text that somebody carries to a machine.
    #[must_use]
    pub fn is_bearer(self) -> bool {
        self == Self::Enroll
    }

    /// The allow-list, with `{{name()}}` for the name of whoever has the role.
    #[must_use]
    pub fn template(self) -> Permissions {
        let inbox = format!("{}.>", self.inbox_prefix());
        let owned = |subjects: &[&str]| subjects.iter().map(|&one| one.to_owned()).collect();
        match self {
            Self::Setup => Permissions { publish: setup_publish(), subscribe: vec![inbox] },
            Self::Gateway => Permissions { publish: gateway_publish(), subscribe: gateway_subscribe(inbox) },
            Self::Analyst => Permissions { publish: analyst_publish(), subscribe: analyst_subscribe(inbox) },
            Self::Registrar => Permissions { publish: registrar_publish(), subscribe: registrar_subscribe(inbox) },
            Self::Mirror => Permissions {
                publish: [(COMMANDS, subject::ALL_COMMANDS), (RESULTS, subject::ALL_RESULTS)]
                    .into_iter()
                    .flat_map(|(stream, subjects)| reading_from_afar(stream, subjects))
                    .collect(),
                subscribe: vec![subject::ALL_FEEDS.to_owned(), subject::ALL_APPROVAL_FEEDS.to_owned(), inbox],
            },
            Self::Person => Permissions {
                publish: person_publish(),
                subscribe: owned(&[
                    subject::ALL_FEEDS,
                    subject::ALL_APPROVAL_FEEDS,
                    subject::ANALYSIS_RESULTS,
                    inbox.as_str(),
                ]),
            },
            Self::Agent => Permissions { publish: agent_publish(), subscribe: vec![template::exec(NAME), inbox] },
            Self::Enroll => Permissions { publish: owned(&[subject::ENROLL_REQUESTS]), subscribe: vec![inbox] },
            Self::Claims => Permissions {
                publish: owned(&["$SYS.REQ.CLAIMS.UPDATE", "$SYS.REQ.ACCOUNT.*.CLAIMS.LOOKUP"]),
                subscribe: vec![inbox],
            },
        }
    }

    fn inbox_prefix(self) -> String {
        match self {
            // What `nats req` uses by itself. People could read each other's answers, all of which they may see
            // on `agents.*.results` anyway.
            Self::Person => "_INBOX".to_owned(),
            Self::Agent | Self::Enroll => format!("_INBOX_{}_{NAME}", self.name()),
            _ => format!("_INBOX_{}", self.name()),
        }
    }
}

// === impl Role ===

impl Role {
    /// What it is there for.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Setup => Kind::Setup,
            Self::Gateway => Kind::Gateway,
            Self::Analyst => Kind::Analyst,
            Self::Registrar => Kind::Registrar,
            Self::Mirror => Kind::Mirror,
            Self::Person => Kind::Person,
            Self::Agent(_) => Kind::Agent,
            Self::Enroll(_) => Kind::Enroll,
            Self::Claims => Kind::Claims,
        }
    }

    /// What the user is called: agents and invitations have names of their own, which their permissions are made of.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Agent(id) => id.as_str(),
            Self::Enroll(name) => name.as_str(),
            other => other.kind().name(),
        }
    }
}

/// The first tokens of the subjects on which a role gets its answers. Nobody but the role may listen there.
#[must_use]
pub fn inbox_prefix(role: &Role) -> String {
    role.kind().inbox_prefix().replace(NAME, role.name())
}

/// The allow-list of a role.
#[must_use]
pub fn of(role: &Role) -> Permissions {
    let Permissions { publish, subscribe } = role.kind().template();
    let named = |subjects: Vec<String>| subjects.into_iter().map(|one| one.replace(NAME, role.name())).collect();
    Permissions { publish: named(publish), subscribe: named(subscribe) }
}

fn kv(bucket: &str, key: &str) -> String {
    format!("$KV.{bucket}.{key}")
}

fn stream_of(bucket: &str) -> String {
    format!("KV_{bucket}")
}

/// The right to read a whole stream. A range read names its subjects in the body, where the broker does not look: who
/// has this right may read everything in it, and so an agent never has it.
fn reading(stream: &str) -> [String; 3] {
    [
        format!("$JS.API.STREAM.INFO.{stream}"),
        format!("$JS.API.DIRECT.GET.{stream}"),
        format!("$JS.API.DIRECT.GET.{stream}.>"),
    ]
}

/// Buckets that only gateways write.
const OF_GATEWAYS: [&str; 4] = [USERS_BUCKET, SESSIONS_BUCKET, TICKETS_BUCKET, POLICIES_BUCKET];
/// Buckets that only agents write.
const OF_AGENTS: [&str; 3] = [AGENTS_BUCKET, INVENTORY_BUCKET, PRESENCE_BUCKET];
/// Buckets that only registrars write.
const OF_REGISTRARS: [&str; 2] = [INVITES_BUCKET, IDENTITIES_BUCKET];

/// The history and the buckets.
fn streams() -> impl Iterator<Item = String> {
    let buckets = OF_AGENTS.into_iter().chain(OF_GATEWAYS).chain(OF_REGISTRARS).map(stream_of);
    [COMMANDS, RESULTS, APPROVALS, AUDIT].map(str::to_owned).into_iter().chain(buckets)
}

fn setup_publish() -> Vec<String> {
    let verbs = ["CREATE", "UPDATE", "INFO"];
    streams()
        .chain([ANALYSES.to_owned()])
        .flat_map(|stream| verbs.map(|verb| format!("$JS.API.STREAM.{verb}.{stream}")))
        .collect()
}

fn gateway_publish() -> Vec<String> {
    // One analysis at a time, by its id: nobody has to list them.
    let analyses = [
        subject::ANALYSIS_REQUESTS.to_owned(),
        // Whether one of them has a model.
        format!("$SRV.STATS.{}", service::ANALYSIS.name),
        format!("$JS.API.STREAM.INFO.{ANALYSES}"),
        format!("$JS.API.DIRECT.GET.{ANALYSES}.{}", subject::ALL_ANALYSES),
    ];
    [subject::ALL_COMMANDS, subject::ALL_APPROVALS, subject::ALL_EXEC, subject::ALL_AUDIT, subject::LOGINS]
        .map(str::to_owned)
        .into_iter()
        .chain(OF_GATEWAYS.map(|bucket| kv(bucket, ">")))
        .chain([subject::REGISTRAR_ADMIN.to_owned()])
        .chain(streams().flat_map(|stream| reading(&stream)))
        .chain(analyses)
        .collect()
}

fn gateway_subscribe(inbox: String) -> Vec<String> {
    [subject::ALL_FEEDS, subject::ALL_APPROVAL_FEEDS, subject::ALL_AUDIT, subject::LOGINS]
        .map(str::to_owned)
        .into_iter()
        .chain([AGENTS_BUCKET, PRESENCE_BUCKET, IDENTITIES_BUCKET].map(|bucket| kv(bucket, "*")))
        .chain(OF_GATEWAYS.map(|bucket| kv(bucket, ">")))
        .chain([inbox])
        .collect()
}

/// The same from an account that takes JetStream from another one.
fn reading_from_afar(stream: &str, subjects: &str) -> [String; 3] {
    [
        format!("{LEDGER_API}.STREAM.INFO.{stream}"),
        format!("{LEDGER_API}.DIRECT.GET.{stream}"),
        format!("{LEDGER_API}.DIRECT.GET.{stream}.{subjects}"),
    ]
}

/// Where the broker takes answers to requests from another account: the rest of the subject is its own, and by chance.
const ANSWERS: &str = "_R_.>";

/// What `nats micro` asks.
fn micro(name: &str) -> impl Iterator<Item = String> {
    service::micro_all().into_iter().chain(service::micro(name))
}

fn analyst_publish() -> Vec<String> {
    [subject::ALL_ANALYSES.to_owned(), format!("{LEDGER_API}.STREAM.INFO.{ANALYSES}"), ANSWERS.to_owned()].into()
}

fn analyst_subscribe(inbox: String) -> Vec<String> {
    // In its queue group only: who asks is answered once.
    let requests = format!("{} {}", subject::ANALYSIS_REQUESTS, service::ANALYSIS.queue_group);
    [requests].into_iter().chain(micro(service::ANALYSIS.name)).chain([inbox]).collect()
}

fn registrar_publish() -> Vec<String> {
    let bucket = |bucket: &str| {
        let keys = kv(bucket, "*");
        [keys.clone()].into_iter().chain(reading_from_afar(&stream_of(bucket), &keys))
    };
    let rest = [subject::ALL_AUDIT.to_owned(), ANSWERS.to_owned()];
    OF_REGISTRARS.into_iter().flat_map(bucket).chain(rest).collect()
}

fn registrar_subscribe(inbox: String) -> Vec<String> {
    [subject::ENROLL_REQUESTS, subject::ALL_RENEWALS, subject::REGISTRAR_ADMIN]
        .map(|subject| format!("{subject} {}", service::REGISTRAR_QUEUE))
        .into_iter()
        .chain(micro(service::REGISTRAR_NAME))
        .chain([inbox])
        .collect()
}

fn person_publish() -> Vec<String> {
    [subject::ALL_EXEC.to_owned(), subject::ANALYSIS_REQUESTS.to_owned()]
        .into_iter()
        .chain(service::micro_all())
        .chain([service::ANALYSIS.name, service::REGISTRAR_NAME].into_iter().flat_map(service::micro))
        .collect()
}

fn agent_publish() -> Vec<String> {
    let (commands, results) = (template::commands_of(NAME), template::results_of(NAME));
    vec![
        commands.clone(),
        results.clone(),
        kv(AGENTS_BUCKET, NAME),
        kv(PRESENCE_BUCKET, NAME),
        kv(INVENTORY_BUCKET, NAME),
        template::renewal(NAME),
        // The name of the consumer is the agent's own, and its filter stands in the subject: no other agent's
        // commands can be read, and no other agent's reading can be disturbed.
        format!("{LEDGER_API}.CONSUMER.CREATE.{COMMANDS}.{NAME}.commands.{NAME}.>"),
        format!("{LEDGER_API}.CONSUMER.MSG.NEXT.{COMMANDS}.{NAME}"),
        format!("{LEDGER_API}.CONSUMER.DELETE.{COMMANDS}.{NAME}"),
        format!("{LEDGER_API}.DIRECT.GET.{COMMANDS}.{commands}"),
        format!("{LEDGER_API}.DIRECT.GET.{RESULTS}.{results}"),
        format!("{LEDGER_API}.DIRECT.GET.KV_{AGENTS_BUCKET}.{}", kv(AGENTS_BUCKET, NAME)),
        format!("{LEDGER_API}.DIRECT.GET.KV_{PRESENCE_BUCKET}.{}", kv(PRESENCE_BUCKET, NAME)),
        // Answers to `nats req`.
        "_INBOX.>".to_owned(),
    ]
}
