//! How stored forecasts did once the truth was known.

use jiff::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::forecasts::read as read_forecast;
use super::{ForecastRecord, Store, StoreError, count, millis, of_json, size, time_of, to_json};

const TABLE: &str = "forecast_scores";

/// What a stretch of a forecast was worth: sums over the steps that were observed.
#[derive(Debug, Clone, PartialEq)]
pub struct ForecastScore {
    /// The forecast.
    pub forecast_id: String,
    /// The end of the stretch, from the forecast's start, milliseconds.
    pub lead_ms: i64,
    /// Name of the forecast in the configuration.
    pub detector: String,
    /// Name of the series.
    pub series: String,
    /// The model that made it.
    pub model: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// Steps compared.
    pub steps: usize,
    /// Sum of absolute errors.
    pub absolute: f64,
    /// The same for repeating the last season.
    pub naive: f64,
    /// Error of the seasonal naive forecast in the history before; `None` when that is constant.
    pub scale: Option<f64>,
    /// Sum of pinball losses.
    pub pinball: f64,
    /// Values inside the interval of each level.
    pub covered: Vec<(f64, usize)>,
}

/// A series whose model does worse than repeating the last season.
#[derive(Debug, Clone, PartialEq)]
pub struct Unskilled {
    /// Name of the series.
    pub series: String,
    /// Absolute error over that of repeating the last season.
    pub ratio: f64,
}

impl Store {
    /// Forecasts of `detector` whose stretch of `lead_ms` ended between `since` and `until` and was not scored yet, newest
    /// first, at most `limit`. Forecasts that end before the lead are left out.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn unscored_forecasts(
        &self,
        detector: &str,
        lead_ms: i64,
        (since, until): (Timestamp, Timestamp),
        limit: usize,
    ) -> Result<Vec<ForecastRecord>, StoreError> {
        let sql = "SELECT * FROM forecasts f WHERE f.detector = $1 AND f.start_at + $2 <= $3 AND f.start_at >= $4 \
                   AND f.step_ms * f.horizon_steps >= $2 \
                   AND NOT EXISTS (SELECT 1 FROM forecast_scores s WHERE s.forecast_id = f.id AND s.lead_ms = $2) \
                   ORDER BY f.start_at DESC, f.id LIMIT $5";
        let rows = sqlx::query(sql)
            .bind(detector)
            .bind(lead_ms)
            .bind(millis(until))
            .bind(millis(since))
            .bind(count(limit))
            .fetch_all(&self.reader)
            .await?;
        rows.iter().map(read_forecast).collect()
    }

    /// Stores scores in one transaction; one of the same forecast and lead is kept as it was.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing was stored.
    pub async fn put_forecast_scores(&self, scores: &[ForecastScore]) -> Result<(), StoreError> {
        let sql = "INSERT INTO forecast_scores (forecast_id, lead_ms, detector, series, model, made_at, steps, absolute, \
                   naive, scale, pinball, covered) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
                   ON CONFLICT (forecast_id, lead_ms) DO NOTHING";
        let mut tx = self.write().await?;
        for score in scores {
            sqlx::query(sql)
                .bind(&score.forecast_id)
                .bind(score.lead_ms)
                .bind(&score.detector)
                .bind(&score.series)
                .bind(&score.model)
                .bind(millis(score.made_at))
                .bind(count(score.steps))
                .bind(score.absolute)
                .bind(score.naive)
                .bind(score.scale)
                .bind(score.pinball)
                .bind(to_json(TABLE, &score.covered)?)
                .execute(&mut *tx)
                .await?;
        }
        Ok(tx.commit().await?)
    }

    /// Series whose forecasts made since `since` did worse than repeating the last season by `factor`, within a day ahead, over
    /// at least three forecasts and 24 steps. Forecasts that repeat the last season anyway do not count.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn unskilled_series(
        &self,
        detector: &str,
        since: Timestamp,
        factor: f64,
    ) -> Result<Vec<Unskilled>, StoreError> {
        let sql = "SELECT series, SUM(absolute) / SUM(naive) FROM forecast_scores WHERE detector = $1 AND made_at >= $2 \
                   AND lead_ms <= 86400000 AND model NOT IN ('seasonal_naive', 'naive', 'constant') GROUP BY series \
                   HAVING COUNT(DISTINCT forecast_id) >= 3 AND SUM(steps) >= 24 AND SUM(naive) > 0 \
                   AND SUM(absolute) > $3 * SUM(naive)";
        let rows = sqlx::query(sql).bind(detector).bind(millis(since)).bind(factor).fetch_all(&self.reader).await?;
        rows.iter().map(|row| Ok(Unskilled { series: row.try_get(0)?, ratio: row.try_get(1)? })).collect()
    }

    /// Scores of forecasts made since `since`, of one name in the configuration or of all, latest first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forecast_scores(
        &self,
        detector: Option<&str>,
        since: Timestamp,
        limit: usize,
    ) -> Result<Vec<ForecastScore>, StoreError> {
        let sql = "SELECT * FROM forecast_scores WHERE ($1 IS NULL OR detector = $1) AND made_at >= $2 \
                   ORDER BY made_at DESC, forecast_id, lead_ms LIMIT $3";
        let rows =
            sqlx::query(sql).bind(detector).bind(millis(since)).bind(count(limit)).fetch_all(&self.reader).await?;
        rows.iter().map(read).collect()
    }
}

fn read(row: &SqliteRow) -> Result<ForecastScore, StoreError> {
    Ok(ForecastScore {
        forecast_id: row.try_get("forecast_id")?,
        lead_ms: row.try_get("lead_ms")?,
        detector: row.try_get("detector")?,
        series: row.try_get("series")?,
        model: row.try_get("model")?,
        made_at: time_of(row.try_get("made_at")?),
        steps: size(row.try_get("steps")?),
        absolute: row.try_get("absolute")?,
        naive: row.try_get("naive")?,
        scale: row.try_get("scale")?,
        pinball: row.try_get("pinball")?,
        covered: of_json(TABLE, "covered", row.try_get("covered")?)?,
    })
}
