//! The rig can see: each guard that is taken away, between the agents and their broker, is missed by the judge. The same
//! plans with the guard in place are what `ogent-chaos run --directed …` runs.
//!
//! Minutes each, and not beside each other: `make chaos-check`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use ogent_chaos::plan::{Plan, Sabotage};
use ogent_chaos::run::{RunOptions, run};
use ogent_chaos::stage::Programs;
use tokio_util::sync::CancellationToken;

/// The time in which the violation has to come to pass.
const LENGTH: Duration = Duration::from_secs(40);

/// Runs without a guard, and gives which invariants are violated.
async fn violated(sabotage: Sabotage) -> Vec<u8> {
    let options = RunOptions {
        plan: Plan::directed(1, LENGTH, sabotage),
        sabotage: Some(sabotage),
        keep: None,
        programs: Programs::beside_this().unwrap(),
    };
    let finished = run(options, CancellationToken::new()).await.unwrap();
    let mut violated: Vec<u8> = finished.verdict.violations.iter().map(|violation| violation.invariant).collect();
    violated.dedup();
    violated
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: make chaos-check"]
async fn without_the_claim_commands_start_twice() {
    let violated = violated(Sabotage::Claim).await;
    assert!(violated.contains(&1), "violated: {violated:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: make chaos-check"]
async fn without_the_guard_of_the_end_commands_end_twice() {
    let violated = violated(Sabotage::End).await;
    assert!(violated.contains(&3), "violated: {violated:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: make chaos-check"]
async fn without_catching_up_commands_have_no_end() {
    let violated = violated(Sabotage::CatchUp).await;
    assert!(violated.contains(&3), "violated: {violated:?}");
}
