//! One round of a detector: pull the new points, judge them, raise and resolve alerts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rayon::prelude::*;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::absences::Absent;
use super::budget::{Boundaries, Ledger, sum_of_weights};
use super::changes::{Changes, LATEST};
use super::settings::DetectorSpec;
use super::tracked::{Group, Happened, Tracked, group};
use super::{App, EngineError, compute};
use crate::detect::Prior;
use crate::series::{Fingerprint, Labels, Samples, Step};
use crate::source::{Range, SourceError};
use crate::telemetry;

/// Siblings that a new series is compared with.
const MOST_SIBLINGS: usize = 16;
/// Series judged between two looks at whether to stop; their alerts go out before the next ones are judged.
const CHUNK: usize = 64;
/// Shortest time without samples after which a series counts as gone.
const LEAST_GRACE_MS: i64 = 15 * 60_000;
/// Steps without samples after which a series counts as gone, when that is longer.
const GRACE_STEPS: i64 = 3;
/// The whole history is fetched again for series that turn up later, but not more often than this.
const HISTORY_EVERY_SECS: i64 = 3_600;

/// What a detector has in memory. Locked for moments only: nobody who reads it waits for a source or a computation.
#[derive(Debug, Default)]
pub(super) struct Watch {
    pub(super) tracked: BTreeMap<Fingerprint, Arc<Tracked>>,
    pub(super) last_round: Option<Timestamp>,
    pub(super) last_error: Option<String>,
    /// What has stopped reporting, with the alerts that say so.
    pub(super) absent: Vec<Absent>,
    /// Series that are unlike their peers.
    pub(super) apart: BTreeMap<Fingerprint, super::peers::Apart>,
    /// When the whole history was last fetched and judged.
    history_at: Option<Timestamp>,
    pub(super) ledger: Ledger,
}

impl Watch {
    /// Whether an alert about `one` fires: of its own past, or of its peers.
    pub(super) fn fires(&self, one: &Tracked) -> bool {
        one.firing().is_some() || self.apart.get(&one.labels.fingerprint()).is_some_and(super::peers::Apart::fires)
    }
}

/// What the judgements of one round have in common.
struct Setting {
    spec: DetectorSpec,
    boundaries: Boundaries,
    changes: Changes,
    end: Timestamp,
    now: Timestamp,
    /// What was followed before the round.
    known: BTreeMap<Fingerprint, Arc<Tracked>>,
}

/// What one round did.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Round {
    /// Series or entities judged.
    pub series: usize,
    /// Points judged.
    pub points: usize,
    /// Anomalous points among them.
    pub anomalies: usize,
    /// Alerts that began, went on or ended.
    pub alerts: usize,
    /// Series that could not be judged.
    pub failed: usize,
    /// Why the first of them could not.
    pub first_failure: Option<String>,
    /// Every series is silent, or some never had a number: what that looks like.
    pub silence: Option<String>,
}

/// A series and what to judge of it.
type Work = (Fingerprint, Option<Arc<Tracked>>, Group);
/// What came of it; the text says why nothing did.
type Outcome = Result<(Fingerprint, Tracked, Happened), String>;

impl App {
    /// Runs one round of `spec`: everything that is new up to `now`. What went wrong stays visible in its status. A replay
    /// calls it with the times of the past.
    ///
    /// # Errors
    /// [`EngineError`] when source or store fail; a series that cannot be judged is counted.
    pub async fn watch_round(&self, spec: &DetectorSpec, now: Timestamp) -> Result<Round, EngineError> {
        let outcome = Box::pin(self.round(spec, now)).await;
        if let Err(error) = self.save_budget(spec, now).await {
            warn!(detector = %spec.name, %error, "what {} watched is not stored; it is kept for the next round", spec.name);
        }
        let mut watch = self.watch(&spec.name)?.lock().await;
        match &outcome {
            Ok(round) => {
                watch.last_round = Some(now);
                let failure = round
                    .first_failure
                    .as_ref()
                    .map(|first| format!("{} series cannot be judged, the first because of: {first}", round.failed));
                watch.last_error = failure.or_else(|| round.silence.clone());
            }
            Err(error) => watch.last_error = Some(error.to_string()),
        }
        outcome
    }

    async fn round(&self, spec: &DetectorSpec, now: Timestamp) -> Result<Round, EngineError> {
        // gather
        let (known, history_at) = {
            let watch = self.watch(&spec.name)?.lock().await;
            (watch.tracked.clone(), watch.history_at)
        };
        let Some(range) = next_range(&known, spec, now) else { return Ok(Round::default()) };
        let (groups, whole) = self.new_groups(spec, &known, range, (history_at, now)).await?;
        let all = if whole { whole_history(spec, range.end)? } else { range };
        let setting = Arc::new(self.setting(spec, &groups, &known, all, now).await?);
        self.welcome_back(spec, &known, &groups, now).await?;
        let present: BTreeSet<Fingerprint> = groups.iter().map(|group| group.labels.fingerprint()).collect();
        let mut work: Vec<Work> = groups
            .into_iter()
            .map(|group| {
                let fingerprint = group.labels.fingerprint();
                (fingerprint, known.get(&fingerprint).cloned(), group)
            })
            .collect();
        let mut round = Round::default();
        while !work.is_empty() {
            // compute
            let chunk: Vec<Work> = work.drain(..work.len().min(CHUNK)).collect();
            let (shared, stopping) = (Arc::clone(&setting), self.stopping_token());
            let outcomes = compute::run_long(move || judge_all(chunk, &shared, &stopping)).await?;
            // act
            for outcome in outcomes {
                self.take_over(&setting, outcome, &mut round).await?;
            }
            if self.is_stopping() {
                return Err(interrupted(spec));
            }
        }
        self.let_go(spec, &present, range.end, now).await?;
        round.silence = match self.note_absences(spec, range.end, now).await? {
            Some(silence) => Some(silence),
            None => self.without_numbers(spec).await?,
        };
        if whole {
            self.watch(&spec.name)?.lock().await.history_at = Some(now);
        }
        round.alerts += self.compare_peers(spec, now).await?;
        telemetry::scored(&spec.name, round.series, round.points, round.anomalies);
        telemetry::scored_at(&spec.name, now.as_millisecond() as f64 / 1_000.0);
        debug!(detector = %spec.name, series = round.series, points = round.points, "judged {}", spec.name);
        Ok(round)
    }

    /// What the judgements of a round have in common: boundaries by what is followed and will be, change events of its
    /// time and of some time before, for those that come late.
    async fn setting(
        &self,
        spec: &DetectorSpec,
        groups: &[Group],
        known: &BTreeMap<Fingerprint, Arc<Tracked>>,
        range: Range,
        now: Timestamp,
    ) -> Result<Setting, EngineError> {
        let boundaries = self.boundaries(spec).await?;
        let new = groups.iter().filter(|group| !known.contains_key(&group.labels.fingerprint()));
        let weights: f64 = sum_of_weights(&boundaries, known.values().map(AsRef::as_ref))
            + new.map(|group| boundaries.weight(&group.labels)).sum::<f64>();
        self.watch(&spec.name)?.lock().await.ledger.set_weights(weights);
        let from = range.start.saturating_sub(LATEST).unwrap_or(Timestamp::MIN);
        let changes = Changes::new(self.store().recorded_events(from..=range.end).await?);
        let (boundaries, known) = (boundaries.with_weights(weights), known.clone());
        Ok(Setting { spec: spec.clone(), boundaries, changes, end: range.end, now, known })
    }

    /// The groups with samples in `range`, and whether their whole history is there: it is when something turns up that
    /// is not followed yet.
    async fn new_groups(
        &self,
        spec: &DetectorSpec,
        known: &BTreeMap<Fingerprint, Arc<Tracked>>,
        range: Range,
        (history_at, now): (Option<Timestamp>, Timestamp),
    ) -> Result<(Vec<Group>, bool), EngineError> {
        let groups = group(self.samples(spec, range, !known.is_empty()).await?, &spec.entity_by);
        let all = whole_history(spec, range.end)?;
        if range.start <= all.start {
            return Ok((groups, true));
        }
        let lately = history_at.is_some_and(|at| now.as_second() - at.as_second() < HISTORY_EVERY_SECS);
        let follows =
            |group: &&Group| known.get(&group.labels.fingerprint()).is_some_and(|tracked| tracked.has_all(group));
        let new = groups.iter().filter(|group| !follows(group)).count();
        if new == 0 || lately {
            return Ok((groups, false));
        }
        info!(detector = %spec.name, new, "{new} series of {} are new: their history is fetched", spec.name);
        Ok((group(self.samples(spec, all, true).await?, &spec.entity_by), true))
    }

    /// Samples of `range`, complete ones only; none is an answer once something is followed. Gives up at shutdown.
    async fn samples(&self, spec: &DetectorSpec, range: Range, may_be_none: bool) -> Result<Vec<Samples>, EngineError> {
        let source = self.source(&spec.source)?;
        let fetched = tokio::select! {
            fetched = source.fetch(&spec.query, range) => fetched,
            () = self.stopped() => return Err(interrupted(spec)),
        };
        let samples = match fetched {
            Ok(samples) => samples,
            Err(SourceError::NoData { .. }) if may_be_none => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        if samples.iter().any(|samples| samples.partial) {
            return Err(EngineError::Unavailable(format!(
                "{} answered with partial data, which is neither judged nor learned from; it is asked again",
                spec.source
            )));
        }
        Ok(samples)
    }

    /// Publishes what was judged of one series and keeps its new state. When publishing fails the old state stays, so
    /// that the same points are judged and published again.
    async fn take_over(&self, setting: &Setting, outcome: Outcome, round: &mut Round) -> Result<(), EngineError> {
        let (spec, now) = (&setting.spec, setting.now);
        let (fingerprint, mut tracked, happened) = match outcome {
            Ok(judged) => judged,
            Err(failure) => {
                warn!(detector = %spec.name, "{failure}");
                telemetry::rejected("unusable");
                round.failed += 1;
                round.first_failure.get_or_insert(failure);
                return Ok(());
            }
        };
        round.series += 1;
        round.points += happened.points;
        round.anomalies += happened.anomalies.iter().filter(|point| point.is_anomaly).count();
        round.alerts += happened.alerts.len();
        let mut ledger = Ledger::default();
        ledger.count(&happened, &setting.boundaries, &tracked.labels, now);
        telemetry::episodes(&spec.name, happened.fired);
        for (why, points) in &happened.suppressed {
            telemetry::suppressed(&spec.name, why.as_str(), *points);
        }
        self.publish(spec, &mut tracked, happened, now).await?;
        let mut watch = self.watch(&spec.name)?.lock().await;
        watch.ledger.absorb(&ledger);
        watch.tracked.insert(fingerprint, Arc::new(tracked));
        Ok(())
    }

    /// Resolves the alerts of series that have had no samples for [`grace_ms`], and forgets series that have had none
    /// for the length of the history.
    async fn let_go(
        &self,
        spec: &DetectorSpec,
        present: &BTreeSet<Fingerprint>,
        end: Timestamp,
        now: Timestamp,
    ) -> Result<(), EngineError> {
        let missing_ms = |one: &Tracked| one.last_at.map_or(i64::MAX, |at| end.as_millisecond() - at.as_millisecond());
        let grace = grace_ms(spec.step);
        let known: Vec<(Fingerprint, Arc<Tracked>)> = {
            let watch = self.watch(&spec.name)?.lock().await;
            watch.tracked.iter().map(|(fingerprint, one)| (*fingerprint, Arc::clone(one))).collect()
        };
        let gone = known.iter().filter(|(_, one)| one.firing().is_some() && missing_ms(one) > grace);
        for (fingerprint, one) in gone {
            let mut tracked = Tracked::clone(one);
            let happened = tracked.vanish(end);
            info!(detector = %spec.name, series = %tracked.name, "{} is gone: its alert is over", tracked.name);
            self.publish(spec, &mut tracked, happened, now).await?;
            self.watch(&spec.name)?.lock().await.tracked.insert(*fingerprint, Arc::new(tracked));
        }
        let forget = spec.history.as_millis().max(2 * grace);
        let mut watch = self.watch(&spec.name)?.lock().await;
        watch.tracked.retain(|fingerprint, one| present.contains(fingerprint) || missing_ms(one) <= forget);
        Ok(())
    }
}

/// How long a series may be without samples before it counts as gone: 15 minutes or 3 steps, whichever is longer.
pub(super) const fn grace_ms(step: Step) -> i64 {
    let steps = step.millis().saturating_mul(GRACE_STEPS);
    if steps > LEAST_GRACE_MS { steps } else { LEAST_GRACE_MS }
}

fn interrupted(spec: &DetectorSpec) -> EngineError {
    EngineError::Conflict(format!("the round of {} was interrupted by shutdown", spec.name))
}

/// From the last point that is judged to the last that is complete; `None` when there is none.
///
/// A series that is late by less than [`grace_ms`] still gets its points; one that stopped long ago does not make every
/// round fetch all of its absence.
fn next_range(known: &BTreeMap<Fingerprint, Arc<Tracked>>, spec: &DetectorSpec, now: Timestamp) -> Option<Range> {
    let step = spec.step.millis();
    let end = Timestamp::from_millisecond(last_complete_ms(spec, now)).ok()?;
    let all = whole_history(spec, end).ok()?;
    let judged = || known.values().filter_map(|tracked| tracked.last_at).map(Timestamp::as_millisecond);
    let Some(newest) = judged().max() else { return Some(all) };
    if newest >= end.as_millisecond() {
        return None;
    }
    let oldest = judged().filter(|at| newest - at <= grace_ms(spec.step)).min().unwrap_or(newest);
    // from the last point judged, not the next: the rate of a counter needs its predecessor
    let start = (oldest.div_euclid(step) * step).max(all.start.as_millisecond());
    Some(Range { start: Timestamp::from_millisecond(start).ok()?, end, step: spec.step })
}

/// Time of the last point that is complete at `now`.
pub(super) fn last_complete_ms(spec: &DetectorSpec, now: Timestamp) -> i64 {
    let step = spec.step.millis();
    now.as_millisecond().saturating_sub(spec.delay.as_millis()).div_euclid(step) * step
}

fn whole_history(spec: &DetectorSpec, end: Timestamp) -> Result<Range, EngineError> {
    let history = SignedDuration::from_millis(spec.history.as_millis());
    let step = spec.step.millis();
    let start = end.saturating_sub(history).unwrap_or(Timestamp::UNIX_EPOCH).as_millisecond().div_euclid(step) * step;
    let start = Timestamp::from_millisecond(start)
        .map_err(|error| EngineError::Invalid(format!("history {}: {error}", spec.history)))?;
    Ok(Range { start, end, step: spec.step })
}

/// Judges a chunk in parallel. A series whose judgement fails or panics stays as it was; the others go on. Series that
/// are not begun when the service stops are left out.
fn judge_all(work: Vec<Work>, setting: &Setting, stopping: &CancellationToken) -> Vec<Outcome> {
    work.into_par_iter()
        .filter(|_| !stopping.is_cancelled())
        .map(|(fingerprint, before, group)| {
            match compute::contained(|| judge_one(before.as_deref(), &group, setting)) {
                Ok(Ok((tracked, happened))) => Ok((fingerprint, tracked, happened)),
                Ok(Err(error)) | Err(error) => Err(format!("{}: {error}", group.name)),
            }
        })
        .collect()
}

fn judge_one(before: Option<&Tracked>, group: &Group, setting: &Setting) -> Result<(Tracked, Happened), EngineError> {
    let Setting { spec, boundaries, changes, end, now, known } = setting;
    let mut tracked = match before.filter(|one| one.has_all(group)) {
        Some(known) => known.clone(),
        None => Tracked::new(group, spec.step, &spec.detect, prior(&group.labels, known))?,
    };
    tracked.adopt(spec, boundaries.factor(&group.labels));
    let bearing = changes.on(&group.labels, spec);
    let happened = tracked.advance(group, *end, spec, &bearing, *now)?;
    Ok((tracked, happened))
}

/// What a new series may expect, from those that differ from it in one label only (an instance, a pod): at most 16 of them.
fn prior(labels: &Labels, known: &BTreeMap<Fingerprint, Arc<Tracked>>) -> Option<Prior> {
    let siblings = known.values().filter(|one| labels.differ_in_one(&one.labels)).filter_map(|one| one.prior());
    Prior::of_siblings(&siblings.take(MOST_SIBLINGS).collect::<Vec<Prior>>())
}
