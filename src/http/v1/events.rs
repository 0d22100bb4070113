//! Changes that may explain what the metrics do: deploys, maintenance, holidays.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::AppState;
use super::super::error::ApiError;
use super::super::extract::{Body, Params, cut};
use super::super::openapi::{BodyFailures, ReadFailures};
use super::answer::map_of;
use crate::engine::listings::{ChangeEvent, ChangeKind};

/// Longest title or link, bytes.
const MAX_TEXT: usize = 2_048;
/// Most labels, and longest name or value of one, bytes.
const MAX_LABELS: (usize, usize) = (64, 1_024);
/// How far back events are listed by default.
const SINCE: SignedDuration = SignedDuration::from_hours(7 * 24);

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(events, add))
}

/// A change that may explain what the metrics do.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Event)]
struct EventShape {
    /// `deploy`, `scaling`, `migration`, `maintenance`, `holiday`, `new_normal` or `other`.
    #[schema(value_type = String, example = "deploy")]
    kind: ChangeKind,
    /// One line.
    #[schema(example = "checkout 2.4.1")]
    title: String,
    /// What it concerns; empty for everything.
    #[serde(default)]
    #[schema(example = json!({"service": "checkout"}))]
    labels: BTreeMap<String, String>,
    /// Link, `http` or `https`.
    #[schema(example = "https://git.example.com/checkout/releases/2.4.1")]
    url: Option<String>,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    starts_at: Timestamp,
    /// When it ended; absent for a moment.
    #[schema(value_type = Option<String>, format = DateTime)]
    ends_at: Option<Timestamp>,
}

/// An event that was kept.
#[derive(Debug, Serialize, ToSchema)]
struct EventKept {
    /// Its number.
    id: i64,
}

/// Events.
#[derive(Debug, Serialize, ToSchema)]
struct Events {
    /// The events, oldest first.
    events: Vec<EventShape>,
}

/// Tell of a change
///
/// Detectors heed it where all its labels are among those of a series, of its detector, or `alertname`. After a `deploy`
/// or `scaling` the watch is closer for 30 minutes (three times the probability at the boundary). After a `scaling`,
/// `migration` or `new_normal` the level is sought anew, so that what is known of the series is carried over to it.
/// During `maintenance` (an hour without an end) points are scored, neither learned nor alerted on. An event up to 7 days
/// late adds revisions to what was published in its time, which stays as it is.
#[utoipa::path(post, path = "/api/v1/events", tag = "alerts", request_body = EventShape,
    responses((status = 201, description = "It is kept.", body = EventKept), BodyFailures))]
async fn add(
    State(state): State<AppState>,
    Body(event): Body<EventShape>,
) -> Result<(StatusCode, Json<EventKept>), ApiError> {
    event.check().map_err(|(path, message)| ApiError::unprocessable(message, None).at(path.to_owned()))?;
    let id = state.app.add_event(&event.into(), state.now()).await?;
    Ok((StatusCode::CREATED, Json(EventKept { id })))
}

/// Changes that were told of
#[utoipa::path(get, path = "/api/v1/events", tag = "alerts",
    params(
        ("since" = Option<String>, Query, description = "From when on, RFC 3339; default 7 days ago."),
        ("until" = Option<String>, Query, description = "Until when, RFC 3339; default now.")),
    responses((status = 200, description = "The events that touch this time.", body = Events), ReadFailures))]
async fn events(State(state): State<AppState>, mut params: Params) -> Result<Json<Events>, ApiError> {
    let now = state.now();
    let until = params.time("until")?.unwrap_or(now);
    let since = params.time("since")?.unwrap_or_else(|| until.saturating_sub(SINCE).unwrap_or(until));
    params.finish()?;
    if since > until {
        let message = format!("must not be after until ({until}), got {since}");
        return Err(ApiError::unprocessable(message, None).at("since".to_owned()));
    }
    let events = state.app.events(since..=until).await?;
    Ok(Json(Events { events: events.into_iter().map(EventShape::from).collect() }))
}

impl EventShape {
    fn check(&self) -> Result<(), (&'static str, String)> {
        if !(1..=MAX_TEXT).contains(&self.title.len()) {
            return Err(("title", format!("must have 1 to {MAX_TEXT} bytes, got {}", self.title.len())));
        }
        let (most, longest) = MAX_LABELS;
        let fits = |text: &String| text.len() <= longest;
        let fine = self.labels.iter().all(|(name, value)| !name.is_empty() && fits(name) && fits(value));
        if self.labels.len() > most || !fine {
            let message =
                format!("must be at most {most}, with names of 1 to {longest} bytes and values of at most {longest}");
            return Err(("labels", message));
        }
        if let Some(url) = &self.url
            && (url.len() > MAX_TEXT || !is_web_link(url))
        {
            return Err(("url", format!("must be a link with http or https, got `{}`", cut(url))));
        }
        match self.ends_at {
            Some(end) if end < self.starts_at => {
                Err(("ends_at", format!("must not be before starts_at ({}), got {end}", self.starts_at)))
            }
            _ => Ok(()),
        }
    }
}

fn is_web_link(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

impl From<EventShape> for ChangeEvent {
    fn from(event: EventShape) -> Self {
        Self {
            kind: event.kind,
            title: event.title,
            labels: event.labels.into(),
            url: event.url,
            starts_at: event.starts_at,
            ends_at: event.ends_at,
        }
    }
}

impl From<ChangeEvent> for EventShape {
    fn from(event: ChangeEvent) -> Self {
        Self {
            kind: event.kind,
            title: event.title,
            labels: map_of(&event.labels),
            url: event.url,
            starts_at: event.starts_at,
            ends_at: event.ends_at,
        }
    }
}
