//! One series or entity that a detector follows, and what it remembers.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::alert::lifecycle::{Lifecycle, Transition};
use crate::alert::{Alert, Identity, Origin};
use crate::detect::{
    self, Change, Circumstances, DetectError, EntityDetector, PointScore, Prior, Reason, Reporting, SeriesDetector,
    Suppression,
};
use crate::series::{Grid, Labels, SeriesError, Step, Unit};
use crate::store::RecordedEvent;

use super::budget::is_fresh;
use super::changes::Bearing;
use super::chart::ChartPoint;
pub(super) use super::groups::{Group, group, metric_name};
use super::settings::DetectorSpec;
use super::watch::grace_ms;

/// Points kept for plots and context.
pub(super) const CHART_POINTS: usize = 2_016;

/// Lasting changes kept of a series.
const MOST_CHANGES: usize = 50;

/// Annotation of an alert that ended otherwise than by ordinary values.
pub(super) const RESOLVED_BECAUSE: &str = "resolved_because";
/// Annotation of an alert that fired right after a change.
const AFTER_CHANGE: &str = "after_change";

/// The model behind a tracked thing.
#[derive(Debug, Clone, Serialize, Deserialize)]
enum Model {
    Series(Box<SeriesDetector>),
    Entity(Box<EntityDetector>),
}

/// What a detector follows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Tracked {
    /// Its name: `metric{labels}`.
    pub name: String,
    /// Its labels.
    pub labels: Labels,
    /// Unit of its values.
    pub unit: Unit,
    /// Names of its metrics; one for a plain series.
    pub metrics: Vec<String>,
    /// Time of the last point judged.
    pub last_at: Option<Timestamp>,
    /// Recent points, oldest first.
    #[serde(skip)]
    pub recent: VecDeque<ChartPoint>,
    /// When it has reported.
    #[serde(default)]
    pub(super) reporting: Reporting,
    /// Lasting changes, oldest first, the last 50.
    #[serde(default)]
    pub changes: VecDeque<Change>,
    last_values: Vec<f64>,
    model: Model,
    pub(super) lifecycle: Lifecycle,
    pub(super) alert: Option<Alert>,
    /// Numbers of the change events that were taken note of.
    #[serde(default)]
    pub(super) events: BTreeSet<i64>,
}

/// What happened while points were judged.
#[derive(Debug, Default)]
pub(super) struct Happened {
    /// Every anomalous point, and every one that would be but was suppressed.
    pub(super) anomalies: Vec<PointScore>,
    /// Alerts that began, went on or ended, in order of time; an alert that began and ended appears once, ended.
    pub(super) alerts: Vec<Alert>,
    /// Points judged.
    pub(super) points: usize,
    /// Alerts that began, of points that nobody had to be told of later.
    pub(super) fired: usize,
    /// Points suppressed, by what did it.
    pub(super) suppressed: BTreeMap<Suppression, usize>,
    /// Points that could have raised an alert, by hour since 1970.
    pub(super) watched: BTreeMap<i64, usize>,
    /// Change events whose time had been judged before they came.
    pub(super) late: Vec<RecordedEvent>,
}

impl Tracked {
    /// Something new to follow; a single series may have siblings to learn from.
    pub(super) fn new(
        group: &Group,
        step: Step,
        settings: &detect::Settings,
        prior: Option<Prior>,
    ) -> Result<Self, DetectError> {
        let metrics = group.metric_names();
        let alone = || match prior {
            Some(prior) => SeriesDetector::with_siblings(step, settings, prior),
            None => SeriesDetector::new(step, settings),
        };
        let (model, unit) = match group.metrics.as_slice() {
            [only] => (Model::Series(Box::new(alone())), only.unit),
            _ => (Model::Entity(Box::new(EntityDetector::try_new(step, metrics.clone(), settings)?)), Unit::None),
        };
        Ok(Self {
            name: group.name.clone(),
            labels: group.labels.clone(),
            unit,
            last_values: vec![0.0; metrics.len()],
            metrics,
            last_at: None,
            recent: VecDeque::new(),
            reporting: Reporting::default(),
            changes: VecDeque::new(),
            model,
            lifecycle: Lifecycle::default(),
            alert: None,
            events: BTreeSet::new(),
        })
    }

    /// Judges the points of `group` after the last one judged, up to its last value and not beyond `end`; gaps in between
    /// count as missing. What is missing at the end is left for later: it may only be late.
    pub(super) fn advance(
        &mut self,
        group: &Group,
        end: Timestamp,
        spec: &DetectorSpec,
        changes: &Bearing<'_>,
        now: Timestamp,
    ) -> Result<Happened, SeriesError> {
        let grids = self.grids(group, spec.step)?;
        let Some(first) = grids.iter().flatten().map(Grid::start).min() else { return Ok(Happened::default()) };
        let step_ms = spec.step.millis();
        // what is missing at the end may only be late
        let Some(last_ms) = grids.iter().flatten().filter_map(last_value_ms).max() else {
            return Ok(Happened::default());
        };
        let last_ms = last_ms.min(end.as_millisecond());
        let after_last = self.last_at.map(|at| at.as_millisecond().saturating_add(step_ms));
        let mut time_ms = after_last.unwrap_or_else(|| first.as_millisecond());
        let mut happened = self.take_note(changes, now);
        while time_ms <= last_ms {
            let Ok(at) = Timestamp::from_millisecond(time_ms) else { break };
            let before = Timestamp::from_millisecond(time_ms.saturating_sub(step_ms)).unwrap_or(at);
            if changes.changes_level(before, at) {
                self.expect_change();
            }
            let point = self.judge(at, &grids, spec.step, changes.circumstances(at));
            self.follow(&point, spec, changes, now, &mut happened);
            self.last_at = Some(at);
            time_ms = time_ms.saturating_add(step_ms);
        }
        self.reporting.witness(end.as_millisecond(), grace_ms(spec.step));
        Ok(happened)
    }

    /// The alert that is firing now.
    #[must_use]
    pub fn firing(&self) -> Option<&Alert> {
        self.alert.as_ref().filter(|_| self.lifecycle.is_firing())
    }

    /// Whether a saved state belongs to `spec` as it is configured now.
    pub(super) fn fits(&self, spec: &DetectorSpec) -> bool {
        let (settings, step) = match &self.model {
            Model::Series(detector) => (detector.settings(), detector.step()),
            Model::Entity(detector) => (detector.settings(), detector.step()),
        };
        settings.learns_as(&spec.detect) && step == spec.step && self.last_values.len() == self.metrics.len()
    }

    /// Takes over what of `spec` may change without learning afresh: the gates, and the factor of its boundary.
    pub(super) fn adopt(&mut self, spec: &DetectorSpec, boundary_factor: f64) {
        match &mut self.model {
            Model::Series(detector) => {
                detector.set_gates(&spec.detect.gates);
                detector.set_boundary_factor(boundary_factor);
            }
            Model::Entity(detector) => {
                detector.set_gates(&spec.detect.gates);
                detector.set_boundary_factor(boundary_factor);
            }
        }
    }

    /// The level may be another one from the next point on.
    pub(super) fn expect_change(&mut self) {
        match &mut self.model {
            Model::Series(detector) => detector.expect_change(),
            Model::Entity(detector) => detector.expect_change(),
        }
    }

    /// The decision boundary as a probability.
    #[must_use]
    pub fn p_star(&self) -> f64 {
        match &self.model {
            Model::Series(detector) => detector.p_star(),
            Model::Entity(detector) => detector.p_star(),
        }
    }

    /// Shares the settings of `spec`, which are its own: one calendar for all.
    pub(super) fn share(&mut self, spec: &DetectorSpec) {
        if let Model::Series(detector) = &mut self.model {
            detector.share(&spec.detect);
        }
    }

    /// How far judgements can be trusted by now, 0 to 1.
    #[must_use]
    pub fn confidence(&self) -> f64 {
        match &self.model {
            Model::Series(detector) => detector.confidence(),
            Model::Entity(detector) => detector.confidence(),
        }
    }

    /// What a sibling may expect of itself; `None` for an entity and before the warm-up is over.
    pub(super) fn prior(&self) -> Option<Prior> {
        match &self.model {
            Model::Series(detector) => detector.prior(),
            Model::Entity(_) => None,
        }
    }

    /// Replaces the alert that began at `starts_at` by its judged and enriched form.
    pub(super) fn keep_judged(&mut self, starts_at: Timestamp, alert: &Alert) {
        if let Some(own) = self.alert.as_mut().filter(|own| own.starts_at == starts_at) {
            own.clone_from(alert);
        }
    }

    /// Whether every metric of `group` is one of those followed; a metric more makes it another entity, learned afresh.
    pub(super) fn has_all(&self, group: &Group) -> bool {
        let found: BTreeSet<usize> = self.metrics.iter().filter_map(|metric| group.index_of(metric)).collect();
        found.len() == group.metrics.len()
    }

    /// The series is gone: what fires is over at `end`, and the annotation `resolved_because` says why.
    pub(super) fn vanish(&mut self, end: Timestamp) -> Happened {
        let mut happened = Happened::default();
        if let Some(alert) = self.alert.as_mut().filter(|_| self.lifecycle.is_firing()) {
            let since = self.last_at.unwrap_or(end).strftime("%Y-%m-%dT%H:%M:%SZ");
            alert.annotations.insert(RESOLVED_BECAUSE.to_owned(), format!("no samples since {since}"));
            alert.resolve(end, end);
            happened.alerts.push(alert.clone());
        }
        self.lifecycle = Lifecycle::default();
        happened
    }

    fn grids(&self, group: &Group, step: Step) -> Result<Vec<Option<Grid>>, SeriesError> {
        let settings = crate::series::Settings::default();
        self.metrics
            .iter()
            .map(|metric| {
                let samples = group.index_of(metric).and_then(|index| group.metrics.get(index));
                let samples = samples.filter(|samples| !samples.points.is_empty());
                samples.map(|samples| Grid::from_samples(samples, Some(step), &settings)).transpose()
            })
            .collect()
    }

    fn judge(&mut self, at: Timestamp, grids: &[Option<Grid>], step: Step, now: Circumstances) -> PointScore {
        let mut imputed = vec![false; grids.len()];
        for ((grid, last), missing) in grids.iter().zip(&mut self.last_values).zip(&mut imputed) {
            let value = grid.as_ref().and_then(|grid| {
                let index = grid.index_of(at.as_millisecond())?;
                grid.values().get(index).copied().filter(|value| value.is_finite())
            });
            match value {
                Some(value) => *last = value,
                None => *missing = true,
            }
        }
        if imputed.contains(&false) {
            self.reporting.saw(at.as_millisecond(), step);
        }
        match &mut self.model {
            Model::Series(detector) => detector.push_during(at, self.last_values[0], imputed[0], now),
            Model::Entity(detector) => detector.push_during(at, &self.last_values, &imputed, now),
        }
    }

    fn follow(
        &mut self,
        point: &PointScore,
        spec: &DetectorSpec,
        changes: &Bearing<'_>,
        now: Timestamp,
        happened: &mut Happened,
    ) {
        happened.points += 1;
        self.remember(point);
        happened.count_suppressed(point);
        if point.is_anomaly || (point.suppressed.is_some() && point.score >= 1.0) {
            happened.anomalies.push(point.clone());
        }
        if point.confidence < spec.lifecycle.min_confidence {
            return;
        }
        if !point.imputed && point.suppressed.is_none() {
            *happened.watched.entry(point.at.as_second().div_euclid(3_600)).or_default() += 1;
        }
        let transition = self.lifecycle.observe(point, &spec.lifecycle);
        match transition {
            Transition::Quiet | Transition::Pending { .. } => return,
            Transition::Fired(_) => {
                happened.fired += usize::from(is_fresh(point.at, now));
                self.alert = Some(self.new_alert(spec, changes.watched_because(point.at), now));
            }
            Transition::StillFiring | Transition::Resolved => {}
        }
        let episode = self.lifecycle.episode();
        let (name, unit) = (self.name.clone(), self.unit);
        let Some(alert) = self.alert.as_mut() else { return };
        if !spec.annotations.contains_key("summary") {
            // ours, of an earlier point
            alert.annotations.remove("summary");
        }
        alert.updated_at = point.at;
        alert.enrichment.absorb_point(point, &name, unit);
        if let Some(episode) = episode {
            alert.enrichment.absorb_episode(&episode);
        }
        if transition == Transition::Resolved {
            if let Some(why) = point.suppressed {
                alert.annotations.insert(RESOLVED_BECAUSE.to_owned(), why.reason().sentence().to_owned());
            }
            alert.resolve(point.at, point.at);
        }
        let same = |other: &&mut Alert| other.starts_at == alert.starts_at;
        match happened.alerts.iter_mut().find(same) {
            Some(earlier) => earlier.clone_from(alert),
            None => happened.alerts.push(alert.clone()),
        }
    }

    fn new_alert(&self, spec: &DetectorSpec, after: Option<String>, now: Timestamp) -> Alert {
        let labels = spec.labels.iter().fold(self.labels.clone(), |labels, (name, value)| labels.with(name, value));
        let mut annotations = spec.annotations.clone();
        if let Some(change) = after {
            annotations.insert(AFTER_CHANGE.to_owned(), change);
        }
        let identity = Identity {
            origin: Origin::Detector,
            alertname: alertname(spec).to_owned(),
            labels,
            annotations,
            generator_url: None,
        };
        let since = self.lifecycle.episode().map_or(now, |episode| episode.since);
        Alert::firing(identity, since, now)
    }

    fn remember(&mut self, point: &PointScore) {
        self.changes.extend(&point.changes);
        let surplus = self.changes.len().saturating_sub(MOST_CHANGES);
        self.changes.drain(..surplus);
        if self.recent.len() >= CHART_POINTS {
            self.recent.pop_front();
        }
        self.recent.push_back(ChartPoint::of(point));
    }
}

impl Happened {
    fn count_suppressed(&mut self, point: &PointScore) {
        let in_part = point.reasons.contains(&Reason::OutOfRange).then_some(Suppression::OutOfRange);
        if let Some(why) = point.suppressed.or(in_part) {
            *self.suppressed.entry(why).or_default() += 1;
        }
    }
}

/// Name of the alerts of `spec`: its own, unless its labels have another.
pub(super) fn alertname(spec: &DetectorSpec) -> &str {
    spec.labels.get("alertname").unwrap_or(&spec.name)
}

/// Time of the last value that is no gap.
fn last_value_ms(grid: &Grid) -> Option<i64> {
    let index = grid.values().iter().rposition(|value| value.is_finite())?;
    Some(grid.slots().time_ms(index))
}
