//! Values that were not seen, and which parts cannot be trusted behind them.

use serde::{Deserialize, Serialize};

use super::parts::{COUNT, LONG_WINDOW, PARTS, Part};

/// Values not seen in a row that make a gap.
const FEWEST: u32 = 3;
/// Points that the one-step prediction and the short window look back.
const LAGS: usize = 12;
/// Part of the one-step prediction that is left with each value not seen.
const KEPT: f64 = 0.98;

/// Where the newest point stands to the last gap.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Gap {
    /// Values in a row that were not seen.
    unseen: u32,
    /// Points since the last run of several such values.
    since: u32,
}

impl Default for Gap {
    fn default() -> Self {
        Self { unseen: 0, since: u32::MAX / 2 }
    }
}

impl Gap {
    /// Counts the newest point.
    pub(super) const fn count(&mut self, unseen: bool) {
        if unseen {
            self.unseen = self.unseen.saturating_add(1);
        } else {
            self.since = if self.unseen >= FEWEST { 0 } else { self.since.saturating_add(1) };
            self.unseen = 0;
        }
    }

    /// How much of the one-step prediction counts in place of a value that was not seen, 1 to 0.
    pub(super) fn prediction_counts(self) -> f64 {
        KEPT.powf(f64::from(self.unseen))
    }

    /// Without the parts whose window reaches into a gap, `width` that of the shape: what stood in there proves nothing.
    pub(super) fn without_windows(self, mut raw: [Option<f64>; COUNT], width: usize) -> [Option<f64>; COUNT] {
        for ((part, _), raw) in PARTS.iter().zip(&mut raw) {
            let reach = match part {
                Part::ShortWindow | Part::Step => LAGS,
                Part::LongWindow => LONG_WINDOW,
                Part::Shape => width,
                Part::Forest | Part::Level | Part::Season => 0,
            };
            if (self.since as usize) < reach {
                *raw = None;
            }
        }
        raw
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_left_out_until_they_are_whole_again() {
        let mut gap = Gap::default();
        let open = |gap: Gap| gap.without_windows([Some(1.0); COUNT], 20).iter().flatten().count();
        assert_eq!(open(gap), COUNT);
        gap.count(true);
        gap.count(false);
        assert_eq!(open(gap), COUNT, "one value is no gap");
        (0..3).for_each(|_| gap.count(true));
        assert!(gap.prediction_counts() < 0.95);
        gap.count(false);
        assert_eq!(open(gap), 3);
        (0..12).for_each(|_| gap.count(false));
        assert_eq!(open(gap), 5);
        (0..20).for_each(|_| gap.count(false));
        assert_eq!(open(gap), COUNT);
    }
}
