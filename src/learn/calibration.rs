//! Calibration of class scores: one temperature and a shift per class.

use serde::{Deserialize, Serialize};

use super::boosting::softmax_in_place;
use super::table::Targets;

/// `calibrated score = sharpness × score + shift_k`; probabilities are the softmax.
///
/// Guo et al. 2017's temperature with a shift per class, which also takes back what class weights did. Sharpness is
/// above 0 and shifts are constants, so trends and attributions of the scores stay as they are, only scaled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// One over the temperature, 0.05 to 20.
    pub sharpness: f64,
    /// Shift of each class; the last is 0.
    pub shifts: Vec<f64>,
}

/// How strongly the parameters are held at "no change", in rows.
const PRIOR_ROWS: f64 = 5.0;

impl Calibration {
    /// No change.
    #[must_use]
    pub fn none(n_classes: usize) -> Self {
        Self { sharpness: 1.0, shifts: vec![0.0; n_classes] }
    }

    /// Fits by minimising the log-loss of `scores` (a row each) with Newton steps, held at "no change" by a weak prior
    /// so that few rows or absent classes do no harm. Parameters are rounded to six decimals. O(rows × classes²).
    #[must_use]
    pub fn fit(scores: &[Vec<f64>], targets: &Targets) -> Self {
        let n = targets.n_classes();
        let mut theta = vec![0.0; n];
        theta[0] = 1.0;
        let mut loss = objective(&theta, scores, targets);
        for _ in 0..50 {
            let Some(step) = newton_step(&theta, scores, targets) else { break };
            let Some((next, next_loss)) = shortened(&theta, &step, loss, scores, targets) else { break };
            let gained = loss - next_loss;
            (theta, loss) = (next, next_loss);
            if gained < 1e-10 {
                break;
            }
        }
        let round = |value: f64| (value * 1e6).round() / 1e6;
        let mut shifts: Vec<f64> = theta[1..].iter().map(|shift| round(*shift)).collect();
        shifts.push(0.0);
        Self { sharpness: round(theta[0]).clamp(0.05, 20.0), shifts }
    }

    /// Calibrated scores of a row.
    #[must_use]
    pub fn scores(&self, scores: &[f64]) -> Vec<f64> {
        scores.iter().zip(&self.shifts).map(|(score, shift)| self.sharpness * score + shift).collect()
    }

    /// Calibrated probabilities of a row; they sum to 1.
    #[must_use]
    pub fn probabilities(&self, scores: &[f64]) -> Vec<f64> {
        let mut scores = self.scores(scores);
        softmax_in_place(&mut scores);
        scores
    }

    /// Whether all parameters are finite, in range, and there is a shift per class.
    #[must_use]
    pub fn is_sound(&self, n_classes: usize) -> bool {
        (0.05..=20.0).contains(&self.sharpness)
            && self.shifts.len() == n_classes
            && self.shifts.iter().all(|shift| shift.abs() <= 1e6)
    }
}

/// Probabilities with parameters `theta = [sharpness, shifts of all classes but the last]`.
fn probabilities(theta: &[f64], scores: &[f64]) -> Vec<f64> {
    let shifts = theta[1..].iter().copied().chain([0.0]);
    let mut p: Vec<f64> = scores.iter().zip(shifts).map(|(score, shift)| theta[0] * score + shift).collect();
    softmax_in_place(&mut p);
    p
}

/// Summed log-loss plus the prior.
fn objective(theta: &[f64], scores: &[Vec<f64>], targets: &Targets) -> f64 {
    let prior: f64 = theta.iter().enumerate().map(|(i, t)| (t - neutral(i)).powi(2)).sum::<f64>() * PRIOR_ROWS / 2.0;
    let losses = scores.iter().zip(targets.classes());
    prior + losses.map(|(row, class)| -probabilities(theta, row)[*class].max(1e-300).ln()).sum::<f64>()
}

fn neutral(index: usize) -> f64 {
    if index == 0 { 1.0 } else { 0.0 }
}

/// The Newton step from `theta`; `None` when it is not finite.
fn newton_step(theta: &[f64], scores: &[Vec<f64>], targets: &Targets) -> Option<Vec<f64>> {
    let n = theta.len();
    let mut gradient: Vec<f64> = theta.iter().enumerate().map(|(i, t)| PRIOR_ROWS * (t - neutral(i))).collect();
    let mut hessian = vec![vec![0.0; n]; n];
    (0..n).for_each(|i| hessian[i][i] = PRIOR_ROWS);
    for (row, class) in scores.iter().zip(targets.classes()) {
        let p = probabilities(theta, row);
        // Derivative of the score of class k by parameter i: the score itself for sharpness, 1 for its own shift.
        let by = |k: usize, i: usize| if i == 0 { row[k] } else { f64::from(u8::from(k + 1 == i)) };
        let means: Vec<f64> = (0..n).map(|i| p.iter().enumerate().map(|(k, p)| p * by(k, i)).sum()).collect();
        for i in 0..n {
            gradient[i] += means[i] - by(*class, i);
            for j in 0..=i {
                let both: f64 = p.iter().enumerate().map(|(k, p)| p * by(k, i) * by(k, j)).sum();
                hessian[i][j] += both - means[i] * means[j];
            }
        }
    }
    let symmetric = (0..n).map(|i| (0..n).map(|j| hessian[i.max(j)][i.min(j)]).collect()).collect();
    solve(symmetric, gradient)
}

/// Goes along the step, halving it until the loss falls; `None` when it does not.
fn shortened(
    theta: &[f64],
    step: &[f64],
    loss: f64,
    scores: &[Vec<f64>],
    targets: &Targets,
) -> Option<(Vec<f64>, f64)> {
    (0..30).find_map(|halvings| {
        let scale = 0.5_f64.powi(halvings);
        let mut next: Vec<f64> = theta.iter().zip(step).map(|(t, s)| t - scale * s).collect();
        next[0] = next[0].clamp(0.05, 20.0);
        let next_loss = objective(&next, scores, targets);
        (next_loss < loss).then_some((next, next_loss))
    })
}

/// Solves a small symmetric positive system by elimination with pivots; `None` when it is singular.
fn solve(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Option<Vec<f64>> {
    let n = b.len();
    for column in 0..n {
        let pivot = (column..n).max_by(|i, j| a[*i][column].abs().total_cmp(&a[*j][column].abs()))?;
        a.swap(column, pivot);
        b.swap(column, pivot);
        let top = a[column].clone();
        let regular = top[column].abs() > 1e-12;
        if !regular {
            return None;
        }
        for row in column + 1..n {
            let factor = a[row][column] / top[column];
            a[row].iter_mut().zip(&top).for_each(|(to, from)| *to -= factor * from);
            b[row] -= factor * b[column];
        }
    }
    for column in (0..n).rev() {
        let rest: f64 = (column + 1..n).map(|k| a[column][k] * b[k]).sum();
        b[column] = (b[column] - rest) / a[column][column];
    }
    b.iter().all(|x| x.is_finite()).then_some(b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::metrics::log_loss;
    use rand::{Rng, SeedableRng};

    /// Rows whose true scores are `scores / temperature + shift`.
    fn sample(temperature: f64, shift: &[f64], n: usize) -> (Vec<Vec<f64>>, Targets) {
        let mut rng = rand_pcg::Pcg64::seed_from_u64(3);
        let (mut rows, mut classes) = (Vec::new(), Vec::new());
        for _ in 0..n {
            let row: Vec<f64> = shift.iter().map(|_| rng.random_range(-3.0..3.0)).collect();
            let mut p: Vec<f64> = row.iter().zip(shift).map(|(x, s)| x / temperature + s).collect();
            softmax_in_place(&mut p);
            let mut left: f64 = rng.random();
            let class = p
                .iter()
                .position(|p| {
                    left -= p;
                    left < 0.0
                })
                .unwrap_or(p.len() - 1);
            rows.push(row);
            classes.push(class);
        }
        (rows, Targets::new(classes, shift.len()).unwrap())
    }

    #[test]
    fn temperature_and_shifts_are_found_again() {
        let (scores, targets) = sample(2.0, &[1.0, -0.5, 0.0], 20_000);
        let got = Calibration::fit(&scores, &targets);
        assert!((got.sharpness - 0.5).abs() < 0.02, "{got:?}");
        assert!((got.shifts[0] - 1.0).abs() < 0.06 && (got.shifts[1] + 0.5).abs() < 0.06, "{got:?}");
        assert!(got.is_sound(3));
    }

    #[test]
    fn calibration_never_makes_its_own_rows_worse() {
        let (scores, targets) = sample(0.7, &[0.0, 0.4], 500);
        let loss =
            |c: &Calibration| log_loss(&targets, &scores.iter().map(|row| c.probabilities(row)).collect::<Vec<_>>());
        assert!(loss(&Calibration::fit(&scores, &targets)) <= loss(&Calibration::none(2)));
    }

    #[test]
    fn few_or_hostile_rows_give_a_sound_calibration() {
        let check = |scores: Vec<Vec<f64>>, classes: Vec<usize>| {
            let got = Calibration::fit(&scores, &Targets::new(classes, 3).unwrap());
            assert!(got.is_sound(3), "{got:?}");
        };
        check(vec![], vec![]);
        check(vec![vec![1.0, 2.0, 3.0]], vec![0]);
        check(vec![vec![1e300, -1e300, 0.0]; 4], vec![0, 1, 2, 2]);
        check(vec![vec![5.0, 0.0, 0.0]; 50], vec![0; 50]);
        check(vec![vec![f64::NAN; 3]; 5], vec![0, 1, 2, 0, 1]);
    }
}
