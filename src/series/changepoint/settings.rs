//! What counts as a change and what it costs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Largest minimum length of a segment.
pub(super) const MOST_MIN_SEGMENT: usize = 100_000;

/// How change points are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChangePointSettings {
    /// What is constant within a segment: `mean` or `mean_variance` (the default).
    pub cost: ChangeCost,
    /// What one more change costs: `auto`, or a positive number in units of the cost.
    pub penalty: Penalty,
    /// Fewest points of a segment, 1 to 100,000; at least 2 for `mean_variance`. Default 10: shorter is a spike, not a
    /// level.
    pub min_segment: usize,
}

/// What is constant within a segment, and with it what deviation from it costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeCost {
    /// The mean. Cost: the sum of squared deviations from the segment's mean, in squared units of the values.
    Mean,
    /// Mean and variance. Cost: minus twice the log-likelihood of a normal distribution, without its constant.
    #[default]
    MeanVariance,
}

/// What one more change must gain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "PenaltyText", into = "PenaltyText")]
pub enum Penalty {
    /// `3 ln n` times the noise variance for the mean, `4 ln n` for mean and variance.
    ///
    /// A change of the mean has two parameters, its place and the new mean: the Bayesian information criterion asks for
    /// `2 ln n`, and the criterion that counts the places properly (Zhang, Siegmund 2007) for about `3 ln n`; a new
    /// variance is one parameter more. The noise variance is that of the differences between neighbours, by their median,
    /// so that neither changes nor spikes enlarge it; where neighbours are alike (autocorrelation) it is the variance of
    /// long means, and the likelihood cost is divided by the same factor.
    #[default]
    Auto,
    /// This much, in units of the cost.
    Value(f64),
}

/// Why something is not a penalty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a penalty must be `auto` or a number above 0, got `{0}`")]
pub struct PenaltyError(pub String);

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum PenaltyText {
    Number(f64),
    Text(String),
}

impl Default for ChangePointSettings {
    fn default() -> Self {
        Self { cost: ChangeCost::default(), penalty: Penalty::default(), min_segment: 10 }
    }
}

impl Penalty {
    fn value(value: f64, text: &str) -> Result<Self, PenaltyError> {
        if value > 0.0 && value.is_finite() { Ok(Self::Value(value)) } else { Err(PenaltyError(text.to_owned())) }
    }
}

impl FromStr for Penalty {
    type Err = PenaltyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        Self::value(text.parse().unwrap_or(f64::NAN), text)
    }
}

impl fmt::Display for Penalty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Value(value) => write!(f, "{value}"),
        }
    }
}

impl TryFrom<PenaltyText> for Penalty {
    type Error = PenaltyError;

    fn try_from(text: PenaltyText) -> Result<Self, Self::Error> {
        match text {
            PenaltyText::Number(value) => Self::value(value, &value.to_string()),
            PenaltyText::Text(text) => text.parse(),
        }
    }
}

impl From<Penalty> for PenaltyText {
    fn from(penalty: Penalty) -> Self {
        match penalty {
            Penalty::Auto => Self::Text("auto".to_owned()),
            Penalty::Value(value) => Self::Number(value),
        }
    }
}
