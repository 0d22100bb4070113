//! Alerts that belong together.

use axum::extract::State;
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::AppState;
use super::super::error::ApiError;
use super::super::extract::Params;
use super::super::openapi::ReadFailures;
use super::alert_shapes::AlertOut;
use super::answer;
use crate::engine::listings::IncidentView;
use crate::incident::{IncidentState, Link};
use crate::severity::Severity;

/// How far back incidents are looked for by default.
const SINCE: SignedDuration = SignedDuration::from_hours(24);

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(incidents))
}

/// Incidents.
#[derive(Debug, Serialize, ToSchema)]
struct Incidents {
    /// The incidents, latest first.
    incidents: Vec<IncidentOut>,
}

/// Alerts that belong together.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Incident)]
struct IncidentOut {
    /// Fingerprint of its earliest alert.
    #[schema(example = "8a3c5d0e4f6b7a91")]
    id: String,
    /// What it is about.
    title: String,
    /// The worst severity among its alerts.
    #[schema(value_type = String, example = "critical")]
    severity: Severity,
    /// `open` or `resolved`.
    #[schema(value_type = String, example = "open")]
    state: IncidentState,
    /// When its earliest alert began.
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    /// When its last alert ended; `null` while open.
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
    /// Its alerts, earliest first.
    alerts: Vec<AlertOut>,
    /// Why each alert belongs, in the same order.
    #[schema(value_type = Vec<Object>, example = json!([{"reason": "first"}]))]
    links: Vec<Link>,
}

/// Incidents
///
/// The latest 1,000 alerts since `since`, grouped by time and place.
#[utoipa::path(get, path = "/api/v1/incidents", tag = "alerts",
    params(("since" = Option<String>, Query, description = "From when on, RFC 3339; default 24 hours ago.")),
    responses((status = 200, description = "The incidents.", body = Incidents), ReadFailures))]
async fn incidents(State(state): State<AppState>, mut params: Params) -> Result<Response, ApiError> {
    let now = state.now();
    let since = params.time("since")?.unwrap_or_else(|| now.saturating_sub(SINCE).unwrap_or(now));
    params.finish()?;
    let views = state.app.incidents(since, now).await?;
    answer::large(Incidents { incidents: views.into_iter().map(IncidentOut::from).collect() }).await
}

impl From<IncidentView> for IncidentOut {
    fn from(view: IncidentView) -> Self {
        let incident = view.incident;
        Self {
            id: incident.id,
            title: incident.title,
            severity: incident.severity,
            state: incident.state,
            started_at: incident.started_at,
            ended_at: incident.ended_at,
            alerts: view.alerts.into_iter().map(AlertOut::from).collect(),
            links: incident.links,
        }
    }
}
