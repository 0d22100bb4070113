//! The optimised theta models of Fiorucci et al. (2016), deseasonalised when a test finds the season.
//!
//! A theta model is simple smoothing pulled along the history's straight line: in the optimised form the line is that of the
//! whole history, in the dynamic form that of the values seen so far. With the smoothing `alpha` fixed its one-step errors are
//! linear in the first level and in the pull `1 - 1/theta`, so both have a closed form and only `alpha` is searched: the
//! optimum needs about twenty passes and no simplex. Season and test are those of statsforecast: a classical
//! decomposition, multiplicative where that is possible, when the autocorrelation at the season is beyond 90 % limits.

use super::pool::{Problem, Runs};
use super::stats::{is_positive, mean};

/// Smoothing is searched between these.
const ALPHA: (f64, f64) = (0.1, 0.99);
/// Smoothings tried before the search narrows.
const GRID: usize = 10;
/// Steps of the narrowing search.
const NARROWING: usize = 14;
/// The first errors depend on the start and do not count.
const WARM_UP: usize = 3;
/// Largest pull along the line; theta is then 1e10.
const LARGEST_PULL: f64 = 1.0 - 1e-10;
/// Deviations that the autocorrelation at the season must reach.
const SIGNIFICANT: f64 = 1.644_853_626_951_472_2;
/// Fewest points.
const MIN_POINTS: usize = 8;
/// Least factor of a multiplicative season.
const LEAST_FACTOR: f64 = 0.01;

/// Which line pulls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// The line through the whole history (OTM).
    Whole,
    /// The line through what was seen so far (DOTM).
    Dynamic,
}

/// How the season is taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    None,
    Added,
    Multiplied,
}

/// A fitted model of a history without season.
#[derive(Debug, Clone, Copy)]
struct Fitted {
    line: Line,
    alpha: f64,
    pull: f64,
    first_level: f64,
}

/// Forecasts at every origin: the better line, its `alpha` and the form of the season are those of the whole history.
///
/// `None` below 8 points. O(points × season) for the test, O(points) for each origin.
pub(super) fn run(problem: &Problem<'_>, season: usize) -> Option<Runs> {
    let x = problem.values;
    if x.len() < MIN_POINTS {
        return None;
    }
    let form = form_of(x, season);
    let flat = Season::take_out(x, season, form).flat(x);
    let (fitted, _) = [Line::Whole, Line::Dynamic]
        .into_iter()
        .filter_map(|line| best(&flat, line))
        .min_by(|a, b| a.1.total_cmp(&b.1))?;
    Some(problem.each_origin(|history, steps| {
        let kept = Season::take_out(history, season, form);
        let flat = kept.flat(history);
        let (own, _) = at_alpha(&flat, fitted.line, fitted.alpha)?;
        Some(kept.back(own.ahead(&flat, steps), history.len()))
    }))
}

/// Forecast by one form, fitted on the whole `history`: what statsforecast's `OptimizedTheta` and `DynamicOptimizedTheta` are.
#[cfg(test)]
fn forecast(history: &[f64], season: usize, line: Line, steps: usize) -> Option<Vec<f64>> {
    let kept = Season::take_out(history, season, form_of(history, season));
    let flat = kept.flat(history);
    Some(kept.back(best(&flat, line)?.0.ahead(&flat, steps), history.len()))
}

/// Offset and slope of a line at each step: constant or as of what was seen.
fn lines(y: &[f64], line: Line) -> Vec<(f64, f64)> {
    let n = y.len() as f64;
    match line {
        Line::Whole => {
            let centre = mean(y);
            let weighted = y.iter().zip(1_u32..).map(|(value, i)| f64::from(i) * value).sum::<f64>() / n;
            let slope = if n > 1.0 { 6.0 * (2.0 * weighted - (1.0 + n) * centre) / (n * n - 1.0) } else { 0.0 };
            vec![(centre - (n + 1.0) * slope / 2.0, slope); y.len()]
        }
        Line::Dynamic => {
            let mut made = Vec::with_capacity(y.len());
            let (mut centre, mut slope) = (y.first().copied().unwrap_or(0.0), 0.0);
            made.push((centre, slope));
            for (i, value) in y.iter().enumerate().skip(1) {
                (centre, slope) = next_line(centre, slope, i, *value);
                made.push((centre - slope * (i as f64 + 2.0) / 2.0, slope));
            }
            made
        }
    }
}

/// Mean and slope after `value` at index `i`.
fn next_line(centre: f64, slope: f64, i: usize, value: f64) -> (f64, f64) {
    let i = i as f64;
    let slope = ((i - 1.0) * slope + 6.0 * (value - centre) / (i + 1.0)) / (i + 2.0);
    ((i * centre + value) / (i + 1.0), slope)
}

/// How far the line lies above the level at index `i`, with the smoothing's `left = (1 - alpha)^i`.
fn lift((offset, slope): (f64, f64), alpha: f64, left: f64) -> f64 {
    offset * left + slope * (1.0 - left * (1.0 - alpha)) / alpha
}

/// The best smoothing, by its squared error.
fn best(y: &[f64], line: Line) -> Option<(Fitted, f64)> {
    let lines = lines(y, line);
    let (low, high) = ALPHA;
    let width = (high - low) / (GRID - 1) as f64;
    let score = |alpha: f64| solve(y, &lines, line, alpha).map_or(f64::INFINITY, |(_, error)| error);
    let start = (0..GRID).map(|i| low + width * i as f64).min_by(|a, b| score(*a).total_cmp(&score(*b)))?;
    let (mut from, mut to) = ((start - width).max(low), (start + width).min(high));
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    for _ in 0..NARROWING {
        let (a, b) = (to - GOLDEN * (to - from), from + GOLDEN * (to - from));
        if score(a) < score(b) {
            to = b;
        } else {
            from = a;
        }
    }
    let middle = f64::midpoint(from, to);
    let alpha = if score(middle) <= score(start) { middle } else { start };
    solve(y, &lines, line, alpha)
}

fn at_alpha(y: &[f64], line: Line, alpha: f64) -> Option<(Fitted, f64)> {
    solve(y, &lines(y, line), line, alpha)
}

/// First level and pull with the least squared one-step error, and that error. `None` when nothing can be compared.
fn solve(y: &[f64], lines: &[(f64, f64)], line: Line, alpha: f64) -> Option<(Fitted, f64)> {
    let first = *y.first()?;
    let mut level = alpha * first;
    let mut left = 1.0;
    // error = rest - left * first level - lift * pull
    let (mut ll, mut lg, mut gg, mut lr, mut gr, mut rr) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
    for (i, value) in y.iter().enumerate().skip(1) {
        left *= 1.0 - alpha;
        if i >= WARM_UP {
            let (rest, lift) = (value - level, lift(lines[i - 1], alpha, left));
            ll += left * left;
            lg += left * lift;
            gg += lift * lift;
            lr += left * rest;
            gr += lift * rest;
            rr += rest * rest;
        }
        level = alpha * value + (1.0 - alpha) * level;
    }
    let determinant = ll * gg - lg * lg;
    let free = if is_positive(determinant - 1e-12 * ll * gg) { (gr * ll - lr * lg) / determinant } else { 0.0 };
    let pull = free.clamp(0.0, LARGEST_PULL);
    let first_level = if ll > 0.0 { (lr - pull * lg) / ll } else { first };
    let error = rr - 2.0 * (first_level * lr + pull * gr)
        + first_level * first_level * ll
        + 2.0 * first_level * pull * lg
        + pull * pull * gg;
    (y.len() > WARM_UP && error.is_finite()).then_some((Fitted { line, alpha, pull, first_level }, error))
}

impl Fitted {
    /// `steps` after the end of `y`, each taken as seen for the next.
    fn ahead(self, y: &[f64], steps: usize) -> Vec<f64> {
        let Self { line, alpha, pull, first_level } = self;
        let level = y.iter().fold(first_level, |level, value| alpha * value + (1.0 - alpha) * level);
        let (offset, mut slope) = lines(y, line).last().copied().unwrap_or((0.0, 0.0));
        let (mut centre, mut level, mut at) = (mean(y), level, (offset, slope));
        let mut left = (1.0 - alpha).powi(i32::try_from(y.len()).unwrap_or(i32::MAX));
        (y.len()..y.len() + steps)
            .map(|i| {
                let value = level + pull * lift(at, alpha, left);
                level = alpha * value + (1.0 - alpha) * level;
                left *= 1.0 - alpha;
                if line == Line::Dynamic {
                    (centre, slope) = next_line(centre, slope, i, value);
                    at = (centre - slope * (i as f64 + 2.0) / 2.0, slope);
                }
                value
            })
            .collect()
    }
}

/// A season by phase.
struct Season {
    form: Form,
    phases: Vec<f64>,
}

impl Season {
    /// Classical decomposition: means by phase of the values against a centred moving average of one season.
    fn take_out(y: &[f64], season: usize, form: Form) -> Self {
        let multiplied = form == Form::Multiplied;
        let neutral = if multiplied { 1.0 } else { 0.0 };
        if form == Form::None || y.len() < 2 * season {
            return Self { form: Form::None, phases: vec![0.0] };
        }
        let half = season / 2;
        let mut sums = vec![(0.0, 0.0); season];
        let mut window: f64 = y[..season].iter().sum();
        for index in half..y.len() - half {
            // an even season takes half of each end
            let centre = if season % 2 == 1 {
                window / season as f64
            } else if index + half < y.len() {
                (window + 0.5 * (y[index + half] - y[index - half])) / season as f64
            } else {
                break;
            };
            let value = if multiplied { y[index] / centre } else { y[index] - centre };
            let (sum, count) = &mut sums[index % season];
            *sum += value;
            *count += 1.0;
            let first = index - half;
            if let Some(entering) = y.get(first + season) {
                window += entering - y[first];
            }
        }
        let mut phases: Vec<f64> =
            sums.into_iter().map(|(sum, count)| if count > 0.0 { sum / count } else { neutral }).collect();
        let centre = mean(&phases);
        for phase in &mut phases {
            *phase = if multiplied { *phase / centre } else { *phase - centre };
        }
        if multiplied && !phases.iter().all(|phase| *phase >= LEAST_FACTOR) {
            return Self::take_out(y, season, Form::Added);
        }
        Self { form, phases }
    }

    fn flat(&self, y: &[f64]) -> Vec<f64> {
        y.iter()
            .zip(self.phases.iter().cycle())
            .map(|(value, phase)| match self.form {
                Form::Multiplied => value / phase,
                Form::Added => value - phase,
                Form::None => *value,
            })
            .collect()
    }

    /// `path` with the season put back; it starts at index `from`.
    fn back(&self, path: Vec<f64>, from: usize) -> Vec<f64> {
        let skipped = from % self.phases.len();
        path.into_iter()
            .zip(self.phases.iter().cycle().skip(skipped))
            .map(|(value, phase)| match self.form {
                Form::Multiplied => value * phase,
                Form::Added => value + phase,
                Form::None => value,
            })
            .collect()
    }
}

/// Whether the season is there, and whether it can be a factor.
fn form_of(y: &[f64], season: usize) -> Form {
    let n = y.len();
    if season < 4 || n < 2 * season {
        return Form::None;
    }
    let centre = mean(y);
    let around: Vec<f64> = y.iter().map(|value| value - centre).collect();
    let total: f64 = around.iter().map(|value| value * value).sum();
    if !is_positive(total) {
        return Form::None;
    }
    let at = |lag: usize| around.iter().zip(&around[lag..]).map(|(a, b)| a * b).sum::<f64>() / total;
    let shorter: f64 = (1..season).map(|lag| at(lag).powi(2)).sum();
    let limit = SIGNIFICANT * ((1.0 + 2.0 * shorter) / n as f64).sqrt();
    if at(season).abs() <= limit {
        Form::None
    } else if y.iter().all(|value| *value > 0.0) {
        Form::Multiplied
    } else {
        Form::Added
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use crate::forecast::reference::numbers;

    use super::*;
    use crate::forecast::accuracy::{mae, naive_scale};

    #[test]
    fn agrees_with_statsforecast() {
        let text = include_str!("../../data/reference/forecast/simple.json");
        let all: Value = serde_json::from_str(text).expect("valid JSON");
        for case in all["theta"].as_array().expect("cases") {
            let values = numbers(&case["values"]);
            let season = case["season"].as_u64().expect("a number") as usize;
            let scale = naive_scale(&values, 1).expect("not constant");
            for (line, name) in [(Line::Whole, "otm"), (Line::Dynamic, "dotm")] {
                let want = numbers(&case[name]);
                let made = forecast(&values, season, line, want.len()).expect("a forecast");
                let away = mae(&want, &made) / scale;
                // its simplex search stops early at times, as on the walk; elsewhere the two are nearly the same
                let allowed = if season == 1 { 0.2 } else { 0.02 };
                assert!(away < allowed, "{} {name}: {away} naive errors away", case["name"]);
                let flat = Season::take_out(&values, season, form_of(&values, season)).flat(&values);
                let size = flat.iter().map(|value| value.abs()).sum::<f64>() / flat.len() as f64;
                let (ours, theirs) = (best(&flat, line).expect("a fit").1 / size, &case[format!("{name}_mse")]);
                let theirs = theirs.as_f64().expect("a number");
                assert!(ours < 1.0001 * theirs, "{} {name}: error {ours} is above {theirs}", case["name"]);
            }
        }
    }

    #[test]
    fn a_line_goes_on_and_short_histories_are_refused() {
        let ramp: Vec<f64> = (0..60).map(|i| 5.0 + 0.5 * f64::from(i)).collect();
        for line in [Line::Whole, Line::Dynamic] {
            let made = forecast(&ramp, 1, line, 4).expect("a forecast");
            assert!((made[3] - 36.5).abs() < 0.2, "{made:?}");
        }
        assert!(forecast(&[1.0, 2.0, 3.0], 1, Line::Whole, 2).is_none());
        let season: Vec<f64> = (0..60).map(|i| f64::from(i % 6) - 2.0).collect();
        let made = forecast(&season, 6, Line::Whole, 12).expect("a forecast");
        assert!(made.iter().enumerate().all(|(k, value)| (value - season[k]).abs() < 0.2), "{made:?}");
    }
}
