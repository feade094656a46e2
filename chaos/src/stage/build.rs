//! Sets the stage up: keys, files, addresses, proxies, and then one part after the other.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use ogent_broker::permissions::Role;

use super::brokers::{self, Addresses, Keys};
use super::census::Clockwork;
use super::place::{self, Namespace};
use super::process::{Spawner, Spec};
use super::programs::Programs;
use super::slot::Slot;
use super::wire::Wire;
use super::{Stage, agent_id, store_dir};
use crate::evidence::Evidence;
use crate::plan::{AGENTS, GATEWAYS, Part, Plan, Scene};

/// Ports below those that the system gives to others' outgoing connections: a part that is started again must find
/// its own one free.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// The small disk, in MiB: what brokers begin with, and what a minute of load writes at most. The nemesis fills it,
/// not the load.
const DISK_MIB: u64 = 256;
const DISK_MIB_A_MINUTE: u64 = 128;

/// How long the parts may take to be ready.
const READY: Duration = Duration::from_secs(40);

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

impl Stage {
    /// Starts everything except clones, in `dir`, which is removed at the end; logs go to the evidence.
    ///
    /// # Errors
    /// Names the step that failed. What was started before it ends again.
    pub async fn start_all(
        dir: &Path,
        plan: &Plan,
        programs: Programs,
        evidence: &Evidence,
    ) -> anyhow::Result<Arc<Self>> {
        let stage = Arc::new(Self::build(dir, plan, programs, evidence).await?);
        let brokers = stage.addresses.clients.len();
        for broker in 0..brokers {
            stage.start(Part::Broker(broker))?;
        }
        stage.watch(evidence);
        brokers::set_up(&stage.nats_url(), &stage.keys, brokers).await?;
        let parts: Vec<Part> = (0..GATEWAYS).map(Part::Gateway).chain((0..AGENTS).map(Part::Agent)).collect();
        for part in &parts {
            stage.start(*part)?;
        }
        let deadline = Instant::now() + READY;
        for part in parts {
            while !stage.is_ready(part) {
                if Instant::now() > deadline {
                    let log = std::fs::read_to_string(&stage.slots[&part].spec.log).unwrap_or_default();
                    bail!("{part} does not come up; its log:\n{log}");
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        Ok(stage)
    }

    async fn build(dir: &Path, plan: &Plan, programs: Programs, evidence: &Evidence) -> anyhow::Result<Self> {
        let scene = plan.scene;
        // The kernel tells where processes are by the real name of the folder.
        let dir = dir.canonicalize().context("the folder of the stage is not there")?;
        std::fs::create_dir_all(evidence.path("logs"))?;
        let guard = start_guard(&programs, &dir);
        let mut skipped = Vec::new();
        let mut or_skip = |problem| skipped.push(problem);
        let has_small_disk = scene == Scene::Disk
            && place::small_disk(&dir.join("disk"), DISK_MIB + DISK_MIB_A_MINUTE * plan.length.as_secs() / 60)
                .map_err(&mut or_skip)
                .is_ok();
        let namespace = Namespace::create().map_err(&mut or_skip).ok();
        let faketime = match scene {
            Scene::Clock => place::faketime().map_err(&mut or_skip).ok(),
            _ => None,
        };
        let cgroups = place::cgroups(agents_and_clones());
        let nodes = if scene == Scene::Cluster { 3 } else { 1 };
        let mut ports = free_ports(nodes * 2 + GATEWAYS)?.into_iter();
        let mut take =
            |count| ports.by_ref().take(count).map(|port| SocketAddr::new(LOCALHOST, port)).collect::<Vec<_>>();
        let addresses = Addresses { clients: take(nodes), routes: take(nodes) };
        let gateways = take(GATEWAYS);
        let roles = [Role::Setup, Role::Gateway, Role::Person].into_iter();
        let keys = Keys::new(roles.chain((0..AGENTS).map(|n| Role::Agent(agent_id(n)))))?;
        let endings = evidence.log("endings.jsonl")?;
        let mut stage = Self {
            dir,
            scene,
            programs,
            keys,
            addresses,
            gateways,
            password: "a password for one run only".to_owned(),
            slots: HashMap::new(),
            wires: HashMap::new(),
            namespace,
            has_cgroups: cgroups.is_some(),
            has_small_disk,
            faketime,
            skipped,
            endings,
            moment: Clockwork::default(),
            tasks: Mutex::default(),
            guard: Mutex::new(guard),
        };
        stage.add_slots(evidence, cgroups.as_deref()).await?;
        Ok(stage)
    }

    async fn add_slots(&mut self, evidence: &Evidence, cgroups: Option<&Path>) -> anyhow::Result<()> {
        let spawner = Spawner::start();
        self.write_secret("jwt-secret", "Kd8Wq2Lm5Zx7Rv3Tn9Yb4Hc6Jf1Gs0Pa")?;
        self.write_secret("admin-password", &self.password)?;
        self.write_secret("gateway.creds", self.keys.creds(&Role::Gateway))?;
        for agent in 0..AGENTS {
            self.write_secret(&format!("agent-{agent}.creds"), self.keys.creds(&Role::Agent(agent_id(agent))))?;
        }
        let mut parts: Vec<Part> = (0..self.addresses.clients.len()).map(Part::Broker).collect();
        parts.extend((0..GATEWAYS).map(Part::Gateway));
        parts.extend(agents_and_clones());
        for part in parts {
            let mut spec = match part {
                Part::Broker(number) => self.broker(number)?,
                Part::Gateway(number) => self.gateway(number).await,
                Part::Agent(agent) | Part::Clone(agent) => self.agent(part, agent, cgroups).await,
            };
            // Programs in Go ask the kernel for the time, past every library.
            if let (Some(library), false) = (&self.faketime, matches!(part, Part::Broker(_))) {
                spec.env.extend(place::own_clock(library, &self.clock(part)));
                self.set_clock(part, 0).map_err(anyhow::Error::msg)?;
            }
            spec.log = evidence.path("logs").join(format!("{part}.log"));
            self.slots.insert(part, Slot::new(spec, spawner.clone()));
        }
        Ok(())
    }

    fn broker(&self, number: usize) -> anyhow::Result<Spec> {
        let store = store_dir(&self.dir, self.scene, number);
        let config = brokers::configure(number, &self.dir, store, &self.keys, &self.addresses)?;
        let argv = [self.programs.nats_server.to_string_lossy(), "-c".into(), config.to_string_lossy()];
        let env = [("GOMAXPROCS", "1"), ("GOMEMLIMIT", "512MiB")];
        Ok(self.spec(Part::Broker(number), &argv, &env, "Server is ready"))
    }

    async fn gateway(&mut self, number: usize) -> Spec {
        let url = self.wire_up(Part::Gateway(number), SocketAddr::new(LOCALHOST, 0)).await;
        let argv = [self.programs.gateway.to_string_lossy()];
        let file = |name: &str| self.dir.join(name).to_string_lossy().into_owned();
        let listen = self.gateways[number].to_string();
        let env = [
            ("NATS_URL", url.as_str()),
            ("NATS_CREDS", &file("gateway.creds")),
            ("JWT_SECRET_KEY_FILE", &file("jwt-secret")),
            ("OGENT_ADMIN_PASSWORD_FILE", &file("admin-password")),
            ("OGENT_LISTEN", &listen),
            ("ACCESS_TOKEN_EXPIRE_MINUTES", "1440"),
            // What is tried here is not what commands would do: the witness is a program that nobody knows.
            ("OGENT_POLICY", "advise"),
            ("NO_COLOR", "1"),
        ];
        self.spec(Part::Gateway(number), &argv, &env, "gateway is ready")
    }

    async fn agent(&mut self, part: Part, agent: usize, cgroups: Option<&Path>) -> Spec {
        let namespace = self.namespace.clone().filter(|_| part == Part::Agent(AGENTS - 1));
        let near = namespace.as_ref().map_or(LOCALHOST, |namespace| IpAddr::V4(namespace.near));
        let url = self.wire_up(part, SocketAddr::new(near, 0)).await;
        let key = self.dir.join(format!("agent-{agent}.creds"));
        let state = self.dir.join(part.to_string());
        let id = agent_id(agent);
        let argv = [self.programs.agent.to_string_lossy(), "run".into(), "--kill-grace".into(), "2".into()];
        let env = [
            ("NATS_URL", url.as_str()),
            ("NATS_CREDS", &key.to_string_lossy()),
            ("OGENT_AGENT_ID", id.as_str()),
            ("OGENT_STATE_DIR", &state.to_string_lossy()),
            ("OGENT_POLICY", "advise"),
            ("NO_COLOR", "1"),
        ];
        let mut spec = self.spec(part, &argv, &env, "the agent is ready");
        spec.namespace = namespace.map(|namespace| namespace.name);
        spec.cgroup = cgroups.map(|all| all.join(part.to_string()));
        spec
    }

    async fn wire_up(&mut self, part: Part, near: SocketAddr) -> String {
        let wire = Wire::new(near, &self.addresses.clients).await;
        let url = wire.url();
        self.wires.insert(part, wire);
        url
    }

    fn spec(&self, part: Part, argv: &[std::borrow::Cow<'_, str>], env: &[(&str, &str)], ready: &'static str) -> Spec {
        Spec {
            name: part.to_string(),
            argv: argv.iter().map(|word| word.clone().into_owned()).collect(),
            env: env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            namespace: None,
            cgroup: None,
            dir: self.dir.clone(),
            log: std::path::PathBuf::new(),
            ready,
        }
    }

    fn write_secret(&self, name: &str, secret: &str) -> std::io::Result<()> {
        let path = self.dir.join(name);
        std::fs::write(&path, secret)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
    }
}

fn agents_and_clones() -> impl Iterator<Item = Part> {
    (0..AGENTS).flat_map(|agent| [Part::Agent(agent), Part::Clone(agent)])
}

/// Ports that nobody uses now. They are tried in an order that differs between processes, so that runs side by side
/// do not meet.
fn free_ports(count: usize) -> anyhow::Result<Vec<u16>> {
    let width = usize::from(PORTS.end - PORTS.start);
    let from = std::process::id() as usize * 37 % width;
    let candidates = (0..width).map(|step| PORTS.start + ((from + step) % width) as u16);
    let free = candidates.filter(|port| TcpListener::bind((LOCALHOST, *port)).is_ok());
    let found: Vec<u16> = free.take(count).collect();
    if found.len() == count { Ok(found) } else { bail!("there are not enough free ports in {PORTS:?}") }
}

/// A process that notices the end of this one, however that comes, and then cleans up.
fn start_guard(programs: &Programs, dir: &Path) -> Option<Child> {
    let mut command = Command::new(programs.chaos.as_ref()?);
    command.arg("guard").arg(std::process::id().to_string()).arg(dir);
    command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()
}
