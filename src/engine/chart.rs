//! What is kept of a judged point for plots.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::detect::{PointScore, Suppression};

/// A judged point as a plot needs it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ChartPoint {
    /// Time.
    pub at: Timestamp,
    /// Value.
    pub value: f64,
    /// What was expected.
    pub expected: f64,
    /// Lower end of the band.
    pub lower: f64,
    /// Upper end of the band.
    pub upper: f64,
    /// Score.
    pub score: f64,
    /// Whether it was anomalous.
    pub is_anomaly: bool,
    /// What kept it from being that.
    #[serde(default)]
    pub suppressed: Option<Suppression>,
}

impl ChartPoint {
    /// What a plot needs of a judgement; a missing value is NaN.
    pub(super) const fn of(point: &PointScore) -> Self {
        Self {
            at: point.at,
            value: if point.imputed { f64::NAN } else { point.value },
            expected: point.expected,
            lower: point.lower,
            upper: point.upper,
            score: point.score,
            is_anomaly: point.is_anomaly,
            suppressed: point.suppressed,
        }
    }
}
