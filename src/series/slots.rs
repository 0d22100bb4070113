//! The times of a grid: where it starts, how far apart its points are, and which point a time belongs to.

use jiff::Timestamp;

use super::{Sample, Step, infer_step};

const WEEK_MS: i64 = 7 * 86_400_000;
/// Monday 1970-01-05, from which whole weeks are counted.
const FIRST_MONDAY_MS: i64 = 4 * 86_400_000;
/// Steps that people choose, in milliseconds.
const COMMON_STEPS_MS: [i64; 25] = [
    100, 200, 250, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 20_000, 30_000, 60_000, 120_000, 300_000, 600_000,
    900_000, 1_200_000, 1_800_000, 3_600_000, 7_200_000, 14_400_000, 21_600_000, 43_200_000, 86_400_000, WEEK_MS,
];

/// The time axis of a [`Grid`](super::Grid): small and copyable, so that it outlives the grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slots {
    start_ms: i64,
    step: Step,
    len: usize,
    rule: Rule,
}

/// Which grid point a time between two of them belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// The nearest, the later of two equally near.
    Nearest,
    /// The one at or before it: the start of its bucket.
    Before,
}

/// Why there is no time axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    /// Times or step beyond what a timestamp can hold.
    OutOfRange,
    /// More points than allowed.
    TooLong(u64),
}

impl Slots {
    /// The axis for `points`, which ascend in time and are not empty.
    ///
    /// It starts on a multiple of `step` when most points lie on one, else in the phase that the points keep.
    pub(super) fn around(points: &[Sample], step: Step, max_steps: usize) -> Result<Self, Unfit> {
        let (Some(first), Some(last)) = (points.first(), points.last()) else {
            return Err(Unfit::OutOfRange);
        };
        let width = Timestamp::MAX.as_millisecond() - Timestamp::MIN.as_millisecond();
        let fits = |ms: i64| Timestamp::from_millisecond(ms).is_ok();
        if step.millis() > width || !fits(first.time_ms) || !fits(last.time_ms) {
            return Err(Unfit::OutOfRange);
        }
        let phase = phase(points, step.millis());
        let start_ms = (first.time_ms - phase + step.millis() / 2).div_euclid(step.millis()) * step.millis() + phase;
        Self { start_ms, step, len: 0, rule: Rule::Nearest }.until(last.time_ms, max_steps)
    }

    /// The axis of buckets of `step` that covers this one: multiples of the step, whole weeks from Monday on.
    pub(super) fn buckets(&self, step: Step, max_steps: usize) -> Result<Self, Unfit> {
        let start_ms = bucket_start(self.start_ms, step).ok_or(Unfit::OutOfRange)?;
        let last = self.time_ms(self.len.saturating_sub(1));
        Self { start_ms, step, len: 0, rule: Rule::Before }.until(last, max_steps)
    }

    fn until(mut self, last_ms: i64, max_steps: usize) -> Result<Self, Unfit> {
        let steps = self.slot(last_ms).and_then(|slot| u64::try_from(slot).ok()).ok_or(Unfit::OutOfRange)?;
        self.len = usize::try_from(steps).ok().and_then(|s| s.checked_add(1)).ok_or(Unfit::OutOfRange)?;
        if self.len > max_steps {
            return Err(Unfit::TooLong(steps + 1));
        }
        let end = i64::try_from(self.len).ok().and_then(|len| len.checked_mul(self.step.millis()));
        let end = end.and_then(|span| span.checked_add(self.start_ms));
        let fits = |ms: i64| Timestamp::from_millisecond(ms).is_ok();
        if fits(self.start_ms) && end.is_some_and(fits) { Ok(self) } else { Err(Unfit::OutOfRange) }
    }

    /// Unix time of the first point, milliseconds.
    #[must_use]
    pub const fn start_ms(&self) -> i64 {
        self.start_ms
    }

    /// Time between two points.
    #[must_use]
    pub const fn step(&self) -> Step {
        self.step
    }

    /// Number of points, at least 1.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a grid is never empty")]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Unix time of point `index`, milliseconds; saturates beyond the end.
    #[must_use]
    pub fn time_ms(&self, index: usize) -> i64 {
        let offset = i64::try_from(index).unwrap_or(i64::MAX).saturating_mul(self.step.millis());
        self.start_ms.saturating_add(offset)
    }

    /// The point that a sample at `time_ms` (Unix, milliseconds) went to; `None` outside the grid. O(1).
    #[must_use]
    pub fn index_of(&self, time_ms: i64) -> Option<usize> {
        let index = usize::try_from(self.slot(time_ms)?).ok()?;
        (index < self.len).then_some(index)
    }

    fn slot(&self, time_ms: i64) -> Option<i64> {
        let half = match self.rule {
            Rule::Nearest => self.step.millis() / 2,
            Rule::Before => 0,
        };
        Some(time_ms.checked_sub(self.start_ms)?.checked_add(half)?.div_euclid(self.step.millis()))
    }
}

/// The start of the bucket of `step` that holds `time_ms`: a multiple of the step since 1970, or since Monday
/// 1970-01-05 when the step is a number of whole weeks. `None` on overflow.
#[must_use]
pub fn bucket_start(time_ms: i64, step: Step) -> Option<i64> {
    let origin = if step.millis() % WEEK_MS == 0 { FIRST_MONDAY_MS } else { 0 };
    let since = time_ms.checked_sub(origin)?;
    since.checked_sub(since.rem_euclid(step.millis()))?.checked_add(origin)
}

/// The step of `points`, which ascend in time without repetition.
///
/// The most frequent gap when at least a fifth of the gaps keep it, else (scrapes with jitter) the median gap; unless nine
/// in ten gaps keep it, the common step (`15s`, `1m`, `5m`, `1h` …) within a tenth of it. `None` with fewer than two
/// points.
pub(super) fn settle_step(points: &[Sample]) -> Option<Step> {
    let times: Vec<i64> = points.iter().map(|p| p.time_ms).collect();
    let frequent = infer_step(&times)?;
    let mut gaps: Vec<i64> = times.windows(2).filter_map(|w| w[1].checked_sub(w[0])).collect();
    let keep = gaps.iter().filter(|gap| **gap == frequent.millis()).count();
    let share = keep as f64 / gaps.len() as f64;
    let middle = gaps.len() / 2;
    let typical = if share >= 0.2 { frequent.millis() } else { *gaps.select_nth_unstable(middle).1 };
    let common = COMMON_STEPS_MS.into_iter().find(|step| (typical - step).abs() <= step / 10);
    Step::from_millis(if share >= 0.9 { typical } else { common.unwrap_or(typical) })
}

/// Where in a step most points lie, 0 to `step` exclusive; 0 when they keep no phase or one within a tenth of 0.
fn phase(points: &[Sample], step: i64) -> i64 {
    let of = |point: &Sample| point.time_ms.rem_euclid(step);
    let most = |wanted: i64| points.iter().filter(|p| of(p) == wanted).count() * 2 > points.len();
    if most(0) {
        return 0;
    }
    let first = points.first().map_or(0, of);
    if most(first) {
        return first;
    }
    // circular mean: 0 and `step` are the same place
    let turn = std::f64::consts::TAU / step as f64;
    let (sin, cos) =
        points.iter().map(|p| (of(p) as f64 * turn).sin_cos()).fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1));
    if sin.hypot(cos) < 0.3 * points.len() as f64 {
        return 0;
    }
    let mean = ((sin.atan2(cos) / turn).round() as i64).rem_euclid(step);
    if mean.min(step - mean) <= step / 10 { 0 } else { mean }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(times: &[i64]) -> Vec<Sample> {
        times.iter().map(|t| Sample { time_ms: *t, value: 0.0 }).collect()
    }

    #[track_caller]
    fn check_step(times: &[i64], expected: &str) {
        assert_eq!(settle_step(&at(times)).expect("a step").to_string(), expected);
    }

    #[test]
    fn steps_are_the_frequent_gap_or_the_common_one_near_the_median() {
        check_step(&[0, 60_000, 120_000, 600_000], "1m");
        check_step(&[0, 59_870, 120_113, 179_905, 240_218, 299_880, 360_401, 420_399], "1m");
        check_step(&[0, 37_001, 74_003, 111_007, 148_016, 185_031, 222_062, 259_125], "37s9ms");
        check_step(&[0, 59_000, 119_000, 180_000, 239_000, 300_000], "1m");
        check_step(&[0, 59_000, 118_000, 177_000], "59s");
        assert_eq!(settle_step(&at(&[7])), None);
    }

    #[track_caller]
    fn check_start(times: &[i64], step: i64, start: i64, len: usize) {
        let slots = Slots::around(&at(times), Step::from_millis(step).expect("a step"), 1_000).expect("an axis");
        assert_eq!((slots.start_ms(), slots.len()), (start, len));
    }

    #[test]
    fn starts_are_aligned_unless_the_points_keep_another_phase() {
        check_start(&[60_000, 120_000, 180_001], 60_000, 60_000, 3);
        check_start(&[67_000, 127_000, 187_000], 60_000, 67_000, 3);
        check_start(&[59_990, 120_010, 180_020, 239_970], 60_000, 60_000, 4);
        check_start(&[90_010, 149_990, 210_020, 269_970], 60_000, 89_998, 4);
        check_start(&[0, 20, 70, 110], 60, 0, 3);
        check_start(&[-90_000, -30_000], 60_000, -90_000, 2);
    }

    #[test]
    fn absurd_times_are_refused() {
        let around =
            |times: &[i64], step: i64| Slots::around(&at(times), Step::from_millis(step).expect("a step"), 1_000);
        assert_eq!(around(&[0, 60_000, 253_000_000_000_000], 60_000), Err(Unfit::TooLong(4_216_666_668)));
        assert_eq!(around(&[0, i64::MAX], 60_000), Err(Unfit::OutOfRange));
        assert_eq!(around(&[0], i64::MAX), Err(Unfit::OutOfRange));
        assert_eq!(around(&[Timestamp::MAX.as_millisecond()], 60_000), Err(Unfit::OutOfRange));
    }

    #[test]
    fn weeks_start_on_monday() {
        let week = Step::from_millis(WEEK_MS).expect("a step");
        let wednesday: Timestamp = "2024-01-03T12:00:00Z".parse().expect("a time");
        let monday: Timestamp = "2024-01-01T00:00:00Z".parse().expect("a time");
        assert_eq!(bucket_start(wednesday.as_millisecond(), week), Some(monday.as_millisecond()));
        assert_eq!(bucket_start(-1, Step::MINUTE), Some(-60_000));
        assert_eq!(bucket_start(i64::MIN, Step::MINUTE), None);
    }
}
