//! What the proxy does to NATS clients of a real server: each rule, and each link as a client feels it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::{Duration, Instant};

use async_nats::{Client, HeaderMap, Request, Subscriber};
use futures::StreamExt as _;
use ogent_broker::permissions::Role;
use ogent_testkit::{Action, Direction, Link, Match, Proxy, Rule, TestBroker, TestGateway, wait_until};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(20);

/// How long an answer is waited for that is not to come.
const SILENCE: Duration = Duration::from_millis(300);

/// A broker, a proxy before it, the agent `web-1` behind the proxy, and an operator with a way of its own.
struct Stage {
    broker: TestBroker,
    proxy: Proxy,
    agent: Client,
    operator: Client,
    heard: Subscriber,
}

// === impl Stage ===

impl Stage {
    async fn start() -> Self {
        let broker = TestBroker::start().await;
        let address = broker.url().trim_start_matches("nats://").parse().unwrap();
        let proxy = Proxy::start(address).await;
        let role = Role::Agent("web-1".parse().unwrap());
        let agent = broker.client_options(&role).connect(proxy.address().to_string()).await.unwrap();
        let heard = agent.subscribe("agents.web-1.exec").await.unwrap();
        let operator = broker.client(&Role::Person).await;
        let stage = Self { broker, proxy, agent, operator, heard };
        // The broker has the subscription as soon as it answers what came after it.
        stage.last("results.web-1.none").await.unwrap();
        stage
    }

    fn rule(&self, on: Match, action: Action, every: u32) {
        self.proxy.set_rules(vec![Rule { on, action, every }]);
    }

    /// Tells the agent numbers, one a message.
    async fn tell(&self, numbers: std::ops::RangeInclusive<u32>) {
        for number in numbers {
            self.operator.publish("agents.web-1.exec", number.to_string().into()).await.unwrap();
        }
        self.operator.flush().await.unwrap();
    }

    /// The next `count` numbers that the agent hears.
    async fn hears(&mut self, count: usize) -> Vec<u32> {
        let mut numbers = Vec::new();
        while numbers.len() < count {
            let message = tokio::time::timeout(LIMIT, self.heard.next()).await.expect("too few messages").unwrap();
            numbers.push(std::str::from_utf8(&message.payload).unwrap().parse().unwrap());
        }
        numbers
    }

    /// Nothing else is on its way: without rules the next thing heard is what is told now.
    async fn hears_no_more(&mut self) {
        self.proxy.set_rules(Vec::new());
        self.tell(99..=99).await;
        assert_eq!(self.hears(1).await, [99]);
    }

    /// Publishes as the agent, and gives the broker's answer, if one comes.
    async fn publish(&self, subject: &str, headers: &[(&str, &str)], payload: &str) -> Option<Value> {
        let map = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut headers = HeaderMap::new();
        map.for_each(|(name, value)| headers.insert(name.as_str(), value.as_str()));
        let request = Request::new().headers(headers).payload(payload.to_owned().into()).timeout(Some(SILENCE));
        let answer = self.agent.send_request(subject.to_owned(), request).await.ok()?;
        Some(serde_json::from_slice(&answer.payload).unwrap())
    }

    /// The last record of a subject, with its headers, if an answer comes.
    async fn last(&self, subject: &str) -> Option<async_nats::Message> {
        let stream = subject.split('.').next().unwrap().to_uppercase();
        let request = Request::new().timeout(Some(LIMIT));
        self.agent.send_request(format!("LEDGER.API.DIRECT.GET.{stream}.{subject}"), request).await.ok()
    }

    async fn payload(&self, subject: &str) -> String {
        String::from_utf8(self.last(subject).await.unwrap().payload.to_vec()).unwrap()
    }
}

fn exec() -> Match {
    Match::Delivered("agents.*.exec".to_owned())
}

#[tokio::test]
async fn deliveries_are_dropped_doubled_swapped_and_replayed_in_mid_connection() {
    let mut stage = Stage::start().await;
    let replay = Action::Replay(Duration::from_millis(400));
    let cases: [(Match, Action, u32, &[u32], u64); 7] = [
        (exec(), Action::Drop, 2, &[1, 3, 5], 3),
        (exec(), Action::Drop, 1, &[], 6),
        (exec(), Action::Duplicate, 3, &[1, 2, 3, 3, 4, 5, 6, 6], 2),
        (exec(), Action::Swap, 1, &[2, 1, 4, 3, 6, 5], 3),
        (exec(), Action::Swap, 5, &[1, 2, 3, 4, 6, 5], 1),
        (exec(), replay, 3, &[1, 2, 3, 4, 5, 6, 3, 6], 2),
        (Match::Delivered("agents.web-2.>".to_owned()), Action::Drop, 1, &[1, 2, 3, 4, 5, 6], 0),
    ];
    for (on, action, every, expected, touched) in cases {
        let before = stage.proxy.touched();
        stage.rule(on, action.clone(), every);
        stage.tell(1..=6).await;
        assert_eq!(stage.hears(expected.len()).await, expected, "{action:?}");
        wait_until("the count", LIMIT, async || (stage.proxy.touched() == before + touched).then_some(())).await;
        stage.hears_no_more().await;
    }
    assert_eq!(stage.agent.statistics().connects.load(std::sync::atomic::Ordering::Relaxed), 1);
    assert_eq!(stage.proxy.connections(), 1);
}

#[tokio::test]
async fn a_message_that_nobody_changes_places_with_comes_late() {
    let mut stage = Stage::start().await;
    stage.rule(exec(), Action::Swap, 1);
    let begin = Instant::now();
    stage.tell(1..=1).await;
    assert_eq!(stage.hears(1).await, [1]);
    let waited = begin.elapsed();
    assert!(waited >= Duration::from_millis(450), "{waited:?}");
}

#[tokio::test]
async fn acknowledgements_alone_get_lost() {
    let stage = Stage::start().await;
    stage.rule(Match::PubAck, Action::Drop, 2);
    assert_eq!(stage.publish("commands.web-1.a", &[], "first").await.unwrap()["seq"], 1);
    assert_eq!(stage.publish("commands.web-1.b", &[], "second").await, None);
    assert_eq!(stage.payload("commands.web-1.a").await, "first");
    assert_eq!(stage.payload("commands.web-1.b").await, "second");
    assert_eq!(stage.publish("commands.web-1.c", &[], "third").await.unwrap()["seq"], 3);
    assert_eq!(stage.proxy.touched(), 1);
}

#[tokio::test]
async fn what_is_published_is_dropped_and_doubled_by_its_subject() {
    let stage = Stage::start().await;
    let on = Match::Published("commands.*.x".to_owned());
    stage.rule(on.clone(), Action::Drop, 1);
    assert_eq!(stage.publish("commands.web-1.x", &[], "lost").await, None);
    assert_eq!(stage.publish("commands.web-1.y", &[], "kept").await.unwrap()["seq"], 1);
    stage.rule(on, Action::Duplicate, 1);
    assert_eq!(stage.publish("commands.web-1.x", &[("Key", "value")], "twice").await.unwrap()["seq"], 2);
    assert_eq!(stage.publish("commands.web-1.y", &[], "once").await.unwrap()["seq"], 4);
    assert_eq!(stage.proxy.touched(), 2);
    // A question for the ledger has no acknowledgement, but a subject.
    stage.rule(Match::Published("LEDGER.API.DIRECT.GET.RESULTS.>".to_owned()), Action::Drop, 1);
    let unanswered = stage
        .agent
        .send_request("LEDGER.API.DIRECT.GET.RESULTS.results.web-1.x", Request::new().timeout(Some(SILENCE)));
    assert!(unanswered.await.is_err());
    assert_eq!(stage.payload("commands.web-1.y").await, "once");
}

#[tokio::test]
async fn a_claim_without_its_condition_is_made_twice() {
    const CONDITION: &str = "Nats-Expected-Last-Subject-Sequence";
    let stage = Stage::start().await;
    let accepted = r#"{"type":"ogent.command.accepted","n":0}"#;
    let headers = [("Before", "1"), (CONDITION, "0"), ("After", "2")];
    let claim = async |payload| stage.publish("results.web-1.x", &headers, payload).await.unwrap();
    assert_eq!(claim(accepted).await["seq"], 1);
    assert!(claim(accepted).await["error"].is_object(), "the broker keeps the condition");

    let on = Match::PublishedWith("results.*.*".to_owned(), "ogent.command.accepted".to_owned());
    stage.rule(on, Action::StripHeader(CONDITION.to_owned()), 1);
    assert_eq!(claim(accepted).await["seq"], 2);
    let record = stage.last("results.web-1.x").await.unwrap();
    let headers = record.headers.unwrap();
    assert_eq!(["Before", "After"].map(|name| headers.get(name).unwrap().as_str()), ["1", "2"]);
    assert_eq!(headers.get(CONDITION), None);
    assert_eq!(record.payload, accepted);
    assert_eq!(stage.proxy.touched(), 1);
    assert!(claim("ogent.command.finished").await["error"].is_object(), "another payload keeps its condition");
    // The connection is still in step, also when no header is left.
    let headers = [(CONDITION, "0")];
    assert_eq!(stage.publish("results.web-1.x", &headers, accepted).await.unwrap()["seq"], 3);
    assert_eq!(stage.payload("results.web-1.x").await, accepted);
}

#[tokio::test]
async fn a_large_message_survives_a_slow_link_twice() {
    let mut stage = Stage::start().await;
    stage.proxy.set_link(Link::Slow { delay: Duration::from_millis(5), jitter: Duration::from_millis(5) });
    stage.rule(exec(), Action::Duplicate, 1);
    // It is full of what looks like the protocol.
    let payload: Vec<u8> = b"MSG agents.web-1.exec 1 7\r\nPING\r\n".iter().copied().cycle().take(1_000_000).collect();
    stage.operator.publish("agents.web-1.exec", payload.clone().into()).await.unwrap();
    for _ in 0..2 {
        let message = tokio::time::timeout(LIMIT, stage.heard.next()).await.unwrap().unwrap();
        assert!(message.payload == payload, "{} bytes", message.payload.len());
    }
    stage.hears_no_more().await;
}

#[tokio::test]
async fn a_request_outlives_a_cut() {
    let mut stage = Stage::start().await;
    stage.proxy.set_link(Link::Cut);
    stage.tell(1..=3).await;
    let agent = stage.agent.clone();
    let request = tokio::spawn(async move {
        agent.send_request("commands.web-1.a", Request::new().payload("late".into()).timeout(Some(LIMIT))).await
    });
    let heard = tokio::time::timeout(SILENCE, stage.heard.next()).await;
    assert!(heard.is_err() && !request.is_finished());
    stage.proxy.set_link(Link::Up);
    assert_eq!(stage.hears(3).await, [1, 2, 3]);
    request.await.unwrap().unwrap();
    assert_eq!(stage.payload("commands.web-1.a").await, "late");
}

#[tokio::test]
async fn over_a_half_open_link_the_broker_stores_what_it_cannot_acknowledge() {
    let stage = Stage::start().await;
    stage.proxy.set_link(Link::HalfOpen(Direction::ToClient));
    assert_eq!(stage.publish("commands.web-1.a", &[], "stored").await, None);
    stage.proxy.set_link(Link::HalfOpen(Direction::ToServer));
    assert_eq!(stage.publish("commands.web-1.b", &[], "held").await, None);
    let gateway = stage.broker.client(&Role::Gateway).await;
    let last = async |subject: &str| {
        let answer = gateway.request(format!("$JS.API.DIRECT.GET.COMMANDS.{subject}"), "".into()).await.unwrap();
        String::from_utf8(answer.payload.to_vec()).unwrap()
    };
    assert_eq!((last("commands.web-1.a").await.as_str(), last("commands.web-1.b").await.as_str()), ("stored", ""));
    stage.proxy.set_link(Link::Up);
    // The question may overtake the storing.
    wait_until("what was held", LIMIT, async || (stage.payload("commands.web-1.b").await == "held").then_some(()))
        .await;
}

#[tokio::test]
async fn clients_come_back_after_a_reset_a_refusal_and_a_crash() {
    let mut stage = Stage::start().await;
    stage.rule(exec(), Action::Duplicate, 1);
    let heals = async |stage: &mut Stage| {
        wait_until("an answer through the proxy", LIMIT, async || {
            let request = Request::new().timeout(Some(SILENCE));
            stage.agent.send_request("LEDGER.API.DIRECT.GET.RESULTS.results.web-1.x", request).await.ok()
        })
        .await;
        stage.tell(1..=2).await;
        assert_eq!(stage.hears(4).await, [1, 1, 2, 2], "rules are for new connections, too");
    };
    assert_eq!(stage.proxy.reset(), 1);
    heals(&mut stage).await;
    stage.proxy.set_link(Link::Refused);
    assert_eq!(stage.publish("commands.web-1.a", &[], "").await, None);
    assert_eq!(stage.proxy.connections(), 0);
    stage.proxy.set_link(Link::Up);
    heals(&mut stage).await;
    stage.broker.restart().await;
    stage.operator = stage.broker.client(&Role::Person).await;
    heals(&mut stage).await;
}

#[tokio::test]
async fn a_raw_proxy_passes_http() {
    let broker = TestBroker::start().await;
    let gateway = TestGateway::start(&broker).await;
    let proxy = Proxy::raw(gateway.url.trim_start_matches("http://").parse().unwrap()).await;
    let client = reqwest::Client::builder().no_proxy().timeout(LIMIT).build().unwrap();
    let ready = async || client.get(format!("http://{}/readyz", proxy.address())).send().await;
    assert_eq!(ready().await.unwrap().status(), 200);
    proxy.set_link(Link::Trickle { bytes_per_second: 2000 });
    assert_eq!(ready().await.unwrap().status(), 200);
    proxy.set_link(Link::Refused);
    assert!(ready().await.is_err());
    proxy.set_link(Link::Up);
    assert_eq!(ready().await.unwrap().status(), 200);
}
