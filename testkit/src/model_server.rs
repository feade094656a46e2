//! A stand-in for a model's server: speaks Ollama's protocol (`/api/chat`) and OpenAI's (`/v1/chat/completions`), and
//! misbehaves in the ways that were seen of real ones. It is written on bare TCP, because a cut in the middle of an
//! answer, and an answer without an end, are no HTTP.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The one model that it knows, beside every tag of it.
const MODEL: &str = "test-model";

/// How it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Behaviour {
    /// As asked, with this level; the reason where it is above that of the rules.
    Says(&'static str),
    /// As asked, but only after so long: the model is loaded first.
    LoadsFirst(Duration),
    /// Prose, whatever the schema was.
    IgnoresSchema,
    /// JSON that ends in the middle of a text: the tokens were used up.
    Truncates,
    /// A good answer in a fence, with words around it.
    ProseAround,
    /// A level that is none.
    WrongLevel,
    /// Two hundred suggestions.
    OverLong,
    /// It does what the command says: repeats the answer that stands there.
    ObeysTheCommand,
    /// Nothing: thinking has used up the tokens.
    Empty,
    /// An HTTP error with `{"error": …}`.
    Fails(u16),
    /// 200, and then `{"error": …}`.
    FailsLate,
    /// Never answers.
    Stalls,
    /// Answers half, and is gone.
    Cuts,
    /// Answers without an end.
    Endless,
}

/// A running stand-in. It ends with this value.
pub struct ModelServer {
    /// Where it answers.
    pub url: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    behaviour: Mutex<Behaviour>,
    requests: Mutex<Vec<Value>>,
}

/// A request that was understood.
struct Asked {
    is_ollama: bool,
    body: Value,
}

// === impl ModelServer ===

impl ModelServer {
    /// Starts one.
    pub async fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared { behaviour: Mutex::new(behaviour), requests: Mutex::default() });
        let task = tokio::spawn({
            let shared = shared.clone();
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let shared = shared.clone();
                    // A client that leaves early is its own affair.
                    tokio::spawn(async move { drop(shared.serve(stream).await) });
                }
            }
        });
        Self { url, shared, task }
    }

    /// Behaves differently from the next request on.
    pub fn behave(&self, behaviour: Behaviour) {
        *self.shared.behaviour.lock().unwrap() = behaviour;
    }

    /// The bodies of all questions so far.
    pub fn requests(&self) -> Vec<Value> {
        self.shared.requests.lock().unwrap().clone()
    }
}

impl Drop for ModelServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

// === impl Shared ===

impl Shared {
    async fn serve(&self, stream: TcpStream) -> io::Result<()> {
        let mut stream = BufReader::new(stream);
        let (path, body) = read_request(&mut stream).await?;
        let mut stream = stream.into_inner();
        let asked = match understand(&path, &body) {
            Ok(asked) => asked,
            Err((status, problem)) => return answer(&mut stream, status, &json!({"error": problem})).await,
        };
        self.requests.lock().unwrap().push(asked.body.clone());
        let behaviour = self.behaviour.lock().unwrap().clone();
        match behaviour {
            Behaviour::Fails(status) => answer(&mut stream, status, &json!({"error": "not now"})).await,
            Behaviour::FailsLate => answer(&mut stream, 200, &json!({"error": "llama runner has terminated"})).await,
            Behaviour::Stalls => std::future::pending().await,
            Behaviour::Cuts => {
                let whole = asked.reply(&asked.opinion("medium"), "stop").to_string();
                let head = head(200, Some(whole.len()));
                stream.write_all(format!("{head}{}", &whole[..whole.len() / 2]).as_bytes()).await?;
                stream.shutdown().await
            }
            Behaviour::Endless => {
                stream.write_all(head(200, None).as_bytes()).await?;
                let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
                loop {
                    stream.write_all(chunk.as_bytes()).await?;
                }
            }
            Behaviour::LoadsFirst(time) => {
                tokio::time::sleep(time).await;
                let floor = asked.data()["rules"]["level"].as_str().unwrap_or_default().to_owned();
                answer(&mut stream, 200, &asked.reply(&asked.opinion(&floor), "stop")).await
            }
            other => {
                let (text, reason) = asked.says(&other);
                answer(&mut stream, 200, &asked.reply(&text, reason)).await
            }
        }
    }
}

// === impl Asked ===

impl Asked {
    /// What the question is about.
    fn data(&self) -> Value {
        let text = self.body["messages"][1]["content"].as_str().unwrap_or_default();
        serde_json::from_str(text).expect("a question is JSON")
    }

    fn opinion(&self, level: &str) -> String {
        let data = self.data();
        let is_raise = data["rules"]["level"] != level;
        json!({
            "explanation": format!("The command {} was looked at.", data["command"]),
            "level": level,
            "level_reason": if is_raise { "The model has seen worse." } else { "" },
            "suggestions": ["Look twice."],
        })
        .to_string()
    }

    /// The text of an answer, and why it ends there.
    fn says(&self, behaviour: &Behaviour) -> (String, &'static str) {
        let good = self.opinion("critical");
        let text = match behaviour {
            Behaviour::Says(level) => self.opinion(level),
            Behaviour::IgnoresSchema => "Sure! This command removes {everything} on the machine.".to_owned(),
            Behaviour::Truncates => return (good[..good.len() / 2].to_owned(), "length"),
            Behaviour::ProseAround => format!("Here is my review:\n```json\n{good}\n```\nStay safe!"),
            Behaviour::WrongLevel => self.opinion("catastrophic"),
            Behaviour::OverLong => good.replace("\"Look twice.\"", &vec!["\"Look twice.\""; 200].join(",")),
            Behaviour::ObeysTheCommand => {
                let command = self.data()["command"].as_str().unwrap_or_default().to_owned();
                command[command.find('{').unwrap_or(0)..].to_owned()
            }
            _ => return (String::new(), "length"),
        };
        (text, "stop")
    }

    fn reply(&self, text: &str, reason: &str) -> Value {
        let message = json!({"role": "assistant", "content": text});
        if !self.is_ollama {
            return json!({
                "id": "chatcmpl-1", "object": "chat.completion", "created": 1_760_000_000, "model": MODEL,
                "choices": [{"index": 0, "message": message, "finish_reason": reason}],
                "usage": {"prompt_tokens": 300, "completion_tokens": 100, "total_tokens": 400}
            });
        }
        json!({
            "model": MODEL, "created_at": "2026-05-01T08:00:00.123456789Z", "message": message,
            "done_reason": reason, "done": true, "total_duration": 5_000_000_000_u64, "load_duration": 1_000_000,
            "prompt_eval_count": 300, "prompt_eval_duration": 1_000_000_000, "eval_count": 100,
            "eval_duration": 4_000_000_000_u64
        })
    }
}

/// What a real server would refuse is refused here, too.
fn understand(path: &str, body: &[u8]) -> Result<Asked, (u16, String)> {
    let is_ollama = match path {
        "/api/chat" => true,
        "/v1/chat/completions" => false,
        _ => return Err((404, "404 page not found".to_owned())),
    };
    let body: Value = serde_json::from_slice(body).map_err(|error| (400, error.to_string()))?;
    let model = body["model"].as_str().unwrap_or_default();
    if model.split(':').next() != Some(MODEL) {
        return Err((404, format!("model '{model}' not found")));
    }
    // Ollama streams unless it is told not to; nobody here reads that.
    if body["stream"] != Value::Bool(false) && (is_ollama || !body["stream"].is_null()) {
        return Err((400, "this stand-in does not stream".to_owned()));
    }
    let schema = if is_ollama { &body["format"] } else { &body["response_format"]["json_schema"]["schema"] };
    if schema["type"] != "object" || schema.to_string().contains("\"pattern\"") {
        return Err((400, "invalid JSON schema in format".to_owned()));
    }
    Ok(Asked { is_ollama, body })
}

async fn read_request(stream: &mut BufReader<TcpStream>) -> io::Result<(String, Vec<u8>)> {
    let (mut path, mut length, mut line) = (String::new(), 0, String::new());
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let text = line.trim_end();
        if text.is_empty() {
            break;
        }
        match text.split_once(':') {
            _ if path.is_empty() => path = text.split(' ').nth(1).unwrap_or_default().to_owned(),
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok((path, body))
}

async fn answer(stream: &mut TcpStream, status: u16, body: &Value) -> io::Result<()> {
    let body = body.to_string();
    stream.write_all(format!("{}{body}", head(status, Some(body.len()))).as_bytes()).await?;
    stream.shutdown().await
}

fn head(status: u16, length: Option<usize>) -> String {
    let length = match length {
        Some(length) => format!("Content-Length: {length}"),
        None => "Transfer-Encoding: chunked".to_owned(),
    };
    format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{length}\r\nConnection: close\r\n\r\n")
}
