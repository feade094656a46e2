//! What no system for running commands over NATS could beat on this machine: starting a process, an acknowledged
//! publish that is synced to the disk, a request and its answer.

use std::process::Stdio;
use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::{self, stream};
use futures::StreamExt as _;
use tempfile::TempDir;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};

use crate::stats::{Latency, latency, rate};

/// A nats-server without accounts, that syncs before it acknowledges.
pub struct BareServer {
    _child: Child,
    _dir: TempDir,
    client: Client,
}

/// Starts `sh -c true` as the agent does, and waits for its end and its output.
pub async fn spawn() {
    let mut child = Command::new("/bin/sh")
        .args(["-c", "true"])
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let (mut one, mut two) = (Vec::new(), Vec::new());
    let _ = tokio::join!(child.wait(), out.read_to_end(&mut one), err.read_to_end(&mut two));
}

/// Starting processes one after another.
pub async fn spawning(count: usize) -> Latency {
    latency(count, spawn).await
}

/// Starting processes, eight at once.
pub async fn spawning_rate(count: usize) -> f64 {
    // Tasks of their own, as the agent's are: starting a process blocks the thread that does it.
    rate(count, 8, || async { tokio::spawn(spawn()).await.unwrap() }).await
}

/// Reading what a command prints, without any system around it: MB a second.
pub async fn output(line: &str) -> f64 {
    let start = std::time::Instant::now();
    let done = Command::new("/bin/sh").args(["-c", line]).output().await.unwrap();
    done.stdout.len() as f64 / 1e6 / start.elapsed().as_secs_f64()
}

// === impl BareServer ===

impl BareServer {
    /// Starts one.
    pub async fn start(program: &str) -> Self {
        let dir = TempDir::new().unwrap();
        let config = dir.path().join("nats.conf");
        let text = format!(
            "listen: \"127.0.0.1:-1\"\nports_file_dir: {dir:?}\njetstream: {{store_dir: {store:?}, sync_interval: always}}\n",
            dir = dir.path(),
            store = dir.path().join("store"),
        );
        std::fs::write(&config, text).unwrap();
        let child =
            Command::new(program).arg("-c").arg(&config).stderr(Stdio::null()).kill_on_drop(true).spawn().unwrap();
        let ports = dir.path().join(format!("nats-server_{}.ports", child.id().unwrap()));
        let url = loop {
            let found =
                std::fs::read(&ports).ok().and_then(|text| serde_json::from_slice::<serde_json::Value>(&text).ok());
            if let Some(url) = found.as_ref().and_then(|ports| ports["nats"][0].as_str()) {
                break url.to_owned();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        let client = async_nats::connect(url).await.unwrap();
        let config =
            stream::Config { name: "FLOOR".to_owned(), subjects: vec!["floor.>".to_owned()], ..Default::default() };
        jetstream::new(client.clone()).create_stream(config).await.unwrap();
        Self { _child: child, _dir: dir, client }
    }

    /// Acknowledged publishes of 256 bytes, one after another.
    pub async fn publishing(&self, count: usize) -> Latency {
        let context = jetstream::new(self.client.clone());
        let payload = bytes(256);
        latency(count, async || {
            context.publish("floor.x", payload.clone().into()).await.unwrap().await.unwrap();
        })
        .await
    }

    /// Requests of 256 bytes to a second connection that answers, one after another.
    pub async fn requesting(&self, count: usize) -> Latency {
        let url = format!("nats://127.0.0.1:{}", self.client.server_info().port);
        let echo = async_nats::connect(url).await.unwrap();
        let mut requests = echo.subscribe("echo").await.unwrap();
        echo.flush().await.unwrap();
        let answering = tokio::spawn(async move {
            while let Some(request) = requests.next().await {
                let reply = request.reply.unwrap();
                echo.publish(reply, request.payload).await.unwrap();
            }
        });
        let payload = bytes(256);
        // The two connections are served side by side: the subscription may be a moment behind.
        while self.client.request("echo", payload.clone().into()).await.is_err() {
            tokio::task::yield_now().await;
        }
        let found = latency(count, async || {
            self.client.request("echo", payload.clone().into()).await.unwrap();
        })
        .await;
        answering.abort();
        found
    }
}

fn bytes(count: usize) -> Vec<u8> {
    vec![b'x'; count]
}
