//! Candidates side by side: every model forecasts from the end and from the same earlier origins.

use super::stats::{range, weighted_quantile};
use super::{Model, ar, croston, growth, holt_winters, mstl_ets, naive, prophet, seasonal_median, theta};

/// Weight of an origin relative to the next newer one.
pub(super) const DISCOUNT: f64 = 0.95;
/// A forecast may leave the range of the history by this share of the range.
const MARGIN: f64 = 0.25;
/// A horizon is long when it is more than this share of the history.
const LONG: f64 = 0.25;

/// One series to forecast, scaled to moderate size, and the origins to judge by.
pub(super) struct Problem<'a> {
    /// Values, finite, not all equal.
    pub(super) values: &'a [f64],
    /// Which values were observed; errors at others do not count.
    pub(super) observed: &'a [bool],
    /// Seasons that lags may follow, ascending.
    pub(super) seasons: &'a [usize],
    /// Steps to forecast.
    pub(super) horizon: usize,
    /// Steps to forecast from each origin: the horizon, or a quarter of the history when that is shorter.
    pub(super) span: usize,
    /// Origins, newest first: a forecast from origin `c` sees the values before index `c`.
    pub(super) cuts: Vec<usize>,
    /// What only some models look at.
    pub(super) extras: Extras,
}

/// Knowledge beyond the values.
#[derive(Debug, Clone, Default)]
pub(super) struct Extras {
    /// Seasons of the prophet model.
    pub(super) cycles: Vec<prophet::Cycle>,
    /// Regressors of the prophet model, over history and horizon, scaled like nothing: they are standardised there.
    pub(super) regressors: Vec<prophet::Regressor>,
    /// Smallest and largest possible value, scaled as the values are.
    pub(super) range: Option<(f64, f64)>,
}

/// Forecasts of one model.
#[derive(Debug, Clone)]
pub(super) struct Runs {
    /// From the end of the series, `horizon` steps; of another length when the model failed.
    pub(super) ahead: Vec<f64>,
    /// From each origin, `span` steps; `None` where the model had too little to learn from.
    pub(super) back: Vec<Option<Vec<f64>>>,
}

/// A candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Member {
    Naive,
    Seasonal(usize),
    Drift(usize),
    Ets,
    MstlEts,
    Ar { target: ar::Target, log: bool },
    HoltWinters { season: usize, log: bool },
    Prophet,
    Theta(usize),
    Intermittent(croston::Method),
    SeasonalMedian(usize),
    Growth(usize),
}

/// A candidate that worked.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) member: Member,
    pub(super) runs: Runs,
    /// Discounted mean absolute error over the origins, if there were any.
    pub(super) error: Option<f64>,
    /// Whether its forecast from the end left the history too far and was held back.
    pub(super) damped: bool,
}

/// Several candidates as one.
#[derive(Debug, Clone)]
pub(super) struct Pooled {
    pub(super) runs: Runs,
    /// One weight for each candidate, adding up to 1.
    pub(super) weights: Vec<f64>,
}

impl<'a> Problem<'a> {
    pub(super) fn new(
        values: &'a [f64],
        observed: &'a [bool],
        seasons: &'a [usize],
        horizon: usize,
        origins: usize,
    ) -> Self {
        let n = values.len();
        let span = horizon.min((n / 4).max(1));
        let stride = (span / 2).max(1);
        let cuts = if n < 8 {
            Vec::new()
        } else {
            (0..origins).filter_map(|j| n.checked_sub(span + j * stride)).take_while(|cut| *cut >= n / 2).collect()
        };
        Self { values, observed, seasons, horizon, span, cuts, extras: Extras::default() }
    }

    /// Whether the horizon is too long for the history to be judged at its end.
    pub(super) fn is_long(&self) -> bool {
        self.horizon as f64 > LONG * self.values.len() as f64
    }

    /// Runs `forecast(history, steps)` from the end and from every origin.
    pub(super) fn each_origin(&self, mut forecast: impl FnMut(&[f64], usize) -> Option<Vec<f64>>) -> Runs {
        let ahead = forecast(self.values, self.horizon).unwrap_or_default();
        let back = self.cuts.iter().map(|cut| forecast(&self.values[..*cut], self.span)).collect();
        Runs { ahead, back }
    }

    /// Discounted mean absolute error of forecasts from the origins; `None` when nothing can be compared.
    pub(super) fn error(&self, back: &[Option<Vec<f64>>]) -> Option<f64> {
        self.loss(back, f64::abs)
    }

    /// The same of squares.
    pub(super) fn squared_error(&self, back: &[Option<Vec<f64>>]) -> Option<f64> {
        self.loss(back, |error| error * error)
    }

    fn loss(&self, back: &[Option<Vec<f64>>], of: impl Fn(f64) -> f64) -> Option<f64> {
        let (mut sum, mut total, mut weight) = (0.0, 0.0, 1.0);
        for (cut, path) in self.cuts.iter().zip(back) {
            for (predicted, at) in path.iter().flatten().zip(*cut..) {
                if self.observed[at] {
                    sum += weight * of(self.values[at] - predicted);
                    total += weight;
                }
            }
            weight *= DISCOUNT;
        }
        (total > 0.0).then(|| sum / total)
    }
}

impl Member {
    /// The public name.
    pub(super) const fn model(self) -> Model {
        match self {
            Self::Naive => Model::Naive,
            Self::Seasonal(_) => Model::SeasonalNaive,
            Self::Drift(_) => Model::Drift,
            Self::Ets => Model::Ets,
            Self::MstlEts => Model::MstlEts,
            Self::Ar { .. } => Model::ArRidge,
            Self::HoltWinters { .. } => Model::HoltWinters,
            Self::Prophet => Model::Prophet,
            Self::Theta(_) => Model::Theta,
            Self::Intermittent(croston::Method::Croston) => Model::Croston,
            Self::Intermittent(croston::Method::Sba) => Model::Sba,
            Self::Intermittent(croston::Method::Tsb) => Model::Tsb,
            Self::SeasonalMedian(_) => Model::SeasonalMedian,
            Self::Growth(_) => Model::Growth,
        }
    }

    /// Whether the model works on logarithms.
    pub(super) const fn is_log(self) -> bool {
        matches!(self, Self::Ar { log: true, .. } | Self::HoltWinters { log: true, .. })
    }

    /// Fits and runs; the text says why not.
    pub(super) fn run(self, problem: &Problem<'_>, seasons: &[usize]) -> Result<Candidate, String> {
        let logs: Option<Vec<f64>> = self.is_log().then(|| problem.values.iter().map(|value| value.ln()).collect());
        let x = logs.as_deref().unwrap_or(problem.values);
        let refused = || "too few points or a constant history".to_owned();
        let mut runs = match self {
            Self::Naive => naive::run_naive(problem),
            Self::Seasonal(season) => naive::run_seasonal(problem, season),
            Self::Drift(season) => naive::run_drift(problem, season),
            Self::Ets => mstl_ets::run(problem, &[])?,
            Self::MstlEts => mstl_ets::run(problem, seasons)?,
            Self::Ar { target, .. } => ar::run(problem, x, target).ok_or_else(refused)?,
            Self::HoltWinters { season, .. } => holt_winters::run(problem, x, season).ok_or_else(refused)?,
            Self::Prophet => prophet::run(problem).map_err(|error| error.to_string())?,
            Self::Theta(season) => theta::run(problem, season).ok_or_else(refused)?,
            Self::Intermittent(method) => croston::run(problem, method).ok_or("a value is below 0")?,
            Self::SeasonalMedian(season) => seasonal_median::run(problem, season),
            Self::Growth(season) => growth::run(problem, season).ok_or_else(refused)?,
        };
        if logs.is_some() {
            from_logs(&mut runs, range(x));
        }
        let limits = Limits::of(problem.values);
        let damped = limits.apply(&mut runs.ahead);
        for path in runs.back.iter_mut().flatten() {
            limits.apply(path);
        }
        if runs.ahead.len() != problem.horizon || runs.ahead.iter().any(|value| !value.is_finite()) {
            return Err("the forecast is not finite".to_owned());
        }
        for path in &mut runs.back {
            if path.as_ref().is_some_and(|path| path.iter().any(|value| !value.is_finite())) {
                *path = None;
            }
        }
        let error = problem.error(&runs.back);
        Ok(Candidate { member: self, runs, error, damped })
    }
}

fn from_logs(runs: &mut Runs, (low, high): (f64, f64)) {
    let width = high - low;
    for path in std::iter::once(&mut runs.ahead).chain(runs.back.iter_mut().flatten()) {
        for value in path {
            *value = value.clamp(low - width, high + width).exp();
        }
    }
}

/// How far a forecast may leave the history: a quarter of its range, or, beyond a quarter of its length ahead, as far as its
/// whole range repeated at the same pace; never below 0 when no value was.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    low: f64,
    high: f64,
    points: f64,
}

impl Limits {
    pub(super) fn of(values: &[f64]) -> Self {
        let (low, high) = range(values);
        Self { low, high, points: values.len() as f64 }
    }

    /// Whether something had to be held back, but for values below 0.
    pub(super) fn apply(self, path: &mut [f64]) -> bool {
        let mut damped = false;
        for (step, value) in path.iter_mut().enumerate() {
            let margin = (self.high - self.low) * MARGIN.max((step + 1) as f64 / self.points);
            let floor = if self.low >= 0.0 { (self.low - margin).max(0.0) } else { self.low - margin };
            if value.is_finite() {
                damped |= *value > self.high + margin || *value < self.low - margin;
                *value = value.clamp(floor, self.high + margin);
            }
        }
        damped
    }
}

/// Weighted median of the candidates, weighted by a power of their errors that grows with what the errors are based on.
pub(super) fn pool(problem: &Problem<'_>, candidates: &[Candidate]) -> Pooled {
    let weights = weights(problem, candidates);
    let runs: Vec<&Runs> = candidates.iter().map(|candidate| &candidate.runs).collect();
    let ahead =
        median_path(problem.horizon, runs.iter().map(|runs| runs.ahead.as_slice()).zip(weights.iter().copied()));
    let back: Vec<Option<Vec<f64>>> = (0..problem.cuts.len())
        .map(|origin| {
            let paths: Vec<(&[f64], f64)> = runs
                .iter()
                .zip(&weights)
                .filter_map(|(runs, weight)| Some((runs.back[origin].as_deref()?, *weight)))
                .collect();
            (!paths.is_empty()).then(|| median_path(problem.span, paths.into_iter()))
        })
        .collect();
    Pooled { runs: Runs { ahead, back }, weights }
}

fn weights(problem: &Problem<'_>, candidates: &[Candidate]) -> Vec<f64> {
    let errors: Vec<f64> = candidates.iter().filter_map(|candidate| candidate.error).collect();
    let (best, worst) = range(&errors);
    let (low, high) = range(problem.values);
    let tiny = 1e-9 * (high - low);
    let mut power = (problem.values.len() as f64 / (12.0 * problem.span as f64)).min(4.0);
    if problem.is_long() {
        power = power.max(2.0);
    }
    let raw: Vec<f64> = candidates
        .iter()
        .map(|candidate| ((best + tiny) / (candidate.error.unwrap_or(worst) + tiny)).powf(power))
        .collect();
    let total: f64 = raw.iter().sum();
    raw.into_iter().map(|weight| weight / total).collect()
}

fn median_path<'p>(steps: usize, paths: impl Iterator<Item = (&'p [f64], f64)>) -> Vec<f64> {
    let paths: Vec<(&[f64], f64)> = paths.collect();
    let mut column = Vec::with_capacity(paths.len());
    (0..steps)
        .map(|step| {
            column.clear();
            column.extend(paths.iter().map(|(path, weight)| (path[step], *weight)));
            column.sort_by(|a: &(f64, f64), b| a.0.total_cmp(&b.0));
            weighted_quantile(&column, 0.5)
        })
        .collect()
}
