//! The feature vector of a point: its level, how it moved, and how its seasonal residual behaves.

use serde::{Deserialize, Serialize};

use super::window::{Recent, Rolling};

/// Names of the features, in order.
pub(super) const NAMES: [&str; FEATURES] = [
    "value",
    "change",
    "above_long_median",
    "long_spread",
    "long_range",
    "above_short_median",
    "short_spread",
    "short_range",
    "residual",
    "residual_change",
    "residual_short_mean",
    "residual_short_spread",
    "residual_long_mean",
    "residual_long_spread",
];
/// Features of one point.
pub(super) const FEATURES: usize = 14;
/// The first so many speak of the values, the others of the residual.
pub(super) const LEVEL_FEATURES: usize = 8;
const SHORT: usize = 8;
/// Standardised residuals beyond this are not ordinary.
const ORDINARY: f64 = 3.0;
/// Standardised residuals are cut here.
const CLIP: f64 = 30.0;

/// Rolling windows that feed the feature vector; windows include the newest point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Features {
    long: Rolling,
    short: Rolling,
    residual_long: Rolling,
    residual_short: Rolling,
    #[serde(with = "super::exact::one")]
    last_value: f64,
    #[serde(with = "super::exact::one")]
    last_residual: f64,
    started: bool,
}

/// What the features say of the newest residuals, for reasons.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Behaviour {
    /// Median of the newest eight standardised residuals.
    pub(super) short_level: f64,
    /// Standard deviation of the newest eight.
    pub(super) short_spread: f64,
    /// How many of the newest eight lie above, and below, what is ordinary.
    pub(super) outside: (usize, usize),
    /// Range of the values over the long window.
    pub(super) long_range: f64,
    /// Whether the long window is full.
    pub(super) long_is_full: bool,
}

impl Features {
    pub(super) fn new(long: usize) -> Self {
        Self {
            long: Rolling::new(long),
            short: Rolling::new(SHORT),
            residual_long: Rolling::new(long),
            residual_short: Rolling::new(SHORT),
            last_value: 0.0,
            last_residual: 0.0,
            started: false,
        }
    }

    /// Changes the length of the long window, refilling it from `recent`.
    pub(super) fn set_long(&mut self, long: usize, recent: &Recent) {
        self.long = Rolling::new(long);
        recent.to_vec(long).into_iter().for_each(|v| self.long.push(v));
        self.residual_long = Rolling::new(long);
    }

    /// Lets the newest point count as `value` and `residual` in the windows of the points to come.
    pub(super) fn tame(&mut self, value: f64, residual: f64) {
        (self.last_value, self.last_residual) = (value, residual);
        self.long.replace_newest(value);
        self.short.replace_newest(value);
        self.residual_long.replace_newest(residual);
        self.residual_short.replace_newest(residual);
    }

    /// The features of a point with this value and standardised residual.
    pub(super) fn push(&mut self, value: f64, residual: f64) -> [f64; FEATURES] {
        let residual = residual.clamp(-CLIP, CLIP);
        let (change, residual_change) =
            if self.started { (value - self.last_value, residual - self.last_residual) } else { (0.0, 0.0) };
        (self.last_value, self.last_residual, self.started) = (value, residual, true);
        self.long.push(value);
        self.short.push(value);
        self.residual_long.push(residual);
        self.residual_short.push(residual);
        [
            value,
            change,
            value - self.long.median(),
            self.long.sd(),
            self.long.range(),
            value - self.short.median(),
            self.short.sd(),
            self.short.range(),
            residual,
            residual_change,
            self.residual_short.mean(),
            self.residual_short.sd(),
            self.residual_long.mean(),
            self.residual_long.sd(),
        ]
    }

    /// Bytes in memory, the heap included.
    pub(super) fn state_bytes(&self) -> usize {
        let windows = [&self.long, &self.short, &self.residual_long, &self.residual_short];
        let heap: usize = windows.iter().map(|w| w.state_bytes() - size_of::<Rolling>()).sum();
        size_of::<Self>() + heap
    }

    /// How the newest residuals behave.
    pub(super) fn behaviour(&self) -> Behaviour {
        Behaviour {
            short_level: self.residual_short.median(),
            short_spread: self.residual_short.sd(),
            outside: self.residual_short.outside(-ORDINARY, ORDINARY),
            long_range: self.long.range(),
            long_is_full: self.long.len() >= 2 * SHORT,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_of_a_constant_are_zero_and_a_jump_shows_in_its_own() {
        let mut features = Features::new(16);
        for _ in 0..40 {
            assert!(features.push(5.0, 0.0).iter().skip(1).all(|v| v.abs() < 1e-12));
        }
        let jump = features.push(9.0, 12.0);
        let at = |name: &str| jump[NAMES.iter().position(|n| *n == name).expect(name)];
        for (name, wanted) in
            [("value", 9.0), ("change", 4.0), ("above_long_median", 4.0), ("short_range", 4.0), ("residual", 12.0)]
        {
            assert!((at(name) - wanted).abs() < 1e-12, "{name}");
        }
        assert!(at("long_spread") > 0.0 && at("residual_short_spread") > 0.0);
    }
}
