//! `POST /api/v1/score`: anomaly scores for the caller's own series.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::AppState;
use super::super::error::ApiError;
use super::super::extract::Body;
use super::super::openapi::BodyFailures;
use super::answer::{self, SeriesError};
use super::brought::{SeriesIn, SeriesList};
use crate::detect::{PointScore, Suppression};
use crate::engine::requests::{
    Brought, DeviationSettings, FalseAlarmBudget, GateSettings, Judged, Model, RangeSettings, ScoreOptions, Season,
    Watch, WindowSettings,
};
use crate::series::{Calendar, MAX_MAGNITUDE, MetricKind, Sample, Unit, WeeklyHours};

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(score))
}

/// Series to score.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ScoreRequest {
    /// 1 to 1,000 series.
    #[schema(value_type = Vec<SeriesIn>)]
    series: SeriesList,
    /// How they are scored.
    #[serde(default)]
    options: Options,
}

/// How series are scored.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ScoreOptions)]
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
    /// How series are judged: `full` (default), or `light`, which is quick and judges single series only.
    #[schema(value_type = Option<String>, example = "full")]
    model: Option<Model>,
    /// Time zone (IANA name) and holidays (ISO code of the country, dates of one's own) of the light model's season.
    /// Default: UTC without holidays.
    #[schema(value_type = Option<Object>, example = json!({"time_zone": "Europe/Berlin", "holidays": {"country": "DE"}}))]
    calendar: Option<Calendar>,
    /// Least deviation from the expected value that counts as an anomaly: `absolute` in the unit of the series, `relative`
    /// as a share of the expected value; both must be reached when both are given.
    #[schema(value_type = Option<Object>, example = json!({"absolute": 50.0, "relative": 0.1}))]
    min_deviation: Option<DeviationSettings>,
    /// Values that the metric can have; others count as missing.
    #[schema(value_type = Option<Object>, example = json!({"min": 0.0, "max": 1.0}))]
    data_range: Option<RangeSettings>,
    /// Hours of the week in which points may be anomalies; outside of them they are scored only.
    #[schema(value_type = Option<String>, example = "Mon-Fri 08:00-18:00 Europe/Berlin")]
    business_hours: Option<WeeklyHours>,
    /// Times of planned work: points are scored, neither learned nor anomalies.
    #[serde(default)]
    #[schema(value_type = Vec<Object>, example = json!([{"weekly": "Sun 02:00-04:00"}, {"from": "2026-06-01T10:00:00Z", "to": "2026-06-01T11:00:00Z"}]))]
    maintenance: Vec<WindowSettings>,
    /// Answer only the last so many points of each series; all of them are learned from.
    last: Option<usize>,
    /// Whether reasons and attribution are wanted; default yes.
    explain: Option<bool>,
}

/// Scores, in the order of the request.
#[derive(Debug, Serialize, ToSchema)]
struct ScoreResponse {
    /// One result for each series.
    series: Vec<ScoredSeries>,
}

/// A series with its scores, or why it has none.
#[derive(Debug, Serialize, ToSchema)]
struct ScoredSeries {
    /// Its id.
    #[schema(example = "api-latency")]
    id: String,
    /// Unit of values and bands.
    #[schema(value_type = String, example = "seconds")]
    unit: Unit,
    /// The decision boundary: a point is anomalous when its `p_value` is at most this.
    #[schema(example = 0.0001)]
    p_star: Option<f64>,
    /// Time between two points, seconds.
    #[schema(example = 60.0)]
    step_s: Option<f64>,
    /// Metrics left out because they hold no number.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left_out: Vec<String>,
    /// One judgement for each point of the grid, in time order; gaps are points with `imputed`.
    points: Vec<ScoredPoint>,
    /// Why it has no scores; absent when it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<SeriesError>,
}

/// The judgement of one point. At every time only the points up to it were used.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ScoredPoint {
    /// Time.
    #[schema(value_type = String, format = DateTime, example = "2026-06-01T00:00:00Z")]
    pub(super) t: jiff::Timestamp,
    /// The value; `null` when it was missing. For an entity, of its most unusual metric.
    #[schema(example = 0.93)]
    pub(super) value: Option<f64>,
    /// What was expected.
    #[schema(example = 0.2)]
    pub(super) expected: f64,
    /// Lower end of the expected band.
    #[schema(example = 0.1)]
    pub(super) lower: f64,
    /// Upper end of the expected band.
    #[schema(example = 0.3)]
    pub(super) upper: f64,
    /// Probability of something at least as unusual, under the series' own history.
    #[schema(example = 0.000_001)]
    pub(super) p_value: f64,
    /// `ln p / ln p*`: 1 is the boundary, 2 is a probability squared.
    #[schema(example = 1.5)]
    pub(super) score: f64,
    /// Whether the score reached 1 and nothing suppressed it.
    pub(super) is_anomaly: bool,
    /// `above`, `below` or `within` the band.
    #[schema(example = "above")]
    pub(super) direction: &'static str,
    /// How far the judgement can be trusted, 0 (no history yet) to 1.
    #[schema(example = 1.0)]
    pub(super) confidence: f64,
    /// Whether the value was missing.
    pub(super) imputed: bool,
    /// What kept the point from being an anomaly: `below_min_deviation`, `out_of_range`, `outside_business_hours` or
    /// `maintenance`; absent when nothing did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "maintenance")]
    pub(super) suppressed: Option<&'static str>,
    /// Why, most important first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = json!(["above_expected", "sudden_change"]))]
    pub(super) reasons: Option<Vec<&'static str>>,
    /// What happened, in one sentence for people; of anomalous points only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(
        example = "api-latency is 930 ms, expected 200 ms (100 ms to 300 ms): a short rise unlike anything before, \
        1.5 times the boundary; mostly the step from the point before"
    )]
    pub(super) sentence: Option<String>,
    /// Share of each feature or metric, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = json!({"residual": 0.7, "change": 0.3}))]
    pub(super) attribution: Option<BTreeMap<String, f64>>,
}

/// Score series
///
/// Stateless: your own series in, anomaly scores out, nothing remembered. Each point is judged with the points before it
/// only. A series that cannot be scored has `error` instead of points; when none can, the answer is 422.
///
/// At most 1,000 series and 1,000,000 points in a request, gaps counted; points far apart with a short step count as
/// long as their gap. All but the last points of a long history can be kept out of the answer with `options.last`.
#[utoipa::path(post, path = "/api/v1/score", tag = "judge", request_body = ScoreRequest,
    responses((status = 200, description = "Scores, in the order of the request.", body = ScoreResponse), BodyFailures))]
async fn score(State(state): State<AppState>, Body(request): Body<ScoreRequest>) -> Result<Response, ApiError> {
    let ScoreRequest { series, options } = request;
    if options.calendar.is_some() && options.model != Some(Model::Light) {
        let message =
            "options.calendar: only the light model follows a calendar; add `\"model\": \"light\"` or leave it out";
        return Err(ApiError::unprocessable(message.to_owned(), Some("options.calendar".to_owned())));
    }
    let brought = series.without_limits()?.into_brought()?;
    let ids = brought.iter().map(|one| one.name.clone()).collect();
    let huge: BTreeMap<String, Vec<Sample>> = brought.iter().filter_map(huge_of).collect();
    let gates = GateSettings {
        min_deviation: options.min_deviation,
        data_range: options.data_range,
        business_hours: options.business_hours,
        maintenance: options.maintenance,
    };
    let score = ScoreOptions {
        false_alarms: options.false_alarms,
        direction: options.direction,
        season: options.season,
        model: options.model,
        calendar: options.calendar,
        gates,
    };
    let results = state.app.score_brought(brought, score).await?;
    let (last, explain) = (options.last.unwrap_or(usize::MAX), options.explain.unwrap_or(true));
    let good = |id: String, judged: Judged| {
        let sent = huge.get(&id).map_or(&[][..], Vec::as_slice);
        let step_ms = judged.step.millis();
        let mut scored = scored(id, &judged, last, explain);
        scored.points.iter_mut().for_each(|point| point.as_sent(sent, step_ms));
        scored
    };
    let series = answer::each(ids, results, good, failed)?;
    answer::large(ScoreResponse { series }).await
}

/// The values of a single series that are too large to reckon with, which are judged as smaller ones; most have none.
fn huge_of(one: &Brought) -> Option<(String, Vec<Sample>)> {
    let [only] = one.metrics.as_slice() else { return None };
    let is_huge = |sample: &&Sample| sample.value.is_finite() && sample.value.abs() > MAX_MAGNITUDE;
    let huge: Vec<Sample> = only.points.iter().filter(is_huge).copied().collect();
    (only.kind == MetricKind::Gauge && !huge.is_empty()).then(|| (one.name.clone(), huge))
}

fn scored(id: String, judged: &Judged, last: usize, explain: bool) -> ScoredSeries {
    let scores = &judged.scores;
    let from = scores.points.len().saturating_sub(last);
    ScoredSeries {
        unit: scores.unit,
        p_star: Some(scores.p_star),
        step_s: Some(judged.step.secs_f64()),
        left_out: judged.dropped.clone(),
        points: scores
            .points
            .iter()
            .skip(from)
            .map(|point| ScoredPoint::new(point, &id, scores.unit, explain))
            .collect(),
        error: None,
        id,
    }
}

fn failed(id: String, error: SeriesError) -> ScoredSeries {
    ScoredSeries {
        id,
        unit: Unit::None,
        p_star: None,
        step_s: None,
        left_out: Vec::new(),
        points: Vec::new(),
        error: Some(error),
    }
}

impl ScoredPoint {
    /// A value that was cut to be judged is answered as it was sent.
    fn as_sent(&mut self, huge: &[Sample], step_ms: i64) {
        let Some(value) = self.value.filter(|value| value.abs() >= MAX_MAGNITUDE) else { return };
        let away = |sample: &&Sample| (sample.time_ms - self.t.as_millisecond()).abs();
        let same_sign = huge.iter().filter(|sample| sample.value.is_sign_negative() == value.is_sign_negative());
        if let Some(sent) = same_sign.min_by_key(away).filter(|sample| away(sample) < step_ms) {
            self.value = Some(sent.value);
        }
    }

    /// A judgement of the series `name` as it is written.
    pub(super) fn new(point: &PointScore, name: &str, unit: Unit, explain: bool) -> Self {
        let shares = || point.attribution.iter().map(|part| (part.feature.clone(), part.share)).collect();
        Self {
            t: point.at,
            value: (!point.imputed).then_some(point.value),
            expected: point.expected,
            lower: point.lower,
            upper: point.upper,
            p_value: point.p_value,
            score: point.score,
            is_anomaly: point.is_anomaly,
            direction: point.direction.as_str(),
            confidence: point.confidence,
            imputed: point.imputed,
            suppressed: point.suppressed.map(Suppression::as_str),
            reasons: explain.then(|| point.reasons.iter().map(|reason| reason.as_str()).collect()),
            sentence: (explain && point.is_anomaly).then(|| point.narrate(name, unit)),
            attribution: explain.then(shares),
        }
    }
}
