//! One step ahead: a streaming ridge autoregression with forgetting.

use serde::{Deserialize, Serialize};

use super::linear;
use super::window::Recent;

/// Points after which an observation weighs `1 / e`.
const MEMORY: f64 = 12_000.0;
const RIDGE: f64 = 1e-4;
/// Lags that are always used.
const SHORT_LAGS: usize = 12;
/// Learned targets are limited to this many standard deviations around the prediction.
const WINSOR: f64 = 8.0;

/// Regression on lags 1 to 12, and the same time yesterday and last week once enough days are held.
///
/// Normal equations forget with `1 - 1/12000`; solved every 64 points (every 8 at first); the target is limited to the
/// prediction ± 8 standard deviations, so that one outlier does not bend the model.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Ridge {
    /// Lag and the number of points from which it is used.
    lags: Vec<(usize, u64)>,
    #[serde(with = "super::exact::f64s")]
    gram: Vec<f64>,
    #[serde(with = "super::exact::f64s")]
    target: Vec<f64>,
    #[serde(with = "super::exact::f64s")]
    weights: Vec<f64>,
    #[serde(with = "super::exact::f64s")]
    inputs: Vec<f64>,
    #[serde(with = "super::exact::one")]
    count: f64,
    #[serde(with = "super::exact::one")]
    variance: f64,
    seen: u64,
}

impl Ridge {
    /// `day` and `week` in points; lags beyond `held` points are left out.
    pub(super) fn new(day: Option<usize>, week: Option<usize>, held: usize) -> Self {
        let mut lags: Vec<(usize, u64)> = (1..=SHORT_LAGS).map(|lag| (lag, 0)).collect();
        if let Some(day) = day.filter(|d| *d > SHORT_LAGS + 1) {
            lags.extend([day - 1, day, day + 1].map(|lag| (lag, 3 * day as u64)));
        }
        if let Some(week) = week.filter(|w| *w > SHORT_LAGS) {
            lags.push((week, 2 * week as u64));
        }
        lags.retain(|(lag, _)| *lag < held);
        let size = lags.len() + 1;
        Self {
            lags,
            gram: vec![0.0; size * size],
            target: vec![0.0; size],
            weights: vec![0.0; size],
            inputs: vec![0.0; size],
            count: 0.0,
            variance: 1e-12,
            seen: 0,
        }
    }

    /// What the next value will be, before it is pushed to `recent`.
    pub(super) fn predict(&mut self, recent: &Recent) -> f64 {
        for (input, (lag, from)) in self.inputs.iter_mut().zip(&self.lags) {
            *input = if self.seen >= *from { recent.lag(lag - 1).unwrap_or(0.0) } else { 0.0 };
        }
        if let Some(last) = self.inputs.last_mut() {
            *last = 1.0;
        }
        let dot: f64 = self.weights.iter().zip(&self.inputs).map(|(w, x)| w * x).sum();
        if self.count < 30.0 || !dot.is_finite() { recent.lag(0).unwrap_or(0.0) } else { dot }
    }

    /// Learns the value that followed the last prediction.
    pub(super) fn learn(&mut self, prediction: f64, value: f64) {
        let sd = self.variance.sqrt();
        let reach = WINSOR * sd + 1e-12;
        let value = if self.seen > 60 { value.clamp(prediction - reach, prediction + reach) } else { value };
        let error = value - prediction;
        self.variance += (1.0 / MEMORY).max(1.0 / (self.count + 1.0)) * (error * error - self.variance);
        let keep = 1.0 - 1.0 / MEMORY;
        let size = self.inputs.len();
        for (row, x) in self.inputs.iter().enumerate() {
            self.target[row] = self.target[row] * keep + x * value;
            for (cell, other) in self.gram[row * size..=row * size + row].iter_mut().zip(&self.inputs) {
                *cell = *cell * keep + x * other;
            }
        }
        self.count = self.count * keep + 1.0;
        let due = self.seen.is_multiple_of(64) || (self.seen < 512 && self.seen.is_multiple_of(8));
        if due && self.count >= 25.0 {
            self.solve();
        }
        self.seen += 1;
    }

    /// Counts a point that is not learned from.
    pub(super) const fn skip(&mut self) {
        self.seen += 1;
    }

    fn solve(&mut self) {
        let size = self.inputs.len();
        let mut matrix = self.gram.clone();
        for k in 0..size {
            let own = matrix[k * size + k];
            matrix[k * size + k] +=
                if k + 1 == size { 1e-6 * self.count } else { RIDGE * own + 1e-9 * (1.0 + own.abs()) };
        }
        if let Some(factor) = linear::cholesky(&matrix, size) {
            let weights = linear::solve(&factor, &self.target);
            if weights.iter().all(|w| w.is_finite()) {
                self.weights = weights;
            }
        }
    }

    pub(super) fn is_sound(&self) -> bool {
        let size = self.lags.len() + 1;
        self.lags.iter().all(|(lag, _)| *lag > 0)
            && self.gram.len() == size * size
            && [&self.target, &self.weights, &self.inputs].iter().all(|v| v.len() == size)
            && self.variance >= 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_autoregression_is_learned() {
        let mut recent = Recent::new(100);
        let mut ridge = Ridge::new(None, None, 100);
        let (mut before, mut last) = (1.0, 0.7);
        let (mut sum, mut count) = (0.0, 0.0);
        for i in 0..2_000 {
            let value = 1.8 * last - 0.97 * before;
            let prediction = ridge.predict(&recent);
            if i > 600 {
                sum += (prediction - value).abs();
                count += 1.0;
            }
            ridge.learn(prediction, value);
            recent.push(value);
            (before, last) = (last, if i % 300 == 299 { value + 1.0 } else { value });
        }
        assert!(sum / count < 0.1, "{}", sum / count);
    }
}
