//! The agent, and the small helper that starts its commands: what `ogent up` starts as processes of their own is this
//! same program.

use std::process::ExitCode;

use ogent_agent::AgentArgs;
use ogent_agent::launch::{self, LaunchArgs};
use ogent_runtime::shutdown;
use ogent_runtime::telemetry::{self, LogFormat};
use tokio::runtime::Builder;

/// Runs the agent until it is told to stop.
///
/// # Errors
/// When its configuration is wrong, or it cannot start.
pub fn run(args: AgentArgs) -> anyhow::Result<ExitCode> {
    telemetry::init(LogFormat::Text, "info");
    if let Some(parent) = args.die_with_parent {
        launch::die_with_parent(parent)?;
    }
    // Two threads, as in `ogent-agent`: starting a process blocks one of them for half a millisecond.
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async { ogent_agent::run(args.into_config(), shutdown::on_signals()?).await })?;
    Ok(ExitCode::SUCCESS)
}

/// Becomes a command of the agent. No thread has been started before this, so the command begins in a clean process.
#[must_use]
pub fn launch(args: &LaunchArgs) -> ExitCode {
    launch::become_program(args)
}
