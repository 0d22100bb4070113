//! How good class probabilities are: pure functions, NaN in gives NaN or the worst case out, never a panic.

use linfa::metrics::ToConfusionMatrix;
use serde::{Deserialize, Serialize};

use super::table::Targets;

/// Quality of the class decisions, one against all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassQuality {
    /// Rows of the class.
    pub rows: usize,
    /// Share of the rows given the class that are of it, 0 to 1; 0 when none was given it.
    pub precision: f64,
    /// Share of the rows of the class that were given it, 0 to 1.
    pub recall: f64,
    /// Harmonic mean of both.
    pub f1: f64,
}

/// Quality of class decisions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Share of rows that were given their class, 0 to 1.
    pub accuracy: f64,
    /// Mean F1 over the classes that occur.
    pub macro_f1: f64,
    /// Rows by true class (outer) and given class (inner).
    pub confusion: Vec<Vec<usize>>,
    /// By class.
    pub classes: Vec<ClassQuality>,
}

/// One bin of a reliability curve.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// Mean probability that was said.
    pub said: f64,
    /// Share in which it came true.
    pub came_true: f64,
    /// Rows.
    pub rows: usize,
}

/// Quality of `given` classes against the true ones, counted by linfa's confusion matrix.
///
/// Rows beyond the shorter of both are left out; a class out of range counts as wrong. O(rows).
#[must_use]
pub fn quality(targets: &Targets, given: &[usize]) -> Quality {
    let n_classes = targets.n_classes();
    let mut confusion = vec![vec![0; n_classes]; n_classes];
    let (mut truth, mut guess) = (Vec::new(), Vec::new());
    for (class, given) in targets.classes().iter().zip(given) {
        if let Some(count) = confusion[*class].get_mut(*given) {
            *count += 1;
        }
        truth.push(*class);
        guess.push(*given);
    }
    let mut classes: Vec<ClassQuality> = confusion
        .iter()
        .map(|row| ClassQuality { rows: row.iter().sum(), precision: 0.0, recall: 0.0, f1: 0.0 })
        .collect();
    let accuracy = fill(&mut classes, &truth, &guess);
    let seen = classes.iter().filter(|class| class.rows > 0).count().max(1);
    let macro_f1 = classes.iter().filter(|class| class.rows > 0).map(|class| class.f1).sum::<f64>() / seen as f64;
    Quality { accuracy, macro_f1, confusion, classes }
}

/// Precision, recall and F1 per class; returns the accuracy. linfa's matrix has the classes that occur, sorted, two of
/// them in reverse; asked from the truth's side its precision and recall are the usual ones.
fn fill(classes: &mut [ClassQuality], truth: &[usize], guess: &[usize]) -> f64 {
    let mut members: Vec<usize> = truth.iter().chain(guess).copied().collect();
    members.sort_unstable();
    members.dedup();
    if members.len() == 2 {
        members.reverse();
    }
    if truth.is_empty() {
        return 0.0;
    }
    let (truth, guess) = (linfa_nd::Array1::from(truth.to_vec()), linfa_nd::Array1::from(guess.to_vec()));
    let Ok(matrix) = truth.confusion_matrix(&guess) else { return 0.0 };
    let zero_if_nan = |value: f32| if value.is_nan() { 0.0 } else { f64::from(value) };
    for (member, one) in members.iter().zip(matrix.split_one_vs_all()) {
        let Some(class) = classes.get_mut(*member) else { continue };
        class.precision = zero_if_nan(one.precision());
        class.recall = zero_if_nan(one.recall());
        class.f1 = zero_if_nan(one.f1_score());
    }
    zero_if_nan(matrix.accuracy())
}

/// Mean negative log-probability of the true class; probabilities are cut at 1e-15. NaN without rows.
#[must_use]
pub fn log_loss(targets: &Targets, probabilities: &[Vec<f64>]) -> f64 {
    mean(targets.classes().iter().zip(probabilities).map(|(class, p)| -p[*class].max(1e-15).ln()))
}

/// Mean squared distance between probabilities and truth, summed over classes, 0 to 2. NaN without rows.
#[must_use]
pub fn brier_score(targets: &Targets, probabilities: &[Vec<f64>]) -> f64 {
    mean(
        targets
            .classes()
            .iter()
            .zip(probabilities)
            .map(|(class, p)| p.iter().enumerate().map(|(k, p)| (p - f64::from(u8::from(k == *class))).powi(2)).sum()),
    )
}

/// Reliability of event probabilities in `bins` equal steps of probability; empty steps are left out.
#[must_use]
pub fn reliability(said: &[f64], came_true: &[bool], bins: usize) -> Vec<ReliabilityBin> {
    let mut sums = vec![(0.0, 0_usize, 0_usize); bins.max(1)];
    for (p, hit) in said.iter().zip(came_true) {
        let bin = ((p * bins as f64) as usize).min(sums.len() - 1);
        let (sum, hits, rows) = &mut sums[bin];
        *sum += p;
        *hits += usize::from(*hit);
        *rows += 1;
    }
    let full = sums.into_iter().filter(|(_, _, rows)| *rows > 0);
    full.map(|(sum, hits, rows)| ReliabilityBin { said: sum / rows as f64, came_true: hits as f64 / rows as f64, rows })
        .collect()
}

/// Expected calibration error: mean distance between said and true over the bins, weighted by rows. NaN without rows.
#[must_use]
pub fn calibration_error(bins: &[ReliabilityBin]) -> f64 {
    let rows: usize = bins.iter().map(|bin| bin.rows).sum();
    bins.iter().map(|bin| (bin.said - bin.came_true).abs() * bin.rows as f64).sum::<f64>() / rows as f64
}

/// Average precision: the mean precision over the hits in order of falling score; equal scores count together (as
/// scikit-learn does). 0 without any hit.
#[must_use]
pub fn average_precision(scores: &[f64], hits: &[bool]) -> f64 {
    let mut order: Vec<(f64, bool)> = scores.iter().copied().zip(hits.iter().copied()).collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0));
    let total = order.iter().filter(|(_, hit)| *hit).count();
    if total == 0 {
        return 0.0;
    }
    let (mut sum, mut found, mut seen) = (0.0, 0_usize, 0_usize);
    for group in order.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
        let new = group.iter().filter(|(_, hit)| *hit).count();
        found += new;
        seen += group.len();
        sum += new as f64 * found as f64 / seen as f64;
    }
    sum / total as f64
}

/// Share of the hits that are among the highest `share` of the scores (at least one row). 0 without any hit.
#[must_use]
pub fn recall_in_top(scores: &[f64], hits: &[bool], share: f64) -> f64 {
    let mut order: Vec<(f64, bool)> = scores.iter().copied().zip(hits.iter().copied()).collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0));
    let total = order.iter().filter(|(_, hit)| *hit).count();
    let take = ((order.len() as f64 * share) as usize).max(1);
    let found = order.iter().take(take).filter(|(_, hit)| *hit).count();
    if total == 0 { 0.0 } else { found as f64 / total as f64 }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    sum / count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn near(got: f64, want: f64) {
        assert!((got - want).abs() < 1e-6, "{got} instead of {want}");
    }

    /// The reference values are scikit-learn 1.9.1's: see `data/reference/boosting/make.py`.
    fn reference() -> (Targets, Vec<Vec<f64>>, Vec<usize>) {
        let p =
            [[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.3, 0.3, 0.4], [0.2, 0.5, 0.3], [0.6, 0.3, 0.1], [0.05, 0.15, 0.8]];
        (Targets::new(vec![0, 1, 1, 2, 0, 2], 3).unwrap(), p.map(|row| row.to_vec()).to_vec(), vec![0, 1, 2, 1, 0, 2])
    }

    #[test]
    fn losses_are_those_of_scikit_learn() {
        let (targets, p, _) = reference();
        near(log_loss(&targets, &p), 0.668_235_892);
        near(brier_score(&targets, &p), 0.374_166_667);
        assert!(log_loss(&Targets::new(vec![], 3).unwrap(), &[]).is_nan());
    }

    #[test]
    fn decisions_are_counted_as_scikit_learn_counts() {
        let (targets, _, given) = reference();
        let quality = quality(&targets, &given);
        near(quality.accuracy, 4.0 / 6.0);
        near(quality.macro_f1, 2.0 / 3.0);
        assert_eq!(quality.confusion, [[2, 0, 0], [0, 1, 1], [0, 1, 1]]);
        near(quality.classes[1].precision, 0.5);
    }

    #[test]
    fn precision_and_recall_are_not_swapped_and_unseen_classes_are_zero() {
        let targets = Targets::new(vec![0, 0, 0, 1], 4).unwrap();
        let two = quality(&targets, &[0, 1, 1, 1]);
        near(two.classes[0].precision, 1.0);
        near(two.classes[0].recall, 1.0 / 3.0);
        near(two.classes[1].precision, 1.0 / 3.0);
        near(two.classes[1].recall, 1.0);
        near(two.macro_f1, 0.5);
        let none = quality(&targets, &[3, 3, 3, 3]);
        near(none.accuracy, 0.0);
        near(none.macro_f1, 0.0);
        near(quality(&Targets::new(vec![], 4).unwrap(), &[]).accuracy, 0.0);
    }

    #[test]
    fn average_precision_counts_ties_together() {
        let hits = [true, false, true, false, true];
        near(average_precision(&[0.9, 0.8, 0.7, 0.6, 0.5], &hits), 0.755_555_6);
        near(average_precision(&[0.9, 0.5, 0.5, 0.5, 0.1], &hits), 0.7);
        near(average_precision(&[0.1; 5], &hits), 0.6);
        near(average_precision(&[0.1; 2], &[false; 2]), 0.0);
        near(recall_in_top(&[0.9, 0.8, 0.7, 0.6, 0.5], &hits, 0.4), 1.0 / 3.0);
    }

    #[test]
    fn a_perfectly_said_event_has_no_calibration_error() {
        let said: Vec<f64> = (0..1_000).map(|i| f64::from(i % 10) / 10.0 + 0.05).collect();
        let came: Vec<bool> = (0..1_000).map(|i| (i / 10) % 100 < (i % 10) * 10 + 5).collect();
        let bins = reliability(&said, &came, 10);
        assert_eq!(bins.len(), 10);
        near(calibration_error(&bins), 0.0);
        near(calibration_error(&reliability(&[1.0, 0.0], &[false, false], 10)), 0.5);
    }
}
