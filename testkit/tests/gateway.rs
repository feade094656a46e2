//! What HTTP clients get when there is more than one of a part, or one is away. What a single gateway answers is
//! tested from outside, in `tests/outside`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use ogent_broker::topology::TopologyOptions;
use ogent_testkit::{TestAgent, TestBroker, TestGateway, wait_until};
use reqwest::Method;
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(20);

async fn with_key(gateway: &TestGateway, key: &str, command: &str) -> (u16, Value) {
    let request = gateway.request(Method::POST, "/agents/web-1/execute").header("Idempotency-Key", key);
    let response = request.json(&json!({"command": command})).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test]
async fn a_retry_through_another_gateway_is_the_same_command() {
    let broker = TestBroker::start().await;
    let _agent = TestAgent::start(&broker, "web-1").await;
    let (one, two) = (TestGateway::start(&broker).await, TestGateway::start(&broker).await);
    let line = "echo $OGENT_COMMAND_ID; date +%N";
    let (first, second) = tokio::join!(with_key(&one, "k1", line), with_key(&two, "\"k1\"", line));
    assert_eq!((first.0, second.0), (200, 200), "{first:?} {second:?}");
    assert_eq!(first.1["id"], second.1["id"]);
    assert_eq!(first.1["stdout"], second.1["stdout"]);
    let (status, problem) = with_key(&two, "k1", "something else").await;
    assert_eq!((status, problem["code"].as_str()), (422, Some("idempotency_mismatch")));
    assert_eq!(one.get("/commands").await.1["commands"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_offline_agent_is_refused_or_waited_for() {
    let broker = TestBroker::start().await;
    let gateway = TestGateway::start(&broker).await;
    assert_eq!(gateway.post("/agents/web-1/execute", json!({"command": "true"})).await.0, 404);
    TestAgent::start(&broker, "web-1").await.stop().await;
    wait_until("the agent to be offline", LIMIT, async || {
        let (status, agent) = gateway.get("/agents/web-1").await;
        (status == 200 && agent["status"] == "offline").then_some(())
    })
    .await;
    let (status, problem) = gateway.post("/agents/web-1/execute", json!({"command": "true"})).await;
    assert_eq!((status, problem["code"].as_str()), (409, Some("agent_offline")));
    let body = json!({"command": "echo late", "queue": true});
    let (status, pending) = gateway.post("/agents/web-1/execute?wait=0", body).await;
    assert_eq!((status, pending["status"].as_str()), (202, Some("queued")));
    let _agent = TestAgent::start(&broker, "web-1").await;
    let path = format!("/commands/{}", pending["id"].as_str().unwrap());
    wait_until("the queued command", LIMIT, async || {
        (gateway.get(&path).await.1["status"] == "succeeded").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_wait_survives_the_broker_s_restart() {
    let mut broker = TestBroker::start().await;
    let _agent = TestAgent::start(&broker, "web-1").await;
    let gateway = TestGateway::start(&broker).await;
    let waiting =
        gateway.request(Method::POST, "/agents/web-1/execute?wait=60").json(&json!({"command": "sleep 1; echo done"}));
    let waiting = tokio::spawn(waiting.send());
    wait_until("the command", LIMIT, async || {
        let (_, page) = gateway.get("/commands?status=running").await;
        page["commands"].as_array().filter(|commands| !commands.is_empty()).map(drop)
    })
    .await;
    broker.kill();
    let (status, problem) = gateway.get("/commands").await;
    assert_eq!((status, problem["code"].as_str()), (503, Some("broker_unavailable")), "{problem}");
    broker.restart().await;
    let result: Value = waiting.await.unwrap().unwrap().json().await.unwrap();
    assert_eq!((result["status"].as_str(), result["stdout"].as_str()), (Some("succeeded"), Some("done\n")), "{result}");
    // One that starts now sees the agent as the others do: presence outlives the broker.
    let newcomer = TestGateway::start(&broker).await;
    wait_until("the agent", LIMIT, async || {
        (newcomer.get("/agents/web-1").await.1["status"] == "online").then_some(())
    })
    .await;
    assert_eq!(newcomer.post("/agents/web-1/execute", json!({"command": "true"})).await.0, 200);
}

#[tokio::test]
async fn history_is_filtered_and_paged() {
    let broker = TestBroker::start().await;
    let (_one, _two) = (TestAgent::start(&broker, "web-1").await, TestAgent::start(&broker, "db-1").await);
    let gateway = TestGateway::start(&broker).await;
    for n in 0..7 {
        let agent = if n % 2 == 0 { "web-1" } else { "db-1" };
        let body = json!({"command": format!("exit {}", n % 3)});
        assert_eq!(gateway.post(&format!("/agents/{agent}/execute"), body).await.0, 200);
    }
    let all = async |query: &str| {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let (status, page) = gateway.get(&format!("/commands?limit=2&{query}{cursor}")).await;
            assert_eq!(status, 200, "{page}");
            let commands = page["commands"].as_array().unwrap();
            assert!(commands.len() <= 2);
            seen.extend(commands.iter().map(|command| command["command"].as_str().unwrap().to_owned()));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return seen,
            }
        }
    };
    assert_eq!(all("").await, ["exit 0", "exit 2", "exit 1", "exit 0", "exit 2", "exit 1", "exit 0"]);
    assert_eq!(all("agent=db-1").await, ["exit 2", "exit 0", "exit 1"]);
    assert_eq!(all("status=failed").await, ["exit 2", "exit 1", "exit 2", "exit 1"]);
    assert_eq!(all("user=nobody").await, [""; 0]);
    assert_eq!(all("since=2999-01-01T00:00:00Z").await, [""; 0]);
    assert_eq!(all("until=2000-01-01T00:00:00Z").await, [""; 0]);
    assert_eq!(all("until=2999-01-01T00:00:00Z&user=admin").await.len(), 7);
}

#[tokio::test]
async fn a_full_history_refuses_and_says_so() {
    let options = TopologyOptions { commands_max_bytes: 4096, ..TopologyOptions::default() };
    let broker = TestBroker::start_with(&options).await;
    let _agent = TestAgent::start(&broker, "web-1").await;
    let gateway = TestGateway::start(&broker).await;
    let refused = wait_until("the history to be full", LIMIT, async || {
        let (status, body) = gateway.post("/agents/web-1/execute", json!({"command": "true # ".repeat(40)})).await;
        (status != 200).then_some((status, body))
    })
    .await;
    assert_eq!((refused.0, refused.1["code"].as_str()), (507, Some("history_full")), "{refused:?}");
}

#[tokio::test]
async fn a_gateway_that_stops_lets_go_of_those_who_wait() {
    let broker = TestBroker::start().await;
    let _agent = TestAgent::start(&broker, "web-1").await;
    let (gateway, other) = (TestGateway::start(&broker).await, TestGateway::start(&broker).await);
    let waiting = gateway.request(Method::POST, "/agents/web-1/execute?wait=60").json(&json!({"command": "sleep 2"}));
    let waiting = tokio::spawn(waiting.send());
    wait_until("the command", LIMIT, async || {
        let (_, page) = other.get("/commands?status=running").await;
        page["commands"].as_array().filter(|commands| !commands.is_empty()).map(drop)
    })
    .await;
    gateway.stop().await;
    let response = waiting.await.unwrap().unwrap();
    assert_eq!(response.status().as_u16(), 202);
    let id = response.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned();
    wait_until("the end of the command", LIMIT, async || {
        (other.get(&format!("/commands/{id}")).await.1["status"] == "succeeded").then_some(())
    })
    .await;
}
