//! Forecasts without a model: the last value, the last season, the last season with a slope.

use super::pool::{Problem, Runs};
use super::stats::median;

/// The last `season` values of `history` repeated over `horizon` steps; a season of 1 is the last value.
///
/// A season longer than the history is cut to it. `history` is not empty.
pub(super) fn repeat(history: &[f64], season: usize, horizon: usize) -> Vec<f64> {
    let season = season.clamp(1, history.len().max(1)).min(history.len());
    let last = &history[history.len() - season..];
    last.iter().copied().cycle().take(horizon).collect()
}

/// The last season repeated and moved along the median slope between points a season apart.
///
/// The median is not moved by a clean-up or an outlier as the mean difference is. Without a season the points are a
/// quarter of the history apart.
pub(super) fn drift(history: &[f64], season: usize, horizon: usize) -> Vec<f64> {
    let apart = if season > 1 { season } else { (history.len() / 4).max(1) };
    let rises: Vec<f64> =
        history.iter().zip(history.iter().skip(apart)).map(|(early, late)| (late - early) / apart as f64).collect();
    let slope = median(&rises);
    let season = season.max(1).min(history.len().max(1));
    let repeated = repeat(history, season, horizon);
    repeated.into_iter().enumerate().map(|(k, value)| value + slope * (season * (k / season + 1)) as f64).collect()
}

/// The last value at every origin.
pub(super) fn run_naive(problem: &Problem<'_>) -> Runs {
    problem.each_origin(|history, steps| Some(repeat(history, 1, steps)))
}

/// The last season of `season` steps at every origin.
pub(super) fn run_seasonal(problem: &Problem<'_>, season: usize) -> Runs {
    problem.each_origin(|history, steps| Some(repeat(history, season, steps)))
}

/// [`drift`] at every origin.
pub(super) fn run_drift(problem: &Problem<'_>, season: usize) -> Runs {
    problem.each_origin(|history, steps| Some(drift(history, season, steps)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_season_is_repeated_exactly() {
        assert_eq!(repeat(&[9.0, 1.0, 2.0, 3.0], 3, 7), [1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 1.0]);
        assert_eq!(repeat(&[9.0, 1.0], 1, 3), [1.0, 1.0, 1.0]);
        assert_eq!(repeat(&[4.0, 5.0], 24, 3), [4.0, 5.0, 4.0]);
    }

    #[test]
    fn a_ramp_with_a_season_goes_on() {
        let ramp: Vec<f64> = (0..40).map(|i| 2.0 * f64::from(i) + [0.0, 5.0, 1.0, 3.0][i as usize % 4]).collect();
        let ahead = drift(&ramp[..32], 4, 8);
        for (got, want) in ahead.iter().zip(&ramp[32..]) {
            assert!((got - want).abs() < 1e-12);
        }
        assert_eq!(drift(&[3.0], 1, 2), [3.0, 3.0]);
    }
}
