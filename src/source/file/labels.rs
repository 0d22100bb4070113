//! Known answers: the column that says which rows are anomalous.

use std::io::Cursor;
use std::path::Path;

use polars::prelude::{Column, DataType, ParquetReader, PolarsError, SerReader};

use super::cells::{number, shown};
use super::columns::Columns;
use super::csv::{self, Place};
use super::lines::cells;
use super::read::bad;
use super::{LABEL_NAMES, Layout};
use crate::source::SourceError;

/// The answers in a CSV text, one for each row that is not blank.
pub(super) fn of_csv(path: &Path, bytes: &[u8]) -> Result<Option<Vec<bool>>, SourceError> {
    let text = csv::as_text(path, bytes)?;
    let (header, body) = csv::header(path, text)?;
    let separator = csv::separator(header);
    let names = cells(header, separator);
    let Some(label) = place_of_label(&names) else { return Ok(None) };
    let compact = csv::without_blank(body, separator);
    if compact.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let name = names[label].clone();
    // only this column is read
    let columns =
        Columns { names, layout: Layout::WideSingle, time: label, series: None, values: Vec::new(), notes: Vec::new() };
    let fault = |e: PolarsError| bad(path, format!("not readable as CSV: {e}"));
    let (frame, _) =
        csv::parse(&compact, separator, columns.names.len(), &columns.values, &columns.projection()).map_err(fault)?;
    let first_line = text[..text.len() - body.len()].matches('\n').count() + 1;
    let place = Place::Text { path, body: body.as_bytes(), separator, first_line };
    answers(frame.column(&csv::column_name(label)).map_err(fault)?, &name, &place).map(Some)
}

/// The answers in a Parquet file.
pub(super) fn of_parquet(path: &Path, bytes: &[u8]) -> Result<Option<Vec<bool>>, SourceError> {
    let fault = |e: PolarsError| bad(path, format!("not readable as Parquet: {e}"));
    let mut reader = ParquetReader::new(Cursor::new(bytes));
    // what is wrong with the file as a whole is said where its values are read
    let Ok(schema) = reader.schema() else { return Ok(None) };
    let names: Vec<String> = schema.iter_names().map(ToString::to_string).collect();
    let Some(label) = place_of_label(&names) else { return Ok(None) };
    let frame = reader.with_projection(Some(vec![label])).finish().map_err(fault)?;
    answers(frame.column(&names[label]).map_err(fault)?, &names[label], &Place::Table { path }).map(Some)
}

fn place_of_label(names: &[String]) -> Option<usize> {
    LABEL_NAMES.iter().find_map(|known| names.iter().position(|name| name.eq_ignore_ascii_case(known)))
}

fn answers(column: &Column, name: &str, place: &Place<'_>) -> Result<Vec<bool>, SourceError> {
    let fault = |e: PolarsError| place.bad(0, Some(name), &format!("cannot be read as labels: {e}"));
    let text = column.cast(&DataType::String).map_err(fault)?;
    let text = text.str().map_err(fault)?;
    let read = |(row, cell): (usize, Option<&str>)| {
        let cell = cell.unwrap_or_default();
        answer(cell).ok_or_else(|| {
            let what =
                if cell.trim().is_empty() { "the label is empty".to_owned() } else { format!("`{}`", shown(cell)) };
            place.bad(row, Some(name), &format!("{what}; a label must be 0, 1, true or false"))
        })
    };
    text.iter().enumerate().map(read).collect()
}

fn answer(cell: &str) -> Option<bool> {
    let cell = cell.trim();
    match cell {
        _ if cell.eq_ignore_ascii_case("true") => Some(true),
        _ if cell.eq_ignore_ascii_case("false") => Some(false),
        _ => number(cell).and_then(|number| match number {
            n if n.total_cmp(&1.0).is_eq() => Some(true),
            n if n.abs().total_cmp(&0.0).is_eq() => Some(false),
            _ => None,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_yes_or_no() {
        for (cell, expected) in [
            ("1", Some(true)),
            (" 0", Some(false)),
            ("1.0", Some(true)),
            ("-0.0", Some(false)),
            ("True", Some(true)),
            ("FALSE", Some(false)),
            ("2", None),
            ("", None),
            ("NaN", None),
            ("yes", None),
        ] {
            assert_eq!(answer(cell), expected, "{cell}");
        }
    }

    #[test]
    fn a_bad_label_is_named_with_its_line() {
        let path = Path::new("a.csv");
        let read = |text: &str| of_csv(path, text.as_bytes());
        assert_eq!(read("t,value\n1,2\n").unwrap(), None);
        assert_eq!(read("t,value,is_anomaly\n1,2,1\n\n2,3,false\n").unwrap(), Some(vec![true, false]));
        assert_eq!(read("t;Label\n1;0\n").unwrap(), Some(vec![false]));
        let error = read("t,value,label\n1,2,0\n\n2,3,7\n").unwrap_err().to_string();
        assert!(error.contains("a.csv:4") && error.contains("column `label`: `7`; a label must be 0, 1"), "{error}");
        assert!(read("t,label\n1,\n").unwrap_err().to_string().contains("is empty"));
    }
}
