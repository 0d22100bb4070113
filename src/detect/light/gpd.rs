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
