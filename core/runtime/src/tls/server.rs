//! Receives certificate files, gives a listener the way to speak TLS with whatever certificate is in them now.
//!
//! Certificates last for weeks and connections for days, so a new certificate must not need a restart. Connections that
//! are open keep theirs; a file that cannot be used leaves the one that works.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::files::{Stamp, TlsFileError, TlsFiles};

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The server's side of TLS.
#[derive(Clone)]
pub struct ServerTls {
    files: TlsFiles,
    current: Arc<Current>,
    acceptor: TlsAcceptor,
    loaded: Stamp,
}

/// The certificate that new connections are shown.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

// === impl ServerTls ===

impl ServerTls {
    /// Reads the files. `protocols` are what is spoken inside of TLS, as ALPN names them.
    ///
    /// # Errors
    /// When the certificate cannot be used.
    pub fn load(files: TlsFiles, protocols: &[&str]) -> Result<Self, TlsFileError> {
        // Before the files are read: what changes in between is seen the next time.
        let loaded = files.stamp();
        let current = Arc::new(Current(RwLock::new(Arc::new(files.load()?))));
        if files.key_is_open() {
            tracing::warn!(key = %files.key.display(), "others than its owner may read the private key; chmod 600 it");
        }
        let unusable = |problem| TlsFileError::Unusable { cert: files.cert.clone(), key: files.key.clone(), problem };
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(unusable)?
            .with_no_client_auth()
            .with_cert_resolver(current.clone());
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), files, current, loaded })
    }

    /// What new connections are taken with.
    #[must_use]
    pub fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.clone()
    }

    /// Takes over what the files hold anew: on SIGHUP at once, else within seconds. Ends with `shutdown`.
    pub async fn watch(self, shutdown: CancellationToken) {
        let mut hang_up = signal(SignalKind::hangup())
            .inspect_err(
                |error| tracing::warn!(%error, "SIGHUP cannot be heard; certificates are looked at all the same"),
            )
            .ok();
        let mut seen = self.loaded.clone();
        loop {
            let is_told = tokio::select! {
                () = shutdown.cancelled() => return,
                () = heard(&mut hang_up) => true,
                () = tokio::time::sleep(LOOK_EVERY) => false,
            };
            let stamp = self.files.stamp();
            if is_told || stamp != seen {
                self.reload();
                seen = stamp;
            }
        }
    }

    /// Two small files; on this thread, because that happens once in weeks.
    fn reload(&self) {
        let cert = self.files.cert.display();
        match self.files.load() {
            Ok(key) => {
                self.current.set(key);
                tracing::info!(%cert, "new connections get the certificate that is there now");
            }
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                tracing::warn!(%error, cause, "the new certificate cannot be used; the one before stays");
            }
        }
    }
}

async fn heard(signal: &mut Option<Signal>) {
    if let Some(signal) = signal
        && signal.recv().await.is_some()
    {
        return;
    }
    std::future::pending().await
}

// === impl Current ===

impl Current {
    fn set(&self, key: CertifiedKey) {
        // Nothing panics while it holds this lock.
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

#[cfg(test)]
mod tests;
