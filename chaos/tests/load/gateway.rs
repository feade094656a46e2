//! A gateway that hangs up on the first try of every second command, refuses its second, and takes its third.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use ogent_protocol::CommandId;
use ogent_protocol::rest::Problem;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

/// The gateway. It ends with this value.
pub(crate) struct DoubtfulGateway {
    url: String,
    task: AbortHandle,
}

// === impl DoubtfulGateway ===

impl DoubtfulGateway {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let tries = Arc::new(Mutex::new(HashMap::new()));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&tries)));
            }
        });
        Self { url, task: task.abort_handle() }
    }

    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }

    /// Whether the first try of this one stays without an answer; others are refused at once.
    pub(crate) fn is_in_doubt(nonce: &str) -> bool {
        nonce.ends_with(['0', '2', '4', '6', '8'])
    }
}

impl Drop for DoubtfulGateway {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, tries: Arc<Mutex<HashMap<String, u32>>>) {
    let Some(head) = read(&mut stream).await else { return };
    let (status, body) = if head.starts_with("POST /token") {
        (200, r#"{"access_token":"t","token_type":"bearer","expires_in":600}"#.to_owned())
    } else if head.contains("/events") {
        (200, "event: end\ndata: {}\n\n".to_owned())
    } else if let Some(nonce) = header(&head, "idempotency-key") {
        let number = {
            let mut tries = tries.lock().unwrap();
            let number = tries.entry(nonce.clone()).or_insert(0);
            *number += 1;
            *number
        };
        match (DoubtfulGateway::is_in_doubt(&nonce), number) {
            (true, 1) => return,
            (false, _) | (true, 2) => (409, problem("agent_offline", 409)),
            _ => {
                let id = CommandId::derive("admin", &nonce);
                (202, format!(r#"{{"id":"{id}","agent_id":"web-1","status":"queued"}}"#))
            }
        }
    } else {
        (404, problem("unknown_command", 404))
    };
    let length = body.len();
    let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    let _ = stream.write_all(answer.as_bytes()).await;
}

fn problem(code: &str, status: u16) -> String {
    serde_json::to_string(&Problem::new(code, status, "no")).unwrap()
}

/// Reads a whole request, gives its head.
async fn read(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let length = header(&head, "content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    stream.read_exact(&mut vec![0; length]).await.ok()?;
    Some(head)
}

fn header(head: &str, name: &str) -> Option<String> {
    let mut fields = head.lines().filter_map(|line| line.split_once(": "));
    fields.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
}
