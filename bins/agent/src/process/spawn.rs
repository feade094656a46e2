//! Starts a process as an intent asks for it, or says why it cannot be started.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use nix::unistd::{AccessFlags, Uid, User, access};
use ogent_protocol::{AgentId, Blob, Cause, Program, Run};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{ChildStdin, Command};

use super::{Process, environment};
use crate::launch;

/// Why a command cannot be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SpawnError {
    #[error("there is no program {0:?}")]
    NoProgram(String),
    #[error("the program {0:?} may not be executed")]
    NotExecutable(String),
    #[error("the folder {0:?} does not exist, or is not a folder")]
    NoFolder(String),
    #[error("there is no account {0:?} on this machine")]
    NoUser(String),
    #[error("this agent does not run as root and cannot change to the account {0:?}")]
    MayNotChangeUser(String),
    #[error("the system cannot start it: {0}")]
    System(io::Error),
}

// === impl SpawnError ===

impl SpawnError {
    /// The same for programs.
    pub(crate) fn cause(&self) -> Cause {
        match self {
            Self::NoProgram(_) => Cause::NoProgram,
            Self::NotExecutable(_) => Cause::NotExecutable,
            Self::NoFolder(_) => Cause::NoFolder,
            Self::NoUser(_) => Cause::NoUser,
            Self::MayNotChangeUser(_) => Cause::UserNotAllowed,
            Self::System(_) => Cause::System,
        }
    }
}

/// Starts the command of `run`, as the first of a group of its own.
pub(crate) fn spawn(agent: &AgentId, run: &Run) -> Result<Process, SpawnError> {
    let user = run.user.as_deref().map(account).transpose()?.flatten();
    let variables = environment::variables(agent, run, user.as_ref());
    if let Some(cwd) = &run.cwd
        && !Path::new(cwd).is_dir()
    {
        return Err(SpawnError::NoFolder(cwd.clone()));
    }
    let mut command = command(run, &variables, user.as_ref())?;
    command
        .env_clear()
        // What the asker sets must not change how our own program starts, which still runs as root.
        .envs(if user.is_some() { launch::wrap(variables) } else { variables })
        .process_group(0)
        .stdin(if run.stdin.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(SpawnError::System)?;
    let pid = child.id().ok_or_else(|| SpawnError::System(io::Error::other("it has no process id")))?;
    if let (Some(pipe), Some(bytes)) = (child.stdin.take(), run.stdin.clone()) {
        tokio::spawn(feed(pipe, bytes));
    }
    Ok(Process::new(child, pid))
}

/// The account to change to; `None` when it is the agent's own.
fn account(name: &str) -> Result<Option<User>, SpawnError> {
    let user = User::from_name(name)
        .map_err(|error| SpawnError::System(error.into()))?
        .ok_or_else(|| SpawnError::NoUser(name.to_owned()))?;
    match Uid::effective() {
        own if own == user.uid => Ok(None),
        own if own.is_root() => Ok(Some(user)),
        _ => Err(SpawnError::MayNotChangeUser(name.to_owned())),
    }
}

fn command(run: &Run, variables: &BTreeMap<OsString, OsString>, user: Option<&User>) -> Result<Command, SpawnError> {
    let (program, arguments) = match &run.program {
        Program::Shell(line) => (PathBuf::from("/bin/sh"), vec!["-c".to_owned(), line.clone()]),
        Program::Argv(argv) => {
            let (name, rest) = argv.split_first().ok_or_else(|| SpawnError::NoProgram(String::new()))?;
            (resolve(name, run.cwd.as_deref(), variables.get(&OsString::from("PATH")))?, rest.to_vec())
        }
    };
    let Some(user) = user else {
        let mut command = Command::new(program);
        command.args(arguments);
        if let Some(cwd) = &run.cwd {
            command.current_dir(cwd);
        }
        return Ok(command);
    };
    // Groups can only be set in the child: our own program does it and becomes the other one.
    let mut command = Command::new(own_program().map_err(SpawnError::System)?);
    command.arg("launch").args(["--user", &user.name]);
    // Accounts of services often have a home that does not exist.
    let home = if user.dir.is_dir() { user.dir.clone() } else { PathBuf::from("/") };
    command.arg("--cwd").arg(run.cwd.as_ref().map_or(home, PathBuf::from));
    command.arg("--").arg(program).args(arguments);
    Ok(command)
}

/// This program, also after another version of it was installed in its place.
fn own_program() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") { Ok("/proc/self/exe".into()) } else { std::env::current_exe() }
}

/// Finds a program as a shell would: by its path, or in the folders of `PATH`.
fn resolve(name: &str, cwd: Option<&str>, path: Option<&OsString>) -> Result<PathBuf, SpawnError> {
    let is_file = |candidate: &Path| candidate.is_file();
    let may_run = |candidate: &Path| access(candidate, AccessFlags::X_OK).is_ok();
    let mut found = false;
    let candidates: Vec<PathBuf> = if name.contains('/') {
        vec![cwd.map_or_else(|| PathBuf::from(name), |cwd| Path::new(cwd).join(name))]
    } else {
        path.into_iter().flat_map(std::env::split_paths).map(|folder| folder.join(name)).collect()
    };
    for candidate in candidates.into_iter().filter(|candidate| is_file(candidate)) {
        if may_run(&candidate) {
            return Ok(candidate);
        }
        found = true;
    }
    Err(if found { SpawnError::NotExecutable(name.to_owned()) } else { SpawnError::NoProgram(name.to_owned()) })
}

/// A command that does not read its input, or ends before, is none of our business.
async fn feed(mut pipe: ChildStdin, bytes: Blob) {
    let _ = pipe.write_all(bytes.as_bytes()).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_as_a_shell_finds_them() {
        let path = OsString::from("/nowhere:/bin:/usr/bin");
        assert_eq!(resolve("sh", None, Some(&path)).unwrap(), PathBuf::from("/bin/sh"));
        assert!(matches!(resolve("no-such-thing", None, Some(&path)), Err(SpawnError::NoProgram(_))));
        assert!(matches!(resolve("/etc/passwd", None, None), Err(SpawnError::NotExecutable(_))));
        assert!(matches!(resolve("/bin", None, None), Err(SpawnError::NoProgram(_))));
    }
}
