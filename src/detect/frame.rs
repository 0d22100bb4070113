//! A metric's own frame: scores depend neither on its unit nor on its zero, and nothing inside overflows.

use serde::{Deserialize, Serialize};

use super::adapt::Rebase;

/// Largest magnitude inside, in units of the first move.
const MOST: f64 = 1e60;

/// The metric's own origin and unit: its first value and the size of its first move (as a power of two).
///
/// Scores do not depend on the unit or the zero of a metric, and nothing inside overflows.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Frame {
    origin: Option<f64>,
    unit_exponent: Option<i32>,
    #[serde(default)]
    pub(super) rebase: Rebase,
}

impl Frame {
    /// A value in the metric's own frame; the first value is 0, the first move between 1 and 2.
    pub(super) fn enter(&mut self, raw: f64) -> f64 {
        let raw = ((raw.clamp(-1e307, 1e307) - self.rebase.shift) / self.rebase.gain).clamp(-1e307, 1e307);
        let origin = *self.origin.get_or_insert(raw);
        let moved = raw - origin;
        if self.unit_exponent.is_none() && moved.abs() > 0.0 {
            self.unit_exponent = Some((moved.abs().log2().floor() as i32).clamp(-1_000, 1_000));
        }
        (moved / self.own_unit()).clamp(-MOST, MOST)
    }

    /// One unit of the frame in the units of the input.
    pub(super) fn unit(&self) -> f64 {
        self.own_unit() * self.rebase.gain
    }

    fn own_unit(&self) -> f64 {
        f64::from(self.unit_exponent.unwrap_or(0)).exp2()
    }

    /// A value of the frame in the units of the input, finite.
    pub(super) fn leave(&self, value: f64) -> f64 {
        let raw = self.origin.unwrap_or(0.0) + value * self.own_unit();
        (raw * self.rebase.gain + self.rebase.shift).clamp(f64::MIN, f64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_is_the_origin_and_the_first_move_the_unit() {
        let mut frame = Frame::default();
        assert!(frame.enter(1e9).abs() < 1e-12);
        assert!((frame.enter(1e9 + 6.0) - 1.5).abs() < 1e-12, "6 is 1.5 units of 4");
        let inside = frame.enter(3.0);
        assert!((frame.leave(inside) - 3.0).abs() < 1e-6);
        let mut wild = Frame::default();
        assert!([f64::MAX, f64::MIN, 0.0].iter().all(|v| wild.enter(*v).is_finite()));
    }
}
