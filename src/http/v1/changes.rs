//! Lasting changes: of the caller's own series (`POST /api/v1/changes`), and of what a detector follows.

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
use crate::detect::Change;
use crate::engine::SeriesChanges;
use crate::engine::listings::FollowedChange;
use crate::series::{ChangeCost, ChangePointSettings, Penalty, Unit};

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(changes)).routes(routes!(followed))
}

/// Series to look for changes in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChangesRequest {
    /// 1 to 1,000 series.
    #[schema(value_type = Vec<SeriesIn>)]
    series: SeriesList,
    /// How changes are looked for.
    #[serde(default)]
    options: Options,
}

/// How changes are looked for.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ChangesOptions)]
struct Options {
    /// What is constant between two changes: `mean_variance` (default) or `mean`.
    #[schema(value_type = Option<String>, example = "mean_variance")]
    cost: Option<ChangeCost>,
    /// What one more change must gain: `auto` (default) or a number above 0 in units of the cost.
    #[schema(value_type = Option<String>, example = "auto")]
    penalty: Option<Penalty>,
    /// Fewest points between two changes, 1 to 100,000 and at least 2 for `mean_variance`; default 10.
    #[schema(example = 10)]
    min_segment: Option<usize>,
}

/// Changes, in the order of the request.
#[derive(Debug, Serialize, ToSchema)]
struct ChangesResponse {
    /// One result for each series.
    series: Vec<ChangedSeries>,
}

/// A series with its changes, or why they cannot be looked for.
#[derive(Debug, Serialize, ToSchema)]
struct ChangedSeries {
    /// Its id.
    #[schema(example = "api-latency")]
    id: String,
    /// One for each of its metrics; one for a plain series.
    metrics: Vec<ChangedMetric>,
    /// Why it has none; absent when it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<SeriesError>,
}

/// A metric with its changes.
#[derive(Debug, Serialize, ToSchema)]
struct ChangedMetric {
    /// Its name.
    #[schema(example = "api-latency")]
    name: String,
    /// Unit of its values.
    #[schema(value_type = String, example = "seconds")]
    unit: Unit,
    /// Its changes, in order of time.
    changes: Vec<ChangeOut>,
}

/// What the series of a detector went through.
#[derive(Debug, Serialize, ToSchema)]
struct FollowedChanges {
    /// Changes of followed series, latest first, the last 50 of each.
    changes: Vec<FollowedChangeOut>,
}

/// A change of a followed series.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FollowedChange)]
struct FollowedChangeOut {
    /// Name of the series.
    series: String,
    /// The change.
    change: ChangeOut,
}

/// A change that lasts.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Change)]
struct ChangeOut {
    /// `level_shift`, `variance`, `drift` or `missing_season`.
    #[schema(example = "level_shift")]
    kind: &'static str,
    /// When it began, as well as can be said.
    #[schema(value_type = String, format = DateTime, example = "2026-06-01T00:00:00Z")]
    at: Timestamp,
    /// When enough had been seen to say so.
    #[schema(value_type = String, format = DateTime, example = "2026-06-01T00:20:00Z")]
    detected_at: Timestamp,
    /// Before: the level, for `variance` the standard deviation, for `missing_season` the usual deviation within a day.
    #[schema(example = 0.2)]
    before: f64,
    /// After, in the same unit.
    #[schema(example = 0.35)]
    after: f64,
    /// Size in standard deviations, with its sign.
    #[schema(example = 4.2)]
    size_sigmas: f64,
    /// Probability of such a change by chance.
    #[schema(example = 0.000_001)]
    p_value: f64,
    /// What happened, for people.
    #[schema(example = "the level rose from 200 ms to 350 ms at 2026-06-01 00:00 UTC, by 4.2 standard deviations")]
    sentence: String,
}

/// Find changes
///
/// Stateless: your own series in; out come the places at which their level or their spread became another one, nothing
/// remembered. The change points are the exact optimum over all segmentations, after a daily season, single spikes and
/// gaps were taken out. A series that cannot be looked at has `error`; when none can, the answer is 422.
#[utoipa::path(post, path = "/api/v1/changes", tag = "judge", request_body = ChangesRequest,
    responses((status = 200, description = "Changes, in the order of the request.", body = ChangesResponse), BodyFailures))]
async fn changes(State(state): State<AppState>, Body(request): Body<ChangesRequest>) -> Result<Response, ApiError> {
    let ChangesRequest { series, options } = request;
    let brought = series.without_limits()?.into_brought()?;
    let ids = brought.iter().map(|one| one.name.clone()).collect();
    let usual = ChangePointSettings::default();
    let settings = ChangePointSettings {
        cost: options.cost.unwrap_or(usual.cost),
        penalty: options.penalty.unwrap_or(usual.penalty),
        min_segment: options.min_segment.unwrap_or(usual.min_segment),
    };
    let results = state.app.changes_brought(brought, settings).await?;
    let good = |id, metrics: Vec<SeriesChanges>| ChangedSeries {
        id,
        metrics: metrics.into_iter().map(ChangedMetric::from).collect(),
        error: None,
    };
    let bad = |id, error| ChangedSeries { id, metrics: Vec::new(), error: Some(error) };
    answer::large(ChangesResponse { series: answer::each(ids, results, good, bad)? }).await
}

/// Changes of what a detector follows
#[utoipa::path(get, path = "/api/v1/detectors/{name}/changes", tag = "watch",
    params(("name" = String, Path, description = "The name of the detector.")),
    responses((status = 200, description = "Changes, latest first.", body = FollowedChanges),
        (status = 404, description = "There is no such detector.", body = ErrorBody), ReadFailures))]
async fn followed(
    State(state): State<AppState>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<FollowedChanges>, ApiError> {
    params.finish()?;
    let all = state.app.followed_changes(&name).await?;
    Ok(Json(FollowedChanges { changes: all.into_iter().map(FollowedChangeOut::from).collect() }))
}

impl ChangeOut {
    fn new(change: &Change, unit: Unit) -> Self {
        Self {
            kind: change.kind.as_str(),
            at: change.at,
            detected_at: change.detected_at,
            before: change.before,
            after: change.after,
            size_sigmas: change.size_sigmas,
            p_value: change.p_value,
            sentence: change.sentence(unit),
        }
    }
}

impl From<SeriesChanges> for ChangedMetric {
    fn from(one: SeriesChanges) -> Self {
        let changes = one.changes.iter().map(|change| ChangeOut::new(change, one.unit)).collect();
        Self { name: one.name, unit: one.unit, changes }
    }
}

impl From<FollowedChange> for FollowedChangeOut {
    fn from(one: FollowedChange) -> Self {
        Self { change: ChangeOut::new(&one.change, one.unit), series: one.series }
    }
}
