//! Stored forecasts as curves.

use jiff::Timestamp;
use serde_json::Value;

use super::super::{App, EngineError};
use super::resources::{numbers, read};
use crate::forecast::{Band, Because};
use crate::series::{Labels, Series, Step, Unit};
use crate::store::{ForecastFilter, ForecastRecord};

/// A stored forecast of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct ForecastCurve {
    /// Its identity.
    pub id: String,
    /// Name of the forecast job.
    pub job: String,
    /// Name of the series.
    pub series: String,
    /// Labels of the series.
    pub labels: Labels,
    /// Name of the model used.
    pub model: String,
    /// Why this model, and what bent the numbers.
    pub because: Vec<Because>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Time of the first step.
    pub start: Timestamp,
    /// Time between two steps.
    pub step: Step,
    /// Unit of the values.
    pub unit: Unit,
    /// Seasons used, in steps.
    pub seasons: Vec<usize>,
    /// Central path.
    pub mean: Vec<f64>,
    /// Intervals, ascending by level.
    pub bands: Vec<Band>,
}

impl App {
    /// The latest forecast of every series, latest first, at most `limit`. Records that cannot be read are left out.
    ///
    /// # Errors
    /// [`EngineError::Store`].
    pub async fn latest_forecasts(&self, limit: usize) -> Result<Vec<ForecastCurve>, EngineError> {
        let filter = ForecastFilter { latest_only: true, ..ForecastFilter::default() };
        Ok(self.store().forecasts(&filter, limit).await?.into_iter().map(curve).collect())
    }

    /// The forecast `id`.
    ///
    /// # Errors
    /// [`EngineError::NotFound`], [`EngineError::Store`].
    pub async fn forecast_curve(&self, id: &str) -> Result<ForecastCurve, EngineError> {
        let found = self.store().forecast(id).await?;
        found.map(curve).ok_or_else(|| {
            EngineError::NotFound(format!("there is no forecast `{id}`; it may be older than what is kept"))
        })
    }

    /// What the series of forecast job `job` did before `until`, for plots; nothing when the source does not answer in
    /// time.
    pub async fn forecast_history(&self, job: &str, until: Timestamp) -> Vec<Series> {
        let Some(spec) = self.settings().forecasts.iter().find(|spec| spec.name == job) else { return Vec::new() };
        self.history(&spec.source, &spec.query, spec.step, spec.history, until).await
    }
}

/// A record as a curve; what cannot be read is empty.
pub(in crate::engine) fn curve(record: ForecastRecord) -> ForecastCurve {
    let body = &record.body;
    ForecastCurve {
        because: read(body, "because").unwrap_or_default(),
        unit: read(body, "unit").unwrap_or_default(),
        seasons: read(body, "seasons_steps").unwrap_or_default(),
        mean: numbers(body, "mean").unwrap_or_default(),
        bands: body.get("intervals").and_then(Value::as_array).map(|all| bands(all)).unwrap_or_default(),
        id: record.id,
        job: record.detector,
        series: record.series,
        labels: record.labels,
        model: record.model,
        created_at: record.created_at,
        start: record.start,
        step: record.step,
    }
}

fn bands(all: &[Value]) -> Vec<Band> {
    let band = |one: &Value| {
        Some(Band { level: one.get("level")?.as_f64()?, lower: numbers(one, "lower")?, upper: numbers(one, "upper")? })
    };
    all.iter().filter_map(band).collect()
}
