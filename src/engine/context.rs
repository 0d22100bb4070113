//! Context from what a detector holds in memory: pure helpers.

use crate::forecast::{Forecast, Request, forecast};
use crate::series::{Series, Step};

use super::tracked::Tracked;

/// Seconds in the hour ahead.
const AHEAD_SECS: f64 = 3_600.0;

/// The recent points of a tracked series, gaps held at the last value; `None` for entities and for too few points.
pub(super) fn recent_series(tracked: &Tracked, step: Step) -> Option<Series> {
    let first = tracked.recent.front().filter(|_| tracked.metrics.len() == 1 && tracked.recent.len() >= 12)?;
    let mut last = tracked.recent.iter().map(|point| point.value).find(|value| value.is_finite())?;
    let mut imputed = Vec::with_capacity(tracked.recent.len());
    let values = tracked.recent.iter().map(|point| {
        imputed.push(!point.value.is_finite());
        if point.value.is_finite() {
            last = point.value;
        }
        last
    });
    let values = values.collect();
    let series = Series::try_new(tracked.name.clone(), first.at, step, values).ok()?;
    series.with_unit(tracked.unit).with_imputed(imputed).ok()
}

/// The next hour (at least one step) of `series`; `None` when it cannot be forecast.
pub(super) fn hour_ahead(series: &Series) -> Option<Forecast> {
    let horizon_steps = series.step().per_secs(AHEAD_SECS).clamp(1, 720);
    let request = Request { levels: vec![0.8], seed: 42, ..Request::new(horizon_steps) };
    forecast(series, &request).ok()
}
