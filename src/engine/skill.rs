//! What forecasts were worth once the truth was known, and what follows from it.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tracing::info;

use super::overview::curve;
use super::settings::ForecastSpec;
use super::{App, EngineError, compute};
use crate::forecast::{Made, judge};
use crate::series::Series;
use crate::store::{ForecastRecord, ForecastScore};
use crate::telemetry;

/// Ends of the stretches of lead time that are scored apart, besides the horizon itself.
const LEADS: [SignedDuration; 3] =
    [SignedDuration::from_hours(1), SignedDuration::from_hours(24), SignedDuration::from_hours(7 * 24)];
/// Forecasts scored in one round for each lead.
const MOST_SCORED: usize = 10_000;
/// A model has lost its skill when its error over this span is so many times that of repeating the last season.
const MEMORY: SignedDuration = SignedDuration::from_hours(14 * 24);
const LOST: f64 = 1.25;
/// Scores that figures are made of.
const MOST_ROWS: usize = 100_000;

/// Series whose model lost its skill, with its error over that of repeating the last season.
pub(super) type SkillLost = BTreeMap<String, f64>;

/// How the forecasts of one model did, a stretch of lead time ahead.
#[derive(Debug, Clone, PartialEq)]
pub struct AccuracyRow {
    /// Name of the forecast in the configuration.
    pub forecast: String,
    /// The model.
    pub model: String,
    /// The end of the stretch, from the forecast's start; it begins where the one before ends.
    pub lead: SignedDuration,
    /// Forecasts scored.
    pub forecasts: usize,
    /// Steps compared.
    pub steps: usize,
    /// Mean absolute scaled error, each forecast counting the same; `None` where every history was constant.
    pub mase: Option<f64>,
    /// Absolute error over that of repeating the last season; below 1 is better. `None` when that made no error.
    pub against_naive: Option<f64>,
    /// Mean pinball loss over the mean absolute error of the seasonal naive forecast in the history; as MASE for intervals.
    pub scaled_pinball: Option<f64>,
    /// What intervals held, ascending by level.
    pub intervals: Vec<Covered>,
}

/// What the intervals of one level held.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Covered {
    /// Coverage asked for, in (0, 1).
    pub level: f64,
    /// Share of values inside.
    pub coverage: f64,
}

impl App {
    /// Scores the forecasts of `spec` whose truth `history` holds by now, and tells which series lost their model's skill.
    pub(super) async fn learn_from_the_truth(
        &self,
        spec: &ForecastSpec,
        history: &[Series],
        now: Timestamp,
    ) -> Result<Arc<SkillLost>, EngineError> {
        let since = history.iter().map(|series| series.time_at(0)).min().unwrap_or(now);
        let until = history.iter().map(Series::end).max().unwrap_or(now);
        let mut before = SignedDuration::ZERO;
        for lead in leads(spec) {
            let millis = i64::try_from(lead.as_millis()).unwrap_or(i64::MAX);
            let due = self.store().unscored_forecasts(&spec.name, millis, (since, until), MOST_SCORED).await?;
            let (owned, from) = (history.to_vec(), before);
            let scores = compute::run_long(move || score_all(due, (from, lead), &owned)).await?;
            self.store().put_forecast_scores(&scores).await?;
            before = lead;
        }
        for row in self.accuracy(Some(&spec.name), now).await? {
            telemetry::forecast_accuracy(&row.forecast, &row.model, &lead_name(row.lead), row.mase, row.against_naive);
            for covered in &row.intervals {
                telemetry::forecast_coverage(
                    &row.forecast,
                    &row.model,
                    &lead_name(row.lead),
                    covered.level,
                    covered.coverage,
                );
            }
        }
        let since = now.saturating_sub(MEMORY).unwrap_or(Timestamp::MIN);
        let lost: SkillLost = self
            .store()
            .unskilled_series(&spec.name, since, LOST)
            .await?
            .into_iter()
            .map(|one| (one.series, one.ratio))
            .collect();
        if !lost.is_empty() {
            info!(forecast = %spec.name, series = lost.len(), "models of {} series lost their skill; their season is repeated", lost.len());
        }
        Ok(Arc::new(lost))
    }

    /// How forecasts made in the last 30 days did, by forecast, model and lead; of one forecast or of all.
    ///
    /// # Errors
    /// [`EngineError::Store`].
    pub async fn accuracy(&self, forecast: Option<&str>, now: Timestamp) -> Result<Vec<AccuracyRow>, EngineError> {
        let since = now.saturating_sub(SignedDuration::from_hours(30 * 24)).unwrap_or(Timestamp::MIN);
        let scores = self.store().forecast_scores(forecast, since, MOST_ROWS).await?;
        compute::run(move || rows(&scores)).await
    }
}

/// `1h`, `1d`, `7d`, or the horizon in hours.
#[must_use]
pub(super) fn lead_name(lead: SignedDuration) -> String {
    match lead.as_hours() {
        hours if hours >= 24 && hours % 24 == 0 => format!("{}d", hours / 24),
        hours => format!("{hours}h"),
    }
}

/// Leads within the horizon that hold at least one step, and the horizon itself.
fn leads(spec: &ForecastSpec) -> Vec<SignedDuration> {
    let steps = spec.step.per_secs(spec.horizon.as_secs_f64()).max(1);
    let step = SignedDuration::from_millis(spec.step.millis());
    let horizon = step.checked_mul(i32::try_from(steps).unwrap_or(i32::MAX)).unwrap_or(SignedDuration::MAX);
    let within = |lead: &SignedDuration| *lead >= step && *lead < horizon;
    LEADS.into_iter().filter(within).chain([horizon]).collect()
}

fn score_all(
    due: Vec<ForecastRecord>,
    stretch: (SignedDuration, SignedDuration),
    history: &[Series],
) -> Vec<ForecastScore> {
    let by_name: BTreeMap<&str, &Series> = history.iter().map(|series| (series.name(), series)).collect();
    due.into_iter().filter_map(|record| score(record, stretch, &by_name)).collect()
}

fn score(
    record: ForecastRecord,
    (from, to): (SignedDuration, SignedDuration),
    history: &BTreeMap<&str, &Series>,
) -> Option<ForecastScore> {
    let series = history.get(record.series.as_str())?;
    let end = record.start.checked_add(to).ok()?;
    if series.end() < end {
        return None;
    }
    let step = i128::from(record.step.millis()).max(1);
    let steps = |lead: SignedDuration| usize::try_from(lead.as_millis() / step).unwrap_or(usize::MAX);
    let curve = curve(record.clone());
    let made = Made {
        start: record.start,
        step: record.step,
        season: curve.seasons.first().copied().unwrap_or(1),
        mean: &curve.mean,
        bands: &curve.bands,
    };
    let found = judge(&made, (steps(from), steps(to)), series)?;
    Some(ForecastScore {
        forecast_id: record.id,
        lead_ms: i64::try_from(to.as_millis()).unwrap_or(i64::MAX),
        detector: record.detector,
        series: record.series,
        model: record.model,
        made_at: record.created_at,
        steps: found.steps,
        absolute: found.absolute,
        naive: found.naive,
        scale: found.scale,
        pinball: found.pinball,
        covered: found.covered,
    })
}

/// Figures of each forecast, model and lead, in this order.
fn rows(scores: &[ForecastScore]) -> Vec<AccuracyRow> {
    let mut groups: BTreeMap<(&str, &str, i64), Vec<&ForecastScore>> = BTreeMap::new();
    for score in scores {
        groups.entry((&score.detector, &score.model, score.lead_ms)).or_default().push(score);
    }
    groups.into_iter().map(|((forecast, model, lead_ms), scores)| row(forecast, model, lead_ms, &scores)).collect()
}

fn row(forecast: &str, model: &str, lead_ms: i64, scores: &[&ForecastScore]) -> AccuracyRow {
    let steps: usize = scores.iter().map(|score| score.steps).sum();
    let sum = |pick: fn(&ForecastScore) -> f64| scores.iter().map(|score| pick(score)).sum::<f64>();
    let scaled = |pick: fn(&ForecastScore) -> f64| {
        let each = scores.iter().filter_map(|score| Some(pick(score) / score.steps as f64 / score.scale?));
        let (total, count) = each.fold((0.0, 0.0), |(total, count), one| (total + one, count + 1.0));
        (count > 0.0).then(|| total / count)
    };
    let naive = sum(|score| score.naive);
    let mut intervals: Vec<Covered> = Vec::new();
    for (level, _) in scores.first().map(|first| first.covered.as_slice()).unwrap_or_default() {
        let of_level = |score: &&ForecastScore| {
            let inside = score.covered.iter().find(|(other, _)| (other - level).abs() < 1e-9)?.1;
            Some((inside, score.steps))
        };
        let (inside, all) =
            scores.iter().filter_map(of_level).fold((0, 0), |(i, a), (inside, steps)| (i + inside, a + steps));
        if all > 0 {
            intervals.push(Covered { level: *level, coverage: inside as f64 / all as f64 });
        }
    }
    AccuracyRow {
        forecast: forecast.to_owned(),
        model: model.to_owned(),
        lead: SignedDuration::from_millis(lead_ms),
        forecasts: scores.len(),
        steps,
        mase: scaled(|score| score.absolute),
        against_naive: (naive > 0.0).then(|| sum(|score| score.absolute) / naive),
        scaled_pinball: scaled(|score| score.pinball),
        intervals,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(model: &str, absolute: f64, scale: Option<f64>, inside: usize) -> ForecastScore {
        ForecastScore {
            forecast_id: "f".to_owned(),
            lead_ms: 3_600_000,
            detector: "traffic".to_owned(),
            series: "s".to_owned(),
            model: model.to_owned(),
            made_at: Timestamp::UNIX_EPOCH,
            steps: 4,
            absolute,
            naive: 8.0,
            scale,
            pinball: 1.0,
            covered: vec![(0.8, inside)],
        }
    }

    #[test]
    fn figures_are_means_over_forecasts_of_one_model_and_lead() {
        let scores = [scored("a", 4.0, Some(2.0), 4), scored("a", 8.0, Some(1.0), 2), scored("b", 1.0, None, 0)];
        let rows = rows(&scores);
        assert_eq!(rows.len(), 2);
        let first = &rows[0];
        assert_eq!((first.forecasts, first.steps), (2, 8));
        assert_eq!(first.mase, Some(f64::midpoint(0.5, 2.0)));
        assert_eq!(first.against_naive, Some(12.0 / 16.0));
        assert_eq!(first.intervals, [Covered { level: 0.8, coverage: 0.75 }]);
        assert_eq!(rows[1].mase, None);
        assert_eq!(lead_name(first.lead), "1h");
        assert_eq!(lead_name(SignedDuration::from_hours(168)), "7d");
        assert_eq!(lead_name(SignedDuration::from_hours(30)), "30h");
    }
}
