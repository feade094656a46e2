//! What people send and see about those who may log in.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Somebody who may log in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct UserView {
    /// The name.
    pub name: String,
    /// What they may be: `viewer`, `operator`, `approver`, `admin`.
    pub roles: Vec<String>,
    /// Whether they may do nothing now.
    pub disabled: bool,
    /// Whether they stand in the users file of the gateway and cannot be changed over HTTP.
    pub read_only: bool,
    /// Who has made or last changed them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_by: Option<String>,
    /// When that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<Timestamp>,
}

/// Answer of `GET /users`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct UserList {
    /// By name.
    pub users: Vec<UserView>,
}

/// Body of `POST /users`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CreateUser {
    /// The name: letters, digits, `.`, `_`, `@`, `-`; kept in lower case.
    #[cfg_attr(feature = "schema", schema(pattern = "^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$"))]
    pub name: String,
    /// What they may be; at least one.
    #[cfg_attr(feature = "schema", schema(min_items = 1))]
    pub roles: Vec<String>,
    /// Their password.
    #[cfg_attr(feature = "schema", schema(min_length = 8, max_length = 1024, format = Password))]
    pub password: String,
}

/// Body of `PATCH /users/{name}`. What is absent stays as it is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ChangeUser {
    /// What they may be from now on; at least one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<String>>,
    /// Whether they may do nothing from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
}

/// Body of `POST /users/{name}/password`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SetPassword {
    /// The new one.
    #[cfg_attr(feature = "schema", schema(min_length = 8, max_length = 1024, format = Password))]
    pub password: String,
    /// The one before, where it is your own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = Password))]
    pub current: Option<String>,
}

impl fmt::Debug for CreateUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreateUser").field("name", &self.name).field("roles", &self.roles).finish_non_exhaustive()
    }
}

impl fmt::Debug for SetPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetPassword").finish_non_exhaustive()
    }
}
