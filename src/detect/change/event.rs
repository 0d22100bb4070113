//! The value type of a change.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::types::Reason;
use crate::series::Unit;

/// Sizes beyond this are not told apart: there is hardly any noise to measure them by.
const MOST_SIGMAS: f64 = 100.0;

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// The level: from one point to the next, and it stayed.
    LevelShift,
    /// The size of the noise.
    Variance,
    /// The level, slowly, over weeks.
    Drift,
    /// The daily shape did not come.
    MissingSeason,
}

/// A change of a series that lasts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// What changed.
    pub kind: ChangeKind,
    /// When it began, as well as can be said; for a drift the first day that was looked at.
    pub at: Timestamp,
    /// When enough had been seen to say so; never before `at`.
    pub detected_at: Timestamp,
    /// Before: the level, for `variance` the standard deviation, for `missing_season` the usual deviation within a season.
    pub before: f64,
    /// After, in the same unit.
    pub after: f64,
    /// Size in standard deviations of the noise (of the logarithm of its size for `variance`), with its sign.
    pub size_sigmas: f64,
    /// Probability of such a change by chance, in (0, 1].
    pub p_value: f64,
}

impl ChangeKind {
    /// The name in files and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LevelShift => "level_shift",
            Self::Variance => "variance",
            Self::Drift => "drift",
            Self::MissingSeason => "missing_season",
        }
    }
}

impl Change {
    /// The reason that it gives to the point at which it was detected; none for noise that became less.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        match self.kind {
            ChangeKind::LevelShift => Some(Reason::LevelShift),
            ChangeKind::Drift => Some(Reason::Drift),
            ChangeKind::MissingSeason => Some(Reason::MissingSeason),
            ChangeKind::Variance => (self.after > self.before).then_some(Reason::MoreVariable),
        }
    }

    /// How much a drift moves in a week, in the unit of the values; 0 for other kinds.
    #[must_use]
    pub fn per_week(&self) -> f64 {
        let weeks = (self.detected_at.as_millisecond() - self.at.as_millisecond()) as f64 / 604_800_000.0;
        if self.kind == ChangeKind::Drift && weeks > 0.0 { (self.after - self.before) / weeks } else { 0.0 }
    }

    /// What happened, for people.
    #[must_use]
    pub fn sentence(&self, unit: Unit) -> String {
        let at = self.at.strftime("%Y-%m-%d %H:%M");
        let (before, after) = (unit.format(self.before), unit.format(self.after));
        let rose = self.after > self.before;
        match self.kind {
            ChangeKind::LevelShift => {
                let verb = if rose { "rose" } else { "fell" };
                let by = match self.size_sigmas.abs() {
                    sigmas if sigmas > MOST_SIGMAS => format!("more than {MOST_SIGMAS:.0}"),
                    sigmas => format!("{sigmas:.1}"),
                };
                format!("the level {verb} from {before} to {after} at {at} UTC, by {by} standard deviations")
            }
            ChangeKind::Variance => {
                let verb = if rose { "noisier" } else { "calmer" };
                format!("it became {verb} at {at} UTC: standard deviation {after}, before that {before}")
            }
            ChangeKind::Drift => {
                let verb = if rose { "rising" } else { "falling" };
                let per_week = unit.format(self.per_week().abs());
                let day = self.at.strftime("%Y-%m-%d");
                format!("the level has been {verb} by {per_week} per week since {day}, from {before} to {after}")
            }
            ChangeKind::MissingSeason => {
                format!("the usual daily shape has not come since {at} UTC: it moves by {after} instead of {before}")
            }
        }
    }
}
