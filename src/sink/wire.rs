//! What the sinks write: one shape for alerts and recommendations in webhooks, files and on standard output.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::Notice;
use crate::alert::{Alert, AlertState, Enrichment, Origin, annotations_of};
use crate::capacity::Recommendation;
use crate::series::Labels;
use crate::severity::Severity;

/// Version of the shapes below. Fields may be added without a new version.
pub(super) const VERSION: &str = "1";

/// The body of a webhook.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Body<'a> {
    /// `{"kind":"alerts","version":"1","alerts":[…]}`
    Alerts { version: &'static str, alerts: Vec<WireAlert<'a>> },
    /// `{"kind":"recommendations","version":"1","recommendations":[…]}`
    Recommendations { version: &'static str, recommendations: &'a [Recommendation] },
    /// A foreign body, as it came but for its annotations.
    #[serde(untagged)]
    Forward(&'a Value),
}

/// One line of a file.
#[derive(Debug, Serialize)]
struct Line<'a> {
    kind: &'static str,
    version: &'static str,
    idempotency_key: &'a str,
    #[serde(flatten)]
    content: Content<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Content<'a> {
    Alert(Box<WireAlert<'a>>),
    Recommendation(&'a Recommendation),
    Body(&'a Value),
}

/// An alert as others read it.
#[derive(Debug, Serialize)]
pub(super) struct WireAlert<'a> {
    /// 16 hexadecimal digits.
    fingerprint: String,
    status: AlertState,
    origin: Origin,
    labels: &'a Labels,
    annotations: BTreeMap<String, String>,
    starts_at: Timestamp,
    ends_at: Option<Timestamp>,
    updated_at: Timestamp,
    generator_url: Option<&'a str>,
    severity: Option<Severity>,
    /// By name of severity; they sum to 1.
    severity_probabilities: Option<BTreeMap<&'static str, f64>>,
    /// The numbers behind the annotations.
    enrichment: &'a Enrichment,
}

impl<'a> WireAlert<'a> {
    pub(super) fn new(alert: &'a Alert) -> Self {
        let assessment = alert.assessment.as_ref();
        let named = |probabilities: [f64; 4]| Severity::ALL.iter().map(|s| s.as_str()).zip(probabilities).collect();
        Self {
            fingerprint: alert.fingerprint.to_string(),
            status: alert.state,
            origin: alert.origin,
            labels: &alert.labels,
            annotations: annotations_of(alert),
            starts_at: alert.starts_at,
            ends_at: alert.ends_at,
            updated_at: alert.updated_at,
            generator_url: alert.generator_url.as_deref(),
            severity: assessment.map(|assessment| assessment.severity),
            severity_probabilities: assessment.map(|assessment| named(assessment.probabilities)),
            enrichment: &alert.enrichment,
        }
    }
}

/// The webhook body of a notice.
pub(super) fn body(notice: &Notice) -> Body<'_> {
    match notice {
        Notice::Alerts { alerts } => {
            Body::Alerts { version: VERSION, alerts: alerts.iter().map(WireAlert::new).collect() }
        }
        Notice::Recommendations { recommendations } => Body::Recommendations { version: VERSION, recommendations },
        Notice::Forward { body } => Body::Forward(body),
    }
}

/// A notice as JSON lines: one for each alert or recommendation, each with the notice's key and a line feed.
///
/// # Errors
/// What the serializer says; no notice is known to make it fail.
pub(super) fn lines(idempotency_key: &str, notice: &Notice) -> Result<Vec<u8>, serde_json::Error> {
    let mut out = Vec::new();
    let mut write = |kind: &'static str, content: Content<'_>| {
        serde_json::to_writer(&mut out, &Line { kind, version: VERSION, idempotency_key, content })?;
        out.push(b'\n');
        Ok(())
    };
    match notice {
        Notice::Alerts { alerts } => {
            alerts.iter().try_for_each(|alert| write("alert", Content::Alert(Box::new(WireAlert::new(alert)))))?;
        }
        Notice::Recommendations { recommendations } => {
            recommendations.iter().try_for_each(|one| write("recommendation", Content::Recommendation(one)))?;
        }
        Notice::Forward { body } => write("forward", Content::Body(body))?,
    }
    Ok(out)
}
