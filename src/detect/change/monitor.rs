//! The monitor of one series: what changed for good, as soon as it is sure.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::bank::{Bank, Shift};
use super::days::Days;
use super::event::{Change, ChangeKind};
use super::profile::{HOURS, MOST_INNER, Profile};
use crate::series::Step;

/// Kinds of changes that share the budget.
const KINDS: f64 = 4.0;
/// Smallest shift of the level that is one, in scales of the residual.
const LEAST_SHIFT: f64 = 0.75;
/// Points that a change of the noise needs.
const FEWEST_NOISY: usize = 16;
/// Smallest change of the noise that is one, as a logarithm: by half.
const LEAST_RATIO: f64 = 0.405;
/// Standardised residuals and logarithms count within these.
const MOST_RESIDUAL: f64 = 4.0;
const LEAST_LOG: f64 = -2.0;
const MOST_LOG: f64 = 3.0;
/// Weight of the newest point in the mean of a run.
const RECENT: f64 = 0.3;
/// Points after a change that say how large it is; changes among them are part of it.
const SETTLING: u32 = 24;
/// A level that shifts more often than this within a day is restless: that is said no more.
const MOST_UNREST: f64 = 3.5;
const SECS_OF_UNREST: f64 = 86_400.0;
/// Standard deviation of the logarithm of `|N|`.
const SD_OF_LOG: f64 = 1.11;
/// Residuals below this do not begin a run.
const SLACK: f64 = 0.5;
/// Mean of the logarithm of `|N − N′|` below that of the standard deviation, for independent normal numbers.
const LOG_OF_DIFFERENCE: f64 = 0.288_6;
/// Points of an hour from which the usual noise of that hour is learned slowly.
const NOISE_MEMORY: f64 = 500.0;
/// Probability below which a day without its shape, or a drift, is said to be one, at most.
const LARGEST_DAILY_P: f64 = 0.002;
const MS_PER_DAY: i64 = 86_400_000;

/// Looks for lasting changes in one series, point after point.
///
/// Level shifts, more or less noise, slow drift, a daily shape that does not come. About 1.5 KB of state, O(1) for a point (and O(56²) once a day).
///
/// Levels and noise are tested at scales of 4 to 1,024 points, each against what sums of that scale usually vary by, so
/// that neighbours that resemble each other do not pass for changes. False alarms of each of the four kinds are at most a
/// quarter of the budget. A level shift must show in the values against the day before and not only against what was
/// expected: an expectation that catches up with an old shift is no new one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChangeMonitor {
    step: Step,
    #[serde(with = "super::super::exact::one")]
    p_star: f64,
    level: Bank,
    spread: Bank,
    profile: Profile,
    days: Days,
    /// The logarithm of the usual difference of neighbours, by hour of the day.
    #[serde(with = "super::super::exact::f32s")]
    usual_noise: Vec<f32>,
    #[serde(with = "super::super::exact::f32s")]
    noise_points: Vec<f32>,
    /// Value that the others are held relative to.
    #[serde(with = "super::super::exact::f64s")]
    origin: Vec<f64>,
    /// Residual to which the level has shifted.
    #[serde(with = "super::super::exact::one")]
    offset: f64,
    /// The residual before, in the unit of the values; NaN after a gap.
    #[serde(with = "super::super::exact::one")]
    residual_before: f64,
    /// Standardised residual and logarithm of the first point of a pair; NaN when the next is the first.
    #[serde(with = "super::super::exact::f64s")]
    half: Vec<f64>,
    runs: [Run; 2],
    settling: Settling,
    settling_noise: u32,
    /// Level shifts of late, fading within a day.
    #[serde(with = "super::super::exact::one")]
    unrest: f64,
}

/// A new level that is not known well yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Settling {
    /// Points that are left.
    points: u32,
    #[serde(with = "super::super::exact::one")]
    residual: f64,
    /// How far it went beyond what was said.
    #[serde(with = "super::super::exact::one")]
    moved: f64,
}

/// A stretch in which residuals lean to one side: where a shift may have begun.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Run {
    /// Cumulative sum (Page 1954), 0 outside of a run.
    #[serde(with = "super::super::exact::one")]
    height: f64,
    points: u32,
    /// Recent means of standardised residuals and of deviations from the day before.
    #[serde(with = "super::super::exact::one")]
    residual: f64,
    #[serde(with = "super::super::exact::one")]
    moved: f64,
}

impl ChangeMonitor {
    /// A monitor that has seen nothing. `p_star` is the probability of a false alarm in one point that the budget allows,
    /// of which each kind of change takes a quarter; `season_points` is the length of the shortest season.
    #[must_use]
    pub fn new(step: Step, p_star: f64, season_points: Option<usize>) -> Self {
        let longest = season_points.unwrap_or(usize::MAX).max(16);
        Self {
            step,
            p_star: if p_star > 0.0 && p_star < 1.0 { p_star } else { 1e-4 },
            level: Bank::new(longest),
            spread: Bank::new(longest),
            profile: Profile::new(),
            days: Days::default(),
            usual_noise: vec![f32::NAN; HOURS],
            noise_points: vec![0.0; HOURS],
            origin: Vec::new(),
            offset: 0.0,
            residual_before: f64::NAN,
            half: vec![f64::NAN; 2],
            runs: [Run::default(); 2],
            settling: Settling::default(),
            settling_noise: 0,
            unrest: 0.0,
        }
    }

    /// Takes the next point with what was expected of it and the scale of the residual, both known before it; what has
    /// become certain with it. Points that were missing are left out. NaN and infinities, and scales that are not above 0,
    /// count as a gap.
    pub fn push(&mut self, at: Timestamp, value: f64, expected: f64, scale: f64) -> Vec<Change> {
        if !(value.is_finite() && expected.is_finite() && scale > 0.0 && scale.is_finite()) {
            self.residual_before = f64::NAN;
            return Vec::new();
        }
        if self.origin.is_empty() {
            self.origin.push(value);
        }
        let origin = self.origin();
        let within = |value: f64| (value / 2.0 - origin / 2.0).clamp(-MOST_INNER, MOST_INNER) * 2.0;
        let (inner, inner_expected) = (within(value), within(expected));
        let residual = value - expected;
        let moved = (inner - self.profile.day_before(at).unwrap_or(inner_expected)).clamp(-MOST_INNER, MOST_INNER);
        let standard = (residual / scale).clamp(-1e6, 1e6);
        self.unrest *= 1.0 - (self.step.secs_f64() / SECS_OF_UNREST).min(1.0);
        let settles = self.settle(standard, moved);
        if !settles {
            self.lean(standard, moved);
        }
        let log = self.log_of_noise(at, residual);
        let mut found = Vec::new();
        let pair = std::mem::replace(&mut self.half, vec![f64::NAN; 2]);
        let current = (standard - self.offset).clamp(-MOST_RESIDUAL, MOST_RESIDUAL);
        match pair[..] {
            [first, first_log] if !first.is_nan() => {
                let boundary = self.p_star / KINDS;
                if !settles {
                    let shift = self.level.push(first + current, (LEAST_SHIFT, 1));
                    let shift = shift.filter(|shift| shift.rate <= boundary);
                    found.extend(shift.and_then(|shift| self.shifted(at, expected, scale, shift)));
                }
                if let Some(left) = self.settling_noise.checked_sub(2) {
                    self.settling_noise = left;
                    self.make_noise_usual((first_log + log) / f64::from(SETTLING));
                } else {
                    let ratio = self.spread.push(first_log + log, (LEAST_RATIO, FEWEST_NOISY));
                    let ratio = ratio.filter(|ratio| ratio.rate <= 0.5 * boundary);
                    found.extend(ratio.map(|ratio| self.varied(at, ratio)));
                }
            }
            _ => self.half = vec![current, log],
        }
        found.extend(self.by_the_hour(at, inner, inner_expected, origin));
        found
    }

    /// Whether a snapshot holds what it must.
    pub(in crate::detect) fn is_sound(&self) -> bool {
        self.p_star > 0.0
            && self.level.is_sound()
            && self.spread.is_sound()
            && self.profile.is_sound()
            && self.days.is_sound()
            && self.usual_noise.len() == HOURS
            && self.noise_points.len() == HOURS
            && self.half.len() == 2
            && self.origin.len() <= 1
    }

    /// Follows the runs to either side.
    fn lean(&mut self, standard: f64, moved: f64) {
        let current = (standard - self.offset).clamp(-MOST_RESIDUAL, MOST_RESIDUAL);
        for (run, side) in self.runs.iter_mut().zip([1.0, -1.0]) {
            let height = run.height + side * current - SLACK;
            if height > 0.0 {
                let points = run.points.saturating_add(1);
                let weight = (1.0 / f64::from(points)).max(RECENT);
                let residual = run.residual + weight * (standard - run.residual);
                *run = Run { height, points, residual, moved: run.moved + weight * (moved - run.moved) };
            } else {
                *run = Run::default();
            }
        }
    }

    /// Logarithm of the difference from the residual before, relative to the usual one at this hour; learns that.
    fn log_of_noise(&mut self, at: Timestamp, residual: f64) -> f64 {
        let before = std::mem::replace(&mut self.residual_before, residual);
        let difference = (residual - before).abs();
        if !difference.is_finite() {
            return 0.0;
        }
        let log = difference.max(f64::MIN_POSITIVE).ln();
        let slot = Profile::slot(at);
        let (Some(usual), Some(points)) = (self.usual_noise.get_mut(slot), self.noise_points.get_mut(slot)) else {
            return 0.0;
        };
        if usual.is_nan() {
            *usual = log as f32;
        }
        let apart = (log - f64::from(*usual)).clamp(LEAST_LOG, MOST_LOG);
        *points = (*points + 1.0).min(NOISE_MEMORY as f32);
        *usual += (apart / f64::from(*points)) as f32;
        apart
    }

    /// A shift of the residuals: a change when the values moved as well, else the expectation has caught up. The points to
    /// come say how far it went.
    fn shifted(&mut self, at: Timestamp, expected: f64, scale: f64, shift: Shift) -> Option<Change> {
        let run = self.runs[usize::from(shift.mean < 0.0)];
        let before_shift = self.offset;
        self.runs = [Run::default(); 2];
        self.level.restart();
        let (residual, moved) =
            if run.points > 0 { (run.residual, run.moved) } else { (before_shift + shift.mean, 0.0) };
        self.offset = residual;
        self.settling = Settling { points: SETTLING, residual, moved };
        let size = residual - before_shift;
        let is_real = moved * size > 0.0 && moved.abs() >= 0.5 * size.abs() * scale;
        let before = self.profile.day_before(at).map(|inner| inner + self.origin());
        self.profile.shift(if is_real { moved } else { 0.0 });
        if !is_real {
            return None;
        }
        self.days.restart();
        self.unrest += 1.0;
        let before = before.unwrap_or(expected + before_shift * scale).clamp(f64::MIN, f64::MAX);
        (self.unrest <= MOST_UNREST).then(|| Change {
            kind: ChangeKind::LevelShift,
            // no earlier than the sum that showed it
            at: self.back(at, u64::from(run.points).clamp(1, shift.points as u64) - 1),
            detected_at: at,
            before,
            after: (before + moved).clamp(f64::MIN, f64::MAX),
            size_sigmas: (moved / scale).clamp(-1e9, 1e9),
            p_value: p_of(shift),
        })
    }

    /// The noise has another size: from here on that is the usual one, and the points to come say how large it is.
    fn varied(&mut self, at: Timestamp, ratio: Shift) -> Change {
        let known = |noise: &&f32| noise.is_finite();
        let here = self.usual_noise.get(Profile::slot(at)).filter(known);
        let usual = here.or_else(|| self.usual_noise.iter().find(known)).copied().map_or(0.0, f64::from);
        self.make_noise_usual(ratio.mean);
        self.spread.restart();
        self.settling_noise = SETTLING;
        if ratio.mean > 0.0 {
            self.level.stretch(ratio.mean.exp());
        }
        let sd = |log: f64| (log + LOG_OF_DIFFERENCE).exp().clamp(0.0, f64::MAX);
        Change {
            kind: ChangeKind::Variance,
            at: self.back(at, ratio.points as u64 - 1),
            detected_at: at,
            before: sd(usual),
            after: sd(usual + ratio.mean),
            size_sigmas: ratio.mean / SD_OF_LOG,
            p_value: p_of(ratio),
        }
    }

    fn make_noise_usual(&mut self, by: f64) {
        for usual in &mut self.usual_noise {
            *usual += by as f32;
        }
    }

    /// While a new level settles, its mean is the offset, and what it moved by goes into the day before.
    fn settle(&mut self, standard: f64, moved: f64) -> bool {
        let Some(left) = self.settling.points.checked_sub(1) else { return false };
        let weight = 1.0 / f64::from(SETTLING - left + 1);
        self.settling.points = left;
        self.settling.residual += weight * (standard - self.settling.residual);
        // `moved` is already relative to the shift
        self.settling.moved += weight * (moved - self.settling.moved);
        self.offset = self.settling.residual;
        if left == 0 {
            self.profile.shift(self.settling.moved);
            self.runs = [Run::default(); 2];
            self.level.restart();
        }
        true
    }

    fn origin(&self) -> f64 {
        self.origin.first().copied().unwrap_or(0.0)
    }

    /// What the ends of hours and days show.
    fn by_the_hour(&mut self, at: Timestamp, value: f64, expected: f64, origin: f64) -> Vec<Change> {
        let per_day = self.p_star / KINDS * MS_PER_DAY as f64 / self.step.millis() as f64;
        let p_star = per_day.min(LARGEST_DAILY_P);
        let end = self.profile.push(at, value, expected, p_star);
        let mut found = Vec::new();
        if let Some(lost) = end.lost {
            found.push(Change {
                kind: ChangeKind::MissingSeason,
                at: at.saturating_sub(jiff::SignedDuration::from_hours(24)).unwrap_or(at),
                detected_at: at,
                before: lost.usual,
                after: lost.now,
                size_sigmas: lost.sigmas.clamp(-1e9, 1e9),
                p_value: lost.p_value,
            });
        }
        let trend = end.day.and_then(|(day, median)| self.days.push(day, median, p_star));
        if let Some(trend) = trend {
            found.push(Change {
                kind: ChangeKind::Drift,
                at: Timestamp::from_millisecond(trend.first_day.saturating_mul(MS_PER_DAY)).unwrap_or(at).min(at),
                detected_at: at,
                before: trend.before + origin,
                after: trend.after + origin,
                size_sigmas: trend.sigmas,
                p_value: trend.p_value,
            });
        }
        found
    }

    /// The time so many points before `at`.
    fn back(&self, at: Timestamp, points: u64) -> Timestamp {
        let ms = self.step.millis().saturating_mul(i64::try_from(points).unwrap_or(i64::MAX));
        at.saturating_sub(jiff::SignedDuration::from_millis(ms)).unwrap_or(at)
    }
}

/// Probability of one sum of this size: its share of the rate over all scales.
fn p_of(shift: Shift) -> f64 {
    (shift.rate * shift.points as f64 / 2.0).clamp(f64::MIN_POSITIVE, 1.0)
}
