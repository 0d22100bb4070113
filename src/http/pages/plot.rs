//! What all plots share: scales, axes, bands, and how a plot gets into a page.
//!
//! Colours are names of the stylesheet's custom properties (`--value`); the script replaces them by the colours of the
//! reader's theme. Texts in plots are ours alone: the plot library reads markup in them.

use jiff::Timestamp;
use maud::{Markup, PreEscaped, html};
use plotly::common::{DashType, Fill, Font, HoverInfo, Label, Line, Mode, Orientation, Title};
use plotly::layout::{
    Annotation, Axis, AxisType, HoverMode, Legend, Margin, ModeBar, RangeMode, Shape, ShapeLayer, ShapeLine, ShapeType,
};
use plotly::{Configuration, Layout, Plot, Scatter};

use crate::series::Unit;

/// Most points of one line.
pub(super) const MOST_POINTS: usize = 2_000;
/// No colour at all.
const CLEAR: &str = "rgba(0,0,0,0)";

/// A unit brought to the size of what is plotted: bytes as GiB, seconds as ms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    unit: Unit,
    divisor: f64,
    name: &'static str,
}

impl Scale {
    /// The scale for values of `unit` of which `values` are some. What is not finite is left out of account.
    pub(super) fn of(unit: Unit, values: impl IntoIterator<Item = f64>) -> Self {
        let finite = values.into_iter().filter(|value| value.is_finite());
        let largest = finite.fold(0.0_f64, |largest, value| largest.max(value.abs()));
        let steps: &[(f64, &'static str)] = match unit {
            Unit::Bytes => &[
                (1.0, "B"),
                (1024.0, "KiB"),
                (1_048_576.0, "MiB"),
                (1_073_741_824.0, "GiB"),
                (1_099_511_627_776.0, "TiB"),
                (1_125_899_906_842_624.0, "PiB"),
            ],
            Unit::BytesPerSecond => &[
                (1.0, "B/s"),
                (1024.0, "KiB/s"),
                (1_048_576.0, "MiB/s"),
                (1_073_741_824.0, "GiB/s"),
                (1_099_511_627_776.0, "TiB/s"),
            ],
            Unit::Seconds => &[(1e-6, "µs"), (1e-3, "ms"), (1.0, "s"), (60.0, "min"), (3_600.0, "h"), (86_400.0, "d")],
            Unit::Ratio => &[(0.01, "%")],
            Unit::Cores => &[(1.0, "cores")],
            Unit::PerSecond => &[(1.0, "per second")],
            Unit::Count => &[(1.0, "count")],
            Unit::None => &[(1.0, "value")],
        };
        let fitting = steps.iter().rev().find(|(divisor, _)| largest >= 2.0 * divisor).or_else(|| steps.first());
        let (divisor, name) = fitting.copied().unwrap_or((1.0, "value"));
        Self { unit, divisor, name }
    }

    /// `value` on this scale, six significant digits.
    pub(super) fn apply(&self, value: f64) -> f64 {
        rounded(value / self.divisor)
    }

    /// What stands at the axis.
    pub(super) const fn name(&self) -> &'static str {
        self.name
    }

    /// `value` with its unit, for hovering.
    pub(super) fn text(&self, value: f64) -> String {
        super::show::quantity(self.unit, value)
    }
}

/// Six significant digits: what nobody sees need not travel.
pub(super) fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let digits = 5 - value.abs().log10().floor() as i32;
    if !(-300..=300).contains(&digits) {
        return value;
    }
    let factor = 10_f64.powi(digits);
    let rounded = (value * factor).round() / factor;
    if rounded.is_finite() { rounded } else { value }
}

/// Indices of at most `most` of `values` that keep their shape: the lowest and the highest of each of many equal parts.
pub(super) fn thin(values: &[f64], most: usize) -> Vec<usize> {
    if values.len() <= most {
        return (0..values.len()).collect();
    }
    let parts = (most / 2).max(1);
    let mut kept = Vec::with_capacity(2 * parts);
    for part in 0..parts {
        let range = part * values.len() / parts..(part + 1) * values.len() / parts;
        let finite = || range.clone().filter(|&index| values[index].is_finite());
        let low = finite().min_by(|&a, &b| values[a].total_cmp(&values[b]));
        let high = finite().max_by(|&a, &b| values[a].total_cmp(&values[b]));
        match (low, high) {
            (Some(low), Some(high)) if low == high => kept.push(low),
            (Some(low), Some(high)) => kept.extend([low.min(high), low.max(high)]),
            _ => kept.push(range.start),
        }
    }
    kept
}

/// Milliseconds since 1970: what the plot library takes for a time in UTC.
pub(super) fn millis(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// A line. Values that are not finite are gaps.
pub(super) fn line(name: &str, color: &'static str, x: &[i64], y: Vec<f64>) -> Box<Scatter<i64, f64>> {
    Scatter::new(x.to_vec(), y).name(name).mode(Mode::Lines).line(Line::new().color(color).width(1.5))
}

/// The same, dashed.
pub(super) fn dashed(name: &str, color: &'static str, x: &[i64], y: Vec<f64>) -> Box<Scatter<i64, f64>> {
    let dash = Line::new().color(color).width(1.5).dash(DashType::Dash);
    Scatter::new(x.to_vec(), y).name(name).mode(Mode::Lines).line(dash)
}

/// A filled band between two lines, one area for each stretch in which both are finite.
pub(super) fn band(name: &str, color: &'static str, x: &[i64], lower: &[f64], upper: &[f64]) -> Box<Scatter<i64, f64>> {
    let (mut xs, mut ys) = (Vec::new(), Vec::new());
    let points: Vec<(i64, f64, f64)> = x.iter().zip(lower).zip(upper).map(|((x, l), u)| (*x, *l, *u)).collect();
    for stretch in points.split(|(_, lower, upper)| !(lower.is_finite() && upper.is_finite())) {
        let Some((last, _, _)) = stretch.last() else { continue };
        xs.extend(stretch.iter().map(|(x, _, _)| *x));
        ys.extend(stretch.iter().map(|(_, _, upper)| *upper));
        xs.extend(stretch.iter().rev().map(|(x, _, _)| *x));
        ys.extend(stretch.iter().rev().map(|(_, lower, _)| *lower));
        xs.push(*last);
        ys.push(f64::NAN);
    }
    Scatter::new(xs, ys)
        .name(name)
        .mode(Mode::Lines)
        .line(Line::new().color(color).width(0.0))
        .fill(Fill::ToSelf)
        .fill_color(color)
        .hover_info(HoverInfo::Skip)
}

/// A shaded span of time over the whole height.
pub(super) fn shaded(from: Timestamp, to: Timestamp, color: &'static str) -> Shape {
    Shape::new()
        .shape_type(ShapeType::Rect)
        .x_ref("x")
        .y_ref("paper")
        .x0(millis(from))
        .x1(millis(to))
        .y0(0)
        .y1(1)
        .fill_color(color)
        .line(ShapeLine::new().width(0.0))
        .layer(ShapeLayer::Below)
}

/// A level across the whole width of the vertical axis `axis`.
pub(super) fn level(value: f64, axis: &str, color: &'static str) -> Shape {
    Shape::new()
        .shape_type(ShapeType::Line)
        .x_ref("paper")
        .y_ref(axis)
        .x0(0)
        .x1(1)
        .y0(value)
        .y1(value)
        .line(ShapeLine::new().color(color).width(1.5).dash(DashType::Dash))
}

/// A moment over the whole height.
pub(super) fn moment(at: Timestamp, color: &'static str) -> Shape {
    Shape::new()
        .shape_type(ShapeType::Line)
        .x_ref("x")
        .y_ref("paper")
        .x0(millis(at))
        .x1(millis(at))
        .y0(0)
        .y1(1)
        .line(ShapeLine::new().color(color).width(1.0).dash(DashType::Dot))
}

/// A few words of ours in a plot, without an arrow.
pub(super) fn note(text: &str) -> Annotation {
    Annotation::new().text(text).show_arrow(false).font(Font::new().color("--ink").size(11)).background_color("--card")
}

/// The axis of time.
pub(super) fn time_axis() -> Axis {
    axis("time (UTC)").type_(AxisType::Date).hover_format("%Y-%m-%d %H:%M UTC")
}

/// A vertical axis with what it shows.
pub(super) fn axis(title: &str) -> Axis {
    Axis::new()
        .title(Title::with_text(title))
        .color("--ink")
        .grid_color("--grid")
        .line_color("--line")
        .zero_line_color("--grid")
        .auto_margin(true)
}

/// A vertical axis that begins at zero.
pub(super) fn axis_from_zero(title: &str) -> Axis {
    axis(title).range_mode(RangeMode::ToZero)
}

/// The layout all plots begin with.
pub(super) fn layout(height: usize) -> Layout {
    Layout::new()
        .auto_size(true)
        .height(height)
        .paper_background_color(CLEAR)
        .plot_background_color(CLEAR)
        .font(Font::new().color("--ink").size(12))
        .margin(Margin::new().left(56).right(12).top(34).bottom(36))
        .mode_bar(ModeBar::new().background_color(CLEAR).color("--muted").active_color("--link"))
        .hover_mode(HoverMode::XUnified)
        .hover_label(Label::new().background_color("--card").border_color("--line"))
        .legend(
            Legend::new().orientation(Orientation::Horizontal).x(0.0).y(1.0).y_anchor(plotly::common::Anchor::Bottom),
        )
}

/// A plot of `traces` on `layout`.
pub(super) fn plot(traces: Vec<Box<dyn plotly::Trace>>, layout: Layout) -> Plot {
    let mut plot = Plot::new();
    plot.add_traces(traces);
    plot.set_layout(layout);
    plot.set_configuration(Configuration::new().responsive(true).display_logo(false));
    plot
}

/// A plot in a page: a caption that says what is seen, the place where it is drawn, and its data.
pub(super) fn figure(id: &str, caption: &Markup, plot: &Plot) -> Markup {
    html! {
        figure.plot {
            figcaption id={ (id) "-caption" } { (caption) }
            div.canvas id=(id) role="group" aria-labelledby={ (id) "-caption" } {}
            script type="application/json" data-plot-for=(id) { (PreEscaped(inert(&plot.to_json()))) }
            noscript { p.muted { "This plot needs JavaScript. The numbers of the page are all in its text." } }
        }
    }
}

/// JSON that cannot end the element it stands in.
fn inert(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            '\u{2028}' => out.push_str("\\u2028"),
            '\u{2029}' => out.push_str("\\u2029"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_fit_the_values() {
        #[track_caller]
        fn check(unit: Unit, largest: f64, name: &str, scaled: f64) {
            let scale = Scale::of(unit, [largest, f64::NAN, f64::INFINITY]);
            assert_eq!(scale.name(), name);
            assert!((scale.apply(largest) - scaled).abs() <= 1e-5 * scaled.abs(), "{}", scale.apply(largest));
        }
        check(Unit::Bytes, 440e9, "GiB", 409.782);
        check(Unit::Bytes, 0.0, "B", 0.0);
        check(Unit::Seconds, 0.25, "ms", 250.0);
        check(Unit::Seconds, 1.5, "ms", 1_500.0);
        check(Unit::Seconds, 30.0, "s", 30.0);
        check(Unit::Seconds, 1e9, "d", 11_574.1);
        check(Unit::Ratio, 0.02, "%", 2.0);
        check(Unit::None, 1e300, "value", 1e300);
        assert!(Scale::of(Unit::Bytes, []).apply(f64::NAN).is_nan());
    }

    #[test]
    fn thinning_keeps_the_extremes_and_the_order() {
        let mut values: Vec<f64> = (0..10_000).map(|i| (f64::from(i) / 50.0).sin()).collect();
        values[4_321] = 99.0;
        values[8_765] = -99.0;
        values[100..200].fill(f64::NAN);
        let kept = thin(&values, 2_000);
        assert!(kept.len() <= 2_000, "{}", kept.len());
        assert!(kept.is_sorted());
        assert!(kept.contains(&4_321) && kept.contains(&8_765));
        assert!(kept.iter().any(|&index| values[index].is_nan()), "the gap stays a gap");
        assert_eq!(thin(&values[..5], 5), [0, 1, 2, 3, 4]);
        assert!(thin(&[], 5).is_empty());
    }

    #[test]
    fn rounding_bears_anything() {
        assert_eq!(rounded(123_456_789.0).to_string(), "123457000");
        assert_eq!(rounded(0.000_123_456_789).to_string(), "0.000123457");
        for value in [0.0, 1e308, -1e308, 1e-308, f64::MIN_POSITIVE] {
            assert!(rounded(value).is_finite(), "{value}");
        }
        assert!(rounded(f64::NAN).is_nan());
    }

    #[test]
    fn bands_break_where_an_end_is_unknown() {
        let nan = f64::NAN;
        let json =
            serde_json::to_value(band("b", "--band", &[1, 2, 3, 4], &[0.0, nan, 1.0, 1.0], &[2.0, 2.0, 3.0, 3.0]))
                .expect("json");
        assert_eq!(json["x"], serde_json::json!([1, 1, 1, 3, 4, 4, 3, 4]));
        assert_eq!(json["y"], serde_json::json!([2.0, 0.0, null, 3.0, 3.0, 1.0, 1.0, null]));
    }

    #[test]
    fn data_cannot_end_its_element() {
        let text = inert(&serde_json::json!({ "name": "</script><script>alert(1)</script>&\u{2028}" }).to_string());
        assert!(!text.contains('<') && !text.contains('&') && !text.contains('\u{2028}'), "{text}");
        let read: serde_json::Value = serde_json::from_str(&text).expect("still the same JSON");
        assert_eq!(read["name"], "</script><script>alert(1)</script>&\u{2028}");
    }
}
