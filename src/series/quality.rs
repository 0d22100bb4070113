//! What was wrong with samples.

use serde::{Deserialize, Serialize};

/// The defects of one series, counted on the way from `Samples` to `Series`. Nothing is repaired without a count here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quality {
    /// Samples as they came.
    pub samples: usize,
    /// Samples dropped because a later sample had the same time (the last finite one wins).
    pub duplicates: usize,
    /// Samples that came with a time before that of their predecessor.
    pub disordered: usize,
    /// Grid points without a finite value; they are imputed and flagged in the `Series`.
    pub missing: usize,
    /// Falls of a counter, each taken as a restart from zero.
    pub resets: usize,
    /// Samples whose time is not on the grid; each went to the nearest grid point.
    pub irregular: usize,
    /// Samples that shared a grid point with an earlier one; the point has their mean.
    pub merged: usize,
    /// Infinities, taken as missing.
    pub not_finite: usize,
    /// Values beyond ±[`MAX_MAGNITUDE`](super::MAX_MAGNITUDE), cut to it.
    pub clamped: usize,
    /// The source said that data may be missing.
    pub partial: bool,
}

impl Quality {
    /// Whether there is nothing to report.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        *self == Self { samples: self.samples, ..Self::default() }
    }
}
