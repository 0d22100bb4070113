//! What the newest residuals say about the next one.

use serde::{Deserialize, Serialize};

/// Lags.
pub(super) const ORDER: usize = 3;
/// Products of lags that are summed: the upper triangle of their matrix, and their products with the next value.
const PAIRS: usize = ORDER * (ORDER + 1) / 2;
/// The coefficients are solved anew every so many points, and after each of the first ones.
const SOLVE_EVERY: u64 = 16;
/// Ridge, as a share of the mean diagonal.
const RIDGE: f64 = 1e-3;

/// A prediction reaches at most so many times as far from the centre as the farthest lag.
const LONGEST_REACH: f64 = 1.5;

/// Autoregression of order 3 without a constant, least squares with forgetting.
///
/// The normal equations are summed for each point and solved every 16 points (Cholesky), with a small ridge, so that a
/// constant or an exactly periodic residual is harmless. Scaling all values changes nothing.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Autoregression {
    #[serde(with = "numbers")]
    matrix: [f64; PAIRS],
    #[serde(with = "numbers")]
    right: [f64; ORDER],
    #[serde(with = "numbers")]
    coefficients: [f64; ORDER],
    /// Newest first.
    #[serde(with = "numbers")]
    lags: [f64; ORDER],
    #[serde(with = "crate::detect::exact::one")]
    keep: f64,
    count: u64,
}

impl Autoregression {
    /// One that remembers about `memory` points.
    pub(super) fn new(memory: f64) -> Self {
        Self {
            matrix: [0.0; PAIRS],
            right: [0.0; ORDER],
            coefficients: [0.0; ORDER],
            lags: [0.0; ORDER],
            keep: 1.0 - 1.0 / memory.max(2.0),
            count: 0,
        }
    }

    /// The next residual.
    pub(super) fn next(&self, centre: f64) -> f64 {
        let lags = self.lags.map(|lag| lag - centre);
        let ahead = self.coefficients[0] * lags[0] + self.coefficients[1] * lags[1] + self.coefficients[2] * lags[2];
        let most = LONGEST_REACH * lags[0].abs().max(lags[1].abs()).max(lags[2].abs());
        centre + ahead.clamp(-most, most)
    }

    /// Learns that `value` came next, about `centre`; then it is the newest lag.
    pub(super) fn learn(&mut self, value: f64, centre: f64) {
        self.count += 1;
        if self.count > ORDER as u64 {
            let lags = self.lags.map(|lag| lag - centre);
            let mut at = 0;
            for i in 0..ORDER {
                for j in i..ORDER {
                    self.matrix[at] = self.keep * self.matrix[at] + lags[i] * lags[j];
                    at += 1;
                }
                self.right[i] = self.keep * self.right[i] + lags[i] * (value - centre);
            }
            if self.count.is_multiple_of(SOLVE_EVERY) || self.count < 4 * SOLVE_EVERY {
                self.solve();
            }
        }
        self.follow(value);
    }

    /// Makes `value` the newest lag without learning.
    pub(super) fn follow(&mut self, value: f64) {
        self.lags = [value, self.lags[0], self.lags[1]];
    }

    /// Moves the origin of the lags by `by`.
    pub(super) fn shift(&mut self, by: f64) {
        self.lags = self.lags.map(|lag| lag + by);
    }

    fn solve(&mut self) {
        let [a00, a01, a02, a11, a12, a22] = self.matrix;
        let ridge = RIDGE * (a00 + a11 + a22) / 3.0 + f64::MIN_POSITIVE;
        let l00 = (a00 + ridge).sqrt();
        let (l10, l20) = (a01 / l00, a02 / l00);
        let l11 = (a11 + ridge - l10 * l10).max(ridge).sqrt();
        let l21 = (a12 - l20 * l10) / l11;
        let l22 = (a22 + ridge - l20 * l20 - l21 * l21).max(ridge).sqrt();
        let [b0, b1, b2] = self.right;
        let y0 = b0 / l00;
        let y1 = (b1 - l10 * y0) / l11;
        let y2 = (b2 - l20 * y0 - l21 * y1) / l22;
        let c2 = y2 / l22;
        let c1 = (y1 - l21 * c2) / l11;
        let c0 = (y0 - l10 * c1 - l20 * c2) / l00;
        if c0.is_finite() && c1.is_finite() && c2.is_finite() {
            self.coefficients = [c0, c1, c2];
        }
    }

    pub(super) fn is_sound(&self) -> bool {
        let all = self.matrix.iter().chain(&self.right).chain(&self.coefficients).chain(&self.lags);
        all.clone().all(|v| v.is_finite()) && self.keep > 0.0 && self.keep < 1.0
    }
}

/// Arrays of numbers in snapshots, bit for bit.
mod numbers {
    use serde::de::Error;
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer, const N: usize>(list: &[f64; N], to: S) -> Result<S::Ok, S::Error> {
        crate::detect::exact::f64s::serialize(list, to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>, const N: usize>(from: D) -> Result<[f64; N], D::Error> {
        let list: Vec<f64> = crate::detect::exact::f64s::deserialize(from)?;
        <[f64; N]>::try_from(list).map_err(|list| D::Error::custom(format!("{N} numbers expected, got {}", list.len())))
    }
}
