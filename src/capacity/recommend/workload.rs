//! Requests and limits of a container.

use jiff::Timestamp;

use super::kubernetes::{self, Resources, WorkloadName};
use super::sizes::{cpu_quantity, memory_quantity, round_cpu, round_memory};
use crate::capacity::envelope::{Envelope, blocks};
use crate::capacity::exhaustion::days_between;
use crate::capacity::robust::{magnitude, quantile};
use crate::capacity::{
    CapacityError, Change, ChangeKind, Quantity, Recommendation, Risk, Settings, WorkloadSettings, explain,
};
use crate::series::{Series, Unit};

/// More than any machine has: garbage beyond it is cut.
const MOST_CORES: f64 = 1e6;
const MOST_BYTES: f64 = 1_152_921_504_606_846_976.0;
const MONTH_SECS: f64 = 30.0 * 86_400.0;

/// Requests and limits of a container as they are, cores and bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CurrentResources {
    /// CPU request, cores.
    pub cpu_request: Option<f64>,
    /// CPU limit, cores.
    pub cpu_limit: Option<f64>,
    /// Memory request, bytes.
    pub memory_request: Option<f64>,
    /// Memory limit, bytes.
    pub memory_limit: Option<f64>,
}

/// What is known of a container. With several pods give the highest of them at each time.
#[derive(Debug, Clone)]
pub struct WorkloadFacts<'a> {
    /// The workload it belongs to.
    pub workload: WorkloadName,
    /// Its name in the pod.
    pub container: String,
    /// CPU usage, cores.
    pub cpu: Option<&'a Series>,
    /// Working-set memory, bytes.
    pub memory: Option<&'a Series>,
    /// Requests and limits as they are.
    pub current: CurrentResources,
}

/// What one resource needs.
struct Need {
    request: f64,
    limit: f64,
    peak: f64,
    peaks: Envelope,
    days: f64,
}

/// Requests and limits that fit the history of a container.
///
/// Requests are the P95 of CPU and working-set memory; limits are 2 × and 1.5 × that, the memory limit at least 1.1 ×
/// the highest usage seen. All of these are settings. Imputed points do not count. `None` when every setting of today is
/// within `tolerance` and the memory limit is high enough.
///
/// The risk is the probability that memory passes its limit within 30 days: the daily peaks as a Gumbel distribution by
/// the method of moments, given when there is a limit today and five peaks. Deadline: now, when that risk is above one
/// in ten.
///
/// # Errors
/// [`CapacityError::Setting`]; [`CapacityError::NoHistory`] without CPU and memory.
pub fn recommend_workload(
    facts: &WorkloadFacts<'_>,
    settings: &Settings,
    now: Timestamp,
) -> Result<Option<Recommendation>, CapacityError> {
    settings.validate()?;
    let rules = &settings.workload;
    let cpu = facts.cpu.map(|series| cpu_need(&recent(series, settings), rules));
    let memory = facts.memory.map(|series| memory_need(&recent(series, settings), rules));
    let Some(days) = [&cpu, &memory].into_iter().flatten().map(|need| need.days).reduce(f64::max) else {
        return Err(CapacityError::NoHistory(facts.workload.to_string()));
    };
    let wanted = Resources {
        cpu_request: cpu.as_ref().map(|need| need.request),
        cpu_limit: cpu.as_ref().map(|need| need.limit),
        memory_request: memory.as_ref().map(|need| need.request),
        memory_limit: memory.as_ref().map(|need| need.limit),
    };
    let changes = changes(&facts.current, &wanted);
    let safe =
        |need: &Need| facts.current.memory_limit.is_none_or(|limit| limit >= rules.memory_peak_factor * need.peak);
    if memory.as_ref().is_none_or(safe) && changes.iter().all(|change| is_small(change, rules.tolerance)) {
        return Ok(None);
    }
    let risk = memory.as_ref().zip(facts.current.memory_limit).and_then(|(need, limit)| {
        let before = exceedance(&need.peaks, limit)?;
        Some(Risk { before, after: exceedance(&need.peaks, need.limit)? })
    });
    Ok(Some(Recommendation {
        subject: format!("container {} of {}", facts.container, facts.workload),
        by: risk.filter(|risk| risk.before > 0.1).map(|_| now),
        text: text(facts, &changes, risk),
        confidence: (days / 14.0).clamp(0.0, 1.0).sqrt(),
        because: because(facts, cpu.as_ref(), memory.as_ref(), rules),
        patch: Some(kubernetes::resources(&facts.workload, &facts.container, &wanted)),
        changes,
        risk,
    }))
}

fn recent(series: &Series, settings: &Settings) -> Series {
    series.tail(series.step().per_secs(settings.lookback.as_secs_f64()).max(1))
}

fn observed(series: &Series, most: f64) -> Vec<f64> {
    let all = series.values().iter().zip(series.imputed());
    let real: Vec<f64> = all.filter(|(_, imputed)| !**imputed).map(|(value, _)| value.clamp(0.0, most)).collect();
    if real.is_empty() { vec![series.last().clamp(0.0, most)] } else { real }
}

fn cpu_need(series: &Series, rules: &WorkloadSettings) -> Need {
    let values = observed(series, MOST_CORES);
    let request = round_cpu(quantile(&values, rules.cpu_quantile).max(rules.min_cpu_cores));
    need(series, &values, request, round_cpu(request * rules.cpu_limit_factor))
}

fn memory_need(series: &Series, rules: &WorkloadSettings) -> Need {
    let values = observed(series, MOST_BYTES);
    let peak = quantile(&values, 1.0);
    let request = round_memory(quantile(&values, rules.memory_quantile).max(rules.min_memory_bytes));
    let limit = (request * rules.memory_limit_factor).max(peak * rules.memory_peak_factor);
    need(series, &values, request, round_memory(limit))
}

fn need(series: &Series, values: &[f64], request: f64, limit: f64) -> Need {
    let days = days_between(series.start(), series.end());
    Need { request, limit, peak: quantile(values, 1.0), peaks: blocks(series), days }
}

fn changes(current: &CurrentResources, wanted: &Resources) -> Vec<Change> {
    let all = [
        (ChangeKind::CpuRequest, Unit::Cores, current.cpu_request, wanted.cpu_request),
        (ChangeKind::CpuLimit, Unit::Cores, current.cpu_limit, wanted.cpu_limit),
        (ChangeKind::MemoryRequest, Unit::Bytes, current.memory_request, wanted.memory_request),
        (ChangeKind::MemoryLimit, Unit::Bytes, current.memory_limit, wanted.memory_limit),
    ];
    let change = |(what, unit, from, to): (ChangeKind, Unit, Option<f64>, Option<f64>)| {
        let from = from.filter(|value| 0.0 < *value && value.is_finite()).map(|value| Quantity { value, unit });
        to.map(|value| Change { what, from, to: Quantity { value, unit } })
    };
    all.into_iter().filter_map(change).collect()
}

fn is_small(change: &Change, tolerance: f64) -> bool {
    change.from.is_some_and(|from| (change.to.value - from.value).abs() <= tolerance * from.value)
}

/// Probability that a peak of the next 30 days passes `limit`; `None` with fewer than five peaks.
fn exceedance(peaks: &Envelope, limit: f64) -> Option<f64> {
    let count = peaks.values.len() as f64;
    if count < 5.0 {
        return None;
    }
    let scale = magnitude(&peaks.values);
    let scaled: Vec<f64> = peaks.values.iter().map(|v| v / scale).collect();
    let mean = scaled.iter().sum::<f64>() / count;
    let deviation = (scaled.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (count - 1.0)).sqrt();
    let limit = limit / scale;
    if !(deviation > 1e-12) {
        return Some(if mean >= limit { 1.0 } else { 0.0 });
    }
    let beta = deviation * 6.0_f64.sqrt() / std::f64::consts::PI;
    // 0.577… is Euler's constant: the mean of a Gumbel distribution lies that many scales above its mode
    let mode = mean - 0.577_215_664_901_532_9 * beta;
    let log_below = -(-(limit - mode) / beta).exp();
    Some((-(log_below * MONTH_SECS / peaks.step.secs_f64()).exp_m1()).clamp(0.0, 1.0))
}

fn text(facts: &WorkloadFacts<'_>, changes: &[Change], risk: Option<Risk>) -> String {
    let parts: Vec<String> = changes.iter().map(spoken).collect();
    let list = match parts.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => parts.concat(),
    };
    let risk = risk.map_or_else(String::new, |risk| {
        let (before, after) = (explain::percent(risk.before), explain::percent(risk.after));
        format!(" The probability of running out of memory within 30 days goes from {before} to {after}.")
    });
    format!("Set container {} of {} to {list}.{risk}", facts.container, facts.workload)
}

fn spoken(change: &Change) -> String {
    let (name, write): (_, fn(f64) -> String) = match change.what {
        ChangeKind::CpuRequest => ("a CPU request", cpu_quantity),
        ChangeKind::CpuLimit => ("a CPU limit", cpu_quantity),
        ChangeKind::MemoryRequest => ("a memory request", memory_quantity),
        _ => ("a memory limit", memory_quantity),
    };
    let from = change.from.map_or_else(|| "unset today".to_owned(), |from| format!("{} today", write(from.value)));
    format!("{name} of {} ({from})", write(change.to.value))
}

fn because(
    facts: &WorkloadFacts<'_>,
    cpu: Option<&Need>,
    memory: Option<&Need>,
    rules: &WorkloadSettings,
) -> Vec<String> {
    let mut sentences = Vec::new();
    let span = |need: &Need| Unit::Seconds.format(need.days * 86_400.0);
    let quantile_name = |q: f64| Unit::None.format(q * 100.0);
    if let Some(need) = cpu {
        let (q, factor) = (quantile_name(rules.cpu_quantile), Unit::None.format(rules.cpu_limit_factor));
        let peak = Unit::Cores.format(need.peak);
        sentences.push(format!(
            "The CPU request is the P{q} of {}, the limit {factor} times that; the highest usage was {peak}.",
            span(need)
        ));
    }
    if let Some(need) = memory {
        let (q, factor) = (quantile_name(rules.memory_quantile), Unit::None.format(rules.memory_limit_factor));
        let (peak, least) = (Unit::Bytes.format(need.peak), Unit::None.format(rules.memory_peak_factor));
        sentences.push(format!(
            "The memory request is the P{q} of {} of working set, the limit {factor} times that and at least {least} times the highest usage of {peak}.",
            span(need)
        ));
        if let Some(limit) = facts.current.memory_limit.filter(|limit| *limit < rules.memory_peak_factor * need.peak) {
            let limit = memory_quantity(limit);
            sentences.push(format!("Today's memory limit of {limit} is less than {least} times the highest usage."));
        }
    }
    sentences
}
