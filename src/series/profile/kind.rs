//! Counter, gauge, counts, ratio, constant; range and demand.

use super::super::Unit;
use super::order::{mean, median, variance};
use super::types::{Demand, Intermittency, Kind, Span};

/// Steps upwards that make a counter.
const LEAST_RISES: usize = 12;
/// Share of the moves of a counter that go up.
const LEAST_RISING: f64 = 0.1;
/// A fall of a counter ends below this share of the value before: its process began again near zero.
const RESET: f64 = 0.1;
/// A share of one that never gets this large says nothing of being one.
const LEAST_RATIO: f64 = 0.05;
/// Borders of Syntetos and Boylan (2005).
const RARE: f64 = 1.32;
const UNEVEN: f64 = 0.49;

/// What kind of number the `values` (finite, not empty, in order of time) are. O(n).
pub(super) fn kind(values: &[f64], unit: Unit, name: &str) -> Kind {
    let (low, high) = extremes(values);
    if low >= high {
        return Kind::Constant;
    }
    if values.iter().all(|v| *v <= low || *v >= high) {
        return Kind::TwoValued;
    }
    if let Some(counter) = counter(values, low) {
        return counter;
    }
    let whole = values.iter().all(|v| v.fract().abs() < f64::EPSILON && *v >= 0.0);
    if whole {
        return Kind::Counts;
    }
    let may_be_ratio = unit == Unit::Ratio || unit == Unit::None && high > LEAST_RATIO && !says_time(name);
    if low >= 0.0 && high <= 1.0 && may_be_ratio { Kind::Ratio } else { Kind::Gauge }
}

/// Grows all the time, or falls to near zero only.
fn counter(values: &[f64], low: f64) -> Option<Kind> {
    if low < 0.0 {
        return None;
    }
    let (mut rises, mut resets) = (0, 0);
    for pair in values.windows(2) {
        if pair[1] > pair[0] {
            rises += 1;
        } else if pair[1] < pair[0] {
            if pair[1] > RESET * pair[0] {
                return None;
            }
            resets += 1;
        }
    }
    let moves = values.len().saturating_sub(1).max(1) as f64;
    let grows = rises >= LEAST_RISES && rises as f64 >= LEAST_RISING * moves && rises >= 20 * resets;
    grows.then_some(Kind::Counter { resets, rises })
}

fn says_time(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["latency", "duration", "seconds", "time"].iter().any(|word| name.contains(word))
}

pub(super) fn extremes(values: &[f64]) -> (f64, f64) {
    values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(*v), high.max(*v)))
}

/// Where the `values` lie, and which bounds of a ratio or a percentage they keep.
pub(super) fn span(values: &[f64], kind: Kind, name: &str) -> Span {
    let (min, max) = extremes(values);
    let median = median(&mut values.to_vec());
    let lower = name.to_ascii_lowercase();
    let named = ["percent", "pct"].iter().any(|word| lower.contains(word));
    let touches = max > 99.0 && min >= 0.0 && !matches!(kind, Kind::Counter { .. } | Kind::Counts);
    let ceiling = match kind {
        Kind::Ratio => Some(1.0),
        Kind::Counter { .. } => None,
        _ if min >= 0.0 && max <= 100.0 && max > 1.0 && (named || touches) => Some(100.0),
        _ => None,
    };
    Span { min, median, max, floor: (min >= 0.0).then_some(0.0), ceiling }
}

/// How often the `values` are above zero, and how evenly; `None` without zeros, below zero or without anything above.
pub(super) fn demand(values: &[f64]) -> Option<Demand> {
    let sizes: Vec<f64> = values.iter().copied().filter(|v| *v > 0.0).collect();
    if values.iter().any(|v| *v < 0.0) || sizes.len() == values.len() || sizes.is_empty() {
        return None;
    }
    let largest = sizes.iter().copied().fold(0.0, f64::max);
    let shares: Vec<f64> = sizes.iter().map(|v| v / largest).collect();
    let typical = mean(&shares);
    let cv2 = if typical > 0.0 { variance(&shares) / (typical * typical) } else { 0.0 };
    let interval = values.len() as f64 / sizes.len() as f64;
    let class = match (interval >= RARE, cv2 >= UNEVEN) {
        (false, false) => Intermittency::Smooth,
        (false, true) => Intermittency::Erratic,
        (true, false) => Intermittency::Intermittent,
        (true, true) => Intermittency::Lumpy,
    };
    Some(Demand { zeros: 1.0 - sizes.len() as f64 / values.len() as f64, interval, cv2, class })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, wanted: &str, value: impl Fn(usize) -> f64) {
        let values: Vec<f64> = (0..400).map(value).collect();
        let unit = Unit::from_metric_name(name);
        assert_eq!(kind(&values, unit, name).as_str(), wanted, "{name}");
    }

    #[test]
    fn kinds_are_told_from_the_values() {
        let wobble = |i: usize| ((i * 7_919) % 101) as f64 / 101.0;
        check("flat", "constant", |_| 7.0);
        check("up", "two_valued", |i| f64::from(u8::from(i % 50 != 0)));
        check("requests_total", "counter", |i| (i % 300) as f64 * 3.0);
        check("bytes", "counter", |i| i as f64 * 1e6 + wobble(i));
        check("queue", "counts", |i| (wobble(i) * 20.0).floor());
        check("share", "ratio", wobble);
        check("request_latency_seconds", "gauge", wobble);
        check("latency", "gauge", wobble);
        check("temperature", "gauge", |i| wobble(i) * 40.0 - 10.0);
        check("sawtooth", "counts", |i| (i % 10) as f64);
        check("disk_used", "gauge", |i| i as f64 + 3.0 * wobble(i));
        check("tiny", "gauge", |i| wobble(i) * 0.01);
    }

    #[test]
    fn demand_follows_syntetos_and_boylan() {
        let of = |value: fn(usize) -> f64| demand(&(0..1_000).map(value).collect::<Vec<_>>());
        let class = |value| of(value).map(|d| d.class);
        assert_eq!(class(|i| if i % 20 == 0 { 5.0 } else { 0.0 }), Some(Intermittency::Intermittent));
        assert_eq!(
            class(|i| if i % 20 == 0 { 1.0 + ((i / 20) % 5).pow(4) as f64 } else { 0.0 }),
            Some(Intermittency::Lumpy)
        );
        assert_eq!(class(|i| if i % 20 == 0 { 0.0 } else { 5.0 }), Some(Intermittency::Smooth));
        assert_eq!(of(|i| i as f64 + 1.0), None);
        assert_eq!(of(|_| 0.0), None);
        assert_eq!(of(|i| i as f64 - 5.0), None);
        let rare = of(|i| if i % 20 == 0 { 5.0 } else { 0.0 }).expect("zeros");
        assert!((rare.interval - 20.0).abs() < 1e-9 && (rare.zeros - 0.95).abs() < 1e-9 && rare.cv2 < 1e-9);
    }

    #[test]
    fn ratios_and_percentages_have_a_ceiling() {
        let values: Vec<f64> = (0..=200).map(|i| f64::from(i) / 2.0).rev().collect();
        assert_eq!(span(&values, Kind::Gauge, "cpu").ceiling, Some(100.0));
        assert_eq!(span(&values[..150], Kind::Gauge, "cpu").floor, Some(0.0));
        assert_eq!(span(&[3.5, 20.0], Kind::Gauge, "cpu").ceiling, None);
        assert_eq!(span(&[3.5, 20.0], Kind::Gauge, "cpu_percent").ceiling, Some(100.0));
        assert_eq!(span(&[-1.0, 2.0], Kind::Gauge, "x").floor, None);
    }
}
