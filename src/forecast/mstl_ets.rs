//! MSTL decomposition with an ETS model of what is left, and ETS alone.
//!
//! The seasons are taken out ([`Mstl`]), the rest goes to ETS ([`Ets`]), the last cycle of each season is continued. The
//! rolling origins decompose anew, each with what it could see, but keep the parameters of ETS and its first state.
//!
//! ETS without, with a straight and with a damped slope are combined by their Akaike weights `exp(-AICc / 2)` (Burnham and
//! Anderson 2002; Kolassa 2011), after leaving out forms that the origins refute: one-step likelihood alone likes slopes
//! that run away by the end of the horizon. Errors relative to the forecast are left out as well: on the open sets they
//! made forecasts worse (capacity: MASE .904 after .871, M4 weekly: 2.44 after 2.20).

use super::ets::Ets;
use super::mstl::Mstl;
use super::pool::{Problem, Runs};
use super::stats::deviation;

/// Fewest points of an ETS fit.
pub(super) const MIN_POINTS: usize = 16;
/// ETS looks at this many points at the end: four weeks of hours.
const ETS_POINTS: usize = 672;
/// Points decomposed in all origins together, and fewest origins.
const DECOMPOSED_POINTS: usize = 60_000;
const MIN_ORIGINS: usize = 3;
/// A level that varies less than this, in the units of the problem, is flat.
const FLAT: f64 = 1e-9;
/// A form is left out when its error over the origins is this many times the least, and there are enough origins to say so.
const REFUTED: f64 = 1.2;
const ENOUGH_ORIGINS: usize = 6;

/// Forecasts by MSTL and ETS, or by ETS alone without seasons. The text says what failed.
///
/// O(points) for each decomposition and each of the three forms.
pub(super) fn run(problem: &Problem<'_>, seasons: &[usize]) -> Result<Runs, String> {
    let x = problem.values;
    if x.len() < MIN_POINTS {
        return Err(format!("{} points are fewer than the {MIN_POINTS} that ETS needs", x.len()));
    }
    let whole = decompose(x, seasons)?;
    let at_origins = at_origins(problem, seasons);
    let from = x.len() - x.len().min(ETS_POINTS);
    let newest = &whole.level[from..];
    if deviation(newest) < FLAT {
        return Ok(each_origin(problem, &whole, &at_origins, last_value));
    }
    let forms: Vec<Form> = Ets::forms(newest, false)
        .into_iter()
        .map(|model| {
            let runs = each_origin(problem, &whole, &at_origins, |level, steps| from_level(model, level, from, steps));
            Form { aicc: model.aicc, error: problem.error(&runs.back), runs }
        })
        .collect();
    combine(forms, at_origins.iter().flatten().count()).ok_or_else(|| "ETS: no form fits".to_owned())
}

/// One form of ETS and its forecasts.
struct Form {
    aicc: f64,
    error: Option<f64>,
    runs: Runs,
}

/// A series without its seasons, and the last cycle of each season.
struct Parts {
    level: Vec<f64>,
    cycles: Vec<Vec<f64>>,
}

impl Parts {
    fn with_season(&self, mut path: Vec<f64>) -> Vec<f64> {
        for cycle in &self.cycles {
            for (value, seasonal) in path.iter_mut().zip(cycle.iter().cycle()) {
                *value += seasonal;
            }
        }
        path
    }
}

/// MSTL by the seasons that fit twice; without any season the series stays whole.
fn decompose(x: &[f64], seasons: &[usize]) -> Result<Parts, String> {
    if seasons.is_empty() {
        return Ok(Parts { level: x.to_vec(), cycles: Vec::new() });
    }
    let fitting = seasons.iter().copied().filter(|season| *season >= 2 && x.len() / 2 >= *season);
    let parts = Mstl::new(x.len(), &fitting.collect::<Vec<_>>()).and_then(|filter| filter.decompose(x));
    let parts = parts.ok_or("MSTL: fewer points than two seasons")?;
    let cycles = parts.seasons.into_iter().map(|(period, mut season)| season.split_off(season.len() - period));
    Ok(Parts { cycles: cycles.collect(), level: parts.level })
}

/// What each origin sees, decomposed. Decompositions are what costs: long histories are decomposed from fewer, evenly
/// spread origins.
fn at_origins(problem: &Problem<'_>, seasons: &[usize]) -> Vec<Option<Parts>> {
    let affordable = if seasons.is_empty() { usize::MAX } else { DECOMPOSED_POINTS / problem.values.len() };
    let stride = problem.cuts.len().div_ceil(affordable.max(MIN_ORIGINS)).max(1);
    let cuts = problem.cuts.iter().enumerate();
    cuts.map(|(j, cut)| if j % stride == 0 { decompose(&problem.values[..*cut], seasons).ok() } else { None }).collect()
}

/// Runs `path(level, steps)` from the end and from every origin, and adds the seasons.
fn each_origin(
    problem: &Problem<'_>,
    whole: &Parts,
    at_origins: &[Option<Parts>],
    path: impl Fn(&[f64], usize) -> Vec<f64>,
) -> Runs {
    let forecast = |parts: &Parts, steps| parts.with_season(path(&parts.level, steps));
    Runs {
        ahead: forecast(whole, problem.horizon),
        back: at_origins.iter().map(|parts| parts.as_ref().map(|parts| forecast(parts, problem.span))).collect(),
    }
}

/// The forecast after `level`, of which the model saw the values from index `from` on.
fn from_level(model: Ets, level: &[f64], from: usize, steps: usize) -> Vec<f64> {
    match level.get(from..) {
        Some(seen) if seen.len() >= MIN_POINTS => model.ahead(seen, steps),
        _ => model.at_rest(level.first().copied().unwrap_or(0.0)).ahead(level, steps),
    }
}

fn last_value(level: &[f64], steps: usize) -> Vec<f64> {
    vec![level.last().copied().unwrap_or(0.0); steps]
}

/// Mean of the forms that the errors over `origins` origins do not refute, by Akaike weights; `None` without forms.
fn combine(mut forms: Vec<Form>, origins: usize) -> Option<Runs> {
    let least = forms.iter().filter_map(|form| form.error).fold(f64::INFINITY, f64::min);
    if origins >= ENOUGH_ORIGINS {
        forms.retain(|form| form.error.is_none_or(|error| error <= REFUTED * least));
    }
    let best = forms.iter().map(|form| form.aicc).min_by(f64::total_cmp)?;
    let raw: Vec<f64> = forms.iter().map(|form| (0.5 * (best - form.aicc)).exp()).collect();
    let total: f64 = raw.iter().sum();
    let mut forms = forms.into_iter().zip(raw.iter().map(|weight| weight / total));
    let (first, weight) = forms.next()?;
    let mut mixed = first.runs;
    for value in all_values(&mut mixed) {
        *value *= weight;
    }
    for (mut form, weight) in forms {
        for (sum, value) in all_values(&mut mixed).zip(all_values(&mut form.runs)) {
            *sum += weight * *value;
        }
    }
    Some(mixed)
}

fn all_values(runs: &mut Runs) -> impl Iterator<Item = &mut f64> {
    runs.ahead.iter_mut().chain(runs.back.iter_mut().flatten().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(aicc: f64, error: f64, value: f64) -> Form {
        let runs = Runs { ahead: vec![value; 2], back: vec![None, Some(vec![value])] };
        Form { aicc, error: Some(error), runs }
    }

    #[track_caller]
    fn check(forms: Vec<Form>, origins: usize, want: f64) {
        let mixed = combine(forms, origins).expect("there are forms");
        assert!(mixed.back[0].is_none());
        for value in mixed.ahead.iter().chain(mixed.back[1].iter().flatten()) {
            assert!((value - want).abs() < 1e-12, "{value} is not {want}");
        }
    }

    #[test]
    fn forms_count_by_their_akaike_weights() {
        check(vec![form(10.0, 1.0, 4.0), form(10.0, 1.1, 8.0)], 12, 6.0);
        check(vec![form(10.0, 1.0, 4.0), form(10.0 + 2.0 * 3.0_f64.ln(), 1.0, 8.0)], 12, 5.0);
    }

    #[test]
    fn enough_origins_refute_a_form() {
        check(vec![form(10.0, 1.0, 4.0), form(10.0, 2.0, 8.0)], 12, 4.0);
        check(vec![form(10.0, 1.0, 4.0), form(10.0, 2.0, 8.0)], 2, 6.0);
        assert!(combine(Vec::new(), 12).is_none());
    }

    #[test]
    fn without_variation_the_last_value_stays() {
        let values = vec![0.5; 40];
        let problem = Problem::new(&values, &[true; 40], &[], 3, 12);
        assert_eq!(run(&problem, &[]).expect("runs").ahead, [0.5; 3]);
    }
}
