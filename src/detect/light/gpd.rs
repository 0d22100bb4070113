//! Fit of a generalised Pareto distribution by probability-weighted moments.

/// A generalised Pareto distribution of excesses: `P(X > x) = (1 + shape x / scale)^(-1 / shape)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pareto {
    /// ξ: 0 is exponential, above 0 heavy, below 0 bounded.
    pub(super) shape: f64,
    /// σ, above 0.
    pub(super) scale: f64,
}

/// Shapes nearer to 0 are exponential.
const NEARLY_EXPONENTIAL: f64 = 1e-6;

impl Pareto {
    /// The fit to ascending excesses by probability-weighted moments (Hosking and Wallis 1987, with plotting positions
    /// `(i - 0.35) / n`); `None` with fewer than two different excesses. O(n).
    pub(super) fn fit(ascending: &[f32]) -> Option<Self> {
        let n = ascending.len() as f64;
        let (mut mean, mut weighted) = (0.0, 0.0);
        for (i, excess) in ascending.iter().enumerate() {
            let excess = f64::from(*excess);
            mean += excess;
            weighted += excess * (1.0 - (i as f64 + 0.65) / n);
        }
        let (mean, weighted) = (mean / n, weighted / n);
        let apart = mean - 2.0 * weighted;
        let shape = 2.0 - mean / apart;
        let scale = 2.0 * mean * weighted / apart;
        (apart > 0.0 && scale > 0.0 && shape.is_finite() && scale.is_finite()).then_some(Self { shape, scale })
    }

    /// `ln P(X > excess)`, 0 for an excess of 0 or less, at least -1000.
    pub(super) fn ln_survival(&self, excess: f64) -> f64 {
        let relative = (excess / self.scale).max(0.0);
        let ln_survival = if self.shape.abs() < NEARLY_EXPONENTIAL {
            -relative
        } else {
            let inside = self.shape * relative;
            if inside > -1.0 { -inside.ln_1p() / self.shape } else { f64::NEG_INFINITY }
        };
        ln_survival.max(-1_000.0)
    }

    /// The excess that is passed with probability `exp(ln_p)`, `ln_p` at most 0.
    pub(super) fn excess_at(&self, ln_p: f64) -> f64 {
        if self.shape.abs() < NEARLY_EXPONENTIAL {
            -ln_p * self.scale
        } else {
            (-self.shape * ln_p).exp_m1() / self.shape * self.scale
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Reference {
        survival: Vec<Survival>,
        samples: Vec<Sample>,
    }

    #[derive(Deserialize)]
    struct Survival {
        shape: f64,
        scale: f64,
        excess: f64,
        ln_survival: f64,
    }

    #[derive(Deserialize)]
    struct Sample {
        drawn: Vec<f32>,
        pwm: [f64; 2],
        likelihood: [f64; 2],
    }

    /// scipy's values, see `data/reference/gpd/make.py`.
    fn reference() -> Reference {
        serde_json::from_str(include_str!("../../../data/reference/gpd/reference.json")).expect("valid JSON")
    }

    #[test]
    fn survival_and_its_inverse_are_those_of_scipy() {
        for case in reference().survival {
            let pareto = Pareto { shape: case.shape, scale: case.scale };
            let ln_survival = pareto.ln_survival(case.excess);
            assert!(
                (ln_survival - case.ln_survival).abs() <= 1e-9 * case.ln_survival.abs().max(1.0),
                "{}",
                case.excess
            );
            let back = pareto.excess_at(case.ln_survival);
            assert!((back - case.excess).abs() <= 1e-6 * case.excess.max(1.0), "{back} {}", case.excess);
        }
        let bounded = Pareto { shape: -0.2, scale: 1.0 };
        assert!((bounded.ln_survival(6.0) + 1_000.0).abs() < 1e-9, "beyond the end nothing is possible");
        assert!(bounded.ln_survival(-1.0).abs() < 1e-12);
    }

    #[test]
    fn fits_are_those_of_numpy_and_near_the_likelihood_of_scipy() {
        for sample in reference().samples {
            let fit = Pareto::fit(&sample.drawn).expect("a fit");
            assert!((fit.shape - sample.pwm[0]).abs() < 1e-6 && (fit.scale - sample.pwm[1]).abs() < 1e-6, "{fit:?}");
            // two estimators of the same: within two standard errors of the shape
            let near = 2.0 / (sample.drawn.len() as f64).sqrt();
            assert!((fit.shape - sample.likelihood[0]).abs() < near, "{fit:?} {:?}", sample.likelihood);
            assert!((fit.scale / sample.likelihood[1] - 1.0).abs() < near, "{fit:?} {:?}", sample.likelihood);
        }
        assert_eq!(Pareto::fit(&[]), None);
        assert_eq!(Pareto::fit(&[0.0, 0.0]), None);
    }
}
