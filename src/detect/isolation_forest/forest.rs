//! The forest: fit, score, attribute.

use ndarray::{Array1, ArrayView2};
use rand::Rng;
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};

use super::file::ForestFile;
use super::params::{IsolationForestParams, MOST_FEATURES};
use super::tree::{Rows, Term, Tree};

/// Rows that are scored together, tree after tree: the block's path sums stay in the first cache.
const BLOCK: usize = 512;
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
    /// Grows a forest on `rows` (n_samples, n_features). NaN is replaced by the feature's median.
    ///
    /// O(trees × sample_size × log sample_size × features in the worst case).
    ///
    /// # Errors
    /// [`ForestError::Shape`] without rows or features.
    #[expect(clippy::needless_pass_by_value, reason = "views are small and go by value, as everywhere in ndarray")]
    pub fn fit(params: IsolationForestParams, rows: ArrayView2<'_, f64>) -> Result<Self, ForestError> {
        let (count, width) = rows.dim();
        let values: Vec<f64> = rows.iter().copied().collect();
        Self::fit_rows(params, &values, width, count)
    }

    /// The same from row-major `values` of `count` rows.
    pub(in crate::detect) fn fit_rows(
        params: IsolationForestParams,
        values: &[f64],
        width: usize,
        count: usize,
    ) -> Result<Self, ForestError> {
        let fits = (1..=MOST_FEATURES).contains(&width) && (1..=u32::MAX as usize / 2).contains(&count);
        if !fits || values.len() != width * count {
            return Err(ForestError::Shape { rows: count, features: width });
        }
        let medians = medians(values, width);
        let clean: Vec<f64> = values.iter().enumerate().map(|(i, v)| finite(*v, medians[i % width])).collect();
        let rows = Rows { values: &clean, width };
        let rows_per_tree = params.sample_size().min(count);
        let limit = rows_per_tree.next_power_of_two().trailing_zeros();
        let mut order: Vec<u32> = (0..count as u32).collect();
        let trees = (0..params.trees())
            .map(|index| {
                let mut rng = Pcg64Mcg::seed_from_u64(mix(params.seed(), index as u64));
                for place in 0..rows_per_tree {
                    let other = rng.random_range(place..count);
                    order.swap(place, other);
                }
                let mut sample = order[..rows_per_tree].to_vec();
                Tree::grow(rows, &mut sample, limit, params.split(), &mut rng)
            })
            .collect();
        Ok(Self { params, trees, medians, rows_per_tree })
    }

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
        let clean: Vec<f64> = row.iter().zip(&self.medians).map(|(v, m)| finite(*v, *m)).collect();
        Ok(score_of_mean_path(self.mean_path(&clean), self.rows_per_tree))
    }

    /// Scores of all rows (n_samples, n_features), equal to [`Self::score`] of each.
    ///
    /// Tree after tree over blocks of rows, eight rows at a time: the tree stays in the cache and eight walks overlap.
    ///
    /// # Errors
    /// [`ForestError::Width`] when the rows have another number of features.
    #[expect(clippy::needless_pass_by_value, reason = "views are small and go by value, as everywhere in ndarray")]
    pub fn score_batch(&self, rows: ArrayView2<'_, f64>) -> Result<Array1<f64>, ForestError> {
        self.check_width(rows.ncols())?;
        let width = self.features();
        let mut scores = Vec::with_capacity(rows.nrows());
        let (mut block, mut sums) = (Vec::with_capacity(BLOCK * width), Vec::with_capacity(BLOCK));
        for chunk in rows.axis_chunks_iter(ndarray::Axis(0), BLOCK) {
            block.clear();
            for row in chunk.rows() {
                block.extend(row.iter().zip(&self.medians).map(|(v, m)| finite(*v, *m)));
            }
            sums.clear();
            sums.resize(chunk.nrows(), 0.0);
            for tree in &self.trees {
                add_paths(tree, &block, width, &mut sums);
            }
            let trees = self.trees.len() as f64;
            scores.extend(sums.iter().map(|sum| score_of_mean_path(sum / trees, self.rows_per_tree)));
        }
        Ok(Array1::from(scores))
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
        let clean: Vec<f64> = row.iter().zip(&self.medians).map(|(v, m)| finite(*v, *m)).collect();
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

    fn mean_path(&self, clean: &[f64]) -> f64 {
        self.trees.iter().map(|tree| tree.path_length(clean)).sum::<f64>() / self.trees.len() as f64
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

fn finite(value: f64, stand_in: f64) -> f64 {
    if value.is_nan() { stand_in } else { value.clamp(f64::MIN, f64::MAX) }
}

fn medians(values: &[f64], width: usize) -> Vec<f64> {
    (0..width)
        .map(|feature| {
            let column = values.iter().skip(feature).step_by(width);
            let mut kept: Vec<f64> = column.filter(|v| !v.is_nan()).map(|v| finite(*v, 0.0)).collect();
            kept.sort_unstable_by(f64::total_cmp);
            kept.get(kept.len() / 2).copied().unwrap_or(0.0)
        })
        .collect()
}

/// Credits a split: an axis split's feature, or a hyperplane's features by how far each moved the row off the median.
fn credit(tree: &Tree, node: usize, earned: f64, offsets: &[f64], shares: &mut [f64]) {
    let feature = tree.nodes[node].feature as usize;
    if tree.planes.is_empty() {
        shares[feature] += earned;
        return;
    }
    let plane = &tree.planes[feature];
    let pull = |term: &Term| (term.weight * offsets[term.feature as usize]).abs().min(1e100);
    let total: f64 = plane.iter().map(pull).sum();
    for term in plane {
        let share = if total > 0.0 { pull(term) / total } else { 1.0 / plane.len() as f64 };
        shares[term.feature as usize] += earned * share;
    }
}

/// Adds the path length of each row of the block.
fn add_paths(tree: &Tree, block: &[f64], width: usize, sums: &mut [f64]) {
    if !tree.planes.is_empty() {
        for (row, sum) in block.chunks_exact(width).zip(sums) {
            *sum += tree.path_length(row);
        }
        return;
    }
    let nodes = tree.nodes.as_slice();
    for (rows, sums) in block.chunks(width * 8).zip(sums.chunks_mut(8)) {
        let mut at = [0_usize; 8];
        for _ in 0..tree.depth {
            for (place, row) in at.iter_mut().zip(rows.chunks_exact(width)) {
                let node = nodes[*place];
                *place = node.left as usize + usize::from(row[node.feature as usize] > node.threshold);
            }
        }
        for (sum, place) in sums.iter_mut().zip(at) {
            *sum += tree.path_lengths[place];
        }
    }
}
