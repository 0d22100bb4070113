//! What can be set about boosting.

use serde::{Deserialize, Serialize};

/// How the classes may depend on a feature, everything else equal. Only with [`super::Objective::Ordinal`].
///
/// The guarantee: for every class `k`, the probability of a class at or before `k` never falls (`TowardsFirst`) or never
/// rises (`TowardsLast`) when the known feature value rises. Between a known and a missing value nothing is promised.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trend {
    /// Anything.
    #[default]
    Free,
    /// A larger value never makes the first classes less likely.
    TowardsFirst,
    /// A larger value never makes the last classes less likely.
    TowardsLast,
}

/// Parameters of boosting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// Most rounds, 1 to 5,000. Each grows one tree per head.
    pub rounds: usize,
    /// Step of each round, above 0 to 1.
    pub learning_rate: f64,
    /// Most leaves of a tree, 2 to 1,024.
    pub max_leaves: usize,
    /// Most splits between root and leaf, 1 to 64.
    pub max_depth: usize,
    /// Fewest training rows in a leaf, 1 or more.
    pub min_samples_leaf: usize,
    /// Smallest sum of second derivatives in a leaf, 0 or more.
    pub min_child_weight: f64,
    /// L2 penalty on leaf values, 0 or more.
    pub l2: f64,
    /// Smallest gain of a split, 0 or more.
    pub min_gain: f64,
    /// Most value bins of a feature, 2 to 255.
    pub max_bins: usize,
    /// Share of rows that each round sees, above 0 to 1.
    pub row_fraction: f64,
    /// Share of columns that each tree sees, above 0 to 1.
    pub column_fraction: f64,
    /// Rounds without a better validation loss until fitting stops, 1 or more; without a validation part all run.
    pub patience: usize,
    /// Weight of rare classes: row weights are `(n / (classes × n_class))^class_balance`, 0 (none) to 1 (balanced).
    pub class_balance: f64,
}

/// Which parameter is out of range.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{name} must be in {allowed}, got {got}")]
pub struct ParamsError {
    /// Its name.
    pub name: &'static str,
    /// What is allowed.
    pub allowed: &'static str,
    /// What was given.
    pub got: f64,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            rounds: 200,
            learning_rate: 0.1,
            max_leaves: 31,
            max_depth: 16,
            min_samples_leaf: 20,
            min_child_weight: 1e-3,
            l2: 1.0,
            min_gain: 1e-6,
            max_bins: 255,
            row_fraction: 1.0,
            column_fraction: 1.0,
            patience: 20,
            class_balance: 0.0,
        }
    }
}

impl Params {
    /// Checks every range.
    ///
    /// # Errors
    /// [`ParamsError`] for the first parameter that is out of its range; NaN is.
    pub fn check(&self) -> Result<(), ParamsError> {
        let checks: [(&'static str, f64, bool, &'static str); 13] = [
            ("rounds", self.rounds as f64, (1..=5_000).contains(&self.rounds), "1..=5000"),
            ("learning_rate", self.learning_rate, share(self.learning_rate), "(0, 1]"),
            ("max_leaves", self.max_leaves as f64, (2..=1_024).contains(&self.max_leaves), "2..=1024"),
            ("max_depth", self.max_depth as f64, (1..=64).contains(&self.max_depth), "1..=64"),
            ("min_samples_leaf", self.min_samples_leaf as f64, self.min_samples_leaf >= 1, "1 or more"),
            ("min_child_weight", self.min_child_weight, not_negative(self.min_child_weight), "[0, 1e12]"),
            ("l2", self.l2, not_negative(self.l2), "[0, 1e12]"),
            ("min_gain", self.min_gain, not_negative(self.min_gain), "[0, 1e12]"),
            ("max_bins", self.max_bins as f64, (2..=255).contains(&self.max_bins), "2..=255"),
            ("row_fraction", self.row_fraction, share(self.row_fraction), "(0, 1]"),
            ("column_fraction", self.column_fraction, share(self.column_fraction), "(0, 1]"),
            ("patience", self.patience as f64, self.patience >= 1, "1 or more"),
            ("class_balance", self.class_balance, (0.0..=1.0).contains(&self.class_balance), "[0, 1]"),
        ];
        match checks.into_iter().find(|(_, _, fine, _)| !fine) {
            Some((name, got, _, allowed)) => Err(ParamsError { name, allowed, got }),
            None => Ok(()),
        }
    }
}

fn share(value: f64) -> bool {
    value > 0.0 && value <= 1.0
}

fn not_negative(value: f64) -> bool {
    (0.0..=1e12).contains(&value)
}
