//! One labelled series, judged by each detector.

use anyhow::Context;

use super::super::args::EvaluateArgs;
use super::super::exit::BadInput;
use super::cases::{self, Case};
use super::choices::DetectorChoice;
use super::data::Labelled;
use super::settings;
use crate::detect::evaluation::{Baseline, Judgement, SeriesFigures, Span, dominant_period, tail_threshold};
use crate::detect::{PointScore, Scores};
use crate::engine::score_prepared;
use crate::series::{self, Step};
use crate::source::file::Prepared;

/// Scores at the start of a series that a threshold is not taken from: detectors warm up there.
const WARM_UP: usize = 100;

/// A series with what every detector made of it.
#[derive(Debug)]
pub(super) struct Judged {
    /// What it is called.
    pub(super) id: String,
    /// Its metrics; more than one is an entity.
    pub(super) metrics: usize,
    /// Time between two points.
    pub(super) step: Step,
    /// Rows before the judged part.
    pub(super) train: usize,
    /// In the order of the detectors.
    pub(super) results: Vec<DetectorResult>,
    /// Windows of the Numenta Anomaly Benchmark.
    pub(super) windows: Vec<Span>,
    /// What our detector missed and where it was wrong, for the report.
    pub(super) cases: Vec<Case>,
}

/// What one detector made of a series.
#[derive(Debug)]
pub(super) struct DetectorResult {
    pub(super) judgement: Judgement,
    pub(super) figures: SeriesFigures,
    /// The scores of all rows, where the Numenta score needs them.
    pub(super) whole: Option<Vec<f64>>,
}

/// The rows of a series as detectors see them.
pub(super) struct Seen<'a> {
    pub(super) labelled: &'a Labelled,
    pub(super) prepared: &'a Prepared,
    /// What our detector said of each row; `None` where a row has no place on the grid.
    pub(super) points: Vec<Option<&'a PointScore>>,
}

/// Judges a series. Labels are compared with, and never handed on.
pub(super) fn judge(labelled: &Labelled, args: &EvaluateArgs, detectors: &[DetectorChoice]) -> anyhow::Result<Judged> {
    let prepared = labelled
        .group
        .prepare(labelled.step, &series::Settings::default())
        .map_err(|error| BadInput(format!("series `{}` cannot be evaluated: {error}", labelled.id)))?;
    let metrics: Vec<Vec<f64>> =
        labelled.group.metrics.iter().map(|m| m.points.iter().map(|p| p.value).collect()).collect();
    let metrics: Vec<&[f64]> = metrics.iter().map(Vec::as_slice).collect();
    let period = metrics.first().map_or(0, |values| dominant_period(&without_gaps(values)));
    let (mut results, mut found) = (Vec::new(), Vec::new());
    for detector in detectors {
        let (scores, alarms) = match detector {
            DetectorChoice::Tidewatch => {
                let scores = score_prepared(&prepared, None, &settings(args)).with_context(|| labelled.id.clone())?;
                let seen = Seen { labelled, prepared: &prepared, points: by_row(labelled, &prepared, &scores) };
                let of = seen.points.iter().map(|point| point.map_or(0.0, |point| point.score)).collect::<Vec<f64>>();
                let alarms: Vec<bool> = seen.points.iter().map(|point| point.is_some_and(|p| p.is_anomaly)).collect();
                if args.report.is_some() {
                    found = cases::of(&seen, &alarms);
                }
                (of, alarms)
            }
            DetectorChoice::Baseline(baseline) => by_baseline(*baseline, &metrics, &prepared, labelled, args),
        };
        results.push(result(labelled, &scores, &alarms, prepared.entity.step(), period));
    }
    Ok(Judged {
        id: labelled.id.clone(),
        metrics: metrics.len(),
        step: prepared.entity.step(),
        train: labelled.train,
        results,
        windows: labelled.windows.clone().unwrap_or_default(),
        cases: found,
    })
}

fn by_row<'a>(labelled: &Labelled, prepared: &Prepared, scores: &'a Scores) -> Vec<Option<&'a PointScore>> {
    let times = labelled.group.metrics.first().map_or(&[][..], |metric| metric.points.as_slice());
    times.iter().map(|row| prepared.slots.index_of(row.time_ms).and_then(|index| scores.points.get(index))).collect()
}

/// Scores, and alarms at a threshold that the scores before the judged part promise to keep the budget at.
fn by_baseline(
    baseline: Baseline,
    metrics: &[&[f64]],
    prepared: &Prepared,
    labelled: &Labelled,
    args: &EvaluateArgs,
) -> (Vec<f64>, Vec<bool>) {
    let step = prepared.entity.step();
    let scores = baseline.scores(metrics, step, labelled.train, args.seed);
    let past = scores.get(WARM_UP.min(labelled.train / 4)..labelled.train).unwrap_or_default();
    let threshold = tail_threshold(past, args.false_alarms.unwrap_or_default().p_star(step));
    let alarms = scores.iter().map(|score| *score > threshold).collect();
    (scores, alarms)
}

fn result(labelled: &Labelled, scores: &[f64], alarms: &[bool], step: Step, period: usize) -> DetectorResult {
    let judgement = Judgement {
        labels: labelled.labels.iter().skip(labelled.train).copied().collect(),
        scores: scores.iter().skip(labelled.train).copied().collect(),
        alarms: alarms.iter().skip(labelled.train).copied().collect(),
        step_secs: step.secs_f64(),
        period,
    };
    let figures = judgement.figures();
    DetectorResult { judgement, figures, whole: labelled.windows.is_some().then(|| scores.to_vec()) }
}

/// What is missing is the value before it.
fn without_gaps(values: &[f64]) -> Vec<f64> {
    let mut last = values.iter().copied().find(|value| !value.is_nan()).unwrap_or(0.0);
    let mut keep = |value: &f64| {
        last = if value.is_nan() { last } else { *value };
        last
    };
    values.iter().map(&mut keep).collect()
}
