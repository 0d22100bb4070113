//! A forecast: its central path, its intervals, and what came before.

use plotly::Plot;

use super::plot::{MOST_POINTS, Scale, axis, band, dashed, layout, line, millis, plot, thin, time_axis};
use crate::engine::ForecastCurve;
use crate::series::Series;

/// Mean and intervals of `curve`, after as much of `history` as twice the horizon.
pub(super) fn forecast(curve: &ForecastCurve, history: Option<&Series>) -> Plot {
    let before = history.map(|series| series.tail(2 * curve.mean.len().max(24)));
    let past = before.as_ref().map(Series::values).unwrap_or_default();
    let scale = Scale::of(curve.unit, past.iter().chain(&curve.mean).copied());
    let scaled = |values: &[f64], kept: &[usize]| {
        kept.iter().map(|&i| scale.apply(values.get(i).copied().unwrap_or(f64::NAN))).collect::<Vec<f64>>()
    };
    let kept = thin(&curve.mean, MOST_POINTS);
    let step = curve.step.millis();
    let at = |index: usize| millis(curve.start).saturating_add(step.saturating_mul(i64::try_from(index).unwrap_or(0)));
    let x: Vec<i64> = kept.iter().map(|&index| at(index)).collect();
    let mut traces: Vec<Box<dyn plotly::Trace>> = Vec::new();
    for (row, one) in curve.bands.iter().rev().enumerate() {
        let color = if row == 0 { "--band-wide" } else { "--band" };
        let name = format!("{:.0} % interval", one.level * 100.0);
        traces.push(band(&name, color, &x, &scaled(&one.lower, &kept), &scaled(&one.upper, &kept)));
    }
    if let Some(series) = &before {
        let kept = thin(series.values(), MOST_POINTS);
        let x: Vec<i64> = kept.iter().map(|&index| millis(series.time_at(index))).collect();
        let text = kept.iter().map(|&i| scale.text(series.values().get(i).copied().unwrap_or(f64::NAN))).collect();
        let observed = line("observed", "--value", &x, scaled(series.values(), &kept));
        traces.push(observed.text_array(text).hover_template("%{text}"));
    }
    let text = kept.iter().map(|&index| said(curve, &scale, index)).collect();
    traces.push(
        dashed("forecast", "--expected", &x, scaled(&curve.mean, &kept)).text_array(text).hover_template("%{text}"),
    );
    plot(traces, layout(340).x_axis(time_axis()).y_axis(axis(scale.name())))
}

fn said(curve: &ForecastCurve, scale: &Scale, index: usize) -> String {
    let value = |values: &[f64]| scale.text(values.get(index).copied().unwrap_or(f64::NAN));
    let bands = curve
        .bands
        .iter()
        .map(|band| format!("; {:.0} %: {} to {}", band.level * 100.0, value(&band.lower), value(&band.upper)));
    format!("{}{}", value(&curve.mean), bands.collect::<String>())
}
