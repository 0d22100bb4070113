//! Scheduled batches of forecasts: parallel over series, resumable after a kill, without loss or duplicates.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use rayon::prelude::*;
use tracing::{info, warn};

use super::plan::{clean, history_range};
use super::settings::ForecastSpec;
use super::skill::SkillLost;
use super::{App, EngineError, compute};
use crate::forecast::{Because, Forecast, ModelChoice, Request, forecast};
use crate::series::Series;
use crate::store::{ForecastRecord, RunState};
use crate::telemetry::{self, Outcome};

/// Series whose forecasts are stored together.
const CHUNK: usize = 64;

/// How far a batch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchProgress {
    /// Series done.
    pub done: usize,
    /// Series in all.
    pub total: usize,
    /// Series that failed.
    pub failed: usize,
}

impl App {
    /// When the interrupted batch of `name` was due, if there is one.
    pub(super) async fn unfinished_batch(&self, name: &str) -> Option<Timestamp> {
        let runs = self.store().unfinished_runs().await.ok()?;
        runs.into_iter().find(|run| run.group == name).map(|run| run.scheduled_for)
    }

    /// Runs the batch of `spec` that was due at `due`, or what is left of it.
    ///
    /// # Errors
    /// [`EngineError`]; series that fail alone are counted, not an error.
    pub async fn run_batch(
        &self,
        spec: &ForecastSpec,
        due: Timestamp,
        now: Timestamp,
    ) -> Result<BatchProgress, EngineError> {
        let run = self.store().begin_run(&spec.name, due, now).await?;
        let outcome = self.run_begun(spec, run.id, now).await;
        if self.is_stopping() && outcome.is_err() {
            // stays open, so that the next start goes on with it
            return outcome;
        }
        let state = match &outcome {
            Ok(progress) if progress.failed == 0 => RunState::Done,
            Ok(progress) if progress.failed < progress.total => RunState::Partial,
            _ => RunState::Failed,
        };
        telemetry::batch_ended(match state {
            RunState::Done => Outcome::Ok,
            RunState::Partial => Outcome::Partial,
            _ => Outcome::Failed,
        });
        self.store().finish_run(run.id, state, super::clock::now()).await?;
        if let Ok(progress) = &outcome {
            info!(forecast = %spec.name, done = progress.done, failed = progress.failed, "forecast {} done", spec.name);
        }
        outcome
    }

    async fn run_begun(&self, spec: &ForecastSpec, run: i64, now: Timestamp) -> Result<BatchProgress, EngineError> {
        // gather
        let range = history_range(spec.step, spec.history, now)?;
        let source = self.source(&spec.source)?;
        let samples = tokio::select! {
            fetched = source.fetch(&spec.query, range) => fetched?,
            () = self.stopped() => return Err(interrupted(spec)),
        };
        let finished: BTreeSet<String> = self.store().finished_series(run).await?;
        let (step, unit) = (spec.step, spec.unit);
        let all = compute::run_long(move || clean(samples, step, unit)).await?;
        let unskilled = self.learn_from_the_truth(spec, &all, now).await?;
        let total = all.len();
        let todo: Vec<Series> = all.into_iter().filter(|series| !finished.contains(series.name())).collect();
        let mut progress = BatchProgress { done: total - todo.len(), total, failed: 0 };
        for chunk in todo.chunks(CHUNK) {
            // compute
            let (owned, chunk, unskilled) = (spec.clone(), chunk.to_vec(), Arc::clone(&unskilled));
            let made = compute::run_long(move || forecast_all(&chunk, &owned, &unskilled)).await?;
            // act
            let failed = made.iter().filter(|one| one.is_none()).count();
            let records: Vec<ForecastRecord> = made
                .into_iter()
                .flatten()
                .map(|(series, forecast)| {
                    telemetry::forecast_made(forecast.model.as_str());
                    record(spec, run, &series, &forecast, now)
                })
                .collect();
            self.store().put_forecasts(&records).await?;
            progress.done += records.len();
            progress.failed += failed;
            self.store().advance_run(run, progress.done, progress.total).await?;
            if self.is_stopping() {
                return Err(interrupted(spec));
            }
        }
        Ok(progress)
    }
}

fn interrupted(spec: &ForecastSpec) -> EngineError {
    let name = &spec.name;
    EngineError::Conflict(format!("forecast {name} was interrupted by shutdown; it goes on at the next start"))
}

fn forecast_all(chunk: &[Series], spec: &ForecastSpec, unskilled: &SkillLost) -> Vec<Option<(Series, Forecast)>> {
    let one = |series: &Series| {
        let lost = unskilled.get(series.name()).copied();
        let horizon_steps = series.step().per_secs(spec.horizon.as_secs_f64()).max(1);
        let request = Request {
            levels: spec.levels.clone(),
            model: if lost.is_some() { ModelChoice::SeasonalNaive } else { spec.model },
            seed: 42,
            ..Request::new(horizon_steps)
        };
        match forecast(series, &request) {
            Ok(mut made) => {
                made.because.extend(lost.map(|ratio| Because::LostSkill { ratio }));
                Some((series.clone(), made))
            }
            Err(error) => {
                warn!(series = series.name(), %error, "no forecast of {}", series.name());
                None
            }
        }
    };
    chunk.par_iter().map(one).collect()
}

fn record(spec: &ForecastSpec, run: i64, series: &Series, forecast: &Forecast, now: Timestamp) -> ForecastRecord {
    ForecastRecord {
        id: format!("{}-{run}-{}", spec.name, series.labels().fingerprint()),
        run_id: Some(run),
        detector: spec.name.clone(),
        series: series.name().to_owned(),
        labels: series.labels().clone(),
        model: forecast.model.as_str().to_owned(),
        created_at: now,
        start: forecast.start,
        step: forecast.step,
        horizon_steps: forecast.horizon_steps(),
        body: forecast_body(forecast),
    }
}

/// A forecast as it is stored and shown.
fn forecast_body(forecast: &Forecast) -> serde_json::Value {
    serde_json::json!({
        "unit": forecast.unit,
        "model": forecast.model,
        "because": forecast.because,
        "seasons_steps": forecast.seasons,
        "mean": forecast.mean,
        "intervals": forecast.bands,
    })
}
