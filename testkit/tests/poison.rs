//! Messages that cannot be read harm nobody: neither who hears them, nor who finds them stored. `vendor/README.md` says why
//! this needs a test of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::Arc;
use std::time::Duration;

use async_nats::ConnectOptions;
use futures::StreamExt as _;
use ogent_broker::permissions::{self, Role};
use ogent_protocol::CommandId;
use ogent_testkit::{TestAgent, TestBroker, TestGateway, wait_until};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

const LIMIT: Duration = Duration::from_secs(20);

/// Header blocks that nats-server hands on as they are.
const HEADERS: [&[u8]; 14] = [
    b"NATS/1.0\r\nA: b\rc\r\n\r\n",
    b"NATS/1.0\r\nA: b\r\n\rc\r\n\r\n",
    b"NATS/1.0\r\nA: \r\r\n\r\n",
    b"A: b\r\n\r\n",
    b"garbage",
    b"\r\n",
    b"NATS/1.0\r\nno colon\r\n\r\n",
    b"NATS/1.0\r\nA b: c\r\n\r\n",
    b"NATS/1.0\r\nA: \xff\xfe\r\n\r\n",
    b"NATS/1.0 abc\r\n\r\n",
    b"NATS/1.0 99999 x\r\n\r\n",
    b"NATS/1.0 \xff\r\n\r\n",
    b"NATS/2.0\r\nA: b\r\n\r\n",
    b"NATS/1.0\r\n\xc3\xa9: b\r\n\r\n",
];

/// Subjects for answers that are not UTF-8, or hold what Unicode takes for a space and nats-server does not.
const REPLIES: [&[u8]; 4] = [b"_INBOX.\xff\xfe", b"_INBOX.a\xc2\xa0b", b"_INBOX.a\xe3\x80\x80b", b"_INBOX.a\x0bb"];

fn hpub(subject: &str, reply: &[u8], headers: &[u8], payload: &[u8]) -> Vec<u8> {
    let sizes = format!(" {} {}\r\n", headers.len(), headers.len() + payload.len());
    [b"HPUB ", subject.as_bytes(), b" ", reply, sizes.as_bytes(), headers, payload, b"\r\n"].concat()
}

fn publish(subject: &str, reply: &[u8], payload: &[u8]) -> Vec<u8> {
    let size = format!(" {}\r\n", payload.len());
    [b"PUB ", subject.as_bytes(), b" ", reply, size.as_bytes(), payload, b"\r\n"].concat()
}

/// A connection that one can write any bytes to. A client of ours has logged in on it, and answers the pings.
struct Raw {
    _client: async_nats::Client,
    server: Arc<Mutex<OwnedWriteHalf>>,
    /// All that the server has said.
    said: Arc<Mutex<Vec<u8>>>,
}

impl Raw {
    async fn connect(broker: &TestBroker, role: &Role) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = format!("nats://{}", listener.local_addr().unwrap());
        let connecting = broker.client_options(role).connect(here);
        let accepting = async {
            let (mut from_client, mut to_client) = listener.accept().await.unwrap().0.into_split();
            let there = broker.url().replace("nats://", "");
            let (mut from_server, to_server) = TcpStream::connect(there).await.unwrap().into_split();
            let (server, said) = (Arc::new(Mutex::new(to_server)), Arc::new(Mutex::new(Vec::new())));
            let (to_server, hear) = (server.clone(), said.clone());
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                while let Ok(length @ 1..) = from_server.read(&mut buffer).await {
                    hear.lock().await.extend_from_slice(&buffer[..length]);
                    to_client.write_all(&buffer[..length]).await.unwrap();
                }
            });
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                while let Ok(length @ 1..) = from_client.read(&mut buffer).await {
                    to_server.lock().await.write_all(&buffer[..length]).await.unwrap();
                }
            });
            (server, said)
        };
        let (client, (server, said)) = tokio::join!(connecting, accepting);
        let raw = Self { _client: client.unwrap(), server, said };
        let inbox = permissions::inbox_prefix(role);
        raw.write(format!("SUB {inbox}.raw 4242\r\n").as_bytes()).await;
        raw
    }

    async fn heard(&self, what: &str) -> usize {
        String::from_utf8_lossy(&self.said.lock().await).matches(what).count()
    }

    /// Writes, and waits until the server has taken it.
    async fn write(&self, bytes: &[u8]) {
        let before = self.heard("PONG\r\n").await;
        self.server.lock().await.write_all(&[bytes, b"PING\r\n"].concat()).await.unwrap();
        wait_until("the answer to a ping", LIMIT, async || (self.heard("PONG\r\n").await > before).then_some(())).await;
        assert_eq!(self.heard("-ERR").await, 0, "{}", String::from_utf8_lossy(&self.said.lock().await));
    }

    /// Publishes as the agent with this id, and waits until a stream has stored it.
    async fn store(&self, agent: &str, subject: &str, headers: &[u8], payload: &[u8]) {
        let before = self.heard("{\"stream\"").await;
        self.write(&hpub(subject, format!("_INBOX_agent_{agent}.raw").as_bytes(), headers, payload)).await;
        wait_until("the store", LIMIT, async || (self.heard("{\"stream\"").await > before).then_some(())).await;
    }
}

async fn runs(gateway: &TestGateway, agent: &str) {
    wait_until("the agent to be online", LIMIT, async || {
        (gateway.get(&format!("/agents/{agent}")).await.1["status"] == "online").then_some(())
    })
    .await;
    let path = format!("/agents/{agent}/execute");
    let (status, result) = gateway.post(&path, json!({"command": "echo fine"})).await;
    assert_eq!((status, result["stdout"].as_str()), (200, Some("fine\n")), "{result}");
}

#[tokio::test]
async fn an_agent_hears_what_comes_right_behind_it() {
    let broker = TestBroker::start().await;
    let _agent = TestAgent::start(&broker, "web-1").await;
    let gateway = TestGateway::start(&broker).await;
    runs(&gateway, "web-1").await;
    let operator = Raw::connect(&broker, &Role::Person).await;
    let exec = "agents.web-1.exec";
    let poison = HEADERS
        .iter()
        .map(|headers| hpub(exec, b"", headers, br#"{"command":"true"}"#))
        .chain(REPLIES.iter().map(|reply| publish(exec, reply, b"{}")))
        .chain(REPLIES.iter().map(|reply| hpub(exec, reply, b"NATS/1.0\r\n\r\n", b"{}")));
    for poison in poison {
        // Nobody repeats this: where the connection breaks, it is lost.
        let id = CommandId::generate();
        let good = json!({"command": "true", "id": id}).to_string();
        operator.write(&[poison.clone(), publish(exec, b"", good.as_bytes())].concat()).await;
        let what = format!("the command behind {:?}", String::from_utf8_lossy(&poison));
        wait_until(&what, LIMIT, async || {
            (gateway.get(&format!("/commands/{id}")).await.1["status"] == "succeeded").then_some(())
        })
        .await;
    }
    runs(&gateway, "web-1").await;
}

#[tokio::test]
async fn gateways_and_agents_find_it_stored() {
    let broker = TestBroker::start().await;
    let _agent = TestAgent::start(&broker, "web-1").await;
    let old = TestGateway::start(&broker).await;
    runs(&old, "web-1").await;
    let agent = Raw::connect(&broker, &Role::Agent("db-1".parse().unwrap())).await;
    let other = Raw::connect(&broker, &Role::Agent("web-2".parse().unwrap())).await;
    for headers in HEADERS {
        let (command, result) = (CommandId::generate(), CommandId::generate());
        for subject in [format!("commands.db-1.{command}"), format!("results.db-1.{result}")] {
            agent.store("db-1", &subject, headers, br#"{"command":"true"}"#).await;
        }
        for subject in ["$KV.agents.web-2", "$KV.presence.web-2"] {
            other.store("web-2", subject, headers, b"{}").await;
        }
    }
    let new = TestGateway::start(&broker).await;
    for gateway in [&old, &new] {
        runs(gateway, "web-1").await;
        let (status, list) = gateway.get("/commands").await;
        assert_eq!((status, list["commands"].as_array().map(Vec::is_empty)), (200, Some(false)), "{list}");
    }
    // It finds in the ledger what cannot be read, and goes on to what can.
    let _agent = TestAgent::start(&broker, "db-1").await;
    for gateway in [&old, &new] {
        runs(gateway, "db-1").await;
    }
}

#[tokio::test]
async fn no_bytes_of_a_server_end_a_client() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("nats://{}", listener.local_addr().unwrap());
    let lines: [&[u8]; 16] = [
        b"-ERR\r\n",
        b"-ERR \r\n",
        b"-ERR '\xff'\r\n",
        b"MSG a.\xff 1 2\r\nhi\r\n",
        // What cannot be counted ends the connection: the client makes another one.
        b"MSG a 1 18446744073709551615\r\n",
        b"MSG a 1 18446744073709551612\r\n",
        b"HMSG a 1 18446744073709551615 18446744073709551615\r\n",
        b"HMSG a 1 12 10\r\nNATS/1.0\r\n\r\n",
        b"MSG a 1 -1\r\n",
        b"MSG a 1 \xff\r\n",
        b"MSG \r\n",
        b"HMSG \r\n",
        b"INFO \r\n",
        b"INFO {\"version\":\"\"\r\n",
        b"\xff\xfe\r\n",
        b"\r\n",
    ];
    let server = tokio::spawn(async move {
        for line in lines {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"INFO {\"headers\":true,\"max_payload\":1024}\r\n").await.unwrap();
            let mut heard = Vec::new();
            while !heard.windows(4).any(|window| window == b"SUB ") {
                assert_ne!(stream.read_buf(&mut heard).await.unwrap(), 0);
                if heard.ends_with(b"PING\r\n") {
                    stream.write_all(b"PONG\r\n").await.unwrap();
                }
            }
            // Either it lives, or it is closed and comes again; the client is the same.
            let _ = stream.write_all(line).await;
            let _ = stream.write_all(b"MSG a 1 2\r\nhi\r\n").await;
            let _ = stream.shutdown().await;
        }
        // The last one stays.
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"INFO {}\r\n").await.unwrap();
        stream.write_all(b"PONG\r\nMSG a 1 4\r\nlast\r\n").await.unwrap();
        std::future::pending::<()>().await;
    });
    let client = ConnectOptions::new().reconnect_delay_callback(|_| Duration::ZERO).connect(url).await.unwrap();
    let mut messages = client.subscribe("a").await.unwrap();
    let hear_the_last =
        async { while messages.next().await.expect("the connection's task has ended").payload != "last" {} };
    tokio::time::timeout(LIMIT, hear_the_last).await.expect("it did not go on");
    server.abort();
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_an_error_at_once() {
    let broker = TestBroker::start().await;
    let agent = Role::Agent("db-1".parse().unwrap());
    let subject = format!("commands.db-1.{}", CommandId::generate());
    Raw::connect(&broker, &agent).await.store("db-1", &subject, HEADERS[0], b"{}").await;
    let asking = broker.client(&agent).await;
    let answer = asking.request(format!("LEDGER.API.DIRECT.GET.COMMANDS.{subject}"), "".into());
    let error = tokio::time::timeout(Duration::from_secs(5), answer).await.expect("no answer in time").unwrap_err();
    assert_eq!(error.kind(), async_nats::RequestErrorKind::Other, "{error}");
}

#[tokio::test]
async fn a_status_in_a_stored_header_hides_nothing() {
    let broker = TestBroker::start().await;
    let _agent = TestAgent::start(&broker, "web-1").await;
    let old = TestGateway::start(&broker).await;
    runs(&old, "web-1").await;
    let agent = Raw::connect(&broker, &Role::Agent("db-1".parse().unwrap())).await;
    for subject in [format!("commands.db-1.{}", CommandId::generate()), "$KV.agents.db-1".to_owned()] {
        agent.store("db-1", &subject, b"NATS/1.0 503 x\r\n\r\n", b"{}").await;
    }
    let (status, list) = old.get("/commands").await;
    assert_eq!((status, list["commands"].as_array().map(Vec::len)), (200, Some(1)), "{list}");
    let new = TestGateway::start(&broker).await;
    runs(&new, "web-1").await;
}

#[tokio::test]
async fn a_broken_header_leads_no_record_to_another_agent() {
    let broker = TestBroker::start().await;
    let _agent = TestAgent::start(&broker, "web-1").await;
    let gateway = TestGateway::start(&broker).await;
    runs(&gateway, "web-1").await;
    let agent = Raw::connect(&broker, &Role::Agent("db-1".parse().unwrap())).await;
    // The broker writes its headers over the last two bytes: the first of them becomes a value, or part of a name.
    let (operator, server) = tokio::join!(Raw::connect(&broker, &Role::Person), Raw::connect(&broker, &Role::Gateway));
    for headers in [&b"NATS/1.0\r\nZ:xx"[..], b"NATS/1.0\r\nZxx", b"NATS/1.0\r\nZ: \n\r"] {
        let subject = format!("commands.db-1.{}", CommandId::generate());
        agent.store("db-1", &subject, headers, br#"{"command":"echo led here"}"#).await;
        let question = format!("$JS.API.DIRECT.GET.COMMANDS.{subject}");
        // From any account but the one with the streams it would lead nowhere; somebody there has to ask.
        server.write(&publish(&question, b"agents.web-1.exec", b"")).await;
        // What comes behind it is heard behind it.
        let id = CommandId::generate();
        let good = json!({"command": "true", "id": id}).to_string();
        operator.write(&publish("agents.web-1.exec", b"", good.as_bytes())).await;
        wait_until("the command behind it", LIMIT, async || {
            (gateway.get(&format!("/commands/{id}")).await.1["status"] == "succeeded").then_some(())
        })
        .await;
    }
    let (status, list) = gateway.get("/commands").await;
    assert_eq!(status, 200);
    let commands = list["commands"].as_array().unwrap();
    let is_led = |one: &&serde_json::Value| one["agent_id"] == "web-1" && one.to_string().contains("led here");
    assert_eq!(commands.iter().filter(is_led).count(), 0, "{list}");
}
