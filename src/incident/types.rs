//! Value types of incidents.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::severity::Severity;

/// Where an incident stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentState {
    /// At least one of its alerts is firing.
    Open,
    /// All of its alerts are over.
    Resolved,
}

/// Why an alert belongs to an incident: a closed set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Link {
    /// It is the first.
    First,
    /// It shares the value of an anchor label with an earlier member.
    SharedLabel {
        /// Name of the label.
        name: String,
        /// The value.
        value: String,
    },
    /// Its labels resemble those of an earlier member.
    SimilarLabels {
        /// Share of label pairs in common, 0 to 1.
        similarity: f64,
    },
}

/// Alerts that belong together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Fingerprint of the earliest member, 16 hexadecimal digits: stays while later alerts join.
    pub id: String,
    /// What people read: the name of the worst alert, where, and how many more.
    pub title: String,
    /// The worst severity among the members that are firing, or among all when none is.
    pub severity: Severity,
    /// When the earliest member began.
    pub started_at: Timestamp,
    /// When the last member ended; `None` while open.
    pub ended_at: Option<Timestamp>,
    /// Open or resolved.
    pub state: IncidentState,
    /// Positions of the members in the list that was grouped, earliest first. The alerts themselves are untouched.
    pub members: Vec<usize>,
    /// Why each member belongs, in the order of `members`.
    pub links: Vec<Link>,
}
