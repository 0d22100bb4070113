//! Fan charts: what was forecast from the newest of the earlier points, over what came.

use maud::{Markup, html};

use super::super::draw::{Frame, grid, line, minute, round};
use super::figures::{Fan, ModelResult, Shown};
use crate::series::Series;

const FRAME: Frame = Frame { width: 560.0, height: 220.0, left: 78.0, right: 10.0, top: 10.0, bottom: 26.0 };
/// Points that are drawn: horizons of history before the origin, and most of them.
const HISTORY_HORIZONS: usize = 3;
const MOST_POINTS: usize = 2_000;

/// What the charts of a series show; `None` when no model could forecast from an earlier point.
pub(super) fn shown(series: &Series, results: &[ModelResult], horizon: usize) -> Option<Shown> {
    let cut = results.iter().find_map(|result| result.newest.as_ref())?.cut;
    let horizon = horizon.min(MOST_POINTS);
    let history = horizon.saturating_mul(HISTORY_HORIZONS).clamp(24, MOST_POINTS).min(cut);
    let (from, to) = (cut - history, (cut + horizon).min(series.len()));
    let fans = results.iter().filter_map(|result| result.newest.as_ref()).map(|origin| {
        let cut_to = |values: &[f64]| values[..values.len().min(to - cut)].to_vec();
        Fan {
            mean: cut_to(&origin.forecast.mean),
            bands: origin.forecast.bands.iter().map(|band| (cut_to(&band.lower), cut_to(&band.upper))).collect(),
        }
    });
    Some(Shown {
        unit: series.unit(),
        times: [series.time_at(from), series.time_at(to.saturating_sub(1))],
        values: series.values()[from..to].to_vec(),
        cut: history,
        fans: fans.collect(),
    })
}

/// One model's forecast in front of the history, with what really came.
pub(super) fn chart(shown: &Shown, fan: &Fan) -> Markup {
    let (low, high) = range(shown, fan);
    let last = (shown.values.len().max(2) - 1) as f64;
    let x = |index: usize| FRAME.x(index as f64 / last);
    // halves, so that the difference of extremes stays finite
    let share = |value: f64| (value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0);
    let point = |(index, value): (usize, &f64)| Some((x(index), FRAME.y(share(*value))));
    let values = line(shown.values.iter().enumerate().map(point));
    let ahead = |values: &[f64]| -> Vec<(f64, f64)> {
        values.iter().enumerate().map(|(step, value)| (x(shown.cut + step), FRAME.y(share(*value)))).collect()
    };
    let mean = line(ahead(&fan.mean).into_iter().map(Some));
    let [start, end] = shown.times;
    let bottom = FRAME.height - FRAME.bottom;
    let ticks = [low, f64::midpoint(low, high), high];
    html! {
        svg.chart viewBox=(FRAME.view_box()) role="img" aria-label="History, forecast with intervals, and what came" {
            (grid(&FRAME, &[], &ticks.map(|value| (share(value), shown.unit.format(value)))))
            @for (lower, upper) in fan.bands.iter().rev() {
                path.band d=(closed(&ahead(lower), &ahead(upper))) {}
            }
            path.value d=(values) {}
            path.score d=(mean) {}
            path.mark d={ "M" (round(x(shown.cut))) " " (FRAME.top) "V" (bottom) } {}
            text.axis x=(FRAME.left) y=(FRAME.height - 8.0) text-anchor="start" { (minute(start)) }
            text.axis x=(FRAME.width - FRAME.right) y=(FRAME.height - 8.0) text-anchor="end" { (minute(end)) }
        }
    }
}

/// The range of values, central path and narrowest interval; the widest may reach half of that beyond it.
fn range(shown: &Shown, fan: &Fan) -> (f64, f64) {
    let grow = |(low, high): (f64, f64), value: &f64| (low.min(*value), high.max(*value));
    let (low, high) = shown.values.iter().chain(&fan.mean).fold((f64::INFINITY, f64::NEG_INFINITY), grow);
    let room =
        if high > low { (high / 2.0 - low / 2.0).min(f64::MAX / 8.0) } else { high.abs().clamp(1.0, 1e300) * 0.1 };
    let ends = || fan.bands.iter().flat_map(|(lower, upper)| lower.iter().chain(upper));
    let (wide_low, wide_high) = ends().fold((low, high), grow);
    let (low, high) = (wide_low.max(low - room), wide_high.min(high + room));
    if high > low { (low, high) } else { (low - room, high + room) }
}

fn closed(lower: &[(f64, f64)], upper: &[(f64, f64)]) -> String {
    let there = upper.iter().copied().map(Some);
    let back = lower.iter().rev().copied().map(Some);
    let path = line(there.chain(back));
    if path.is_empty() { path } else { path + "Z" }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::series::Unit;

    #[test]
    fn anything_is_drawn_without_nan() {
        for values in [vec![0.0; 4], vec![f64::MAX, f64::MIN, 0.0, 1.0], vec![1.0, 2.0, 3.0, 4.0]] {
            let fan = Fan {
                mean: values[2..].to_vec(),
                bands: vec![(vec![f64::MIN, 0.0], vec![f64::MAX, 5.0]), (vec![0.0, 0.0], vec![9.0, 9.0])],
            };
            let shown = Shown { unit: Unit::None, times: [Timestamp::UNIX_EPOCH; 2], values, cut: 2, fans: Vec::new() };
            let picture = chart(&shown, &fan).into_string();
            assert!(!picture.contains("NaN") && !picture.contains("inf"), "{picture}");
            assert_eq!(picture.matches("class=\"band\"").count(), 2);
        }
    }
}
