//! Who may do what on the broker: every role, every kind of subject, publishing, subscribing, alone and in a queue group,
//! and asking. What is expected is written down here by hand, and not taken from the permissions themselves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use ogent_broker::permissions::{Role, inbox_prefix};
use ogent_protocol::subject;
use ogent_testkit::{TestBroker, Wire};

const LIMIT: Duration = Duration::from_secs(5);

/// Letters of roles: Setup, Gateway, aNalyst, Registrar, Mirror, Person, Agent web-1, other agent (B) db-1, Enroll, Claims.
const ROLES: &str = "SGNRMPABEC";

fn role(letter: char) -> Role {
    match letter {
        'S' => Role::Setup,
        'G' => Role::Gateway,
        'N' => Role::Analyst,
        'R' => Role::Registrar,
        'M' => Role::Mirror,
        'P' => Role::Person,
        'A' => Role::Agent("web-1".parse().unwrap()),
        'B' => Role::Agent("db-1".parse().unwrap()),
        'E' => Role::Enroll("token-1".parse().unwrap()),
        'C' => Role::Claims,
        other => panic!("{other}"),
    }
}

/// Subject; who may publish to it; who may subscribe to it. With `?` in front: who publishes gets an answer.
const TABLE: &[(&str, &str, &str)] = &[
    // The ledger.
    ("?commands.web-1.c1", "GA", ""),
    ("?commands.db-1.c1", "GB", ""),
    ("?results.web-1.c1", "A", ""),
    ("?results.db-1.c1", "B", ""),
    ("?approvals.web-1.c1", "G", ""),
    ("analyses.c1", "N", ""),
    ("?audit.login", "GR", "G"),
    ("audit.login.more", "", ""),
    ("commands.web-1", "", ""),
    ("commands.web-1.c1.more", "", ""),
    ("results.web-1.c1.more", "", ""),
    // The live feeds.
    ("agents.web-1.exec", "GP", "A"),
    ("agents.db-1.exec", "GP", "B"),
    ("agents.web-1.results", "", "GMP"),
    ("agents.web-1.approvals", "", "GMP"),
    ("analysis.results", "", "P"),
    ("analysis.requests", "GP", ""),
    ("logins.outcomes", "G", "G"),
    // Enrolment.
    ("enroll.requests", "E", ""),
    ("enroll.renew.web-1", "A", ""),
    ("enroll.renew.db-1", "B", ""),
    ("registrar.admin", "G", ""),
    // Buckets.
    ("?$KV.agents.web-1", "A", "G"),
    ("?$KV.agents.db-1", "B", "G"),
    ("?$KV.presence.web-1", "A", "G"),
    ("?$KV.inventory.web-1", "A", ""),
    ("?$KV.users.alice", "G", "G"),
    ("?$KV.sessions.s1", "G", "G"),
    ("?$KV.tickets.t1", "G", "G"),
    ("?$KV.policies.p1", "G", "G"),
    ("?$KV.invites.i1", "R", ""),
    ("?$KV.identities.web-1", "R", "G"),
    ("$KV.other.x", "", ""),
    // JetStream: making streams.
    ("?$JS.API.STREAM.CREATE.COMMANDS", "S", ""),
    ("?$JS.API.STREAM.UPDATE.RESULTS", "S", ""),
    ("?$JS.API.STREAM.UPDATE.AUDIT", "S", ""),
    ("?$JS.API.STREAM.UPDATE.KV_identities", "S", ""),
    ("$JS.API.STREAM.CREATE.OTHER", "", ""),
    ("$JS.API.STREAM.DELETE.COMMANDS", "", ""),
    ("$JS.API.STREAM.PURGE.COMMANDS", "", ""),
    ("$JS.API.STREAM.MSG.DELETE.COMMANDS", "", ""),
    ("$JS.API.STREAM.MSG.GET.COMMANDS", "", ""),
    ("$JS.API.STREAM.SNAPSHOT.COMMANDS", "", ""),
    ("$JS.API.STREAM.RESTORE.COMMANDS", "", ""),
    ("$JS.API.STREAM.LIST", "", ""),
    ("$JS.API.STREAM.NAMES", "", ""),
    ("$JS.API.INFO", "", ""),
    // Reading.
    ("?$JS.API.STREAM.INFO.COMMANDS", "SG", ""),
    ("?$JS.API.STREAM.INFO.RESULTS", "SG", ""),
    ("?$JS.API.STREAM.INFO.APPROVALS", "SG", ""),
    ("?$JS.API.STREAM.INFO.ANALYSES", "SG", ""),
    ("?$JS.API.STREAM.INFO.AUDIT", "SG", ""),
    ("?$JS.API.STREAM.INFO.KV_users", "SG", ""),
    ("?$JS.API.STREAM.INFO.KV_invites", "SG", ""),
    ("?$JS.API.DIRECT.GET.COMMANDS", "G", ""),
    ("?$JS.API.DIRECT.GET.COMMANDS.commands.web-1.c1", "G", ""),
    ("?$JS.API.DIRECT.GET.RESULTS.results.web-1.c1", "G", ""),
    ("?$JS.API.DIRECT.GET.APPROVALS", "G", ""),
    ("?$JS.API.DIRECT.GET.AUDIT.audit.login", "G", ""),
    ("?$JS.API.DIRECT.GET.ANALYSES.analyses.c1", "G", ""),
    ("$JS.API.DIRECT.GET.ANALYSES", "", ""),
    ("?$JS.API.DIRECT.GET.KV_users.$KV.users.alice", "G", ""),
    ("?$JS.API.DIRECT.GET.KV_sessions", "G", ""),
    ("?$JS.API.DIRECT.GET.KV_invites.$KV.invites.i1", "G", ""),
    ("?$JS.API.DIRECT.GET.KV_identities", "G", ""),
    // Consumers: nobody where the streams are.
    ("$JS.API.CONSUMER.CREATE.COMMANDS", "", ""),
    ("$JS.API.CONSUMER.CREATE.COMMANDS.web-1.commands.web-1.>", "", ""),
    ("$JS.API.CONSUMER.DURABLE.CREATE.COMMANDS.x", "", ""),
    ("$JS.API.CONSUMER.MSG.NEXT.COMMANDS.web-1", "", ""),
    ("$JS.API.CONSUMER.DELETE.COMMANDS.web-1", "", ""),
    ("$JS.ACK.COMMANDS.web-1.1.1.1.1.0", "", ""),
    ("$JS.FC.COMMANDS.web-1.x", "", ""),
    // The same as those call it who are elsewhere. Agents: each its own.
    ("?LEDGER.API.CONSUMER.CREATE.COMMANDS.web-1.commands.web-1.>", "A", ""),
    ("LEDGER.API.CONSUMER.CREATE.COMMANDS.web-1.commands.db-1.>", "", ""),
    ("LEDGER.API.CONSUMER.CREATE.COMMANDS.db-1.commands.web-1.>", "", ""),
    ("LEDGER.API.CONSUMER.CREATE.COMMANDS.x.commands.web-1.>", "", ""),
    ("LEDGER.API.CONSUMER.CREATE.COMMANDS.web-1", "", ""),
    ("LEDGER.API.CONSUMER.CREATE.RESULTS.web-1.results.web-1.>", "", ""),
    ("LEDGER.API.CONSUMER.MSG.NEXT.COMMANDS.web-1", "A", ""),
    ("LEDGER.API.CONSUMER.MSG.NEXT.COMMANDS.db-1", "B", ""),
    ("?LEDGER.API.CONSUMER.DELETE.COMMANDS.web-1", "A", ""),
    ("?LEDGER.API.DIRECT.GET.COMMANDS.commands.web-1.c1", "AM", ""),
    ("?LEDGER.API.DIRECT.GET.RESULTS.results.web-1.c1", "AM", ""),
    ("?LEDGER.API.DIRECT.GET.COMMANDS", "M", ""),
    ("?LEDGER.API.DIRECT.GET.RESULTS", "M", ""),
    ("?LEDGER.API.DIRECT.GET.KV_agents.$KV.agents.web-1", "A", ""),
    ("?LEDGER.API.DIRECT.GET.KV_presence.$KV.presence.web-1", "A", ""),
    ("LEDGER.API.DIRECT.GET.KV_users.$KV.users.alice", "", ""),
    ("?LEDGER.API.DIRECT.GET.KV_identities.$KV.identities.web-1", "R", ""),
    ("?LEDGER.API.DIRECT.GET.KV_identities", "R", ""),
    ("?LEDGER.API.DIRECT.GET.KV_invites", "R", ""),
    ("?LEDGER.API.DIRECT.GET.KV_invites.$KV.invites.i1", "R", ""),
    ("?LEDGER.API.STREAM.INFO.KV_invites", "R", ""),
    ("?LEDGER.API.STREAM.INFO.KV_identities", "R", ""),
    ("?LEDGER.API.STREAM.INFO.ANALYSES", "N", ""),
    ("?LEDGER.API.STREAM.INFO.RESULTS", "M", ""),
    ("?LEDGER.API.STREAM.INFO.COMMANDS", "M", ""),
    ("LEDGER.API.STREAM.DELETE.COMMANDS", "", ""),
    // Answers.
    ("_INBOX.x", "AB", "P"),
    ("_INBOX_gateway.x", "", "G"),
    ("_INBOX_setup.x", "", "S"),
    ("_INBOX_analyst.x", "", "N"),
    ("_INBOX_registrar.x", "", "R"),
    ("_INBOX_mirror.x", "", "M"),
    ("_INBOX_agent_web-1.x", "", "A"),
    ("_INBOX_agent_db-1.x", "", "B"),
    ("_INBOX_enroll_token-1.x", "", "E"),
    ("_INBOX_enroll_token-2.x", "", ""),
    ("_INBOX_claims.x", "", "C"),
    ("_R_.x", "NR", ""),
    // Services.
    ("$SRV.PING", "P", "NR"),
    ("$SRV.STATS.ogent-analysis", "GP", "N"),
    ("$SRV.STATS.ogent-registrar", "P", "R"),
    // The broker itself.
    ("?$SYS.REQ.CLAIMS.UPDATE", "C", ""),
    ("$SYS.REQ.CLAIMS.DELETE", "", ""),
    ("$SYS.REQ.CLAIMS.LIST", "", ""),
    ("$SYS.REQ.ACCOUNT.AAAA.CLAIMS.LOOKUP", "C", ""),
    ("$SYS.REQ.ACCOUNT.AAAA.CONNZ", "", ""),
    ("$SYS.REQ.SERVER.PING", "", ""),
    ("$SYS.REQ.USER.INFO", "", ""),
    ("$SYS.REQ.SERVER.AAAA.RELOAD", "", ""),
    ("$SYS.ACCOUNT.AAAA.CONNECT", "", ""),
    // Everything at once, for those who listen.
    (">", "", ""),
    ("*", "", ""),
    ("*.*", "", ""),
    ("commands.>", "", ""),
    ("commands.*.*", "G", ""),
    ("results.*.*", "", ""),
    ("agents.>", "", ""),
    ("agents.*.*", "", ""),
    ("agents.*.exec", "GP", ""),
    ("agents.*.results", "", "GMP"),
    ("$KV.>", "", ""),
    ("$KV.users.>", "G", "G"),
    ("$KV.identities.>", "R", "G"),
    ("$JS.>", "", ""),
    ("$JS.API.>", "", ""),
    ("$JS.EVENT.>", "", ""),
    ("LEDGER.>", "", ""),
    ("$SYS.>", "", ""),
    ("$SRV.>", "", ""),
    ("enroll.>", "", ""),
    ("enroll.renew.*", "", ""),
    ("_INBOX.>", "AB", "P"),
    ("_INBOX_agent_web-1.>", "", "A"),
    ("_R_.>", "NR", ""),
    ("something.else", "", ""),
];

/// Services hear requests in their own queue group only: who asks is answered once.
const QUEUES: &[(&str, &str, &str)] = &[
    ("analysis.requests", "analysts", "N"),
    ("analysis.requests", "thieves", ""),
    ("enroll.requests", "registrars", "R"),
    ("enroll.requests", "thieves", ""),
    ("enroll.renew.*", "registrars", "R"),
    ("enroll.renew.*", "*", ""),
    ("registrar.admin", "registrars", "R"),
    ("registrar.admin", "analysts", ""),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_role_may_do_what_it_should_and_nothing_else() {
    let broker = TestBroker::start().await;
    let (mut wrong, mut cells) = (Vec::new(), 0);
    for letter in ROLES.chars() {
        let role = role(letter);
        let inbox = format!("{}.matrix", inbox_prefix(&role));
        let mut wire = Wire::connect(&broker.url(), &broker.creds(&role)).await.unwrap();
        let answers = wire.subscribe(&inbox, "").await.expect("its own inbox");
        let mut check = |what: String, expected: bool, found: bool| {
            cells += 1;
            if expected != found {
                wrong.push(format!("{role:?} {what}: expected {expected}, found {found}"));
            }
        };
        for (subject, publish, subscribe) in TABLE {
            let (subject, is_answered) = (subject.trim_start_matches('?'), subject.starts_with('?'));
            let may = publish.contains(letter);
            let did = wire.publish(subject, Some(&inbox), "", b"{}").await;
            check(format!("publish {subject}"), may, did);
            if is_answered {
                let answered = did && answer(&mut wire, answers).await;
                check(format!("request {subject}"), may, answered);
            }
            for queue in ["", "thieves"] {
                let number = wire.subscribe(subject, queue).await;
                check(format!("subscribe {subject} {queue}"), subscribe.contains(letter), number.is_some());
                if let Some(number) = number {
                    wire.unsubscribe(number).await;
                }
            }
            wire.heard().await;
        }
        for (subject, queue, subscribe) in QUEUES {
            let number = wire.subscribe(subject, queue).await;
            check(format!("subscribe {subject} {queue}"), subscribe.contains(letter), number.is_some());
            if let Some(number) = number {
                wire.unsubscribe(number).await;
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {cells} cells:\n{}", wrong.len(), wrong.join("\n"));
    assert!(cells > 3_000, "{cells} cells");
}

/// A stream, an error or a stored message: anything but that nobody is there.
async fn answer(wire: &mut Wire, answers: u32) -> bool {
    let is_answer = |bytes: &[u8]| !bytes.starts_with(b"NATS/1.0 503");
    let deadline = Instant::now() + LIMIT;
    while Instant::now() < deadline {
        let heard = wire.heard().await;
        if let Some(one) = heard.iter().find(|one| one.subscription == answers) {
            return is_answer(&one.bytes);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    false
}

/// The table above is about every right that is given: a new one has to be thought about here, too.
#[test]
fn every_right_stands_in_the_matrix() {
    let subjects: BTreeSet<&str> = TABLE.iter().map(|row| row.0.trim_start_matches('?')).collect();
    let queues: BTreeSet<String> = QUEUES.iter().map(|row| format!("{} {}", row.0, row.1)).collect();
    let mut missing: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for letter in ROLES.chars().filter(|&letter| letter != 'B') {
        let role = role(letter);
        let rights = ogent_broker::permissions::of(&role);
        for right in rights.publish.iter().chain(&rights.subscribe) {
            let is_there = queues.contains(right)
                || subjects.iter().any(|subject| *subject == right || subject::matches(right, subject));
            if !is_there {
                missing.entry(right.clone()).or_default().push(format!("{role:?}"));
            }
        }
    }
    // One row for each kind of request is enough where a role has the same for each stream.
    missing.retain(|right, _| !right.starts_with("$JS.API.") && !right.starts_with("$SRV."));
    assert!(missing.is_empty(), "{missing:#?}");
}
