//! Samples as they were pulled.

use super::{Labels, Unit};

/// One observation: Unix time in milliseconds and value. NaN means "no value here".
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Unix time, milliseconds.
    pub time_ms: i64,
    /// The value; NaN or an infinity is kept and counted as missing by `Grid`.
    pub value: f64,
}

/// How a metric moves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MetricKind {
    /// Goes up and down.
    #[default]
    Gauge,
    /// Only grows, and starts again from zero when its process restarts; becomes a rate per second.
    Counter,
}

/// Samples of one series, in the order they came: possibly disordered, repeated, irregular, missing.
#[derive(Debug, Clone, PartialEq)]
pub struct Samples {
    /// What people call it.
    pub name: String,
    /// Labels, if the source has them.
    pub labels: Labels,
    /// Unit of the values.
    pub unit: Unit,
    /// Gauge or counter.
    pub kind: MetricKind,
    /// The observations.
    pub points: Vec<Sample>,
    /// The source said that data may be missing (`warnings` of Prometheus, Thanos, Mimir): scored with lower
    /// confidence, never trained on.
    pub partial: bool,
}

impl Samples {
    /// Gauge samples without labels.
    #[must_use]
    pub fn gauge(name: impl Into<String>, points: Vec<Sample>) -> Self {
        Self {
            name: name.into(),
            labels: Labels::new(),
            unit: Unit::None,
            kind: MetricKind::Gauge,
            points,
            partial: false,
        }
    }
}
