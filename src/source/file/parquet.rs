//! Parquet, read by polars; only the needed columns, numbers are never made into text.

use std::io::Cursor;
use std::path::Path;

use polars::prelude::{ArrowDataType, Column, DataType, Int64Chunked, ParquetReader, PolarsError, SerReader, TimeUnit};

use super::cells::refusal;
use super::columns::{Columns, within_limits};
use super::csv::{Place, numbers, series_names};
use super::input::{Table, TimeText};
use super::read::bad;
use super::{Settings, times};
use crate::source::SourceError;

/// The first and the last bytes of a Parquet file.
pub(super) const MARK: &[u8] = b"PAR1";
const STORE_AS: &str = "store numbers as 32- or 64-bit integers or floats";

/// Reads a Parquet file held in memory.
pub(super) fn read(path: &Path, bytes: Vec<u8>, settings: &Settings) -> Result<Table, SourceError> {
    framed(path, bytes.len() as u64, bytes.starts_with(MARK) && bytes.ends_with(MARK))?;
    let fault = |e: PolarsError| refused(path, &e);
    let mut reader = ParquetReader::new(Cursor::new(bytes));
    let schema = reader.schema().map_err(fault)?;
    let names: Vec<String> = schema.iter_names().map(ToString::to_string).collect();
    let columns = Columns::of(path, names, settings)?;
    for (name, field) in columns.projection().into_iter().filter_map(|index| schema.get_at_index(index)) {
        // polars panics on these
        if matches!(field.dtype(), ArrowDataType::Float16 | ArrowDataType::Decimal(..)) {
            return Err(bad(path, format!("column `{name}` has the type {:?}; {STORE_AS}", field.dtype())));
        }
    }
    let rows = reader.num_rows().map_err(fault)?;
    if rows == 0 {
        return Err(bad(path, "there are columns but no rows"));
    }
    within_limits(path, rows, columns.values.len(), settings)?;
    let frame = reader.with_projection(Some(columns.projection())).set_rechunk(true).finish().map_err(fault)?;
    let column = |index: usize| frame.column(&columns.names[index]).map_err(fault);
    let place = Place::Table { path };
    let (times, text) = time_column(column(columns.time)?, &place)?;
    let series = columns.series.map(|index| series_names(column(index)?, &place)).transpose()?;
    let mut values = Vec::with_capacity(columns.values.len());
    for index in &columns.values {
        values.push((columns.names[*index].clone(), value_column(column(*index)?, &place)?));
    }
    Ok(Table { layout: columns.layout, times, text, series, values, notes: columns.notes })
}

/// Refuses what has no mark at its ends, or nothing between them.
pub(super) fn framed(path: &Path, size: u64, is_marked: bool) -> Result<(), SourceError> {
    match size {
        0 => Err(bad(path, "the file is empty")),
        12.. if is_marked => Ok(()),
        _ => {
            let message = "not a Parquet file (it must begin and end with `PAR1`); it is of another kind or cut off";
            Err(bad(path, message))
        }
    }
}

pub(super) fn refused(path: &Path, error: &PolarsError) -> SourceError {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    match first.strip_prefix("cannot create series from ") {
        Some(kind) => bad(path, format!("a needed column has the type {kind}; {STORE_AS}")),
        None => bad(path, format!("not readable as Parquet: {first}")),
    }
}

fn time_column(column: &Column, place: &Place<'_>) -> Result<(Vec<i64>, TimeText), SourceError> {
    if let Some(row) = column.is_null().first_true_idx() {
        return Err(place.bad(row, Some(column.name()), "the timestamp is empty"));
    }
    let fault = |e: PolarsError| place.bad(0, Some(column.name()), &format!("cannot be read as timestamps: {e}"));
    let dtype = column.dtype().clone();
    match &dtype {
        DataType::Datetime(unit, _) => {
            let instants = column.datetime().map_err(fault)?.physical().iter().flatten();
            let times: Vec<i64> = match unit {
                TimeUnit::Milliseconds => instants.collect(),
                TimeUnit::Microseconds => instants.map(|t| t.div_euclid(1_000)).collect(),
                TimeUnit::Nanoseconds => instants.map(|t| t.div_euclid(1_000_000)).collect(),
            };
            Ok((times.clone(), TimeText::Instants(times)))
        }
        DataType::Date => {
            let days = column.cast(&DataType::Int64).map_err(fault)?;
            let times: Vec<i64> =
                whole(days.i64().map_err(fault)?).into_iter().map(|d| d.saturating_mul(86_400_000)).collect();
            Ok((times.clone(), TimeText::Instants(times)))
        }
        DataType::String => {
            let text = column.str().map_err(fault)?.rechunk().into_owned();
            Ok((times::from_text(&text, column.name(), place)?, TimeText::Text(text)))
        }
        dtype if dtype.is_integer() => {
            let numbers = column.cast(&DataType::Int64).map_err(fault)?;
            let numbers = whole(numbers.i64().map_err(fault)?);
            Ok((times::from_integers(&numbers), TimeText::Integers(numbers)))
        }
        dtype if dtype.is_float() => {
            let numbers = floats(column).map_err(fault)?;
            match numbers.iter().position(|n| !n.is_finite()) {
                Some(row) => Err(place.bad(row, Some(column.name()), "the timestamp is not a finite number")),
                None => Ok((times::from_floats(&numbers), TimeText::Floats(numbers))),
            }
        }
        other => {
            let message = "a time column holds timestamps, dates, text or Unix numbers";
            Err(bad(place.path(), format!("column `{}` has the type {other}; {message}", column.name())))
        }
    }
}

pub(super) fn value_column(column: &Column, place: &Place<'_>) -> Result<Vec<f64>, SourceError> {
    let name = Some(column.name().as_str());
    match column.dtype() {
        DataType::String => {
            let text = column.str().map_err(|e| place.bad(0, name, &e.to_string()))?;
            numbers(text).map_err(|(row, cell)| place.bad(row, name, &refusal(&cell)))
        }
        dtype if dtype.is_primitive_numeric() || matches!(dtype, DataType::Boolean | DataType::Null) => {
            floats(column).map_err(|e| place.bad(0, name, &e.to_string()))
        }
        other => {
            let message = format!("column `{}` has the type {other}; a value column holds numbers", column.name());
            Err(bad(place.path(), message))
        }
    }
}

fn floats(column: &Column) -> Result<Vec<f64>, PolarsError> {
    let numbers = column.cast(&DataType::Float64)?;
    Ok(numbers.f64()?.iter().map(|v| v.unwrap_or(f64::NAN)).collect())
}

/// The numbers of a column without nulls.
fn whole(column: &Int64Chunked) -> Vec<i64> {
    column.iter().flatten().collect()
}
