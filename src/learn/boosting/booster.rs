//! The fitted booster: scores, probabilities, attributions.

use serde::{Deserialize, Serialize};

use super::artefact::BoosterFile;
use super::objective::{Objective, softmax_in_place};
use super::shap;
use super::tree::Tree;

/// Boosted trees for classes, immutable once fitted.
///
/// Written by serde with a format number; reading checks every count, link and value ([`super::BoosterError`]).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "BoosterFile", into = "BoosterFile")]
pub struct Booster {
    objective: Objective,
    features: Vec<String>,
    n_classes: usize,
    base: Vec<f64>,
    rounds: Vec<Vec<Tree>>,
}

/// What each feature adds to the class scores of one row.
///
/// For every class, `base + Σ features = score` (up to rounding, 1e-9).
#[derive(Debug, Clone, PartialEq)]
pub struct Attribution {
    /// Class scores when nothing is known, per class.
    pub base: Vec<f64>,
    /// Contributions, per feature and class.
    pub features: Vec<Vec<f64>>,
}

impl Booster {
    pub(super) const fn new(objective: Objective, features: Vec<String>, n_classes: usize, base: Vec<f64>) -> Self {
        Self { objective, features, n_classes, base, rounds: Vec::new() }
    }

    /// A booster of parts that were checked to fit.
    pub(super) fn from_parts(of: Self, rounds: Vec<Vec<Tree>>) -> Self {
        Self { rounds, ..of }
    }

    /// How heads make scores.
    #[must_use]
    pub const fn objective(&self) -> Objective {
        self.objective
    }

    /// Names of the features, in the order of a row.
    #[must_use]
    pub fn features(&self) -> &[String] {
        &self.features
    }

    /// Number of classes.
    #[must_use]
    pub const fn n_classes(&self) -> usize {
        self.n_classes
    }

    /// Number of rounds kept.
    #[must_use]
    pub fn rounds(&self) -> usize {
        self.rounds.len()
    }

    /// Number of trees.
    #[must_use]
    pub fn n_trees(&self) -> usize {
        self.rounds.iter().map(Vec::len).sum()
    }

    /// Class scores (log-probabilities up to a constant per row) of `row`, which needs a value or NaN per feature; a
    /// shorter row counts as not known, a longer one is cut. O(trees × depth).
    #[must_use]
    pub fn scores(&self, row: &[f64]) -> Vec<f64> {
        let fitted;
        let row = if row.len() < self.features.len() {
            fitted = self.padded(row);
            &fitted
        } else {
            row
        };
        let mut heads = self.base.clone();
        for trees in &self.rounds {
            for (head, tree) in heads.iter_mut().zip(trees) {
                *head += tree.predict(row);
            }
        }
        self.heads_to_scores(&heads)
    }

    /// Class probabilities of `row`; they sum to 1.
    #[must_use]
    pub fn probabilities(&self, row: &[f64]) -> Vec<f64> {
        let mut scores = self.scores(row);
        softmax_in_place(&mut scores);
        scores
    }

    /// Exact Shapley values of the trees, path-dependent (Lundberg et al. 2020, algorithm 2): what each feature adds to
    /// each class score. O(trees × leaves × depth²).
    #[must_use]
    pub fn attribution(&self, row: &[f64]) -> Attribution {
        let row = self.padded(row);
        let mut base = self.base.clone();
        let mut by_head = vec![vec![0.0; self.base.len()]; self.features.len()];
        for trees in &self.rounds {
            for (head, tree) in trees.iter().enumerate() {
                base[head] += tree.mean();
                shap::add(tree, &row, &mut |feature, value| by_head[feature][head] += value);
            }
        }
        Attribution {
            base: self.heads_to_scores(&base),
            features: by_head.iter().map(|heads| self.heads_to_scores(heads)).collect(),
        }
    }

    pub(super) fn base(&self) -> &[f64] {
        &self.base
    }

    pub(super) fn all_rounds(&self) -> &[Vec<Tree>] {
        &self.rounds
    }

    pub(super) fn last_round(&self) -> &[Tree] {
        self.rounds.last().map_or(&[], Vec::as_slice)
    }

    pub(super) fn push_round(&mut self, trees: Vec<Tree>) {
        self.rounds.push(trees);
    }

    pub(super) fn truncate(&mut self, rounds: usize) {
        self.rounds.truncate(rounds);
    }

    fn heads_to_scores(&self, heads: &[f64]) -> Vec<f64> {
        let mut scores = vec![0.0; self.n_classes];
        self.objective.scores(heads, &mut scores);
        scores
    }

    fn padded(&self, row: &[f64]) -> Vec<f64> {
        let mut row = row.to_vec();
        row.resize(self.features.len(), f64::NAN);
        row
    }
}
