//! The one-step errors of eight sets of parameters, how they change with each parameter, and sums of products of both.
//!
//! The state is level `l` and slope `b`: the forecast is `f = l + phi b`, its error `e = y - f`, and then
//! `l' = f + alpha e`, `b' = phi b + beta e` (Hyndman et al. 2008, table 2.1; errors relative to the forecast change the
//! likelihood but not the states). Derivatives follow the same recursion.

use super::lanes::{LANES, Lanes};

/// Positions of the parameters. Without trend there are the first two, with a straight trend the first four.
pub(super) const ALPHA: usize = 0;
/// The level before the first value.
pub(super) const LEVEL: usize = 1;
/// Smoothing of the slope.
pub(super) const BETA: usize = 2;
/// The slope before the first value.
pub(super) const SLOPE: usize = 3;
/// Damping of the slope.
pub(super) const PHI: usize = 4;

/// Forecasts whose logarithms are taken together, as the logarithm of their product.
const PRODUCT: usize = 8;

/// Sums over all values for `P` parameters in eight lanes; errors are relative to the forecast if so asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moments<const P: usize> {
    /// Squared errors.
    pub(super) squares: Lanes,
    /// Errors times how the error falls with each parameter: half the descent of `squares`.
    pub(super) descent: [Lanes; P],
    /// Products of how the error falls with two parameters; the lower triangle.
    pub(super) products: [[Lanes; P]; P],
    /// Logarithms of the forecasts; only for relative errors.
    pub(super) logs: Lanes,
    /// How these logarithms grow with each parameter.
    pub(super) growth: [Lanes; P],
    /// The smallest forecast; only for relative errors.
    pub(super) least: Lanes,
}

/// One pass over `values`: about 60 operations for each value and set of parameters when `P` is 5.
#[inline(always)]
pub(super) fn moments<const P: usize, const RELATIVE: bool>(values: &[f64], at: &[Lanes; P]) -> Moments<P> {
    let mut sums = Moments {
        squares: Lanes::ZERO,
        descent: [Lanes::ZERO; P],
        products: [[Lanes::ZERO; P]; P],
        logs: Lanes::ZERO,
        growth: [Lanes::ZERO; P],
        least: Lanes([f64::INFINITY; LANES]),
    };
    let mut state = State::before(at);
    for chunk in values.chunks(PRODUCT) {
        let mut product = Lanes::ONE;
        for value in chunk {
            let value = Lanes([*value; LANES]);
            let (rise, rise_by) = state.rise(at);
            let (mut forecast, mut forecast_by) = (state.level, state.level_by);
            if P > SLOPE {
                forecast += rise;
                for (by, rise) in forecast_by.iter_mut().zip(rise_by) {
                    *by += rise;
                }
            }
            let error = value - forecast;
            if RELATIVE {
                product = product * forecast;
                sums.least = sums.least.min(forecast);
                let share = Lanes::ONE / forecast;
                sums.add_growth(&forecast_by, share);
                let scaled = value * share * share;
                sums.add(error * share, forecast_by.map(|by| by * scaled));
            } else {
                sums.add(error, forecast_by);
            }
            state.learn(at, (forecast, &forecast_by), (rise, &rise_by), error);
        }
        if RELATIVE {
            sums.logs += product.ln();
        }
    }
    sums
}

/// Level and slope, and how they change with each parameter.
struct State<const P: usize> {
    level: Lanes,
    level_by: [Lanes; P],
    slope: Lanes,
    slope_by: [Lanes; P],
}

impl<const P: usize> State<P> {
    /// Before the first value.
    #[inline(always)]
    fn before(at: &[Lanes; P]) -> Self {
        let (mut level_by, mut slope_by) = ([Lanes::ZERO; P], [Lanes::ZERO; P]);
        level_by[LEVEL] = Lanes::ONE;
        let mut slope = Lanes::ZERO;
        if P > SLOPE {
            slope = at[SLOPE];
            slope_by[SLOPE] = Lanes::ONE;
        }
        Self { level: at[LEVEL], level_by, slope, slope_by }
    }

    /// By how much the next level is expected to rise.
    #[inline(always)]
    fn rise(&self, at: &[Lanes; P]) -> (Lanes, [Lanes; P]) {
        let (mut rise, mut rise_by) = (self.slope, self.slope_by);
        if P > PHI {
            rise = at[PHI] * rise;
            for by in &mut rise_by {
                *by = at[PHI] * *by;
            }
            rise_by[PHI] += self.slope;
        }
        (rise, rise_by)
    }

    /// The state after an error of the forecast.
    #[inline(always)]
    fn learn(
        &mut self,
        at: &[Lanes; P],
        (forecast, forecast_by): (Lanes, &[Lanes; P]),
        (rise, rise_by): (Lanes, &[Lanes; P]),
        error: Lanes,
    ) {
        let alpha = at[ALPHA];
        let keep = Lanes::ONE - alpha;
        self.level = forecast + alpha * error;
        for (level, forecast) in self.level_by.iter_mut().zip(forecast_by) {
            *level = keep * *forecast;
        }
        self.level_by[ALPHA] += error;
        if P > SLOPE {
            let beta = at[BETA];
            self.slope = rise + beta * error;
            for ((slope, rise), forecast) in self.slope_by.iter_mut().zip(rise_by).zip(forecast_by) {
                *slope = *rise - beta * *forecast;
            }
            self.slope_by[BETA] += error;
        }
    }
}

impl<const P: usize> Moments<P> {
    #[inline(always)]
    fn add(&mut self, error: Lanes, falls: [Lanes; P]) {
        self.squares += error * error;
        for i in 0..P {
            self.descent[i] += error * falls[i];
            for j in 0..=i {
                self.products[i][j] += falls[i] * falls[j];
            }
        }
    }

    #[inline(always)]
    fn add_growth(&mut self, forecast_by: &[Lanes; P], share: Lanes) {
        for (growth, by) in self.growth.iter_mut().zip(forecast_by) {
            *growth += *by * share;
        }
    }
}
