//! `ogent logout`: ends the session at the gateway, and forgets the login.

use super::Context;
use crate::client::credentials::CredentialStore;

/// Ends the session and forgets its tokens.
///
/// # Errors
/// When the file with the tokens cannot be read or written.
pub async fn run(context: &Context) -> anyhow::Result<()> {
    let Context { url, out, .. } = context;
    let store = CredentialStore::open()?;
    let Some(login) = store.find(url)? else {
        out.say(&format!("there was no login for {url}"));
        return Ok(());
    };
    let ended = context.client_of(Some(login))?.log_out().await;
    store.forget(url)?;
    match ended {
        // A session that is not there any more is over, too.
        Err(error) if error.status() != Some(401) => {
            out.warning(&format!("the gateway was not told, so the session goes on until it ends: {error}"));
        }
        _ => out.say(&format!("logged out of {url}")),
    }
    Ok(())
}
