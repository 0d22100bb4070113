//! A metric's own origin and unit.

use serde::{Deserialize, Serialize};

/// Largest magnitude inside, in units of the first move.
const MOST: f64 = 1e30;

/// A move below this share of the first value is rounding.
const LEAST_MOVE: f64 = 1e-10;

/// The first value is the origin, the size of the first move (as a power of two) the unit.
///
/// Scores do not depend on the unit or the zero of a metric, and nothing inside overflows.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Frame {
    #[serde(with = "crate::detect::exact::one")]
    origin: f64,
    exponent: i32,
    has_origin: bool,
    has_unit: bool,
}

impl Frame {
    /// A value, not NaN, in the metric's own frame.
    pub(super) fn enter(&mut self, raw: f64) -> f64 {
        let raw = raw.clamp(-1e307, 1e307);
        if !self.has_origin {
            (self.has_origin, self.origin) = (true, raw);
        }
        let moved = raw - self.origin;
        if !self.has_unit && moved.abs() > LEAST_MOVE * self.origin.abs() {
            self.has_unit = true;
            self.exponent = (moved.abs().log2().floor() as i32).clamp(-1_000, 1_000);
        }
        (moved * power_of_two(-self.exponent)).clamp(-MOST, MOST)
    }

    /// Back in the units of the input.
    pub(super) fn leave(&self, value: f64) -> f64 {
        (self.origin + self.length(value)).clamp(f64::MIN, f64::MAX)
    }

    /// A difference in the units of the input.
    pub(super) fn length(&self, difference: f64) -> f64 {
        (difference * power_of_two(self.exponent)).clamp(f64::MIN, f64::MAX)
    }

    pub(super) fn is_sound(&self) -> bool {
        self.origin.is_finite() && (-1_000..=1_000).contains(&self.exponent)
    }
}

/// Exact for exponents from -1000 to 1000.
fn power_of_two(exponent: i32) -> f64 {
    f64::from_bits(((1_023 + exponent) as u64) << 52)
}
