//! Which seasons a series has: candidates from the calendar and the autocorrelation, each proved by prediction.

use super::super::Step;
use super::order::{mean, median, robust_scale, variance};
use super::spectrum::autocorrelation;

/// A season that was found and proved.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cycle {
    /// Length in points.
    pub points: usize,
    /// Length in seconds.
    pub secs: f64,
    /// Strength as of Hyndman: one less the variance that is left over that without trend, 0 to 1.
    pub strength: f64,
    /// Share by which the mean absolute error of a prediction from past cycles is below that of one from the level, 0 to 1.
    pub gain: f64,
    /// That error with the season, in the unit of the values.
    pub error: f64,
    /// How often it fits into what was measured.
    pub cycles: f64,
}

/// Seasons of metrics, seconds: clocks make them. A day and a week come first when others do as well.
const CALENDAR: [f64; 10] =
    [1_800.0, 3_600.0, 7_200.0, 10_800.0, 14_400.0, 21_600.0, 28_800.0, 43_200.0, DAY, 7.0 * DAY];
const DAY: f64 = 86_400.0;
/// Shortest season, points.
const SHORTEST: usize = 6;
/// Full seasons that are needed.
const FEWEST_CYCLES: usize = 3;
/// Points that are measured at most, and raw points behind them.
const MOST: usize = 16_384;
const MOST_RAW: usize = 262_144;
/// Cycles whose same phase is looked at.
const BACK: usize = 4;
/// Share by which a season must improve the prediction.
const LEAST_GAIN: f64 = 0.08;
/// Share of the cycles in which it must.
const MOST_CYCLES: f64 = 0.6;
/// A season that adds to a shorter one, or replaces the day, must have an error lower by this factor.
const BETTER: f64 = 0.93;
/// Strength that a season must have.
const LEAST_STRENGTH: f64 = 0.1;
/// Rounding of a season to whole points, as a share of it.
const ROUNDING: f64 = 0.01;
/// Peaks of the autocorrelation that are tried, and how high they must be.
const PEAKS: usize = 4;
const LEAST_PEAK: f64 = 0.1;

/// The seasons of `values` (in order of time, a `step` apart), shortest first; empty for short, constant and plain data.
///
/// Candidates are the lengths that clocks have, from half an hour to a week, and the highest peaks of the autocorrelation.
/// Each predicts the second half of the values, point by point, from its past alone: the trailing level plus the median
/// deviation at the same phase of up to four past cycles. It is proved when the mean absolute error is at least 8 % below
/// that of level and drift alone, in most cycles. Of seasons that are multiples of one another the shortest stays, unless the
/// longer one predicts better by 7 %; a day stays beside a week. What is no multiple must be proved again without the best one.
///
/// Values are limited to ten robust deviations around their median. NaN counts as the value before it. Beyond 16,384 points,
/// means of adjacent ones of the newest 262,144 are used. O(n log n).
#[must_use]
pub fn seasons(values: &[f64], step: Step) -> Vec<Cycle> {
    let (reduced, stride) = reduced(values, step);
    let Some((scaled, unit)) = rescaled(&reduced) else { return Vec::new() };
    let trial = Trial::new(&scaled);
    let proved: Vec<usize> = candidates(&scaled, step, stride)
        .into_iter()
        .filter(|p| trial.proves(*p) && strength(&scaled, *p) >= LEAST_STRENGTH)
        .collect();
    let from = proved.iter().map(|p| 2 * p).max().unwrap_or(0).max(scaled.len() / 2);
    let day = whole(DAY, step.secs_f64() * stride as f64);
    let kept = essential(proved.iter().map(|p| (*p, trial.error(*p, from))).collect(), day);
    let cycle = |(points, error): (usize, f64)| Cycle {
        points: points * stride,
        secs: (points * stride) as f64 * step.secs_f64(),
        strength: strength(&scaled, points),
        gain: trial.gain(points),
        error: error * unit,
        cycles: scaled.len() as f64 / points as f64,
    };
    let main = kept.iter().min_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(points, _)| *points);
    let left = without(&scaled, main);
    let left = Trial::new(&left);
    let adds = |points: usize| multiple(points, main) || multiple(main, points) || left.proves(points);
    kept.into_iter().filter(|(points, _)| *points == main || adds(*points)).map(cycle).collect()
}

/// Whether `long` is twice `short` or more often, to within 2 %.
fn multiple(long: usize, short: usize) -> bool {
    let times = (long as f64 / short.max(1) as f64).round();
    times >= 2.0 && (long as f64 - times * short as f64).abs() <= 0.02 * long as f64
}

/// Values less the medians by phase of a season; as they are without one.
fn without(values: &[f64], period: usize) -> Vec<f64> {
    if period == 0 {
        return values.to_vec();
    }
    let (_, phases) = split(values, period);
    values.iter().enumerate().map(|(i, v)| v - phases[i % period]).collect()
}

/// The values, or means of `stride` of them that lie together, newest last; the stride divides a day where it can.
fn reduced(values: &[f64], step: Step) -> (Vec<f64>, usize) {
    let newest = &values[values.len().saturating_sub(MOST_RAW)..];
    let needed = newest.len().div_ceil(MOST).max(1);
    let day = step.per_day();
    let stride = (needed..=2 * needed).find(|k| day > 0 && day.is_multiple_of(*k)).unwrap_or(needed);
    let mut last = newest.iter().copied().find(|v| v.is_finite()).unwrap_or(0.0);
    let filled: Vec<f64> = newest
        .iter()
        .map(|v| {
            if v.is_finite() {
                last = *v;
            }
            last
        })
        .collect();
    let from = filled.len() % stride;
    (filled[from..].chunks_exact(stride).map(|chunk| chunk.iter().map(|v| v / stride as f64).sum()).collect(), stride)
}

/// Values around their median in units of the largest deviation, and that unit; `None` when nothing varies.
pub(super) fn rescaled(values: &[f64]) -> Option<(Vec<f64>, f64)> {
    let mut work = values.to_vec();
    let centre = median(&mut work);
    let halves: Vec<f64> = values.iter().map(|v| v / 2.0 - centre / 2.0).collect();
    let spread = robust_scale(&mut halves.clone());
    let most = halves.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
    let limit = if spread > 0.0 { most.min(10.0 * spread) } else { most };
    let usable = limit > 0.0 && limit.is_finite();
    usable.then(|| (halves.iter().map(|v| v.clamp(-limit, limit) / limit).collect(), 2.0 * limit))
}

/// Lengths worth a trial, in points of the reduced values, ascending.
fn candidates(values: &[f64], step: Step, stride: usize) -> Vec<usize> {
    let (longest, step_secs) = (values.len() / FEWEST_CYCLES, step.secs_f64() * stride as f64);
    let fits = |points: &usize| (SHORTEST..=longest).contains(points);
    let mut all: Vec<usize> = CALENDAR.iter().filter_map(|secs| whole(*secs, step_secs)).filter(fits).collect();
    for peak in peaks(values, longest) {
        let new = all.iter().all(|known| known.abs_diff(peak) as f64 > 0.02 * *known as f64);
        if new && fits(&peak) {
            all.push(peak);
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}

/// `secs` as a number of steps, when it is a whole one to within 1 %.
fn whole(secs: f64, step_secs: f64) -> Option<usize> {
    let exact = secs / step_secs;
    let points = exact.round();
    ((exact - points).abs() <= ROUNDING * exact && points >= 1.0).then_some(points as usize)
}

/// The highest peaks of the autocorrelation, highest first.
fn peaks(values: &[f64], longest: usize) -> Vec<usize> {
    let known = autocorrelation(values, longest + 2);
    let mut lowest = f64::INFINITY;
    let mut found: Vec<(usize, f64)> = Vec::new();
    for lag in 2..known.len().saturating_sub(2) {
        lowest = lowest.min(known[lag]);
        let around = known[lag - 2].max(known[lag - 1]).max(known[lag + 1]).max(known[lag + 2]);
        if lag >= SHORTEST && known[lag] > LEAST_PEAK && known[lag] >= around && known[lag] > lowest + LEAST_PEAK / 2.0
        {
            found.push((lag, known[lag]));
            lowest = f64::INFINITY;
        }
    }
    found.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    found.into_iter().take(PEAKS).map(|(lag, _)| lag).collect()
}

/// Of multiples of one another the shortest, unless the longer one is better; `error` is second.
fn essential(proved: Vec<(usize, f64)>, day: Option<usize>) -> Vec<(usize, f64)> {
    let mut kept: Vec<(usize, f64)> = Vec::new();
    for (points, error) in proved {
        let shorter = kept.iter().filter(|(short, _)| multiple(points, *short));
        let known = shorter.map(|(_, error)| *error).fold(f64::INFINITY, f64::min);
        // nothing to improve once the error is rounding
        if error < BETTER * known && known > 1e-9 {
            kept.retain(|(short, _)| !multiple(points, *short) || Some(*short) == day);
            kept.push((points, error));
        }
    }
    kept
}

/// Values with what a prediction needs of them.
struct Trial<'a> {
    values: &'a [f64],
    sums: Vec<f64>,
}

impl<'a> Trial<'a> {
    fn new(values: &'a [f64]) -> Self {
        let mut sums = vec![0.0];
        sums.extend(values.iter().scan(0.0, |sum, v| {
            *sum += v;
            Some(*sum)
        }));
        Self { values, sums }
    }

    /// Mean of the `width` values before `index`.
    fn level(&self, index: usize, width: usize) -> f64 {
        (self.sums[index] - self.sums[index - width]) / width as f64
    }

    /// Values less their trailing level, 0 before there is one; and the same as centred means of a few neighbours.
    fn deviations(&self, period: usize) -> (Vec<f64>, Vec<f64>) {
        let values = self.values;
        let plain: Vec<f64> =
            (0..values.len()).map(|i| if i >= period { values[i] - self.level(i, period) } else { 0.0 }).collect();
        let reach = if period >= 24 { 2 } else { usize::from(period >= 12) };
        let around = |i: usize| mean(&plain[i.saturating_sub(reach)..(i + reach + 1).min(plain.len())]);
        let smooth = (0..plain.len()).map(around).collect();
        (plain, smooth)
    }

    /// Absolute errors from `from` on: with the season, with its neighbours smoothed, and without a season.
    fn errors(&self, period: usize, from: usize) -> Vec<[f64; 3]> {
        let (plain, smooth) = self.deviations(period);
        let from = from.max(2 * period).min(plain.len());
        let mut drift: f64 = plain[from - period.min(from)..from].iter().sum();
        let mut errors = Vec::with_capacity(plain.len() - from);
        for index in from..plain.len() {
            let cycles = (index / period).saturating_sub(1).clamp(1, BACK);
            let past = |of: &[f64]| {
                let mut same: [f64; BACK] = [0.0; BACK];
                for (back, slot) in same.iter_mut().enumerate().take(cycles) {
                    *slot = of[index - (back + 1) * period];
                }
                median(&mut same[..cycles])
            };
            let miss = |guess: f64| (plain[index] - guess).abs();
            errors.push([miss(past(&plain)), miss(past(&smooth)), miss(drift / period as f64)]);
            drift += plain[index] - plain[index - period];
        }
        errors
    }

    /// Mean absolute error of the better form of the season.
    fn error(&self, period: usize, from: usize) -> f64 {
        let errors = self.errors(period, from);
        let of = |form: usize| mean(&errors.iter().map(|e| e[form]).collect::<Vec<_>>());
        of(0).min(of(1))
    }

    fn gain(&self, period: usize) -> f64 {
        let errors = self.errors(period, self.values.len() / 2);
        let of = |form: usize| mean(&errors.iter().map(|e| e[form]).collect::<Vec<_>>());
        let without = of(2);
        if without > 0.0 { (1.0 - of(0).min(of(1)) / without).max(0.0) } else { 0.0 }
    }

    fn proves(&self, period: usize) -> bool {
        let errors = self.errors(period, self.values.len() / 2);
        let of = |form: usize, part: &[[f64; 3]]| part.iter().map(|e| e[form]).sum::<f64>();
        let form = usize::from(of(1, &errors) < of(0, &errors));
        let (with, without) = (of(form, &errors), of(2, &errors));
        let part = period.min(errors.len() / 2).max(1);
        let parts: Vec<&[[f64; 3]]> = errors.chunks_exact(part).collect();
        let better = parts.iter().filter(|part| of(form, part) < of(2, part)).count() as f64;
        with <= (1.0 - LEAST_GAIN) * without && without > 1e-9 && better >= MOST_CYCLES * parts.len() as f64
    }
}

/// `1 - var(remainder) / var(season + remainder)` with the season as medians by phase of what a centred mean leaves.
fn strength(values: &[f64], period: usize) -> f64 {
    let (detrended, phases) = split(values, period);
    let left: Vec<f64> = detrended.iter().enumerate().map(|(i, v)| v - phases[i % period]).collect();
    let whole = variance(&detrended);
    if whole > 0.0 { (1.0 - variance(&left) / whole).clamp(0.0, 1.0) } else { 0.0 }
}

/// Values less a centred mean of one period, and the medians of that by phase.
pub(super) fn split(values: &[f64], period: usize) -> (Vec<f64>, Vec<f64>) {
    let level = centred(values, period);
    let detrended: Vec<f64> = values.iter().zip(level).map(|(v, level)| v - level).collect();
    let phase = |phase: usize| {
        let mut same: Vec<f64> = detrended.iter().skip(phase).step_by(period).copied().collect();
        median(&mut same)
    };
    let phases = (0..period).map(phase).collect();
    (detrended, phases)
}

/// Centred means of `width` values; at the ends, of the first and the last `width`.
pub(super) fn centred(values: &[f64], width: usize) -> Vec<f64> {
    let width = width.clamp(1, values.len().max(1));
    let trial = Trial::new(values);
    let start = |i: usize| i.saturating_sub(width / 2).min(values.len() - width);
    (0..values.len()).map(|i| trial.level(start(i) + width, width)).collect()
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use rand::{Rng, SeedableRng};
    use rand_pcg::Pcg64;

    use super::*;

    fn noise(count: usize, seed: u64) -> Vec<f64> {
        let mut random = Pcg64::seed_from_u64(seed);
        (0..count).map(|_| random.random_range(-1.0..1.0) + random.random_range(-1.0..1.0)).collect()
    }

    fn walk(count: usize, seed: u64) -> Vec<f64> {
        let steps = noise(count, seed).into_iter();
        steps
            .scan(0.0, |sum, step| {
                *sum += step;
                Some(*sum)
            })
            .collect()
    }

    fn wave(index: usize, period: f64) -> f64 {
        (TAU * index as f64 / period).sin()
    }

    #[track_caller]
    fn check(values: &[f64], step_secs: i64, wanted_hours: &[f64]) {
        let found = seasons(values, Step::from_secs(step_secs).expect("positive"));
        let hours: Vec<f64> = found.iter().map(|cycle| cycle.secs / 3_600.0).collect();
        assert_eq!(hours, wanted_hours, "{found:?}");
    }

    #[test]
    fn day_and_week_are_found_with_noise_trend_and_outliers() {
        let noise = noise(1_344, 1);
        let mut daily: Vec<f64> = (0..1_344).map(|i| 10.0 + 3.0 * wave(i, 24.0) + noise[i] + 0.01 * i as f64).collect();
        check(&daily, 3_600, &[24.0]);
        daily[700] = 1e9;
        check(&daily, 3_600, &[24.0]);
        let weekly: Vec<f64> = (0..1_344)
            .map(|i| 3.0 * wave(i, 24.0) - if (i / 24) % 7 >= 5 { 5.0 } else { 0.0 } + 0.5 * noise[i])
            .collect();
        check(&weekly, 3_600, &[24.0, 168.0]);
    }

    #[test]
    fn a_shorter_season_is_told_from_the_day() {
        let noise = noise(4_032, 2);
        let shape = |i: usize, period: usize| if i % period < period / 4 { 4.0 } else { 0.0 };
        check(&(0..4_032).map(|i| shape(i, 144) + noise[i]).collect::<Vec<_>>(), 300, &[12.0]);
        check(&(0..4_032).map(|i| shape(i, 96) + noise[i]).collect::<Vec<_>>(), 300, &[8.0]);
        check(&(0..4_032).map(|i| shape(i, 66) + noise[i]).collect::<Vec<_>>(), 300, &[5.5]);
        check(&(0..4_032).map(|i| shape(i, 288) + noise[i]).collect::<Vec<_>>(), 300, &[24.0]);
        let job: Vec<f64> = (0..2_000).map(|i| if i % 60 == 7 { 5.0 } else { 0.0 }).collect();
        check(&job, 60, &[1.0]);
    }

    #[test]
    fn noise_walks_trends_steps_and_constants_have_none() {
        for seed in 0..15 {
            check(&noise(2_000, seed), 300, &[]);
            check(&walk(2_000, seed), 300, &[]);
            check(&walk(400, seed), 3_600, &[]);
        }
        check(&[5.0; 2_000], 300, &[]);
        check(&(0..2_000).map(f64::from).collect::<Vec<_>>(), 300, &[]);
        check(&(0..2_000).map(|i| f64::from(u8::from(i > 1_200))).collect::<Vec<_>>(), 300, &[]);
        for values in [&[][..], &[1.0], &[1.0, 2.0, 3.0], &[f64::NAN; 100], &[1e300, -1e300, 1e300, 1e308]] {
            assert!(seasons(values, Step::MINUTE).is_empty());
        }
    }

    #[test]
    fn the_unit_of_the_values_does_not_count_and_long_ones_are_thinned() {
        let noise = noise(40_320, 3);
        let values: Vec<f64> = (0..40_320).map(|i| wave(i, 1_440.0) + 0.3 * noise[i]).collect();
        let plain = seasons(&values, Step::MINUTE);
        assert_eq!(plain.iter().map(|c| c.points).collect::<Vec<_>>(), [1_440]);
        assert!(plain[0].strength > 0.9 && plain[0].gain > 0.5, "{plain:?}");
        let large: Vec<f64> = values.iter().map(|v| v * 1e140 + 1e140).collect();
        let large = seasons(&large, Step::MINUTE);
        assert_eq!(large[0].points, 1_440);
        assert!((large[0].error / 1e140 / plain[0].error - 1.0).abs() < 1e-6);
    }
}
