//! Deliveries that wait, and those that were given up.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::AppState;
use super::super::error::{ApiError, ErrorBody};
use super::super::extract::{Params, cut};
use super::super::openapi::ReadFailures;
use crate::engine::clock;
use crate::engine::listings::{DeadLetter, OutboxDepth};

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(outbox)).routes(routes!(replay))
}

/// What waits and what was given up.
#[derive(Debug, Serialize, ToSchema)]
struct Outbox {
    /// For each destination that has either.
    destinations: Vec<DepthOut>,
    /// Deliveries that were given up, latest first.
    dead_letters: Vec<DeadLetterOut>,
}

/// What waits for a destination.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OutboxDepth)]
struct DepthOut {
    /// Name of the destination.
    #[schema(example = "slack")]
    destination: String,
    /// Deliveries that wait.
    pending: usize,
    /// Deliveries that were given up.
    dead: usize,
    /// Since when the oldest waits.
    #[schema(value_type = Option<String>, format = DateTime)]
    oldest_pending: Option<Timestamp>,
}

/// A delivery that was given up.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeadLetter)]
struct DeadLetterOut {
    /// Its number, to replay it.
    #[schema(example = 17)]
    id: i64,
    /// Name of the destination.
    destination: String,
    /// What it is about: deliveries with the same key go out in order.
    about: String,
    /// How often it was tried.
    attempts: u32,
    /// When it was given up.
    #[schema(value_type = String, format = DateTime)]
    given_up_at: Timestamp,
    /// Why.
    error: String,
}

/// The outbox
#[utoipa::path(get, path = "/api/v1/outbox", tag = "service",
    params(("limit" = Option<usize>, Query, description = "How many dead letters, 1 to 1000; default 100.")),
    responses((status = 200, description = "What waits and what was given up.", body = Outbox), ReadFailures))]
async fn outbox(State(state): State<AppState>, mut params: Params) -> Result<Json<Outbox>, ApiError> {
    let limit = params.limit(100, 1_000)?;
    params.finish()?;
    let (depths, letters) = state.app.outbox(limit).await?;
    Ok(Json(Outbox {
        destinations: depths.into_iter().map(DepthOut::from).collect(),
        dead_letters: letters.into_iter().map(DeadLetterOut::from).collect(),
    }))
}

/// Send a dead letter once more
///
/// It becomes due at once, at its old place in the order of its key.
#[utoipa::path(post, path = "/api/v1/outbox/{id}/replay", tag = "service",
    params(("id" = i64, Path, description = "The number of the dead letter.")),
    responses((status = 204, description = "It is in line again."),
        (status = 404, description = "There is no such dead letter.", body = ErrorBody), ReadFailures))]
async fn replay(State(state): State<AppState>, Path(id): Path<String>) -> Result<StatusCode, ApiError> {
    let number = id.parse().map_err(|_| ApiError::not_found(format!("there is no dead letter `{}`", cut(&id))))?;
    state.app.replay(number, clock::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<OutboxDepth> for DepthOut {
    fn from(depth: OutboxDepth) -> Self {
        Self {
            destination: depth.destination,
            pending: depth.pending,
            dead: depth.dead,
            oldest_pending: depth.oldest_pending,
        }
    }
}

impl From<DeadLetter> for DeadLetterOut {
    fn from(letter: DeadLetter) -> Self {
        Self {
            id: letter.id,
            destination: letter.item.destination,
            about: letter.item.ordering_key,
            attempts: letter.attempts,
            given_up_at: letter.buried_at,
            error: letter.error,
        }
    }
}
