//! What hostile holders of credentials, and of none, try on the broker: design section 4.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use ogent_broker::accounts::Account;
use ogent_broker::credentials::{Authority, Claims, Creds, Key, KeyKind, SignerRole, account, jwt};
use ogent_broker::permissions::{self, Kind, Role, inbox_prefix};
use ogent_broker::service::{self, Service};
use ogent_broker::{Ledger, LoginOutcome, Logins};
use ogent_protocol::{AgentId, EventKind};
use ogent_testkit::{TestAgent, TestAnalyst, TestBroker, TestGateway, TestRegistrar, Wire, wait_until};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

const LIMIT: Duration = Duration::from_secs(20);

fn agent(id: &str) -> Role {
    Role::Agent(id.parse().unwrap())
}

async fn wire(broker: &TestBroker, role: &Role) -> Wire {
    Wire::connect(&broker.url(), &broker.creds(role)).await.unwrap()
}

/// How many messages the history has, and whether all of it is there.
async fn history(broker: &TestBroker) -> BTreeMap<&'static str, u64> {
    let gateway = broker.client(&Role::Gateway).await;
    let mut found = BTreeMap::new();
    for stream in ["COMMANDS", "RESULTS", "APPROVALS", "AUDIT", "KV_identities", "KV_users"] {
        let answer = gateway.request(format!("$JS.API.STREAM.INFO.{stream}"), "".into()).await.unwrap();
        let info: Value = serde_json::from_slice(&answer.payload).unwrap();
        found.insert(stream, info["state"]["messages"].as_u64().expect(stream));
    }
    found
}

/// Where a hostile agent would like answers and messages of the broker to go.
const FOREIGN: [&str; 8] = [
    "$JS.API.STREAM.DELETE.RESULTS",
    "$JS.API.STREAM.PURGE.RESULTS",
    "results.db-1.led",
    "commands.db-1.led",
    "approvals.db-1.led",
    "$KV.identities.db-1",
    "_INBOX_gateway.led",
    "analyses.led",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_reply_and_no_deliver_subject_leads_out_of_the_agents_account() {
    let broker = TestBroker::start().await;
    let mut evil = wire(&broker, &agent("web-1")).await;
    let mut gateway = wire(&broker, &Role::Gateway).await;
    gateway.subscribe("_INBOX_gateway.led", "").await.unwrap();
    let inbox = "_INBOX_agent_web-1.evil";
    evil.subscribe(inbox, "").await.unwrap();
    assert!(evil.publish("commands.web-1.own", Some(inbox), "", br#"{"command":"true"}"#).await);
    assert!(evil.publish("results.web-1.own", Some(inbox), "", b"{}").await);
    wait_until("both are stored", LIMIT, async || (history(&broker).await["RESULTS"] == 1).then_some(())).await;
    let before = history(&broker).await;
    for foreign in FOREIGN {
        // As the subject for an answer: of a stored message, of an error, of an acknowledgement, of several messages.
        for ask in [
            "LEDGER.API.DIRECT.GET.COMMANDS.commands.web-1.own",
            "LEDGER.API.DIRECT.GET.COMMANDS.commands.web-1.none",
            "LEDGER.API.CONSUMER.DELETE.COMMANDS.web-1",
            "LEDGER.API.CONSUMER.MSG.NEXT.COMMANDS.web-1",
            "$KV.agents.web-1",
        ] {
            assert!(evil.publish(ask, Some(foreign), "", b"{}").await, "{ask}");
        }
        // As the subject to which a consumer of its own delivers.
        let config = json!({"stream_name": "COMMANDS", "config": {
            "name": "web-1", "filter_subject": "commands.web-1.>", "ack_policy": "none", "deliver_policy": "all",
            "deliver_subject": foreign, "idle_heartbeat": 100_000_000, "inactive_threshold": 30_000_000_000_u64, "mem_storage": true,
        }});
        let create = "LEDGER.API.CONSUMER.CREATE.COMMANDS.web-1.commands.web-1.>";
        assert!(evil.publish(create, Some(inbox), "", config.to_string().as_bytes()).await);
        let heard = wait_until("an answer", LIMIT, async || evil.heard().await.pop()).await;
        // The broker takes it or refuses it as a circle; either way nothing may come of it.
        assert!(String::from_utf8_lossy(&heard.bytes).contains("consumer_create_response"), "{foreign}");
        // Long enough for what it delivers, and for its heartbeats.
        tokio::time::sleep(Duration::from_millis(250)).await;
        assert!(evil.publish("LEDGER.API.CONSUMER.DELETE.COMMANDS.web-1", Some(inbox), "", b"").await);
        wait_until("an answer", LIMIT, async || evil.heard().await.pop()).await;
    }
    assert!(evil.publish("results.web-1.last", Some(inbox), "", b"{}").await);
    wait_until("what came last", LIMIT, async || (history(&broker).await["RESULTS"] >= 2).then_some(())).await;
    let after = history(&broker).await;
    assert_eq!((after["RESULTS"], after["COMMANDS"]), (before["RESULTS"] + 1, before["COMMANDS"]));
    assert_eq!((after["APPROVALS"], after["KV_identities"]), (0, 0));
    // The consumer lives where the stream is, and does reach whoever listens there: with what the agent itself has
    // stored, under the subject on which that is stored, and with empty heartbeats. So everybody looks at the subject of
    // what they hear.
    let heard = gateway.heard().await;
    let is_beat = |bytes: &[u8]| bytes.starts_with(b"NATS/1.0 100 Idle Heartbeat");
    assert!(heard.iter().all(|one| one.subject == "commands.web-1.own" || is_beat(&one.bytes)), "{heard:?}");
}

/// Streams, and where a record of theirs begins that somebody would like to have written over.
const RECORDS: [(&str, &str); 10] = [
    ("COMMANDS", "commands.db-1"),
    ("RESULTS", "results.db-1"),
    ("APPROVALS", "approvals.db-1"),
    ("AUDIT", "audit"),
    ("KV_agents", "$KV.agents"),
    ("KV_identities", "$KV.identities"),
    ("KV_invites", "$KV.invites"),
    ("KV_users", "$KV.users"),
    ("KV_policies", "$KV.policies"),
    ("KV_sessions", "$KV.sessions"),
];

/// Asks everything that the role may ask, with every foreign subject for the answer.
async fn lead_answers(broker: &TestBroker, role: &Role, listened: &[&str]) {
    let mut evil = wire(broker, role).await;
    let own = format!("{}.end", inbox_prefix(role));
    evil.subscribe(&own, "").await.unwrap();
    let rights = permissions::of(role).publish;
    let asks = rights.iter().map(|right| right.replace(['>', '*'], "web-1"));
    let asks: Vec<String> = asks.filter(|ask| !ask.starts_with("_R_") && !ask.starts_with("_INBOX")).collect();
    let records = RECORDS.map(|(_, parent)| format!("{parent}.led-{}", role.name()));
    for ask in &asks {
        for target in records.iter().map(String::as_str).chain(listened.iter().copied()) {
            let body = br#"{"command":"true","seq":1,"batch":10}"#;
            assert!(evil.publish(ask, Some(target), "", body).await, "{role:?} {ask}");
        }
    }
    // What is answered has been, once these are: one agent hears nothing, and one has no consumer to be given from.
    for ask in &asks {
        evil.publish(ask, Some(&own), "", br#"{"command":"true"}"#).await;
    }
    let silent = ["agents.", "LEDGER.API.CONSUMER."];
    let wanted = asks.iter().filter(|ask| !silent.iter().any(|start| ask.starts_with(start))).count();
    let mut answers = 0;
    wait_until("the answers", LIMIT, async || {
        answers += evil.heard().await.len();
        (answers >= wanted).then_some(())
    })
    .await;
}

/// Answers go where the one who asks says, with the rights of the one who answers. So nobody who may ask and not write
/// shares an account with the streams.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_reply_leads_out_of_any_account() {
    let broker = TestBroker::start().await;
    let _analyst = TestAnalyst::start(&broker).await;
    let _registrar = TestRegistrar::start(&broker).await;
    let mut beside = wire(&broker, &Role::Gateway).await;
    let listened = ["_INBOX_gateway.led", "logins.outcomes", "agents.db-1.results", "agents.db-1.approvals"];
    for subject in listened {
        beside.subscribe(subject, "").await.unwrap();
    }
    let enroll = Role::Enroll("token-1".parse().unwrap());
    let roles = [Role::Person, Role::Analyst, Role::Mirror, Role::Registrar, enroll, agent("web-1")];
    futures::future::join_all(roles.iter().map(|role| lead_answers(&broker, role, &listened))).await;
    // Behind everything that they have caused.
    let gateway = broker.client(&Role::Gateway).await;
    gateway.publish("logins.outcomes", "last".into()).await.unwrap();
    let heard = wait_until("what came last", LIMIT, async || {
        let heard = beside.heard().await;
        (!heard.is_empty()).then_some(heard)
    })
    .await;
    assert_eq!(heard.iter().map(|one| one.bytes.as_slice()).collect::<Vec<_>>(), [b"last\r\n"]);
    for (stream, parent) in RECORDS {
        for role in &roles {
            let subject = format!("{parent}.led-{}", role.name());
            let found = gateway.request(format!("$JS.API.DIRECT.GET.{stream}.{subject}"), "".into()).await.unwrap();
            assert_eq!(found.status.map(|status| status.as_u16()), Some(404), "{subject}: {found:?}");
        }
    }
}

/// A consumer delivers to whatever subject its maker names, where the stream is: services live elsewhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_consumer_delivers_is_no_request() {
    let broker = TestBroker::start().await;
    let registrar = broker.connect(&Role::Registrar).await;
    let mut service = Service::start(&registrar, &service::REGISTRAR, "0.0.1", || json!({})).await.unwrap();
    registrar.ping().await.unwrap();
    let mut evil = wire(&broker, &agent("web-1")).await;
    let inbox = "_INBOX_agent_web-1.evil";
    evil.subscribe(inbox, "").await.unwrap();
    for number in 0..20 {
        let own = format!("commands.web-1.led-{number}");
        assert!(evil.publish(&own, Some(inbox), "", br#"{"from":"evil"}"#).await);
        wait_until("it is stored", LIMIT, async || evil.heard().await.pop()).await;
    }
    for group in ["", "registrars"] {
        let config = json!({"stream_name": "COMMANDS", "config": {
            "name": "web-1", "filter_subject": "commands.web-1.>", "ack_policy": "none", "deliver_policy": "all",
            "deliver_subject": "registrar.admin", "deliver_group": group, "mem_storage": true,
        }});
        let create = "LEDGER.API.CONSUMER.CREATE.COMMANDS.web-1.commands.web-1.>";
        assert!(evil.publish(create, Some(inbox), "", config.to_string().as_bytes()).await);
        wait_until("the consumer", LIMIT, async || evil.heard().await.pop()).await;
        let gateway = broker.client(&Role::Gateway).await;
        for number in 0..20 {
            gateway.publish("registrar.admin", format!("{{\"from\":{number}}}").into()).await.unwrap();
            gateway.flush().await.unwrap();
            let next = tokio::time::timeout(LIMIT, service.next()).await.unwrap().unwrap();
            assert_eq!(next.read::<Value>(1024).unwrap(), json!({"from": number}));
        }
        assert!(evil.publish("LEDGER.API.CONSUMER.DELETE.COMMANDS.web-1", Some(inbox), "", b"").await);
        wait_until("an answer", LIMIT, async || evil.heard().await.pop()).await;
    }
}

/// A consumer brings what an agent has stored, with the headers of its making, to any subject where the streams are; and
/// what a registrar or the broker answers comes to any subject where agents are. None of it is what it looks like.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_led_to_a_feed_or_an_agent_is_passed_over() {
    let broker = TestBroker::start().await;
    let _agent = TestAgent::start(&broker, "db-1").await;
    let _registrar = TestRegistrar::start(&broker).await;
    let listening = broker.connect(&Role::Gateway).await;
    let db: AgentId = "db-1".parse().unwrap();
    let mut feed = Ledger::new(&listening).follow_agent(&db, None).await.unwrap();
    let (_, mut outcomes) = Logins::join(&listening, "one", CancellationToken::new()).await.unwrap();
    let (others, _) = Logins::join(&listening, "other", CancellationToken::new()).await.unwrap();
    let before = history(&broker).await;

    let mut evil = wire(&broker, &agent("web-1")).await;
    let inbox = "_INBOX_agent_web-1.evil";
    evil.subscribe(inbox, "").await.unwrap();
    let forged = "Nats-Stream: RESULTS\r\nNats-Subject: results.db-1.led\r\nNats-Sequence: 9007199254740991\r\n\
                  Nats-Time-Stamp: 2026-01-01T00:00:00Z\r\nContent-Type: application/json";
    let event = include_str!("../../schemas/golden/event-started.json");
    let outcome = br#"{"from":"evil","account":"a","network":"n","is_right":true}"#;
    for (name, headers, body) in [("event", forged, event.as_bytes()), ("outcome", "", outcome.as_slice())] {
        assert!(evil.publish(&format!("commands.web-1.{name}"), Some(inbox), headers, body).await);
        wait_until("it is stored", LIMIT, async || evil.heard().await.pop()).await;
    }
    for deliver in ["agents.db-1.results", "logins.outcomes", "agents.db-1.exec", "agents.db-1.approvals"] {
        let config = json!({"stream_name": "COMMANDS", "config": {
            "name": "web-1", "filter_subject": "commands.web-1.>", "ack_policy": "none", "deliver_policy": "all",
            "deliver_subject": deliver, "mem_storage": true,
        }});
        let create = "LEDGER.API.CONSUMER.CREATE.COMMANDS.web-1.commands.web-1.>";
        assert!(evil.publish(create, Some(inbox), "", config.to_string().as_bytes()).await);
        wait_until("the consumer", LIMIT, async || evil.heard().await.pop()).await;
        assert!(evil.publish("LEDGER.API.CONSUMER.DELETE.COMMANDS.web-1", Some(inbox), "", b"").await);
        wait_until("an answer", LIMIT, async || evil.heard().await.pop()).await;
    }
    // A refusal of the registrar's, an acknowledgement, and what the broker's API says.
    let mut invited = wire(&broker, &Role::Enroll("token-1".parse().unwrap())).await;
    assert!(invited.publish("enroll.requests", Some("agents.db-1.exec"), "", b"{}").await);
    for ask in ["$KV.agents.web-1", "LEDGER.API.CONSUMER.DELETE.COMMANDS.web-1"] {
        assert!(evil.publish(ask, Some("agents.db-1.exec"), "", b"{}").await);
    }
    // The first that is heard is what comes behind all of it.
    let last = LoginOutcome { account: "b".into(), network: "n".into(), is_right: false };
    others.tell(last.clone()).await;
    assert_eq!(tokio::time::timeout(LIMIT, outcomes.recv()).await.unwrap(), Some(last));
    let gateway = TestGateway::start(&broker).await;
    wait_until("the agent", LIMIT, async || {
        (gateway.post("/agents/db-1/execute", json!({"command": "true"})).await.0 == 200).then_some(())
    })
    .await;
    // The agent has written down what it was asked to run, and no more.
    let mut commands = BTreeSet::new();
    let mut count = 0;
    loop {
        let heard = tokio::time::timeout(LIMIT, feed.next()).await.unwrap().unwrap();
        assert!(heard.sequence < 1000, "{heard:?}");
        count += 1;
        commands.insert(heard.event.command.clone());
        if matches!(heard.event.kind, EventKind::Finished(_)) {
            break;
        }
    }
    assert_eq!((commands.len(), history(&broker).await["RESULTS"]), (1, before["RESULTS"] + count));
}

/// Within the agents' account the broker does lead its answers to another agent, which takes none of them for a command.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_agent_leads_to_another_one_is_not_run() {
    let broker = TestBroker::start().await;
    let _agent = TestAgent::start(&broker, "db-1").await;
    let gateway = TestGateway::start(&broker).await;
    let mut evil = wire(&broker, &agent("web-1")).await;
    let dir = tempfile::tempdir().unwrap();
    let mark = dir.path().join("mark");
    let inbox = "_INBOX_agent_web-1.evil";
    evil.subscribe(inbox, "").await.unwrap();
    let intent = json!({"command": format!("touch {}", mark.display()), "id": "led"}).to_string();
    assert!(evil.publish("commands.web-1.led", Some(inbox), "", intent.as_bytes()).await);
    wait_until("it is stored", LIMIT, async || evil.heard().await.pop()).await;
    let config = json!({"stream_name": "COMMANDS", "config": {
        "name": "web-1", "filter_subject": "commands.web-1.>", "ack_policy": "none", "deliver_policy": "all",
    }});
    let create = "LEDGER.API.CONSUMER.CREATE.COMMANDS.web-1.commands.web-1.>";
    assert!(evil.publish(create, Some(inbox), "", config.to_string().as_bytes()).await);
    wait_until("the consumer", LIMIT, async || evil.heard().await.pop()).await;
    for ask in [
        "LEDGER.API.DIRECT.GET.COMMANDS.commands.web-1.led",
        "LEDGER.API.CONSUMER.MSG.NEXT.COMMANDS.web-1",
        "commands.web-1.more",
    ] {
        assert!(evil.publish(ask, Some("agents.db-1.exec"), "", b"").await, "{ask}");
    }
    // Nor may it say so itself, or have the broker's traces go there.
    assert!(!evil.publish("agents.db-1.exec", None, "", intent.as_bytes()).await);
    // What comes behind all of it has run.
    let path = "/agents/db-1/execute";
    wait_until("the agent", LIMIT, async || {
        (gateway.post(path, json!({"command": "true"})).await.0 == 200).then_some(())
    })
    .await;
    assert!(!mark.exists());
    let list = gateway.get("/commands").await.1.to_string();
    assert!(!list.contains("touch") || !list.contains("\"agent_id\":\"db-1\",\"command\":\"touch"), "{list}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn traces_go_nowhere_foreign() {
    let broker = TestBroker::start().await;
    let mut evil = wire(&broker, &agent("web-1")).await;
    let mut victim = wire(&broker, &agent("db-1")).await;
    victim.subscribe("agents.db-1.exec", "").await.unwrap();
    victim.subscribe("_INBOX_agent_db-1.>", "").await.unwrap();
    let mut gateway = wire(&broker, &Role::Gateway).await;
    gateway.subscribe("_INBOX_gateway.x", "").await.unwrap();
    let before = history(&broker).await;
    for target in [
        "agents.db-1.exec",
        "_INBOX_agent_db-1.x",
        "_INBOX_gateway.x",
        "results.db-1.x",
        "$JS.API.STREAM.DELETE.RESULTS",
    ] {
        for only in ["", "\r\nNats-Trace-Only: true"] {
            let headers = format!("Nats-Trace-Dest: {target}{only}");
            evil.publish("$KV.presence.web-1", None, &headers, b"{}").await;
            let traced = format!("traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n{headers}");
            evil.publish("$KV.presence.web-1", None, &traced, b"{}").await;
        }
    }
    // Whoever publishes behind it is heard behind it.
    assert!(gateway.publish("agents.db-1.exec", None, "", b"{}").await);
    let heard = wait_until("the message behind it", LIMIT, async || {
        let heard = victim.heard().await;
        (!heard.is_empty()).then_some(heard)
    })
    .await;
    assert_eq!(heard.iter().map(|one| one.bytes.as_slice()).collect::<Vec<_>>(), [b"{}\r\n"]);
    assert_eq!(gateway.heard().await, []);
    assert_eq!(history(&broker).await, before);
}

/// A token by this key that says whatever one likes.
fn token(issuer: &Key, user: &Key, name: &str, nats: Value) -> String {
    jwt::encode(issuer, Claims::new(issuer.public(), user.public(), name, Timestamp::now(), nats)).unwrap()
}

fn plain(authority: &Authority, account: Account) -> Value {
    json!({"issuer_account": authority.account(account), "type": "user", "version": 2})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_that_do_not_count_let_nobody_in() {
    let broker = TestBroker::start().await;
    let (authority, user, now) = (broker.authority(), Key::generate(KeyKind::User), Timestamp::now());
    let role = authority.role(Kind::Agent);
    let agents = plain(authority, Account::Agents);
    let everything = json!({"allow": [">"]});
    let with = |extra: Value| {
        let mut claims = agents.clone();
        claims.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        claims
    };
    let hour = SignedDuration::from_hours(1);
    let expired =
        Claims::new(role.public(), user.public(), "web-1", now - hour, agents.clone()).until(Some(now - hour / 2));
    let (foreign, stranger) = (Authority::generate(), Key::generate(KeyKind::Account));
    let creds = Creds::parse(&broker.creds(&agent("db-1"))).unwrap();
    let signer = authority.signer(SignerRole::Agent, &"web-1".parse().unwrap(), now).unwrap();
    let key = |key: &Key| Key::from_seed(key.public().kind(), &key.seed().unwrap()).unwrap();
    let cases: Vec<(&str, String, Option<Key>)> = vec![
        ("expired", jwt::encode(role, expired).unwrap(), Some(key(&user))),
        ("by a foreign account's key", token(&stranger, &user, "web-1", agents.clone()), Some(key(&user))),
        (
            "by another operator's role",
            token(foreign.role(Kind::Agent), &user, "web-1", plain(&foreign, Account::Agents)),
            Some(key(&user)),
        ),
        (
            "by another operator's role, for our account",
            token(foreign.role(Kind::Agent), &user, "web-1", agents.clone()),
            Some(key(&user)),
        ),
        (
            "with permissions of its own",
            token(role, &user, "web-1", with(json!({"pub": everything, "sub": everything}))),
            Some(key(&user)),
        ),
        (
            "with limits of its own",
            token(role, &user, "web-1", with(json!({"subs": -1, "data": -1, "payload": -1}))),
            Some(key(&user)),
        ),
        ("a bearer of its own making", token(role, &user, "web-1", with(json!({"bearer_token": true}))), None),
        (
            "an agent's in the account of the streams",
            token(role, &user, "web-1", plain(authority, Account::Ogent)),
            Some(key(&user)),
        ),
        (
            "an agent's in the system account",
            token(role, &user, "web-1", plain(authority, Account::System)),
            Some(key(&user)),
        ),
        ("by the operator's key", token(authority.signing_key(), &user, "web-1", agents.clone()), Some(key(&user))),
        ("by the user itself", token(&user, &user, "web-1", agents.clone()), Some(key(&user))),
        ("somebody else's, without the key", creds.jwt.clone(), Some(key(&user))),
        ("somebody else's, without a signature", creds.jwt.clone(), None),
        ("a signer's certificate", signer.certificate.token().to_owned(), Some(key(&signer.key))),
        ("nonsense", "a.b.c".to_owned(), Some(key(&user))),
        ("none", String::new(), Some(key(&user))),
    ];
    for (what, token, key) in cases {
        let found = Wire::log_in(&broker.url(), &token, key.as_ref()).await;
        assert!(
            found.is_err_and(|error| error.contains("Authorization Violation") || error.contains("Authentication")),
            "{what}"
        );
    }
    // The same way of making one, without the fault, lets in: the test would show nothing otherwise.
    let good = token(role, &user, "web-1", agents);
    assert!(Wire::log_in(&broker.url(), &good, Some(&user)).await.is_ok());
    let invitation = Role::Enroll("token-1".parse().unwrap());
    let bearer = Creds::parse(&broker.creds(&invitation)).unwrap().jwt;
    assert!(Wire::log_in(&broker.url(), &bearer, None).await.is_ok());
}

/// Only who has the agents' role key can make such a token, and that can be any agent; issuing refuses these names.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_is_a_wildcard_gains_no_more_than_all_agents_have() {
    let broker = TestBroker::start().await;
    let (authority, user) = (broker.authority(), Key::generate(KeyKind::User));
    for name in ["*", ">", "a.b", "web-1.>", "*.*"] {
        assert!(name.parse::<ogent_broker::credentials::Name>().is_err(), "{name}");
        let token = token(authority.role(Kind::Agent), &user, name, plain(authority, Account::Agents));
        let Ok(mut wire) = Wire::log_in(&broker.url(), &token, Some(&user)).await else { continue };
        for subject in [
            ">",
            "$SYS.>",
            "$JS.>",
            "$JS.API.>",
            "$KV.>",
            "$KV.users.*",
            "agents.*.results",
            "_INBOX.>",
            "_INBOX_gateway.>",
            "_INBOX_agent_web-1.>",
            "_INBOX_agent_web-1.x",
            "enroll.requests",
            "commands.>",
            "results.>",
        ] {
            assert_eq!(wire.subscribe(subject, "").await, None, "{name} hears {subject}");
        }
        for subject in [
            "$JS.API.STREAM.DELETE.COMMANDS",
            "$JS.API.STREAM.INFO.COMMANDS",
            "LEDGER.API.STREAM.DELETE.COMMANDS",
            "agents.web-1.exec",
            "approvals.web-1.x",
            "$KV.users.x",
            "$KV.identities.x",
            "audit.login",
            "registrar.admin",
            "_INBOX_gateway.x",
            "LEDGER.API.DIRECT.GET.COMMANDS",
            "enroll.requests",
        ] {
            assert!(!wire.publish(subject, None, "", b"{}").await, "{name} says {subject}");
        }
    }
}

async fn update(broker: &TestBroker, token: String) -> Value {
    let claims = broker.client(&Role::Claims).await;
    let answer = claims.request("$SYS.REQ.CLAIMS.UPDATE", token.into()).await.unwrap();
    serde_json::from_slice(&answer.payload).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_agent_is_cut_off_at_once_and_for_good() {
    let mut broker = TestBroker::start().await;
    let (mut evil, mut other) = (wire(&broker, &agent("web-1")).await, wire(&broker, &agent("db-1")).await);
    let claims = broker.client(&Role::Claims).await;
    let account = broker.authority().account(Account::Agents);
    let lookup = format!("$SYS.REQ.ACCOUNT.{account}.CLAIMS.LOOKUP");
    let token = claims.request(lookup, "".into()).await.unwrap().payload;
    let token = String::from_utf8(token.to_vec()).unwrap();
    let creds = broker.creds(&agent("web-1"));
    let key = Creds::parse(&creds).unwrap().key.public();
    let authority = broker.authority();
    let revoked =
        account::revoke(authority.signing_key(), &authority.operators(), &token, &key, Timestamp::now()).unwrap();
    let began = std::time::Instant::now();
    assert_eq!(update(&broker, revoked).await["data"]["code"], 200);
    assert!(evil.closed().await.contains("Revoked"), "{:?}", evil.errors());
    assert!(began.elapsed() < Duration::from_secs(5));
    assert!(Wire::connect(&broker.url(), &creds).await.is_err());
    assert!(other.publish("results.db-1.x", None, "", b"{}").await, "the others stay");
    // The configuration still names the account as it was; what came later counts.
    broker.restart().await;
    assert!(Wire::connect(&broker.url(), &creds).await.is_err());
    assert!(Wire::connect(&broker.url(), &broker.creds(&agent("db-1"))).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_or_damaged_account_is_not_taken_over() {
    let broker = TestBroker::start().await;
    let (authority, foreign) = (broker.authority(), Authority::generate());
    let now = Timestamp::now() + SignedDuration::from_secs(10);
    let claims = authority.claims(Account::Agents, BTreeMap::new());
    // By another operator, for our account: with its own role key in it. And another operator's account.
    let mut forged = claims;
    forged.signing_keys = foreign.claims(Account::Agents, BTreeMap::new()).signing_keys;
    let account = authority.account(Account::Agents);
    let forged = account::issue(foreign.signing_key(), account, "AGENTS", forged, now).unwrap();
    let good = authority.account_token(Account::Agents, BTreeMap::new(), now + SignedDuration::from_secs(10)).unwrap();
    update(&broker, forged).await;
    update(&broker, foreign.account_token(Account::Agents, BTreeMap::new(), now).unwrap()).await;
    let user = Key::generate(KeyKind::User);
    for nats in [plain(authority, Account::Agents), plain(&foreign, Account::Agents)] {
        let token = token(foreign.role(Kind::Agent), &user, "web-1", nats);
        assert!(Wire::log_in(&broker.url(), &token, Some(&user)).await.is_err());
    }
    // Who may send the broker accounts can lock out, and nothing else; a good one opens again.
    assert_eq!(update(&broker, good).await["data"]["code"], 200);
    assert!(Wire::connect(&broker.url(), &broker.creds(&agent("web-1"))).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_end_when_they_say_so() {
    let broker = TestBroker::start().await;
    let (authority, key, now) = (broker.authority(), Key::generate(KeyKind::User), Timestamp::now());
    let end = Some(now + SignedDuration::from_secs(3));
    let jwt = authority.user_token(Kind::Agent, &"web-1".parse().unwrap(), &key.public(), now, end).unwrap();
    let mut wire = Wire::log_in(&broker.url(), &jwt, Some(&key)).await.unwrap();
    assert!(wire.closed().await.contains("Expired"), "{:?}", wire.errors());
    // The broker cuts off in the second in which they end, and lets in until that is over.
    wait_until("the end of the second", LIMIT, async || {
        Wire::log_in(&broker.url(), &jwt, Some(&key)).await.is_err().then_some(())
    })
    .await;
}

/// A message that rolls up takes away all others under its subjects, or of the whole bucket.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_takes_away_what_others_say() {
    let broker = TestBroker::start().await;
    let evil = broker.client(&agent("web-1")).await;
    for subject in
        ["$KV.presence.web-1", "$KV.agents.web-1", "$KV.inventory.web-1", "results.web-1.x", "commands.web-1.x"]
    {
        for how in ["all", "sub"] {
            let mut headers = async_nats::HeaderMap::new();
            headers.insert("Nats-Rollup", how);
            let answer = evil.request_with_headers(subject, headers, "{}".into()).await.unwrap();
            let answer: serde_json::Value = serde_json::from_slice(&answer.payload).unwrap();
            assert!(answer["error"]["err_code"].is_number(), "{subject} {how}: {answer}");
        }
    }
}
