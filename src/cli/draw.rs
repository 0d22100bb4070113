//! What the plots of reports share: a drawing area, lines that break, grids, short texts for values and times.

use jiff::Timestamp;
use maud::{Markup, html};

/// A drawing area within a picture, in units of the picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
}

impl Frame {
    /// The place of a share of the width, from the left.
    pub(super) fn x(&self, share: f64) -> f64 {
        self.left + share.clamp(0.0, 1.0) * (self.width - self.left - self.right)
    }

    /// The place of a share of the height, from below.
    pub(super) fn y(&self, share: f64) -> f64 {
        self.height - self.bottom - share.clamp(0.0, 1.0) * (self.height - self.top - self.bottom)
    }

    pub(super) fn view_box(&self) -> String {
        format!("0 0 {} {}", self.width, self.height)
    }
}

/// A path through the points; `None` breaks it.
pub(super) fn line(points: impl Iterator<Item = Option<(f64, f64)>>) -> String {
    let (mut path, mut joined) = (String::new(), false);
    for point in points {
        if let Some((x, y)) = point {
            path.push_str(&format!("{}{} {}", if joined { "L" } else { "M" }, round(x), round(y)));
        }
        joined = point.is_some();
    }
    path
}

/// Grid lines with their texts: places are shares of the width and the height.
pub(super) fn grid(frame: &Frame, across: &[(f64, String)], up: &[(f64, String)]) -> Markup {
    let (bottom, right) = (frame.height - frame.bottom, frame.width - frame.right);
    html! {
        @for (share, text) in across {
            path.grid d={ "M" (round(frame.x(*share))) " " (frame.top) "V" (bottom) } {}
            text.axis x=(round(frame.x(*share))) y=(bottom + 16.0) text-anchor="middle" { (text) }
        }
        @for (share, text) in up {
            path.grid d={ "M" (frame.left) " " (round(frame.y(*share))) "H" (right) } {}
            text.axis x=(frame.left - 6.0) y=(round(frame.y(*share) + 4.0)) text-anchor="end" { (text) }
        }
    }
}

/// A hundredth of a unit is more than anybody sees.
pub(super) fn round(place: f64) -> f64 {
    (place * 100.0).round() / 100.0
}

pub(super) fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M").to_string()
}

/// A value with four significant digits.
pub(super) fn short(value: f64) -> String {
    let size = value.abs();
    if size > 0.0 && !(1e-3..1e6).contains(&size) {
        return format!("{value:.1e}");
    }
    let decimals = if size > 0.0 { (3 - size.log10().floor() as i32).clamp(0, 6) } else { 0 };
    let text = format!("{value:.*}", decimals as usize);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_gaps() {
        let points = [Some((0.0, 1.0)), Some((1.0, 1.004)), None, Some((3.0, 2.0))];
        assert_eq!(line(points.into_iter()), "M0 1L1 1M3 2");
        assert_eq!(short(123_456.0), "123456");
        assert_eq!(short(-7_285.25), "-7285");
        assert_eq!(short(1.5e9), "1.5e9");
        assert_eq!(short(0.25), "0.25");
        assert_eq!(short(0.0), "0");
    }
}
