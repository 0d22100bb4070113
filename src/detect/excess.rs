//! From a raw score to a number that means the same for every part and series.

use serde::{Deserialize, Serialize};

use super::trail::Trail;

/// Values of the past that are held, and the most that one of them stands for.
const HELD: usize = 500;
const MOST_STRIDE: usize = 16;
/// Fewer values than this say nothing.
const WARM: u64 = 50;
/// Raw scores are cut here; far beyond what any quantile can reach.
const MOST: f64 = 1e7;

/// How far a raw score lies beyond its own bulk: `(r - q50) / (q95 - q50 + 0.02 (max - q50))`, at least 0, over the last
/// 8,000 values (thinned), quantiles refreshed every `max(50, t / 20)` values.
///
/// 1 is about the 95 % level whatever the part. The term with the maximum keeps parts that are almost always zero calm.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Excess {
    trail: Trail,
    #[serde(with = "super::exact::one")]
    middle: f64,
    #[serde(with = "super::exact::one")]
    unit: f64,
    seen: u64,
    next_refresh: u64,
}

impl Excess {
    pub(super) fn new(seed: u64) -> Self {
        Self { trail: Trail::new(1, HELD, MOST_STRIDE, seed), middle: 0.0, unit: 1.0, seen: 0, next_refresh: WARM }
    }

    /// The excess of `raw`; 0 before 50 values were learned.
    pub(super) fn of(&self, raw: f64) -> f64 {
        if self.seen < WARM { 0.0 } else { ((limit(raw) - self.middle) / self.unit).clamp(0.0, 1e9) }
    }

    /// Learns `raw` as a value of the past.
    pub(super) fn learn(&mut self, raw: f64) {
        self.trail.push(&[limit(raw)]);
        self.seen += 1;
        if self.seen >= self.next_refresh {
            self.refresh();
            self.next_refresh = self.seen + 50.max(self.seen / 20);
        }
    }

    fn refresh(&mut self) {
        let mut held = self.trail.firsts();
        let last = held.len().saturating_sub(1);
        let rank = |share: f64| ((share * held.len() as f64) as usize).min(last);
        let (at_middle, at_high) = (rank(0.5), rank(0.95));
        if held.is_empty() {
            return;
        }
        let (below, high, _) = held.select_nth_unstable_by(at_high, f32::total_cmp);
        let high = *high;
        let middle =
            if at_middle < below.len() { *below.select_nth_unstable_by(at_middle, f32::total_cmp).1 } else { high };
        let (middle, high) = (f64::from(middle), f64::from(high));
        self.middle = middle;
        self.unit = high - middle + 0.02 * (self.trail.peak() - middle).max(0.0) + 1e-9 + 1e-6 * middle.abs();
    }

    pub(super) fn is_sound(&self) -> bool {
        self.trail.is_sound() && self.unit > 0.0 && self.middle.is_finite()
    }
}

fn limit(raw: f64) -> f64 {
    if raw.is_nan() { 0.0 } else { raw.clamp(0.0, MOST) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_95_percent_level_is_near_one_and_the_median_is_zero() {
        let mut excess = Excess::new(1);
        for i in 0..5_000_u32 {
            excess.learn(f64::from((i * 7_919) % 1_000));
        }
        assert!(excess.of(500.0) < 0.1, "{}", excess.of(500.0));
        assert!((excess.of(950.0) - 1.0).abs() < 0.1, "{}", excess.of(950.0));
        assert!(excess.of(5_000.0) > 5.0);
        assert!(excess.of(f64::NAN).abs() < 1e-12);
    }

    #[test]
    fn nothing_is_said_before_the_warm_up() {
        let mut excess = Excess::new(1);
        (0..49).for_each(|_| excess.learn(1.0));
        assert!(excess.of(1e6).abs() < 1e-12);
        excess.learn(1.0);
        assert!(excess.of(1e6) > 1e6);
    }
}
