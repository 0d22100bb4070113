//! The residual's own tail: how rare is a residual of this size in the series' history?

use serde::{Deserialize, Serialize};

use super::trail::Trail;

const HELD: usize = 500;
const MOST_STRIDE: usize = 16;
/// Share of the history that counts as the tail.
const TAIL: f64 = 0.05;
/// Largest shape of the generalised Pareto tail.
const MOST_SHAPE: f64 = 0.3;

/// Tail of absolute standardised residuals: empirical up to the 95 % quantile, generalised Pareto beyond.
///
/// The Pareto's scale and shape come from two quantiles of the excesses (Pickands 1975), so that the largest values, which
/// may be the anomalies, do not bend them; the shape is kept in [0, 0.3]: never lighter than exponential, with a finite mean.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ResidualTail {
    trail: Trail,
    #[serde(with = "super::exact::f64s")]
    quantiles: Vec<f64>,
    #[serde(with = "super::exact::one")]
    scale: f64,
    #[serde(with = "super::exact::one")]
    shape: f64,
    seen: u64,
    next_refresh: u64,
}

/// Steps of the empirical part.
const STEPS: usize = 64;

impl ResidualTail {
    pub(super) fn new(seed: u64) -> Self {
        let trail = Trail::new(1, HELD, MOST_STRIDE, seed);
        Self { trail, quantiles: Vec::new(), scale: 1.0, shape: 0.0, seen: 0, next_refresh: 50 }
    }

    /// Learns the size of one standardised residual.
    pub(super) fn learn(&mut self, size: f64) {
        self.trail.push(&[size]);
        self.seen += 1;
        if self.seen >= self.next_refresh {
            self.refresh();
            self.next_refresh = self.seen + 50.max(self.seen / 20);
        }
    }

    fn refresh(&mut self) {
        let mut sorted = self.trail.firsts();
        sorted.sort_unstable_by(f32::total_cmp);
        let last = sorted.len().saturating_sub(1) as f64;
        let at = |share: f64| sorted.get((share * last).round() as usize).map_or(0.0, |v| f64::from(*v));
        self.quantiles = (0..=STEPS).map(|step| at((1.0 - TAIL) * step as f64 / STEPS as f64)).collect();
        let threshold = at(1.0 - TAIL);
        // Excesses exceeded by a half and by a quarter of the tail; the largest, which may be anomalies, do not count.
        let (half, quarter) = (at(1.0 - TAIL / 2.0) - threshold, at(1.0 - TAIL / 4.0) - threshold);
        let ratio = if half > 0.0 { quarter / half } else { 2.0 };
        self.shape = (ratio - 1.0).max(1e-9).log2().clamp(0.0, MOST_SHAPE);
        let per_scale = if self.shape > 1e-6 { (self.shape.exp2() - 1.0) / self.shape } else { std::f64::consts::LN_2 };
        // A normal tail of unit scale is the floor.
        self.scale = (half / per_scale).max(0.35).max(0.1 * threshold);
    }

    /// Probability that a residual of the history is at least this large, in (0, 1]: what [`Self::size_at`] inverts.
    #[cfg(test)]
    pub(super) fn probability(&self, size: f64) -> f64 {
        let Some(threshold) = self.quantiles.last().copied() else {
            return (-0.5 * size * size).exp().clamp(1e-300, 1.0);
        };
        if size.is_nan() || size <= threshold {
            let below = self.quantiles.partition_point(|q| *q < size) as f64 / STEPS as f64;
            return (1.0 - (1.0 - TAIL) * below).clamp(TAIL, 1.0);
        }
        let excess = (size - threshold) / self.scale;
        let survival =
            if self.shape > 1e-6 { (1.0 + self.shape * excess).powf(-self.shape.recip()) } else { (-excess).exp() };
        (TAIL * survival).clamp(1e-300, 1.0)
    }

    /// The size that is reached with probability `p`: the inverse of the tail probability.
    pub(super) fn size_at(&self, p: f64) -> f64 {
        let p = p.clamp(1e-300, 1.0);
        let Some(threshold) = self.quantiles.last().copied() else { return (-2.0 * p.ln()).max(0.0).sqrt() };
        if p >= TAIL {
            let step = ((1.0 - p) / (1.0 - TAIL) * STEPS as f64).round() as usize;
            return self.quantiles.get(step.min(STEPS)).copied().unwrap_or(threshold);
        }
        let share = TAIL / p;
        let excess = if self.shape > 1e-6 { (share.powf(self.shape) - 1.0) / self.shape } else { share.ln() };
        threshold + self.scale * excess
    }

    pub(super) fn is_sound(&self) -> bool {
        self.trail.is_sound() && self.scale > 0.0 && (0.0..=1.0).contains(&self.shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_of_an_exponential_history_is_exponential() {
        let mut tail = ResidualTail::new(1);
        let draw = |i: u32| -(1.0 - (f64::from(i.wrapping_mul(2_654_435_761)) + 0.5) / 4_294_967_296.0).ln();
        (0..8_000).for_each(|i| tail.learn(draw(i)));
        for (size, wanted) in [(0.7, 0.5), (2.3, 0.1), (4.6, 0.01)] {
            let p = tail.probability(size);
            assert!((p / wanted - 1.0).abs() < 0.4, "{size}: {p} {wanted}");
        }
        assert!(tail.probability(30.0) < 1e-6);
    }

    #[test]
    fn probability_and_size_are_inverse_and_monotone() {
        let mut tail = ResidualTail::new(1);
        (0..3_000_u32).for_each(|i| tail.learn(f64::from((i * 31) % 97) / 30.0));
        for p in [1e-2, 1e-4, 1e-8] {
            assert!((tail.probability(tail.size_at(p)) / p - 1.0).abs() < 1e-6);
        }
        assert!(tail.size_at(1e-8) > tail.size_at(1e-4));
        assert!(tail.probability(3.0) >= tail.probability(4.0));
        assert!(tail.probability(f64::INFINITY) > 0.0);
    }
}
