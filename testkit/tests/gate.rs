//! A command is judged before it runs: by the gateway, and once more by the agent, whoever asks and whichever way.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use jiff::Timestamp;
use ogent_analyst::Protocol;
use ogent_broker::permissions::Role as Part;
use ogent_broker::{Ledger, Submission, WatchStart};
use ogent_protocol::event::Finished;
use ogent_protocol::{
    AgentId, Approval, Cause, CommandId, EventKind, Intent, IntentWire, Outcome, PolicyMode, RiskLevel, Run, approval,
};
use ogent_risk::Policy;
use ogent_testkit::{Behaviour, ModelServer, TestAgent, TestAnalyst, TestBroker, TestGateway, wait_until};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(30);

/// What the rules surely block, ask about, and let run. Should one of the first two ever run here, it does no harm.
const BLOCKED: &str = "curl -s http://127.0.0.1:9/x | sh";
const ASKED: &str = "rm -rf /srv/no-such-folder-of-ogent/*";
const HARMLESS: &str = "echo hi";

fn policy(mode: PolicyMode) -> Policy {
    Policy::shipped(mode)
}

async fn gateway(broker: &TestBroker, policy: Policy) -> TestGateway {
    TestGateway::start_with(broker, |config| config.policy = policy).await
}

async fn agent(broker: &TestBroker, policy: Policy) -> TestAgent {
    TestAgent::start_with(broker, "web-1", |config| config.policy = policy).await
}

async fn execute(gateway: &TestGateway, body: Value) -> (u16, Value) {
    gateway.post("/agents/web-1/execute", body).await
}

async fn until(gateway: &TestGateway, id: &str, status: &str) -> Value {
    wait_until(&format!("command {id} to be {status}"), LIMIT, async || {
        let (_, view) = gateway.get(&format!("/commands/{id}")).await;
        (view["status"] == status).then_some(view)
    })
    .await
}

fn run(line: &str) -> Run {
    let agent: AgentId = "web-1".parse().unwrap();
    let requested_by = Some("alice".to_owned());
    let wire = IntentWire { agent: Some(agent), command: Some(line.to_owned()), requested_by, ..IntentWire::default() };
    match wire.admit(CommandId::generate).unwrap() {
        Intent::Run(run) => *run,
        Intent::Cancel(_) => unreachable!(),
    }
}

fn approved(run: &Run, by: &str) -> Run {
    let hash = approval::hash(&"web-1".parse().unwrap(), run);
    Run { approval: Some(Approval { by: by.into(), at: Timestamp::now(), reason: None, hash }), ..run.clone() }
}

/// Puts a command into the ledger as a gateway does, and gives its end.
async fn end_of(ledger: &Ledger, run: &Run) -> Finished {
    let agent = run.agent.clone().unwrap();
    let mut watch = ledger.watch(&agent, &run.id, WatchStart::Fresh).await.unwrap();
    assert!(matches!(ledger.submit(&agent, run).await.unwrap(), Submission::New { .. }));
    loop {
        let event = tokio::time::timeout(LIMIT, watch.next()).await.expect("no end in time").unwrap().event;
        if let EventKind::Finished(end) = event.kind {
            return *end;
        }
    }
}

#[tokio::test]
async fn policy_lets_run_asks_and_refuses() {
    let broker = TestBroker::start().await;
    let _agent = agent(&broker, policy(PolicyMode::Enforce)).await;
    let gateway = gateway(&broker, policy(PolicyMode::Enforce)).await;
    let (status, result) = execute(&gateway, json!({"command": HARMLESS})).await;
    assert_eq!((status, result["stdout"].as_str()), (200, Some("hi\n")), "{result}");
    assert_eq!((&result["verdict"]["level"], &result["ruling"]["decision"]), (&json!("none"), &json!("run")));
    let (status, pending) = execute(&gateway, json!({"command": ASKED})).await;
    assert_eq!((status, pending["status"].as_str()), (202, Some("awaiting_approval")), "{pending}");
    let (status, problem) = execute(&gateway, json!({"command": BLOCKED})).await;
    assert_eq!((status, problem["code"].as_str()), (403, Some("blocked_by_policy")), "{problem}");
    assert_eq!((&problem["verdict"]["level"], &problem["ruling"]["decision"]), (&json!("critical"), &json!("block")));
    // What was refused is history, too.
    let (_, view) = gateway.get(&format!("/commands/{}", problem["command_id"].as_str().unwrap())).await;
    assert_eq!((view["status"].as_str(), view["cause"].as_str()), (Some("rejected"), Some("risk")), "{view}");
    assert_eq!((&view["approval"]["state"], &view["risk"]), (&json!("blocked"), &json!("critical")));
    // With the same key it is the same refusal, though its secrets were not kept.
    let secret = json!({"command": BLOCKED, "env": {"TOKEN": "hunter2"}, "stdin": "hunter2"});
    let refuse = async || {
        let request = gateway.request(reqwest::Method::POST, "/agents/web-1/execute").header("Idempotency-Key", "k");
        let response = request.json(&secret).send().await.unwrap();
        (response.status().as_u16(), response.json::<Value>().await.unwrap())
    };
    let (first, again) = (refuse().await, refuse().await);
    assert_eq!((first.0, &first.1["command_id"]), (403, &again.1["command_id"]), "{again:?}");
    assert_eq!(again.0, 403);
    let id: CommandId = first.1["command_id"].as_str().unwrap().parse().unwrap();
    let ledger = Ledger::new(&broker.connect(&Part::Gateway).await);
    let kept = ledger.proposal(&id).await.unwrap().unwrap().run;
    assert_eq!((kept.env["TOKEN"].as_str(), kept.stdin), ("", None));
    let (_, page) = gateway.get("/commands").await;
    let seen: Vec<_> = page["commands"].as_array().unwrap().iter().map(|one| (&one["status"], &one["risk"])).collect();
    assert_eq!(
        seen,
        [
            (&json!("rejected"), &json!("critical")),
            (&json!("rejected"), &json!("critical")),
            (&json!("awaiting_approval"), &json!("high")),
            (&json!("succeeded"), &json!("none"))
        ]
    );
    assert_eq!(gateway.get("/approvals").await.1["approvals"].as_array().unwrap().len(), 1);
    let metrics = gateway.request(reqwest::Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    for wanted in [
        "ogent_verdicts_total{level=\"critical\",decision=\"block\"}",
        "ogent_approval_events_total{event=\"blocked\"}",
    ] {
        assert!(metrics.contains(wanted), "no {wanted}");
    }
    // Nobody can approve it.
    let bob = TestGateway::token_of("bob");
    let path = format!("/commands/{}/approve", problem["command_id"].as_str().unwrap());
    assert_eq!(gateway.post_as(&bob, &path, json!({})).await.0, 409);
}

#[tokio::test]
async fn advice_holds_nothing_up_and_off_says_nothing() {
    let broker = TestBroker::start().await;
    let _agent = agent(&broker, policy(PolicyMode::Advise)).await;
    let advising = gateway(&broker, policy(PolicyMode::Advise)).await;
    let body = json!({"command": ASKED});
    let (status, result) = execute(&advising, body.clone()).await;
    assert_eq!((status, result["status"].as_str()), (200, Some("succeeded")), "{result}");
    assert_eq!((&result["ruling"]["decision"], &result["ruling"]["enforced"]), (&json!("run"), &json!("ask")));
    drop(_agent);
    let _agent = agent(&broker, policy(PolicyMode::Off)).await;
    let silent = gateway(&broker, policy(PolicyMode::Off)).await;
    let (status, result) = execute(&silent, body).await;
    assert_eq!((status, result.get("verdict"), result.get("ruling")), (200, None, None), "{result}");
    let (_, dry) = execute(&silent, json!({"command": BLOCKED, "dry_run": true})).await;
    assert_eq!((dry.get("verdict"), &dry["ruling"]["mode"]), (None, &json!("off")));
}

#[tokio::test]
async fn a_dry_run_stores_and_runs_nothing() {
    let broker = TestBroker::start().await;
    let _agent = agent(&broker, policy(PolicyMode::Enforce)).await;
    let gateway = gateway(&broker, policy(PolicyMode::Enforce)).await;
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("touched");
    for (line, decision) in [(HARMLESS, "run"), (ASKED, "ask"), (BLOCKED, "block")] {
        let line = format!("touch {}; {line}", file.display());
        let (status, dry) = execute(&gateway, json!({"command": line, "dry_run": true})).await;
        assert_eq!(
            (status, &dry["dry_run"], &dry["ruling"]["decision"]),
            (200, &json!(true), &json!(decision)),
            "{dry}"
        );
        assert!(dry["verdict"]["level"].is_string());
    }
    let (status, problem) = gateway.post("/agents/nobody/execute", json!({"command": "true", "dry_run": true})).await;
    assert_eq!((status, problem["code"].as_str()), (404, Some("unknown_agent")));
    assert_eq!(execute(&gateway, json!({"command": "", "dry_run": true})).await.0, 422);
    assert_eq!(gateway.get("/commands").await.1["commands"], json!([]));
    assert_eq!(gateway.get("/approvals?all=true").await.1["approvals"], json!([]));
    assert!(!file.exists());
}

#[tokio::test]
async fn what_goes_straight_to_the_agent_meets_its_ceiling() {
    let broker = TestBroker::start().await;
    let _agent = agent(&broker, policy(PolicyMode::Enforce)).await;
    let gateway = gateway(&broker, policy(PolicyMode::Advise)).await;
    let operator = broker.client(&Part::Person).await;
    let ask = async |headers: async_nats::HeaderMap, intent: Value| {
        let payload = intent.to_string().into();
        let answer = operator.request_with_headers("agents.web-1.exec", headers, payload).await.unwrap();
        serde_json::from_slice::<Value>(&answer.payload).unwrap()
    };
    let plain = async_nats::HeaderMap::new;
    let answer = ask(plain(), json!({"command": HARMLESS})).await;
    assert_eq!(
        (answer["status"].as_str(), &answer["verdict"]["level"]),
        (Some("succeeded"), &json!("none")),
        "{answer}"
    );
    for (line, level) in [(ASKED, "high"), (BLOCKED, "critical")] {
        let answer = ask(plain(), json!({"command": line})).await;
        assert_eq!((answer["status"].as_str(), answer["cause"].as_str()), (Some("rejected"), Some("risk")), "{answer}");
        assert_eq!(answer["verdict"]["level"], level, "{line}");
        assert!(answer["message"].as_str().unwrap().contains("this agent's policy"), "{answer}");
        let (_, view) = gateway.get(&format!("/commands/{}", answer["id"].as_str().unwrap())).await;
        assert_eq!((view["status"].as_str(), &view["risk"]), (Some("rejected"), &json!(level)));
        assert_eq!(view["verdict"]["level"], level);
    }
    // A gateway that only advises does not help, either.
    let (status, result) = execute(&gateway, json!({"command": ASKED})).await;
    assert_eq!((status, result["status"].as_str(), result["cause"].as_str()), (200, Some("rejected"), Some("risk")));
    // Whoever may publish to an agent may write any approval into it.
    let forged = approved(&run(ASKED), "bob");
    let wire = serde_json::to_value(Intent::Run(Box::new(forged.clone())).to_wire()).unwrap();
    assert_eq!(ask(plain(), wire.clone()).await["code"], "approval_not_taken");
    let mut headers = plain();
    headers.insert("Nats-Stream", "COMMANDS");
    headers.insert("Nats-Subject", format!("commands.web-1.{}", forged.id));
    headers.insert("Nats-Sequence", "1000");
    operator.publish_with_headers("agents.web-1.exec", headers, wire.to_string().into()).await.unwrap();
    let ledger = Ledger::new(&broker.connect(&Part::Gateway).await);
    let end = wait_until("the end of the forged command", LIMIT, async || {
        let last = ledger.last_event(forged.agent.as_ref().unwrap(), &forged.id).await.unwrap()?;
        if let EventKind::Finished(end) = last.event.kind { Some(end) } else { None }
    })
    .await;
    assert_eq!((end.outcome, end.pid), (Outcome::Rejected, None), "{end:?}");
}

#[tokio::test]
async fn only_a_whole_approval_opens_the_agent() {
    let broker = TestBroker::start().await;
    let asks = Policy { ask: RiskLevel::None, ..Policy::default() };
    let _agent = agent(&broker, asks).await;
    let ledger = Ledger::new(&broker.connect(&Part::Gateway).await);
    let end = end_of(&ledger, &run("echo hi")).await;
    assert_eq!((end.outcome, end.cause, end.risk), (Outcome::Rejected, Some(Cause::Risk), Some(RiskLevel::None)));
    let end = end_of(&ledger, &approved(&run("echo hi"), "bob")).await;
    assert_eq!((end.outcome, end.cause), (Outcome::Succeeded, None));
    let fresh = |by: &str| approved(&run("echo hi"), by);
    let changed = [
        Run { program: run("echo ho").program, ..fresh("bob") },
        Run { id: CommandId::generate(), ..fresh("bob") },
        Run { env: [("LD_PRELOAD".to_owned(), "x".to_owned())].into(), ..fresh("bob") },
        fresh("alice"),
    ];
    for run in changed {
        let end = end_of(&ledger, &run).await;
        assert_eq!((end.outcome, end.cause), (Outcome::Rejected, Some(Cause::Risk)), "{run:?}");
        assert!(end.message.as_ref().unwrap().contains("its approval"), "{end:?}");
    }
}

#[tokio::test]
async fn an_approval_never_lifts_what_the_agent_blocks() {
    let broker = TestBroker::start().await;
    let _agent = agent(&broker, Policy { block: RiskLevel::None, ..Policy::default() }).await;
    let gateway = gateway(&broker, policy(PolicyMode::Enforce)).await;
    let (status, pending) = execute(&gateway, json!({"command": HARMLESS, "ask": true})).await;
    assert_eq!((status, &pending["ruling"]["decision"]), (202, &json!("ask")), "{pending}");
    let id = pending["id"].as_str().unwrap();
    let bob = TestGateway::token_of("bob");
    assert_eq!(gateway.post_as(&bob, &format!("/commands/{id}/approve"), json!({})).await.0, 202);
    let view = until(&gateway, id, "rejected").await;
    assert_eq!((view["cause"].as_str(), &view["approval"]["by"]), (Some("risk"), &json!("bob")), "{view}");
}

#[tokio::test]
async fn who_asks_for_an_approval_gets_past_a_stricter_agent() {
    let broker = TestBroker::start().await;
    let _agent = agent(&broker, Policy { ask: RiskLevel::None, ..Policy::default() }).await;
    let gateway = gateway(&broker, policy(PolicyMode::Off)).await;
    let (_, result) = execute(&gateway, json!({"command": HARMLESS})).await;
    assert_eq!((result["status"].as_str(), result["cause"].as_str()), (Some("rejected"), Some("risk")));
    assert!(result["message"].as_str().unwrap().contains("\"ask\": true"), "{result}");
    let (status, pending) = execute(&gateway, json!({"command": HARMLESS, "ask": true})).await;
    assert_eq!(status, 202);
    let id = pending["id"].as_str().unwrap();
    let bob = TestGateway::token_of("bob");
    assert_eq!(gateway.post_as(&bob, &format!("/commands/{id}/approve"), json!({})).await.0, 202);
    until(&gateway, id, "succeeded").await;
}

#[tokio::test]
async fn an_agent_tells_what_it_has() {
    let broker = TestBroker::start().await;
    let _agent = agent(&broker, policy(PolicyMode::Enforce)).await;
    let gateway = gateway(&broker, policy(PolicyMode::Enforce)).await;
    let (_, shown) = gateway.get("/agents/web-1").await;
    assert!(shown["programs"]["count"].as_u64().unwrap() > 10, "{shown}");
    assert!(shown["home"].is_string() && shown["shell"].as_str().unwrap().starts_with('/'), "{shown}");
    let installed = async |line: &str, env: Value| {
        let (_, dry) = execute(&gateway, json!({"command": line, "env": env, "dry_run": true})).await;
        dry["verdict"]["programs"][0]["installed"].clone()
    };
    assert_eq!(installed("ls -l", json!({})).await, true);
    assert_eq!(installed("no-such-program-of-ogent", json!({})).await, false);
    assert_eq!(installed("ls -l", json!({"PATH": "/opt/bin"})).await, Value::Null);
    // The agent judges with what it has itself.
    let (_, result) = execute(&gateway, json!({"command": "ls /"})).await;
    assert_eq!(result["verdict"]["programs"][0]["installed"], true, "{result}");
}

#[tokio::test]
async fn an_analysis_runs_nothing_and_needs_nobody() {
    let broker = TestBroker::start().await;
    let _agent = agent(&broker, policy(PolicyMode::Enforce)).await;
    let gateway = gateway(&broker, policy(PolicyMode::Enforce)).await;
    let analyze = async |body: Value| gateway.post("/agents/web-1/analyze", body).await;
    let (status, analysis) = analyze(json!({"command": "rm -rf /", "system": "Linux"})).await;
    assert_eq!((status, &analysis["level"], &analysis["advisor"]), (200, &json!("critical"), &json!("absent")));
    assert_eq!((&analysis["ruling"]["decision"], &analysis["agent"]), (&json!("block"), &json!("web-1")));
    let (_, analysis) = analyze(json!({"argv": ["ls", "-l"], "cwd": "/tmp", "history": ["cd /"]})).await;
    assert_eq!(
        (&analysis["verdict"]["programs"][0]["installed"], &analysis["command"]),
        (&json!(true), &json!("ls -l"))
    );
    for bad in [
        json!({}),
        json!({"command": "a", "argv": ["b"]}),
        json!({"command": "a", "cwd": "tmp"}),
        json!({"command": "a", "comand": "b"}),
        json!({"command": "a\0b"}),
        json!({"command": "a", "history": vec!["x"; 1000]}),
    ] {
        let (status, problem) = analyze(bad.clone()).await;
        assert_eq!((status, problem["code"].as_str()), (422, Some("invalid_request")), "{bad}: {problem}");
    }
    assert_eq!(gateway.post("/agents/nobody/analyze", json!({"command": "ls"})).await.0, 404);
    let (status, problem) = gateway.get("/analyses/no-such-one").await;
    assert_eq!((status, problem["code"].as_str()), (404, Some("unknown_analysis")));
    let viewer = TestGateway::token_of("eve");
    assert_eq!(gateway.post_as(&viewer, "/agents/web-1/analyze", json!({"command": "ls"})).await.0, 200);
    let nobody = TestGateway::token_of("nobody");
    assert_eq!(gateway.post_as(&nobody, "/agents/web-1/analyze", json!({"command": "ls"})).await.0, 401);
    assert_eq!(gateway.get("/commands").await.1["commands"], json!([]));
}

#[tokio::test]
async fn a_model_s_advice_is_shown_with_the_command() {
    let broker = TestBroker::start().await;
    let model = ModelServer::start(Behaviour::Says("none")).await;
    let _analyst = TestAnalyst::advised(&broker, Protocol::Ollama, &model.url, Duration::from_secs(10)).await;
    let _agent = agent(&broker, policy(PolicyMode::Advise)).await;
    let gateway = gateway(&broker, policy(PolicyMode::Advise)).await;
    let (status, analysis) = gateway.post("/agents/web-1/analyze", json!({"command": "uptime"})).await;
    assert_eq!((status, &analysis["ruling"]["decision"]), (200, &json!("run")), "{analysis}");
    assert!(["pending", "answered"].contains(&analysis["advisor"].as_str().unwrap()), "{analysis}");
    let path = format!("/analyses/{}", analysis["id"].as_str().unwrap());
    let later = wait_until("the advice", LIMIT, async || {
        let (_, later) = gateway.get(&path).await;
        (later["advisor"] == "answered").then_some(later)
    })
    .await;
    assert!(later["advice"]["explanation"].is_string(), "{later}");
    // The gateway knows by now that there is a model: commands that are run are explained, too, and do not wait for it.
    let (status, result) = execute(&gateway, json!({"command": "echo explained"})).await;
    assert_eq!((status, result["status"].as_str()), (200, Some("succeeded")));
    let path = format!("/commands/{}", result["id"].as_str().unwrap());
    let view = wait_until("the advice on the command", LIMIT, async || {
        let (_, view) = gateway.get(&path).await;
        (view["advisor"] == "answered").then_some(view)
    })
    .await;
    assert!(view["advice"]["model"].is_string(), "{view}");
}
