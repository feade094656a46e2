//! The program that every command of a run is, on its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use ogent_chaos::evidence::{Behaviour, Evidence, Phase, Witnessed};
use ogent_chaos::witness::{NONCE, argv, pattern};
use tempfile::TempDir;

struct Stand {
    dir: TempDir,
    nonce: String,
}

// === impl Stand ===

impl Stand {
    fn new(nonce: &str) -> Self {
        Self { dir: TempDir::new().unwrap(), nonce: format!("test-{}-{nonce}", std::process::id()) }
    }

    fn command(&self, behaviour: &Behaviour) -> Command {
        let program = Path::new(env!("CARGO_BIN_EXE_ogent-witness"));
        let words = argv(program, &self.dir.path().join("witness.jsonl"), &self.nonce, behaviour);
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).env("OGENT_COMMAND_ID", "c").env("OGENT_AGENT_ID", "a").env(NONCE, &self.nonce);
        command.stdin(Stdio::null());
        command
    }

    fn run(&self, behaviour: &Behaviour) -> Output {
        self.command(behaviour).output().unwrap()
    }

    fn phases(&self) -> Vec<Phase> {
        let lines: Vec<Witnessed> = Evidence::at(self.dir.path()).read("witness.jsonl").unwrap();
        assert!(lines.iter().all(|line| line.nonce == self.nonce && line.command.as_str() == "c"));
        lines.into_iter().map(|line| line.phase).collect()
    }

    /// Living processes that carry the nonce.
    fn alive(&self) -> usize {
        let mark = format!("{NONCE}={}", self.nonce);
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        // What has ended has no environment any more.
        let environments = processes.filter_map(|process| std::fs::read(process.path().join("environ")).ok());
        environments.filter(|text| text.split(|byte| *byte == 0).any(|one| one == mark.as_bytes())).count()
    }

    fn wait_alive(&self, what: &str, test: impl Fn(usize) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !test(self.alive()) {
            assert!(Instant::now() < deadline, "waited in vain for {what}: {} alive", self.alive());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn blocks_term(child: &Child) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).unwrap();
    u64::from_str_radix(mask.trim(), 16).unwrap() & 1 << (Signal::SIGTERM as u32 - 1) != 0
}

fn send(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
}

#[test]
fn it_tells_of_its_start_and_its_end() {
    let stand = Stand::new("quick");
    assert_eq!(stand.run(&Behaviour::Quick { code: 3 }).status.code(), Some(3));
    assert_eq!(stand.phases(), [Phase::Start, Phase::End { code: 3 }]);
}

#[test]
fn it_prints_its_pattern() {
    let stand = Stand::new("print");
    let output = stand.run(&Behaviour::Print { bytes: 100_001, pause_ms: 1 });
    assert!(output.stdout == pattern(&stand.nonce, 0..100_001), "another pattern");
    assert_eq!(stand.phases(), [Phase::Start, Phase::End { code: 0 }]);
}

#[test]
fn who_is_killed_has_no_end() {
    let stand = Stand::new("die");
    assert_eq!(stand.run(&Behaviour::DieBySignal).status.code(), None);
    assert_eq!(stand.phases(), [Phase::Start]);
}

#[test]
fn only_one_of_them_ignores_being_asked() {
    for (behaviour, is_deaf) in
        [(Behaviour::IgnoreTerm { ms: 1500 }, true), (Behaviour::Sleep { ms: 20_000, code: 0 }, false)]
    {
        let stand = Stand::new(if is_deaf { "deaf" } else { "hearing" });
        let mut child = stand.command(&behaviour).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        while stand.phases().is_empty() || blocks_term(&child) != is_deaf {
            assert!(Instant::now() < deadline, "it does not start");
            std::thread::sleep(Duration::from_millis(10));
        }
        send(&child, Signal::SIGTERM);
        assert_eq!(child.wait().unwrap().success(), is_deaf);
        assert_eq!(stand.phases().len(), if is_deaf { 2 } else { 1 });
    }
}

#[test]
fn a_grandchild_outlives_a_parent_that_is_killed() {
    let stand = Stand::new("setsid");
    let mut child = stand.command(&Behaviour::Setsid { ms: 2_000 }).spawn().unwrap();
    stand.wait_alive("two", |alive| alive == 2);
    send(&child, Signal::SIGKILL);
    child.wait().unwrap();
    assert_eq!(stand.alive(), 1);
    stand.wait_alive("the end by itself", |alive| alive == 0);
}

#[test]
fn a_grandchild_holds_the_pipe() {
    let stand = Stand::new("hold");
    let began = Instant::now();
    let mut child = stand.command(&Behaviour::HoldPipes { ms: 1_500 }).stdout(Stdio::piped()).spawn().unwrap();
    child.wait().unwrap();
    assert!(began.elapsed() < Duration::from_millis(1_200), "it has waited itself");
    child.stdout.take().unwrap().read_to_end(&mut Vec::new()).unwrap();
    assert!(began.elapsed() >= Duration::from_millis(1_400), "nobody held the pipe");
}

#[test]
fn a_bomb_has_as_many_as_it_is_told() {
    let stand = Stand::new("bomb");
    let mut child = stand.command(&Behaviour::ForkBomb { processes: 30, ms: 3_000 }).spawn().unwrap();
    stand.wait_alive("thirty", |alive| alive == 30);
    assert!(child.wait().unwrap().success());
    stand.wait_alive("the end by itself", |alive| alive == 0);
    assert_eq!(stand.phases(), [Phase::Start, Phase::End { code: 0 }]);
}
