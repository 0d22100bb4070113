//! Events and alerts: which were found, which alerts were false, how late; and a threshold that needs no labels.

use super::curves::quantile;

/// Alarms closer than this are one alert.
const MERGED_SECS: f64 = 3_600.0;
/// The same for steps below a minute, points.
const MERGED_FAST_POINTS: usize = 30;
/// Fewest scores from which a tail is extrapolated.
const FEWEST_FOR_A_TAIL: usize = 50;
/// The share of the highest scores that make the tail.
const TAIL: f64 = 0.02;

/// A run of points, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// Index of its first point.
    pub first: usize,
    /// Index of its last point.
    pub last: usize,
}

/// What alarms did about events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventStatistics {
    /// Events.
    pub events: usize,
    /// Events with an alarm inside.
    pub found: usize,
    /// Alerts: runs of alarms.
    pub alerts: usize,
    /// Alerts that touch an event.
    pub true_alerts: usize,
    /// Points from the start of each found event to its first alarm, in order of the events.
    pub delays: Vec<usize>,
}

impl EventStatistics {
    /// Alerts that touch no event.
    #[must_use]
    pub const fn false_alerts(&self) -> usize {
        self.alerts.saturating_sub(self.true_alerts)
    }
}

/// The runs of `true`. O(n).
#[must_use]
pub fn spans(labels: &[bool]) -> Vec<Span> {
    runs(labels, 1)
}

/// The runs of `true` when holes of fewer than `gap` points do not count: two alarms whose places differ by at most `gap`
/// belong together. O(n).
#[must_use]
pub fn runs(alarms: &[bool], gap: usize) -> Vec<Span> {
    let mut found: Vec<Span> = Vec::new();
    for (index, _) in alarms.iter().enumerate().filter(|(_, alarm)| **alarm) {
        match found.last_mut() {
            Some(run) if index - run.last <= gap.max(1) => run.last = index,
            _ => found.push(Span { first: index, last: index }),
        }
    }
    found
}

/// How many points apart alarms may be to be one alert: an hour's worth, at least 1; 30 for steps below a minute.
///
/// NaN or a step that is not positive counts as below a minute.
#[must_use]
pub fn merging_gap(step_secs: f64) -> usize {
    if step_secs >= 60.0 { (MERGED_SECS / step_secs).round_ties_even().max(1.0) as usize } else { MERGED_FAST_POINTS }
}

/// Compares alarms with events.
///
/// An alert is a run of alarms at most `gap` points apart; an event counts as found when an alarm lies in it or up to
/// `tolerance` points behind it; an alert is true when it touches an event with its tolerance.
/// Arrays of different lengths are compared up to the shorter one's end. O(n).
#[must_use]
pub fn event_statistics(labels: &[bool], alarms: &[bool], gap: usize, tolerance: usize) -> EventStatistics {
    let events = spans(labels);
    let alerts = runs(alarms, gap);
    let delays: Vec<usize> = events
        .iter()
        .filter_map(|event| {
            let reach = event.last.saturating_add(tolerance).saturating_add(1).min(alarms.len());
            alarms.get(event.first..reach)?.iter().position(|alarm| *alarm)
        })
        .collect();
    // events are in order and apart: only the first that does not end before the alert can be touched
    let touches = |alert: &&Span| {
        let next = events.partition_point(|event| event.last.saturating_add(tolerance) < alert.first);
        events.get(next).is_some_and(|event| event.first <= alert.last)
    };
    EventStatistics {
        events: events.len(),
        found: delays.len(),
        alerts: alerts.len(),
        true_alerts: alerts.iter().filter(touches).count(),
        delays,
    }
}

/// The score that ordinary points exceed with probability `rate`, from past scores alone: an exponential tail fitted to
/// the highest 2 %.
///
/// Scores that are not finite are left out. Infinite, so that nothing alarms, with fewer than 50 scores.
/// Source: peaks over threshold with shape 0, as in Siffer et al., "Anomaly Detection in Streams with Extreme Value
/// Theory", KDD 2017.
#[must_use]
pub fn tail_threshold(past: &[f64], rate: f64) -> f64 {
    let mut kept: Vec<f64> = past.iter().copied().filter(|score| score.is_finite()).collect();
    if kept.len() < FEWEST_FOR_A_TAIL {
        return f64::INFINITY;
    }
    kept.sort_unstable_by(f64::total_cmp);
    let base = quantile(&kept, 1.0 - TAIL);
    let excesses: Vec<f64> = kept.iter().filter(|score| **score > base).map(|score| score - base).collect();
    if excesses.is_empty() {
        return base + 1e-9;
    }
    let mean = excesses.iter().sum::<f64>() / excesses.len() as f64;
    (base + mean * (TAIL / rate).ln()).max(base)
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{bools, cases, close, floats, integer};
    use super::*;

    #[test]
    fn events_and_alerts_equal_the_reference() {
        let cases = cases("events");
        assert_eq!(cases.len(), 8);
        for case in cases {
            let got = event_statistics(
                &bools(&case["labels"]),
                &bools(&case["alarms"]),
                integer(&case["gap"]),
                integer(&case["tolerance"]),
            );
            let delays: Vec<usize> = case["delays"].as_array().unwrap().iter().map(integer).collect();
            let expected = EventStatistics {
                events: integer(&case["events"]),
                found: integer(&case["found"]),
                alerts: integer(&case["alerts"]),
                true_alerts: integer(&case["true"]),
                delays,
            };
            assert_eq!(got, expected, "{}", case["name"]);
        }
    }

    #[test]
    fn thresholds_equal_the_reference() {
        for case in cases("thresholds") {
            let got = tail_threshold(&floats(&case["scores"]), case["rate"].as_f64().unwrap());
            match case["threshold"].as_f64() {
                Some(expected) => close(got, expected, &case["name"]),
                None => assert!(got.is_infinite(), "{}", case["name"]),
            }
        }
    }

    #[test]
    fn an_hour_is_one_alert() {
        for (step, gap) in
            [(60.0, 60), (300.0, 12), (3_600.0, 1), (86_400.0, 1), (1.0, 30), (1_000.0, 4), (f64::NAN, 30)]
        {
            assert_eq!(merging_gap(step), gap, "{step}");
        }
    }

    #[test]
    fn nothing_is_asked_of_nothing() {
        assert_eq!(event_statistics(&[], &[], 5, 5), EventStatistics::default());
        assert!(spans(&[]).is_empty());
        assert!(tail_threshold(&[f64::NAN; 100], 1e-4).is_infinite());
        let short = event_statistics(&[false, true, true], &[false], 1, 0);
        assert_eq!((short.events, short.found), (1, 0));
    }
}
