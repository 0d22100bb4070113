//! Usage so far, its futures, the limit, and the dates on which it is reached.

use plotly::Plot;
use plotly::common::Anchor;

use super::plot::{
    MOST_POINTS, Scale, axis_from_zero, band, dashed, layout, level, line, millis, moment, note, plot, thin, time_axis,
};
use crate::engine::{FanLines, Resource};
use crate::series::Series;

/// The exhaustion fan of `resource`, with what it used before where that is known.
pub(super) fn fan(resource: &Resource, history: Option<&Series>) -> Plot {
    let past = history.map(Series::values).unwrap_or_default();
    let scale = Scale::of(resource.unit, past.iter().copied().chain([resource.used, resource.limit]));
    let mut traces: Vec<Box<dyn plotly::Trace>> = Vec::new();
    if let Some(fan) = &resource.fan {
        traces.extend(futures(fan, &scale));
    }
    if let Some(series) = history {
        let kept = thin(series.values(), MOST_POINTS);
        let values: Vec<f64> = kept.iter().filter_map(|&index| series.values().get(index).copied()).collect();
        let x: Vec<i64> = kept.iter().map(|&index| millis(series.time_at(index))).collect();
        let used = line("used", "--value", &x, values.iter().map(|value| scale.apply(*value)).collect());
        let text = values.iter().map(|value| scale.text(*value)).collect();
        traces.push(used.text_array(text).hover_template("%{text}"));
    }
    let mut shapes = Vec::new();
    let mut notes = Vec::new();
    if resource.limit.is_finite() {
        let text = format!("limit {}", scale.text(resource.limit));
        shapes.push(level(scale.apply(resource.limit), "y", "--limit"));
        let left = note(&text).x_ref("paper").x(0.0).x_anchor(Anchor::Left);
        notes.push(left.y_ref("y").y(scale.apply(resource.limit)).y_anchor(Anchor::Bottom));
    }
    let exhaustion = &resource.exhaustion;
    for (row, (name, at)) in
        [("P10", exhaustion.p10), ("P50", exhaustion.p50), ("P90", exhaustion.p90)].into_iter().enumerate()
    {
        let Some(at) = at else { continue };
        shapes.push(moment(at, "--moment"));
        // one below the other, because the dates may be close
        let text = format!("{name} {}", at.strftime("%m-%d"));
        let placed = note(&text).x_ref("x").x(millis(at)).x_anchor(Anchor::Left);
        notes.push(placed.y_ref("paper").y(0.04 + 0.09 * (2 - row) as f64).y_anchor(Anchor::Bottom));
    }
    let layout = layout(440).x_axis(time_axis()).y_axis(axis_from_zero(scale.name())).shapes(shapes).annotations(notes);
    plot(traces, layout)
}

fn futures(fan: &FanLines, scale: &Scale) -> Vec<Box<dyn plotly::Trace>> {
    let kept = thin(&fan.p50, MOST_POINTS);
    let x: Vec<i64> = kept
        .iter()
        .map(|&index| millis(fan.start).saturating_add((index as f64 * fan.step_s * 1_000.0) as i64))
        .collect();
    let raw = |values: &[f64]| kept.iter().map(|&i| values.get(i).copied().unwrap_or(f64::NAN)).collect::<Vec<f64>>();
    let (p10, p50, p90) = (raw(&fan.p10), raw(&fan.p50), raw(&fan.p90));
    let scaled = |values: &[f64]| values.iter().map(|value| scale.apply(*value)).collect::<Vec<f64>>();
    let said = |((low, middle), high): ((&f64, &f64), &f64)| {
        format!("{} (P10 {}, P90 {})", scale.text(*middle), scale.text(*low), scale.text(*high))
    };
    let text: Vec<String> = p10.iter().zip(&p50).zip(&p90).map(said).collect();
    vec![
        band("eight futures in ten", "--band", &x, &scaled(&p10), &scaled(&p90)),
        dashed("middle future", "--expected", &x, scaled(&p50)).text_array(text).hover_template("%{text}"),
    ]
}
