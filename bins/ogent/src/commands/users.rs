//! `ogent users`: who may log in, and what they may be.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use anyhow::ensure;
use clap::{Args, Subcommand};
use ogent_access::Role;
use ogent_protocol::rest::{ChangeUser, CreateUser, SetPassword, UserView};
use ogent_runtime::Secret;

use super::Context;
use super::login;
use crate::client::credentials::CredentialStore;
use crate::output::format::FormatArgs;
use crate::output::humane;
use crate::output::table::{Cell, Table};

const EXAMPLES: &str = "\
Examples:
  ogent users ls
  ogent users add alice operator
  ogent users add bob viewer approver --password-file /run/secrets/bob
  ogent users roles alice operator approver
  ogent users disable alice
  ogent users passwd

viewer sees agents and commands; operator runs and cancels commands as well; approver approves and denies commands of \
others; admin does everything. What that means in detail stands in the access policy: `ogent policy show`.";

/// What `ogent users` takes.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct UsersArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List everybody who may log in
    Ls(FormatArgs),
    /// Add somebody
    Add {
        /// Name of the user
        name: String,
        /// What the user may be: viewer, operator, approver, admin
        #[arg(required = true, value_name = "ROLE")]
        roles: Vec<Role>,
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// Set a password: your own, or somebody else's
    Passwd {
        /// Name of the user; you when absent
        name: Option<String>,
        /// File with the password before, where it is your own; without it you are asked for it
        #[arg(long, value_name = "FILE")]
        current_file: Option<PathBuf>,
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// Say what somebody may be from now on
    Roles {
        /// Name of the user
        name: String,
        /// What the user may be: viewer, operator, approver, admin
        #[arg(required = true, value_name = "ROLE")]
        roles: Vec<Role>,
    },
    /// Take everything away from somebody, at once
    Disable {
        /// Name of the user
        name: String,
    },
    /// Give it back
    Enable {
        /// Name of the user
        name: String,
    },
    /// Remove somebody; the history keeps the name
    Rm {
        /// Name of the user
        name: String,
    },
}

#[derive(Debug, Args)]
struct PasswordArgs {
    /// File with the new password; without it you are asked for it, or it is read from stdin where that is no terminal
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

/// Does it.
///
/// # Errors
/// When the gateway refuses, or does not answer.
pub async fn run(args: UsersArgs, context: &Context) -> anyhow::Result<()> {
    let Context { out, url, .. } = context;
    let client = context.client()?;
    match args.verb {
        Verb::Ls(format) => {
            let users = client.users().await?;
            out.list(format.format, &users, || overview(&users))?;
        }
        Verb::Add { name, roles, password } => {
            let password = new_password(password.password_file.as_deref(), &name)?.expose().to_owned();
            let user = client.add_user(&CreateUser { name, roles: words(&roles), password }).await?;
            out.say(&format!("{} may log in as {}", user.name, user.roles.join(", ")));
        }
        Verb::Passwd { name, current_file, password } => {
            let me = CredentialStore::open()?.find(url)?.map(|login| login.username);
            let name = name.or_else(|| me.clone()).ok_or_else(|| anyhow::anyhow!("whose password? name the user"))?;
            let is_own = me.is_some_and(|me| me.eq_ignore_ascii_case(&name));
            let current = match is_own {
                true => {
                    Some(login::password(current_file.as_deref(), &format!("{name} until now"))?.expose().to_owned())
                }
                false => None,
            };
            let password = new_password(password.password_file.as_deref(), &name)?.expose().to_owned();
            client.set_password(&name, &SetPassword { password, current }).await?;
            out.say(&format!("{name} has another password; what {name} had open ends"));
        }
        Verb::Roles { name, roles } => {
            let roles = Some(words(&roles));
            let user = client.change_user(&name, &ChangeUser { roles, disabled: None }).await?;
            out.say(&format!("{} is {} now", user.name, user.roles.join(", ")));
        }
        Verb::Disable { name } => {
            client.change_user(&name, &ChangeUser { roles: None, disabled: Some(true) }).await?;
            out.say(&format!("{name} may do nothing any more"));
        }
        Verb::Enable { name } => {
            client.change_user(&name, &ChangeUser { roles: None, disabled: Some(false) }).await?;
            out.say(&format!("{name} may log in again"));
        }
        Verb::Rm { name } => {
            client.remove_user(&name).await?;
            out.say(&format!("there is no user {name} any more"));
        }
    }
    Ok(())
}

fn words(roles: &[Role]) -> Vec<String> {
    roles.iter().map(|role| role.as_str().to_owned()).collect()
}

/// A new password: asked for twice where a person types it.
fn new_password(file: Option<&Path>, name: &str) -> anyhow::Result<Secret> {
    let password = login::password(file, name)?;
    if file.is_none() && io::stdin().is_terminal() {
        ensure!(
            login::password(None, &format!("{name}, once more"))?.expose() == password.expose(),
            "these are two passwords"
        );
    }
    Ok(password)
}

fn overview(users: &[UserView]) -> Table {
    let mut table = Table::new(["NAME", "ROLES", "STATE", "CHANGED"]);
    for user in users {
        let state = match (user.disabled, user.read_only) {
            (true, _) => "disabled",
            (false, true) => "in the users file",
            (false, false) => "active",
        };
        let by = user.changed_by.as_deref().unwrap_or("-");
        let changed = user.changed_at.map_or_else(|| "-".to_owned(), |at| format!("{} by {by}", humane::moment(at)));
        table.row([
            Cell::from(user.name.as_str()),
            Cell::from(user.roles.join(", ")),
            Cell::from(state),
            Cell::from(changed),
        ]);
    }
    table
}
