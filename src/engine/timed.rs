//! Sources whose requests are timed and whose failures are counted.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;

use crate::series::Samples;
use crate::source::{Range, SeriesSource, SourceError};
use crate::telemetry;

/// A source under its configured name.
#[derive(Debug)]
pub(super) struct Timed {
    name: String,
    inner: Arc<dyn SeriesSource>,
}

impl Timed {
    pub(super) fn new(name: &str, inner: Arc<dyn SeriesSource>) -> Self {
        Self { name: name.to_owned(), inner }
    }
}

#[async_trait]
impl SeriesSource for Timed {
    async fn fetch(&self, query: &str, range: Range) -> Result<Vec<Samples>, SourceError> {
        let started = Instant::now();
        let outcome = self.inner.fetch(query, range).await;
        telemetry::asked(&self.name, started.elapsed(), outcome.as_ref().err().and_then(kind));
        outcome
    }

    async fn check(&self) -> Result<(), SourceError> {
        self.inner.check().await
    }
}

/// The kind of failure as a label value; `None` for an answer without data, which is no failure of the source.
const fn kind(error: &SourceError) -> Option<&'static str> {
    match error {
        SourceError::NoData { .. } => None,
        SourceError::Unreachable { .. } => Some("unreachable"),
        SourceError::Timeout { .. } => Some("timeout"),
        SourceError::Unauthorized { .. } => Some("unauthorized"),
        SourceError::BadQuery { .. } => Some("bad_query"),
        SourceError::Server { .. } => Some("server"),
        SourceError::Protocol { .. } => Some("protocol"),
        SourceError::Limit { .. } => Some("limit"),
        SourceError::Io { .. } => Some("io"),
        SourceError::BadFile { .. } => Some("bad_file"),
    }
}
