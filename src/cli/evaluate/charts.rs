//! Plots of the report as SVG: no script, colours from the stylesheet.

use maud::{Markup, html};

use super::super::draw::{Frame, grid, line, minute, round, short};
use super::cases::Case;
use crate::detect::evaluation::CurvePoint;

/// The drawing area of a curve, in units of the picture.
const CURVES: Frame = Frame { width: 480.0, height: 320.0, left: 48.0, right: 12.0, top: 10.0, bottom: 44.0 };
/// The value above, the score below.
const VALUES: Frame = Frame { width: 420.0, height: 236.0, left: 58.0, right: 8.0, top: 8.0, bottom: 96.0 };
const SCORES: Frame = Frame { width: 420.0, height: 236.0, left: 58.0, right: 8.0, top: 152.0, bottom: 24.0 };
/// The left end of the axis of false alarms: less than one in so many days is not told apart.
const FEWEST_A_DAY: f64 = 0.001;
const MOST_A_DAY: f64 = 3.0;
/// A score that is drawn in full; what is above touches the top.
const HIGHEST_SCORE: f64 = 3.0;

/// Which line belongs to which detector; the lines differ by colour and by dashes.
pub(super) fn legend(names: &[&str]) -> Markup {
    html! {
        ul.legend {
            @for (place, name) in names.iter().enumerate() {
                li {
                    svg class={ "line line-" (place % 4) } viewBox="0 0 28 10" aria-hidden="true" { path d="M1 5H27" {} }
                    " " (name)
                }
            }
        }
    }
}

/// Mean precision against recall; each curve has one precision for each of `recalls`.
pub(super) fn precision_recall(curves: &[Option<Vec<f64>>], recalls: &[f64]) -> Markup {
    let frame = CURVES;
    let path = |curve: &Vec<f64>| {
        let points = recalls.iter().zip(curve).map(|(recall, precision)| (frame.x(*recall), frame.y(*precision)));
        line(points.map(Some))
    };
    let quarters = [0.0, 0.25, 0.5, 0.75, 1.0];
    html! {
        svg.chart viewBox=(frame.view_box()) role="img" aria-label="Precision against recall of points" {
            (grid(&frame, &quarters.map(|q| (q, tick(q))), &quarters.map(|q| (q, tick(q)))))
            (titles(&frame, "recall of points", "precision"))
            @for (place, curve) in curves.iter().enumerate() {
                @if let Some(curve) = curve { path class={ "line line-" (place % 4) } d=(path(curve)) {} }
            }
        }
    }
}

/// Recall of events against false alarms per series and day, on a logarithmic axis, with a week and a day marked.
pub(super) fn recall_of_events(curves: &[Vec<CurvePoint>]) -> Markup {
    let frame = CURVES;
    let share = |rate: f64| (rate.max(FEWEST_A_DAY) / FEWEST_A_DAY).ln() / (MOST_A_DAY / FEWEST_A_DAY).ln();
    let path = |curve: &Vec<CurvePoint>| {
        let points = frontier(curve);
        let drawn = points.iter().filter(|(rate, _)| *rate <= MOST_A_DAY);
        line(drawn.map(|(rate, recall)| Some((frame.x(share(*rate)), frame.y(*recall)))))
    };
    let rates = [(0.001, "0.001"), (0.01, "0.01"), (0.1, "0.1"), (1.0, "1")];
    let across = rates.map(|(rate, text)| (share(rate), text.to_owned()));
    let marks = [(1.0 / 7.0, "1 a week"), (1.0, "1 a day")];
    html! {
        svg.chart viewBox=(frame.view_box()) role="img" aria-label="Recall of events against false alarms per day" {
            (grid(&frame, &across, &[0.0, 0.25, 0.5, 0.75, 1.0].map(|q| (q, tick(q)))))
            (titles(&frame, "false alarms per series and day", "events found"))
            @for (rate, text) in marks {
                path.mark d={ "M" (round(frame.x(share(rate)))) " " (frame.top) "V" (frame.height - frame.bottom) } {}
                text.note x=(round(frame.x(share(rate)) - 3.0)) y=(frame.top + 12.0) text-anchor="end" { (text) }
            }
            @for (place, curve) in curves.iter().enumerate() {
                path class={ "line line-" (place % 4) } d=(path(curve)) {}
            }
        }
    }
}

/// The most that is found with no more than so many false alarms a day: episodes that a lower threshold joins are fewer,
/// so that the points themselves go back and forth.
fn frontier(curve: &[CurvePoint]) -> Vec<(f64, f64)> {
    let mut points: Vec<(f64, f64)> = curve.iter().map(|point| (point.false_alerts_per_day, point.recall)).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut most = 0.0_f64;
    for point in &mut points {
        most = most.max(point.1);
        point.1 = most;
    }
    points
}

/// A stretch of a series: value, band and labels above, the score with its boundary below.
pub(super) fn stretch(case: &Case) -> Markup {
    let last = case.times.len().saturating_sub(1).max(1) as f64;
    let x = |frame: &Frame, row: usize| frame.x(row as f64 / last);
    let finite = || case.values.iter().filter(|value| value.is_finite());
    let (low, high) = finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
    // a band far wider than the values must not press them flat
    let room = if high > low { (high - low) * 0.6 } else { high.abs().max(1.0) * 0.1 };
    let band = || case.lower.iter().chain(&case.upper).filter(|end| end.is_finite());
    let (low, high) = (
        band().fold(low, |least, end| least.min(end.max(low - room))),
        band().fold(high, |most, end| most.max(end.min(high + room))),
    );
    let (low, high) = if high > low { (low, high) } else { (low - room, high + room) };
    let share = move |value: f64| (value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0);
    let values = case.values.iter().enumerate();
    let value = line(values.map(|(row, v)| v.is_finite().then(|| (x(&VALUES, row), VALUES.y(share(*v))))));
    let scores = case.scores.iter().enumerate();
    let score = line(scores.map(|(row, s)| Some((x(&SCORES, row), SCORES.y(s / HIGHEST_SCORE)))));
    let shaded = |first: usize, last: usize| {
        let (from, to) = (x(&VALUES, first) - 1.0, x(&VALUES, last) + 1.0);
        (round(from), round((to - from).max(2.0)))
    };
    let down = SCORES.height - SCORES.bottom - VALUES.top;
    let labelled = crate::detect::evaluation::spans(&case.labels);
    let (focus_x, focus_width) = shaded(case.focus.first, case.focus.last);
    let ends = [case.times.first(), case.times.last()];
    html! {
        svg.chart viewBox=(VALUES.view_box()) role="img" aria-label="Value, expected band, labels and score" {
            @for span in &labelled {
                @let (from, width) = shaded(span.first, span.last);
                rect.event x=(from) y=(VALUES.top) width=(width) height=(round(down)) {}
            }
            (grid(&VALUES, &[], &[(share(low), short(low)), (share(high), short(high))]))
            (grid(&SCORES, &[], &[(0.0, "0".to_owned()), (1.0 / HIGHEST_SCORE, "1".to_owned())]))
            @if let Some(path) = area(case, &x, &share) { path.band d=(path) {} }
            path.value d=(value) {}
            path.boundary d={ "M" (SCORES.left) " " (round(SCORES.y(1.0 / HIGHEST_SCORE))) "H" (SCORES.width - SCORES.right) } {}
            path.score d=(score) {}
            rect.focus x=(focus_x) y=(VALUES.top) width=(focus_width) height=(round(down)) {}
            text.axis x="4" y=(SCORES.top + 10.0) { "score" }
            @for (place, time) in ends.into_iter().enumerate() {
                @if let Some(time) = time {
                    text.axis x=(if place == 0 { SCORES.left } else { SCORES.width - SCORES.right }) y=(SCORES.height - 6.0)
                        text-anchor=(if place == 0 { "start" } else { "end" }) { (minute(*time)) }
                }
            }
        }
    }
}

/// The band, one closed path for each run of rows that have one.
fn area(case: &Case, x: &impl Fn(&Frame, usize) -> f64, share: &impl Fn(f64) -> f64) -> Option<String> {
    let has = |row: &usize| {
        let end = |ends: &[f64]| ends.get(*row).is_some_and(|end| end.is_finite());
        end(&case.lower) && end(&case.upper)
    };
    let rows: Vec<usize> = (0..case.times.len()).collect();
    let place = |row: usize, ends: &[f64]| {
        let end = ends.get(row).copied().unwrap_or(0.0);
        format!("{} {}", round(x(&VALUES, row)), round(VALUES.y(share(end))))
    };
    let closed = |run: &[usize]| {
        let up = run.iter().map(|row| place(*row, &case.upper));
        let back = run.iter().rev().map(|row| place(*row, &case.lower));
        format!("M{}Z", up.chain(back).collect::<Vec<String>>().join("L"))
    };
    let runs = rows.split(|row| !has(row)).filter(|run| run.len() > 1);
    let path: String = runs.map(closed).collect();
    (!path.is_empty()).then_some(path)
}

fn titles(frame: &Frame, across: &str, up: &str) -> Markup {
    let middle = f64::midpoint(frame.top, frame.height - frame.bottom);
    html! {
        text.axis x=(round(f64::midpoint(frame.left, frame.width - frame.right))) y=(frame.height - 8.0) text-anchor="middle" { (across) }
        text.axis transform={ "translate(13 " (round(middle)) ") rotate(-90)" } text-anchor="middle" { (up) }
    }
}

fn tick(share: f64) -> String {
    format!("{share}")
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::cli::evaluate::cases::Fault;
    use crate::detect::evaluation::Span;

    #[test]
    fn a_stretch_of_anything_is_drawn_without_nan() {
        let nan = f64::NAN;
        for values in [vec![nan; 4], vec![1e300, -1e300, 0.0, nan], vec![5.0; 4], vec![0.0, 1.0, nan, 3.0]] {
            let case = Case {
                fault: Fault::Missed,
                metric: None,
                focus: Span { first: 1, last: 2 },
                length: 2,
                peak: 0.0,
                times: vec![Timestamp::UNIX_EPOCH; 4],
                lower: vec![nan, -1.0, f64::MIN, nan],
                upper: vec![nan, 2.0, f64::MAX, 1.0],
                scores: vec![0.0, 99.0, 1.0, 0.5],
                labels: vec![false, true, true, false],
                values,
            };
            let drawn = stretch(&case).into_string();
            assert!(drawn.contains("<svg") && drawn.contains("class=\"event\""));
            assert!(!drawn.contains("NaN") && !drawn.contains("\"inf") && !drawn.contains(" inf"), "{drawn}");
        }
    }

    #[test]
    fn more_false_alarms_never_find_less() {
        let point = |false_alerts_per_day, recall| CurvePoint { threshold: 1.0, false_alerts_per_day, recall };
        let curve = [point(0.0, 0.1), point(0.4, 0.5), point(0.2, 0.6), point(0.2, 0.3)];
        assert_eq!(frontier(&curve), [(0.0, 0.1), (0.2, 0.3), (0.2, 0.6), (0.4, 0.6)]);
    }
}
