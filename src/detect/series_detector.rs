//! The detector of one series, whichever model its settings name.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::error::DetectError;
use super::gates::{Circumstances, GateSettings};
use super::light::LightDetector;
use super::opening::Prior;
use super::settings::Settings;
use super::stream::FullDetector;
use super::types::{Model, PointScore, Scores};
use crate::series::{Series, Step};

/// A streaming detector for one series of a regular step.
///
/// Causal: a score depends on the points up to its own. The state is bounded: with [`Model::Full`] about a week of values
/// (at most 24,000), a thousand rows of features and a thousand values of each part's past; with [`Model::Light`] 4 KB.
/// One point costs O(1) amortised.
///
/// `serde` stores the whole state; a detector that was read back goes on exactly as the one that was written.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SeriesDetector(ByModel);

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ByModel {
    Full(Box<FullDetector>),
    Light(Box<LightDetector>),
}

impl SeriesDetector {
    /// A detector that has seen nothing yet.
    #[must_use]
    pub fn new(step: Step, settings: &Settings) -> Self {
        Self(match settings.model {
            Model::Full => ByModel::Full(Box::new(FullDetector::new(step, settings))),
            Model::Light => ByModel::Light(Box::new(LightDetector::new(step, settings))),
        })
    }

    /// The same for a series that has siblings (same job, another instance): its first points are judged by what those
    /// are like, and with three or more of them the judgement is trusted from the first point on. A light detector takes
    /// no advice.
    #[must_use]
    pub fn with_siblings(step: Step, settings: &Settings, prior: Prior) -> Self {
        let mut detector = Self::new(step, settings);
        if let ByModel::Full(full) = &mut detector.0 {
            full.open_with(prior);
        }
        detector
    }

    /// What a sibling of this series may expect of itself; `None` before the warm-up of 50 points is over, and of a light
    /// detector.
    #[must_use]
    pub fn prior(&self) -> Option<Prior> {
        match &self.0 {
            ByModel::Full(detector) => detector.prior(),
            ByModel::Light(_) => None,
        }
    }

    /// Judges the point at `at`, then learns it. Points come in time order, one for each step.
    ///
    /// NaN counts as imputed. An imputed point keeps the clock of the season going, is not learned, and never alerts. The
    /// gates of the settings apply; an impossible value is a missing one.
    pub fn push(&mut self, at: Timestamp, value: f64, imputed: bool) -> PointScore {
        self.push_during(at, value, imputed, Circumstances::default())
    }

    /// The same, with what is going on at the time.
    ///
    /// During planned work, and while the level after an announced change is looked for, the point is judged by a copy
    /// that is set aside and learns nothing; for the model itself the point is missing.
    pub fn push_during(&mut self, at: Timestamp, value: f64, imputed: bool, now: Circumstances) -> PointScore {
        match &mut self.0 {
            ByModel::Full(detector) => detector.push_during(at, value, imputed, now),
            ByModel::Light(detector) => detector.push_during(at, value, imputed, now),
        }
    }

    /// The level may be another one from the next point on: what follows is still judged by the level of today until
    /// the new one is known (15 points, fewer with steps above 8 minutes), and learned from then on. A light detector
    /// follows a new level by itself, more slowly.
    pub fn expect_change(&mut self) {
        if let ByModel::Full(detector) = &mut self.0 {
            detector.expect_change();
        }
    }

    /// Moves the boundary for good: `p*` is the budget's times `factor`, at most 0.01. What is no positive number changes
    /// nothing.
    pub fn set_boundary_factor(&mut self, factor: f64) {
        match &mut self.0 {
            ByModel::Full(detector) => detector.set_boundary_factor(factor),
            ByModel::Light(detector) => detector.set_boundary_factor(factor),
        }
    }

    /// The lasting factor of the boundary.
    #[must_use]
    pub const fn boundary_factor(&self) -> f64 {
        match &self.0 {
            ByModel::Full(detector) => detector.boundary_factor(),
            ByModel::Light(detector) => detector.boundary_factor(),
        }
    }

    /// Puts other gates in place; what was learned stays.
    pub fn set_gates(&mut self, gates: &GateSettings) {
        match &mut self.0 {
            ByModel::Full(detector) => detector.set_gates(gates),
            ByModel::Light(detector) => detector.set_gates(gates),
        }
    }

    /// Stops learning for good: windows still move with the values, all that was learned stays.
    pub const fn freeze(&mut self) {
        match &mut self.0 {
            ByModel::Full(detector) => detector.freeze(),
            ByModel::Light(detector) => detector.freeze(),
        }
    }

    /// Time between two points.
    #[must_use]
    pub const fn step(&self) -> Step {
        match &self.0 {
            ByModel::Full(detector) => detector.step(),
            ByModel::Light(detector) => detector.step(),
        }
    }

    /// Settings it was made with.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        match &self.0 {
            ByModel::Full(detector) => detector.settings(),
            ByModel::Light(detector) => detector.settings(),
        }
    }

    /// Takes `settings` for its own when they are equal: detectors that were read from snapshots then share one calendar.
    pub fn share(&mut self, settings: &Settings) {
        if let ByModel::Light(detector) = &mut self.0 {
            detector.share(settings);
        }
    }

    /// The decision boundary as a probability: that of the budget, and the factors of the boundary.
    #[must_use]
    pub fn p_star(&self) -> f64 {
        match &self.0 {
            ByModel::Full(detector) => detector.p_star(),
            ByModel::Light(detector) => detector.p_star(),
        }
    }

    /// How far judgements can be trusted by now, 0 to 1: 0 at first, 1/2 after 250 points (at once with three siblings),
    /// 0.8 after 1,000.
    #[must_use]
    pub fn confidence(&self) -> f64 {
        match &self.0 {
            ByModel::Full(detector) => detector.confidence(),
            ByModel::Light(detector) => detector.confidence(),
        }
    }

    /// Bytes of what a light detector has learned, heap included; the calendar is shared by all and not counted. `None`
    /// for a full one, whose state is bounded by the lengths above.
    #[must_use]
    pub fn light_state_bytes(&self) -> Option<usize> {
        match &self.0 {
            ByModel::Full(_) => None,
            ByModel::Light(detector) => Some(detector.state_bytes()),
        }
    }
}

/// Scores of a whole series: [`SeriesDetector::push`] for each point.
///
/// # Errors
/// None today; a refusal of the series by its nature would be one.
pub fn score_series(series: &Series, settings: &Settings) -> Result<Scores, DetectError> {
    score_series_until(series, None, settings)
}

/// The same, learning only from points at or before `train_until`; `None` learns from all.
///
/// # Errors
/// None today; a refusal of the series by its nature would be one.
pub fn score_series_until(
    series: &Series,
    train_until: Option<Timestamp>,
    settings: &Settings,
) -> Result<Scores, DetectError> {
    let mut detector = SeriesDetector::new(series.step(), settings);
    let mut points = Vec::with_capacity(series.len());
    for (index, (value, imputed)) in series.values().iter().zip(series.imputed()).enumerate() {
        let at = series.time_at(index);
        if train_until.is_some_and(|until| at > until) {
            detector.freeze();
        }
        points.push(detector.push(at, *value, *imputed));
    }
    Ok(Scores { name: series.name().to_owned(), unit: series.unit(), p_star: detector.p_star(), points })
}
