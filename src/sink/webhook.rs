//! Any receiver of JSON.

use async_trait::async_trait;

use super::http::Poster;
use super::settings::{SetupError, WebhookSettings};
use super::wire::body;
use super::{AlertSink, Notice, SinkError};

/// Posts JSON to one address.
///
/// The body has `kind` (`alerts` or `recommendations`), `version` (`"1"`) and a list under the name of the kind. An alert
/// has `fingerprint`, `status` (`firing`, `resolved`), `origin`, `labels`, `annotations` (its own and those of
/// [`annotations_of`](crate::alert::annotations_of)), `starts_at`, `ends_at`, `updated_at`, `generator_url`, `severity`,
/// `severity_probabilities` and `enrichment`, the numbers behind the annotations. A forwarded body goes out as it is.
///
/// The header `Idempotency-Key` is the same for each attempt at the same notice. Success is any 2xx. 408, 429, 5xx, a
/// timeout and a connection that fails mean "again later", with `Retry-After` where given; everything else, redirects
/// too, means "never".
#[derive(Debug)]
pub struct WebhookSink {
    poster: Poster,
}

impl WebhookSink {
    /// A sink with these settings. Reads certificate files; sends nothing yet.
    ///
    /// # Errors
    /// [`SetupError`] when a setting or a certificate cannot be used.
    pub fn new(settings: &WebhookSettings) -> Result<Self, SetupError> {
        Ok(Self { poster: Poster::new("webhook.url", settings.url.expose(), "", &settings.http)? })
    }
}

#[async_trait]
impl AlertSink for WebhookSink {
    async fn deliver(&self, idempotency_key: &str, notice: &Notice) -> Result<(), SinkError> {
        self.poster.post(idempotency_key, &body(notice)).await
    }
}
