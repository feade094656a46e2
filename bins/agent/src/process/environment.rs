//! The small environment that a command gets: nothing of the agent's own leaks into it.

use std::collections::BTreeMap;
use std::ffi::OsString;

use nix::unistd::User;
use ogent_protocol::{AgentId, Run};

use super::tree::{MARK, MARK_OF_AGENT};

const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// What of the agent's own environment a command may see. The rest may hold secrets.
const INHERITED: [&str; 7] = ["HOME", "LANG", "LC_ALL", "LOGNAME", "SHELL", "TZ", "USER"];

/// Where commands find their programs when nobody says another place.
pub(crate) fn path() -> OsString {
    std::env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into())
}

/// The variables of a command: a few of the agent's, those of its account, Ogent's own, and what was asked for.
pub(super) fn variables(agent: &AgentId, run: &Run, user: Option<&User>) -> BTreeMap<OsString, OsString> {
    let mut all: BTreeMap<OsString, OsString> =
        INHERITED.iter().filter_map(|name| Some((OsString::from(name), std::env::var_os(name)?))).collect();
    let mut set = |name: &str, value: OsString| all.insert(name.into(), value);
    set("PATH", path());
    if let Some(user) = user {
        set("HOME", user.dir.clone().into());
        set("SHELL", user.shell.clone().into());
        set("USER", user.name.clone().into());
        set("LOGNAME", user.name.clone().into());
    }
    for (name, value) in &run.env {
        set(name, value.into());
    }
    // Last: by these, all processes of a command are found.
    set(MARK_OF_AGENT, agent.as_str().into());
    set(MARK, run.id.as_str().into());
    all
}
