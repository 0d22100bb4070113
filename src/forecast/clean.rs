//! Isolated wild values, which would sit in the lags of every model for a season.

use super::stats::is_positive;

/// Fewest points before anything counts as wild.
const MIN_POINTS: usize = 30;
/// Longest excursion.
const LONGEST: usize = 3;
/// Most wild points, as a share of all (one is always allowed): what comes more often is how the series is.
const SHARE: f64 = 0.005;

/// Replaces wild values by the line between their neighbours and says where they were.
///
/// Wild is what lies farther outside the middle 98 % of the values than these are wide, at most three points in a row, rarely,
/// and over for at least three points: a jump at the end may be a new level and stays. O(n log n).
pub(super) fn without_excursions(values: &mut [f64]) -> Vec<usize> {
    let n = values.len();
    if n < MIN_POINTS {
        return Vec::new();
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let edge = (n / 100).max(1);
    let (low, high) = (sorted[edge], sorted[n - 1 - edge]);
    let width = high - low;
    let wild: Vec<usize> = (0..n).filter(|i| values[*i] < low - width || values[*i] > high + width).collect();
    if !is_positive(width) || wild.is_empty() || wild.len() as f64 > (SHARE * n as f64).max(1.0) {
        return Vec::new();
    }
    let mut replaced = Vec::new();
    for run in wild.chunk_by(|a, b| a + 1 == *b) {
        let (first, last) = (run[0], run[run.len() - 1]);
        let over = last + LONGEST < n && !wild.iter().any(|i| (last + 1..=last + LONGEST).contains(i));
        if run.len() > LONGEST || !over {
            continue;
        }
        let after = values[last + 1];
        let before = if first > 0 { values[first - 1] } else { after };
        for (place, index) in run.iter().enumerate() {
            let share = (place + 1) as f64 / (run.len() + 1) as f64;
            values[*index] = before + share * (after - before);
        }
        replaced.extend_from_slice(run);
    }
    replaced
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(change: impl Fn(&mut Vec<f64>), expected: &[usize]) {
        let mut values: Vec<f64> = (0..200).map(|i| f64::from(i % 10)).collect();
        change(&mut values);
        let before = values.clone();
        assert_eq!(without_excursions(&mut values), expected);
        for (index, (now, then)) in values.iter().zip(&before).enumerate() {
            assert!(expected.contains(&index) || (now - then).abs() < 1e-12);
            assert!((-10.0..=20.0).contains(now) || !expected.contains(&index));
        }
    }

    #[test]
    fn only_excursions_that_ended_are_replaced() {
        check(|_| (), &[]);
        check(|v| v[100] = 500.0, &[100]);
        check(|v| v[0] = -500.0, &[0]);
        check(|v| v[199] = 500.0, &[]);
        check(|v| v[196] = 500.0, &[196]);
        check(|v| v[100..104].fill(500.0), &[]);
        check(|v| (0..200).step_by(20).for_each(|i| v[i] = 500.0), &[]);
        check(|v| v.truncate(20), &[]);
        check(|v| v.fill(1.0), &[]);
    }
}
