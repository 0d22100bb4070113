//! What a season promises: the expected value of the next point, known before it is seen.

use serde::{Deserialize, Serialize};

use super::window::{Recent, Rolling, median_of};

/// Most past days whose same time of day counts.
const MOST_DAYS: usize = 7;
/// Days that must be held before the season is used.
const FEWEST_DAYS: usize = 3;
/// Most past weeks whose same time of week counts, and the fewest.
const MOST_WEEKS: usize = 4;
const FEWEST_WEEKS: usize = 3;
/// Window of the median without a season, and longest window of the residual scale.
const PLAIN_WINDOW: usize = 300;
const LONGEST_SCALE: usize = 2_000;
/// Residuals that make a scale.
const FEWEST_RESIDUALS: usize = 20;
/// Buckets of the season for the variance by phase.
const PHASES: usize = 24;

/// Causal expectation: the median of the same time on up to seven past days (five-point medians), or of up to four past
/// weeks where those did better, plus half of the level by which the last hour missed it. Without three days of history
/// (or without a season) the rolling median.
///
/// The scale is a robust one of the residuals of the last day, times a factor of the phase: hours of the day that were
/// always noisy are judged more mildly than quiet ones.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Seasonal {
    season: Option<Season>,
    plain: Rolling,
    /// Residual without level correction, short window.
    level: Rolling,
    /// Absolute corrected residuals.
    spread: Rolling,
    by_phase: Vec<Phase>,
    #[serde(with = "super::exact::one")]
    mean_size: f64,
    #[serde(with = "super::exact::one")]
    day_error: f64,
    #[serde(with = "super::exact::one")]
    week_error: f64,
    /// The same of the rolling median, over the points at which a season had something to say.
    #[serde(with = "super::exact::one")]
    plain_error: f64,
    seen: u64,
    learned: u64,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Season {
    /// Points of the short season (a day) and of the long one (a week), 0 for none.
    day: usize,
    week: usize,
    /// Points that are held.
    held: usize,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Phase {
    #[serde(with = "super::exact::one")]
    size: f64,
    count: u32,
}

/// An expectation, in the units of the values that were pushed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expectation {
    /// Expected value.
    pub(super) value: f64,
    /// Robust standard deviation of the residual at this phase, above 0.
    pub(super) scale: f64,
    /// Residual scale without the factor of the phase.
    pub(super) plain_scale: f64,
    /// Expected value without level correction.
    base: f64,
    by_day: Option<f64>,
    by_week: Option<f64>,
    /// What the rolling median would say.
    plain: f64,
}

impl Expectation {
    /// Whether a season was expected, and not only a level.
    pub(super) const fn is_seasonal(&self) -> bool {
        self.by_day.is_some() || self.by_week.is_some()
    }
}

impl Seasonal {
    /// `day` and `week` in points; a season longer than `held` points is not used.
    pub(super) fn new(day: Option<usize>, week: Option<usize>, held: usize) -> Self {
        let day = day.filter(|d| *d >= 6 && d * 2 + 3 <= held);
        let week = week.filter(|w| *w >= 6 && w * FEWEST_WEEKS + 3 <= held);
        let season = day.or(week).map(|_| Season { day: day.unwrap_or(0), week: week.unwrap_or(0), held });
        let longest = day.or(week).unwrap_or(PLAIN_WINDOW);
        Self {
            season,
            plain: Rolling::new(longest.min(PLAIN_WINDOW)),
            level: Rolling::new((longest / 24).max(5)),
            spread: Rolling::new(longest.clamp(24, LONGEST_SCALE)),
            by_phase: vec![Phase { size: 0.0, count: 0 }; if season.is_some() { PHASES } else { 0 }],
            mean_size: 0.0,
            day_error: 0.0,
            week_error: 0.0,
            plain_error: 0.0,
            seen: 0,
            learned: 0,
        }
    }

    /// Another season for a stream whose values so far are `recent`: as if it had been expected from the first of them on.
    pub(super) fn after(recent: &Recent, day: Option<usize>, week: Option<usize>, held: usize) -> Self {
        let (mut before, mut seasonal) = (Recent::new(held), Self::new(day, week, held));
        for value in recent.to_vec(recent.len()) {
            let expected = seasonal.expect(&before);
            seasonal.follow(expected, value, true);
            before.push(value);
        }
        seasonal
    }

    /// What the next value will be, before it is pushed to `recent`.
    pub(super) fn expect(&self, recent: &Recent) -> Expectation {
        let by_day = self.season.and_then(|s| same_phase(recent, s.day, MOST_DAYS, FEWEST_DAYS, s.held));
        let by_week = self.season.and_then(|s| same_phase(recent, s.week, MOST_WEEKS, FEWEST_WEEKS, s.held));
        let seasonal = match (by_day, by_week) {
            (Some(day), Some(week)) => Some(if self.week_error < 0.9 * self.day_error { week } else { day }),
            (day, week) => day.or(week),
        };
        let plain = self.plain.median();
        let seasonal = seasonal.filter(|_| self.helps());
        let base = seasonal.unwrap_or(plain);
        let correction = if seasonal.is_some() && self.level.len() > 0 { 0.5 * self.level.median() } else { 0.0 };
        let plain_scale = self.scale();
        let scale = plain_scale * self.phase_factor();
        Expectation { value: base + correction, scale, plain_scale, base, by_day, by_week, plain }
    }

    /// Follows the value that came. With `learn`, scale and weights follow too; without, only the level does.
    pub(super) fn follow(&mut self, expected: Expectation, value: f64, learn: bool) {
        self.plain.push(value);
        self.level.push(value - expected.base);
        self.seen += 1;
        if !learn {
            return;
        }
        self.learned += 1;
        let size = (value - expected.value).abs();
        let rate = (1.0 / self.learned as f64).max(1e-4);
        self.mean_size += rate * (value.abs() - self.mean_size);
        self.spread.push(size);
        let plain = expected.by_day.or(expected.by_week).map(|_| expected.plain);
        let guesses = [expected.by_day, expected.by_week, plain];
        for (error, guess) in
            [&mut self.day_error, &mut self.week_error, &mut self.plain_error].into_iter().zip(guesses)
        {
            if let Some(guess) = guess {
                let span = self.season.map_or(1.0, |s| s.day.max(1) as f64 * 3.0);
                let miss = (value - guess).abs().min(8.0 * expected.plain_scale);
                *error += (miss - *error) / span.max(50.0);
            }
        }
        let limited = size.min(5.0 * expected.plain_scale);
        if expected.by_day.is_some()
            && let Some(index) = self.phase_before()
            && let Some(phase) = self.by_phase.get_mut(index)
        {
            phase.count = phase.count.saturating_add(1);
            let rate = (1.0 / f64::from(phase.count)).max(self.phase_rate());
            if let Some(phase) = self.by_phase.get_mut(index) {
                phase.size += rate * (limited - phase.size);
            }
        }
    }

    /// Whether there were enough residuals to make a scale.
    pub(super) fn is_ready(&self) -> bool {
        self.spread.len() >= FEWEST_RESIDUALS
    }

    /// Whether the season was no worse than the rolling median; true while nothing is known.
    fn helps(&self) -> bool {
        let errors = [self.day_error, self.week_error].into_iter().filter(|error| *error > 0.0);
        errors.fold(f64::INFINITY, f64::min).total_cmp(&self.plain_error).is_le() || self.plain_error <= 0.0
    }

    fn scale(&self) -> f64 {
        if !self.is_ready() {
            return (self.mean_size + self.spread.mean()).max(1e-9);
        }
        1.4826 * self.spread.median() + 0.1 * self.spread.sd() + 1e-3 * self.mean_size + 1e-9
    }

    fn phase_at(&self, seen: u64) -> Option<usize> {
        let day = self.season.map(|s| if s.day > 0 { s.day } else { s.week })?;
        Some((seen % day as u64) as usize * PHASES / day)
    }

    fn phase_before(&self) -> Option<usize> {
        self.phase_at(self.seen.checked_sub(1)?)
    }

    /// A week's worth of a bucket.
    fn phase_rate(&self) -> f64 {
        let day = self.season.map_or(PHASES, |s| s.day.max(PHASES)) as f64;
        PHASES as f64 / (7.0 * day)
    }

    /// How much noisier this phase was than the day as a whole, 0.5 to 2, pulled to 1 while little is known.
    fn phase_factor(&self) -> f64 {
        let Some(here) = self.phase_at(self.seen).and_then(|index| self.by_phase.get(index)) else { return 1.0 };
        let known = self.by_phase.iter().filter(|p| p.count > 0);
        let (sum, count) = known.fold((0.0, 0.0), |(sum, count), phase| (sum + phase.size, count + 1.0));
        let overall: f64 = if count > 0.0 { sum / count } else { 0.0 };
        if !(overall > 0.0 && here.count > 0) {
            return 1.0;
        }
        let trust = f64::from(here.count) / (f64::from(here.count) + 20.0);
        (trust * (here.size / overall).max(1e-3).ln()).exp().clamp(0.5, 2.0)
    }

    pub(super) fn is_sound(&self) -> bool {
        self.season.is_none_or(|s| s.day > 0 || s.week > 0) && self.by_phase.len() <= PHASES
    }
}

/// Median over past periods of the five-point median around the same phase; `None` before `fewest` periods are held.
fn same_phase(recent: &Recent, period: usize, most: usize, fewest: usize, held: usize) -> Option<f64> {
    let possible = held.saturating_sub(3) / period.max(1);
    let fewest = fewest.min(possible.max(1));
    if period == 0 || recent.len() < period * fewest + 2 {
        return None;
    }
    let mut medians = [0.0; MOST_DAYS];
    let mut count = 0;
    for back in 1..=most.min(MOST_DAYS) {
        let mut around = [0.0; 5];
        let mut found = 0;
        for lag in (back * period).saturating_sub(3)..back * period + 2 {
            if let Some(value) = recent.lag(lag) {
                around[found] = value;
                found += 1;
            }
        }
        if recent.lag(back * period - 1).is_none() {
            break;
        }
        medians[count] = median_of(&mut around[..found]);
        count += 1;
    }
    Some(median_of(&mut medians[..count]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs `value(i)` through and returns the last expectation.
    fn run(points: usize, day: usize, value: impl Fn(usize) -> f64) -> (Seasonal, Expectation) {
        let held = 8 * day;
        let (mut recent, mut seasonal) = (Recent::new(held), Seasonal::new(Some(day), Some(7 * day), held));
        for i in 0..points {
            let expected = seasonal.expect(&recent);
            seasonal.follow(expected, value(i), true);
            recent.push(value(i));
        }
        let expected = seasonal.expect(&recent);
        (seasonal, expected)
    }

    #[test]
    fn a_daily_pattern_is_expected_from_the_fourth_day_on() {
        let pattern = |i: usize| ((i % 24) as f64 - 12.0).abs();
        for hours in [72 + 5, 240 + 17] {
            let (seasonal, expected) = run(hours, 24, pattern);
            assert!(seasonal.season.is_some() && expected.by_day.is_some());
            assert!((expected.value - pattern(hours)).abs() < 1.01, "{} {}", expected.value, pattern(hours));
        }
    }

    #[test]
    fn noisy_hours_are_judged_more_mildly_than_quiet_ones() {
        let noise = |i: usize| if i % 48 < 24 { 0.01 } else { 1.0 } * (((i * 7_919) % 101) as f64 / 50.0 - 1.0);
        let (_, quiet) = run(48 * 20 + 12, 48, noise);
        let (_, noisy) = run(48 * 20 + 36, 48, noise);
        assert!(noisy.scale > 2.0 * quiet.scale, "{} {}", noisy.scale, quiet.scale);
    }

    #[test]
    fn nothing_is_expected_of_nothing() {
        let seasonal = Seasonal::new(None, None, 100);
        let expected = seasonal.expect(&Recent::new(100));
        assert!(expected.value.abs() < 1e-12 && expected.scale > 0.0);
        assert!(expected.by_day.is_none() && expected.by_week.is_none());
    }
}
