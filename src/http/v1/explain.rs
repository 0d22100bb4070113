//! What a series is like, what the detector does with it, and why: for the caller's own series, and for followed ones.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::AppState;
use super::super::error::{ApiError, ErrorBody};
use super::super::extract::{Body, Params};
use super::super::openapi::{BodyFailures, ReadFailures};
use super::answer::{self, SeriesError};
use super::brought::{SeriesIn, SeriesList};
use crate::engine::requests::{FalseAlarmBudget, ScoreOptions, Season, Watch};
use crate::engine::{Explanation, MetricExplained, Said, Told};
use crate::series::Unit;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(explain)).routes(routes!(explain_followed))
}

/// Series to explain.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ExplainRequest {
    /// 1 to 1,000 series.
    #[schema(value_type = Vec<SeriesIn>)]
    series: SeriesList,
    /// How they would be scored.
    #[serde(default)]
    options: Options,
}

/// How series would be scored.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ExplainOptions)]
struct Options {
    /// False alarms that are accepted for one series: `1 per week` (default), `2 per day`, `0.5 per month`.
    #[schema(value_type = Option<String>, example = "1 per week")]
    false_alarms: Option<FalseAlarmBudget>,
    /// Which side is unusual: `both` (default), `above`, `below`.
    #[schema(value_type = Option<String>, example = "both")]
    direction: Option<Watch>,
    /// Shortest season: `auto` (default), `none`, or a duration such as `12h`.
    #[schema(value_type = Option<String>, example = "auto")]
    season: Option<Season>,
}

/// Explanations, in the order of the request.
#[derive(Debug, Serialize, ToSchema)]
struct ExplainResponse {
    /// One result for each series.
    series: Vec<ExplainedOut>,
}

/// A series or entity, explained, or why it is not.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Explained)]
struct ExplainedOut {
    /// Its name.
    #[schema(example = "api-latency")]
    name: String,
    /// The detector that follows it; absent for a series of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    detector: Option<String>,
    /// What each metric is like; one for a plain series.
    metrics: Vec<MetricOut>,
    /// Points that were judged.
    judged: usize,
    /// Anomalous points among them.
    anomalies: usize,
    /// The newest point.
    last: Option<ToldOut>,
    /// The most unusual moments, most unusual first, at most five.
    unusual: Vec<ToldOut>,
    /// Why there is no explanation; absent when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<SeriesError>,
}

/// A metric, explained.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MetricExplained)]
struct MetricOut {
    /// Its name.
    name: String,
    /// Unit of its values.
    #[schema(value_type = String, example = "seconds")]
    unit: Unit,
    /// Time between two points, seconds.
    #[schema(example = 60.0)]
    step_s: f64,
    /// `counter`, `gauge`, `counts`, `ratio`, `constant` or `two_valued`.
    #[schema(example = "gauge")]
    kind: String,
    /// What was found.
    found: Vec<SaidOut>,
    /// What is done with it, and why.
    chosen: Vec<SaidOut>,
    /// The short season in use, seconds; `null` without one.
    #[schema(example = 86400.0)]
    season_s: Option<f64>,
    /// The long season in use, seconds.
    #[schema(example = 604800.0)]
    long_season_s: Option<f64>,
    /// Whether its rate should be scored instead: its values are a counter's.
    as_rate: bool,
    /// Whether its logarithm should be scored instead: its noise grows with its level.
    as_logarithm: bool,
    /// Which side hurts, as far as the name tells: `both`, `above` or `below`.
    #[schema(value_type = String, example = "above")]
    direction: Watch,
    /// Seconds until judgements are trusted to 95 %; 0 when they are.
    trusted_in_s: f64,
    /// Medians by hour of the day (UTC), 24; empty when not every hour was seen on three days.
    day: Vec<f64>,
}

/// A sentence and the numbers behind it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Said)]
struct SaidOut {
    /// What it is about.
    #[schema(example = "season")]
    about: String,
    /// The sentence.
    #[schema(example = "It repeats every day: strength 0.82, and knowing it makes predictions 45 % better.")]
    sentence: String,
    /// The numbers: shares 0 to 1, values in the unit of the metric, times in seconds.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(example = json!({"period_s": 86400.0, "strength": 0.82, "gain": 0.45}))]
    evidence: BTreeMap<String, f64>,
}

/// A point, told.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Told)]
struct ToldOut {
    /// Its time.
    #[schema(value_type = String, format = DateTime, example = "2026-06-01T00:00:00Z")]
    t: Timestamp,
    /// Its score; 1 is the boundary.
    #[schema(example = 3.1)]
    score: f64,
    /// Whether it is anomalous.
    is_anomaly: bool,
    /// Why, most important first.
    #[schema(example = json!(["above_expected", "spike"]))]
    reasons: Vec<String>,
    /// What happened, in one sentence.
    #[schema(
        example = "checkout is 1.84 s, expected 610 ms (480 ms to 790 ms): a short rise unlike anything before, \
        3.1 times the boundary"
    )]
    sentence: String,
}

/// Explain series
///
/// Stateless: your own series in; out comes what they are like (kind, range, gaps, seasons, trend, noise), what the detector
/// does with them and why, and the most unusual moments in sentences. The limits are those of `/api/v1/score`.
#[utoipa::path(post, path = "/api/v1/explain", tag = "judge", request_body = ExplainRequest,
    responses((status = 200, description = "Explanations, in the order of the request.", body = ExplainResponse),
        BodyFailures))]
async fn explain(State(state): State<AppState>, Body(request): Body<ExplainRequest>) -> Result<Response, ApiError> {
    let ExplainRequest { series, options } = request;
    let brought = series.without_limits()?.into_brought()?;
    let ids = brought.iter().map(|one| one.name.clone()).collect();
    let score = ScoreOptions {
        false_alarms: options.false_alarms,
        direction: options.direction,
        season: options.season,
        ..ScoreOptions::default()
    };
    let results = state.app.explain_brought(brought, score).await?;
    let named = |id: String, explained: Explanation| ExplainedOut { name: id, ..explained.into() };
    let series = answer::each(ids, results, named, failed)?;
    answer::large(ExplainResponse { series }).await
}

/// Explain a followed series
///
/// What it is like over at most four weeks, what its detector does with it and why, and the most unusual moments of that
/// time.
#[utoipa::path(get, path = "/api/v1/series/{name}/explain", tag = "watch",
    params(
        ("name" = String, Path, description = "Its name as `/api/v1/series` has it, or its fingerprint."),
        ("detector" = Option<String>, Query, description = "The detector, where several follow it.")),
    responses((status = 200, description = "The explanation.", body = ExplainedOut),
        (status = 404, description = "Nothing of this name is followed.", body = ErrorBody),
        (status = 409, description = "Several detectors follow it; say which.", body = ErrorBody), ReadFailures))]
async fn explain_followed(
    State(state): State<AppState>,
    Path(name): Path<String>,
    mut params: Params,
) -> Result<Json<ExplainedOut>, ApiError> {
    let detector: Option<String> = params.take("detector")?;
    params.finish()?;
    let explained = state.app.explain_followed(&name, detector.as_deref(), state.now()).await?;
    Ok(Json(explained.into()))
}

fn failed(id: String, error: SeriesError) -> ExplainedOut {
    ExplainedOut {
        name: id,
        detector: None,
        metrics: Vec::new(),
        judged: 0,
        anomalies: 0,
        last: None,
        unusual: Vec::new(),
        error: Some(error),
    }
}

impl From<Explanation> for ExplainedOut {
    fn from(explained: Explanation) -> Self {
        let Explanation { name, detector, metrics, judged, anomalies, last, unusual } = explained;
        Self {
            name,
            detector,
            metrics: metrics.into_iter().map(MetricOut::from).collect(),
            judged,
            anomalies,
            last: last.map(ToldOut::from),
            unusual: unusual.into_iter().map(ToldOut::from).collect(),
            error: None,
        }
    }
}

impl From<MetricExplained> for MetricOut {
    fn from(metric: MetricExplained) -> Self {
        Self {
            name: metric.name,
            unit: metric.unit,
            step_s: metric.step_s,
            kind: metric.kind,
            found: metric.found.into_iter().map(SaidOut::from).collect(),
            chosen: metric.chosen.into_iter().map(SaidOut::from).collect(),
            season_s: metric.season_s,
            long_season_s: metric.long_season_s,
            as_rate: metric.as_rate,
            as_logarithm: metric.as_logarithm,
            direction: metric.direction,
            trusted_in_s: metric.trusted_in_s,
            day: metric.day,
        }
    }
}

impl From<Said> for SaidOut {
    fn from(said: Said) -> Self {
        Self { about: said.about, sentence: said.sentence, evidence: said.evidence }
    }
}

impl From<Told> for ToldOut {
    fn from(told: Told) -> Self {
        let Told { t, score, is_anomaly, reasons, sentence } = told;
        Self { t, score, is_anomaly, reasons, sentence }
    }
}
