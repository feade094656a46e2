//! TLS to the broker: from the first byte, by our own authority only, and with certificates that change under way.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use ogent_broker::permissions::Role;
use ogent_broker::server_config::TlsPaths;
use ogent_broker::topology::{self, TopologyOptions};
use ogent_broker::{Broker, ConnectOptions};
use ogent_runtime::tls::Ca;
use ogent_testkit::{TestBroker, wait_until};
use tempfile::TempDir;
use tokio::io::AsyncReadExt as _;

const LIMIT: Duration = Duration::from_secs(20);

struct Files {
    dir: TempDir,
    ca: Ca,
}

impl Files {
    fn new() -> Self {
        let (dir, (ca, _)) = (TempDir::new().unwrap(), Ca::generate().unwrap());
        std::fs::write(dir.path().join("ca.pem"), ca.certificate()).unwrap();
        let files = Self { dir, ca };
        files.issue();
        files
    }

    /// A new certificate, in the place of the last.
    fn issue(&self) -> String {
        let leaf = self.ca.issue(&["127.0.0.1".to_owned()]).unwrap();
        std::fs::write(self.path("broker-key.pem"), leaf.key.expose()).unwrap();
        std::fs::write(self.path("broker.pem"), &leaf.certificate).unwrap();
        leaf.certificate
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    async fn broker(&self) -> TestBroker {
        let tls = TlsPaths { certificate: self.path("broker.pem"), key: self.path("broker-key.pem") };
        TestBroker::with_tls(tls, &self.path("ca.pem")).await
    }
}

fn trusting(broker: &TestBroker, ca: Option<&Path>) -> ConnectOptions {
    ConnectOptions { root_ca: ca.map(Path::to_owned), ..broker.options(&Role::Setup) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_speak_tls_with_our_broker_and_nobody_else() {
    let (files, other) = (Files::new(), Files::new());
    let broker = files.broker().await;
    let setup = broker.connect(&Role::Setup).await;
    topology::ensure(&setup, &TopologyOptions::default()).await.unwrap();
    for ca in [Some(other.path("ca.pem")), None] {
        let refused = Broker::connect(trusting(&broker, ca.as_deref())).await;
        assert!(refused.is_err_and(|error| error.to_string().contains("no NATS server can be reached")));
    }
    // An address without TLS does not get as far as a greeting.
    let plain = ConnectOptions { url: broker.url().replace("tls://", "nats://"), ..trusting(&broker, None) };
    assert!(Broker::connect(plain).await.is_err());
    let mut stream = tokio::net::TcpStream::connect(broker.url().replace("tls://", "")).await.unwrap();
    let mut greeting = [0; 64];
    let said = tokio::time::timeout(Duration::from_millis(500), stream.read(&mut greeting)).await;
    assert!(!matches!(said, Ok(Ok(1..))), "said {}", String::from_utf8_lossy(&greeting));
}

/// The certificate that a server shows.
async fn shown(broker: &TestBroker, files: &Files) -> Option<Vec<u8>> {
    use tokio_rustls::rustls::pki_types::pem::PemObject as _;
    use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
    use tokio_rustls::rustls::{ClientConfig, RootCertStore};
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(files.path("ca.pem")).unwrap()).unwrap();
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let stream = tokio::net::TcpStream::connect(broker.url().replace("tls://", "")).await.ok()?;
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    let stream = connector.connect(ServerName::try_from("127.0.0.1").unwrap(), stream).await.ok()?;
    Some(stream.get_ref().1.peer_certificates()?.first()?.to_vec())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_certificate_needs_no_restart() {
    let files = Files::new();
    let broker = files.broker().await;
    let part = broker.connect(&Role::Setup).await;
    let before = shown(&broker, &files).await.unwrap();
    files.issue();
    broker.reload();
    wait_until("the new certificate", LIMIT, async || {
        let found = shown(&broker, &files).await?;
        (found != before).then_some(())
    })
    .await;
    part.ping().await.unwrap();
    assert_eq!(part.reconnects(), 0, "who was connected stays so");
    broker.connect(&Role::Setup).await.ping().await.unwrap();
    // A file that is no certificate leaves the one that works.
    let good = shown(&broker, &files).await.unwrap();
    std::fs::write(files.path("broker.pem"), "nonsense").unwrap();
    broker.reload();
    broker.connect(&Role::Setup).await.ping().await.unwrap();
    assert_eq!(shown(&broker, &files).await.unwrap(), good);
    part.ping().await.unwrap();
}
