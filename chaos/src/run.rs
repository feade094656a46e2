//! Receives a seed, gives a verdict: everything from the stage to the report.

mod idle;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use ogent_broker::permissions::Role;
use ogent_testkit::{Action, Match, Rule};
use tempfile::TempDir;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::check::{self, Verdict, Violation};
use crate::evidence::{Ending, Evidence, Moment, Run, now};
use crate::gather::{GatherOptions, gather};
use crate::load::{Load, LoadOptions};
use crate::nemesis::Nemesis;
use crate::plan::{AGENTS, Part, Plan, Sabotage};
use crate::rogue::{Rogue, RogueOptions};
use crate::stage::{Programs, Stage};

/// About as much as two cores bear beside everything else.
const COMMANDS_PER_SECOND: f64 = 15.0;

/// Two samples of each part are taken in this time.
const SAMPLING: Duration = Duration::from_secs(6);

/// How long a gateway or broker may take to answer one question afterwards.
const ANSWER: Duration = Duration::from_secs(10);

/// The header that makes a publish a compare-and-set.
const COMPARE: &str = "Nats-Expected-Last-Subject-Sequence";

/// Rules that are part of the stage and no fault.
const ALWAYS: usize = usize::MAX;

/// What to run.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// What happens when.
    pub plan: Plan,
    /// Which guard is taken away.
    pub sabotage: Option<Sabotage>,
    /// Where the evidence goes; a folder that is kept only when something was violated when absent.
    pub keep: Option<PathBuf>,
    /// What is under test.
    pub programs: Programs,
}

/// A run that came to its end.
#[derive(Debug)]
pub struct Finished {
    /// What it left.
    pub evidence: Evidence,
    /// Where that is.
    pub dir: PathBuf,
    /// What follows from it.
    pub verdict: Verdict,
    /// The folder, when nobody asked for one; it goes with this value.
    temporary: Option<TempDir>,
}

// === impl Finished ===

impl Finished {
    /// Keeps the evidence, also when nobody had asked for that.
    pub fn keep(&mut self) {
        if let Some(dir) = self.temporary.take() {
            self.dir = dir.keep();
        }
    }
}

/// Runs a plan and judges what happened.
///
/// # Errors
/// When the rig itself fails, or is interrupted. Everything that it has started has ended then, too.
pub async fn run(options: RunOptions, interrupted: CancellationToken) -> anyhow::Result<Finished> {
    let (dir, temporary) = match &options.keep {
        Some(dir) => (dir.clone(), None),
        None => {
            let dir = tempfile::Builder::new().prefix("ogent-chaos-evidence-").tempdir()?;
            (dir.path().to_owned(), Some(dir))
        }
    };
    std::fs::create_dir_all(&dir)?;
    let dir = dir.canonicalize()?;
    if std::fs::read_dir(&dir)?.next().is_some() {
        bail!("{} is not empty: evidence of two runs must not be mixed", dir.display());
    }
    let evidence = Evidence::at(&dir);
    std::fs::write(evidence.path("plan.txt"), options.plan.to_string())?;
    tokio::select! {
        done = perform(&options, &evidence) => done?,
        () = interrupted.cancelled() => bail!("interrupted"),
    }
    let verdict = judge(&evidence)?;
    Ok(Finished { evidence, dir, verdict, temporary })
}

/// What the evidence of a run says.
///
/// # Errors
/// When it cannot be read.
pub fn judge(evidence: &Evidence) -> anyhow::Result<Verdict> {
    let mut verdict = check::check(evidence)?;
    for ending in evidence.read::<Ending>("endings.jsonl")? {
        let text = format!("{} ended by itself ({}); its log is in logs/", ending.part, ending.status);
        verdict.violations.push(Violation { invariant: 10, text, nonce: None, command: None });
    }
    Ok(verdict)
}

async fn perform(options: &RunOptions, evidence: &Evidence) -> anyhow::Result<()> {
    let plan = &options.plan;
    let folder = tempfile::Builder::new().prefix("ogent-chaos-").tempdir()?;
    let stage = Stage::start_all(folder.path(), plan, options.programs.clone(), evidence).await?;
    if let Some(sabotage) = options.sabotage {
        commit(&stage, sabotage);
    }
    let load = Load::connect(load_options(&stage, plan, evidence)).await.context("the load cannot connect")?;
    let rogue = Rogue::start(RogueOptions {
        nats_url: stage.nats_url(),
        recorder_creds: stage.full_creds().to_owned(),
        person_creds: stage.creds(&Role::Person).to_owned(),
        seed: plan.seed,
    });
    let rogue = rogue.await.context("the rogue cannot connect")?;
    let nemesis = Arc::new(Nemesis::new(Arc::clone(&stage), load.clone(), rogue, evidence.log("faults.jsonl")?));
    let (start, began) = (Instant::now(), now());
    load.begin();
    tokio::join!(Arc::clone(&nemesis).carry_out(plan, start), measure(&stage, plan, start), async {
        sleep_until(start + plan.length).await;
        load.stop().await;
    });
    let ended = now();
    let (idle_at, not_idle) = idle::wait(&stage, &load).await;
    if idle_at.is_some() {
        stage.moment.set(Some(Moment::After));
        tokio::time::sleep(SAMPLING).await;
    }
    stage.moment.set(None);
    let (faults_from, faults_to) = nemesis.span().unwrap_or((ended, ended));
    let skipped = [stage.skipped().to_vec(), nemesis.skipped()].concat();
    let run = Run {
        seed: plan.seed,
        scene: plan.scene.to_string(),
        sabotage: options.sabotage.map(|sabotage| sabotage.to_string()),
        began,
        faults_from,
        faults_to,
        idle_at,
        not_idle,
        ended,
        cgroups: stage.has_cgroups(),
        skipped,
        versions: stage.programs().versions(),
    };
    std::fs::write(evidence.path("run.json"), serde_json::to_vec_pretty(&run)?)?;
    gather(&gather_options(&stage, evidence)).await.context("the ledger cannot be read")?;
    stage.end();
    Ok(())
}

/// Tells the census when there is peace and when there are faults.
async fn measure(stage: &Stage, plan: &Plan, start: Instant) {
    let first = plan.steps.first().map_or(plan.length, |step| step.at);
    // The first requests cost more than the later ones.
    sleep_until(start + first / 2).await;
    stage.moment.set(Some(Moment::Before));
    sleep_until(start + first).await;
    stage.moment.set(Some(Moment::During));
}

fn load_options(stage: &Stage, plan: &Plan, evidence: &Evidence) -> LoadOptions {
    LoadOptions {
        urls: stage.urls(),
        password: stage.password().to_owned(),
        nats_url: stage.nats_url(),
        person_creds: stage.creds(&Role::Person).to_owned(),
        agents: stage.agents(),
        witness: stage.programs().witness.clone(),
        witness_file: evidence.path("witness.jsonl"),
        evidence: evidence.clone(),
        seed: plan.seed,
        commands_per_second: COMMANDS_PER_SECOND,
    }
}

fn gather_options(stage: &Stage, evidence: &Evidence) -> GatherOptions {
    GatherOptions {
        nats_url: stage.nats_url(),
        nats_creds: stage.full_creds().to_owned(),
        gateways: stage.urls(),
        password: stage.password().to_owned(),
        evidence: evidence.clone(),
        limit: ANSWER,
    }
}

/// Takes a guard away from all agents, for the whole run.
fn commit(stage: &Stage, sabotage: Sabotage) {
    let without_compare = |event: &str| Rule {
        on: Match::PublishedWith("results.*.*".to_owned(), event.to_owned()),
        action: Action::StripHeader(COMPARE.to_owned()),
        every: 1,
    };
    let rules = match sabotage {
        Sabotage::Claim => vec![without_compare("ogent.command.accepted")],
        Sabotage::End => vec![without_compare("ogent.command.finished")],
        Sabotage::CatchUp => vec![Rule {
            on: Match::Published("LEDGER.API.CONSUMER.CREATE.COMMANDS.>".to_owned()),
            action: Action::Drop,
            every: 1,
        }],
    };
    for agent in 0..AGENTS {
        for part in [Part::Agent(agent), Part::Clone(agent)] {
            stage.wire(part).twist(ALWAYS, rules.clone());
        }
    }
}
