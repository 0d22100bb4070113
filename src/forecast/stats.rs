//! Small statistics that several models need.

/// Whether `value` is above 0; NaN is not.
pub(super) fn is_positive(value: f64) -> bool {
    value > 0.0
}

/// Arithmetic mean; 0 for no values.
pub(super) fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}

/// Population standard deviation in two passes; 0 for no values.
pub(super) fn deviation(values: &[f64]) -> f64 {
    let centre = mean(values);
    let squares: f64 = values.iter().map(|value| (value - centre).powi(2)).sum();
    if values.is_empty() { 0.0 } else { (squares / values.len() as f64).sqrt() }
}

/// Median; 0 for no values. O(n).
pub(super) fn median(values: &[f64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let mut sorted = values.to_vec();
    let middle = sorted.len() / 2;
    let (below, upper, _) = sorted.select_nth_unstable_by(middle, f64::total_cmp);
    let upper = *upper;
    if values.len() % 2 == 1 {
        return upper;
    }
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    f64::midpoint(lower, upper)
}

/// Median absolute deviation times 1.4826, the standard deviation of a normal sample; 0 for no values.
pub(super) fn robust_deviation(values: &[f64]) -> f64 {
    let centre = median(values);
    let distances: Vec<f64> = values.iter().map(|value| (value - centre).abs()).collect();
    1.4826 * median(&distances)
}

/// Smallest and largest value; (0, 0) for no values.
pub(super) fn range(values: &[f64]) -> (f64, f64) {
    let first = values.first().copied().unwrap_or(0.0);
    values.iter().fold((first, first), |(low, high), value| (low.min(*value), high.max(*value)))
}

/// Differences of neighbours.
pub(super) fn differences(values: &[f64]) -> Vec<f64> {
    values.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

/// Value at share `at` of the weight of `(value, weight)` pairs sorted by value, linear between the middles of the weights.
///
/// 0 without pairs or weight. `at` in [0, 1].
pub(super) fn weighted_quantile(sorted: &[(f64, f64)], at: f64) -> f64 {
    let total: f64 = sorted.iter().map(|(_, weight)| weight).sum();
    let mut passed = 0.0;
    let mut previous: Option<(f64, f64)> = None;
    for (value, weight) in sorted {
        let middle = (passed + weight / 2.0) / total;
        if middle >= at {
            return match previous {
                Some((low, start)) if middle > start => low + (value - low) * (at - start) / (middle - start),
                _ => *value,
            };
        }
        previous = Some((*value, middle));
        passed += weight;
    }
    previous.map_or(0.0, |(value, _)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn near(got: f64, want: f64) {
        assert!((got - want).abs() < 1e-12, "{got} is not {want}");
    }

    #[test]
    fn statistics_of_small_samples() {
        near(median(&[3.0, 1.0, 2.0]), 2.0);
        near(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        near(median(&[]), 0.0);
        near(deviation(&[1.0, 3.0]), 1.0);
        near(robust_deviation(&[1.0, 1.0, 2.0, 100.0]), 1.4826 * 0.5);
        let (low, high) = range(&[2.0, -1.0, 5.0]);
        near(low, -1.0);
        near(high, 5.0);
    }

    #[test]
    fn the_weighted_median_follows_the_weight() {
        let even = [(1.0, 1.0), (2.0, 1.0), (3.0, 1.0)];
        near(weighted_quantile(&even, 0.5), 2.0);
        near(weighted_quantile(&[(1.0, 1.0), (2.0, 1.0)], 0.5), 1.5);
        near(weighted_quantile(&[(1.0, 9.0), (2.0, 1.0)], 0.05), 1.0);
        near(weighted_quantile(&[(1.0, 9.0), (2.0, 1.0)], 1.0), 2.0);
        near(weighted_quantile(&[], 0.5), 0.0);
    }
}
