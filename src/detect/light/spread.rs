//! How large errors usually are, in three numbers.

use serde::{Deserialize, Serialize};

/// Errors beyond so many times the usual size count as that much.
const LIMIT: f64 = 4.0;
/// The same for the wide size, which keeps rare large errors in mind.
const WIDE_LIMIT: f64 = 60.0;
/// Weight of the wide size.
const WIDE_SHARE: f64 = 0.1;
/// Standard deviation of a normal variable over its mean size.
const NORMAL: f64 = 1.253_314_137_315_500_3;
/// Errors that are taken as they come, at the start.
const OPEN: u64 = 5;

/// A robust standard deviation that forgets: the exponentially weighted mean of winsorised sizes.
///
/// A normal error of standard deviation 1 gives 1. O(1) for each error, 32 bytes.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Spread {
    #[serde(with = "crate::detect::exact::one")]
    size: f64,
    #[serde(with = "crate::detect::exact::one")]
    wide: f64,
    #[serde(with = "crate::detect::exact::one")]
    slowest: f64,
    count: u64,
}

impl Spread {
    /// One that remembers about `memory` errors.
    pub(super) fn new(memory: f64) -> Self {
        Self { size: 0.0, wide: 0.0, slowest: 1.0 / memory.max(2.0), count: 0 }
    }

    /// Standard deviation, wider while little is known: `1 + 6 / n` times; 0 before the first error.
    pub(super) fn sd(&self) -> f64 {
        let known = NORMAL * self.size + WIDE_SHARE * (self.wide - self.size).max(0.0);
        known * (1.0 + 6.0 / (self.count as f64 + 1.0))
    }

    /// Learns a finite error; `open` takes it as it comes.
    pub(super) fn learn(&mut self, error: f64, open: bool) {
        self.count += 1;
        let rate = (1.0 / self.count as f64).max(self.slowest);
        let open = open || self.count <= OPEN;
        let limit = |times: f64| if open { f64::INFINITY } else { times * self.wide.max(f64::MIN_POSITIVE) };
        let (size, wide) = (error.abs().min(limit(LIMIT)), error.abs().min(limit(WIDE_LIMIT)));
        self.size += rate * (size - self.size);
        self.wide += rate * (wide - self.wide);
    }

    pub(super) fn is_sound(&self) -> bool {
        self.size >= 0.0 && self.wide >= 0.0 && self.slowest > 0.0 && self.slowest <= 1.0 && self.wide.is_finite()
    }
}
