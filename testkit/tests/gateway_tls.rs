//! HTTPS at the gateway: new certificates while it runs, clients that do not shake hands, and the command line's `--ca`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use ogent::client::{Client as Cli, ClientError, Trust};
use ogent_runtime::Secret;
use ogent_runtime::tls::TlsFiles;
use ogent_testkit::{TestBroker, TestGateway, wait_until};
use rcgen::{CertificateParams, KeyPair};
use reqwest::{Certificate, Client};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(20);

/// A gateway with a certificate in a folder.
struct Encrypted {
    gateway: TestGateway,
    folder: TempDir,
    pem: String,
}

/// Writes a new certificate and its key; gives the certificate, which is its own authority.
fn certify(folder: &Path) -> String {
    let key = KeyPair::generate().unwrap();
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let cert = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
    std::fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
    std::fs::write(folder.join("cert.pem"), cert.pem()).unwrap();
    cert.pem()
}

fn trusting(pem: &str) -> Client {
    let certificate = Certificate::from_pem(pem.as_bytes()).unwrap();
    Client::builder().no_proxy().tls_certs_only([certificate]).timeout(LIMIT).build().unwrap()
}

impl Encrypted {
    async fn start(broker: &TestBroker) -> Self {
        let folder = TempDir::new().unwrap();
        let pem = certify(folder.path());
        let files = TlsFiles { cert: folder.path().join("cert.pem"), key: folder.path().join("key.pem") };
        let gateway = TestGateway::start_with(broker, |config| config.web.tls = Some(files)).await;
        Self { gateway, folder, pem }
    }

    fn address(&self) -> &str {
        self.gateway.url.split_once("://").unwrap().1
    }

    fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address())
    }

    async fn status(&self, client: &Client) -> Result<u16, reqwest::Error> {
        Ok(client.get(self.url("/healthz")).send().await?.status().as_u16())
    }
}

#[tokio::test]
async fn a_new_certificate_is_taken_over_while_connections_live() {
    let broker = TestBroker::start().await;
    let encrypted = Encrypted::start(&broker).await;
    let before = trusting(&encrypted.pem);
    let answer = before.get(encrypted.url("/healthz")).send().await.unwrap();
    assert_eq!(answer.headers()["strict-transport-security"], "max-age=31536000");
    let events = before.get(encrypted.url("/agents")).bearer_auth(&encrypted.gateway.token).send().await.unwrap();
    assert_eq!(events.status(), 200);

    let pem = certify(encrypted.folder.path());
    wait_until("the new certificate", LIMIT, async || encrypted.status(&trusting(&pem)).await.ok()).await;
    assert!(encrypted.status(&trusting(&encrypted.pem)).await.is_err(), "the old one is still shown");
    // The connection from before is kept alive, and needs no new handshake.
    assert_eq!(encrypted.status(&before).await.unwrap(), 200);
}

#[tokio::test]
async fn who_does_not_shake_hands_keeps_nobody_out() {
    let broker = TestBroker::start().await;
    let encrypted = Encrypted::start(&broker).await;
    // Some say nothing, some begin and stop in the middle.
    let mut silent = Vec::new();
    for n in 0..300 {
        let mut stream = TcpStream::connect(encrypted.address()).await.unwrap();
        if n % 2 == 0 {
            stream.write_all(&[0x16, 3, 1, 2, 0, 1]).await.unwrap();
        }
        silent.push(stream);
    }
    let began = Instant::now();
    assert_eq!(encrypted.status(&trusting(&encrypted.pem)).await.unwrap(), 200);
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    // And they are not waited for without end.
    for stream in &mut silent {
        let end = timeout(Duration::from_secs(10), stream.read(&mut [0; 64])).await.expect("it is waited for");
        assert!(matches!(end, Ok(_) | Err(_)));
    }
    assert!(began.elapsed() >= Duration::from_secs(3), "nobody was given the time to shake hands");
}

#[tokio::test]
async fn plain_http_gets_an_answer_and_nonsense_an_end() {
    let broker = TestBroker::start().await;
    let encrypted = Encrypted::start(&broker).await;
    let plain = trusting(&encrypted.pem).get(format!("http://{}/healthz", encrypted.address())).send().await.unwrap();
    assert_eq!(plain.status(), 400);
    assert!(plain.text().await.unwrap().contains("speaks TLS"));
    for bytes in [b"\0\0\0\0".as_slice(), b"get / http/1.1\r\n\r\n", &[0x16; 4096], &[0x80, 0x2e, 1, 3, 1]] {
        let mut stream = TcpStream::connect(encrypted.address()).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        let end: io::Result<usize> = timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await.unwrap();
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "{bytes:?}: {end:?}");
    }
    assert_eq!(encrypted.status(&trusting(&encrypted.pem)).await.unwrap(), 200);
}

#[tokio::test]
async fn the_command_line_believes_the_named_authority_only() {
    let broker = TestBroker::start().await;
    let encrypted = Encrypted::start(&broker).await;
    let agents = async |trust: &Trust| {
        let token = Secret::new(encrypted.gateway.token.clone());
        let client = Cli::trusting(encrypted.url("").parse().unwrap(), Some(token), trust);
        client.unwrap().agents().await
    };
    let ca = encrypted.folder.path().join("cert.pem");
    assert!(agents(&Trust::from_file(Some(&ca)).unwrap()).await.is_ok());
    let other = TempDir::new().unwrap();
    certify(other.path());
    let stranger = Trust::from_file(Some(&other.path().join("cert.pem"))).unwrap();
    for trust in [Trust::System, stranger] {
        let error = agents(&trust).await.unwrap_err();
        assert!(matches!(error, ClientError::Untrusted { .. }), "{error:?}");
        assert!(error.hint().unwrap().contains("--ca"), "{error}");
    }
}

#[tokio::test]
async fn a_gateway_does_not_start_with_a_key_that_does_not_fit() {
    let broker = TestBroker::start().await;
    let encrypted = Encrypted::start(&broker).await;
    let other = TempDir::new().unwrap();
    certify(other.path());
    let files = TlsFiles { cert: encrypted.folder.path().join("cert.pem"), key: other.path().join("key.pem") };
    let started = tokio::spawn(async move {
        let broker = broker;
        let _gateway = TestGateway::start_with(&broker, |config| config.web.tls = Some(files)).await;
    });
    assert!(started.await.is_err());
}
