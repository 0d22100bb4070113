//! Prophet's form of a forecast: a piecewise linear trend, Fourier seasons, holidays and regressors, added up.
//!
//! Input: values at equal steps, which of them count, the seasons ([`Cycle`]) and [`Regressor`]s over history and horizon.
//! Output: a [`Fitted`] model: trend, seasons and effects at each step, and futures with simulated trend changes.
//! Never: reads dates or the clock; never samples a posterior.
//!
//! Model and priors are those of Taylor and Letham (2018) as the Prophet package sets them: values over their largest
//! size, time from 0 to 1 over the history, slope and offset normal with deviation 5, slope changes at 25 points over the
//! first 80 % of the history with a Laplace prior of scale 0.05, Fourier and regressor coefficients normal with their own
//! deviation (10), noise half normal with deviation 0.5. The most likely parameters are found exactly (`solve`): with the
//! noise fixed they are a lasso in the slope changes on one Gram matrix (`moments`), the noise follows in closed form, and
//! the two alternate. No sampler and no general optimiser is needed.

mod columns;
mod lasso;
mod moments;
mod run;
mod simulate;
mod solve;

use columns::Columns;
use moments::Moments;
use solve::Estimate;

pub use columns::{AfterEnd, Cycle, Regressor};
pub(super) use run::run;
pub use simulate::Simulated;

/// Fewest observed values of a fit.
const MIN_POINTS: usize = 4;

/// How stiff the trend is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trend {
    /// Points at which the slope may change. Prophet: 25.
    pub changes: usize,
    /// Share of the history, from its start, that holds them, above 0 and up to 1. Prophet: 0.8.
    pub share: f64,
    /// Scale of the Laplace prior of a change, in largest values per length of the history, above 0. Prophet: 0.05.
    pub scale: f64,
}

/// What is to be fitted.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// Values, finite, oldest first.
    pub values: &'a [f64],
    /// Which values count, one for each; where it is false the value is not looked at.
    pub observed: &'a [bool],
    /// Steps that will be forecast: regressors are read that far.
    pub horizon_steps: usize,
    /// Seasons.
    pub cycles: &'a [Cycle],
    /// Holidays and other regressors.
    pub regressors: &'a [Regressor],
    /// The trend.
    pub trend: Trend,
}

/// Why there is no fit.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ProphetError {
    /// Too few values.
    #[error("prophet needs at least {needed} observed values, got {got}")]
    TooShort {
        /// Observed values.
        got: usize,
        /// Needed.
        needed: usize,
    },
    /// A regressor has no value for some step.
    #[error(
        "regressor `{name}` has {got} values, but history and horizon need {needed}; give its future or let it hold"
    )]
    RegressorEnds {
        /// Name of the regressor.
        name: String,
        /// Values given.
        got: usize,
        /// Values needed.
        needed: usize,
    },
    /// A regressor is NaN or infinite somewhere.
    #[error("regressor `{name}` is not finite at step {at}")]
    RegressorNotFinite {
        /// Name of the regressor.
        name: String,
        /// Step, counted from 0 at the start of the history.
        at: usize,
    },
    /// The equations could not be solved.
    #[error("the regression is singular")]
    Singular,
}

/// A fitted model, immutable.
#[derive(Debug, Clone)]
pub struct Fitted {
    columns: Columns,
    estimate: Estimate,
    /// Indices at which the slope may change.
    knots: Vec<usize>,
    points: usize,
    horizon: usize,
    largest: f64,
}

impl Default for Trend {
    fn default() -> Self {
        Self { changes: 25, share: 0.8, scale: 0.05 }
    }
}

/// The most likely model.
///
/// O(points × width²) for `width` Fourier and regressor columns, and a small system for each of about ten rounds.
///
/// # Errors
/// [`ProphetError::TooShort`] below 4 observed values, [`ProphetError::RegressorEnds`] and
/// [`ProphetError::RegressorNotFinite`] for regressors, [`ProphetError::Singular`] when values are not finite.
///
/// ```
/// use tidewatch::forecast::prophet::{Cycle, Input, Trend, fit};
///
/// let values: Vec<f64> = (0..96).map(|t| 50.0 + 0.1 * f64::from(t) + f64::from(t % 2)).collect();
/// let input = Input {
///     values: &values,
///     observed: &[true; 96],
///     horizon_steps: 4,
///     cycles: &[Cycle::new(2.0, 1)],
///     regressors: &[],
///     trend: Trend::default(),
/// };
/// let fitted = fit(&input)?;
/// assert!((fitted.mean(97) - 60.7).abs() < 0.1);
/// let short = fit(&Input { values: &values[..2], observed: &[true; 2], ..input });
/// assert_eq!(
///     short.map(|_| ()).map_err(|error| error.to_string()),
///     Err("prophet needs at least 4 observed values, got 2".to_owned())
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn fit(input: &Input<'_>) -> Result<Fitted, ProphetError> {
    let (mut whole, _) = fit_with_origins(input, &[])?;
    whole.horizon = input.horizon_steps;
    Ok(whole)
}

/// An estimate of the rows before an end, and that end; `None` where it failed.
type AtCut = Option<(Estimate, usize)>;

/// The model of the whole history, and models of the same form of what lies before each of `cuts`.
///
/// The models at the cuts keep scale, seasons and the places of changes, and cost one small system each.
fn fit_with_origins(input: &Input<'_>, cuts: &[usize]) -> Result<(Fitted, Vec<AtCut>), ProphetError> {
    let points = input.values.len();
    let seen = input.observed.iter().take(points).filter(|seen| **seen).count();
    if seen < MIN_POINTS {
        return Err(ProphetError::TooShort { got: seen, needed: MIN_POINTS });
    }
    let columns = Columns::new(input)?;
    let sizes = input.values.iter().zip(input.observed).filter(|(_, seen)| **seen).map(|(value, _)| value.abs());
    let largest = sizes.fold(0.0, f64::max).max(f64::MIN_POSITIVE);
    let scaled: Vec<f64> = input.values.iter().map(|value| value / largest).collect();
    let knots = knots(points, input.trend);
    let mut ends = cuts.to_vec();
    ends.push(points);
    let sums = Moments::collect(&scaled, input.observed, &columns, &knots, &ends);
    let mut estimates: Vec<AtCut> = sums
        .iter()
        .zip(&ends)
        .map(|(sums, end)| {
            let usable = knots.iter().take_while(|knot| (**knot as f64) < input.trend.share * *end as f64).count();
            let length = (end.saturating_sub(1)).max(1) as f64 / (points - 1).max(1) as f64;
            Some((solve::solve(sums, &columns.priors, usable, input.trend.scale / length, 5.0 / length)?, *end))
        })
        .collect();
    let estimate = estimates.pop().flatten().ok_or(ProphetError::Singular)?.0;
    Ok((Fitted { columns, estimate, knots, points, horizon: input.horizon_steps, largest }, estimates))
}

/// Evenly spread indices over the first part of the history, without its start, as Prophet places them.
fn knots(points: usize, trend: Trend) -> Vec<usize> {
    let part = ((points as f64 * trend.share).floor() as usize).min(points);
    let count = trend.changes.min(part.saturating_sub(1));
    (1..=count)
        .map(|index| ((part.saturating_sub(1)) as f64 * index as f64 / count as f64).round_ties_even() as usize)
        .collect()
}

impl Fitted {
    /// Steps of history and horizon together.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.points + self.horizon
    }

    /// The trend at step `at`, counted from the start of the history, in the unit of the values. Any step.
    #[must_use]
    pub fn trend(&self, at: usize) -> f64 {
        self.largest * self.scaled_trend(&self.estimate, at)
    }

    /// What seasons, holidays and regressors add at step `at`; 0 beyond the horizon.
    #[must_use]
    pub fn effects(&self, at: usize) -> f64 {
        self.largest * self.columns.dot(at, &self.estimate.effects)
    }

    /// The forecast, or the fitted value, at step `at`.
    #[must_use]
    pub fn mean(&self, at: usize) -> f64 {
        self.trend(at) + self.effects(at)
    }

    /// What the regressor or holiday `name` adds where it is 1 (or one deviation above its mean, unless it is 0 or 1).
    #[must_use]
    pub fn effect_of(&self, name: &str) -> Option<f64> {
        let column = self.columns.named(name)?;
        self.estimate.effects.get(column).map(|effect| effect * self.largest)
    }

    /// Standard deviation of the noise, in the unit of the values.
    #[must_use]
    pub fn sigma(&self) -> f64 {
        self.largest * self.estimate.sigma
    }

    /// Changes of slope per step with the index after which each acts, in the unit of the values.
    #[must_use]
    pub fn changes(&self) -> Vec<(usize, f64)> {
        let per_step = self.largest / self.length();
        self.knots.iter().copied().zip(self.estimate.changes.iter().map(|change| change * per_step)).collect()
    }

    fn length(&self) -> f64 {
        (self.points - 1).max(1) as f64
    }

    fn scaled_trend(&self, estimate: &Estimate, at: usize) -> f64 {
        let time = at as f64 / self.length();
        let bends = self.knots.iter().zip(&estimate.changes).take_while(|(knot, _)| **knot < at);
        let bent: f64 = bends.map(|(knot, change)| change * (at - knot) as f64 / self.length()).sum();
        estimate.offset + estimate.slope * time + bent
    }

    /// Forecast of `steps` from step `from` by another estimate of the same form, in the unit of the values.
    fn path(&self, estimate: &Estimate, from: usize, steps: usize) -> Vec<f64> {
        (from..from + steps)
            .map(|at| {
                let value = self.scaled_trend(estimate, at) + self.columns.dot(at, &estimate.effects);
                value * self.largest
            })
            .collect()
    }
}

/// Sum of products, in four chains so that they overlap.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a_blocks, a_rest) = a.as_chunks::<4>();
    let (b_blocks, b_rest) = b[..a.len().min(b.len())].as_chunks::<4>();
    let mut sums = [0.0; 4];
    for (x, y) in a_blocks.iter().zip(b_blocks) {
        for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
            *sum += x * y;
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum();
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests;
