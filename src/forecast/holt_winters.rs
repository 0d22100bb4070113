//! Additive Holt-Winters without trend, with an autoregressive error and clipped innovations.
//!
//! Innovations beyond four robust deviations are clipped, so that an outlier neither moves the level nor the season. The
//! smoothing parameters minimise a Huber loss once, on the whole history; the rolling origins only run the recursion.

use super::nelder_mead::minimise;
use super::pool::{Problem, Runs};
use super::stats::{deviation, differences, is_positive, mean, robust_deviation};

/// Innovations are clipped at this many robust deviations.
const CLIP: f64 = 4.0;
/// Evaluations of the loss.
const EVALUATIONS: usize = 120;

#[derive(Debug, Clone, Copy)]
struct Smoothing {
    level: f64,
    season: f64,
    memory: f64,
}

/// Forecasts of `x`, the raw or logarithmic history, with a season of `season` steps (1 for none).
///
/// `None` when `x` is constant or shorter than two seasons and three points.
pub(super) fn run(problem: &Problem<'_>, x: &[f64], season: usize) -> Option<Runs> {
    let season = season.max(1);
    let (centre, spread) = (mean(x), deviation(x));
    if !is_positive(spread) || x.len() < 2 * season + 3 {
        return None;
    }
    let z: Vec<f64> = x.iter().map(|value| (value - centre) / spread).collect();
    let sigma = innovation_scale(&z, season);
    let (level, phases) = start(&z, season);
    let best = minimise([-2.0, -2.0, 1.0], EVALUATIONS, (0.05, 1e-4), |point| {
        let mut state = State { level, phases: phases.clone(), error: 0.0 };
        let loss = state.run(&z, smoothing(point, season), sigma);
        (loss + 1e-12).ln() + 1e-3 * point.iter().map(|value| value * value).sum::<f64>()
    });
    let parameters = smoothing(&best, season);
    Some(problem.each_origin(|history, steps| {
        let z = z.get(..history.len())?;
        if z.len() < 2 * season + 3 {
            return None;
        }
        let (level, phases) = start(z, season);
        let mut state = State { level, phases, error: 0.0 };
        state.run(z, parameters, sigma);
        Some(state.ahead(z.len(), steps, parameters).into_iter().map(|value| value * spread + centre).collect())
    }))
}

struct State {
    level: f64,
    phases: Vec<f64>,
    error: f64,
}

impl State {
    /// Runs over `z` and returns the mean Huber loss after the first season.
    fn run(&mut self, z: &[f64], by: Smoothing, sigma: f64) -> f64 {
        let season = self.phases.len();
        let reach = CLIP * sigma;
        let (mut loss, mut phase) = (0.0, 0);
        for (index, value) in z.iter().enumerate() {
            let raw = value - self.level - self.phases[phase] - by.memory * self.error;
            let innovation = raw.clamp(-reach, reach);
            if index >= season {
                loss += if raw.abs() <= reach { raw * raw } else { reach * (2.0 * raw.abs() - reach) };
            }
            self.error = by.memory * self.error + innovation;
            self.level += by.level * innovation;
            self.phases[phase] += by.season * innovation;
            phase = if phase + 1 == season { 0 } else { phase + 1 };
        }
        loss / z.len().saturating_sub(season).max(1) as f64
    }

    fn ahead(&self, points: usize, steps: usize, by: Smoothing) -> Vec<f64> {
        let season = self.phases.len();
        let mut kept = self.error;
        (0..steps)
            .map(|step| {
                kept *= by.memory;
                self.level + self.phases[(points + step) % season] + kept
            })
            .collect()
    }
}

fn smoothing(point: &[f64; 3], season: usize) -> Smoothing {
    let logistic = |value: f64| 1.0 / (1.0 + (-value).exp());
    Smoothing {
        level: logistic(point[0]),
        season: if season > 1 { logistic(point[1]) } else { 0.0 },
        memory: 2.0 * logistic(point[2]) - 1.0,
    }
}

/// Robust deviation of first or seasonal differences, the smaller of those above 0.
fn innovation_scale(z: &[f64], season: usize) -> f64 {
    let first = robust_deviation(&differences(z));
    let seasonal: Vec<f64> = z.iter().zip(z.iter().skip(season)).map(|(early, late)| late - early).collect();
    let second = if season > 1 { robust_deviation(&seasonal) } else { 0.0 };
    let smallest = [first, second].into_iter().filter(|value| *value > 0.0).fold(f64::INFINITY, f64::min);
    if smallest.is_finite() { smallest.max(1e-3) } else { 1e-3 }
}

/// First level and season: from the centred moving average of one season.
fn start(z: &[f64], season: usize) -> (f64, Vec<f64>) {
    if season == 1 {
        return (z.first().copied().unwrap_or(0.0), vec![0.0]);
    }
    let width = season.min(z.len() / 2).max(1);
    let mut averages = Vec::with_capacity(z.len() - width + 1);
    let mut sum: f64 = z[..width].iter().sum();
    averages.push(sum / width as f64);
    for index in width..z.len() {
        sum += z[index] - z[index - width];
        averages.push(sum / width as f64);
    }
    let before = (z.len() - averages.len()) / 2;
    let mut sums = vec![(0.0, 0.0); season];
    for (index, value) in z.iter().enumerate() {
        let centre = averages[index.saturating_sub(before).min(averages.len() - 1)];
        let (sum, count) = &mut sums[index % season];
        *sum += value - centre;
        *count += 1.0;
    }
    let phases: Vec<f64> = sums.into_iter().map(|(sum, count)| if count > 0.0 { sum / count } else { 0.0 }).collect();
    let centre = mean(&phases);
    (averages[0], phases.into_iter().map(|value| value - centre).collect())
}
