//! What the stage takes from the machine beside processes and files: a network namespace, control groups, a small
//! disk, a wrong clock. Each is there or is not; all are named after this process, so that what is left can be found.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::plan::Part;

/// A network namespace with one cable to this machine.
#[derive(Debug, Clone)]
pub struct Namespace {
    /// Its name.
    pub name: String,
    /// The end of the cable that is here.
    cable: String,
    /// The address of this machine on the cable.
    pub near: Ipv4Addr,
    net: Ipv4Addr,
}

/// Where distributions put libfaketime.
const FAKETIME: [&str; 6] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib64/faketime/libfaketime.so.1",
    "/usr/lib/faketime/libfaketime.so.1",
    "/usr/local/lib/faketime/libfaketime.so.1",
    "/usr/lib/libfaketime.so.1",
];

/// Names everything that this process takes.
pub(super) fn tag() -> String {
    format!("ogent-chaos-{}", std::process::id())
}

// === impl Namespace ===

impl Namespace {
    /// Makes it.
    ///
    /// # Errors
    /// Says what cannot be done here.
    pub(super) fn create() -> Result<Self, String> {
        let number = std::process::id();
        let [a, b] = [(number / 64 % 256) as u8, (number % 64 * 4) as u8];
        let namespace = Self {
            name: tag(),
            cable: format!("oc{number}"),
            near: Ipv4Addr::new(10, 213, a, b + 1),
            net: Ipv4Addr::new(10, 213, a, b),
        };
        let far = Ipv4Addr::new(10, 213, a, b + 2);
        let (name, cable, near, net) = (&namespace.name, &namespace.cable, namespace.near, namespace.net);
        let steps = [
            format!("netns add {name}"),
            format!("link add {cable} type veth peer name {cable}n netns {name}"),
            format!("addr add {near}/30 dev {cable}"),
            format!("link set {cable} up"),
            // While the cable is down, nothing for it must leave by another way.
            format!("route add blackhole {net}/30 metric 4000"),
            format!("-n {name} addr add {far}/30 dev {cable}n"),
            format!("-n {name} link set lo up"),
            format!("-n {name} link set {cable}n up"),
        ];
        for step in &steps {
            if let Err(problem) = ip(step) {
                namespace.remove();
                return Err(format!("no network namespace (needs root and iproute2): ip {step}: {problem}"));
            }
        }
        Ok(namespace)
    }

    /// Pulls the cable, or plugs it in.
    pub fn set_link(&self, is_up: bool) -> Result<(), String> {
        ip(&format!("link set {} {}", self.cable, if is_up { "up" } else { "down" }))
    }

    fn remove(&self) {
        remove_network(std::process::id());
    }
}

/// Removes the network that a process with this id has left; the cable goes with the namespace.
fn remove_network(owner: u32) {
    let _ = ip(&format!("link del oc{owner}"));
    let _ = ip(&format!("netns del ogent-chaos-{owner}"));
    let (a, b) = (owner / 64 % 256, owner % 64 * 4);
    let _ = ip(&format!("route del blackhole 10.213.{a}.{b}/30"));
}

fn ip(arguments: &str) -> Result<(), String> {
    run("ip", &arguments.split(' ').collect::<Vec<_>>())
}

fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output =
        Command::new(program).args(arguments).stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or_default().to_owned()),
    }
}

/// Where control groups of version 2 are, alone or beside those of version 1.
fn cgroup_root() -> Option<PathBuf> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").ok()?;
    let mut fields = mounts.lines().map(|line| line.split(' '));
    fields.find_map(|mut fields| {
        let place = fields.nth(1)?;
        (fields.next()? == "cgroup2").then(|| PathBuf::from(place))
    })
}

/// A control group of its own for each of these parts, which may make more below; `None` where that is not allowed.
pub(super) fn cgroups(parts: impl Iterator<Item = Part>) -> Option<PathBuf> {
    let all = cgroup_root()?.join(tag());
    for part in parts {
        std::fs::create_dir_all(all.join(part.to_string())).ok()?;
    }
    // A folder that can be made but not entered is of no use.
    all.join("cgroup.procs").is_file().then_some(all)
}

/// A disk of this size.
///
/// # Errors
/// Says why not.
pub(super) fn small_disk(at: &Path, mebibytes: u64) -> Result<(), String> {
    std::fs::create_dir_all(at).map_err(|error| error.to_string())?;
    let place = at.to_string_lossy();
    run("mount", &["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "ogent-chaos", &place])
        .map_err(|problem| format!("no small disk (needs root): {problem}"))
}

/// The library that makes clocks wrong.
///
/// # Errors
/// Says how to get it.
pub(super) fn faketime() -> Result<PathBuf, String> {
    let found = FAKETIME.iter().map(PathBuf::from).find(|path| path.is_file());
    found.ok_or_else(|| "no libfaketime (hint: apt install libfaketime)".to_owned())
}

/// Variables with which a program takes its clock from a file.
pub(super) fn own_clock(library: &Path, clock: &Path) -> Vec<(String, String)> {
    let variables = [
        ("LD_PRELOAD", library.to_string_lossy().into_owned()),
        ("FAKETIME_TIMESTAMP_FILE", clock.to_string_lossy().into_owned()),
        // Steps must be seen at once, and time-outs must not be shifted by them.
        ("FAKETIME_NO_CACHE", "1".to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ("FAKETIME_DONT_RESET", "1".to_owned()),
    ];
    variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Gives everything back that the process `owner` has taken, with its files in `dir`, and ends all that still runs
/// there. Doing it twice is the same as once.
pub fn clean_up(owner: u32, dir: &Path) {
    for pid in super::census::processes_in(dir) {
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
    }
    if Path::new(&format!("/run/netns/ogent-chaos-{owner}")).exists() {
        remove_network(owner);
    }
    if let Some(cgroup) = cgroup_root().map(|root| root.join(format!("ogent-chaos-{owner}"))) {
        let _ = std::fs::write(cgroup.join("cgroup.kill"), "1");
        for _ in 0..20 {
            remove_groups(&cgroup);
            if !cgroup.exists() {
                break;
            }
            // The kernel takes a moment to end what was killed.
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }
    let disk = dir.join("disk");
    if disk.exists() {
        let _ = run("umount", &["-l", &disk.to_string_lossy()]);
    }
    let _ = std::fs::remove_dir_all(dir);
}

fn remove_groups(group: &Path) {
    for entry in std::fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_groups(&entry.path());
        }
    }
    let _ = std::fs::remove_dir(group);
}
