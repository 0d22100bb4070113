//! The last day by hours: values, expectations and the noise, and whether the daily shape came.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::tail::beyond_student;

/// Values are held relative to the first one and within this, so that sums of an hour stay finite.
pub(super) const MOST_INNER: f64 = 1e300;
/// Hours of a day.
pub(super) const HOURS: usize = 24;
const HOUR_MS: i64 = 3_600_000;
/// Hours with values that a day must have to be compared.
const FEWEST_HOURS: usize = 18;
/// Days from which it is known how well the shape usually comes.
const FEWEST_DAYS: f64 = 6.0;
/// Days that are remembered of that.
const MEMORY_DAYS: f64 = 28.0;
/// The shape is missing when it comes by less than this share of the usual, and back from the second on.
const MISSING: f64 = 0.4;
const BACK: f64 = 0.7;
/// A shape that usually comes by less than this, or varies by more, is no shape that could be missed.
const LEAST_USUAL: f64 = 0.6;
const MOST_SPREAD: f64 = 0.2;

/// Means of the newest 24 hours, each relative to the first value that was seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Profile {
    #[serde(with = "super::super::exact::f32s")]
    values: Vec<f32>,
    #[serde(with = "super::super::exact::f32s")]
    expected: Vec<f32>,
    /// Sum of all shifts of the level when each hour was written, and now.
    #[serde(with = "super::super::exact::f64s")]
    shifted: Vec<f64>,
    #[serde(with = "super::super::exact::one")]
    shift: f64,
    /// Sums of the open hour: values, expectations, points.
    #[serde(with = "super::super::exact::f64s")]
    open: Vec<f64>,
    /// Number of the open hour since 1970.
    hour: Option<i64>,
    /// How well the shape came on past days: mean, variance, days.
    #[serde(with = "super::super::exact::f64s")]
    usual: Vec<f64>,
    missing: bool,
}

/// What the end of an hour showed.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct HourEnd {
    /// Median of the hours of a day that has ended, and the day's number since 1970.
    pub(super) day: Option<(i64, f64)>,
    /// The daily shape did not come.
    pub(super) lost: Option<Lost>,
}

/// How a shape did not come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Lost {
    /// Standard deviation within the day, as it usually is and as it was along the usual shape.
    pub(super) usual: f64,
    pub(super) now: f64,
    pub(super) sigmas: f64,
    pub(super) p_value: f64,
}

impl Profile {
    pub(super) fn new() -> Self {
        Self {
            values: vec![f32::NAN; HOURS],
            expected: vec![f32::NAN; HOURS],
            shifted: vec![0.0; HOURS],
            shift: 0.0,
            open: vec![0.0; 3],
            hour: None,
            usual: vec![0.0; 3],
            missing: false,
        }
    }

    pub(super) fn is_sound(&self) -> bool {
        [self.values.len(), self.expected.len(), self.shifted.len()] == [HOURS; 3]
            && self.open.len() == 3
            && self.usual.len() == 3
    }

    /// The hour of the day at `at`, UTC.
    pub(super) fn slot(at: Timestamp) -> usize {
        at.as_millisecond().div_euclid(HOUR_MS).rem_euclid(HOURS as i64) as usize
    }

    /// The value at this time on the day before, as far as it was seen, with the shifts since then: on the line through
    /// the means of this hour and the next. The hour before is of today.
    pub(super) fn day_before(&self, at: Timestamp) -> Option<f64> {
        let slot = Self::slot(at);
        let mean = |slot: usize| {
            let value = self.values.get(slot).copied().filter(|value| value.is_finite())?;
            Some(f64::from(value) + self.shift - self.shifted.get(slot)?).filter(|value| value.is_finite())
        };
        let here = mean(slot)?;
        let past_middle = at.as_millisecond().rem_euclid(HOUR_MS) as f64 / HOUR_MS as f64 - 0.5;
        Some(mean((slot + 1) % HOURS).map_or(here, |next| here + past_middle * (next - here)))
    }

    /// The level has shifted by this much: what comes is compared with the new one.
    pub(super) fn shift(&mut self, by: f64) {
        self.shift = (self.shift + by).clamp(-MOST_INNER, MOST_INNER);
    }

    /// Takes a point; what the hour before showed, when it ends with this point.
    pub(super) fn push(&mut self, at: Timestamp, value: f64, expected: f64, p_star: f64) -> HourEnd {
        let hour = at.as_millisecond().div_euclid(HOUR_MS);
        let mut end = HourEnd::default();
        if let Some(open) = self.hour.filter(|open| *open < hour) {
            end = self.close(open, hour, p_star);
        }
        self.hour = Some(hour);
        for (sum, new) in self.open.iter_mut().zip([value, expected, 1.0]) {
            *sum += new;
        }
        end
    }

    fn close(&mut self, open: i64, next: i64, p_star: f64) -> HourEnd {
        if let [values, expected, points] = self.open[..] {
            let slot = open.rem_euclid(HOURS as i64) as usize;
            self.values[slot] = (values / points) as f32;
            self.expected[slot] = (expected / points) as f32;
            self.shifted[slot] = self.shift;
        }
        self.open.fill(0.0);
        let day = open.div_euclid(HOURS as i64);
        let ends_day = next.div_euclid(HOURS as i64) > day;
        let lost = self.look(ends_day, p_star);
        let end = HourEnd { day: self.median().filter(|_| ends_day).map(|median| (day, median)), lost };
        // hours without a value
        for skipped in (open + 1..next).take(HOURS) {
            let slot = skipped.rem_euclid(HOURS as i64) as usize;
            (self.values[slot], self.expected[slot]) = (f32::NAN, f32::NAN);
        }
        end
    }

    fn median(&self) -> Option<f64> {
        let mut seen: Vec<f32> = self.values.iter().copied().filter(|value| value.is_finite()).collect();
        seen.sort_unstable_by(f32::total_cmp);
        let middle = seen.len() / 2;
        let upper = f64::from(*seen.get(middle)?);
        let lower = if seen.len().is_multiple_of(2) { f64::from(*seen.get(middle.checked_sub(1)?)?) } else { upper };
        Some(lower + (upper - lower) / 2.0)
    }

    /// Compares the newest 24 hours with what was expected of them: the slope of values over expectations.
    fn look(&mut self, ends_day: bool, p_star: f64) -> Option<Lost> {
        let (slope, deviation) = self.slope()?;
        let [mean, variance, days] = self.usual[..] else { return None };
        let known = days >= FEWEST_DAYS && mean >= LEAST_USUAL && variance.sqrt() <= MOST_SPREAD;
        let is_low = known && slope < MISSING * mean;
        if self.missing {
            self.missing = slope < BACK * mean;
            return None;
        }
        if is_low {
            // a day's worth of looks is nearly one look; the spread is never taken for less than a twentieth
            let spread = variance.sqrt().max(0.05) * (1.0 + 1.0 / days).sqrt();
            let sigmas = (slope - mean) / spread;
            let p_value = beyond_student(sigmas, days - 1.0);
            if p_value <= p_star {
                self.missing = true;
                let now = deviation * slope.max(0.0);
                return Some(Lost { usual: deviation * mean, now, sigmas, p_value });
            }
        }
        let differs = (slope - mean).abs() > 2.0 * MOST_SPREAD;
        if ends_day && days < FEWEST_DAYS && differs {
            self.usual.copy_from_slice(&[slope, 0.0, 1.0]);
        } else if ends_day && !is_low {
            let days = (days + 1.0).min(MEMORY_DAYS);
            let moved = slope - mean;
            let mean = mean + moved / days;
            let variance = if days > 1.0 { variance + (moved * (slope - mean) - variance) / days } else { 0.0 };
            self.usual.copy_from_slice(&[mean, variance.max(0.0), days]);
        }
        None
    }

    /// Slope of values over expectations and the standard deviation of expectations; `None` without a shape.
    fn slope(&self) -> Option<(f64, f64)> {
        let pairs = || {
            let both = self.values.iter().zip(&self.expected).map(|(v, e)| (f64::from(*v), f64::from(*e)));
            both.filter(|(v, e)| v.is_finite() && e.is_finite())
        };
        let count = pairs().count();
        if count < FEWEST_HOURS {
            return None;
        }
        let n = count as f64;
        let (sum_v, sum_e) = pairs().fold((0.0, 0.0), |(a, b), (v, e)| (a + v, b + e));
        let (mean_v, mean_e) = (sum_v / n, sum_e / n);
        let (along, square) =
            pairs().fold((0.0, 0.0), |(a, b), (v, e)| (a + (v - mean_v) * (e - mean_e), b + (e - mean_e).powi(2)));
        let slope = along / square;
        (square > 0.0 && slope.is_finite()).then(|| (slope.clamp(-10.0, 10.0), (square / n).sqrt()))
    }
}
