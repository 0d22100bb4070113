//! The median of the last values at the same phase: a season that one bad day does not bend.

use super::pool::{Problem, Runs};
use super::stats::median;

/// Numbers of cycles tried.
const CYCLES: [usize; 3] = [3, 5, 9];

/// Median of the last `cycles` values of each phase of `season`, repeated over `steps`; the phase of a season of 1 is one.
///
/// Fewer cycles where the history holds fewer. `history` is not empty.
pub(super) fn forecast(history: &[f64], season: usize, cycles: usize, steps: usize) -> Vec<f64> {
    let season = season.clamp(1, history.len().max(1));
    let phases: Vec<f64> = (1..=season.min(steps))
        .map(|ahead| {
            let last = history.len() + ahead - 1;
            let same: Vec<f64> =
                (1..=cycles).filter_map(|back| history.get(last.checked_sub(back * season)?).copied()).collect();
            median(&same)
        })
        .collect();
    phases.iter().copied().cycle().take(steps).collect()
}

/// Forecasts at every origin, with the number of cycles that did best there.
pub(super) fn run(problem: &Problem<'_>, season: usize) -> Runs {
    let tried = CYCLES.map(|cycles| {
        let runs = problem.each_origin(|history, steps| Some(forecast(history, season, cycles, steps)));
        (problem.error(&runs.back).unwrap_or(f64::INFINITY), runs)
    });
    let [first, second, third] = tried;
    let better = |a: (f64, Runs), b: (f64, Runs)| if b.0 < a.0 { b } else { a };
    better(better(first, second), third).1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_cycle_does_not_show() {
        let mut values: Vec<f64> = (0..40).map(|i| f64::from(i % 4)).collect();
        values[33..37].fill(90.0);
        assert_eq!(forecast(&values, 4, 3, 6), [0.0, 1.0, 2.0, 3.0, 0.0, 1.0]);
        assert_eq!(forecast(&[5.0, 7.0], 1, 5, 2), [6.0, 6.0]);
        assert_eq!(forecast(&[5.0], 24, 5, 2), [5.0, 5.0]);
    }
}
