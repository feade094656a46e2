//! What is known about where a command would run.

use std::collections::{BTreeMap, HashSet};

use ogent_protocol::{AgentInfo, AnalysisRequest, Run};

/// Where a command would run. What nobody has said is taken as for one ordinary Linux machine, from the outside.
#[derive(Debug, Clone)]
pub struct Context {
    /// The operating system, as its owner writes it.
    pub system: String,
    /// The shell that reads the line: `sh`, `bash`, a path of one.
    pub shell: String,
    /// The account that would run it; none where nobody knows.
    pub user: Option<String>,
    /// The folder that it would run in; none where nobody knows.
    pub cwd: Option<String>,
    /// The home of that account; none where nobody knows.
    pub home: Option<String>,
    /// The programs that the machine has; none where nobody knows.
    pub programs: Option<Inventory>,
    /// The commands before it on that machine, the oldest first.
    pub history: Vec<String>,
    /// Variables that it is given.
    pub env: BTreeMap<String, String>,
    /// What it reads on its standard input, where that is known text.
    pub stdin: Option<String>,
}

/// The programs that a machine has. Cheap to share.
#[derive(Debug, Clone, Default)]
pub struct Inventory(std::sync::Arc<HashSet<String>>);

// === impl Context ===

impl Context {
    /// What a machine's own record says about commands of that account; none is the agent's own.
    #[must_use]
    pub fn on(info: &AgentInfo, user: Option<&str>) -> Self {
        let is_own = user.is_none_or(|user| user == info.user);
        // As its owner writes it.
        let system = match info.platform.os.as_str() {
            "linux" => "Linux",
            "macos" => "macOS",
            other => other,
        };
        // `/bin/sh` reads the line, whatever program that is; only what bash adds makes a difference.
        let is_bash = info.shell.as_ref().is_some_and(|path| path.rsplit('/').next() == Some("bash"));
        Self {
            system: system.to_owned(),
            shell: if is_bash { "bash" } else { "sh" }.to_owned(),
            user: Some(user.unwrap_or(&info.user).to_owned()),
            cwd: info.cwd.clone().filter(|_| is_own),
            home: info.home.clone().filter(|_| is_own),
            ..Self::default()
        }
    }

    /// What is known about where a command would run on that machine. The machine's programs and the commands before
    /// this one are whoever's who knows them; with a `PATH` of its own, a command finds others than the machine tells.
    #[must_use]
    pub fn of(info: &AgentInfo, run: &Run) -> Self {
        let machine = Self::on(info, run.user.as_deref());
        Self {
            cwd: run.cwd.clone().or(machine.cwd),
            home: run.env.get("HOME").cloned().or(machine.home),
            env: run.env.clone(),
            stdin: run.stdin.as_ref().and_then(|stdin| std::str::from_utf8(stdin.as_bytes()).ok().map(str::to_owned)),
            ..machine
        }
    }
}

impl Default for Context {
    fn default() -> Self {
        Self {
            system: "Linux".to_owned(),
            shell: "sh".to_owned(),
            user: None,
            cwd: None,
            home: None,
            programs: None,
            history: Vec::new(),
            env: BTreeMap::new(),
            stdin: None,
        }
    }
}

impl From<&AnalysisRequest> for Context {
    fn from(request: &AnalysisRequest) -> Self {
        let default = Self::default();
        Self {
            system: request.system.clone().unwrap_or(default.system),
            shell: request.shell.clone().unwrap_or(default.shell),
            user: request.user.clone(),
            cwd: request.cwd.clone(),
            home: request.home.clone(),
            programs: request.programs.as_ref().map(|names| names.iter().cloned().collect()),
            history: request.history.clone(),
            env: request.env.clone(),
            stdin: request.stdin.clone(),
        }
    }
}

// === impl Inventory ===

impl Inventory {
    /// Whether the machine has that program.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }
}

impl FromIterator<String> for Inventory {
    fn from_iter<T: IntoIterator<Item = String>>(names: T) -> Self {
        Self(std::sync::Arc::new(names.into_iter().collect()))
    }
}
