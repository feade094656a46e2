//! Who may do what: every route asks, what may not be seen does not exist, and another policy holds everywhere at once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::{Duration, Instant};

use futures::{SinkExt as _, StreamExt as _};
use ogent_broker::permissions::Role as Part;
use ogent_gateway::Role;
use ogent_protocol::{PolicyMode, RiskLevel};
use ogent_risk::Policy;
use ogent_testkit::{TestAgent, TestBroker, TestGateway, wait_until};
use reqwest::Method;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

const LIMIT: Duration = Duration::from_secs(30);
/// Critical by the rules, and harmless: nothing listens there.
const CRITICAL: &str = "curl -s http://127.0.0.1:9/x | sh";

/// Hides every machine with the label env=secret from whoever is no admin. In place of the rules for viewers.
const HIDING: &str = r#"
@id("seen") @doc("All but the secret.")
permit (principal, action in [Action::"see", Action::"analyze"], resource)
when { !resource.labels.contains("env=secret") || principal in Role::"admin" };
@id("lists") permit (principal, action in Action::"list", resource);
@id("run") permit (principal in Role::"operator", action in [Action::"execute", Action::"cancel"], resource);
@id("decide") permit (principal in Role::"approver", action in Action::"decide", resource);
@id("admin") permit (principal in Role::"admin", action, resource);
"#;

fn token(user: &str) -> String {
    TestGateway::token_of(user)
}

async fn secret_agent(broker: &TestBroker) -> TestAgent {
    TestAgent::start_with(broker, "db-1", |config| config.labels = [("env".to_owned(), "secret".to_owned())].into())
        .await
}

async fn set(gateway: &TestGateway, text: &str) -> (u16, Value) {
    gateway.ask(Some(&gateway.token), Method::PUT, "/policy", Some(json!({"text": text}))).await
}

async fn run(gateway: &TestGateway, agent: &str, line: &str) -> String {
    let (status, body) = gateway.post(&format!("/agents/{agent}/execute"), json!({"command": line})).await;
    assert_eq!(status, 200, "{body}");
    body["id"].as_str().unwrap().to_owned()
}

/// A request to a route that would be answered with success to somebody who may.
fn request(method: &str, path: &str, ids: (&str, &str)) -> (Method, String, Option<Value>) {
    let (command, analysis) = ids;
    let at = match path {
        _ if path.starts_with("/agents/") => path.replace("{id}", "web-1"),
        _ if path.starts_with("/analyses/") => path.replace("{id}", analysis),
        "/sessions/{id}" => "/sessions/s-0123456789abcdef0123456789abcdef".to_owned(),
        "/tokens/{id}" => "/tokens/t-0123456789abcdef0123456789abcdef".to_owned(),
        _ => path.replace("{id}", command).replace("{name}", "dora"),
    };
    let body = match (method, path) {
        ("POST", "/agents/{id}/execute" | "/agents/{id}/analyze") => Some(json!({"command": "true"})),
        ("POST", "/users") => Some(json!({"name": "newcomer", "roles": ["viewer"], "password": "correct horse"})),
        ("PATCH", "/users/{name}") => Some(json!({"roles": ["viewer"]})),
        ("POST", "/users/{name}/password") => Some(json!({"password": "another good one"})),
        ("POST", "/tokens") => Some(json!({"name": "ci"})),
        ("PUT", "/policy") => Some(json!({"text": HIDING})),
        ("POST", "/policy/test") => Some(json!({"user": "dora", "agent": "web-1", "command": "true"})),
        _ => None,
    };
    (method.parse().unwrap(), at, body)
}

#[tokio::test]
async fn every_route_asks() {
    let broker = TestBroker::start().await;
    let _agent = TestAgent::start(&broker, "web-1").await;
    let gateway = TestGateway::start(&broker).await;
    let command = run(&gateway, "web-1", "true").await;
    let dora = json!({"name": "dora", "roles": ["viewer"], "password": "correct horse"});
    assert_eq!(gateway.post("/users", dora).await.0, 201);
    // Asked for by hand, because without an analyst none is kept.
    let ids = (&*command, "01980000-0000-7000-8000-000000000000");
    let shipped = gateway.get("/policy").await.1["text"].as_str().unwrap().to_owned();
    let nothing = "@id(\"nothing\")\nforbid (principal == User::\"mallory\", action, resource);\n";
    assert_eq!(set(&gateway, &format!("{shipped}\n{nothing}")).await.0, 200);
    let nobody = token("mallory");
    let mut guarded = 0;
    for (method, path, is_guarded) in ogent_gateway::routes() {
        let (method, at, body) = request(method, path, ids);
        let (status, answer) = gateway.ask(None, method.clone(), &at, body.clone()).await;
        // These two do not let in pages of others, and where there is no provider, nobody.
        if path == "/session" || path.starts_with("/auth/oidc/") {
            continue;
        }
        if !is_guarded {
            assert!(![403, 404].contains(&status), "{method} {path} without a token: {status} {answer}");
            continue;
        }
        guarded += 1;
        assert_eq!((status, &answer["code"]), (401, &json!("unauthorized")), "{method} {path} without a token");
        let (status, answer) = gateway.ask(Some(&nobody), method.clone(), &at, body).await;
        assert!([403, 404].contains(&status), "{method} {path} for nobody: {status} {answer}");
        assert_eq!(answer["status"], status, "{method} {path}");
    }
    assert!(guarded > 20, "{guarded}");
    // The same requests do something for somebody who may: what they were refused for was not their form.
    let mut routes: Vec<_> = ogent_gateway::routes().collect();
    // What takes something away comes after what needs it.
    routes.sort_by_key(|(method, ..)| *method == "DELETE");
    for (method, path, is_guarded) in routes {
        let (method, at, body) = request(method, path, ids);
        if !is_guarded || path.starts_with("/analyses/") {
            continue;
        }
        let (status, answer) = gateway.ask(Some(&gateway.token), method.clone(), &at, body).await;
        // There is no registrar here, and no such session or API token: whoever may not is not told so much.
        let is_asked = ["unknown_grant", "registrar_unavailable"].iter().any(|code| answer["code"] == **code);
        let is_done = (200..300).contains(&status) || status == 409 || is_asked;
        assert!(is_done, "{method} {path} for the admin: {status} {answer}");
    }
    // A disabled person may nothing either, with a token that is still good.
    let ada = json!({"name": "ada", "roles": ["admin"], "password": "correct horse"});
    assert_eq!(gateway.post("/users", ada).await.0, 201);
    let held = gateway.log_in("ada", "correct horse").await.unwrap();
    assert_eq!(gateway.get_as(&held, "/users").await.0, 200);
    let (status, _) =
        gateway.ask(Some(&gateway.token), Method::PATCH, "/users/ada", Some(json!({"disabled": true}))).await;
    assert_eq!(status, 200);
    for (method, path, _) in ogent_gateway::routes().filter(|route| route.2) {
        let (method, at, body) = request(method, path, ids);
        let (status, answer) = gateway.ask(Some(&held), method.clone(), &at, body).await;
        assert!([401, 403, 404].contains(&status), "{method} {path} for somebody disabled: {status} {answer}");
    }
}

#[tokio::test]
async fn each_role_gets_what_is_written() {
    let broker = TestBroker::start().await;
    let _agent = TestAgent::start(&broker, "web-1").await;
    let advise = TestGateway::start(&broker).await;
    let who = |role: Role| token(role.as_str());
    let all = [Role::Viewer, Role::Operator, Role::Approver, Role::Admin];
    let execute = async |gateway: &TestGateway, who: &str, line: &str| {
        gateway.post_as(who, "/agents/web-1/execute", json!({"command": line})).await
    };
    let id = run(&advise, "web-1", "true").await;
    for role in all {
        let token = who(role);
        for path in ["/agents", "/agents/web-1", "/commands", "/approvals"] {
            assert_eq!(advise.get_as(&token, path).await.0, 200, "{role} {path}");
        }
        for rest in ["", "/output", "/events"] {
            assert_eq!(advise.get_as(&token, &format!("/commands/{id}{rest}")).await.0, 200, "{role} {rest}");
        }
        let analyzed = advise.post_as(&token, "/agents/web-1/analyze", json!({"command": "ls"})).await;
        assert_eq!(analyzed.0, 200, "{role}");
        let may_run = matches!(role, Role::Operator | Role::Admin);
        assert_eq!(execute(&advise, &token, "true").await.0, if may_run { 200 } else { 403 }, "{role}");
        let critical = execute(&advise, &token, CRITICAL).await;
        assert_eq!(critical.0, if role == Role::Admin { 200 } else { 403 }, "{role} {critical:?}");
        let cancelled = advise.post_as(&token, &format!("/commands/{id}/cancel"), json!({})).await;
        assert_eq!(cancelled.0, if may_run { 200 } else { 403 }, "{role}");
        for path in ["/users", "/policy", "/policy/history"] {
            assert_eq!(
                advise.get_as(&token, path).await.0,
                if role == Role::Admin { 200 } else { 403 },
                "{role} {path}"
            );
        }
        // What is critical may be asked for where somebody else has to look at it.
        let asked = json!({"command": CRITICAL, "ask": true});
        let asked = advise.post_as(&token, "/agents/web-1/execute", asked).await;
        assert_eq!(asked.0, if may_run { 202 } else { 403 }, "{role} {asked:?}");
        if !may_run {
            continue;
        }
        let path = format!("/commands/{}/deny", asked.1["id"].as_str().unwrap());
        for other in all {
            let (status, body) =
                advise.post_as(&who(other), &path.replace("deny", "approve"), json!({"hash": "0".repeat(64)})).await;
            // A wrong hash: whoever may decide is told so, and nothing is decided.
            let expected = match other {
                other if other == role && other == Role::Admin => (403, "own_command"),
                Role::Approver | Role::Admin => (409, "approval_mismatch"),
                _ => (403, "forbidden"),
            };
            assert_eq!((status, body["code"].as_str().unwrap()), expected, "{other} decides about {role}'s: {body}");
        }
        assert_eq!(advise.post_as(&who(Role::Viewer), &path, json!({})).await.0, 403);
        assert_eq!(advise.post_as(&who(Role::Approver), &path, json!({})).await.0, 200);
    }
}

/// What is said about something hidden, with the id of something that does not exist in its place.
async fn same_as_nothing(
    gateway: &TestGateway,
    who: &str,
    method: Method,
    path: (&str, &str, &str),
    body: Option<Value>,
) {
    let (before, id, after) = path;
    let nothing = "0".repeat(id.len());
    let hidden = gateway.ask(Some(who), method.clone(), &format!("{before}{id}{after}"), body.clone()).await;
    let unknown = gateway.ask(Some(who), method, &format!("{before}{nothing}{after}"), body).await;
    assert_eq!(hidden.0, 404, "{path:?} {hidden:?}");
    assert_eq!(hidden.1.to_string(), unknown.1.to_string().replace(&nothing, id), "{path:?}");
}

#[tokio::test]
async fn what_may_not_be_seen_does_not_exist() {
    let broker = TestBroker::start().await;
    let (_web, _db) = (TestAgent::start(&broker, "web-1").await, secret_agent(&broker).await);
    let ask = Policy { mode: PolicyMode::Enforce, ask: RiskLevel::None, ..Policy::default() };
    let asking = TestGateway::start_with(&broker, |config| config.policy = ask).await;
    let gateway = TestGateway::start(&broker).await;
    let mut ids = Vec::new();
    for (n, agent) in ["web-1", "db-1", "db-1", "web-1", "db-1"].into_iter().enumerate() {
        ids.push(run(&gateway, agent, &format!("echo number {n}")).await);
    }
    let waiting = asking.post("/agents/db-1/execute", json!({"command": "true"})).await.1;
    let waiting = waiting["id"].as_str().unwrap();
    assert_eq!(set(&gateway, HIDING).await.0, 200);
    let carol = token("cora");
    let (_, agents) = gateway.get_as(&carol, "/agents").await;
    let agents: Vec<_> = agents["agents"].as_array().unwrap().iter().map(|agent| agent["id"].clone()).collect();
    assert_eq!(agents, ["web-1"]);
    assert_eq!(gateway.get("/agents").await.1["agents"].as_array().unwrap().len(), 2);
    // One at a time, so that whatever stands between would show in the pages.
    let (mut seen, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let (status, page) = gateway.get_as(&carol, &format!("/commands?limit=1{cursor}")).await;
        assert_eq!(status, 200, "{page}");
        seen.extend(
            page["commands"].as_array().unwrap().iter().map(|command| command["id"].as_str().unwrap().to_owned()),
        );
        pages += 1;
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, [ids[3].clone(), ids[0].clone()]);
    assert!(pages <= 3, "{pages} pages for two commands");
    assert_eq!(gateway.get_as(&carol, "/commands?agent=db-1").await.1["commands"], json!([]));
    assert_eq!(gateway.get_as(&carol, "/approvals").await.1, json!({"approvals": []}));
    assert_eq!(gateway.get("/approvals").await.1["approvals"].as_array().unwrap().len(), 1);
    let (get, post) = (Method::GET, Method::POST);
    let body = || Some(json!({"command": "true"}));
    for id in [&*ids[1], waiting] {
        for rest in ["", "/output", "/events"] {
            same_as_nothing(&gateway, &carol, get.clone(), ("/commands/", id, rest), None).await;
        }
        for rest in ["/cancel", "/approve", "/deny"] {
            same_as_nothing(&gateway, &carol, post.clone(), ("/commands/", id, rest), Some(json!({}))).await;
        }
    }
    same_as_nothing(&gateway, &carol, get.clone(), ("/agents/", "db-1", ""), None).await;
    for rest in ["/execute", "/analyze"] {
        same_as_nothing(&gateway, &carol, post.clone(), ("/agents/", "db-1", rest), body()).await;
    }
    for id in [&ids[0], &ids[3]] {
        assert_eq!(gateway.get_as(&carol, &format!("/commands/{id}/output")).await.0, 200);
    }
    assert_eq!(gateway.post_as(&carol, "/agents/web-1/execute", json!({"command": "true"})).await.0, 200);
}

/// A WebSocket that is logged in.
struct Socket(tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>);

impl Socket {
    async fn open(gateway: &TestGateway, token: &str) -> Self {
        let (socket, _) = tokio_tungstenite::connect_async(gateway.url.replace("http", "ws") + "/ws").await.unwrap();
        let mut socket = Self(socket);
        socket.say(json!({"type": "auth", "token": token})).await;
        assert_eq!(socket.hear().await["type"], "ready");
        socket
    }

    async fn say(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    async fn follow(&mut self, reference: &str, topic: Value) {
        self.say(json!({"type": "subscribe", "ref": reference, "topic": topic})).await;
    }

    async fn hear(&mut self) -> Value {
        let next = async {
            loop {
                if let Message::Text(text) = self.0.next().await.unwrap().unwrap() {
                    return serde_json::from_str(&text).unwrap();
                }
            }
        };
        tokio::time::timeout(LIMIT, next).await.expect("the socket says nothing")
    }

    /// The next message of that type or an error, and all ids of agents and commands that came before.
    async fn until(&mut self, kind: &str) -> (Value, Vec<String>) {
        let mut named = Vec::new();
        loop {
            let message = self.hear().await;
            named.extend(message["agent"]["id"].as_str().map(str::to_owned));
            named.extend(message["event"]["subject"].as_str().map(str::to_owned));
            if message["type"] == kind || message["type"] == "error" {
                return (message, named);
            }
        }
    }
}

#[tokio::test]
async fn sockets_and_streams_show_only_what_may_be_seen() {
    let broker = TestBroker::start().await;
    let (_web, _db) = (TestAgent::start(&broker, "web-1").await, secret_agent(&broker).await);
    let gateway = TestGateway::start(&broker).await;
    let hidden = run(&gateway, "db-1", "true").await;
    assert_eq!(set(&gateway, HIDING).await.0, 200);
    let carol = token("carol");
    let mut socket = Socket::open(&gateway, &carol).await;
    for (topic, code) in [
        (json!({"results": {"agent": "db-1"}}), "unknown_agent"),
        (json!({"results": {"agent": "nobody"}}), "unknown_agent"),
        (json!({"command": {"command": hidden}}), "unknown_command"),
    ] {
        socket.follow("x", topic).await;
        assert_eq!(socket.until("subscribed").await.0["code"], code);
        assert_eq!(socket.until("ended").await.0["type"], "ended");
    }
    socket.follow("agents", json!("agents")).await;
    assert_eq!(socket.until("agent").await.0["agent"]["id"], "web-1");
    socket.follow("web", json!({"results": {"agent": "web-1"}})).await;
    let _ = socket.until("subscribed").await;
    // Both machines do something: only one of them is heard of.
    run(&gateway, "db-1", "sleep 0.2").await;
    let id = run(&gateway, "web-1", "sleep 0.2").await;
    let mut finished = false;
    while !finished {
        let message = socket.hear().await;
        assert_ne!(message["agent"]["id"], "db-1", "{message}");
        finished = message["event"]["type"].as_str().is_some_and(|kind| kind.ends_with("finished"));
        assert!(!message.to_string().contains("db-1"), "{message}");
    }
    // Under another policy, what is followed is lost at once, and what becomes visible is shown.
    let long = gateway.post("/agents/web-1/execute?wait=0", json!({"command": "sleep 30"})).await.1;
    let long = long["id"].as_str().unwrap().to_owned();
    let path = format!("{}/commands/{long}/events", gateway.url);
    let stream = reqwest::Client::new().get(path).bearer_auth(&carol).send().await.unwrap();
    assert_eq!(stream.status().as_u16(), 200);
    socket.follow("long", json!({"command": {"command": long}})).await;
    let _ = socket.until("subscribed").await;
    assert_eq!(set(&gateway, &HIDING.replace("env=secret", "role=test")).await.0, 200);
    let text = tokio::time::timeout(LIMIT, stream.text()).await.expect("the stream goes on").unwrap_or_default();
    assert!(!text.contains("event: end"), "{text}");
    let (mut lost, mut shown) = (Vec::new(), false);
    while lost.len() < 2 || !shown {
        let message = socket.hear().await;
        if message["type"] == "error" {
            lost.push(message["code"].as_str().unwrap().to_owned());
        }
        shown |= message["agent"]["id"] == "db-1";
    }
    lost.sort();
    assert_eq!(lost, ["unknown_agent", "unknown_command"]);
    let _ = gateway.post(&format!("/commands/{long}/cancel"), json!({})).await;
    assert!(!id.is_empty());
    // Whoever may not follow at all gets no socket, and no subscription.
    let nobody = token("vera");
    assert_eq!(
        set(
            &gateway,
            &HIDING.replace(
                "permit (principal, action in Action::\"list\", resource);",
                "permit (principal in Role::\"admin\", action in Action::\"list\", resource);"
            )
        )
        .await
        .0,
        200
    );
    let mut stranger = Socket::open(&gateway, &nobody).await;
    stranger.follow("x", json!("agents")).await;
    assert_eq!(stranger.until("subscribed").await.0["code"], "forbidden");
}

#[tokio::test]
async fn another_policy_holds_on_every_gateway_within_seconds() {
    let broker = TestBroker::start().await;
    let _agent = TestAgent::start(&broker, "web-1").await;
    let (one, other) = (TestGateway::start(&broker).await, TestGateway::start(&broker).await);
    let viewer = token("vera");
    assert_eq!(other.get_as(&viewer, "/agents").await.0, 200);
    let (_, shipped) = one.get("/policy").await;
    assert_eq!(shipped["version"], 0);
    let nobody_lists = HIDING.replace(
        "permit (principal, action in Action::\"list\"",
        "permit (principal in Role::\"admin\", action in Action::\"list\"",
    );
    let (status, holds) = set(&one, &nobody_lists).await;
    assert_eq!((status, &holds["version"], &holds["author"]), (200, &json!(1), &json!("admin")));
    let started = Instant::now();
    wait_until("the other gateway to follow", LIMIT, async || {
        (other.get_as(&viewer, "/agents").await.0 == 403).then_some(())
    })
    .await;
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    assert_eq!(other.get("/policy").await.1["version"], 1);
    // Made from a version that does not hold any more.
    let stale = json!({"text": HIDING, "version": 0});
    let (status, body) = other.ask(Some(&other.token), Method::PUT, "/policy", Some(stale)).await;
    assert_eq!((status, &body["code"]), (409, &json!("changed_meanwhile")));
    let text = shipped["text"].as_str().unwrap();
    let back = json!({"text": text, "version": 1, "note": "back"});
    assert_eq!(other.ask(Some(&other.token), Method::PUT, "/policy", Some(back)).await.0, 200);
    wait_until("the first gateway to follow", LIMIT, async || {
        (one.get_as(&viewer, "/agents").await.0 == 200).then_some(())
    })
    .await;
    let (_, history) = one.get("/policy/history").await;
    let versions: Vec<_> = history["versions"].as_array().unwrap().iter().map(|one| one["version"].clone()).collect();
    assert_eq!(versions, [2, 1]);
    assert_eq!(history["versions"][0]["note"], "back");
}

#[tokio::test]
async fn a_broken_policy_changes_nothing() {
    let broker = TestBroker::start().await;
    let _agent = TestAgent::start(&broker, "web-1").await;
    let gateway = TestGateway::start(&broker).await;
    assert_eq!(set(&gateway, HIDING).await.0, 200);
    for (bad, words) in [
        ("permit (principal, action, resource);", "line 1"),
        ("@id(\"a\")\npermit (principal, action == Action::\"exekute\", resource);", "line 2"),
        ("\n\n@id(\"a\") permit (", "line 3"),
        ("", "locks"),
    ] {
        let (status, body) = set(&gateway, bad).await;
        let code = if words == "locks" { (409, "locks_out") } else { (422, "invalid_policy") };
        assert_eq!((status, body["code"].as_str().unwrap()), code, "{bad}: {body}");
        assert!(words == "locks" || body["detail"].as_str().unwrap().contains(words), "{body}");
    }
    assert_eq!(gateway.get("/policy").await.1["version"], 1);
    // Somebody has written one past all gateways.
    let client = broker.client(&Part::Gateway).await;
    let broken = json!({"version": 2, "text": "permit (", "author": "eve", "at": "2026-01-01T00:00:00Z"});
    client.request("$KV.policies.access", broken.to_string().into()).await.unwrap();
    let problem = wait_until("the gateway to say so", LIMIT, async || {
        gateway.get("/policy").await.1["problem"].as_str().map(str::to_owned)
    })
    .await;
    assert!(problem.contains("version 2 by eve"), "{problem}");
    let newcomer = TestGateway::start(&broker).await;
    for gateway in [&gateway, &newcomer] {
        let (_, policy) = gateway.get("/policy").await;
        assert_eq!((&policy["version"], policy["problem"].is_string()), (&json!(1), true), "{policy}");
        assert_eq!(gateway.get_as(&token("vera"), "/agents").await.0, 200);
        assert_eq!(gateway.get_as(&token("vera"), "/policy").await.0, 403);
    }
    // The next good one holds.
    let (status, holds) = set(&newcomer, HIDING).await;
    assert_eq!((status, &holds["version"], holds["problem"].is_null()), (200, &json!(3), true), "{holds}");
    wait_until("the other one", LIMIT, async || (gateway.get("/policy").await.1["version"] == 3).then_some(())).await;
}

#[tokio::test]
async fn where_no_policy_can_be_used_only_admins_are_let() {
    let broker = TestBroker::start().await;
    let _agent = TestAgent::start(&broker, "web-1").await;
    let client = broker.client(&Part::Gateway).await;
    let broken = json!({"version": 7, "text": "permit (", "author": "eve", "at": "2026-01-01T00:00:00Z"});
    client.request("$KV.policies.access", broken.to_string().into()).await.unwrap();
    let gateway = TestGateway::start(&broker).await;
    assert_eq!(gateway.get_as(&token("vera"), "/agents").await.0, 403);
    assert_eq!(gateway.get("/agents").await.0, 200);
    let (_, policy) = gateway.get("/policy").await;
    assert!(policy["problem"].as_str().unwrap().contains("version 7"), "{policy}");
    let (status, holds) = set(&gateway, HIDING).await;
    assert_eq!((status, &holds["version"]), (200, &json!(8)), "{holds}");
    assert_eq!(gateway.get_as(&token("vera"), "/agents").await.0, 200);
}

#[tokio::test]
async fn a_policy_can_be_tried() {
    let broker = TestBroker::start().await;
    let (_web, _db) = (TestAgent::start(&broker, "web-1").await, secret_agent(&broker).await);
    let gateway = TestGateway::start(&broker).await;
    let test = async |body: Value| gateway.post("/policy/test", body).await;
    let (status, answer) = test(
        json!({"user": "alice", "roles": ["operator"], "agent": "web-1", "argv": ["systemctl", "restart", "nginx"]}),
    )
    .await;
    assert_eq!((status, &answer["allowed"]), (200, &json!(true)), "{answer}");
    assert_eq!(answer["rules"][0]["id"], "operators-run-what-is-not-critical");
    assert!(answer["verdict"]["level"].is_string() && answer["ruling"]["decision"].is_string(), "{answer}");
    let (_, no) = test(json!({"user": "alice", "roles": ["viewer"], "agent": "web-1", "command": "true"})).await;
    assert_eq!((&no["allowed"], &no["rules"]), (&json!(false), &json!([])));
    let other =
        json!({"user": "alice", "roles": ["operator"], "action": "view_agent", "agent": "db-1", "text": HIDING});
    assert_eq!(test(other).await.1["allowed"], false);
    assert_eq!(test(json!({"user": "zoe", "agent": "web-1", "command": "true"})).await.0, 422);
    assert_eq!(test(json!({"user": "admin", "agent": "none", "command": "true"})).await.0, 404);
    assert_eq!(
        test(json!({"user": "admin", "agent": "web-1", "command": "true"})).await.1["rules"][0]["id"],
        "admins-do-everything"
    );
    assert_eq!(test(json!({"user": "admin", "agent": "web-1", "command": "true", "text": "permit"})).await.0, 422);
}

#[tokio::test]
async fn whoever_may_not_see_output_sees_none_of_it() {
    let broker = TestBroker::start().await;
    let _agent = TestAgent::start(&broker, "web-1").await;
    let gateway = TestGateway::start(&broker).await;
    let id = run(&gateway, "web-1", "echo a-secret").await;
    assert_eq!(
        set(&gateway, &HIDING.replace("Action::\"see\",", "Action::\"view_agent\", Action::\"view_command\",")).await.0,
        200
    );
    let vera = token("vera");
    assert_eq!(gateway.get_as(&vera, &format!("/commands/{id}")).await.0, 200);
    assert_eq!(gateway.get_as(&vera, &format!("/commands/{id}/output")).await.0, 403);
    let events = async |token: &str| {
        let request = reqwest::Client::new().get(format!("{}/commands/{id}/events", gateway.url)).bearer_auth(token);
        request.send().await.unwrap().text().await.unwrap()
    };
    // The command line itself has it; what was printed has it as one line of its own, in whatever form bytes travel.
    let (hers, admins) = (events(&vera).await, events(&gateway.token).await);
    assert_eq!(hers.matches("a-secret").count() + 1, admins.matches("a-secret").count(), "{hers}\n{admins}");
    assert!(hers.contains("event: end") || hers.contains("event:end"), "{hers}");
}
