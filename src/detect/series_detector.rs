//! The detector of one series, whichever model its settings name.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::error::DetectError;
use super::light::LightDetector;
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

    /// Judges the point at `at`, then learns it. Points come in time order, one for each step.
    ///
    /// NaN counts as imputed. An imputed point keeps the clock of the season going, is not learned, and never alerts.
    pub fn push(&mut self, at: Timestamp, value: f64, imputed: bool) -> PointScore {
        match &mut self.0 {
            ByModel::Full(detector) => detector.push(at, value, imputed),
            ByModel::Light(detector) => detector.push(at, value, imputed),
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

    /// The decision boundary as a probability.
    #[must_use]
    pub fn p_star(&self) -> f64 {
        self.settings().false_alarms.p_star(self.step())
    }

    /// How far judgements can be trusted by now, 0 to 1: 0 at first, 1/2 after 250 points, 0.8 after 1,000.
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
