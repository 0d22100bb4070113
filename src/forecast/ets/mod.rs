//! ETS without season: exponential smoothing of a level, and of a slope that may be damped.
//!
//! Input: a series without seasons. Output: the most likely model of each form with its AICc, and forecasts.
//! Never: follows a season; draws random numbers; chooses between the forms.
//!
//! Errors are additive, or relative to the forecast where all values are positive ("ZZN" of R's `ets`, statsforecast and
//! `augurs`, with their bounds). Those search with a simplex, one set of parameters after the other; here eight sets are
//! evaluated together in vector lanes (`moments`), each with its derivatives, and walk down at the same time (`search`).

mod lanes;
mod moments;
mod search;
#[cfg(test)]
mod tests;

use pulp::Arch;

use super::stats::{deviation, is_positive, mean};
use lanes::LANES;
use moments::{ALPHA, BETA, LEVEL, PHI, SLOPE};
use search::{Found, Search};

/// Bounds of the smoothing parameters and of the damping, those of statsforecast and `augurs`.
const ALPHAS: (f64, f64) = (1e-4, 0.9999);
const BETAS: (f64, f64) = (1e-4, 0.20006);
const PHIS: (f64, f64) = (0.8, 0.98);
/// Level and slope before the first value are free.
const FREE: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);
/// Values from which the search takes its first level and slope.
const FIRST: usize = 10;

/// Where the searches start: smoothing of level and slope, damping.
const STARTS: [(f64, f64, f64); LANES] = [
    (0.015, 0.0003, 0.98),
    (0.1, 0.01, 0.97),
    (0.3, 0.001, 0.9),
    (0.3, 0.1, 0.97),
    (0.6, 0.0003, 0.93),
    (0.6, 0.15, 0.9),
    (0.9, 0.001, 0.97),
    (0.9, 0.1, 0.85),
];

/// What errors are measured by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Error {
    /// Units of the series.
    Additive,
    /// The forecast; the series must be positive.
    Relative,
}

/// What the slope does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trend {
    /// There is none.
    None,
    /// It stays.
    Straight,
    /// It fades.
    Damped,
}

/// A fitted model: form, parameters, and the state before the first value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ets {
    /// What errors are measured by.
    pub(super) error: Error,
    /// What the slope does.
    pub(super) trend: Trend,
    /// Smoothing of the level, 0.0001 to 0.9999.
    pub(super) alpha: f64,
    /// Smoothing of the slope, 0 without trend, else 0.0001 to 0.20006.
    pub(super) beta: f64,
    /// Damping: 0 without trend, 1 when straight, else 0.8 to 0.98.
    pub(super) phi: f64,
    /// Level before the first value, units of the series.
    pub(super) level: f64,
    /// Slope before the first value, units of the series for a step.
    pub(super) slope: f64,
    /// Log likelihood up to a constant that depends on the number of values only, as R, statsforecast and `augurs` have it.
    pub(super) log_likelihood: f64,
    /// Akaike's criterion, corrected for short series: lower is better.
    pub(super) aicc: f64,
}

impl Ets {
    /// The most likely model of each form: of additive errors, and of relative ones too if asked and all values are positive.
    ///
    /// Forms with fewer values than their parameters and four are left out; there is none for a constant series and for
    /// values that are not finite. O(n), about 40 passes over the values in all.
    pub(super) fn forms(values: &[f64], relative: bool) -> Vec<Self> {
        let errors = if relative { &[Error::Additive, Error::Relative][..] } else { &[Error::Additive] };
        let trends = [Trend::None, Trend::Straight, Trend::Damped];
        let forms = errors.iter().flat_map(|error| trends.map(|trend| (*error, trend)));
        forms.filter_map(|(error, trend)| Self::fit(values, error, trend)).collect()
    }

    /// The most likely model of one form; `None` where [`Ets::forms`] leaves it out.
    pub(super) fn fit(values: &[f64], error: Error, trend: Trend) -> Option<Self> {
        if error == Error::Relative && !values.iter().all(|value| *value > 0.0) {
            return None;
        }
        let centre = if error == Error::Additive { mean(values) } else { 0.0 };
        let unit = if error == Error::Additive { deviation(values) } else { mean(values) };
        if !is_positive(deviation(values)) || !unit.is_finite() {
            return None;
        }
        let scaled = Scaled { values: values.iter().map(|value| (value - centre) / unit).collect(), centre, unit };
        match (error, trend) {
            (Error::Additive, Trend::None) => scaled.fit::<2, false>(),
            (Error::Additive, Trend::Straight) => scaled.fit::<4, false>(),
            (Error::Additive, Trend::Damped) => scaled.fit::<5, false>(),
            (Error::Relative, Trend::None) => scaled.fit::<2, true>(),
            (Error::Relative, Trend::Straight) => scaled.fit::<4, true>(),
            (Error::Relative, Trend::Damped) => scaled.fit::<5, true>(),
        }
    }

    /// The same parameters, at rest at `level`: for a history that ends before the one fitted begins.
    pub(super) const fn at_rest(self, level: f64) -> Self {
        Self { level, slope: 0.0, ..self }
    }

    /// Forecasts of the `steps` after `values`, which start where the fitted series did. Parameters and first state stay.
    pub(super) fn ahead(&self, values: &[f64], steps: usize) -> Vec<f64> {
        let (mut level, mut rise) = (self.level, self.phi * self.slope);
        for value in values {
            let expected = level + rise;
            let error = value - expected;
            level = expected + self.alpha * error;
            rise = self.phi * (rise + self.beta * error);
        }
        let path = (0..steps).map(|_| {
            level += rise;
            rise *= self.phi;
            level
        });
        path.collect()
    }
}

/// A series less its centre in its unit, so that the search sees moderate numbers.
struct Scaled {
    values: Vec<f64>,
    centre: f64,
    unit: f64,
}

impl Scaled {
    fn fit<const P: usize, const RELATIVE: bool>(&self) -> Option<Ets> {
        let points = self.values.len();
        if points < P + 4 {
            return None;
        }
        let (level, slope) = first_line(&self.values[..FIRST.min(points)], P > SLOPE);
        let starts = STARTS.map(|(alpha, beta, phi)| {
            let mut start = [alpha; P];
            let rest = [(LEVEL, level), (BETA, beta), (SLOPE, slope), (PHI, phi)];
            rest.into_iter().filter(|(index, _)| *index < P).for_each(|(index, value)| start[index] = value);
            start
        });
        let all = [ALPHAS, FREE, BETAS, FREE, PHIS];
        let bounds = std::array::from_fn(|index| all[index]);
        let found = Arch::new().dispatch(Search::<P, RELATIVE> { values: &self.values, starts, bounds })?;
        Some(self.in_units::<P, RELATIVE>(&found))
    }

    fn in_units<const P: usize, const RELATIVE: bool>(&self, found: &Found<P>) -> Ets {
        let at = |index: usize, missing: f64| found.parameters.get(index).copied().unwrap_or(missing);
        let points = self.values.len() as f64;
        let (parameters, estimated) = (P as f64, P as f64 + 1.0);
        let cost = found.cost + 2.0 * points * self.unit.ln();
        let correction = 2.0 * estimated * (estimated + 1.0) / (points - estimated - 1.0);
        Ets {
            error: if RELATIVE { Error::Relative } else { Error::Additive },
            trend: match P {
                2 => Trend::None,
                4 => Trend::Straight,
                _ => Trend::Damped,
            },
            alpha: at(ALPHA, 0.0),
            beta: at(BETA, 0.0),
            phi: if P > SLOPE { at(PHI, 1.0) } else { 0.0 },
            level: at(LEVEL, 0.0) * self.unit + self.centre,
            slope: at(SLOPE, 0.0) * self.unit,
            log_likelihood: -0.5 * cost,
            aicc: cost + 2.0 * parameters + correction,
        }
    }
}

/// Level before the first value, and slope: the least squares line, or the mean.
fn first_line(values: &[f64], sloped: bool) -> (f64, f64) {
    let (centre, middle) = (mean(values), (values.len() + 1) as f64 / 2.0);
    let (mut along, mut across) = (0.0, 0.0);
    for (value, position) in values.iter().zip(1..) {
        let offset = f64::from(position) - middle;
        along += offset * (value - centre);
        across += offset * offset;
    }
    let slope = if sloped && across > 0.0 { along / across } else { 0.0 };
    (centre - slope * middle, slope)
}
