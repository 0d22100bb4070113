//! A change that was announced: the model keeps what it knows of the shape of a metric and finds its new level.

use serde::{Deserialize, Serialize};

use super::core::Core;
use super::window::median_of;
use crate::series::Step;

/// Span of time that the new level is found in, and the fewest and most points of it.
const SPAN_SECS: f64 = 7_200.0;
const FEWEST: usize = 3;
const MOST: usize = 15;
/// Points, present or not, after which the new level is given up, in units of those wanted.
const PATIENCE: usize = 4;
/// A median deviation below this many residual scales is no change of level.
const LEAST_CHANGE: f64 = 1.0;
/// The level is a factor where the expected values are at least this many residual scales above 0 …
const CLEARLY_POSITIVE: f64 = 5.0;
/// … and the factor is at most this, or one over it; otherwise it is an offset.
const LARGEST_FACTOR: f64 = 20.0;
const LARGEST_GAIN: f64 = 1e6;
/// Points after a new level was found in which it is not sure yet.
const UNSURE: u32 = 60;

/// Pairs of value and expectation since a change, until there are enough.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Gathering {
    wanted: usize,
    seen: usize,
    #[serde(with = "super::exact::f64s")]
    values: Vec<f64>,
    #[serde(with = "super::exact::f64s")]
    expected: Vec<f64>,
}

/// How the metric's own frame lies over the values of today: `value = inner * gain + shift`, in units of the input.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Rebase {
    #[serde(with = "super::exact::one")]
    pub(super) gain: f64,
    #[serde(with = "super::exact::one")]
    pub(super) shift: f64,
}

impl Default for Rebase {
    fn default() -> Self {
        Self { gain: 1.0, shift: 0.0 }
    }
}

impl Core {
    /// From the next point on the level may be another one. Until it is found the caller pushes missing values and tells
    /// the real ones to [`Core::gather`]; then all that was learned is carried over to the new level: the history is seen
    /// as a multiple of itself where the metric is clearly positive, as moved by an offset where not.
    pub(super) fn expect_change(&mut self, step: Step) {
        let wanted = ((SPAN_SECS / step.secs_f64()).round() as usize).clamp(FEWEST, MOST);
        self.gathering = Some(Gathering { wanted, seen: 0, values: Vec::new(), expected: Vec::new() });
    }

    /// Whether the new level is still looked for.
    pub(super) const fn is_gathering(&self) -> bool {
        self.gathering.is_some()
    }

    /// Takes the real value of the point that was pushed last; NaN for none. O(points wanted) at the end.
    pub(super) fn gather(&mut self, value: f64) {
        let (expected, scale) = self.outlook;
        let Some(gathering) = self.gathering.as_mut() else { return };
        gathering.seen += 1;
        if value.is_finite() {
            gathering.values.push(value);
            gathering.expected.push(expected);
        }
        let enough = gathering.values.len() >= gathering.wanted;
        if !enough && gathering.seen < PATIENCE * gathering.wanted {
            return;
        }
        if let Some(done) = self.gathering.take().filter(|_| enough) {
            self.frame.rebase = done.level(self.frame.rebase, scale);
            self.unsure = UNSURE;
        }
    }

    /// Whether a new level was found so lately that it is not sure yet; counts the point.
    pub(super) const fn is_unsure(&mut self) -> bool {
        let unsure = self.unsure > 0;
        self.unsure = self.unsure.saturating_sub(1);
        unsure
    }
}

impl Gathering {
    /// The frame over the values seen, given the one before and the residual scale.
    fn level(&self, before: Rebase, scale: f64) -> Rebase {
        let pairs = || self.values.iter().zip(&self.expected);
        let mut deviations: Vec<f64> = pairs().map(|(value, expected)| value - expected).collect();
        let deviation = median_of(&mut deviations);
        if !(deviation.abs() > LEAST_CHANGE * scale && deviation.is_finite()) {
            return before;
        }
        let positive = pairs().all(|(value, expected)| *value > 0.0 && *expected > CLEARLY_POSITIVE * scale);
        let mut ratios: Vec<f64> = pairs().map(|(value, expected)| value / expected).collect();
        let ratio = median_of(&mut ratios);
        let gain = before.gain * ratio;
        let usual = |factor: f64, most: f64| (1.0 / most..=most).contains(&factor);
        if positive && usual(ratio, LARGEST_FACTOR) && usual(gain, LARGEST_GAIN) {
            return Rebase { gain, shift: before.shift * ratio };
        }
        Rebase { shift: (before.shift + deviation).clamp(-1e300, 1e300), ..before }
    }

    pub(super) fn is_sound(&self) -> bool {
        self.wanted <= MOST && self.values.len() == self.expected.len() && self.values.len() <= self.wanted
    }
}

impl Rebase {
    pub(super) fn is_sound(self) -> bool {
        self.gain > 0.0 && self.gain.is_finite() && self.shift.is_finite()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(pairs: &[(f64, f64)], scale: f64) -> (f64, f64) {
        let (values, expected) = pairs.iter().copied().unzip();
        let gathering = Gathering { wanted: pairs.len(), seen: pairs.len(), values, expected };
        let rebase = gathering.level(Rebase::default(), scale);
        assert!(rebase.is_sound());
        (rebase.gain, rebase.shift)
    }

    #[test]
    fn a_level_is_a_factor_where_values_are_positive_and_an_offset_elsewhere() {
        assert_eq!(level(&[(200.0, 100.0), (240.0, 120.0), (999.0, 110.0)], 2.0), (2.0, 0.0));
        assert_eq!(level(&[(4.0, -1.0), (6.0, 1.0), (5.0, 0.0)], 0.5), (1.0, 5.0));
        assert_eq!(level(&[(1e-6, 100.0), (1e-6, 100.0), (1e-6, 100.0)], 1.0), (1.0, 1e-6 - 100.0));
    }

    #[test]
    fn noise_is_no_change_and_extremes_stay_finite() {
        assert_eq!(level(&[(101.0, 100.0), (99.0, 100.0), (100.5, 100.0)], 2.0), (1.0, 0.0));
        assert_eq!(level(&[(f64::MAX, f64::MIN), (f64::MAX, f64::MIN), (1.0, f64::MIN)], 1.0), (1.0, 0.0));
        let (gain, shift) = level(&[(1e308, 1.0), (1e308, 1.0), (1e308, 1.0)], 1.0);
        assert!(gain > 0.0 && shift.is_finite());
    }
}
