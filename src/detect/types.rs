//! Value types of detection.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

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
    /// A jump from the point before.
    SuddenChange,
    /// Residuals stayed on one side for a while.
    LevelShift,
    /// Residuals became much noisier.
    MoreVariable,
    /// A series that used to move stopped moving.
    Flatline,
    /// Unusual in the combination of features, not in a single one.
    UnusualPattern,
    /// A metric left the company of the others of its entity.
    CorrelationBreak,
    /// The value was missing and has been imputed.
    Missing,
    /// Too little history to judge.
    WarmingUp,
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
    /// Whether `score` reached 1 and the point may be judged.
    pub is_anomaly: bool,
    /// Which way.
    pub direction: Direction,
    /// How far the judgement can be trusted, 0 (no history yet) to 1.
    pub confidence: f64,
    /// The value was missing.
    pub imputed: bool,
    /// Why, most important first; empty for ordinary points.
    pub reasons: Vec<Reason>,
    /// Shares of features or metrics, largest first; empty for ordinary points.
    pub attribution: Vec<Attribution>,
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
            Self::SuddenChange => "sudden_change",
            Self::LevelShift => "level_shift",
            Self::MoreVariable => "more_variable",
            Self::Flatline => "flatline",
            Self::UnusualPattern => "unusual_pattern",
            Self::CorrelationBreak => "correlation_break",
            Self::Missing => "missing",
            Self::WarmingUp => "warming_up",
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

#[cfg(test)]
mod tests {
    use super::score_of;

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
