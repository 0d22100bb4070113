//! CSV: the header is read here, the rows by polars.

use std::borrow::Cow;
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use polars::prelude::{
    Column, CsvParseOptions, CsvReadOptions, DataFrame, DataType, Field, PolarsResult, Schema, SerReader, StringChunked,
};

use super::cells::{number, refusal};
use super::columns::{Columns, within_limits};
use super::input::{Table, TimeText};
use super::lines::{cells, is_blank, records};
use super::read::bad;
use super::{Settings, times};
use crate::source::SourceError;

/// Where a row of a file stands, for messages.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place<'a> {
    /// In a text, by line.
    Text { path: &'a Path, body: &'a [u8], separator: u8, first_line: usize },
    /// In a table without lines, by row.
    Table { path: &'a Path },
}

impl Place<'_> {
    /// The file.
    pub(super) const fn path(&self) -> &Path {
        match self {
            Self::Text { path, .. } | Self::Table { path } => path,
        }
    }

    /// The error for what is wrong at `row` (from 0), in `column`.
    pub(super) fn bad(&self, row: usize, column: Option<&str>, message: &str) -> SourceError {
        let column = column.map(|name| format!("column `{}`: ", super::cells::shown(name))).unwrap_or_default();
        match *self {
            Self::Table { path } => bad(path, format!("row {}: {column}{message}", row + 1)),
            Self::Text { path, body, separator, first_line } => {
                let mut full =
                    records(body, separator, first_line).filter(|r| !is_blank(&body[r.start..r.end], separator));
                let line = full.nth(row).map_or(first_line + row, |record| record.line);
                SourceError::BadFile {
                    path: format!("{}:{line}", path.display()),
                    message: format!("{column}{message}"),
                }
            }
        }
    }
}

/// Reads a CSV text.
pub(super) fn read(path: &Path, bytes: &[u8], settings: &Settings) -> Result<Table, SourceError> {
    let text = as_text(path, bytes)?;
    let (header, body) = header(path, text)?;
    let separator = separator(header);
    let columns = Columns::of(path, cells(header, separator), settings)?;
    let first_line = text[..text.len() - body.len()].matches('\n').count() + 1;
    let place = Place::Text { path, body: body.as_bytes(), separator, first_line };
    let lines = body.bytes().filter(|b| *b == b'\n').count() + 1;
    let plain = body.find('"').is_none();
    if plain {
        // a quoted cell may hold line breaks: then the rows are counted after reading
        within_limits(path, lines.saturating_sub(usize::from(body.ends_with('\n'))), columns.values.len(), settings)?;
    } else {
        check_records(path, &place, columns.names.len())?;
    }
    let compact = without_blank(body, separator);
    if compact.is_empty() {
        return Err(bad(path, "there is a header but no rows"));
    }
    let (frame, fast) = parse(&compact, separator, columns.names.len(), &columns.values, &columns.projection())
        .or_else(|e| {
            check_records(path, &place, columns.names.len())?;
            Err(bad(path, format!("not readable as CSV: {}", e.to_string().lines().next().unwrap_or_default())))
        })?;
    within_limits(path, frame.height(), columns.values.len(), settings)?;
    let separators = compact.bytes().filter(|b| *b == separator).count();
    if plain && separators > frame.height().saturating_mul(columns.names.len() - 1) {
        check_records(path, &place, columns.names.len())?;
    }
    table(path, &frame, columns, &place, fast)
}

pub(super) fn as_text<'a>(path: &Path, bytes: &'a [u8]) -> Result<&'a str, SourceError> {
    match bytes {
        [0x1f, 0x8b, ..] => return Err(bad(path, "the content is gzip data; add `.gz` to the name")),
        [b'P', b'A', b'R', b'1', ..] => return Err(bad(path, "the content is Parquet; name the file `.parquet`")),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return Err(bad(path, "the text is UTF-16; save it as UTF-8")),
        _ => {}
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].iter().filter(|b| **b == b'\n').count() + 1;
        let message = "the text is not valid UTF-8; save it as UTF-8".to_owned();
        SourceError::BadFile { path: format!("{}:{line}", path.display()), message }
    })
}

/// The first line that is not blank, and what follows it.
pub(super) fn header<'a>(path: &Path, text: &'a str) -> Result<(&'a str, &'a str), SourceError> {
    // no separator is needed to find where the record ends, except that a quote opens a cell only behind one
    let first = records(text.as_bytes(), b',', 1).find(|r| !is_blank(&text.as_bytes()[r.start..r.end], b','));
    let Some(record) = first else {
        return Err(bad(path, "the file is empty; the first line must be a header like `timestamp,value`"));
    };
    let header = &text[record.start..record.end];
    if record.next == text.len() && header.trim_end_matches('\r').contains('\r') {
        return Err(bad(path, "lines end with a carriage return only; save the file with line feeds"));
    }
    Ok((header, &text[record.next..]))
}

pub(super) fn separator(header: &str) -> u8 {
    let (mut quoted, mut counts) = (false, [0_usize; 4]);
    for byte in header.bytes() {
        quoted ^= byte == b'"';
        if let Some(index) = b",;\t|".iter().position(|s| *s == byte && !quoted) {
            counts[index] += 1;
        }
    }
    let most = counts.iter().copied().max().unwrap_or(0);
    counts.iter().position(|c| *c == most).map_or(b',', |index| b",;\t|"[index])
}

/// Refuses unclosed quotes and rows with more cells than the header. Reads every byte.
pub(super) fn check_records(path: &Path, place: &Place<'_>, width: usize) -> Result<(), SourceError> {
    let Place::Text { body, separator, first_line, .. } = *place else { return Ok(()) };
    for record in records(body, separator, first_line) {
        let message = if record.unclosed {
            "a quoted cell that begins in this row is never closed".to_owned()
        } else if record.cells > width && !is_blank(&body[record.start..record.end], separator) {
            format!("the row has {} cells but the header has {width}", record.cells)
        } else {
            continue;
        };
        return Err(SourceError::BadFile { path: format!("{}:{}", path.display(), record.line), message });
    }
    Ok(())
}

/// The text without blank records; borrowed when there is none.
pub(super) fn without_blank(body: &str, separator: u8) -> Cow<'_, str> {
    let bytes = body.as_bytes();
    let suspicious = |b: u8| b == separator || matches!(b, b'\n' | b'\r' | b' ' | b'\t');
    let first = bytes.first().is_some_and(|b| suspicious(*b));
    if !first && !bytes.windows(2).any(|w| w[0] == b'\n' && suspicious(w[1])) {
        return Cow::Borrowed(body);
    }
    let mut kept = String::with_capacity(body.len());
    for record in records(bytes, separator, 1).filter(|r| !is_blank(&bytes[r.start..r.end], separator)) {
        kept.push_str(&body[record.start..record.next]);
    }
    Cow::Owned(kept)
}

/// The needed columns: values as numbers when all cells are, else all as text. Tells which.
pub(super) fn parse(
    body: &str,
    separator: u8,
    width: usize,
    values: &[usize],
    projection: &[usize],
) -> PolarsResult<(DataFrame, bool)> {
    let read = |numbers: bool| {
        let mut types = vec![DataType::String; width];
        if numbers {
            values.iter().for_each(|place| types[*place] = DataType::Float64);
        }
        let fields = types.into_iter().enumerate().map(|(place, dtype)| Field::new(column_name(place).into(), dtype));
        let options = CsvReadOptions::default()
            .with_has_header(false)
            .with_schema(Some(Arc::new(Schema::from_iter(fields))))
            .with_projection(Some(Arc::new(projection.to_vec())))
            .with_rechunk(true)
            .with_raise_if_empty(false)
            .with_parse_options(CsvParseOptions::default().with_separator(separator));
        options.into_reader_with_file_handle(Cursor::new(body.as_bytes())).finish()
    };
    match read(true) {
        Ok(frame) => Ok((frame, true)),
        // words for missing values, or a bad cell that must be named
        Err(_) => read(false).map(|frame| (frame, false)),
    }
}

pub(super) fn column_name(place: usize) -> String {
    format!("c{place}")
}

fn table(
    path: &Path,
    frame: &DataFrame,
    columns: Columns,
    place: &Place<'_>,
    fast: bool,
) -> Result<Table, SourceError> {
    let fault = |e: polars::error::PolarsError| bad(path, format!("not readable as CSV: {e}"));
    let text = frame.column(&column_name(columns.time)).and_then(Column::str).map_err(fault)?.rechunk().into_owned();
    let times = times::from_text(&text, &columns.names[columns.time], place)?;
    let series = match columns.series {
        Some(index) => Some(series_names(frame.column(&column_name(index)).map_err(fault)?, place)?),
        None => None,
    };
    let mut values = Vec::with_capacity(columns.values.len());
    let mut worst: Option<(usize, String, String)> = None;
    for index in &columns.values {
        let (column, name) = (frame.column(&column_name(*index)).map_err(fault)?, &columns.names[*index]);
        if fast {
            values.push((name.clone(), column.f64().map_err(fault)?.iter().map(|v| v.unwrap_or(f64::NAN)).collect()));
            continue;
        }
        match numbers(column.str().map_err(fault)?) {
            Ok(numbers) => values.push((name.clone(), numbers)),
            Err((row, cell)) if worst.as_ref().is_none_or(|w| row < w.0) => worst = Some((row, name.clone(), cell)),
            Err(_) => {}
        }
    }
    if let Some((row, name, cell)) = worst {
        return Err(place.bad(row, Some(&name), &refusal(&cell)));
    }
    Ok(Table { layout: columns.layout, times, text: TimeText::Text(text), series, values, notes: columns.notes })
}

/// The names of the series, none of them empty.
pub(super) fn series_names(column: &Column, place: &Place<'_>) -> Result<StringChunked, SourceError> {
    let text = column.cast(&DataType::String).ok().and_then(|column| column.str().ok().cloned());
    let text =
        text.ok_or_else(|| place.bad(0, Some(column.name()), "the names of the series must be text or numbers"))?;
    let nameless = text.iter().position(|name| name.is_none_or(|name| name.trim().is_empty()));
    match nameless {
        Some(row) => Err(place.bad(row, None, "the name of the series is empty")),
        None => Ok(text),
    }
}

/// The numbers of a text column, or the first cell that is none.
pub(super) fn numbers(column: &StringChunked) -> Result<Vec<f64>, (usize, String)> {
    let cells = column.iter().enumerate();
    cells
        .map(|(row, cell)| number(cell.unwrap_or_default()).ok_or_else(|| (row, cell.unwrap_or_default().to_owned())))
        .collect()
}
