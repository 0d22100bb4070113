//! What is possible: ranges and whole numbers.

use crate::series::Unit;

use super::{Because, Forecast};

/// Smallest and largest possible value of a series: as declared, or 0 to 1 for a ratio that always lay there.
pub(super) fn range_of(declared: Option<(f64, f64)>, unit: Unit, values: &[f64]) -> Option<(f64, f64)> {
    let ratio = unit == Unit::Ratio && values.iter().all(|value| (0.0..=1.0).contains(value));
    declared.or(ratio.then_some((0.0, 1.0)))
}

/// Keeps everything in `range` and says so when something had to be cut.
pub(super) fn keep_in(made: &mut Forecast, range: (f64, f64)) {
    let (low, high) = range;
    let outside = |value: &f64| *value < low || *value > high;
    let bounds = made.bands.iter().flat_map(|band| band.lower.iter().chain(&band.upper));
    if made.mean.iter().chain(bounds).chain(made.paths.iter().flatten()).any(outside) {
        each(made, |value| value.clamp(low, high), |value| value.clamp(low, high), |value| value.clamp(low, high));
        made.because
            .push(Because::WithinRange { low: low.is_finite().then_some(low), high: high.is_finite().then_some(high) });
    }
}

/// Rounds to whole numbers; intervals become wider, never narrower.
pub(super) fn make_whole(made: &mut Forecast) {
    each(made, f64::round, f64::floor, f64::ceil);
}

fn each(made: &mut Forecast, middle: impl Fn(f64) -> f64, lower: impl Fn(f64) -> f64, upper: impl Fn(f64) -> f64) {
    let replace = |values: &mut [f64], by: &dyn Fn(f64) -> f64| {
        for value in values {
            *value = by(*value);
        }
    };
    replace(&mut made.mean, &middle);
    for band in &mut made.bands {
        replace(&mut band.lower, &lower);
        replace(&mut band.upper, &upper);
    }
    made.paths = std::mem::take(&mut made.paths).map(middle);
}
