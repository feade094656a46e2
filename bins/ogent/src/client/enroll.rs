//! Receives what admins want about machines that join, asks a gateway for it.

use ogent_protocol::rest::{DecideAgentRequest, IdentityList, InviteCreated, InviteList, InviteRequest, InviteView};
use ogent_protocol::{AgentId, Identity};
use reqwest::Method;

use super::{ANSWER, Client, ClientError, answer};

/// What may be decided about an agent's identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decide {
    /// It is let in.
    Accept,
    /// It is not.
    Reject,
    /// It is shut out.
    Revoke,
}

impl Client {
    /// Invites a machine.
    ///
    /// # Errors
    /// When the gateway refuses, or does not answer. It is not asked twice: that could make two invitations.
    pub async fn invite(&self, request: &InviteRequest) -> Result<InviteCreated, ClientError> {
        let request = self.request(Method::POST, &["agents", "invites"]).json(request).timeout(ANSWER);
        answer::json(self.send(request).await?).await
    }

    /// The invitations, newest first.
    ///
    /// # Errors
    /// When the gateway refuses, or does not answer.
    pub async fn invites(&self) -> Result<Vec<InviteView>, ClientError> {
        let list: InviteList = self.get(&["agents", "invites"]).await?;
        Ok(list.invites)
    }

    /// Takes an invitation back.
    ///
    /// # Errors
    /// When there is none of that id, the gateway refuses, or does not answer.
    pub async fn withdraw(&self, id: &AgentId) -> Result<InviteView, ClientError> {
        let request = self.request(Method::DELETE, &["agents", "invites", id.as_str()]).timeout(ANSWER);
        answer::json(self.send(request).await?).await
    }

    /// The machines that somebody has to accept.
    ///
    /// # Errors
    /// When the gateway refuses, or does not answer.
    pub async fn pending(&self) -> Result<Vec<Identity>, ClientError> {
        let list: IdentityList = self.get(&["agents", "pending"]).await?;
        Ok(list.identities)
    }

    /// Decides about an agent's identity, and gives it as it stands. Twice is the same as once.
    ///
    /// # Errors
    /// When there is none of that id, the gateway refuses, or does not answer.
    pub async fn decide(
        &self,
        id: &AgentId,
        decide: Decide,
        request: &DecideAgentRequest,
    ) -> Result<Identity, ClientError> {
        let verb = match decide {
            Decide::Accept => "accept",
            Decide::Reject => "reject",
            Decide::Revoke => "revoke",
        };
        self.post(&["agents", id.as_str(), verb], request).await
    }
}
