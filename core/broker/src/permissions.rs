//! Who may do what on the broker: one allow-list a role, as data. Nothing is ever denied by name, because a broker
//! that forgets one deny rule then lets everything through.

use std::fmt::Write as _;

use ogent_protocol::AgentId;
use ogent_protocol::subject::{
    self, AGENTS_BUCKET, ANALYSES, APPROVALS, AUDIT, COMMANDS, INVENTORY_BUCKET, PRESENCE_BUCKET, RESULTS,
    SESSIONS_BUCKET,
};

use crate::service;

/// What a broker user is there for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// Makes the streams and buckets, once.
    Setup,
    /// Turns HTTP into messages.
    Gateway,
    /// Judges commands for whoever asks.
    Analyst,
    /// Runs commands: one agent, on its own subjects only.
    Agent(AgentId),
    /// A person who publishes commands and follows results with the `nats` command line.
    Operator,
}

/// The subjects that a role may use. There is nothing else that it may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permissions {
    /// Subjects that it may publish to.
    pub publish: Vec<String>,
    /// Subjects that it may subscribe to.
    pub subscribe: Vec<String>,
}

/// The first tokens of the subjects on which a role gets its answers. Nobody but the role may listen there.
#[must_use]
pub fn inbox_prefix(role: &Role) -> String {
    match role {
        Role::Setup => "_INBOX_setup".to_owned(),
        Role::Gateway => "_INBOX_gateway".to_owned(),
        Role::Analyst => "_INBOX_analyst".to_owned(),
        Role::Agent(id) => format!("_INBOX_agent_{id}"),
        // What `nats req` uses by itself. Operators could read each other's answers, all of which they may see
        // on `agents.*.results` anyway.
        Role::Operator => "_INBOX".to_owned(),
    }
}

/// The allow-list of a role.
#[must_use]
pub fn of(role: &Role) -> Permissions {
    let inbox = format!("{}.>", inbox_prefix(role));
    match role {
        Role::Setup => Permissions { publish: setup_publish(), subscribe: vec![inbox] },
        Role::Gateway => Permissions {
            publish: gateway_publish(),
            subscribe: vec![
                subject::ALL_FEEDS.to_owned(),
                subject::ALL_APPROVAL_FEEDS.to_owned(),
                kv(AGENTS_BUCKET, "*"),
                kv(PRESENCE_BUCKET, "*"),
                kv(SESSIONS_BUCKET, "*"),
                subject::LOGINS.to_owned(),
                inbox,
            ],
        },
        Role::Analyst => Permissions { publish: analyst_publish(), subscribe: analyst_subscribe(inbox) },
        Role::Agent(id) => Permissions { publish: agent_publish(id), subscribe: vec![subject::exec(id), inbox] },
        Role::Operator => Permissions {
            publish: vec![
                subject::ALL_EXEC.to_owned(),
                subject::ANALYSIS_REQUESTS.to_owned(),
                // What `nats micro` asks all services.
                "$SRV.>".to_owned(),
            ],
            subscribe: vec![
                subject::ALL_FEEDS.to_owned(),
                subject::ALL_APPROVAL_FEEDS.to_owned(),
                subject::ANALYSIS_RESULTS.to_owned(),
                inbox,
            ],
        },
    }
}

fn kv(bucket: &str, key: &str) -> String {
    format!("$KV.{bucket}.{key}")
}

/// The history and the buckets, which gateways read.
fn streams() -> impl Iterator<Item = String> {
    let buckets =
        [AGENTS_BUCKET, INVENTORY_BUCKET, PRESENCE_BUCKET, SESSIONS_BUCKET].map(|bucket| format!("KV_{bucket}"));
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
    // A range read names its subjects in the body, where the broker does not look: a gateway may read everything
    // that it serves, an agent may not, and so never gets this right.
    let read = streams().flat_map(|stream| {
        [
            format!("$JS.API.STREAM.INFO.{stream}"),
            format!("$JS.API.DIRECT.GET.{stream}"),
            format!("$JS.API.DIRECT.GET.{stream}.>"),
        ]
    });
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
        .chain([kv(SESSIONS_BUCKET, "*")])
        .chain(read)
        .chain(analyses)
        .collect()
}

fn analyst_publish() -> Vec<String> {
    // Answers go to those who may ask, and nowhere else: a reply subject is whatever the one who asks says.
    let inboxes = [Role::Gateway, Role::Operator].map(|role| format!("{}.>", inbox_prefix(&role)));
    [subject::ALL_ANALYSES.to_owned(), format!("$JS.API.STREAM.INFO.{ANALYSES}")].into_iter().chain(inboxes).collect()
}

fn analyst_subscribe(inbox: String) -> Vec<String> {
    // In its queue group only: who asks is answered once.
    let requests = format!("{} {}", subject::ANALYSIS_REQUESTS, service::ANALYSIS.queue_group);
    let verbs = ["PING", "INFO", "STATS"].into_iter().flat_map(|verb| {
        let name = service::ANALYSIS.name;
        [format!("$SRV.{verb}"), format!("$SRV.{verb}.{name}"), format!("$SRV.{verb}.{name}.*")]
    });
    [requests].into_iter().chain(verbs).chain([inbox]).collect()
}

fn agent_publish(id: &AgentId) -> Vec<String> {
    vec![
        subject::commands_of(id),
        subject::results_of(id),
        kv(AGENTS_BUCKET, id.as_str()),
        kv(PRESENCE_BUCKET, id.as_str()),
        kv(INVENTORY_BUCKET, id.as_str()),
        // The name of the consumer is the agent's own, and its filter stands in the subject: no other agent's
        // commands can be read, and no other agent's reading can be disturbed.
        format!("$JS.API.CONSUMER.CREATE.{COMMANDS}.{id}.commands.{id}.>"),
        format!("$JS.API.CONSUMER.MSG.NEXT.{COMMANDS}.{id}"),
        format!("$JS.API.CONSUMER.DELETE.{COMMANDS}.{id}"),
        format!("$JS.API.DIRECT.GET.{COMMANDS}.commands.{id}.*"),
        format!("$JS.API.DIRECT.GET.{RESULTS}.results.{id}.*"),
        format!("$JS.API.DIRECT.GET.KV_{AGENTS_BUCKET}.{}", kv(AGENTS_BUCKET, id.as_str())),
        format!("$JS.API.DIRECT.GET.KV_{PRESENCE_BUCKET}.{}", kv(PRESENCE_BUCKET, id.as_str())),
        // Answers to `nats req`.
        "_INBOX.>".to_owned(),
    ]
}

/// The table in `nats/README.md`.
#[must_use]
pub fn table() -> String {
    let mut text = String::from("| role | may publish to | may subscribe to |\n|---|---|---|\n");
    let Ok(example) = "ID".parse() else { return text };
    let roles = [
        ("setup", Role::Setup),
        ("gateway", Role::Gateway),
        ("analyst", Role::Analyst),
        ("agent `ID`", Role::Agent(example)),
        ("operator (a person)", Role::Operator),
    ];
    for (name, role) in roles {
        let cell = |subjects: &[String]| subjects.iter().map(|one| format!("`{one}`")).collect::<Vec<_>>().join("<br>");
        let permissions = of(&role);
        let _ = writeln!(text, "| {name} | {} | {} |", cell(&permissions.publish), cell(&permissions.subscribe));
    }
    text
}
