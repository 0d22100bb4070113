//! `POST /api/v1/classify`: how bad the caller's own alerts are.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::AppState;
use super::super::error::ApiError;
use super::super::extract::{Body, cut};
use super::super::openapi::BodyFailures;
use super::alert_shapes::Probabilities;
use crate::engine::requests::Judgeable;
use crate::severity::{AlertFacts, Assessment, Severity, SeverityReason};

/// Most alerts of one request.
const MAX_ALERTS: usize = 10_000;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(classify))
}

/// Alerts to judge.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ClassifyRequest {
    /// 1 to 10,000 alerts.
    alerts: Vec<AlertIn>,
}

/// An alert to judge.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AlertIn {
    /// What it is called in the answer; its place in the list, from 1, when absent.
    #[schema(example = "a-17")]
    id: Option<String>,
    /// What is known of it.
    #[serde(default)]
    facts: Facts,
    /// Its labels; the policy may set floors by them.
    #[serde(default)]
    #[schema(example = json!({"service": "checkout"}))]
    labels: BTreeMap<String, String>,
    /// The severity it came with: `critical`, `error`, `warning`, `info`, or the words that other tools use for them.
    #[schema(example = "warning")]
    severity: Option<String>,
}

/// What is known of an alert; everything may be missing. All numbers are 0 or more.
#[derive(Debug, Default, Clone, Copy, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Facts {
    /// Users affected.
    #[schema(example = 1200.0)]
    affected_users: Option<f64>,
    /// Business impact, 0 (none) to 1 (the business stands still).
    #[schema(example = 0.6)]
    business_impact: Option<f64>,
    /// Median time that past alerts of this kind took to resolve, minutes.
    historical_resolution_minutes: Option<f64>,
    /// Anomaly score, 1 is the boundary.
    #[schema(example = 2.4)]
    anomaly_score: Option<f64>,
    /// How long it has lasted, minutes.
    #[schema(example = 12.0)]
    duration_minutes: Option<f64>,
    /// How many series are unusual together.
    series_affected: Option<f64>,
    /// How many services are unusual together.
    services_affected: Option<f64>,
    /// Rate at which the error budget burns; 1 uses it up exactly over its period.
    burn_rate: Option<f64>,
    /// Hours until a limit is reached.
    hours_to_exhaustion: Option<f64>,
    /// Share of past alerts of this kind that resolved by themselves, 0 to 1.
    self_resolve_rate: Option<f64>,
    /// Times this alert fired in the last 30 days.
    fired_last_30d: Option<f64>,
    /// Whether it is business hours for the owner: 1 or 0.
    business_hours: Option<f64>,
}

/// Severities, in the order of the request.
#[derive(Debug, Serialize, ToSchema)]
struct ClassifyResponse {
    /// One for each alert.
    alerts: Vec<Classified>,
}

/// How bad an alert is.
#[derive(Debug, Serialize, ToSchema)]
struct Classified {
    /// Its id.
    #[schema(example = "a-17")]
    id: String,
    /// `critical`, `error`, `warning` or `info`, after the policy.
    #[schema(value_type = String, example = "error")]
    severity: Severity,
    /// What the model thinks of each.
    probabilities: Probabilities,
    /// Whether the model was too unsure to decide.
    abstained: bool,
    /// Why, most important first.
    #[schema(value_type = Vec<Object>,
        example = json!([{"reason": "fact", "fact": "affected_users", "value": 1200.0, "weight": 0.8}]))]
    because: Vec<SeverityReason>,
    /// The model that judged.
    #[schema(example = "severity-1")]
    model: String,
}

/// How bad alerts are
///
/// Facts about alerts in; severity with probabilities and reasons out. The model and policy of the service judge; nothing
/// is remembered.
#[utoipa::path(post, path = "/api/v1/classify", tag = "judge", request_body = ClassifyRequest,
    responses((status = 200, description = "Severities, in the order of the request.", body = ClassifyResponse), BodyFailures))]
async fn classify(
    State(state): State<AppState>,
    Body(request): Body<ClassifyRequest>,
) -> Result<Json<ClassifyResponse>, ApiError> {
    let count = request.alerts.len();
    if !(1..=MAX_ALERTS).contains(&count) {
        let message = format!("must be 1 to {MAX_ALERTS}, got {count}");
        return Err(ApiError::unprocessable(message, None).at("alerts".to_owned()));
    }
    let (mut ids, mut alerts) = (Vec::with_capacity(count), Vec::with_capacity(count));
    for (index, alert) in request.alerts.into_iter().enumerate() {
        let (id, alert) = alert.checked(index)?;
        ids.push(id);
        alerts.push(alert);
    }
    let judged = state.app.classify(alerts).await?;
    let alerts = ids.into_iter().zip(judged).map(|(id, assessment)| Classified::new(id, assessment)).collect();
    Ok(Json(ClassifyResponse { alerts }))
}

impl AlertIn {
    fn checked(self, index: usize) -> Result<(String, Judgeable), ApiError> {
        let at = |field: &str| format!("alerts[{index}].{field}");
        let facts = self
            .facts
            .checked()
            .map_err(|(field, message)| ApiError::unprocessable(message, None).at(at(&format!("facts.{field}"))))?;
        let incoming = self.severity.as_deref().map(|text| {
            let named = cut(text).parse::<Severity>();
            named.map_err(|error| ApiError::unprocessable(error.to_string(), None).at(at("severity")))
        });
        let id = self.id.unwrap_or_else(|| (index + 1).to_string());
        Ok((id, Judgeable { facts, incoming: incoming.transpose()?, labels: self.labels.into() }))
    }
}

impl Facts {
    fn checked(self) -> Result<AlertFacts, (&'static str, String)> {
        let shares = [("business_impact", self.business_impact), ("self_resolve_rate", self.self_resolve_rate)];
        let others = [
            ("affected_users", self.affected_users),
            ("historical_resolution_minutes", self.historical_resolution_minutes),
            ("anomaly_score", self.anomaly_score),
            ("duration_minutes", self.duration_minutes),
            ("series_affected", self.series_affected),
            ("services_affected", self.services_affected),
            ("burn_rate", self.burn_rate),
            ("hours_to_exhaustion", self.hours_to_exhaustion),
            ("fired_last_30d", self.fired_last_30d),
            ("business_hours", self.business_hours),
        ];
        if let Some((field, Some(got))) = shares.into_iter().find(|(_, v)| v.is_some_and(|v| !(0.0..=1.0).contains(&v)))
        {
            return Err((field, format!("must be 0 to 1, got {got}")));
        }
        if let Some((field, Some(got))) = others.into_iter().find(|(_, v)| v.is_some_and(|v| v.is_nan() || v < 0.0)) {
            return Err((field, format!("must be 0 or more, got {got}")));
        }
        Ok(AlertFacts {
            affected_users: self.affected_users,
            business_impact: self.business_impact,
            historical_resolution_minutes: self.historical_resolution_minutes,
            anomaly_score: self.anomaly_score,
            duration_minutes: self.duration_minutes,
            series_affected: self.series_affected,
            services_affected: self.services_affected,
            burn_rate: self.burn_rate,
            hours_to_exhaustion: self.hours_to_exhaustion,
            self_resolve_rate: self.self_resolve_rate,
            fired_last_30d: self.fired_last_30d,
            business_hours: self.business_hours,
        })
    }
}

impl Classified {
    fn new(id: String, assessment: Assessment) -> Self {
        Self {
            id,
            severity: assessment.severity,
            probabilities: Probabilities::from(assessment.probabilities),
            abstained: assessment.abstained,
            because: assessment.because,
            model: assessment.model,
        }
    }
}
