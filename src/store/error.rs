//! What can go wrong with the store, and what to do about it.

use std::path::PathBuf;

use sqlx::migrate::MigrateError;

/// Why the store did not do what was asked. Every text says what to do where something can be done.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The data directory cannot be created or written.
    #[error(
        "cannot write to data directory {path}: {source}; choose another `data_dir` or make it writable for this user"
    )]
    Unwritable {
        /// The directory or the file in it.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// The database file is damaged; it was moved aside and kept.
    #[error(
        "database {path} is damaged ({message}); it was kept as {kept_as}; restore a backup to {path}, or start again to begin with an empty database"
    )]
    Damaged {
        /// The database file.
        path: PathBuf,
        /// What the database says.
        message: String,
        /// Where the damaged file is now.
        kept_as: PathBuf,
    },
    /// The database turned out damaged while in use; nothing was moved.
    #[error("the database is damaged ({message}); stop tidewatch, keep the file, and restore a backup")]
    Corrupt {
        /// What the database says.
        message: String,
    },
    /// The database was written by a newer version.
    #[error(
        "database {path} has schema {found}, this binary knows schemas up to {known}; run the newer tidewatch, or restore a backup made by this version"
    )]
    NewerSchema {
        /// The database file.
        path: PathBuf,
        /// Schema in the file.
        found: i64,
        /// Newest schema of this binary.
        known: i64,
    },
    /// The tables cannot be brought to this version's schema.
    #[error(
        "cannot bring database {path} to the schema of this version: {source}; nothing was lost, keep the file and report this"
    )]
    Migration {
        /// The database file.
        path: PathBuf,
        /// Cause.
        source: Box<MigrateError>,
    },
    /// Another process holds the write lock for too long.
    #[error("the database is locked by another process; stop the other one or try again")]
    Locked,
    /// Another service runs on the same data directory.
    #[error("another tidewatch serves from data directory {0}; stop it or choose another `data_dir`")]
    ServedElsewhere(PathBuf),
    /// No space left.
    #[error("no space left for the data directory; free some, or lower `retention`")]
    Full,
    /// A name that may not become a file name.
    #[error("name must be 1 to 64 characters of `a-z 0-9 . _ -` and begin with a letter or digit, got `{0}`")]
    Name(String),
    /// There is no such thing.
    #[error("there is no {what} `{which}`")]
    NotFound {
        /// Kind of thing: model, dead letter.
        what: &'static str,
        /// Which one was asked for.
        which: String,
    },
    /// A model file cannot be used.
    #[error("model `{name}` version {version} cannot be used: {defect}")]
    BadModel {
        /// Name of the model.
        name: String,
        /// Its version.
        version: i64,
        /// What is wrong with its file.
        defect: ModelDefect,
    },
    /// A row does not read as what it should be.
    #[error("{table}: a stored {what} cannot be read: {message}")]
    BadRow {
        /// Table.
        table: &'static str,
        /// Column or kind of value.
        what: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// A file operation failed.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// Anything else that the database says.
    #[error("database: {0}")]
    Database(#[source] sqlx::Error),
}

/// Why the file of a model was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelDefect {
    /// The file is gone.
    #[error("its file {0} is missing")]
    Missing(PathBuf),
    /// A link or directory where a file should be.
    #[error("{0} is not a plain file; links are not followed")]
    NotAFile(PathBuf),
    /// The file is longer or shorter than its manifest says.
    #[error("its file has {got} bytes, the manifest says {expected}; it was cut off or replaced")]
    Length {
        /// Bytes on disk.
        got: u64,
        /// Bytes in the manifest.
        expected: u64,
    },
    /// The content is not what was saved.
    #[error("its checksum is {got}, the manifest says {expected}; the file was changed or damaged")]
    Checksum {
        /// SHA-256 of the file, hexadecimal.
        got: String,
        /// SHA-256 in the manifest.
        expected: String,
    },
    /// The file cannot be read.
    #[error("its file cannot be read: {0}")]
    Unreadable(String),
}

/// SQLite's primary result codes that have a meaning for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    /// SQLITE_CORRUPT (11) or SQLITE_NOTADB (26).
    Damaged,
    /// SQLITE_BUSY (5) or SQLITE_LOCKED (6).
    Locked,
    /// SQLITE_FULL (13).
    Full,
    /// SQLITE_READONLY (8), SQLITE_CANTOPEN (14) or SQLITE_PERM (3).
    Unwritable,
    /// Anything else.
    Other,
}

/// What `error` means; extended codes keep the primary code in their low byte.
pub(super) fn condition(error: &sqlx::Error) -> Condition {
    let sqlx::Error::Database(inner) = error else {
        return if matches!(error, sqlx::Error::PoolTimedOut) { Condition::Locked } else { Condition::Other };
    };
    let code = inner.code().and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
    match code & 0xff {
        11 | 26 => Condition::Damaged,
        5 | 6 => Condition::Locked,
        13 => Condition::Full,
        3 | 8 | 14 => Condition::Unwritable,
        _ => Condition::Other,
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match condition(&error) {
            Condition::Damaged => Self::Corrupt { message: error.to_string() },
            Condition::Locked => Self::Locked,
            Condition::Full => Self::Full,
            Condition::Unwritable | Condition::Other => Self::Database(error),
        }
    }
}

impl StoreError {
    /// Whether trying again later may help.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Locked | Self::Full)
    }
}
