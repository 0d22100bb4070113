//! Agreement with the Prophet package, and hostile data.

use serde_json::Value;

use crate::forecast::reference::numbers;

use super::*;

fn reference() -> Vec<Value> {
    let text = include_str!("../../../data/reference/forecast/prophet.json");
    let all: Value = serde_json::from_str(text).expect("valid JSON");
    all["cases"].as_array().expect("cases").clone()
}

fn fitted(case: &Value, values: &[f64]) -> Fitted {
    let horizon_steps = case["horizon"].as_u64().expect("a number") as usize;
    let steps = values.len() + horizon_steps;
    let mut regressors = Vec::new();
    if !case["holidays"].is_null() {
        let days: Vec<_> = numbers(&case["holidays"]).iter().map(|day| *day as usize..*day as usize + 1).collect();
        regressors.push(Regressor::holiday("sale", &days, steps));
        regressors.push(Regressor::new("price", numbers(&case["price"])));
    }
    let cycles = Cycle::automatic(case["step"].as_f64().expect("a number"), values.len());
    let observed = vec![true; values.len()];
    let trend = Trend::default();
    fit(&Input { values, observed: &observed, horizon_steps, cycles: &cycles, regressors: &regressors, trend })
        .expect("a fit")
}

/// Mean distance of `got` from `want`.
fn away(got: impl Iterator<Item = f64>, want: &[f64]) -> f64 {
    got.zip(want).map(|(a, b)| (a - b).abs()).sum::<f64>() / want.len() as f64
}

#[test]
fn trend_and_effects_agree_with_the_package() {
    for case in reference() {
        let values = numbers(&case["values"]);
        let made = fitted(&case, &values);
        let every = case["every"].as_u64().expect("a number") as usize;
        let at: Vec<usize> = (0..values.len()).step_by(every).chain(values.len()..made.steps()).collect();
        let sigma = case["sigma"].as_f64().expect("a number");
        let trend = away(at.iter().map(|t| made.trend(*t)), &numbers(&case["trend"])) / sigma;
        let effects = away(at.iter().map(|t| made.effects(*t)), &numbers(&case["effects"])) / sigma;
        let name = &case["name"];
        // in deviations of the noise
        assert!(trend < 0.08, "{name}: the trend is {trend} away");
        assert!(effects < 0.02, "{name}: the effects are {effects} away");
        assert!((made.sigma() / sigma - 1.0).abs() < 0.01, "{name}: {} is not {sigma}", made.sigma());
    }
}

#[test]
fn intervals_agree_with_the_package() {
    for case in reference() {
        let values = numbers(&case["values"]);
        let made = fitted(&case, &values).simulate(&[0.8, 0.95], 4_000, 1);
        for (band, name) in made.bands.iter().zip(["80", "95"]) {
            let (lower, upper) = (numbers(&case[format!("lower_{name}")]), numbers(&case[format!("upper_{name}")]));
            let width = upper.iter().zip(&lower).map(|(u, l)| u - l).sum::<f64>() / lower.len() as f64;
            let off = (away(band.lower.iter().copied(), &lower) + away(band.upper.iter().copied(), &upper)) / width;
            assert!(off < 0.08, "{}: the bounds of {name} % are {off} widths away", case["name"]);
        }
    }
}

/// Logarithm of the posterior but for a constant, as the package has it.
fn log_posterior(made: &Fitted, values: &[f64]) -> f64 {
    let estimate = &made.estimate;
    let squares: f64 =
        values.iter().enumerate().map(|(at, value)| ((value - made.mean(at)) / made.largest).powi(2)).sum();
    let of = |values: &[f64], deviation: f64| values.iter().map(|v| v * v).sum::<f64>() / (2.0 * deviation * deviation);
    let sigma = estimate.sigma;
    -(values.len() as f64) * sigma.ln()
        - squares / (2.0 * sigma * sigma)
        - of(&[sigma], 0.5)
        - of(&[estimate.offset, estimate.slope], 5.0)
        - of(&estimate.effects, 10.0)
        - estimate.changes.iter().map(|change| change.abs()).sum::<f64>() / 0.05
}

#[test]
fn nothing_the_package_found_is_more_likely() {
    for case in reference() {
        let values = numbers(&case["values"]);
        let ours = log_posterior(&fitted(&case, &values), &values);
        let theirs = case["log_posterior"].as_f64().expect("a number");
        assert!(ours > theirs - 1e-3, "{}: {ours} is below {theirs}", case["name"]);
        assert!(ours < theirs + 5.0, "{}: {ours} and {theirs} are not the same posterior", case["name"]);
    }
}

fn plain(values: &[f64], horizon_steps: usize) -> Result<Fitted, ProphetError> {
    let observed = vec![true; values.len()];
    let (cycles, regressors) = (Cycle::automatic(3_600.0, values.len()), Vec::new());
    let trend = Trend::default();
    fit(&Input { values, observed: &observed, horizon_steps, cycles: &cycles, regressors: &regressors, trend })
}

#[test]
fn hostile_histories_give_finite_forecasts_or_say_why() {
    assert_eq!(plain(&[1.0, 2.0], 3).map(|_| ()), Err(ProphetError::TooShort { got: 2, needed: 4 }));
    assert!(plain(&[f64::NAN; 30], 3).is_err());
    for values in
        [vec![0.0; 50], vec![7.0; 50], (0..50).map(|t| f64::from(t) * 1e12).collect(), vec![1.0, 5.0, 2.0, 9.0]]
    {
        let made = plain(&values, 10).expect("a fit");
        let drawn = made.simulate(&[0.8, 0.95], 100, 1);
        assert!(drawn.paths.iter().flatten().all(|value| value.is_finite()));
        for (band, step) in drawn.bands.iter().flat_map(|band| (0..10).map(move |step| (band, step))) {
            let middle = made.mean(values.len() + step);
            assert!(band.lower[step] <= middle && middle <= band.upper[step]);
        }
    }
}

#[test]
fn what_is_not_observed_does_not_count() {
    let clean: Vec<f64> = (0..200).map(|t| 10.0 + f64::from(t % 24) + 0.1 * f64::from(t * 7 % 11)).collect();
    let mut gapped = clean.clone();
    gapped[60..90].fill(1e6);
    let mut observed = vec![true; 200];
    observed[60..90].fill(false);
    let (cycles, trend) = (Cycle::automatic(3_600.0, 200), Trend::default());
    let input =
        Input { values: &gapped, observed: &observed, horizon_steps: 24, cycles: &cycles, regressors: &[], trend };
    let (made, whole) = (fit(&input).expect("a fit"), plain(&clean, 24).expect("a fit"));
    let off = (0..224).map(|at| (made.mean(at) - whole.mean(at)).abs()).fold(0.0, f64::max);
    assert!(off < 0.5, "{off}");
}

#[test]
fn a_regressor_that_ends_is_refused_or_holds() {
    let values: Vec<f64> = (0..100).map(|t| 3.0 + 2.0 * f64::from(t % 7)).collect();
    let observed = [true; 100];
    let mut load = Regressor::new("load", (0..100).map(|t| f64::from(t % 7)).collect());
    let run = |load: Regressor| {
        let (trend, regressors) = (Trend::default(), vec![load]);
        fit(&Input {
            values: &values,
            observed: &observed,
            horizon_steps: 5,
            cycles: &[],
            regressors: &regressors,
            trend,
        })
    };
    let error = run(load.clone()).map(|_| ()).expect_err("no future");
    assert_eq!(
        error.to_string(),
        "regressor `load` has 100 values, but history and horizon need 105; give its future or let it hold"
    );
    load.after_end = AfterEnd::Hold;
    let held = run(load.clone()).expect("a fit");
    assert!((held.mean(104) - values[99]).abs() < 0.2, "{}", held.mean(104));
    load.values.extend([5.0, 6.0, 0.0, 1.0, 2.0]);
    let known = run(load.clone()).expect("a fit");
    assert!((known.mean(102) - 3.0).abs() < 0.2 && (known.mean(101) - 15.0).abs() < 0.2);
    load.values[101] = f64::NAN;
    assert!(matches!(run(load), Err(ProphetError::RegressorNotFinite { at: 101, .. })));
}

#[test]
fn origins_agree_with_fits_of_their_own() {
    let values: Vec<f64> =
        (0..400).map(|t| 20.0 + 0.02 * f64::from(t) + f64::from(t % 24) + f64::from(t * 13 % 17) * 0.2).collect();
    let observed = vec![true; 400];
    let (cycles, trend) = (Cycle::automatic(3_600.0, 400), Trend::default());
    let input =
        Input { values: &values, observed: &observed, horizon_steps: 24, cycles: &cycles, regressors: &[], trend };
    let (whole, origins) = fit_with_origins(&input, &[376, 364]).expect("a fit");
    for (estimate, end) in origins.into_iter().flatten() {
        let own = plain(&values[..end], 24).expect("a fit");
        let path = whole.path(&estimate, end, 24);
        let off = path.iter().enumerate().map(|(k, value)| (value - own.mean(end + k)).abs()).fold(0.0, f64::max);
        assert!(off < 0.3, "{off} at {end}");
    }
}
