//! Metric series from a Prometheus-style HTTP API: Prometheus, VictoriaMetrics, Mimir, Thanos.
//!
//! Input: a PromQL query and a range; a server's address, credentials and limits in [`Settings`].
//! Output: [`Samples`] per label set on the query's grid, or a [`SourceError`] that says what to do.
//! Never: follows redirects or proxies; never shows credentials; never reads more than its limits; never cleans values.
//!
//! **Grid.** Both ends of a range are moved down to a multiple of the step. Long ranges are cut into windows below the
//! 11,000 points at which Prometheus refuses, fetched a few at a time and put together again, each point once. Grid
//! points at which a series is stale are absent. A series sampled more rarely than every 5 minutes is invisible to most
//! grid points (the server looks back 5 minutes only): wrap it, `last_over_time(x[1h])`.
//!
//! **Counters.** What a query returns is kept as it comes. Only a *bare selector* (`name{…}`) can return raw counters;
//! its kind and unit are asked from the server's metadata, and where that knows nothing (VictoriaMetrics, recording
//! rules) a name that ends in `_total` or `_bucket` is a counter. Every other query returns gauges: `rate(x_total[5m])`
//! already is one, and an expression that keeps raw counters (`sum(x_total)`) should be written with `rate`.
//!
//! **Partial data.** `warnings` (Prometheus, Thanos, Mimir) and `isPartial` (VictoriaMetrics) set [`Samples::partial`].
//!
//! **Native histograms** are no series of numbers: their samples are left out, with a log line, and a query that returns
//! nothing else is refused with the way to write it.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use reqwest::Method;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use self::client::{Api, Question};
use self::metric::{WireMetadata, bare_metric, describe, metadata_names, unit_of_result};
use self::plan::{Window, decimal_seconds, windows};
use self::rules::WireRules;
use self::stitch::{Limits, Stitcher};
use self::wire::{QueryData, QueryResult};
use super::{Range, SeriesSource, SourceError};
use crate::series::{Labels, MetricKind, Sample, Samples, Step};

mod client;
mod faults;
mod metric;
mod plan;
mod retry;
mod rules;
mod settings;
mod stitch;
mod wire;

pub use metric::MetricInfo;
pub use rules::Rule;
pub use settings::{BasicAuth, Settings, Tls};

/// A Prometheus-style server. Cheap to share; the HTTP connections are kept open.
#[derive(Debug)]
pub struct Prometheus {
    api: Arc<Api>,
    settings: Settings,
    /// What the server said about metrics; `None` where it knows nothing.
    known: Mutex<BTreeMap<String, Option<MetricInfo>>>,
}

impl Prometheus {
    /// A source with these settings. Reads certificate files; sends nothing yet.
    ///
    /// # Errors
    /// [`SourceError::BadFile`] or [`SourceError::Io`] when a setting or a certificate cannot be used.
    pub fn new(settings: Settings) -> Result<Self, SourceError> {
        Ok(Self { api: Arc::new(Api::new(&settings)?), settings, known: Mutex::new(BTreeMap::new()) })
    }

    /// The values of `query` at one time: one sample for each series, or what a range selector (`x[5m]`) returns.
    ///
    /// # Errors
    /// As [`SeriesSource::fetch`].
    pub async fn instant(&self, query: &str, at: Timestamp) -> Result<Vec<Samples>, SourceError> {
        let fields = vec![("query", query.to_owned()), ("time", decimal_seconds(at.as_millisecond()))];
        let question = Question { method: Method::POST, path: "query", fields, query };
        let (data, partial): (QueryData, bool) = self.api.ask(&question).await?;
        let mut stitcher = self.stitcher();
        stitcher.add(0, data.result)?;
        self.samples(query, stitcher, partial).await
    }

    /// The server's rules, in its order. Empty where it has none.
    ///
    /// # Errors
    /// [`SourceError`] with what to do next.
    pub async fn rules(&self) -> Result<Vec<Rule>, SourceError> {
        let question = Question { method: Method::GET, path: "rules", fields: Vec::new(), query: "the list of rules" };
        let (rules, _): (WireRules, bool) = self.api.ask(&question).await?;
        Ok(rules.into_rules())
    }

    /// What the server's metadata say about `metric`; `None` where they say nothing. Asked once per metric.
    ///
    /// # Errors
    /// [`SourceError`] with what to do next.
    pub async fn metadata(&self, metric: &str) -> Result<Option<MetricInfo>, SourceError> {
        if let Some(known) = self.known.lock().await.get(metric) {
            return Ok(known.clone());
        }
        let mut info = None;
        for name in metadata_names(metric) {
            let fields = vec![("metric", name.to_owned())];
            let question = Question { method: Method::GET, path: "metadata", fields, query: metric };
            let (data, _): (BTreeMap<String, Vec<WireMetadata>>, bool) = self.api.ask(&question).await?;
            let entry = data.get(name).and_then(|entries| entries.iter().find(|entry| entry.kind != "unknown"));
            if let Some(entry) = entry {
                info = Some(describe(metric, name, Some(entry)));
                break;
            }
        }
        self.known.lock().await.insert(metric.to_owned(), info.clone());
        Ok(info)
    }

    /// The address without credentials.
    #[must_use]
    pub fn url(&self) -> &str {
        self.api.shown()
    }

    fn stitcher(&self) -> Stitcher {
        Stitcher::new(Limits { max_series: self.settings.max_series, max_samples: self.settings.max_samples })
    }

    /// Fetches the windows, at most `parallel_requests` at a time. The first error ends the others.
    async fn gather(&self, query: &str, step: Step, windows: Vec<Window>) -> Result<(Stitcher, bool), SourceError> {
        let query: Arc<str> = query.into();
        let mut stitcher = self.stitcher();
        let mut partial = false;
        let mut waiting = windows.into_iter().enumerate();
        let mut running = JoinSet::new();
        loop {
            while running.len() < self.settings.parallel_requests {
                let Some((index, window)) = waiting.next() else { break };
                running.spawn(ask_window(Arc::clone(&self.api), Arc::clone(&query), step, (index, window)));
            }
            let Some(joined) = running.join_next().await else { return Ok((stitcher, partial)) };
            let (index, result, incomplete) = joined.map_err(|error| SourceError::Protocol {
                url: self.api.shown().to_owned(),
                message: format!("reading the answer failed: {error}"),
            })??;
            partial |= incomplete;
            stitcher.add(index, result)?;
        }
    }

    /// The gathered series with name, kind and unit.
    async fn samples(&self, query: &str, stitcher: Stitcher, partial: bool) -> Result<Vec<Samples>, SourceError> {
        let histograms = stitcher.histograms;
        let gathered: Vec<(Labels, Vec<Sample>)> = stitcher.finish().collect();
        if histograms > 0 {
            if gathered.is_empty() {
                return Err(only_histograms(query));
            }
            tracing::warn!(url = self.api.shown(), query, histograms, "left out native histogram samples");
        }
        if gathered.is_empty() {
            return Err(SourceError::NoData { query: query.to_owned() });
        }
        let selected = match bare_metric(query) {
            Some(metric) => Some(self.kind_and_unit(metric).await),
            None => None,
        };
        let with_name = |(labels, points): (Labels, Vec<Sample>)| {
            let (kind, unit) = selected
                .as_ref()
                .map_or_else(|| (MetricKind::Gauge, unit_of_result(query, labels.metric_name())), |i| (i.kind, i.unit));
            let name = if labels.is_empty() { query.trim().to_owned() } else { labels.to_string() };
            Samples { name, labels, unit, kind, points, partial }
        };
        Ok(gathered.into_iter().map(with_name).collect())
    }

    /// What is known of a bare selector's metric. Metadata are a help, not a need: without them the name decides.
    async fn kind_and_unit(&self, metric: &str) -> MetricInfo {
        // Recording rules are named with colons and have no metadata.
        let found = if metric.contains(':') { Ok(None) } else { self.metadata(metric).await };
        match found {
            Ok(Some(info)) => info,
            Ok(None) => describe(metric, metric, None),
            Err(error) => {
                tracing::debug!(metric, "no metadata, the name decides: {error}");
                describe(metric, metric, None)
            }
        }
    }
}

#[async_trait]
impl SeriesSource for Prometheus {
    async fn fetch(&self, query: &str, range: Range) -> Result<Vec<Samples>, SourceError> {
        let windows = windows(query, range, self.settings.points_per_request, self.settings.max_samples)?;
        let (stitcher, partial) = self.gather(query, range.step, windows).await?;
        self.samples(query, stitcher, partial).await
    }

    async fn check(&self) -> Result<(), SourceError> {
        // Every server of the family answers this, also those that leave out `status/buildinfo`.
        let query = "vector(1)";
        let question =
            Question { method: Method::POST, path: "query", fields: vec![("query", query.to_owned())], query };
        self.api.ask::<QueryData>(&question).await.map(|_| ())
    }
}

async fn ask_window(
    api: Arc<Api>,
    query: Arc<str>,
    step: Step,
    (index, window): (usize, Window),
) -> Result<(usize, QueryResult, bool), SourceError> {
    let fields = vec![
        ("query", query.to_string()),
        ("start", decimal_seconds(window.start_ms)),
        ("end", decimal_seconds(window.end_ms)),
        ("step", decimal_seconds(step.millis())),
    ];
    let question = Question { method: Method::POST, path: "query_range", fields, query: &query };
    let (data, partial): (QueryData, bool) = api.ask(&question).await?;
    if data.result_type == "matrix" {
        return Ok((index, data.result, partial));
    }
    let message = format!("a range query with result type `{}` instead of `matrix`", faults::line(&data.result_type));
    Err(SourceError::Protocol { url: api.shown().to_owned(), message })
}

fn only_histograms(query: &str) -> SourceError {
    SourceError::BadQuery {
        query: query.to_owned(),
        message: "it returns native histograms, which are no numbers".to_owned(),
        hint: "; take a quantile, `histogram_quantile(0.95, rate(…[5m]))`, or `histogram_count` or `histogram_avg`"
            .to_owned(),
    }
}
