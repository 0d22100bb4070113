//! Where results go: standard output, a file, or a directory of files.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use flate2::Compression;
use flate2::write::GzEncoder;
use polars::prelude::{CsvReadOptions, ParquetWriter, SerReader};

use super::exit::BadInput;

/// The form of a result file, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Plain,
    Gzip,
    Parquet,
}

/// Writes what `fill` writes to `path` (`-`: standard output).
///
/// A file appears under its name only when it is complete. `.gz` compresses, `.parquet` turns the CSV into Parquet.
pub(super) fn write(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> anyhow::Result<()> {
    if path == Path::new("-") {
        let mut out = BufWriter::new(io::stdout().lock());
        return match fill(&mut out).and_then(|()| out.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other.context("cannot write to standard output"),
        };
    }
    let form = form_of(path)?;
    let partial = partial_name(path);
    let written = write_file(&partial, form, fill).and_then(|()| std::fs::rename(&partial, path));
    if written.is_err() {
        // the partial file is of no use; that it cannot be removed is not worth hiding the first error
        drop(std::fs::remove_file(&partial));
    }
    written.with_context(|| format!("cannot write {}", path.display()))
}

fn write_file(path: &Path, form: Form, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let file = BufWriter::new(File::create(path)?);
    match form {
        Form::Plain => finish(file, fill),
        Form::Gzip => {
            let mut encoder = GzEncoder::new(file, Compression::fast());
            fill(&mut encoder)?;
            encoder.finish()?.flush()
        }
        Form::Parquet => {
            let mut text = Vec::new();
            fill(&mut text)?;
            let options = CsvReadOptions::default().with_infer_schema_length(None);
            let frame = options.into_reader_with_file_handle(io::Cursor::new(text)).finish();
            let mut frame = frame.map_err(io::Error::other)?;
            ParquetWriter::new(file).finish(&mut frame).map(drop).map_err(io::Error::other)
        }
    }
}

fn finish(mut out: impl Write, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    fill(&mut out)?;
    out.flush()
}

fn form_of(path: &Path) -> Result<Form, BadInput> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let plain = [".csv", ".tsv", ".json", ".jsonl", ".ndjson"];
    match name.strip_suffix(".gz") {
        Some(inner) if plain.iter().any(|end| inner.ends_with(end)) => Ok(Form::Gzip),
        None if plain.iter().any(|end| name.ends_with(end)) => Ok(Form::Plain),
        None if name.ends_with(".parquet") => Ok(Form::Parquet),
        _ => Err(BadInput(format!(
            "output {}: unknown file extension; allowed are .csv, .jsonl (each also with .gz), .parquet, or `-` for standard output",
            path.display()
        ))),
    }
}

fn partial_name(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".partial");
    path.with_file_name(name)
}

/// A text cell of a CSV: quoted where it must be, and never a formula for a spreadsheet.
pub(super) fn cell(text: &str) -> Cow<'_, str> {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\0']);
    if !formula && !text.contains([',', '"', '\n', '\r']) {
        return Cow::Borrowed(text);
    }
    let lead = if formula { "'" } else { "" };
    Cow::Owned(format!("\"{lead}{}\"", text.replace('"', "\"\"")))
}

/// A number with at most 7 significant digits; empty for NaN.
pub(super) fn number(value: f64) -> String {
    if !value.is_finite() {
        return String::new();
    }
    let rounded: f64 = format!("{value:.6e}").parse().unwrap_or(value);
    let magnitude = rounded.abs();
    if rounded == 0.0 || (1e-4..1e15).contains(&magnitude) { format!("{rounded}") } else { format!("{rounded:e}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_defused() {
        assert_eq!(cell("plain"), "plain");
        assert_eq!(cell("a,b"), "\"a,b\"");
        assert_eq!(cell("say \"hi\""), "\"say \"\"hi\"\"\"");
        assert_eq!(cell("=1+1"), "\"'=1+1\"");
        assert_eq!(cell("@cmd"), "\"'@cmd\"");
    }

    #[test]
    fn numbers_are_short_and_read_back() {
        assert_eq!(number(0.1 + 0.2), "0.3");
        assert_eq!(number(123_456_789.0), "123456800");
        assert_eq!(number(1e300), "1e300");
        assert_eq!(number(-0.000_012_345), "-1.2345e-5");
        assert_eq!(number(f64::NAN), "");
        assert_eq!(number(0.0), "0");
    }

    #[test]
    fn a_failure_leaves_no_file_behind() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("scores.csv");
        let outcome = write(&path, |out| {
            out.write_all(b"half")?;
            Err(io::Error::other("planted"))
        });
        assert!(outcome.is_err());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        write(&path, |out| out.write_all(b"a,b\n1,x\n2,y\n")).unwrap();
        write(&dir.path().join("s.parquet"), |out| out.write_all(b"a,b\n1,x\n2,y\n")).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
        assert!(write(&dir.path().join("s.xlsx"), |_| Ok(())).unwrap_err().to_string().contains(".parquet"));
    }
}
