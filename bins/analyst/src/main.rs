//! Receives arguments and environment from the system, gives them to the analyst, and its end to the system.

use std::process::ExitCode;

use clap::Parser;
use ogent_analyst::AnalystArgs;
use ogent_broker::LOG_FILTER;
use ogent_runtime::shutdown;
use ogent_runtime::telemetry::{self, LogFormat};

/// Ogent's analyst: judges commands for whoever asks on NATS (`analysis.requests`).
///
/// OLLAMA_URL or OPENAI_BASE_URL names a language model that explains verdicts and may raise them. It needs none.
#[derive(Parser)]
#[command(name = "ogent-analyst", version)]
struct Args {
    #[command(flatten)]
    analyst: AnalystArgs,
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
    let config = args.analyst.into_config()?;
    ogent_analyst::run(config, shutdown::on_signals()?).await
}
