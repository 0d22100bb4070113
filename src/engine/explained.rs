//! What a series is like, what the detector does with it, and what was most unusual about it, as people read it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::EngineError;
use super::stateless::score_prepared;
use crate::detect::{self, PointScore, Scores, Watch};
use crate::series::{Profile, Series, Step, Unit};
use crate::source::file::Prepared;

/// Unusual moments that are told.
const MOST_UNUSUAL: usize = 5;
/// Points, and seconds, within which unusual points are one moment.
const ONE_MOMENT: f64 = 6.0;
const ONE_MOMENT_SECS: f64 = 3_600.0;

/// A series or entity, explained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// Its name.
    pub name: String,
    /// The detector that follows it; `None` for what a caller brought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detector: Option<String>,
    /// What each metric is like; one for a plain series. At least one.
    pub metrics: Vec<MetricExplained>,
    /// Points that were judged.
    pub judged: usize,
    /// Anomalous points among them.
    pub anomalies: usize,
    /// The newest point.
    pub last: Option<Told>,
    /// The most unusual moments, most unusual first, at most five.
    pub unusual: Vec<Told>,
}

/// A metric, explained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricExplained {
    /// Its name.
    pub name: String,
    /// Unit of its values.
    pub unit: Unit,
    /// Time between two points, seconds.
    pub step_s: f64,
    /// Counter, gauge, counts, ratio, constant or two_valued.
    pub kind: String,
    /// What was found.
    pub found: Vec<Said>,
    /// What is done with it, and why.
    pub chosen: Vec<Said>,
    /// The short season in use, seconds; `None` without one.
    pub season_s: Option<f64>,
    /// The long season in use, seconds.
    pub long_season_s: Option<f64>,
    /// Whether its rate should be scored instead.
    pub as_rate: bool,
    /// Whether its logarithm should be.
    pub as_logarithm: bool,
    /// Which side hurts, as far as the name tells.
    pub direction: Watch,
    /// Seconds until judgements are trusted to 95 %; 0 when they are.
    pub trusted_in_s: f64,
    /// Medians by hour of the day (UTC); empty when not every hour was seen on three days.
    pub day: Vec<f64>,
}

/// A sentence and the numbers behind it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Said {
    /// What it is about, in one word.
    pub about: String,
    /// The sentence.
    pub sentence: String,
    /// The numbers: shares 0 to 1, values in the unit of the metric, times in seconds.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub evidence: BTreeMap<String, f64>,
}

/// A point, told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// Its time.
    pub t: Timestamp,
    /// Its score; 1 is the boundary.
    pub score: f64,
    /// Whether it is anomalous.
    pub is_anomaly: bool,
    /// Why, most important first.
    pub reasons: Vec<String>,
    /// What happened, in one sentence.
    pub sentence: String,
}

/// Explains what a caller brought: its metrics, and its points as the detector judges them causally.
///
/// # Errors
/// [`EngineError::Detect`].
pub fn explain_prepared(prepared: &Prepared, settings: &detect::Settings) -> Result<Explanation, EngineError> {
    let scores = score_prepared(prepared, None, settings)?;
    let metrics = prepared.entity.metrics();
    let units: Vec<(String, Unit)> = metrics.iter().map(|m| (m.name().to_owned(), m.unit())).collect();
    let name = match metrics {
        [only] => only.name().to_owned(),
        _ => prepared.entity.name().to_owned(),
    };
    let points = scores.points.iter();
    Ok(Explanation {
        detector: None,
        metrics: metrics.iter().map(|metric| explain_metric(metric, settings)).collect(),
        judged: scores.points.len(),
        anomalies: points.clone().filter(|point| point.is_anomaly).count(),
        last: scores.points.last().map(|point| told(point, &name, &units)),
        unusual: moments(&scores, prepared.entity.step()).into_iter().map(|p| told(p, &name, &units)).collect(),
        name,
    })
}

/// Explains one metric.
#[must_use]
pub fn explain_metric(series: &Series, settings: &detect::Settings) -> MetricExplained {
    let profile = Profile::of(series);
    let choice = detect::choose(&profile, settings);
    let found = |finding: crate::series::Finding| Said {
        about: finding.topic.as_str().to_owned(),
        sentence: finding.sentence,
        evidence: finding.evidence.into_iter().map(|(name, number)| (name.to_owned(), number)).collect(),
    };
    let chosen = |because: &detect::Because| Said {
        about: because.about().to_owned(),
        sentence: because.sentence(),
        evidence: BTreeMap::new(),
    };
    MetricExplained {
        name: series.name().to_owned(),
        unit: series.unit(),
        step_s: series.step().secs_f64(),
        kind: profile.kind.as_str().to_owned(),
        found: profile.findings().into_iter().map(found).collect(),
        chosen: choice.because.iter().map(chosen).collect(),
        season_s: choice.season_secs,
        long_season_s: choice.long_season_secs,
        as_rate: choice.as_rate,
        as_logarithm: choice.as_logarithm,
        direction: choice.direction,
        trusted_in_s: choice.until_trusted_secs,
        day: profile.day,
    }
}

/// A judgement of the series or entity `name`; of an entity it tells the metric that contributes most, with its unit.
pub(super) fn told(point: &PointScore, name: &str, metrics: &[(String, Unit)]) -> Told {
    let top = point.attribution.first().and_then(|first| metrics.iter().find(|(metric, _)| *metric == first.feature));
    let unit = match metrics {
        [(_, unit)] => *unit,
        _ => top.map_or(Unit::None, |(_, unit)| *unit),
    };
    Told {
        t: point.at,
        score: point.score,
        is_anomaly: point.is_anomaly,
        reasons: point.reasons.iter().map(|reason| reason.as_str().to_owned()).collect(),
        sentence: point.narrate(name, unit),
    }
}

/// The anomalous points that score highest, one of each moment.
fn moments(scores: &Scores, step: Step) -> Vec<&PointScore> {
    moments_of(scores.points.iter().filter(|point| point.is_anomaly).collect(), step)
}

/// The highest of `points`, one of each moment, at most five.
pub(super) fn moments_of(mut points: Vec<&PointScore>, step: Step) -> Vec<&PointScore> {
    let apart_ms = (ONE_MOMENT * step.secs_f64()).max(ONE_MOMENT_SECS) * 1_000.0;
    points.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.at.cmp(&b.at)));
    let mut chosen: Vec<&PointScore> = Vec::new();
    for point in points {
        let near =
            |other: &&PointScore| other.at.as_millisecond().abs_diff(point.at.as_millisecond()) as f64 <= apart_ms;
        if chosen.len() < MOST_UNUSUAL && !chosen.iter().any(near) {
            chosen.push(point);
        }
    }
    chosen
}
