//! What is wrong with a configuration, where, and what is allowed.

use std::fmt::{self, Write as _};
use std::path::PathBuf;

use serde::de;

/// Names that are closer than this (1 is equal) are suggested.
const SIMILAR_ENOUGH: f64 = 0.75;
/// Longest part of a foreign value in a message, in characters.
const MAX_SHOWN_CHARS: usize = 80;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read configuration {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// The file is larger than any configuration should be.
    #[error("configuration {path} has {got} bytes, at most {limit} are read; is this the right file?")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        got: u64,
        /// The limit.
        limit: u64,
    },
    /// The text is not a valid configuration.
    #[error("{}", list(.path, .problems))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Every problem found, by line.
        problems: Vec<Problem>,
    },
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Line, counted from 1; 0 when it is about the whole file.
    pub line: u64,
    /// Column, counted from 1; 0 when it is about the whole file.
    pub column: u64,
    /// Which setting, such as `detectors[0].step`; empty for the whole file.
    pub setting: String,
    /// What is wrong and what is allowed.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}, column {}: ", self.line, self.column)?;
        }
        if !self.setting.is_empty() {
            write!(f, "{}: ", self.setting)?;
        }
        f.write_str(&self.message)
    }
}

fn list(path: &std::path::Path, problems: &[Problem]) -> String {
    let mut text = format!("{} is not valid:", path.display());
    for problem in problems {
        let _ = write!(text, "\n  {problem}");
    }
    text
}

/// A problem on its way up through the reader, which adds place and setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// Line and column, once known.
    pub(super) place: Option<(u64, u64)>,
    /// Keys and indices, innermost first.
    pub(super) path: Vec<String>,
    /// What is wrong.
    pub(super) message: String,
}

impl Fault {
    /// A fault whose place is not known yet.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { place: None, path: Vec::new(), message: message.into() }
    }

    /// The same fault, at `place` unless a nearer one is known.
    pub(super) fn or_at(mut self, place: (u64, u64)) -> Self {
        self.place.get_or_insert(place);
        self
    }

    /// The same fault, one level further out: inside of `step` (`.key` or `[index]`).
    pub(super) fn within(mut self, step: String) -> Self {
        self.path.push(step);
        self
    }

    /// The problem to report, below `setting`.
    pub(super) fn into_problem(self, setting: &str) -> Problem {
        let inner: String = self.path.iter().rev().map(String::as_str).collect();
        let (line, column) = self.place.unwrap_or_default();
        let setting = format!("{setting}{inner}").trim_start_matches('.').to_owned();
        Problem { line, column, setting, message: self.message }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    fn invalid_type(unexpected: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(format!("expected {}, got {}", plain(&expected.to_string()), shown(unexpected)))
    }

    fn invalid_value(unexpected: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::invalid_type(unexpected, expected)
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::new(unknown("key", field, expected))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::new(unknown("value", variant, expected))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(format!("`{field}` is missing"))
    }
}

/// `unknown <what> `x`; did you mean `y`? (allowed: …)`.
pub(super) fn unknown<S: AsRef<str>>(what: &str, got: &str, allowed: &[S]) -> String {
    let mut text = format!("unknown {what} `{}`", shortened(got));
    if let Some(similar) = suggestion(got, allowed) {
        let _ = write!(text, "; did you mean `{similar}`?");
    }
    let names: Vec<String> = allowed.iter().map(|name| format!("`{}`", name.as_ref())).collect();
    let _ = match names.is_empty() {
        true => write!(text, " (there is none)"),
        false => write!(text, " (allowed: {})", names.join(", ")),
    };
    text
}

/// The name in `allowed` that `got` was most likely meant to be.
fn suggestion<'a, S: AsRef<str>>(got: &str, allowed: &'a [S]) -> Option<&'a str> {
    let got = shortened(&got.to_lowercase());
    let closeness = |name: &str| strsim::jaro_winkler(&got, &name.to_lowercase());
    let best = allowed.iter().map(AsRef::as_ref).max_by(|a, b| closeness(a).total_cmp(&closeness(b)))?;
    (closeness(best) >= SIMILAR_ENOUGH).then_some(best)
}

/// `text` cut to a length that fits a line.
pub(super) fn shortened(text: &str) -> String {
    if text.chars().count() <= MAX_SHOWN_CHARS {
        return text.to_owned();
    }
    text.chars().take(MAX_SHOWN_CHARS).chain(['…']).collect()
}

/// What serde expects, in words that people know.
fn plain(expected: &str) -> String {
    match expected {
        "a sequence" => "a list".to_owned(),
        "a map" => "a mapping".to_owned(),
        "a boolean" => "`true` or `false`".to_owned(),
        "f64" | "f32" => "a number".to_owned(),
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or more".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".to_owned(),
        "a string" | "string" | "str" | "path string" | "string or map" => "a text".to_owned(),
        other if other.starts_with("struct ") => "a mapping".to_owned(),
        other => other.to_owned(),
    }
}

fn shown(unexpected: de::Unexpected<'_>) -> String {
    match unexpected {
        de::Unexpected::Bool(value) => format!("`{value}`"),
        de::Unexpected::Unsigned(value) => format!("`{value}`"),
        de::Unexpected::Signed(value) => format!("`{value}`"),
        de::Unexpected::Float(value) => format!("`{value}`"),
        de::Unexpected::Str(text) => format!("`{}`", shortened(text)),
        de::Unexpected::Unit | de::Unexpected::Option => "nothing".to_owned(),
        de::Unexpected::Seq => "a list".to_owned(),
        de::Unexpected::Map => "a mapping".to_owned(),
        other => other.to_string(),
    }
}
