//! Everything that the rig starts or takes ends with it, however it ends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use ogent_testkit::wait_until;

const SOON: Duration = Duration::from_secs(60);

/// A broker, two gateways, five agents, and the guard.
const CHILDREN: usize = 9;

fn start(temporary: &Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ogent-chaos"));
    command.args(["run", "--seed", "1", "--minutes", "1", "--scene", "single"]);
    // What is left of a killed run goes with the test.
    command.env("TMPDIR", temporary).env("OGENT_NATS_SERVER", ogent_testkit::nats_server());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn children(parent: u32) -> Vec<u32> {
    let pids = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)) == Some(parent.to_string().as_str())
    })
    .collect()
}

async fn everything_has_gone(signal: Signal) {
    let temporary = tempfile::tempdir().unwrap();
    let mut rig = start(temporary.path());
    let rig_pid = rig.id();
    let parts = wait_until("the parts", SOON, async || {
        let parts = children(rig_pid);
        (parts.len() == CHILDREN).then_some(parts)
    })
    .await;
    let folders = parts.iter().filter_map(|pid| std::fs::read_link(format!("/proc/{pid}/cwd")).ok());
    let folder: PathBuf = {
        let mut ours = folders.filter(|cwd| cwd.to_string_lossy().contains("ogent-chaos-"));
        ours.next().unwrap()
    };
    kill(Pid::from_raw(i32::try_from(rig_pid).unwrap()), signal).unwrap();
    let status = rig.wait().unwrap();
    assert!(!status.success(), "{status}");
    wait_until("the end of all parts", SOON, async || {
        parts.iter().all(|pid| !Path::new(&format!("/proc/{pid}")).exists()).then_some(())
    })
    .await;
    wait_until("the end of the folder", SOON, async || (!folder.exists()).then_some(())).await;
    assert!(!Path::new(&format!("/run/netns/ogent-chaos-{rig_pid}")).exists());
}

#[tokio::test]
async fn when_it_is_killed() {
    everything_has_gone(Signal::SIGKILL).await;
}

#[tokio::test]
async fn when_it_is_interrupted() {
    everything_has_gone(Signal::SIGINT).await;
}
