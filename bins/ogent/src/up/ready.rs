//! Receives the start of one part, gives it a deadline and a name by which its failure is known.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, anyhow};

/// Lines of a child's log that are shown when it fails.
const LOG_LINES: usize = 20;

/// More than [`LOG_LINES`] lines of nats-server need.
const LOG_BYTES: u64 = 16 * 1024;

/// Does one step of the start. Its failure, and its being late, carry the step's name.
pub(crate) async fn step<T>(
    name: &str,
    within: Duration,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    match tokio::time::timeout(within, work).await {
        Ok(outcome) => outcome.with_context(|| format!("{name} failed")),
        Err(_) => Err(anyhow!("{name} took longer than {} s", within.as_secs())),
    }
}

/// The end of a log, below its name; nothing if there is none.
pub(crate) fn log_end(path: &Path) -> String {
    let text = read_end(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(LOG_LINES);
    let end: String = lines.iter().skip(from).map(|line| format!("\n  {line}")).collect();
    if end.is_empty() { end } else { format!("\nthe end of {}:{end}", path.display()) }
}

fn read_end(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(LOG_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::future::pending;

    use super::*;

    #[tokio::test]
    async fn a_late_step_is_named() {
        let error = step::<()>("connecting to NATS", Duration::ZERO, pending()).await.unwrap_err();
        assert_eq!(error.to_string(), "connecting to NATS took longer than 0 s");
        let error = step::<()>("connecting to NATS", Duration::from_secs(9), async { Err(anyhow!("no")) }).await;
        assert_eq!(format!("{:#}", error.unwrap_err()), "connecting to NATS failed: no");
    }

    #[test]
    fn the_last_lines_of_a_log_are_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nats.log");
        assert_eq!(log_end(&path), "");
        let lines: Vec<String> = (1..=100).map(|n| format!("line {n}")).collect();
        fs::write(&path, lines.join("\n")).unwrap();
        let end = log_end(&path);
        assert!(end.contains("\n  line 81\n") && end.ends_with("\n  line 100") && !end.contains("line 80"), "{end}");
    }
}
