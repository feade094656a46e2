//! The order in which a nats-server is looked for.

use std::io;
use std::os::unix::fs::OpenOptionsExt as _;

use tempfile::TempDir;

use super::*;

/// Folders with programs that are never started: a test's probe tells their versions by their path.
struct Fixture {
    root: TempDir,
    places: Places,
}

impl Fixture {
    fn new(programs: &[&str]) -> Self {
        let root = tempfile::tempdir().unwrap();
        for program in programs {
            let file = root.path().join(program);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o755).open(file).unwrap();
        }
        let path = env::join_paths([root.path().join("a"), root.path().join("b")]).unwrap();
        let places = Places { asked_for: None, path: Some(path), caches: Some(root.path().join("cache")) };
        Self { root, places }
    }

    fn find(&self, versions: &[(&str, &str)]) -> Result<Found, FindError> {
        find_by(&self.places, |program| {
            let name = program.strip_prefix(self.root.path()).unwrap().to_str().unwrap();
            let known = versions.iter().find(|(file, _)| *file == name);
            match known {
                Some((_, version)) => Ok(Version::from_banner(&format!("nats-server: v{version}")).unwrap()),
                None => Err(ProbeError::Start(io::ErrorKind::NotFound.into())),
            }
        })
    }
}

const CACHED: &str = "cache/ogent/nats-server/2.15.1/nats-server";

#[test]
fn what_the_user_names_comes_first_and_alone() {
    let mut fixture = Fixture::new(&["a/nats-server", CACHED]);
    fixture.places.asked_for = Some(fixture.root.path().join("mine"));
    let all = [("mine", "2.14.5"), ("a/nats-server", "2.15.0"), (CACHED, "2.15.1")];
    assert_eq!(fixture.find(&all).unwrap().origin, Origin::AskedFor);

    let error = fixture.find(&[("mine", "2.10.1"), (CACHED, "2.15.1")]).unwrap_err().to_string();
    assert!(error.contains("mine is version 2.10.1, and Ogent needs 2.14.5 or newer"), "{error}");
}

#[test]
fn path_comes_before_the_cache() {
    let fixture = Fixture::new(&["b/nats-server", CACHED]);
    let found = fixture.find(&[("b/nats-server", "2.14.5"), (CACHED, "2.15.1")]).unwrap();
    assert_eq!((found.origin, found.passed_over.len()), (Origin::Path, 0));
}

#[test]
fn an_old_one_on_path_is_passed_over_with_a_note() {
    let fixture = Fixture::new(&["a/nats-server", "b/nats-server", CACHED]);
    let found = fixture.find(&[("a/nats-server", "2.9.10"), (CACHED, "2.15.1")]).unwrap();
    assert_eq!(found.origin, Origin::Cache);
    assert!(found.passed_over[0].to_string().contains("2.9.10"));
    assert_eq!(found.passed_over.len(), 2);
}

#[test]
fn the_message_names_what_was_found_and_what_to_do() {
    let fixture = Fixture::new(&["a/nats-server"]);
    let error = fixture.find(&[("a/nats-server", "2.9.10")]).unwrap_err();
    let error = format!("{error} {}", error.hint());
    for part in ["no nats-server 2.14.5 or newer", "is version 2.9.10", "ogent nats install", "brew", "--nats-server"] {
        assert!(error.contains(part), "{part} is not in: {error}");
    }
}

#[test]
fn nothing_anywhere_is_an_error_and_files_without_permission_do_not_count() {
    let fixture = Fixture::new(&[]);
    fs::create_dir_all(fixture.root.path().join("a")).unwrap();
    fs::write(fixture.root.path().join("a/nats-server"), "").unwrap();
    assert!(
        matches!(fixture.find(&[("a/nats-server", "2.15.1")]), Err(FindError::None(rejected)) if rejected.is_empty())
    );
}
