//! Receives passwords and tokens from `http`, gives principals to `access`.

mod browser;
mod jwt;
mod oidc;
mod password;
mod strength;
mod ticket;
mod users;

pub(crate) use browser::{BrowserSession, BrowserSessions, SessionError, SessionKey};
pub(crate) use jwt::Tokens;
pub use jwt::{JwtAlgorithm, JwtConfig, MintError, mint_token};
pub(crate) use password::{HashError, LoginError, Passwords, hash};
pub(crate) use users::ADMIN;
pub use oidc::OidcConfig;
pub(crate) use oidc::{Oidc, OidcError, Returned};
pub use strength::{password_weakness, secret_weakness};
pub(crate) use ticket::Tickets;
pub use users::{User, UserLineError, UsersError, read_users, user_line};
