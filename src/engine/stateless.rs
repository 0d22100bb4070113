//! The use cases that need no memory: score, forecast and plan what the caller brings.

use jiff::Timestamp;

use super::EngineError;
use crate::capacity::{self, Exhaustion, Limit, Plan, Recommendation};
use crate::detect::{self, Change, Scores};
use crate::forecast::{self, Request};
use crate::series::{ChangePointSettings, Series, Unit};
use crate::source::file::Prepared;

/// Scores one series or one entity, causally; learning stops at `until`.
///
/// # Errors
/// [`EngineError::Detect`].
pub fn score_prepared(
    prepared: &Prepared,
    until: Option<Timestamp>,
    settings: &detect::Settings,
) -> Result<Scores, EngineError> {
    let scores = match prepared.entity.metrics() {
        [only] => detect::score_series_until(only, until, settings)?,
        _ => detect::score_entity_until(&prepared.entity, until, settings)?,
    };
    Ok(scores)
}

/// A metric with its lasting changes.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesChanges {
    /// Its name.
    pub name: String,
    /// Unit of its values.
    pub unit: Unit,
    /// In order of time.
    pub changes: Vec<Change>,
}

/// Lasting changes of every metric, looked at as a whole.
///
/// # Errors
/// [`EngineError::Invalid`] when the settings are out of range.
pub fn changes_prepared(
    prepared: &Prepared,
    settings: &ChangePointSettings,
) -> Result<Vec<SeriesChanges>, EngineError> {
    let several = prepared.entity.metrics().len() > 1;
    let one = |series: &Series| {
        let name =
            if several { format!("{}/{}", prepared.entity.name(), series.name()) } else { series.name().to_owned() };
        let changes = detect::changes_of(series, settings).map_err(|error| EngineError::Invalid(error.to_string()))?;
        Ok(SeriesChanges { name, unit: series.unit(), changes })
    };
    prepared.entity.metrics().iter().map(one).collect()
}

/// Plans one limited resource with the forecaster of this crate.
///
/// # Errors
/// [`EngineError::Capacity`].
pub fn plan_capacity(
    used: &Series,
    limit: Limit<'_>,
    settings: &capacity::Settings,
    now: Timestamp,
) -> Result<Plan, EngineError> {
    let forecaster = |history: &Series, horizon_steps: usize| {
        forecast::forecast(history, &capacity_request(horizon_steps, settings))
    };
    Ok(capacity::plan(used, limit, settings, now, forecaster)?)
}

/// What capacity planning asks of the forecaster.
pub(super) fn capacity_request(horizon_steps: usize, settings: &capacity::Settings) -> Request {
    Request { paths: settings.paths, seed: settings.seed, ..Request::new(horizon_steps) }
}

/// A capacity report with its futures, as it is stored and shown.
#[must_use]
pub fn capacity_body(plan: &Plan, recommendation: Option<&Recommendation>) -> serde_json::Value {
    let Plan { report, fan } = plan;
    let exhaustion = &report.exhaustion;
    serde_json::json!({
        "series": report.series,
        "used": report.used,
        "limit": report.limit,
        "unit": report.unit,
        "exhaustion": { "p10": exhaustion.p10, "p50": exhaustion.p50, "p90": exhaustion.p90 },
        "probability_within": exhaustion.probability_within,
        "outlook": exhaustion.outlook,
        "growth_per_day": exhaustion.growth_per_day,
        "horizon_days": exhaustion.horizon_days,
        "recommendation": recommendation,
        "because": report.because,
        "fan": {
            "start": fan.start,
            "step_s": fan.step.secs_f64(),
            "p10": fan.p10,
            "p50": fan.p50,
            "p90": fan.p90,
        },
    })
}

/// The exhaustion in a body that [`capacity_body`] made; `None` when it is none.
pub(super) fn exhaustion_of_body(body: &serde_json::Value) -> Option<Exhaustion> {
    let mut exhaustion = body.get("exhaustion")?.clone();
    let fields = exhaustion.as_object_mut()?;
    for name in ["probability_within", "outlook", "growth_per_day", "horizon_days"] {
        fields.insert(name.to_owned(), body.get(name)?.clone());
    }
    serde_json::from_value(exhaustion).ok()
}
