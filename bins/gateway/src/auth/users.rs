//! Receives the users file, gives who may log in beside `admin`.
//!
//! One user a line: `name:role,role:hash`, with a hash as `ogent-gateway hash-password` prints it. Empty lines and lines
//! that begin with `#` mean nothing.

use std::collections::HashSet;
use std::fmt;
use std::path::Path;

use argon2::Params;
use argon2::password_hash::phc::PasswordHash;
use ogent_runtime::Secret;

use super::password::{HashError, LANES, MEMORY_KIB, PASSES, hash};
use super::strength::password_weakness;
use crate::access::Role;
use crate::limits::{MAX_USERNAME_BYTES, MAX_USERS};

/// The one user who is not in the file.
pub(super) const ADMIN: &str = "admin";
/// Largest users file: a thousand lines of 256 bytes.
const MAX_BYTES: u64 = 256 * 1024;

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
    if std::fs::metadata(path).map_err(read)?.len() > MAX_BYTES {
        return Err(read(std::io::Error::other(format!("it has more than {MAX_BYTES} bytes"))));
    }
    parse(&std::fs::read_to_string(path).map_err(read)?)
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
        if !names.insert(user.name.clone()) {
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
    if name == ADMIN {
        return Err("names admin, whose password is set by OGENT_ADMIN_PASSWORD".to_owned());
    }
    let is_good =
        (1..=MAX_USERNAME_BYTES).contains(&name.len()) && !name.contains(|c: char| c == ':' || c.is_control());
    match is_good && name.trim() == name && !name.starts_with('#') {
        true => Ok(()),
        false => Err("has a name that is empty, too long, or has a ':' or a control character".to_owned()),
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
        for name in ["", "a:b", "admin", "a\nb", " a", "#a"] {
            assert!(matches!(user_line(name, &["viewer"], &good), Err(UserLineError::Wrong(_))), "{name:?}");
        }
        assert!(user_line("bob", &[], &good).is_err() && user_line("bob", &["king"], &good).is_err());
    }
}
