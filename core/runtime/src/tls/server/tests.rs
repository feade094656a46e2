//! Certificates of every kind of brokenness, and new ones in place of old ones.

use std::fs;
use std::path::Path;

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsConnector, client};

use super::*;

struct Made {
    cert: String,
    key: String,
}

fn make() -> Made {
    let key = KeyPair::generate().unwrap();
    let cert = CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    Made { cert: cert.pem(), key: key.serialize_pem() }
}

fn write(folder: &Path, made: &Made) -> TlsFiles {
    let files = TlsFiles { cert: folder.join("cert.pem"), key: folder.join("key.pem") };
    fs::write(&files.cert, &made.cert).unwrap();
    fs::write(&files.key, &made.key).unwrap();
    files
}

fn folder(name: &str) -> std::path::PathBuf {
    let path = std::env::temp_dir().join(format!("ogent-tls-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

fn trusting(pem: &[&str], versions: &[&'static rustls::SupportedProtocolVersion]) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    for pem in pem {
        roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
    }
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

/// A server that repeats what it hears, on every connection that trusts it.
async fn echo(tls: &ServerTls) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = tls.acceptor();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let accept = acceptor.accept(stream);
            tokio::spawn(async move {
                let Ok(mut stream) = accept.await else { return };
                let mut byte = [0];
                while stream.read_exact(&mut byte).await.is_ok() {
                    stream.write_all(&byte).await.unwrap();
                    stream.flush().await.unwrap();
                }
            });
        }
    });
    port
}

async fn connect(port: u16, connector: &TlsConnector) -> Option<client::TlsStream<TcpStream>> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.ok()
}

async fn is_echoed(stream: &mut client::TlsStream<TcpStream>) -> bool {
    let mut byte = [0];
    stream.write_all(b"x").await.is_ok() && stream.read_exact(&mut byte).await.is_ok() && byte == *b"x"
}

async fn until_trusted(port: u16, made: &Made) {
    for _ in 0..200 {
        if connect(port, &trusting(&[&made.cert], &[&TLS13])).await.is_some() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the new certificate is not taken over");
}

#[tokio::test]
async fn a_new_certificate_needs_no_restart_and_cuts_nobody() {
    let folder = folder("reload");
    let (first, second) = (make(), make());
    let files = write(&folder, &first);
    let tls = ServerTls::load(files, &["http/1.1"]).unwrap();
    let port = echo(&tls).await;
    let stop = CancellationToken::new();
    let watching = tokio::spawn(tls.clone().watch(stop.clone()));
    let mut open = connect(port, &trusting(&[&first.cert], &[&TLS13, &TLS12])).await.unwrap();
    assert!(connect(port, &trusting(&[&second.cert], &[&TLS13])).await.is_none());

    write(&folder, &second);
    until_trusted(port, &second).await;
    assert!(connect(port, &trusting(&[&first.cert], &[&TLS13])).await.is_none(), "the old one is still shown");
    assert!(is_echoed(&mut open).await, "a connection was cut by the new certificate");

    // A key that does not belong to the certificate, then nonsense: neither takes away what works.
    fs::write(folder.join("key.pem"), &first.key).unwrap();
    tls.reload();
    assert!(connect(port, &trusting(&[&second.cert], &[&TLS13])).await.is_some());
    fs::remove_file(folder.join("cert.pem")).unwrap();
    tls.reload();
    assert!(connect(port, &trusting(&[&second.cert], &[&TLS13])).await.is_some());
    // And once all is well again, that is taken.
    write(&folder, &first);
    until_trusted(port, &first).await;
    stop.cancel();
    watching.await.unwrap();
    fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn both_versions_of_tls_are_spoken() {
    let folder = folder("versions");
    let made = make();
    let tls = ServerTls::load(write(&folder, &made), &["http/1.1"]).unwrap();
    let port = echo(&tls).await;
    for version in [&TLS13, &TLS12] {
        let mut stream = connect(port, &trusting(&[&made.cert], &[version])).await.unwrap();
        assert_eq!(stream.get_ref().1.protocol_version(), Some(version.version));
        assert!(is_echoed(&mut stream).await);
    }
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_does_not_belong_together_is_refused_with_its_path() {
    let folder = folder("broken");
    let (one, other) = (make(), make());
    let load = |cert: &str, key: &str| {
        let files = write(&folder, &Made { cert: cert.to_owned(), key: key.to_owned() });
        ServerTls::load(files, &[]).map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(load(&one.cert, &one.key), Ok(()));
    assert!(load(&one.cert, &other.key).unwrap_err().contains("cannot be used with the key"));
    assert!(load(&one.key, &one.key).unwrap_err().contains("cert.pem holds no certificate"));
    assert!(load(&one.cert, &one.cert).unwrap_err().contains("key.pem holds no private key"));
    assert!(load("", &one.key).unwrap_err().contains("no certificate"));
    let broken = one.cert.replace("MII", "MIJ");
    assert!(load(&broken, &one.key).is_err());
    assert!(load(&"x".repeat(300 * 1024), &one.key).is_err());
    fs::remove_file(folder.join("cert.pem")).unwrap();
    let files = TlsFiles { cert: folder.join("cert.pem"), key: folder.join("key.pem") };
    let error = ServerTls::load(files, &[]).map(drop).unwrap_err();
    assert!(matches!(error, TlsFileError::Read { .. }), "{error}");
    fs::remove_dir_all(folder).unwrap();
}
