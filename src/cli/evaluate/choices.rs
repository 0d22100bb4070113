//! Values of the arguments of `evaluate`.

use std::str::FromStr;

use clap::ValueEnum;
use regex::Regex;

use crate::detect::evaluation::Baseline;

/// A detector to evaluate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DetectorChoice {
    /// Ours.
    Tidewatch,
    /// One to compare with.
    Baseline(Baseline),
}

/// How the result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// Everything, with the figures of each series.
    Json,
    /// A row for each detector.
    Csv,
}

/// The rows that are kept around the end of the training part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    /// Rows before it.
    pub before: usize,
    /// Rows from it on.
    pub after: usize,
}

/// A pattern for names: `*` is any text, `?` any character.
#[derive(Debug, Clone)]
pub struct Glob {
    text: String,
    pattern: Regex,
}

impl DetectorChoice {
    /// The name in arguments and results.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tidewatch => "tidewatch",
            Self::Baseline(baseline) => baseline.as_str(),
        }
    }
}

impl FromStr for DetectorChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "tidewatch" {
            return Ok(Self::Tidewatch);
        }
        text.parse().map(Self::Baseline).map_err(|_| {
            format!("detector must be one of tidewatch, seasonal_median, moving_z, isolation_forest, got `{text}`")
        })
    }
}

impl FromStr for Slice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refusal =
            || format!("slice must be rows before and after, like `12000,30000` or `12000,all`, got `{text}`");
        let rows = |part: &str| match part.trim() {
            "all" => Some(usize::MAX),
            number => number.parse().ok(),
        };
        let (before, after) = text.split_once(',').unwrap_or((text, "all"));
        let slice = Self { before: rows(before).ok_or_else(refusal)?, after: rows(after).ok_or_else(refusal)? };
        if slice.after > 0 { Ok(slice) } else { Err(refusal()) }
    }
}

impl Glob {
    /// Whether the whole of `name` fits.
    pub(super) fn fits(&self, name: &str) -> bool {
        self.pattern.is_match(name)
    }

    /// As it was written.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for Glob {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let part = |c: char| match c {
            '*' => ".*".to_owned(),
            '?' => ".".to_owned(),
            other => regex::escape(&other.to_string()),
        };
        let pattern: String = text.chars().map(part).collect();
        let pattern = Regex::new(&format!("(?s)^{pattern}$")).map_err(|_| format!("`{text:.60}` is too long"))?;
        Ok(Self { text: text.to_owned(), pattern })
    }
}

/// The share of each series that is learned from before anything is judged.
pub(in crate::cli) fn train_share(text: &str) -> Result<f64, String> {
    let share = text.trim().parse::<f64>().ok().filter(|share| (0.0..1.0).contains(share));
    share.ok_or_else(|| format!("share must be at least 0 and less than 1, like `0.5`, got `{text}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_whole_names() {
        let glob = |text: &str| text.parse::<Glob>().unwrap();
        assert!(glob("web-*").fits("web-1.eu") && !glob("web-*").fits("a-web-1"));
        assert!(glob("a?c").fits("abc") && !glob("a?c").fits("ac"));
        assert!(glob("a.c").fits("a.c") && !glob("a.c").fits("abc"));
        assert!(glob("*").fits("") && glob("*").fits("two\nlines"));
    }

    #[test]
    fn slices_and_shares_are_checked() {
        assert_eq!("12000,30000".parse(), Ok(Slice { before: 12_000, after: 30_000 }));
        assert_eq!("12000".parse(), Ok(Slice { before: 12_000, after: usize::MAX }));
        assert_eq!("all,5".parse(), Ok(Slice { before: usize::MAX, after: 5 }));
        for bad in ["", "a,b", "1,2,3", "-1,5", "5,0"] {
            assert!(bad.parse::<Slice>().unwrap_err().contains("12000,30000"), "{bad}");
        }
        assert_eq!(train_share("0.3"), Ok(0.3));
        for bad in ["1", "-0.1", "NaN", "half"] {
            assert!(train_share(bad).is_err(), "{bad}");
        }
        assert!("lstm".parse::<DetectorChoice>().unwrap_err().contains("moving_z"));
    }
}
