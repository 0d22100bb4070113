//! Settings of the stages `Samples` → `Grid` → `Series`.

use serde::{Deserialize, Serialize};

use super::HumanDuration;

/// How samples become a regular series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Most points of one series after its gaps are made explicit. 1 or more; default 20,000,000 (160 MB of values).
    ///
    /// One absurd timestamp would otherwise stretch the grid over thousands of years.
    pub max_steps: usize,
    /// Longest gap, in steps, that is filled along a straight line. 0 or more; default 3.
    ///
    /// Longer gaps repeat the season before them. A straight line looks ahead to the end of its gap; with 0 no imputed
    /// value depends on a later one, except in a gap before the first value.
    pub linear_gap_steps: usize,
    /// The season that longer gaps repeat, like `1d` or `7d`; default 1d.
    ///
    /// When it is not a whole number of at least 2 steps, longer gaps hold the last value.
    pub gap_season: HumanDuration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { max_steps: 20_000_000, linear_gap_steps: 3, gap_season: HumanDuration::from_days(1) }
    }
}
