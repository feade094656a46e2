//! A connection to the broker that speaks its protocol byte by byte: for what no client would do.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ogent_broker::credentials::{Creds, Key};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(10);

/// A message that the broker has delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its subject.
    pub subject: String,
    /// The number of the subscription that it is for.
    pub subscription: u32,
    /// Headers and payload, as they came.
    pub bytes: Vec<u8>,
}

/// A connection.
pub struct Wire {
    stream: BufReader<TcpStream>,
    /// What the broker has objected to since the last [`Self::settle`].
    errors: Vec<String>,
    /// What it has delivered since then.
    heard: Vec<Delivery>,
    next: u32,
}

// === impl Wire ===

impl Wire {
    /// Logs in with credentials.
    ///
    /// # Errors
    /// What the broker objects to.
    pub async fn connect(url: &str, creds: &str) -> Result<Self, String> {
        let creds = Creds::parse(creds).unwrap();
        Self::log_in(url, &creds.jwt, Some(&creds.key)).await
    }

    /// Logs in with a token, and the signature of a key, which may be any.
    ///
    /// # Errors
    /// What the broker objects to.
    pub async fn log_in(url: &str, jwt: &str, key: Option<&Key>) -> Result<Self, String> {
        let stream = TcpStream::connect(url.trim_start_matches("nats://")).await.unwrap();
        let mut wire = Self { stream: BufReader::new(stream), errors: Vec::new(), heard: Vec::new(), next: 1 };
        let info = wire.line().await.unwrap();
        let info: serde_json::Value = serde_json::from_str(info.trim_start_matches("INFO ")).unwrap();
        let nonce = info["nonce"].as_str().unwrap_or_default();
        let signature = key.map(|key| URL_SAFE_NO_PAD.encode(key.sign(nonce.as_bytes()).unwrap()));
        let mut connect = serde_json::json!({
            "verbose": false, "pedantic": false, "lang": "wire", "version": "0", "protocol": 1, "headers": true,
            "no_responders": true, "jwt": jwt,
        });
        if let Some(signature) = signature {
            connect["sig"] = signature.into();
        }
        wire.write(format!("CONNECT {connect}\r\n").as_bytes()).await;
        match wire.settle().await {
            Ok(()) => Ok(wire),
            Err(()) => Err(wire.errors.join("; ")),
        }
    }

    /// Publishes; says whether the broker let it.
    pub async fn publish(&mut self, subject: &str, reply: Option<&str>, headers: &str, payload: &[u8]) -> bool {
        self.errors.clear();
        let reply = reply.map(|reply| format!("{reply} ")).unwrap_or_default();
        let head = if headers.is_empty() { String::new() } else { format!("NATS/1.0\r\n{headers}\r\n\r\n") };
        let command = match head.len() {
            0 => format!("PUB {subject} {reply}{}\r\n", payload.len()),
            length => format!("HPUB {subject} {reply}{length} {}\r\n", length + payload.len()),
        };
        self.write(&[command.as_bytes(), head.as_bytes(), payload, b"\r\n"].concat()).await;
        self.settle().await.unwrap();
        self.errors.is_empty()
    }

    /// Subscribes, in a queue group or alone; the number of the subscription, if the broker let it.
    pub async fn subscribe(&mut self, subject: &str, queue: &str) -> Option<u32> {
        self.errors.clear();
        let number = self.next;
        self.next += 1;
        self.write(format!("SUB {subject} {queue} {number}\r\n").as_bytes()).await;
        self.settle().await.unwrap();
        self.errors.is_empty().then_some(number)
    }

    /// Ends a subscription.
    pub async fn unsubscribe(&mut self, number: u32) {
        self.write(format!("UNSUB {number}\r\n").as_bytes()).await;
    }

    /// What was delivered since it was last asked, after the broker has seen all that was sent.
    pub async fn heard(&mut self) -> Vec<Delivery> {
        self.settle().await.unwrap();
        std::mem::take(&mut self.heard)
    }

    /// What the broker has objected to.
    pub fn errors(&self) -> &[String] {
        &self.errors
    }

    /// Waits until the broker closes the connection, and says why.
    pub async fn closed(&mut self) -> String {
        while let Some(line) = self.line().await {
            self.take(line).await;
        }
        self.errors.join("; ")
    }

    /// Waits until the broker has seen all that was sent.
    async fn settle(&mut self) -> Result<(), ()> {
        self.write(b"PING\r\n").await;
        loop {
            match self.line().await {
                Some(line) if line == "PONG" => return Ok(()),
                Some(line) => self.take(line).await,
                None => return Err(()),
            }
        }
    }

    async fn take(&mut self, line: String) {
        let words: Vec<&str> = line.split(' ').collect();
        match words[0] {
            "PING" => self.write(b"PONG\r\n").await,
            "-ERR" => self.errors.push(line),
            "MSG" | "HMSG" => {
                let mut bytes = vec![0; words.last().unwrap().parse::<usize>().unwrap() + 2];
                timeout(LIMIT, self.stream.read_exact(&mut bytes)).await.unwrap().unwrap();
                let (subject, subscription) = (words[1].to_owned(), words[2].parse().unwrap());
                self.heard.push(Delivery { subject, subscription, bytes });
            }
            _ => {}
        }
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = timeout(LIMIT, self.stream.read_line(&mut line)).await.expect("the broker says nothing");
        matches!(read, Ok(1..)).then(|| line.trim_end().to_owned())
    }

    async fn write(&mut self, bytes: &[u8]) {
        // A broker that has closed the connection says why on what is read.
        let _ = self.stream.get_mut().write_all(bytes).await;
    }
}
