//! The description of the API for machines (OpenAPI 3.1), and what its routes have in common.

use axum::Router;
use axum::http::{HeaderName, HeaderValue, header};
use axum::routing::get;
use utoipa::openapi::OpenApi;
use utoipa::{IntoResponses, OpenApi as _};

use super::AppState;
use super::docs;
use super::error::ErrorBody;

/// What stands at the top of the description.
#[derive(Debug, utoipa::OpenApi)]
#[openapi(
    info(title = "Tidewatch", description = "Watches metrics: anomaly scores, forecasts, exhaustion dates, severities, \
        enriched alerts and recommendations. Times are RFC 3339 in UTC, ratios are 0 to 1, every failure has the same \
        envelope.", license(name = "MIT OR Apache-2.0")),
    tags(
        (name = "judge", description = "Your own data in, judgements out; nothing is remembered."),
        (name = "alerts", description = "Alerts: enrich, list, group, give verdicts."),
        (name = "watch", description = "What the detectors and capacity watches know."),
        (name = "service", description = "The service itself."),
    )
)]
struct Described;

/// Failures of every route that reads.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only described")]
pub(super) enum ReadFailures {
    /// A parameter is wrong; `details` names it.
    #[response(status = 422)]
    Unprocessable(ErrorBody),
    /// A bug; the log says more.
    #[response(status = 500)]
    Internal(ErrorBody),
    /// Too many requests, too slow, or the store does not answer; see `Retry-After`.
    #[response(status = 503)]
    Unavailable(ErrorBody),
}

/// Failures of every route that takes a body.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only described")]
pub(super) enum BodyFailures {
    /// The body is not JSON.
    #[response(status = 400)]
    BadRequest(ErrorBody),
    /// The body did not arrive in time.
    #[response(status = 408)]
    Timeout(ErrorBody),
    /// The body is larger than the limit.
    #[response(status = 413)]
    TooLarge(ErrorBody),
    /// The content type is not `application/json`.
    #[response(status = 415)]
    UnsupportedMediaType(ErrorBody),
    /// The body is JSON and makes no sense; `details` is the JSON path.
    #[response(status = 422)]
    Unprocessable(ErrorBody),
    /// A bug; the log says more.
    #[response(status = 500)]
    Internal(ErrorBody),
    /// Too many requests, too slow, or the store does not answer; see `Retry-After`.
    #[response(status = 503)]
    Unavailable(ErrorBody),
}

/// `/api/openapi.json` and `/api/docs` of `api`, which is completed.
pub(super) fn router(api: &OpenApi) -> Router<AppState> {
    let mut whole = Described::openapi();
    whole.merge(api.clone());
    let value = serde_json::to_value(&whole).unwrap_or_default();
    let page = docs::page(&value).into_string();
    let text = value.to_string();
    let json: [(HeaderName, HeaderValue); 1] = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    let html: [(HeaderName, HeaderValue); 2] = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(
                "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
            ),
        ),
    ];
    Router::new()
        .route("/api/openapi.json", get(async move || (json, text)))
        .route("/api/docs", get(async move || (html, page)))
}
