//! Seasons and regressors as columns of a regression.

use std::f64::consts::TAU;

use super::{Input, ProphetError};
use crate::forecast::stats::{is_positive, mean};

/// Deviation of the normal prior of a coefficient, as the Prophet package has it.
const PRIOR: f64 = 10.0;
const DAY: f64 = 86_400.0;

/// A season of Fourier terms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cycle {
    /// Length in steps, above 0.
    pub period_steps: f64,
    /// Pairs of sine and cosine.
    pub order: usize,
    /// Deviation of the normal prior of each coefficient, above 0. Prophet: 10.
    pub prior: f64,
}

/// What happens when a regressor is shorter than history and horizon.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AfterEnd {
    /// An error.
    #[default]
    Refuse,
    /// Its last value goes on.
    Hold,
}

/// A known influence: a holiday, a deploy, a price, a temperature.
#[derive(Debug, Clone, PartialEq)]
pub struct Regressor {
    /// Its name.
    pub name: String,
    /// Its values from the first step of the history to the last of the horizon, finite.
    pub values: Vec<f64>,
    /// Deviation of the normal prior of its coefficient, in largest values of the series, above 0. Prophet: 10.
    pub prior: f64,
    /// What happens after its last value.
    pub after_end: AfterEnd,
}

impl Cycle {
    /// A season with the usual prior.
    #[must_use]
    pub const fn new(period_steps: f64, order: usize) -> Self {
        Self { period_steps, order, prior: PRIOR }
    }

    /// The seasons that Prophet takes by itself: yearly of order 10 from two years of history, weekly of order 3 from two
    /// weeks at steps below a week, daily of order 4 from two days at steps below a day.
    ///
    /// `step_secs` above 0, `points` of history.
    #[must_use]
    pub fn automatic(step_secs: f64, points: usize) -> Vec<Self> {
        let span = step_secs * points.saturating_sub(1) as f64;
        let rules = [
            (365.25 * DAY, 10, 730.0 * DAY, f64::INFINITY),
            (7.0 * DAY, 3, 14.0 * DAY, 7.0 * DAY),
            (DAY, 4, 2.0 * DAY, DAY),
        ];
        let fitting = rules.into_iter().filter(|(_, _, needed, limit)| span >= *needed && step_secs < *limit);
        fitting.map(|(secs, order, ..)| Self::new(secs / step_secs, order)).collect()
    }
}

impl Regressor {
    /// A regressor with the usual prior; too short is an error.
    #[must_use]
    pub fn new(name: impl Into<String>, values: Vec<f64>) -> Self {
        Self { name: name.into(), values, prior: PRIOR, after_end: AfterEnd::Refuse }
    }

    /// 1 in the given `spans` of steps, 0 elsewhere, over `steps` of history and horizon.
    #[must_use]
    pub fn holiday(name: impl Into<String>, spans: &[std::ops::Range<usize>], steps: usize) -> Self {
        let at = |step: usize| if spans.iter().any(|span| span.contains(&step)) { 1.0 } else { 0.0 };
        Self::new(name, (0..steps).map(at).collect())
    }
}

impl Regressor {
    /// The values over `needed` steps.
    ///
    /// # Errors
    /// [`ProphetError::RegressorEnds`] when there are fewer and they may not hold, [`ProphetError::RegressorNotFinite`].
    pub(in crate::forecast) fn over(&self, needed: usize) -> Result<Vec<f64>, ProphetError> {
        let mut values = self.values.clone();
        values.truncate(needed);
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            return Err(ProphetError::RegressorNotFinite { name: self.name.clone(), at });
        }
        match (values.last().copied(), self.after_end) {
            (Some(last), AfterEnd::Hold) => values.resize(needed, last),
            _ if values.len() < needed => {
                return Err(ProphetError::RegressorEnds { name: self.name.clone(), got: values.len(), needed });
            }
            _ => (),
        }
        Ok(values)
    }
}

/// Fourier terms and regressors, a row for each step of history and horizon.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    /// Columns.
    pub(super) width: usize,
    /// Row-major.
    values: Vec<f64>,
    /// Deviation of the prior of each coefficient.
    pub(super) priors: Vec<f64>,
    /// Names of the last columns.
    names: Vec<String>,
}

impl Columns {
    pub(super) fn new(input: &Input<'_>) -> Result<Self, ProphetError> {
        let rows = input.values.len() + input.horizon_steps;
        let regressors: Vec<Vec<f64>> =
            input.regressors.iter().map(|regressor| standardised(regressor, input)).collect::<Result<_, _>>()?;
        let tables: Vec<(Vec<f64>, usize)> = input.cycles.iter().map(|cycle| fourier(*cycle, rows)).collect();
        let waves: usize = tables.iter().map(|(_, width)| width).sum();
        let width = waves + regressors.len();
        let mut values = vec![0.0; rows * width];
        for (row, cells) in values.chunks_exact_mut(width.max(1)).enumerate() {
            let mut cells = cells.iter_mut();
            for (table, size) in tables.iter().filter(|(_, size)| *size > 0) {
                let at = row % (table.len() / size) * size;
                for (value, cell) in table[at..at + size].iter().zip(cells.by_ref()) {
                    *cell = *value;
                }
            }
            for (regressor, cell) in regressors.iter().zip(cells) {
                *cell = regressor[row];
            }
        }
        let of_cycles = input.cycles.iter().flat_map(|cycle| std::iter::repeat_n(cycle.prior, 2 * cycle.order));
        let priors = of_cycles.chain(input.regressors.iter().map(|regressor| regressor.prior)).collect();
        let names = input.regressors.iter().map(|regressor| regressor.name.clone()).collect();
        Ok(Self { width, values, priors, names })
    }

    /// The row of step `at`; empty beyond the horizon.
    pub(super) fn row(&self, at: usize) -> &[f64] {
        self.values.get(at * self.width..(at + 1) * self.width).unwrap_or_default()
    }

    /// The row of step `at` times coefficients.
    pub(super) fn dot(&self, at: usize, coefficients: &[f64]) -> f64 {
        self.row(at).iter().zip(coefficients).map(|(cell, coefficient)| cell * coefficient).sum()
    }

    /// The column of a regressor.
    pub(super) fn named(&self, name: &str) -> Option<usize> {
        let first = self.width - self.names.len();
        self.names.iter().position(|known| known == name).map(|index| first + index)
    }
}

/// Sines and cosines, row after row, and their number in a row: one period where that is a whole number of steps, else all rows.
fn fourier(cycle: Cycle, rows: usize) -> (Vec<f64>, usize) {
    let period = cycle.period_steps;
    let width = 2 * cycle.order;
    let whole = period.round();
    let count = if (period - whole).abs() < 1e-9 * period && whole >= 1.0 { (whole as usize).min(rows) } else { rows };
    let mut table = Vec::with_capacity(count * width);
    for row in 0..count {
        // the angle of the first term; the others follow by rotation
        let (sine, cosine) = (TAU * (row as f64 / period).fract()).sin_cos();
        let (mut s, mut c) = (sine, cosine);
        for _ in 0..cycle.order {
            table.extend([s, c]);
            (s, c) = (s * cosine + c * sine, c * cosine - s * sine);
        }
    }
    (table, width)
}

/// Values over history and horizon, less their mean and over their deviation in the history unless they are all 0 or 1.
fn standardised(regressor: &Regressor, input: &Input<'_>) -> Result<Vec<f64>, ProphetError> {
    let points = input.values.len();
    let values = regressor.over(points + input.horizon_steps)?;
    let history = &values[..points];
    if history.iter().all(|value| *value == 0.0 || (value - 1.0).abs() == 0.0) {
        return Ok(values);
    }
    let centre = mean(history);
    let squares: f64 = history.iter().map(|value| (value - centre).powi(2)).sum();
    let deviation = (squares / points.saturating_sub(1).max(1) as f64).sqrt();
    let scale = if is_positive(deviation) { deviation } else { 1.0 };
    Ok(values.into_iter().map(|value| (value - centre) / scale).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seasons_follow_length_and_step() {
        let periods = |step: f64, points: usize| -> Vec<f64> {
            Cycle::automatic(step, points).iter().map(|cycle| cycle.period_steps).collect()
        };
        assert_eq!(periods(3_600.0, 1_344), [168.0, 24.0]);
        assert_eq!(periods(3_600.0, 49), [24.0]);
        assert_eq!(periods(3_600.0, 48), Vec::<f64>::new());
        assert_eq!(periods(86_400.0, 800), [365.25, 7.0]);
        assert_eq!(periods(7.0 * 86_400.0, 200).len(), 1);
    }

    #[test]
    fn waves_are_sines_and_cosines_of_multiples() {
        for period in [24.0, 24.5] {
            let (table, width) = fourier(Cycle::new(period, 3), 100);
            assert_eq!(width, 6);
            for row in [0, 1, 23] {
                for k in 1..=3_usize {
                    let angle = TAU * k as f64 * row as f64 / period;
                    let at = row * width + 2 * (k - 1);
                    assert!((table[at] - angle.sin()).abs() < 1e-12 && (table[at + 1] - angle.cos()).abs() < 1e-12);
                }
            }
        }
    }
}
