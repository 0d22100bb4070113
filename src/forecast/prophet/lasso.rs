//! The lasso on a Gram matrix, exactly: feature-sign search (Lee, Battle, Raina and Ng 2007).

use super::dot;
use crate::forecast::linear::Cholesky;

/// Most changes of the active set.
const ROUNDS: usize = 200;
/// Slack of the optimality conditions, as a share of the penalty.
const SLACK: f64 = 1e-9;

/// Minimiser of `x'Ax / 2 - b'x + penalty Σ|x|` from `start`, for a symmetric positive definite row-major `A`.
///
/// `None` when a system is not positive definite (NaN is not). Each round solves one system of the active coefficients.
pub(super) fn minimise(matrix: &[f64], right: &[f64], penalty: f64, start: &[f64]) -> Option<Vec<f64>> {
    let n = right.len();
    let mut x = start.to_vec();
    x.resize(n, 0.0);
    let gradient = |x: &[f64], i: usize| dot(&matrix[i * n..(i + 1) * n], x) - right[i];
    let value = |x: &[f64]| {
        (0..n)
            .map(|i| x[i] * (0.5 * dot(&matrix[i * n..(i + 1) * n], x) - right[i]) + penalty * x[i].abs())
            .sum::<f64>()
    };
    let slack = SLACK * penalty;
    for _ in 0..ROUNDS {
        let settled =
            (0..n).all(|i| x[i] == 0.0 || (gradient(&x, i) + penalty.copysign(x[i])).abs() <= slack.max(1e-13));
        let mut signs: Vec<f64> = x.iter().map(|value| if *value == 0.0 { 0.0 } else { value.signum() }).collect();
        if settled {
            let idle = (0..n).filter(|i| x[*i] == 0.0).map(|i| (i, gradient(&x, i)));
            let Some((entering, slope)) = idle.max_by(|a, b| a.1.abs().total_cmp(&b.1.abs())) else { return Some(x) };
            if slope.abs() <= penalty + slack {
                return Some(x);
            }
            signs[entering] = -slope.signum();
        }
        let target = solve_active(matrix, right, penalty, &signs)?;
        let better = search(&x, &target, &value);
        if better == x {
            return Some(x);
        }
        x = better;
    }
    Some(x)
}

/// The minimiser if every coefficient keeps its sign.
fn solve_active(matrix: &[f64], right: &[f64], penalty: f64, signs: &[f64]) -> Option<Vec<f64>> {
    let n = right.len();
    let active: Vec<usize> = (0..n).filter(|i| signs[*i] != 0.0).collect();
    let part: Vec<f64> = active.iter().flat_map(|i| active.iter().map(move |j| matrix[i * n + j])).collect();
    let wanted: Vec<f64> = active.iter().map(|i| right[*i] - penalty * signs[*i]).collect();
    let solved = Cholesky::new(part, active.len())?.solve(&wanted);
    let mut target = vec![0.0; n];
    for (i, value) in active.iter().zip(solved) {
        target[*i] = value;
    }
    Some(target)
}

/// The best of `target` and of the points on the way to it where a coefficient changes its sign, those set to exactly 0.
fn search(from: &[f64], target: &[f64], value: &impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let mut best = target.to_vec();
    let mut lowest = value(&best);
    let crossing = (0..from.len()).filter(|i| from[*i] * target[*i] < 0.0);
    for i in crossing {
        let share = from[i] / (from[i] - target[i]);
        let mut point: Vec<f64> = from.iter().zip(target).map(|(a, b)| a + share * (b - a)).collect();
        point[i] = 0.0;
        let there = value(&point);
        if there < lowest {
            (best, lowest) = (point, there);
        }
    }
    if value(from) < lowest { from.to_vec() } else { best }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_of_optimality_hold() {
        // a Gram matrix of bends, which are far from orthogonal
        let n = 12;
        let bend = |knot: usize, t: usize| t.saturating_sub(knot * 8) as f64 / 100.0;
        let product = |i: usize, j: usize| (0..100).map(|t| bend(i, t) * bend(j, t)).sum::<f64>();
        let matrix: Vec<f64> = (0..n).flat_map(|i| (0..n).map(move |j| product(i, j))).collect();
        let path = |t: usize| 0.5 * bend(2, t) - 1.5 * bend(7, t) + 0.05 * (t as f64 * 0.7).sin();
        let right: Vec<f64> = (0..n).map(|i| (0..100).map(|t| bend(i, t) * path(t)).sum()).collect();
        for penalty in [1e-6, 0.01, 0.2, 100.0] {
            let x = minimise(&matrix, &right, penalty, &[]).expect("positive definite");
            for i in 0..n {
                let slope = dot(&matrix[i * n..(i + 1) * n], &x) - right[i];
                let broken =
                    if x[i] == 0.0 { (slope.abs() - penalty).max(0.0) } else { (slope + penalty.copysign(x[i])).abs() };
                assert!(broken < 1e-6 * penalty + 1e-10, "penalty {penalty}, coefficient {i}: {broken}");
            }
        }
        assert!(minimise(&matrix, &right, 100.0, &[1.0; 12]).expect("positive definite").iter().all(|x| *x == 0.0));
    }

    #[test]
    fn what_is_not_a_number_is_refused() {
        assert_eq!(minimise(&[f64::NAN], &[1.0], 0.1, &[]), None);
    }
}
