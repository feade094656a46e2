//! What somebody has to approve: it waits, somebody else decides once, and whatever dies on the way, what was approved
//! runs once and what was not never does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use ogent_broker::permissions::Role as Part;
use ogent_broker::{Ledger, ProposalRecord, Submission};
use ogent_protocol::approval::{Expired, Refusal};
use ogent_protocol::{
    Approval, CommandId, PolicyMode, Program, ProposalEvent, ProposalKind, ProposalState, RiskLevel, Run,
};
use ogent_risk::Policy;
use ogent_testkit::{TestAgent, TestBroker, TestGateway, wait_until};
use serde_json::{Value, json};
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(30);

/// Asks about everything, whatever the rules say of it.
fn asks() -> Policy {
    Policy { mode: PolicyMode::Enforce, ask: RiskLevel::None, ..Policy::default() }
}

async fn gateway(broker: &TestBroker) -> TestGateway {
    TestGateway::start_with(broker, |config| config.policy = asks()).await
}

async fn agent(broker: &TestBroker) -> TestAgent {
    TestAgent::start_with(broker, "web-1", |config| config.policy = asks()).await
}

/// Broker, gateway and agent that ask about everything, and a folder.
async fn stage() -> (TestBroker, TestGateway, TestAgent, TempDir) {
    let broker = TestBroker::start().await;
    let (gateway, agent) = (gateway(&broker).await, agent(&broker).await);
    (broker, gateway, agent, TempDir::new().unwrap())
}

fn token(user: &str) -> String {
    TestGateway::token_of(user)
}

fn alice() -> String {
    token("alice")
}

fn bob() -> String {
    token("bob")
}

/// A line that leaves a mark for each time that it runs.
fn marks(folder: &TempDir) -> (String, PathBuf) {
    let file = folder.path().join("ran");
    (format!("echo ran >> {}; echo done", file.display()), file)
}

fn runs(file: &Path) -> usize {
    std::fs::read_to_string(file).unwrap_or_default().lines().count()
}

/// Asks for a command as alice; it waits.
async fn ask(gateway: &TestGateway, line: &str) -> (String, Value) {
    let (status, pending) = gateway.post_as(&alice(), "/agents/web-1/execute", json!({"command": line})).await;
    assert_eq!((status, pending["status"].as_str()), (202, Some("awaiting_approval")), "{pending}");
    (pending["id"].as_str().unwrap().to_owned(), pending)
}

async fn decide(gateway: &TestGateway, who: &str, id: &str, what: &str, body: Value) -> (u16, Value) {
    gateway.post_as(who, &format!("/commands/{id}/{what}"), body).await
}

async fn until(gateway: &TestGateway, id: &str, status: &str) -> Value {
    let path = format!("/commands/{id}");
    let what = format!("command {id} to be {status}");
    wait_until(&what, LIMIT, async || {
        let (_, view) = gateway.get(&path).await;
        (view["status"] == status).then_some(view)
    })
    .await
}

/// What follows a command until its end, by type.
async fn follow(gateway: &TestGateway, id: &str, after: Option<u64>) -> Vec<String> {
    all_of(open(gateway, id, after).await).await
}

/// The stream of events, joined: what happens from now on comes by it.
async fn open(gateway: &TestGateway, id: &str, after: Option<u64>) -> reqwest::Response {
    let mut request = gateway.request(reqwest::Method::GET, &format!("/commands/{id}/events"));
    if let Some(after) = after {
        request = request.header("Last-Event-ID", after.to_string());
    }
    request.send().await.unwrap()
}

async fn all_of(stream: reqwest::Response) -> Vec<String> {
    let text = stream.text().await.unwrap();
    let name = |line: &str| line.strip_prefix("event:").map(|name| name.trim().trim_start_matches("ogent.").to_owned());
    text.lines().filter_map(name).collect()
}

async fn ledger(broker: &TestBroker) -> Ledger {
    Ledger::new(&broker.connect(&Part::Gateway).await)
}

async fn record(ledger: &Ledger, id: &str) -> ProposalRecord {
    ledger.proposal(&id.parse::<CommandId>().unwrap()).await.unwrap().unwrap()
}

/// Writes a decision as a gateway would, and nothing else.
async fn write(ledger: &Ledger, record: &ProposalRecord, kind: ProposalKind) -> bool {
    let (agent, command) = (record.agent.clone(), record.run.id.clone());
    ledger.decide(record, &ProposalEvent { agent, command, n: 1, time: Timestamp::now(), kind }).await.unwrap()
}

fn approval(record: &ProposalRecord, by: &str) -> ProposalKind {
    let hash = record.hash.clone().unwrap();
    ProposalKind::Approved(Approval { by: by.to_owned(), at: Timestamp::now(), reason: None, hash })
}

#[tokio::test]
async fn somebody_else_approves_and_it_runs_once() {
    let (_broker, gateway, _agent, folder) = stage().await;
    let (line, file) = marks(&folder);
    let (id, pending) = ask(&gateway, &line).await;
    assert_eq!(pending["approval"]["state"], "awaiting");
    assert!(pending["verdict"]["level"].is_string() && pending["ruling"]["decision"] == "ask", "{pending}");
    let hash = pending["approval"]["hash"].as_str().unwrap();
    let (_, open) = gateway.get_as(&bob(), "/approvals").await;
    assert_eq!((open["approvals"][0]["id"].as_str(), open["approvals"].as_array().unwrap().len()), (Some(&*id), 1));
    assert_eq!(open["approvals"][0]["approval"]["hash"], hash);
    let body = json!({"reason": "looked at it", "hash": hash});
    let (status, view) = decide(&gateway, &bob(), &id, "approve", body).await;
    assert_eq!((status, view["approval"]["by"].as_str()), (202, Some("bob")), "{view}");
    let view = until(&gateway, &id, "succeeded").await;
    assert_eq!(view["approval"]["state"], "approved");
    assert_eq!(
        (view["approval"]["by"].as_str(), view["approval"]["reason"].as_str()),
        (Some("bob"), Some("looked at it"))
    );
    assert_eq!((view["requested_by"].as_str(), view["verdict"]["level"].is_string()), (Some("alice"), true), "{view}");
    assert_eq!(gateway.get("/approvals").await.1["approvals"], json!([]));
    let (_, all) = gateway.get("/approvals?all=true").await;
    assert_eq!(
        (all["approvals"][0]["id"].as_str(), &all["approvals"][0]["approval"]["state"]),
        (Some(&*id), &json!("approved"))
    );
    // A retry of the approval is the same one.
    assert_eq!(decide(&gateway, &bob(), &id, "approve", json!({})).await.0, 202);
    let listed = gateway.get("/commands").await.1["commands"].clone();
    assert_eq!((listed.as_array().unwrap().len(), listed[0]["risk"].is_string()), (1, true), "{listed}");
    assert_eq!(runs(&file), 1);
}

#[tokio::test]
async fn nobody_approves_their_own_and_not_everybody_approves() {
    let (_broker, gateway, _agent, folder) = stage().await;
    let (line, file) = marks(&folder);
    let (id, _) = ask(&gateway, &line).await;
    let both = token("both");
    let (_, theirs) = gateway.post_as(&both, "/agents/web-1/execute", json!({"command": line})).await;
    let (status, problem) = decide(&gateway, &both, theirs["id"].as_str().unwrap(), "approve", json!({})).await;
    assert_eq!((status, problem["code"].as_str()), (403, Some("own_command")), "{problem}");
    for user in ["eve", "olga"] {
        for what in ["approve", "deny"] {
            let (status, problem) = decide(&gateway, &token(user), &id, what, json!({})).await;
            assert_eq!((status, problem["code"].as_str()), (403, Some("forbidden")), "{user} {what}");
        }
    }
    let (status, _) = gateway.post_as(&bob(), "/agents/web-1/execute", json!({"command": "true"})).await;
    assert_eq!(status, 403, "an approver does not run commands");
    // Not even an admin.
    let (_, own) = gateway.post("/agents/web-1/execute", json!({"command": line})).await;
    let own = own["id"].as_str().unwrap();
    let (status, problem) = decide(&gateway, &gateway.token, own, "approve", json!({})).await;
    assert_eq!((status, problem["code"].as_str()), (403, Some("own_command")));
    assert_eq!(runs(&file), 0);
    assert_eq!(decide(&gateway, &gateway.token, &id, "approve", json!({})).await.0, 202);
    until(&gateway, &id, "succeeded").await;
    assert_eq!(runs(&file), 1);
}

#[tokio::test]
async fn a_request_may_wait_for_the_decision() {
    let (_broker, gateway, _agent, _folder) = stage().await;
    let execute =
        async |line: &str| gateway.post_as(&alice(), "/agents/web-1/execute?wait=30", json!({"command": line})).await;
    let open = async || {
        wait_until("a proposal", LIMIT, async || {
            let (_, open) = gateway.get("/approvals").await;
            open["approvals"][0]["id"].as_str().map(str::to_owned)
        })
        .await
    };
    let (answer, ()) = tokio::join!(execute("echo approved"), async {
        let id = open().await;
        assert_eq!(decide(&gateway, &bob(), &id, "approve", json!({})).await.0, 202);
    });
    assert_eq!((answer.0, answer.1["stdout"].as_str()), (200, Some("approved\n")), "{}", answer.1);
    assert_eq!(answer.1["approval"]["by"], "bob");
    let (answer, ()) = tokio::join!(execute("echo denied"), async {
        let id = open().await;
        assert_eq!(decide(&gateway, &bob(), &id, "deny", json!({"reason": "not today"})).await.0, 200);
    });
    assert_eq!((answer.0, answer.1["status"].as_str()), (200, Some("denied")), "{}", answer.1);
    assert_eq!(answer.1["message"], "denied by bob: not today");
    // Nobody decides: the answer is what is known.
    let (status, pending) =
        gateway.post_as(&alice(), "/agents/web-1/execute?wait=1", json!({"command": "echo late"})).await;
    assert_eq!((status, pending["status"].as_str()), (202, Some("awaiting_approval")));
}

#[tokio::test]
async fn what_is_denied_or_taken_back_stays_so() {
    let (_broker, gateway, _agent, folder) = stage().await;
    let (line, file) = marks(&folder);
    let (denied, _) = ask(&gateway, &line).await;
    let (status, view) = decide(&gateway, &bob(), &denied, "deny", json!({})).await;
    assert_eq!((status, view["status"].as_str()), (200, Some("denied")));
    let (withdrawn, _) = ask(&gateway, &line).await;
    let (status, view) = decide(&gateway, &alice(), &withdrawn, "cancel", json!({"reason": "a mistake"})).await;
    assert_eq!((status, view["status"].as_str()), (200, Some("cancelled")), "{view}");
    assert_eq!(view["message"], "cancelled by alice: a mistake");
    for (id, state) in [(&denied, "denied"), (&withdrawn, "withdrawn")] {
        let (status, problem) = decide(&gateway, &bob(), id, "approve", json!({})).await;
        assert_eq!((status, problem["code"].as_str()), (409, Some("not_awaiting_approval")));
        assert!(problem["detail"].as_str().unwrap().contains(state), "{problem}");
        assert_eq!(gateway.get(&format!("/commands/{id}")).await.1["approval"]["state"], state);
        // What has ended stays as it is.
        assert_eq!(decide(&gateway, &alice(), id, "cancel", json!({})).await.0, 200);
    }
    // Doing it again is no mistake; the other thing is.
    assert_eq!(decide(&gateway, &bob(), &denied, "deny", json!({})).await.0, 200);
    assert_eq!(decide(&gateway, &bob(), &withdrawn, "deny", json!({})).await.0, 409);
    let (_, page) = gateway.get("/commands?status=denied").await;
    assert_eq!((page["commands"][0]["id"].as_str(), page["commands"].as_array().unwrap().len()), (Some(&*denied), 1));
    assert_eq!(gateway.get("/commands").await.1["commands"].as_array().unwrap().len(), 2);
    assert_eq!(follow(&gateway, &denied, None).await, ["approval.proposed", "approval.denied", "end"]);
    assert_eq!(runs(&file), 0);
}

#[tokio::test]
async fn of_several_who_decide_at_once_one_does() {
    let (broker, one, _agent, folder) = stage().await;
    let two = gateway(&broker).await;
    for round in 0..5 {
        let file = folder.path().join(format!("ran-{round}"));
        let (id, _) = ask(&one, &format!("echo ran >> {}", file.display())).await;
        let dave = token("dave");
        let (bob, erin) = (bob(), token("erin"));
        let (first, second, denial) = tokio::join!(
            decide(&one, &bob, &id, "approve", json!({})),
            decide(&two, &dave, &id, "approve", json!({})),
            decide(&two, &erin, &id, "deny", json!({})),
        );
        let won: Vec<&str> = [("bob", &first), ("dave", &second), ("erin", &denial)]
            .into_iter()
            .filter(|(_, answer)| answer.0 < 300)
            .map(|(who, _)| who)
            .collect();
        let &[winner] = &won[..] else { panic!("{won:?}: {first:?} {second:?} {denial:?}") };
        for answer in [&first, &second, &denial].into_iter().filter(|answer| answer.0 >= 300) {
            assert_eq!((answer.0, answer.1["code"].as_str()), (409, Some("not_awaiting_approval")));
            assert!(answer.1["detail"].as_str().unwrap().contains(winner), "{}", answer.1);
        }
        let view = until(&one, &id, if winner == "erin" { "denied" } else { "succeeded" }).await;
        assert_eq!(view["approval"]["by"], winner);
        assert_eq!(runs(&file), usize::from(winner != "erin"));
    }
}

#[tokio::test]
async fn what_nobody_approves_in_time_expires() {
    let broker = TestBroker::start().await;
    let _agent = agent(&broker).await;
    let gateway = TestGateway::start_with(&broker, |config| {
        config.policy = asks();
        config.approval_window = Duration::from_secs(2);
    })
    .await;
    let (id, pending) = ask(&gateway, "true").await;
    let expires_at: Timestamp = pending["approval"]["expires_at"].as_str().unwrap().parse().unwrap();
    assert!(expires_at.duration_since(Timestamp::now()).as_secs() <= 2);
    let followed = follow(&gateway, &id, None).await;
    assert_eq!(followed, ["approval.proposed", "approval.expired", "end"]);
    let (status, problem) = decide(&gateway, &bob(), &id, "approve", json!({})).await;
    assert_eq!((status, problem["code"].as_str()), (409, Some("not_awaiting_approval")));
    let view = until(&gateway, &id, "expired").await;
    assert_eq!((view["cause"].as_str(), &view["approval"]["state"]), (Some("not_approved"), &json!("expired")));
    assert_eq!(gateway.get("/approvals").await.1["approvals"], json!([]));
    let (status, view) = decide(&gateway, &alice(), &id, "cancel", json!({})).await;
    assert_eq!((status, view["status"].as_str()), (200, Some("expired")), "what has ended stays as it is");
    // Where nobody looks, some gateway writes it down.
    let (id, _) = ask(&gateway, "true").await;
    let ledger = ledger(&broker).await;
    wait_until("the end of the proposal", LIMIT, async || {
        matches!(record(&ledger, &id).await.state, ProposalState::Expired(_)).then_some(())
    })
    .await;
    // A not_after of its own comes before the window.
    let soon = Timestamp::now().checked_add(jiff::SignedDuration::from_secs(1)).unwrap();
    let body = json!({"command": "true", "not_after": soon});
    let (_, pending) = gateway.post_as(&alice(), "/agents/web-1/execute", body).await;
    assert_eq!(pending["approval"]["expires_at"].as_str().unwrap().parse::<Timestamp>().unwrap(), soon);
}

#[tokio::test]
async fn an_approval_is_for_what_was_seen() {
    let (_broker, gateway, _agent, _folder) = stage().await;
    let (id, _) = ask(&gateway, "true").await;
    let other = json!({"hash": "0".repeat(64)});
    let (status, problem) = decide(&gateway, &bob(), &id, "approve", other).await;
    assert_eq!((status, problem["code"].as_str()), (409, Some("approval_mismatch")));
    for bad in [json!({"hash": "x"}), json!({"reason": ""}), json!({"why": "x"}), json!({"reason": "x".repeat(5000)})] {
        let (status, problem) = decide(&gateway, &bob(), &id, "approve", bad).await;
        assert_eq!((status, problem["code"].as_str()), (422, Some("invalid_request")), "{problem}");
    }
    assert_eq!(decide(&gateway, &bob(), "no-such-command", "approve", json!({})).await.0, 404);
    assert_eq!(decide(&gateway, &bob(), "a%20b", "approve", json!({})).await.0, 400);
    assert_eq!(gateway.get("/approvals?limit=0").await.0, 400);
    assert_eq!(gateway.get("/approvals?cursor=x").await.0, 400);
    assert_eq!(gateway.get(&format!("/commands/{id}")).await.1["status"], "awaiting_approval");
    assert_eq!(gateway.get(&format!("/commands/{id}/output")).await.0, 200);
}

#[tokio::test]
async fn an_approval_outlives_the_gateway_that_took_it() {
    let (broker, gateway, _agent, folder) = stage().await;
    let ledger = ledger(&broker).await;
    let file = |name: &str| folder.path().join(name);
    let line = |name: &str| format!("echo ran >> {}", file(name).display());
    let (looked_at, _) = ask(&gateway, &line("looked-at")).await;
    let (again, _) = ask(&gateway, &line("again")).await;
    let (swept, _) = ask(&gateway, &line("swept")).await;
    for id in [&looked_at, &again, &swept] {
        // As a gateway that is killed right behind the approval leaves it.
        let record = record(&ledger, id).await;
        assert!(write(&ledger, &record, approval(&record, "bob")).await);
    }
    gateway.crash().await;
    let gateway = self::gateway(&broker).await;
    assert_eq!(decide(&gateway, &bob(), &again, "approve", json!({})).await.0, 202);
    until(&gateway, &looked_at, "succeeded").await;
    until(&gateway, &again, "succeeded").await;
    // Nobody looks at this one but the gateway itself.
    wait_until("the command that nobody looks at", LIMIT, async || (runs(&file("swept")) > 0).then_some(())).await;
    until(&gateway, &swept, "succeeded").await;
    for name in ["looked-at", "again", "swept"] {
        assert_eq!(runs(&file(name)), 1, "{name}");
    }
}

#[tokio::test]
async fn another_command_under_the_id_is_not_taken_for_what_was_approved() {
    let (broker, gateway, _agent, folder) = stage().await;
    let ledger = ledger(&broker).await;
    let (line, file) = marks(&folder);
    let (id, _) = ask(&gateway, &line).await;
    let record = record(&ledger, &id).await;
    let other = Run { program: Program::Shell("true".into()), ..record.run.clone() };
    assert!(matches!(ledger.submit(&record.agent, &other).await.unwrap(), Submission::New { .. }));
    // The second approval finds what the first one has written, and says the same.
    for _ in 0..2 {
        let (status, problem) = decide(&gateway, &bob(), &id, "approve", json!({})).await;
        assert_eq!((status, problem["code"].as_str()), (409, Some("approval_mismatch")), "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains("another command"), "{problem}");
    }
    // Neither stops the sweep: what is approved behind it is sent.
    let (swept, _) = ask(&gateway, &line).await;
    let waiting = self::record(&ledger, &swept).await;
    assert!(write(&ledger, &waiting, approval(&waiting, "bob")).await);
    wait_until("the approved command", LIMIT, async || (runs(&file) > 0).then_some(())).await;
    assert_eq!((until(&gateway, &id, "rejected").await["command"].as_str(), runs(&file)), (Some("true"), 1));
}

#[tokio::test]
async fn what_may_not_be_written_is_not_believed() {
    let (broker, gateway, _agent, folder) = stage().await;
    let (line, file) = marks(&folder);
    let (id, _) = ask(&gateway, &line).await;
    let ledger = ledger(&broker).await;
    let now = Timestamp::now();
    let wrong_hash = Approval { by: "bob".into(), at: now, reason: None, hash: "0".repeat(64) };
    for kind in [
        |record: &ProposalRecord| approval(record, "alice"),
        |_: &ProposalRecord| ProposalKind::Expired(Expired { at: Timestamp::now() }),
    ] {
        let record = record(&ledger, &id).await;
        assert!(write(&ledger, &record, kind(&record)).await);
    }
    let before = record(&ledger, &id).await;
    assert!(write(&ledger, &before, ProposalKind::Approved(wrong_hash)).await);
    assert_eq!(gateway.get(&format!("/commands/{id}")).await.1["status"], "awaiting_approval");
    assert_eq!(gateway.get("/commands").await.1["commands"][0]["status"], "awaiting_approval");
    assert_eq!(runs(&file), 0);
    // A decision that was overtaken is none, either.
    let refusal = Refusal { by: "mallory".into(), at: now, reason: None };
    assert!(!write(&ledger, &before, ProposalKind::Denied(refusal)).await);
    assert_eq!(decide(&gateway, &bob(), &id, "approve", json!({})).await.0, 202);
    until(&gateway, &id, "succeeded").await;
    assert_eq!((runs(&file), gateway.get("/commands").await.1["commands"].as_array().unwrap().len()), (1, 1));
}

#[tokio::test]
async fn an_agent_has_no_say_in_approvals() {
    let (broker, gateway, _agent, folder) = stage().await;
    let (line, file) = marks(&folder);
    let (id, _) = ask(&gateway, &line).await;
    let ledger = ledger(&broker).await;
    let opened = record(&ledger, &id).await;
    let evil = broker.client(&Part::Agent("web-1".parse().unwrap())).await;
    // Neither by its own word,
    let (agent, command) = (opened.agent.clone(), opened.run.id.clone());
    let event = ProposalEvent { agent, command, n: 1, time: Timestamp::now(), kind: approval(&opened, "bob") };
    let subject = format!("approvals.web-1.{id}");
    evil.publish(subject.clone(), serde_json::to_vec(&event).unwrap().into()).await.unwrap();
    // nor by an answer of the broker that it leads there: of what it has put into its own part of the ledger.
    let own = "commands.web-1.led";
    evil.request(own, serde_json::to_vec(&event).unwrap().into()).await.unwrap();
    let get = format!("LEDGER.API.DIRECT.GET.COMMANDS.{own}");
    evil.publish_with_reply(get.clone(), subject.clone(), "".into()).await.unwrap();
    evil.request(get, "".into()).await.unwrap();
    assert_eq!(record(&ledger, &id).await.last_sequence, opened.last_sequence, "it leads nowhere from its account");
    // Where somebody else has led it there, it counts for nothing.
    let server = broker.client(&Part::Gateway).await;
    server.publish_with_reply(format!("$JS.API.DIRECT.GET.COMMANDS.{own}"), subject, "".into()).await.unwrap();
    wait_until("what was led there", LIMIT, async || {
        (record(&ledger, &id).await.last_sequence > opened.last_sequence).then_some(())
    })
    .await;
    assert_eq!(gateway.get(&format!("/commands/{id}")).await.1["status"], "awaiting_approval");
    assert_eq!(gateway.get("/approvals").await.1["approvals"][0]["id"], id);
    assert_eq!(runs(&file), 0);
    // It does not keep others from deciding.
    assert_eq!(decide(&gateway, &bob(), &id, "approve", json!({})).await.0, 202);
    until(&gateway, &id, "succeeded").await;
    assert_eq!(runs(&file), 1);
}

#[tokio::test]
async fn a_socket_shows_it_too() {
    use futures::{SinkExt as _, StreamExt as _};
    use tokio_tungstenite::tungstenite::Message;
    let (_broker, gateway, _agent, _folder) = stage().await;
    let (id, _) = ask(&gateway, "echo done").await;
    let url = format!("{}/ws", gateway.url.replace("http", "ws"));
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    for message in
        [json!({"type": "auth", "token": bob()}), json!({"type": "subscribe", "topic": {"command": {"command": id}}})]
    {
        socket.send(Message::text(message.to_string())).await.unwrap();
    }
    let mut seen = Vec::new();
    loop {
        let next = tokio::time::timeout(LIMIT, socket.next()).await.expect("nothing came").unwrap().unwrap();
        let Message::Text(text) = next else { continue };
        let message: Value = serde_json::from_str(&text).unwrap();
        let event = message["event"]["type"].as_str().unwrap_or_default().trim_start_matches("ogent.");
        seen.push(format!("{} {event}", message["type"].as_str().unwrap()));
        match message["type"].as_str() {
            Some("approval") if event == "approval.proposed" => {
                assert_eq!(decide(&gateway, &bob(), &id, "approve", json!({})).await.0, 202);
            }
            Some("ended") => {
                assert_eq!(message["status"], "succeeded");
                break;
            }
            _ => {}
        }
    }
    let expected = ["ready ", "subscribed ", "approval approval.proposed", "approval approval.approved"];
    assert_eq!(seen[..4], expected);
    assert_eq!(seen[4..], ["event command.accepted", "event command.finished", "ended "]);
}

#[tokio::test]
async fn who_follows_sees_it_go_on_and_end() {
    let (_broker, gateway, _agent, _folder) = stage().await;
    let (id, _) = ask(&gateway, "echo done").await;
    let stream = open(&gateway, &id, None).await;
    decide(&gateway, &bob(), &id, "approve", json!({})).await;
    let seen = all_of(stream).await;
    let expected = ["approval.proposed", "approval.approved", "command.accepted", "command.finished", "end"];
    assert_eq!(seen, expected);
    assert_eq!(follow(&gateway, &id, None).await, expected, "later, too");
    assert_eq!(follow(&gateway, &id, Some(0)).await, ["command.finished", "end"]);
    assert_eq!(follow(&gateway, &id, Some(1)).await, ["end"]);
}

#[tokio::test]
async fn what_waits_outlives_every_part() {
    let (mut broker, gateway, agent, folder) = stage().await;
    let (line, file) = marks(&folder);
    let (id, _) = ask(&gateway, &line).await;
    agent.stop().await;
    gateway.stop().await;
    broker.restart().await;
    let gateway = self::gateway(&broker).await;
    assert_eq!(gateway.get("/approvals").await.1["approvals"][0]["id"], id);
    assert_eq!(decide(&gateway, &bob(), &id, "approve", json!({})).await.0, 202);
    assert_eq!(gateway.get(&format!("/commands/{id}")).await.1["status"], "queued");
    let _agent = self::agent(&broker).await;
    until(&gateway, &id, "succeeded").await;
    assert_eq!(runs(&file), 1);
}

#[tokio::test]
async fn a_retry_is_the_same_proposal() {
    let (_broker, gateway, _agent, _folder) = stage().await;
    let with_key = async |key: &str, line: &str| {
        let request = gateway.request(reqwest::Method::POST, "/agents/web-1/execute").header("Idempotency-Key", key);
        let response = request.json(&json!({"command": line})).send().await.unwrap();
        (response.status().as_u16(), response.json::<Value>().await.unwrap())
    };
    let (first, retry) = tokio::join!(with_key("k", "true"), with_key("k", "true"));
    assert_eq!((first.0, retry.0, &first.1["id"]), (202, 202, &retry.1["id"]));
    let (status, problem) = with_key("k", "false").await;
    assert_eq!((status, problem["code"].as_str()), (422, Some("idempotency_mismatch")));
    let id = first.1["id"].as_str().unwrap();
    decide(&gateway, &bob(), id, "deny", json!({})).await;
    let (status, result) = with_key("k", "true").await;
    assert_eq!((status, result["status"].as_str()), (200, Some("denied")));
    assert_eq!(gateway.get("/commands").await.1["commands"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn commands_and_proposals_are_one_history() {
    let broker = TestBroker::start().await;
    let _agent = agent(&broker).await;
    let asking = gateway(&broker).await;
    let free = TestGateway::start_with(&broker, |config| config.policy.mode = PolicyMode::Off).await;
    let mut expected = Vec::new();
    for n in 0..9 {
        let line = format!("echo {n}");
        let by = if n % 3 == 0 { &free } else { &asking };
        let (_, answer) = by.post_as(&alice(), "/agents/web-1/execute", json!({"command": line})).await;
        let id = answer["id"].as_str().unwrap();
        if n % 3 == 1 {
            assert_eq!(decide(&asking, &bob(), id, "deny", json!({})).await.0, 200);
        }
        expected.insert(0, line);
    }
    for limit in [1, 2, 3, 50] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let (status, page) = asking.get(&format!("/commands?limit={limit}{cursor}")).await;
            assert_eq!(status, 200, "{page}");
            let commands = page["commands"].as_array().unwrap();
            assert!(commands.len() <= limit);
            seen.extend(commands.iter().map(|command| command["command"].as_str().unwrap().to_owned()));
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(seen, expected, "limit={limit}");
    }
    let count =
        async |query: &str| asking.get(&format!("/commands?{query}")).await.1["commands"].as_array().unwrap().len();
    assert_eq!(count("status=denied").await, 3);
    assert_eq!(count("status=awaiting_approval").await, 3);
    assert_eq!(count("user=alice").await, 9);
    assert_eq!(count("user=bob").await, 0);
    assert_eq!(count("agent=db-1").await, 0);
    assert_eq!(count("until=2000-01-01T00:00:00Z").await, 0);
    let (_, page) = asking.get("/approvals?all=true&limit=4").await;
    assert_eq!(page["approvals"].as_array().unwrap().len(), 4);
    let (_, rest) = asking.get(&format!("/approvals?all=true&cursor={}", page["next_cursor"].as_str().unwrap())).await;
    assert_eq!((rest["approvals"].as_array().unwrap().len(), rest.get("next_cursor")), (2, None));
}

#[tokio::test]
async fn people_of_the_users_file_log_in_and_approve() {
    let broker = TestBroker::start().await;
    let _agent = agent(&broker).await;
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("users");
    let password = ogent_runtime::Secret::new("battery staple".to_owned());
    let line = |name, role| ogent_gateway::user_line(name, &[role], &password).unwrap();
    std::fs::write(&file, format!("{}\n{}\n", line("alice", "operator"), line("bob", "approver"))).unwrap();
    let gateway = TestGateway::start_with(&broker, |config| {
        config.policy = asks();
        config.users = ogent_gateway::read_users(&file).unwrap();
    })
    .await;
    let login = async |name: &str, password: &str| {
        let form = [("username", name), ("password", password)];
        let response = reqwest::Client::new().post(format!("{}/token", gateway.url)).form(&form).send().await.unwrap();
        (response.status().as_u16(), response.json::<Value>().await.unwrap())
    };
    assert_eq!(login("bob", "correct horse battery").await.0, 401);
    assert_eq!(login("carol", "battery staple").await.0, 401);
    let (status, body) = login("bob", "battery staple").await;
    assert_eq!(status, 200);
    let (id, _) = ask(&gateway, "true").await;
    let (status, view) = decide(&gateway, body["access_token"].as_str().unwrap(), &id, "approve", json!({})).await;
    assert_eq!((status, view["approval"]["by"].as_str()), (202, Some("bob")), "{view}");
    until(&gateway, &id, "succeeded").await;
}
