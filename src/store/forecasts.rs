//! Forecasts that scheduled batches and requests made.

use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite};

use super::{Store, StoreError, count, millis, of_json, size, time_of, to_json};
use crate::series::{Labels, Step};

const TABLE: &str = "forecasts";
const MAX_LIMIT: usize = 10_000;

/// A stored forecast of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct ForecastRecord {
    /// Its identity, chosen by whoever made it.
    pub id: String,
    /// The batch it belongs to, if any.
    pub run_id: Option<i64>,
    /// Name of the forecast or detector in the configuration.
    pub detector: String,
    /// Name of the series.
    pub series: String,
    /// Labels of the series.
    pub labels: Labels,
    /// Name of the model used.
    pub model: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Time of the first step.
    pub start: Timestamp,
    /// Time between two steps.
    pub step: Step,
    /// Number of steps.
    pub horizon_steps: usize,
    /// The forecast itself, as the HTTP API shows it.
    pub body: serde_json::Value,
}

/// Which forecasts are wanted. The default is all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ForecastFilter {
    /// Only of this name in the configuration.
    pub detector: Option<String>,
    /// Only of this series.
    pub series: Option<String>,
    /// Only of this batch.
    pub run_id: Option<i64>,
    /// Only the latest of each series.
    pub latest_only: bool,
    /// Only made at or after this time.
    pub since: Option<Timestamp>,
}

impl Store {
    /// Stores forecasts in one transaction. One with the same identity, or of the same series in the same batch, is
    /// replaced, so that a batch can be resumed and repeated.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing was stored.
    pub async fn put_forecasts(&self, records: &[ForecastRecord]) -> Result<(), StoreError> {
        let insert = "INSERT INTO forecasts (id, run_id, detector, series, labels, model, created_at, start_at, step_ms, \
                      horizon_steps, body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
        let mut tx = self.write().await?;
        for record in records {
            let replace = "DELETE FROM forecasts WHERE id = $1 OR (run_id = $2 AND series = $3)";
            sqlx::query(replace).bind(&record.id).bind(record.run_id).bind(&record.series).execute(&mut *tx).await?;
            sqlx::query(insert)
                .bind(&record.id)
                .bind(record.run_id)
                .bind(&record.detector)
                .bind(&record.series)
                .bind(to_json(TABLE, &record.labels)?)
                .bind(&record.model)
                .bind(millis(record.created_at))
                .bind(millis(record.start))
                .bind(record.step.millis())
                .bind(count(record.horizon_steps))
                .bind(to_json(TABLE, &record.body)?)
                .execute(&mut *tx)
                .await?;
        }
        Ok(tx.commit().await?)
    }

    /// The forecast `id`, if it is there.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forecast(&self, id: &str) -> Result<Option<ForecastRecord>, StoreError> {
        let row = sqlx::query("SELECT * FROM forecasts WHERE id = $1").bind(id).fetch_optional(&self.reader).await?;
        row.as_ref().map(read).transpose()
    }

    /// The forecasts that `filter` asks for, latest first, at most `limit` and at most 10,000.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forecasts(&self, filter: &ForecastFilter, limit: usize) -> Result<Vec<ForecastRecord>, StoreError> {
        let mut query = QueryBuilder::<Sqlite>::new("SELECT * FROM forecasts f WHERE 1 = 1");
        if let Some(detector) = &filter.detector {
            query.push(" AND f.detector = ").push_bind(detector.clone());
        }
        if let Some(series) = &filter.series {
            query.push(" AND f.series = ").push_bind(series.clone());
        }
        if let Some(run_id) = filter.run_id {
            query.push(" AND f.run_id = ").push_bind(run_id);
        }
        if let Some(since) = filter.since {
            query.push(" AND f.created_at >= ").push_bind(millis(since));
        }
        if filter.latest_only {
            query.push(
                " AND NOT EXISTS (SELECT 1 FROM forecasts g WHERE g.detector = f.detector AND g.series = f.series \
                 AND (g.created_at > f.created_at OR (g.created_at = f.created_at AND g.id > f.id)))",
            );
        }
        query.push(" ORDER BY f.created_at DESC, f.id DESC LIMIT ").push_bind(count(limit.min(MAX_LIMIT)));
        query.build().fetch_all(&self.reader).await?.iter().map(read).collect()
    }
}

pub(super) fn read(row: &SqliteRow) -> Result<ForecastRecord, StoreError> {
    let step_ms: i64 = row.try_get("step_ms")?;
    let bad_step =
        || StoreError::BadRow { table: TABLE, what: "step", message: format!("{step_ms} ms is not positive") };
    Ok(ForecastRecord {
        id: row.try_get("id")?,
        run_id: row.try_get("run_id")?,
        detector: row.try_get("detector")?,
        series: row.try_get("series")?,
        labels: of_json(TABLE, "labels", row.try_get("labels")?)?,
        model: row.try_get("model")?,
        created_at: time_of(row.try_get("created_at")?),
        start: time_of(row.try_get("start_at")?),
        step: Step::from_millis(step_ms).ok_or_else(bad_step)?,
        horizon_steps: size(row.try_get("horizon_steps")?),
        body: of_json(TABLE, "body", row.try_get("body")?)?,
    })
}
