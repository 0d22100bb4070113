//! Alert records in CSV: read with the place of every defect, written back.

use std::fmt::Write as _;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::csv::{Record, quote, records};
use super::features::{FEATURES, Feature, facts, values};
use super::types::{AlertFacts, Severity};

/// An alert to be judged, as a file gives it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AlertRecord {
    /// Its name in the file, if there is an `id` column.
    pub id: Option<String>,
    /// When it was raised, if there is a `time` column.
    pub time: Option<Timestamp>,
    /// The severity that it came with, if there is a `severity` column and the cell is not empty.
    pub incoming: Option<Severity>,
    /// What is known of it.
    pub facts: AlertFacts,
}

/// An alert whose severity people have judged.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelledAlert {
    /// Its name in the file, if there is an `id` column.
    pub id: Option<String>,
    /// When it was raised, if there is a `time` column.
    pub time: Option<Timestamp>,
    /// What was known of it.
    pub facts: AlertFacts,
    /// How bad it was.
    pub severity: Severity,
}

/// What was read, and what was not.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parsed<T> {
    /// The rows, in the order of the file.
    pub rows: Vec<T>,
    /// Columns of the file that are not used.
    pub unknown_columns: Vec<String>,
    /// Facts that the file has no column for: they are not known for any row.
    pub missing_columns: Vec<&'static str>,
}

/// What is wrong with a file, and where. Lines count from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatasetError {
    /// Not even a header.
    #[error("file is empty: a header line with column names is needed, for example `id,time,affected_users,severity`")]
    Empty,
    /// No column that can be used.
    #[error("no column is a fact of an alert; at least one of these is needed: {}", fact_names())]
    NoFacts,
    /// The column with the truth is missing.
    #[error("column `severity` is missing: training needs it, with critical, error, warning or info in every row")]
    NoSeverity,
    /// The same column twice.
    #[error("column `{0}` occurs twice")]
    DuplicateColumn(String),
    /// A row with more or fewer cells than the header.
    #[error("line {line}: {got} cells, the header has {needed}")]
    Cells {
        /// Line of the row.
        line: usize,
        /// Its cells.
        got: usize,
        /// Cells of the header.
        needed: usize,
    },
    /// A cell that cannot be read.
    #[error("line {line}, column `{column}`: {allowed}, got `{got}`")]
    Cell {
        /// Line of the row.
        line: usize,
        /// Name of the column.
        column: String,
        /// What is allowed.
        allowed: String,
        /// What is there, cut to 60 characters.
        got: String,
    },
    /// A quote that is not closed, or text after one.
    #[error("line {line}: a quoted cell must end with a quote before the comma or line end")]
    Quote {
        /// The line.
        line: usize,
    },
}

/// Reads labelled alerts: `id` and `time` if present, any of the twelve facts by name, `severity`.
///
/// Cells that are empty, `NaN`, `NA`, `null` or `none` are "not known". Column names are read in any case. O(size).
///
/// # Errors
/// [`DatasetError`] with line and column of the first defect; a row without a severity is one.
pub fn parse_labelled(text: &str) -> Result<Parsed<LabelledAlert>, DatasetError> {
    let (header, rows) = parse(text)?;
    let Some(_) = header.severity else { return Err(DatasetError::NoSeverity) };
    let labelled = rows.into_iter().map(|(line, record)| match record.incoming {
        Some(severity) => Ok(LabelledAlert { id: record.id, time: record.time, facts: record.facts, severity }),
        None => Err(cell_error(line, "severity", "must be critical, error, warning or info", "")),
    });
    Ok(Parsed {
        rows: labelled.collect::<Result<_, _>>()?,
        unknown_columns: header.unknown,
        missing_columns: missing(&header.facts),
    })
}

/// Reads alerts to be judged; a `severity` column is what they came with and may be absent or empty.
///
/// # Errors
/// As [`parse_labelled`], but severities may be missing.
pub fn parse_unlabelled(text: &str) -> Result<Parsed<AlertRecord>, DatasetError> {
    let (header, rows) = parse(text)?;
    let rows = rows.into_iter().map(|(_, record)| record).collect();
    Ok(Parsed { rows, unknown_columns: header.unknown, missing_columns: missing(&header.facts) })
}

/// Writes labelled alerts as a file that [`parse_labelled`] reads.
#[must_use]
pub fn to_csv(rows: &[LabelledAlert]) -> String {
    let mut text = String::from("id,time");
    FEATURES.iter().for_each(|feature| {
        let _ = write!(text, ",{}", feature.name);
    });
    text.push_str(",severity\n");
    for row in rows {
        text.push_str(&quote(row.id.as_deref().unwrap_or("")));
        text.push(',');
        row.time.iter().for_each(|time| {
            let _ = write!(text, "{time}");
        });
        for value in values(&row.facts) {
            text.push(',');
            value.iter().for_each(|value| {
                let _ = write!(text, "{value}");
            });
        }
        let _ = writeln!(text, ",{}", row.severity);
    }
    text
}

/// Where each column stands.
#[derive(Debug, Default)]
struct Header {
    cells: usize,
    id: Option<usize>,
    time: Option<usize>,
    severity: Option<usize>,
    facts: [Option<usize>; 12],
    unknown: Vec<String>,
}

fn parse(text: &str) -> Result<(Header, Vec<(usize, AlertRecord)>), DatasetError> {
    let mut records = records(text).map(|record| record.map_err(|bad| DatasetError::Quote { line: bad.line }));
    let header = Header::of(&records.next().ok_or(DatasetError::Empty)??)?;
    let mut rows = Vec::new();
    for record in records {
        let record = record?;
        if record.cells.len() != header.cells {
            let (line, got) = (record.line, record.cells.len());
            return Err(DatasetError::Cells { line, got, needed: header.cells });
        }
        rows.push((record.line, header.read(&record)?));
    }
    Ok((header, rows))
}

impl Header {
    fn of(record: &Record) -> Result<Self, DatasetError> {
        let mut header = Self { cells: record.cells.len(), ..Self::default() };
        for (index, cell) in record.cells.iter().enumerate() {
            let name = cell.trim().to_ascii_lowercase();
            let slot = match name.as_str() {
                "id" => &mut header.id,
                "time" => &mut header.time,
                "severity" => &mut header.severity,
                _ => match FEATURES.iter().position(|feature| feature.name == name) {
                    Some(fact) => &mut header.facts[fact],
                    None => {
                        header.unknown.push(cell.trim().to_owned());
                        continue;
                    }
                },
            };
            if slot.replace(index).is_some() {
                return Err(DatasetError::DuplicateColumn(name));
            }
        }
        if header.facts.iter().all(Option::is_none) { Err(DatasetError::NoFacts) } else { Ok(header) }
    }

    fn read(&self, record: &Record) -> Result<AlertRecord, DatasetError> {
        let cell = |index: Option<usize>| {
            index.and_then(|index| record.cells.get(index)).map(|cell| cell.trim()).filter(|cell| !is_missing(cell))
        };
        let mut numbers = [None; 12];
        for ((number, feature), index) in numbers.iter_mut().zip(&FEATURES).zip(self.facts) {
            *number = cell(index).map(|text| parse_fact(text, feature, record.line)).transpose()?;
        }
        let incoming = cell(self.severity).map(|text| {
            Severity::from_str(text)
                .map_err(|_| cell_error(record.line, "severity", "must be critical, error, warning or info", text))
        });
        Ok(AlertRecord {
            id: cell(self.id).map(ToOwned::to_owned),
            time: cell(self.time).map(|text| parse_time(text, record.line)).transpose()?,
            incoming: incoming.transpose()?,
            facts: facts(numbers),
        })
    }
}

fn is_missing(cell: &str) -> bool {
    cell.is_empty() || ["nan", "na", "n/a", "null", "none", "?"].iter().any(|word| cell.eq_ignore_ascii_case(word))
}

fn parse_fact(text: &str, feature: &Feature, line: usize) -> Result<f64, DatasetError> {
    let is_flag = feature.name == "business_hours";
    let number = match text.to_ascii_lowercase().as_str() {
        "true" | "yes" if is_flag => Some(1.0),
        "false" | "no" if is_flag => Some(0.0),
        other => other.parse::<f64>().ok(),
    };
    let allowed = if is_flag {
        "must be 1, 0, true, false, or empty for not known".to_owned()
    } else if feature.most <= 1.0 {
        "must be a share from 0 to 1, or empty for not known".to_owned()
    } else {
        format!("must be a finite number of {}, 0 or more, or empty for not known", feature.unit)
    };
    number
        .filter(|number| number.is_finite() && (feature.least..=feature.most).contains(number))
        .ok_or_else(|| cell_error(line, feature.name, &allowed, text))
}

/// RFC 3339, `YYYY-MM-DD HH:MM:SS` in UTC, or Unix seconds or milliseconds.
fn parse_time(text: &str, line: usize) -> Result<Timestamp, DatasetError> {
    let unix = text.parse::<i64>().ok().and_then(|number| {
        let milliseconds = number.abs() >= 100_000_000_000;
        if milliseconds { Timestamp::from_millisecond(number).ok() } else { Timestamp::from_second(number).ok() }
    });
    let civil = || text.parse::<DateTime>().ok().and_then(|civil| civil.to_zoned(TimeZone::UTC).ok());
    let time = unix.or_else(|| text.parse().ok()).or_else(|| civil().map(|zoned| zoned.timestamp()));
    let allowed = "must be RFC 3339, `YYYY-MM-DD HH:MM:SS` (UTC), or Unix seconds or milliseconds";
    time.ok_or_else(|| cell_error(line, "time", allowed, text))
}

fn cell_error(line: usize, column: &str, allowed: &str, got: &str) -> DatasetError {
    let got = got.chars().take(60).collect();
    DatasetError::Cell { line, column: column.to_owned(), allowed: allowed.to_owned(), got }
}

fn missing(columns: &[Option<usize>; 12]) -> Vec<&'static str> {
    FEATURES.iter().zip(columns).filter(|(_, column)| column.is_none()).map(|(feature, _)| feature.name).collect()
}

fn fact_names() -> String {
    FEATURES.map(|feature| feature.name).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_labelled_file_is_read_with_what_it_lacks() {
        let text = "\u{feff}ID,time,affected_users,business_hours,colour,severity\r\n\
                    a-1,2026-01-01T00:00:00Z,12,true,red,page\r\n\
                    \"b,2\",2026-01-01 01:00:00,,0,,Warning\r\n\
                    ,1767229200,NaN,,,info\r\n";
        let parsed = parse_labelled(text).unwrap();
        assert_eq!(parsed.unknown_columns, ["colour"]);
        assert_eq!(parsed.missing_columns.len(), 10);
        let rows = parsed.rows;
        assert_eq!(
            rows.iter().map(|row| row.severity).collect::<Vec<_>>(),
            [Severity::Critical, Severity::Warning, Severity::Info]
        );
        assert_eq!((rows[0].facts.affected_users, rows[0].facts.business_hours), (Some(12.0), Some(1.0)));
        assert_eq!((rows[1].id.as_deref(), rows[1].facts.affected_users), (Some("b,2"), None));
        assert_eq!((rows[2].id.as_deref(), rows[1].time), (None, rows[2].time));
    }

    #[test]
    fn files_to_classify_need_no_severity() {
        let parsed = parse_unlabelled("burn_rate,severity\n14.4,\n1,critical\n").unwrap();
        assert_eq!(parsed.rows[0].incoming, None);
        assert_eq!(parsed.rows[1].incoming, Some(Severity::Critical));
        assert_eq!(parse_unlabelled("burn_rate\n").unwrap().rows, []);
    }

    #[test]
    fn every_defect_is_named_with_its_place() {
        let check = |text: &str, says: &str| {
            let error = parse_labelled(text).unwrap_err().to_string();
            assert!(error.starts_with(says), "{error}");
        };
        check("", "file is empty");
        check("\n\n", "file is empty");
        check("id,severity\n", "no column is a fact of an alert");
        check("burn_rate\n1\n", "column `severity` is missing");
        check("burn_rate,Burn_Rate,severity\n", "column `burn_rate` occurs twice");
        check("burn_rate,severity\n1\n", "line 2: 1 cells, the header has 2");
        check(
            "burn_rate,severity\n1,info\nx,info\n",
            "line 3, column `burn_rate`: must be a finite number of multiples of the budget's rate, 0 or more, or empty \
             for not known, got `x`",
        );
        check("burn_rate,severity\n-1,info\n", "line 2, column `burn_rate`");
        check("burn_rate,severity\ninf,info\n", "line 2, column `burn_rate`");
        check("burn_rate,severity\n1e999,info\n", "line 2, column `burn_rate`");
        check("business_impact,severity\n1.2,info\n", "line 2, column `business_impact`: must be a share from 0 to 1");
        check(
            "burn_rate,severity\n1,bad\n",
            "line 2, column `severity`: must be critical, error, warning or info, got `bad`",
        );
        check("burn_rate,severity\n1,\n", "line 2, column `severity`: must be critical");
        check("time,burn_rate,severity\n3/4/26,1,info\n", "line 2, column `time`: must be RFC 3339");
        check("burn_rate,severity\n\"1,info\n", "line 2: a quoted cell must end");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(burn_rate|severity|time|id|,|\"|\n|\r|info|1|-|é| ){0,40}") {
            let _ = parse_labelled(&text);
            let _ = parse_unlabelled(&text);
        }
    }
}
