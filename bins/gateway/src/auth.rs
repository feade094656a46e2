//! Receives passwords and tokens from `http`, gives principals to `access`.
//!
//! [`Authority`] is the one door: it logs people in, keeps their sessions, and says whom a token speaks for. Its
//! parts: `jwt` (access tokens) with `keys`, `opaque` (refresh and API tokens), `password`, `throttle` (how often one may
//! try).

mod account;
mod authority;
mod browser;
mod error;
mod jwt;
mod keys;
mod oidc;
mod opaque;
mod owned;
mod password;
mod refresh;
mod strength;
mod throttle;
mod ticket;
mod users;

pub(crate) use authority::{Authority, Issued, Origin};
pub(crate) use browser::{BrowserSession, BrowserSessions, SessionError, SessionKey};
pub(crate) use error::{GrantError, LogInError, RefreshError, Unauthenticated};
pub(crate) use jwt::Tokens;
pub use jwt::{MintError, mint_token};
pub use keys::{JwtAlgorithm, JwtConfig, JwtKeys, KeyError, KeyPair};
pub use oidc::OidcConfig;
pub(crate) use oidc::{Oidc, OidcError, Returned};
pub(crate) use password::{HashError, LoginError, Passwords, hash};
pub use strength::{password_weakness, secret_weakness};
pub(crate) use ticket::{Ticket, Tickets};
pub(crate) use users::ADMIN;
pub use users::{User, UserLineError, UsersError, read_users, user_line};
