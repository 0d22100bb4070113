//! What may run out.

use serde::{Deserialize, Serialize};

use super::values::Schedule;
use crate::series::{HumanDuration, Unit};

/// One capacity watch: queries for usage and limit, matched by their labels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CapacityWatch {
    /// Name, unique among capacity watches, `[a-z0-9][a-z0-9._-]{0,63}`.
    pub name: String,
    /// Name of a source.
    pub source: String,
    /// What to ask the source for: usage.
    pub used: String,
    /// What to ask the source for: the limit, in the unit of usage; a number is a limit that never changes.
    pub limit: String,
    /// Time between two points, 1 s to 1 d. Default `1h`.
    #[serde(default = "one_hour")]
    pub step: HumanDuration,
    /// How much history is learned from, at least 10 steps. Default `60d`.
    #[serde(default = "sixty_days")]
    pub history: HumanDuration,
    /// Time needed to carry out a change; a warning comes this long before the P10 date. Default `14d`.
    #[serde(default = "two_weeks")]
    pub lead_time: HumanDuration,
    /// How far ahead to look, at least one step. Default `90d`.
    #[serde(default = "ninety_days")]
    pub horizon: HumanDuration,
    /// What kind of thing it is; decides what is recommended. Default `other`.
    #[serde(default)]
    pub kind: CapacityKind,
    /// Which workload it belongs to; needed for the kinds `workload` and `replicas`.
    #[serde(default)]
    pub workload: Option<Workload>,
    /// When to look, a cron expression. Default `0 * * * *`: every hour.
    #[serde(default = "super::detectors::hourly")]
    pub schedule: Option<Schedule>,
    /// Unit of usage and limit. Default: from the metric's name.
    #[serde(default)]
    pub unit: Option<Unit>,
}

/// What kind of thing is limited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CapacityKind {
    /// A volume, which can grow.
    Volume,
    /// A container's CPU or memory: requests and limits.
    Workload,
    /// Replicas of an autoscaled workload.
    Replicas,
    /// Anything else: connections, quota, queue length.
    #[default]
    Other,
}

/// A Kubernetes workload. Each text may name a label of the usage series as `{{label}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// Kind of object. Default `Deployment`.
    #[serde(default)]
    pub kind: WorkloadKind,
    /// Namespace. Default `{{namespace}}`.
    #[serde(default = "namespace_label")]
    pub namespace: String,
    /// Name of the object, such as `{{deployment}}`.
    pub name: String,
    /// Name of the container; needed for the kind `workload`.
    #[serde(default)]
    pub container: Option<String>,
}

/// Kind of a Kubernetes workload.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum WorkloadKind {
    /// Deployment.
    #[default]
    Deployment,
    /// StatefulSet.
    StatefulSet,
    /// DaemonSet.
    DaemonSet,
}

const fn one_hour() -> HumanDuration {
    HumanDuration::from_secs(3_600)
}

const fn two_weeks() -> HumanDuration {
    HumanDuration::from_days(14)
}

const fn sixty_days() -> HumanDuration {
    HumanDuration::from_days(60)
}

const fn ninety_days() -> HumanDuration {
    HumanDuration::from_days(90)
}

fn namespace_label() -> String {
    "{{namespace}}".to_owned()
}
