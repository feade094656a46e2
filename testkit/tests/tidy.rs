//! The boundaries that ARCHITECTURE.md states hold in the code.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// All Rust files under `folder`, as paths from the root.
fn sources(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path.strip_prefix(root()).unwrap().to_owned());
        }
    }
    assert!(!found.is_empty(), "no sources in {folder}");
    found
}

/// The code of a file, without comments.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(root().join(path)).unwrap();
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

fn product() -> Vec<PathBuf> {
    ["core", "bins"].iter().flat_map(|folder| sources(folder)).collect()
}

#[track_caller]
fn only_in(name: &str, allowed: &[&str]) {
    let mut is_used = false;
    for path in product() {
        if !code(&path).contains(name) {
            continue;
        }
        is_used = true;
        let path = path.to_str().unwrap();
        assert!(allowed.iter().any(|prefix| path.starts_with(prefix)), "{path} names {name}; only {allowed:?} may");
    }
    assert!(is_used, "nobody names {name}: is this rule still needed?");
}

#[test]
fn nats_is_known_in_one_crate() {
    only_in("async_nats", &["core/broker/"]);
}

#[test]
fn the_web_framework_is_known_in_one_module() {
    only_in("axum::", &["bins/gateway/src/http.rs", "bins/gateway/src/http/"]);
}

#[test]
fn processes_are_started_in_one_module() {
    only_in("tokio::process", &["bins/agent/src/process.rs", "bins/agent/src/process/"]);
}

#[test]
fn subjects_are_built_in_one_module() {
    for path in product() {
        let is_home = path.ends_with("core/protocol/src/subject.rs");
        let text = code(&path);
        for pattern in [
            "\"agents.{",
            "\"commands.{",
            "\"results.{",
            "format!(\"agents.",
            "format!(\"commands.",
            "format!(\"results.",
            "\"analyses.",
            "\"analysis.",
        ] {
            assert!(is_home || !text.contains(pattern), "{} builds a subject: {pattern}", path.display());
        }
    }
}

#[test]
fn parts_do_not_depend_on_each_other() {
    for part in ["agent", "analyst", "gateway"] {
        let manifest = fs::read_to_string(root().join(format!("bins/{part}/Cargo.toml"))).unwrap();
        for other in ["ogent-agent", "ogent-analyst", "ogent-gateway"] {
            let is_itself = other == format!("ogent-{part}");
            assert!(is_itself || !manifest.contains(other), "bins/{part} depends on {other}");
        }
    }
}

#[test]
fn the_core_does_no_input_and_output() {
    let manifest = fs::read_to_string(root().join("core/protocol/Cargo.toml")).unwrap();
    for forbidden in ["tokio", "async-nats", "reqwest", "futures"] {
        assert!(!manifest.contains(forbidden), "core/protocol depends on {forbidden}");
    }
}

#[test]
fn binaries_are_small() {
    for path in product().into_iter().filter(|path| path.ends_with("main.rs")) {
        let lines = fs::read_to_string(root().join(&path)).unwrap().lines().count();
        assert!(lines <= 60, "{} has {lines} lines; a binary is a library and a small main", path.display());
    }
}

#[test]
fn modules_have_one_form_and_say_what_they_are() {
    for path in product() {
        assert!(!path.ends_with("mod.rs"), "{}: use foo.rs with foo/", path.display());
        let text = fs::read_to_string(root().join(&path)).unwrap();
        assert!(text.starts_with("//!"), "{} does not begin with what it is", path.display());
    }
}
