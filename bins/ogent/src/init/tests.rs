//! What `ogent init` makes, and that it makes it once.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use clap::ColorChoice;

use super::*;

fn init(dir: &Path, change: impl FnOnce(&mut InitArgs)) -> anyhow::Result<BTreeMap<String, String>> {
    let mut args = InitArgs { out: dir.to_owned(), ..InitArgs::default() };
    change(&mut args);
    run(&args, &Output::new(ColorChoice::Never))?;
    Ok(files(dir, dir))
}

fn files(root: &Path, dir: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(root, &path));
        } else {
            let name = path.strip_prefix(root).unwrap().display().to_string();
            found.insert(name, fs::read_to_string(path).unwrap());
        }
    }
    found
}

fn on(args: &mut InitArgs) {
    args.brokers = vec!["broker.example.org".to_owned()];
    args.gateways = vec!["ogent.example.org".to_owned()];
    args.people = vec!["alice".to_owned()];
}

#[test]
fn a_second_run_adds_and_changes_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let first = init(dir.path(), on).unwrap();
    assert_eq!(init(dir.path(), |_| {}).unwrap(), first);
    let more = init(dir.path(), |args| args.people = vec!["bob".to_owned()]).unwrap();
    let added: Vec<&String> = more.keys().filter(|name| !first.contains_key(*name)).collect();
    assert_eq!(added, ["creds/bob.creds", "creds/bob.sign"]);
    assert!(first.iter().all(|(name, text)| more[name] == *text));
}

#[test]
fn all_files_of_an_installation_are_there() {
    let dir = tempfile::tempdir().unwrap();
    let made = init(dir.path(), on).unwrap();
    for name in [
        "operator.jwt",
        "accounts/SYS.jwt",
        "accounts/OGENT.jwt",
        "accounts/AGENTS.jwt",
        "trust.json",
        "nats.conf",
        "keys/operator.nk",
        "keys/operator-signing.nk",
        "keys/account-ogent.nk",
        "keys/role-agent.nk",
        "creds/setup.creds",
        "creds/gateway.creds",
        "creds/gateway.sign",
        "creds/analyst.creds",
        "creds/mirror.creds",
        "creds/registrar.creds",
        "creds/alice.creds",
        "creds/alice.sign",
        "tls/ca.pem",
        "tls/ca-key.pem",
        "tls/broker.pem",
        "tls/broker-key.pem",
        "tls/gateway.pem",
        "tls/gateway-key.pem",
        "registrar/role-agent.nk",
        "registrar/role-enroll.nk",
        "registrar/operator-signing.nk",
        "registrar/system.creds",
        "registrar/registrar.creds",
        "registrar/trust.json",
        "registrar/ca.pem",
        "registrar/accounts/AGENTS.jwt",
    ] {
        assert!(made.contains_key(name), "{name}");
    }
    let config = &made["nats.conf"];
    assert!(config.contains("handshake_first: true") && config.contains("sync_interval: \"always\""), "{config}");
    assert!(!made.iter().any(|(_, text)| config.contains(text.trim()) && text.starts_with('S')), "a seed");
}

#[test]
fn other_names_get_another_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let first = init(dir.path(), on).unwrap();
    let second = init(dir.path(), |args| args.brokers = vec!["other.example.org".to_owned()]).unwrap();
    assert_ne!(first["tls/broker.pem"], second["tls/broker.pem"]);
    assert_eq!(first["tls/gateway.pem"], second["tls/gateway.pem"]);
    assert_eq!(first["tls/ca.pem"], second["tls/ca.pem"]);
}

#[test]
fn names_that_mean_more_or_something_else_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    for bad in ["*", ">", "a.b", "gateway", "registrar", "agent-web-1", "", "../x"] {
        let made = init(dir.path(), |args| {
            on(args);
            args.people = vec![bad.to_owned()];
        });
        assert!(made.is_err(), "{bad}");
    }
    assert!(init(&dir.path().join("other"), |_| {}).unwrap_err().to_string().contains("--broker"));
    assert!(init(&dir.path().join("third"), |args| args.no_tls = true).is_ok());
}
