//! Value types of alerts.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::capacity::Exhaustion;
use crate::detect::{Attribution, Direction, Reason};
use crate::series::{Fingerprint, Labels, Unit};
use crate::severity::Assessment;

/// Where an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// It is happening.
    Firing,
    /// It is over.
    Resolved,
}

/// Who raised an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// One of Tidewatch's detectors.
    Detector,
    /// One of Tidewatch's capacity watches.
    Capacity,
    /// Another tool, through the enrichment webhook.
    External,
}

/// An alert: identity, state, what is known about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Identity: the fingerprint of `labels`.
    #[serde(with = "fingerprint_text")]
    pub fingerprint: Fingerprint,
    /// Who raised it.
    pub origin: Origin,
    /// Identity labels; `alertname` is always present.
    pub labels: Labels,
    /// What people read.
    pub annotations: BTreeMap<String, String>,
    /// Firing or resolved.
    pub state: AlertState,
    /// When it began.
    pub starts_at: Timestamp,
    /// When it ended; `None` while firing.
    pub ends_at: Option<Timestamp>,
    /// When it was last seen firing or changed.
    pub updated_at: Timestamp,
    /// Link to its origin, `http` or `https` only.
    pub generator_url: Option<String>,
    /// Severity with probabilities, once judged.
    pub assessment: Option<Assessment>,
    /// Context.
    pub enrichment: Enrichment,
}

/// What Tidewatch adds to an alert. Everything may be missing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Enrichment {
    /// Name of the series that shows it.
    pub series: Option<String>,
    /// Unit of the values below.
    pub unit: Unit,
    /// The value at the peak.
    pub value: Option<f64>,
    /// What was expected there.
    pub expected: Option<f64>,
    /// Lower end of the expected band.
    pub lower: Option<f64>,
    /// Upper end of the expected band.
    pub upper: Option<f64>,
    /// Highest score so far.
    pub score: Option<f64>,
    /// Which way it left the band.
    pub direction: Option<Direction>,
    /// Since when the values have been unusual.
    pub since: Option<Timestamp>,
    /// Why it is unusual.
    pub reasons: Vec<Reason>,
    /// What happened, in one sentence.
    pub sentence: Option<String>,
    /// Which features or metrics contribute.
    pub attribution: Vec<Attribution>,
    /// One sentence on what comes next.
    pub forecast: Option<String>,
    /// When a limit is reached.
    pub exhaustion: Option<Exhaustion>,
    /// Link to the runbook.
    pub runbook_url: Option<String>,
    /// This alert's own past.
    pub history: Option<History>,
    /// Alerts like it, most similar first.
    pub similar: Vec<SimilarAlert>,
    /// Why enrichment is incomplete, one sentence each.
    pub missing: Vec<String>,
}

/// An alert's own past.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// Times it fired in the last 30 days, this time not counted.
    pub fired_last_30d: u32,
    /// Median duration, minutes, of those that ended.
    pub median_duration_minutes: Option<f64>,
    /// When it last ended.
    pub last_resolved_at: Option<Timestamp>,
}

/// A past alert like this one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SimilarAlert {
    /// Its identity.
    #[serde(with = "fingerprint_text")]
    pub fingerprint: Fingerprint,
    /// Its name and labels as text.
    pub title: String,
    /// When it began.
    pub starts_at: Timestamp,
    /// How long it lasted, minutes; `None` while firing.
    pub duration_minutes: Option<f64>,
    /// Share of labels in common, 0 to 1.
    pub similarity: f64,
}

/// Fingerprints as 16 hexadecimal digits.
mod fingerprint_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::series::Fingerprint;

    pub(super) fn serialize<S: Serializer>(fingerprint: &Fingerprint, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(fingerprint)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Fingerprint, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
