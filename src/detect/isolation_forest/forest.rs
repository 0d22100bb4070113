//! The forest: score, attribute.

use ndarray::{Array1, ArrayView1, ArrayView2};
use serde::{Deserialize, Serialize};

use super::batch::{Packed, clean};
use super::file::ForestFile;
use super::kernel::Kernel;
use super::params::{IsolationForestParams, MOST_FEATURES};
use super::tree::{Term, Tree};

const EULER_GAMMA: f64 = 0.577_215_664_901_532_9;

/// A fitted forest: immutable, `Send + Sync`, the same for the same rows and seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "ForestFile", into = "ForestFile")]
pub struct IsolationForest {
    pub(super) params: IsolationForestParams,
    pub(super) trees: Vec<Tree>,
    /// Median of each feature in the training rows; stands in for NaN.
    pub(super) medians: Vec<f64>,
    /// Rows that each tree was grown on.
    pub(super) rows_per_tree: usize,
    pub(super) packed: Packed,
}

/// Why there is no forest or no score.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ForestError {
    /// No rows or no features.
    #[error(
        "an isolation forest needs at least one row and 1 to {MOST_FEATURES} features, got {rows} rows of {features}"
    )]
    Shape {
        /// Rows given.
        rows: usize,
        /// Features given.
        features: usize,
    },
    /// Another number of features than in training.
    #[error("the forest was trained on {expected} features, got {got}")]
    Width {
        /// Features in training.
        expected: usize,
        /// Features given.
        got: usize,
    },
    /// A stored forest that cannot be trusted.
    #[error("stored isolation forest is not valid: {0}")]
    Stored(String),
}

impl IsolationForest {
    /// Number of features.
    #[must_use]
    pub fn features(&self) -> usize {
        self.medians.len()
    }

    /// Parameters it was grown with.
    #[must_use]
    pub const fn params(&self) -> &IsolationForestParams {
        &self.params
    }

    /// Score of one row: in (0, 1), higher is more anomalous.
    ///
    /// # Errors
    /// [`ForestError::Width`] when the row has another number of features.
    pub fn score(&self, row: &[f64]) -> Result<f64, ForestError> {
        self.check_width(row.len())?;
        Ok(self.score_row(&clean(ArrayView1::from(row), &self.medians)))
    }

    /// Scores of all rows (n_samples, n_features), equal to [`Self::score`] of each, bit for bit.
    ///
    /// The fastest kernel of the processor takes blocks of rows tree after tree; more than 16,384 rows are spread over the
    /// threads of the rayon pool that this is called on. O(rows × (features × log of the thresholds + trees)). Axis and
    /// guided trees of up to 256 rows are packed when a forest meets its first batch, which takes 2.5 KB for each tree;
    /// deeper and oblique trees are walked as they were grown, which is about ten times slower.
    ///
    /// # Errors
    /// [`ForestError::Width`] when the rows have another number of features.
    #[expect(clippy::needless_pass_by_value, reason = "views are small and go by value, as everywhere in ndarray")]
    pub fn score_batch(&self, rows: ArrayView2<'_, f64>) -> Result<Array1<f64>, ForestError> {
        self.score_batch_with(rows, Kernel::best())
    }

    /// The same with a kernel of one's choice, for comparisons.
    ///
    /// # Errors
    /// As [`Self::score_batch`].
    #[expect(clippy::needless_pass_by_value, reason = "views are small and go by value, as everywhere in ndarray")]
    pub fn score_batch_with(&self, rows: ArrayView2<'_, f64>, kernel: Kernel) -> Result<Array1<f64>, ForestError> {
        self.check_width(rows.ncols())?;
        Ok(Array1::from(self.score_rows(&rows, kernel)))
    }

    /// Share of each feature in one row's score; shares sum to 1.
    ///
    /// On the row's path through each tree a split earns `ln(rows before / rows after)` over its depth (1 at the
    /// root): early cuts that left the row with few others count most. Without any split every feature has the same share.
    ///
    /// # Errors
    /// [`ForestError::Width`] when the row has another number of features.
    pub fn attribute(&self, row: &[f64]) -> Result<Vec<f64>, ForestError> {
        self.check_width(row.len())?;
        let clean = clean(ArrayView1::from(row), &self.medians);
        let offsets: Vec<f64> = clean.iter().zip(&self.medians).map(|(v, m)| v - m).collect();
        let mut shares = vec![0.0; self.features()];
        for tree in &self.trees {
            let (mut node, mut depth) = (0, 1.0);
            while !tree.is_leaf(node) {
                let next = tree.step(node, &clean);
                let (before, after) = (f64::from(tree.samples[node]), f64::from(tree.samples[next].max(1)));
                let earned = (before.max(1.0) / after).ln().max(0.0) / depth;
                credit(tree, node, earned, &offsets, &mut shares);
                node = next;
                depth += 1.0;
            }
        }
        let total: f64 = shares.iter().sum();
        let even = 1.0 / shares.len() as f64;
        shares.iter_mut().for_each(|s| *s = if total > 0.0 { *s / total } else { even });
        Ok(shares)
    }

    const fn check_width(&self, got: usize) -> Result<(), ForestError> {
        if got == self.medians.len() { Ok(()) } else { Err(ForestError::Width { expected: self.medians.len(), got }) }
    }
}

/// Average path length of an unsuccessful search among `rows` rows: `c(n)` of the paper.
///
/// 0 for up to one row, 1 for two, else `2 (ln(n - 1) + γ) - 2 (n - 1) / n`.
#[must_use]
pub fn average_path_length(rows: usize) -> f64 {
    match rows {
        0 | 1 => 0.0,
        2 => 1.0,
        _ => {
            let n = rows as f64;
            2.0 * ((n - 1.0).ln() + EULER_GAMMA) - 2.0 * (n - 1.0) / n
        }
    }
}

/// `2^(-mean path / c(rows per tree))`; 0.5 when one row or none was there to grow on.
#[must_use]
pub fn score_of_mean_path(mean_path: f64, rows_per_tree: usize) -> f64 {
    let ordinary = average_path_length(rows_per_tree);
    if ordinary > 0.0 { (-mean_path / ordinary).exp2() } else { 0.5 }
}

/// A well-mixed seed for the `index`-th stream of `seed` (SplitMix64).
pub(in crate::detect) const fn mix(seed: u64, index: u64) -> u64 {
    let mut z = seed.wrapping_add(index.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Credits a split: an axis split's feature, or a hyperplane's features by how far each moved the row off the median.
fn credit(tree: &Tree, node: usize, earned: f64, offsets: &[f64], shares: &mut [f64]) {
    let feature = tree.nodes[node].feature as usize;
    if tree.planes.is_empty() {
        shares[feature] += earned;
        return;
    }
    let plane = tree.planes.terms(feature as u32);
    let pull = |term: &Term| (term.weight * offsets[term.feature as usize]).abs().min(1e100);
    let total: f64 = plane.iter().map(pull).sum();
    for term in plane {
        let share = if total > 0.0 { pull(term) / total } else { 1.0 / plane.len() as f64 };
        shares[term.feature as usize] += earned * share;
    }
}
