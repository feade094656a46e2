//! `ogent approve` as a program, before a gateway that shows one thing and may want another one approved. A true gateway
//! does not lie; so here is one that does.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use ogent_protocol::approval::{Proposed, hash};
use serde_json::{Value, json};

const ID: &str = "0196f3a2-7c1e-7000-8000-2f1c0a9b3d4e";

/// The proposal that the gateway shows. `hash` is what it wants approved; that of what it shows where there is none.
fn proposal(hash_of: Option<&str>) -> (Value, String) {
    let intent = |command: &str| {
        json!({
            "type": "run", "id": ID, "command": command, "cwd": "/srv", "user": "www", "timeout_s": 0.1,
            "env": {"A": "b"}, "stdin": "x", "requested_by": "alice"
        })
    };
    let mut data = json!({
        "intent": intent("rm -rf /srv/old"), "hash": "", "expires_at": "2126-05-01T08:30:00Z",
        "verdict": {"level": "high"},
        "ruling": {"decision": "ask", "enforced": "ask", "mode": "enforce", "because": "risk high"}
    });
    let named = |command: &str| {
        let proposed = json!({"intent": intent(command), "hash": "", "expires_at": data["expires_at"],
            "verdict": data["verdict"], "ruling": data["ruling"]});
        let proposed: Proposed = serde_json::from_value(proposed).unwrap();
        hash(&"web-1".parse().unwrap(), &proposed.intent)
    };
    let hash = named(hash_of.unwrap_or("rm -rf /srv/old"));
    data["hash"] = hash.clone().into();
    let event = json!({
        "specversion": "1.0", "id": format!("{ID}/0"), "source": "/approvals/web-1", "subject": ID,
        "time": "2026-05-01T08:00:00Z", "datacontenttype": "application/json", "type": "ogent.approval.proposed",
        "data": data
    });
    (event, hash)
}

fn command(status: &str, state: &str) -> Value {
    json!({
        "id": ID, "agent_id": "web-1", "status": status, "command": "true", "execution_target": "auto",
        "timeout_s": 3600.0, "created_at": "2026-05-01T07:57:00Z", "cancel_requested": false, "approval": {"state": state}
    })
}

/// Answers until the test is over; gives the bodies that were posted.
fn gateway(event: Value, state: &'static str) -> (String, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (posted, bodies) = mpsc::channel();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let (event, posted) = (event.clone(), posted.clone());
            thread::spawn(move || answer(connection.unwrap(), &event, state, &posted));
        }
    });
    (url, bodies)
}

fn answer(mut connection: TcpStream, event: &Value, state: &str, posted: &Sender<Value>) {
    let mut from = BufReader::new(connection.try_clone().unwrap());
    let (mut head, mut line) = (String::new(), String::new());
    while line != "\r\n" {
        line.clear();
        from.read_line(&mut line).unwrap();
        head.push_str(&line.to_lowercase());
    }
    let (kind, body) = if head.starts_with(&format!("get /commands/{ID}/events ")) {
        ("text/event-stream", format!("event: ogent.approval.proposed\ndata: {event}\n\n"))
    } else if head.starts_with(&format!("post /commands/{ID}/approve ")) {
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        from.read_exact(&mut body).unwrap();
        posted.send(serde_json::from_slice(&body).unwrap()).unwrap();
        ("application/json", command("queued", "approved").to_string())
    } else {
        ("application/json", command("awaiting_approval", state).to_string())
    };
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\n");
    write!(connection, "{head}content-length: {}\r\n\r\n{body}", body.len()).unwrap();
}

fn approve(url: &str, words: &[&str]) -> Output {
    let mut ogent = Command::new(env!("CARGO_BIN_EXE_ogent"));
    ogent.args(["approve", ID]).args(words).env("OGENT_URL", url).env("OGENT_TOKEN", "t").stdin(Stdio::null());
    ogent.output().unwrap()
}

#[test]
fn what_was_shown_is_what_is_approved() {
    let (event, hash) = proposal(None);
    let (url, posted) = gateway(event, "awaiting");
    let output = approve(&url, &["--yes", "--reason", "agreed"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    assert_eq!(posted.try_recv().unwrap(), json!({"reason": "agreed", "hash": hash}));
    for part in ["rm -rf /srv/old\n", "/srv\n", "www\n", "alice\n", "A=b\n", "  x\n", &hash, "approved; web-1 has it"] {
        assert!(said.contains(part), "{part:?} in\n{said}");
    }
}

#[test]
fn a_gateway_that_wants_something_else_gets_nothing() {
    let (url, posted) = gateway(proposal(Some("rm -rf /")).0, "awaiting");
    let output = approve(&url, &["--yes"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("not what it wants approved"), "{output:?}");
    assert!(posted.try_recv().is_err());
}

#[test]
fn nobody_is_taken_to_have_said_yes() {
    let (url, posted) = gateway(proposal(None).0, "awaiting");
    let output = approve(&url, &[]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("rm -rf /srv/old") && said.contains("--yes"), "{said}");
    assert!(posted.try_recv().is_err());
}

#[test]
fn what_is_decided_is_not_decided_again() {
    let (url, posted) = gateway(proposal(None).0, "denied");
    let output = approve(&url, &["--yes"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("that is decided: denied"), "{output:?}");
    assert!(posted.try_recv().is_err());
}
