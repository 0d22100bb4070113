//! How many replicas, and what they steer by.

use jiff::Timestamp;

use super::kubernetes::{self, Target, WorkloadKind, WorkloadName};
use crate::capacity::exhaustion::{moved, share};
use crate::capacity::robust::quantile;
use crate::capacity::{
    CapacityError, Change, ChangeKind, Quantity, Recommendation, ReplicaSettings, Risk, Settings, explain,
};
use crate::forecast::Forecast;
use crate::series::Unit;

/// More pods than any cluster runs for one workload.
const MOST_REPLICAS: f64 = 100_000.0;
const MONTH_SECS: f64 = 30.0 * 86_400.0;

/// What demand is measured in, and what one replica takes of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Demand {
    /// CPU of all replicas together, cores.
    Cpu {
        /// CPU request of one replica, cores.
        request_cores: f64,
    },
    /// Working-set memory of all replicas together, bytes.
    Memory {
        /// Memory request of one replica, bytes.
        request_bytes: f64,
    },
    /// Messages that wait.
    Queue {
        /// Name of the external metric that counts them.
        metric: String,
    },
}

/// The bounds of today's autoscaler; `None` where there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CurrentReplicas {
    /// Fewest replicas.
    pub min: Option<u32>,
    /// Most replicas.
    pub max: Option<u32>,
}

/// What is known of a workload with replicas.
#[derive(Debug, Clone)]
pub struct ReplicaFacts<'a> {
    /// The workload.
    pub workload: WorkloadName,
    /// What demand is.
    pub demand: Demand,
    /// The future of demand, with sample paths.
    pub forecast: &'a Forecast,
    /// The bounds of today.
    pub current: CurrentReplicas,
}

/// The peak and the trough of each path, the peak within 30 days, and when a path first passes a level.
struct Futures {
    peaks: Vec<f64>,
    month_peaks: Vec<f64>,
    troughs: Vec<f64>,
}

/// Fewest and most replicas, target and behaviour for the demand that is forecast.
///
/// One replica takes 70 % of its CPU request, 80 % of its memory request or 50 messages (settings). The most replicas
/// hold the P90 (`plan_quantile`) of the peak of demand at 80 % (`act_at`) of what they take together; the fewest hold
/// the usual quiet hour (P5 of a path, median of the paths) and are never below `min_replicas`. A maximum of today that
/// is larger, up to twice, is kept: it costs nothing until it is needed. `None` for a DaemonSet, which has no replicas
/// to choose, and when the bounds of today are right.
///
/// The risk is the probability that demand reaches what the most replicas take at their target within 30 days: beyond
/// it the autoscaler stands at its maximum.
///
/// # Errors
/// [`CapacityError::Setting`], [`CapacityError::ReplicaCapacity`], [`CapacityError::NoPaths`],
/// [`CapacityError::PathNotFinite`], [`CapacityError::StaleForecast`].
pub fn recommend_replicas(
    facts: &ReplicaFacts<'_>,
    settings: &Settings,
    now: Timestamp,
) -> Result<Option<Recommendation>, CapacityError> {
    settings.validate()?;
    let rules = &settings.replicas;
    let per_pod = facts.demand.per_pod(rules)?;
    let futures = Futures::of(facts.forecast, now)?;
    if facts.workload.kind == WorkloadKind::DaemonSet {
        return Ok(None);
    }
    let peak = quantile(&futures.peaks, settings.plan_quantile);
    let fewest = pods(quantile(&futures.troughs, 0.5) / per_pod).max(rules.min_replicas);
    let needed = pods(peak / per_pod / rules.act_at).max(fewest);
    let kept = facts.current.max.filter(|&max| (needed..=needed.saturating_mul(2)).contains(&max));
    let most = kept.unwrap_or(needed);
    if facts.current == (CurrentReplicas { min: Some(fewest), max: Some(most) }) {
        return Ok(None);
    }
    let reaches = |pods: u32| share(&futures.month_peaks, |peak| *peak >= f64::from(pods) * per_pod);
    let risk = facts.current.max.map(|max| Risk { before: reaches(max), after: reaches(most) });
    let by = facts.current.max.and_then(|max| reached_at(facts.forecast, f64::from(max) * per_pod, now));
    let by = by.map(|at| moved(at, -settings.lead_time.as_secs_f64()).max(now));
    Ok(Some(Recommendation {
        subject: facts.workload.to_string(),
        changes: changes(facts, (fewest, most), rules),
        by,
        text: text(facts, (fewest, most), peak, rules, risk),
        risk,
        confidence: confidence(&futures),
        because: because(facts, (fewest, most), (peak, per_pod), settings),
        patch: Some(kubernetes::autoscaler(&facts.workload, (fewest, most), &facts.demand.target(rules), rules)),
    }))
}

impl Futures {
    fn of(forecast: &Forecast, now: Timestamp) -> Result<Self, CapacityError> {
        let series = || forecast.series.clone();
        if let Some(&value) = forecast.paths.iter().flatten().find(|value| !value.is_finite()) {
            return Err(CapacityError::PathNotFinite { series: series(), value });
        }
        let steps = forecast.paths.iter().next().map_or(0, <[f64]>::len);
        if steps == 0 {
            return Err(CapacityError::NoPaths { series: series() });
        }
        let end = forecast.time_at(steps - 1);
        let Some(from) = (0..steps).find(|&index| forecast.time_at(index) > now) else {
            return Err(CapacityError::StaleForecast { series: series(), end, now });
        };
        let month = forecast.step.per_secs(MONTH_SECS).max(1);
        let peak = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
        let ahead = || forecast.paths.iter().map(|path| &path[from..]);
        Ok(Self {
            peaks: ahead().map(peak).collect(),
            month_peaks: ahead().map(|path| peak(&path[..month.min(path.len())])).collect(),
            troughs: ahead().map(|path| quantile(path, 0.05).max(0.0)).collect(),
        })
    }
}

impl Demand {
    /// What one replica takes at its target.
    fn per_pod(&self, rules: &ReplicaSettings) -> Result<f64, CapacityError> {
        let (capacity, target) = match self {
            Self::Cpu { request_cores } => (*request_cores, rules.cpu_target),
            Self::Memory { request_bytes } => (*request_bytes, rules.memory_target),
            Self::Queue { .. } => (rules.queue_per_pod, 1.0),
        };
        if 0.0 < capacity && capacity.is_finite() {
            Ok(capacity * target)
        } else {
            Err(CapacityError::ReplicaCapacity(capacity))
        }
    }

    fn target(&self, rules: &ReplicaSettings) -> Target {
        let percent = |share: f64| (share * 100.0).round().max(1.0) as u32;
        match self {
            Self::Cpu { .. } => Target::Utilisation { resource: "cpu", percent: percent(rules.cpu_target) },
            Self::Memory { .. } => Target::Utilisation { resource: "memory", percent: percent(rules.memory_target) },
            Self::Queue { metric } => Target::PerPod { metric: metric.clone(), average: rules.queue_per_pod },
        }
    }

    fn unit(&self) -> Unit {
        match self {
            Self::Cpu { .. } => Unit::Cores,
            Self::Memory { .. } => Unit::Bytes,
            Self::Queue { .. } => Unit::Count,
        }
    }

    /// `70 % of the CPU request`.
    fn target_text(&self, rules: &ReplicaSettings) -> String {
        match self {
            Self::Cpu { .. } => format!("{} of the CPU request", explain::percent(rules.cpu_target)),
            Self::Memory { .. } => format!("{} of the memory request", explain::percent(rules.memory_target)),
            Self::Queue { .. } => format!("{} messages per pod", Unit::Count.format(rules.queue_per_pod)),
        }
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Cpu { .. } => "CPU demand",
            Self::Memory { .. } => "memory demand",
            Self::Queue { .. } => "queue length",
        }
    }
}

/// Whole pods that hold a number of pods, at least 1.
fn pods(exact: f64) -> u32 {
    (exact - 1e-9).ceil().clamp(1.0, MOST_REPLICAS) as u32
}

/// When one future in ten has reached `level`.
fn reached_at(forecast: &Forecast, level: f64, now: Timestamp) -> Option<Timestamp> {
    let first = |path: &[f64]| {
        let index = (0..path.len()).find(|&i| forecast.time_at(i) > now && path[i] >= level)?;
        Some(forecast.time_at(index))
    };
    let mut times: Vec<Timestamp> = forecast.paths.iter().filter_map(first).collect();
    times.sort_unstable();
    let rank = (0.1 * forecast.paths.count() as f64 - 1e-9).ceil().max(1.0) as usize;
    times.get(rank - 1).copied()
}

/// The narrower the peaks lie, the surer the maximum: 1 for a single value, a half when P90 is twice P10.
fn confidence(futures: &Futures) -> f64 {
    let (low, high) = (quantile(&futures.peaks, 0.1), quantile(&futures.peaks, 0.9));
    if high > 0.0 { (low / high).clamp(0.0, 1.0) } else { 1.0 }
}

fn changes(facts: &ReplicaFacts<'_>, (fewest, most): (u32, u32), rules: &ReplicaSettings) -> Vec<Change> {
    let count = |value: u32| Quantity { value: f64::from(value), unit: Unit::Count };
    let target = match &facts.demand {
        Demand::Cpu { .. } => Quantity { value: rules.cpu_target, unit: Unit::Ratio },
        Demand::Memory { .. } => Quantity { value: rules.memory_target, unit: Unit::Ratio },
        Demand::Queue { .. } => Quantity { value: rules.queue_per_pod, unit: Unit::Count },
    };
    vec![
        Change { what: ChangeKind::MaxReplicas, from: facts.current.max.map(count), to: count(most) },
        Change { what: ChangeKind::MinReplicas, from: facts.current.min.map(count), to: count(fewest) },
        Change { what: ChangeKind::TargetUtilisation, from: None, to: target },
    ]
}

fn text(
    facts: &ReplicaFacts<'_>,
    (fewest, most): (u32, u32),
    peak: f64,
    rules: &ReplicaSettings,
    risk: Option<Risk>,
) -> String {
    let today = match (facts.current.min, facts.current.max) {
        (Some(min), Some(max)) => format!(" (today {min} to {max})"),
        (None, Some(max)) => format!(" (today up to {max})"),
        _ => String::new(),
    };
    let (workload, name, target) = (&facts.workload, facts.demand.name(), facts.demand.target_text(rules));
    let peak = facts.demand.unit().format(peak);
    let risk = risk.map_or_else(String::new, |risk| {
        let (before, after) = (explain::percent(risk.before), explain::percent(risk.after));
        format!(" The probability of standing at the maximum within 30 days goes from {before} to {after}.")
    });
    format!(
        "Let {workload} run {fewest} to {most} replicas{today} at {target}: its {name} will peak at about {peak}.{risk}"
    )
}

fn because(
    facts: &ReplicaFacts<'_>,
    (fewest, most): (u32, u32),
    (peak, per_pod): (f64, f64),
    settings: &Settings,
) -> Vec<String> {
    let (unit, rules) = (facts.demand.unit(), &settings.replicas);
    let quantile_text = explain::percent(settings.plan_quantile);
    let (peak, per_pod) = (unit.format(peak), unit.format(per_pod));
    let act_at = explain::percent(rules.act_at);
    let mut sentences = vec![
        format!("In {quantile_text} of the futures the {} stays below {peak}.", facts.demand.name()),
        format!("One replica takes {per_pod} at {}.", facts.demand.target_text(rules)),
        format!(
            "{} hold that peak at {act_at} of what they take.",
            explain::plural(most as usize, "replica", "replicas")
        ),
    ];
    let floor =
        if fewest == rules.min_replicas { "the floor that the settings give" } else { "what the quiet hours need" };
    sentences.push(format!("{} is {floor}.", explain::plural(fewest as usize, "replica", "replicas")));
    sentences
}
