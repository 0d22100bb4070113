//! Curves over all thresholds: precision and recall of points, recall of events against false alerts per day.

use super::events::event_statistics;

/// Shares of the pooled scores at which a single threshold for all series is tried.
const HIGHEST_SHARE: f64 = 0.05;
const LOWEST_SHARE: f64 = 1e-5;
/// Thresholds that the figures are taken from.
const TRIED: usize = 24;
/// More false alerts in a day than this are of no use to anybody.
const MOST_FALSE_A_DAY: f64 = 3.0;

/// The judged part of one series, for curves over many series.
#[derive(Debug, Clone, Copy)]
pub struct Pooled<'a> {
    /// Scores.
    pub scores: &'a [f64],
    /// Labels, as many.
    pub labels: &'a [bool],
    /// Alarms that are at most so many points apart are one alert.
    pub gap: usize,
    /// Its length in days.
    pub days: f64,
}

/// What one threshold for all series does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurvePoint {
    /// A point above it alarms.
    pub threshold: f64,
    /// False alerts per series and day.
    pub false_alerts_per_day: f64,
    /// Share of the events that are found.
    pub recall: f64,
}

/// Places ordered by score, highest first; NaN last, ties in the order of the series.
pub(super) fn ranking(scores: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| plain(scores[*b]).total_cmp(&plain(scores[*a])));
    order
}

/// The score that is compared: NaN is the lowest, and there is one zero.
pub(super) fn plain(score: f64) -> f64 {
    if score.is_nan() { f64::NEG_INFINITY } else { score + 0.0 }
}

/// True positives and predicted points at each distinct score, from the highest.
fn steps(labels: &[bool], scores: &[f64]) -> Vec<(usize, usize)> {
    let count = labels.len().min(scores.len());
    let order = ranking(&scores[..count]);
    let (mut hits, mut found) = (0, Vec::new());
    for (place, index) in order.iter().enumerate() {
        hits += usize::from(labels[*index]);
        let next = order.get(place + 1).map(|next| plain(scores[*next]));
        let ends = next.is_none_or(|next| next.total_cmp(&plain(scores[*index])).is_ne());
        if ends {
            found.push((hits, place + 1));
        }
    }
    found
}

/// Average precision (AUC-PR): precision at each distinct score, weighted by the recall gained there.
///
/// `None` without a positive label. O(n log n).
#[must_use]
pub fn average_precision(labels: &[bool], scores: &[f64]) -> Option<f64> {
    let steps = steps(labels, scores);
    let positives = steps.last().map(|(hits, _)| *hits).filter(|hits| *hits > 0)? as f64;
    let (mut before, mut area) = (0, 0.0);
    for (hits, predicted) in steps {
        area += (hits - before) as f64 / positives * hits as f64 / predicted as f64;
        before = hits;
    }
    Some(area)
}

/// The F1 of points at the best threshold, which only an oracle knows. `None` without a positive label. O(n log n).
#[must_use]
pub fn best_f1(labels: &[bool], scores: &[f64]) -> Option<f64> {
    let steps = steps(labels, scores);
    let positives = steps.last().map(|(hits, _)| *hits).filter(|hits| *hits > 0)?;
    steps.iter().map(|(hits, predicted)| 2.0 * *hits as f64 / (predicted + positives) as f64).reduce(f64::max)
}

/// The precision at the highest threshold that reaches each of `recalls` (0 to 1, ascending).
///
/// A curve on a fixed grid, so that curves of several series can be averaged. `None` without a positive label.
/// O(n log n).
#[must_use]
pub fn precision_at(labels: &[bool], scores: &[f64], recalls: &[f64]) -> Option<Vec<f64>> {
    let steps = steps(labels, scores);
    let positives = steps.last().map(|(hits, _)| *hits).filter(|hits| *hits > 0)? as f64;
    let mut at = 0;
    let mut found = Vec::with_capacity(recalls.len());
    for recall in recalls {
        while at + 1 < steps.len() && (steps[at].0 as f64) < recall * positives - 1e-9 {
            at += 1;
        }
        found.push(steps.get(at).map_or(0.0, |(hits, predicted)| *hits as f64 / *predicted as f64));
    }
    Some(found)
}

/// The quantile `q` (0 to 1) of `sorted` ascending values, linear between neighbours; NaN for no values.
#[must_use]
pub fn quantile(sorted: &[f64], q: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = q.clamp(0.0, 1.0) * last as f64;
    let below = (place.floor() as usize).min(last);
    let (low, high) = (sorted[below], sorted[(below + 1).min(last)]);
    let (share, rise) = (place - below as f64, high - low);
    if !rise.is_finite() {
        return if share > 0.0 { high } else { low };
    }
    if share < 0.5 { low + rise * share } else { high - rise * (1.0 - share) }
}

/// Recall of events against false alerts, at one threshold for all series.
///
/// `count` thresholds at even steps of the logarithm of the share of points above them, from 1 in 100,000 to 1 in 20,
/// highest first, up to 3 false alerts a day. A series without events counts with its false alerts. Empty without points. O(count × n).
#[must_use]
pub fn recall_curve(pool: &[Pooled<'_>], count: usize) -> Vec<CurvePoint> {
    let mut every: Vec<f64> = pool.iter().flat_map(|one| one.scores.iter().map(|score| plain(*score))).collect();
    every.sort_unstable_by(f64::total_cmp);
    if every.is_empty() || count < 2 {
        return Vec::new();
    }
    let (low, high) = (LOWEST_SHARE.log10(), HIGHEST_SHARE.log10());
    let share = |step: usize| match step {
        0 => LOWEST_SHARE,
        _ if step + 1 == count => HIGHEST_SHARE,
        _ => 10_f64.powf(low + (high - low) / (count - 1) as f64 * step as f64),
    };
    let mut thresholds: Vec<f64> = (0..count).map(|step| quantile(&every, 1.0 - share(step))).collect();
    thresholds.sort_unstable_by(|a, b| b.total_cmp(a));
    thresholds.dedup_by(|a, b| a.total_cmp(b).is_eq());
    let mut curve = Vec::with_capacity(thresholds.len());
    for threshold in thresholds {
        let point = at_threshold(pool, threshold);
        curve.push(point);
        if point.false_alerts_per_day > MOST_FALSE_A_DAY {
            break;
        }
    }
    curve
}

fn at_threshold(pool: &[Pooled<'_>], threshold: f64) -> CurvePoint {
    let (mut false_alerts, mut found, mut events) = (0, 0, 0);
    for one in pool {
        let alarms: Vec<bool> = one.scores.iter().map(|score| plain(*score) > threshold).collect();
        let statistics = event_statistics(one.labels, &alarms, one.gap, 0);
        false_alerts += statistics.false_alerts();
        found += statistics.found;
        events += statistics.events;
    }
    let days: f64 = pool.iter().map(|one| one.days).sum();
    CurvePoint {
        threshold,
        false_alerts_per_day: if days > 0.0 { false_alerts as f64 / days } else { 0.0 },
        recall: if events > 0 { found as f64 / events as f64 } else { 0.0 },
    }
}

/// The largest share of events found by one threshold for all series with at most `budgets[i]` false alerts per series
/// and day. The threshold is an oracle's; 24 are tried, as in [`recall_curve`].
#[must_use]
pub fn recall_within(pool: &[Pooled<'_>], budgets: &[f64]) -> Vec<f64> {
    let curve = recall_curve(pool, TRIED);
    let best = |budget: &f64| {
        curve.iter().filter(|point| point.false_alerts_per_day <= *budget).map(|point| point.recall).fold(0.0, f64::max)
    };
    budgets.iter().map(best).collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{bools, case, cases, close, close_option, floats, integer};
    use super::*;

    #[test]
    fn point_metrics_equal_the_reference() {
        let cases = cases("metrics");
        assert_eq!(cases.len(), 14);
        for case in cases {
            let (labels, scores) = (bools(&case["labels"]), floats(&case["scores"]));
            close_option(average_precision(&labels, &scores), &case["average_precision"], &case["name"]);
            close_option(best_f1(&labels, &scores), &case["best_f1"], &case["name"]);
        }
    }

    #[test]
    fn recall_within_a_budget_equals_the_reference() {
        let case = case("pool");
        let days = 500.0 * case["step_secs"].as_f64().unwrap() / 86_400.0;
        let series: Vec<(Vec<f64>, Vec<bool>)> =
            case["series"].as_array().unwrap().iter().map(|s| (floats(&s["scores"]), bools(&s["labels"]))).collect();
        let gap = integer(&case["gap"]);
        let pool: Vec<Pooled<'_>> =
            series.iter().map(|(scores, labels)| Pooled { scores, labels, gap, days }).collect();
        let expected = floats(&case["recalls"]);
        assert!(expected.iter().all(|recall| *recall > 0.0), "the case tells nothing");
        for (got, expected) in recall_within(&pool, &floats(&case["budgets"])).iter().zip(&expected) {
            close(*got, *expected, &case["budgets"]);
        }
        let curve = recall_curve(&pool, 100);
        assert!(curve.windows(2).all(|w| w[0].threshold > w[1].threshold && w[0].recall <= w[1].recall));
    }

    #[test]
    fn quantiles_are_linear_between_neighbours() {
        let sorted = [0.0, 1.0, 2.0, 10.0];
        for (q, expected) in [(0.0, 0.0), (0.5, 1.5), (1.0, 10.0), (0.9, 7.6), (-3.0, 0.0)] {
            assert!((quantile(&sorted, q) - expected).abs() < 1e-12, "{q}");
        }
        assert!(quantile(&[], 0.5).is_nan());
        assert!(quantile(&[-f64::MAX, f64::MAX], 0.5).is_finite());
    }

    #[test]
    fn nan_is_the_lowest_score_and_nothing_is_no_figure() {
        let labels = [true, false, false];
        assert!((average_precision(&labels, &[1.0, f64::NAN, 0.0]).unwrap() - 1.0).abs() < 1e-12);
        assert!((average_precision(&labels, &[f64::NAN, 1.0, 0.0]).unwrap() - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(average_precision(&[false, false], &[1.0, 2.0]), None);
        assert_eq!(best_f1(&[], &[]), None);
        assert_eq!(precision_at(&[], &[], &[0.5]), None);
        assert!(recall_curve(&[], 24).is_empty());
        assert_eq!(recall_within(&[], &[1.0]), [0.0]);
    }

    #[test]
    fn precision_follows_recall() {
        let labels = [true, false, true, false];
        let got = precision_at(&labels, &[4.0, 3.0, 2.0, 1.0], &[0.0, 0.5, 0.51, 1.0]).unwrap();
        let expected = [1.0, 1.0, 2.0 / 3.0, 2.0 / 3.0];
        assert!(got.iter().zip(expected).all(|(g, e)| (g - e).abs() < 1e-12), "{got:?}");
    }
}
