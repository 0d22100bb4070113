//! Value types of capacity planning.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::series::Unit;

/// What the sample paths say about the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outlook {
    /// Usage is at or above the limit now.
    AlreadyExhausted,
    /// At least half of the paths reach the limit within the horizon.
    WillExhaust,
    /// Some paths reach it, fewer than half.
    MayExhaust,
    /// No path reaches it within the horizon, or usage does not grow: never at this rate.
    NeverAtThisRate,
}

/// Probability that the limit is reached within a span from now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Within {
    /// Within 7 days.
    #[serde(rename = "7d")]
    pub d7: f64,
    /// Within 30 days.
    #[serde(rename = "30d")]
    pub d30: f64,
    /// Within 90 days.
    #[serde(rename = "90d")]
    pub d90: f64,
}

/// The date on which usage first reaches its limit, as a distribution.
///
/// `None` means that the share of paths that reach the limit within the horizon is smaller than the quantile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exhaustion {
    /// One chance in ten that it comes before this.
    pub p10: Option<Timestamp>,
    /// As likely before as after.
    pub p50: Option<Timestamp>,
    /// Nine chances in ten that it comes before this.
    pub p90: Option<Timestamp>,
    /// Probability within 7, 30 and 90 days.
    pub probability_within: Within,
    /// What it comes to.
    pub outlook: Outlook,
    /// Growth of usage per day, in the unit of usage; NaN never.
    pub growth_per_day: f64,
    /// How far ahead the paths look, days.
    pub horizon_days: f64,
}

/// A number with its unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Quantity {
    /// The number.
    pub value: f64,
    /// Its unit.
    pub unit: Unit,
}

/// Which thing a recommendation changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// Size of a volume.
    VolumeSize,
    /// CPU request of a container.
    CpuRequest,
    /// CPU limit of a container.
    CpuLimit,
    /// Memory request of a container.
    MemoryRequest,
    /// Memory limit of a container.
    MemoryLimit,
    /// Fewest replicas.
    MinReplicas,
    /// Most replicas.
    MaxReplicas,
    /// Target utilisation of an autoscaler.
    TargetUtilisation,
    /// Any other limit: connections, quota, queue length.
    Limit,
}

/// One change: from what to what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// What is changed.
    pub what: ChangeKind,
    /// Today's setting, if known.
    pub from: Option<Quantity>,
    /// The setting advised.
    pub to: Quantity,
}

/// The risk that remains after the change.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Risk {
    /// Probability that the limit is reached within 30 days as things are.
    pub before: f64,
    /// The same after the change.
    pub after: f64,
}

/// What to change, why, by when, and what remains.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recommendation {
    /// What it is about: series, workload or volume.
    pub subject: String,
    /// The changes, in order of effect.
    pub changes: Vec<Change>,
    /// Latest time to act; `None` when nothing presses.
    pub by: Option<Timestamp>,
    /// One or two sentences with numbers and units.
    pub text: String,
    /// Risk before and after, where it can be computed.
    pub risk: Option<Risk>,
    /// Confidence, 0 to 1.
    pub confidence: f64,
    /// Evidence, one sentence each.
    pub because: Vec<String>,
    /// Kubernetes patch (strategic merge), where it applies.
    pub patch: Option<serde_json::Value>,
}

/// Everything about one limited resource.
#[derive(Debug, Clone, PartialEq)]
pub struct CapacityReport {
    /// Name of the usage series.
    pub series: String,
    /// Usage at the last observation.
    pub used: f64,
    /// The limit, same unit.
    pub limit: f64,
    /// Unit of both.
    pub unit: Unit,
    /// When it runs out.
    pub exhaustion: Exhaustion,
    /// What to do; `None` when nothing needs doing.
    pub recommendation: Option<Recommendation>,
    /// Evidence, one sentence each.
    pub because: Vec<String>,
}
