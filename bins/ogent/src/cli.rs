//! Receives the words of the command line, gives them to the command that they name.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, ColorChoice, CommandFactory as _, Parser, Subcommand};
use tokio::runtime::{self, Runtime};

use crate::client::Trust;
use crate::commands::agents::{self, AgentsArgs};
use crate::commands::analyze::{self, AnalyzeArgs};
use crate::commands::approvals::{self, ApprovalsArgs};
use crate::commands::approve::{self, ApproveArgs};
use crate::commands::audit::{self, AuditArgs};
use crate::commands::cancel::{self, CancelArgs};
use crate::commands::completions::{self, CompletionsArgs};
use crate::commands::deny::{self, DenyArgs};
use crate::commands::exec::{self, ExecArgs};
use crate::commands::history::{self, HistoryArgs};
use crate::commands::login::{self, LoginArgs};
use crate::commands::logs::{self, LogsArgs};
use crate::commands::policy::{self, PolicyArgs};
use crate::commands::sessions::{self, SessionsArgs};
use crate::commands::show::{self, ShowArgs};
use crate::commands::tokens::{self, TokensArgs};
use crate::commands::users::{self as people, UsersArgs};
use crate::commands::verify::{self, VerifyArgs};
use crate::commands::whoami::{self, WhoamiArgs};
use crate::commands::{Context, logout};
use crate::init::{self, InitArgs};
use crate::nats::NatsArgs;
use crate::output::{Output, report};
use crate::setup::{self, SetupArgs};
use crate::sign::{self, SignArgs};
use crate::up::UpArgs;
use crate::users::{self, HashPasswordArgs};

const EXAMPLES: &str = "\
Examples:
  ogent up                                   start everything on this machine
  ogent login                                log in to it
  ogent agents                               see which machines there are
  ogent exec web-1 -- uname -a               run a program on one
  ogent exec web-1 -s 'df -h | sort -k5'     run a line of shell
  ogent analyze 'rm -rf \"$DIR\"/'             see what a line would do, without running it
  ogent approvals                            see what waits for somebody to approve it
  ogent history --since 1h                   see what was run

`ogent help COMMAND` shows more of each.";

/// Run commands on any machine of a fleet, and keep a record of each.
#[derive(Debug, Parser)]
#[command(name = "ogent", version, after_help = EXAMPLES)]
pub struct Cli {
    #[command(flatten)]
    global: GlobalArgs,

    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
struct GlobalArgs {
    /// The gateway to talk to
    #[arg(long, global = true, value_name = "URL", env = "OGENT_URL", default_value = "http://127.0.0.1:8001")]
    url: OsString,

    /// Certificates of the authority that made the gateway's certificate, in PEM; nobody else is believed then
    #[arg(long, global = true, value_name = "FILE", env = "OGENT_CA")]
    ca: Option<OsString>,

    /// When to use colours; auto honours NO_COLOR
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = ColorChoice::Auto)]
    color: ColorChoice,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Start broker, gateway, analyst and an agent on this machine
    Up(Box<UpArgs>),
    #[command(flatten)]
    Client(ClientVerb),
    /// Make the identities, certificates and broker configuration of an installation
    Init(Box<InitArgs>),
    /// Find or install the broker's program, nats-server
    Nats(NatsArgs),
    /// Make the streams and buckets on a NATS server of your own
    Setup(Box<SetupArgs>),
    /// Print the line by which somebody may log in
    HashPassword(HashPasswordArgs),
    /// Sign a command with a key of your own, to publish it by hand
    Sign(Box<SignArgs>),
    /// Print completions for a shell
    Completions(CompletionsArgs),
    /// The agent that `ogent up` starts
    #[command(hide = true)]
    RunAgent(Box<ogent_agent::AgentArgs>),
    /// The small program that starts commands for the agent
    #[command(hide = true)]
    Launch(ogent_agent::launch::LaunchArgs),
}

/// The commands that talk to a gateway.
#[derive(Debug, Subcommand)]
enum ClientVerb {
    /// Log in to a gateway
    Login(LoginArgs),
    /// End the session at the gateway, and forget the login
    Logout,
    /// Show who you are at the gateway
    Whoami(WhoamiArgs),
    /// Show where you are logged in, and end it
    Sessions(SessionsArgs),
    /// Make API tokens for machines, show and revoke them
    Tokens(TokensArgs),
    /// Show what happened to people and identities
    Audit(AuditArgs),
    /// Show which machines there are
    Agents(AgentsArgs),
    /// Show what a command would do, without running it
    Analyze(Box<AnalyzeArgs>),
    /// Run a command on a machine
    Exec(Box<ExecArgs>),
    /// Show which commands wait for somebody to approve them
    Approvals(ApprovalsArgs),
    /// Let a command run that waits for it
    Approve(ApproveArgs),
    /// Say no to a command that waits for its approval
    Deny(DenyArgs),
    /// Show which commands were run
    History(HistoryArgs),
    /// Show one command in full
    Show(ShowArgs),
    /// Show what a command printed
    Logs(LogsArgs),
    /// Ask for a command to be ended
    Cancel(CancelArgs),
    /// Show and change who may log in
    Users(UsersArgs),
    /// Show, change and try the access policy: who may do what
    Policy(PolicyArgs),
    /// Prove what was asked for, who approved it and what came out
    Verify(VerifyArgs),
}

/// The whole program.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let out = Output::new(cli.global.color);
    let failure_code = cli.verb.failure_code();
    match cli.verb.run(&cli.global, &out) {
        Ok(code) => code,
        Err(error) => report::failure(&out, &error, failure_code),
    }
}

// === impl GlobalArgs ===

impl GlobalArgs {
    /// What the commands are given that talk to a gateway. The others run whatever `OGENT_URL` is: in the environment
    /// of somebody's command it may be anything.
    fn context(&self, out: &Output) -> Result<Context, clap::Error> {
        let text = self.url.to_string_lossy();
        let url = text.parse().map_err(|error| {
            Cli::command()
                .error(ErrorKind::ValueValidation, format!("invalid value '{text}' for '--url <URL>': {error}"))
        })?;
        let trust = Trust::from_file(self.ca.as_deref().map(Path::new)).map_err(|error| {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            Cli::command().error(ErrorKind::ValueValidation, format!("invalid value for '--ca <FILE>': {error}{cause}"))
        })?;
        Ok(Context { url, trust, out: out.clone() })
    }
}

// === impl Verb ===

impl Verb {
    /// What the program exits with when it fails by itself: `exec` must leave the small codes to the command.
    fn failure_code(&self) -> u8 {
        match self {
            Self::Client(ClientVerb::Exec(_)) => exec::OGENT_FAILED,
            Self::Client(ClientVerb::Policy(_)) => policy::FAILED,
            _ => 1,
        }
    }

    fn run(self, global: &GlobalArgs, out: &Output) -> anyhow::Result<ExitCode> {
        match self {
            Self::Up(args) => Runtime::new()?.block_on(crate::up::run(*args)),
            Self::Nats(args) => Runtime::new()?.block_on(crate::nats::run(args)),
            Self::Init(args) => {
                init::run(&args, out)?;
                Ok(ExitCode::SUCCESS)
            }
            Self::Setup(args) => {
                Runtime::new()?.block_on(setup::run(*args, out))?;
                Ok(ExitCode::SUCCESS)
            }
            Self::RunAgent(args) => ogent_agent::run_process(*args).map(|()| ExitCode::SUCCESS),
            // No thread has been started before this, so the program begins in a clean process.
            Self::Launch(args) => Ok(ogent_agent::launch::become_program(&args)),
            Self::HashPassword(args) => {
                users::run(&args, out)?;
                Ok(ExitCode::SUCCESS)
            }
            Self::Sign(args) => {
                sign::run(*args, out)?;
                Ok(ExitCode::SUCCESS)
            }
            Self::Completions(args) => {
                completions::run(&args, out)?;
                Ok(ExitCode::SUCCESS)
            }
            // Nobody is asked: neither the gateway's URL nor a runtime matters.
            Self::Client(ClientVerb::Analyze(args)) if !args.needs_gateway() => analyze::run_offline(&args, out),
            Self::Client(verb) => {
                let context = global.context(out).unwrap_or_else(|error| error.exit());
                // One thread beside this one: it hears Ctrl-C even while this one waits for somebody to read its output.
                let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
                runtime.block_on(verb.run(&context))
            }
        }
    }
}

// === impl ClientVerb ===

impl ClientVerb {
    async fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        match self {
            Self::Analyze(args) => return analyze::run(*args, context).await,
            Self::Exec(args) => return exec::run(*args, context).await,
            Self::Policy(args) => return policy::run(args, context).await,
            Self::Users(args) => people::run(args, context).await,
            Self::Verify(args) => return verify::run(args, context).await,
            Self::Approvals(args) => approvals::run(args, context).await,
            Self::Approve(args) => approve::run(args, context).await,
            Self::Deny(args) => deny::run(args, context).await,
            Self::Login(args) => login::run(args, context).await,
            Self::Logout => logout::run(context).await,
            Self::Whoami(args) => whoami::run(args, context).await,
            Self::Sessions(args) => sessions::run(args, context).await,
            Self::Tokens(args) => tokens::run(args, context).await,
            Self::Audit(args) => audit::run(args, context).await,
            Self::Agents(args) => agents::run(args, context).await,
            Self::History(args) => history::run(args, context).await,
            Self::Show(args) => show::run(args, context).await,
            Self::Logs(args) => logs::run(args, context).await,
            Self::Cancel(args) => cancel::run(args, context).await,
        }?;
        Ok(ExitCode::SUCCESS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_for_people_has_examples() {
        let mut cli = Cli::command();
        cli.build();
        for command in cli.get_subcommands().filter(|it| !it.is_hide_set()) {
            if ["help", "logout", "nats"].contains(&command.get_name()) {
                continue;
            }
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Examples:\n  ogent "), "{}", command.get_name());
        }
    }

    #[test]
    fn only_exec_keeps_the_small_codes_free() {
        let code = |words: &[&str]| Cli::try_parse_from(words).unwrap().verb.failure_code();
        assert_eq!(code(&["ogent", "exec", "web-1", "--", "id"]), 125);
        assert_eq!(code(&["ogent", "history"]), 1);
    }

    #[test]
    fn the_gateway_may_be_named_before_or_after_the_command() {
        for words in [["ogent", "--url", "http://h:1", "agents"], ["ogent", "agents", "--url", "http://h:1"]] {
            let context = Cli::try_parse_from(words).unwrap().global.context(&Output::new(ColorChoice::Never));
            assert_eq!(context.unwrap().url.to_string(), "http://h:1");
        }
        let wrong = Cli::try_parse_from(["ogent", "agents", "--url", "h:1"]).unwrap();
        assert_eq!(wrong.global.context(&Output::new(ColorChoice::Never)).unwrap_err().exit_code(), 2);
    }
}
