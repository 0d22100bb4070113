//! The budget of false alarms in the running service: shared out before a round, reckoned after it, tuned slowly.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::budget_views::{BudgetReport, DetectorBudget};
use super::settings::{DetectorSpec, Settings};
use super::tracked::{Happened, Tracked, alertname};
use super::{App, EngineError};
use crate::detect::{BudgetFigures, BudgetScope, TUNING_SPAN_SECS, WeightSettings, retune, team_share};
use crate::series::Labels;
use crate::store::{BudgetState, Exposure, Store};

const HOUR_SECS: i64 = 3_600;
/// Points older than this, when they are judged, are history: nobody was told of them, yet their alerts are recorded.
const FRESH_SECS: i64 = 3_600;
/// What was watched is stored after a round, at most this often.
const SAVE_EVERY_SECS: i64 = 60;
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What a detector keeps in memory of its budget.
#[derive(Debug, Clone)]
pub(super) struct Ledger {
    /// Seconds watched and false alarms accepted, by hour since 1970, since they were last stored.
    hours: BTreeMap<i64, (f64, f64)>,
    /// Sum of the weights of what is followed.
    weights: f64,
    tuning: f64,
    tuned_at: Option<Timestamp>,
    /// Hour since 1970 up to which an earlier run of the service counted; `None` until the store was asked.
    counted_to: Option<i64>,
    /// When it was last stored after a round.
    saved_at: Option<Timestamp>,
}

/// The boundaries of a detector for one round.
#[derive(Debug, Clone)]
pub(super) struct Boundaries {
    scope: BudgetScope,
    rules: Vec<WeightSettings>,
    labels: Labels,
    weights: f64,
    /// Share of its budget that the team's budget leaves.
    share: f64,
    tuning: f64,
    per_second: f64,
    step_secs: f64,
    /// What is judged again of the hours up to this one, because it is learned afresh, was counted before.
    counted_to: i64,
}

impl Default for Ledger {
    fn default() -> Self {
        Self { hours: BTreeMap::new(), weights: 0.0, tuning: 1.0, tuned_at: None, counted_to: None, saved_at: None }
    }
}

impl Ledger {
    /// Goes on from what was stored.
    pub(super) const fn resume(&mut self, state: &BudgetState) {
        self.tuning = state.tuning;
        self.tuned_at = Some(state.tuned_at);
    }

    pub(super) const fn set_weights(&mut self, weights: f64) {
        self.weights = weights;
    }

    /// Counts what was watched of something with these labels, by the time of the points: history too, for its alerts
    /// are recorded like others.
    pub(super) fn count(&mut self, happened: &Happened, boundaries: &Boundaries, labels: &Labels, now: Timestamp) {
        let fresh = (now.as_second() - FRESH_SECS).div_euclid(HOUR_SECS);
        let oldest = fresh.min(boundaries.counted_to.saturating_add(1));
        let rate = boundaries.accepted_per_second(labels);
        for (hour, points) in happened.watched.range(oldest..) {
            let secs = *points as f64 * boundaries.step_secs;
            self.add(*hour, secs, secs * rate);
        }
    }

    /// Adds what another one counted.
    pub(super) fn absorb(&mut self, other: &Self) {
        for (hour, (secs, expected)) in &other.hours {
            self.add(*hour, *secs, *expected);
        }
    }

    fn add(&mut self, hour: i64, secs: f64, expected: f64) {
        let entry = self.hours.entry(hour).or_default();
        *entry = (entry.0 + secs, entry.1 + expected);
    }

    fn exposures(&self) -> Vec<Exposure> {
        let one = |(hour, (watched_secs, expected)): (&i64, &(f64, f64))| Exposure {
            hour: *hour,
            watched_secs: *watched_secs,
            expected: *expected,
        };
        self.hours.iter().map(one).collect()
    }
}

impl Boundaries {
    /// The weight of something with these labels.
    pub(super) fn weight(&self, labels: &Labels) -> f64 {
        if self.rules.is_empty() {
            return 1.0;
        }
        let all = self.labels.iter().fold(labels.clone(), |all, (name, value)| all.with(name, value));
        WeightSettings::of(&self.rules, &all)
    }

    /// The factor of the budget's `p*` for something with these labels.
    pub(super) fn factor(&self, labels: &Labels) -> f64 {
        self.scope.share(self.weight(labels), self.weights) * self.share * self.tuning
    }

    /// The sum of the weights that shares refer to.
    pub(super) fn with_weights(self, weights: f64) -> Self {
        Self { weights, ..self }
    }

    fn accepted_per_second(&self, labels: &Labels) -> f64 {
        self.per_second * self.scope.share(self.weight(labels), self.weights) * self.share
    }
}

impl App {
    /// The boundaries of `spec` for a round, as far as what is followed by now tells.
    pub(super) async fn boundaries(&self, spec: &DetectorSpec) -> Result<Boundaries, EngineError> {
        let counted_to = self.counted_to(spec).await?;
        let (weights, tuning) = {
            let watch = self.watch(&spec.name)?.lock().await;
            (watch.ledger.weights, watch.ledger.tuning)
        };
        Ok(Boundaries {
            scope: spec.sharing.scope,
            rules: spec.sharing.weights.clone(),
            labels: spec.labels.clone(),
            weights,
            share: self.team_share().await,
            tuning,
            per_second: spec.detect.false_alarms.per_second(),
            step_secs: spec.step.secs_f64(),
            counted_to,
        })
    }

    /// The last hour that an earlier run of the service counted; the store is asked once.
    async fn counted_to(&self, spec: &DetectorSpec) -> Result<i64, EngineError> {
        let watch = self.watch(&spec.name)?;
        if let Some(hour) = watch.lock().await.ledger.counted_to {
            return Ok(hour);
        }
        let hour = self.store().last_exposure(&spec.name).await?.unwrap_or(i64::MIN);
        watch.lock().await.ledger.counted_to = Some(hour);
        Ok(hour)
    }

    /// The share of every budget that the team's leaves.
    async fn team_share(&self) -> f64 {
        let Some(team) = self.settings().budget.team else { return 1.0 };
        let mut sum = 0.0;
        for spec in &self.settings().detectors {
            let Ok(watch) = self.watch(&spec.name) else { continue };
            let weights = watch.lock().await.ledger.weights;
            sum += spec.detect.false_alarms.per_second() * spec.sharing.scope.total(weights);
        }
        team_share(Some(team.per_second()), sum)
    }

    /// Stores what `spec` watched and, when it is wanted, moves its boundary after what really fired.
    pub(super) async fn keep_budget(&self, spec: &DetectorSpec, now: Timestamp) -> Result<(), EngineError> {
        self.store_exposure(spec).await?;
        let before = self.budget_now(spec, now).await?;
        let tuning = if self.settings().budget.retune {
            let long_ago = back(now, SignedDuration::from_secs(TUNING_SPAN_SECS as i64));
            let figures = figures(self.store(), spec, long_ago).await?;
            let elapsed = now.as_second() - before.tuned_at.as_second();
            retune(before.tuning, figures.expected, figures.false_alarms(), elapsed.max(0) as f64)
        } else {
            1.0
        };
        self.put_budget(spec, &BudgetState { tuning, tuned_at: now, ..before }, now).await
    }

    /// Stores what `spec` watched and where its boundary stands, at most once a minute: little is lost when the service is
    /// killed, and who reads the store sees it.
    pub(super) async fn save_budget(&self, spec: &DetectorSpec, now: Timestamp) -> Result<(), EngineError> {
        let saved_at = self.watch(&spec.name)?.lock().await.ledger.saved_at;
        if saved_at.is_some_and(|at| (0..SAVE_EVERY_SECS).contains(&(now.as_second() - at.as_second()))) {
            return Ok(());
        }
        self.store_exposure(spec).await?;
        let state = self.budget_now(spec, now).await?;
        self.put_budget(spec, &state, now).await
    }

    /// Where the boundary of `spec` stands; one that was never moved counts from now on.
    async fn budget_now(&self, spec: &DetectorSpec, now: Timestamp) -> Result<BudgetState, EngineError> {
        let watch = self.watch(&spec.name)?.lock().await;
        let p_star = middle(watch.tracked.values().map(|one| one.p_star()).collect());
        let tuned_at = watch.ledger.tuned_at.unwrap_or(now);
        Ok(BudgetState { tuning: watch.ledger.tuning, series: watch.tracked.len(), p_star, tuned_at })
    }

    async fn put_budget(&self, spec: &DetectorSpec, state: &BudgetState, now: Timestamp) -> Result<(), EngineError> {
        self.store().put_budget_state(&spec.name, state).await?;
        let mut watch = self.watch(&spec.name)?.lock().await;
        watch.ledger.resume(state);
        watch.ledger.saved_at = Some(now);
        Ok(())
    }

    /// Stores what was watched since it was last stored; when that fails it is kept for the next time.
    async fn store_exposure(&self, spec: &DetectorSpec) -> Result<(), EngineError> {
        let watch = self.watch(&spec.name)?;
        let hours = {
            let mut watch = watch.lock().await;
            let hours = watch.ledger.exposures();
            watch.ledger.hours.clear();
            hours
        };
        if let Err(error) = self.store().add_exposure(&spec.name, &hours).await {
            let mut watch = watch.lock().await;
            for one in hours {
                watch.ledger.add(one.hour, one.watched_secs, one.expected);
            }
            return Err(error.into());
        }
        Ok(())
    }

    /// How the budgets were kept, up to now.
    ///
    /// # Errors
    /// [`EngineError::Store`].
    pub async fn budget(&self, now: Timestamp) -> Result<BudgetReport, EngineError> {
        for spec in &self.settings().detectors {
            self.store_exposure(spec).await?;
        }
        let mut report = budget_report(self.store(), self.settings(), now).await?;
        for one in &mut report.detectors {
            let Ok(watch) = self.watch(&one.name) else { continue };
            let watch = watch.lock().await;
            one.series = Some(watch.tracked.len());
            one.tuning = watch.ledger.tuning;
            one.p_star = middle(watch.tracked.values().map(|tracked| tracked.p_star()).collect());
        }
        Ok(report)
    }
}

/// How the budgets were kept, from what is stored; a running service stores what it watched about once a minute.
///
/// # Errors
/// [`EngineError::Store`].
pub async fn budget_report(store: &Store, settings: &Settings, now: Timestamp) -> Result<BudgetReport, EngineError> {
    let spans = [back(now, WEEK), back(now, SignedDuration::from_secs(TUNING_SPAN_SECS as i64))];
    let mut detectors = Vec::with_capacity(settings.detectors.len());
    let mut total = [BudgetFigures::default(); 2];
    let mut watched: [BTreeSet<i64>; 2] = [BTreeSet::new(), BTreeSet::new()];
    for spec in &settings.detectors {
        let mut own = [BudgetFigures::default(); 2];
        for (index, since) in spans.iter().enumerate() {
            let figures = figures(store, spec, *since).await?;
            watched[index].extend(store.exposure(&spec.name, *since).await?.iter().map(|one| one.hour));
            let sum = &mut total[index];
            sum.expected += figures.expected;
            sum.fired += figures.fired;
            sum.judged_false += figures.judged_false;
            sum.judged_right += figures.judged_right;
            own[index] = figures;
        }
        let state = store.budget_state(&spec.name).await?;
        detectors.push(DetectorBudget {
            name: spec.name.clone(),
            budget: spec.detect.false_alarms,
            scope: spec.sharing.scope,
            series: state.map(|state| state.series),
            p_star: state.and_then(|state| state.p_star),
            tuning: state.map_or(1.0, |state| state.tuning),
            figures: own,
        });
    }
    if let Some(team) = settings.budget.team {
        for (figures, hours) in total.iter_mut().zip(&watched) {
            figures.expected = team.per_second() * (hours.len() as f64 * HOUR_SECS as f64);
        }
    }
    Ok(BudgetReport { team: settings.budget.team, total, detectors })
}

/// What `spec` watched since then, and what fired from the first hour on that it watched.
async fn figures(store: &Store, spec: &DetectorSpec, since: Timestamp) -> Result<BudgetFigures, EngineError> {
    let hours = store.exposure(&spec.name, since).await?;
    let Some(first) = hours.first() else { return Ok(BudgetFigures::default()) };
    let from = Timestamp::from_second(first.hour.saturating_mul(HOUR_SECS)).unwrap_or(since).max(since);
    let labels = spec.labels.clone().with("alertname", alertname(spec));
    let counts = store.verdict_counts(&labels, from).await?;
    Ok(BudgetFigures {
        expected: hours.iter().map(|one| one.expected).sum(),
        fired: counts.fired,
        judged_false: counts.judged_false,
        judged_right: counts.judged_right,
    })
}

/// Whether what is judged at `at` is news at `now`.
pub(super) fn is_fresh(at: Timestamp, now: Timestamp) -> bool {
    now.as_second() - at.as_second() <= FRESH_SECS
}

/// The weights of everything that is followed.
pub(super) fn sum_of_weights<'a>(boundaries: &Boundaries, followed: impl Iterator<Item = &'a Tracked>) -> f64 {
    followed.map(|one| boundaries.weight(&one.labels)).sum()
}

fn back(now: Timestamp, span: SignedDuration) -> Timestamp {
    now.saturating_sub(span).unwrap_or(Timestamp::MIN)
}

fn middle(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
