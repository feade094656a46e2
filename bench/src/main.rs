//! `make bench`: what Ogent costs, against what the machine costs anyway.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::process::ExitCode;

use clap::Parser;
use ogent_bench::floor::{self, BareServer};
use ogent_bench::report::Round;
use ogent_bench::rest::Rest;
use ogent_bench::stage::{self, Stage};
use ogent_bench::stats::Latency;
use ogent_bench::wire::Wire;

const OUTPUT: &str = "head -c 10485760 /dev/zero | tr '\\0' x";

/// Measures Ogent against the floor of this machine
#[derive(Parser)]
struct Cli {
    /// Rounds; the middle of them is reported
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Times that each thing is done in a round, for what is done one after another
    #[arg(long, default_value_t = 300)]
    count: usize,
    /// Only weigh an agent that runs on its own
    #[arg(long, hide = true)]
    lone_agent: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let Some(stage) = Stage::from_env() else {
        if !stage::run_inside(&[], &std::env::args().skip(1).collect::<Vec<_>>()).success() {
            return ExitCode::FAILURE;
        }
        let lone = stage::run_inside(&["--no-agent"], &["--lone-agent".to_owned()]);
        return if lone.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if cli.lone_agent {
        println!("  {:43}{:>9.1} MiB", "agent on its own (ogent-agent)", runtime.block_on(stage.lone_agent_memory()));
        return ExitCode::SUCCESS;
    }
    runtime.block_on(measure(&cli, &stage));
    ExitCode::SUCCESS
}

async fn measure(cli: &Cli, stage: &Stage) {
    let bare = BareServer::start(&std::env::var("OGENT_NATS_SERVER").unwrap_or_else(|_| "nats-server".into())).await;
    let (rest, wire) = (Rest::new(stage), Wire::connect(stage).await);
    rest.executing(20).await;
    let idle = stage.memory();
    let mut rounds = Vec::new();
    for _ in 0..cli.rounds {
        rounds.push(round(cli.count, &bare, &rest, &wire).await);
    }
    Round::median(&rounds).print();
    println!("\nmemory (PSS), MiB                              at rest    after the run");
    for ((name, before), (_, after)) in idle.into_iter().zip(stage.memory()) {
        println!("  {name:43}{before:>9.1}{after:>13.1}");
    }
}

async fn round(count: usize, bare: &BareServer, rest: &Rest<'_>, wire: &Wire<'_>) -> Round {
    let pair = |found: Latency| (found.p50, found.p99);
    Round {
        spawn: pair(floor::spawning(count).await),
        spawn_rate: floor::spawning_rate(count * 5).await,
        publish: pair(bare.publishing(count * 3).await),
        request: pair(bare.requesting(count * 3).await),
        output: floor::output(OUTPUT).await,
        rest: pair(rest.executing(count).await),
        rest_rates: [
            rest.executing_rate(count, 1).await,
            rest.executing_rate(count * 3, 8).await,
            rest.executing_rate(count * 3, 64).await,
        ],
        rest_output: rest.output(OUTPUT).await,
        wire: pair(wire.requesting(count).await),
        wire_rates: [
            wire.requesting_rate(count, 1).await,
            wire.requesting_rate(count * 3, 8).await,
            wire.requesting_rate(count * 3, 64).await,
        ],
    }
}
