//! Alerts that are known.

use std::fmt;
use std::str::FromStr;

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::AppState;
use super::super::error::{ApiError, ErrorBody};
use super::super::extract::{Params, cut};
use super::super::openapi::ReadFailures;
use super::alert_shapes::AlertOut;
use super::verdicts::VerdictOut;
use crate::alert::{Alert, AlertState};
use crate::engine::listings::{AlertFilter, Cursor};
use crate::series::Fingerprint;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(alerts)).routes(routes!(alert))
}

/// A page of alerts.
#[derive(Debug, Serialize, ToSchema)]
struct AlertPage {
    /// The alerts, latest first.
    alerts: Vec<AlertOut>,
    /// Where the next page begins: give it as `after`; `null` when there is none.
    #[schema(example = "1780272000000.8a3c5d0e4f6b7a91")]
    next: Option<String>,
}

/// Every time that an alert fired.
#[derive(Debug, Serialize, ToSchema)]
struct AlertPast {
    /// The occurrences, latest first.
    alerts: Vec<AlertOut>,
    /// What people said about it, latest first.
    verdicts: Vec<VerdictOut>,
}

/// Alerts
///
/// Latest first, in pages: give `next` of one page as `after` of the following one.
#[utoipa::path(get, path = "/api/v1/alerts", tag = "alerts",
    params(
        ("state" = Option<String>, Query, description = "`firing` or `resolved`."),
        ("severity" = Option<String>, Query, description = "`critical`, `error`, `warning` or `info`."),
        ("since" = Option<String>, Query, description = "Only those that began or changed at or after this time, RFC 3339."),
        ("label" = Option<Vec<String>>, Query, description = "`name:value`; repeat it for several, all must hold."),
        ("limit" = Option<usize>, Query, description = "How many, 1 to 1000; default 100."),
        ("after" = Option<String>, Query, description = "`next` of the page before.")),
    responses((status = 200, description = "A page of alerts.", body = AlertPage), ReadFailures))]
async fn alerts(State(state): State<AppState>, mut params: Params) -> Result<Json<AlertPage>, ApiError> {
    let limit = params.limit(100, 1_000)?;
    let filter = AlertFilter {
        state: params.take::<StateName>("state")?.map(|state| state.0),
        severity: params.take("severity")?,
        since: params.time("since")?,
        labels: labels(&params.all("label"))?,
        before: params.take::<After>("after")?.map(|after| after.0),
        limit,
        ..AlertFilter::default()
    };
    params.finish()?;
    let alerts = state.app.alerts(&filter).await?;
    let next = alerts.last().filter(|_| alerts.len() == limit).map(|last| After::of(last).to_string());
    Ok(Json(AlertPage { alerts: alerts.into_iter().map(AlertOut::from).collect(), next }))
}

/// One alert
///
/// Every time it fired, and what people said about it.
#[utoipa::path(get, path = "/api/v1/alerts/{fingerprint}", tag = "alerts",
    params(("fingerprint" = String, Path, description = "The identity of the alert, 16 hexadecimal digits.")),
    responses((status = 200, description = "Its past.", body = AlertPast),
        (status = 404, description = "There is no such alert.", body = ErrorBody), ReadFailures))]
async fn alert(State(state): State<AppState>, Path(fingerprint): Path<String>) -> Result<Json<AlertPast>, ApiError> {
    let unknown = || ApiError::not_found(format!("there is no alert `{}`", cut(&fingerprint)));
    let known: Fingerprint = fingerprint.parse().map_err(|_| unknown())?;
    let (alerts, verdicts) = state.app.alert_past(known).await?;
    Ok(Json(AlertPast {
        alerts: alerts.into_iter().map(AlertOut::from).collect(),
        verdicts: verdicts.into_iter().map(VerdictOut::from).collect(),
    }))
}

fn labels(texts: &[String]) -> Result<Vec<(String, String)>, ApiError> {
    let one = |text: &String| {
        let pair = text.split_once(':').filter(|(name, _)| !name.is_empty());
        pair.map(|(name, value)| (name.to_owned(), value.to_owned())).ok_or_else(|| {
            let message = format!("must be like `service:api`, got `{}`", cut(text));
            ApiError::unprocessable(message, None).at("label".to_owned())
        })
    };
    texts.iter().map(one).collect()
}

/// A state by its name.
struct StateName(AlertState);

impl FromStr for StateName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "firing" => Ok(Self(AlertState::Firing)),
            "resolved" => Ok(Self(AlertState::Resolved)),
            _ => Err(format!("must be firing or resolved, got `{}`", cut(text))),
        }
    }
}

/// Where a page begins.
struct After(Cursor);

impl After {
    fn of(alert: &Alert) -> Self {
        Self(Cursor::after(alert))
    }
}

impl fmt::Display for After {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0.starts_at_ms, self.0.fingerprint)
    }
}

impl FromStr for After {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let cursor = text.split_once('.').and_then(|(time, fingerprint)| {
            Some(Cursor { starts_at_ms: time.parse().ok()?, fingerprint: fingerprint.parse().ok()? })
        });
        cursor.map(Self).ok_or_else(|| format!("must be `next` of the page before, got `{}`", cut(text)))
    }
}
