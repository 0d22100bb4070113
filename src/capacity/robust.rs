//! Robust statistics on short lists of finite numbers.

/// The value below which a share `q` of `values` lies, linear between order statistics (type 7 of Hyndman and Fan 1996).
///
/// 0 for an empty list. `q` is clamped to 0 to 1. O(n).
pub(crate) fn quantile(values: &[f64], q: f64) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let mut work = values.to_vec();
    let position = q.clamp(0.0, 1.0) * (work.len() - 1) as f64;
    let low = (position.floor() as usize).min(work.len() - 1);
    let (_, &mut below, rest) = work.select_nth_unstable_by(low, f64::total_cmp);
    let above = rest.iter().copied().min_by(f64::total_cmp).unwrap_or(below);
    let share = position - low as f64;
    below * (1.0 - share) + above * share
}

/// The median; 0 for an empty list.
pub(crate) fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// 1.4826 times the median absolute deviation from `centre`: the standard deviation of normal data.
pub(crate) fn spread(values: &[f64], centre: f64) -> f64 {
    let deviations: Vec<f64> = values.iter().map(|v| (v - centre).abs()).collect();
    1.4826 * median(&deviations)
}

/// The median of the slopes of all pairs (Theil 1950, Sen 1968): up to 29 % of the points may be arbitrary.
///
/// Pairs at the same `x` are left out; 0 when no pair is left. Beyond 400 points every k-th is used. O(n²), n ≤ 400.
pub(crate) fn theil_sen(x: &[f64], y: &[f64]) -> f64 {
    let n = x.len().min(y.len());
    let stride = n.div_ceil(400).max(1);
    let chosen: Vec<usize> = (0..n).rev().step_by(stride).collect();
    let mut slopes = Vec::with_capacity(chosen.len() * chosen.len() / 2);
    for (position, &i) in chosen.iter().enumerate() {
        for &j in &chosen[position + 1..] {
            let run = x[i] - x[j];
            if run.abs() > 1e-12 {
                slopes.push((y[i] - y[j]) / run);
            }
        }
    }
    median(&slopes)
}

/// The largest magnitude, or 1 when all is zero: dividing by it keeps sums and squares finite.
pub(crate) fn magnitude(values: &[f64]) -> f64 {
    let largest = values.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
    if largest > 0.0 { largest } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn close(got: f64, want: f64) {
        assert!((got - want).abs() <= 1e-12 * want.abs().max(1.0), "{got} is not {want}");
    }

    #[test]
    fn quantiles_are_those_of_type_7() {
        close(quantile(&[], 0.5), 0.0);
        close(quantile(&[3.0], 0.9), 3.0);
        close(quantile(&[4.0, 1.0, 3.0, 2.0], 0.5), 2.5);
        close(quantile(&[4.0, 1.0, 3.0, 2.0], 0.95), 3.85);
        close(quantile(&[4.0, 1.0, 3.0, 2.0], 1.0), 4.0);
        close(quantile(&[4.0, 1.0, 3.0, 2.0], -1.0), 1.0);
        close(spread(&[1.0, 2.0, 3.0, 4.0, 100.0], 3.0), 1.4826);
    }

    #[test]
    fn a_quarter_of_wild_points_does_not_move_the_slope() {
        let x: Vec<f64> = (0..40).map(f64::from).collect();
        let y: Vec<f64> = x.iter().map(|&x| if x as i64 % 5 == 0 { 1e6 } else { 2.0 * x + 1.0 }).collect();
        assert!((theil_sen(&x, &y) - 2.0).abs() < 0.3, "{}", theil_sen(&x, &y));
        close(theil_sen(&[1.0], &[1.0]), 0.0);
        close(theil_sen(&[1.0, 1.0], &[1.0, 5.0]), 0.0);
        let long: Vec<f64> = (0..5_000).map(f64::from).collect();
        close(theil_sen(&long, &long), 1.0);
    }
}
