//! What is left of a series when season and level are taken off.

use super::order::{lag1, median, quantile, robust_scale};
use super::season::{centred, split};
use super::types::Noise;

/// Width of the level without a season, points.
const PLAIN_LEVEL: usize = 25;
/// Phases of a day or season.
pub(super) const PHASES: usize = 24;
/// Residuals that make the scale of a phase, and of a level.
const PER_PHASE: usize = 12;
const PER_LEVEL: usize = 30;
/// Bins of the level, and how many times the highest must be the lowest.
const LEVELS: usize = 10;
const LEVEL_REACH: f64 = 1.5;
/// Residuals that say something of the tail.
const FEWEST: usize = 100;
/// Scales beyond which a point is an outlier, and to which values are limited for their autocorrelation.
const OUTLIER: f64 = 6.0;
const LIMIT: f64 = 4.0;

/// Values, rescaled to magnitudes of about 1, with where they stand.
pub(super) struct Placed<'a> {
    /// The values.
    pub(super) values: &'a [f64],
    /// Zero of the unit of the series, in the same scale; `None` when not all values are above it.
    pub(super) zero: Option<f64>,
    /// Points of the season, 0 for none.
    pub(super) season: usize,
    /// Phase of the first value and phases from one to the next: hours of the day, or 24ths of the season; `None` when
    /// neither can be told.
    pub(super) clock: Option<(f64, f64)>,
    /// Whether phases are hours of the day.
    pub(super) hours: bool,
}

/// The noise, its scale in the scale of `placed.values`.
pub(super) fn measure(placed: &Placed<'_>) -> Noise {
    let (expected, left) = remainder(placed.values, placed.season);
    let scale = robust_scale(&mut left.clone());
    let limited: Vec<f64> =
        if scale > 0.0 { left.iter().map(|v| v.clamp(-LIMIT * scale, LIMIT * scale)).collect() } else { left.clone() };
    let (by_phase, noisiest_hour, quietest_hour) = by_phase(&left, placed, scale);
    let (tail_index, tail_weight) = if left.len() >= FEWEST { tail(&left) } else { (0.0, 0.0) };
    let far = left.iter().filter(|v| v.abs() > OUTLIER * scale).count() as f64;
    Noise {
        scale,
        lag1: lag1(&limited),
        by_phase,
        noisiest_hour,
        quietest_hour,
        with_level: placed.zero.map_or(0.0, |zero| with_level(&expected, &left, zero)),
        tail_index,
        tail_weight,
        outliers: if scale > 0.0 { far / left.len().max(1) as f64 } else { 0.0 },
    }
}

/// What season and level promise, and what is left.
fn remainder(values: &[f64], season: usize) -> (Vec<f64>, Vec<f64>) {
    let left: Vec<f64> = if season > 0 && values.len() >= 2 * season {
        let (detrended, phases) = split(values, season);
        detrended.iter().enumerate().map(|(i, v)| v - phases[i % season]).collect()
    } else {
        values.iter().zip(centred(values, PLAIN_LEVEL)).map(|(v, level)| v - level).collect()
    };
    (values.iter().zip(&left).map(|(v, rest)| v - rest).collect(), left)
}

/// Ratio of the largest and the smallest scale of all phases; 0 when a phase has too few points.
fn by_phase(left: &[f64], placed: &Placed<'_>, scale: f64) -> (f64, Option<usize>, Option<usize>) {
    let Some((first, growth)) = placed.clock else { return (0.0, None, None) };
    let mut of_phase = vec![Vec::new(); PHASES];
    for (index, value) in left.iter().enumerate() {
        of_phase[phase_at(index, first, growth)].push(*value);
    }
    if of_phase.iter().any(|own| own.len() < PER_PHASE) || scale <= 0.0 {
        return (0.0, None, None);
    }
    let scales: Vec<f64> = of_phase.iter_mut().map(|own| robust_scale(own).max(0.05 * scale)).collect();
    let order = |a: &(usize, &f64), b: &(usize, &f64)| a.1.total_cmp(b.1);
    let (loud, quiet) = (scales.iter().enumerate().max_by(order), scales.iter().enumerate().min_by(order));
    let (Some((loud, most)), Some((quiet, least))) = (loud, quiet) else { return (0.0, None, None) };
    let named = |hour: usize| placed.hours.then_some(hour);
    (most / least, named(loud), named(quiet))
}

/// Which of the phases point `index` is in.
pub(super) fn phase_at(index: usize, first: f64, growth: f64) -> usize {
    (growth.mul_add(index as f64, first) + 1e-9) as usize % PHASES
}

/// Slope of ln(scale) over ln(level) across ten bins of the level above `zero`.
fn with_level(expected: &[f64], left: &[f64], zero: f64) -> f64 {
    let mut pairs: Vec<(f64, f64)> = expected.iter().zip(left).map(|(e, rest)| (e - zero, *rest)).collect();
    pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    if pairs.len() < LEVELS * PER_LEVEL {
        return 0.0;
    }
    let mut points = Vec::with_capacity(LEVELS);
    for bin in pairs.chunks(pairs.len().div_ceil(LEVELS)) {
        let level = median(&mut bin.iter().map(|p| p.0).collect::<Vec<_>>());
        let scale = robust_scale(&mut bin.iter().map(|p| p.1).collect::<Vec<_>>());
        if level > 0.0 && scale > 0.0 {
            points.push((level.ln(), scale.ln()));
        }
    }
    let reach = points.last().map_or(0.0, |p| p.0) - points.first().map_or(0.0, |p| p.0);
    if points.len() < LEVELS / 2 || reach < LEVEL_REACH.ln() {
        return 0.0;
    }
    let n = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), p| (x + p.0 / n, y + p.1 / n));
    let squares: f64 = points.iter().map(|p| (p.0 - x) * (p.0 - x)).sum();
    points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum::<f64>() / squares
}

/// Hill's index of the largest deviations (the square root of their number, at least 10), and Crow and Siddiqui's measure.
fn tail(left: &[f64]) -> (f64, f64) {
    let mut work = left.to_vec();
    let middle = median(&mut work);
    let mut at = |q: f64| quantile(&mut work, q);
    let (outer, inner) = (at(0.975) - at(0.025), at(0.75) - at(0.25));
    let weight = if inner > 0.0 { (outer / inner - 2.91).clamp(-2.91, 1e6) } else { 0.0 };
    let mut sizes: Vec<f64> = left.iter().map(|v| (v - middle).abs()).filter(|v| *v > 0.0).collect();
    sizes.sort_unstable_by(|a, b| b.total_cmp(a));
    let taken = ((left.len() as f64).sqrt() as usize).max(10);
    let Some(threshold) = sizes.get(taken) else { return (0.0, weight) };
    let logs: f64 = sizes.iter().take(taken).map(|v| (v / threshold).ln()).sum();
    (if logs > 0.0 { (taken as f64 / logs).min(1e3) } else { 0.0 }, weight)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_distr::{Distribution, Normal, StudentT};
    use rand_pcg::Pcg64;

    use super::*;

    fn of(values: &[f64], season: usize, zero: Option<f64>) -> Noise {
        measure(&Placed { values, zero, season, clock: Some((0.0, 1.0 / 12.0)), hours: true })
    }

    fn draw(distribution: &impl Distribution<f64>, seed: u64) -> Vec<f64> {
        let mut random = Pcg64::seed_from_u64(seed);
        (0..8_640).map(|_| distribution.sample(&mut random)).collect()
    }

    #[test]
    fn normal_noise_is_even_light_and_forgetful() {
        let normal = draw(&Normal::new(0.0, 0.1).expect("normal"), 1);
        let noise = of(&normal, 288, None);
        assert!((noise.scale / 0.1 - 1.0).abs() < 0.1, "{noise:?}");
        assert!(noise.lag1.abs() < 0.05 && noise.tail_weight.abs() < 0.2 && noise.tail_index > 4.0, "{noise:?}");
        assert!((1.0..1.5).contains(&noise.by_phase) && noise.outliers < 1e-3 && noise.with_level.abs() < 1e-12);
    }

    #[test]
    fn heavy_tails_noisy_hours_and_noise_that_grows_with_the_level_are_seen() {
        let heavy = of(&draw(&StudentT::new(2.0).expect("student"), 2), 0, None);
        assert!(heavy.tail_index < 3.0 && heavy.tail_weight > 1.0 && heavy.outliers > 1e-3, "{heavy:?}");
        let normal = draw(&Normal::new(0.0, 0.01).expect("normal"), 3);
        let factor = |i: usize| if (i / 12) % 24 == 14 { 8.0 } else { 1.0 };
        let hour: Vec<f64> = normal.iter().enumerate().map(|(i, v)| v * factor(i)).collect();
        let hour = of(&hour, 288, None);
        assert!(hour.noisiest_hour == Some(14) && (5.0..12.0).contains(&hour.by_phase), "{hour:?}");
        let level = |i: usize| 0.6 + 0.5 * (std::f64::consts::TAU * i as f64 / 288.0).sin();
        let grown: Vec<f64> = normal.iter().enumerate().map(|(i, v)| level(i) * (1.0 + 10.0 * v)).collect();
        let grown = of(&grown, 288, Some(0.0));
        assert!((0.7..1.3).contains(&grown.with_level), "{grown:?}");
    }
}
