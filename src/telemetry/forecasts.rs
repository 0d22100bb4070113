//! What is counted of forecasts.

use metrics::{counter, gauge};

use super::Outcome;

/// Forecast batches that ended.
pub const FORECAST_RUNS: &str = "tidewatch_forecast_runs_total";
/// Forecasts made.
pub const FORECASTS: &str = "tidewatch_forecasts_total";
/// How far forecasts were off once the truth was known.
pub const FORECAST_MASE: &str = "tidewatch_forecast_mase";
/// The same against repeating the last season.
pub const FORECAST_AGAINST_NAIVE: &str = "tidewatch_forecast_error_ratio";
/// Share of values inside intervals.
pub const FORECAST_COVERAGE: &str = "tidewatch_forecast_interval_coverage";

/// Counts a batch of forecasts that ended.
pub fn batch_ended(outcome: Outcome) {
    counter!(FORECAST_RUNS, "outcome" => outcome.as_str()).increment(1);
}

/// Counts forecasts; `model` is from a closed set.
pub fn forecast_made(model: &'static str) {
    counter!(FORECASTS, "model" => model).increment(1);
}

/// Tells how far the forecasts of a model were off, a lead ahead, and against repeating the last season.
pub fn forecast_accuracy(forecast: &str, model: &str, lead: &str, mase: Option<f64>, against_naive: Option<f64>) {
    let labels = [("forecast", forecast.to_owned()), ("model", model.to_owned()), ("lead", lead.to_owned())];
    if let Some(mase) = mase {
        gauge!(FORECAST_MASE, &labels).set(mase);
    }
    if let Some(ratio) = against_naive {
        gauge!(FORECAST_AGAINST_NAIVE, &labels).set(ratio);
    }
}

/// Tells the share of values inside the intervals of a level, in percent in the label.
pub fn forecast_coverage(forecast: &str, model: &str, lead: &str, level: f64, coverage: f64) {
    let level = format!("{}", (level * 1e8).round() / 1e6);
    let labels =
        [("forecast", forecast.to_owned()), ("model", model.to_owned()), ("lead", lead.to_owned()), ("level", level)];
    gauge!(FORECAST_COVERAGE, &labels).set(coverage);
}
