//! Unusual points as they were published, and the state that detectors carry over a restart.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{Revision, Store, StoreError, count, millis, of_json, time_of, to_json};
use crate::detect::{Attribution, Direction, PointScore, Reason, Suppression};

const TABLE: &str = "anomalies";
const MAX_LIMIT: usize = 10_000;

/// A stored judgement.
#[derive(Debug, Clone, PartialEq)]
pub struct AnomalyRecord {
    /// The series or entity.
    pub series: String,
    /// The judgement as it was published.
    pub point: PointScore,
    /// What is thought of it since, oldest first.
    pub revisions: Vec<Revision>,
}

/// The state of a detector for one series, in the detector's own format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The series or entity.
    pub series: String,
    /// When it was taken.
    pub taken_at: Timestamp,
    /// The state.
    pub bytes: Vec<u8>,
}

impl Store {
    /// Stores judgements of one series in one transaction. A point that is stored already keeps its first judgement:
    /// a published score is never rewritten. Infinite and NaN numbers come back as NaN.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing was stored.
    pub async fn put_anomalies(&self, detector: &str, series: &str, points: &[PointScore]) -> Result<(), StoreError> {
        let sql = "INSERT INTO anomalies (detector, series, at, score, body) VALUES ($1, $2, $3, $4, $5) \
                   ON CONFLICT (detector, series, at) DO NOTHING";
        let mut tx = self.write().await?;
        for point in points {
            sqlx::query(sql)
                .bind(detector)
                .bind(series)
                .bind(millis(point.at))
                .bind(finite(point.score))
                .bind(to_json(TABLE, &Body::of(point))?)
                .execute(&mut *tx)
                .await?;
        }
        Ok(tx.commit().await?)
    }

    /// Judgements of `detector` at or after `since`, latest first, at most `limit` and at most 10,000.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn anomalies(
        &self,
        detector: &str,
        since: Timestamp,
        limit: usize,
    ) -> Result<Vec<AnomalyRecord>, StoreError> {
        let sql = "SELECT series, at, score, body FROM anomalies WHERE detector = $1 AND at >= $2 \
                   ORDER BY at DESC, series LIMIT $3";
        let limit = count(limit.min(MAX_LIMIT));
        let rows = sqlx::query(sql).bind(detector).bind(millis(since)).bind(limit).fetch_all(&self.reader).await?;
        let mut records = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        self.add_revisions(detector, since, &mut records).await?;
        Ok(records)
    }

    /// Keeps the state of `detector` for several series in one transaction; each replaces the one before.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing was kept.
    pub async fn save_snapshots(
        &self,
        detector: &str,
        states: &[(String, Vec<u8>)],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO snapshots (detector, series, taken_at, content) VALUES ($1, $2, $3, $4) \
                   ON CONFLICT (detector, series) DO UPDATE SET taken_at = excluded.taken_at, content = excluded.content";
        let mut tx = self.write().await?;
        for (series, bytes) in states {
            let query = sqlx::query(sql).bind(detector).bind(series).bind(millis(now)).bind(bytes);
            query.execute(&mut *tx).await?;
        }
        Ok(tx.commit().await?)
    }

    /// The states of `detector`, by series.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn load_snapshots(&self, detector: &str) -> Result<Vec<Snapshot>, StoreError> {
        let sql = "SELECT series, taken_at, content FROM snapshots WHERE detector = $1 ORDER BY series";
        let rows = sqlx::query(sql).bind(detector).fetch_all(&self.reader).await?;
        rows.iter()
            .map(|row| {
                let taken_at = time_of(row.try_get("taken_at")?);
                Ok(Snapshot { series: row.try_get("series")?, taken_at, bytes: row.try_get("content")? })
            })
            .collect()
    }
}

/// A judgement as JSON. JSON knows no NaN, so numbers are optional here.
#[derive(Serialize, Deserialize)]
struct Body {
    value: Option<f64>,
    expected: Option<f64>,
    lower: Option<f64>,
    upper: Option<f64>,
    p_value: Option<f64>,
    is_anomaly: bool,
    direction: Direction,
    confidence: Option<f64>,
    imputed: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    suppressed: Option<Suppression>,
    reasons: Vec<Reason>,
    attribution: Vec<Attribution>,
}

impl Body {
    fn of(point: &PointScore) -> Self {
        let shares = point.attribution.iter().filter(|part| part.share.is_finite());
        Self {
            value: finite(point.value),
            expected: finite(point.expected),
            lower: finite(point.lower),
            upper: finite(point.upper),
            p_value: finite(point.p_value),
            is_anomaly: point.is_anomaly,
            direction: point.direction,
            confidence: finite(point.confidence),
            imputed: point.imputed,
            suppressed: point.suppressed,
            reasons: point.reasons.clone(),
            attribution: shares.cloned().collect(),
        }
    }

    fn into_point(self, at: Timestamp, score: Option<f64>) -> PointScore {
        PointScore {
            at,
            value: self.value.unwrap_or(f64::NAN),
            expected: self.expected.unwrap_or(f64::NAN),
            lower: self.lower.unwrap_or(f64::NAN),
            upper: self.upper.unwrap_or(f64::NAN),
            p_value: self.p_value.unwrap_or(f64::NAN),
            score: score.unwrap_or(f64::NAN),
            is_anomaly: self.is_anomaly,
            direction: self.direction,
            confidence: self.confidence.unwrap_or(f64::NAN),
            imputed: self.imputed,
            suppressed: self.suppressed,
            reasons: self.reasons,
            attribution: self.attribution,
            changes: Vec::new(),
        }
    }
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

pub(super) fn read(row: &SqliteRow) -> Result<AnomalyRecord, StoreError> {
    let body: Body = of_json(TABLE, "judgement", row.try_get("body")?)?;
    let point = body.into_point(time_of(row.try_get("at")?), row.try_get("score")?);
    Ok(AnomalyRecord { series: row.try_get("series")?, point, revisions: Vec::new() })
}
