//! A series against what was expected, and its score.

use jiff::{SignedDuration, Timestamp};
use plotly::Plot;
use plotly::common::{Marker, MarkerSymbol, Mode};
use plotly::layout::{Axis, Shape};

use super::plot::MOST_POINTS;
use super::plot::{
    Scale, axis, axis_from_zero, band, dashed, layout, level, line, millis, plot, rounded, shaded, thin, time_axis,
};
use crate::alert::Alert;
use crate::engine::ChartPoint;
use crate::series::{Series, Unit};

/// Value, expected line, band, anomalies and spans of alerts above; the score with its boundary below.
pub(super) fn with_band(points: &[ChartPoint], unit: Unit, alerts: &[Alert]) -> Plot {
    let numbers = |pick: fn(&ChartPoint) -> f64| points.iter().map(pick).collect::<Vec<f64>>();
    let (values, expected) = (numbers(|p| p.value), numbers(|p| p.expected));
    let scale = Scale::of(unit, values.iter().chain(&expected).copied());
    let scaled = |values: &[f64]| values.iter().map(|value| scale.apply(*value)).collect::<Vec<f64>>();
    let x: Vec<i64> = points.iter().map(|point| millis(point.at)).collect();
    let said = |point: &ChartPoint| {
        let (low, high) = (scale.text(point.lower), scale.text(point.upper));
        format!("{} ({low} to {high})", scale.text(point.expected))
    };
    let anomalies: Vec<&ChartPoint> = points.iter().filter(|point| point.is_anomaly).collect();
    let marked_x: Vec<i64> = anomalies.iter().map(|point| millis(point.at)).collect();
    let marked_y = anomalies.iter().map(|point| scale.apply(point.value)).collect();
    let (lower, upper) = (scaled(&numbers(|p| p.lower)), scaled(&numbers(|p| p.upper)));
    let traces: Vec<Box<dyn plotly::Trace>> = vec![
        band("expected range", "--band", &x, &lower, &upper),
        dashed("expected", "--expected", &x, scaled(&expected))
            .text_array(points.iter().map(said).collect())
            .hover_template("%{text}"),
        line("value", "--value", &x, scaled(&values))
            .text_array(values.iter().map(|value| scale.text(*value)).collect())
            .hover_template("%{text}"),
        line("", "--anomaly", &marked_x, marked_y)
            .name("anomaly")
            .mode(Mode::Markers)
            .marker(Marker::new().symbol(MarkerSymbol::X).size(7).color("--anomaly"))
            .hover_template("anomaly"),
        score_line(points, &x).y_axis("y2"),
    ];
    let layout = layout(520)
        .x_axis(ranged(time_axis().anchor("y2"), points.first().map(|p| p.at), points.last().map(|p| p.at)))
        .y_axis(axis(scale.name()).domain(&[0.36, 1.0]))
        .y_axis2(axis_from_zero("score").domain(&[0.0, 0.26]))
        .shapes(marks(points, alerts, "y2"));
    plot(traces, layout)
}

/// The score alone, for what has no single value.
pub(super) fn score_only(points: &[ChartPoint], alerts: &[Alert]) -> Plot {
    let x: Vec<i64> = points.iter().map(|point| millis(point.at)).collect();
    let layout = layout(300)
        .x_axis(ranged(time_axis(), points.first().map(|p| p.at), points.last().map(|p| p.at)))
        .y_axis(axis_from_zero("score"))
        .shapes(marks(points, alerts, "y"));
    plot(vec![score_line(points, &x)], layout)
}

/// One metric over time, with spans of alerts.
pub(super) fn metric(series: &Series, alerts: &[Alert]) -> Plot {
    let kept = thin(series.values(), MOST_POINTS);
    let value = |index: &usize| series.values().get(*index).copied().unwrap_or(f64::NAN);
    let unit = if series.unit() == Unit::None { Unit::from_metric_name(series.name()) } else { series.unit() };
    let scale = Scale::of(unit, series.values().iter().copied());
    let x: Vec<i64> = kept.iter().map(|index| millis(series.time_at(*index))).collect();
    let y = kept.iter().map(|index| scale.apply(value(index))).collect();
    let shown = line("value", "--value", &x, y)
        .show_legend(false)
        .text_array(kept.iter().map(|index| scale.text(value(index))).collect())
        .hover_template("%{text}");
    let shapes = spans(alerts, series.start(), series.end());
    plot(
        vec![shown],
        layout(210)
            .x_axis(ranged(time_axis(), Some(series.start()), Some(series.end())))
            .y_axis(axis(scale.name()))
            .shapes(shapes),
    )
}

/// From a day before an alert to a quarter of a day after it: what its page shows.
pub(super) fn around(alert: &Alert) -> [Timestamp; 2] {
    let since = alert.enrichment.since.unwrap_or(alert.starts_at).min(alert.starts_at);
    let end = alert.ends_at.unwrap_or(alert.updated_at).max(alert.starts_at);
    let from = since.saturating_sub(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MIN);
    [from, end.saturating_add(SignedDuration::from_hours(6)).unwrap_or(Timestamp::MAX)]
}

/// The part of `series` between two times; `None` when there is nothing.
pub(super) fn part(series: &Series, [from, to]: [Timestamp; 2]) -> Option<Series> {
    let after = (0..series.len()).take_while(|&index| series.time_at(index) <= to).count();
    let before = (0..after).take_while(|&index| series.time_at(index) < from).count();
    (after > before).then(|| series.head(after).tail(after - before))
}

/// Exactly the time of the data: marks at its ends must not widen it.
fn ranged(axis: Axis, from: Option<Timestamp>, to: Option<Timestamp>) -> Axis {
    match (from, to) {
        (Some(from), Some(to)) if from < to => axis.range(vec![millis(from), millis(to)]),
        _ => axis,
    }
}

fn score_line(points: &[ChartPoint], x: &[i64]) -> Box<plotly::Scatter<i64, f64>> {
    let scores = points.iter().map(|point| rounded(point.score)).collect();
    line("score", "--score", x, scores).hover_template("%{y:.2f}").show_legend(false)
}

fn marks(points: &[ChartPoint], alerts: &[Alert], score_axis: &str) -> Vec<Shape> {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return Vec::new() };
    let mut shapes = spans(alerts, first.at, last.at);
    shapes.push(level(1.0, score_axis, "--limit"));
    shapes
}

/// The spans of `alerts` between two times.
fn spans(alerts: &[Alert], from: Timestamp, to: Timestamp) -> Vec<Shape> {
    let within = |alert: &Alert| {
        let start = alert.enrichment.since.unwrap_or(alert.starts_at).max(from);
        let end = alert.ends_at.unwrap_or(to).min(to);
        (start < end).then(|| shaded(start, end, "--alert-span"))
    };
    alerts.iter().filter_map(within).collect()
}
