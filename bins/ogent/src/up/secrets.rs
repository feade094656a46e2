//! Receives the environment and the data folder, gives passwords. There are no default ones: what nobody
//! gave is random, made at the first start and kept.

use std::path::PathBuf;
use std::{fs, io};

use anyhow::{Context as _, bail};
use ogent_runtime::{Secret, random_secret, secret_from_env};

use super::data_dir::DataDir;

/// The password of the user `admin`, and where it comes from.
#[derive(Debug)]
pub(crate) struct AdminPassword {
    /// The password.
    pub(crate) secret: Secret,
    /// Where it comes from.
    pub(crate) origin: Origin,
}

/// Where a secret comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The environment. Such a one is used for this run and never written down.
    Environment,
    /// The file, as an earlier start made it.
    Kept(PathBuf),
    /// The file, made just now.
    New(PathBuf),
}

// === impl Origin ===

impl Origin {
    /// The file that holds the secret, if there is one.
    pub(crate) fn file(&self) -> Option<&PathBuf> {
        match self {
            Self::Environment => None,
            Self::Kept(file) | Self::New(file) => Some(file),
        }
    }
}

/// The password in `OGENT_ADMIN_PASSWORD` or the file that `OGENT_ADMIN_PASSWORD_FILE` names; else the kept one.
pub(crate) fn admin_password(data: &DataDir) -> anyhow::Result<AdminPassword> {
    let given = secret_from_env("OGENT_ADMIN_PASSWORD")?;
    strong("OGENT_ADMIN_PASSWORD", given.as_ref(), ogent_gateway::password_weakness)?;
    // 18 bytes: more than anyone can guess, and 24 characters that can still be copied by hand.
    let (secret, origin) = choose(given, data, "admin-password", 18)?;
    Ok(AdminPassword { secret, origin })
}

/// The key in `JWT_SECRET_KEY` or the file that `JWT_SECRET_KEY_FILE` names; else the kept one.
pub(crate) fn jwt_secret(data: &DataDir) -> anyhow::Result<Secret> {
    let given = secret_from_env("JWT_SECRET_KEY")?;
    strong("JWT_SECRET_KEY", given.as_ref(), ogent_gateway::secret_weakness)?;
    // 64 bytes: as long as the hash of HS512, the longest one that may be asked for.
    let (secret, _) = choose(given, data, "jwt-secret", 64)?;
    Ok(secret)
}

/// Refuses what the gateway itself would refuse.
fn strong(name: &str, given: Option<&Secret>, weakness: fn(&str) -> Option<&'static str>) -> anyhow::Result<()> {
    match given.and_then(|secret| weakness(secret.expose())) {
        Some(weakness) => bail!("{name} {weakness}"),
        None => Ok(()),
    }
}

fn choose(given: Option<Secret>, data: &DataDir, name: &str, bytes: usize) -> anyhow::Result<(Secret, Origin)> {
    match given {
        Some(secret) => Ok((secret, Origin::Environment)),
        None => kept(data, name, bytes).with_context(|| format!("{} cannot be used", data.join(name).display())),
    }
}

fn kept(data: &DataDir, name: &str, bytes: usize) -> io::Result<(Secret, Origin)> {
    let file = data.join(name);
    match fs::read_to_string(&file) {
        Ok(text) if text.trim().is_empty() => Err(io::Error::new(io::ErrorKind::InvalidData, "it is empty")),
        Ok(text) => Ok((Secret::new(text.trim().to_owned()), Origin::Kept(file))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let secret = random_secret(bytes)?;
            // Without a line break, so that `curl --data-urlencode password@FILE` sends what it should.
            data.write(name, secret.expose())?;
            Ok((secret, Origin::New(file)))
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn data() -> (tempfile::TempDir, DataDir) {
        let root = tempfile::tempdir().unwrap();
        let data = DataDir::open(&root.path().join("data")).unwrap();
        (root, data)
    }

    #[test]
    fn a_secret_is_made_once_and_only_its_owner_can_read_it() {
        let (_root, data) = data();
        let (first, origin) = choose(None, &data, "admin-password", 18).unwrap();
        let file = data.join("admin-password");
        assert_eq!(origin, Origin::New(file.clone()));
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(choose(None, &data, "admin-password", 18).unwrap(), (first, Origin::Kept(file)));
    }

    #[test]
    fn one_from_the_environment_is_never_written_down() {
        let (_root, data) = data();
        let given = Secret::new("from outside".to_owned());
        let (secret, origin) = choose(Some(given.clone()), &data, "admin-password", 18).unwrap();
        assert_eq!((secret, origin.file()), (given, None));
        assert!(!data.join("admin-password").exists());
    }

    #[test]
    fn an_empty_file_is_not_an_empty_password() {
        let (_root, data) = data();
        data.write("admin-password", "\n").unwrap();
        assert!(choose(None, &data, "admin-password", 18).is_err());
    }
}
