//! Control groups of Linux (cgroup v2): whatever a command's processes do, they and their children stay in its group,
//! and the kernel ends all of them at once.
//!
//! Only `cgroup.procs` and `cgroup.kill` are used, no controllers: that also works where version 1 has those (a hybrid
//! set-up), and in a unit with `Delegate=yes` without root. Where the agent may not, it does without.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ogent_protocol::{AgentId, CommandId};

/// Children of children that are looked for. What is started deeper within the first moments is found by its mark.
const MAX_DEPTH: usize = 8;

/// Where an agent keeps the groups of its commands.
#[derive(Debug, Clone)]
pub(crate) struct Cgroups {
    root: PathBuf,
    /// Groups that could not be removed, because a command has left somebody running.
    leftover: Arc<Mutex<Vec<PathBuf>>>,
}

/// The group of one command. It is made when somebody enters it, and removed with this value.
#[derive(Debug)]
pub(crate) struct Cgroup {
    home: Cgroups,
    dir: PathBuf,
}

// === impl Cgroups ===

impl Cgroups {
    /// A folder for this agent, below the group that it is in itself; `None`, with a word in the log, where that cannot
    /// be had.
    pub(crate) fn find(agent: &AgentId) -> Option<Self> {
        let root = match own_group() {
            Ok(own) => own.join(format!("ogent-{agent}")),
            Err(error) => {
                tracing::info!(%error, "no control groups: processes that leave their group are found by their mark");
                return None;
            }
        };
        match prepare(&root) {
            Ok(()) => Some(Self { root, leftover: Arc::default() }),
            Err(error) => {
                let root = root.display();
                tracing::info!(%root, %error, "no control groups: processes that leave their group are found by their mark");
                None
            }
        }
    }

    /// The group of a command, also one that an earlier life has made.
    pub(crate) fn of(&self, command: &CommandId) -> Cgroup {
        Cgroup { home: self.clone(), dir: self.root.join(command.as_str()) }
    }

    /// Most commands were never in one; then this is one system call.
    fn remove(&self, dir: PathBuf) {
        if is_in_use(fs::remove_dir(&dir)) {
            let mut leftover = self.leftover.lock().unwrap_or_else(PoisonError::into_inner);
            leftover.retain(|dir| is_in_use(fs::remove_dir(dir)));
            leftover.push(dir);
        }
    }
}

impl Drop for Cgroups {
    fn drop(&mut self) {
        // The last one; the folder goes when nobody is in it any more.
        if Arc::strong_count(&self.leftover) == 1 {
            let _ = fs::remove_dir(&self.root);
        }
    }
}

// === impl Cgroup ===

impl Cgroup {
    /// Takes a process and its children in. What they start from now on is in it from birth.
    pub(crate) fn enclose(&self, leader: u32) -> io::Result<()> {
        fs::create_dir_all(&self.dir)?;
        let procs = self.dir.join("cgroup.procs");
        // The parent first: then no child can be born outside behind our back.
        let mut generation = vec![leader];
        for _ in 0..MAX_DEPTH {
            for pid in &generation {
                // One that has ended meanwhile need not be moved.
                if let Err(error) = fs::write(&procs, pid.to_string())
                    && error.raw_os_error() != Some(nix::errno::Errno::ESRCH as i32)
                {
                    return Err(error);
                }
            }
            generation = generation.iter().flat_map(|pid| children(*pid)).collect();
            if generation.is_empty() {
                break;
            }
        }
        Ok(())
    }

    /// Ends everyone in it, at once.
    pub(crate) fn kill(&self) {
        if let Err(error) = fs::write(self.dir.join("cgroup.kill"), "1")
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(group = %self.dir.display(), %error, "a control group cannot be ended");
        }
    }

    /// Who is in it.
    pub(crate) fn members(&self) -> Vec<u32> {
        let procs = fs::read_to_string(self.dir.join("cgroup.procs")).unwrap_or_default();
        procs.lines().filter_map(|pid| pid.parse().ok()).collect()
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        self.home.remove(std::mem::take(&mut self.dir));
    }
}

/// The folder of the group that this process is in.
fn own_group() -> io::Result<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    let own = fs::read_to_string("/proc/self/cgroup")?;
    let own = own.lines().find_map(|line| line.strip_prefix("0::"));
    let found = own.and_then(|own| mounts.lines().find_map(|line| folder(line, own)));
    found.ok_or_else(|| io::Error::other("cgroup v2 is not mounted, or not where this process can see its group"))
}

/// The folder of a group, if this line of `/proc/self/mountinfo` (proc_pid_mountinfo(5)) mounts cgroup v2, or the part
/// of it in which the group is.
fn folder(line: &str, group: &str) -> Option<PathBuf> {
    let (mount, filesystem) = line.split_once(" - ")?;
    let mut fields = mount.split(' ').skip(3).filter(|_| filesystem.starts_with("cgroup2 "));
    let (root, point) = (fields.next()?, fields.next()?);
    let below = Path::new(group).strip_prefix(root).ok()?;
    Some(Path::new(point).join(below))
}

fn prepare(root: &Path) -> io::Result<()> {
    fs::create_dir_all(root)?;
    // Groups that an earlier life has left, and that are empty now.
    for entry in fs::read_dir(root)?.filter_map(Result::ok).filter(|entry| entry.path().is_dir()) {
        let _ = fs::remove_dir(entry.path());
    }
    // Linux 5.14 and newer.
    fs::metadata(root.join("cgroup.kill")).map(drop)?;
    // To be moved, a process has to be taken from where we are, too.
    let own = root.parent().unwrap_or(root).join("cgroup.procs");
    fs::OpenOptions::new().write(true).open(own).map(drop)
}

/// Whether a folder could not be removed because somebody is in it.
fn is_in_use(removed: io::Result<()>) -> bool {
    removed.is_err_and(|error| error.raw_os_error() == Some(nix::errno::Errno::EBUSY as i32))
}

fn children(pid: u32) -> Vec<u32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<u32>>()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mount_is_found_where_it_is() {
        let hybrid = "52 50 0:26 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw";
        assert_eq!(folder(hybrid, "/").unwrap(), Path::new("/sys/fs/cgroup/unified"));
        assert_eq!(folder(hybrid, "/a/b").unwrap(), Path::new("/sys/fs/cgroup/unified/a/b"));
        let version_1 = "53 50 0:27 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu";
        assert_eq!(folder(version_1, "/"), None);
        let container = "54 50 0:26 /docker/x /sys/fs/cgroup ro,relatime - cgroup2 cgroup2 rw";
        assert_eq!(folder(container, "/docker/x").unwrap(), Path::new("/sys/fs/cgroup"));
        assert_eq!(folder(container, "/elsewhere"), None);
    }
}
