//! What fills and empties itself: log rotation, retention, vacuum, garbage collection.

use jiff::Timestamp;

use super::envelope::{Envelope, blocks};
use super::robust::{magnitude, median, quantile, theil_sen};
use crate::series::{Series, Step};

/// A turning point must stand out by one of these shares of the detrended range; the first that shows cycles is taken.
const SWINGS: [f64; 4] = [0.5, 0.3, 0.2, 0.12];
/// A cycle that lasts this many times the longest one seen is overdue.
const OVERDUE: f64 = 1.75;

/// A history of slow rises and quick falls.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cycles {
    /// The peak before each fall.
    pub(super) peaks: Envelope,
    /// Median size of a fall, in the unit of usage.
    pub(super) drop: f64,
    /// Whether it should have emptied itself by now, and did not.
    pub(super) overdue: bool,
    /// Index of the first point after the last fall.
    pub(super) since: usize,
}

/// The cycles of `used`, if it has at least three with quick falls.
///
/// The trend (Theil-Sen of the block peaks) is taken out, turning points that stand out are found, and rises are
/// compared with falls by the time between 20 % and 80 % of their way. Noise and seasons rise about as quickly as they
/// fall; what empties itself falls at least three times as quickly. O(n).
pub(super) fn find(used: &Series) -> Option<Cycles> {
    let flat = detrended(used);
    let range = quantile(&flat, 0.99) - quantile(&flat, 0.01);
    if !(range > 1e-9) {
        return None;
    }
    SWINGS.iter().find_map(|swing| judge(used, &flat, &legs(&flat, swing * range)))
}

/// A monotone stretch between two turning points.
#[derive(Debug, Clone, Copy)]
struct Leg {
    from: usize,
    to: usize,
}

fn judge(used: &Series, flat: &[f64], legs: &[Leg]) -> Option<Cycles> {
    let (falls, rises): (Vec<Leg>, Vec<Leg>) = legs.iter().partition(|leg| flat[leg.to] < flat[leg.from]);
    if falls.len() < 3 || rises.len() < 2 {
        return None;
    }
    let rise = median(&rises.iter().map(|leg| leg.middle_steps(flat)).collect::<Vec<_>>());
    let fall_steps: Vec<f64> = falls.iter().map(|leg| leg.middle_steps(flat)).collect();
    // with few cycles nearly every fall must be quick, or chance would do
    let quick = quantile(&fall_steps, if falls.len() < 6 { 1.0 } else { 0.8 });
    let periods: Vec<f64> = falls.windows(2).map(|pair| (pair[1].from - pair[0].from) as f64).collect();
    let period = median(&periods);
    let longest = quantile(&periods, 1.0);
    if !(rise >= 3.0 && 3.0 * quick <= rise && longest <= 3.0 * period) {
        return None;
    }
    let last = falls[falls.len() - 1];
    let waited = (used.len() - 1 - last.from) as f64;
    let values = used.values();
    let drops: Vec<f64> = falls.iter().map(|leg| values[leg.from] - values[leg.to]).collect();
    Some(Cycles {
        peaks: peaks(used, &falls, period)?,
        drop: median(&drops),
        overdue: waited > OVERDUE * longest,
        since: last.to,
    })
}

/// The peak before each fall, and the present rise when it is higher than all of them.
fn peaks(used: &Series, falls: &[Leg], period: f64) -> Option<Envelope> {
    let last = used.len() - 1;
    let mut indices: Vec<usize> = falls.iter().map(|leg| leg.from).collect();
    let highest = indices.iter().map(|&i| used.values()[i]).fold(f64::MIN, f64::max);
    if used.last() > highest {
        indices.push(last);
    }
    let times: Vec<Timestamp> = indices.iter().map(|&i| used.time_at(i)).collect();
    let values = indices.iter().map(|&i| used.values()[i]).collect();
    let step = Step::from_millis((period * used.step().millis() as f64) as i64)?;
    Some(Envelope { times, values, step })
}

fn detrended(used: &Series) -> Vec<f64> {
    let scale = magnitude(used.values());
    let envelope = blocks(used);
    let scaled: Vec<f64> = envelope.values.iter().map(|v| v / scale).collect();
    let slope = theil_sen(&envelope.positions(), &scaled) * used.step().secs_f64() / envelope.step.secs_f64();
    used.values().iter().enumerate().map(|(i, v)| v / scale - slope * i as f64).collect()
}

/// Alternating legs between turning points that stand out by at least `swing`.
///
/// A fall that has just happened counts; a rise that is still going on does not.
fn legs(values: &[f64], swing: f64) -> Vec<Leg> {
    let mut turns: Vec<usize> = Vec::new();
    let (mut low, mut high, mut rising) = (0, 0, None);
    for (i, &value) in values.iter().enumerate() {
        if value > values[high] {
            high = i;
        }
        if value <= values[low] {
            low = i;
        }
        match rising {
            Some(true) | None if values[high] - value >= swing => {
                turns.push(high);
                (low, rising) = (i, Some(false));
                high = i;
            }
            Some(false) | None if value - values[low] >= swing => {
                turns.push(low);
                (high, rising) = (i, Some(true));
                low = i;
            }
            _ => {}
        }
        // only the extreme that is being looked for is kept
        match rising {
            Some(true) => low = i,
            Some(false) => high = i,
            None => {}
        }
    }
    if rising == Some(false) {
        turns.push(low);
    }
    turns.windows(2).map(|pair| Leg { from: pair[0], to: pair[1] }).collect()
}

impl Leg {
    /// Steps between the last point within 20 % of the start and the first within 20 % of the end, at least 1.
    fn middle_steps(&self, values: &[f64]) -> f64 {
        let (start, end) = (values[self.from], values[self.to]);
        let way = |i: usize| (values[i] - start) / (end - start);
        let arrived = (self.from..=self.to).find(|&i| way(i) >= 0.8).unwrap_or(self.to);
        let left = (self.from..arrived).rev().find(|&i| way(i) <= 0.2).unwrap_or(self.from);
        (arrived - left).max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};

    use super::*;

    fn hourly(hours: usize, value: impl FnMut(usize) -> f64) -> Series {
        let values = (0..hours).map(value).collect();
        Series::try_new("s", Timestamp::UNIX_EPOCH, Step::HOUR, values).expect("a series")
    }

    #[track_caller]
    fn check(used: &Series, period_hours: f64) -> Cycles {
        let cycles = find(used).expect("cycles");
        let got = cycles.peaks.step.secs_f64() / 3_600.0;
        assert!((got - period_hours).abs() <= 0.05 * period_hours, "period {got} h");
        cycles
    }

    #[test]
    fn what_empties_itself_is_recognised_with_its_peaks() {
        let nightly = check(&hourly(14 * 24, |i| 40.0 + 2.0 * (i % 24) as f64), 24.0);
        assert!(nightly.peaks.values.iter().all(|v| (v - 86.0).abs() < 1e-9) && !nightly.overdue);
        assert!((nightly.drop - 46.0).abs() < 1e-9);
        check(&hourly(8 * 168, |i| 20.0 + 0.3 * (i % 168) as f64), 168.0);
        // on top of growth ten times as large as the swing
        check(&hourly(60 * 24, |i| i as f64 / 10.0 + 0.6 * (i % 24) as f64), 24.0);
        let mut random = rand_pcg::Pcg64::seed_from_u64(1);
        check(&hourly(40 * 24, |i| 40.0 + 2.0 * (i % 24) as f64 + random.random_range(-1.5..1.5)), 24.0);
    }

    #[test]
    fn a_clean_up_that_stayed_away_is_overdue() {
        let late = hourly(17 * 24, |i| if i < 12 * 24 { (i % 24) as f64 } else { (i - 11 * 24) as f64 });
        let cycles = check(&late, 24.0);
        assert!(cycles.overdue);
        assert_eq!(cycles.since, 11 * 24);
    }

    #[test]
    fn noise_seasons_and_growth_are_no_cycles() {
        for seed in 0..60 {
            let mut random = rand_pcg::Pcg64::seed_from_u64(seed);
            let (mut walk, mut level) = (0.0, 0.0);
            assert_eq!(find(&hourly(500, |_| random.random_range(0.0..1.0))), None, "white noise, seed {seed}");
            let mut random = rand_pcg::Pcg64::seed_from_u64(seed);
            let slow = hourly(500, |_| {
                level = 0.9 * level + random.random_range(-1.0..1.0);
                level
            });
            assert_eq!(find(&slow), None, "autocorrelated noise, seed {seed}");
            let climbing = hourly(500, |_| {
                walk += random.random_range(0.0..1.0);
                walk
            });
            assert_eq!(find(&climbing), None, "growth, seed {seed}");
        }
        assert_eq!(find(&hourly(500, |i| (i as f64 / 24.0 * std::f64::consts::TAU).sin())), None);
        assert_eq!(find(&hourly(500, |i| i as f64)), None);
        assert_eq!(find(&hourly(500, |_| 7.0)), None);
        assert_eq!(find(&hourly(1, |_| 7.0)), None);
        assert_eq!(find(&hourly(3, |i| if i == 1 { 1.7e308 } else { -1.7e308 })), None);
        // a single clean-up is no habit
        assert_eq!(find(&hourly(500, |i| if i < 300 { i as f64 } else { i as f64 - 250.0 })), None);
    }
}
