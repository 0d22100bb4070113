//! Capacity: of the caller's own usage, and of what is watched; recommendations.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::AppState;
use super::super::error::ApiError;
use super::super::extract::{Body, Params};
use super::super::openapi::{BodyFailures, ReadFailures};
use super::answer::{self, SeriesError, map_of};
use super::brought::{SeriesIn, SeriesList};
use crate::capacity::Recommendation;
use crate::engine::capacity_body;
use crate::engine::listings::{CapacityRecord, RecommendationRecord};
use crate::engine::requests::{self, PlanOptions};
use crate::series::HumanDuration;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(plan)).routes(routes!(reports)).routes(routes!(recommendations))
}

/// Usage to plan.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CapacityRequest {
    /// 1 to 1,000 series of usage, one metric each; each may have its own `limit`.
    #[schema(value_type = Vec<SeriesIn>)]
    series: SeriesList,
    /// The limit of series without one of their own: a positive number in the unit of the values.
    #[schema(example = 100_000_000_000.0)]
    limit: Option<f64>,
    /// How far ahead to look, `1h` to 3 years; default `90d`.
    #[schema(value_type = Option<String>, example = "90d")]
    horizon: Option<HumanDuration>,
    /// Time needed to carry out a change; default `14d`.
    #[schema(value_type = Option<String>, example = "14d")]
    lead_time: Option<HumanDuration>,
    /// Share of the limit below which usage shall stay after a change, above 0 and at most 1; default 0.8.
    headroom: Option<f64>,
}

/// Plans, in the order of the request.
#[derive(Debug, Serialize, ToSchema)]
struct CapacityResponse {
    /// One result for each series.
    series: Vec<PlannedSeries>,
}

/// The plan of a series, or why it has none.
#[derive(Debug, Serialize, ToSchema)]
struct PlannedSeries {
    /// Its id.
    #[schema(example = "disk-sda")]
    id: String,
    /// The plan; absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<CapacityPlan>)]
    plan: Option<Value>,
    /// Why it has none; absent when it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<SeriesError>,
}

/// When usage reaches its limit, and what to do. Dates are `null` for never.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "only described")]
struct CapacityPlan {
    /// Name of the usage series.
    series: String,
    /// Usage at its last point.
    #[schema(example = 71_000_000_000.0)]
    used: f64,
    /// The limit.
    #[schema(example = 100_000_000_000.0)]
    limit: f64,
    /// Unit of both.
    #[schema(example = "bytes")]
    unit: String,
    /// Dates before which it is reached with 10, 50 and 90 chances in a hundred.
    #[schema(example = json!({"p10": "2026-07-01T00:00:00Z", "p50": "2026-07-09T00:00:00Z", "p90": null}))]
    exhaustion: BTreeMap<String, Option<String>>,
    /// Probability that it is reached within 7, 30 and 90 days.
    #[schema(example = json!({"7d": 0.0, "30d": 0.2, "90d": 0.8}))]
    probability_within: BTreeMap<String, f64>,
    /// `already_exhausted`, `will_exhaust`, `may_exhaust` or `never_at_this_rate`.
    #[schema(example = "will_exhaust")]
    outlook: String,
    /// Growth of usage in a day.
    #[schema(example = 700_000_000.0)]
    growth_per_day: f64,
    /// How far ahead was looked, days.
    #[schema(example = 90.0)]
    horizon_days: f64,
    /// What to do; `null` when nothing needs doing.
    #[schema(value_type = Option<Object>)]
    recommendation: Option<Value>,
    /// Evidence, one sentence each.
    because: Vec<String>,
    /// Possible futures of usage: `start`, `step_s`, and `p10`, `p50`, `p90` with one value for each step.
    #[schema(value_type = Object)]
    fan: Value,
}

/// The latest report of one watched resource.
#[derive(Debug, Serialize, ToSchema)]
struct WatchedCapacity {
    /// The capacity watch in the configuration.
    #[schema(example = "disk")]
    watch: String,
    /// Name of the usage series.
    series: String,
    /// Labels of the usage series.
    labels: BTreeMap<String, String>,
    /// When it was planned.
    #[schema(value_type = String, format = DateTime)]
    computed_at: jiff::Timestamp,
    /// The plan.
    #[schema(value_type = CapacityPlan)]
    plan: Value,
}

/// The latest reports.
#[derive(Debug, Serialize, ToSchema)]
struct WatchedCapacities {
    /// One for each watched resource.
    capacity: Vec<WatchedCapacity>,
}

/// What is recommended for one resource.
#[derive(Debug, Serialize, ToSchema)]
struct Advice {
    /// The capacity watch in the configuration.
    #[schema(example = "disk")]
    watch: String,
    /// When it was worked out.
    #[schema(value_type = String, format = DateTime)]
    computed_at: jiff::Timestamp,
    /// What to change from what to what, by when, the risk before and after, evidence, and a Kubernetes patch where it
    /// applies.
    #[schema(value_type = Object)]
    recommendation: Recommendation,
}

/// What is recommended now.
#[derive(Debug, Serialize, ToSchema)]
struct Advices {
    /// One for each resource that needs something.
    recommendations: Vec<Advice>,
}

/// When usage reaches its limit
///
/// Stateless: your own usage and limit in; exhaustion dates as a distribution, possible futures and a recommendation out.
/// Seen from the last point of each series. At most 1,000 series and 1,000,000 points.
#[utoipa::path(post, path = "/api/v1/capacity", tag = "judge", request_body = CapacityRequest,
    responses((status = 200, description = "Plans, in the order of the request.", body = CapacityResponse), BodyFailures))]
async fn plan(Body(request): Body<CapacityRequest>) -> Result<Response, ApiError> {
    let limits = limits(&request)?;
    let options = PlanOptions { horizon: request.horizon, lead_time: request.lead_time, headroom: request.headroom };
    let brought = request.series.into_brought()?;
    if let Some(index) = brought.iter().position(|one| one.metrics.len() != 1) {
        let message = "capacity needs one metric for each series; bring each metric alone".to_owned();
        return Err(ApiError::unprocessable(message, None).at(format!("series[{index}].metrics")));
    }
    let ids = brought.iter().map(|one| one.name.clone()).collect();
    let results = requests::plan(brought, limits, options).await?;
    let series = answer::each(
        ids,
        results,
        |id, plan| {
            let advice = plan.report.recommendation.clone();
            PlannedSeries { id, plan: Some(capacity_body(&plan, advice.as_ref())), error: None }
        },
        |id, error| PlannedSeries { id, plan: None, error: Some(error) },
    )?;
    answer::large(CapacityResponse { series }).await
}

/// The latest plan of every watched resource
#[utoipa::path(get, path = "/api/v1/capacity", tag = "watch",
    params(("watch" = Option<String>, Query, description = "Only of this capacity watch.")),
    responses((status = 200, description = "The plans.", body = WatchedCapacities), ReadFailures))]
async fn reports(State(state): State<AppState>, mut params: Params) -> Result<Response, ApiError> {
    let watch: Option<String> = params.take("watch")?;
    params.finish()?;
    let records = state.app.capacity_reports().await?.into_iter();
    let wanted = records.filter(|record| watch.as_ref().is_none_or(|watch| record.watch == *watch));
    answer::large(WatchedCapacities { capacity: wanted.map(WatchedCapacity::from).collect() }).await
}

/// What is recommended now
#[utoipa::path(get, path = "/api/v1/recommendations", tag = "watch",
    responses((status = 200, description = "The recommendations.", body = Advices), ReadFailures))]
async fn recommendations(State(state): State<AppState>, params: Params) -> Result<Json<Advices>, ApiError> {
    params.finish()?;
    let records = state.app.recommendations().await?;
    Ok(Json(Advices { recommendations: records.into_iter().map(Advice::from).collect() }))
}

fn limits(request: &CapacityRequest) -> Result<Vec<f64>, ApiError> {
    let one = |(index, series): (usize, &SeriesIn)| {
        let (limit, path) = match series.limit {
            Some(limit) => (Some(limit), format!("series[{index}].limit")),
            None => (request.limit, "limit".to_owned()),
        };
        let Some(limit) = limit else {
            let message = "is missing; give one here or one for all series".to_owned();
            return Err(ApiError::unprocessable(message, None).at(format!("series[{index}].limit")));
        };
        if limit > 0.0 && limit.is_finite() {
            return Ok(limit);
        }
        Err(ApiError::unprocessable(format!("must be a positive number, got {limit}"), None).at(path))
    };
    request.series.0.iter().enumerate().map(one).collect()
}

impl From<CapacityRecord> for WatchedCapacity {
    fn from(record: CapacityRecord) -> Self {
        Self {
            watch: record.watch,
            labels: map_of(&record.labels),
            series: record.series,
            computed_at: record.computed_at,
            plan: record.body,
        }
    }
}

impl From<RecommendationRecord> for Advice {
    fn from(record: RecommendationRecord) -> Self {
        Self { watch: record.watch, computed_at: record.computed_at, recommendation: record.recommendation }
    }
}
