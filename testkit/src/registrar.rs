//! A registrar in this process.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use ogent_broker::accounts::Account;
use ogent_broker::permissions::{Kind, Role};
use ogent_registrar::{Registrar, RegistrarArgs};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::TestBroker;

/// A running registrar. It is aborted with this value; [`TestRegistrar::stop`] stops it in order.
pub struct TestRegistrar {
    shutdown: CancellationToken,
    task: Option<JoinHandle<()>>,
}

// === impl TestRegistrar ===

impl TestRegistrar {
    /// Starts one.
    pub async fn start(broker: &TestBroker) -> Self {
        Self::start_with(broker, |_| {}).await
    }

    /// The same, with other arguments.
    pub async fn start_with(broker: &TestBroker, change: impl FnOnce(&mut RegistrarArgs)) -> Self {
        let dir = TempDir::new().unwrap();
        write_folder(broker, dir.path());
        let mut args = RegistrarArgs {
            dir: dir.path().to_owned(),
            nats_url: broker.url(),
            public_nats_url: None,
            credentials_ttl: 86_400,
            return_days: 90,
        };
        change(&mut args);
        let registrar = Registrar::build(args.into_config().unwrap()).await.unwrap();
        let shutdown = CancellationToken::new();
        let task = tokio::spawn({
            let shutdown = shutdown.clone();
            async move {
                registrar.run(shutdown).await.unwrap();
                drop(dir);
            }
        });
        Self { shutdown, task: Some(task) }
    }

    /// Stops it in order.
    pub async fn stop(mut self) {
        self.shutdown.cancel();
        if let Some(task) = self.task.take() {
            tokio::time::timeout(Duration::from_secs(20), task).await.expect("the registrar does not stop").unwrap();
        }
    }
}

impl Drop for TestRegistrar {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// What `ogent init` puts into the folder of a registrar.
fn write_folder(broker: &TestBroker, dir: &Path) {
    let authority = broker.authority();
    for kind in [Kind::Agent, Kind::Enroll] {
        authority.role(kind).save(&dir.join(format!("role-{}.nk", kind.name()))).unwrap();
    }
    authority.signing_key().save(&dir.join("operator-signing.nk")).unwrap();
    authority.trust().save(&dir.join("trust.json")).unwrap();
    std::fs::write(dir.join("registrar.creds"), broker.creds(&Role::Registrar)).unwrap();
    std::fs::write(dir.join("system.creds"), broker.creds(&Role::Claims)).unwrap();
    std::fs::create_dir(dir.join("accounts")).unwrap();
    let token = authority.account_token(Account::Agents, [].into(), Timestamp::now()).unwrap();
    std::fs::write(dir.join("accounts/AGENTS.jwt"), token).unwrap();
}
