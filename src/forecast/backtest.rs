//! How good forecasts of a series would have been: whole forecasts from earlier origins, intervals included.

use serde::{Deserialize, Serialize};

use crate::series::Series;

use super::accuracy::{coverage, mae, msis, naive_scale, smape};
use super::{Forecast, ForecastError, Model, Request, Settings, forecast_with};

/// Fewest points before the earliest origin.
const MIN_HISTORY: usize = 8;

/// What a backtest found. Averages over the origins; `None` where nothing could be measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BacktestReport {
    /// The model used at the newest origin; `None` without origins.
    pub model: Option<Model>,
    /// Origins used: the number of points before each, newest first.
    pub origins: Vec<usize>,
    /// Steps forecast from each origin.
    pub horizon_steps: usize,
    /// Mean absolute error, in the unit of the series.
    pub mae: Option<f64>,
    /// Mean absolute scaled error; `None` also where the history before an origin is constant.
    pub mase: Option<f64>,
    /// Symmetric mean absolute percentage error, as a ratio from 0 to 2.
    pub smape: Option<f64>,
    /// What the intervals held, ascending by level.
    pub levels: Vec<LevelReport>,
}

/// How intervals of one level did.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LevelReport {
    /// Coverage asked for, in (0, 1).
    pub level: f64,
    /// Share of values that lay inside.
    pub coverage: f64,
    /// Mean scaled interval score; `None` where the history before an origin is constant.
    pub msis: Option<f64>,
}

/// A forecast from an earlier point, as it would have been made then.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin {
    /// Points before it: the forecast's first step is the point of this index.
    pub cut: usize,
    /// The forecast, without sample paths.
    pub forecast: Forecast,
}

/// Forecasts `series` as `request` asks from up to `count` earlier points, newest first.
///
/// Origins lie half a horizon apart, the newest one horizon before the end, none before half of the series or eight
/// points. Nothing after an origin is seen from it. A series too short for one origin gives none. Cost: `count` forecasts.
///
/// # Errors
/// As [`forecast`](super::forecast()).
pub fn from_origins(
    series: &Series,
    request: &Request,
    count: usize,
    settings: &Settings,
) -> Result<Vec<Origin>, ForecastError> {
    let request = Request { paths: 0, ..request.clone() };
    let (n, horizon) = (series.len(), request.horizon_steps);
    let stride = (horizon / 2).max(1);
    (0..count)
        .map_while(|j| n.checked_sub(horizon.saturating_add(j.saturating_mul(stride))))
        .take_while(|cut| *cut >= (n / 2).max(MIN_HISTORY))
        .map(|cut| Ok(Origin { cut, forecast: forecast_with(&series.head(cut), &request, settings)? }))
        .collect()
}

/// Forecasts `series` from up to `origins` earlier points as `request` asks ([`from_origins`]), and compares with what came.
///
/// # Errors
/// As [`forecast`](super::forecast()). A series too short for one origin is no error: its report is empty.
pub fn backtest(
    series: &Series,
    request: &Request,
    origins: usize,
    settings: &Settings,
) -> Result<BacktestReport, ForecastError> {
    let made = from_origins(series, request, origins, settings)?;
    let season = made.first().and_then(|newest| newest.forecast.seasons.first()).copied().unwrap_or(1);
    Ok(BacktestReport::of(series, &made, request.horizon_steps, season))
}

impl BacktestReport {
    /// Compares forecasts from earlier origins of `series` with what came; the imputed values are compared like others.
    ///
    /// Scaled errors are over that of the naive forecast of `season` steps within the history before each origin: models
    /// are comparable when they are scaled by the same season.
    ///
    /// O(origins × horizon) and the history's length for each origin.
    #[must_use]
    pub fn of(series: &Series, origins: &[Origin], horizon_steps: usize, season: usize) -> Self {
        let mut tally = Tally::default();
        for Origin { cut, forecast } in origins {
            let (history, rest) = series.values().split_at((*cut).min(series.len()));
            let actual = rest.get(..horizon_steps).unwrap_or(rest);
            tally.mae.push(mae(actual, &forecast.mean));
            tally.smape.push(smape(actual, &forecast.mean));
            tally.mase.extend(naive_scale(history, season).map(|scale| mae(actual, &forecast.mean) / scale));
            tally.bands.resize_with(forecast.bands.len(), Default::default);
            for (band, found) in forecast.bands.iter().zip(&mut tally.bands) {
                found.0 = band.level;
                found.1.push(coverage(actual, &band.lower, &band.upper));
                found.2.extend(msis(actual, (&band.lower, &band.upper), band.level, history, season));
            }
        }
        let model = origins.first().map(|newest| newest.forecast.model);
        tally.report(model, origins.iter().map(|origin| origin.cut).collect(), horizon_steps)
    }
}

#[derive(Default)]
struct Tally {
    mae: Vec<f64>,
    mase: Vec<f64>,
    smape: Vec<f64>,
    bands: Vec<(f64, Vec<f64>, Vec<f64>)>,
}

impl Tally {
    fn report(self, model: Option<Model>, origins: Vec<usize>, horizon_steps: usize) -> BacktestReport {
        let levels = self.bands.iter().filter_map(|(level, inside, scores)| {
            Some(LevelReport { level: *level, coverage: average(inside)?, msis: average(scores) })
        });
        BacktestReport {
            model,
            horizon_steps,
            mae: average(&self.mae),
            mase: average(&self.mase),
            smape: average(&self.smape),
            levels: levels.collect(),
            origins,
        }
    }
}

/// Mean; `None` without values.
fn average(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().map(|value| value / values.len() as f64).sum())
}
