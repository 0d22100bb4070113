//! Where alerts and recommendations go.
//!
//! Input: a [`Notice`] with an idempotency key.
//! Output: a delivery to Alertmanager, a webhook, a file or standard output, or a typed failure that says whether to retry.
//! Never: decides what is sent or when to retry (that is `engine`'s outbox); never puts scores into labels.

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::alert::Alert;
use crate::capacity::Recommendation;

mod alertmanager;
mod http;
mod lines;
mod settings;
mod webhook;
mod wire;

pub use alertmanager::AlertmanagerSink;
pub use lines::{FileSink, StdoutSink};
pub use settings::{AlertmanagerSettings, BasicAuth, FileSettings, HttpSettings, SetupError, WebhookSettings};
pub use webhook::WebhookSink;

/// Something to deliver. Kept as JSON in the outbox until it is delivered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Notice {
    /// Alerts that fire or resolved.
    Alerts {
        /// The alerts.
        alerts: Vec<Alert>,
    },
    /// Scaling recommendations.
    Recommendations {
        /// The recommendations.
        recommendations: Vec<Recommendation>,
    },
    /// A foreign webhook body with enriched annotations, passed on as it came otherwise.
    Forward {
        /// The body.
        body: serde_json::Value,
    },
}

/// Something that takes notices.
#[async_trait]
pub trait AlertSink: Send + Sync + fmt::Debug {
    /// Delivers `notice`. The same `idempotency_key` means the same notice, tried again.
    ///
    /// # Errors
    /// [`SinkError`], which says whether trying again may help.
    async fn deliver(&self, idempotency_key: &str, notice: &Notice) -> Result<(), SinkError>;
}

/// Why a delivery failed.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// May succeed later: no connection, timeout, 429, 5xx.
    #[error("{destination}: {message}")]
    Retry {
        /// Destination, without credentials.
        destination: String,
        /// What happened.
        message: String,
        /// What the destination asked us to wait, seconds.
        retry_after_secs: Option<u64>,
    },
    /// Will never succeed: other 4xx, a body that cannot be built.
    #[error("{destination}: {message}")]
    Permanent {
        /// Destination, without credentials.
        destination: String,
        /// What happened.
        message: String,
    },
}

impl SinkError {
    /// Whether trying again later may help.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Retry { .. })
    }
}
