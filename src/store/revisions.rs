//! Revisions of published judgements: only ever added.

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{AnomalyRecord, Store, StoreError, count, millis, of_json, time_of, to_json};
use crate::detect::Suppression;

const TABLE: &str = "anomaly_revisions";

/// A revision to be added to the judgement of a point.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRevision {
    /// Time of the point.
    pub at: Timestamp,
    /// The change event that caused it.
    pub event_id: i64,
    /// Why, one sentence.
    pub because: String,
    /// The score as it is seen now.
    pub score: f64,
    /// Whether it is an anomaly as it is seen now.
    pub is_anomaly: bool,
    /// What keeps it from being one.
    pub suppressed: Option<Suppression>,
}

/// What is thought of a published judgement later on.
#[derive(Debug, Clone, PartialEq)]
pub struct Revision {
    /// Its number, from 1.
    pub revision: i64,
    /// When it was added.
    pub revised_at: Timestamp,
    /// The change event that caused it.
    pub event_id: i64,
    /// Why, one sentence.
    pub because: String,
    /// The score as it is seen since then.
    pub score: f64,
    /// Whether it is an anomaly since then.
    pub is_anomaly: bool,
    /// What keeps it from being one.
    pub suppressed: Option<Suppression>,
}

impl Store {
    /// Adds revisions to judgements of one series, in one transaction; one that the same event caused before is left as it
    /// is.
    ///
    /// # Errors
    /// [`StoreError`]; then none was added.
    pub async fn put_revisions(
        &self,
        detector: &str,
        series: &str,
        revisions: &[NewRevision],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if revisions.is_empty() {
            return Ok(());
        }
        let sql = "INSERT INTO anomaly_revisions (detector, series, at, revision, event_id, revised_at, because, score, \
                   is_anomaly, suppressed) SELECT $1, $2, $3, COALESCE(MAX(revision), 0) + 1, $4, $5, $6, $7, $8, $9 \
                   FROM anomaly_revisions WHERE detector = $1 AND series = $2 AND at = $3 \
                   ON CONFLICT (detector, series, at, event_id) DO NOTHING";
        let mut tx = self.write().await?;
        for revision in revisions {
            sqlx::query(sql)
                .bind(detector)
                .bind(series)
                .bind(millis(revision.at))
                .bind(revision.event_id)
                .bind(millis(now))
                .bind(&revision.because)
                .bind(revision.score.is_finite().then_some(revision.score))
                .bind(i64::from(revision.is_anomaly))
                .bind(revision.suppressed.as_ref().map(|why| to_json(TABLE, why)).transpose()?)
                .execute(&mut *tx)
                .await?;
        }
        Ok(tx.commit().await?)
    }

    /// Judgements of one series in `times`, oldest first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn anomalies_of(
        &self,
        detector: &str,
        series: &str,
        times: Range<Timestamp>,
        limit: usize,
    ) -> Result<Vec<AnomalyRecord>, StoreError> {
        let sql = "SELECT series, at, score, body FROM anomalies WHERE detector = $1 AND series = $2 AND at >= $3 \
                   AND at < $4 ORDER BY at LIMIT $5";
        let query = sqlx::query(sql).bind(detector).bind(series).bind(millis(times.start)).bind(millis(times.end));
        let rows = query.bind(count(limit)).fetch_all(&self.reader).await?;
        let mut records = rows.iter().map(super::anomalies::read).collect::<Result<Vec<_>, _>>()?;
        self.add_revisions(detector, times.start, &mut records).await?;
        Ok(records)
    }

    /// Adds to each of the records of `detector` since `since` its revisions, oldest first.
    pub(super) async fn add_revisions(
        &self,
        detector: &str,
        since: Timestamp,
        records: &mut [AnomalyRecord],
    ) -> Result<(), StoreError> {
        let sql = "SELECT series, at, revision, event_id, revised_at, because, score, is_anomaly, suppressed \
                   FROM anomaly_revisions WHERE detector = $1 AND at >= $2 ORDER BY series, at, revision";
        let rows = sqlx::query(sql).bind(detector).bind(millis(since)).fetch_all(&self.reader).await?;
        let mut all: BTreeMap<(String, i64), Vec<Revision>> = BTreeMap::new();
        for row in &rows {
            all.entry((row.try_get("series")?, row.try_get("at")?)).or_default().push(read(row)?);
        }
        for record in records {
            let key = (record.series.clone(), millis(record.point.at));
            record.revisions = all.remove(&key).unwrap_or_default();
        }
        Ok(())
    }
}

fn read(row: &SqliteRow) -> Result<Revision, StoreError> {
    let suppressed: Option<String> = row.try_get("suppressed")?;
    Ok(Revision {
        revision: row.try_get("revision")?,
        revised_at: time_of(row.try_get("revised_at")?),
        event_id: row.try_get("event_id")?,
        because: row.try_get("because")?,
        score: row.try_get::<Option<f64>, _>("score")?.unwrap_or(f64::NAN),
        is_anomaly: row.try_get::<i64, _>("is_anomaly")? != 0,
        suppressed: suppressed.map(|text| of_json(TABLE, "suppression", &text)).transpose()?,
    })
}
