//! From the heads that trees add to, to class scores, probabilities and gradients.

use serde::{Deserialize, Serialize};

/// How heads make class scores `f`; probabilities are the softmax of `f`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// One head per class: `f_k = u_k`.
    Nominal,
    /// Classes in an order. One head per pair of neighbours: `u_k = f_k - f_{k+1}`, and `f` of the last class is 0
    /// (adjacent-category logits). As general as `Nominal`; when every `u_k` rises with a feature, every `P(class ≤ k)`
    /// does, because the likelihood ratios of neighbours are monotone.
    Ordinal,
}

/// Gradients are rounded to multiples of this, so that sums of up to 2^32 rows of mean weight 1 are exact.
const GRID: f64 = 1_048_576.0;

impl Objective {
    /// Number of heads for `n_classes`.
    pub(super) const fn n_heads(self, n_classes: usize) -> usize {
        match self {
            Self::Nominal => n_classes,
            Self::Ordinal => n_classes.saturating_sub(1),
        }
    }

    /// Class scores of one row from its heads; `scores` has one entry per class.
    pub(super) fn scores(self, heads: &[f64], scores: &mut [f64]) {
        match self {
            Self::Nominal => scores.copy_from_slice(heads),
            Self::Ordinal => {
                let mut sum = 0.0;
                scores.iter_mut().for_each(|score| *score = 0.0);
                for (score, head) in scores.iter_mut().zip(heads).rev() {
                    sum += head;
                    *score = sum;
                }
            }
        }
    }

    /// Heads that give the class shares `counts` (weighted, smoothed by one row per class), rounded to `f32`.
    pub(super) fn base(self, counts: &[f64]) -> Vec<f64> {
        let logs: Vec<f64> = counts.iter().map(|count| count.ln_1p()).collect();
        let heads: Vec<f64> = match self {
            Self::Nominal => {
                let mean = logs.iter().sum::<f64>() / logs.len().max(1) as f64;
                logs.iter().map(|log| log - mean).collect()
            }
            Self::Ordinal => logs.windows(2).map(|pair| pair[0] - pair[1]).collect(),
        };
        heads.into_iter().map(|head| f64::from(head as f32)).collect()
    }

    /// Gradient and second derivative of the loss of one row by each head, written to `out`.
    pub(super) fn derivatives(self, probabilities: &[f64], class: usize, weight: f64, out: &mut [[f64; 2]]) {
        let mut below = 0.0;
        for (k, (slot, p)) in out.iter_mut().zip(probabilities).enumerate() {
            below += p;
            let (q, hit) = match self {
                Self::Nominal => (*p, class == k),
                Self::Ordinal => (below.min(1.0), class <= k),
            };
            let gradient = weight * (q - f64::from(u8::from(hit)));
            *slot = [on_grid(gradient), on_grid(weight * q * (1.0 - q)).max(1.0 / GRID)];
        }
    }
}

/// Turns class scores into probabilities, in place; safe for large scores.
pub(in crate::learn) fn softmax_in_place(scores: &mut [f64]) {
    let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        *score = (*score - top).exp();
        sum += *score;
    }
    scores.iter_mut().for_each(|score| *score /= sum);
}

fn on_grid(value: f64) -> f64 {
    (value * GRID).round() / GRID
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loss(objective: Objective, heads: &[f64], class: usize) -> f64 {
        let mut scores = [0.0; 4];
        objective.scores(heads, &mut scores);
        softmax_in_place(&mut scores);
        -scores[class].ln()
    }

    #[test]
    fn derivatives_agree_with_differences_of_the_loss() {
        for (objective, heads) in
            [(Objective::Nominal, vec![0.3, -0.2, 0.9, 0.1]), (Objective::Ordinal, vec![0.4, -1.1, 0.7])]
        {
            for class in 0..4 {
                let mut p = [0.0; 4];
                objective.scores(&heads, &mut p);
                softmax_in_place(&mut p);
                let mut out = vec![[0.0; 2]; heads.len()];
                objective.derivatives(&p, class, 1.0, &mut out);
                for head in 0..heads.len() {
                    let shifted = |by: f64| {
                        let mut moved = heads.clone();
                        moved[head] += by;
                        loss(objective, &moved, class)
                    };
                    let first = (shifted(1e-4) - shifted(-1e-4)) / 2e-4;
                    let second = (shifted(1e-3) - 2.0 * shifted(0.0) + shifted(-1e-3)) / 1e-6;
                    assert!((out[head][0] - first).abs() < 2e-6, "{objective:?} {class} {head}");
                    assert!((out[head][1] - second).abs() < 1e-4, "{objective:?} {class} {head}");
                }
            }
        }
    }

    #[test]
    fn the_base_gives_the_class_shares() {
        for objective in [Objective::Nominal, Objective::Ordinal] {
            let mut p = [0.0; 3];
            objective.scores(&objective.base(&[9.0, 0.0, 29.0]), &mut p);
            softmax_in_place(&mut p);
            for (got, want) in p.iter().zip([10.0 / 41.0, 1.0 / 41.0, 30.0 / 41.0]) {
                assert!((got - want).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn softmax_survives_extreme_scores() {
        let mut scores = [1e308, -1e308, 1e308];
        softmax_in_place(&mut scores);
        assert!(scores.iter().zip([0.5, 0.0, 0.5]).all(|(got, want)| (got - want).abs() < 1e-12));
    }
}
