//! What browsers may do: sessions by cookie, requests of other sites' pages, tickets for WebSockets. What an attacker's page
//! can send is sent here as the browser would send it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use ogent_testkit::{TestBroker, TestGateway, wait_until};
use reqwest::header::{COOKIE, SET_COOKIE};
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;
type Headers<'a> = &'a [(&'a str, &'a str)];

const LIMIT: Duration = Duration::from_secs(20);
const PASSWORD: &str = "correct horse battery";
const CONSOLE: &str = "https://console.example.org";

/// A browser that shows one of the gateway's own pages, or one of somebody else's.
struct Browser {
    http: Client,
    url: String,
    cookie: String,
}

impl Browser {
    fn new(gateway: &TestGateway) -> Self {
        let http = Client::builder().no_proxy().timeout(LIMIT).build().unwrap();
        Self { http, url: gateway.url.clone(), cookie: String::new() }
    }

    /// What the gateway's own page has for its origin.
    fn origin(&self) -> &str {
        &self.url
    }

    async fn send(&self, method: Method, path: &str, headers: Headers<'_>, body: Option<Value>) -> Response {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !self.cookie.is_empty() {
            request = request.header(COOKIE, &self.cookie);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        request.send().await.unwrap()
    }

    async fn own(&self, method: Method, path: &str, body: Option<Value>) -> Response {
        let headers = [("sec-fetch-site", "same-origin"), ("origin", self.origin())];
        self.send(method, path, &headers, body).await
    }

    async fn log_in(&mut self) -> Response {
        self.log_in_as("admin").await
    }

    async fn log_in_as(&mut self, name: &str) -> Response {
        let body = json!({"username": name, "password": PASSWORD});
        let response = self.own(Method::POST, "/session", Some(body)).await;
        let set = response.headers()[SET_COOKIE].to_str().unwrap();
        self.cookie = set.split(';').next().unwrap().to_owned();
        response
    }

    async fn connect(&self, headers: Headers<'_>) -> Result<(Socket, Option<String>), u16> {
        let mut request = format!("{}/ws", self.url.replacen("http", "ws", 1)).into_client_request().unwrap();
        for (name, value) in headers {
            let name = reqwest::header::HeaderName::from_bytes(name.as_bytes()).unwrap();
            request.headers_mut().append(name, value.parse().unwrap());
        }
        match connect_async(request).await {
            Ok((socket, response)) => {
                let chosen = response.headers().get("sec-websocket-protocol");
                Ok((socket, chosen.map(|value| value.to_str().unwrap().to_owned())))
            }
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    async fn by_ticket(&self, ticket: &str) -> Result<(Socket, Option<String>), u16> {
        let protocols = format!("ogent.v1, ticket.{ticket}");
        self.connect(&[("origin", CONSOLE), ("sec-websocket-protocol", &protocols)]).await
    }
}

async fn problem(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap_or_default();
    (status, body["code"].as_str().unwrap_or_default().to_owned())
}

/// The first thing that a socket says: who it takes the client for.
async fn greeting(socket: &mut Socket) -> Value {
    let message = timeout(LIMIT, socket.next()).await.unwrap().unwrap().unwrap();
    serde_json::from_str(message.to_text().unwrap()).unwrap()
}

async fn closing(socket: &mut Socket) -> String {
    loop {
        match timeout(LIMIT, socket.next()).await.expect("the socket stays open") {
            Some(Ok(Message::Close(Some(frame)))) => return frame.reason.to_string(),
            Some(Ok(_)) => {}
            other => return format!("{other:?}"),
        }
    }
}

async fn with_console(broker: &TestBroker) -> TestGateway {
    TestGateway::start_with(broker, |config| config.allowed_origins = vec![CONSOLE.to_owned()]).await
}

#[tokio::test]
async fn a_session_is_a_cookie_that_no_script_and_no_other_site_gets() {
    let broker = TestBroker::start().await;
    let (gateway, other) = (TestGateway::start(&broker).await, TestGateway::start(&broker).await);
    let mut browser = Browser::new(&gateway);
    let response = browser.log_in().await;
    assert_eq!(response.status(), 200);
    let cookie = response.headers()[SET_COOKIE].to_str().unwrap().to_owned();
    let (pair, attributes) = cookie.split_once("; ").unwrap();
    // What stands for the user, and 256 bits.
    assert!(
        pair.starts_with("__Host-ogent-session=") && pair.len() == "__Host-ogent-session=".len() + 32 + 43,
        "{pair}"
    );
    for attribute in ["Path=/", "Secure", "HttpOnly", "SameSite=Strict"] {
        assert!(attributes.split("; ").any(|one| one == attribute), "{attributes}");
    }
    assert!(!attributes.contains("Domain"));
    assert_eq!(response.headers()["cache-control"], "no-store");
    let me: Value = browser.own(Method::GET, "/session", None).await.json().await.unwrap();
    assert_eq!((me["user"].as_str(), me["roles"][0].as_str()), (Some("admin"), Some("admin")));
    // Every gateway knows it, and every route takes it.
    let elsewhere = Browser { url: other.url.clone(), cookie: browser.cookie.clone(), ..Browser::new(&other) };
    assert_eq!(elsewhere.own(Method::GET, "/agents", None).await.status(), 200);
    // A new one with every log-in: what somebody else has put there is worth nothing, and the one before ends.
    let before = browser.cookie.clone();
    browser.log_in().await;
    assert_ne!(before, browser.cookie);
    let old = Browser { cookie: before, ..Browser::new(&gateway) };
    assert_eq!(problem(old.own(Method::GET, "/session", None).await).await, (401, "unauthorized".to_owned()));
    // The end is the end everywhere, at once.
    let response = browser.own(Method::DELETE, "/session", None).await;
    assert_eq!(response.status(), 204);
    assert!(response.headers()[SET_COOKIE].to_str().unwrap().contains("Max-Age=0"));
    for url in [&gateway, &other] {
        let gone = Browser { cookie: browser.cookie.clone(), ..Browser::new(url) };
        assert_eq!(problem(gone.own(Method::GET, "/agents", None).await).await, (401, "unauthorized".to_owned()));
    }
}

#[tokio::test]
async fn a_session_is_that_of_one_person() {
    let broker = TestBroker::start().await;
    let gateway = TestGateway::start(&broker).await;
    let anna = json!({"name": "anna", "roles": ["viewer"], "password": PASSWORD});
    assert_eq!(gateway.post("/users", anna.clone()).await.0, 201);
    let mut browser = Browser::new(&gateway);
    let status = async |browser: &Browser| browser.own(Method::GET, "/session", None).await.status().as_u16();

    // Another password, also the same one anew, ends what was begun with the one before.
    browser.log_in_as("anna").await;
    assert_eq!(status(&browser).await, 200);
    assert_eq!(gateway.post("/users/anna/password", json!({"password": PASSWORD})).await.0, 204);
    assert_eq!(status(&browser).await, 401);

    // Somebody else of the same name does not find it open.
    browser.cookie.clear();
    browser.log_in_as("anna").await;
    assert_eq!(status(&browser).await, 200);
    let removed = gateway.request(Method::DELETE, "/users/anna").send().await.unwrap();
    assert_eq!(removed.status(), 204);
    assert_eq!(gateway.post("/users", anna).await.0, 201);
    assert_eq!(status(&browser).await, 401);
}

#[tokio::test]
async fn sessions_in_browsers_are_listed_ended_and_bounded() {
    let broker = TestBroker::start().await;
    let gateway = TestGateway::start(&broker).await;
    let anna = json!({"name": "anna", "roles": ["viewer"], "password": PASSWORD});
    assert_eq!(gateway.post("/users", anna).await.0, 201);
    let mut first = Browser::new(&gateway);
    first.log_in_as("anna").await;
    let status = async |browser: &Browser| browser.own(Method::GET, "/session", None).await.status().as_u16();

    // Its owner sees it, and so does an admin, who may end it.
    let own: Value = first.own(Method::GET, "/sessions", None).await.json().await.unwrap();
    assert_eq!(own["sessions"][0]["is_current"], true, "{own}");
    let mut second = Browser::new(&gateway);
    second.log_in_as("anna").await;
    let list = gateway.get("/sessions?user=anna").await.1;
    let ids: Vec<&str> = list["sessions"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 2, "{list}");
    let id = own["sessions"][0]["id"].as_str().unwrap();
    assert!(id.starts_with("b-") && ids.contains(&id), "{list}");
    assert_eq!(first.own(Method::DELETE, "/sessions/b-00000000000000000000000000000000", None).await.status(), 404);
    let ended = gateway.request(Method::DELETE, &format!("/sessions/{id}")).send().await.unwrap();
    assert_eq!(ended.status(), 204);
    assert_eq!((status(&first).await, status(&second).await), (401, 200));
    // Nobody ends one of others.
    let mut admin = Browser::new(&gateway);
    admin.log_in().await;
    let list: Value = admin.own(Method::GET, "/sessions", None).await.json().await.unwrap();
    let current = list["sessions"].as_array().unwrap().iter().find(|one| one["is_current"] == true).unwrap();
    let path = format!("/sessions/{}", current["id"].as_str().unwrap());
    assert_eq!(second.own(Method::DELETE, &path, None).await.status(), 404);
    assert_eq!(status(&admin).await, 200);

    // Whoever logs in without end takes the places of what is not used any more.
    for _ in 0..64 {
        let mut browser = Browser::new(&gateway);
        assert_eq!(browser.log_in_as("anna").await.status(), 200);
    }
    let list = gateway.get("/sessions?user=anna").await.1;
    assert_eq!(list["sessions"].as_array().unwrap().len(), 64);
    assert_eq!((status(&second).await, status(&admin).await), (401, 200));
}

#[tokio::test]
async fn who_says_nothing_true_gets_no_session() {
    let broker = TestBroker::start().await;
    let gateway = with_console(&broker).await;
    let mut browser = Browser::new(&gateway);
    let wrong = json!({"username": "admin", "password": "wrong"});
    let refused = browser.own(Method::POST, "/session", Some(wrong)).await;
    assert!(refused.headers().get(SET_COOKIE).is_none());
    assert_eq!(problem(refused).await, (401, "invalid_credentials".to_owned()));
    // Another site must not log somebody in, either.
    let right = json!({"username": "admin", "password": PASSWORD});
    let foreign: [Headers<'_>; 5] = [
        &[],
        &[("origin", CONSOLE)],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site"), ("origin", CONSOLE)],
    ];
    for headers in foreign {
        let refused = browser.send(Method::POST, "/session", headers, Some(right.clone())).await;
        assert!(refused.headers().get(SET_COOKIE).is_none(), "{headers:?}");
        assert_eq!(problem(refused).await, (403, "cross_site".to_owned()), "{headers:?}");
    }
    for cookie in ["", "x", &"A".repeat(43), "browser.x", "*", ">", "../../x", "é"] {
        browser.cookie = format!("__Host-ogent-session={cookie}");
        let refused = browser.own(Method::GET, "/session", None).await;
        assert_ne!(refused.status(), 200, "{cookie}");
    }
    browser.log_in().await;
    // Two ways to say who somebody is, or one said twice: nobody has to guess which counts.
    let bearer = format!("Bearer {}", gateway.token);
    let both = [("authorization", bearer.as_str()), ("sec-fetch-site", "same-origin")];
    assert_eq!(browser.send(Method::GET, "/agents", &both, None).await.status(), 400);
    browser.cookie = format!("{}; {}", browser.cookie, browser.cookie);
    assert_eq!(browser.own(Method::GET, "/agents", None).await.status(), 400);
}

/// Every operation of the description that takes a cookie, with parameters filled in.
async fn operations(gateway: &TestGateway) -> Vec<(Method, String)> {
    let (_, document) = gateway.get("/openapi.json").await;
    let mut found = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let takes_cookie = operation["security"].as_array().is_some_and(|all| all.contains(&json!({"cookie": []})));
            if takes_cookie && path != "/ws" {
                let path = path.replace("{id}", "web-1");
                found.push((Method::from_bytes(method.to_uppercase().as_bytes()).unwrap(), path));
            }
        }
    }
    found
}

#[tokio::test]
async fn no_other_site_rides_on_a_session() {
    let broker = TestBroker::start().await;
    let gateway = with_console(&broker).await;
    let mut browser = Browser::new(&gateway);
    browser.log_in().await;
    let operations = operations(&gateway).await;
    let is_unsafe = |(method, _): &&(Method, String)| !method.is_safe();
    assert!(operations.len() > 15 && operations.iter().filter(is_unsafe).count() > 5, "{operations:?}");
    let always: [Headers<'_>; 6] = [
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        // Allowed to ask, but with a token of its own.
        &[("origin", CONSOLE), ("sec-fetch-site", "same-site")],
        &[("origin", CONSOLE)],
    ];
    let suffix = format!("{}.evil.example", browser.origin());
    for (method, path) in &operations {
        for headers in always.iter().copied().chain([[("origin", suffix.as_str())].as_slice()]) {
            let found = problem(browser.send(method.clone(), path, headers, Some(json!({}))).await).await;
            assert_eq!(found, (403, "cross_site".to_owned()), "{method} {path} {headers:?}");
        }
        // What changes something has to say where it comes from; a form of an old browser does not.
        let silent = problem(browser.send(method.clone(), path, &[], Some(json!({}))).await).await;
        assert_eq!(silent.1 == "cross_site", !method.is_safe(), "{method} {path}: {silent:?}");
        // The gateway's own pages get through: whatever is wrong then is something else.
        if path != "/session" && path != "/logout" {
            let own = problem(browser.own(method.clone(), path, Some(json!({}))).await).await;
            assert!(own.1 != "cross_site" && own.0 != 401, "{method} {path}: {own:?}");
        }
    }
    assert_eq!(browser.own(Method::GET, "/session", None).await.status(), 200, "the session has not survived");
}

#[tokio::test]
async fn a_socket_opens_by_cookie_for_the_own_pages_only() {
    let broker = TestBroker::start().await;
    let gateway = with_console(&broker).await;
    let mut browser = Browser::new(&gateway);
    browser.log_in().await;
    let cookie = ("cookie", browser.cookie.as_str());
    let own = ("origin", browser.origin());
    let (mut socket, _) = browser.connect(&[cookie, own]).await.unwrap();
    assert_eq!(greeting(&mut socket).await["user"], "admin");
    let other_scheme = browser.origin().replacen("http", "ftp", 1);
    let suffix = format!("{}0", browser.origin());
    let attacks: [Headers<'_>; 8] = [
        &[cookie],
        &[cookie, ("origin", "https://evil.example")],
        &[cookie, ("origin", "null")],
        &[cookie, ("origin", CONSOLE)],
        &[cookie, ("origin", &suffix)],
        &[cookie, ("origin", &other_scheme)],
        &[cookie, own, ("sec-fetch-site", "cross-site")],
        &[cookie, own, own],
    ];
    for headers in attacks {
        assert_eq!(browser.connect(headers).await.err(), Some(403), "{headers:?}");
    }
    // Who logs out leaves no socket behind, wherever it was opened.
    let other = TestGateway::start(&broker).await;
    let elsewhere = Browser { cookie: browser.cookie.clone(), ..Browser::new(&other) };
    let headers = [("cookie", browser.cookie.as_str()), ("origin", elsewhere.origin())];
    let (mut far, _) = elsewhere.connect(&headers).await.unwrap();
    assert_eq!(greeting(&mut far).await["user"], "admin");
    assert_eq!(browser.own(Method::DELETE, "/session", None).await.status(), 204);
    let began = std::time::Instant::now();
    for socket in [&mut socket, &mut far] {
        assert_eq!(closing(socket).await, "the session has ended");
    }
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(browser.connect(&[cookie, own]).await.err(), Some(401));
}

#[tokio::test]
async fn a_ticket_opens_one_socket_on_one_gateway() {
    let broker = TestBroker::start().await;
    let gateways = [with_console(&broker).await, with_console(&broker).await];
    let browsers = [Browser::new(&gateways[0]), Browser::new(&gateways[1])];
    let viewer = TestGateway::token_of("eve");
    let (status, made) = gateways[0].post_as(&viewer, "/ws/ticket", json!({})).await;
    assert_eq!((status, made["expires_in"].as_u64()), (200, Some(30)));
    let ticket = made["ticket"].as_str().unwrap();
    assert_eq!(ticket.len(), 43);
    let (mut socket, protocol) = browsers[1].by_ticket(ticket).await.unwrap();
    // The ticket is not said again: what is said ends up in logs.
    assert_eq!(protocol.as_deref(), Some("ogent.v1"));
    assert_eq!(greeting(&mut socket).await["user"], "eve");
    for browser in &browsers {
        assert_eq!(browser.by_ticket(ticket).await.err(), Some(401));
    }
    // Of many at the same time on both, one wins.
    let (_, made) = gateways[1].post("/ws/ticket", json!({})).await;
    let ticket = made["ticket"].as_str().unwrap();
    let all = (0..20).map(|n| browsers[n % 2].by_ticket(ticket));
    let outcomes: Vec<_> = futures::future::join_all(all).await.into_iter().map(|it| it.err()).collect();
    assert_eq!(outcomes.iter().filter(|it| it.is_none()).count(), 1, "{outcomes:?}");
    assert!(outcomes.iter().flatten().all(|status| *status == 401), "{outcomes:?}");
}

#[tokio::test]
async fn a_ticket_is_worth_what_its_session_is_worth() {
    let broker = TestBroker::start().await;
    let gateway = with_console(&broker).await;
    let mut browser = Browser::new(&gateway);
    browser.log_in().await;
    let fetch = async || {
        let made: Value = browser.own(Method::POST, "/ws/ticket", None).await.json().await.unwrap();
        made["ticket"].as_str().unwrap().to_owned()
    };
    let (mut socket, _) = browser.by_ticket(&fetch().await).await.unwrap();
    assert_eq!(greeting(&mut socket).await["user"], "admin");
    let unused = fetch().await;
    assert_eq!(browser.own(Method::DELETE, "/session", None).await.status(), 204);
    assert_eq!(closing(&mut socket).await, "the session has ended");
    assert_eq!(browser.by_ticket(&unused).await.err(), Some(401));
    // Nonsense, several, and together with another proof; and from a page that may not connect at all.
    for ticket in ["", "x", "*", ">", "a.b", &"A".repeat(43)] {
        assert_eq!(browser.by_ticket(ticket).await.err(), Some(401), "{ticket}");
    }
    let (_, made) = gateway.post("/ws/ticket", json!({})).await;
    let good = made["ticket"].as_str().unwrap();
    assert_eq!(browser.by_ticket(&format!("{good}, ticket.{good}")).await.err(), Some(400));
    let protocols = format!("ogent.v1, ticket.{good}");
    let bearer = format!("Bearer {}", gateway.token);
    let offer = ("sec-websocket-protocol", protocols.as_str());
    assert_eq!(browser.connect(&[offer, ("authorization", &bearer)]).await.err(), Some(400));
    assert_eq!(browser.connect(&[offer, ("origin", "https://evil.example")]).await.err(), Some(403));
    // None of that has used it up.
    let (mut socket, _) = browser.by_ticket(good).await.unwrap();
    assert_eq!(greeting(&mut socket).await["user"], "admin");
    socket.close(None).await.unwrap();
}

#[tokio::test]
async fn the_other_ways_into_a_socket_stay() {
    let broker = TestBroker::start().await;
    let gateway = TestGateway::start(&broker).await;
    let browser = Browser::new(&gateway);
    let bearer = format!("Bearer {}", gateway.token);
    let (mut socket, protocol) = browser.connect(&[("authorization", &bearer)]).await.unwrap();
    assert_eq!((greeting(&mut socket).await["user"].as_str(), protocol), (Some("admin"), None));
    let (mut socket, protocol) = browser.connect(&[("sec-websocket-protocol", "ogent.v1")]).await.unwrap();
    assert_eq!(protocol.as_deref(), Some("ogent.v1"));
    let auth = json!({"type": "auth", "token": gateway.token}).to_string();
    socket.send(Message::text(auth)).await.unwrap();
    assert_eq!(greeting(&mut socket).await["user"], "admin");
}

#[tokio::test]
async fn other_sites_see_answers_only_where_they_are_named() {
    let broker = TestBroker::start().await;
    let gateway = with_console(&broker).await;
    let browser = Browser::new(&gateway);
    let bearer = format!("Bearer {}", gateway.token);
    let ask = async |origin: &str| {
        let preflight = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "authorization,content-type"),
        ];
        let before = browser.send(Method::OPTIONS, "/agents/web-1/execute", &preflight, None).await;
        let headers = [("origin", origin), ("authorization", bearer.as_str())];
        let answer = browser.send(Method::GET, "/agents", &headers, None).await;
        for response in [&before, &answer] {
            assert!(response.headers().get("access-control-allow-credentials").is_none());
            assert!(response.headers().get_all("vary").iter().any(|value| value == "origin"));
        }
        (before, answer)
    };
    let (before, answer) = ask(CONSOLE).await;
    assert_eq!(before.status(), 204);
    for response in [&before, &answer] {
        assert_eq!(response.headers()["access-control-allow-origin"], CONSOLE);
    }
    assert!(before.headers()["access-control-allow-methods"].to_str().unwrap().contains("POST"));
    assert!(before.headers()["access-control-allow-headers"].to_str().unwrap().contains("authorization"));
    let denied = [
        "https://evil.example",
        "null",
        "https://console.example.org.evil.example",
        "https://evilconsole.example.org",
        "https://console.example.org:444",
        "http://console.example.org",
        "https://x.console.example.org",
        "*",
    ];
    for origin in denied {
        let (before, answer) = ask(origin).await;
        assert_eq!(before.status(), 403, "{origin}");
        for response in [&before, &answer] {
            assert!(response.headers().keys().all(|name| !name.as_str().starts_with("access-control")), "{origin}");
        }
    }
}

#[tokio::test]
async fn every_answer_is_armoured() {
    let broker = TestBroker::start().await;
    let gateway = TestGateway::start(&broker).await;
    let browser = Browser::new(&gateway);
    for (method, path) in
        [(Method::GET, "/agents"), (Method::GET, "/nowhere"), (Method::GET, "/healthz"), (Method::PUT, "/token")]
    {
        let response = browser.send(method, path, &[], None).await;
        let headers = response.headers();
        assert_eq!(headers["content-security-policy"], "default-src 'none'; frame-ancestors 'none'", "{path}");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["referrer-policy"], "no-referrer");
        assert_eq!(headers["cache-control"], "no-store");
        // Without encryption the header would lock people out of what is not encrypted on purpose.
        assert!(headers.get("strict-transport-security").is_none());
    }
}

#[tokio::test]
async fn a_session_outlives_the_broker_s_restart() {
    let mut broker = TestBroker::start().await;
    let gateway = TestGateway::start(&broker).await;
    let mut browser = Browser::new(&gateway);
    browser.log_in().await;
    broker.kill();
    let away = problem(browser.own(Method::GET, "/session", None).await).await;
    assert_eq!(away, (503, "broker_unavailable".to_owned()));
    broker.restart().await;
    wait_until("the session", LIMIT, async || {
        (browser.own(Method::GET, "/session", None).await.status() == 200).then_some(())
    })
    .await;
}
