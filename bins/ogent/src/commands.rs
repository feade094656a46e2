//! Receives what a person asked for, does it through the client, gives the answer to the output: one module for each
//! command.

pub mod login;
pub mod logout;
pub mod sessions;
pub mod tokens;
pub mod whoami;

pub mod audit;

pub mod agents;

pub mod analyze;
pub mod exec;

pub mod approvals;
pub mod approve;
pub mod deny;

pub mod cancel;
pub mod history;
pub mod logs;
pub mod show;
pub mod verify;

pub mod policy;
pub mod users;

pub mod completions;

use crate::client::credentials::{CredentialStore, Login, token_from_env};
use crate::client::{Client, ClientError, GatewayUrl, Trust};
use crate::output::Output;

/// What every command is given: the gateway that it is about, and where it speaks.
#[derive(Debug, Clone)]
pub struct Context {
    /// The gateway.
    pub url: GatewayUrl,
    /// Who is believed that it is that gateway.
    pub trust: Trust,
    /// Where to speak.
    pub out: Output,
}

// === impl Context ===

impl Context {
    /// A client without a token, to get one.
    ///
    /// # Errors
    /// When the certificates cannot be used.
    pub fn stranger(&self) -> Result<Client, ClientError> {
        Client::trusting(self.url.clone(), None, &self.trust)
    }

    /// A client with the user's token, if there is one.
    ///
    /// # Errors
    /// When the token is there and cannot be read.
    pub fn client(&self) -> anyhow::Result<Client> {
        if let Some(token) = token_from_env()? {
            return Ok(Client::trusting(self.url.clone(), Some(token), &self.trust)?);
        }
        // Without a home nobody has logged in.
        let login = CredentialStore::open().ok().map(|store| store.find(&self.url)).transpose()?.flatten();
        self.client_of(login)
    }

    /// A client for whoever has logged in, if anybody has.
    ///
    /// # Errors
    /// When there is no place for what it has to keep.
    pub fn client_of(&self, login: Option<Login>) -> anyhow::Result<Client> {
        Ok(match login {
            Some(login) => Client::logged_in(self.url.clone(), CredentialStore::open()?, login, &self.trust)?,
            None => self.stranger()?,
        })
    }
}
