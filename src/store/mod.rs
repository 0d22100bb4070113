//! What Tidewatch remembers between runs.
//!
//! Input: alerts, forecasts, reports, scores, model artefacts and deliveries as value types, with the time as an argument.
//! Output: the same values back, after a restart too; every write is on disk when its function returns.
//! Never: judges or delivers anything; never reads the clock; never deletes a damaged file.
//!
//! # One directory
//! ```text
//! <data_dir>/tidewatch.db          the database, with -wal and -shm beside it while open
//! <data_dir>/models/<name>/<n>.model   artefacts, one file for each version
//! <data_dir>/serve.lock            held by the one service that runs here
//! ```
//!
//! # Durability
//! The database is SQLite in WAL mode with `synchronous = FULL`: each commit waits until the log is on the disk. The
//! weaker `NORMAL` keeps the file sound but may lose the last commits when the power fails, and the outbox promises
//! that an alert answered with 2xx is delivered: the row has to be on disk *before* the answer. One commit costs a
//! disk flush (about 3 ms), so every function here makes one transaction of its whole batch.
//!
//! # Several processes
//! `tidewatch models list` or `train` may open the directory while the service runs: WAL lets readers and one writer
//! work side by side, and a writer waits up to ten seconds for its turn. Only one process may *serve*
//! ([`Store::lock_for_service`]), because two would deliver everything twice.
//!
//! # PostgreSQL
//! The statements keep to what PostgreSQL understands as well: `$1` parameters, `INSERT … ON CONFLICT`, BIGINT
//! milliseconds, TEXT for JSON. Its tables need migrations of their own; the functions stay.

mod alerts;
mod anomalies;
mod artefacts;
mod budget;
mod capacity;
mod error;
mod forecast_scores;
mod forecasts;
mod journal;
mod models;
mod open;
mod outbox;
mod retention;
mod revisions;
mod runs;

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::{Sqlite, SqlitePool, Transaction};

pub use alerts::{AlertFilter, Cursor};
pub use anomalies::{AnomalyRecord, Snapshot};
pub use artefacts::check_name;
pub use budget::{BudgetState, Exposure, VerdictCounts};
pub use capacity::{CapacityRecord, RecommendationRecord};
pub use error::{ModelDefect, StoreError};
pub use forecast_scores::{ForecastScore, Unskilled};
pub use forecasts::{ForecastFilter, ForecastRecord};
pub use journal::{ChangeEvent, ChangeKind, RecordedEvent, Verdict, VerdictRecord};
pub use models::{LoadedModel, ModelManifest, ModelState, NewModel};
pub use open::ServiceLock;
pub use outbox::{DeadLetter, Delivery, LEASE, OutboxDepth, OutboxItem};
pub use retention::{Pruned, RetentionSettings};
pub use revisions::{NewRevision, Revision};
pub use runs::{Run, RunState};

/// The embedded database and the directory of model artefacts. Cheap to clone; clones share the connections.
#[derive(Debug, Clone)]
pub struct Store {
    dir: PathBuf,
    /// One connection: SQLite has one writer, and waiting here is fair and cheap.
    writer: SqlitePool,
    /// Connections that only read.
    reader: SqlitePool,
}

impl Store {
    /// The data directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Starts a transaction that holds the write lock from its first statement on, so that it cannot fail halfway
    /// because another process wrote in between.
    async fn write(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }
}

/// Milliseconds since 1970.
fn millis(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// The time of `millis`; what lies outside of the calendar becomes its nearest end.
fn time_of(millis: i64) -> Timestamp {
    let end = if millis < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_millisecond(millis).unwrap_or(end)
}

/// `value` as JSON text.
fn to_json<T: Serialize + ?Sized>(table: &'static str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::BadRow {
        table,
        what: "value",
        message: error.to_string(),
    })
}

/// The value that `text` holds.
fn of_json<T: DeserializeOwned>(table: &'static str, what: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::BadRow { table, what, message: error.to_string() })
}

/// A count for a BIGINT column.
fn count(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A BIGINT column as a count; negative becomes 0.
fn size(value: i64) -> usize {
    usize::try_from(value.max(0)).unwrap_or(usize::MAX)
}
