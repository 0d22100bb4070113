//! The metrics of an entity together: a likely combination, or not?

use serde::{Deserialize, Serialize};

use super::excess::Excess;
use super::isolation_forest::mix;
use super::linear;
use super::sustained::Sustained;

const WARM_UP: u64 = 50;
/// Rows after which the past counts for 1/e.
const MEMORY: f64 = 12_000.0;
/// Standardised values are cut here.
const CLIP: f64 = 20.0;
/// Smallest spread of the recent past, in units of the whole past's.
const LEAST_SPREAD: f64 = 0.05;
const RIDGE: f64 = 0.3;
/// Rows after which half of what was seen together has faded, and the share of it that counts: a combination that stays
/// unlikely is more than each of its rows.
const HALF_LIFE: f64 = 10.0;
const SHARE: f64 = 1.3;
/// A metric that is unlikely given the others, while ordinary by itself.
const BROKEN: f64 = 3.0;
const ORDINARY: f64 = 2.5;

/// Mahalanobis distance of the values under the correlations of the recent past.
///
/// The correlations come from sums that forget with a time constant of 12,000 rows, so no rows are held for them. A metric
/// that is missing counts as standing at its mean: it neither gives evidence nor changes what was learned of it, and one
/// that stays away loses its correlations, not its spread.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Joint {
    width: usize,
    metrics: Vec<Moments>,
    /// Forgetting sums of products, lower triangle, row after row.
    #[serde(with = "super::exact::f64s")]
    products: Vec<f64>,
    #[serde(with = "super::exact::one")]
    weight: f64,
    learned: u64,
    next: u64,
    fit: Option<Fit>,
    sustained: Sustained,
    /// How unlikely the most unlikely of the ordinary metrics was, given the others.
    breaks: Excess,
}

/// What is known of one metric's values.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Moments {
    /// Mean and mean squared deviation over all its past.
    #[serde(with = "super::exact::one")]
    past_mean: f64,
    #[serde(with = "super::exact::one")]
    past_squares: f64,
    count: u64,
    /// Forgetting sum of values, a missing one standing in at the mean, and forgetting number of those that were there.
    #[serde(with = "super::exact::one")]
    sum: f64,
    #[serde(with = "super::exact::one")]
    present: f64,
}

/// Means, units and whitening of the last fit.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Fit {
    /// Mean of the recent past of each metric, and the reciprocal of its spread.
    #[serde(with = "super::exact::f64s")]
    mean: Vec<f64>,
    #[serde(with = "super::exact::f64s")]
    per_unit: Vec<f64>,
    /// Limits of a value: the whole past's mean ± 20 spreads.
    #[serde(with = "super::exact::f64s")]
    low: Vec<f64>,
    #[serde(with = "super::exact::f64s")]
    high: Vec<f64>,
    #[serde(with = "super::exact::f64s")]
    whiten: Vec<f64>,
    /// Reciprocal of each metric's spread given the others.
    #[serde(with = "super::exact::f64s")]
    per_own: Vec<f64>,
}

/// What the metrics showed together.
#[derive(Debug, Clone, Default)]
pub(super) struct Together {
    /// `ln(1 + distance)`, sustained.
    pub(super) distance: f64,
    /// `ln(1 + excess)` of the most unlikely metric, given the others, among those that are ordinary by themselves.
    pub(super) correlation: f64,
    /// Standardised values, and what the correlations make of them; empty before the first fit.
    z: Vec<f64>,
    pull: Vec<f64>,
}

/// Who had which part in the distance.
#[derive(Debug, Clone, Default)]
pub(super) struct Parts {
    /// Share of each metric in the distance, not normalised, at least 0.
    pub(super) shares: Vec<f64>,
    /// Metrics that are unlikely given the others and ordinary by themselves.
    pub(super) broken: Vec<bool>,
}

impl Joint {
    pub(super) fn new(width: usize, seed: u64) -> Self {
        Self {
            width,
            metrics: vec![Moments::default(); width],
            products: vec![0.0; width * (width + 1) / 2],
            weight: 0.0,
            learned: 0,
            next: WARM_UP,
            fit: None,
            sustained: Sustained::new(HALF_LIFE, SHARE),
            breaks: Excess::new(mix(seed, 4)),
        }
    }

    /// Judges one row of values (each in its metric's own frame; NaN is missing), then learns it.
    pub(super) fn push(&mut self, values: &[f64], learn: bool) -> Together {
        let mut together = self.fit.as_ref().map_or_else(Together::default, |fit| fit.judge(values));
        together.distance = self.sustained.push(together.distance, f64::INFINITY);
        let off = self.fit.as_ref().map(|fit| fit.most_broken(&together));
        together.correlation = off.map_or(0.0, |off| self.breaks.of(off).ln_1p());
        if learn {
            if let Some(off) = off {
                self.breaks.learn(off);
            }
            self.learn(values);
        }
        together
    }

    fn learn(&mut self, values: &[f64]) {
        self.learned += 1;
        let keep = 1.0 - 1.0 / MEMORY;
        self.weight = self.weight * keep + 1.0;
        let mut row = Vec::with_capacity(self.width);
        for (k, (metric, value)) in self.metrics.iter_mut().zip(values).enumerate() {
            row.push(
                metric.learn(self.fit.as_ref().map_or(*value, |fit| value.clamp(fit.low[k], fit.high[k])), self.weight),
            );
        }
        let mut cells = self.products.iter_mut();
        for (index, a) in row.iter().enumerate() {
            for (b, cell) in row[..=index].iter().zip(cells.by_ref()) {
                *cell = *cell * keep + a * b;
            }
        }
        if self.learned >= self.next {
            self.next = self.learned + (self.learned / 10).clamp(100, 3_000);
            self.refit();
        }
    }

    fn refit(&mut self) {
        let width = self.width;
        let mean: Vec<f64> = self.metrics.iter().map(|m| m.sum / self.weight).collect();
        let covariance = |a: usize, b: usize| self.products[a * (a + 1) / 2 + b] / self.weight - mean[a] * mean[b];
        let past_sd = |m: &Moments| m.past_squares.max(0.0).sqrt().max(1e-9);
        let spread = |(k, m): (usize, &Moments)| {
            let seen = (covariance(k, k).max(0.0) * self.weight / m.present.max(1e-9)).sqrt();
            seen.max(LEAST_SPREAD * past_sd(m))
        };
        let sd: Vec<f64> = self.metrics.iter().enumerate().map(spread).collect();
        let mut matrix = vec![0.0; width * width];
        for a in 0..width {
            for b in 0..=a {
                matrix[a * width + b] = covariance(a, b) / (sd[a] * sd[b]);
            }
            matrix[a * width + a] += RIDGE;
        }
        if let Some(factor) = linear::cholesky(&matrix, width) {
            let limit = |sign: f64| self.metrics.iter().map(|m| m.past_mean + sign * CLIP * past_sd(m)).collect();
            let whiten = linear::inverse_lower(&factor, width);
            let precision = |k: usize| (k..width).map(|row| whiten[row * width + k].powi(2)).sum::<f64>();
            self.fit = Some(Fit {
                per_own: (0..width).map(|k| precision(k).max(1e-12).sqrt().recip()).collect(),
                per_unit: sd.iter().map(|sd| sd.recip()).collect(),
                low: limit(-1.0),
                high: limit(1.0),
                mean,
                whiten,
            });
        }
    }

    /// Who had which part in what [`Self::push`] showed.
    pub(super) fn parts(&self, together: &Together) -> Parts {
        let found = self.fit.as_ref().filter(|_| !together.z.is_empty()).map(|fit| fit.parts(together));
        let mut parts = found.unwrap_or_default();
        parts.shares.resize(self.width, 0.0);
        parts.broken.resize(self.width, false);
        parts
    }

    /// After a snapshot was read: checks the parts. Says what is wrong.
    pub(super) fn restore(&mut self, width: usize) -> Result<(), &'static str> {
        let fit_is_sound = self.fit.as_ref().is_none_or(|f| {
            let lists = [&f.mean, &f.per_unit, &f.low, &f.high, &f.per_own];
            let ordered = f.low.iter().zip(&f.high).all(|(low, high)| low <= high);
            lists.iter().all(|l| l.len() == width) && ordered && f.whiten.len() == width * width
        });
        let sound = self.width == width
            && self.metrics.len() == width
            && self.products.len() == width * (width + 1) / 2
            && self.sustained.is_sound()
            && self.breaks.is_sound()
            && fit_is_sound;
        if !sound {
            return Err("its joint part does not fit its metrics");
        }
        Ok(())
    }
}

impl Moments {
    /// Learns a value, unless it is NaN, and says what stands for it in the sums. `weight` is that of all rows so far.
    fn learn(&mut self, value: f64, weight: f64) -> f64 {
        let keep = 1.0 - 1.0 / MEMORY;
        let here = if value.is_nan() {
            if self.count == 0 { 0.0 } else { self.sum / (weight - 1.0).max(1.0) * keep }
        } else {
            self.count += 1;
            let rate = 1.0 / self.count as f64;
            let before = value - self.past_mean;
            self.past_mean += rate * before;
            self.past_squares += rate * (before * (value - self.past_mean) - self.past_squares);
            value
        };
        self.sum = self.sum * keep + here;
        self.present = self.present * keep + if value.is_nan() { 0.0 } else { 1.0 };
        here
    }
}

impl Fit {
    fn judge(&self, values: &[f64]) -> Together {
        let width = self.mean.len();
        let z: Vec<f64> =
            values
                .iter()
                .enumerate()
                .map(|(k, v)| {
                    if v.is_nan() {
                        0.0
                    } else {
                        (v.clamp(self.low[k], self.high[k]) - self.mean[k]) * self.per_unit[k]
                    }
                })
                .collect();
        // |W z|² and Wᵀ W z in one pass over the rows of W
        let (mut squared, mut pull) = (0.0, vec![0.0; width]);
        for (row, weights) in self.whiten.chunks_exact(width.max(1)).enumerate() {
            let white: f64 = weights[..=row].iter().zip(&z).map(|(w, v)| w * v).sum();
            squared += white * white;
            pull.iter_mut().zip(&weights[..=row]).for_each(|(pull, w)| *pull += w * white);
        }
        let distance = (squared / width.max(1) as f64).sqrt().ln_1p();
        Together { distance, correlation: 0.0, z, pull }
    }

    /// How far metric `k` is from what the others let expect, in its own spread given them; 0 unless ordinary by itself.
    fn broken(&self, together: &Together, k: usize) -> f64 {
        if together.z[k].abs() < ORDINARY { together.pull[k].abs() * self.per_own[k] } else { 0.0 }
    }

    fn most_broken(&self, together: &Together) -> f64 {
        (0..together.z.len()).map(|k| self.broken(together, k)).fold(0.0, f64::max)
    }

    fn parts(&self, together: &Together) -> Parts {
        Parts {
            shares: together.z.iter().zip(&together.pull).map(|(own, pull)| (own * pull).max(0.0)).collect(),
            broken: (0..together.z.len()).map(|k| self.broken(together, k) > BROKEN).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_that_leaves_its_twin_is_a_broken_correlation() {
        let mut joint = Joint::new(3, 1);
        let wave = |i: u32| (f64::from(i) * 0.7).sin();
        let noise = |i: u32| f64::from(i.wrapping_mul(2_654_435_761) >> 16) / 65_536.0 - 0.5;
        for i in 0..1_000 {
            let row = [wave(i), wave(i) + 0.01 * noise(i), noise(i + 5_000)];
            joint.push(&row, true);
        }
        let usual = joint.push(&[0.8, 0.8, 0.1], false);
        let broken = joint.push(&[0.9, -0.9, 0.1], false);
        assert!(broken.distance > usual.distance + 0.3, "{} {}", broken.distance, usual.distance);
        let (broken, usual) = (joint.parts(&broken), joint.parts(&usual));
        assert_eq!(broken.broken.iter().filter(|b| **b).count(), 2, "{broken:?}");
        assert!(!usual.broken.contains(&true));
        assert!(broken.shares[2] < 0.1 * broken.shares[0]);
    }

    #[test]
    fn a_metric_that_stays_away_is_no_evidence_and_is_known_when_it_comes_back() {
        let mut joint = Joint::new(2, 1);
        let wave = |i: u32| (f64::from(i) * 0.7).sin();
        for i in 0..2_000 {
            let second = if (800..1_600).contains(&i) { f64::NAN } else { 5.0 + wave(i + 3) };
            let together = joint.push(&[wave(i), second], true);
            assert!(i < 300 || together.distance < 1.1, "{i}: {}", together.distance);
        }
    }
}
