//! From a series and a request to a forecast.

use std::cmp::Ordering;

use crate::series::Series;

use super::bounds::{keep_in, make_whole, range_of};
use super::choice::{Decision, Seasons, decide};
use super::clean::without_excursions;
use super::events::Plan;
use super::intervals::Calibration;
use super::pool::{Extras, Problem};
use super::prophet::{Cycle, Regressor};
use super::scale::Scale;
use super::{Band, Because, Forecast, ForecastError, Model, Request, SamplePaths, Settings};
use super::{paths, seasonality};

/// The future of `series` as `request` asks, with default [`Settings`].
///
/// The central path stays within a quarter of the history's range around it (farther ahead: as far as the range repeated at the
/// same pace), and at or above 0 when all of the history is. Intervals are calibrated on forecasts from earlier
/// origins, grow with level and horizon (in logarithms where those fit better), and hold the central path. Horizons beyond a quarter of the history cannot be
/// checked to their end: their intervals grow faster than a random walk's, and callers do well to resample the history to a
/// longer step. For a horizon within what was checked all is O(points); paths cost O(paths × steps).
///
/// # Errors
/// [`ForecastError::Horizon`] for 0 steps or more than the limit, [`ForecastError::Level`] unless every level is in (0, 1),
/// [`ForecastError::Season`] for a configured season below 2, [`ForecastError::Paths`] for more values than the limit,
/// [`ForecastError::Range`], [`ForecastError::Event`] and [`ForecastError::Regressor`] for what cannot be.
///
/// ```
/// use tidewatch::forecast::{Request, forecast};
/// use tidewatch::series::{Series, Step};
///
/// let load: Vec<f64> = (0..240).map(|hour| 10.0 + f64::from(hour % 24)).collect();
/// let series = Series::try_new("load", jiff::Timestamp::UNIX_EPOCH, Step::HOUR, load)?;
/// let next = forecast(&series, &Request::new(24))?;
/// assert_eq!(next.seasons, [24]);
/// assert!((next.mean[5] - 15.0).abs() < 0.5);
/// assert_eq!(
///     forecast(&series, &Request::new(0)).map_err(|error| error.to_string()),
///     Err("horizon must be 1 to 100000 steps, got 0".to_owned())
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn forecast(series: &Series, request: &Request) -> Result<Forecast, ForecastError> {
    forecast_with(series, request, &Settings::default())
}

/// [`forecast`] with other settings.
///
/// # Errors
/// As [`forecast`].
pub fn forecast_with(series: &Series, request: &Request, settings: &Settings) -> Result<Forecast, ForecastError> {
    check(series, request, settings)?;
    let from = series.len() - series.len().min(window(series, request, settings));
    let values = &series.values()[from..];
    let mut observed: Vec<bool> = series.imputed()[from..].iter().map(|imputed| !imputed).collect();
    let scale = Scale::of(values);
    let mut scaled = scale.down(values);
    let history = (&mut scaled[..], &mut observed[..]);
    let events = Plan::take_out(&request.events, series, from, request.horizon_steps, history);
    let range = range_of(request.range, series.unit(), series.values());
    let mut made = if scaled.len() > 1 && scaled.iter().all(|value| value.to_bits() == scaled[0].to_bits()) {
        constant(series, request, scale.up(scaled[0]))
    } else {
        let wild = without_excursions(&mut scaled);
        for index in &wild {
            observed[*index] = false;
        }
        let (lags, seasons) = find_seasons(series, &scaled, request, settings);
        let extras = extras(series, request, (from, scaled.len()), range.map(|(low, high)| scale.range(low, high)));
        let problem = Problem::new(&scaled, &observed, &lags, request.horizon_steps, settings.origins);
        let problem = Problem { extras, ..problem };
        let mut decision = decide(&problem, request.model, &seasons, settings);
        if !wild.is_empty() {
            decision.because.push(Because::OutliersIgnored { points: wild.len() });
        }
        assemble(series, request, &problem, decision, scale)
    };
    events.apply(&mut made, scale.up(1.0), request.seed);
    if request.whole_numbers {
        make_whole(&mut made);
    }
    if let Some((low, high)) = range {
        let whole = (low.ceil(), high.floor());
        keep_in(&mut made, if request.whole_numbers && whole.0 <= whole.1 { whole } else { (low, high) });
    }
    Ok(made)
}

/// What only some models need; the history used begins at `from` and has `points`.
fn extras(series: &Series, request: &Request, (from, points): (usize, usize), range: Option<(f64, f64)>) -> Extras {
    let regressors = request.regressors.iter().map(|regressor| {
        let values = regressor.values.get(from..).unwrap_or_default().to_vec();
        Regressor { values, ..regressor.clone() }
    });
    Extras { cycles: Cycle::automatic(series.step().secs_f64(), points), regressors: regressors.collect(), range }
}

fn check(series: &Series, request: &Request, settings: &Settings) -> Result<(), ForecastError> {
    let limit = settings.max_horizon_steps;
    if !(1..=limit).contains(&request.horizon_steps) {
        return Err(ForecastError::Horizon { got: request.horizon_steps, limit });
    }
    if let Some(level) = request.levels.iter().find(|level| !(**level > 0.0 && **level < 1.0)) {
        return Err(ForecastError::Level(*level));
    }
    if let Some(season) = request.seasons.iter().flatten().find(|season| **season < 2) {
        return Err(ForecastError::Season(*season));
    }
    if let Some((low, high)) =
        request.range.filter(|(low, high)| !matches!(low.partial_cmp(high), Some(Ordering::Less)))
    {
        return Err(ForecastError::Range { low, high });
    }
    for event in &request.events {
        event.check()?;
    }
    for regressor in &request.regressors {
        regressor.over(series.len() + request.horizon_steps)?;
    }
    let limit = settings.max_path_values;
    if request.paths.saturating_mul(request.horizon_steps) > limit {
        return Err(ForecastError::Paths { paths: request.paths, horizon_steps: request.horizon_steps, limit });
    }
    Ok(())
}

/// Points to look at: the usual number, or five of the longest season that fits, up to a limit.
fn window(series: &Series, request: &Request, settings: &Settings) -> usize {
    let points = series.len().min(settings.max_season_points);
    let longest = match &request.seasons {
        Some(seasons) => seasons.iter().copied().filter(|s| seasonality::fits(*s, points, settings)).max(),
        None => seasonality::candidates(series.step(), points, settings).last().copied(),
    };
    longest.unwrap_or(0).saturating_mul(5).clamp(settings.max_points, settings.max_season_points)
}

/// Seasons for lags, which are regularised and may follow every candidate, and seasons that are there.
fn find_seasons(series: &Series, scaled: &[f64], request: &Request, settings: &Settings) -> (Vec<usize>, Seasons) {
    let points = scaled.len();
    match &request.seasons {
        Some(wanted) => {
            let mut used: Vec<usize> =
                wanted.iter().copied().filter(|season| seasonality::fits(*season, points, settings)).collect();
            used.sort_unstable();
            used.dedup();
            let missing = wanted.iter().copied().filter(|season| !used.contains(season)).min();
            (used.clone(), Seasons { used, missing })
        }
        None => {
            let candidates = seasonality::candidates(series.step(), points, settings);
            let used = seasonality::detect(scaled, &candidates, settings).iter().map(|season| season.steps).collect();
            let all = seasonality::candidates(series.step(), usize::MAX, settings);
            let missing = if candidates.is_empty() { all.first().copied() } else { None };
            (candidates, Seasons { used, missing })
        }
    }
}

fn sorted_levels(request: &Request) -> Vec<f64> {
    let mut levels = request.levels.clone();
    levels.sort_by(f64::total_cmp);
    levels.dedup();
    levels
}

fn assemble(series: &Series, request: &Request, problem: &Problem<'_>, decision: Decision, scale: Scale) -> Forecast {
    let Decision { model, mut because, seasons, runs, log } = decision;
    let calibration = Calibration::new(problem, &runs, log);
    let floor = if problem.values.iter().all(|value| *value >= 0.0) { 0.0 } else { f64::NEG_INFINITY };
    let centre = &runs.ahead;
    let mut cut_off = centre.contains(&0.0) && floor >= 0.0;
    let mut bounds = |size: f64| -> Vec<f64> {
        let errors = (0..centre.len()).map(|step| size * calibration.spread(step));
        let values = centre.iter().zip(errors).map(|(middle, error)| {
            let value = calibration.apply(*middle, error);
            cut_off |= value < floor;
            scale.up(value.max(floor))
        });
        values.collect()
    };
    let bands: Vec<Band> = sorted_levels(request)
        .into_iter()
        .map(|level| {
            let size = calibration.size(level);
            Band { level, lower: bounds(-size), upper: bounds(size) }
        })
        .collect();
    if cut_off {
        because.push(Because::NonNegative);
    }
    let paths = if request.paths == 0 {
        SamplePaths::default()
    } else {
        paths::sample(&calibration, centre, request.paths, request.seed).map(|value| scale.up(value.max(floor)))
    };
    Forecast {
        mean: centre.iter().map(|value| scale.up(*value)).collect(),
        seasons,
        bands,
        paths,
        ..empty(series, model, because)
    }
}

/// A constant series goes on as it is; nothing in it says how it could be wrong.
fn constant(series: &Series, request: &Request, value: f64) -> Forecast {
    let path = vec![value; request.horizon_steps];
    let bands = sorted_levels(request)
        .into_iter()
        .map(|level| Band { level, lower: path.clone(), upper: path.clone() })
        .collect();
    let paths = SamplePaths::new(request.horizon_steps, vec![value; request.horizon_steps * request.paths]);
    Forecast { mean: path, bands, paths, ..empty(series, Model::Constant, vec![Because::Constant]) }
}

fn empty(series: &Series, model: Model, because: Vec<Because>) -> Forecast {
    Forecast {
        series: series.name().to_owned(),
        unit: series.unit(),
        start: series.end(),
        step: series.step(),
        model,
        because,
        seasons: Vec::new(),
        mean: Vec::new(),
        bands: Vec::new(),
        paths: SamplePaths::default(),
    }
}
