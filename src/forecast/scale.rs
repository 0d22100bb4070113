//! Scaling by a power of two, so that no model meets 1e300 or 1e-300.

/// An exact scale: dividing by it brings the largest magnitude of a series to between 0.5 and 1, give or take a rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scale(i32);

impl Scale {
    /// The scale of `values`, all finite; 1 when they are all zero.
    pub(super) fn of(values: &[f64]) -> Self {
        let largest = values.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
        if largest > 0.0 { Self(largest.log2().floor() as i32 + 1) } else { Self(0) }
    }

    /// Values divided by the scale.
    pub(super) fn down(self, values: &[f64]) -> Vec<f64> {
        values.iter().map(|value| times_power_of_two(*value, -self.0)).collect()
    }

    /// Ends of a range divided by the scale; infinite ones stay so.
    pub(super) fn range(self, low: f64, high: f64) -> (f64, f64) {
        (times_power_of_two(low, -self.0), times_power_of_two(high, -self.0))
    }

    /// Value times the scale, kept finite.
    pub(super) fn up(self, value: f64) -> f64 {
        times_power_of_two(value, self.0).clamp(f64::MIN, f64::MAX)
    }
}

/// In two halves: one factor alone can leave the range of a double when the product does not.
fn times_power_of_two(value: f64, exponent: i32) -> f64 {
    let half = exponent / 2;
    value * 2.0_f64.powi(half) * 2.0_f64.powi(exponent - half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scaling_there_and_back_is_exact() {
        for largest in [1e-290, 3.0, 1e12 + 1.0, 1.7e308, f64::MAX, 5e-324] {
            let scale = Scale::of(&[0.0, -largest, largest / 3.0]);
            let down = scale.down(&[largest]);
            assert!((0.49..=1.0).contains(&down[0]), "{largest} became {}", down[0]);
            assert_eq!(scale.up(down[0]).to_bits(), largest.to_bits());
        }
        assert_eq!(Scale::of(&[0.0]).down(&[0.0]), vec![0.0]);
        assert_eq!(Scale::of(&[f64::MAX]).up(9.0).to_bits(), f64::MAX.to_bits());
    }
}
