//! The command line of the rig.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::evidence::Evidence;
use crate::plan::{Plan, Sabotage, Scene};
use crate::report::report;
use crate::run::{self, RunOptions};
use crate::stage::{Programs, clean_up};

/// Something was violated.
const VIOLATED: u8 = 1;
/// The rig itself failed, so nothing is known.
const FAILED: u8 = 2;

/// Tries to break Ogent's promises with real parts and real faults
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Subcommand)]
enum Command {
    /// Run a plan and judge what happened (what happens without any subcommand)
    Run(RunArgs),
    /// Judge the evidence of an earlier run again
    Check {
        /// Where it is
        dir: PathBuf,
    },
    /// Print what a seed would do
    Plan(PlanArgs),
    /// Clean up after another process when that ends
    #[command(hide = true)]
    Guard {
        /// Whose things are in question
        owner: u32,
        /// Its folder
        dir: PathBuf,
    },
}

#[derive(Args)]
struct PlanArgs {
    /// Chooses scene and faults; by chance when absent
    #[arg(long, env = "CHAOS_SEED")]
    seed: Option<u64>,
    /// How long there is load, minutes
    #[arg(long, env = "CHAOS_MINUTES", default_value_t = 3.0, value_parser = minutes)]
    minutes: f64,
    /// The scene, instead of the one that the seed chooses
    #[arg(long)]
    scene: Option<Scene>,
    /// Use the short, directed plan for this sabotage, without the sabotage
    #[arg(long, value_name = "SABOTAGE")]
    directed: Option<Sabotage>,
}

#[derive(Args)]
struct RunArgs {
    #[command(flatten)]
    plan: PlanArgs,
    /// Take away a guard, to see whether that is found
    #[arg(long)]
    sabotage: Option<Sabotage>,
    /// Keep the evidence there (else it is kept only when something was violated)
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

/// Everything; gives the exit code.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        None => run(cli.run),
        Some(Command::Run(args)) => run(args),
        Some(Command::Check { dir }) => check(&dir),
        Some(Command::Plan(args)) => {
            say(&args.plan(None));
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Guard { owner, dir }) => {
            guard(owner, &dir);
            Ok(ExitCode::SUCCESS)
        }
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::from(FAILED)
    })
}

// === impl PlanArgs ===

impl PlanArgs {
    fn plan(&self, sabotage: Option<Sabotage>) -> Plan {
        let seed = self.seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
        let length = Duration::from_secs_f64(self.minutes * 60.0);
        match sabotage.or(self.directed) {
            Some(sabotage) => Plan::directed(seed, length, sabotage),
            None => Plan::new(seed, length, self.scene),
        }
    }
}

fn run(args: RunArgs) -> anyhow::Result<ExitCode> {
    let plan = args.plan.plan(args.sabotage);
    let (seed, scene, faults) = (plan.seed, plan.scene, plan.steps.len());
    eprintln!("seed {seed}, scene {scene}, {:.0} s, {faults} faults", plan.length.as_secs_f64());
    let options = RunOptions { plan, sabotage: args.sabotage, keep: args.keep, programs: Programs::beside_this()? };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut finished = runtime.block_on(async {
        let interrupted = CancellationToken::new();
        watch_signals(interrupted.clone())?;
        run::run(options, interrupted).await
    })?;
    say(&report(&finished.evidence, &finished.verdict)?);
    if finished.verdict.violations.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    finished.keep();
    eprintln!("the evidence is in {}", finished.dir.display());
    Ok(ExitCode::from(VIOLATED))
}

fn check(dir: &Path) -> anyhow::Result<ExitCode> {
    let evidence = Evidence::at(dir);
    let verdict = run::judge(&evidence)?;
    say(&report(&evidence, &verdict)?);
    Ok(if verdict.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(VIOLATED) })
}

/// Whoever reads it may stop doing so: `ogent-chaos plan | head`.
fn say(text: &dyn std::fmt::Display) {
    let _ = write!(std::io::stdout(), "{text}");
}

fn watch_signals(interrupted: CancellationToken) -> std::io::Result<()> {
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
        let (mut signals, interrupted) = (signal(kind)?, interrupted.clone());
        tokio::spawn(async move {
            signals.recv().await;
            interrupted.cancel();
        });
    }
    Ok(())
}

/// Waits for the end of a pipe whose other end only the owner has: it comes however the owner ends.
fn guard(owner: u32, dir: &Path) {
    let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
    clean_up(owner, dir);
}

fn minutes(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(minutes) if (0.5..=600.0).contains(&minutes) => Ok(minutes),
        _ => Err("must be a number of minutes from 0.5 to 600".to_owned()),
    }
}
