//! Checked parameters of a streaming forest.

use serde::{Deserialize, Serialize};

use crate::detect::isolation_forest::IsolationForestParams;

/// Most trees, most rows for each tree, longest time constant.
const MOST_TREES: usize = 1_000;
const MOST_SAMPLES: usize = 1_024;
const MOST_POINTS: u64 = 10_000_000;
/// Shortest time constant.
const FEWEST_POINTS: u64 = 64;
/// Most nodes of one tree: a node's number fits a byte.
const MOST_NODES: usize = 255;
/// Most features of a row: a feature's number fits a byte.
pub(super) const MOST_FEATURES: usize = 256;
/// Time constant of a stream unless told: with minutely points about three days.
const TIME_CONSTANT: u64 = 4_000;

/// Parameters that were checked: trees, rows for each tree, time constant in points, seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked", into = "Unchecked")]
pub struct OnlineForestParams {
    trees: usize,
    sample_size: usize,
    time_constant: u64,
    seed: u64,
}

/// Why parameters are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OnlineParamsError {
    /// Number of trees.
    #[error("trees must be 1 to {MOST_TREES}, got {0}")]
    Trees(usize),
    /// Rows for each tree.
    #[error("sample size must be 2 to {MOST_SAMPLES} rows, got {0}")]
    SampleSize(usize),
    /// Time constant.
    #[error("time constant must be {FEWEST_POINTS} to {MOST_POINTS} points, got {0}")]
    TimeConstant(u64),
    /// Number of features.
    #[error("a streaming forest takes rows of 1 to {MOST_FEATURES} features, got {0}")]
    Features(usize),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    trees: usize,
    sample_size: usize,
    time_constant: u64,
    seed: u64,
}

impl OnlineForestParams {
    /// Parameters: `trees` 1 to 1,000, `sample_size` rows for each tree 2 to 1,024, `time_constant` 64 to 10,000,000
    /// points.
    ///
    /// # Errors
    /// [`OnlineParamsError`] with the value and what is allowed.
    pub fn try_new(trees: usize, sample_size: usize, time_constant: u64, seed: u64) -> Result<Self, OnlineParamsError> {
        if !(1..=MOST_TREES).contains(&trees) {
            return Err(OnlineParamsError::Trees(trees));
        }
        if !(2..=MOST_SAMPLES).contains(&sample_size) {
            return Err(OnlineParamsError::SampleSize(sample_size));
        }
        if !(FEWEST_POINTS..=MOST_POINTS).contains(&time_constant) {
            return Err(OnlineParamsError::TimeConstant(time_constant));
        }
        Ok(Self { trees, sample_size, time_constant, seed })
    }

    /// 24 trees of 64 rows that forget in 4,000 points: about 9 KB for 14 features.
    #[must_use]
    pub const fn small(seed: u64) -> Self {
        Self { trees: 24, sample_size: 64, time_constant: TIME_CONSTANT, seed }
    }

    /// The streaming forest that a detector's `forest` settings mean: as many trees, of as many rows, within the limits
    /// of this one; cuts of several features (`extended`) are cut one feature at a time here.
    pub(in crate::detect) fn of(batch: IsolationForestParams) -> Self {
        Self {
            trees: batch.trees().clamp(1, MOST_TREES),
            sample_size: batch.sample_size().clamp(2, MOST_SAMPLES),
            time_constant: TIME_CONSTANT,
            seed: batch.seed(),
        }
    }

    /// Number of trees.
    #[must_use]
    pub const fn trees(&self) -> usize {
        self.trees
    }

    /// Rows that a tree is grown on.
    #[must_use]
    pub const fn sample_size(&self) -> usize {
        self.sample_size
    }

    /// Points after which the past counts by a factor of e less.
    #[must_use]
    pub const fn time_constant(&self) -> u64 {
        self.time_constant
    }

    /// Seed of every random choice.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// Rows in the reservoir: half as many again as a tree takes, so that trees differ.
    pub(super) const fn held(&self) -> usize {
        self.sample_size + self.sample_size / 2
    }

    /// Deepest level of a tree.
    pub(super) const fn most_depth(&self) -> u32 {
        let levels = self.sample_size.next_power_of_two().trailing_zeros();
        if levels > 2 { levels - 1 } else { levels }
    }

    /// Nodes of a tree.
    pub(super) const fn slots(&self) -> usize {
        let full = (2_usize << self.most_depth()) - 1;
        let kept = if full > MOST_NODES { MOST_NODES } else { full };
        // a quarter as many leaves as rows: more of them were not better, more trees were
        let lean = self.sample_size.next_power_of_two() / 2 - 1;
        if lean >= 3 && lean < kept { lean } else { kept }
    }
}

impl TryFrom<Unchecked> for OnlineForestParams {
    type Error = OnlineParamsError;

    fn try_from(raw: Unchecked) -> Result<Self, Self::Error> {
        Self::try_new(raw.trees, raw.sample_size, raw.time_constant, raw.seed)
    }
}

impl From<OnlineForestParams> for Unchecked {
    fn from(p: OnlineForestParams) -> Self {
        Self { trees: p.trees, sample_size: p.sample_size, time_constant: p.time_constant, seed: p.seed }
    }
}
