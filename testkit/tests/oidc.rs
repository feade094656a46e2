//! Sign-in at a real OpenID provider (tests/oidc), with a browser that follows redirects, keeps cookies and fills in forms.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ogent_gateway::{OidcConfig, Role};
use ogent_runtime::Secret;
use ogent_testkit::{TestBroker, TestGateway};
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url};
use serde_json::{Value, json};

/// Where browsers find the gateways; the test's browser knows which one it really asks.
const PUBLIC: &str = "https://ogent.example";
const SECRET: &str = "a secret: with + and /";

/// A provider's process. It ends with this value.
struct IdProvider {
    child: Child,
    issuer: String,
    http: Client,
}

impl IdProvider {
    fn start() -> Self {
        let folder = provider_folder();
        let mut child = Command::new(std::env::var_os("OGENT_NODE").unwrap_or_else(|| "node".into()))
            .current_dir(&folder)
            .args(["provider.mjs", &format!("{PUBLIC}/auth/oidc/callback")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("node cannot be started: run scripts/oidc-provider");
        let mut issuer = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut issuer).unwrap();
        let http = Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap();
        assert!(issuer.starts_with("http://127.0.0.1:"), "the provider does not start: {issuer:?}");
        Self { child, issuer: issuer.trim().to_owned(), http }
    }

    async fn tell(&self, what: &str, body: Value) {
        let response = self.http.post(format!("{}/test/{what}", self.issuer)).json(&body).send().await.unwrap();
        assert_eq!(response.status(), 200);
    }

    /// A gateway that lets people of this provider in.
    async fn gateway(&self, broker: &TestBroker) -> TestGateway {
        let oidc = OidcConfig {
            issuer: self.issuer.clone(),
            client_id: "ogent".to_owned(),
            client_secret: Some(Secret::new(SECRET.to_owned())),
            redirect_uri: format!("{PUBLIC}/auth/oidc/callback"),
            role_claim: "groups".to_owned(),
            roles: vec![(Role::Operator, "staff".to_owned()), (Role::Viewer, "guests".to_owned())],
            username_claim: "sub".to_owned(),
            scopes: vec!["groups".to_owned()],
        };
        TestGateway::start_with(broker, |config| {
            config.web.public_origin = Some(PUBLIC.to_owned());
            config.web.oidc = Some(oidc);
        })
        .await
    }
}

impl Drop for IdProvider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where `scripts/oidc-provider` has put it.
fn provider_folder() -> PathBuf {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("target/oidc");
    let folder = std::env::var_os("OGENT_OIDC_PROVIDER").map_or_else(beside, PathBuf::from);
    assert!(folder.join("node_modules").is_dir(), "no OpenID provider found: run `make test`, which installs it");
    folder
}

/// A browser that has cookies for each host, and reaches [`PUBLIC`] at some gateway.
struct Browser {
    http: Client,
    cookies: BTreeMap<(String, String), String>,
}

impl Browser {
    fn new() -> Self {
        let builder = Client::builder().no_proxy().redirect(Policy::none()).timeout(Duration::from_secs(20));
        Self { http: builder.build().unwrap(), cookies: BTreeMap::new() }
    }

    async fn ask(&mut self, url: &Url, gateway: &TestGateway, form: Option<&[(&str, &str)]>) -> Response {
        let host = url.host_str().unwrap().to_owned();
        let real = url.as_str().replacen(PUBLIC, &gateway.url, 1);
        let mut request = match form {
            Some(form) => self.http.post(real).form(form),
            None => self.http.get(real),
        };
        let mine = self.cookies.iter().filter(|((of, _), _)| *of == host);
        let cookies: Vec<String> = mine.map(|((_, name), value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            request = request.header(COOKIE, cookies.join("; "));
        }
        let response = request.send().await.unwrap();
        for line in response.headers().get_all(SET_COOKIE) {
            let (pair, attributes) = line.to_str().unwrap().split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            let key = (host.clone(), name.to_owned());
            match value.is_empty() || attributes.contains("Max-Age=0") {
                true => _ = self.cookies.remove(&key),
                false => _ = self.cookies.insert(key, value.to_owned()),
            }
        }
        response
    }

    /// Follows redirects and logs in as `user` where it is asked to, until the provider sends it back to the gateway.
    async fn sign_in(&mut self, gateway: &TestGateway, user: &str) -> Url {
        let url = self.depart(gateway).await;
        self.go_on(url, gateway, user).await
    }

    /// Begins, and gives where the gateway sends it.
    async fn depart(&mut self, gateway: &TestGateway) -> Url {
        let begin = format!("{PUBLIC}/auth/oidc/login?next=/agents").parse().unwrap();
        let response = self.ask(&begin, gateway, None).await;
        assert_eq!(response.status(), 303);
        response.headers()[LOCATION].to_str().unwrap().parse().unwrap()
    }

    async fn go_on(&mut self, mut url: Url, gateway: &TestGateway, user: &str) -> Url {
        for _ in 0..12 {
            let mut response = self.ask(&url, gateway, None).await;
            if response.status() == 200 {
                // A form: first who somebody is, then whether that may be told.
                let page = response.text().await.unwrap();
                let prompt = if page.contains("name=\"login\"") { "login" } else { "consent" };
                let form = [("prompt", prompt), ("login", user), ("password", "x")];
                response = self.ask(&url, gateway, Some(&form)).await;
            }
            assert_eq!(response.status(), 303, "{url}: {}", response.text().await.unwrap());
            url = url.join(response.headers()[LOCATION].to_str().unwrap()).unwrap();
            if url.path() == "/auth/oidc/callback" {
                return url;
            }
        }
        panic!("the provider does not come to an end");
    }

    async fn arrive(&mut self, gateway: &TestGateway, back: &Url) -> (u16, String) {
        let response = self.ask(back, gateway, None).await;
        (response.status().as_u16(), response.text().await.unwrap())
    }

    async fn sign_in_fully(&mut self, gateway: &TestGateway, user: &str) -> (u16, String) {
        let back = self.sign_in(gateway, user).await;
        self.arrive(gateway, &back).await
    }

    async fn me(&mut self, gateway: &TestGateway) -> (u16, Value) {
        let response = self.ask(&format!("{PUBLIC}/session").parse().unwrap(), gateway, None).await;
        (response.status().as_u16(), response.json().await.unwrap())
    }

    fn has(&self, cookie: &str) -> bool {
        self.cookies.keys().any(|(_, name)| name == cookie)
    }
}

fn is_refused(answer: &(u16, String)) -> bool {
    answer.0 == 403 && answer.1.contains("sign_in_refused")
}

#[tokio::test]
async fn who_signs_in_has_a_session_on_every_gateway() {
    let broker = TestBroker::start().await;
    let provider = IdProvider::start();
    let (one, two) = (provider.gateway(&broker).await, provider.gateway(&broker).await);
    let mut browser = Browser::new();
    let back = browser.sign_in(&one, "alice").await;
    assert!(browser.has("__Host-ogent-oidc") && !browser.has("__Host-ogent-session"));
    // What one gateway has begun another one finishes.
    let (status, page) = browser.arrive(&two, &back).await;
    assert_eq!(status, 200, "{page}");
    assert!(page.contains("url=/agents\""), "{page}");
    assert!(browser.has("__Host-ogent-session") && !browser.has("__Host-ogent-oidc"));
    for gateway in [&one, &two] {
        let (status, me) = browser.me(gateway).await;
        assert_eq!((status, &me["user"], &me["roles"]), (200, &json!("oidc:alice"), &json!(["operator"])));
    }
    // A second one who is less.
    let mut guest = Browser::new();
    assert_eq!(guest.sign_in_fully(&one, "bob").await.0, 200);
    assert_eq!(guest.me(&one).await.1["roles"], json!(["viewer"]));
}

#[tokio::test]
async fn who_is_nothing_here_stays_outside() {
    let broker = TestBroker::start().await;
    let provider = IdProvider::start();
    let gateway = provider.gateway(&broker).await;
    let mut browser = Browser::new();
    let refused = browser.sign_in_fully(&gateway, "mallory").await;
    assert!(is_refused(&refused) && refused.1.contains("has no role here"), "{refused:?}");
    assert!(!browser.has("__Host-ogent-session"));
    assert_eq!(browser.me(&gateway).await.0, 401);
    // The provider's `admin` is not the gateway's.
    assert!(is_refused(&Browser::new().sign_in_fully(&gateway, "admin").await));
}

#[tokio::test]
async fn a_way_back_is_gone_once_and_by_whom_it_was_begun() {
    let broker = TestBroker::start().await;
    let provider = IdProvider::start();
    let (one, two) = (provider.gateway(&broker).await, provider.gateway(&broker).await);
    let mut browser = Browser::new();
    let there = browser.depart(&one).await;
    let back = browser.go_on(there.clone(), &one, "alice").await;
    // The same sign-in once more, for which the provider gives a code of its own.
    let again = browser.go_on(there, &one, "alice").await;
    assert_ne!(back, again);
    let kept = browser.cookies.clone();
    // Somebody else's browser, with its own sign-in under way and without.
    assert!(is_refused(&Browser::new().arrive(&one, &back).await));
    let mut other = Browser::new();
    other.sign_in(&one, "bob").await;
    assert!(is_refused(&other.arrive(&one, &back).await));
    // A state that was changed, and none.
    let change = |name: &str, value: Option<&str>| {
        let mut url = back.clone();
        let pairs: Vec<_> =
            back.query_pairs().filter(|(key, _)| key != name).map(|(k, v)| (k.into_owned(), v.into_owned())).collect();
        url.query_pairs_mut().clear().extend_pairs(pairs).extend_pairs(value.map(|value| (name, value)));
        url
    };
    for url in [change("state", Some("x")), change("state", None), change("state", Some(""))] {
        assert!(is_refused(&browser.arrive(&one, &url).await), "{url}");
    }
    assert!(!browser.has("__Host-ogent-session"));
    // None of that has used it up; the true way has.
    assert_eq!(browser.arrive(&one, &back).await.0, 200);
    // First the code that is still good: only the gateway can know that its sign-in is over.
    for (gateway, url) in [(&one, &again), (&two, &again), (&one, &back), (&two, &back)] {
        browser.cookies = kept.clone();
        assert!(is_refused(&browser.arrive(gateway, url).await), "it was gone twice: {url}");
        assert!(!browser.has("__Host-ogent-session"));
    }
    // An answer in the name of another provider, and one that says no.
    let mut next = Browser::new();
    let back = next.sign_in(&one, "alice").await;
    let mut forged = back.clone();
    let pairs: Vec<_> = back.query_pairs().map(|(k, v)| (k.into_owned(), v.into_owned())).collect();
    let pairs =
        pairs.into_iter().map(|(k, v)| if k == "iss" { (k, "https://evil.example".to_owned()) } else { (k, v) });
    forged.query_pairs_mut().clear().extend_pairs(pairs);
    assert_ne!(forged, back);
    assert!(is_refused(&next.arrive(&one, &forged).await));
    let mut third = Browser::new();
    let back = third.sign_in(&one, "alice").await;
    let state = back.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let mut denied = back.clone();
    let iss = provider.issuer.as_str();
    denied.query_pairs_mut().clear().extend_pairs([("error", "access_denied<b>"), ("state", &state), ("iss", iss)]);
    let refused = third.arrive(&one, &denied).await;
    assert!(is_refused(&refused) && refused.1.contains("access_denied") && !refused.1.contains('<'), "{refused:?}");
}

#[tokio::test]
async fn a_provider_s_token_is_checked_claim_by_claim() {
    let broker = TestBroker::start().await;
    let provider = IdProvider::start();
    let gateway = provider.gateway(&broker).await;
    // Made anew in the same way, and true: what is refused below is refused for what it says.
    provider.tell("lie", json!({"extra": 1})).await;
    assert_eq!(Browser::new().sign_in_fully(&gateway, "alice").await.0, 200);
    for lie in [
        json!({"nonce": "another"}),
        json!({"nonce": null}),
        json!({"aud": "other"}),
        json!({"aud": ["ogent", "other"]}),
        json!({"azp": "other"}),
        json!({"iss": "https://evil.example"}),
        json!({"exp": 1_000_000_000}),
        json!({"iat": 1_000_000_000}),
        json!({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}),
    ] {
        provider.tell("lie", lie.clone()).await;
        let mut browser = Browser::new();
        let refused = browser.sign_in_fully(&gateway, "alice").await;
        assert!(is_refused(&refused) && !browser.has("__Host-ogent-session"), "{lie}: {refused:?}");
    }
    provider.tell("lie", json!({})).await;
    assert_eq!(Browser::new().sign_in_fully(&gateway, "alice").await.0, 200);
}

#[tokio::test]
async fn new_keys_of_the_provider_are_found() {
    let broker = TestBroker::start().await;
    let provider = IdProvider::start();
    let gateway = provider.gateway(&broker).await;
    assert_eq!(Browser::new().sign_in_fully(&gateway, "alice").await.0, 200);
    provider.tell("rotate", json!({})).await;
    let (status, page) = Browser::new().sign_in_fully(&gateway, "alice").await;
    assert_eq!(status, 200, "{page}");
    // But not more often than once a minute: whoever makes up keys must not make the gateway ask and ask.
    provider.tell("rotate", json!({})).await;
    assert!(is_refused(&Browser::new().sign_in_fully(&gateway, "alice").await));
    // A gateway that starts now knows them.
    let other = provider.gateway(&broker).await;
    assert_eq!(Browser::new().sign_in_fully(&other, "alice").await.0, 200);
}

#[tokio::test]
async fn a_provider_that_is_away_is_said_and_harms_nobody_else() {
    let broker = TestBroker::start().await;
    let mut provider = IdProvider::start();
    let gateway = provider.gateway(&broker).await;
    let mut browser = Browser::new();
    let back = browser.sign_in(&gateway, "alice").await;
    provider.child.kill().unwrap();
    provider.child.wait().unwrap();
    let (status, answer) = browser.arrive(&gateway, &back).await;
    assert_eq!(status, 503, "{answer}");
    assert!(answer.contains("provider_unavailable") && !answer.contains(&provider.issuer), "{answer}");
    assert_eq!(gateway.get("/agents").await.0, 200);
    let plain = TestGateway::start(&broker).await;
    assert_eq!(plain.get("/auth/oidc/login").await.0, 404);
}
