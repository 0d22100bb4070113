//! Where results go: standard output, a file, or a directory of files.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use flate2::Compression;
use flate2::write::GzEncoder;
use polars::prelude::{
    CsvReadOptions, DataFrame, DataType, Field, ParquetCompression, ParquetWriter, Schema, SerReader,
};

use super::exit::BadInput;

/// What a result consists of; it decides which file names are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Rows with a header, written as CSV.
    Table,
    /// A JSON object in each line.
    JsonLines,
    /// A page for a browser.
    Page,
}

/// How a file is written, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Packing {
    gzip: bool,
    tabs: bool,
    parquet: bool,
}

/// Columns of tables that hold text; all others hold numbers.
const TEXT_COLUMNS: [&str; 7] = ["series", "timestamp", "model", "reasons", "top_feature", "id", "severity"];

impl Form {
    const fn allowed(self) -> (&'static [&'static str], &'static str) {
        match self {
            Self::Table => (&[".csv", ".tsv"], ".csv and .tsv (each also with .gz), and .parquet"),
            Self::JsonLines => (&[".jsonl", ".ndjson", ".json"], ".jsonl, .ndjson and .json, each also with .gz"),
            Self::Page => (&[".html", ".htm"], ".html, also with .gz"),
        }
    }

    fn packing(self, path: &Path) -> Result<Packing, BadInput> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        let (base, gzip) = name.strip_suffix(".gz").map_or((name.as_str(), false), |base| (base, true));
        let (ends, words) = self.allowed();
        let parquet = self == Self::Table && !gzip && base.ends_with(".parquet");
        if !parquet && !ends.iter().any(|end| base.ends_with(end)) {
            return Err(BadInput(format!(
                "output {}: unknown file extension; allowed are {words}, or `-` for standard output",
                path.display()
            )));
        }
        Ok(Packing { gzip, tabs: base.ends_with(".tsv"), parquet })
    }
}

/// Refuses an output that could not be written, before there is anything to write.
pub(super) fn check(path: &Path, form: Form) -> Result<(), BadInput> {
    if path == Path::new("-") {
        return Ok(());
    }
    if path.is_dir() {
        return Err(BadInput(format!(
            "output {} is a directory; for a single input give the name of a file in it",
            path.display()
        )));
    }
    let folder = folder_of(path);
    if !folder.is_dir() {
        return Err(BadInput(format!("output {}: there is no directory {}", path.display(), folder.display())));
    }
    form.packing(path).map(drop)
}

/// Makes and removes a file beside `path`, so that a place that cannot be written is known before the work is done.
pub(super) fn probe(path: &Path) -> anyhow::Result<()> {
    if path == Path::new("-") {
        return Ok(());
    }
    let partial = partial_name(path);
    File::create(&partial)
        .and_then(|_| std::fs::remove_file(&partial))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Writes what `fill` writes to `path` (`-`: standard output; that its reader has left is no error).
///
/// A file appears under its name only when it is complete. `.gz` compresses; of a table `.tsv` has tabs and `.parquet`
/// becomes Parquet.
pub(super) fn write(
    path: &Path,
    form: Form,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> anyhow::Result<()> {
    if path == Path::new("-") {
        return to_stdout(fill);
    }
    let packing = form.packing(path)?;
    let partial = partial_name(path);
    let written = write_file(&partial, packing, fill).and_then(|()| std::fs::rename(&partial, path));
    if written.is_err() {
        // the partial file is of no use; that it cannot be removed is not worth hiding the first error
        drop(std::fs::remove_file(&partial));
    }
    written.with_context(|| format!("cannot write {}", path.display()))
}

/// Writes a frame to `path`, which ends with `.parquet`, uncompressed: numbers that a model made do not get smaller.
///
/// The file appears under its name only when it is complete.
pub(super) fn write_frame(path: &Path, frame: &mut DataFrame) -> anyhow::Result<()> {
    let partial = partial_name(path);
    let writer = |file| ParquetWriter::new(file).with_compression(ParquetCompression::Uncompressed);
    let written = File::create(&partial)
        .and_then(|file| writer(BufWriter::new(file)).finish(frame).map(drop).map_err(io::Error::other))
        .and_then(|()| std::fs::rename(&partial, path));
    if written.is_err() {
        // the partial file is of no use; that it cannot be removed is not worth hiding the first error
        drop(std::fs::remove_file(&partial));
    }
    written.with_context(|| format!("cannot write {}", path.display()))
}

/// Whether a table of this name is written as Parquet.
pub(super) fn is_parquet(path: &Path) -> bool {
    path != Path::new("-") && Form::Table.packing(path).is_ok_and(|packing| packing.parquet)
}

/// Writes to standard output; that its reader has left (`| head`) is no error.
pub(super) fn to_stdout(fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> anyhow::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    match fill(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            // what is buffered has no reader: it must not be tried again when the buffer goes
            drop(out.into_parts());
            Ok(())
        }
        other => other.context("cannot write to standard output"),
    }
}

fn write_file(path: &Path, packing: Packing, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let file = BufWriter::new(File::create(path)?);
    if packing.parquet {
        let mut text = Vec::new();
        fill(&mut text)?;
        return write_parquet(file, text);
    }
    if packing.gzip {
        let mut encoder = GzEncoder::new(file, Compression::fast());
        separated(&mut encoder, packing.tabs, fill)?;
        return encoder.finish()?.flush();
    }
    let mut file = file;
    separated(&mut file, packing.tabs, fill)?;
    file.flush()
}

fn separated(out: impl Write, tabs: bool, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut out = out;
    if tabs { fill(&mut Tabs { out, quoted: false }) } else { fill(&mut out) }
}

/// The CSV text as Parquet. The types follow from the names of the columns, never from what happens to be in them.
fn write_parquet(file: BufWriter<File>, text: Vec<u8>) -> io::Result<()> {
    let header = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let header = String::from_utf8_lossy(header).into_owned();
    let kind = |name: &str| match name {
        name if TEXT_COLUMNS.contains(&name) => DataType::String,
        "is_anomaly" => DataType::Int32,
        _ => DataType::Float64,
    };
    let schema = Schema::from_iter(header.split(',').map(|name| Field::new(name.into(), kind(name))));
    let options = CsvReadOptions::default().with_has_header(true).with_schema(Some(Arc::new(schema)));
    let frame = options.into_reader_with_file_handle(io::Cursor::new(text)).finish();
    let mut frame = frame.map_err(io::Error::other)?;
    ParquetWriter::new(file).finish(&mut frame).map(drop).map_err(io::Error::other)
}

/// Turns commas between cells into tabs.
struct Tabs<W> {
    out: W,
    quoted: bool,
}

impl<W: Write> Write for Tabs<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut turned = bytes.to_vec();
        for byte in &mut turned {
            match *byte {
                b'"' => self.quoted = !self.quoted,
                b',' if !self.quoted => *byte = b'\t',
                _ => {}
            }
        }
        self.out.write_all(&turned)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn partial_name(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".partial");
    path.with_file_name(name)
}

/// A text cell of a CSV, quoted where it must be. A reader gets back exactly `text`, so that results can be joined to
/// their input by name.
pub(super) fn cell(text: &str) -> Cow<'_, str> {
    if !text.contains([',', '"', '\n', '\r', '\t']) && text.trim() == text {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("\"{}\"", text.replace('"', "\"\"")))
}

/// A share or score with at most 7 significant digits; empty for NaN and infinities.
pub(super) fn number(value: f64) -> String {
    shortest(format!("{value:.6e}").parse().unwrap_or(value))
}

/// A quantity in the unit of the data with at most 10 significant digits; empty for NaN and infinities.
pub(super) fn quantity(value: f64) -> String {
    shortest(format!("{value:.9e}").parse().unwrap_or(value))
}

/// The shortest text that reads back as `value`; empty for NaN and infinities.
pub(super) fn shortest(value: f64) -> String {
    if !value.is_finite() {
        return String::new();
    }
    if value == 0.0 || (1e-4..1e15).contains(&value.abs()) { format!("{value}") } else { format!("{value:e}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_must_be_and_never_changed() {
        for (text, written) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            (" spaced", "\" spaced\""),
            ("=1+1", "=1+1"),
            ("-5", "-5"),
        ] {
            assert_eq!(cell(text), written, "{text}");
        }
    }

    #[test]
    fn numbers_are_short_and_read_back() {
        assert_eq!(number(0.1 + 0.2), "0.3");
        assert_eq!(number(123_456_789.0), "123456800");
        assert_eq!(quantity(123_456_789.0), "123456789");
        assert_eq!(quantity(0.1 + 0.2), "0.3");
        assert_eq!(shortest(334_297_530_289.0), "334297530289");
        assert_eq!(number(1e300), "1e300");
        assert_eq!(number(-0.000_012_345), "-1.2345e-5");
        assert_eq!(number(f64::NAN), "");
        assert_eq!(quantity(f64::INFINITY), "");
        assert_eq!(shortest(0.0), "0");
    }

    #[test]
    fn a_failure_leaves_no_file_behind() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("scores.csv");
        let outcome = write(&path, Form::Table, |out| {
            out.write_all(b"half")?;
            Err(io::Error::other("planted"))
        });
        assert!(outcome.is_err());
        probe(&path).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_name_decides_how_a_file_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let table = b"series,mean,severity\n\"a,b\",1,x\n\"c\"\"d\",2,y\n";
        let tabs = dir.path().join("s.tsv");
        write(&tabs, Form::Table, |out| out.write_all(table)).unwrap();
        let text = std::fs::read_to_string(tabs).unwrap();
        assert_eq!(text, "series\tmean\tseverity\n\"a,b\"\t1\tx\n\"c\"\"d\"\t2\ty\n");
        write(&dir.path().join("s.parquet"), Form::Table, |out| out.write_all(table)).unwrap();
        let refused = |name: &str, form| check(&dir.path().join(name), form).unwrap_err().to_string();
        assert!(refused("s.xlsx", Form::Table).contains(".parquet"));
        assert!(refused("s.jsonl", Form::Table).contains(".csv"));
        assert!(refused("s.parquet", Form::JsonLines).contains(".jsonl"));
        assert!(refused("none/s.csv", Form::Table).contains("there is no directory"));
        assert!(refused("", Form::Table).contains("is a directory"));
    }
}
