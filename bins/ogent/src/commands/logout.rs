//! `ogent logout`: forgets the token for a gateway.

use super::Context;
use crate::client::credentials::CredentialStore;

/// Forgets the token. The gateway keeps none, so there is nothing to tell it.
///
/// # Errors
/// When the file with the tokens cannot be read or written.
pub fn run(context: &Context) -> anyhow::Result<()> {
    let Context { url, out, .. } = context;
    if CredentialStore::open()?.forget(url)? {
        out.say(&format!("logged out of {url}"));
    } else {
        out.say(&format!("there was no login for {url}"));
    }
    Ok(())
}
