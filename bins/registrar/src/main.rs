//! Receives arguments and environment from the system, gives them to the registrar, and its end to the system.

use std::process::ExitCode;

use clap::Parser;
use ogent_broker::LOG_FILTER;
use ogent_registrar::RegistrarArgs;
use ogent_runtime::shutdown;
use ogent_runtime::telemetry::{self, LogFormat};

/// Ogent's registrar: lets invited machines in as agents, renews their credentials, and shuts out who is revoked.
///
/// It needs the folder `registrar` that `ogent init` makes. Run as many as you like.
#[derive(Parser)]
#[command(name = "ogent-registrar", version)]
struct Args {
    #[command(flatten)]
    registrar: RegistrarArgs,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
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
    let config = args.registrar.into_config()?;
    ogent_registrar::run(config, shutdown::on_signals()?).await
}
