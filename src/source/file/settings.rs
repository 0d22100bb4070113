//! Limits and column names for files.

use serde::{Deserialize, Serialize};

/// What may be read from files, and which columns to take when they have other names than the usual ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Most bytes of one file, after decompression. Default 2,147,483,648 (2 GiB).
    ///
    /// A file is held in memory while it is read.
    pub max_bytes: u64,
    /// Most rows of one file. Default 20,000,000; at most 4,294,967,294.
    pub max_rows: usize,
    /// Most value columns of one file. Default 10,000.
    pub max_columns: usize,
    /// Most values (rows × value columns) of one file. Default 100,000,000; each takes 16 bytes.
    pub max_values: usize,
    /// Name of the time column, when it is none of the usual ones.
    pub time_column: Option<String>,
    /// Name of the column that tells the series apart; makes any file a long one.
    pub series_column: Option<String>,
    /// Name of the only value column to read.
    pub value_column: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_bytes: 2 << 30,
            max_rows: 20_000_000,
            max_columns: 10_000,
            max_values: 100_000_000,
            time_column: None,
            series_column: None,
            value_column: None,
        }
    }
}
