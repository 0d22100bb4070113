//! Shape: is the newest window a likely stretch of the series' own autocorrelation?

use serde::{Deserialize, Serialize};

use super::linear;
use super::window::Recent;

const SHORTEST: usize = 8;
/// Longest window, and the one taken when no period is found.
const LONGEST: usize = 64;
const LONGEST_LAG: usize = 300;
/// Added to the diagonal of the correlation.
const RIDGE: f64 = 0.1;
const CLIP: f64 = 20.0;
/// Points of history that are used.
const HISTORY: usize = 8_192;

/// Mahalanobis distance of the newest window under the autocorrelation of the past.
///
/// All windows of one length have almost the same covariance along the window, so the autocorrelation function gives
/// the whole matrix; refitted whenever the history has grown by a tenth (at least 100 points).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Shape {
    width: usize,
    #[serde(with = "super::exact::one")]
    mean: f64,
    #[serde(with = "super::exact::one")]
    unit: f64,
    /// Lower triangle, column after column.
    #[serde(with = "super::exact::f32s")]
    whiten: Vec<f32>,
}

impl Shape {
    pub(super) const fn new() -> Self {
        Self { width: LONGEST, mean: 0.0, unit: 1.0, whiten: Vec::new() }
    }

    /// Length of the window in points: the dominant period of the past, 8 to 64.
    pub(super) const fn width(&self) -> usize {
        self.width
    }

    /// Chooses the window's length anew.
    pub(super) fn choose_width(&mut self, recent: &Recent) {
        let values = recent.to_vec(HISTORY);
        self.width = dominant_lag(&values).map_or(LONGEST, |lag| lag.clamp(SHORTEST, LONGEST));
        self.whiten.clear();
    }

    /// Learns the autocorrelation of the past.
    pub(super) fn refit(&mut self, recent: &Recent) {
        let values = recent.to_vec(HISTORY);
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n.max(1.0);
        let centred: Vec<f64> = values.iter().map(|v| v - mean).collect();
        let variance = dot(&centred, &centred) / n.max(1.0);
        let unit = variance.sqrt() + 1e-9 + 1e-3 * mean.abs();
        let width = self.width;
        let per_unit = (n.max(1.0) * unit * unit).recip();
        let correlation: Vec<f64> =
            (0..width).map(|lag| centred.get(lag..).map_or(0.0, |late| dot(late, &centred) * per_unit)).collect();
        let mut matrix = vec![0.0; width * width];
        for row in 0..width {
            for column in 0..=row {
                matrix[row * width + column] = correlation[row - column];
            }
            matrix[row * width + row] += RIDGE;
        }
        if let Some(factor) = linear::cholesky(&matrix, width) {
            self.whiten = linear::pack_columns(&linear::inverse_lower(&factor, width), width);
            (self.mean, self.unit) = (mean, unit);
        }
    }

    /// Distance of the newest window, `None` before the first fit.
    pub(super) fn distance(&self, window: &mut [f64]) -> Option<f64> {
        if self.whiten.is_empty() || self.whiten.len() != triangle(window.len()) {
            return None;
        }
        window.iter_mut().for_each(|v| *v = ((*v - self.mean) / self.unit).clamp(-CLIP, CLIP));
        Some((linear::squared_norm(&self.whiten, window) / window.len().max(1) as f64).sqrt())
    }

    pub(super) fn is_sound(&self) -> bool {
        (SHORTEST..=LONGEST).contains(&self.width)
            && (self.whiten.is_empty() || self.whiten.len() == triangle(self.width))
            && self.unit > 0.0
    }
}

const fn triangle(width: usize) -> usize {
    width * (width + 1) / 2
}

/// The lag (3 to 300) of the highest local maximum of the autocorrelation.
pub(super) fn dominant_lag(values: &[f64]) -> Option<usize> {
    let n = values.len();
    if n < 20 {
        return None;
    }
    let mean = values.iter().sum::<f64>() / n as f64;
    let centred: Vec<f64> = values.iter().map(|v| v - mean).collect();
    let correlation: Vec<f64> = (3..(LONGEST_LAG + 5).min(n)).map(|lag| dot(&centred[lag..], &centred)).collect();
    let mut best: Option<(f64, usize)> = None;
    for (index, around) in correlation.windows(3).enumerate() {
        let [before, here, after] = [around[0], around[1], around[2]];
        if here > before && here > after && best.is_none_or(|(height, _)| here > height) {
            best = Some((here, index + 4));
        }
    }
    best.map(|(_, lag)| lag).filter(|lag| *lag <= LONGEST_LAG)
}

/// Sum of products over the shorter length.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0; 4];
    let length = a.len().min(b.len());
    let (a, b) = (&a[..length], &b[..length]);
    for (x, y) in a.chunks_exact(4).zip(b.chunks_exact(4)) {
        for lane in 0..4 {
            lanes[lane] += x[lane] * y[lane];
        }
    }
    let done = length - length % 4;
    lanes.iter().sum::<f64>() + a[done..].iter().zip(&b[done..]).map(|(x, y)| x * y).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dominant_lag_of_a_wave_is_its_period() {
        let wave: Vec<f64> = (0..500).map(|i| (std::f64::consts::TAU * f64::from(i) / 24.0).sin()).collect();
        assert_eq!(dominant_lag(&wave), Some(24));
        assert_eq!(dominant_lag(&[1.0; 500]), None);
        assert_eq!(dominant_lag(&[1.0; 5]), None);
    }

    #[test]
    fn a_wave_that_stands_still_has_an_unlikely_shape() {
        let mut recent = Recent::new(1_000);
        (0..900).for_each(|i| recent.push((std::f64::consts::TAU * f64::from(i) / 24.0).sin()));
        let mut shape = Shape::new();
        shape.choose_width(&recent);
        shape.refit(&recent);
        assert_eq!(shape.width(), 24);
        let mut window = Vec::new();
        recent.window_into(0, 24, &mut window);
        let usual = shape.distance(&mut window).expect("fitted");
        let unusual = shape.distance(&mut [0.9; 24]).expect("fitted");
        assert!(unusual > 2.0 * usual, "{usual} {unusual}");
    }
}
