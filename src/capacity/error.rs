//! What can be wrong with a capacity question.

use jiff::Timestamp;

use crate::series::Unit;

/// Why there is no answer about capacity.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CapacityError {
    /// The limit is zero, negative, NaN or infinite.
    #[error("limit must be a positive finite number, got {0}")]
    Limit(f64),
    /// Usage and limit are measured in different units.
    #[error("usage is in {used:?} but the limit is in {limit:?}; give both in the same unit")]
    UnitMismatch {
        /// Unit of usage.
        used: Unit,
        /// Unit of the limit.
        limit: Unit,
    },
    /// The forecast was made without sample paths.
    #[error("forecast of `{series}` has no sample paths; ask for at least 1, better 500")]
    NoPaths {
        /// Name of the series.
        series: String,
    },
    /// A sample path holds NaN or an infinity.
    #[error("forecast of `{series}` has a sample path with the value {value}; every value must be finite")]
    PathNotFinite {
        /// Name of the series.
        series: String,
        /// The value.
        value: f64,
    },
    /// The forecast looks at the past only.
    #[error("forecast of `{series}` ends at {end}, which is not after {now}; make a new one")]
    StaleForecast {
        /// Name of the series.
        series: String,
        /// Its last step.
        end: Timestamp,
        /// The time of the question.
        now: Timestamp,
    },
    /// A setting is out of range.
    #[error("{name} must be {allowed}, got {got}")]
    Setting {
        /// Name of the setting.
        name: &'static str,
        /// What is allowed.
        allowed: &'static str,
        /// What was given.
        got: String,
    },
    /// Nothing is known of a workload.
    #[error("workload `{0}` has neither CPU nor memory history; give at least one")]
    NoHistory(String),
    /// One replica can do nothing.
    #[error("capacity of one replica must be a positive finite number, got {0}")]
    ReplicaCapacity(f64),
}
