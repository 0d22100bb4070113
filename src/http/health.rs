//! Whether the service lives and is ready, and its metrics. Always answered, however busy the rest is.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::error::{ApiError, ErrorBody};

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(healthz)).routes(routes!(readyz)).routes(routes!(metrics))
}

/// Whether the service can do its work.
#[derive(Debug, Serialize, ToSchema)]
struct Readiness {
    /// Whether it can.
    ready: bool,
    /// Why it cannot yet, one sentence each.
    #[schema(example = json!(["detector api-latency has not had its first round"]))]
    reasons: Vec<String>,
}

/// Whether the process lives
///
/// Answers `ok` for as long as the process runs. Use it to decide whether to restart it.
#[utoipa::path(get, path = "/healthz", tag = "service",
    responses((status = 200, description = "It lives.", body = String, content_type = "text/plain")))]
async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether the service is ready
///
/// Ready means that every detector has had its first round and the store answers. Use it to decide whether to send it
/// requests.
#[utoipa::path(get, path = "/readyz", tag = "service", responses(
    (status = 200, description = "It is ready.", body = Readiness),
    (status = 503, description = "It is not ready yet.", body = Readiness)))]
async fn readyz(State(state): State<AppState>) -> Response {
    let reasons = state.app.unready().await;
    let ready = reasons.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, reasons })).into_response()
}

/// Metrics of the service itself
///
/// In Prometheus' text format.
#[utoipa::path(get, path = "/metrics", tag = "service", responses(
    (status = 200, description = "The metrics.", body = String, content_type = "text/plain; version=0.0.4"),
    (status = 404, description = "This process collects no metrics.", body = ErrorBody)))]
async fn metrics(State(state): State<AppState>) -> Result<Response, ApiError> {
    let Some(metrics) = &state.metrics else {
        return Err(ApiError::not_found("this process collects no metrics".to_owned()));
    };
    if let Err(error) = state.app.refresh_gauges().await {
        tracing::warn!(%error, "the gauges of /metrics that the store knows are not fresh");
    }
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], metrics.render()).into_response())
}
