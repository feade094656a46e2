//! Receives the configuration, wires the parts of the agent together.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use nix::unistd::Uid;
use ogent_broker::intake::Intake;
use ogent_broker::presence::Presence;
use ogent_broker::sign::Signer;
use ogent_broker::{Broker, ConnectError, LOG_FILTER, Ledger, ReadError};
use ogent_protocol::{AgentId, AgentInfo};
use ogent_runtime::shutdown;
use ogent_runtime::telemetry::{self, LogFormat};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::ceiling::Ceiling;
use crate::config::{AgentArgs, AgentConfig};
use crate::desk::Desk;
use crate::enrolment::join::{JoinArgs, join};
use crate::enrolment::stay::{Stay, StayError};
use crate::facts;
use crate::identity::Identity;
use crate::inventory::{self, Keeper};
use crate::job;
use crate::journal::Journal;
use crate::launch;
use crate::process::Cgroups;
use crate::pulse::{Load, Pulse};
use crate::queue::Queue;
use crate::trust::Trusting;

/// How long to wait at the start for a broker whose streams are being set up.
const PATIENCE: Duration = Duration::from_secs(30);

/// An agent that is connected and registered.
pub struct Agent {
    broker: Broker,
    identity: Identity,
    config: AgentConfig,
    desk: Desk,
    pulse: Pulse,
    keeper: Keeper,
    stay: Option<Stay>,
}

/// The whole process of an agent: logs, signals, runtime, and the agent until it is told to stop.
///
/// # Errors
/// When it cannot be started.
pub fn run_process(args: AgentArgs) -> anyhow::Result<()> {
    telemetry::init(LogFormat::Text, &format!("info,{LOG_FILTER}"));
    if let Some(parent) = args.die_with_parent {
        launch::die_with_parent(parent).context("cannot be bound to the parent process")?;
    }
    // Two threads: starting a process blocks one of them for half a millisecond.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async { run(args.into_config()?, shutdown::on_signals()?).await })
}

/// The whole process of a machine that joins.
///
/// # Errors
/// Says what to do about it.
pub fn join_process(args: JoinArgs) -> anyhow::Result<()> {
    let dir = args.state_dir.clone();
    let say = |text: &str| {
        let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("{text}\n").as_bytes());
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let enrolled = runtime.block_on(join(args, say))?;
    let is_usual = dir.as_os_str() == "/var/lib/ogent-agent";
    let flag = if is_usual { String::new() } else { format!(" --state-dir {}", dir.display()) };
    say(&format!("joined as {}; start the agent: ogent-agent run{flag}", enrolled.id));
    Ok(())
}

/// Runs an agent until `shutdown`.
///
/// # Errors
/// When it cannot be started.
pub async fn run(config: AgentConfig, shutdown: CancellationToken) -> anyhow::Result<()> {
    let agent = tokio::select! {
        agent = Agent::build(config) => agent?,
        () = shutdown.cancelled() => return Ok(()),
    };
    agent.run(shutdown).await
}

// === impl Agent ===

impl Agent {
    /// Takes the identity, connects, registers.
    ///
    /// # Errors
    /// When another agent has the id, or the broker is not there or not set up.
    pub async fn build(config: AgentConfig) -> anyhow::Result<Self> {
        let identity = Identity::establish(&config)?;
        let signer = own_signer(&identity.id, &config)?;
        let mut stay = identity.enrolled.clone().map(|enrolled| Stay {
            dir: config.state_dir.clone(),
            enrolled,
            // Another one that the owner has named is the owner's to renew.
            signer: signer.clone().filter(|_| config.trust.signer_is_joined),
        });
        let broker = connect(&identity, stay.as_mut()).await?;
        let presence = Presence::new(&broker, &identity.id);
        let settled_through = previous_life(&presence, &identity).await?;
        let ledger = Ledger::new(&broker).signed(signer);
        // First listen, then say that one is there: whoever sees the agent can reach it.
        let intake = Intake::open(&broker, &identity.id).await?;
        let (load, load_receiver) = watch::channel(Load { settled_through, ..Load::default() });
        let info = info(&identity, &config, settled_through);
        let ceiling = Arc::new(Ceiling::new(config.policy.clone(), &info));
        let (programs, programs_receiver) = watch::channel(None);
        let keeper =
            Keeper { presence: presence.clone(), ceiling: ceiling.clone(), programs, found: inventory::first().await };
        // Before the record that names it. Where the broker does not take it, that is tried again.
        keeper.tell().await;
        let machine = identity.machine.clone();
        let mut pulse = Pulse { presence, info, machine, load: load_receiver, programs: programs_receiver };
        pulse.first().await.context("the agent cannot be registered")?;
        let context = job::Context {
            ledger,
            agent: identity.id.clone(),
            instance: identity.instance.clone(),
            kill_grace: config.kill_grace,
            ceiling,
            trust: Arc::new(Trusting::new(&identity.id, &config.trust)),
            journal: Journal::open(&config.state_dir, &identity.instance)
                .context("the journal in the state folder cannot be used")?,
            cgroups: Cgroups::find(&identity.id),
            set_back: Arc::default(),
            stop_now: CancellationToken::new(),
        };
        let queue = Queue::new(config.max_concurrent as usize, settled_through);
        let desk = Desk::new(context, &broker, intake, queue, load);
        Ok(Self { broker, identity, config, desk, pulse, keeper, stay })
    }

    /// The agent's id.
    #[must_use]
    pub fn id(&self) -> &AgentId {
        &self.identity.id
    }

    /// Works until `shutdown`.
    ///
    /// # Errors
    /// When the connection to the broker is gone for good: whoever started the agent should do so again.
    pub async fn run(mut self, shutdown: CancellationToken) -> anyhow::Result<()> {
        tracing::info!(id = %self.identity.id, "the agent is ready");
        let beating = CancellationToken::new();
        let keeping = tokio::spawn(self.keeper.keep(beating.clone()));
        let pulse = tokio::spawn({
            let (broker, stop) = (self.broker.clone(), beating.clone());
            async move {
                self.pulse.go(&broker, stop).await;
                self.pulse.last().await;
            }
        });
        let stop = shutdown.child_token();
        let staying = self.stay.map(|stay| {
            let (broker, stop) = (self.broker.clone(), stop.clone());
            tokio::spawn(async move {
                let refusal = stay.go(broker).await;
                stop.cancel();
                refusal
            })
        });
        let was_told = self.desk.work(stop, self.config.drain).await;
        // It ends by itself only when the agent may not stay.
        let refusal = match staying {
            Some(task) if task.is_finished() => task.await.ok(),
            Some(task) => {
                task.abort();
                None
            }
            None => None,
        };
        // The last beat tells how far everything has ended, so it comes after the desk is closed.
        beating.cancel();
        keeping.abort();
        if self.broker.is_connected() {
            let _ = tokio::time::timeout(Duration::from_secs(5), pulse).await;
            self.broker.drain().await;
        }
        if let Some(refusal) = refusal.filter(|_| !shutdown.is_cancelled()) {
            return Err(refusal.into());
        }
        if !was_told {
            bail!("the connection to the NATS server is gone for good");
        }
        tracing::info!("the agent has stopped");
        Ok(())
    }
}

/// Who signs what this agent reports: nobody believes a report that another name has signed.
fn own_signer(id: &AgentId, config: &AgentConfig) -> anyhow::Result<Option<Signer>> {
    let signer = config.trust.signer.clone();
    if let Some(who) = signer.as_ref().map(Signer::who)
        && who.name != id.as_str()
    {
        bail!("the signer file is that of the agent {}, but this one is {id}", who.name);
    }
    Ok(signer)
}

/// Connects; with new credentials where those in the folder have ended, or the broker does not take them.
async fn connect(identity: &Identity, stay: Option<&mut Stay>) -> anyhow::Result<Broker> {
    let Some(stay) = stay else { return Ok(Broker::connect(identity.broker.clone()).await?) };
    if !stay.has_ended() {
        match Broker::connect(identity.broker.clone()).await {
            Err(ConnectError::Refused { .. }) => {}
            connected => return Ok(connected?),
        }
    }
    match stay.come_back().await {
        Err(StayError::Connect(ConnectError::Refused { .. })) => Err(StayError::Revoked.into()),
        Err(error) => Err(error.into()),
        Ok(()) => Ok(Broker::connect(identity.broker.clone()).await?),
    }
}

/// How far the last life of this agent got. Refuses when another machine has the id now.
async fn previous_life(presence: &Presence, identity: &Identity) -> anyhow::Result<u64> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match look(presence, identity).await {
            Ok(Ok(settled_through)) => return Ok(settled_through),
            Ok(Err(other)) => bail!(
                "the agent {} runs on another machine ({other}); give this one another id, or stop that one and wait \
                 half a minute",
                identity.id
            ),
            Err(error) if Instant::now() > deadline => {
                return Err(error)
                    .context("the NATS server is there, but its streams are not: run 'ogent setup' first");
            }
            Err(error) => {
                tracing::info!(%error, "waiting for the streams of Ogent");
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
    }
}

async fn look(presence: &Presence, identity: &Identity) -> Result<Result<u64, String>, ReadError> {
    let registered = presence.registered().await?;
    if let Some(heartbeat) = presence.alive().await?
        && heartbeat.machine != identity.machine
    {
        return Ok(Err(format!("last heard of at {}", heartbeat.at)));
    }
    Ok(Ok(registered.map_or(0, |info| info.settled_through)))
}

fn info(identity: &Identity, config: &AgentConfig, settled_through: u64) -> AgentInfo {
    let mut capabilities = vec!["shell".to_owned(), "argv".to_owned()];
    if Uid::effective().is_root() {
        capabilities.push("run-as".to_owned());
    }
    // What an admin has said wins over what this machine says.
    let mut labels = config.labels.clone();
    labels.extend(identity.enrolled.iter().flat_map(|enrolled| enrolled.labels.clone()));
    AgentInfo {
        id: identity.id.clone(),
        hostname: facts::hostname().filter(|name| name != identity.id.as_str()),
        platform: facts::platform(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        capabilities,
        labels,
        max_concurrent: config.max_concurrent,
        user: facts::user(),
        home: facts::home(),
        cwd: facts::cwd(),
        shell: facts::shell(),
        programs: None,
        started_at: Timestamp::now(),
        instance: identity.instance.clone(),
        settled_through,
    }
}
