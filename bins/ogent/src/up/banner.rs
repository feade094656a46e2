//! Receives what is ready, tells people (stderr) or programs (stdout) how to use it.

use std::env;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::data_dir::DataDir;
use super::secrets::Origin;
use super::stack::Stack;
use super::start::{ADMIN, Ready};

/// Where `ogent` looks for a gateway, and `nats` for a server, when nobody says otherwise.
const USUAL_API: &str = "http://127.0.0.1:8001";
const USUAL_NATS: &str = "nats://127.0.0.1:4222";

/// What `--json` prints. The password itself is not in it, only where it is kept.
#[derive(Debug, Serialize)]
pub(crate) struct Report<'a> {
    api_url: &'a str,
    nats_url: &'a str,
    agent_id: Option<&'a str>,
    model: Option<&'a str>,
    data_dir: &'a Path,
    admin_user: &'static str,
    admin_password_file: Option<&'a PathBuf>,
    nats_nkey: Option<PathBuf>,
    nats_creds: Option<PathBuf>,
    nats_inbox_prefix: Option<&'a str>,
    pids: Pids,
}

#[derive(Debug, Serialize)]
struct Pids {
    ogent: u32,
    nats_server: Option<u32>,
    agent: Option<u32>,
}

// === impl Report ===

impl<'a> Report<'a> {
    pub(crate) fn new(ready: &'a Ready, data: &'a DataDir, stack: &Stack) -> Self {
        let person = |variable| ready.access.person().filter(|(name, _)| *name == variable).map(|(_, file)| file);
        Self {
            api_url: &ready.api_url,
            nats_url: &ready.access.url,
            agent_id: ready.agent.as_ref().map(|id| id.as_str()),
            model: ready.model.as_deref(),
            data_dir: data.path(),
            admin_user: ADMIN,
            admin_password_file: ready.admin.origin.file(),
            nats_nkey: person("NATS_NKEY"),
            nats_creds: person("NATS_CREDS"),
            nats_inbox_prefix: ready.access.persons_inbox_prefix(),
            pids: Pids {
                ogent: std::process::id(),
                nats_server: stack.server.as_ref().map(|child| child.pid()),
                agent: stack.agent.as_ref().map(|child| child.pid()),
            },
        }
    }
}

/// The few lines that people see once all is ready.
pub(crate) fn text(ready: &Ready, data: &DataDir) -> String {
    let origin = if ready.access.is_own() { "" } else { "  (was there already)" };
    let fate = if data.is_temporary() { "  (removed at the end)" } else { "" };
    let mut lines = vec!["Ogent is ready.".to_owned(), String::new()];
    lines.push(format!("  API      {}", ready.api_url));
    lines.extend(login(ready));
    lines.push(format!("  NATS     {}{origin}", ready.access.url));
    lines.extend(ready.agent.iter().map(|id| format!("  agent    {id}")));
    lines.extend(ready.model.iter().map(|model| format!("  model    {model}")));
    lines.push(format!("  data     {}{fate}", shown(data.path())));
    lines.extend([String::new(), "Try, in another terminal:".to_owned()]);
    lines.extend(trials(ready));
    lines.extend([String::new(), "Ctrl-C stops everything.".to_owned()]);
    lines.join("\n")
}

/// One line, for those who run a program and want to read what that says.
pub(crate) fn short(ready: &Ready, data: &DataDir) -> String {
    format!("ogent is ready: API {}, NATS {}, data {}", ready.api_url, ready.access.url, shown(data.path()))
}

fn login(ready: &Ready) -> Vec<String> {
    let admin = &ready.admin;
    match &admin.origin {
        Origin::Environment => vec![format!("  log in   ogent login  (as {ADMIN}, with OGENT_ADMIN_PASSWORD)")],
        Origin::Kept(file) => vec![format!("  log in   ogent login --password-file {}", shown(file))],
        Origin::New(file) => vec![
            format!("  log in   ogent login --password-file {}", shown(file)),
            format!("           user {ADMIN}, password {}  (shown this once)", admin.secret.expose()),
        ],
    }
}

fn trials(ready: &Ready) -> Vec<String> {
    let password = match ready.admin.origin.file() {
        Some(file) => format!("password@{}", shown(file)),
        None => "\"password=$OGENT_ADMIN_PASSWORD\"".to_owned(),
    };
    let agent = ready.agent.as_ref().map_or("AGENT", |id| id.as_str());
    let mut lines = Vec::new();
    if ready.api_url != USUAL_API {
        lines.push(format!("  export OGENT_URL={}", ready.api_url));
    }
    lines.push(format!("  ogent exec {agent} -- uname -a"));
    lines.push(format!("  curl {}/token -d username={ADMIN} --data-urlencode {password}", ready.api_url));
    lines.push(format!("  nats{} pub agents.{agent}.exec '{{\"command\":\"uptime\"}}'", nats_flags(ready)));
    lines.push(format!("  nats{} req analysis.requests '{{\"command\":\"rm -rf /\"}}'", nats_flags(ready)));
    lines
}

fn nats_flags(ready: &Ready) -> String {
    let url = &ready.access.url;
    let server = if url == USUAL_NATS { String::new() } else { format!(" -s {url}") };
    match ready.access.person() {
        Some(("NATS_CREDS", file)) => format!("{server} --creds {}", shown(&file)),
        Some((_, file)) => format!("{server} --nkey {}", shown(&file)),
        None => server,
    }
}

/// A path as short as it can be typed from here, and so that a shell takes it as one word.
fn shown(path: &Path) -> String {
    let here = env::current_dir().ok();
    let path = here.and_then(|here| path.strip_prefix(here).ok()).unwrap_or(path).display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%:,".contains(c);
    if path.chars().all(is_plain) { path } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_can_be_pasted_into_a_shell() {
        let here = env::current_dir().unwrap();
        assert_eq!(shown(&here.join(".ogent/admin-password")), ".ogent/admin-password");
        assert_eq!(shown(Path::new("/a b/it's")), r"'/a b/it'\''s'");
    }
}
