//! Events with an effect: campaigns, holidays, deploys, migrations.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Something that happens in known intervals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Its name.
    pub name: String,
    /// When it happened and will happen.
    pub spans: Vec<Span>,
    /// What it does.
    #[serde(default)]
    pub effect: Effect,
}

/// An interval of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// First moment.
    pub start: Timestamp,
    /// First moment after it.
    pub end: Timestamp,
}

/// What an event does to the values while it lasts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// What it did before.
    #[default]
    Learned,
    /// Multiplies: 1.4 for "+40 %". At least 0.
    Times(f64),
    /// Adds, in the unit of the series.
    Plus(f64),
}
