//! Who may log in: people are added, changed, disabled and removed once, on every gateway, and an admin is always left.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use ogent_runtime::Secret;
use ogent_testkit::{TestBroker, TestGateway, wait_until};
use reqwest::Method;
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(20);
const GOOD: &str = "correct horse";
const OTHER: &str = "battery staple";
/// Of the admin of every test gateway.
const ADMINS: &str = "correct horse battery";

async fn add(gateway: &TestGateway, name: &str, roles: &[&str]) -> (u16, Value) {
    gateway.post("/users", json!({"name": name, "roles": roles, "password": GOOD})).await
}

async fn patch(gateway: &TestGateway, token: &str, name: &str, body: Value) -> (u16, Value) {
    gateway.ask(Some(token), Method::PATCH, &format!("/users/{name}"), Some(body)).await
}

async fn password(gateway: &TestGateway, token: &str, name: &str, body: Value) -> u16 {
    gateway.ask(Some(token), Method::POST, &format!("/users/{name}/password"), Some(body)).await.0
}

#[tokio::test]
async fn people_come_and_go_on_every_gateway() {
    let broker = TestBroker::start().await;
    let (one, other) = (TestGateway::start(&broker).await, TestGateway::start(&broker).await);
    let (status, alma) = add(&one, "Alma@Example.org", &["operator", "viewer", "operator"]).await;
    assert_eq!(
        (status, &alma["name"], &alma["roles"]),
        (201, &json!("alma@example.org"), &json!(["viewer", "operator"]))
    );
    assert!(!alma.to_string().contains("argon2") && alma["changed_by"] == "admin", "{alma}");
    let token =
        wait_until("alma at the other gateway", LIMIT, async || other.log_in("ALMA@example.org", GOOD).await.ok())
            .await;
    assert_eq!(other.get_as(&token, "/agents").await.0, 200);
    assert_eq!(other.log_in("alma@example.org", OTHER).await, Err(401));
    assert_eq!(other.log_in("nobody", GOOD).await, Err(401));
    for name in ["alma@example.org", "ALMA@EXAMPLE.ORG", "admin", "Admin"] {
        assert_eq!(add(&one, name, &["viewer"]).await.1["code"], "user_exists", "{name}");
    }
    for (name, roles, word) in [
        ("a b", &["viewer"][..], "name"),
        ("bert", &["king"], "king"),
        ("bert", &[], "roles"),
        ("а", &["viewer"], "name"),
    ] {
        let (status, body) = add(&one, name, roles).await;
        assert!(status == 422 && body["detail"].as_str().unwrap().contains(word), "{name}: {body}");
    }
    let weak = json!({"name": "bert", "roles": ["viewer"], "password": "short"});
    assert_eq!(one.post("/users", weak).await.0, 422);
    // Whoever has no right to it sees themselves and nobody else.
    assert_eq!(other.get_as(&token, "/users/alma@example.org").await.0, 200);
    let (hidden, unknown) = (other.get_as(&token, "/users/admin").await, other.get_as(&token, "/users/xxxxx").await);
    assert_eq!((hidden.0, hidden.1.to_string()), (404, unknown.1.to_string().replace("xxxxx", "admin")));
    assert_eq!(patch(&other, &token, "alma@example.org", json!({"roles": ["admin"]})).await.0, 403);
    // Other roles count at once: what was given with those before ends.
    assert_eq!(patch(&one, &one.token, "alma@example.org", json!({"roles": ["approver"]})).await.0, 200);
    wait_until("the other gateway", LIMIT, async || (other.get_as(&token, "/agents").await.0 == 401).then_some(()))
        .await;
    // Removed, and then somebody else of that name.
    assert_eq!(one.ask(Some(&one.token), Method::DELETE, "/users/alma@example.org", None).await.0, 204);
    assert_eq!(one.get("/users/alma@example.org").await.0, 404);
    wait_until("the end of alma", LIMIT, async || {
        (other.log_in("alma@example.org", GOOD).await == Err(401)).then_some(())
    })
    .await;
    assert_eq!(add(&one, "alma@example.org", &["viewer"]).await.0, 201);
    let (_, list) = one.get("/users").await;
    let names: Vec<_> = list["users"].as_array().unwrap().iter().map(|user| user["name"].clone()).collect();
    assert_eq!(names.iter().filter(|name| **name == "alma@example.org").count(), 1, "{names:?}");
}

#[tokio::test]
async fn whoever_is_disabled_loses_everything_at_once() {
    let broker = TestBroker::start().await;
    let (one, other) = (TestGateway::start(&broker).await, TestGateway::start(&broker).await);
    add(&one, "ines", &["admin"]).await;
    let token = wait_until("ines", LIMIT, async || other.log_in("ines", GOOD).await.ok()).await;
    assert_eq!(other.get_as(&token, "/users").await.0, 200);
    let (status, ines) = patch(&one, &one.token, "ines", json!({"disabled": true})).await;
    assert_eq!((status, &ines["disabled"]), (200, &json!(true)));
    wait_until("the end of ines", Duration::from_secs(5), async || {
        let status = other.get_as(&token, "/users").await.0;
        [401, 403].contains(&status).then_some(())
    })
    .await;
    assert_eq!((one.log_in("ines", GOOD).await, other.log_in("ines", GOOD).await), (Err(401), Err(401)));
    assert_eq!(patch(&one, &one.token, "ines", json!({"disabled": false})).await.0, 200);
    wait_until("ines again", LIMIT, async || other.log_in("ines", GOOD).await.ok()).await;
}

#[tokio::test]
async fn an_admin_is_always_left() {
    let broker = TestBroker::start().await;
    let (one, other) = (TestGateway::start(&broker).await, TestGateway::start(&broker).await);
    for body in [json!({"disabled": true}), json!({"roles": ["viewer"]})] {
        let (status, answer) = patch(&one, &one.token, "admin", body).await;
        assert_eq!((status, &answer["code"]), (409, &json!("last_admin")), "{answer}");
    }
    assert_eq!(one.ask(Some(&one.token), Method::DELETE, "/users/admin", None).await.0, 409);
    // Two admins who put each other out at the same moment, on two gateways: one of them stays.
    for round in 0..4 {
        let name = format!("second-{round}");
        assert_eq!(add(&one, &name, &["admin"]).await.0, 201);
        let held = wait_until("both to know", LIMIT, async || other.log_in(&name, GOOD).await.ok()).await;
        let demoted = json!({"roles": ["viewer"]});
        let (first, second) = tokio::join!(
            patch(&one, &held, "admin", demoted.clone()),
            patch(&other, &other.token, &name, demoted.clone())
        );
        let (first, second) = (first.0, second.0);
        assert!(matches!((first, second), (200, 409) | (409, 200)), "{first} {second}");
        if first == 200 {
            assert_eq!(patch(&one, &held, "admin", json!({"roles": ["admin"]})).await.0, 200);
            assert_eq!(patch(&one, &one.token, &name, demoted).await.0, 200);
        }
        // What the one gateway has written, the other one has heard.
        wait_until("one admin", LIMIT, async || {
            let users = other.get("/users").await.1;
            let admins = users["users"].as_array()?.iter().filter(|user| user["roles"] == json!(["admin"])).count();
            (admins == 1).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn passwords_change_hands_only_rightly() {
    let broker = TestBroker::start().await;
    let gateway = TestGateway::start(&broker).await;
    add(&gateway, "bert", &["viewer"]).await;
    let bert = gateway.log_in("bert", GOOD).await.unwrap();
    let new = |current: Option<&str>| json!({"password": OTHER, "current": current});
    assert_eq!(password(&gateway, &bert, "bert", json!({"password": OTHER})).await, 403);
    assert_eq!(password(&gateway, &bert, "bert", new(Some("wrong password"))).await, 403);
    assert_eq!(password(&gateway, &bert, "admin", new(Some(GOOD))).await, 404);
    assert_eq!(password(&gateway, &bert, "bert", json!({"password": "short", "current": GOOD})).await, 422);
    assert_eq!(password(&gateway, &bert, "bert", new(Some(GOOD))).await, 204);
    assert_eq!(gateway.log_in("bert", GOOD).await, Err(401));
    gateway.log_in("bert", OTHER).await.unwrap();
    // An admin needs not know it, but their own.
    assert_eq!(password(&gateway, &gateway.token, "bert", json!({"password": GOOD})).await, 204);
    assert_eq!(password(&gateway, &gateway.token, "admin", json!({"password": GOOD})).await, 403);
    gateway.log_in("bert", GOOD).await.unwrap();
}

#[tokio::test]
async fn the_environment_sets_the_admins_password_until_somebody_else_does() {
    let broker = TestBroker::start().await;
    let with = async |password: &str| {
        TestGateway::start_with(&broker, |config| config.admin_password = Secret::new(password.to_owned())).await
    };
    let gateway = with(ADMINS).await;
    gateway.log_in("admin", ADMINS).await.unwrap();
    // Another one in the environment, as with `ogent up` on a new password file: it counts.
    let gateway = with("another good one").await;
    gateway.log_in("admin", "another good one").await.unwrap();
    assert_eq!(gateway.log_in("admin", ADMINS).await, Err(401));
    let changed = json!({"password": "changed by hand", "current": "another good one"});
    assert_eq!(password(&gateway, &gateway.token, "admin", changed).await, 204);
    let gateway = with(ADMINS).await;
    gateway.log_in("admin", "changed by hand").await.unwrap();
    assert_eq!(gateway.log_in("admin", ADMINS).await, Err(401));
}

#[tokio::test]
async fn people_of_the_users_file_are_read_only() {
    let broker = TestBroker::start().await;
    let line = ogent_gateway::user_line("Bert", &["approver"], &Secret::new(GOOD.to_owned())).unwrap();
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("users");
    std::fs::write(&path, line).unwrap();
    let users = ogent_gateway::read_users(&path).unwrap();
    let gateway = TestGateway::start_with(&broker, |config| config.users = users).await;
    let bert = gateway.log_in("Bert", GOOD).await.unwrap();
    assert_eq!(gateway.get_as(&bert, "/approvals").await.0, 200);
    let (_, view) = gateway.get("/users/bert").await;
    assert_eq!((&view["name"], &view["read_only"]), (&json!("Bert"), &json!(true)), "{view}");
    assert_eq!(patch(&gateway, &gateway.token, "Bert", json!({"disabled": true})).await.1["code"], "read_only_user");
    assert_eq!(add(&gateway, "bert", &["viewer"]).await.1["code"], "user_exists");
    assert_eq!(
        gateway.ask(Some(&gateway.token), Method::DELETE, "/users/Bert", None).await.1["code"],
        "read_only_user"
    );
    assert_eq!(gateway.get("/users").await.1["users"].as_array().unwrap().len(), 2);
}
