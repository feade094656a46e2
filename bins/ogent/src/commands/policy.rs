//! `ogent policy`: the access policy, which says who may do what.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use ogent_access::{Policies, PolicyFile, Role};
use ogent_protocol::rest::{PolicyAnswer, PolicyTest, PolicyView, SetPolicy};
use ogent_protocol::{AgentId, ExecutionTarget};

use super::Context;
use crate::output::format::FormatArgs;
use crate::output::humane;
use crate::output::table::{Cell, Table};

/// What `ogent` exits with where it could not find out: 1 means no.
pub const FAILED: u8 = 2;
/// Largest file that is read: more than any policy may have.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

const EXAMPLES: &str = "\
Examples:
  ogent policy show > access.cedar
  ogent policy check access.cedar
  ogent policy set access.cedar --note 'nobody restarts the database by night'
  ogent policy test --as alice --on web-1 -- systemctl restart nginx
  ogent policy test --as alice --role operator --on web-1 -s 'rm -rf /srv/*' --policy access.cedar
  ogent policy test --as alice --action view_audit
  ogent policy history

The access policy says who may do what. What becomes of a command by what it would do, whoever asks, is the risk policy of \
the gateway (--policy there); `ogent policy test` shows both. It exits with 0 for yes, 1 for no, 2 where it cannot tell.";

/// What `ogent policy` takes.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct PolicyArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Print the access policy that holds
    Show {
        /// Print this version of it
        #[arg(long, value_name = "N")]
        version: Option<u64>,
    },
    /// Put another one in its place, on every gateway
    Set {
        /// File with the policy, in Cedar's language
        file: PathBuf,
        /// Why, for the history
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
        /// The version that it was made from: nothing is done where another one holds
        #[arg(long, value_name = "N")]
        from: Option<u64>,
    },
    /// List the access policies that held
    History(FormatArgs),
    /// Say whether files hold a policy that can be used; asks no gateway
    Check {
        /// The files, which make one policy together
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Say whether somebody may do something, and by which rule
    Test(Box<TestArgs>),
}

#[derive(Debug, Args)]
struct TestArgs {
    /// Who
    #[arg(long = "as", value_name = "USER")]
    user: String,
    /// What they would be, in place of what they are; may be repeated
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<Role>,
    /// On which machine
    #[arg(long = "on", value_name = "AGENT")]
    agent: Option<AgentId>,
    /// What they would do, as policies write it
    #[arg(long, value_name = "ACTION", default_value = "execute")]
    action: String,
    /// Where the agent would run it: auto, local, ssh or ssh:NAME
    #[arg(long, value_name = "TARGET")]
    target: Option<ExecutionTarget>,
    /// The account that it would run as
    #[arg(long, value_name = "ACCOUNT")]
    run_as: Option<String>,
    /// Who has asked for the command, where it is about one
    #[arg(long, value_name = "USER")]
    requested_by: Option<String>,
    /// Ask the policy in this file in place of the one that holds
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// A line of shell
    #[arg(short, long, value_name = "LINE", conflicts_with = "argv")]
    shell: Option<String>,
    /// A line of shell as one word, or a program and its arguments
    #[arg(last = true, value_name = "COMMAND")]
    argv: Vec<String>,
    #[command(flatten)]
    output: FormatArgs,
}

/// Does it.
///
/// # Errors
/// When the gateway refuses, or does not answer; when a file cannot be used.
pub async fn run(args: PolicyArgs, context: &Context) -> anyhow::Result<ExitCode> {
    let Context { out, .. } = context;
    match args.verb {
        Verb::Show { version } => {
            let client = context.client()?;
            let policy = match version {
                None => client.policy().await?,
                Some(version) => {
                    let found = client.policy_history().await?.into_iter().find(|one| one.version == version);
                    found.with_context(|| format!("version {version} is not kept"))?
                }
            };
            if let Some(problem) = &policy.problem {
                out.warning(&format!("a later policy does not hold: {problem}"));
            }
            out.data(&crate::output::sanitize::text(&policy.text))?;
        }
        Verb::Set { file, note, from } => {
            let text = read(&file)?;
            // Said with the name of the file, and before anything is sent.
            Policies::load(&[PolicyFile { name: file.display().to_string(), text: text.clone() }])?;
            let policy = context.client()?.set_policy(&SetPolicy { text, note, version: from }).await?;
            out.say(&format!("version {} of the access policy holds", policy.version));
        }
        Verb::History(format) => {
            let versions = context.client()?.policy_history().await?;
            out.list(format.format, &versions, || overview(&versions))?;
            if versions.is_empty() {
                out.say("nobody has set an access policy: the one that is shipped holds");
            }
        }
        Verb::Check { files } => {
            let files: anyhow::Result<Vec<PolicyFile>> = files
                .iter()
                .map(|file| Ok(PolicyFile { name: file.display().to_string(), text: read(file)? }))
                .collect();
            let policies = Policies::load(&files?)?;
            out.say(&format!("a good policy of {} rules", policies.rules().len()));
        }
        Verb::Test(args) => return test(*args, context).await,
    }
    Ok(ExitCode::SUCCESS)
}

async fn test(args: TestArgs, context: &Context) -> anyhow::Result<ExitCode> {
    let TestArgs { user, roles, agent, action, target, run_as, requested_by, policy, shell, argv, output } = args;
    let text = policy.map(|file| read(&file)).transpose()?;
    // One word with spaces is a line, as people write it behind `--`.
    let (command, argv) = match (shell, argv) {
        (Some(line), _) => (Some(line), None),
        (None, argv) if argv.is_empty() => (None, None),
        (None, argv) => match <[String; 1]>::try_from(argv) {
            Ok([line]) => (Some(line), None),
            Err(argv) => (None, Some(argv)),
        },
    };
    let roles = (!roles.is_empty()).then(|| roles.iter().map(|role| role.as_str().to_owned()).collect());
    let (action, execution_target) = (Some(action), target);
    let test = PolicyTest { user, roles, action, agent, command, argv, execution_target, run_as, requested_by, text };
    let answer = context.client()?.test_policy(&test).await?;
    context.out.one(output.format, &answer, || details(&answer))?;
    Ok(if answer.allowed { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn read(file: &Path) -> anyhow::Result<String> {
    let size = fs::metadata(file).with_context(|| format!("{} cannot be read", file.display()))?.len();
    anyhow::ensure!(size <= MAX_FILE_BYTES, "{} is larger than any policy", file.display());
    fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))
}

fn details(answer: &PolicyAnswer) -> Table {
    let mut table = Table::default();
    table.field("answer", if answer.allowed { "yes" } else { "no" });
    table.field(
        "user",
        format!(
            "{} ({})",
            answer.user,
            if answer.roles.is_empty() { "no role".to_owned() } else { answer.roles.join(", ") }
        ),
    );
    table.field("action", answer.action.as_str());
    for rule in &answer.rules {
        let doc = rule.doc.as_deref().map(|doc| format!(": {doc}")).unwrap_or_default();
        table.field("rule", format!("{}{doc}", rule.id));
    }
    if answer.rules.is_empty() {
        table.field("rule", "none: no rule permits it");
    }
    table.optional_field("risk", answer.verdict.as_ref().map(|verdict| verdict.level.as_str()));
    let ruling = answer.ruling.as_ref();
    table.optional_field(
        "risk policy",
        ruling.map(|ruling| format!("{}: {}", ruling.decision.as_str(), ruling.because)),
    );
    table
}

fn overview(versions: &[PolicyView]) -> Table {
    let mut table = Table::new(["VERSION", "SET", "BY", "NOTE"]);
    for one in versions {
        table.row([
            Cell::from(one.version.to_string()),
            Cell::from(one.at.map_or_else(|| "-".to_owned(), humane::moment)),
            Cell::from(one.author.as_deref().unwrap_or("-")),
            Cell::from(one.note.as_deref().unwrap_or("")),
        ]);
    }
    table
}
