//! What became of forecasts made on schedule: their batches, and how good they were.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::AppState;
use super::super::error::ApiError;
use super::super::extract::Params;
use super::super::openapi::ReadFailures;
use crate::engine::listings::Run;
use crate::engine::{AccuracyRow, clock};

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(accuracy)).routes(routes!(runs))
}

/// How forecasts did, once the truth was known.
#[derive(Debug, Serialize, ToSchema)]
struct Accuracy {
    /// A row for each forecast, model and lead.
    accuracy: Vec<AccuracyOut>,
}

/// How the forecasts of one model did, a stretch of lead time ahead.
#[derive(Debug, Serialize, ToSchema)]
struct AccuracyOut {
    /// The schedule in the configuration.
    #[schema(example = "traffic")]
    forecast: String,
    /// The model.
    #[schema(example = "combination")]
    model: String,
    /// The end of the stretch after the forecast's start, seconds; it begins where the one before ends.
    #[schema(example = 3600.0)]
    lead_s: f64,
    /// Forecasts scored.
    forecasts: usize,
    /// Values compared.
    steps: usize,
    /// Mean absolute scaled error; below 1 is better than repeating the last season was within the history.
    #[schema(example = 0.71)]
    mase: Option<f64>,
    /// Absolute error over that of repeating the last season at the same time.
    #[schema(example = 0.65)]
    error_ratio: Option<f64>,
    /// Mean pinball loss of the intervals' ends, scaled as `mase`.
    #[schema(example = 0.12)]
    scaled_pinball: Option<f64>,
    /// What the intervals held.
    intervals: Vec<CoverageOut>,
}

/// What the intervals of one level held.
#[derive(Debug, Serialize, ToSchema)]
struct CoverageOut {
    /// Coverage asked for, percent.
    #[schema(example = 80.0)]
    level: f64,
    /// Percent of the values inside.
    #[schema(example = 81.2)]
    coverage: f64,
}

/// Batches of forecasts.
#[derive(Debug, Serialize, ToSchema)]
struct Runs {
    /// The batches, latest first.
    runs: Vec<RunOut>,
}

/// One batch.
#[derive(Debug, Serialize, ToSchema)]
struct RunOut {
    /// Its number.
    id: i64,
    /// The schedule in the configuration.
    #[schema(example = "traffic")]
    forecast: String,
    /// `running`, `done`, `partial` or `failed`.
    #[schema(example = "running")]
    state: &'static str,
    /// Series done.
    done: usize,
    /// Series in all, as far as known.
    total: usize,
    /// The time it was due.
    #[schema(value_type = String, format = DateTime)]
    scheduled_for: Timestamp,
    /// When it began first.
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    finished_at: Option<Timestamp>,
}

/// How good forecasts were
///
/// Every forecast made on schedule is scored when the truth arrives: its first hour, day and week, and its whole horizon.
/// Figures are of the forecasts made in the last 30 days.
#[utoipa::path(get, path = "/api/v1/forecasts/accuracy", tag = "watch",
    params(("forecast" = Option<String>, Query, description = "Only of this schedule.")),
    responses((status = 200, description = "The figures, by forecast, model and lead.", body = Accuracy), ReadFailures))]
async fn accuracy(State(state): State<AppState>, mut params: Params) -> Result<Json<Accuracy>, ApiError> {
    let forecast: Option<String> = params.take("forecast")?;
    params.finish()?;
    let rows = state.app.accuracy(forecast.as_deref(), clock::now()).await?;
    Ok(Json(Accuracy { accuracy: rows.into_iter().map(AccuracyOut::from).collect() }))
}

/// Batches of forecasts
///
/// Latest first; the one at work shows how far it is.
#[utoipa::path(get, path = "/api/v1/forecasts/runs", tag = "watch",
    params(
        ("forecast" = Option<String>, Query, description = "Only of this schedule."),
        ("limit" = Option<usize>, Query, description = "How many, 1 to 1000; default 100.")),
    responses((status = 200, description = "The batches.", body = Runs), ReadFailures))]
async fn runs(State(state): State<AppState>, mut params: Params) -> Result<Json<Runs>, ApiError> {
    let forecast: Option<String> = params.take("forecast")?;
    let limit = params.limit(100, 1_000)?;
    params.finish()?;
    let runs = state.app.forecast_runs(forecast.as_deref(), limit).await?;
    Ok(Json(Runs { runs: runs.into_iter().map(RunOut::from).collect() }))
}

impl From<AccuracyRow> for AccuracyOut {
    fn from(row: AccuracyRow) -> Self {
        let percent = |share: f64| (share * 1e8).round() / 1e6;
        let interval = |one: crate::engine::Covered| CoverageOut {
            level: percent(one.level),
            coverage: (one.coverage * 1e4).round() / 1e2,
        };
        Self {
            forecast: row.forecast,
            model: row.model,
            lead_s: row.lead.as_secs_f64(),
            forecasts: row.forecasts,
            steps: row.steps,
            mase: row.mase,
            error_ratio: row.against_naive,
            scaled_pinball: row.scaled_pinball,
            intervals: row.intervals.into_iter().map(interval).collect(),
        }
    }
}

impl From<Run> for RunOut {
    fn from(run: Run) -> Self {
        Self {
            id: run.id,
            forecast: run.group,
            state: run.state.as_str(),
            done: run.done,
            total: run.total,
            scheduled_for: run.scheduled_for,
            started_at: run.started_at,
            finished_at: run.finished_at,
        }
    }
}
