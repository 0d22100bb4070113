//! Monotone growth: disks that fill, quotas that are used up, free space that shrinks.
//!
//! The path starts at the last value and goes on at a robust pace of the recent past: straight, damped, or following the
//! day, and towards a known limit also along a logistic curve. It never turns back when the history hardly ever did. All
//! windows and forms are averaged, weighted by how little they erred from the earlier origins.

use super::pool::{Problem, Runs};
use super::stats::{differences, is_positive, mean, median};

/// Windows of the pace, as shares of the history.
const WINDOWS: [f64; 5] = [1.0, 0.5, 0.25, 0.125, 0.0625];
/// Fewest points of a window.
const MIN_WINDOW: usize = 8;
/// Steps against the growth, as a share of all movement, that a monotone history may have.
const TURNS: f64 = 0.02;
/// Weights fall with this power of the error.
const POWER: i32 = 4;
/// Cycles that the daily shape of the growth is read from.
const SHAPE_CYCLES: usize = 7;

/// How the pace goes on.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Form {
    /// As it is.
    Straight,
    /// Lost by half in this many horizons.
    Damped(f64),
    /// Straight, in the shape of the season.
    Seasonal,
    /// Logistic towards the limit.
    Saturating,
}

/// Whether the history moves one way, but for a small share of its movement.
///
/// False for a constant history.
pub(super) fn is_monotone(values: &[f64]) -> bool {
    let (up, down) = movement(values);
    up.min(down) <= TURNS * (up + down) && up.max(down) > 0.0
}

/// Sums of rises and of falls.
fn movement(values: &[f64]) -> (f64, f64) {
    values.windows(2).fold((0.0, 0.0), |(up, down), pair| {
        let change = pair[1] - pair[0];
        (up + change.max(0.0), down + (-change).max(0.0))
    })
}

/// Forecasts at every origin; `season` of 1 for none. `None` below 8 points.
///
/// O(points) for each window, form and origin.
pub(super) fn run(problem: &Problem<'_>, season: usize) -> Option<Runs> {
    let values = problem.values;
    if values.len() < MIN_WINDOW {
        return None;
    }
    let one_way = is_monotone(values);
    let limit = problem.extras.range.map(|(low, high)| if values[values.len() - 1] >= values[0] { high } else { low });
    let limit = limit.filter(|limit| limit.is_finite());
    let mut forms = vec![Form::Straight, Form::Damped(2.0), Form::Damped(0.5)];
    if season > 1 && values.len() >= 3 * season {
        forms.push(Form::Seasonal);
    }
    if limit.is_some() {
        forms.push(Form::Saturating);
    }
    let horizon = problem.horizon as f64;
    let all = WINDOWS.into_iter().flat_map(|window| forms.iter().map(move |form| (window, *form)));
    let tried: Vec<(f64, Runs)> = all
        .map(|(window, form)| {
            let plan = Plan { window, form, season, one_way, limit, horizon };
            let runs = problem.each_origin(|history, steps| plan.ahead(history, steps));
            (problem.error(&runs.back).unwrap_or(f64::INFINITY), runs)
        })
        .filter(|(_, runs)| runs.ahead.len() == problem.horizon)
        .collect();
    let best = tried.iter().map(|(error, _)| *error).fold(f64::INFINITY, f64::min);
    let size = values.iter().fold(0.0, |size: f64, value| size.max(value.abs()));
    let tiny = 1e-9 * size;
    let weighted: Vec<(f64, &Runs)> = tried
        .iter()
        .map(|(error, runs)| {
            let weight = if best.is_finite() { ((best + tiny) / (error + tiny)).powi(POWER) } else { 1.0 };
            (weight, runs)
        })
        .collect();
    let average = |path: &dyn Fn(&Runs) -> Option<&[f64]>, steps: usize| -> Option<Vec<f64>> {
        let (mut sums, mut total) = (vec![0.0; steps], 0.0);
        for (weight, path) in weighted.iter().filter_map(|(weight, runs)| Some((*weight, path(runs)?))) {
            total += weight;
            for (sum, value) in sums.iter_mut().zip(path) {
                *sum += weight * value;
            }
        }
        is_positive(total).then(|| sums.into_iter().map(|sum| sum / total).collect())
    };
    let back = (0..problem.cuts.len()).map(|cut| average(&|runs| runs.back[cut].as_deref(), problem.span)).collect();
    Some(Runs { ahead: average(&|runs| Some(&runs.ahead), problem.horizon)?, back })
}

struct Plan {
    /// Share of the history that tells the pace.
    window: f64,
    form: Form,
    season: usize,
    /// Whether the path may not turn back.
    one_way: bool,
    limit: Option<f64>,
    /// Steps that damping is measured in.
    horizon: f64,
}

impl Plan {
    fn ahead(&self, history: &[f64], steps: usize) -> Option<Vec<f64>> {
        let last = *history.last()?;
        let points =
            ((history.len() as f64 * self.window) as usize).clamp(MIN_WINDOW.min(history.len()), history.len());
        let recent = &history[history.len() - points..];
        let mut path = match self.form {
            Form::Straight => line(last, pace(recent, self.season), steps, 1.0),
            Form::Damped(horizons) => {
                line(last, pace(recent, self.season), steps, 0.5_f64.powf(1.0 / (horizons * self.horizon)))
            }
            Form::Seasonal => self.shaped(history, pace(recent, self.season), steps)?,
            Form::Saturating => saturating(recent, self.limit?, steps)?,
        };
        if self.one_way {
            let rising = last >= history[0];
            let mut reached = last;
            for value in &mut path {
                reached = if rising { value.max(reached) } else { value.min(reached) };
                *value = reached;
            }
        }
        if let Some(limit) = self.limit {
            for value in &mut path {
                *value = if last <= limit { value.min(limit) } else { value.max(limit) };
            }
        }
        Some(path)
    }

    /// The pace spread over the phases of the season as the last cycles' steps were.
    fn shaped(&self, history: &[f64], pace: f64, steps: usize) -> Option<Vec<f64>> {
        let season = self.season;
        let cycles = ((history.len() - 1) / season).min(SHAPE_CYCLES);
        let from = history.len() - 1 - cycles * season;
        let rises = differences(&history[from..]);
        let shape: Vec<f64> = (0..season)
            .map(|phase| mean(&rises.iter().skip(phase).step_by(season).copied().collect::<Vec<_>>()))
            .collect();
        let average = mean(&shape);
        if cycles == 0 || !is_positive(average.abs()) {
            return None;
        }
        let mut value = *history.last()?;
        let grown = shape.iter().cycle().take(steps).map(|rise| {
            value += pace * rise / average;
            value
        });
        Some(grown.collect())
    }
}

/// Median rise per step between points half of the window apart, in whole seasons where the window holds two.
fn pace(recent: &[f64], season: usize) -> f64 {
    let half = (recent.len() / 2).max(1);
    let apart = if season > 1 && half >= season { half / season * season } else { half };
    let rises: Vec<f64> =
        recent.iter().zip(recent.iter().skip(apart)).map(|(early, late)| (late - early) / apart as f64).collect();
    median(&rises)
}

fn line(last: f64, pace: f64, steps: usize, kept: f64) -> Vec<f64> {
    let (mut value, mut pace) = (last, pace);
    (0..steps)
        .map(|_| {
            value += pace;
            pace *= kept;
            value
        })
        .collect()
}

/// Logistic from 0 to `limit` through the last value at the recent pace of its logit. `None` outside 0 and the limit.
fn saturating(recent: &[f64], limit: f64, steps: usize) -> Option<Vec<f64>> {
    let share = |value: f64| value / limit;
    let logits: Vec<f64> = recent.iter().map(|value| (share(*value) / (1.0 - share(*value))).ln()).collect();
    if !logits.iter().all(|logit| logit.is_finite()) {
        return None;
    }
    let (last, pace) = (*logits.last()?, pace(&logits, 1));
    Some((1..=steps).map(|step| limit / (1.0 + (-(last + pace * step as f64)).exp())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::pool::Extras;

    fn run_on(values: &[f64], season: usize, horizon: usize, range: Option<(f64, f64)>) -> Vec<f64> {
        let observed = vec![true; values.len()];
        let extras = Extras { range, ..Extras::default() };
        let problem = Problem { extras, ..Problem::new(values, &observed, &[], horizon, 12) };
        run(&problem, season).expect("enough points").ahead
    }

    #[test]
    fn what_is_monotone() {
        assert!(is_monotone(&[1.0, 2.0, 2.0, 5.0]) && is_monotone(&[5.0, 4.0, 1.0]));
        assert!(!is_monotone(&[1.0, 2.0, 1.0, 2.0]) && !is_monotone(&[3.0; 5]) && !is_monotone(&[]));
    }

    #[test]
    fn a_steady_fill_goes_on_and_never_back() {
        let fill: Vec<f64> = (0..200).map(|i| 0.1 + 0.002 * f64::from(i)).collect();
        let ahead = run_on(&fill, 1, 50, None);
        assert!((ahead[49] - (0.1 + 0.002 * 249.0)).abs() < 1e-9);
        // a clean-up long ago
        let cleaned: Vec<f64> =
            fill.iter().enumerate().map(|(i, value)| value - if i > 60 { 0.004 } else { 0.0 }).collect();
        let ahead = run_on(&cleaned, 1, 50, None);
        assert!(ahead.windows(2).all(|pair| pair[1] >= pair[0]) && ahead[0] >= cleaned[199]);
        let free: Vec<f64> = fill.iter().map(|value| 1.0 - value).collect();
        assert!((run_on(&free, 1, 50, None)[49] - (1.0 - 0.1 - 0.002 * 249.0)).abs() < 1e-9);
    }

    #[test]
    fn growth_of_the_day_follows_the_day() {
        let mut value = 0.0;
        let mut next = |hour: usize| {
            value += if hour % 24 >= 12 { 0.01 } else { 0.0 };
            value
        };
        let all: Vec<f64> = (0..288).map(&mut next).collect();
        let ahead = run_on(&all[..250], 24, 30, None);
        let off = ahead.iter().zip(&all[250..]).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(off < 1e-9, "{off}");
    }

    #[test]
    fn a_known_limit_is_approached_and_not_passed() {
        let curve = |t: f64| 0.9 / (1.0 + (-(t - 100.0) / 30.0).exp());
        let values: Vec<f64> = (0..160).map(|t| curve(f64::from(t))).collect();
        let ahead = run_on(&values, 1, 60, Some((0.0, 0.9)));
        assert!(ahead.iter().all(|value| *value <= 0.9));
        assert!((ahead[59] - curve(219.0)).abs() < 1e-6, "{}", ahead[59]);
    }
}
