//! Receives passwords and tokens from `http`, gives principals to `access`.

mod jwt;
mod password;
mod strength;
mod users;

pub(crate) use jwt::Tokens;
pub use jwt::{JwtAlgorithm, JwtConfig, MintError, mint_token};
pub(crate) use password::{HashError, LoginError, Passwords, hash};
pub use strength::{password_weakness, secret_weakness};
pub(crate) use users::ADMIN;
pub use users::{User, UserLineError, UsersError, read_users, user_line};
