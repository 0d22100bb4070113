//! Scheduled batches: what ran when, and what a killed run still has to do.

use std::collections::BTreeSet;

use jiff::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{Store, StoreError, count, millis, size, time_of};

/// How far a run came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunState {
    /// At work, or killed while it was.
    Running,
    /// Every series is done.
    Done,
    /// Some series failed; the others are done.
    Partial,
    /// Nothing came of it.
    Failed,
}

/// One batch of one group of series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its number.
    pub id: i64,
    /// What ran: the name of a forecast in the configuration.
    pub group: String,
    /// The time it was due.
    pub scheduled_for: Timestamp,
    /// When it began first.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// How far it came.
    pub state: RunState,
    /// Series done.
    pub done: usize,
    /// Series in all, as far as known.
    pub total: usize,
}

impl Store {
    /// Begins the run of `group` due at `scheduled_for`, or finds the one that was begun before: the pair is unique.
    ///
    /// When the run that comes back is not finished, [`Store::finished_series`] says what it need not do again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn begin_run(&self, group: &str, scheduled_for: Timestamp, now: Timestamp) -> Result<Run, StoreError> {
        let insert = "INSERT INTO runs (group_name, scheduled_for, started_at, state, done, total) \
                      VALUES ($1, $2, $3, 'running', 0, 0) ON CONFLICT (group_name, scheduled_for) DO NOTHING";
        let select = "SELECT * FROM runs WHERE group_name = $1 AND scheduled_for = $2";
        let mut tx = self.write().await?;
        let due = millis(scheduled_for);
        sqlx::query(insert).bind(group).bind(due).bind(millis(now)).execute(&mut *tx).await?;
        let row = sqlx::query(select).bind(group).bind(due).fetch_one(&mut *tx).await?;
        tx.commit().await?;
        read_run(&row)
    }

    /// Notes how many of how many series are done.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn advance_run(&self, id: i64, done: usize, total: usize) -> Result<(), StoreError> {
        let sql = "UPDATE runs SET done = $1, total = $2 WHERE id = $3";
        sqlx::query(sql).bind(count(done)).bind(count(total)).bind(id).execute(&self.writer).await?;
        Ok(())
    }

    /// Ends a run.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn finish_run(&self, id: i64, state: RunState, now: Timestamp) -> Result<(), StoreError> {
        let sql = "UPDATE runs SET state = $1, finished_at = $2 WHERE id = $3";
        sqlx::query(sql).bind(state.as_str()).bind(millis(now)).bind(id).execute(&self.writer).await?;
        Ok(())
    }

    /// Runs that never ended, oldest first: what to resume after a restart.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn unfinished_runs(&self) -> Result<Vec<Run>, StoreError> {
        let sql = "SELECT * FROM runs WHERE finished_at IS NULL ORDER BY scheduled_for, id";
        sqlx::query(sql).fetch_all(&self.reader).await?.iter().map(read_run).collect()
    }

    /// The latest `limit` runs, of one group or of all.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn runs(&self, group: Option<&str>, limit: usize) -> Result<Vec<Run>, StoreError> {
        let sql =
            "SELECT * FROM runs WHERE $1 IS NULL OR group_name = $1 ORDER BY scheduled_for DESC, id DESC LIMIT $2";
        sqlx::query(sql).bind(group).bind(count(limit)).fetch_all(&self.reader).await?.iter().map(read_run).collect()
    }

    /// The series whose forecasts of run `id` are stored.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn finished_series(&self, id: i64) -> Result<BTreeSet<String>, StoreError> {
        let rows =
            sqlx::query("SELECT series FROM forecasts WHERE run_id = $1").bind(id).fetch_all(&self.reader).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }
}

impl RunState {
    /// The name in the database and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Partial => "partial",
            Self::Failed => "failed",
        }
    }

    fn of_text(text: &str) -> Result<Self, StoreError> {
        let known = [Self::Running, Self::Done, Self::Partial, Self::Failed];
        let found = known.into_iter().find(|state| state.as_str() == text);
        found.ok_or_else(|| StoreError::BadRow { table: "runs", what: "state", message: format!("unknown `{text}`") })
    }
}

fn read_run(row: &SqliteRow) -> Result<Run, StoreError> {
    Ok(Run {
        id: row.try_get("id")?,
        group: row.try_get("group_name")?,
        scheduled_for: time_of(row.try_get("scheduled_for")?),
        started_at: time_of(row.try_get("started_at")?),
        finished_at: row.try_get::<Option<i64>, _>("finished_at")?.map(time_of),
        state: RunState::of_text(row.try_get("state")?)?,
        done: size(row.try_get("done")?),
        total: size(row.try_get("total")?),
    })
}
