//! `ogent login`: receives a name and a password, keeps the token that the gateway gives for them.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use jiff::{SignedDuration, Timestamp};
use ogent_runtime::Secret;

use super::Context;
use crate::client::ClientError;
use crate::client::credentials::{CredentialStore, Login};
use crate::output::report::Hinted;

/// Longest password that is read: what the gateway takes.
const MAX_PASSWORD_BYTES: u64 = 1024;

const EXAMPLES: &str = "\
Examples:
  ogent login
  ogent login --url https://ogent.example.org --username alice
  ogent login --password-file /run/secrets/ogent
  pass show ogent | ogent login

The token is kept in $XDG_CONFIG_HOME/ogent/credentials.json (by default in ~/.config), readable by you only. A token \
in OGENT_TOKEN, or in the file that OGENT_TOKEN_FILE names, goes before it and needs no login.";

/// What `ogent login` takes.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct LoginArgs {
    /// Who you are
    #[arg(long, short = 'u', default_value = "admin")]
    username: String,

    /// File with the password; without it you are asked for it, or it is read from stdin where that is no terminal
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

/// Logs in.
///
/// # Errors
/// When the password is refused, or the token cannot be kept.
pub async fn run(args: LoginArgs, context: &Context) -> anyhow::Result<()> {
    let Context { url, out, .. } = context;
    if !url.is_encrypted() && !url.is_loopback() {
        out.warning("everyone on the way to the gateway can read the password; use https");
    }
    let password = password(args.password_file.as_deref(), &args.username)?;
    let answer = context.stranger()?.log_in(&args.username, &password).await.map_err(explain)?;
    let now = Timestamp::now();
    // The session goes on as long as it can be refreshed.
    let until = expiry(now, answer.refresh_expires_in.unwrap_or(answer.expires_in));
    let store = CredentialStore::open()?;
    store.keep(url, Login::of(args.username.clone(), answer, now))?;
    out.say(&format!("logged in to {url} as {}, until {}", args.username, until.strftime("%Y-%m-%d %H:%M UTC")));
    Ok(())
}

fn expiry(now: Timestamp, seconds: u64) -> Timestamp {
    let lifetime = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
    now.checked_add(lifetime).unwrap_or(Timestamp::MAX)
}

fn explain(error: ClientError) -> anyhow::Error {
    match error.status() {
        Some(401) => {
            Hinted::new(error, "`ogent up` says on its first start where it keeps the admin's password").into()
        }
        _ => error.into(),
    }
}

/// The password of that user: from the file, from the terminal, or from stdin.
pub(crate) fn password(file: Option<&Path>, username: &str) -> anyhow::Result<Secret> {
    let text = match file {
        Some(path) => {
            let file = File::open(path).with_context(|| format!("{} cannot be opened", path.display()))?;
            first_line(file).with_context(|| format!("{} holds no password", path.display()))?
        }
        None if io::stdin().is_terminal() => {
            rpassword::prompt_password(format!("Password of {username}: ")).context("the password cannot be read")?
        }
        None => first_line(io::stdin().lock()).context("stdin holds no password")?,
    };
    ensure!(!text.is_empty(), "the password is empty");
    Ok(Secret::new(text))
}

/// The only line there is, without its end.
fn first_line(from: impl Read) -> anyhow::Result<String> {
    let mut text = String::new();
    from.take(MAX_PASSWORD_BYTES + 2).read_to_string(&mut text)?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.contains('\n') {
        bail!("it has more than one line");
    }
    ensure!(line.len() as u64 <= MAX_PASSWORD_BYTES, "it has more than {MAX_PASSWORD_BYTES} bytes");
    Ok(line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_one_line() {
        for (text, password) in [("secret\n", "secret"), ("secret\r\n", "secret"), (" two words ", " two words ")] {
            assert_eq!(first_line(text.as_bytes()).unwrap(), password);
        }
        assert!(first_line(&b"one\ntwo\n"[..]).is_err());
        assert!(first_line(&[b'x'; 5000][..]).is_err());
        assert!(first_line(&b"\xff"[..]).is_err());
    }

    #[test]
    fn a_token_may_last_for_ever() {
        assert_eq!(expiry(Timestamp::UNIX_EPOCH, 60).as_second(), 60);
        assert_eq!(expiry(Timestamp::now(), u64::MAX), Timestamp::MAX);
    }
}
