//! MSTL decomposition with an ETS model of what is left, and ETS alone.
//!
//! The series is standardised first; the decomposition runs in double precision (`stlrs`, the engine of `augurs::mstl`, whose own
//! wrapper computes in single precision), the deseasonalised part goes to `augurs` AutoETS ("ZZN"), the last season of each
//! component is continued. The rolling origins decompose anew but keep the smoothing parameters: these are read off the
//! model's one-step forecasts, from which they follow exactly.

use std::panic::{AssertUnwindSafe, catch_unwind};

use augurs::ets::AutoETS;
use augurs::ets::model::TrendComponent;
use augurs::mstl::stlrs::{MstlParams, StlParams};
use augurs::{Fit, Predict};

use super::linear::Cholesky;
use super::pool::{Problem, Runs};
use super::stats::{deviation, is_positive, mean};

/// Fewest points of an ETS fit.
pub(super) const MIN_POINTS: usize = 16;
/// ETS looks at this many points at the end, or half of the history when that is more.
const ETS_POINTS: usize = 500;
/// Points decomposed in all origins together, and fewest origins.
const DECOMPOSED_POINTS: usize = 6000;
const MIN_ORIGINS: usize = 3;

/// Forecasts by MSTL and ETS, or by ETS alone without seasons. The text says what failed.
pub(super) fn run(problem: &Problem<'_>, seasons: &[usize]) -> Result<Runs, String> {
    let x = problem.values;
    if x.len() < MIN_POINTS {
        return Err(format!("{} points are fewer than the {MIN_POINTS} that ETS needs", x.len()));
    }
    let (centre, spread) = (mean(x), deviation(x));
    if !is_positive(spread) {
        return Err("the history is constant".to_owned());
    }
    let z: Vec<f64> = x.iter().map(|value| (value - centre) / spread).collect();
    let whole = decompose(&z, seasons)?;
    let skipped = z.len() - z.len().min(ETS_POINTS);
    let fitted = fit_ets(&whole.level[skipped..], problem.horizon)?;
    let back_to_units = |path: Vec<f64>| path.into_iter().map(|value| value * spread + centre).collect();
    let ahead = back_to_units(whole.with_season(fitted.ahead));
    let from_origin = |cut: usize| -> Option<Vec<f64>> {
        let part = decompose(&z[..cut], seasons).ok()?;
        let newest = part.level.get(skipped..).filter(|level| level.len() >= MIN_POINTS);
        let path = match (&fitted.recursion, newest) {
            (Some(recursion), Some(level)) => recursion.ahead(level, problem.span),
            (Some(recursion), None) => recursion.at_rest(*part.level.first()?).ahead(&part.level, problem.span),
            (None, level) => fit_ets(level?, problem.span).ok()?.ahead,
        };
        Some(back_to_units(part.with_season(path)))
    };
    // decompositions are what costs: long histories are decomposed from fewer, evenly spread origins
    let affordable = if seasons.is_empty() { usize::MAX } else { (DECOMPOSED_POINTS / x.len()).max(MIN_ORIGINS) };
    let stride = problem.cuts.len().div_ceil(affordable).max(1);
    let back = problem.cuts.iter().enumerate().map(|(j, cut)| if j % stride == 0 { from_origin(*cut) } else { None });
    let back = back.collect();
    Ok(Runs { ahead, back })
}

/// A series without its seasons, and the last cycle of each season.
struct Parts {
    level: Vec<f64>,
    cycles: Vec<Vec<f64>>,
}

impl Parts {
    fn with_season(&self, mut path: Vec<f64>) -> Vec<f64> {
        for cycle in &self.cycles {
            for (value, seasonal) in path.iter_mut().zip(cycle.iter().cycle()) {
                *value += seasonal;
            }
        }
        path
    }
}

/// MSTL by the seasons that fit twice; without any the series stays whole.
fn decompose(z: &[f64], seasons: &[usize]) -> Result<Parts, String> {
    let periods: Vec<usize> = seasons.iter().copied().filter(|season| *season >= 2 && z.len() >= 2 * season).collect();
    if periods.is_empty() {
        if seasons.is_empty() {
            return Ok(Parts { level: z.to_vec(), cycles: Vec::new() });
        }
        return Err("fewer points than two seasons".to_owned());
    }
    let mut parameters = MstlParams::new();
    let mut stl = StlParams::new();
    stl.seasonal_degree(0);
    parameters.stl_params(stl);
    let parts = contained("MSTL", || parameters.fit(z, &periods).map_err(|error| error.to_string()))?;
    let level: Vec<f64> = parts.trend().iter().zip(parts.remainder()).map(|(trend, rest)| trend + rest).collect();
    if level.iter().any(|value| !value.is_finite()) {
        return Err("MSTL gave values that are not finite".to_owned());
    }
    let cycles = parts.seasonal().iter().zip(&periods).map(|(part, period)| part[part.len() - period..].to_vec());
    Ok(Parts { cycles: cycles.collect(), level })
}

struct FittedEts {
    ahead: Vec<f64>,
    recursion: Option<Recursion>,
}

fn fit_ets(level: &[f64], horizon: usize) -> Result<FittedEts, String> {
    let flat = level.last().copied().unwrap_or(0.0);
    if deviation(level) < 1e-9 {
        return Ok(FittedEts { ahead: vec![flat; horizon], recursion: Some(Recursion::FLAT) });
    }
    contained("ETS", || {
        let fit = AutoETS::non_seasonal().fit(level).map_err(|error| error.to_string())?;
        let ahead = fit.predict(horizon, None).map_err(|error| error.to_string())?.point;
        let inside = fit.predict_in_sample(None).map_err(|error| error.to_string())?.point;
        if ahead.len() != horizon || ahead.iter().any(|value| !value.is_finite()) {
            return Err("the forecast is not finite".to_owned());
        }
        let trend = match fit.model().model_type().trend {
            TrendComponent::None => Trend::None,
            _ if fit.model().damped() => Trend::Damped,
            _ => Trend::Straight,
        };
        Ok(FittedEts { ahead, recursion: Recursion::recover(level, &inside, trend) })
    })
}

/// Runs library code that may panic on data nobody thought of.
fn contained<T>(what: &str, work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err("the library panicked".to_owned()))
        .map_err(|error| format!("{what}: {error}"))
}

#[derive(Debug, Clone, Copy)]
enum Trend {
    None,
    Straight,
    Damped,
}

/// The additive ETS recursion with known parameters (Hyndman et al. 2008): level `l`, next step's rise `s = phi b`.
#[derive(Debug, Clone, Copy)]
struct Recursion {
    alpha: f64,
    beta: f64,
    phi: f64,
    level: f64,
    rise: f64,
}

impl Recursion {
    const FLAT: Self = Self { alpha: 1.0, beta: 0.0, phi: 1.0, level: 0.0, rise: 0.0 };

    /// Parameters and first state from the one-step forecasts `inside` of `z`.
    ///
    /// With errors `e` and rises `d[t] = inside[t+1] - inside[t]` the recursion says
    /// `d[t] = phi d[t-1] + (alpha + phi beta) e[t] - phi alpha e[t-1]`, without noise; so least squares finds the
    /// parameters. `None` when they are not determined.
    fn recover(z: &[f64], inside: &[f64], trend: Trend) -> Option<Self> {
        let errors: Vec<f64> = z.iter().zip(inside).map(|(value, fitted)| value - fitted).collect();
        let rises: Vec<f64> = inside.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let (alpha, beta, phi) = match trend {
            Trend::None => {
                let rows = rises.iter().zip(&errors).map(|(rise, error)| (*rise, [*error]));
                let [alpha] = least_squares(rows)?;
                (alpha, 0.0, 0.0)
            }
            Trend::Straight => {
                let rows = (1..rises.len()).map(|t| (rises[t] - rises[t - 1], [errors[t], errors[t - 1]]));
                let [sum, minus_alpha] = least_squares(rows)?;
                (-minus_alpha, sum + minus_alpha, 1.0)
            }
            Trend::Damped => {
                let rows = (1..rises.len()).map(|t| (rises[t], [rises[t - 1], errors[t], errors[t - 1]]));
                let [phi, sum, minus] = least_squares(rows)?;
                let alpha = -minus / phi;
                (alpha, (sum - alpha) / phi, phi)
            }
        };
        let sound = (-1e-6..=1.01).contains(&alpha) && (-1e-6..=1.01).contains(&beta) && (0.0..=1.001).contains(&phi);
        let level = inside[0] + alpha * errors[0];
        let rise = if matches!(trend, Trend::None) { 0.0 } else { inside[1] - level };
        sound.then_some(Self { alpha, beta, phi, level, rise })
    }

    /// The same parameters, at rest at `level`: for histories that end before the ETS fit began.
    const fn at_rest(self, level: f64) -> Self {
        Self { level, rise: 0.0, ..self }
    }

    fn ahead(mut self, z: &[f64], steps: usize) -> Vec<f64> {
        for value in &z[1..] {
            let expected = self.level + self.rise;
            let error = value - expected;
            self.level = expected + self.alpha * error;
            self.rise = self.phi * (self.rise + self.beta * error);
        }
        let (mut level, mut rise) = (self.level, self.rise);
        (0..steps)
            .map(|_| {
                level += rise;
                rise *= self.phi;
                level
            })
            .collect()
    }
}

/// Least squares of `rows` of (target, regressors); `None` when the regressors do not determine it.
fn least_squares<const D: usize>(rows: impl Iterator<Item = (f64, [f64; D])>) -> Option<[f64; D]> {
    let (mut matrix, mut right) = (vec![0.0; D * D], vec![0.0; D]);
    for (target, regressors) in rows {
        for i in 0..D {
            right[i] += regressors[i] * target;
            for j in 0..=i {
                matrix[i * D + j] += regressors[i] * regressors[j];
            }
        }
    }
    let size = (0..D).map(|i| matrix[i * D + i]).fold(0.0, f64::max);
    if !is_positive(size) {
        return None;
    }
    matrix.iter_mut().chain(right.iter_mut()).for_each(|value| *value /= size);
    let solution = Cholesky::new(matrix, D)?.solve(&right);
    Some(std::array::from_fn(|i| solution[i]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One-step forecasts of `z` and the forecast after it.
    fn simulate(z: &[f64], by: Recursion) -> (Vec<f64>, Vec<f64>) {
        let (mut level, mut rise, mut inside) = (by.level, by.rise, Vec::new());
        for value in z {
            let expected = level + rise;
            inside.push(expected);
            level = expected + by.alpha * (value - expected);
            rise = by.phi * (rise + by.beta * (value - expected));
        }
        let ahead = (0..5).scan((level, rise), |state, _| {
            state.0 += state.1;
            state.1 *= by.phi;
            Some(state.0)
        });
        (inside, ahead.collect())
    }

    #[test]
    fn parameters_follow_from_one_step_forecasts() {
        let z: Vec<f64> = (0..60).map(|i| f64::from(i) * 0.1 + f64::from(i * i % 7) * 0.3).collect();
        for (trend, beta, phi) in [(Trend::None, 0.0, 0.0), (Trend::Straight, 0.1, 1.0), (Trend::Damped, 0.2, 0.9)] {
            let rise = if phi > 0.0 { 0.05 } else { 0.0 };
            let (inside, ahead) = simulate(&z, Recursion { alpha: 0.3, beta, phi, level: 0.5, rise });
            let found = Recursion::recover(&z, &inside, trend).expect("determined");
            for (got, want) in [(found.alpha, 0.3), (found.beta, beta), (found.phi, phi)] {
                assert!((got - want).abs() < 1e-6, "{found:?}");
            }
            for (got, want) in found.ahead(&z, 5).iter().zip(&ahead) {
                assert!((got - want).abs() < 1e-6, "{got} is not {want}");
            }
        }
    }

    #[test]
    fn a_panic_in_a_library_is_an_error() {
        let result: Result<(), String> = contained("it", || Err("x".to_owned()));
        assert_eq!(result, Err("it: x".to_owned()));
    }
}
