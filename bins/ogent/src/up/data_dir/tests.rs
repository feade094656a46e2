//! The folder is private, and has one user at a time.

use super::*;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn it_is_private() {
    let root = tempfile::tempdir().unwrap();
    let data = DataDir::open(&root.path().join("deep/down")).unwrap();
    assert_eq!(mode(data.path()), 0o700);
    assert_eq!(mode(&data.write("secret", "x").unwrap()), 0o600);
    assert_eq!(mode(&data.folder("keys").unwrap()), 0o700);
    data.log("nats.log").unwrap();
    assert_eq!(mode(&data.join("nats.log")), 0o600);
    assert_eq!(fs::read_to_string(data.join(".gitignore")).unwrap(), "*\n");
}

#[test]
fn a_second_user_is_told_who_the_first_is() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("data");
    let first = DataDir::open(&path).unwrap();
    let error = DataDir::open(&path).unwrap_err().to_string();
    assert!(error.contains(&format!("in use by another `ogent up` (process {})", process::id())), "{error}");
    drop(first);
    DataDir::open(&path).unwrap();
}

#[test]
fn a_folder_with_other_files_is_left_alone() {
    let root = tempfile::tempdir().unwrap();
    fs::set_permissions(root.path(), Permissions::from_mode(0o755)).unwrap();
    fs::write(root.path().join("thesis.tex"), "").unwrap();
    assert!(matches!(DataDir::open(root.path()), Err(DataDirError::Foreign(_))));
    assert_eq!(mode(root.path()), 0o755);
    assert!(!root.path().join("lock").exists());
}

#[test]
fn a_temporary_one_disappears() {
    let data = DataDir::ephemeral().unwrap();
    let path = data.path().to_owned();
    assert!(path.is_dir() && data.is_temporary());
    drop(data);
    assert!(!path.exists());
}

#[test]
fn the_last_log_is_kept_once() {
    let root = tempfile::tempdir().unwrap();
    let data = DataDir::open(&root.path().join("data")).unwrap();
    for text in ["one", "two", "three"] {
        data.log("nats.log").unwrap().write_all(text.as_bytes()).unwrap();
    }
    assert_eq!(fs::read_to_string(data.join("nats.log")).unwrap(), "three");
    assert_eq!(fs::read_to_string(data.join("nats.log.1")).unwrap(), "two");
}
