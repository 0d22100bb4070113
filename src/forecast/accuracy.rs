//! How good a forecast was: measures as published, on plain slices.
//!
//! All of them pair `actual` with `predicted` index by index and ignore what one has beyond the other; NaN in either gives NaN. No
//! points give NaN, so that an empty comparison is never mistaken for a perfect one. Every measure is O(n).

/// Mean absolute error.
#[must_use]
pub fn mae(actual: &[f64], predicted: &[f64]) -> f64 {
    average(actual.iter().zip(predicted).map(|(a, p)| (a - p).abs()))
}

/// Mean absolute error of the seasonal naive forecast inside `history`: the denominator of MASE and MSIS.
///
/// `season` of 1 is the naive forecast; a history of no more than two seasons is scaled by season 1, as in the M4
/// competition. `None` when that error is 0 or undefined (constant or too short).
#[must_use]
pub fn naive_scale(history: &[f64], season: usize) -> Option<f64> {
    let season = if history.len() > season.max(1).saturating_mul(2) { season.max(1) } else { 1 };
    let scale = average(history.iter().zip(history.get(season..)?).map(|(early, late)| (late - early).abs()));
    (scale > 0.0 && scale.is_finite()).then_some(scale)
}

/// Mean absolute scaled error: [`mae`] over the error of the seasonal naive forecast inside the history.
///
/// Hyndman and Koehler 2006. Below 1 is better than the naive forecast was. `None` without a scale.
#[must_use]
pub fn mase(actual: &[f64], predicted: &[f64], history: &[f64], season: usize) -> Option<f64> {
    naive_scale(history, season).map(|scale| mae(actual, predicted) / scale)
}

/// Root mean squared scaled error, the M5 competition's measure: like [`mase`] with squares.
#[must_use]
pub fn rmsse(actual: &[f64], predicted: &[f64], history: &[f64]) -> Option<f64> {
    let scale = average(history.windows(2).map(|pair| (pair[1] - pair[0]).powi(2)));
    let error = average(actual.iter().zip(predicted).map(|(a, p)| (a - p).powi(2)));
    (scale > 0.0 && scale.is_finite()).then(|| (error / scale).sqrt())
}

/// Symmetric mean absolute percentage error, as a ratio from 0 to 2 (the M4 competition prints it times 100).
///
/// A pair of zeros counts as no error.
#[must_use]
pub fn smape(actual: &[f64], predicted: &[f64]) -> f64 {
    average(actual.iter().zip(predicted).map(|(a, p)| {
        let size = a.abs() + p.abs();
        if size > 0.0 { 2.0 * (a - p).abs() / size } else { size }
    }))
}

/// Share of actual values inside their interval, bounds included.
#[must_use]
pub fn coverage(actual: &[f64], lower: &[f64], upper: &[f64]) -> f64 {
    average(actual.iter().zip(lower).zip(upper).map(|((a, low), high)| if low <= a && a <= high { 1.0 } else { 0.0 }))
}

/// Pinball (quantile) loss of `predicted` as the quantile `at` in (0, 1).
#[must_use]
pub fn pinball(actual: &[f64], predicted: &[f64], at: f64) -> f64 {
    average(actual.iter().zip(predicted).map(|(a, p)| {
        let over = a - p;
        if over >= 0.0 { at * over } else { (at - 1.0) * over }
    }))
}

/// Mean scaled interval score of intervals of coverage `level`, the M4 competition's measure.
///
/// Width plus `2 / (1 - level)` times how far outside, over the scale of [`mase`]. `None` without a scale.
#[must_use]
pub fn msis(
    actual: &[f64],
    (lower, upper): (&[f64], &[f64]),
    level: f64,
    history: &[f64],
    season: usize,
) -> Option<f64> {
    let penalty = 2.0 / (1.0 - level);
    let score = average(
        actual
            .iter()
            .zip(lower)
            .zip(upper)
            .map(|((a, low), high)| high - low + penalty * (low - a).max(0.0) + penalty * (a - high).max(0.0)),
    );
    naive_scale(history, season).map(|scale| score / scale)
}

fn average(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    sum / count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn near(got: f64, want: f64) {
        assert!((got - want).abs() < 1e-12, "{got} is not {want}");
    }

    #[test]
    fn measures_by_hand() {
        let history = [1.0, 2.0, 4.0, 3.0, 5.0];
        let (actual, predicted) = ([4.0, 6.0], [5.0, 5.0]);
        near(mae(&actual, &predicted), 1.0);
        near(mase(&actual, &predicted, &history, 1).expect("scaled"), 1.0 / 1.5);
        near(mase(&actual, &predicted, &history, 2).expect("scaled"), 1.0 / (5.0 / 3.0));
        near(mase(&actual, &predicted, &history, 3).expect("falls back to season 1"), 1.0 / 1.5);
        near(rmsse(&actual, &predicted, &history).expect("scaled"), (1.0_f64 / 2.5).sqrt());
        near(smape(&actual, &predicted), f64::midpoint(2.0 / 9.0, 2.0 / 11.0));
        near(smape(&[0.0], &[0.0]), 0.0);
        near(coverage(&actual, &[3.0, 3.0], &[4.0, 5.0]), 0.5);
        near(pinball(&actual, &predicted, 0.9), f64::midpoint(0.1, 0.9));
        let score = f64::midpoint(1.0, 2.0 + 40.0);
        near(msis(&actual, (&[3.0, 3.0], &[4.0, 5.0]), 0.95, &history, 1).expect("scaled"), score / 1.5);
    }

    #[test]
    fn nothing_to_compare_is_not_perfect() {
        assert!(mae(&[], &[]).is_nan());
        assert!(coverage(&[], &[], &[]).is_nan());
        assert_eq!(naive_scale(&[2.0, 2.0, 2.0], 1), None);
        assert_eq!(naive_scale(&[2.0], 1), None);
        assert_eq!(naive_scale(&[], 7), None);
        assert_eq!(naive_scale(&[0.0, f64::INFINITY], 1), None);
    }
}
