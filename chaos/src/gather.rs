//! Receives a stage that has come to rest, gives `check` what the broker holds and what the gateways tell.

mod ask;
mod ledger;
mod sse;

use std::time::Duration;

use crate::evidence::Evidence;

/// Where to read.
#[derive(Debug, Clone)]
pub struct GatherOptions {
    /// The broker: one URL, or several with commas.
    pub nats_url: String,
    /// What somebody connects with who may read the ledger: a gateway, or a mirror.
    pub nats_creds: String,
    /// The gateways, in the order of their numbers: `http://127.0.0.1:8001`.
    pub gateways: Vec<String>,
    /// The password of `admin`.
    pub password: String,
    /// Where the evidence lies, and goes.
    pub evidence: Evidence,
    /// How long one question may remain without an answer.
    pub limit: Duration,
}

/// What was gathered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Gathered {
    /// Records of COMMANDS.
    pub commands: usize,
    /// Records of RESULTS.
    pub results: usize,
    /// Answers of gateways.
    pub told: usize,
}

/// Writes `ledger.jsonl` and `gateways.jsonl`. A gateway that does not answer is evidence, too: what it should have
/// told then says so.
///
/// # Errors
/// When the broker or the client's log cannot be read: then there is nothing to judge.
pub async fn gather(options: &GatherOptions) -> anyhow::Result<Gathered> {
    let (commands, results) = ledger::dump(options).await?;
    let told = ask::all(options).await?;
    Ok(Gathered { commands, results, told })
}

#[cfg(test)]
mod tests;
