//! Tail probability of one side of a statistic, learned from its own stream: peaks over a threshold.
//!
//! Siffer, Fouque, Termier and Largouet, *Anomaly detection in streams with extreme value theory* (KDD 2017), with three
//! changes: the threshold follows its quantile instead of standing still, the generalised Pareto distribution is fitted
//! by probability-weighted moments and pulled towards a heavy-tailed prior while excesses are few, and what is far out
//! enters the fit winsorised, so that an anomaly does not explain away the next one and a new regime is still learned.

use serde::{Deserialize, Serialize};

use super::gpd::Pareto;

/// Share of all points beyond the threshold of one side.
const SHARE: f64 = 0.02;
/// Excesses that are held.
pub(super) const HELD: usize = 64;
/// The fit follows every so many excesses.
const FIT_EVERY: u32 = 8;
/// Prior of the tail: a shape and a mean excess, each worth so many excesses.
const PRIOR_SHAPE: f64 = 0.2;
const PRIOR_MEAN: f64 = 0.8;
const PRIOR_SHAPE_WEIGHT: f64 = 12.0;
const PRIOR_MEAN_WEIGHT: f64 = 3.0;
const SHAPES: (f64, f64) = (-0.2, 0.6);
/// Threshold before anything is known, and the least one.
const FIRST_THRESHOLD: f64 = 2.5;
const LEAST_THRESHOLD: f64 = 1.0;
/// Share of the way to the end of a bounded tail that is believed.
const KNOWN_WAY: f64 = 0.6;
/// The threshold learns like a mean of at least so many and at most so many points.
const FASTEST: f64 = 50.0;
const SLOWEST: f64 = 5_000.0;
/// An excess enters the fit as one that is passed once in so many excesses, at most.
const WINSOR: f64 = 100.0;

/// One side's tail.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Tail {
    #[serde(with = "crate::detect::exact::one")]
    threshold: f64,
    /// Share of points beyond the threshold, as it was.
    #[serde(with = "crate::detect::exact::one")]
    share: f64,
    #[serde(with = "crate::detect::exact::one")]
    shape: f64,
    #[serde(with = "crate::detect::exact::one")]
    scale: f64,
    /// Largest excess that enters the fit as it is.
    #[serde(with = "crate::detect::exact::one")]
    most: f64,
    #[serde(with = "crate::detect::exact::f32s")]
    excesses: Vec<f32>,
    next: u32,
    since_fit: u32,
    seen: u64,
}

impl Tail {
    pub(super) fn new() -> Self {
        let mut tail = Self {
            threshold: FIRST_THRESHOLD,
            share: SHARE,
            shape: 0.0,
            scale: 1.0,
            most: 0.0,
            excesses: Vec::with_capacity(HELD),
            next: 0,
            since_fit: 0,
            seen: 0,
        };
        tail.fit();
        tail
    }

    /// `ln` of the two-sided p-value of a `height` of 0 or more: twice this side's tail probability, at most 1.
    pub(super) fn ln_p(&self, height: f64) -> f64 {
        self.ln_beyond(height, (2.0 * self.share).ln())
    }

    /// The same for a statistic that has only this side.
    pub(super) fn ln_p_one_sided(&self, height: f64) -> f64 {
        self.ln_beyond(height, self.share.ln())
    }

    fn ln_beyond(&self, height: f64, at_threshold: f64) -> f64 {
        let excess = height - self.threshold;
        if excess > 0.0 {
            at_threshold + self.ln_survival(excess)
        } else {
            at_threshold * (height / self.threshold).max(0.0)
        }
    }

    /// The height whose two-sided p-value is `exp(ln_p)`.
    pub(super) fn height_at(&self, ln_p: f64) -> f64 {
        let at_threshold = (2.0 * self.share).ln();
        if ln_p >= at_threshold {
            self.threshold * ln_p / at_threshold
        } else {
            self.threshold + self.excess_at(ln_p - at_threshold)
        }
    }

    /// Learns a point: its height on this side, 0 when it lies on the other one. Whether the fit changed.
    pub(super) fn learn(&mut self, height: f64) -> bool {
        self.seen += 1;
        let rate = 1.0 / (self.seen as f64 + FASTEST).min(SLOWEST);
        let excess = height - self.threshold;
        let beyond = if excess > 0.0 { 1.0 } else { 0.0 };
        self.share += rate * (beyond - self.share);
        self.threshold += rate * self.scale / SHARE * (beyond - SHARE);
        self.threshold = self.threshold.max(LEAST_THRESHOLD);
        if excess > 0.0 {
            self.hold(excess.min(self.most) as f32);
            self.since_fit += 1;
            if self.since_fit >= FIT_EVERY.min(self.excesses.len() as u32) {
                self.since_fit = 0;
                self.fit();
                return true;
            }
        }
        false
    }

    fn hold(&mut self, excess: f32) {
        if self.excesses.len() < HELD {
            self.excesses.push(excess);
        } else if let Some(oldest) = self.excesses.get_mut(self.next as usize % HELD) {
            *oldest = excess;
        }
        self.next = (self.next + 1) % HELD as u32;
    }

    fn fit(&mut self) {
        let mut sorted = [0.0_f32; HELD];
        let count = self.excesses.len().min(HELD);
        sorted[..count].copy_from_slice(&self.excesses[..count]);
        let sorted = &mut sorted[..count];
        sorted.sort_unstable_by(f32::total_cmp);
        let n = count as f64;
        let sum: f64 = sorted.iter().map(|excess| f64::from(*excess)).sum();
        let mean = (sum + PRIOR_MEAN_WEIGHT * PRIOR_MEAN) / (n + PRIOR_MEAN_WEIGHT);
        let found = Pareto::fit(sorted).map_or(PRIOR_SHAPE, |fit| fit.shape.clamp(SHAPES.0, SHAPES.1));
        self.shape = (n * found + PRIOR_SHAPE_WEIGHT * PRIOR_SHAPE) / (n + PRIOR_SHAPE_WEIGHT);
        self.scale = mean * (1.0 - self.shape);
        self.most = self.excess_at(-WINSOR.ln());
    }

    /// The fitted tail; one that ends is continued as an exponential one from six tenths of the way to its end on, because
    /// some dozens of excesses do not tell what is impossible.
    fn ln_survival(&self, excess: f64) -> f64 {
        let known = self.known_excess();
        let beyond = (excess - known).max(0.0);
        self.pareto().ln_survival(excess.min(known)) - beyond / (self.scale * (1.0 - KNOWN_WAY))
    }

    fn excess_at(&self, ln_p: f64) -> f64 {
        let known = self.known_excess();
        let at_known = self.pareto().ln_survival(known);
        if ln_p < at_known {
            known + (at_known - ln_p) * self.scale * (1.0 - KNOWN_WAY)
        } else {
            self.pareto().excess_at(ln_p)
        }
    }

    /// The excess up to which the fit is believed: infinite unless it ends.
    fn known_excess(&self) -> f64 {
        if self.shape < 0.0 { -KNOWN_WAY * self.scale / self.shape } else { f64::INFINITY }
    }

    const fn pareto(&self) -> Pareto {
        Pareto { shape: self.shape, scale: self.scale }
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.excesses.capacity() * size_of::<f32>()
    }

    pub(super) fn is_sound(&self) -> bool {
        self.threshold >= LEAST_THRESHOLD
            && self.threshold.is_finite()
            && self.share > 0.0
            && self.share < 1.0
            && (SHAPES.0..=SHAPES.1).contains(&self.shape)
            && self.scale > 0.0
            && self.scale.is_finite()
            && self.most >= 0.0
            && self.excesses.len() <= HELD
            && self.excesses.iter().all(|excess| *excess >= 0.0 && excess.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use rand::Rng;
    use rand::SeedableRng;
    use rand_pcg::Pcg64Mcg;

    use super::*;

    /// A tail after `points` exponential heights on this side half of the time.
    fn learned(points: u32) -> Tail {
        let mut random = Pcg64Mcg::seed_from_u64(3);
        let mut tail = Tail::new();
        for _ in 0..points {
            let height = -random.random::<f64>().max(1e-300).ln();
            tail.learn(if random.random::<bool>() { height } else { 0.0 });
        }
        tail
    }

    #[test]
    fn the_threshold_finds_its_quantile_and_p_is_near_the_truth() {
        let tail = learned(50_000);
        // P(height > x) = exp(-x) / 2 on this side, twice that in all
        assert!((tail.threshold - 25.0_f64.ln()).abs() < 0.3, "{}", tail.threshold);
        assert!((tail.share - SHARE).abs() < 0.01, "{}", tail.share);
        for height in [4.0, 6.0, 8.0] {
            let ratio = (tail.ln_p(height) + height).exp();
            assert!((0.3..3.0).contains(&ratio), "{height}: {ratio}");
        }
        assert!((tail.ln_p(7.0) - tail.ln_p_one_sided(7.0) - 2.0_f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn p_falls_with_height_and_height_at_is_its_inverse() {
        for tail in [Tail::new(), learned(100), learned(20_000)] {
            let p: Vec<f64> = (0..400).map(|i| tail.ln_p(f64::from(i) * 0.1)).collect();
            assert!(p[0].abs() < 1e-12 && p.windows(2).all(|w| w[1] <= w[0]));
            for height in [0.5, 2.0, 5.0, 9.0] {
                let back = tail.height_at(tail.ln_p(height));
                assert!((back - height).abs() < 1e-6, "{back} {height}");
            }
        }
    }

    #[test]
    fn one_anomaly_does_not_explain_away_the_next_and_many_do() {
        let mut tail = learned(5_000);
        let before = tail.ln_p(1_000.0);
        tail.learn(1_000.0);
        assert!(tail.ln_p(1_000.0) < 0.9 * before, "{} {before}", tail.ln_p(1_000.0));
        for _ in 0..3_000 {
            tail.learn(1_000.0);
        }
        assert!(tail.ln_p(1_000.0) > -4.0, "{}", tail.ln_p(1_000.0));
    }
}
