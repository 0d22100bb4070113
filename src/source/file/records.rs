//! Tables of records without a time order: the numbers of each column, column after column.

use std::fs::File;
use std::io::{Cursor, Read, Seek, SeekFrom};
use std::path::Path;

use polars::prelude::{ArrowDataType, Column, DataFrame, ParquetReader, PolarsError, SerReader};

use super::cells::{number, refusal, shown};
use super::columns::{LABEL_NAMES, TIME_NAMES, duplicate, found, one_of, place, within_limits};
use super::csv::{self, Place};
use super::lines::{cells, is_blank, records};
use super::read::{Format, bad, contained, io, load, over, regular, within_bytes};
use super::{Settings, parquet};
use crate::source::SourceError;

/// Values that are decoded at a time: whole columns, at least one.
const VALUES_AT_A_TIME: usize = 2_000_000;

/// A table of numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Records {
    /// Names of the columns. At least one.
    pub names: Vec<String>,
    /// Number of rows. At least one.
    pub rows: usize,
    /// The numbers, column after column; NaN where one is missing.
    pub values: Vec<f64>,
    /// What was ignored, for the person who reads the result.
    pub notes: Vec<String>,
}

/// Reads the table at `path`, in any order of its rows.
///
/// `wanted` names the columns to take; without it all columns of numbers are taken, but those called as a time column
/// ([`TIME_NAMES`]) or as known answers ([`LABEL_NAMES`]). A Parquet file is decoded a few columns at a time, so that
/// little more than the table itself is held in memory; it must not be cut short while it is read.
///
/// # Errors
/// As [`super::read()`]; also when a wanted column does not exist or holds no numbers, and when no column is left.
pub fn read_records(path: &Path, wanted: Option<&[String]>, settings: &Settings) -> Result<Records, SourceError> {
    let (kind, size) = regular(path)?;
    contained(path, || match (kind.format, kind.gzip) {
        (Format::Parquet, false) => {
            within_bytes(path, size, settings)?;
            framed(path, size)?;
            from_parquet(path, wanted, settings, |projection| {
                File::open(path)
                    .map(|file| ParquetReader::new(file).with_projection(projection))
                    .map_err(|e| io(path, e))
            })
        }
        (Format::Parquet, true) => {
            let bytes = load(path, kind, size, settings)?;
            let marked = bytes.starts_with(parquet::MARK) && bytes.ends_with(parquet::MARK);
            parquet::framed(path, bytes.len() as u64, marked)?;
            from_parquet(path, wanted, settings, |projection| {
                Ok(ParquetReader::new(Cursor::new(bytes.as_slice())).with_projection(projection))
            })
        }
        (Format::Csv, _) => from_csv(path, &load(path, kind, size, settings)?, wanted, settings),
    })
}

fn framed(path: &Path, size: u64) -> Result<(), SourceError> {
    let ends = || -> std::io::Result<[[u8; 4]; 2]> {
        let (mut file, mut ends) = (File::open(path)?, [[0; 4]; 2]);
        file.read_exact(&mut ends[0])?;
        file.seek(SeekFrom::End(-4))?;
        file.read_exact(&mut ends[1])?;
        Ok(ends)
    };
    let marked = size >= 4 && ends().map_err(|e| io(path, e))?.iter().all(|end| end == parquet::MARK);
    parquet::framed(path, size, marked)
}

fn from_parquet<R>(
    path: &Path,
    wanted: Option<&[String]>,
    settings: &Settings,
    open: impl Fn(Option<Vec<usize>>) -> Result<ParquetReader<R>, SourceError>,
) -> Result<Records, SourceError>
where
    ParquetReader<R>: SerReader<R>,
    R: polars::io::mmap::MmapBytesReader,
{
    let fault = |e: PolarsError| parquet::refused(path, &e);
    let mut reader = open(None)?;
    let schema = reader.schema().map_err(fault)?;
    let names: Vec<String> = schema.iter_names().map(ToString::to_string).collect();
    let is_number = |index: usize| schema.get_at_index(index).is_some_and(|(_, field)| numeric(field.dtype()));
    let (places, notes) = choose(path, &names, wanted, settings, is_number)?;
    let rows = reader.num_rows().map_err(fault)?;
    if rows == 0 {
        return Err(bad(path, "there are columns but no rows"));
    }
    within_limits(path, rows, places.len(), settings)?;
    let mut values = Vec::with_capacity(rows * places.len());
    for part in places.chunks((VALUES_AT_A_TIME / rows).max(1)) {
        let frame = open(Some(part.to_vec()))?.finish().map_err(fault)?;
        for index in part {
            append(frame.column(&names[*index]).map_err(fault)?, &mut values, &Place::Table { path })?;
        }
    }
    if values.len() != rows * places.len() {
        return Err(bad(path, "its columns have not as many values as its footer says"));
    }
    Ok(Records { names: places.iter().map(|index| names[*index].clone()).collect(), rows, values, notes })
}

/// The types that are read as numbers.
const fn numeric(dtype: &ArrowDataType) -> bool {
    matches!(
        dtype,
        ArrowDataType::Boolean
            | ArrowDataType::Int8
            | ArrowDataType::Int16
            | ArrowDataType::Int32
            | ArrowDataType::Int64
            | ArrowDataType::UInt8
            | ArrowDataType::UInt16
            | ArrowDataType::UInt32
            | ArrowDataType::UInt64
            | ArrowDataType::Float32
            | ArrowDataType::Float64
    )
}

/// Appends a column's numbers; those of 64 bits without gaps are copied once.
fn append(column: &Column, values: &mut Vec<f64>, place: &Place<'_>) -> Result<(), SourceError> {
    match column.f64() {
        Ok(numbers) if numbers.null_count() == 0 => {
            numbers.downcast_iter().for_each(|chunk| values.extend_from_slice(chunk.values()));
        }
        _ => values.extend(parquet::value_column(column, place)?),
    }
    Ok(())
}

fn from_csv(path: &Path, bytes: &[u8], wanted: Option<&[String]>, settings: &Settings) -> Result<Records, SourceError> {
    let text = csv::as_text(path, bytes)?;
    let (header, body) = csv::header(path, text)?;
    let separator = csv::separator(header);
    let names = cells(header, separator);
    let is_number = first_cells(body, separator, names.len());
    let (places, notes) = choose(path, &names, wanted, settings, |index| is_number[index])?;
    let first_line = text[..text.len() - body.len()].matches('\n').count() + 1;
    let at = Place::Text { path, body: body.as_bytes(), separator, first_line };
    csv::check_records(path, &at, names.len())?;
    let compact = csv::without_blank(body, separator);
    if compact.is_empty() {
        return Err(bad(path, "there is a header but no row with a value"));
    }
    let mut ascending = places.clone();
    ascending.sort_unstable();
    let fault = |e: PolarsError| bad(path, format!("not readable as CSV: {e}"));
    let (frame, fast) = csv::parse(&compact, separator, names.len(), &places, &ascending).map_err(fault)?;
    within_limits(path, frame.height(), places.len(), settings)?;
    let values = if fast { plain(&frame, &places).map_err(fault)? } else { words(&frame, &places, &names, &at)? };
    Ok(Records {
        names: places.iter().map(|index| names[*index].clone()).collect(),
        rows: frame.height(),
        values,
        notes,
    })
}

fn plain(frame: &DataFrame, places: &[usize]) -> Result<Vec<f64>, PolarsError> {
    let mut values = Vec::with_capacity(frame.height() * places.len());
    for place in places {
        values.extend(frame.column(&csv::column_name(*place))?.f64()?.iter().map(|v| v.unwrap_or(f64::NAN)));
    }
    Ok(values)
}

/// Columns with words in them: for missing values, or the first cell that must be named.
fn words(frame: &DataFrame, places: &[usize], names: &[String], at: &Place<'_>) -> Result<Vec<f64>, SourceError> {
    let fault = |e: PolarsError| bad(at.path(), format!("not readable as CSV: {e}"));
    let mut values = Vec::with_capacity(frame.height() * places.len());
    let mut worst: Option<(usize, usize, String)> = None;
    for place in places {
        let column = frame.column(&csv::column_name(*place)).map_err(fault)?;
        match csv::numbers(column.str().map_err(fault)?) {
            Ok(numbers) => values.extend(numbers),
            Err((row, cell)) if worst.as_ref().is_none_or(|w| row < w.0) => worst = Some((row, *place, cell)),
            Err(_) => {}
        }
    }
    match worst {
        Some((row, place, cell)) => Err(at.bad(row, Some(&names[place]), &refusal(&cell))),
        None => Ok(values),
    }
}

/// For each column, whether its first cell that is not missing is a number; true when all are missing.
fn first_cells(body: &str, separator: u8, width: usize) -> Vec<bool> {
    let mut kinds: Vec<Option<bool>> = vec![None; width];
    let bytes = body.as_bytes();
    for record in records(bytes, separator, 1).filter(|r| !is_blank(&bytes[r.start..r.end], separator)) {
        for (kind, cell) in kinds.iter_mut().zip(cells(&body[record.start..record.end], separator)) {
            if kind.is_none() {
                *kind = number(&cell).map_or(Some(false), |number| (!number.is_nan()).then_some(true));
            }
        }
        if kinds.iter().all(Option::is_some) {
            break;
        }
    }
    kinds.into_iter().map(|kind| kind.unwrap_or(true)).collect()
}

/// The places of the columns to read, and what is said of the others.
fn choose(
    path: &Path,
    names: &[String],
    wanted: Option<&[String]>,
    settings: &Settings,
    is_number: impl Fn(usize) -> bool,
) -> Result<(Vec<usize>, Vec<String>), SourceError> {
    if let Some(twice) = duplicate(names) {
        return Err(bad(path, format!("there are two columns called `{}`; names must differ", shown(&twice))));
    }
    let (places, notes) = match wanted {
        Some(wanted) => (named(path, names, wanted, &is_number)?, Vec::new()),
        None => {
            let known = |name: &String| name.is_empty() || one_of(name, &LABEL_NAMES) || one_of(name, &TIME_NAMES);
            let (taken, left): (Vec<usize>, Vec<usize>) =
                (0..names.len()).partition(|index| !known(&names[*index]) && is_number(*index));
            let left: Vec<String> = left.iter().map(|index| names[*index].clone()).collect();
            let note = || format!("columns ignored, times, labels and text are no features: {}", found(&left));
            (taken, if left.is_empty() { Vec::new() } else { vec![note()] })
        }
    };
    match places.len() {
        0 => Err(bad(path, format!("there is no column of numbers; found {}", found(names)))),
        got if got > settings.max_columns => {
            let advice = "name fewer columns, or raise max_columns";
            Err(over(path, "number of value columns", got, settings.max_columns, advice))
        }
        _ => Ok((places, notes)),
    }
}

fn named(
    path: &Path,
    names: &[String],
    wanted: &[String],
    is_number: &impl Fn(usize) -> bool,
) -> Result<Vec<usize>, SourceError> {
    let mut places = Vec::with_capacity(wanted.len());
    for name in wanted {
        let index = place(names, name)
            .ok_or_else(|| bad(path, format!("there is no column `{}`; found {}", shown(name), found(names))))?;
        if !is_number(index) {
            return Err(bad(path, format!("column `{}` does not hold numbers", shown(name))));
        }
        if places.contains(&index) {
            return Err(bad(path, format!("column `{}` is asked for twice", shown(name))));
        }
        places.push(index);
    }
    Ok(places)
}
