//! Where a series is going, and how often its level changed for good.

use super::super::Step;
use super::order::{lag1, median, robust_scale, variance};
use super::season::rescaled;
use super::types::Trend;

/// Medians that stand for the whole series.
const MOST_BUCKETS: usize = 400;
const FEWEST_BUCKETS: usize = 5;
/// Buckets on each side of a level shift, and how many scales apart their medians must be.
const SIDE: usize = 4;
const APART: f64 = 6.0;

/// Trend and number of level shifts of `values` whose main season has `season` points (0 for none). O(n).
///
/// Both are measured on medians of buckets, each of whole seasons, so that neither a season nor outliers count.
pub(super) fn measure(values: &[f64], season: usize, step: Step) -> (Trend, usize) {
    let unknown = (Trend { p_value: 1.0, ..Trend::default() }, 0);
    let size = bucket_size(values.len(), season);
    let medians: Vec<f64> = values.chunks_exact(size).map(|chunk| median(&mut chunk.to_vec())).collect();
    if medians.len() < FEWEST_BUCKETS {
        return unknown;
    }
    let Some((scaled, unit)) = rescaled(&medians) else { return unknown };
    let slope = theil_sen(&scaled);
    let rest: Vec<f64> = scaled.iter().enumerate().map(|(i, v)| v - slope * i as f64).collect();
    let (before, after) = (variance(&scaled), variance(&rest));
    let trend = Trend {
        per_day: slope * unit / size as f64 * 86_400.0 / step.secs_f64(),
        strength: if before > 0.0 { (1.0 - after / before).clamp(0.0, 1.0) } else { 0.0 },
        p_value: mann_kendall(&scaled, lag1(&rest).max(0.0)),
    };
    (trend, shifts(&rest))
}

fn bucket_size(points: usize, season: usize) -> usize {
    let unit = season.max(1);
    unit * points.div_ceil(unit.saturating_mul(MOST_BUCKETS)).max(1)
}

/// Median of the slopes of all pairs. O(n²), n at most 400 or little more.
fn theil_sen(values: &[f64]) -> f64 {
    let mut slopes = Vec::with_capacity(values.len() * values.len() / 2);
    for (i, early) in values.iter().enumerate() {
        slopes.extend(values.iter().enumerate().skip(i + 1).map(|(j, late)| (late - early) / (j - i) as f64));
    }
    median(&mut slopes)
}

/// Two-sided p-value of the Mann-Kendall test, its variance grown for an autocorrelation of `memory` (Yue and Wang 2004).
fn mann_kendall(values: &[f64], memory: f64) -> f64 {
    let n = values.len() as f64;
    let mut sum = 0_i64;
    for (i, early) in values.iter().enumerate() {
        sum += values[i + 1..].iter().map(|late| i64::from(late > early) - i64::from(late < early)).sum::<i64>();
    }
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let spread = |n: f64| n * (n - 1.0) * 2.0_f64.mul_add(n, 5.0);
    let ties: f64 = sorted.chunk_by(|a, b| a >= b).map(|group| spread(group.len() as f64)).sum();
    let grown =
        1.0 + 2.0 * (1..values.len()).map(|k| (1.0 - k as f64 / n) * memory.powi(k.min(1_000) as i32)).sum::<f64>();
    let deviation = ((spread(n) - ties) / 18.0 * grown).max(0.0).sqrt();
    if deviation > 0.0 { two_sided((sum.abs() - 1).max(0) as f64 / deviation) } else { 1.0 }
}

/// Probability of a standard normal beyond ±`z` (Abramowitz and Stegun 7.1.26, to 1.5e-7).
fn two_sided(z: f64) -> f64 {
    let x = z / std::f64::consts::SQRT_2;
    let t = 1.0 / 0.327_591_1_f64.mul_add(x, 1.0);
    let terms = [1.061_405_429, -1.453_152_027, 1.421_413_741, -0.284_496_736, 0.254_829_592];
    let sum = terms.iter().fold(0.0, |sum: f64, term| sum.mul_add(t, *term)) * t;
    (sum * (-x * x).exp()).clamp(0.0, 1.0)
}

/// Places where the medians on both sides lie apart by far more than neighbours do.
fn shifts(buckets: &[f64]) -> usize {
    let mut moves: Vec<f64> = buckets.windows(2).map(|w| w[1] - w[0]).collect();
    let typical = moves.iter().map(|m| m.abs()).sum::<f64>() / moves.len().max(1) as f64;
    let scale = (robust_scale(&mut moves) / std::f64::consts::SQRT_2).max(0.5 * typical).max(1e-3);
    let between = |at: usize| {
        let side = |range: std::ops::Range<usize>| median(&mut buckets[range].to_vec());
        (side(at..at + SIDE) - side(at - SIDE..at)).abs()
    };
    if buckets.len() < 4 * SIDE {
        return 0;
    }
    let gaps: Vec<f64> = (SIDE..=buckets.len() - SIDE).map(between).collect();
    let mut count = 0;
    let mut next = 0;
    for (index, gap) in gaps.iter().enumerate() {
        let around = &gaps[index.saturating_sub(SIDE)..(index + SIDE + 1).min(gaps.len())];
        if index >= next && *gap > APART * scale && around.iter().all(|other| other <= gap) {
            count += 1;
            next = index + 2 * SIDE;
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_pcg::Pcg64;

    use super::*;

    fn noise(count: usize) -> Vec<f64> {
        let mut random = Pcg64::seed_from_u64(7);
        (0..count).map(|_| random.random_range(-1.0..1.0)).collect()
    }

    #[test]
    fn a_slope_is_given_per_day_and_a_season_is_none() {
        let season = |i: usize| (std::f64::consts::TAU * i as f64 / 24.0).sin() * 5.0;
        let noise = noise(2_000);
        let rising: Vec<f64> = (0..960).map(|i| 0.5 * i as f64 / 24.0 + season(i) + noise[i]).collect();
        let (trend, shifts) = measure(&rising, 24, Step::HOUR);
        assert!((trend.per_day - 0.5).abs() < 0.02 && trend.strength > 0.9 && trend.p_value < 1e-6, "{trend:?}");
        assert_eq!(shifts, 0);
        let level: Vec<f64> = (0..960).map(|i| season(i) + noise[i]).collect();
        let (trend, _) = measure(&level, 24, Step::HOUR);
        assert!(trend.p_value > 0.01 || trend.strength < 0.25, "{trend:?}");
    }

    #[test]
    fn level_shifts_are_counted_and_single_outliers_are_not() {
        let noise = noise(2_000);
        let steps = |i: usize| f64::from(u8::from(i > 600)) * 8.0 - f64::from(u8::from(i > 1_300)) * 12.0;
        let mut values: Vec<f64> = (0..2_000).map(|i| steps(i) + noise[i]).collect();
        assert_eq!(measure(&values, 0, Step::MINUTE).1, 2);
        values.iter_mut().enumerate().for_each(|(i, v)| *v -= steps(i));
        values[900] = 1e12;
        assert_eq!(measure(&values, 0, Step::MINUTE).1, 0);
    }

    #[test]
    fn the_normal_tail_is_that_of_tables() {
        for (z, p) in [(0.0, 1.0), (1.0, 0.317_310_5), (1.96, 0.049_995_8), (3.0, 0.002_699_8)] {
            assert!((two_sided(z) - p).abs() < 2e-7, "{z}");
        }
    }

    #[test]
    fn nothing_is_said_of_too_little() {
        for values in [&[][..], &[1.0], &[1.0; 50], &[1e300, -1e300, 0.0, 1.0]] {
            let (trend, shifts) = measure(values, 0, Step::HOUR);
            assert!(trend.p_value >= 1.0 && shifts == 0 && trend.per_day.abs() < 1e-12);
        }
    }
}
