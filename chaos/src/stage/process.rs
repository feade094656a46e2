//! Receives how a part is started, gives its process: started, paused, ended, and never left behind.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How a part is started.
#[derive(Debug, Clone)]
pub(super) struct Spec {
    pub(super) name: String,
    /// Program and arguments.
    pub(super) argv: Vec<String>,
    pub(super) env: Vec<(String, String)>,
    /// Network namespace, if not this one.
    pub(super) namespace: Option<String>,
    /// Control group to begin in.
    pub(super) cgroup: Option<PathBuf>,
    /// Where it runs. Commands that it starts run there, too, which is how they are found again.
    pub(super) dir: PathBuf,
    pub(super) log: PathBuf,
    /// What stands in its log once it works; a part that ends before that is simply started again.
    pub(super) ready: &'static str,
}

/// One life of a part.
#[derive(Debug)]
pub(super) struct Life {
    child: Child,
    /// Where its log begins.
    log_from: u64,
}

/// Starts processes from one thread that lives as long as this program: the kernel ends a child that is bound to its
/// parent with the *thread* that started it.
#[derive(Debug, Clone)]
pub(super) struct Spawner(mpsc::Sender<(Command, mpsc::Sender<io::Result<Child>>)>);

// === impl Spawner ===

impl Spawner {
    pub(super) fn start() -> Self {
        let (sender, orders) = mpsc::channel::<(Command, mpsc::Sender<io::Result<Child>>)>();
        std::thread::spawn(move || {
            for (mut command, answer) in orders {
                let _ = answer.send(command.spawn());
            }
        });
        Self(sender)
    }

    pub(super) fn spawn(&self, command: Command) -> io::Result<Child> {
        let (sender, answer) = mpsc::channel();
        self.0.send((command, sender)).map_err(io::Error::other)?;
        answer.recv().map_err(io::Error::other)?
    }
}

// === impl Spec ===

impl Spec {
    /// Starts it.
    pub(super) fn start(&self, spawner: &Spawner) -> io::Result<Life> {
        let log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        let log_from = log.metadata()?.len();
        let child = spawner.spawn(self.command(log)?)?;
        Ok(Life { child, log_from })
    }

    fn command(&self, log: File) -> io::Result<Command> {
        let mut words: Vec<String> = Vec::new();
        if let Some(namespace) = &self.namespace {
            // `ip netns exec` would also hide the control groups.
            words.extend(["nsenter".to_owned(), format!("--net=/run/netns/{namespace}"), "--".to_owned()]);
        }
        // Whatever ends this program, also SIGKILL, ends its parts.
        words.extend(["setpriv", "--pdeathsig", "KILL", "--"].map(str::to_owned));
        words.extend(self.argv.iter().cloned());
        if let Some(cgroup) = &self.cgroup {
            let enter = format!("echo $$ > '{}/cgroup.procs'; exec \"$@\"", cgroup.display());
            words.splice(0..0, ["sh".to_owned(), "-c".to_owned(), enter, self.name.clone()]);
        }
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &self.dir)
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.dir)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        Ok(command)
    }

    /// What a life has written so far.
    pub(super) fn log_of(&self, life: &Life) -> String {
        let mut bytes = Vec::new();
        if let Ok(mut file) = File::open(&self.log)
            && file.seek(SeekFrom::Start(life.log_from)).is_ok()
        {
            let _ = file.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

// === impl Life ===

impl Life {
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap_or_else(|_| Some(ExitStatus::from_raw(0)))
    }

    pub(super) fn signal(&self, signal: Signal) {
        let _ = kill(Pid::from_raw(i32::try_from(self.pid()).unwrap_or(i32::MAX)), signal);
    }

    /// Ends it at once. SIGKILL also ends what is stopped, so the wait is short.
    pub(super) fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
