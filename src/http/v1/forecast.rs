//! Forecasts: of the caller's own series, and those made on schedule.

use std::collections::BTreeMap;
use std::fmt;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::AppState;
use super::super::error::{ApiError, ErrorBody};
use super::super::extract::{Body, Params};
use super::super::openapi::{BodyFailures, ReadFailures};
use super::answer::{self, SeriesError, map_of};
use super::brought::{SeriesIn, SeriesList};
use crate::engine::listings::{ForecastFilter, ForecastRecord};
use crate::engine::requests::{Ahead, ForecastOptions, MAX_STEPS};
use crate::forecast::{Because, Event, Forecast, ModelChoice};
use crate::series::{HumanDuration, Unit};

/// Most levels of one request.
const MAX_LEVELS: usize = 10;
/// Most seasons of one request.
const MAX_SEASONS: usize = 4;
/// Most events of one request.
const MAX_EVENTS: usize = 200;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(forecast)).routes(routes!(stored)).routes(routes!(stored_one))
}

/// Series to forecast.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ForecastRequest {
    /// 1 to 1,000 series. Each metric of an entity is forecast on its own.
    #[schema(value_type = Vec<SeriesIn>)]
    series: SeriesList,
    /// How far ahead: a number of steps, or a duration such as `7d`.
    #[schema(example = "24h")]
    horizon: Horizon,
    /// Coverage of the intervals, percent; default `[80, 95]`.
    #[serde(default = "usual_levels")]
    #[schema(example = json!([80, 95]))]
    levels: Vec<f64>,
    /// `auto` (default), `mstl_ets`, `seasonal_naive`, `ets`, `ar_ridge`, `holt_winters`, `naive`, `prophet`, `theta`, `croston`,
    /// `sba`, `tsb`, `seasonal_median` or `growth`.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "auto")]
    model: ModelChoice,
    /// Seasons such as `24h` and `7d`; found out when absent, none when empty.
    #[schema(value_type = Option<Vec<String>>)]
    seasons: Option<Vec<HumanDuration>>,
    /// Smallest possible value: forecast and intervals stay at or above it.
    at_least: Option<f64>,
    /// Largest possible value: forecast and intervals stay at or below it, and growth saturates there.
    at_most: Option<f64>,
    /// Whether only whole numbers are possible.
    #[serde(default)]
    whole_numbers: bool,
    /// Past and planned events, at most 200: each with `name`, `spans` of `start` and `end`, and `effect`: `"learned"` from
    /// the past spans (default), `{"times": 1.4}` for +40 %, or `{"plus": 10}`.
    #[serde(default)]
    #[schema(value_type = Vec<Object>, example = json!([{"name": "campaign", "effect": {"times": 1.4},
        "spans": [{"start": "2026-11-28T00:00:00Z", "end": "2026-11-29T00:00:00Z"}]}]))]
    events: Vec<Event>,
}

fn usual_levels() -> Vec<f64> {
    vec![80.0, 95.0]
}

/// Steps or a span.
#[derive(Debug, Clone, Copy)]
struct Horizon(Ahead);

/// Forecasts, in the order of the request.
#[derive(Debug, Serialize, ToSchema)]
struct ForecastResponse {
    /// One result for each series.
    series: Vec<ForecastSeries>,
}

/// The forecasts of a series, or why it has none.
#[derive(Debug, Serialize, ToSchema)]
struct ForecastSeries {
    /// Its id.
    #[schema(example = "api-latency")]
    id: String,
    /// One forecast, or one for each metric of an entity.
    forecasts: Vec<MetricForecast>,
    /// Why it has none; absent when it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<SeriesError>,
}

/// The forecast of one metric.
#[derive(Debug, Serialize, ToSchema)]
struct MetricForecast {
    /// Name of the metric; the id for a plain series.
    metric: String,
    /// Unit of the values.
    #[schema(value_type = String, example = "seconds")]
    unit: Unit,
    /// The model used.
    #[schema(example = "mstl_ets")]
    model: &'static str,
    /// Why this model, and what bent the numbers.
    #[schema(value_type = Vec<Object>, example = json!([{"reason": "requested"}]))]
    because: Vec<Because>,
    /// Seasons used, in steps.
    #[schema(example = json!([24, 168]))]
    seasons_steps: Vec<usize>,
    /// Time of the first value.
    #[schema(value_type = String, format = DateTime, example = "2026-06-01T00:00:00Z")]
    start: jiff::Timestamp,
    /// Time between two values, seconds.
    #[schema(example = 3600.0)]
    step_s: f64,
    /// Central path.
    #[schema(example = json!([0.2, 0.21]))]
    mean: Vec<f64>,
    /// Intervals, narrow to wide.
    intervals: Vec<Interval>,
}

/// One interval of a forecast.
#[derive(Debug, Serialize, ToSchema)]
struct Interval {
    /// Coverage, percent.
    #[schema(example = 80.0)]
    level: f64,
    /// Lower bounds.
    #[schema(example = json!([0.1, 0.11]))]
    lower: Vec<f64>,
    /// Upper bounds.
    #[schema(example = json!([0.3, 0.31]))]
    upper: Vec<f64>,
}

/// A forecast that was made on schedule.
#[derive(Debug, Serialize, ToSchema)]
struct StoredForecast {
    /// Its id.
    #[schema(example = "traffic-12-8a3c5d0e4f6b7a91")]
    id: String,
    /// The schedule in the configuration that made it.
    #[schema(example = "traffic")]
    forecast: String,
    /// Name of the series.
    series: String,
    /// Labels of the series.
    labels: BTreeMap<String, String>,
    /// The model used.
    #[schema(example = "mstl_ets")]
    model: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: jiff::Timestamp,
    /// Time of the first value.
    #[schema(value_type = String, format = DateTime)]
    start: jiff::Timestamp,
    /// Time between two values, seconds.
    step_s: f64,
    /// How many values.
    horizon_steps: usize,
    /// Unit of the values, why this model, seasons, central path (`mean`) and `intervals` with `level` in percent.
    #[schema(value_type = Object)]
    body: Value,
}

/// Forecasts that were made on schedule.
#[derive(Debug, Serialize, ToSchema)]
struct StoredForecasts {
    /// The forecasts, latest first.
    forecasts: Vec<StoredForecast>,
}

/// Forecast series
///
/// Stateless: your own series in, forecasts with intervals out, nothing remembered. A series that cannot be forecast has
/// `error`; when none can, the answer is 422. At most 1,000 series and 1,000,000 points, in and out.
#[utoipa::path(post, path = "/api/v1/forecast", tag = "judge", request_body = ForecastRequest,
    responses((status = 200, description = "Forecasts, in the order of the request.", body = ForecastResponse), BodyFailures))]
async fn forecast(State(state): State<AppState>, Body(request): Body<ForecastRequest>) -> Result<Response, ApiError> {
    let ForecastRequest { series, horizon: Horizon(horizon), levels, model, seasons, at_least, at_most, .. } = request;
    let (whole_numbers, events) = (request.whole_numbers, request.events);
    if events.len() > MAX_EVENTS {
        let message = format!("must be at most {MAX_EVENTS}, got {}", events.len());
        return Err(ApiError::unprocessable(message, None).at("events".to_owned()));
    }
    let range = range(at_least, at_most)?;
    let levels = shares(&levels)?;
    check_seasons(seasons.as_deref())?;
    check_horizon(horizon, series.0.len())?;
    let brought = series.without_limits()?.into_brought()?;
    let ids = brought.iter().map(|one| one.name.clone()).collect();
    let options = ForecastOptions { horizon, levels, model, seasons, range, whole_numbers, events };
    let results = state.app.forecast_brought(brought, options).await?;
    let good = |id, made: Vec<Forecast>| ForecastSeries {
        id,
        forecasts: made.into_iter().map(MetricForecast::from).collect(),
        error: None,
    };
    let bad = |id, error| ForecastSeries { id, forecasts: Vec::new(), error: Some(error) };
    answer::large(ForecastResponse { series: answer::each(ids, results, good, bad)? }).await
}

/// Forecasts made on schedule
///
/// Latest first; with `latest=true` only the newest of each series.
#[utoipa::path(get, path = "/api/v1/forecasts", tag = "watch",
    params(
        ("forecast" = Option<String>, Query, description = "Only of this schedule."),
        ("series" = Option<String>, Query, description = "Only of the series with this name."),
        ("latest" = Option<bool>, Query, description = "Only the newest of each series: `true` (default) or `false`."),
        ("since" = Option<String>, Query, description = "Only those made at or after this time, RFC 3339."),
        ("limit" = Option<usize>, Query, description = "How many, 1 to 1000; default 100.")),
    responses((status = 200, description = "The forecasts.", body = StoredForecasts), ReadFailures))]
async fn stored(State(state): State<AppState>, mut params: Params) -> Result<Json<StoredForecasts>, ApiError> {
    let filter = ForecastFilter {
        detector: params.take("forecast")?,
        series: params.take("series")?,
        latest_only: params.take("latest")?.unwrap_or(true),
        since: params.time("since")?,
        ..ForecastFilter::default()
    };
    let limit = params.limit(100, 1_000)?;
    params.finish()?;
    let records = state.app.forecasts(&filter, limit).await?;
    Ok(Json(StoredForecasts { forecasts: records.into_iter().map(StoredForecast::from).collect() }))
}

/// One forecast made on schedule
#[utoipa::path(get, path = "/api/v1/forecasts/{id}", tag = "watch",
    params(("id" = String, Path, description = "The id of the forecast.")),
    responses((status = 200, description = "The forecast.", body = StoredForecast),
        (status = 404, description = "There is no such forecast.", body = ErrorBody), ReadFailures))]
async fn stored_one(State(state): State<AppState>, Path(id): Path<String>) -> Result<Json<StoredForecast>, ApiError> {
    Ok(Json(state.app.forecast(&id).await?.into()))
}

/// Percent to shares, ascending, each once.
fn shares(percent: &[f64]) -> Result<Vec<f64>, ApiError> {
    let wrong = |path: String, message: String| Err(ApiError::unprocessable(message, None).at(path));
    if percent.len() > MAX_LEVELS {
        return wrong("levels".to_owned(), format!("must be at most {MAX_LEVELS}, got {}", percent.len()));
    }
    if let Some((index, bad)) = percent.iter().enumerate().find(|(_, level)| !(**level >= 1.0 && **level < 100.0)) {
        let message = format!("must be percent, from 1 to below 100, such as 80, got {bad}");
        return wrong(format!("levels[{index}]"), message);
    }
    let mut levels: Vec<f64> = percent.iter().map(|level| level / 100.0).collect();
    levels.sort_by(f64::total_cmp);
    levels.dedup_by(|a, b| (*a - *b).abs() < 1e-12);
    Ok(levels)
}

/// The range that is possible; `None` when nothing was said.
fn range(at_least: Option<f64>, at_most: Option<f64>) -> Result<Option<(f64, f64)>, ApiError> {
    match (at_least, at_most) {
        (None, None) => Ok(None),
        (Some(low), Some(high)) if low >= high => {
            let message = format!("must be less than `at_most`, {high}, got {low}");
            Err(ApiError::unprocessable(message, None).at("at_least".to_owned()))
        }
        _ => Ok(Some((at_least.unwrap_or(f64::NEG_INFINITY), at_most.unwrap_or(f64::INFINITY)))),
    }
}

fn check_seasons(seasons: Option<&[HumanDuration]>) -> Result<(), ApiError> {
    match seasons {
        Some(seasons) if seasons.len() > MAX_SEASONS => {
            let message = format!("must be at most {MAX_SEASONS}, got {}", seasons.len());
            Err(ApiError::unprocessable(message, None).at("seasons".to_owned()))
        }
        _ => Ok(()),
    }
}

fn check_horizon(horizon: Ahead, series: usize) -> Result<(), ApiError> {
    match horizon {
        Ahead::Steps(steps) if steps.saturating_mul(series) > MAX_STEPS => {
            let message = format!("{steps} steps of {series} series are more than {MAX_STEPS} values; ask for less");
            Err(ApiError::too_large(message).at("horizon".to_owned()))
        }
        _ => Ok(()),
    }
}

/// A share of one as percent, without the dust of the division.
fn percent(share: f64) -> f64 {
    (share * 1e8).round() / 1e6
}

impl From<Forecast> for MetricForecast {
    fn from(forecast: Forecast) -> Self {
        let interval =
            |band: crate::forecast::Band| Interval { level: percent(band.level), lower: band.lower, upper: band.upper };
        Self {
            metric: forecast.series,
            unit: forecast.unit,
            model: forecast.model.as_str(),
            because: forecast.because,
            seasons_steps: forecast.seasons,
            start: forecast.start,
            step_s: forecast.step.secs_f64(),
            mean: forecast.mean,
            intervals: forecast.bands.into_iter().map(interval).collect(),
        }
    }
}

impl From<ForecastRecord> for StoredForecast {
    fn from(record: ForecastRecord) -> Self {
        let mut body = record.body;
        if let Some(Value::Array(intervals)) = body.get_mut("intervals") {
            for interval in intervals {
                let level = interval.get("level").and_then(Value::as_f64).map(percent);
                if let (Some(level), Some(interval)) = (level, interval.as_object_mut()) {
                    interval.insert("level".to_owned(), level.into());
                }
            }
        }
        Self {
            id: record.id,
            forecast: record.detector,
            labels: map_of(&record.labels),
            series: record.series,
            model: record.model,
            created_at: record.created_at,
            start: record.start,
            step_s: record.step.secs_f64(),
            horizon_steps: record.horizon_steps,
            body,
        }
    }
}

impl<'de> Deserialize<'de> for Horizon {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(HorizonVisitor)
    }
}

impl PartialSchema for Horizon {
    fn schema() -> RefOr<Schema> {
        let steps = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1));
        let span = ObjectBuilder::new().schema_type(Type::String);
        let description = "How far ahead: a number of steps, or a duration such as `7d`.";
        OneOfBuilder::new().item(steps).item(span).description(Some(description)).into()
    }
}

impl ToSchema for Horizon {}

struct HorizonVisitor;

impl Visitor<'_> for HorizonVisitor {
    type Value = Horizon;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of steps, at least 1, or a duration such as \"7d\"")
    }

    fn visit_u64<E: Error>(self, steps: u64) -> Result<Horizon, E> {
        let steps = usize::try_from(steps).ok().filter(|steps| *steps > 0);
        steps.map(|steps| Horizon(Ahead::Steps(steps))).ok_or_else(|| E::custom("must be at least 1 step, got 0"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Horizon, E> {
        text.parse().map(|span| Horizon(Ahead::Span(span))).map_err(E::custom)
    }
}
