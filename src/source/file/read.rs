//! One file into samples: opening, decompressing, choosing the format.

use std::fs::File;
use std::io::{Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::input::FileInput;
use super::list::unknown_extension;
use super::{Settings, csv, labels, parquet};
use crate::source::SourceError;

/// Format of a file, from its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Csv,
    Parquet,
}

/// Format and compression of a file, from its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    pub format: Format,
    pub gzip: bool,
}

/// Reads the file at `path`.
///
/// The samples are raw: in the order of the file, with whatever disorder and repetition it has.
///
/// # Errors
/// [`SourceError::Io`] when it cannot be opened or read; [`SourceError::BadFile`] when it is not what its name says, has
/// no usable columns, no rows, or a cell that is neither number nor missing, or no time; [`SourceError::Limit`] beyond
/// the limits of `settings`.
pub fn read(path: &Path, settings: &Settings) -> Result<FileInput, SourceError> {
    let (kind, bytes) = open(path, settings)?;
    input(path, kind, bytes, settings)
}

/// As [`read`], and the known answers of the rows, in the order of the file.
///
/// Answers are the cells of the first column called as in [`LABEL_NAMES`](super::LABEL_NAMES); they must be `0`, `1`,
/// `true` or `false`. `None` without such a column.
///
/// # Errors
/// As [`read`]; [`SourceError::BadFile`] with the place of a cell that is no answer.
pub fn read_labelled(path: &Path, settings: &Settings) -> Result<(FileInput, Option<Vec<bool>>), SourceError> {
    let (kind, bytes) = open(path, settings)?;
    let answers = contained(path, || match kind.format {
        Format::Csv => labels::of_csv(path, &bytes),
        Format::Parquet => labels::of_parquet(path, &bytes),
    })?;
    let input = input(path, kind, bytes, settings)?;
    match answers {
        Some(answers) if answers.len() != input.rows.len() => {
            Err(bad(path, format!("{} rows have a label, but there are {} rows", answers.len(), input.rows.len())))
        }
        answers => Ok((input, answers)),
    }
}

/// The kind and the content of the file.
fn open(path: &Path, settings: &Settings) -> Result<(Kind, Vec<u8>), SourceError> {
    let (kind, size) = regular(path)?;
    Ok((kind, load(path, kind, size, settings)?))
}

fn input(path: &Path, kind: Kind, bytes: Vec<u8>, settings: &Settings) -> Result<FileInput, SourceError> {
    let table = contained(path, || match kind.format {
        Format::Csv => csv::read(path, &bytes, settings),
        Format::Parquet => parquet::read(path, bytes, settings),
    })?;
    contained(path, || FileInput::from_table(path, table))
}

/// Kind and size of a file that can be read.
pub(super) fn regular(path: &Path) -> Result<(Kind, u64), SourceError> {
    let metadata = std::fs::metadata(path).map_err(|e| io(path, e))?;
    if metadata.is_dir() {
        return Err(bad(path, "is a directory, a file is needed here"));
    }
    if !metadata.is_file() {
        return Err(bad(
            path,
            "is a pipe, socket or device; only regular files are read, so save the data to one first",
        ));
    }
    Ok((Kind::of(path).ok_or_else(|| unknown_extension(path))?, metadata.len()))
}

impl Kind {
    /// From the file's name, without regard to case; `None` for an unknown extension.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
        let (base, gzip) = name.strip_suffix(".gz").map_or((name.as_str(), false), |base| (base, true));
        match base.rsplit_once('.') {
            Some((_, "csv" | "tsv")) => Some(Self { format: Format::Csv, gzip }),
            Some((_, "parquet")) => Some(Self { format: Format::Parquet, gzip }),
            _ => None,
        }
    }
}

/// The file's name without its extensions.
pub(super) fn stem(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let lower = name.to_ascii_lowercase();
    let base = lower.strip_suffix(".gz").unwrap_or(&lower);
    let len = base.rfind('.').unwrap_or(base.len());
    name.get(..len).unwrap_or(&name).to_owned()
}

/// Runs library code, turning a panic into an error.
pub(super) fn contained<T>(path: &Path, work: impl FnOnce() -> Result<T, SourceError>) -> Result<T, SourceError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
        let first = text.and_then(|t| t.lines().next()).unwrap_or("no message");
        Err(bad(
            path,
            format!("the file cannot be decoded, it is damaged or of a kind that is not supported ({first})"),
        ))
    })
}

pub(super) fn io(path: &Path, source: std::io::Error) -> SourceError {
    SourceError::Io { path: path.display().to_string(), source }
}

pub(super) fn bad(path: &Path, message: impl Into<String>) -> SourceError {
    SourceError::BadFile { path: path.display().to_string(), message: message.into() }
}

pub(super) fn over(path: &Path, what: &str, got: usize, limit: usize, advice: &str) -> SourceError {
    let number = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let what = format!("{}: {what}", path.display());
    SourceError::Limit { what, got: number(got), limit: number(limit), advice: advice.to_owned() }
}

pub(super) fn load(path: &Path, kind: Kind, size: u64, settings: &Settings) -> Result<Vec<u8>, SourceError> {
    let limit = settings.max_bytes;
    within_bytes(path, size, settings)?;
    let file = File::open(path).map_err(|e| io(path, e))?;
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    if kind.gzip {
        let file = gzip_start(path, file)?;
        let read = MultiGzDecoder::new(file).take(limit.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(|error| damaged(path, &bytes, &error))?;
    } else {
        file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(|e| io(path, e))?;
    }
    let got = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if got > limit { Err(too_large(path, "size in bytes after decompression", got, limit)) } else { Ok(bytes) }
}

/// Refuses a file that is larger than allowed.
pub(super) fn within_bytes(path: &Path, size: u64, settings: &Settings) -> Result<(), SourceError> {
    let limit = settings.max_bytes;
    if size > limit { Err(too_large(path, "file size in bytes", size, limit)) } else { Ok(()) }
}

fn too_large(path: &Path, what: &str, got: u64, limit: u64) -> SourceError {
    let what = format!("{}: {what}", path.display());
    let advice = "split the file, keep fewer columns or a longer step, or raise max_bytes".to_owned();
    SourceError::Limit { what, got, limit, advice }
}

/// The file again, after a look at its first two bytes.
fn gzip_start(path: &Path, mut file: File) -> Result<impl Read, SourceError> {
    let mut start = Vec::new();
    file.by_ref().take(2).read_to_end(&mut start).map_err(|e| io(path, e))?;
    match start[..] {
        [] => Err(bad(path, "the file is empty")),
        [0x1f, 0x8b] | [0x1f] => Ok(Cursor::new(start).chain(file)),
        _ => Err(bad(path, "not gzip data; compress it with gzip or remove `.gz` from its name")),
    }
}

fn damaged(path: &Path, read: &[u8], error: &std::io::Error) -> SourceError {
    let message = match error.kind() {
        std::io::ErrorKind::UnexpectedEof => {
            format!(
                "the gzip data ends early, after {} bytes of content; the file is cut off, fetch it again",
                read.len()
            )
        }
        _ => format!("damaged gzip data ({error}); fetch the file again"),
    };
    bad(path, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_kind_and_stem() {
        let of = |name: &str| Kind::of(Path::new(name)).map(|k| (k.format, k.gzip, stem(Path::new(name))));
        assert_eq!(of("a/b.c.csv.gz"), Some((Format::Csv, true, "b.c".to_owned())));
        assert_eq!(of("CPU.CSV"), Some((Format::Csv, false, "CPU".to_owned())));
        assert_eq!(of("x.parquet"), Some((Format::Parquet, false, "x".to_owned())));
        for name in ["x.gz", "x", "csv", "x.csv.zip", "..", "x.csv.", "x.xlsx"] {
            assert_eq!(of(name), None, "{name}");
        }
    }
}
