//! Which column holds what.

use std::path::Path;

use super::cells::shown;
use super::read::{bad, over};
use super::{Layout, Settings};
use crate::source::SourceError;

/// Names of time columns; the first present is taken.
pub const TIME_NAMES: [&str; 7] = ["timestamp", "time", "ts", "datetime", "date", "t", "ds"];
/// Names of the column that tells the series of a long file apart.
pub const SERIES_NAMES: [&str; 2] = ["series", "unique_id"];
/// Names of the value column of a long file.
pub const VALUE_NAMES: [&str; 2] = ["value", "y"];
/// Names of columns with known answers, which the models must not see.
pub const LABEL_NAMES: [&str; 3] = ["label", "is_anomaly", "anomaly"];

/// The columns to read, by their place in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Columns {
    pub names: Vec<String>,
    pub layout: Layout,
    pub time: usize,
    pub series: Option<usize>,
    pub values: Vec<usize>,
    pub notes: Vec<String>,
}

impl Columns {
    /// Decides by name.
    pub(super) fn of(path: &Path, names: Vec<String>, settings: &Settings) -> Result<Self, SourceError> {
        if let Some(twice) = duplicate(&names) {
            return Err(bad(path, format!("there are two columns called `{}`; names must differ", shown(&twice))));
        }
        let wanted = |column: &Option<String>, role: &str| match column {
            Some(name) => place(&names, name)
                .map(Some)
                .ok_or_else(|| bad(path, format!("there is no {role} column `{name}`; found {}", found(&names)))),
            None => Ok(None),
        };
        let time = wanted(&settings.time_column, "time")?.or_else(|| first_of(&names, &TIME_NAMES));
        let time = time.ok_or_else(|| no_time(path, &names))?;
        let series = wanted(&settings.series_column, "series")?.or_else(|| first_of(&names, &SERIES_NAMES));
        let value = wanted(&settings.value_column, "value")?;
        let mut columns = Self { layout: Layout::Long, time, series, values: Vec::new(), notes: Vec::new(), names };
        match series {
            Some(series) => columns.long(path, series, value)?,
            None => columns.wide(path, value, settings)?,
        }
        Ok(columns)
    }

    fn long(&mut self, path: &Path, series: usize, value: Option<usize>) -> Result<(), SourceError> {
        let value = value.or_else(|| first_of(&self.names, &VALUE_NAMES)).ok_or_else(|| {
            let message = "a file with a column `series` needs a column `value`";
            bad(path, format!("{message}; found {}", found(&self.names)))
        })?;
        if series == self.time || value == self.time || value == series {
            return Err(bad(path, "series, time and value must be three different columns"));
        }
        let extra = |(index, name): &(usize, &String)| {
            ![series, value, self.time].contains(index) && !one_of(name, &LABEL_NAMES)
        };
        let ignored: Vec<String> = self.names.iter().enumerate().filter(extra).map(|(_, name)| name.clone()).collect();
        if !ignored.is_empty() {
            self.notes.push(format!("columns ignored beside series, time and value: {}", found(&ignored)));
        }
        self.values = vec![value];
        Ok(())
    }

    fn wide(&mut self, path: &Path, value: Option<usize>, settings: &Settings) -> Result<(), SourceError> {
        self.values = match value {
            Some(value) => vec![value],
            None => (0..self.names.len())
                .filter(|i| *i != self.time && !self.names[*i].is_empty() && !one_of(&self.names[*i], &LABEL_NAMES))
                .collect(),
        };
        let unnamed = self.names.iter().filter(|name| name.is_empty()).count();
        if unnamed > 0 && value.is_none() {
            self.notes.push(format!("columns ignored because they have no name in the header: {unnamed}"));
        }
        self.layout = if self.values.len() == 1 { Layout::WideSingle } else { Layout::WideEntity };
        match self.values.len() {
            0 => Err(bad(
                path,
                format!(
                    "there is no value column beside the time; found {}; columns are separated by a comma, semicolon, tab or bar",
                    found(&self.names)
                ),
            )),
            got if got > settings.max_columns => {
                let advice = "split the file, use the long layout, or raise max_columns";
                Err(over(path, "number of value columns", got, settings.max_columns, advice))
            }
            _ => Ok(()),
        }
    }

    /// The places to read, ascending.
    pub(super) fn projection(&self) -> Vec<usize> {
        let mut places: Vec<usize> = self.values.iter().copied().chain([self.time]).chain(self.series).collect();
        places.sort_unstable();
        places.dedup();
        places
    }
}

/// Refuses more rows or values than allowed.
pub(super) fn within_limits(path: &Path, rows: usize, columns: usize, settings: &Settings) -> Result<(), SourceError> {
    let max_rows = settings.max_rows.min(4_294_967_294);
    if rows > max_rows {
        return Err(over(path, "number of rows", rows, max_rows, "split the file, or raise max_rows"));
    }
    let values = rows.saturating_mul(columns);
    if values > settings.max_values {
        let advice = "split the file, keep fewer columns, or raise max_values";
        return Err(over(path, "number of values (rows × value columns)", values, settings.max_values, advice));
    }
    Ok(())
}

fn no_time(path: &Path, names: &[String]) -> SourceError {
    let usual: Vec<String> = TIME_NAMES.iter().map(|name| format!("`{name}`")).collect();
    let message = format!("there is no time column; one must be called {}", usual.join(", "));
    let header =
        names.iter().all(|name| super::cells::number(name).is_some() || name.starts_with(|c: char| c.is_ascii_digit()));
    let hint = if header { "; the first line must be a header with the names" } else { "" };
    bad(path, format!("{message}; found {}{hint}", found(names)))
}

pub(super) fn one_of(name: &str, known: &[&str]) -> bool {
    known.iter().any(|k| name.eq_ignore_ascii_case(k))
}

fn first_of(names: &[String], known: &[&str]) -> Option<usize> {
    known.iter().find_map(|k| names.iter().position(|name| name.eq_ignore_ascii_case(k)))
}

pub(super) fn place(names: &[String], wanted: &str) -> Option<usize> {
    names.iter().position(|name| name == wanted).or_else(|| first_of(names, &[wanted]))
}

pub(super) fn duplicate(names: &[String]) -> Option<String> {
    let mut sorted: Vec<&String> = names.iter().filter(|name| !name.is_empty()).collect();
    sorted.sort_unstable();
    sorted.windows(2).find(|w| w[0] == w[1]).map(|w| w[0].clone())
}

/// At most eight names, as a sentence shows them.
pub(super) fn found(names: &[String]) -> String {
    let mut parts: Vec<String> = names.iter().take(8).map(|name| format!("`{}`", shown(name))).collect();
    if names.len() > 8 {
        parts.push(format!("and {} more", names.len() - 8));
    }
    parts.join(", ")
}
