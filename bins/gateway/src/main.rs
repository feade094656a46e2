//! Receives arguments and environment from the system, gives them to the gateway, and its end to the system.

use std::process::ExitCode;

use clap::Parser;
use ogent_broker::LOG_FILTER;
use ogent_gateway::{Gateway, GatewayArgs, hash_password};
use ogent_runtime::shutdown;
use ogent_runtime::telemetry::{self, LogFormat};

/// Ogent's gateway: REST, Server-Sent Events and WebSocket on one side, NATS on the other.
///
/// JWT_SECRET_KEY and OGENT_ADMIN_PASSWORD must be set, or JWT_SECRET_KEY_FILE and OGENT_ADMIN_PASSWORD_FILE.
#[derive(Parser)]
#[command(name = "ogent-gateway", version, args_conflicts_with_subcommands = true)]
struct Args {
    #[command(flatten)]
    gateway: GatewayArgs,
    #[command(subcommand)]
    other: Option<Other>,
}

#[derive(clap::Subcommand)]
enum Other {
    /// Read a password from standard input, print a line for the users file (OGENT_USERS_FILE)
    HashPassword(hash_password::HashPasswordArgs),
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    if let Some(Other::HashPassword(args)) = &args.other {
        return hash_password::run(args);
    }
    telemetry::init(LogFormat::Text, &format!("info,{LOG_FILTER}"));
    match run(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The alternate form shows the whole chain of causes.
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> anyhow::Result<()> {
    let config = args.gateway.into_config()?;
    let shutdown = shutdown::on_signals()?;
    Gateway::build(config).await?.run(shutdown).await
}
