//! One round of a detector: pull the new points, judge them, raise and resolve alerts.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rayon::prelude::*;
use tracing::{debug, warn};

use super::settings::DetectorSpec;
use super::tracked::{Group, Happened, Tracked, group};
use super::{App, EngineError, compute};
use crate::series::{Fingerprint, Samples};
use crate::source::{Range, SourceError};
use crate::telemetry;

/// What a detector has in memory.
#[derive(Debug, Default)]
pub(super) struct Watch {
    pub(super) tracked: BTreeMap<Fingerprint, Tracked>,
    pub(super) last_round: Option<Timestamp>,
    pub(super) last_error: Option<String>,
}

/// What one round did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Round {
    /// Series or entities judged.
    pub series: usize,
    /// Points judged.
    pub points: usize,
    /// Anomalous points among them.
    pub anomalies: usize,
    /// Alerts that began, went on or ended.
    pub alerts: usize,
}

type Outcome = (Fingerprint, Tracked, Happened);

impl App {
    /// Runs one round of `spec`: everything that is new up to `now`. A replay calls it with the times of the past.
    ///
    /// # Errors
    /// [`EngineError`] when source or store fail; a series that cannot be judged is logged.
    pub async fn watch_round(&self, spec: &DetectorSpec, now: Timestamp) -> Result<Round, EngineError> {
        let watch = self.watch(&spec.name)?;
        let mut watch = watch.lock().await;
        // gather
        let Some(range) = next_range(&watch, spec, now) else { return Ok(Round::default()) };
        let fetched = self.source(&spec.source)?.fetch(&spec.query, range).await;
        let samples = match fetched {
            Ok(samples) => samples,
            Err(SourceError::NoData { .. }) if !watch.tracked.is_empty() => Vec::new(),
            Err(error) => {
                watch.last_error = Some(error.to_string());
                return Err(error.into());
            }
        };
        // compute
        let tracked = std::mem::take(&mut watch.tracked);
        let (owned, keep) = (spec.clone(), tracked.clone());
        let computed = compute::run(move || judge_all(tracked, samples, &owned, range.end, now)).await;
        let (outcomes, idle) = match computed {
            Ok(computed) => computed,
            Err(error) => {
                watch.tracked = keep;
                watch.last_error = Some(error.to_string());
                return Err(error);
            }
        };
        watch.tracked = idle;
        // act
        let mut round = Round::default();
        for (fingerprint, mut tracked, happened) in outcomes {
            round.series += 1;
            round.points += happened.points;
            round.anomalies += happened.anomalies.len();
            round.alerts += happened.alerts.len();
            let published = self.publish(spec, &mut tracked, happened, now).await;
            watch.tracked.insert(fingerprint, tracked);
            published?;
        }
        watch.last_round = Some(now);
        watch.last_error = None;
        telemetry::scored(&spec.name, round.series, round.points, round.anomalies);
        telemetry::scored_at(&spec.name, now.as_millisecond() as f64 / 1_000.0);
        debug!(detector = %spec.name, series = round.series, points = round.points, "judged {}", spec.name);
        Ok(round)
    }
}

/// From the first point that is not judged yet to the last that is complete; `None` when there is none.
fn next_range(watch: &Watch, spec: &DetectorSpec, now: Timestamp) -> Option<Range> {
    let step = spec.step.millis();
    let aligned = |ms: i64| ms.div_euclid(step) * step;
    let end = aligned(now.as_millisecond().saturating_sub(spec.delay.as_millis()));
    let oldest = aligned(end.saturating_sub(spec.history.as_millis()));
    // the newest of all: a series that stopped long ago must not make every round fetch all of its absence
    let newest_known = watch.tracked.values().filter_map(|tracked| tracked.last_at).max();
    let start = newest_known.map_or(oldest, |at| aligned(at.as_millisecond().saturating_add(step)).max(oldest));
    if start > end {
        return None;
    }
    let time = |ms: i64| Timestamp::from_millisecond(ms).ok();
    Some(Range { start: time(start)?, end: time(end)?, step: spec.step })
}

/// Judges every group in parallel; series without samples stay as they are, without memory of being gone for longer
/// than the history.
fn judge_all(
    mut tracked: BTreeMap<Fingerprint, Tracked>,
    samples: Vec<Samples>,
    spec: &DetectorSpec,
    end: Timestamp,
    now: Timestamp,
) -> (Vec<Outcome>, BTreeMap<Fingerprint, Tracked>) {
    let partial = samples.iter().any(|samples| samples.partial);
    if partial {
        warn!(detector = %spec.name, "{} answered with partial data; it is judged in the next round", spec.source);
        return (Vec::new(), tracked);
    }
    let work: Vec<(Fingerprint, Tracked, Group)> = group(samples, &spec.entity_by)
        .into_iter()
        .filter_map(|group| {
            let fingerprint = group.labels.fingerprint();
            let known = tracked.remove(&fingerprint).map(Ok);
            match known.unwrap_or_else(|| Tracked::new(&group, spec.step, &spec.detect)) {
                Ok(tracked) => Some((fingerprint, tracked, group)),
                Err(error) => {
                    telemetry::rejected("unusable");
                    warn!(detector = %spec.name, series = %group.name, %error, "cannot follow {}", group.name);
                    None
                }
            }
        })
        .collect();
    let outcomes = work
        .into_par_iter()
        .map(|(fingerprint, mut tracked, group)| {
            let happened = tracked.advance(&group, end, spec, now).unwrap_or_else(|error| {
                telemetry::rejected("unusable");
                warn!(detector = %spec.name, series = %group.name, %error, "cannot judge {}", group.name);
                Happened::default()
            });
            (fingerprint, tracked, happened)
        })
        .collect();
    let horizon = end.as_millisecond().saturating_sub(spec.history.as_millis());
    tracked.retain(|_, one| one.last_at.is_some_and(|at| at.as_millisecond() >= horizon));
    (outcomes, tracked)
}
