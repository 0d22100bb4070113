//! Prophet's form as a candidate: the whole history and every origin.

use super::{Input, ProphetError, Trend, fit_with_origins};
use crate::forecast::pool::{Problem, Runs};

/// Forecasts from the end and from every origin, with the seasons of `problem` as Prophet chooses them.
///
/// The fits at the origins keep scale, seasons and the places of changes.
///
/// # Errors
/// As [`fit`](super::fit).
pub(in crate::forecast) fn run(problem: &Problem<'_>) -> Result<Runs, ProphetError> {
    let input = Input {
        values: problem.values,
        observed: problem.observed,
        horizon_steps: problem.horizon,
        cycles: &problem.extras.cycles,
        regressors: &problem.extras.regressors,
        trend: Trend::default(),
    };
    let (whole, origins) = fit_with_origins(&input, &problem.cuts)?;
    let ahead = whole.path(&whole.estimate, whole.points, problem.horizon);
    let back = origins.iter().map(|fit| fit.as_ref().map(|(fit, end)| whole.path(fit, *end, problem.span)));
    Ok(Runs { ahead, back: back.collect() })
}
