//! Which seasons a series has.
//!
//! Candidates come from the calendar (hour, day, week, month, year, as far as the step divides them) because metrics
//! follow clocks; a periodogram invents periods on short and constant data. Each candidate is tested, shortest first, on
//! what the accepted ones leave over: the detrended and clipped series is averaged by phase, and the share of variance
//! that the phases explain, adjusted for their number, must be larger than chance gives.

use crate::series::Step;

use super::Settings;
use super::stats::{is_positive, mean, median, robust_deviation};

/// A season that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Season {
    /// Length in steps.
    pub steps: usize,
    /// Adjusted share of the detrended variance that the phases explain, 0 to 1.
    pub strength: f64,
}

/// Longest rounding of a season to whole steps, as a share of the season.
const ROUNDING: f64 = 0.01;
/// Clipping of the detrended series, in robust deviations.
const CLIP: f64 = 4.0;
/// Clipping of the series itself.
const WILD: f64 = 10.0;
/// How many standard deviations above chance the strength must be.
const SIGNIFICANCE: f64 = 2.5;

/// Calendar seasons, in steps, that a series of `points` at `step` may have: ascending, without multiplicity.
///
/// A season counts when it is at least 3 steps, a whole number of steps to within 1 %, and fits `min_seasons` times and
/// five points more.
#[must_use]
pub fn candidates(step: Step, points: usize, settings: &Settings) -> Vec<usize> {
    let mut found: Vec<usize> = settings
        .season_secs
        .iter()
        .filter_map(|secs| {
            let steps = step.per_secs(*secs);
            let exact = secs / step.secs_f64();
            let whole = (exact - steps as f64).abs() <= ROUNDING * exact;
            (steps >= 3 && whole && fits(steps, points, settings)).then_some(steps)
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Whether `points` hold enough full seasons of `steps`.
#[must_use]
pub(super) fn fits(steps: usize, points: usize, settings: &Settings) -> bool {
    needed_points(steps, settings) <= points
}

/// Points that a season of `steps` needs.
#[must_use]
pub(super) fn needed_points(steps: usize, settings: &Settings) -> usize {
    steps.saturating_mul(settings.min_seasons).saturating_add(6)
}

/// The seasons of `values` among `candidates` (ascending, in steps). O(n) per candidate.
///
/// `values` are finite and of moderate size. Constant and very short series have no season.
#[must_use]
pub fn detect(values: &[f64], candidates: &[usize], settings: &Settings) -> Vec<Season> {
    // first of all wild outliers, which would bend the moving average of a whole season
    let mut rest = clipped(values, WILD);
    let mut found = Vec::new();
    for &steps in candidates {
        if steps < 2 || !fits(steps, rest.len(), settings) {
            continue;
        }
        let detrended = clipped(&without_trend(&rest, steps), CLIP);
        let phases = phase_means(&detrended, steps);
        let strength = adjusted_strength(&detrended, &phases);
        if strength > settings.min_strength.max(chance(&detrended, &phases)) {
            found.push(Season { steps, strength });
            for (index, value) in rest.iter_mut().enumerate() {
                *value -= phases[index % steps];
            }
        }
    }
    found
}

/// Values less a centred moving average of one season, which leaves the season whole.
fn without_trend(values: &[f64], steps: usize) -> Vec<f64> {
    let n = values.len();
    let centre = mean(values);
    let mut sums = Vec::with_capacity(n + 1);
    sums.push(0.0);
    let mut sum = 0.0;
    for value in values {
        sum += value - centre;
        sums.push(sum);
    }
    let width = steps.min(n);
    (0..n)
        .map(|index| {
            let from = index.saturating_sub(width / 2).min(n - width);
            values[index] - centre - (sums[from + width] - sums[from]) / width as f64
        })
        .collect()
}

fn clipped(values: &[f64], deviations: f64) -> Vec<f64> {
    let centre = median(values);
    let reach = deviations * robust_deviation(values);
    if reach > 0.0 {
        values.iter().map(|value| (value - centre).clamp(-reach, reach)).collect()
    } else {
        values.iter().map(|value| value - centre).collect()
    }
}

fn phase_means(values: &[f64], steps: usize) -> Vec<f64> {
    let mut sums = vec![(0.0, 0.0); steps];
    for (index, value) in values.iter().enumerate() {
        let (sum, count) = &mut sums[index % steps];
        *sum += value;
        *count += 1.0;
    }
    let means: Vec<f64> = sums.into_iter().map(|(sum, count)| if count > 0.0 { sum / count } else { 0.0 }).collect();
    let centre = mean(&means);
    means.into_iter().map(|value| value - centre).collect()
}

/// One less the ratio of remaining to total variance, each per degree of freedom; 0 when nothing varies.
fn adjusted_strength(values: &[f64], phases: &[f64]) -> f64 {
    let (n, s) = (values.len() as f64, phases.len() as f64);
    let centre = mean(values);
    let total: f64 = values.iter().map(|value| (value - centre).powi(2)).sum();
    let left: f64 =
        values.iter().enumerate().map(|(index, value)| (value - centre - phases[index % phases.len()]).powi(2)).sum();
    if !is_positive(total) || n <= s + 1.0 {
        return 0.0;
    }
    (1.0 - (left / (n - s)) / (total / (n - 1.0))).clamp(0.0, 1.0)
}

/// Strength that chance alone reaches: with `k` cycles of `s` phases that remember their neighbours by `r`, the adjusted
/// strength of noise has a standard deviation of about `sqrt(2 / (s' k (k - 1)))`, `s' = s (1 - r²) / (1 + r²)`.
fn chance(values: &[f64], phases: &[f64]) -> f64 {
    let s = phases.len();
    let left: Vec<f64> = values.iter().enumerate().map(|(index, value)| value - phases[index % s]).collect();
    let squares: f64 = left.iter().map(|value| value * value).sum();
    let products: f64 = left.windows(2).map(|pair| pair[0] * pair[1]).sum();
    let memory = if squares > 0.0 { (products / squares).clamp(0.0, 0.99) } else { 0.0 };
    let cycles = values.len() as f64 / s as f64;
    let effective = (s as f64 * (1.0 - memory * memory) / (1.0 + memory * memory)).max(2.0);
    SIGNIFICANCE * (2.0 / (effective * cycles * (cycles - 1.0).max(0.5))).sqrt()
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use rand::Rng;
    use rand::SeedableRng;
    use rand_pcg::Pcg64;

    use super::*;

    fn noise(count: usize, seed: u64) -> Vec<f64> {
        let mut random = Pcg64::seed_from_u64(seed);
        (0..count).map(|_| random.random_range(-1.0..1.0) + random.random_range(-1.0..1.0)).collect()
    }

    fn wave(index: usize, steps: f64) -> f64 {
        (TAU * index as f64 / steps).sin()
    }

    #[track_caller]
    fn check(values: &[f64], candidates: &[usize], expected: &[usize]) {
        let found: Vec<usize> =
            detect(values, candidates, &Settings::default()).iter().map(|season| season.steps).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn candidates_follow_the_step() {
        let settings = Settings::default();
        let of = |secs, points| candidates(Step::from_secs(secs).expect("positive"), points, &settings);
        assert_eq!(of(3_600, 2_000), [24, 168, 731]);
        assert_eq!(of(3_600, 400), [24, 168]);
        assert_eq!(of(300, 8_064), [12, 288, 2016]);
        assert_eq!(of(86_400, 1_000), [7, 365]);
        assert_eq!(of(7 * 86_400, 300), [52]);
        assert_eq!(of(2_629_800, 60), [12]);
        assert_eq!(of(420, 2_000), [206]);
        assert_eq!(of(3_600, 20), Vec::<usize>::new());
    }

    #[test]
    fn finds_day_and_week() {
        let noise = noise(1_000, 1);
        let daily: Vec<f64> = (0..1_000).map(|i| 10.0 + 3.0 * wave(i, 24.0) + noise[i]).collect();
        check(&daily, &[24, 168], &[24]);
        let both: Vec<f64> =
            (0..1_000).map(|i| daily[i] + if (i / 24) % 7 >= 5 { -4.0 } else { 0.0 } + 0.01 * i as f64).collect();
        check(&both, &[24, 168], &[24, 168]);
    }

    #[test]
    fn finds_none_in_noise_walks_and_constants() {
        for seed in 0..20 {
            let white = noise(400, seed);
            check(&white, &[24, 168], &[]);
            let walk: Vec<f64> = white
                .iter()
                .scan(0.0, |sum, value| {
                    *sum += value;
                    Some(*sum)
                })
                .collect();
            check(&walk, &[24, 168], &[]);
        }
        check(&[5.0; 200], &[24], &[]);
        check(&[1.0, 2.0], &[2], &[]);
        check(&[], &[24], &[]);
    }

    #[test]
    fn an_outlier_hides_no_season_and_makes_none() {
        let mut spiked: Vec<f64> = (0..240).map(|i| wave(i, 24.0) + 0.1 * wave(i, 7.3)).collect();
        spiked[100] = 1e6;
        check(&spiked, &[24], &[24]);
        let mut lonely = noise(240, 9);
        lonely[50] = 1e6;
        check(&lonely, &[24], &[]);
    }
}
