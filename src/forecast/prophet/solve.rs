//! The most likely parameters.

use super::dot;
use super::lasso;
use super::moments::Moments;
use crate::forecast::linear::Cholesky;

/// Rounds between noise and coefficients.
const ROUNDS: usize = 40;
/// Relative change of the noise's variance at which they agree.
const SETTLED: f64 = 1e-7;
/// Deviation of the prior of the offset.
const OFFSET_PRIOR: f64 = 5.0;

/// Parameters in scaled values and time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Estimate {
    pub(super) offset: f64,
    pub(super) slope: f64,
    /// Of the Fourier terms and regressors.
    pub(super) effects: Vec<f64>,
    /// Of the slope, at the first bends; the later ones have none.
    pub(super) changes: Vec<f64>,
    pub(super) sigma: f64,
}

/// Maximises the posterior: with the noise fixed, coefficients without a Laplace prior are eliminated and what is left is a
/// lasso in the slope changes; with the coefficients fixed, the noise has a closed form.
///
/// `bends` of the bends may change the slope, by a Laplace prior of `scale`; `slope_prior` is the deviation of the slope's.
/// `None` when the sums are not finite.
pub(super) fn solve(sums: &Moments, priors: &[f64], bends: usize, scale: f64, slope_prior: f64) -> Option<Estimate> {
    let deviations: Vec<f64> = [OFFSET_PRIOR, slope_prior].into_iter().chain(priors.iter().copied()).collect();
    let floor = 1e-12 * (sums.squares / sums.rows.max(1.0)).max(1e-12);
    let mut variance = (0.01 * sums.squares / sums.rows.max(1.0)).max(floor);
    let (mut fixed, mut changes) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        (fixed, changes) = coefficients(sums, &deviations, bends, scale, variance, &changes)?;
        let error = sums.error(&fixed, &changes).max(0.0);
        // derivative of n ln(s) + error / (2 s²) + s² / (2 · 0.5²) set to 0
        let n = sums.rows;
        let next = (2.0 * error / (n + (n * n + 16.0 * error).sqrt())).max(floor);
        let settled = (next - variance).abs() <= SETTLED * variance;
        variance = next;
        if settled {
            break;
        }
    }
    if !variance.is_finite() || fixed.iter().chain(&changes).any(|value| !value.is_finite()) {
        return None;
    }
    Some(Estimate {
        offset: *fixed.first()?,
        slope: *fixed.get(1)?,
        effects: fixed.split_off(2),
        changes,
        sigma: variance.sqrt(),
    })
}

fn coefficients(
    sums: &Moments,
    deviations: &[f64],
    bends: usize,
    scale: f64,
    variance: f64,
    start: &[f64],
) -> Option<(Vec<f64>, Vec<f64>)> {
    let (fixed, total) = (sums.fixed, sums.bend_cross.len());
    let mut matrix = sums.gram.clone();
    for (i, deviation) in deviations.iter().enumerate() {
        // a hair of a ridge beyond the prior keeps the system solvable when the noise is 0
        matrix[i * fixed + i] += variance / (deviation * deviation) + 1e-11 * sums.rows;
    }
    let factor = Cholesky::new(matrix, fixed)?;
    let plain = factor.solve(&sums.cross);
    let row = |i: usize| &sums.bends[i * fixed..(i + 1) * fixed];
    let shadows: Vec<Vec<f64>> = (0..bends).map(|i| factor.solve(row(i))).collect();
    let mut left = vec![0.0; bends * bends];
    for i in 0..bends {
        for (j, shadow) in shadows[..=i].iter().enumerate() {
            let ridge = if i == j { 1e-12 * sums.rows } else { 0.0 };
            let value = sums.bend_gram[i * total + j] - dot(row(i), shadow) + ridge;
            left[i * bends + j] = value;
            left[j * bends + i] = value;
        }
    }
    let right: Vec<f64> = (0..bends).map(|i| sums.bend_cross[i] - dot(row(i), &plain)).collect();
    let changes = lasso::minimise(&left, &right, variance / scale, start)?;
    let mut found = plain;
    for (change, shadow) in changes.iter().zip(&shadows).filter(|(change, _)| **change != 0.0) {
        for (value, part) in found.iter_mut().zip(shadow) {
            *value -= change * part;
        }
    }
    Some((found, changes))
}
