//! Reads what this machine is.

use std::fs;

use nix::sys::utsname::uname;
use nix::unistd::{Uid, User, gethostname};
use ogent_protocol::enroll::Facts;
use ogent_protocol::{Platform, limits};

/// What the agent runs on.
pub(crate) fn platform() -> Platform {
    let kernel = uname().map_or_else(|_| "unknown".to_owned(), |name| name.release().to_string_lossy().into_owned());
    Platform {
        os: std::env::consts::OS.to_owned(),
        distribution: distribution(),
        arch: std::env::consts::ARCH.to_owned(),
        kernel,
    }
}

fn distribution() -> Option<String> {
    let text = fs::read_to_string("/etc/os-release").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(line.trim_matches('"').to_owned())
}

/// All of it, as a registrar is told. What a machine calls itself may be anything; what people are shown is short and plain.
pub(crate) fn all() -> Facts {
    let Platform { os, distribution, arch, kernel } = platform();
    Facts {
        hostname: hostname().map(plain),
        platform: Platform { os, distribution: distribution.map(plain), arch, kernel: plain(kernel) },
        version: env!("CARGO_PKG_VERSION").to_owned(),
        machine: machine(),
        user: plain(user()),
    }
}

fn plain(text: String) -> String {
    let mut kept = String::new();
    for letter in text.chars().filter(|letter| !letter.is_control()) {
        if kept.len() + letter.len_utf8() > limits::MAX_FACT_BYTES {
            break;
        }
        kept.push(letter);
    }
    kept
}

/// The machine's name.
pub(crate) fn hostname() -> Option<String> {
    gethostname().ok()?.into_string().ok()
}

/// The account that this process runs as.
pub(crate) fn user() -> String {
    let uid = Uid::effective();
    User::from_uid(uid).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name)
}

/// Names the machine. Its real id is not for others to know (machine-id(5)), so this is a hash of it.
pub(crate) fn machine() -> String {
    let id = fs::read_to_string("/etc/machine-id").ok().filter(|id| !id.trim().is_empty());
    let source = id.or_else(hostname).unwrap_or_default();
    // The same derivation as a command's id has: a name and a text, hashed together.
    ogent_protocol::CommandId::derive("ogent machine", source.trim()).to_string()
}

/// The home that commands get: what this process has, as they inherit it, or that of its account.
pub(crate) fn home() -> Option<String> {
    let own = || {
        User::from_uid(Uid::effective()).ok().flatten().and_then(|user| user.dir.into_os_string().into_string().ok())
    };
    std::env::var("HOME").ok().filter(|home| home.starts_with('/')).or_else(own)
}

/// The folder that commands run in when nobody says another one.
pub(crate) fn cwd() -> Option<String> {
    std::env::current_dir().ok()?.into_os_string().into_string().ok()
}

/// The program behind `/bin/sh`.
pub(crate) fn shell() -> Option<String> {
    fs::canonicalize("/bin/sh").ok()?.into_os_string().into_string().ok()
}
