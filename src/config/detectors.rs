//! What is watched for anomalies and what is forecast.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::values::Schedule;
use crate::detect::{
    BudgetScope, DeviationSettings, Disappearance, FalseAlarmBudget, Model, RangeSettings, Watch, WeightSettings,
    WindowSettings,
};
use crate::series::{Calendar, HumanDuration, Labels, Unit, WeeklyHours};
use crate::severity::Severity;

/// One detector: a query whose series are watched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Detector {
    /// Name, unique among detectors, `[a-z0-9][a-z0-9._-]{0,63}`; the alert's name unless `labels` has `alertname`.
    pub name: String,
    /// Name of a source.
    pub source: String,
    /// What to ask the source for.
    pub query: String,
    /// Time between two points, 1 s to 1 d.
    pub step: HumanDuration,
    /// How much history is learned from, at least 10 steps. Default `28d`.
    #[serde(default = "four_weeks")]
    pub history: HumanDuration,
    /// Which side is unusual. Default `both`.
    #[serde(default)]
    pub direction: Watch,
    /// False alarms that are accepted for one series. Default `1 per week`.
    #[serde(default)]
    pub false_alarms: FalseAlarmBudget,
    /// How long values must be unusual before the alert fires. Default `0s`: as soon as it is sure.
    #[serde(default = "at_once")]
    pub min_duration: HumanDuration,
    /// Least deviation from the expected value that alerts: `absolute` in the units of the series, `relative` as a share
    /// of the expected value; both must be reached when both are given. Default: none.
    #[serde(default)]
    pub min_deviation: Option<DeviationSettings>,
    /// Values that the metric can have, `min` and `max`; others count as missing. Default: all.
    #[serde(default)]
    pub data_range: Option<RangeSettings>,
    /// Hours of the week in which anomalies alert, such as `Mon-Fri 08:00-18:00 Europe/Berlin`; outside of them they are
    /// scored and shown. Default: always.
    #[serde(default)]
    pub business_hours: Option<WeeklyHours>,
    /// Times of planned work, each `{ weekly: HOURS }` or `{ from: TIME, to: TIME }`: points are scored and shown,
    /// neither learned nor alerted on. Default: none.
    #[serde(default)]
    pub maintenance: Vec<WindowSettings>,
    /// Whether `false_alarms` is accepted for each `series` or for the whole `detector`. Default `series`.
    #[serde(default)]
    pub false_alarms_scope: BudgetScope,
    /// What is more or less important to the business: the first rule whose labels a series carries weighs its false
    /// alarms, so that its boundary is `p*` times the weight. Default: everything weighs 1.
    #[serde(default)]
    pub business_weight: Vec<WeightSettings>,
    /// What happens when a series stops reporting and nothing explains it: `alert` or `ignore`. Default `alert`.
    #[serde(default)]
    pub disappearance: Disappearance,
    /// Labels of the alert besides those of the series.
    #[serde(default)]
    pub labels: Labels,
    /// Annotations of the alert.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// Link to the runbook; wins over `runbooks`. `{{name}}` is replaced by the label's value.
    #[serde(default)]
    pub runbook_url: Option<String>,
    /// Severity of its alerts, when it shall not be judged.
    #[serde(default)]
    pub severity: Option<Severity>,
    /// Labels that make an entity: series that agree in them are watched together, as one. Default: each by itself.
    #[serde(default)]
    pub entity_by: Vec<String>,
    /// Labels that make a group of peers, like `[service]`: of at least three series that agree in them, one that behaves
    /// unlike the others raises an alert. Not with `entity_by`. Default: peers are not compared.
    #[serde(default)]
    pub peers_by: Vec<String>,
    /// Unit of the values. Default: from the metric's name.
    #[serde(default)]
    pub unit: Option<Unit>,
    /// `full`, or `light`: 4 KB for each series, single series only. Default `full`.
    #[serde(default)]
    pub model: Model,
    /// Time zone and holidays of the light model's season; the full model follows none and refuses it. Default: UTC
    /// without holidays.
    #[serde(default)]
    pub calendar: Calendar,
}

/// A scheduled batch of forecasts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForecastJob {
    /// Name, unique among forecasts, `[a-z0-9][a-z0-9._-]{0,63}`.
    pub name: String,
    /// Name of a source.
    pub source: String,
    /// What to ask the source for.
    pub query: String,
    /// Time between two points, 1 s to 1 d.
    pub step: HumanDuration,
    /// How much history is learned from, at least 10 steps. Default `28d`.
    #[serde(default = "four_weeks")]
    pub history: HumanDuration,
    /// How far ahead, at least one step and at most 100,000.
    pub horizon: HumanDuration,
    /// Coverage of the intervals, each between 0 and 1. Default 0.8 and 0.95.
    #[serde(default = "usual_levels")]
    pub levels: Vec<f64>,
    /// When to run, a cron expression. Default `0 * * * *`: every hour.
    #[serde(default = "hourly")]
    pub schedule: Option<Schedule>,
    /// Unit of the values. Default: from the metric's name.
    #[serde(default)]
    pub unit: Option<Unit>,
}

const fn four_weeks() -> HumanDuration {
    HumanDuration::from_days(28)
}

const fn at_once() -> HumanDuration {
    HumanDuration::from_secs(0)
}

fn usual_levels() -> Vec<f64> {
    vec![0.8, 0.95]
}

/// Every hour.
pub(super) fn hourly() -> Option<Schedule> {
    "0 * * * *".parse().ok()
}
