//! Receives the login that is kept, gives the client a token that is good, and keeps the next one when it has to ask for
//! it.
//!
//! A refresh token is good once. Of several programs that run at once, one refreshes under a lock on a file beside the
//! credentials, and the others find what it has kept.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use ogent_protocol::rest::TokenResponse;
use ogent_runtime::Secret;
use reqwest::Method;
use tokio::sync::Mutex;

use super::credentials::{CredentialError, CredentialStore, Login};
use super::{ANSWER, ClientError, GatewayUrl, answer, retry};

/// A token that ends so soon is exchanged before it is used.
const AHEAD: SignedDuration = SignedDuration::from_secs(30);

/// Who a client is.
#[derive(Debug, Clone)]
pub(super) enum Identity {
    /// Nobody yet.
    Nobody,
    /// Whoever the token says.
    Fixed(Secret),
    /// Who has logged in.
    Kept(Arc<Kept>),
}

/// A login on the disk.
#[derive(Debug)]
pub(super) struct Kept {
    store: CredentialStore,
    login: Mutex<Login>,
}

// === impl Identity ===

impl Identity {
    pub(super) fn kept(store: CredentialStore, login: Login) -> Self {
        Self::Kept(Arc::new(Kept { store, login: Mutex::new(login) }))
    }

    /// The token to send.
    pub(super) async fn token(&self, http: &reqwest::Client, url: &GatewayUrl) -> Result<Option<Secret>, ClientError> {
        match self {
            Self::Nobody => Ok(None),
            Self::Fixed(token) => Ok(Some(token.clone())),
            Self::Kept(kept) => kept.token(http, url).await.map(Some),
        }
    }
}

// === impl Kept ===

impl Kept {
    async fn token(&self, http: &reqwest::Client, url: &GatewayUrl) -> Result<Secret, ClientError> {
        let mut login = self.login.lock().await;
        if ends_soon(&login) && login.refresh_token.is_some() {
            // Held until the next one is on the disk; given back when the program ends, however it does.
            let _lock = lock(&self.store).await?;
            if let Some(newer) = self.store.find(url)? {
                *login = newer;
            }
            if ends_soon(&login)
                && let Some(refresh) = login.refresh_token.clone()
            {
                let answer = refresh_with(http, url, &refresh).await?;
                *login = Login::of(login.username.clone(), answer, Timestamp::now());
                self.store.keep(url, login.clone())?;
            }
        }
        Ok(Secret::new(login.access_token.clone()))
    }
}

fn ends_soon(login: &Login) -> bool {
    login.expires_at.duration_since(Timestamp::now()) < AHEAD
}

/// The same token may be sent again for some seconds, if the answer is lost.
async fn refresh_with(http: &reqwest::Client, url: &GatewayUrl, refresh: &str) -> Result<TokenResponse, ClientError> {
    retry::patiently(|| async {
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
        let request = http.request(Method::POST, url.join(&["token"])).form(&form).timeout(ANSWER);
        let response = request.send().await.map_err(|error| ClientError::transport(url, error))?;
        answer::json(answer::accepted(response).await?).await
    })
    .await
}

async fn lock(store: &CredentialStore) -> Result<File, ClientError> {
    let path = store.path().with_extension("lock");
    let locked = {
        let path = path.clone();
        tokio::task::spawn_blocking(move || {
            let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
            file.lock()?;
            Ok(file)
        })
    };
    let locked = locked.await.map_err(std::io::Error::other).flatten();
    locked.map_err(|source| CredentialError::Write { path, source }.into())
}
