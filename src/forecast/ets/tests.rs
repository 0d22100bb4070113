//! Likelihoods and forecasts beside those of `augurs`, and what the model promises.

use augurs::Fit;
use augurs::ets::AutoETS;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use serde_json::Value;

use super::*;

/// A local level with a slope that changes.
fn walk(points: usize, level: f64, noise: f64, wander: f64, bend: f64, seed: u64) -> Vec<f64> {
    let mut random = Pcg64::seed_from_u64(seed);
    let mut around = move |size: f64| size * (0..4).map(|_| random.random_range(-0.5..0.5)).sum::<f64>();
    let (mut level, mut slope) = (level, 0.0);
    (0..points)
        .map(|_| {
            slope = 0.95 * slope + around(bend);
            level += slope + around(wander);
            level + around(noise)
        })
        .collect()
}

fn kinds() -> impl Iterator<Item = Vec<f64>> {
    let shapes = [(1.0, 0.1, 0.0), (1.0, 1.0, 0.1), (0.1, 1.0, 0.3), (2.0, 0.02, 0.0), (0.5, 0.0, 0.05)];
    let sizes = [(30, 50.0), (120, 400.0), (500, 80.0), (1_344, 0.0)];
    shapes.into_iter().flat_map(move |(noise, wander, bend)| {
        sizes.map(move |(points, level)| walk(points, level, noise, wander, bend, points as u64 + 7))
    })
}

fn best(values: &[f64], relative: bool) -> Option<Ets> {
    Ets::forms(values, relative).into_iter().min_by(|a, b| a.aicc.total_cmp(&b.aicc))
}

/// -2 log likelihood by the recursion, one value after the other.
fn by_hand(model: &Ets, values: &[f64]) -> f64 {
    let (mut level, mut slope) = (model.level, model.slope);
    let (mut squares, mut logs) = (0.0, 0.0);
    for value in values {
        let forecast = level + model.phi * slope;
        let error = value - forecast;
        level = forecast + model.alpha * error;
        slope = model.phi * slope + model.beta * error;
        squares += if model.error == Error::Relative { (error / forecast).powi(2) } else { error * error };
        logs += if model.error == Error::Relative { 2.0 * forecast.abs().ln() } else { 0.0 };
    }
    values.len() as f64 * f64::ln(squares) + logs
}

#[test]
fn at_least_as_likely_as_augurs() {
    for (index, values) in kinds().enumerate() {
        let reference = AutoETS::non_seasonal().fit(&values).expect("fits");
        let ours = best(&values, true).expect("fits");
        let (want, got) = (reference.model().aicc(), ours.aicc);
        assert!(got < want + 1e-3, "series {index}: AICc {got} is above {want} of augurs, {ours:?}");
    }
}

/// Each form, and the best of all, may be at most this much less likely than the reference: what a search is allowed to
/// leave, in log likelihood. Being more likely is no fault.
const LEFT: f64 = 1e-3;

#[test]
fn at_least_as_likely_as_statsforecast() {
    let text = include_str!("../../../data/reference/forecast/mstl_ets.json");
    let reference: Value = serde_json::from_str(text).expect("valid JSON");
    for case in reference["ets"].as_array().expect("cases") {
        let numbers = case["values"].as_array().expect("an array").iter();
        let values: Vec<f64> = numbers.map(|number| number.as_f64().expect("a number")).collect();
        for form in case["forms"].as_array().expect("forms") {
            let error = if form["error"] == "A" { Error::Additive } else { Error::Relative };
            let trend = match (form["trend"].as_str(), form["damped"].as_bool()) {
                (Some("N"), _) => Trend::None,
                (_, Some(true)) => Trend::Damped,
                _ => Trend::Straight,
            };
            let ours = Ets::fit(&values, error, trend).expect("fits");
            let want = form["log_likelihood"].as_f64().expect("a number");
            let name = format!("{} {error:?} {trend:?}", case["name"]);
            assert!(ours.log_likelihood > want - LEFT, "{name}: {} is below {want}", ours.log_likelihood);
            // without trend there is one optimum, and both find it
            if trend == Trend::None {
                assert!(ours.log_likelihood < want + 0.01, "{name}: {} is not {want}", ours.log_likelihood);
                // statsforecast counts the variance as a parameter in AIC too: 2 more for every form
                let aicc = form["aicc"].as_f64().expect("a number") - 2.0;
                assert!((ours.aicc - aicc).abs() < 0.05, "{name}: AICc {} is not {aicc}", ours.aicc);
            }
        }
    }
}

#[test]
fn the_likelihood_is_that_of_the_recursion() {
    for values in kinds() {
        for error in [Error::Additive, Error::Relative] {
            for trend in [Trend::None, Trend::Straight, Trend::Damped] {
                let Some(model) = Ets::fit(&values, error, trend) else { continue };
                let want = -0.5 * by_hand(&model, &values);
                assert!((model.log_likelihood - want).abs() < 1e-6 * want.abs().max(1.0), "{model:?}: not {want}");
            }
        }
    }
}

#[test]
fn no_parameter_nearby_is_more_likely() {
    for values in kinds() {
        for error in [Error::Additive, Error::Relative] {
            let Some(model) = Ets::fit(&values, error, Trend::Damped) else { continue };
            let best = by_hand(&model, &values);
            for change in [-1e-3, 1e-3] {
                let clamp = |value: f64, (low, high): (f64, f64)| value.clamp(low, high);
                for near in [
                    Ets { alpha: clamp(model.alpha + change, ALPHAS), ..model },
                    Ets { beta: clamp(model.beta + change, BETAS), ..model },
                    Ets { phi: clamp(model.phi + change, PHIS), ..model },
                    Ets { level: model.level * (1.0 + change), ..model },
                    Ets { slope: model.slope * (1.0 + change), ..model },
                ] {
                    assert!(by_hand(&near, &values) > best - 1e-4, "{near:?} is more likely than {model:?}");
                }
            }
        }
    }
}

#[test]
fn forecasts_move_with_the_series() {
    let values = walk(300, 20.0, 1.0, 0.5, 0.05, 5);
    let model = best(&values, false).expect("fits");
    let moved: Vec<f64> = values.iter().map(|value| 3.0 * value - 70.0).collect();
    let other = best(&moved, false).expect("fits");
    assert_eq!(model.trend, other.trend);
    for (got, want) in other.ahead(&moved, 20).iter().zip(model.ahead(&values, 20)) {
        assert!((got - (3.0 * want - 70.0)).abs() < 1e-6, "{got}");
    }
}

#[test]
fn a_damped_slope_levels_out() {
    let model = Ets {
        phi: 0.9,
        slope: 1.0,
        ..Ets::fit(&walk(50, 9.0, 1.0, 0.1, 0.0, 1), Error::Additive, Trend::Damped).expect("fits")
    };
    let path = model.at_rest(5.0).ahead(&[], 3);
    assert!(path.iter().all(|value| (value - 5.0).abs() < 1e-12));
    let rising = Ets { level: 0.0, ..model }.ahead(&[], 400);
    assert!((rising[0] - 0.9).abs() < 1e-12 && (rising[399] - 9.0).abs() < 1e-9);
}

#[test]
fn what_cannot_be_fitted_is_refused() {
    assert!(best(&[], true).is_none());
    assert!(best(&[1.0, 2.0, 3.0], true).is_none());
    assert!(best(&[4.0; 50], true).is_none());
    let mut values = walk(50, 9.0, 1.0, 0.1, 0.0, 1);
    values[20] = f64::NAN;
    assert!(best(&values, true).is_none());
    assert!(Ets::fit(&walk(50, 0.0, 1.0, 0.1, 0.0, 1), Error::Relative, Trend::None).is_none());
}

#[test]
fn a_straight_line_goes_on() {
    let line: Vec<f64> = (0..60).map(|index| 5.0 + 0.25 * f64::from(index)).collect();
    let model = best(&line, true).expect("fits");
    for (value, step) in model.ahead(&line, 5).iter().zip(60..) {
        assert!((value - (5.0 + 0.25 * f64::from(step))).abs() < 1e-4, "{value} {model:?}");
    }
}
