//! How one series reports: since when, until when, and with which gaps.

use serde::{Deserialize, Serialize};

use crate::series::Step;

/// Classes of gaps: half octaves of the number of steps, up to 2^20 steps.
const CLASSES: usize = 40;
/// Gaps that are remembered; from here on the older half fades.
const MOST_GAPS: u32 = 4_000;
/// Gaps from which something can be said.
const FEWEST_GAPS: u32 = 20;
/// Gaps at which the confidence is one half.
const HALF_CONFIDENT: f64 = 50.0;

/// When a series has reported. A few hundred bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reporting {
    first_ms: Option<i64>,
    last_ms: Option<i64>,
    /// Number of gaps of each class; class `k` holds gaps of `2^(k/2)` steps and a little more.
    gaps: Vec<u32>,
    /// Sum of the gaps counted, steps.
    steps: u64,
    /// Whether it was seen while it was alive, and not only in the history of what is no more.
    witnessed: bool,
}

impl Reporting {
    /// A point at this time. Times before the last one are ignored.
    pub fn saw(&mut self, time_ms: i64, step: Step) {
        self.first_ms.get_or_insert(time_ms);
        let Some(last) = self.last_ms else {
            self.last_ms = Some(time_ms);
            return;
        };
        if time_ms <= last {
            return;
        }
        self.last_ms = Some(time_ms);
        let steps = u64::try_from((time_ms - last) / step.millis()).unwrap_or(1).max(1);
        self.gaps.resize(CLASSES, 0);
        if let Some(count) = self.gaps.get_mut(class_of(steps)) {
            *count += 1;
            self.steps = self.steps.saturating_add(steps);
        }
        if self.count() >= MOST_GAPS {
            self.gaps.iter_mut().for_each(|count| *count = count.div_ceil(2));
            self.steps = self.steps.div_ceil(2);
        }
    }

    /// Notes that it was alive at `now_ms`: its last point is not older than `grace_ms`.
    pub fn witness(&mut self, now_ms: i64, grace_ms: i64) {
        self.witnessed |= self.silent_ms(now_ms).is_some_and(|silent| silent <= grace_ms);
    }

    /// Whether it was ever seen alive.
    #[must_use]
    pub const fn is_witnessed(&self) -> bool {
        self.witnessed
    }

    /// Time of the first point, milliseconds since 1970.
    #[must_use]
    pub const fn first_ms(&self) -> Option<i64> {
        self.first_ms
    }

    /// Time of the last point, milliseconds since 1970.
    #[must_use]
    pub const fn last_ms(&self) -> Option<i64> {
        self.last_ms
    }

    /// How long it has been silent, milliseconds; `None` before the first point.
    #[must_use]
    pub fn silent_ms(&self, now_ms: i64) -> Option<i64> {
        self.last_ms.map(|last| now_ms.saturating_sub(last))
    }

    /// How far its silence can be judged, 0 to 1: 1/2 after 50 gaps.
    #[must_use]
    pub fn confidence(&self) -> f64 {
        let count = f64::from(self.count());
        count / (count + HALF_CONFIDENT)
    }

    /// Mean time between two points, seconds; `None` before there are enough to say.
    #[must_use]
    pub fn usual_gap_secs(&self, step: Step) -> Option<f64> {
        let count = self.count();
        (count >= FEWEST_GAPS).then(|| self.steps as f64 / f64::from(count) * step.secs_f64())
    }

    /// Probability that a gap between two points lasts `silent_ms` or longer; `None` before there are enough gaps.
    ///
    /// Among the gaps that were seen: their share, one added to both counts. Beyond the longest: that share, falling off
    /// exponentially with the mean gap, or more slowly when the longest is longer than an exponential tail would have it.
    #[must_use]
    pub fn p_value(&self, silent_ms: i64, step: Step) -> Option<f64> {
        let count = self.count();
        if count < FEWEST_GAPS {
            return None;
        }
        let silent = silent_ms as f64 / step.millis() as f64;
        let as_long: u32 = self.gaps.iter().enumerate().filter(|(k, _)| longest_of(*k) >= silent).map(|(_, n)| n).sum();
        let share = f64::from(as_long + 1) / f64::from(count + 1);
        if as_long > 0 {
            return Some(share.min(1.0));
        }
        let longest = self.gaps.iter().rposition(|count| *count > 0).map_or(1.0, longest_of);
        let mean = self.steps as f64 / f64::from(count);
        let scale = mean.max(longest / f64::from(count + 1).ln());
        Some((share * (-(silent - longest).max(0.0) / scale).exp()).max(f64::MIN_POSITIVE))
    }

    fn count(&self) -> u32 {
        self.gaps.iter().sum()
    }
}

fn class_of(steps: u64) -> usize {
    ((2.0 * (steps as f64).log2()).floor().max(0.0) as usize).min(CLASSES - 1)
}

/// The longest gap of class `k`, steps.
fn longest_of(k: usize) -> f64 {
    if k == 0 { 1.0 } else { (0.5 * (k + 1) as f64).exp2() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    fn reported(gaps: impl Iterator<Item = i64>) -> Reporting {
        let mut reporting = Reporting::default();
        let mut at = 0;
        reporting.saw(at, Step::MINUTE);
        for gap in gaps {
            at += gap * MINUTE;
            reporting.saw(at, Step::MINUTE);
        }
        reporting
    }

    #[test]
    fn a_silence_is_measured_by_the_series_own_gaps() {
        let p = |reporting: &Reporting, minutes: i64| reporting.p_value(minutes * MINUTE, Step::MINUTE).expect("p");
        let regular = reported((0..1_000).map(|_| 1));
        assert!(p(&regular, 1) > 0.99 && p(&regular, 2) < 1e-3 && p(&regular, 10) < 1e-6);
        let rare = reported((0..100).map(|i| 20 + 30 * (i % 3)));
        assert!(p(&rare, 10) > 0.99 && p(&rare, 60) > 0.2, "{}", p(&rare, 60));
        assert!(p(&rare, 120) > 1e-3 && p(&rare, 1_000) < 1e-6, "{} {}", p(&rare, 120), p(&rare, 1_000));
        let mut last = 1.0;
        for minutes in 1..2_000 {
            let p = p(&rare, minutes);
            assert!(p > 0.0 && p <= last, "{minutes}: {p} after {last}");
            last = p;
        }
    }

    #[test]
    fn too_few_points_say_nothing_and_many_fade() {
        assert_eq!(reported((0..19).map(|_| 1)).p_value(MINUTE, Step::MINUTE), None);
        assert_eq!(Reporting::default().silent_ms(5), None);
        let many = reported((0..100_000).map(|i| if i < 50 { 60 } else { 1 }));
        assert!(many.count() < MOST_GAPS && many.confidence() > 0.9);
        assert!(many.usual_gap_secs(Step::MINUTE).expect("a gap") < 61.0);
        assert!(serde_json::to_vec(&many).expect("json").len() < 512);
    }

    #[test]
    fn only_what_was_seen_alive_is_witnessed() {
        let mut reporting = reported((0..50).map(|_| 1));
        reporting.witness(500 * MINUTE, 15 * MINUTE);
        assert!(!reporting.is_witnessed());
        reporting.witness(60 * MINUTE, 15 * MINUTE);
        assert!(reporting.is_witnessed());
        let json = serde_json::to_string(&reporting).expect("json");
        assert_eq!(serde_json::from_str::<Reporting>(&json).expect("read"), reporting);
    }
}
