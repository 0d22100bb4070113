//! A level with a damped trend.

use serde::{Deserialize, Serialize};

/// Share of the trend that is left after a point.
const DAMPING: f64 = 0.98;
/// Rate of the trend over that of the level.
const TREND_RATE: f64 = 0.1;

/// Holt's linear method with a damped trend (Gardner and McKenzie 1985), rates falling as `1 / n` to a floor.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Level {
    #[serde(with = "crate::detect::exact::one")]
    level: f64,
    #[serde(with = "crate::detect::exact::one")]
    trend: f64,
    #[serde(with = "crate::detect::exact::one")]
    slowest: f64,
    count: u64,
}

impl Level {
    /// One that remembers about `memory` points.
    pub(super) fn new(memory: f64) -> Self {
        Self { level: 0.0, trend: 0.0, slowest: 1.0 / memory.max(2.0), count: 0 }
    }

    /// The next value.
    pub(super) fn next(&self) -> f64 {
        self.level + DAMPING * self.trend
    }

    /// Follows a value that came.
    pub(super) fn follow(&mut self, value: f64) {
        self.count += 1;
        let error = value - self.next();
        let rate = (1.0 / self.count as f64).max(self.slowest);
        self.level = self.next() + rate * error;
        self.trend = DAMPING * self.trend + rate * self.slowest.sqrt().min(TREND_RATE) * error;
    }

    /// Moves the origin of the values by `by`.
    pub(super) fn shift(&mut self, by: f64) {
        self.level += by;
    }

    pub(super) fn is_sound(&self) -> bool {
        self.level.is_finite() && self.trend.is_finite() && self.slowest > 0.0 && self.slowest <= 1.0
    }
}
