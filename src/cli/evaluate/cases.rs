//! What is worth looking at: events that our detector missed, and its false alerts.

use jiff::Timestamp;

use super::judge::Seen;
use crate::detect::evaluation::{Span, merging_gap, runs, spans};

/// Rows that are shown around what matters, and most of them in all.
const AROUND: usize = 90;
const MOST_ROWS: usize = 420;
/// Cases of each kind that are kept of one series.
const KEPT: usize = 2;

/// Which way the detector was wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// An event without an alarm.
    Missed,
    /// An alert without an event.
    FalseAlert,
}

/// A stretch of a series around a fault.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) fault: Fault,
    /// The metric that is shown, where there are several.
    pub(super) metric: Option<String>,
    /// The fault, in rows of the stretch.
    pub(super) focus: Span,
    /// Rows of the event or the alert.
    pub(super) length: usize,
    /// The highest score within it.
    pub(super) peak: f64,
    pub(super) times: Vec<Timestamp>,
    /// NaN where a value is missing.
    pub(super) values: Vec<f64>,
    /// The expected band; NaN where there is none.
    pub(super) lower: Vec<f64>,
    pub(super) upper: Vec<f64>,
    pub(super) scores: Vec<f64>,
    pub(super) labels: Vec<bool>,
}

impl Case {
    /// The cases of one kind, the worst first: missed events by how far the score stayed below the boundary, false
    /// alerts by how far it went above it; then the longest.
    pub(super) fn worst_first(fault: Fault, a: &Self, b: &Self) -> std::cmp::Ordering {
        let by_peak = match fault {
            Fault::Missed => a.peak.total_cmp(&b.peak),
            Fault::FalseAlert => b.peak.total_cmp(&a.peak),
        };
        by_peak.then(b.length.cmp(&a.length))
    }
}

/// The worst cases of a series.
pub(super) fn of(seen: &Seen<'_>, alarms: &[bool]) -> Vec<Case> {
    let labelled = seen.labelled;
    let judged = |span: &Span| span.last >= labelled.train;
    let events: Vec<Span> = spans(&labelled.labels).into_iter().filter(judged).collect();
    let gap = merging_gap(seen.prepared.entity.step().secs_f64());
    let mut judged_alarms = alarms.to_vec();
    judged_alarms.iter_mut().take(labelled.train).for_each(|alarm| *alarm = false);
    let alerts = runs(&judged_alarms, gap);
    let silent = |event: &&Span| !judged_alarms[event.first..=event.last].contains(&true);
    let touches = |alert: &Span| events.iter().any(|event| event.first <= alert.last && event.last >= alert.first);
    let missed = worst(seen, Fault::Missed, events.iter().filter(silent));
    let wrong = worst(seen, Fault::FalseAlert, alerts.iter().filter(|alert| !touches(alert)));
    missed.into_iter().chain(wrong).collect()
}

fn worst<'a>(seen: &Seen<'_>, fault: Fault, found: impl Iterator<Item = &'a Span>) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for span in found {
        cases.push(case(seen, fault, *span));
        cases.sort_by(|a, b| Case::worst_first(fault, a, b));
        cases.truncate(KEPT);
    }
    cases
}

fn case(seen: &Seen<'_>, fault: Fault, span: Span) -> Case {
    let rows = seen.points.len();
    let around = AROUND.max((span.last - span.first) / 3);
    let from = span.first.saturating_sub(around);
    let to = span.last.saturating_add(around + 1).min(rows).min(from + MOST_ROWS);
    let points = seen.points.get(from..to).unwrap_or_default();
    let score = |row: usize| seen.points.get(row).copied().flatten().map_or(0.0, |point| point.score);
    let peak = (span.first..=span.last).fold(span.first, |best, row| if score(row) > score(best) { row } else { best });
    let metrics = &seen.labelled.group.metrics;
    let (metric, several) = (shown_metric(seen, peak), metrics.len() > 1);
    let of_band = |pick: fn(&crate::detect::PointScore) -> f64| {
        points.iter().map(|point| point.filter(|_| !several).map_or(f64::NAN, pick)).collect::<Vec<f64>>()
    };
    let samples = metrics.get(metric).and_then(|m| m.points.get(from..to)).unwrap_or_default();
    Case {
        fault,
        metric: metrics.get(metric).filter(|_| several).map(|m| m.name.clone()),
        focus: Span { first: span.first - from, last: span.last.min(to.saturating_sub(1)).saturating_sub(from) },
        length: span.last - span.first + 1,
        peak: score(peak),
        times: samples
            .iter()
            .map(|s| Timestamp::from_millisecond(s.time_ms).unwrap_or(Timestamp::UNIX_EPOCH))
            .collect(),
        values: samples.iter().map(|s| s.value).collect(),
        lower: of_band(|point| point.lower),
        upper: of_band(|point| point.upper),
        scores: (from..to).map(score).collect(),
        labels: seen.labelled.labels.get(from..to).unwrap_or_default().to_vec(),
    }
}

/// The metric with the largest share in the score of `row`; the first when nothing says so.
fn shown_metric(seen: &Seen<'_>, row: usize) -> usize {
    let top = seen.points.get(row).copied().flatten().and_then(|point| point.attribution.first());
    let place = |name: &str| seen.labelled.group.metrics.iter().position(|metric| metric.name == name);
    top.and_then(|top| place(&top.feature)).unwrap_or(0)
}
