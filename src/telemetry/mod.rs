//! Logs and metrics.
//!
//! Input: a log filter and format; counts and durations from the shell modules.
//! Output: log lines on standard error, and the text of `/metrics`.
//! Never: writes to standard output, which belongs to results; never takes a label value from outside.
//!
//! Metric names follow `tidewatch_<name>_<unit>[_total]` with base units (seconds, bytes). Label values come from closed
//! sets only: enums here, names in the configuration, route patterns. Names of series, alerts or tenants never become
//! label values, because whoever sends them could fill the memory of everything that reads `/metrics`.

mod forecasts;

pub use forecasts::*;

use std::io::IsTerminal;
use std::time::Duration;

use metrics::{Unit, counter, gauge, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::util::TryInitError;

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people; coloured on a terminal.
    #[default]
    Text,
    /// One JSON object for each line.
    Json,
}

/// Why logs or metrics could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is not one.
    #[error("log level must be like `info`, `debug` or `warn,tidewatch=debug`, got `{filter}`: {source}")]
    Filter {
        /// What was given.
        filter: String,
        /// Cause.
        source: ParseError,
    },
    /// Logging was set up before.
    #[error("logging is set up already")]
    LogsTwice(#[source] TryInitErrorText),
    /// Metrics were set up before, or a bucket is wrong.
    #[error("metrics cannot be set up: {0}")]
    Metrics(#[from] BuildError),
}

/// The text of an error that cannot be kept.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct TryInitErrorText(String);

impl From<TryInitError> for TryInitErrorText {
    fn from(error: TryInitError) -> Self {
        Self(error.to_string())
    }
}

/// Sends log lines that pass `filter` (`info`, `warn,tidewatch=debug`) to standard error.
///
/// # Errors
/// [`TelemetryError::Filter`]; [`TelemetryError::LogsTwice`] when called a second time in a process.
pub fn init_logs(filter: &str, format: LogFormat) -> Result<(), TelemetryError> {
    use tracing_subscriber::util::SubscriberInitExt;
    let parsed = parse_filter(filter)?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(parsed)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let done = match format {
        LogFormat::Text => lines.with_target(false).finish().try_init(),
        LogFormat::Json => lines.json().flatten_event(true).finish().try_init(),
    };
    done.map_err(|error| TelemetryError::LogsTwice(error.into()))
}

fn parse_filter(filter: &str) -> Result<EnvFilter, TelemetryError> {
    EnvFilter::builder().parse(filter).map_err(|source| TelemetryError::Filter { filter: filter.to_owned(), source })
}

/// What kind of number a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A distribution in buckets.
    Histogram,
}

/// A metric as it is described.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// Kind.
    pub kind: Kind,
    /// Unit.
    pub unit: Unit,
    /// One sentence.
    pub help: &'static str,
    /// Names of its labels.
    pub labels: &'static [&'static str],
}

/// Series and entities scored.
pub const SERIES_SCORED: &str = "tidewatch_series_scored_total";
/// Points scored.
pub const POINTS_SCORED: &str = "tidewatch_points_scored_total";
/// Anomalous points found.
pub const ANOMALIES: &str = "tidewatch_anomalies_total";
/// Series left out, by reason.
pub const SERIES_REJECTED: &str = "tidewatch_series_rejected_total";
/// Alerts that fired or resolved.
pub const ALERTS: &str = "tidewatch_alerts_total";
/// Times that an alert of a detector began.
pub const ALERT_EPISODES: &str = "tidewatch_alert_episodes_total";
/// Points that a gate kept from being anomalies.
pub const POINTS_SUPPRESSED: &str = "tidewatch_points_suppressed_total";
/// False alarms over those accepted.
pub const BUDGET_RATIO: &str = "tidewatch_false_alarm_budget_ratio";
/// How far boundaries were moved.
pub const BOUNDARY_TUNING: &str = "tidewatch_boundary_tuning_factor";
/// Alerts firing now.
pub const ALERTS_FIRING: &str = "tidewatch_alerts_firing";
/// Delivery attempts.
pub const DELIVERIES: &str = "tidewatch_deliveries_total";
/// Time of delivery attempts.
pub const DELIVERY_DURATION: &str = "tidewatch_delivery_duration_seconds";
/// Deliveries waiting.
pub const OUTBOX_DEPTH: &str = "tidewatch_outbox_depth";
/// Deliveries given up.
pub const DEAD_LETTERS: &str = "tidewatch_dead_letters";
/// Time of requests to sources.
pub const SOURCE_DURATION: &str = "tidewatch_source_request_duration_seconds";
/// Failed requests to sources.
pub const SOURCE_ERRORS: &str = "tidewatch_source_errors_total";
/// Model files loaded or refused.
pub const MODEL_LOADS: &str = "tidewatch_model_loads_total";
/// HTTP requests answered.
pub const HTTP_REQUESTS: &str = "tidewatch_http_requests_total";
/// Time of HTTP requests.
pub const HTTP_DURATION: &str = "tidewatch_http_request_duration_seconds";
/// Time that enrichment added to an alert.
pub const ENRICH_DURATION: &str = "tidewatch_enrich_duration_seconds";
/// Notifications enriched or passed on as they came.
pub const ENRICHMENTS: &str = "tidewatch_enrichments_total";
/// Jobs waiting for a processor.
pub const COMPUTE_QUEUE: &str = "tidewatch_compute_queue_depth";
/// When a detector last scored its series.
pub const LAST_SCORED: &str = "tidewatch_last_scored_timestamp_seconds";
/// What runs here.
pub const BUILD_INFO: &str = "tidewatch_build_info";

/// Every metric.
pub const METRICS: [Metric; 29] = [
    counted(SERIES_SCORED, &["detector"], "Series and entities scored."),
    counted(POINTS_SCORED, &["detector"], "Points scored."),
    counted(ANOMALIES, &["detector"], "Anomalous points found."),
    counted(SERIES_REJECTED, &["reason"], "Series left out because of their data or a limit."),
    counted(ALERTS, &["state"], "Own alerts that fired or resolved."),
    counted(ALERT_EPISODES, &["detector"], "Times that an alert of a detector began to fire."),
    counted(POINTS_SUPPRESSED, &["detector", "why"], "Points that a gate kept from being anomalies."),
    metric(BUDGET_RATIO, Kind::Gauge, Unit::Count, &["detector"], "False alarms of 28 days over those accepted."),
    metric(BOUNDARY_TUNING, Kind::Gauge, Unit::Count, &["detector"], "Factor by which what fired moved the boundary."),
    metric(ALERTS_FIRING, Kind::Gauge, Unit::Count, &[], "Alerts firing now."),
    counted(DELIVERIES, &["destination", "outcome"], "Delivery attempts by outcome."),
    metric(DELIVERY_DURATION, Kind::Histogram, Unit::Seconds, &["destination"], "Time of delivery attempts."),
    metric(OUTBOX_DEPTH, Kind::Gauge, Unit::Count, &["destination"], "Deliveries waiting."),
    metric(DEAD_LETTERS, Kind::Gauge, Unit::Count, &["destination"], "Deliveries given up and not sent again."),
    metric(SOURCE_DURATION, Kind::Histogram, Unit::Seconds, &["source"], "Time of requests to sources."),
    counted(SOURCE_ERRORS, &["source", "kind"], "Failed requests to sources by kind of failure."),
    counted(FORECAST_RUNS, &["outcome"], "Forecast batches that ended."),
    counted(FORECASTS, &["model"], "Forecasts made by model."),
    metric(
        FORECAST_MASE,
        Kind::Gauge,
        Unit::Count,
        &["forecast", "model", "lead"],
        "Mean absolute scaled error of the forecasts of 30 days, once the truth was known.",
    ),
    metric(
        FORECAST_AGAINST_NAIVE,
        Kind::Gauge,
        Unit::Count,
        &["forecast", "model", "lead"],
        "Absolute error of forecasts over that of repeating the last season; below 1 is better.",
    ),
    metric(
        FORECAST_COVERAGE,
        Kind::Gauge,
        Unit::Count,
        &["forecast", "model", "lead", "level"],
        "Share of values inside the intervals of a level, in percent in the label.",
    ),
    counted(MODEL_LOADS, &["outcome"], "Model files loaded or refused."),
    counted(HTTP_REQUESTS, &["route", "status"], "HTTP requests answered."),
    metric(HTTP_DURATION, Kind::Histogram, Unit::Seconds, &["route"], "Time of HTTP requests."),
    metric(ENRICH_DURATION, Kind::Histogram, Unit::Seconds, &[], "Time that enrichment added to a notification."),
    counted(ENRICHMENTS, &["outcome"], "Notifications enriched, or passed on as they came."),
    metric(COMPUTE_QUEUE, Kind::Gauge, Unit::Count, &[], "Computations waiting for a processor."),
    metric(LAST_SCORED, Kind::Gauge, Unit::Seconds, &["detector"], "When a detector last scored its series."),
    metric(BUILD_INFO, Kind::Gauge, Unit::Count, &["version"], "What runs here; always 1."),
];

/// Upper ends of the buckets of all durations, seconds.
const DURATION_BUCKETS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It succeeded.
    Ok,
    /// It failed and is tried again.
    Retry,
    /// It failed for good.
    Failed,
    /// Some of it succeeded.
    Partial,
    /// It took too long and was passed on without.
    Timeout,
}

impl Outcome {
    /// The label value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Retry => "retry",
            Self::Failed => "failed",
            Self::Partial => "partial",
            Self::Timeout => "timeout",
        }
    }
}

/// The metrics of this process.
#[derive(Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// Makes this process collect metrics. Without it, recording costs next to nothing and goes nowhere.
    ///
    /// # Errors
    /// [`TelemetryError::Metrics`] when called a second time in a process.
    pub fn install() -> Result<Self, TelemetryError> {
        let handle = builder()?.install_recorder()?;
        describe();
        Ok(Self { handle })
    }

    /// The text of `/metrics`, Prometheus' text format.
    #[must_use]
    pub fn render(&self) -> String {
        // Without this the histograms would keep every value until they are rendered.
        self.handle.run_upkeep();
        self.handle.render()
    }

    /// Folds recorded values together. Call it every few seconds when nobody may ask for `/metrics`.
    pub fn upkeep(&self) {
        self.handle.run_upkeep();
    }
}

/// Counts what a detector did. `detector` is its name in the configuration.
pub fn scored(detector: &str, series: usize, points: usize, anomalies: usize) {
    counter!(SERIES_SCORED, "detector" => detector.to_owned()).increment(series as u64);
    counter!(POINTS_SCORED, "detector" => detector.to_owned()).increment(points as u64);
    counter!(ANOMALIES, "detector" => detector.to_owned()).increment(anomalies as u64);
}

/// Counts alerts of `detector` that began.
pub fn episodes(detector: &str, fired: usize) {
    counter!(ALERT_EPISODES, "detector" => detector.to_owned()).increment(fired as u64);
}

/// Counts points of `detector` that were suppressed; `why` is one of a closed set.
pub fn suppressed(detector: &str, why: &'static str, points: usize) {
    counter!(POINTS_SUPPRESSED, "detector" => detector.to_owned(), "why" => why).increment(points as u64);
}

/// Sets how the budget of `detector` is kept; the ratio is left out while nothing was watched.
pub fn budget(detector: &str, ratio: Option<f64>, tuning: f64) {
    if let Some(ratio) = ratio {
        gauge!(BUDGET_RATIO, "detector" => detector.to_owned()).set(ratio);
    }
    gauge!(BOUNDARY_TUNING, "detector" => detector.to_owned()).set(tuning);
}

/// Counts a delivery attempt. `destination` is its name in the configuration.
pub fn delivered(destination: &str, outcome: Outcome, took: Duration) {
    counter!(DELIVERIES, "destination" => destination.to_owned(), "outcome" => outcome.as_str()).increment(1);
    histogram!(DELIVERY_DURATION, "destination" => destination.to_owned()).record(took);
}

/// Sets what waits for a destination and what was given up.
pub fn outbox(destination: &str, pending: usize, dead: usize) {
    gauge!(OUTBOX_DEPTH, "destination" => destination.to_owned()).set(pending as f64);
    gauge!(DEAD_LETTERS, "destination" => destination.to_owned()).set(dead as f64);
}

/// Counts a request to a source; `error` is the kind of failure, from a closed set. `source` is its configured name.
pub fn asked(source: &str, took: Duration, error: Option<&'static str>) {
    histogram!(SOURCE_DURATION, "source" => source.to_owned()).record(took);
    if let Some(kind) = error {
        counter!(SOURCE_ERRORS, "source" => source.to_owned(), "kind" => kind).increment(1);
    }
}

/// Counts an answered HTTP request. `route` is the pattern (`/api/v1/forecasts/{id}`), never the path.
pub fn answered(route: &str, status: u16, took: Duration) {
    counter!(HTTP_REQUESTS, "route" => route.to_owned(), "status" => status.to_string()).increment(1);
    histogram!(HTTP_DURATION, "route" => route.to_owned()).record(took);
}

/// Counts an enrichment.
pub fn enriched(outcome: Outcome, took: Duration) {
    counter!(ENRICHMENTS, "outcome" => outcome.as_str()).increment(1);
    histogram!(ENRICH_DURATION).record(took);
}

/// Says when a detector last scored its series, Unix seconds. `detector` is its name in the configuration.
pub fn scored_at(detector: &str, unix_secs: f64) {
    gauge!(LAST_SCORED, "detector" => detector.to_owned()).set(unix_secs);
}

/// Counts an alert that fired or resolved; `state` is from a closed set.
pub fn alerted(state: &'static str) {
    counter!(ALERTS, "state" => state).increment(1);
}

/// Sets how many alerts fire now.
pub fn firing(count: usize) {
    gauge!(ALERTS_FIRING).set(count as f64);
}

/// Counts a series that was left out; `reason` is from a closed set.
pub fn rejected(reason: &'static str) {
    counter!(SERIES_REJECTED, "reason" => reason).increment(1);
}

/// Counts a model file that was loaded or refused.
pub fn model_loaded(outcome: Outcome) {
    counter!(MODEL_LOADS, "outcome" => outcome.as_str()).increment(1);
}

/// Counts computations that begin (1) or end (-1) to wait for a processor.
pub fn queued(change: i32) {
    gauge!(COMPUTE_QUEUE).increment(f64::from(change));
}

const fn metric(
    name: &'static str,
    kind: Kind,
    unit: Unit,
    labels: &'static [&'static str],
    help: &'static str,
) -> Metric {
    Metric { name, kind, unit, help, labels }
}

const fn counted(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    metric(name, Kind::Counter, Unit::Count, labels, help)
}

fn builder() -> Result<PrometheusBuilder, BuildError> {
    let histograms = METRICS.iter().filter(|metric| metric.kind == Kind::Histogram);
    histograms.into_iter().try_fold(PrometheusBuilder::new(), |builder, metric| {
        builder.set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), &DURATION_BUCKETS)
    })
}

fn describe() {
    for Metric { name, kind, unit, help, .. } in METRICS {
        match kind {
            Kind::Counter => metrics::describe_counter!(name, unit, help),
            Kind::Gauge => metrics::describe_gauge!(name, unit, help),
            Kind::Histogram => metrics::describe_histogram!(name, unit, help),
        }
    }
    gauge!(BUILD_INFO, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_follow_the_pattern_and_are_unique() {
        let names: BTreeSet<&str> = METRICS.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), METRICS.len());
        for Metric { name, kind, unit, help, .. } in METRICS {
            assert!(name.starts_with("tidewatch_"), "{name}");
            assert_eq!(name.ends_with("_total"), kind == Kind::Counter, "{name}");
            assert_eq!(name.ends_with("_seconds"), unit == Unit::Seconds, "{name}");
            assert!(help.ends_with('.') || help.ends_with("always 1."), "{name}");
        }
    }

    #[test]
    fn what_was_recorded_is_rendered_with_help_buckets_and_declared_labels() {
        let recorder = builder().expect("buckets").build_recorder();
        let metrics = Metrics { handle: recorder.handle() };
        metrics::with_local_recorder(&recorder, || {
            describe();
            scored("latency", 3, 300, 2);
            delivered("hook", Outcome::Retry, Duration::from_millis(20));
            outbox("hook", 7, 1);
            asked("prod", Duration::from_millis(3), Some("timeout"));
            answered("/api/v1/forecasts/{id}", 404, Duration::from_micros(300));
            enriched(Outcome::Timeout, Duration::from_secs(2));
            scored_at("latency", 1.75e9);
            alerted("firing");
            firing(2);
            batch_ended(Outcome::Partial);
            forecast_made("mstl_ets");
            rejected("partial");
            model_loaded(Outcome::Failed);
            queued(1);
            queued(-1);
            episodes("latency", 2);
            suppressed("latency", "maintenance", 60);
            budget("latency", Some(0.5), 1.25);
            budget("fresh", None, 1.0);
        });
        let text = metrics.render();
        for line in RENDERED {
            assert!(text.lines().any(|had| had == *line), "{line}\n{text}");
        }
        check_labels(&text);
    }

    const RENDERED: &[&str] = &[
        "tidewatch_points_scored_total{detector=\"latency\"} 300",
        "tidewatch_deliveries_total{destination=\"hook\",outcome=\"retry\"} 1",
        "tidewatch_delivery_duration_seconds_bucket{destination=\"hook\",le=\"0.025\"} 1",
        "tidewatch_outbox_depth{destination=\"hook\"} 7",
        "tidewatch_dead_letters{destination=\"hook\"} 1",
        "tidewatch_source_errors_total{source=\"prod\",kind=\"timeout\"} 1",
        "tidewatch_http_requests_total{route=\"/api/v1/forecasts/{id}\",status=\"404\"} 1",
        "tidewatch_enrich_duration_seconds_count 1",
        "tidewatch_last_scored_timestamp_seconds{detector=\"latency\"} 1750000000",
        "tidewatch_alerts_total{state=\"firing\"} 1",
        "tidewatch_alerts_firing 2",
        "tidewatch_forecast_runs_total{outcome=\"partial\"} 1",
        "tidewatch_forecasts_total{model=\"mstl_ets\"} 1",
        "tidewatch_series_rejected_total{reason=\"partial\"} 1",
        "tidewatch_model_loads_total{outcome=\"failed\"} 1",
        "tidewatch_compute_queue_depth 0",
        "tidewatch_alert_episodes_total{detector=\"latency\"} 2",
        "tidewatch_points_suppressed_total{detector=\"latency\",why=\"maintenance\"} 60",
        "tidewatch_false_alarm_budget_ratio{detector=\"latency\"} 0.5",
        "tidewatch_boundary_tuning_factor{detector=\"fresh\"} 1",
        "# TYPE tidewatch_points_scored_total counter",
        "# HELP tidewatch_points_scored_total Points scored.",
    ];

    #[track_caller]
    fn check_labels(text: &str) {
        let used = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('{'));
        for (name, rest) in used {
            let base =
                ["_bucket", "_sum", "_count"].iter().fold(name, |name, end| name.strip_suffix(end).unwrap_or(name));
            let metric = METRICS.iter().find(|metric| metric.name == base).expect(name);
            let labels = rest
                .split("=\"")
                .filter_map(|part| part.rsplit([',', '"', '{']).next())
                .take_while(|l| !l.contains('}'));
            for label in labels.filter(|label| *label != "le" && !label.is_empty()) {
                assert!(metric.labels.contains(&label), "{name} has label {label}");
            }
        }
    }

    #[test]
    fn a_wrong_filter_is_refused_with_what_is_right() {
        for filter in ["info", "warn,tidewatch=debug", "off", "tidewatch::store=trace"] {
            assert!(parse_filter(filter).is_ok(), "{filter}");
        }
        let refused = parse_filter("tidewatch=loud").expect_err("is no level").to_string();
        assert!(refused.contains("`warn,tidewatch=debug`") && refused.contains("tidewatch=loud"), "{refused}");
    }
}
