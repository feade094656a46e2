//! Receives what the parts log, gives it to stderr as text or JSON.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For programs: one JSON object a line.
    Json,
}

/// Starts logging. `OGENT_LOG` says what is logged (`info`, `ogent_agent=debug,warn`, …); `default_filter` where it
/// is not set. `OGENT_LOG_FORMAT=json` overrides `format`. A second call does nothing.
pub fn init(format: LogFormat, default_filter: &str) {
    let filter = EnvFilter::try_from_env("OGENT_LOG").unwrap_or_else(|_| EnvFilter::new(default_filter));
    let as_json = format == LogFormat::Json || std::env::var("OGENT_LOG_FORMAT").is_ok_and(|value| value == "json");
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    // Only the first subscriber of a process counts; tests run several parts in one.
    let _ = if as_json {
        builder.json().flatten_event(true).try_init()
    } else {
        let wants_colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        builder.with_target(false).with_ansi(wants_colour).try_init()
    };
}
