//! Alerts as they are written.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::map_of;
use crate::alert::{Alert, AlertState, Enrichment, Origin};
use crate::capacity::Exhaustion;
use crate::detect::{Direction, Reason};
use crate::series::Unit;
use crate::severity::{Assessment, Severity, SeverityReason};

/// An alert: identity, state, what is known about it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Alert)]
pub(super) struct AlertOut {
    /// Identity: 16 hexadecimal digits made of the labels.
    #[schema(example = "8a3c5d0e4f6b7a91")]
    fingerprint: String,
    /// Name and labels as text.
    #[schema(example = "HighLatency{service=\"api\"}")]
    title: String,
    /// Who raised it: `detector`, `capacity` or `external`.
    #[schema(value_type = String, example = "detector")]
    origin: Origin,
    /// `firing` or `resolved`.
    #[schema(value_type = String, example = "firing")]
    state: AlertState,
    /// `critical`, `error`, `warning` or `info`; `null` when not judged.
    #[schema(value_type = Option<String>, example = "warning")]
    severity: Option<Severity>,
    /// Labels.
    #[schema(example = json!({"alertname": "HighLatency", "service": "api"}))]
    labels: BTreeMap<String, String>,
    /// Annotations.
    #[schema(example = json!({"summary": "latency is 3 times what was expected"}))]
    annotations: BTreeMap<String, String>,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    starts_at: Timestamp,
    /// When it ended; `null` while firing.
    #[schema(value_type = Option<String>, format = DateTime)]
    ends_at: Option<Timestamp>,
    /// When it was last seen firing or changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// Link to its origin.
    generator_url: Option<String>,
    /// How its severity came about.
    assessment: Option<AssessmentOut>,
    /// Context.
    enrichment: EnrichmentOut,
}

/// How a severity came about.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Assessment)]
struct AssessmentOut {
    /// What the model thinks of each severity.
    probabilities: Probabilities,
    /// Whether the model was too unsure to decide.
    abstained: bool,
    /// Why, most important first.
    #[schema(value_type = Vec<Object>)]
    because: Vec<SeverityReason>,
    /// The model that judged.
    #[schema(example = "severity-1")]
    model: String,
}

/// Probability of each severity; they sum to 1.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Probabilities {
    /// Of `critical`.
    #[schema(example = 0.1)]
    critical: f64,
    /// Of `error`.
    #[schema(example = 0.6)]
    error: f64,
    /// Of `warning`.
    #[schema(example = 0.2)]
    warning: f64,
    /// Of `info`.
    #[schema(example = 0.1)]
    info: f64,
}

/// What Tidewatch adds to an alert; everything may be missing.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Enrichment)]
struct EnrichmentOut {
    /// Name of the series that shows it.
    series: Option<String>,
    /// Unit of the values below.
    #[schema(value_type = String, example = "seconds")]
    unit: Unit,
    /// The value at the peak.
    value: Option<f64>,
    /// What was expected there.
    expected: Option<f64>,
    /// Lower end of the expected band.
    lower: Option<f64>,
    /// Upper end of the expected band.
    upper: Option<f64>,
    /// Highest score so far; 1 is the boundary.
    score: Option<f64>,
    /// `above`, `below` or `within` the band.
    #[schema(value_type = Option<String>)]
    direction: Option<Direction>,
    /// Since when the values have been unusual.
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Why it is unusual.
    #[schema(value_type = Vec<String>)]
    reasons: Vec<Reason>,
    /// Share of each feature or metric, 0 to 1.
    attribution: BTreeMap<String, f64>,
    /// One sentence on what comes next.
    forecast: Option<String>,
    /// When a limit is reached: `p10`, `p50`, `p90`, `probability_within`, `outlook`, `growth_per_day`.
    #[schema(value_type = Option<Object>)]
    exhaustion: Option<Exhaustion>,
    /// Link to the runbook.
    runbook_url: Option<String>,
    /// The alert's own past.
    history: Option<HistoryOut>,
    /// Alerts like it, most similar first.
    similar: Vec<SimilarOut>,
    /// Why enrichment is incomplete, one sentence each.
    missing: Vec<String>,
}

/// An alert's own past.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = History)]
struct HistoryOut {
    /// Times it fired in the last 30 days, this time not counted.
    fired_last_30d: u32,
    /// Median duration of those that ended, minutes.
    median_duration_minutes: Option<f64>,
    /// When it last ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_resolved_at: Option<Timestamp>,
}

/// A past alert like this one.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SimilarAlert)]
struct SimilarOut {
    /// Its identity.
    fingerprint: String,
    /// Name and labels as text.
    title: String,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    starts_at: Timestamp,
    /// How long it lasted, minutes; `null` while firing.
    duration_minutes: Option<f64>,
    /// Share of labels in common, 0 to 1.
    similarity: f64,
}

impl From<Alert> for AlertOut {
    fn from(alert: Alert) -> Self {
        Self {
            fingerprint: alert.fingerprint.to_string(),
            title: alert.title(),
            origin: alert.origin,
            state: alert.state,
            severity: alert.assessment.as_ref().map(|assessment| assessment.severity),
            labels: map_of(&alert.labels),
            annotations: alert.annotations,
            starts_at: alert.starts_at,
            ends_at: alert.ends_at,
            updated_at: alert.updated_at,
            generator_url: alert.generator_url,
            assessment: alert.assessment.map(AssessmentOut::from),
            enrichment: alert.enrichment.into(),
        }
    }
}

impl From<Assessment> for AssessmentOut {
    fn from(assessment: Assessment) -> Self {
        Self {
            probabilities: assessment.probabilities.into(),
            abstained: assessment.abstained,
            because: assessment.because,
            model: assessment.model,
        }
    }
}

impl From<[f64; 4]> for Probabilities {
    fn from([critical, error, warning, info]: [f64; 4]) -> Self {
        Self { critical, error, warning, info }
    }
}

impl From<Enrichment> for EnrichmentOut {
    fn from(enrichment: Enrichment) -> Self {
        let history = enrichment.history.map(|history| HistoryOut {
            fired_last_30d: history.fired_last_30d,
            median_duration_minutes: history.median_duration_minutes,
            last_resolved_at: history.last_resolved_at,
        });
        let similar = enrichment.similar.into_iter().map(|other| SimilarOut {
            fingerprint: other.fingerprint.to_string(),
            title: other.title,
            starts_at: other.starts_at,
            duration_minutes: other.duration_minutes,
            similarity: other.similarity,
        });
        Self {
            series: enrichment.series,
            unit: enrichment.unit,
            value: enrichment.value,
            expected: enrichment.expected,
            lower: enrichment.lower,
            upper: enrichment.upper,
            score: enrichment.score,
            direction: enrichment.direction,
            since: enrichment.since,
            reasons: enrichment.reasons,
            attribution: enrichment.attribution.into_iter().map(|part| (part.feature, part.share)).collect(),
            forecast: enrichment.forecast,
            exhaustion: enrichment.exhaustion,
            runbook_url: enrichment.runbook_url,
            history,
            similar: similar.collect(),
            missing: enrichment.missing,
        }
    }
}
