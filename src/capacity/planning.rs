//! The whole answer for one limited resource.

use jiff::Timestamp;

use super::cycles::{self, Cycles};
use super::envelope::{Envelope, blocks, factor_for, resample_max};
use super::exhaustion::{Futures, Limit, from_futures};
use super::explain;
use super::paths::{self, Trend};
use super::recommend::{self, GrowthFacts};
use super::robust::quantile;
use super::{CapacityError, CapacityReport, Settings};
use crate::forecast::{Forecast, ForecastError, SamplePaths};
use crate::series::{Series, Step};

/// Fewest sample paths of a forecast from which a P10 can be read.
const LEAST_PATHS: usize = 20;
/// A forecast whose end is this many times wider than the robust trend's says too little.
const MOST_WIDTH: f64 = 4.0;

/// A report with the futures it rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The answer.
    pub report: CapacityReport,
    /// The futures, for a plot.
    pub fan: Fan,
}

/// Quantiles of the futures at each step: what a fan plot shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Fan {
    /// Time of the first step.
    pub start: Timestamp,
    /// Time between two steps.
    pub step: Step,
    /// One future in ten is lower.
    pub p10: Vec<f64>,
    /// Half of the futures are lower.
    pub p50: Vec<f64>,
    /// Nine futures in ten are lower.
    pub p90: Vec<f64>,
}

/// The futures that were chosen, and why.
struct Chosen {
    start: Timestamp,
    step: Step,
    paths: SamplePaths,
}

/// When `used` reaches `limit` and what to do about it.
///
/// 1. The history (`lookback`) is shortened to maxima of a step with which `horizon` takes at most `max_steps` steps,
///    and handed to `forecaster` with the number of steps; the answer must hold sample paths.
/// 2. A robust trend of the daily peaks is fitted beside it. What empties itself (slow rises, quick falls, at least
///    three) is judged by the trend of its peaks; when the emptying is overdue, by the rise since the last one.
/// 3. The forecast is used unless it failed, holds fewer than 20 paths or a value that is not finite, ends outside of
///    what the trend allows (P2 to P98), or is four times wider. `because` says which was used and why.
/// 4. Dates and probabilities as in [`exhaustion`](super::exhaustion()); a recommendation when the limit may be
///    reached within the horizon.
///
/// With the same arguments the report is the same to the last bit, if `forecaster` is.
///
/// # Errors
/// [`CapacityError::Setting`], [`CapacityError::Limit`], [`CapacityError::UnitMismatch`]. A forecaster that fails is no
/// error: the trend stands in.
pub fn plan(
    used: &Series,
    limit: Limit<'_>,
    settings: &Settings,
    now: Timestamp,
    forecaster: impl Fn(&Series, usize) -> Result<Forecast, ForecastError>,
) -> Result<Plan, CapacityError> {
    settings.validate()?;
    limit.check(used.unit())?;
    let lookback = used.step().per_secs(settings.lookback.as_secs_f64()).max(2);
    let used = &used.tail(lookback);
    let mut because = explain::usage(used, limit, now);
    let view = View::of(used, &mut because);
    let trend = paths::fit(&view.envelope);
    let chosen = match &view.forced {
        true => view.futures(used, &trend, settings),
        false => view.choose(used, &trend, settings, forecaster, &mut because),
    };
    let growth = growth_of(&view.envelope, &trend);
    let futures = Futures { start: chosen.start, step: chosen.step, paths: &chosen.paths };
    let exhaustion = from_futures(used, limit, futures, growth, now);
    because.extend(explain::growth(&view.envelope, &trend, growth, used.unit()));
    because.extend(explain::horizon(&exhaustion));
    let facts = GrowthFacts { used, limit, futures, exhaustion: &exhaustion, peaks: trend.peaks_used, now };
    let recommendation = recommend::growth(&facts, &because, settings);
    let report = CapacityReport {
        series: used.name().to_owned(),
        used: used.last(),
        limit: limit.at(now),
        unit: used.unit(),
        exhaustion,
        recommendation,
        because,
    };
    Ok(Plan { report, fan: fan(futures) })
}

/// What of the history tells about growth.
struct View {
    envelope: Envelope,
    /// Whether only the trend of the envelope can be trusted.
    forced: bool,
}

impl View {
    fn of(used: &Series, because: &mut Vec<String>) -> Self {
        let daily = blocks(used);
        let Some(cycles) = cycles::find(used) else { return Self { envelope: daily, forced: false } };
        because.push(explain::cycles(&cycles, used));
        let Cycles { peaks, overdue, since, .. } = cycles;
        let envelope = match overdue {
            true => blocks(&used.tail(used.len() - since)),
            // several cycles in a block: its highest peak is enough
            false if peaks.step <= daily.step => daily,
            false => peaks,
        };
        Self { envelope, forced: true }
    }

    /// Futures of the trend, as far as `max_steps` peaks reach.
    fn futures(&self, used: &Series, trend: &Trend, settings: &Settings) -> Chosen {
        let step = self.envelope.step;
        let horizon = settings.horizon.as_secs_f64() / step.secs_f64();
        let steps = (horizon.ceil() as usize).clamp(1, settings.max_steps);
        let next = self.envelope.last_time().as_millisecond().saturating_add(step.millis());
        // a peak that is late can still come with the next observation
        let start = Timestamp::from_millisecond(next).unwrap_or(Timestamp::MAX).max(used.end());
        Chosen { start, step, paths: trend.sample(steps, settings.paths, settings.seed) }
    }

    fn choose(
        &self,
        used: &Series,
        trend: &Trend,
        settings: &Settings,
        forecaster: impl Fn(&Series, usize) -> Result<Forecast, ForecastError>,
        because: &mut Vec<String>,
    ) -> Chosen {
        let own = self.futures(used, trend, settings);
        let horizon_millis = settings.horizon.as_millis();
        let short = resample_max(used, factor_for(used.step(), horizon_millis, settings.max_steps));
        let steps = (horizon_millis as f64 / short.step().millis() as f64).ceil().max(1.0) as usize;
        let forecast = forecaster(&short, steps.min(settings.max_steps));
        match forecast.map_err(|error| error.to_string()).and_then(|f| trusted(f, &own, self.envelope.step)) {
            Ok(forecast) => {
                because.push(explain::seasonal_model(&forecast));
                Chosen { start: forecast.start, step: forecast.step, paths: forecast.paths }
            }
            Err(reason) => {
                because.push(format!("The dates rest on a robust trend of the peaks, because {reason}."));
                own
            }
        }
    }
}

/// The forecast, if the dates may rest on it; else why not.
fn trusted(forecast: Forecast, own: &Chosen, block: Step) -> Result<Forecast, String> {
    let count = forecast.paths.count();
    if count < LEAST_PATHS {
        return Err(format!("the forecast has {count} sample paths and {LEAST_PATHS} are needed"));
    }
    if forecast.paths.iter().chain([forecast.mean.as_slice()]).flatten().any(|v| !v.is_finite()) {
        return Err("the forecast has values that are not finite".to_owned());
    }
    // the last block that both reach, by its peak
    let futures = Futures { start: own.start, step: own.step, paths: &own.paths };
    let points = usize::try_from(block.millis() / forecast.step.millis()).unwrap_or(1).max(1);
    let ends = |path: &[f64]| peak_of(&path[path.len().saturating_sub(points)..]);
    let theirs: Vec<f64> = forecast.paths.iter().map(ends).collect();
    let end = forecast.time_at(forecast.horizon_steps().saturating_sub(1)).min(futures.end());
    let reach = (end.as_millisecond() - own.start.as_millisecond()) / own.step.millis();
    let index = usize::try_from(reach).unwrap_or(0);
    let ours: Vec<f64> = own.paths.iter().map(|path| path[index.min(path.len() - 1)]).collect();
    let (low, high) = (quantile(&ours, 0.02), quantile(&ours, 0.98));
    let middle = quantile(&theirs, 0.5);
    let unit = forecast.unit;
    if !(low..=high).contains(&middle) {
        let (middle, low, high) = (unit.format(middle), unit.format(low), unit.format(high));
        return Err(format!(
            "the {} forecast ends at {middle}, outside of the {low} to {high} that the growth so far allows",
            forecast.model.as_str()
        ));
    }
    let width = |ends: &[f64]| quantile(ends, 0.9) - quantile(ends, 0.1);
    if width(&theirs) > MOST_WIDTH * width(&ours) {
        let (wide, narrow) = (unit.format(width(&theirs)), unit.format(width(&ours)));
        return Err(format!(
            "the {} forecast is {wide} wide at its end, the trend only {narrow}",
            forecast.model.as_str()
        ));
    }
    Ok(forecast)
}

fn peak_of(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::MIN, f64::max)
}

/// Growth per day of what the trend was fitted to.
fn growth_of(envelope: &Envelope, trend: &Trend) -> f64 {
    let per_day = trend.per_step / envelope.step.secs_f64() * 86_400.0;
    if per_day.is_finite() { per_day } else { envelope.growth_per_day() }
}

fn fan(futures: Futures<'_>) -> Fan {
    let steps = futures.horizon_steps();
    // a plot needs no more than a few hundred points
    let stride = steps.div_ceil(360).max(1);
    let step = i64::try_from(stride).ok().and_then(|s| Step::from_millis(futures.step.millis().saturating_mul(s)));
    let (mut p10, mut p50, mut p90) = (Vec::new(), Vec::new(), Vec::new());
    for index in (0..steps).step_by(stride) {
        let values: Vec<f64> = futures.paths.iter().map(|path| path[index]).collect();
        p10.push(quantile(&values, 0.1));
        p50.push(quantile(&values, 0.5));
        p90.push(quantile(&values, 0.9));
    }
    Fan { start: futures.start, step: step.unwrap_or(futures.step), p10, p50, p90 }
}
