//! `ogent setup`: receives where the broker is, makes the streams and buckets there.

use std::time::Duration;

use clap::Args;
use ogent_broker::permissions::Role;
use ogent_broker::topology::{self, TopologyOptions};
use ogent_broker::{Broker, BrokerArgs};

use crate::output::Output;

const EXAMPLES: &str = "\
Examples:
  ogent setup --nats-url tls://broker:4222 --nats-ca ca.pem --nats-creds setup.creds
  ogent setup --nats-creds setup.creds --replicas 3 --keep-days 90

It changes nothing where everything is as it should be.";

/// What `ogent setup` takes.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SetupArgs {
    #[command(flatten)]
    broker: BrokerArgs,
    /// Copies of every message in a cluster
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=5))]
    replicas: u8,
    /// Days that history is kept; at least 8, longer than any command may run
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(8..=36500))]
    keep_days: u64,
    /// Size of the stream of commands in MiB; new ones are refused beyond
    #[arg(long, value_name = "MIB", default_value_t = 1024, value_parser = clap::value_parser!(i64).range(1..=1_048_576))]
    commands_mib: i64,
    /// Size of the stream of results in MiB; new commands are refused when it is nine tenths full
    #[arg(long, value_name = "MIB", default_value_t = 8192, value_parser = clap::value_parser!(i64).range(1..=1_048_576))]
    results_mib: i64,
}

/// Makes what is missing.
pub(crate) async fn run(args: SetupArgs, out: &Output) -> anyhow::Result<()> {
    let options = TopologyOptions {
        replicas: usize::from(args.replicas),
        max_age: Duration::from_secs(args.keep_days * 24 * 60 * 60),
        commands_max_bytes: args.commands_mib * 1024 * 1024,
        results_max_bytes: args.results_mib * 1024 * 1024,
    };
    let broker = Broker::connect(args.broker.into_options("ogent setup", &Role::Setup)).await?;
    topology::ensure(&broker, &options).await?;
    broker.drain().await;
    out.say("all streams and buckets are there");
    Ok(())
}
