//! `POST /api/v1/peers`: which of the caller's series behaves unlike the others.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::AppState;
use super::super::error::ApiError;
use super::super::extract::Body;
use super::super::openapi::BodyFailures;
use super::brought::{SeriesIn, SeriesList};

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(peers))
}

/// Series to compare.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PeersRequest {
    /// 3 to 1,000 series of the same step that overlap in time.
    #[schema(value_type = Vec<SeriesIn>)]
    series: SeriesList,
}

/// The comparison.
#[derive(Debug, Serialize, ToSchema)]
struct PeersResponse {
    /// How many behave unlike the others.
    outliers: usize,
    /// One result for each series, in the order of the request.
    series: Vec<Peer>,
}

/// A series against the others.
#[derive(Debug, Serialize, ToSchema)]
struct Peer {
    /// Its id.
    #[schema(example = "web-7")]
    id: String,
    /// Whether it behaves unlike the others.
    is_outlier: bool,
    /// Share of the points at which its distance from the median of all is unusual, 0 to 1.
    #[schema(example = 0.8)]
    share_by_deviation: f64,
    /// Share of the points at which it lies outside the cluster of the others, 0 to 1.
    #[schema(example = 0.75)]
    share_by_cluster: f64,
    /// Median distance from the median of all, in units of their median distance.
    #[schema(example = 12.5)]
    distance: f64,
}

/// Compare peers
///
/// Stateless: series of things that should behave alike (replicas, shards), at least three; which of them does not, over the
/// time that all of them cover (its newest 10,000 points).
#[utoipa::path(post, path = "/api/v1/peers", tag = "judge", request_body = PeersRequest,
    responses((status = 200, description = "Each against the others.", body = PeersResponse), BodyFailures))]
async fn peers(
    State(state): State<AppState>,
    Body(request): Body<PeersRequest>,
) -> Result<Json<PeersResponse>, ApiError> {
    let brought = request.series.without_limits()?.into_brought()?;
    let ids: Vec<String> = brought.iter().map(|one| one.name.clone()).collect();
    let verdicts = state.app.peers_brought(brought).await?;
    let series: Vec<Peer> = ids
        .into_iter()
        .zip(verdicts)
        .map(|(id, verdict)| Peer {
            id,
            is_outlier: verdict.is_outlier,
            share_by_deviation: verdict.share_by_deviation,
            share_by_cluster: verdict.share_by_cluster,
            distance: verdict.distance,
        })
        .collect();
    Ok(Json(PeersResponse { outliers: series.iter().filter(|peer| peer.is_outlier).count(), series }))
}
