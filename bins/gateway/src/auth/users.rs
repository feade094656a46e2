//! Receives the users file, gives who may log in beside `admin`.
//!
//! One user a line: `name:role,role:hash`, with a hash as `ogent-gateway hash-password` prints it. Empty lines and lines
//! that begin with `#` mean nothing.

use std::collections::HashSet;
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use argon2::Params;
use argon2::password_hash::phc::PasswordHash;
use ogent_runtime::Secret;

use super::password::{HashError, LANES, MEMORY_KIB, PASSES, hash};
use super::strength::password_weakness;
use crate::access::Role;
use crate::limits::{MAX_USERNAME_BYTES, MAX_USERS};

/// The one user who is not in the file.
pub(crate) const ADMIN: &str = "admin";
/// Largest users file: a thousand lines of 256 bytes.
const MAX_BYTES: u64 = 256 * 1024;
/// Others who may write the file could make themselves users.
const WRITTEN_BY_OTHERS: u32 = 0o022;

/// Somebody who may log in.
#[derive(Clone)]
pub struct User {
    pub(super) name: String,
    pub(super) roles: Vec<Role>,
    pub(super) hash: PasswordHash,
}

/// Why a users file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UsersError {
    /// It cannot be read.
    #[error("the users file {path} cannot be read")]
    Read {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A line is wrong.
    #[error("line {line} of the users file {problem}")]
    Line {
        /// Which, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// There are too many.
    #[error("the users file has more than {MAX_USERS} users")]
    TooMany,
}

/// Why no line can be made for a user.
#[derive(Debug, thiserror::Error)]
pub enum UserLineError {
    /// The name or the roles cannot stand in the file.
    #[error("the user {0}")]
    Wrong(String),
    /// The password is too weak.
    #[error("the password {0}")]
    Weak(&'static str),
    /// It cannot be hashed.
    #[error("the password cannot be hashed: {0}")]
    Hash(String),
}

// === impl User ===

impl User {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn roles(&self) -> &[Role] {
        &self.roles
    }

    pub(crate) fn hash(&self) -> &PasswordHash {
        &self.hash
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("name", &self.name).field("roles", &self.roles).finish_non_exhaustive()
    }
}

/// Reads a users file.
///
/// # Errors
/// When it cannot be read, or a line is wrong.
pub fn read_users(path: &Path) -> Result<Vec<User>, UsersError> {
    let read = |source| UsersError::Read { path: path.display().to_string(), source };
    let refused = |problem: String| read(std::io::Error::other(problem));
    let file = File::open(path).map_err(read)?;
    // Of what was opened, so that it is what is read.
    let facts = file.metadata().map_err(read)?;
    if facts.permissions().mode() & WRITTEN_BY_OTHERS != 0 {
        return Err(refused("its group or others may write it; chmod go-w it".to_owned()));
    }
    if facts.len() > MAX_BYTES {
        return Err(refused(format!("it has more than {MAX_BYTES} bytes")));
    }
    let mut text = String::new();
    file.take(MAX_BYTES).read_to_string(&mut text).map_err(read)?;
    parse(&text)
}

/// A line for the users file.
///
/// # Errors
/// When the name, a role or the password cannot be used.
pub fn user_line(name: &str, roles: &[&str], password: &Secret) -> Result<String, UserLineError> {
    check_name(name).map_err(UserLineError::Wrong)?;
    let text = roles.join(",");
    check_roles(&text).map_err(UserLineError::Wrong)?;
    if let Some(weakness) = password_weakness(password.expose()) {
        return Err(UserLineError::Weak(weakness));
    }
    let hash = hash(password).map_err(|error: HashError| UserLineError::Hash(error.to_string()))?;
    Ok(format!("{name}:{text}:{hash}"))
}

fn parse(text: &str) -> Result<Vec<User>, UsersError> {
    let mut users: Vec<User> = Vec::new();
    let mut names = HashSet::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = |problem: String| UsersError::Line { line: number + 1, problem };
        let user = parse_line(line).map_err(wrong)?;
        // People take those that differ in capitals for one.
        if !names.insert(user.name.to_ascii_lowercase()) {
            return Err(wrong(format!("names {:?} a second time", user.name)));
        }
        users.push(user);
        if users.len() > MAX_USERS {
            return Err(UsersError::TooMany);
        }
    }
    Ok(users)
}

fn parse_line(line: &str) -> Result<User, String> {
    let mut parts = line.splitn(3, ':');
    let (Some(name), Some(roles), Some(hash)) = (parts.next(), parts.next(), parts.next()) else {
        return Err("must look like name:role,role:hash".to_owned());
    };
    check_name(name)?;
    let roles = check_roles(roles)?;
    // What is wrong with the hash is not repeated: it could be a password that somebody has put there.
    let hash = PasswordHash::new(hash.trim()).map_err(|_| "has no hash as 'ogent-gateway hash-password' prints it")?;
    // Without them, the library would not compare anything that only the one with the password knows.
    if hash.salt.is_none() || hash.hash.is_none() {
        return Err("has no hash as 'ogent-gateway hash-password' prints it".to_owned());
    }
    let same = hash.algorithm.as_str() == "argon2id"
        && Params::try_from(&hash)
            .is_ok_and(|params| (params.m_cost(), params.t_cost(), params.p_cost()) == (MEMORY_KIB, PASSES, LANES));
    // Others would take another time to check, and so tell who exists, or another amount of memory.
    if !same {
        return Err("has a hash with other parameters than 'ogent-gateway hash-password' uses".to_owned());
    }
    Ok(User { name: name.to_owned(), roles, hash })
}

fn check_name(name: &str) -> Result<(), String> {
    if name.eq_ignore_ascii_case(ADMIN) {
        return Err("names admin, whose password is set by OGENT_ADMIN_PASSWORD".to_owned());
    }
    // Letters of ASCII only: others look like them.
    let is_good = name.chars().all(|c| c.is_ascii_alphanumeric() || "._@-".contains(c));
    match is_good && (1..=MAX_USERNAME_BYTES).contains(&name.len()) {
        true => Ok(()),
        false => Err("has a name that is empty, too long, or has other signs than A-Z, a-z, 0-9 and ._@-".to_owned()),
    }
}

fn check_roles(text: &str) -> Result<Vec<Role>, String> {
    let known = || Role::ALL.map(|(name, _)| name).join(", ");
    text.split(',')
        .map(|wanted| {
            let found = Role::ALL.iter().find(|(name, _)| *name == wanted.trim());
            found.map(|(_, role)| *role).ok_or_else(|| format!("has the role {wanted:?}; there are {}", known()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, roles: &[&str]) -> String {
        user_line(name, roles, &Secret::new("correct horse".to_owned())).unwrap()
    }

    #[test]
    fn what_is_written_is_read() {
        let text = format!("# people\n\n{}\n{}\n", line("bob", &["approver"]), line("eve", &["viewer", "operator"]));
        let users = parse(&text).unwrap();
        let found: Vec<_> = users.iter().map(|user| (user.name.as_str(), user.roles.clone())).collect();
        assert_eq!(found, [("bob", vec![Role::Approver]), ("eve", vec![Role::Viewer, Role::Operator])]);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line_and_without_secrets() {
        let good = line("bob", &["approver"]);
        let hash = good.splitn(3, ':').nth(2).unwrap();
        for (bad, problem) in [
            ("bob".to_owned(), "must look like"),
            ("bob:approver".to_owned(), "must look like"),
            ("bob:approver:hunter22".to_owned(), "no hash"),
            (format!("bob::{hash}"), "role"),
            (format!("bob:root:{hash}"), "root"),
            (format!(":viewer:{hash}"), "name"),
            (format!("admin:viewer:{hash}"), "admin"),
            (format!("Admin:viewer:{hash}"), "admin"),
            (format!("b b:viewer:{hash}"), "name"),
            (good.rsplit_once('$').unwrap().0.to_owned(), "no hash"),
            (good.rsplitn(3, '$').nth(2).unwrap().to_owned(), "no hash"),
            (format!("{good}\nBOB:viewer:{hash}"), "second time"),
            (good.replace("m=19456", "m=8192"), "parameters"),
            (good.replace("argon2id", "argon2i"), "parameters"),
            (format!("{good}\n{good}"), "second time"),
        ] {
            let error = parse(&format!("# first\n{bad}")).unwrap_err().to_string();
            assert!(error.contains(problem) && error.contains("line "), "{bad}: {error}");
            assert!(!error.contains("hunter22"), "{error}");
        }
    }

    #[test]
    fn weak_passwords_and_odd_names_get_no_line() {
        let weak = Secret::new("short".to_owned());
        assert!(matches!(user_line("bob", &["viewer"], &weak), Err(UserLineError::Weak(_))));
        let good = Secret::new("correct horse".to_owned());
        for name in ["", "a:b", "admin", "ADMIN", "a\nb", " a", "#a", "bоb", "a/b"] {
            assert!(matches!(user_line(name, &["viewer"], &good), Err(UserLineError::Wrong(_))), "{name:?}");
        }
        assert!(user_line("bob", &[], &good).is_err() && user_line("bob", &["king"], &good).is_err());
    }

    #[test]
    fn a_file_that_others_may_write_is_not_believed() {
        let path = std::env::temp_dir().join(format!("ogent-users-mode-{}", std::process::id()));
        std::fs::write(&path, line("bob", &["viewer"])).unwrap();
        let found = [0o600, 0o644, 0o660, 0o602].map(|mode| {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            read_users(&path).map_or_else(|error| format!("{error:?}").contains("chmod"), |users| users.len() != 1)
        });
        std::fs::remove_file(&path).unwrap();
        assert_eq!(found, [false, false, true, true]);
    }
}
