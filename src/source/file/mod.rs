//! Samples from files: CSV and Parquet, wide and long.
//!
//! Input: a path and limits.
//! Output: a [`FileInput`]: samples by series, and for each row of the file where its sample went and how its time was
//! written, so that a result can be written row by row in the order of the file.
//!
//! Tables of records without a time order are read as they are, column after column: [`read_records`].
//! Never: guesses at a cell that is no number or no time (file, line and column are named instead); never reads a pipe
//! or device; never holds more than its [`Settings`] allow.
//!
//! # What is read
//! Files named `.csv`, `.tsv` or `.parquet`, each also with `.gz` behind. CSV is UTF-8 with a header line; cells are
//! separated by commas, semicolons, tabs or bars (whichever the header has most of) and may be quoted.
//!
//! - **Wide**: `timestamp,<name>[,<name>…]`. One value column is one series, several are one entity.
//! - **Long**: `series,timestamp,value` in any order; further columns are ignored with a note.
//!
//! Column names count without regard to case. The time column is the first present of [`TIME_NAMES`], the series
//! column of a long file one of [`SERIES_NAMES`] and its value column one of [`VALUE_NAMES`]; [`Settings`] can name
//! others. Columns called as in [`LABEL_NAMES`] hold known answers and are never read as values; only
//! [`read_labelled`] hands them out, beside the samples. A column without a
//! name is ignored with a note.
//!
//! A **timestamp** is RFC 3339 with an offset (offsets may differ from row to row), or a date and time without one
//! (`2024-01-31 23:59:59`, `2024-01-31T23:59:59.5`, `2024-01-31`), which is UTC, or a Unix time. One file keeps to one of
//! these. Unix times count seconds when the median magnitude in the column is below 1e11, milliseconds below 1e14,
//! microseconds below 1e17, else nanoseconds. Parquet columns of dates and timestamps are read in their own unit; those
//! without a time zone are UTC. Times are kept to the millisecond.
//!
//! A **value** is a decimal number. An empty cell, `NaN`, `null`, `NA`, `N/A` and `None` are missing values. Infinities
//! and numbers too large for 64 bits are kept as infinite; the grid counts them as missing.

mod cells;
mod columns;
mod csv;
mod downsample;
mod input;
mod labels;
mod lines;
mod list;
mod parquet;
mod pull;
mod read;
mod records;
mod settings;
mod times;

pub use columns::{LABEL_NAMES, SERIES_NAMES, TIME_NAMES, VALUE_NAMES};
pub use downsample::downsample;
pub use input::{FileInput, Layout, Prepared, Row, Rows, SampleGroup};
pub use list::{Listing, list};
pub use pull::FileSource;
pub use read::{read, read_labelled};
pub use records::{Records, read_records};
pub use settings::Settings;

const ALLOWED: &str = "allowed are .csv, .tsv and .parquet, each also with .gz";
