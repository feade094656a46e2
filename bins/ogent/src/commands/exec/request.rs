//! Receives the arguments of `ogent exec`, gives the request for the gateway.

use std::env;
use std::io::{self, Read};
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use ogent_protocol::rest::ExecuteRequest;
use ogent_protocol::{AgentId, ExecutionTarget, Program, limits};

use crate::output::format::Format;
use crate::output::humane;
use crate::output::report::Hinted;

const EXAMPLES: &str = "\
Examples:
  ogent exec web-1 -- uname -a
  ogent exec web-1 -s 'df -h | sort -k5'
  ogent exec web-1 --cwd /srv/app -e LEVEL=debug --timeout 5m -- ./migrate --all
  ogent exec web-1 -i -- sh -s < fix.sh
  ogent exec web-1 --detach --queue -- apt-get -y upgrade
  ogent exec web-1 --dry-run -s 'rm -rf /srv/old/*'

Words after -- are a program and its arguments: no shell looks at them, so 'a b' stays one word and | and * mean \
nothing. For pipes, globs and variables give one line to the machine's shell with -s.

Before it runs the command is judged. With --dry-run that is all, and the verdict is shown. Where policy asks for it, the \
command waits until somebody else has approved it (`ogent approve ID`), and this program waits with it; Ctrl-C withdraws \
it, --detach leaves it waiting. What policy blocks is refused, with the verdict.

Exit code: the command's own; or 124 when it took too long, 125 when Ogent could not run it or does not know its end \
(no login, no such agent, offline, blocked, denied, not approved in time, rejected, expired, lost), 126 when it could not be started, 127 when there is no \
such program, 128+n when signal n ended it, 130 when it was cancelled. Ctrl-C cancels the command and waits for its \
end; a second one leaves at once.";

/// What `ogent exec` takes.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ExecArgs {
    /// The machine to run it on (see `ogent agents`)
    pub(super) agent: AgentId,

    /// A program and its arguments, run without a shell
    #[arg(last = true, value_name = "CMD", required_unless_present = "shell")]
    command: Vec<String>,

    /// A line for the machine's shell (/bin/sh -c), instead of CMD
    #[arg(long, short = 's', value_name = "LINE", conflicts_with = "command")]
    shell: Option<String>,

    /// Folder to run it in
    #[arg(long, value_name = "PATH")]
    cwd: Option<String>,

    /// Variable to set; NAME alone takes its value from here. May be given several times
    #[arg(long = "env", short = 'e', value_name = "NAME=VALUE")]
    variables: Vec<Variable>,

    /// Account to run it as, where the agent may change to it
    #[arg(long, value_name = "NAME")]
    user: Option<String>,

    /// How long it may run: 30s, 5m, 1h30m [default: 1h]
    #[arg(long, value_name = "TIME", value_parser = humane::parse_duration)]
    timeout: Option<Duration>,

    /// Send our stdin to it, up to 64 KiB
    #[arg(long, short = 'i')]
    stdin: bool,

    /// Where the agent runs it: auto, local, ssh or ssh:NAME
    #[arg(long, value_name = "TARGET")]
    target: Option<ExecutionTarget>,

    /// Let it wait if the agent is offline, instead of failing
    #[arg(long)]
    queue: bool,

    /// Print the command's id and leave it running
    #[arg(long, short = 'd')]
    pub(super) detach: bool,

    /// Only say what it would do and what would become of it; nothing is kept, nothing is run
    #[arg(long, conflicts_with_all = ["detach", "idempotency_key", "raw"])]
    pub(super) dry_run: bool,

    /// How --dry-run writes it
    #[arg(
        short = 'o',
        long,
        visible_alias = "format",
        value_name = "FORMAT",
        value_enum,
        default_value_t,
        requires = "dry_run"
    )]
    pub(super) output: Format,

    /// Let somebody else approve it first, also where the gateway's policy would let it run
    #[arg(long)]
    ask: bool,

    /// Why, for the history, and for whoever has to approve it
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,

    /// How much of its output to keep: 64KiB, 100MiB [default: 10MiB]
    #[arg(long, value_name = "SIZE", value_parser = humane::parse_size)]
    max_output: Option<u64>,

    /// Names this request: with the same key it is run once, however often you ask
    #[arg(long, value_name = "KEY", value_parser = key)]
    pub(super) idempotency_key: Option<String>,

    /// Let control characters in its output through to the terminal
    #[arg(long)]
    pub(super) raw: bool,
}

/// A variable for the command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    name: String,
    value: String,
}

// === impl ExecArgs ===

impl ExecArgs {
    /// What to send. Reads stdin if that was asked for.
    ///
    /// # Errors
    /// When stdin cannot be read or holds too much.
    pub fn request(&self) -> anyhow::Result<ExecuteRequest> {
        let stdin = if self.stdin { Some(read_stdin(io::stdin().lock())?.into()) } else { None };
        Ok(ExecuteRequest {
            command: self.shell.clone(),
            argv: self.shell.is_none().then(|| self.command.clone()),
            execution_target: self.target.clone(),
            cwd: self.cwd.clone(),
            env: self.variables.iter().map(|it| (it.name.clone(), it.value.clone())).collect(),
            stdin,
            user: self.user.clone(),
            timeout_s: self.timeout.map(|timeout| timeout.as_secs_f64()),
            not_after: None,
            max_output_bytes: self.max_output,
            reason: self.reason.clone(),
            queue: self.queue,
            dry_run: false,
            ask: self.ask,
        })
    }

    /// The command as a person would type it.
    #[must_use]
    pub fn line(&self) -> String {
        match &self.shell {
            Some(line) => line.clone(),
            None => Program::Argv(self.command.clone()).to_string(),
        }
    }

    /// The program and its arguments, where there is no line for a shell.
    #[must_use]
    pub fn words(&self) -> &[String] {
        &self.command
    }
}

/// What fits into a header and means one thing there.
fn key(text: &str) -> Result<String, &'static str> {
    let is_plain = |b: u8| b.is_ascii_graphic() && b != b'"' && b != b'\\';
    let is_key = (1..=255).contains(&text.len()) && text.bytes().all(is_plain);
    if is_key { Ok(text.to_owned()) } else { Err("a key has 1 to 255 visible ASCII characters") }
}

fn read_stdin(from: impl Read) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(limits::MAX_STDIN_BYTES as u64 + 1).read_to_end(&mut bytes).context("stdin cannot be read")?;
    if bytes.len() > limits::MAX_STDIN_BYTES {
        let error = anyhow::anyhow!("stdin has more than {}", humane::size(limits::MAX_STDIN_BYTES as u64));
        bail!(Hinted::new(error, "let the command fetch the data itself: what is sent becomes part of the history"));
    }
    Ok(bytes)
}

// === impl Variable ===

impl FromStr for Variable {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, value.to_owned()),
            None => (text, env::var(text).map_err(|_| format!("{text} is not set here; write {text}=VALUE"))?),
        };
        if name.is_empty() {
            return Err("a variable is written like NAME=VALUE".to_owned());
        }
        Ok(Self { name: name.to_owned(), value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        exec: ExecArgs,
    }

    fn request(words: &[&str]) -> Result<ExecuteRequest, String> {
        let cli = Cli::try_parse_from([&["exec"], words].concat()).map_err(|error| error.to_string())?;
        Ok(cli.exec.request().unwrap())
    }

    #[test]
    fn words_stay_words_and_a_line_stays_a_line() {
        let words = request(&["web-1", "--", "ls", "-la", "a b"]).unwrap();
        assert_eq!((words.argv.unwrap(), words.command), (vec!["ls".into(), "-la".into(), "a b".into()], None));
        let line = request(&["web-1", "-s", "ls | wc"]).unwrap();
        assert_eq!((line.command.as_deref(), line.argv), (Some("ls | wc"), None));
        assert!(!line.ask && request(&["web-1", "--ask", "--", "id"]).unwrap().ask);
    }

    #[test]
    fn flags_reach_the_request() {
        let request = request(&[
            "web-1",
            "--cwd",
            "/srv",
            "-e",
            "A=b=c",
            "-e",
            "E=",
            "--env",
            "PATH",
            "--timeout",
            "1m30s",
            "--user",
            "www",
            "--target",
            "ssh:db1",
            "--queue",
            "--reason",
            "why",
            "--max-output",
            "64k",
            "--",
            "id",
        ])
        .unwrap();
        assert_eq!((request.env["A"].as_str(), request.env["E"].as_str()), ("b=c", ""));
        assert_eq!(request.env["PATH"], env::var("PATH").unwrap());
        assert_eq!((request.timeout_s, request.max_output_bytes), (Some(90.0), Some(65536)));
        assert_eq!(request.execution_target, Some(ExecutionTarget::SshNamed("db1".into())));
        assert!(request.queue && request.cwd.as_deref() == Some("/srv") && request.user.as_deref() == Some("www"));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for words in [
            &["web-1"][..],
            &["web-1", "--"],
            &["web-1", "uptime"],
            &["web.1", "--", "id"],
            &["web-1", "-s", "id", "--", "id"],
            &["web-1", "-e", "=x", "--", "id"],
            &["web-1", "-e", "OGENT_TEST_THIS_IS_NOT_SET", "--", "id"],
            &["web-1", "--timeout", "soon", "--", "id"],
            &["web-1", "--target", "moon", "--", "id"],
            &["web-1", "--idempotency-key", "a b", "--", "id"],
            &["web-1", "--dry-run", "--detach", "--", "id"],
            &["web-1", "-o", "json", "--", "id"],
        ] {
            assert!(request(words).is_err(), "{words:?}");
        }
    }

    #[test]
    fn stdin_has_a_bound() {
        assert_eq!(read_stdin(&b"a\0b"[..]).unwrap(), b"a\0b");
        assert_eq!(read_stdin(io::repeat(b'x').take(65536)).unwrap().len(), 65536);
        assert!(read_stdin(io::repeat(b'x')).unwrap_err().to_string().contains("64.0 KiB"));
    }
}
