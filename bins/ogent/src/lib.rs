//! The command line for people, and `ogent up`: broker and all parts on one machine.
//!
//! [`cli`] reads what a person typed and hands it to one of the [`commands`]; these ask a gateway through the
//! [`client`] and show the answer through [`output`]. [`up`] starts what they talk to, with the server that [`nats`]
//! finds and the agent in a process of its own, which is this same program.

pub mod cli;

pub mod commands;

pub mod client;
pub mod output;

mod init;
pub mod nats;
mod setup;
pub mod up;
mod users;
