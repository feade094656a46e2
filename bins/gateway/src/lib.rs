//! The gateway: receives HTTP from people and programs, gives messages to the broker, and brings back what follows.
//! It holds no truth of its own, so any number of gateways may run side by side.
//!
//! The modules in the order in which a request passes them: [`config`] says how to start, [`app`] wires the parts
//! together into [`services`], [`http`] takes the request, [`auth`] and [`people`] tell who asks, [`access`] whether that may be,
//! and then [`execute`], [`cancel`], [`history`] or [`agents`] does it. The [`gate`] judges what shall run, and decides what
//! somebody has to approve. [`headroom`], [`streams`], [`meter`] and [`limits`] keep all of it within bounds, [`metrics`] counts it.

mod app;
mod config;
pub mod hash_password;
mod services;

mod http;

mod access;
mod auth;
mod network;
mod people;

mod agents;
mod cancel;
mod execute;
mod gate;
mod history;
mod remind;

mod headroom;
mod limits;
mod meter;
mod metrics;
mod sites;
mod streams;

pub use access::Role;
pub use app::Gateway;
pub use auth::{
    JwtAlgorithm, JwtConfig, JwtKeys, KeyError, KeyPair, MintError, OidcConfig, User, UserLineError, UsersError,
    mint_token, password_weakness, read_users, secret_weakness, user_line,
};
pub use config::{ConfigError, GatewayArgs, GatewayConfig, WebArgs, WebConfig};
#[doc(hidden)]
pub use http::read_client_message;
pub use http::{openapi, routes};
pub use network::{InvalidNetwork, Network};
