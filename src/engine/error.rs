//! What can go wrong in a use case, in few words that every door understands.

use crate::capacity::CapacityError;
use crate::detect::DetectError;
use crate::forecast::ForecastError;
use crate::series::SeriesError;
use crate::severity::{DatasetError, ModelError, TrainError};
use crate::source::SourceError;
use crate::source::webhook::WebhookError;
use crate::store::StoreError;

/// What kind of failure it is: enough for a status code, an exit code and a retry decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCode {
    /// A body cannot be read as what it should be.
    Malformed,
    /// More than is taken at a time.
    TooLarge,
    /// The request or input is wrong; repeating it will not help.
    InvalidInput,
    /// What was asked for does not exist.
    NotFound,
    /// It is being done already, or contradicts what is there.
    Conflict,
    /// A source or store does not answer; later it may.
    Unavailable,
    /// A bug or a broken disk.
    Internal,
}

/// Why a use case failed.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The data cannot become a series.
    #[error(transparent)]
    Series(#[from] SeriesError),
    /// A source failed.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// No score.
    #[error(transparent)]
    Detect(#[from] DetectError),
    /// No forecast.
    #[error(transparent)]
    Forecast(#[from] ForecastError),
    /// No capacity report.
    #[error(transparent)]
    Capacity(#[from] CapacityError),
    /// Alert records that cannot be read.
    #[error(transparent)]
    Records(#[from] DatasetError),
    /// No severity model could be trained.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// A severity model that cannot be used.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The body of a webhook cannot be read.
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A request is wrong; the text says where and what is allowed.
    #[error("{0}")]
    Invalid(String),
    /// Something that was named does not exist; the text says what does.
    #[error("{0}")]
    NotFound(String),
    /// It is under way already.
    #[error("{0}")]
    Conflict(String),
    /// Something that is needed does not answer, or not wholly; the text says what.
    #[error("{0}")]
    Unavailable(String),
    /// A computation panicked: a bug.
    #[error("internal error: {0}; please report it")]
    Panicked(String),
}

impl EngineError {
    /// What kind of failure it is.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Series(_)
            | Self::Detect(_)
            | Self::Forecast(_)
            | Self::Capacity(_)
            | Self::Records(_)
            | Self::Train(_)
            | Self::Invalid(_) => ErrorCode::InvalidInput,
            Self::Source(source) if source.is_retryable() => ErrorCode::Unavailable,
            Self::Source(_) => ErrorCode::InvalidInput,
            Self::NotFound(_) => ErrorCode::NotFound,
            Self::Conflict(_) => ErrorCode::Conflict,
            Self::Webhook(WebhookError::TooManyAlerts { .. }) => ErrorCode::TooLarge,
            Self::Webhook(_) => ErrorCode::Malformed,
            Self::Store(StoreError::NotFound { .. }) => ErrorCode::NotFound,
            Self::Store(StoreError::Name(_)) => ErrorCode::InvalidInput,
            Self::Store(_) | Self::Unavailable(_) => ErrorCode::Unavailable,
            Self::Model(_) | Self::Panicked(_) => ErrorCode::Internal,
        }
    }
}
