//! The written form of a booster, checked when it is read.

use serde::{Deserialize, Serialize};

use super::booster::Booster;
use super::objective::Objective;
use super::params::ParamsError;
use super::tree::Tree;

/// Number of the format that is written and read.
const FORMAT: u32 = 1;
/// Most features, classes and trees that are read.
const MAX_FEATURES: usize = 4_096;
const MAX_TREES: usize = 100_000;

/// The written form.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BoosterFile {
    format: u32,
    objective: Objective,
    features: Vec<String>,
    n_classes: usize,
    base: Vec<f64>,
    rounds: Vec<Vec<Tree>>,
}

/// Why a booster cannot be fitted or read.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BoosterError {
    /// A parameter out of range.
    #[error(transparent)]
    Params(#[from] ParamsError),
    /// Nothing to learn from.
    #[error("training needs at least one row")]
    NoRows,
    /// Too few classes.
    #[error("a classifier needs 2 to 256 classes, got {got}")]
    Classes {
        /// Number of classes.
        got: usize,
    },
    /// Rows, classes or columns of the parts differ.
    #[error("training and validation part must have the same columns and classes, and a class per row")]
    Parts,
    /// Trends do not fit the columns.
    #[error("trends must be given for none or all of the {needed} columns, got {got}")]
    Trends {
        /// Number of trends.
        got: usize,
        /// Number of columns.
        needed: usize,
    },
    /// Trends without an order of classes.
    #[error("trends are only defined for classes in an order: use the ordinal objective")]
    TrendsNeedAnOrder,
    /// A format that this version does not read.
    #[error("booster format must be {FORMAT}, got {got}")]
    Format {
        /// The format.
        got: u32,
    },
    /// Parts of a written booster that do not fit each other.
    #[error("booster is damaged: {0}")]
    Damaged(String),
}

impl TryFrom<BoosterFile> for Booster {
    type Error = BoosterError;

    fn try_from(file: BoosterFile) -> Result<Self, Self::Error> {
        let damaged = |what: String| Err(BoosterError::Damaged(what));
        if file.format != FORMAT {
            return Err(BoosterError::Format { got: file.format });
        }
        if !(2..=256).contains(&file.n_classes) {
            return Err(BoosterError::Classes { got: file.n_classes });
        }
        if !(1..=MAX_FEATURES).contains(&file.features.len()) {
            return damaged(format!("features must be 1 to {MAX_FEATURES}, got {}", file.features.len()));
        }
        let n_heads = file.objective.n_heads(file.n_classes);
        if file.base.len() != n_heads || !file.base.iter().all(|base| base.is_finite()) {
            return damaged(format!("base must be {n_heads} finite numbers"));
        }
        if file.rounds.iter().map(Vec::len).sum::<usize>() > MAX_TREES {
            return damaged(format!("trees must be at most {MAX_TREES}"));
        }
        if file.rounds.iter().any(|trees| trees.len() != n_heads) {
            return damaged(format!("every round must have {n_heads} trees"));
        }
        if file.rounds.iter().flatten().any(|tree| tree.features_used() > file.features.len()) {
            return damaged(format!("a tree asks for a feature beyond the {} there are", file.features.len()));
        }
        Ok(Self::from_parts(Self::new(file.objective, file.features, file.n_classes, file.base), file.rounds))
    }
}

impl From<Booster> for BoosterFile {
    fn from(booster: Booster) -> Self {
        Self {
            format: FORMAT,
            objective: booster.objective(),
            features: booster.features().to_vec(),
            n_classes: booster.n_classes(),
            base: booster.base().to_vec(),
            rounds: booster.all_rounds().to_vec(),
        }
    }
}
