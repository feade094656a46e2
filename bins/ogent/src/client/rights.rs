//! What the command line asks about people and the access policy.

use ogent_protocol::rest::{
    ChangeUser, CreateUser, PolicyAnswer, PolicyHistory, PolicyTest, PolicyView, SetPassword, SetPolicy, UserList,
    UserView,
};
use reqwest::{Method, RequestBuilder};

use super::{ANSWER, Client, ClientError, answer};

// === impl Client ===

impl Client {
    /// Everybody who may log in.
    ///
    /// # Errors
    /// When the gateway refuses, or does not answer.
    pub async fn users(&self) -> Result<Vec<UserView>, ClientError> {
        let list: UserList = self.get(&["users"]).await?;
        Ok(list.users)
    }

    /// Adds somebody.
    ///
    /// # Errors
    /// When the gateway refuses, or does not answer.
    pub async fn add_user(&self, user: &CreateUser) -> Result<UserView, ClientError> {
        answer::json(self.once(self.request(Method::POST, &["users"]).json(user)).await?).await
    }

    /// Changes somebody.
    ///
    /// # Errors
    /// When the gateway refuses, or does not answer.
    pub async fn change_user(&self, name: &str, change: &ChangeUser) -> Result<UserView, ClientError> {
        answer::json(self.once(self.request(Method::PATCH, &["users", name]).json(change)).await?).await
    }

    /// Removes somebody.
    ///
    /// # Errors
    /// When the gateway refuses, or does not answer.
    pub async fn remove_user(&self, name: &str) -> Result<(), ClientError> {
        self.once(self.request(Method::DELETE, &["users", name])).await.map(drop)
    }

    /// Sets a password.
    ///
    /// # Errors
    /// When the gateway refuses, or does not answer.
    pub async fn set_password(&self, name: &str, password: &SetPassword) -> Result<(), ClientError> {
        self.once(self.request(Method::POST, &["users", name, "password"]).json(password)).await.map(drop)
    }

    /// The access policy that holds.
    ///
    /// # Errors
    /// When the gateway refuses, or does not answer.
    pub async fn policy(&self) -> Result<PolicyView, ClientError> {
        self.get(&["policy"]).await
    }

    /// The access policies that held, the latest first.
    ///
    /// # Errors
    /// When the gateway refuses, or does not answer.
    pub async fn policy_history(&self) -> Result<Vec<PolicyView>, ClientError> {
        let history: PolicyHistory = self.get(&["policy", "history"]).await?;
        Ok(history.versions)
    }

    /// Puts another access policy into place.
    ///
    /// # Errors
    /// When it cannot be used, the gateway refuses, or does not answer.
    pub async fn set_policy(&self, policy: &SetPolicy) -> Result<PolicyView, ClientError> {
        answer::json(self.once(self.request(Method::PUT, &["policy"]).json(policy)).await?).await
    }

    /// Asks whether somebody may do something.
    ///
    /// # Errors
    /// When the gateway refuses, or does not answer.
    pub async fn test_policy(&self, test: &PolicyTest) -> Result<PolicyAnswer, ClientError> {
        self.post(&["policy", "test"], test).await
    }

    /// What is not sent again where no answer has come: it may have been done.
    async fn once(&self, request: RequestBuilder) -> Result<reqwest::Response, ClientError> {
        self.send(request.timeout(ANSWER)).await
    }
}
