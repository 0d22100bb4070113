//! What every model keeps on hostile data: lengths, finite numbers, order, range.

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::series::{Series, Step, Unit};

fn series(values: Vec<f64>) -> Series {
    Series::try_new("s", Timestamp::UNIX_EPOCH, Step::HOUR, values).expect("finite")
}

#[track_caller]
fn check(made: &Forecast, request: &Request, (low, high): (f64, f64)) {
    assert_eq!(made.mean.len(), request.horizon_steps);
    assert_eq!(made.paths.count(), request.paths);
    assert!(!made.because.is_empty(), "a forecast says why");
    let inside = |value: f64| value.is_finite() && low <= value && value <= high;
    for (step, middle) in made.mean.iter().enumerate() {
        let mut outer = (*middle, *middle);
        for band in &made.bands {
            assert!(band.lower[step] <= outer.0 && outer.1 <= band.upper[step], "{:?} at {step}", made.model);
            outer = (band.lower[step], band.upper[step]);
        }
        assert!(inside(outer.0) && inside(outer.1), "{:?}: {outer:?} at {step}", made.model);
    }
    assert!(made.paths.iter().flatten().all(|value| inside(*value)), "{:?}", made.model);
}

const OPEN: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);

#[test]
fn every_model_survives_degenerate_histories() {
    let histories: [Vec<f64>; 8] = [
        vec![0.0; 60],
        vec![3.0, 4.0],
        vec![7.0],
        (0..60).map(|t| if t % 9 == 0 { 2.0 } else { 0.0 }).collect(),
        (0..60).map(|t| 1.2_f64.powi(t)).collect(),
        (0..60).map(|t| -f64::from(t)).collect(),
        vec![1e-300, 3e-300, 2e-300, 5e-300, 1e-300, 3e-300, 2e-300, 4e-300, 1e-300],
        (0..60).map(|t| if t < 30 { 1e300 } else { -1e300 }).collect(),
    ];
    for values in histories {
        for model in ModelChoice::ALL {
            let request = Request { model, paths: 3, ..Request::new(30) };
            check(&forecast(&series(values.clone()), &request).expect("a valid request"), &request, OPEN);
        }
    }
}

#[test]
fn all_zeros_stay_zero() {
    for model in ModelChoice::ALL {
        let made = forecast(&series(vec![0.0; 100]), &Request { model, ..Request::new(12) }).expect("a valid request");
        assert!(made.mean.iter().all(|value| *value == 0.0), "{model:?}");
        assert_eq!(made.because, [Because::Constant]);
    }
}

#[test]
fn an_exploding_trend_is_damped_and_said() {
    let values: Vec<f64> = (0..80).map(|t| 1.25_f64.powi(t)).collect();
    let largest = values[79];
    for model in [ModelChoice::Auto, ModelChoice::ArRidge, ModelChoice::Growth] {
        let made = forecast(&series(values.clone()), &Request { model, ..Request::new(20) }).expect("a valid request");
        assert!(made.mean.iter().all(|value| *value <= 1.3 * largest), "{model:?}");
        assert!(made.because.contains(&Because::Damped), "{model:?}: {:?}", made.because);
    }
}

#[test]
fn mostly_zeros_go_to_a_method_for_them() {
    let mut state = 12_345_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / (1_u64 << 31) as f64
    };
    let values: Vec<f64> = (0..400).map(|_| if next() < 0.2 { 1.0 + 9.0 * next() } else { 0.0 }).collect();
    let expected = values.iter().sum::<f64>() / 400.0;
    let made = forecast(&series(values), &Request::new(24)).expect("a valid request");
    assert!(matches!(made.model, Model::Tsb | Model::Sba), "{:?} {:?}", made.model, made.because);
    assert!(matches!(made.because[0], Because::Intermittent { ratio, .. } if ratio < 1.0));
    assert!((made.mean[5] / expected - 1.0).abs() < 0.5, "{} is not {expected}", made.mean[5]);
}

#[test]
fn a_ratio_stays_one_and_whole_numbers_whole() {
    let values: Vec<f64> = (0..200).map(|t| 1.0 - f64::from(t * 7_919 % 101) / 2_000.0).collect();
    let ratio = series(values.clone()).with_unit(Unit::Ratio);
    let request = Request { paths: 50, ..Request::new(100) };
    let made = forecast(&ratio, &request).expect("a valid request");
    check(&made, &request, (0.0, 1.0));
    assert!(made.because.contains(&Because::WithinRange { low: Some(0.0), high: Some(1.0) }));
    let counts: Vec<f64> = values.iter().map(|value| (20.0 * value).round()).collect();
    let request = Request { whole_numbers: true, ..request };
    let made = forecast(&series(counts), &request).expect("a valid request");
    check(&made, &request, (0.0, f64::INFINITY));
    let all =
        made.mean.iter().chain(&made.bands[0].lower).chain(&made.bands[1].upper).chain(made.paths.iter().flatten());
    assert!(all.into_iter().all(|value| value.fract() == 0.0));
    let refused = Request { range: Some((1.0, f64::NAN)), ..Request::new(5) };
    assert!(matches!(forecast(&ratio, &refused), Err(ForecastError::Range { .. })));
}

#[test]
fn a_regressor_is_used_and_one_that_ends_is_refused() {
    let load = |t: usize| if (t * 7_919) % 37 < 9 { 1.0 } else { 0.0 };
    let values: Vec<f64> = (0..300).map(|t| 10.0 + 6.0 * load(t) + (t * 31 % 17) as f64 / 20.0).collect();
    let mut regressor = prophet::Regressor::new("load", (0..300).map(load).collect());
    let ask = |regressors: Vec<prophet::Regressor>, model| Request { regressors, model, ..Request::new(24) };
    let history = series(values);
    let error = forecast(&history, &ask(vec![regressor.clone()], ModelChoice::Auto)).expect_err("no future");
    assert_eq!(
        error.to_string(),
        "regressor `load` has 300 values, but history and horizon need 324; give its future or let it hold"
    );
    regressor.values.extend((300..324).map(load));
    let made = forecast(&history, &ask(vec![regressor.clone()], ModelChoice::Prophet)).expect("a valid request");
    for step in 0..24 {
        assert!((made.mean[step] - 10.4 - 6.0 * load(300 + step)).abs() < 0.7, "{} at {step}", made.mean[step]);
    }
    let auto = forecast(&history, &ask(vec![regressor], ModelChoice::Auto)).expect("a valid request");
    let off = accuracy::mae(&(300..324).map(|t| 10.4 + 6.0 * load(t)).collect::<Vec<_>>(), &auto.mean);
    assert!(off < 1.0, "{off} {:?}", auto.because);
}

fn any_history() -> impl Strategy<Value = Vec<f64>> {
    let value = prop_oneof![4 => 0.0..1.0, 1 => Just(0.0), 1 => Just(1.0), 1 => 0.0..1e-6];
    prop::collection::vec(value, 1..140)
}

fn any_event() -> impl Strategy<Value = Event> {
    let effect =
        prop_oneof![Just(Effect::Learned), (0.0..5.0).prop_map(Effect::Times), (-3.0..3.0).prop_map(Effect::Plus)];
    let span = (0_i64..200, 1_i64..30).prop_map(|(start, length)| Span {
        start: Timestamp::from_second(start * 3_600).expect("in range"),
        end: Timestamp::from_second((start + length) * 3_600).expect("in range"),
    });
    (prop::collection::vec(span, 0..4), effect).prop_map(|(spans, effect)| Event {
        name: "e".to_owned(),
        spans,
        effect,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn intervals_are_ordered_finite_and_inside_the_range(
        values in any_history(),
        horizon in 1_usize..60,
        choice in 0..ModelChoice::ALL.len(),
        events in prop::collection::vec(any_event(), 0..3),
        whole in any::<bool>(),
    ) {
        let range = Some((-0.25, 1.0));
        let request = Request {
            model: ModelChoice::ALL[choice],
            paths: 4,
            events,
            range,
            whole_numbers: whole,
            ..Request::new(horizon)
        };
        let made = forecast(&series(values), &request).expect("a valid request");
        check(&made, &request, (-0.25, 1.0));
    }
}
