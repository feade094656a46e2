//! `ogent sign`: receives a command and a person's own key, gives the message by which an agent that trusts that person
//! runs it, to be published by hand. Asks nobody.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use jiff::{SignedDuration, Timestamp};
use ogent_broker::credentials::SignerRole;
use ogent_broker::sign::Signer;
use ogent_protocol::intent::IntentType;
use ogent_protocol::limits::{DEFAULT_START_WITHIN, MAX_INTENT_BYTES, MAX_START_WITHIN};
use ogent_protocol::{AgentId, CommandId, Encoding, IntentWire, Purpose, subject};
use serde::Serialize;

use crate::output::format::Format;
use crate::output::table::Table;
use crate::output::{Output, humane};

const EXAMPLES: &str = "\
Examples:
  ogent sign --agent web-1 --key alice.sign -- uptime
  ogent sign --agent web-1 --key alice.sign -s 'df -h | sort -k5' | sh
  ogent sign --agent web-1 --key alice.sign --cancel ID

The line that it prints asks the agent by `nats req`, for which you need a connection of your own (`nats context`). The agent \
takes it where it was started with --trust-person alice.";

/// What `ogent sign` takes.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SignArgs {
    /// The program and its arguments
    #[arg(last = true, required_unless_present_any = ["shell", "cancel"], conflicts_with_all = ["shell", "cancel"], value_name = "COMMAND")]
    command: Vec<String>,

    /// A line of shell instead
    #[arg(long, short = 's', value_name = "LINE", conflicts_with = "cancel")]
    shell: Option<String>,

    /// Ask for this command to be ended instead
    #[arg(long, value_name = "ID", conflicts_with_all = ["id", "cwd", "user", "timeout", "within"])]
    cancel: Option<CommandId>,

    /// The agent that it is for
    #[arg(long, value_name = "AGENT")]
    agent: AgentId,

    /// Your signer file
    #[arg(long, value_name = "FILE", env = "OGENT_PERSON_KEY")]
    key: PathBuf,

    /// Name of the command [default: a new one]
    #[arg(long, value_name = "ID")]
    id: Option<CommandId>,

    /// Folder to run it in
    #[arg(long, value_name = "DIR")]
    cwd: Option<String>,

    /// Account to run it as, where the agent may change to it
    #[arg(long, value_name = "NAME")]
    user: Option<String>,

    /// How long it may run: 30s, 5m, 1h30m [default: 1h]
    #[arg(long, value_name = "TIME", value_parser = humane::parse_duration)]
    timeout: Option<Duration>,

    /// How long the signature counts: it has to be started by then [default: 5m]
    #[arg(long, value_name = "TIME", value_parser = humane::parse_duration)]
    within: Option<Duration>,

    /// Why, for the history
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,

    /// Print subject, headers and payload as JSON instead of a line for the shell
    #[arg(long)]
    json: bool,
}

/// A message to publish.
#[derive(Debug, Serialize)]
struct Letter {
    subject: String,
    headers: BTreeMap<&'static str, String>,
    payload: String,
}

/// Prints the message.
///
/// # Errors
/// When the key cannot be used, or the command is not one.
pub(crate) fn run(args: SignArgs, out: &Output) -> anyhow::Result<()> {
    let signer = Signer::load(&args.key, SignerRole::Person);
    let signer = signer.with_context(|| format!("{} cannot be used", args.key.display()))?;
    let is_json = args.json;
    let letter = letter(args, &signer)?;
    match is_json {
        true => out.one(Format::Json, &letter, Table::default)?,
        false => out.data(&letter.line())?,
    }
    Ok(())
}

fn letter(args: SignArgs, signer: &Signer) -> anyhow::Result<Letter> {
    let agent = args.agent.clone();
    let wire = wire(args, signer)?;
    // The agent would say the same, but later.
    wire.clone().admit(CommandId::generate)?;
    let payload = String::from_utf8(Encoding::Json.encode(&wire)?)?;
    // `nats` takes two braces for a template of its own. In JSON they stand in strings only.
    let payload = payload.replace("{{", r"\u007b{");
    anyhow::ensure!(payload.len() <= MAX_INTENT_BYTES, "the command is too large for one message");
    let seal = signer.seal(Purpose::Intent, payload.as_bytes(), None)?;
    Ok(Letter { subject: subject::exec(&agent), headers: seal.headers().into_iter().collect(), payload })
}

fn wire(args: SignArgs, signer: &Signer) -> anyhow::Result<IntentWire> {
    let now = Timestamp::now();
    let asked = IntentWire {
        agent: Some(args.agent),
        requested_by: Some(signer.who().name),
        requested_at: Some(now),
        reason: args.reason,
        ..IntentWire::default()
    };
    if let Some(id) = args.cancel {
        return Ok(IntentWire { kind: IntentType::Cancel, id: Some(id), ..asked });
    }
    let within = args.within.unwrap_or(DEFAULT_START_WITHIN);
    anyhow::ensure!(within <= MAX_START_WITHIN, "--within is more than {} days", MAX_START_WITHIN.as_secs() / 86_400);
    Ok(IntentWire {
        id: Some(args.id.unwrap_or_else(CommandId::generate)),
        argv: args.shell.is_none().then_some(args.command),
        command: args.shell,
        cwd: args.cwd,
        user: args.user,
        timeout_s: args.timeout.map(|timeout| timeout.as_secs_f64()),
        not_after: Some(now.checked_add(SignedDuration::try_from(within)?)?),
        ..asked
    })
}

// === impl Letter ===

impl Letter {
    /// As a line for the shell.
    fn line(&self) -> String {
        let Self { subject, headers, payload } = self;
        let headers: String =
            headers.iter().map(|(name, value)| format!(" -H {}", quoted(&format!("{name}:{value}")))).collect();
        format!("nats req {subject} {}{headers} --timeout 1h\n", quoted(payload))
    }
}

/// One word for a shell, whatever it holds.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;
    use ogent_broker::credentials::{Certificate, Key, KeyKind, SignerFile};
    use ogent_protocol::Intent;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: SignArgs,
    }

    fn signed(words: &[&str]) -> anyhow::Result<Letter> {
        let (role, key) = (Key::generate(KeyKind::Account), Key::generate(KeyKind::User));
        let name = "alice".parse().unwrap();
        let person = SignerRole::Person;
        let certificate = Certificate::issue(&role, person, &name, &key.public(), Timestamp::now(), None).unwrap();
        let signer = Signer::new(SignerFile { certificate, key });
        let words = ["sign", "--agent", "web-1", "--key", "f"].iter().chain(words);
        letter(Line::try_parse_from(words).unwrap().args, &signer)
    }

    fn admitted(letter: &Letter) -> Intent {
        let wire: IntentWire = serde_json::from_str(&letter.payload).unwrap();
        wire.admit(|| unreachable!()).unwrap()
    }

    #[test]
    fn what_is_signed_names_everything() {
        let letter = signed(&["--", "echo", "{{.}}", "it's"]).unwrap();
        let Intent::Run(run) = admitted(&letter) else { panic!() };
        assert_eq!(run.program.to_string(), r"echo '{{.}}' 'it'\''s'");
        assert!(run.agent.is_some() && run.not_after.is_some() && run.requested_by.as_deref() == Some("alice"));
        assert!(!letter.payload.contains("{{"));
        let line = letter.line();
        assert!(line.starts_with("nats req agents.web-1.exec '{") && line.contains(" -H 'Ogent-Signature:"), "{line}");
        assert!(
            matches!(admitted(&signed(&["--cancel", "c1"]).unwrap()), Intent::Cancel(cancel) if cancel.agent.is_some())
        );
        assert!(signed(&["--within", "30d", "--", "true"]).is_err());
        assert!(signed(&["--cwd", "not/absolute", "--", "true"]).is_err());
    }

    #[test]
    fn a_shell_gives_back_what_was_quoted() {
        for text in ["", "it's", "a b", "$(x) `y` \\ \"", "'''"] {
            let told = std::process::Command::new("sh").args(["-c", &format!("printf %s {}", quoted(text))]).output();
            assert_eq!(String::from_utf8(told.unwrap().stdout).unwrap(), text);
        }
    }
}
