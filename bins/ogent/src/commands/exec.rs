//! `ogent exec`: runs a command on a machine, with its output and its exit code as if it ran here.
//!
//! The arguments become a [`request`]; the [`session`] follows the command to its end, and the [`ending`] says what
//! to exit with. What is said of its risk before it runs comes through the [`gate`].

pub mod ending;
pub(crate) mod gate;
pub mod request;
pub mod session;

use std::process::ExitCode;

use ogent_runtime::{random_secret, shutdown};

pub use request::ExecArgs;
use session::Session;

use super::Context;
use crate::client::ClientError;
use crate::output::report::{self, Hinted};

/// What `ogent exec` exits with when Ogent itself failed, as `docker run` does.
pub const OGENT_FAILED: u8 = 125;

/// Random bytes of a key that we make: no two requests have the same.
const KEY_BYTES: usize = 18;

/// Runs the command.
///
/// # Errors
/// When Ogent cannot run it, or cannot say how it ended.
pub async fn run(args: ExecArgs, context: &Context) -> anyhow::Result<ExitCode> {
    let Context { out, .. } = context;
    let client = context.client()?;
    let request = args.request()?;
    if args.dry_run {
        gate::dry_run(&client.dry_run(&args.agent, &request).await?, args.output, out)?;
        return Ok(ExitCode::SUCCESS);
    }
    // From here on Ctrl-C must reach a command that may have begun already; a second one ends this process.
    let interrupted = (!args.detach).then(shutdown::on_signals).transpose()?;
    let key = match args.idempotency_key.clone() {
        Some(key) => key,
        None => random_secret(KEY_BYTES)?.expose().to_owned(),
    };
    let submitted = match client.execute(&args.agent, &request, &key).await {
        Ok(submitted) => submitted,
        Err(error) => {
            gate::show_refusal(&error, &args.line(), out);
            return Err(explain(error));
        }
    };
    let id = submitted.id.clone();
    gate::show_wait(&submitted, &args.line(), interrupted.is_some(), out);
    let Some(interrupted) = interrupted else {
        out.data(&format!("{id}\n"))?;
        out.hint_to_person(&format!("follow it with: ogent logs -f {id}"));
        return Ok(ExitCode::SUCCESS);
    };
    let mut session = Session::new(client.clone(), id.clone(), out, args.raw);
    let end = match session.attend(&interrupted).await {
        Ok(end) => end,
        Err(error) if report::is_reader_gone(&error) => {
            // As with a local command: nobody can see what it goes on to print, so it should not go on.
            client.cancel(&id, Some("the reader of its output has gone".to_owned())).await?;
            return Err(error);
        }
        Err(error) => {
            let hint = format!("it goes on; follow it with: ogent logs -f {id}");
            return Err(report::Hinted::new(error.context("lost sight of the command"), hint).into());
        }
    };
    if let Some(refused) = &end.refused {
        gate::show_verdict(&refused.verdict, refused.ruling.as_ref(), &args.line(), out);
    }
    if let Some(words) = ending::words(&end) {
        out.error(&words);
        out.hint(&ending::hint(&end, args.words()).unwrap_or_else(|| format!("see: ogent show {id}")));
    }
    Ok(ExitCode::from(ending::exit_code(&end, interrupted.is_cancelled())))
}

/// A request without an answer may have been heard all the same.
fn explain(error: ClientError) -> anyhow::Error {
    if error.is_passing() && !matches!(error, ClientError::Unreachable { .. }) {
        return Hinted::new(error, "the command may run all the same; before you try again, see: ogent history").into();
    }
    error.into()
}
