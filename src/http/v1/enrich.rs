//! `POST /api/v1/alerts/enrich`: the webhook that alerts of others come in by.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue};
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::AppState;
use super::super::error::ApiError;
use super::super::extract::JsonBytes;
use super::super::openapi::BodyFailures;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(enrich))
}

/// Enrich alerts
///
/// Takes the webhook of Alertmanager (version 4) or Grafana as it is sent, adds context to every alert as annotations,
/// records the alerts, forwards the body to the configured destinations, and answers it. Everything else in the body
/// stays as it came. An alert that cannot be enriched in time goes on as it came, marked.
///
/// Sending the same notification again is answered and neither recorded nor forwarded twice. With 503 nothing was
/// recorded: send it again, as Alertmanager does.
#[utoipa::path(post, path = "/api/v1/alerts/enrich", tag = "alerts",
    request_body(content = Object, description = "A webhook of Alertmanager or Grafana.",
        example = json!({"version": "4", "groupKey": "{}:{}", "status": "firing", "receiver": "tidewatch",
            "alerts": [{"status": "firing", "labels": {"alertname": "HighLatency", "service": "api"}, "annotations": {},
                "startsAt": "2026-06-01T12:00:00Z", "endsAt": "0001-01-01T00:00:00Z",
                "generatorURL": "http://prometheus:9090/graph?g0.expr=latency"}]})),
    responses(
        (status = 200, description = "The body with annotations added.", body = Object, headers(
            ("x-tidewatch-enriched" = usize, description = "Alerts that got context."),
            ("x-tidewatch-plain" = usize, description = "Alerts passed on as they came."),
            ("x-tidewatch-repeated" = bool, description = "Whether the same notification came before."))),
        BodyFailures))]
async fn enrich(
    State(state): State<AppState>,
    JsonBytes(body): JsonBytes,
) -> Result<([(HeaderName, HeaderValue); 3], Json<Value>), ApiError> {
    let enriched = state.app.enrich_body(body, state.now()).await?;
    let repeated = HeaderValue::from_static(if enriched.repeated { "true" } else { "false" });
    let headers = [
        (HeaderName::from_static("x-tidewatch-enriched"), HeaderValue::from(enriched.enriched)),
        (HeaderName::from_static("x-tidewatch-plain"), HeaderValue::from(enriched.plain.len())),
        (HeaderName::from_static("x-tidewatch-repeated"), repeated),
    ];
    Ok((headers, Json(enriched.body)))
}
