//! What the engine is told to do.

use std::collections::BTreeMap;

use crate::alert::{self, RunbookRule};
use crate::capacity;
use crate::detect;
use crate::forecast;
use crate::series::{HumanDuration, Labels, Step, Unit};
use crate::severity::{self, Severity};
use crate::store::RetentionSettings;

/// Everything the engine is told to do. Validated before it comes here; never changes afterwards.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What to watch for anomalies.
    pub detectors: Vec<DetectorSpec>,
    /// What to forecast on a schedule.
    pub forecasts: Vec<ForecastSpec>,
    /// What to watch for exhaustion.
    pub capacity: Vec<CapacitySpec>,
    /// Which alerts go where, first match of each destination; none sends nothing.
    pub routes: Vec<Route>,
    /// Which runbook belongs to which alert.
    pub runbooks: Vec<RunbookRule>,
    /// Enrichment of foreign alerts.
    pub enrich: EnrichSettings,
    /// Severity policy.
    pub severity: severity::Policy,
    /// How often alerts are repeated.
    pub resend: alert::resend::Settings,
    /// How long things are kept.
    pub retention: RetentionSettings,
    /// The budget of false alarms of all detectors together.
    pub budget: TeamBudget,
}

/// One detector: a query whose series are watched.
#[derive(Debug, Clone)]
pub struct DetectorSpec {
    /// Name, also the alert's.
    pub name: String,
    /// Name of the source.
    pub source: String,
    /// What to ask it.
    pub query: String,
    /// Unit of the values; `None` takes that of the metric's name.
    pub unit: Option<Unit>,
    /// Step of the series.
    pub step: Step,
    /// How much history is learned from at first.
    pub history: HumanDuration,
    /// How long after its time a point is complete.
    pub delay: HumanDuration,
    /// Labels that make an entity: series that agree in these are the metrics of one entity. Empty: each series alone.
    pub entity_by: Vec<String>,
    /// Labels that make a group of peers: series that agree in these are compared with one another. Empty: none are.
    pub peers_by: Vec<String>,
    /// Labels added to its alerts.
    pub labels: Labels,
    /// Annotations added to its alerts.
    pub annotations: BTreeMap<String, String>,
    /// Severity its alerts come with before they are judged.
    pub severity: Option<Severity>,
    /// Detection.
    pub detect: detect::Settings,
    /// What happens when a series stops reporting.
    pub disappearance: detect::Disappearance,
    /// When an alert fires and resolves.
    pub lifecycle: alert::lifecycle::Settings,
    /// How its budget of false alarms is shared out.
    pub sharing: BudgetSharing,
}

/// How the budget of a detector is shared out among its series.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BudgetSharing {
    /// What `false_alarms` is for.
    pub scope: detect::BudgetScope,
    /// Weights by label; the first that matches counts.
    pub weights: Vec<detect::WeightSettings>,
}

/// The budget of all detectors together.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct TeamBudget {
    /// False alarms that the team accepts from all detectors; `None`: whatever they add up to.
    pub team: Option<detect::FalseAlarmBudget>,
    /// Whether boundaries follow what really fired.
    pub retune: bool,
}

/// One scheduled batch of forecasts.
#[derive(Debug, Clone)]
pub struct ForecastSpec {
    /// Name.
    pub name: String,
    /// Name of the source.
    pub source: String,
    /// What to ask it.
    pub query: String,
    /// Step of the series.
    pub step: Step,
    /// How much history is learned from.
    pub history: HumanDuration,
    /// How far ahead.
    pub horizon: HumanDuration,
    /// Coverage of the intervals.
    pub levels: Vec<f64>,
    /// The model.
    pub model: forecast::ModelChoice,
    /// Cron expression, UTC unless it names a zone.
    pub schedule: String,
    /// Unit of the values; `None` takes that of the metric's name.
    pub unit: Option<Unit>,
}

/// What a capacity watch is about; decides what is recommended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum CapacityKind {
    /// A volume that fills.
    Volume,
    /// Any other limit.
    #[default]
    Other,
    /// CPU (cores) or memory (bytes) of a container: requests and limits. The limit query gives the limit of today.
    Workload(WorkloadTemplate),
    /// Replicas behind an autoscaler. The usage query gives demand (cores, bytes, or a queue's messages), the limit query
    /// what one replica requests.
    Replicas(WorkloadTemplate),
}

/// A Kubernetes workload by the labels of its series: `{{label}}` stands for a label's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkloadTemplate {
    /// Kind of object.
    pub kind: capacity::WorkloadKind,
    /// Namespace.
    pub namespace: String,
    /// Name of the object.
    pub name: String,
    /// Name of the container.
    pub container: String,
}

/// One capacity watch: usage against its limit.
#[derive(Debug, Clone)]
pub struct CapacitySpec {
    /// Name, also the alert's.
    pub name: String,
    /// Name of the source.
    pub source: String,
    /// Query of the usage.
    pub used: String,
    /// Query of the limit, or a number.
    pub limit: String,
    /// Kind of resource.
    pub kind: CapacityKind,
    /// Step of the series.
    pub step: Step,
    /// How much history is looked at.
    pub history: HumanDuration,
    /// When it is planned again, a cron expression.
    pub schedule: String,
    /// Unit of usage and limit; `None` takes that of the metric's name.
    pub unit: Option<Unit>,
    /// Probability of exhaustion within the lead time from which an alert fires, 0 to 1; it resolves at half of it.
    pub alert_probability: f64,
    /// Labels added to its alerts.
    pub labels: Labels,
    /// Annotations added to its alerts.
    pub annotations: BTreeMap<String, String>,
    /// Planning.
    pub plan: capacity::Settings,
}

/// Alerts with these labels go to these destinations.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// Labels that must be present; `severity` is the judged one. Empty matches every alert.
    pub matches: Labels,
    /// Names of destinations.
    pub to: Vec<String>,
}

/// A destination as the engine sees it.
#[derive(Debug, Clone)]
pub struct Destination {
    /// The sink.
    pub sink: std::sync::Arc<dyn crate::sink::AlertSink>,
    /// Whether firing alerts must be sent again and again (Alertmanager forgets what is not repeated).
    pub repeats: bool,
}

/// Enrichment of foreign alerts.
#[derive(Debug, Clone)]
pub struct EnrichSettings {
    /// After this the plain alert goes on, marked. Default 2 s.
    pub timeout: HumanDuration,
    /// Destinations of enriched bodies.
    pub forward_to: Vec<String>,
    /// Source for expressions of foreign alerts; the only source when there is one.
    pub source: Option<String>,
    /// How much history is fetched for a series that no detector follows. Default 1 d.
    pub history: HumanDuration,
}

impl Default for EnrichSettings {
    fn default() -> Self {
        Self {
            timeout: HumanDuration::from_secs(2),
            forward_to: Vec::new(),
            source: None,
            history: HumanDuration::from_days(1),
        }
    }
}
