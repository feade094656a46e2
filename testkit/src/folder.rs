//! Copies folders.

use std::io;
use std::path::Path;

/// Copies a folder with everything in it.
///
/// # Errors
/// When something cannot be read or written.
pub fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_copied_whole() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("from/a/b")).unwrap();
        std::fs::write(dir.path().join("from/a/b/file"), "text").unwrap();
        copy_folder(&dir.path().join("from"), &dir.path().join("to")).unwrap();
        assert_eq!(std::fs::read_to_string(dir.path().join("to/a/b/file")).unwrap(), "text");
    }
}
