//! Receives a scene, gives real parts in processes of their own: brokers, gateways, agents, each behind a proxy.

mod brokers;
mod build;
mod census;
mod place;
mod process;
mod programs;
mod slot;
mod wire;

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use nix::sys::signal::Signal;
use ogent_broker::permissions::Role;
use ogent_protocol::AgentId;
use tokio_util::task::AbortOnDropHandle;

pub use census::Clockwork;
pub use place::{Namespace, clean_up};
pub use programs::Programs;
pub use wire::Wire;

use crate::evidence::{Evidence, Log, Moment};
use crate::plan::{AGENTS, Part, Scene};
use brokers::{Addresses, Keys};
use slot::Slot;

/// How often the supervisor looks whether a part has ended.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Everything that runs, and the means to disturb it.
pub struct Stage {
    dir: PathBuf,
    scene: Scene,
    programs: Programs,
    keys: Keys,
    addresses: Addresses,
    gateways: Vec<std::net::SocketAddr>,
    password: String,
    slots: HashMap<Part, Slot>,
    wires: HashMap<Part, Wire>,
    namespace: Option<Namespace>,
    has_cgroups: bool,
    has_small_disk: bool,
    faketime: Option<PathBuf>,
    skipped: Vec<String>,
    endings: Log,
    /// Where the run is, for the samples.
    pub moment: Clockwork,
    /// Ends together with the stage.
    tasks: Mutex<Vec<AbortOnDropHandle<()>>>,
    /// Cleans up after this process when it could not do that itself; its end of a pipe is closed with ours.
    guard: Mutex<Option<std::process::Child>>,
}

// === impl Stage ===

impl Stage {
    /// Where a gateway answers.
    #[must_use]
    pub fn url(&self, gateway: usize) -> String {
        format!("http://{}", self.gateways[gateway])
    }

    /// Where all gateways answer.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        (0..self.gateways.len()).map(|gateway| self.url(gateway)).collect()
    }

    /// The password of `admin`.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }

    /// All brokers, past every proxy.
    #[must_use]
    pub fn nats_url(&self) -> String {
        let urls: Vec<String> = self.addresses.clients.iter().map(|address| format!("nats://{address}")).collect();
        urls.join(",")
    }

    /// What a role connects with: the text of a `.creds` file.
    #[must_use]
    pub fn creds(&self, role: &Role) -> &str {
        self.keys.creds(role)
    }

    /// The same of somebody who may do everything on the broker.
    #[must_use]
    pub fn full_creds(&self) -> &str {
        &self.keys.full
    }

    /// All agents.
    #[must_use]
    pub fn agents(&self) -> Vec<AgentId> {
        (0..AGENTS).map(agent_id).collect()
    }

    /// The programs under test.
    #[must_use]
    pub fn programs(&self) -> &Programs {
        &self.programs
    }

    /// The folder in which everything runs; it goes with the stage.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What kind of stage this is.
    #[must_use]
    pub fn scene(&self) -> Scene {
        self.scene
    }

    /// Whether agents have control groups that they may use.
    #[must_use]
    pub fn has_cgroups(&self) -> bool {
        self.has_cgroups
    }

    /// What could not be had on this machine, and why.
    #[must_use]
    pub fn skipped(&self) -> &[String] {
        &self.skipped
    }

    /// The network namespace of the last agent, where there is one.
    #[must_use]
    pub fn namespace(&self) -> Option<&Namespace> {
        self.namespace.as_ref()
    }

    /// What lies between an agent or gateway and the brokers.
    #[must_use]
    pub fn wire(&self, part: Part) -> &Wire {
        &self.wires[&part]
    }

    /// Ends a part at once. It stays away until it is started again.
    pub fn kill(&self, part: Part) {
        self.slots[&part].kill();
    }

    /// Starts a part, if it does not run, and from then on again whenever it ends.
    ///
    /// # Errors
    /// When the system does not start it.
    pub fn start(&self, part: Part) -> std::io::Result<()> {
        self.slots[&part].start()
    }

    /// Asks a part to end, and waits for that.
    pub async fn stop(&self, part: Part) {
        self.slots[&part].stop(Duration::from_secs(15)).await;
    }

    /// Lets a part, and not what it has started, stand still.
    pub fn pause(&self, part: Part) {
        self.slots[&part].signal(Signal::SIGSTOP);
    }

    /// Lets it go on.
    pub fn resume(&self, part: Part) {
        self.slots[&part].signal(Signal::SIGCONT);
    }

    /// Ends an agent and then all that it runs; how many processes that were.
    #[must_use]
    pub fn crash(&self, agent: usize) -> u64 {
        self.kill(Part::Agent(agent));
        1 + census::end_commands_of(agent_id(agent).as_str(), &self.dir)
    }

    /// Sets the clock of a part off.
    ///
    /// # Errors
    /// When its clock cannot be set here.
    pub fn set_clock(&self, part: Part, seconds: i64) -> Result<(), String> {
        if self.faketime.is_none() {
            return Err("there is no libfaketime".to_owned());
        }
        // In one piece: a clock that is read half-written would jump by something else.
        let (file, new) = (self.clock(part), self.clock(part).with_extension("new"));
        let written = std::fs::write(&new, format!("{seconds:+}s\n")).and_then(|()| std::fs::rename(new, file));
        written.map_err(|error| error.to_string())
    }

    fn clock(&self, part: Part) -> PathBuf {
        self.dir.join(format!("{part}.clock"))
    }

    /// The small disk that the broker's files are on, where there is one.
    #[must_use]
    pub fn small_disk(&self) -> Option<PathBuf> {
        self.has_small_disk.then(|| self.dir.join("disk"))
    }

    /// Where the first broker keeps its files.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        store_dir(&self.dir, self.scene, 0)
    }

    /// Whether a part says that it works. It may still have lost its connection since.
    #[must_use]
    pub fn is_ready(&self, part: Part) -> bool {
        self.slots[&part].is_ready()
    }

    /// Living parts and their processes.
    fn living(&self) -> Vec<(String, u32)> {
        let mut living: Vec<_> = self.slots.iter().collect();
        living.sort_by_key(|(part, _)| **part);
        living.into_iter().filter_map(|(part, slot)| Some((part.to_string(), slot.pid()?))).collect()
    }

    fn look(&self) {
        for slot in self.slots.values() {
            if let Some(ending) = slot.look() {
                eprintln!("{} ended by itself ({}); the end of its log:\n{}", ending.part, ending.status, ending.log);
                self.endings.write(&ending);
            }
        }
    }

    /// Looks after the parts, and writes down what they use, until the stage ends.
    fn watch(self: &std::sync::Arc<Self>, evidence: &Evidence) {
        let weak = std::sync::Arc::downgrade(self);
        let supervisor = tokio::spawn(async move {
            let mut tick = tokio::time::interval(LOOK_EVERY);
            loop {
                tick.tick().await;
                let Some(stage) = weak.upgrade() else { return };
                stage.look();
            }
        });
        let census = tokio::spawn(census::take(std::sync::Arc::downgrade(self), evidence.clone()));
        let tasks = [supervisor, census].map(AbortOnDropHandle::new);
        self.tasks.lock().unwrap().extend(tasks);
        self.moment.set(None::<Moment>);
    }

    /// Ends everything and gives everything back.
    pub fn end(&self) {
        self.tasks.lock().unwrap().clear();
        // First those that ask, so that nobody reports the end of another.
        let mut parts: Vec<_> = self.slots.iter().collect();
        parts.sort_by_key(|(part, _)| std::cmp::Reverse(**part));
        for (_, slot) in parts {
            slot.kill();
        }
        clean_up(std::process::id(), &self.dir);
        if let Some(mut guard) = self.guard.lock().unwrap().take() {
            drop(guard.stdin.take());
            let _ = guard.wait();
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stage({})", self.dir.display())
    }
}

/// The id of an agent by its number.
#[must_use]
pub fn agent_id(agent: usize) -> AgentId {
    format!("agent-{agent}").parse().expect("this is a valid id")
}

fn store_dir(dir: &Path, scene: Scene, broker: usize) -> PathBuf {
    match scene {
        Scene::Disk => dir.join("disk").join("store"),
        _ => dir.join(format!("store-{broker}")),
    }
}
