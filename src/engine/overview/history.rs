//! What a source says about the time before, for plots.

use std::time::Duration;

use jiff::Timestamp;

use super::super::plan::{clean, history_range};
use super::super::{App, compute};
use super::PATIENCE;
use crate::series::{HumanDuration, Samples, Series, Step};

/// Most points of one series that a plot gets.
const MOST_POINTS: i64 = 2_000;

impl App {
    /// The series of `query` up to `until`, at most `span` and 2,000 steps; none when the source fails or is slow, because
    /// a page is better without history than not at all.
    pub(super) async fn history(
        &self,
        source: &str,
        query: &str,
        step: Step,
        span: HumanDuration,
        until: Timestamp,
    ) -> Vec<Series> {
        let samples = self.plotted_samples(source, query, step, span, until).await;
        compute::run(move || clean(samples, step, None)).await.unwrap_or_default()
    }

    /// The same as it was pulled.
    pub(super) async fn plotted_samples(
        &self,
        source: &str,
        query: &str,
        step: Step,
        span: HumanDuration,
        until: Timestamp,
    ) -> Vec<Samples> {
        self.samples_within(source, query, step, at_most(span, step, MOST_POINTS), until).await
    }

    /// The samples of the `span` up to `until`; none when the source fails or is slow.
    pub(super) async fn samples_within(
        &self,
        source: &str,
        query: &str,
        step: Step,
        span: HumanDuration,
        until: Timestamp,
    ) -> Vec<Samples> {
        let (Ok(source), Ok(range)) = (self.source(source), history_range(step, span, until)) else {
            return Vec::new();
        };
        match tokio::time::timeout(PATIENCE, source.fetch(query, range)).await {
            Ok(Ok(samples)) => samples,
            Ok(Err(error)) => {
                tracing::debug!(%error, "no history for a plot: {error}");
                Vec::new()
            }
            Err(_) => Vec::new(),
        }
    }
}

/// `span`, or `most` steps where that is shorter.
pub(super) fn at_most(span: HumanDuration, step: Step, most: i64) -> HumanDuration {
    let longest = step.millis().saturating_mul(most);
    HumanDuration::from(Duration::from_millis(span.as_millis().min(longest).unsigned_abs()))
}
