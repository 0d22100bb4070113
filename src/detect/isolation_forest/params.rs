//! Checked parameters of an isolation forest.

use serde::{Deserialize, Serialize};

/// Most trees of one forest.
pub(super) const MOST_TREES: usize = 10_000;
/// Most rows that one tree is grown on.
pub(super) const MOST_SAMPLES: usize = 65_536;
/// Most features of one forest.
pub(super) const MOST_FEATURES: usize = 65_536;

/// How a node cuts its rows in two.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// One feature at a threshold.
    #[default]
    Axis,
    /// One feature at the threshold that leaves the least spread on both sides, in `percent` of the nodes (1 to 100);
    /// the others are cut as [`Split::Axis`] does.
    ///
    /// The criterion of SCiForest (Liu, Ting and Zhou, "On Detecting Clustered Anomalies Using SCiForest", 2010) and of
    /// fair-cut forests (Cortes, "Revisiting randomized choices in isolation forests", 2021), on single features.
    Guided {
        /// What is least.
        gain: Gain,
        /// Share of guided nodes.
        percent: u8,
    },
    /// A random hyperplane over `features` features (at least 2; fewer are used where fewer vary).
    Extended {
        /// Features in one hyperplane.
        features: usize,
    },
}

/// How the two sides of a guided cut are weighed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gain {
    /// Mean of the two standard deviations (SCiForest): cuts few rows off, so it finds small clusters of anomalies.
    #[default]
    Averaged,
    /// The same weighted by rows (fair-cut forest): cuts between large clusters, so it finds outliers among them.
    Pooled,
}

/// Parameters that were checked: trees, rows for each tree, kind of split, seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked", into = "Unchecked")]
pub struct IsolationForestParams {
    trees: usize,
    sample_size: usize,
    split: Split,
    seed: u64,
}

/// Why parameters are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParamsError {
    /// Number of trees.
    #[error("trees must be 1 to {MOST_TREES}, got {0}")]
    Trees(usize),
    /// Rows for each tree.
    #[error("sample size must be 2 to {MOST_SAMPLES} rows, got {0}")]
    SampleSize(usize),
    /// Share of guided nodes.
    #[error("a guided split needs a share of 1 to 100 percent, got {0}")]
    Guided(u8),
    /// Features of a hyperplane.
    #[error("an extended split needs 2 to {MOST_FEATURES} features, got {0}")]
    Extended(usize),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    trees: usize,
    sample_size: usize,
    split: Split,
    seed: u64,
}

impl IsolationForestParams {
    /// Parameters of a forest.
    ///
    /// `trees` 1 to 10,000 (100 is the paper's), `sample_size` rows for each tree, 2 to 65,536 (256 is the paper's).
    ///
    /// # Errors
    /// [`ParamsError`] with the value and what is allowed.
    pub fn try_new(trees: usize, sample_size: usize, split: Split, seed: u64) -> Result<Self, ParamsError> {
        if !(1..=MOST_TREES).contains(&trees) {
            return Err(ParamsError::Trees(trees));
        }
        if !(2..=MOST_SAMPLES).contains(&sample_size) {
            return Err(ParamsError::SampleSize(sample_size));
        }
        match split {
            Split::Extended { features } if !(2..=MOST_FEATURES).contains(&features) => {
                Err(ParamsError::Extended(features))
            }
            Split::Guided { percent, .. } if !(1..=100).contains(&percent) => Err(ParamsError::Guided(percent)),
            Split::Axis | Split::Guided { .. } | Split::Extended { .. } => Ok(Self { trees, sample_size, split, seed }),
        }
    }

    /// A small forest for one stream among thousands: 24 trees of 64 rows.
    pub(in crate::detect) const DEFAULT_IN_STREAM: Self =
        Self { trees: 24, sample_size: 64, split: Split::Axis, seed: 0 };

    /// The same with another seed.
    #[must_use]
    pub const fn with_seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Number of trees.
    #[must_use]
    pub const fn trees(&self) -> usize {
        self.trees
    }

    /// Rows for each tree; fewer are used when there are fewer.
    #[must_use]
    pub const fn sample_size(&self) -> usize {
        self.sample_size
    }

    /// Kind of split.
    #[must_use]
    pub const fn split(&self) -> Split {
        self.split
    }

    /// Seed of every random choice.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }
}

impl TryFrom<Unchecked> for IsolationForestParams {
    type Error = ParamsError;

    fn try_from(raw: Unchecked) -> Result<Self, Self::Error> {
        Self::try_new(raw.trees, raw.sample_size, raw.split, raw.seed)
    }
}

impl From<IsolationForestParams> for Unchecked {
    fn from(p: IsolationForestParams) -> Self {
        Self { trees: p.trees, sample_size: p.sample_size, split: p.split, seed: p.seed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_outside_their_range_are_named_with_what_is_allowed() {
        let text = |r: Result<IsolationForestParams, ParamsError>| r.expect_err("refused").to_string();
        assert_eq!(text(IsolationForestParams::try_new(0, 256, Split::Axis, 1)), "trees must be 1 to 10000, got 0");
        assert!(text(IsolationForestParams::try_new(1, 1, Split::Axis, 1)).contains("got 1"));
        let one = Split::Extended { features: 1 };
        assert!(text(IsolationForestParams::try_new(1, 2, one, 1)).contains("needs 2 to"));
        let none = Split::Guided { gain: Gain::Pooled, percent: 0 };
        assert!(text(IsolationForestParams::try_new(1, 2, none, 1)).contains("1 to 100 percent, got 0"));
    }

    #[test]
    fn loading_cannot_skip_the_check() {
        let good = IsolationForestParams::try_new(10, 64, Split::Extended { features: 3 }, 7).expect("good");
        let json = serde_json::to_string(&good).expect("written");
        assert_eq!(serde_json::from_str::<IsolationForestParams>(&json).expect("read"), good);
        let bad = json.replace("\"trees\":10", "\"trees\":0");
        assert!(serde_json::from_str::<IsolationForestParams>(&bad).is_err());
    }
}
