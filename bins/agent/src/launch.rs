//! Receives a program and how it should live, becomes that program.
//!
//! A child can only be bound to its parent, or given another account with all its groups, from inside the child. A
//! closure between fork and exec would cost the fast way to start processes and need unsafe code; a process of our
//! own that becomes the other one does not.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use nix::unistd::{Gid, Uid, User, initgroups, setgid, setuid};
use rustix::process::{Pid, getppid};

/// What stands before the names of variables that are only handed on.
const WRAPPED: &str = "OGENT_LAUNCH_";

/// How the program should live.
#[derive(Debug, clap::Args)]
pub struct LaunchArgs {
    /// End (SIGTERM) when the process of this id, our parent, ends
    #[arg(long, value_name = "PID")]
    pub die_with_parent: Option<u32>,
    /// Account to run as
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Folder to run in, entered as that account
    #[arg(long, value_name = "DIR")]
    pub cwd: Option<OsString>,
    /// The program and its arguments
    #[arg(last = true, required = true, num_args = 1.., value_name = "PROGRAM")]
    pub program: Vec<OsString>,
}

/// Becomes the program. Returns only when that fails: 125 when the way there failed, 126 or 127 as a shell would say
/// that the program cannot be started or is not there.
#[must_use]
pub fn become_program(args: &LaunchArgs) -> ExitCode {
    let fail = |code: u8, what: &str, error: &dyn std::fmt::Display| {
        let line = format!("ogent: {what}: {error}\n");
        let _ = std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes());
        ExitCode::from(code)
    };
    if let Some(parent) = args.die_with_parent
        && let Err(error) = die_with_parent(parent)
    {
        return fail(125, "cannot be bound to its parent", &error);
    }
    if let Some(user) = &args.user
        && let Err(error) = become_user(user)
    {
        return fail(125, "cannot change the account", &error);
    }
    if let Some(cwd) = &args.cwd
        && let Err(error) = std::env::set_current_dir(cwd)
    {
        return fail(125, "cannot enter the folder", &error);
    }
    let Some((program, rest)) = args.program.split_first() else { return ExitCode::from(127) };
    let mut command = Command::new(program);
    command.args(rest);
    if args.user.is_some() {
        command.env_clear().envs(unwrap(std::env::vars_os()));
    }
    let error = command.exec();
    let code = if error.kind() == std::io::ErrorKind::NotFound { 127 } else { 126 };
    fail(code, &program.to_string_lossy(), &error)
}

/// Names variables so that they mean nothing to the program that only hands them on.
pub(crate) fn wrap(variables: BTreeMap<OsString, OsString>) -> BTreeMap<OsString, OsString> {
    let rename = |name: OsString| {
        let mut wrapped = OsString::from(WRAPPED);
        wrapped.push(name);
        wrapped
    };
    variables.into_iter().map(|(name, value)| (rename(name), value)).collect()
}

fn unwrap(variables: impl Iterator<Item = (OsString, OsString)>) -> impl Iterator<Item = (OsString, OsString)> {
    variables.filter_map(|(name, value)| {
        let name = name.as_bytes().strip_prefix(WRAPPED.as_bytes())?;
        Some((OsStr::from_bytes(name).to_owned(), value))
    })
}

/// Asks the kernel to end this process with its parent; the parent may be gone already. Other systems than Linux
/// cannot do that; there, the next `ogent up` ends what is left.
///
/// # Errors
/// When the kernel refuses, or the parent is gone.
pub fn die_with_parent(parent: u32) -> std::io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::TERM))?;
    let is_alive = getppid().map(Pid::as_raw_nonzero).is_some_and(|pid| u32::try_from(pid.get()) == Ok(parent));
    if is_alive { Ok(()) } else { Err(std::io::Error::other("the parent is gone")) }
}

fn become_user(name: &str) -> Result<(), String> {
    let user = User::from_name(name).map_err(|error| error.to_string())?.ok_or("there is no such account")?;
    let groups = || -> nix::Result<()> {
        let name = std::ffi::CString::new(user.name.as_str()).map_err(|_| nix::Error::EINVAL)?;
        initgroups(&name, user.gid)?;
        setgid(user.gid)?;
        setuid(user.uid)
    };
    groups().map_err(|error| error.to_string())?;
    // From here on nothing may lead back.
    let is_other = Uid::effective() == user.uid && Gid::effective() == user.gid;
    let can_return = !user.uid.is_root() && setuid(Uid::from_raw(0)).is_ok();
    if is_other && !can_return { Ok(()) } else { Err("the change did not hold".to_owned()) }
}
