//! Files of model artefacts: written whole or not at all, read only when they are what was written.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;

use super::{ModelDefect, Store, StoreError};

const MAX_NAME_CHARS: usize = 64;

/// Whether `name` may become a file name: `[a-z0-9][a-z0-9._-]{0,63}`.
///
/// # Errors
/// [`StoreError::Name`]. Names are refused, never cleaned, so that two names cannot become one.
pub fn check_name(name: &str) -> Result<(), StoreError> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'_' | b'-');
    let starts_well = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if starts_well && name.len() <= MAX_NAME_CHARS && name.bytes().all(allowed) {
        return Ok(());
    }
    Err(StoreError::Name(name.chars().take(2 * MAX_NAME_CHARS).collect()))
}

/// The SHA-256 of `bytes`, hexadecimal.
pub(super) fn checksum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Where version `version` of `name` lies under `dir`. `name` has been checked.
pub(super) fn path_of(dir: &Path, name: &str, version: i64) -> PathBuf {
    dir.join("models").join(name).join(format!("{version}.model"))
}

/// Writes `bytes` to `path` so that after a crash the file is there whole or not there: a temporary file in the same
/// folder, flushed to disk, renamed, and the folder flushed.
pub(super) async fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let io = |path: &Path| {
        let path = path.to_path_buf();
        move |source: std::io::Error| match source.kind() {
            ErrorKind::StorageFull => StoreError::Full,
            _ => StoreError::Io { path, source },
        }
    };
    let Some(folder) = path.parent() else {
        return Err(StoreError::Io { path: path.to_path_buf(), source: ErrorKind::InvalidInput.into() });
    };
    ensure_folder(folder).await?;
    let temporary = path.with_extension("part");
    // A leftover of a killed process, or a link somebody put there: removed by name, never followed.
    match tokio::fs::remove_file(&temporary).await {
        Err(source) if source.kind() != ErrorKind::NotFound => return Err(io(&temporary)(source)),
        _ => {}
    }
    let opened = tokio::fs::OpenOptions::new().write(true).create_new(true).open(&temporary).await;
    let mut file = opened.map_err(io(&temporary))?;
    file.write_all(bytes).await.map_err(io(&temporary))?;
    file.sync_all().await.map_err(io(&temporary))?;
    tokio::fs::rename(&temporary, path).await.map_err(io(path))?;
    let folder_file = tokio::fs::File::open(folder).await.map_err(io(folder))?;
    folder_file.sync_all().await.map_err(io(folder))
}

/// Reads the file at `path` when it is a plain file of `expected_bytes` bytes with the checksum `expected_sha256`.
/// Its length is checked before anything is read, so that a wrong file cannot fill the memory.
pub(super) async fn read_checked(
    path: &Path,
    expected_bytes: u64,
    expected_sha256: &str,
) -> Result<Vec<u8>, ModelDefect> {
    for part in [path.parent(), Some(path)].into_iter().flatten() {
        let meta = tokio::fs::symlink_metadata(part).await.map_err(|error| match error.kind() {
            ErrorKind::NotFound => ModelDefect::Missing(path.to_path_buf()),
            _ => ModelDefect::Unreadable(error.to_string()),
        })?;
        let as_it_should = if part == path { meta.is_file() } else { meta.is_dir() };
        if !as_it_should {
            return Err(ModelDefect::NotAFile(part.to_path_buf()));
        }
        if part == path && meta.len() != expected_bytes {
            return Err(ModelDefect::Length { got: meta.len(), expected: expected_bytes });
        }
    }
    let bytes = tokio::fs::read(path).await.map_err(|error| ModelDefect::Unreadable(error.to_string()))?;
    let got = checksum(&bytes);
    if got != expected_sha256 {
        return Err(ModelDefect::Checksum { got, expected: expected_sha256.to_owned() });
    }
    Ok(bytes)
}

impl Store {
    /// Copies the files of all known models to the same places under `target`; what is there already stays.
    pub(super) async fn copy_artefacts(&self, target: &Path) -> Result<(), StoreError> {
        for manifest in self.models().await? {
            let from = path_of(&self.dir, &manifest.name, manifest.version);
            let to = path_of(target, &manifest.name, manifest.version);
            if tokio::fs::try_exists(&to).await.unwrap_or(false) {
                continue;
            }
            // A damaged file is left out: the copy shall hold only what can be used.
            if let Ok(bytes) = read_checked(&from, manifest.bytes, &manifest.sha256).await {
                write_whole(&to, &bytes).await?;
            }
        }
        Ok(())
    }
}

/// Creates `folder`, and refuses a link in its place.
async fn ensure_folder(folder: &Path) -> Result<(), StoreError> {
    let io = |source| StoreError::Io { path: folder.to_path_buf(), source };
    tokio::fs::create_dir_all(folder).await.map_err(io)?;
    let meta = tokio::fs::symlink_metadata(folder).await.map_err(io)?;
    if meta.is_dir() {
        return Ok(());
    }
    Err(io(std::io::Error::new(ErrorKind::NotADirectory, "not a plain folder; links are not followed")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_leave_the_folder_are_refused() {
        let refused = [
            "",
            ".",
            "..",
            "../x",
            "a/b",
            "a\\b",
            "-x",
            ".hidden",
            "_x",
            "A",
            "Ä",
            "a b",
            "a\0b",
            "a\nb",
            "%2e%2e",
            "/etc/passwd",
            "c:",
        ];
        for name in refused {
            assert!(matches!(check_name(name), Err(StoreError::Name(_))), "{name:?}");
        }
        assert!(check_name(&"a".repeat(65)).is_err());
        for name in ["a", "0", "api-latency", "a..b", "severity_v2.1", &"a".repeat(64)] {
            assert!(check_name(name).is_ok(), "{name:?}");
        }
    }

    #[test]
    fn the_checksum_is_the_known_one() {
        assert_eq!(checksum(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
