//! What is known about where a command would run.

use std::collections::{BTreeMap, HashSet};

use ogent_protocol::AnalysisRequest;

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
