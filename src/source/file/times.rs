//! Timestamps: text and Unix numbers into milliseconds.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use polars::prelude::StringChunked;

use super::cells::shown;
use super::csv::Place;
use crate::source::SourceError;

const ALLOWED: &str =
    "allowed are RFC 3339 like `2024-01-31T23:59:59Z`, `2024-01-31 23:59:59` (UTC), and Unix seconds or milliseconds";

/// How the first time of a file is written; the others must follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Number,
    Civil,
    Offset,
}

/// The times of a text column, Unix milliseconds.
pub(super) fn from_text(column: &StringChunked, name: &str, place: &Place<'_>) -> Result<Vec<i64>, SourceError> {
    let refuse = |row: usize, message: String| place.bad(row, Some(name), &message);
    let Some(first) = column.iter().next() else { return Ok(Vec::new()) };
    let style = Style::of(first.unwrap_or_default());
    let mut numbers = Numbers::default();
    let mut times = Vec::with_capacity(column.len());
    for (row, cell) in column.iter().enumerate() {
        let cell = cell.unwrap_or_default().trim();
        if cell.is_empty() {
            return Err(refuse(row, format!("the timestamp is empty; {ALLOWED}")));
        }
        let own = Style::of(cell);
        if own != style {
            return Err(refuse(row, mixed(cell, own, style)));
        }
        let parsed = match style {
            Style::Number => numbers.push(cell),
            Style::Civil => civil_ms(cell).map(|ms| times.push(ms)),
            Style::Offset => cell.parse::<Timestamp>().ok().map(|t| times.push(t.as_millisecond())),
        };
        if parsed.is_none() {
            return Err(refuse(row, format!("`{}` is not a timestamp; {ALLOWED}", shown(cell))));
        }
    }
    Ok(if style == Style::Number { numbers.into_millis() } else { times })
}

/// Whole Unix numbers of one unit into milliseconds; the unit follows from the median magnitude.
///
/// The median, since one absurd number must not change the unit of the others.
pub(super) fn from_integers(numbers: &[i64]) -> Vec<i64> {
    let mut magnitudes: Vec<u64> = numbers.iter().map(|n| n.unsigned_abs()).collect();
    let middle = magnitudes.len() / 2;
    let median = if magnitudes.is_empty() { 0 } else { *magnitudes.select_nth_unstable(middle).1 };
    let convert: fn(i64) -> i64 = match median {
        0..100_000_000_000 => |n| n.saturating_mul(1_000),
        100_000_000_000..100_000_000_000_000 => |n| n,
        100_000_000_000_000..100_000_000_000_000_000 => |n| n.div_euclid(1_000),
        _ => |n| n.div_euclid(1_000_000),
    };
    numbers.iter().copied().map(convert).collect()
}

/// Unix numbers with fractions into milliseconds, rounded; all must be finite.
pub(super) fn from_floats(numbers: &[f64]) -> Vec<i64> {
    let mut magnitudes: Vec<f64> = numbers.iter().map(|n| n.abs()).collect();
    let middle = magnitudes.len() / 2;
    let median = if magnitudes.is_empty() { 0.0 } else { *magnitudes.select_nth_unstable_by(middle, f64::total_cmp).1 };
    let factor = match median {
        l if l < 1e11 => 1e3,
        l if l < 1e14 => 1.0,
        l if l < 1e17 => 1e-3,
        _ => 1e-6,
    };
    numbers.iter().map(|n| (n * factor).round() as i64).collect()
}

impl Style {
    fn of(cell: &str) -> Self {
        let cell = cell.trim();
        let date = cell.as_bytes().get(4) == Some(&b'-');
        match cell.get(10..) {
            _ if !date && super::cells::number(cell).is_some() => Self::Number,
            Some(rest) if rest.contains(['Z', 'z', '+', '-', '[']) => Self::Offset,
            _ => Self::Civil,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Number => "a Unix number",
            Self::Civil => "a time without an offset",
            Self::Offset => "a time with an offset",
        }
    }
}

fn mixed(cell: &str, own: Style, style: Style) -> String {
    if own == Style::Civil && civil_ms(cell).is_none() {
        return format!("`{}` is not a timestamp; {ALLOWED}", shown(cell));
    }
    let (own, style) = (own.words(), style.words());
    format!("`{}` is {own} but the first row has {style}; one file must keep to one kind", shown(cell))
}

fn civil_ms(cell: &str) -> Option<i64> {
    let time: DateTime = cell.parse().ok()?;
    Offset::UTC.to_timestamp(time).ok().map(Timestamp::as_millisecond)
}

/// Numbers as integers for as long as all are.
#[derive(Debug, Default)]
struct Numbers {
    whole: Vec<i64>,
    real: Vec<f64>,
}

impl Numbers {
    fn push(&mut self, cell: &str) -> Option<()> {
        if self.real.is_empty() {
            if let Ok(number) = cell.parse() {
                self.whole.push(number);
                return Some(());
            }
            self.real = std::mem::take(&mut self.whole).into_iter().map(|n| n as f64).collect();
        }
        let number: f64 = cell.parse().ok()?;
        self.real.push(number);
        number.is_finite().then_some(())
    }

    fn into_millis(self) -> Vec<i64> {
        if self.real.is_empty() { from_integers(&self.whole) } else { from_floats(&self.real) }
    }
}
