//! Which files a path means.

use std::path::{Path, PathBuf};

use super::ALLOWED;
use super::read::{Kind, bad, io};
use crate::source::SourceError;

/// The files that a path means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The files, sorted by name.
    pub files: Vec<PathBuf>,
    /// Whether the path is a directory, so that results go into a directory too.
    pub is_directory: bool,
    /// What was left out of a directory, and why.
    pub notes: Vec<String>,
}

/// The files that `path` means: itself, or every data file directly in it, sorted by name.
///
/// What a directory holds beside data files (other extensions, hidden files, folders) is left out with a note.
///
/// # Errors
/// [`SourceError::Io`] when the path cannot be read; [`SourceError::BadFile`] for a file with an unknown extension and
/// for a directory without any data file.
pub fn list(path: &Path) -> Result<Listing, SourceError> {
    let metadata = std::fs::metadata(path).map_err(|e| io(path, e))?;
    if !metadata.is_dir() {
        Kind::of(path).ok_or_else(|| unknown_extension(path))?;
        return Ok(Listing { files: vec![path.to_owned()], is_directory: false, notes: Vec::new() });
    }
    let mut listing = Listing { files: Vec::new(), is_directory: true, notes: Vec::new() };
    let mut entries = std::fs::read_dir(path)
        .and_then(|entries| entries.map(|entry| entry.map(|e| e.path())).collect::<Result<Vec<_>, _>>())
        .map_err(|e| io(path, e))?;
    entries.sort();
    for entry in entries {
        let hidden = entry.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if entry.is_dir() {
            listing.notes.push(format!("{}: skipped, folders inside a directory are not read", entry.display()));
        } else if hidden || Kind::of(&entry).is_none() {
            listing.notes.push(format!("{}: skipped, {ALLOWED}", entry.display()));
        } else {
            listing.files.push(entry);
        }
    }
    if listing.files.is_empty() {
        return Err(bad(path, format!("there is no data file in this directory; {ALLOWED}")));
    }
    Ok(listing)
}

pub(super) fn unknown_extension(path: &Path) -> SourceError {
    bad(path, format!("unknown file extension; {ALLOWED}"))
}
