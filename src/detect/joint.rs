//! The metrics of an entity together: a likely combination, or not?

use serde::{Deserialize, Serialize};

use super::excess::Excess;
use super::isolation_forest::{IsolationForestParams, mix};
use super::linear;
use super::online_forest::{OnlineForest, OnlineForestParams};
use super::trail::Trail;

const ROWS: usize = 1_024;
const STRIDE: usize = 8;
const WARM_UP: u64 = 50;
/// Standardised values are cut here.
const CLIP: f64 = 20.0;
/// Standardised residuals are cut here before the forest sees them.
const RESIDUAL_CLIP: f64 = 12.0;
/// Smallest spread of the recent past, in units of the whole past's.
const LEAST_SPREAD: f64 = 0.05;
const RIDGE: f64 = 0.1;
/// A metric that is unlikely given the others, while ordinary by itself.
const BROKEN: f64 = 5.0;
const ORDINARY: f64 = 2.5;

/// Mahalanobis distance of the values under the correlations of the recent past, and a streaming isolation forest on the
/// standardised residuals of all metrics.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Joint {
    width: usize,
    #[serde(with = "super::exact::f64s")]
    past_mean: Vec<f64>,
    #[serde(with = "super::exact::f64s")]
    past_squares: Vec<f64>,
    learned: u64,
    values: Trail,
    next: u64,
    fit: Option<Fit>,
    /// Always there: an entity has 1 to 256 metrics that are judged together.
    forest: Option<OnlineForest>,
    excess: Excess,
}

/// Means, units and whitening of the last fit.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Fit {
    #[serde(with = "super::exact::f64s")]
    past_mean: Vec<f64>,
    #[serde(with = "super::exact::f64s")]
    past_sd: Vec<f64>,
    #[serde(with = "super::exact::f64s")]
    mean: Vec<f64>,
    #[serde(with = "super::exact::f64s")]
    sd: Vec<f64>,
    #[serde(with = "super::exact::f64s")]
    whiten: Vec<f64>,
}

/// What the metrics showed together.
#[derive(Debug, Clone, Default)]
pub(super) struct Together {
    /// `ln(1 + distance)`.
    pub(super) distance: f64,
    /// `ln(1 + excess)` of the forest's score.
    pub(super) forest: f64,
    /// Share of each metric in the distance, not normalised, at least 0.
    pub(super) shares: Vec<f64>,
    /// Metrics that are unlikely given the others and ordinary by themselves.
    pub(super) broken: Vec<bool>,
}

impl Joint {
    pub(super) fn new(width: usize, params: IsolationForestParams) -> Self {
        let seed = params.seed();
        Self {
            width,
            past_mean: vec![0.0; width],
            past_squares: vec![0.0; width],
            learned: 0,
            values: Trail::new(width, ROWS, STRIDE, mix(seed, 1)),
            next: WARM_UP,
            fit: None,
            forest: OnlineForest::try_new(OnlineForestParams::of(params), width).ok(),
            excess: Excess::new(mix(seed, 3)),
        }
    }

    /// Judges one row of values (each in its metric's own frame) and residuals, then learns it.
    pub(super) fn push(&mut self, values: &[f64], residuals: &[f64], learn: bool) -> Together {
        let clipped: Vec<f64> = residuals.iter().map(|r| r.clamp(-RESIDUAL_CLIP, RESIDUAL_CLIP)).collect();
        let score = self.forest.as_ref().filter(|f| f.is_ready()).map_or(0.0, |f| f.score(&clipped));
        let mut together = self.fit.as_ref().map_or_else(Together::default, |fit| fit.judge(values));
        together.forest = self.excess.of(score).ln_1p();
        together.shares.resize(self.width, 0.0);
        together.broken.resize(self.width, false);
        if learn {
            self.learn(values, &clipped, score);
        }
        together
    }

    fn learn(&mut self, values: &[f64], residuals: &[f64], score: f64) {
        self.learned += 1;
        let rate = 1.0 / self.learned as f64;
        for ((mean, squares), value) in self.past_mean.iter_mut().zip(&mut self.past_squares).zip(values) {
            let before = value - *mean;
            *mean += rate * before;
            *squares += rate * (before * (value - *mean) - *squares);
        }
        self.values.push(values);
        if let Some(forest) = &mut self.forest {
            if forest.is_ready() {
                self.excess.learn(score);
            }
            forest.learn(residuals);
        }
        if self.learned >= self.next {
            self.next = self.learned + (self.learned / 10).clamp(100, 3_000);
            self.refit();
        }
    }

    fn refit(&mut self) {
        let width = self.width;
        let past_sd: Vec<f64> = self.past_squares.iter().map(|s| s.max(0.0).sqrt().max(1e-9)).collect();
        let mut fit = Fit {
            past_mean: self.past_mean.clone(),
            past_sd,
            mean: vec![0.0; width],
            sd: vec![1.0; width],
            whiten: Vec::new(),
        };
        let rows: Vec<f64> = self.values.values().collect();
        let count = (rows.len() / width).max(1) as f64;
        let scaled: Vec<f64> = rows.chunks_exact(width).flat_map(|row| fit.past_z(row)).collect();
        for column in 0..width {
            let values = || scaled.iter().skip(column).step_by(width);
            let mean = values().sum::<f64>() / count;
            let variance = values().map(|v| (v - mean) * (v - mean)).sum::<f64>() / count;
            (fit.mean[column], fit.sd[column]) = (mean, variance.sqrt().max(LEAST_SPREAD));
        }
        let mut matrix = vec![0.0; width * width];
        for row in scaled.chunks_exact(width) {
            let z: Vec<f64> = (0..width).map(|k| (row[k] - fit.mean[k]) / fit.sd[k]).collect();
            for (i, a) in z.iter().enumerate() {
                for (cell, b) in matrix[i * width..=i * width + i].iter_mut().zip(&z) {
                    *cell += a * b / count;
                }
            }
        }
        (0..width).for_each(|k| matrix[k * width + k] += RIDGE);
        if let Some(factor) = linear::cholesky(&matrix, width) {
            fit.whiten = linear::inverse_lower(&factor, width);
            self.fit = Some(fit);
        }
    }

    /// After a snapshot was read: checks the parts. Says what is wrong.
    pub(super) fn restore(&mut self, width: usize) -> Result<(), &'static str> {
        let fit_is_sound = self.fit.as_ref().is_none_or(|f| {
            let lists = [&f.past_mean, &f.past_sd, &f.mean, &f.sd];
            lists.iter().all(|l| l.len() == width) && f.whiten.len() == width * width
        });
        let sound = self.width == width
            && self.past_mean.len() == width
            && self.past_squares.len() == width
            && self.values.is_sound()
            && self.forest.as_ref().is_none_or(|f| f.features() == width)
            && self.excess.is_sound()
            && fit_is_sound;
        if !sound {
            return Err("its joint part does not fit its metrics");
        }
        Ok(())
    }
}

impl Fit {
    fn past_z<'a>(&'a self, row: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        let scales = self.past_mean.iter().zip(&self.past_sd);
        row.iter().zip(scales).map(|(v, (mean, sd))| ((v - mean) / sd).clamp(-CLIP, CLIP))
    }

    fn judge(&self, values: &[f64]) -> Together {
        let width = values.len();
        let scales = self.mean.iter().zip(&self.sd);
        let z: Vec<f64> = self.past_z(values).zip(scales).map(|(v, (mean, sd))| (v - mean) / sd).collect();
        let white: Vec<f64> = self
            .whiten
            .chunks_exact(width.max(1))
            .enumerate()
            .map(|(row, weights)| weights[..=row].iter().zip(&z).map(|(w, v)| w * v).sum())
            .collect();
        let squared: f64 = white.iter().map(|v| v * v).sum();
        let (mut shares, mut broken) = (Vec::with_capacity(width), Vec::with_capacity(width));
        for (k, own) in z.iter().enumerate() {
            let column = || (k..width).map(|row| self.whiten[row * width + k]);
            let pull: f64 = column().zip(&white[k..]).map(|(w, v)| w * v).sum();
            let precision: f64 = column().map(|w| w * w).sum();
            shares.push((own * pull).max(0.0));
            broken.push(pull.abs() > BROKEN * precision.sqrt() && own.abs() < ORDINARY);
        }
        Together { distance: (squared / width.max(1) as f64).sqrt().ln_1p(), forest: 0.0, shares, broken }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ForestSettings;
    use super::*;

    #[test]
    fn a_metric_that_leaves_its_twin_is_a_broken_correlation() {
        let mut joint = Joint::new(3, ForestSettings::default().params(1));
        let wave = |i: u32| (f64::from(i) * 0.7).sin();
        let noise = |i: u32| f64::from(i.wrapping_mul(2_654_435_761) >> 16) / 65_536.0 - 0.5;
        for i in 0..1_000 {
            let row = [wave(i), wave(i) + 0.01 * noise(i), noise(i + 5_000)];
            joint.push(&row, &[0.0; 3], true);
        }
        let usual = joint.push(&[0.8, 0.8, 0.1], &[0.0; 3], false);
        let broken = joint.push(&[0.9, -0.9, 0.1], &[0.0; 3], false);
        assert!(broken.distance > usual.distance + 0.5, "{} {}", broken.distance, usual.distance);
        assert_eq!(broken.broken.iter().filter(|b| **b).count(), 2, "{broken:?}");
        assert!(!usual.broken.contains(&true));
        assert!(broken.shares[2] < 0.1 * broken.shares[0]);
    }
}
