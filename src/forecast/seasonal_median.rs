//! The median of the last values at the same phase: a season that one bad day does not bend.

use super::pool::{Problem, Runs};

/// Numbers of cycles tried.
const CYCLES: [usize; 3] = [3, 5, MOST_CYCLES];
const MOST_CYCLES: usize = 9;

/// Median of the last `cycles` values of each phase of `season`, repeated over `steps`; the phase of a season of 1 is one.
///
/// Fewer cycles where the history holds fewer. `history` is not empty.
pub(super) fn forecast(history: &[f64], season: usize, cycles: usize, steps: usize) -> Vec<f64> {
    let season = season.clamp(1, history.len().max(1));
    let last = history.len();
    let phases: Vec<f64> =
        (0..season.min(steps)).map(|ahead| same_phase(history, season, cycles, last + ahead)).collect();
    phases.iter().copied().cycle().take(steps).collect()
}

/// Forecasts at every origin, with the number of cycles that would have erred least over the second half of the history.
///
/// O(points × cycles) for the choice, O(season) for each origin.
pub(super) fn run(problem: &Problem<'_>, season: usize) -> Runs {
    let values = problem.values;
    let error = |cycles: usize| -> f64 {
        let scored = (values.len() / 2..values.len()).filter(|at| problem.observed[*at] && *at >= season);
        scored.map(|at| (values[at] - same_phase(values, season, cycles, at)).abs()).sum()
    };
    let cycles = CYCLES.into_iter().min_by(|a, b| error(*a).total_cmp(&error(*b))).unwrap_or(CYCLES[0]);
    problem.each_origin(|history, steps| Some(forecast(history, season, cycles, steps)))
}

/// Median of up to `cycles` values one season and more before index `at`; 0 without any.
fn same_phase(history: &[f64], season: usize, cycles: usize, at: usize) -> f64 {
    let mut same = [0.0; MOST_CYCLES];
    let mut count = 0;
    for back in 1..=cycles.min(MOST_CYCLES) {
        let Some(value) = at.checked_sub(back * season).and_then(|at| history.get(at)) else { break };
        same[count] = *value;
        count += 1;
    }
    let same = &mut same[..count];
    same.sort_unstable_by(f64::total_cmp);
    let middle = |index: usize| same.get(index).copied().unwrap_or(0.0);
    f64::midpoint(middle(count / 2), middle(count.saturating_sub(1) / 2))
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
