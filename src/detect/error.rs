//! Why detection refuses.

use super::isolation_forest::{ForestError, ParamsError};

/// Why there are no scores.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DetectError {
    /// A setting of the forest is out of range.
    #[error("forest settings: {0}")]
    Params(#[from] ParamsError),
    /// The forest refused.
    #[error(transparent)]
    Forest(#[from] ForestError),
    /// An entity without metrics.
    #[error("an entity needs 1 to {most} metrics, got {got}")]
    Metrics {
        /// Metrics given.
        got: usize,
        /// Most metrics allowed.
        most: usize,
    },
    /// A model that judges single series was asked to judge an entity.
    #[error("the light model judges single series, not the {0} metrics of an entity together; use model `full`")]
    LightEntity(usize),
    /// A group of peers is too small, uneven or too short.
    #[error("peer group: {0}")]
    Peers(String),
    /// A snapshot that cannot be trusted.
    #[error("detector snapshot is not valid: {0}")]
    Snapshot(String),
}
