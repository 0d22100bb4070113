//! The detector of an entity: all its metrics, one by one and together.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::boundary::Boundary;
use super::core::{Core, Evidence};
use super::error::DetectError;
use super::explain;
use super::habits::Habit;
use super::isolation_forest::mix;
use super::joint::{Joint, Parts, Together};
use super::settings::Settings;
use super::stream::{Judge, band, confidence, unwanted};
use super::types::{Model, PointScore, Reason, Scores, score_of};
use crate::series::{Entity, Step, Unit};

const FORMAT: u32 = 1;
/// Most metrics of one entity.
pub const MOST_METRICS: usize = 10_000;
/// Most metrics that are judged together; the others are judged one by one only.
const MOST_JOINT: usize = 256;
/// The most unusual metrics make the evidence of single metrics: one in eight, and so many at most.
const ONE_IN: usize = 8;
const MOST_TOP: usize = 5;
/// Weights of single metrics and joint distance.
const SINGLE: f64 = 0.5;
const DISTANCE: f64 = 0.5;
/// The largest of many are large by chance: what a factor of e more metrics adds to the mean of the top ones.
const PER_FOLD: f64 = 0.16;

/// A streaming detector for the metrics of one service, machine or pod.
///
/// Evidence is the mean of two: the most unusual metrics (one in eight, five at most) by themselves, each as
/// [`super::SeriesDetector`] sees it and a broken correlation as one more; and the Mahalanobis distance of all values
/// together. The isolation forest has its part in the evidence of each metric.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Snapshot", into = "Snapshot")]
pub struct EntityDetector {
    pub(super) settings: Settings,
    pub(super) step: Step,
    names: Vec<String>,
    pub(super) cores: Vec<Core>,
    joint: Joint,
    judge: Judge,
    frozen: bool,
    pub(super) boundary: Boundary,
    /// Judges in place of this one, and learns nothing, while this one must not see the values.
    pub(super) aside: Option<Box<Self>>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Snapshot {
    format: u32,
    settings: Settings,
    step: Step,
    names: Vec<String>,
    cores: Vec<Core>,
    joint: Joint,
    judge: Judge,
    frozen: bool,
    #[serde(default)]
    boundary: Boundary,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    aside: Option<Box<EntityDetector>>,
}

impl EntityDetector {
    /// A detector for metrics of these names.
    ///
    /// # Errors
    /// [`DetectError::Metrics`] without metrics or with more than 10,000.
    pub fn try_new(step: Step, names: Vec<String>, settings: &Settings) -> Result<Self, DetectError> {
        if !(1..=MOST_METRICS).contains(&names.len()) {
            return Err(DetectError::Metrics { got: names.len(), most: MOST_METRICS });
        }
        if settings.model == Model::Light {
            return Err(DetectError::LightEntity(names.len()));
        }
        let core = |index: usize| {
            let own = Settings { seed: mix(settings.seed, index as u64), ..settings.clone() };
            Core::new(step, &own)
        };
        let cores = (0..names.len()).map(core).collect();
        let joint = Joint::new(names.len().min(MOST_JOINT), mix(settings.seed, 1 << 40));
        Ok(Self {
            settings: settings.clone(),
            step,
            names,
            cores,
            joint,
            judge: Judge::new(step),
            frozen: false,
            boundary: Boundary::default(),
            aside: None,
        })
    }

    /// [`EntityDetector::push`] whatever the circumstances.
    pub(super) fn score(&mut self, at: Timestamp, values: &[f64], imputed: &[bool]) -> PointScore {
        let p_star = self.p_star();
        let missing = |k: usize| imputed.get(k).copied().unwrap_or(true) || values.get(k).is_none_or(|v| v.is_nan());
        let mut rows = Vec::with_capacity(self.cores.len());
        for (k, core) in self.cores.iter_mut().enumerate() {
            rows.push(core.push(values.get(k).copied().unwrap_or(f64::NAN), missing(k)));
        }
        let all_missing = (0..rows.len()).all(missing);
        let side = self.settings.direction;
        let watched = |k: usize| !missing(k) && !unwanted(side, rows[k].residual);
        let own: Vec<f64> = (0..rows.len()).map(|k| if watched(k) { rows[k].combined } else { 0.0 }).collect();
        let together = self.together(&rows, missing);
        let warming_up = rows.iter().all(|e| e.warming_up);
        let counts = !all_missing;
        let judged = counts && !warming_up;
        let evidence = if judged { combine(&own, &together) } else { 0.0 };
        let p_value = self.judge.p_value(evidence, Habit::NONE, judged);
        let p_value = if own.iter().any(|v| *v > 0.0) { p_value } else { 1.0 };
        // metrics in their first points have no evidence yet: the least likely of them, times how many were looked at
        let opening = (0..rows.len()).filter(|k| watched(*k)).map(|k| rows[k].opening).fold(1.0, f64::min);
        let p_value = p_value.min((opening * rows.len() as f64).min(1.0));
        let score = score_of(p_value, p_star);
        let telling = counts && score >= explain::TELLING;
        let parts = if telling { self.joint.parts(&together) } else { Parts::default() };
        let shares = if warming_up {
            rows.iter().map(|e| -e.opening.ln()).collect()
        } else {
            self.shares(&own, together.distance, &parts)
        };
        let top = largest(&shares);
        let reach = self.cores[top].tail().size_at(p_star);
        let (lower, upper) = band(&rows[top], reach);
        let direction = explain::direction(rows[top].value, lower, upper);
        let reasons = match (all_missing, warming_up) {
            (true, _) => vec![Reason::Missing],
            (false, true) => explain::warm_up(&rows[top], telling),
            _ if telling => reasons(&rows[top], &parts, direction),
            _ => Vec::new(),
        };
        let named = || self.names.iter().cloned().zip(shares.iter().copied()).collect();
        PointScore {
            at,
            value: rows[top].value,
            expected: rows[top].expected,
            lower,
            upper,
            p_value,
            score,
            is_anomaly: counts && score >= 1.0,
            direction,
            confidence: confidence(self.cores.iter().map(Core::learned).max().unwrap_or(0)),
            imputed: all_missing,
            suppressed: None,
            reasons,
            attribution: if telling { explain::normalised(named()) } else { Vec::new() },
            changes: Vec::new(),
        }
    }

    /// What the first few hundred metrics show together.
    fn together(&mut self, rows: &[Evidence], missing: impl Fn(usize) -> bool) -> Together {
        let joined = rows.iter().take(MOST_JOINT).enumerate();
        let inner: Vec<f64> = joined.map(|(k, e)| if missing(k) { f64::NAN } else { e.inner }).collect();
        let learn = !self.frozen && !(0..rows.len()).all(missing);
        self.joint.push(&inner, learn)
    }

    /// Stops learning for good, as [`super::SeriesDetector::freeze`].
    pub fn freeze(&mut self) {
        self.cores.iter_mut().for_each(Core::freeze);
        self.judge.freeze();
        self.frozen = true;
    }

    /// Names of the metrics.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Time between two rows.
    #[must_use]
    pub const fn step(&self) -> Step {
        self.step
    }

    /// Settings it was made with.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The decision boundary as a probability.
    #[must_use]
    pub fn p_star(&self) -> f64 {
        self.boundary.p_star(self.settings.false_alarms.p_star(self.step))
    }

    /// How far judgements can be trusted by now, 0 to 1: that of the metric with the longest history.
    #[must_use]
    pub fn confidence(&self) -> f64 {
        confidence(self.cores.iter().map(Core::learned).max().unwrap_or(0))
    }

    /// Evidence of each metric: its own, and its part in the joint distance.
    fn shares(&self, own: &[f64], distance: f64, parts: &Parts) -> Vec<f64> {
        let all: f64 = parts.shares.iter().sum();
        let joint = |k: usize| {
            let share = parts.shares.get(k).copied().unwrap_or(0.0);
            if all > 0.0 { distance * share / all } else { 0.0 }
        };
        let sum: f64 = own.iter().sum();
        let single = |v: f64| if sum > 0.0 { top_mean(own) * v / sum } else { 0.0 };
        own.iter().enumerate().map(|(k, v)| SINGLE * single(*v) + DISTANCE * joint(k)).collect()
    }
}

/// Scores of a whole entity: [`EntityDetector::push`] for each row.
///
/// # Errors
/// As [`EntityDetector::try_new`].
pub fn score_entity(entity: &Entity, settings: &Settings) -> Result<Scores, DetectError> {
    score_entity_until(entity, None, settings)
}

/// The same, learning only from rows at or before `train_until`; `None` learns from all.
///
/// # Errors
/// As [`EntityDetector::try_new`].
pub fn score_entity_until(
    entity: &Entity,
    train_until: Option<Timestamp>,
    settings: &Settings,
) -> Result<Scores, DetectError> {
    let metrics = entity.metrics();
    let names = metrics.iter().map(|m| m.name().to_owned()).collect();
    let mut detector = EntityDetector::try_new(entity.step(), names, settings)?;
    let mut points = Vec::with_capacity(entity.len());
    let (mut values, mut imputed) = (Vec::new(), Vec::new());
    for (index, first) in metrics.first().map_or(&[][..], |m| m.values()).iter().enumerate() {
        let at = metrics.first().map_or(Timestamp::UNIX_EPOCH, |m| m.time_at(index));
        values.clear();
        imputed.clear();
        values.extend(metrics.iter().map(|m| m.values().get(index).copied().unwrap_or(*first)));
        imputed.extend(metrics.iter().map(|m| m.imputed().get(index).copied().unwrap_or(true)));
        if train_until.is_some_and(|until| at > until) {
            detector.freeze();
        }
        points.push(detector.push(at, &values, &imputed));
    }
    Ok(Scores { name: entity.name().to_owned(), unit: Unit::None, p_star: detector.p_star(), points })
}

fn combine(own: &[f64], together: &Together) -> f64 {
    // correlations count as one more metric
    let own: Vec<f64> = own.iter().copied().chain([together.correlation]).collect();
    let own = own.as_slice();
    let by_chance = PER_FOLD * (own.len() as f64 / top_count(own) as f64).ln();
    let all = SINGLE * (top_mean(own) - by_chance) + DISTANCE * together.distance;
    all.max(0.0)
}

fn top_count(own: &[f64]) -> usize {
    own.len().div_ceil(ONE_IN).clamp(1, MOST_TOP)
}

/// Mean of the largest few.
fn top_mean(own: &[f64]) -> f64 {
    let mut sorted = own.to_vec();
    sorted.sort_unstable_by(|a, b| b.total_cmp(a));
    let top = top_count(own);
    sorted.iter().take(top).sum::<f64>() / top as f64
}

fn largest(shares: &[f64]) -> usize {
    let best = shares.iter().enumerate().max_by(|(i, a), (j, b)| a.total_cmp(b).then(j.cmp(i)));
    best.map_or(0, |(index, _)| index)
}

fn reasons(top: &Evidence, parts: &Parts, direction: super::types::Direction) -> Vec<Reason> {
    let mut reasons = explain::reasons(top, direction);
    if parts.broken.contains(&true) {
        reasons.retain(|r| *r != Reason::UnusualPattern);
        reasons.insert(0, Reason::CorrelationBreak);
    }
    reasons
}

impl From<EntityDetector> for Snapshot {
    fn from(detector: EntityDetector) -> Self {
        let EntityDetector { settings, step, names, cores, joint, judge, frozen, boundary, aside } = detector;
        Self { format: FORMAT, settings, step, names, cores, joint, judge, frozen, boundary, aside }
    }
}

impl TryFrom<Snapshot> for EntityDetector {
    type Error = DetectError;

    fn try_from(snapshot: Snapshot) -> Result<Self, Self::Error> {
        let Snapshot { format, settings, step, names, mut cores, mut joint, judge, frozen, boundary, aside } = snapshot;
        let refuse = |what: &str| DetectError::Snapshot(what.to_owned());
        if format != FORMAT {
            return Err(DetectError::Snapshot(format!("format must be {FORMAT}, got {format}")));
        }
        if names.is_empty() || names.len() > MOST_METRICS || names.len() != cores.len() {
            return Err(refuse("names and metrics differ in number"));
        }
        if !judge.is_sound() {
            return Err(refuse("its calibration is out of range"));
        }
        for core in &mut cores {
            core.restore().map_err(refuse)?;
        }
        joint.restore(names.len().min(MOST_JOINT)).map_err(refuse)?;
        Ok(Self { settings, step, names, cores, joint, judge, frozen, boundary, aside })
    }
}
