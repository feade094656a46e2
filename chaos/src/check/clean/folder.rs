//! A clean run in a folder.

use crate::check::Files;
use crate::evidence::Evidence;

/// A clean run in a folder, for those who read files.
pub(crate) struct CleanRun(pub(super) Files);

impl Default for CleanRun {
    fn default() -> Self {
        Self(super::files())
    }
}

impl CleanRun {
    /// The first command starts once more.
    pub(crate) fn start_twice(&mut self) {
        self.0.witnessed.push(self.0.witnessed[0].clone());
    }

    /// Writes it; the folder goes with the first value.
    pub(crate) fn write(&self) -> (tempfile::TempDir, Evidence) {
        let dir = tempfile::tempdir().unwrap();
        let evidence = Evidence::at(dir.path());
        let Files { run, witnessed, client, faults, samples, alive, ledger, told } = &self.0;
        std::fs::write(evidence.path("run.json"), serde_json::to_string_pretty(run).unwrap()).unwrap();
        lines(&evidence, "witness.jsonl", witnessed);
        lines(&evidence, "client.jsonl", client);
        lines(&evidence, "faults.jsonl", faults);
        lines(&evidence, "samples.jsonl", samples);
        lines(&evidence, "alive.jsonl", alive);
        lines(&evidence, "ledger.jsonl", ledger);
        lines(&evidence, "gateways.jsonl", told);
        (dir, evidence)
    }
}

fn lines<T: serde::Serialize>(evidence: &Evidence, name: &str, all: &[T]) {
    let log = evidence.log(name).unwrap();
    all.iter().for_each(|line| log.write(line));
}
