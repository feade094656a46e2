//! `ogent up`: receives what the user wants to run here, starts broker, analyst, gateway and agent, and stops them
//! together.
//!
//! In the order of a start: [`args`] are read, the [`data_dir`] is locked, [`leftovers`] of an earlier start are
//! ended, [`secrets`], [`identities`] and [`ports`] are made sure of; then [`mod@start`] brings up the [`broker`] and the other
//! [`parts`], each with its own [`access`], and the [`banner`] says how to use them. After that the [`stack`] is
//! watched, perhaps beside a [`command`], until one of the [`signals`] or the death of a part ends it.

mod access;
mod args;
mod banner;
mod broker;
mod child;
mod command;
mod data_dir;
mod family;
mod identities;
mod leftovers;
mod parts;
mod plan;
mod ports;
mod ready;
mod secrets;
mod signals;
mod stack;
mod start;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::ColorChoice;
use nix::sys::signal::Signal;
use ogent_broker::LOG_FILTER;
use ogent_runtime::telemetry::{self, LogFormat};

pub use self::args::{ExternalArgs, TokenArgs, UpArgs};
use self::banner::Report;
use self::command::CommandEnd;
use self::data_dir::DataDir;
use self::signals::Signals;
use self::stack::{Death, Stack};
use self::start::{Plan, Ready, start};
use crate::output::{Output, format};

/// How it came to an end.
#[derive(Debug)]
enum Ending {
    /// The user stopped what was running.
    Stopped,
    /// The user stopped it before it was ready, or a second time.
    Interrupted(Signal),
    /// The program ended, with this exit code.
    Program(u8),
    /// A part died.
    Died(Death),
}

/// Starts everything and stays until it is stopped. Has to be awaited on the main thread: on Linux, the children end
/// when the thread that started them does.
///
/// # Errors
/// When a step of the start fails; what was started until then is stopped.
pub async fn run(args: UpArgs) -> anyhow::Result<ExitCode> {
    // What the broker client has to say is said again, in our words, by those who use it.
    telemetry::init(LogFormat::Text, &format!("warn,{LOG_FILTER}"));
    let out = Output::new(ColorChoice::Auto);
    let program = plan::program(&args, &out)?;
    let data = if args.ephemeral { DataDir::ephemeral()? } else { DataDir::open(&args.data_dir)? };
    tidy(&data, &out).await;
    let (view, plan) = plan::make(args, program, &data)?;
    let mut signals = Signals::listen().context("signals cannot be listened to")?;
    let mut stack = Stack::default();
    let ending = live(&mut stack, plan, &view, &data, &mut signals, &out).await;
    let stopped = stack.stop(&mut signals).await;
    leftovers::Running::clear(&data);
    let ending = ending?;
    Ok(match (ending, stopped) {
        (Ending::Died(death), _) => {
            out.error(&death.describe(&data));
            ExitCode::FAILURE
        }
        (Ending::Program(code), _) => ExitCode::from(code),
        (Ending::Interrupted(signal), _) | (Ending::Stopped, Err(signal)) => ExitCode::from(signal_code(signal)),
        (Ending::Stopped, Ok(())) => ExitCode::SUCCESS,
    })
}

/// Ends and removes what earlier starts have left, in this folder and in temporary ones.
async fn tidy(data: &DataDir, out: &Output) {
    leftovers::end(data, out).await;
    for abandoned in DataDir::abandoned() {
        leftovers::end(&abandoned, out).await;
        if let Err(error) = abandoned.remove() {
            tracing::debug!(%error, "a temporary folder of an earlier start was not removed");
        }
    }
}

async fn live(
    stack: &mut Stack,
    plan: Plan,
    view: &plan::View,
    data: &DataDir,
    signals: &mut Signals,
    out: &Output,
) -> anyhow::Result<Ending> {
    let ready = tokio::select! {
        ready = start(stack, plan, data) => ready?,
        signal = signals.next() => return Ok(Ending::Interrupted(signal)),
    };
    announce(&ready, view, data, stack, out)?;
    if !view.command.is_empty() {
        return with_program(stack, &ready, view, signals).await;
    }
    Ok(tokio::select! {
        death = stack.death() => Ending::Died(death),
        _ = signals.next() => {
            if !view.is_json {
                out.say("\nstopping …");
            }
            Ending::Stopped
        }
    })
}

fn announce(ready: &Ready, view: &plan::View, data: &DataDir, stack: &Stack, out: &Output) -> anyhow::Result<()> {
    view.warnings.iter().for_each(|warning| out.warning(warning));
    if view.is_json {
        out.data(&format::json_line(&Report::new(ready, data, stack))?)?;
    } else if view.command.is_empty() {
        out.say(&banner::text(ready, data));
    } else {
        out.say(&banner::short(ready, data));
    }
    Ok(())
}

async fn with_program(
    stack: &mut Stack,
    ready: &Ready,
    view: &plan::View,
    signals: &mut Signals,
) -> anyhow::Result<Ending> {
    let mut program = command::spawn(&view.command, ready)?;
    let ending = tokio::select! {
        end = command::wait(&mut program, signals) => match end {
            CommandEnd::Itself(code) => Ending::Program(code),
            CommandEnd::Signals(signal) => Ending::Interrupted(signal),
        },
        death = stack.death() => Ending::Died(death),
    };
    // It is still there only if a part died under it.
    program.stop(command::GRACE).await;
    Ok(ending)
}

fn signal_code(signal: Signal) -> u8 {
    u8::try_from(128 + signal as i32).unwrap_or(1)
}
