//! Value types of detection.

mod budget;

use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub(super) use budget::LARGEST_P_STAR;
pub use budget::{BudgetError, BudgetScope, FalseAlarmBudget, Period};

pub use super::change::{Change, ChangeKind};
use crate::series::Unit;

/// Which way a point left its band.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Higher than expected.
    Above,
    /// Lower than expected.
    Below,
    /// Within the band; unusual, if at all, in its shape.
    #[default]
    Within,
}

/// Why a point is unusual: a closed set, so that it can be counted, routed and read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Far above what the season and trend promise.
    AboveExpected,
    /// Far below what the season and trend promise.
    BelowExpected,
    /// A few points far above the rest, and nothing like it before.
    Spike,
    /// A few points far below the rest.
    Dip,
    /// A jump from the point before.
    SuddenChange,
    /// Residuals stayed on one side for a while.
    LevelShift,
    /// The level has been moving slowly, for days or weeks, away from where it was.
    Drift,
    /// Residuals became much noisier.
    MoreVariable,
    /// The daily or weekly shape that was always there did not come.
    MissingSeason,
    /// A series that used to move stopped moving.
    Flatline,
    /// Unusual in the combination of features, not in a single one.
    UnusualPattern,
    /// A metric left the company of the others of its entity.
    CorrelationBreak,
    /// One of a group of peers (replicas, shards) behaves unlike the others.
    PeerOutlier,
    /// The series stopped reporting, and nothing explains why.
    Disappeared,
    /// The value was missing and has been imputed.
    Missing,
    /// Too little history to judge.
    WarmingUp,
    /// Right after a change of what is watched: a deploy, a scaling.
    AfterChange,
    /// The metric cannot have this value; it counts as missing.
    OutOfRange,
    /// Unusual, but closer to the expected value than alerts are wanted for.
    SuppressedBelowMinDeviation,
    /// Unusual outside of business hours.
    SuppressedOutsideBusinessHours,
    /// A time of planned work.
    SuppressedMaintenance,
}

/// What kept a point from being an anomaly whatever its score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Suppression {
    /// It is closer to the expected value than alerts are wanted for.
    BelowMinDeviation,
    /// The metric cannot have this value; it counts as missing.
    OutOfRange,
    /// It lies outside of business hours.
    OutsideBusinessHours,
    /// It lies in a time of planned work; it is not learned either.
    Maintenance,
}

/// The share of one feature (or one metric of an entity) in a score. Shares of one point sum to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attribution {
    /// Name of the feature or metric.
    pub feature: String,
    /// Share, 0 to 1.
    pub share: f64,
}

/// The judgement of one point.
#[derive(Debug, Clone, PartialEq)]
pub struct PointScore {
    /// Time of the point.
    pub at: Timestamp,
    /// The value; for an entity, the value of its most unusual metric.
    pub value: f64,
    /// What was expected before the value was seen.
    pub expected: f64,
    /// Lower end of the expected band.
    pub lower: f64,
    /// Upper end of the expected band.
    pub upper: f64,
    /// Calibrated tail probability under the series' own history, in (0, 1].
    pub p_value: f64,
    /// `ln p / ln p*`: 0 or more, 1 is the boundary, 2 is a probability squared.
    pub score: f64,
    /// Whether `score` reached 1, the point may be judged and nothing suppressed it.
    pub is_anomaly: bool,
    /// Which way.
    pub direction: Direction,
    /// How far the judgement can be trusted, 0 (no history yet) to 1.
    pub confidence: f64,
    /// The value was missing.
    pub imputed: bool,
    /// What kept it from being an anomaly; the score is what it is all the same.
    pub suppressed: Option<Suppression>,
    /// Why, most important first; empty for ordinary points.
    pub reasons: Vec<Reason>,
    /// Shares of features or metrics, largest first; empty for ordinary points.
    pub attribution: Vec<Attribution>,
    /// Lasting changes that have become certain with this point; mostly none.
    pub changes: Vec<Change>,
}

/// The judgements of a whole series or entity.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// Name of the series or entity.
    pub name: String,
    /// Unit of the values; [`Unit::None`] for an entity.
    pub unit: Unit,
    /// The decision boundary as a probability, in (0, 1).
    pub p_star: f64,
    /// One judgement for each point, in time order.
    pub points: Vec<PointScore>,
}

/// `ln p / ln p*`, at least 0. A `p` of 0 or NaN is taken as the smallest positive number or 1.
#[must_use]
pub fn score_of(p_value: f64, p_star: f64) -> f64 {
    let p = if p_value.is_nan() { 1.0 } else { p_value.clamp(f64::MIN_POSITIVE, 1.0) };
    let boundary = p_star.clamp(f64::MIN_POSITIVE, 1.0 - f64::EPSILON);
    (p.ln() / boundary.ln()).max(0.0)
}

impl Reason {
    /// The name in files and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AboveExpected => "above_expected",
            Self::BelowExpected => "below_expected",
            Self::Spike => "spike",
            Self::Dip => "dip",
            Self::SuddenChange => "sudden_change",
            Self::LevelShift => "level_shift",
            Self::Drift => "drift",
            Self::MoreVariable => "more_variable",
            Self::MissingSeason => "missing_season",
            Self::Flatline => "flatline",
            Self::UnusualPattern => "unusual_pattern",
            Self::CorrelationBreak => "correlation_break",
            Self::PeerOutlier => "peer_outlier",
            Self::Disappeared => "disappeared",
            Self::Missing => "missing",
            Self::WarmingUp => "warming_up",
            Self::AfterChange => "after_change",
            Self::OutOfRange => "out_of_range",
            Self::SuppressedBelowMinDeviation => "suppressed_below_min_deviation",
            Self::SuppressedOutsideBusinessHours => "suppressed_outside_business_hours",
            Self::SuppressedMaintenance => "suppressed_maintenance",
        }
    }

    /// What it means, in words that follow a comma or stand in a list.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::AboveExpected => "far above what season and trend promise",
            Self::BelowExpected => "far below what season and trend promise",
            Self::Spike => "a short rise unlike anything before",
            Self::Dip => "a short fall unlike anything before",
            Self::SuddenChange => "a jump from the point before",
            Self::LevelShift => "stayed on one side of the expected for a while",
            Self::Drift => "has moved slowly away from where it was",
            Self::MoreVariable => "much noisier than usual",
            Self::MissingSeason => "the usual daily or weekly shape did not come",
            Self::Flatline => "stopped moving",
            Self::UnusualPattern => "unusual in the combination of features",
            Self::CorrelationBreak => "left the company of the other metrics",
            Self::PeerOutlier => "behaves unlike its peers",
            Self::Disappeared => "stopped reporting",
            Self::Missing => "the value was missing",
            Self::WarmingUp => "too little history to judge",
            Self::AfterChange => "right after a change",
            Self::OutOfRange => "a value that the metric cannot have",
            Self::SuppressedBelowMinDeviation => "closer to the expected value than alerts are wanted for",
            Self::SuppressedOutsideBusinessHours => "outside of business hours",
            Self::SuppressedMaintenance => "in a time of planned work",
        }
    }
}

impl Suppression {
    /// The name in files and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BelowMinDeviation => "below_min_deviation",
            Self::OutOfRange => "out_of_range",
            Self::OutsideBusinessHours => "outside_business_hours",
            Self::Maintenance => "maintenance",
        }
    }

    /// The reason that stands for it among the reasons of a point.
    #[must_use]
    pub const fn reason(self) -> Reason {
        match self {
            Self::BelowMinDeviation => Reason::SuppressedBelowMinDeviation,
            Self::OutOfRange => Reason::OutOfRange,
            Self::OutsideBusinessHours => Reason::SuppressedOutsideBusinessHours,
            Self::Maintenance => Reason::SuppressedMaintenance,
        }
    }
}

impl Direction {
    /// The name in files and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Above => "above",
            Self::Below => "below",
            Self::Within => "within",
        }
    }
}

/// Which side of the expected band is unusual.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Watch {
    /// Both sides.
    #[default]
    Both,
    /// Only values above the expected one.
    Above,
    /// Only values below the expected one.
    Below,
}

/// How series are judged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Model {
    /// All parts, with some hundred kilobytes for each series: the most accurate.
    #[default]
    Full,
    /// Seasonal profile, level, autoregression and fitted tails in 4 KB for each series: for very many of them. Judges
    /// single series, no entities.
    Light,
}

/// Why a text is not a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("model must be `full` or `light`, got `{0}`")]
pub struct ModelError(pub String);

/// What happens when a series stops reporting and nothing explains it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disappearance {
    /// An alert, with the reason `disappeared`; none for pods that were scaled down, replaced or announced.
    #[default]
    Alert,
    /// Nothing; what fires for it is over.
    Ignore,
}

impl FromStr for Model {
    type Err = ModelError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "full" => Ok(Self::Full),
            "light" => Ok(Self::Light),
            other => Err(ModelError(other.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_the_boundary_and_two_is_a_probability_squared() {
        assert!((score_of(1e-4, 1e-4) - 1.0).abs() < 1e-12);
        assert!((score_of(1e-8, 1e-4) - 2.0).abs() < 1e-12);
        assert!(score_of(1.0, 1e-4).abs() < 1e-12);
        assert!(score_of(f64::NAN, 1e-4).abs() < 1e-12);
        assert!(score_of(0.0, 1e-4).is_finite());
        assert!(score_of(2.0, 1e-4) >= 0.0);
    }
}
