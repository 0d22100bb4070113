//! Retraining: a challenger learns all of the history and replaces the model in use only if it is no worse.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tracing::error;

use super::changes::Changes;
use super::plan::{clean, history_range};
use super::settings::DetectorSpec;
use super::tracked::{Tracked, group};
use super::{App, EngineError, compute};
use crate::detect::{PointScore, Scores, score_series_until};
use crate::series::{Samples, Series, Step};
use crate::store::{LoadedModel, NewModel, StoreError};
use crate::telemetry::{self, Outcome};

/// Kind of detector artefacts in the registry.
pub(super) const KIND: &str = "detector";
/// Version of their format.
const SCHEMA: u32 = 1;
/// Share of the history that the backtest judges with learning stopped.
const HOLD_OUT: f64 = 0.2;
/// A challenger may be worse by this share of the error, which is noise.
const TOLERANCE: f64 = 0.02;

/// A detector as it is kept in the registry: the learned state of every series.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Artefact {
    schema: u32,
    detector: String,
    tracked: Vec<Tracked>,
}

/// What a retraining came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RetrainReport {
    /// Name of the model.
    pub model: String,
    /// Version that was saved; `None` when the challenger was not promoted.
    pub promoted: Option<i64>,
    /// Series learned.
    pub series: usize,
    /// Points learned.
    pub points: usize,
    /// The challenger's backtest.
    pub challenger: Backtest,
    /// The backtest of the model in use, if there was one.
    pub incumbent: Option<Backtest>,
    /// Why it was or was not promoted.
    pub because: String,
}

/// How well expected values and boundaries held on history that was not learned.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Backtest {
    /// Mean absolute error of the expected value over that of the last value repeated; below 1 is better than that.
    pub scaled_error: f64,
    /// Anomalous points per series and day.
    pub anomalies_per_day: f64,
}

impl App {
    /// Retrains the detector of `spec` on its history.
    ///
    /// # Errors
    /// [`EngineError`] when source or store fail or when there is nothing to learn from.
    pub async fn retrain(&self, spec: &DetectorSpec, now: Timestamp) -> Result<RetrainReport, EngineError> {
        // gather
        let range = history_range(spec.step, spec.history, now)?;
        let samples = self.source(&spec.source)?.fetch(&spec.query, range).await?;
        if samples.iter().any(|one| one.partial) {
            return Err(EngineError::Conflict(format!(
                "{} answered with partial data, which is never learned from; try again later",
                spec.source
            )));
        }
        let model = model_name(&spec.name);
        let incumbent = self.usable_model(&model).await?;
        // compute
        let changes = Changes::new(self.store().recorded_events(range.start..=range.end).await?);
        let owned = spec.clone();
        let (artefact, points, challenger) =
            compute::run_long(move || learn(samples, &owned, &changes, range.end, now)).await??;
        let before = incumbent
            .as_ref()
            .and_then(|loaded| serde_json::from_value::<Backtest>(loaded.manifest.metrics.clone()).ok());
        let (promote, because) = verdict(challenger, before);
        // act
        let mut report = RetrainReport {
            series: artefact.tracked.len(),
            model,
            promoted: None,
            points,
            challenger,
            incumbent: before,
            because,
        };
        let bytes = serde_json::to_vec(&artefact)
            .map_err(|error| EngineError::Invalid(format!("the model cannot be written: {error}")))?;
        let trained_on = format!("{} of `{}` up to {}", spec.history, spec.query, range.end);
        let metrics = json!(challenger);
        let new = NewModel {
            name: &report.model,
            kind: KIND,
            schema: SCHEMA,
            metrics: &metrics,
            trained_on: &trained_on,
            bytes: &bytes,
            activate: promote,
        };
        let manifest = self.store().save_model(new, now).await?;
        report.promoted = promote.then_some(manifest.version);
        Ok(report)
    }

    /// Loads the detector models of the registry; series whose saved state is newer keep that. A model that is corrupt is
    /// refused and its predecessor used.
    ///
    /// # Errors
    /// [`EngineError::Store`].
    pub async fn load_detectors(&self, now: Timestamp) -> Result<usize, EngineError> {
        let mut loaded = 0;
        for spec in &self.settings().detectors {
            let Some(model) = self.usable_model(&model_name(&spec.name)).await? else { continue };
            let artefact = match serde_json::from_slice::<Artefact>(&model.bytes) {
                Ok(artefact) if artefact.schema == SCHEMA => artefact,
                Ok(_) | Err(_) => {
                    telemetry::model_loaded(Outcome::Failed);
                    error!(detector = %spec.name, "the model of {} is of another version of Tidewatch; it is learned afresh", spec.name);
                    continue;
                }
            };
            telemetry::model_loaded(Outcome::Ok);
            let mut watch = self.watch(&spec.name)?.lock().await;
            for mut one in
                artefact.tracked.into_iter().filter(|one| one.fits(spec) && one.last_at.is_some_and(|at| at <= now))
            {
                one.share(spec);
                let fingerprint = one.labels.fingerprint();
                if watch.tracked.get(&fingerprint).is_none_or(|own| own.last_at < one.last_at) {
                    watch.tracked.insert(fingerprint, Arc::new(one));
                    loaded += 1;
                }
            }
        }
        Ok(loaded)
    }

    /// The newest version of `model` that is sound; versions that are damaged are reported. `None` when there is none:
    /// a damaged file must not keep the service from starting or from being trained anew.
    async fn usable_model(&self, model: &str) -> Result<Option<LoadedModel>, EngineError> {
        let loaded = match self.store().load_active(model).await {
            Err(StoreError::BadModel { name, version, defect }) => {
                telemetry::model_loaded(Outcome::Failed);
                error!(model, "version {version} of {name} is refused ({defect}) and there is no older one");
                return Ok(None);
            }
            loaded => loaded?,
        };
        for (version, defect) in loaded.iter().flat_map(|loaded| &loaded.refused) {
            telemetry::model_loaded(Outcome::Failed);
            let stays = loaded.as_ref().map_or(0, |loaded| loaded.manifest.version);
            error!(model, "version {version} of {model} is refused ({defect}); version {stays} stays in use");
        }
        Ok(loaded)
    }
}

/// Name of a detector's model in the registry.
fn model_name(detector: &str) -> String {
    format!("detector.{detector}")
}

fn learn(
    samples: Vec<Samples>,
    spec: &DetectorSpec,
    changes: &Changes,
    end: Timestamp,
    now: Timestamp,
) -> Result<(Artefact, usize, Backtest), EngineError> {
    let series = clean(samples.clone(), spec.step, spec.unit);
    if series.is_empty() {
        return Err(EngineError::NotFound(format!(
            "`{}` gave nothing to learn from over {}",
            spec.query, spec.history
        )));
    }
    let mut points = 0;
    let mut tracked = Vec::new();
    for group in group(samples, &spec.entity_by) {
        let mut one = Tracked::new(&group, spec.step, &spec.detect, None)?;
        points += one.advance(&group, end, spec, &changes.on(&group.labels, spec), now)?.points;
        tracked.push(one);
    }
    let backtest = backtest(&series, spec)?;
    Ok((Artefact { schema: SCHEMA, detector: spec.name.clone(), tracked }, points, backtest))
}

/// Every series judged with learning stopped at the last fifth of it.
fn backtest(series: &[Series], spec: &DetectorSpec) -> Result<Backtest, EngineError> {
    let (mut error, mut naive, mut anomalies, mut days) = (0.0, 0.0, 0_usize, 0.0);
    for one in series {
        let held_out = ((one.len() as f64 * HOLD_OUT) as usize).clamp(1, one.len());
        let cut = one.len() - held_out;
        let scores: Scores = score_series_until(one, Some(one.time_at(cut.saturating_sub(1))), &spec.detect)?;
        let scale = mean_change(one.values());
        let tail: &[PointScore] = scores.points.get(cut..).unwrap_or_default();
        if scale > 0.0 {
            error += tail.iter().map(|point| (point.value - point.expected).abs()).sum::<f64>() / scale;
            naive += tail.len() as f64;
        }
        anomalies += tail.iter().filter(|point| point.is_anomaly).count();
        days += tail.len() as f64 / per_day(one.step());
    }
    let ratio = |a: f64, b: f64| if b > 0.0 { a / b } else { 0.0 };
    Ok(Backtest { scaled_error: ratio(error, naive), anomalies_per_day: ratio(anomalies as f64, days) })
}

fn per_day(step: Step) -> f64 {
    86_400.0 / step.secs_f64()
}

fn mean_change(values: &[f64]) -> f64 {
    let changes: f64 = values.windows(2).map(|pair| (pair[1] - pair[0]).abs()).sum();
    changes / (values.len().saturating_sub(1).max(1)) as f64
}

/// Whether the challenger is promoted, and why.
fn verdict(challenger: Backtest, incumbent: Option<Backtest>) -> (bool, String) {
    let Some(incumbent) = incumbent else {
        return (true, "there was no model before".to_owned());
    };
    let compared = format!(
        "scaled error {:.3} against {:.3} of the model in use",
        challenger.scaled_error, incumbent.scaled_error
    );
    if challenger.scaled_error <= incumbent.scaled_error * (1.0 + TOLERANCE) {
        (true, format!("{compared}: no worse"))
    } else {
        (false, format!("{compared}: worse, so the model in use stays"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backtest_of(scaled_error: f64) -> Backtest {
        Backtest { scaled_error, anomalies_per_day: 0.1 }
    }

    #[test]
    fn only_a_challenger_that_is_no_worse_is_promoted() {
        assert!(verdict(backtest_of(0.9), None).0);
        assert!(verdict(backtest_of(0.9), Some(backtest_of(0.9))).0);
        assert!(verdict(backtest_of(0.5), Some(backtest_of(0.9))).0);
        let (promoted, because) = verdict(backtest_of(1.2), Some(backtest_of(0.9)));
        assert!(!promoted && because.contains("worse"), "{because}");
    }
}
