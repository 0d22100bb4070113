//! The step of a regular series.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::HumanDuration;

/// The time between two points, in whole milliseconds, always positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Step(i64);

impl Step {
    /// One minute.
    pub const MINUTE: Self = Self(60_000);
    /// One hour.
    pub const HOUR: Self = Self(3_600_000);

    /// A step of `millis`; `None` unless positive.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Option<Self> {
        if millis > 0 { Some(Self(millis)) } else { None }
    }

    /// A step of `secs`; `None` unless positive.
    #[must_use]
    pub const fn from_secs(secs: i64) -> Option<Self> {
        match secs.checked_mul(1_000) {
            Some(millis) => Self::from_millis(millis),
            None => None,
        }
    }

    /// Milliseconds.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Seconds.
    #[must_use]
    pub const fn secs_f64(self) -> f64 {
        self.0 as f64 / 1_000.0
    }

    /// How many steps make a span of `secs` seconds, rounded; 0 when the step is more than twice as long.
    #[must_use]
    pub fn per_secs(self, secs: f64) -> usize {
        let count = (secs / self.secs_f64()).round();
        if count.is_finite() && count > 0.0 { count as usize } else { 0 }
    }

    /// Points per day of 24 hours, rounded.
    #[must_use]
    pub fn per_day(self) -> usize {
        self.per_secs(86_400.0)
    }
}

impl TryFrom<i64> for Step {
    type Error = String;

    fn try_from(millis: i64) -> Result<Self, Self::Error> {
        Self::from_millis(millis).ok_or_else(|| format!("step must be a positive number of milliseconds, got {millis}"))
    }
}

impl From<Step> for i64 {
    fn from(step: Step) -> Self {
        step.0
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        HumanDuration::from(std::time::Duration::from_millis(self.0.unsigned_abs())).fmt(f)
    }
}

/// The step that most neighbours keep: the most frequent positive difference of the sorted times.
///
/// `times_ms` may be disordered and may repeat. Ties go to the shorter step. `None` with fewer than two distinct
/// times. O(n log n).
#[must_use]
pub fn infer_step(times_ms: &[i64]) -> Option<Step> {
    let mut sorted = times_ms.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let mut gaps: Vec<i64> = sorted.windows(2).filter_map(|w| w[1].checked_sub(w[0])).collect();
    gaps.sort_unstable();
    let mut best: Option<(usize, i64)> = None;
    for run in gaps.chunk_by(|a, b| a == b) {
        if best.is_none_or(|(count, _)| run.len() > count) {
            best = Some((run.len(), run[0]));
        }
    }
    best.and_then(|(_, gap)| Step::from_millis(gap))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_gap_wins() {
        assert_eq!(infer_step(&[0, 60_000, 120_000, 300_000, 360_000]), Some(Step::MINUTE));
        assert_eq!(infer_step(&[120_000, 0, 60_000, 60_000]), Some(Step::MINUTE));
        assert_eq!(infer_step(&[5]), None);
        assert_eq!(infer_step(&[5, 5, 5]), None);
        assert_eq!(infer_step(&[i64::MIN, i64::MAX]), None);
    }
}
