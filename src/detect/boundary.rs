//! Where the decision boundary of one detector stands: the budget's, moved by what people weigh and what really fired.

use serde::{Deserialize, Serialize};

use super::types::LARGEST_P_STAR;

/// Smallest and largest factor of a boundary.
const LEAST: f64 = 1e-6;
const MOST: f64 = 1e6;
/// Factor of the boundary while a new level is not sure.
const CAUTION: f64 = 0.1;

/// Factors of the budget's `p*`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Boundary {
    /// Lasting: business weight, share of the budget, tuning.
    #[serde(with = "super::exact::one")]
    factor: f64,
    /// Of the point at hand: vigilance after a change, caution after a new level.
    #[serde(skip, default = "ordinary")]
    vigilance: f64,
}

impl Default for Boundary {
    fn default() -> Self {
        Self { factor: 1.0, vigilance: 1.0 }
    }
}

const fn ordinary() -> f64 {
    1.0
}

impl Boundary {
    /// The boundary for the budget's `p_star`: a probability of at most 0.01, however large the factors.
    pub(super) fn p_star(self, p_star: f64) -> f64 {
        (p_star * self.factor * self.vigilance).clamp(1e-12, LARGEST_P_STAR)
    }

    /// The lasting factor; what is no positive number changes nothing.
    pub(super) fn set_factor(&mut self, factor: f64) {
        if factor > 0.0 {
            self.factor = factor.clamp(LEAST, MOST);
        }
    }

    /// The factor of the next point, at least 1.
    pub(super) const fn set_vigilance(&mut self, vigilance: f64) {
        self.vigilance = if vigilance >= 1.0 { vigilance.min(MOST) } else { 1.0 };
    }

    /// The next point must be ten times as rare: what it is compared with is not sure.
    pub(super) const fn be_cautious(&mut self) {
        self.vigilance = CAUTION;
    }

    pub(super) const fn factor(self) -> f64 {
        self.factor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_multiply_and_the_boundary_stays_a_small_probability() {
        let mut boundary = Boundary::default();
        let at = |boundary: Boundary| boundary.p_star(1e-4);
        assert!((at(boundary) - 1e-4).abs() < 1e-18);
        boundary.set_factor(2.0);
        boundary.set_vigilance(3.0);
        assert!((at(boundary) - 6e-4).abs() < 1e-12);
        boundary.set_factor(1e5);
        assert!((at(boundary) - LARGEST_P_STAR).abs() < 1e-12);
        for nothing in [f64::NAN, 0.0, -1.0] {
            boundary.set_factor(2.0);
            boundary.set_factor(nothing);
            boundary.set_vigilance(nothing);
            assert!((at(boundary) - 2e-4).abs() < 1e-12, "{nothing}");
        }
        boundary.set_factor(f64::INFINITY);
        assert!(at(boundary) > 0.0);
    }
}
