//! Who gets in, and what ends it: sessions, API tokens, limits of log-ins and security events, with real parts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use futures::StreamExt as _;
use ogent_testkit::{PASSWORD, TestAgent, TestBroker, TestGateway, wait_until};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

/// What is promised.
const WITHIN: Duration = Duration::from_secs(5);

async fn answer(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap_or_default())
}

fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

async fn token(gateway: &TestGateway, form: &[(&str, &str)]) -> (u16, Value) {
    answer(client().post(format!("{}/token", gateway.url)).form(form)).await
}

async fn log_in(gateway: &TestGateway, user: &str) -> Value {
    let (status, body) = token(gateway, &[("username", user), ("password", PASSWORD)]).await;
    assert_eq!(status, 200, "{body}");
    body
}

async fn refresh(gateway: &TestGateway, token_: &Value) -> (u16, Value) {
    token(gateway, &[("grant_type", "refresh_token"), ("refresh_token", token_.as_str().unwrap())]).await
}

fn access(body: &Value) -> &str {
    body["access_token"].as_str().unwrap()
}

async fn me(gateway: &TestGateway, token: &str) -> u16 {
    gateway.get_as(token, "/me").await.0
}

async fn until_refused(gateway: &TestGateway, token: &str) {
    wait_until("the token to be refused", WITHIN, async || (me(gateway, token).await == 401).then_some(())).await;
}

async fn act(gateway: &TestGateway, method: Method, path: &str, token: &str, body: Value) -> (u16, Value) {
    answer(client().request(method, format!("{}{path}", gateway.url)).bearer_auth(token).json(&body)).await
}

/// Events of that kind, once there are some.
async fn events(gateway: &TestGateway, kind: &str) -> Vec<Value> {
    let path = format!("/audit?kind={kind}");
    wait_until("a security event", WITHIN, async || {
        let (status, page) = gateway.get(&path).await;
        assert_eq!(status, 200, "{page}");
        page["events"].as_array().filter(|events| !events.is_empty()).cloned()
    })
    .await
}

#[tokio::test]
async fn a_session_holds_and_ends_on_every_gateway() {
    let broker = TestBroker::start().await;
    let (one, two) = (TestGateway::start(&broker).await, TestGateway::start(&broker).await);
    let first = log_in(&one, "alice").await;
    assert_eq!((first["token_type"].as_str(), first["expires_in"].as_u64()), (Some("bearer"), Some(600)));
    // At once, at the other one.
    let (status, who) = two.get_as(access(&first), "/me").await;
    assert_eq!((status, &who["user"], &who["roles"]), (200, &json!("alice"), &json!(["operator"])), "{who}");
    let (status, second) = refresh(&two, &first["refresh_token"]).await;
    assert_eq!(status, 200, "{second}");
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    // Neither kind of token is the other.
    assert_eq!(me(&one, first["refresh_token"].as_str().unwrap()).await, 401);
    assert_eq!(refresh(&one, &json!(access(&second))).await.0, 401);
    let (_, list) = one.get_as(access(&second), "/sessions").await;
    assert_eq!(list["sessions"].as_array().unwrap().len(), 1, "{list}");
    assert_eq!(
        (&list["sessions"][0]["is_current"], &list["sessions"][0]["address"]),
        (&json!(true), &json!("127.0.0.1"))
    );
    assert_eq!(act(&two, Method::POST, "/logout", access(&second), json!({})).await.0, 204);
    assert_eq!(me(&two, access(&second)).await, 401, "at once where it was said");
    until_refused(&one, access(&first)).await;
    until_refused(&one, access(&second)).await;
    assert_eq!(refresh(&one, &second["refresh_token"]).await.0, 401);
    for kind in ["login", "refreshed", "logged_out"] {
        let found = events(&one, kind).await;
        assert_eq!((&found[0]["data"]["by"], &found[0]["data"]["address"]), (&json!("alice"), &json!("127.0.0.1")));
    }
}

#[tokio::test]
async fn an_old_refresh_token_ends_the_session() {
    let broker = TestBroker::start().await;
    let (one, two) = (TestGateway::start(&broker).await, TestGateway::start(&broker).await);
    let first = log_in(&one, "alice").await;
    let second = refresh(&one, &first["refresh_token"]).await.1;
    let third = refresh(&two, &second["refresh_token"]).await.1;
    assert_eq!(me(&one, access(&third)).await, 200);
    assert_eq!(refresh(&two, &first["refresh_token"]).await.0, 401, "somebody has a copy");
    assert_eq!(refresh(&one, &third["refresh_token"]).await.0, 401);
    until_refused(&one, access(&third)).await;
    until_refused(&two, access(&third)).await;
    assert_eq!(events(&one, "refresh_reused").await[0]["data"]["about"], "alice");

    // A lost answer may be asked for again, but only one of the two goes on.
    let first = log_in(&one, "alice").await;
    let lost = refresh(&one, &first["refresh_token"]).await.1;
    let (status, again) = refresh(&two, &first["refresh_token"]).await;
    assert_eq!(status, 200, "{again}");
    let next = refresh(&two, &again["refresh_token"]).await.1;
    assert_eq!(me(&one, access(&next)).await, 200);
    assert_eq!(refresh(&one, &lost["refresh_token"]).await.0, 401, "the lost one is somebody else's");
    until_refused(&two, access(&next)).await;

    // A made-up one with the right session does nothing to it, or anybody could end it.
    let good = log_in(&one, "alice").await;
    let text = good["refresh_token"].as_str().unwrap();
    let other = log_in(&one, "bob").await;
    let mixed = format!("{}{}", &text[..36], &other["refresh_token"].as_str().unwrap()[36..]);
    assert_eq!(refresh(&one, &json!(mixed)).await.0, 401);
    assert_eq!(refresh(&one, &good["refresh_token"]).await.0, 200);
}

#[tokio::test]
async fn many_who_refresh_at_once_get_one_session_or_none() {
    let broker = TestBroker::start().await;
    let (one, two) = (TestGateway::start(&broker).await, TestGateway::start(&broker).await);
    let first = log_in(&one, "alice").await;
    let tries = (0..8).map(|n| refresh(if n % 2 == 0 { &one } else { &two }, &first["refresh_token"]));
    let answers = futures::future::join_all(tries).await;
    let good: Vec<_> = answers.iter().filter(|(status, _)| *status == 200).collect();
    assert!(!good.is_empty(), "{answers:?}");
    // Of all refresh tokens that were given out, one at most goes on.
    let mut alive = 0;
    for (_, body) in &good {
        alive += usize::from(refresh(&one, &body["refresh_token"]).await.0 == 200);
    }
    assert!(alive <= 1, "{alive}");
}

async fn socket(
    gateway: &TestGateway,
    token: &str,
) -> impl futures::Stream<Item = Result<Message, tokio_tungstenite::tungstenite::Error>> + Unpin + use<> {
    let mut request = format!("{}/ws", gateway.url.replace("http", "ws")).into_client_request().unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    let (socket, _) = connect_async(request).await.unwrap();
    let mut socket = Box::pin(socket);
    let ready = timeout(WITHIN, socket.next()).await.unwrap().unwrap().unwrap();
    assert!(ready.to_text().unwrap().contains("ready"), "{ready}");
    socket
}

async fn close_code(
    mut socket: impl futures::Stream<Item = Result<Message, tokio_tungstenite::tungstenite::Error>> + Unpin,
) -> u16 {
    let closed = async {
        loop {
            if let Message::Close(frame) = socket.next().await.expect("the socket ends without a word").unwrap() {
                return frame.unwrap().code.into();
            }
        }
    };
    timeout(WITHIN, closed).await.expect("the socket stays open")
}

#[tokio::test]
async fn open_streams_end_with_their_session_and_with_their_user() {
    let broker = TestBroker::start().await;
    let _agent = TestAgent::start(&broker, "web-1").await;
    let (one, two) = (TestGateway::start(&broker).await, TestGateway::start(&broker).await);
    let anna = json!({"name": "anna", "roles": ["operator"], "password": PASSWORD});
    assert_eq!(one.post("/users", anna).await.0, 201);

    // A session that its owner ends elsewhere.
    let (open, elsewhere) = (log_in(&one, "anna").await, log_in(&one, "anna").await);
    let (_, command) = two.post_as(access(&open), "/agents/web-1/execute?wait=0", json!({"command": "sleep 60"})).await;
    let path = format!("{}/commands/{}/events", two.url, command["id"].as_str().unwrap());
    let mut sse = client().get(&path).bearer_auth(access(&open)).send().await.unwrap();
    assert_eq!(sse.status(), StatusCode::OK);
    let ws = socket(&two, access(&open)).await;
    let (_, list) = one.get_as(access(&elsewhere), "/sessions").await;
    let other = list["sessions"].as_array().unwrap().iter().find(|it| it["is_current"] == false).unwrap().clone();
    let path = format!("/sessions/{}", other["id"].as_str().unwrap());
    // Nobody else may, and it looks as if there was none.
    let bob = log_in(&one, "bob").await;
    let (status, problem) = act(&one, Method::DELETE, &path, access(&bob), json!({})).await;
    assert_eq!((status, problem["code"].as_str()), (404, Some("unknown_grant")));
    assert_eq!(act(&one, Method::DELETE, &path, access(&elsewhere), json!({})).await.0, 204);
    assert_eq!(close_code(ws).await, 4401);
    timeout(WITHIN, async { while sse.chunk().await.unwrap().is_some() {} })
        .await
        .expect("the event stream stays open");
    until_refused(&two, access(&open)).await;
    assert_eq!(me(&two, access(&elsewhere)).await, 200);

    // Other roles: what was opened with the old ones closes, and the session is over.
    let alice = log_in(&two, "anna").await;
    let ws = socket(&two, access(&alice)).await;
    let viewer = json!({"roles": ["viewer"]});
    assert_eq!(act(&one, Method::PATCH, "/users/anna", &one.token, viewer).await.0, 200);
    assert_eq!(close_code(ws).await, 4401);
    until_refused(&two, access(&alice)).await;
    assert_eq!(refresh(&two, &alice["refresh_token"]).await.0, 401);
    let viewer = log_in(&two, "anna").await;
    let run = json!({"command": "true"});
    assert_eq!(two.post_as(access(&viewer), "/agents/web-1/execute", run).await.0, 403);
    assert_eq!(events(&two, "access_denied").await[0]["data"]["detail"], "execute");

    // Gone altogether, with the API tokens.
    let (status, machine) = two.post_as(access(&viewer), "/tokens", json!({"name": "m"})).await;
    assert_eq!(status, 201, "{machine}");
    let machine = machine["token"].as_str().unwrap();
    let (ws, ws_machine) = (socket(&two, access(&viewer)).await, socket(&two, machine).await);
    assert_eq!(act(&one, Method::DELETE, "/users/anna", &one.token, json!({})).await.0, 204);
    assert_eq!((close_code(ws).await, close_code(ws_machine).await), (4401, 4401));
    until_refused(&two, access(&viewer)).await;
    until_refused(&two, machine).await;
    let (status, _) = token(&two, &[("username", "anna"), ("password", PASSWORD)]).await;
    assert_eq!(status, 401);
}

#[tokio::test]
async fn an_api_token_has_a_part_of_its_owner_s_rights_until_its_end() {
    let broker = TestBroker::start().await;
    let _agent = TestAgent::start(&broker, "web-1").await;
    let (one, two) = (TestGateway::start(&broker).await, TestGateway::start(&broker).await);
    let alice = log_in(&one, "alice").await;
    let scope = json!({"actions": ["execute"], "agents": ["web-1"]});
    let request = json!({"name": "deploy", "expires_in": 3600, "scope": scope});
    let (status, created) = one.post_as(access(&alice), "/tokens", request).await;
    assert_eq!(status, 201, "{created}");
    let machine = created["token"].as_str().unwrap().to_owned();
    assert!(machine.starts_with("ogt_") && machine.len() == 140, "{machine}");
    let run = json!({"command": "echo hi"});
    wait_until("the agent", WITHIN, async || (two.get("/agents/web-1").await.0 == 200).then_some(())).await;
    let (status, result) = two.post_as(&machine, "/agents/web-1/execute", run.clone()).await;
    assert_eq!((status, &result["stdout"]), (200, &json!("hi\n")), "{result}");
    assert_eq!(two.post_as(&machine, "/agents/web-2/execute", run).await.0, 404, "another agent");
    assert_eq!(two.get_as(&machine, "/agents").await.0, 403, "another action");
    assert_eq!(two.post_as(&machine, "/tokens", json!({"name": "more"})).await.0, 403, "no tokens by tokens");
    assert_eq!(act(&two, Method::POST, "/logout", &machine, json!({})).await.0, 403);
    assert_eq!(two.get_as(&machine, "/sessions").await.0, 403);
    let (_, who) = two.get_as(&machine, "/me").await;
    assert_eq!((&who["user"], &who["scope"]), (&json!("alice"), &scope));
    // One digit other, the checksum other, another prefix, no JWT.
    for forged in
        [machine.replace("ogt_", "ogr_"), format!("{}0", &machine[..139]), machine.to_uppercase(), "ogt_".into()]
    {
        if forged != machine {
            assert_eq!(me(&two, &forged).await, 401, "{forged}");
        }
    }
    for bad in [
        json!({"name": ""}),
        json!({"name": "x", "expires_in": 1}),
        json!({"name": "x", "expires_in": 99_999_999}),
        json!({"name": "x", "scope": {"actions": ["everything"]}}),
        json!({"name": "x", "scope": {"roles": []}}),
        json!({"name": "x", "admin": true}),
    ] {
        assert_eq!(one.post_as(access(&alice), "/tokens", bad.clone()).await.0, 422, "{bad}");
    }
    // Its secret is nowhere to be read again.
    let (_, list) = two.get_as(access(&alice), "/tokens").await;
    assert_eq!(list["tokens"][0]["name"], "deploy");
    assert!(!list.to_string().contains(&machine[68..132]), "{list}");
    let path = format!("/tokens/{}", created["id"].as_str().unwrap());
    let bob = log_in(&one, "bob").await;
    assert_eq!(act(&one, Method::DELETE, &path, access(&bob), json!({})).await.0, 404);
    assert_eq!(act(&one, Method::DELETE, &path, &one.token, json!({})).await.0, 204, "an admin may");
    assert_eq!(me(&one, &machine).await, 401);
    until_refused(&two, &machine).await;
    assert_eq!(events(&one, "token_revoked").await[0]["data"]["by"], "admin");
}

#[tokio::test]
async fn who_guesses_waits_on_every_gateway_and_behind_every_header() {
    let broker = TestBroker::start().await;
    let one = TestGateway::start(&broker).await;
    let two =
        TestGateway::start_with(&broker, |config| config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()]).await;
    let guess = async |gateway: &TestGateway, user: &str, forwarded: &str| {
        let form = [("username", user), ("password", "wrong password")];
        let request = client().post(format!("{}/token", gateway.url)).header("X-Forwarded-For", forwarded).form(&form);
        let response = request.send().await.unwrap();
        let wait = response.headers().get("retry-after").map(|value| value.to_str().unwrap().parse::<u64>().unwrap());
        (response.status().as_u16(), wait)
    };
    // Other addresses each time: nobody has said that this peer may speak for others.
    for n in 0..5 {
        assert_eq!(guess(&one, "bob", &format!("192.0.2.{n}")).await, (401, None));
    }
    let (status, wait) = guess(&one, "bob", "192.0.2.99").await;
    assert_eq!(status, 429);
    assert!((1..=60).contains(&wait.unwrap()), "{wait:?}");
    // The other gateway has heard of it, and believes its proxy: the account waits, whatever the address.
    wait_until("the other gateway", WITHIN, async || (guess(&two, "bob", "198.51.100.1").await.0 == 429).then_some(()))
        .await;
    assert_eq!(guess(&two, "bob", "garbage").await.0, 429);
    // Somebody else is not kept out by it.
    log_in(&one, "alice").await;
    // Not for good: bob gets in after the wait.
    wait_until("bob to get in", Duration::from_secs(30), async || {
        (token(&one, &[("username", "bob"), ("password", PASSWORD)]).await.0 == 200).then_some(())
    })
    .await;
    // One network, many names: with the header believed, each forwarded address has its own count.
    let mut waited = false;
    for n in 0..60 {
        waited |= guess(&two, &format!("nobody{n}"), "203.0.113.7").await.0 == 429;
    }
    assert!(waited, "sixty names from one address");
    assert_eq!(guess(&two, "somebody", "203.0.113.8").await.0, 401, "another address");
    assert_eq!(
        guess(&two, "somebody", "203.0.113.8, 203.0.113.7").await.0,
        429,
        "what the client wrote itself is not looked at"
    );
    let failed = events(&one, "login_failed").await;
    assert!(failed.iter().all(|event| event["data"]["about"] != "nobody1"), "names of nobody are not kept");
    assert!(failed.len() < 30, "a flood is summed up: {}", failed.len());
    assert!(!events(&one, "login_limited").await.is_empty());
}

#[tokio::test]
async fn a_request_too_many_is_told_when_to_come_again() {
    let broker = TestBroker::start().await;
    let gateway = TestGateway::start_with(&broker, |config| config.api_rate = 1).await;
    let eve = TestGateway::token_of("eve");
    let mut refused = None;
    for _ in 0..12 {
        let response = client().get(format!("{}/me", gateway.url)).bearer_auth(&eve).send().await.unwrap();
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            refused = Some(response);
            break;
        }
    }
    let refused = refused.expect("twelve at once, at one a second");
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(refused.json::<Value>().await.unwrap()["code"], "too_many_requests");
    assert_eq!(me(&gateway, &TestGateway::token_of("bob")).await, 200, "others are not held up");
}

#[tokio::test]
async fn security_events_are_paged_followed_and_for_admins() {
    let broker = TestBroker::start().await;
    let gateway = TestGateway::start(&broker).await;
    for user in ["alice", "bob", "eve"] {
        let body = log_in(&gateway, user).await;
        assert_eq!(gateway.get_as(access(&body), "/audit").await.0, 403, "{user}");
    }
    wait_until("three log-ins", WITHIN, async || (events(&gateway, "login").await.len() == 3).then_some(())).await;
    let (_, page) = gateway.get("/audit?kind=login&limit=2").await;
    let by = |page: &Value| {
        page["events"].as_array().unwrap().iter().map(|it| it["data"]["by"].to_string()).collect::<Vec<_>>()
    };
    assert_eq!(by(&page), [r#""eve""#, r#""bob""#]);
    let (_, rest) =
        gateway.get(&format!("/audit?kind=login&limit=2&cursor={}", page["next_cursor"].as_str().unwrap())).await;
    assert_eq!(by(&rest), [r#""alice""#]);
    let latest = page["latest"].as_u64().unwrap();
    log_in(&gateway, "olga").await;
    let follow = format!("/audit?user=olga&after={latest}");
    let news = wait_until("the news", WITHIN, async || {
        let (_, page) = gateway.get(&follow).await;
        page["events"].as_array().filter(|events| !events.is_empty()).cloned()
    })
    .await;
    assert_eq!((&news[0]["type"], &news[0]["data"]["by"]), (&json!("ogent.audit.login"), &json!("olga")));
    assert_eq!(gateway.get("/audit?kind=nonsense").await.0, 400);
}

#[tokio::test]
async fn nobody_gets_in_while_nobody_knows_what_has_ended() {
    let mut broker = TestBroker::start().await;
    let gateway = TestGateway::start(&broker).await;
    let alice = log_in(&gateway, "alice").await;
    broker.kill();
    // A restart of the broker is not noticed.
    assert_eq!(me(&gateway, access(&alice)).await, 200);
    wait_until("the gateway to close", Duration::from_secs(25), async || {
        (me(&gateway, access(&alice)).await == 503).then_some(())
    })
    .await;
    broker.restart().await;
    wait_until("the gateway to open", Duration::from_secs(25), async || {
        (me(&gateway, access(&alice)).await == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_is_no_token_gets_nobody_in() {
    let broker = TestBroker::start().await;
    let gateway = TestGateway::start(&broker).await;
    let good = TestGateway::token_of("admin");
    assert_eq!(me(&gateway, &good).await, 200);
    let parts: Vec<&str> = good.split('.').collect();
    // {"typ":"at+jwt","alg":"none"}
    let none = "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJub25lIn0";
    for bad in [
        format!("{none}.{}.", parts[1]),
        format!("{none}.{}.{}", parts[1], parts[2]),
        format!("{}.{}.{}", parts[0], parts[1], &parts[2][..parts[2].len() - 2]),
        format!("{good}{}", "A".repeat(10_000)),
        "a.b.c".to_owned(),
        "ogr_".to_owned() + &"0".repeat(136),
        "ogt_".to_owned() + &"0".repeat(136),
    ] {
        assert_eq!(me(&gateway, &bad).await, 401, "{bad}");
    }
    let huge = client().get(format!("{}/me", gateway.url)).bearer_auth("A".repeat(1 << 20)).send().await;
    // Cut off while it is still sent, or answered.
    assert!(huge.map_or(true, |response| [401, 431].contains(&response.status().as_u16())));
    assert_eq!(me(&gateway, &good).await, 200);
}

#[tokio::test]
async fn programs_side_by_side_keep_one_session() {
    use ogent::client::credentials::{CredentialStore, Login};
    let broker = TestBroker::start().await;
    let gateway = TestGateway::start(&broker).await;
    let folder = tempfile::tempdir().unwrap();
    let store = CredentialStore::at(folder.path().join("credentials.json"));
    let url: ogent::client::GatewayUrl = gateway.url.parse().unwrap();
    let password = ogent_runtime::Secret::new(PASSWORD.to_owned());
    let answer = ogent::client::Client::new(url.clone(), None).unwrap().log_in("alice", &password).await.unwrap();
    // As if the access token had just ended.
    let ended =
        Login { expires_at: jiff::Timestamp::now(), ..Login::of("alice".into(), answer, jiff::Timestamp::now()) };
    let first = ended.refresh_token.clone();
    store.keep(&url, ended.clone()).unwrap();
    let programs = (0..6).map(|_| {
        ogent::client::Client::logged_in(url.clone(), store.clone(), ended.clone(), &ogent::client::Trust::System)
            .unwrap()
    });
    let programs: Vec<_> = programs.collect();
    for me in futures::future::join_all(programs.iter().map(ogent::client::Client::me)).await {
        assert_eq!(me.unwrap().user, "alice");
    }
    let kept = store.find(&url).unwrap().unwrap();
    assert_ne!(kept.refresh_token, first);
    assert_eq!(events(&gateway, "refreshed").await.len(), 1, "one refreshed, the others found what it has kept");
    let sessions = programs[0].sessions(None).await.unwrap();
    assert_eq!(sessions.len(), 1);
    programs[1].log_out().await.unwrap();
    assert_eq!(programs[2].me().await.unwrap_err().status(), Some(401));
}
