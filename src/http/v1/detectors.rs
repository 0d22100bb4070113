//! Detectors, what they follow and what they found.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::AppState;
use super::super::error::{ApiError, ErrorBody};
use super::super::extract::Params;
use super::super::openapi::ReadFailures;
use super::answer::{self, map_of};
use super::score::ScoredPoint;
use crate::detect::Suppression;
use crate::engine::listings::{AnomalyRecord, Revision};
use crate::engine::{ChartPoint, SeriesSummary, WatchStatus};
use crate::series::Unit;

/// How far back anomalies are listed by default.
const SINCE: SignedDuration = SignedDuration::from_hours(7 * 24);

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(detectors)).routes(routes!(anomalies)).routes(routes!(series))
}

/// The detectors.
#[derive(Debug, Serialize, ToSchema)]
struct Detectors {
    /// One for each in the configuration.
    detectors: Vec<DetectorOut>,
}

/// How a detector is doing.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Detector)]
struct DetectorOut {
    /// Its name.
    #[schema(example = "api-latency")]
    name: String,
    /// Its source.
    #[schema(example = "prod")]
    source: String,
    /// Its query.
    query: String,
    /// Time between two points, seconds.
    #[schema(example = 60.0)]
    step_s: f64,
    /// Series or entities followed.
    series: usize,
    /// How many of them fire now.
    firing: usize,
    /// Mean confidence of its judgements, 0 to 1.
    confidence: f64,
    /// When it last went well.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_round: Option<Timestamp>,
    /// Why it did not go well since.
    last_error: Option<String>,
}

/// What a detector found.
#[derive(Debug, Serialize, ToSchema)]
struct Anomalies {
    /// The anomalous points, and those that would be but were suppressed, latest first.
    anomalies: Vec<Anomaly>,
}

/// An anomalous point.
#[derive(Debug, Serialize, ToSchema)]
struct Anomaly {
    /// Name of the series or entity.
    series: String,
    /// The judgement as it was published.
    point: ScoredPoint,
    /// How it stands now: the last revision, or as it was published.
    now: Standing,
    /// What changed since, oldest first; the judgement itself is never rewritten.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    revisions: Vec<RevisionOut>,
}

/// How a judgement stands.
#[derive(Debug, Serialize, ToSchema)]
struct Standing {
    /// The score; 1 is the boundary.
    score: Option<f64>,
    /// Whether it is an anomaly.
    is_anomaly: bool,
    /// What keeps it from being one: `below_min_deviation`, `out_of_range`, `outside_business_hours` or `maintenance`.
    suppressed: Option<&'static str>,
}

/// A revision of a judgement.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Revision)]
struct RevisionOut {
    /// Its number, from 1.
    revision: i64,
    /// When it was added.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// The change event that caused it.
    event_id: i64,
    /// Why, one sentence.
    #[schema(
        example = "event 42 arrived late: maintenance \"disks\" from 2026-06-01T10:00:00Z to 2026-06-01T11:00:00Z"
    )]
    because: String,
    /// How the judgement stands since then.
    #[serde(flatten)]
    standing: Standing,
}

/// The series that are followed.
#[derive(Debug, Serialize, ToSchema)]
struct FollowedSeries {
    /// One for each series or entity.
    series: Vec<Followed>,
}

/// A series or entity that a detector follows.
#[derive(Debug, Serialize, ToSchema)]
struct Followed {
    /// The detector.
    #[schema(example = "api-latency")]
    detector: String,
    /// Its name.
    name: String,
    /// Its labels.
    labels: BTreeMap<String, String>,
    /// Unit of its values.
    #[schema(value_type = String, example = "seconds")]
    unit: Unit,
    /// Its metrics; one for a plain series.
    metrics: Vec<String>,
    /// Whether its alert fires now.
    firing: bool,
    /// Recent points, oldest first.
    points: Vec<FollowedPoint>,
}

/// A point of a followed series.
#[derive(Debug, Serialize, ToSchema)]
struct FollowedPoint {
    /// Time.
    #[schema(value_type = String, format = DateTime)]
    t: Timestamp,
    /// The value; `null` when it was missing.
    value: Option<f64>,
    /// What was expected.
    expected: f64,
    /// Lower end of the expected band.
    lower: f64,
    /// Upper end of the expected band.
    upper: f64,
    /// Score; 1 is the boundary.
    score: f64,
    /// Whether it was anomalous.
    is_anomaly: bool,
    /// What kept it from being that; absent when nothing did.
    #[serde(skip_serializing_if = "Option::is_none")]
    suppressed: Option<&'static str>,
}

/// Detectors
#[utoipa::path(get, path = "/api/v1/detectors", tag = "watch",
    responses((status = 200, description = "How each is doing.", body = Detectors), ReadFailures))]
async fn detectors(State(state): State<AppState>, params: Params) -> Result<Json<Detectors>, ApiError> {
    params.finish()?;
    let statuses = state.app.watch_statuses().await;
    Ok(Json(Detectors { detectors: statuses.into_iter().map(DetectorOut::from).collect() }))
}

/// What a detector found
#[utoipa::path(get, path = "/api/v1/detectors/{name}/anomalies", tag = "watch",
    params(
        ("name" = String, Path, description = "The name of the detector."),
        ("since" = Option<String>, Query, description = "From when on, RFC 3339; default 7 days ago."),
        ("limit" = Option<usize>, Query, description = "How many, 1 to 1000; default 100.")),
    responses((status = 200, description = "Its anomalies.", body = Anomalies),
        (status = 404, description = "There is no such detector.", body = ErrorBody), ReadFailures))]
async fn anomalies(
    State(state): State<AppState>,
    Path(name): Path<String>,
    mut params: Params,
) -> Result<Json<Anomalies>, ApiError> {
    let now = state.now();
    let since = params.time("since")?.unwrap_or_else(|| now.saturating_sub(SINCE).unwrap_or(now));
    let limit = params.limit(100, 1_000)?;
    params.finish()?;
    let records = state.app.anomalies(&name, since, limit).await?.into_iter();
    Ok(Json(Anomalies { anomalies: records.map(Anomaly::from).collect() }))
}

/// The unit that the metric name in front of the labels promises.
fn unit_of(series: &str) -> Unit {
    Unit::from_metric_name(series.split('{').next().unwrap_or_default())
}

/// Series that are followed
#[utoipa::path(get, path = "/api/v1/series", tag = "watch",
    params(
        ("detector" = Option<String>, Query, description = "Only of this detector."),
        ("points" = Option<usize>, Query, description = "How many recent points of each, at most 2016; default 0.")),
    responses((status = 200, description = "The series.", body = FollowedSeries), ReadFailures))]
async fn series(State(state): State<AppState>, mut params: Params) -> Result<Response, ApiError> {
    let detector: Option<String> = params.take("detector")?;
    let points = params.take::<usize>("points")?.unwrap_or(0).min(2_016);
    params.finish()?;
    let all = state.app.followed(points).await.into_iter();
    let wanted = all.filter(|one| detector.as_ref().is_none_or(|detector| one.detector == *detector));
    answer::large(FollowedSeries { series: wanted.map(Followed::from).collect() }).await
}

impl From<AnomalyRecord> for Anomaly {
    fn from(record: AnomalyRecord) -> Self {
        let (point, latest) = (&record.point, record.revisions.last());
        let now = latest.map_or_else(
            || Standing::new(point.score, point.is_anomaly, point.suppressed),
            |latest| Standing::new(latest.score, latest.is_anomaly, latest.suppressed),
        );
        let point = ScoredPoint::new(point, &record.series, unit_of(&record.series), true);
        Self {
            series: record.series,
            point,
            now,
            revisions: record.revisions.into_iter().map(RevisionOut::from).collect(),
        }
    }
}

impl Standing {
    fn new(score: f64, is_anomaly: bool, suppressed: Option<Suppression>) -> Self {
        let score = score.is_finite().then_some(score);
        Self { score, is_anomaly, suppressed: suppressed.map(Suppression::as_str) }
    }
}

impl From<Revision> for RevisionOut {
    fn from(one: Revision) -> Self {
        let standing = Standing::new(one.score, one.is_anomaly, one.suppressed);
        Self { revision: one.revision, at: one.revised_at, event_id: one.event_id, because: one.because, standing }
    }
}

impl From<WatchStatus> for DetectorOut {
    fn from(status: WatchStatus) -> Self {
        Self {
            name: status.name,
            source: status.source,
            query: status.query,
            step_s: status.step_s,
            series: status.series,
            firing: status.firing,
            confidence: status.confidence,
            last_round: status.last_round,
            last_error: status.last_error,
        }
    }
}

impl From<SeriesSummary> for Followed {
    fn from(one: SeriesSummary) -> Self {
        Self {
            detector: one.detector,
            name: one.name,
            labels: map_of(&one.labels),
            unit: one.unit,
            metrics: one.metrics,
            firing: one.firing,
            points: one.recent.into_iter().map(FollowedPoint::from).collect(),
        }
    }
}

impl From<ChartPoint> for FollowedPoint {
    fn from(point: ChartPoint) -> Self {
        Self {
            t: point.at,
            value: point.value.is_finite().then_some(point.value),
            expected: point.expected,
            lower: point.lower,
            upper: point.upper,
            score: point.score,
            is_anomaly: point.is_anomaly,
            suppressed: point.suppressed.map(Suppression::as_str),
        }
    }
}
