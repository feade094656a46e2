//! All processes of one command: its group, those that have left the group (`setsid`), and their control group, where
//! the agent has those.
//!
//! A process that leaves the group keeps the environment that it was started with, in which the command's id stands:
//! by that mark it is found, as build servers do it. A control group is better, because only root can leave it; but to
//! move a process into one costs some 10 ms on a machine at rest, so only commands that take longer than that get one.

use std::sync::Arc;

use ogent_protocol::{AgentId, CommandId};
use tokio::task::JoinHandle;

use super::cgroup::{Cgroup, Cgroups};
use super::group::{self, Group};

/// The variables that mark a command's processes. Two agents on one machine may have been given one id for a command.
pub(super) const MARK: &str = "OGENT_COMMAND_ID";
pub(super) const MARK_OF_AGENT: &str = "OGENT_AGENT_ID";
/// How often those that are left are looked for and ended, in one go: somebody may be busy multiplying.
const MAX_PASSES: usize = 10;

/// The processes of one command.
#[derive(Debug)]
pub(crate) struct Tree {
    leader: u32,
    group: Group,
    mark: [Vec<u8>; 2],
    cgroup: Option<Arc<Cgroup>>,
    enclosing: Option<JoinHandle<()>>,
}

// === impl Tree ===

impl Tree {
    pub(super) fn of(leader: u32, agent: &AgentId, command: &CommandId, cgroups: Option<&Cgroups>) -> Self {
        Self {
            leader,
            group: Group::of(leader),
            mark: [format!("{MARK}={command}").into_bytes(), format!("{MARK_OF_AGENT}={agent}").into_bytes()],
            cgroup: cgroups.map(|cgroups| Arc::new(cgroups.of(command))),
            enclosing: None,
        }
    }

    /// What an earlier life of this agent has left of a command: its leader's number may belong to somebody else by now.
    pub(crate) fn left_over(agent: &AgentId, command: &CommandId, cgroups: Option<&Cgroups>) -> Self {
        Self { group: Group::NONE, ..Self::of(0, agent, command, cgroups) }
    }

    /// Puts them into a control group, beside whatever else happens.
    pub(crate) fn enclose(&mut self) {
        let Some(cgroup) = self.cgroup.clone().filter(|_| self.enclosing.is_none()) else { return };
        let leader = self.leader;
        self.enclosing = Some(tokio::task::spawn_blocking(move || {
            if let Err(error) = cgroup.enclose(leader) {
                tracing::debug!(leader, %error, "a command could not be put into a control group");
            }
        }));
    }

    /// Asks all of them to stop.
    pub(crate) fn terminate(&self) {
        self.group.terminate();
        for pid in self.survivors().into_iter().filter(|pid| !self.group.has(*pid)) {
            group::terminate(pid);
        }
    }

    /// Ends all of them.
    pub(crate) fn kill(&self) {
        self.group.kill();
        if let Some(cgroup) = &self.cgroup {
            cgroup.kill();
        }
        let mut before = Vec::new();
        for _ in 0..MAX_PASSES {
            let left = self.survivors();
            // The same ones again: they are just ending, or cannot be ended.
            if left == before {
                return;
            }
            left.iter().copied().for_each(group::kill);
            before = left;
        }
    }

    /// Those that live. One that has ended and waits for its parent to notice does not: an orphan's new parent may
    /// take its time.
    pub(crate) fn survivors(&self) -> Vec<u32> {
        let mut found = group::marked(self.group, &self.mark);
        for pid in self.cgroup.iter().flat_map(|cgroup| cgroup.members()) {
            if !found.contains(&pid) && group::is_alive(pid) {
                found.push(pid);
            }
        }
        found
    }
}
