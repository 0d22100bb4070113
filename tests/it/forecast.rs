//! Tests of `forecast`: against references, under transformations, and on hostile data.
#![expect(clippy::expect_used, reason = "helpers of tests")]

use std::f64::consts::TAU;

use jiff::Timestamp;
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use serde_json::Value;
use tidewatch::forecast::{
    Because, Forecast, ForecastError, Model, ModelChoice, Request, Settings, accuracy, backtest, forecast,
};
use tidewatch::series::{Series, Step};

fn series(values: Vec<f64>) -> Series {
    Series::try_new("s", Timestamp::UNIX_EPOCH, Step::HOUR, values).expect("finite")
}

fn request(horizon_steps: usize, model: ModelChoice) -> Request {
    Request { model, ..Request::new(horizon_steps) }
}

fn run(values: &[f64], request: &Request) -> Forecast {
    let made = forecast(&series(values.to_vec()), request).expect("a valid request");
    check_shape(&made, request);
    made
}

/// What every forecast keeps: lengths, finite numbers, `lower <= mean <= upper`, wider with level.
#[track_caller]
fn check_shape(made: &Forecast, request: &Request) {
    assert_eq!(made.mean.len(), request.horizon_steps);
    assert_eq!(made.bands.len(), request.levels.len());
    assert_eq!(made.paths.count(), request.paths);
    assert!(!made.because.is_empty(), "a forecast says why");
    for band in &made.bands {
        for ((low, middle), high) in band.lower.iter().zip(&made.mean).zip(&band.upper) {
            assert!(low.is_finite() && middle.is_finite() && high.is_finite(), "{low} {middle} {high}");
            assert!(low <= middle && middle <= high, "{low} {middle} {high} at {}", band.level);
        }
    }
    for pair in made.bands.windows(2) {
        assert!(pair[0].level < pair[1].level);
        for step in 0..request.horizon_steps {
            assert!(pair[0].lower[step] >= pair[1].lower[step] && pair[0].upper[step] <= pair[1].upper[step]);
        }
    }
    assert!(made.paths.iter().flatten().all(|value| value.is_finite()));
}

fn noise(count: usize, seed: u64) -> Vec<f64> {
    let mut random = Pcg64::seed_from_u64(seed);
    (0..count).map(|_| (0..4).map(|_| random.random_range(-0.5..0.5)).sum::<f64>()).collect()
}

/// A daily wave around `level` with noise that remembers itself.
fn daily(count: usize, level: f64, seed: u64) -> Vec<f64> {
    let mut error = 0.0;
    let fresh = noise(count, seed);
    (0..count)
        .map(|hour| {
            error = 0.7 * error + fresh[hour];
            level + 5.0 * (TAU * hour as f64 / 24.0).sin() + error
        })
        .collect()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("an array").iter().map(|v| v.as_f64().expect("a number")).collect()
}

fn reference() -> Value {
    serde_json::from_str(include_str!("../../data/reference/forecast/reference.json")).expect("valid JSON")
}

#[test]
fn agrees_with_statsforecast() {
    for case in reference()["cases"].as_array().expect("cases") {
        let values = numbers(&case["values"]);
        let seasons: Vec<usize> = numbers(&case["seasons"]).iter().map(|s| *s as usize).collect();
        let horizon = case["horizon"].as_u64().expect("a number") as usize;
        let spread = accuracy::naive_scale(&values, 1).expect("not constant");

        let asked = Request { seasons: Some(seasons.clone()), ..request(horizon, ModelChoice::MstlEts) };
        let made = run(&values, &asked);
        assert_eq!(made.model, Model::MstlEts);
        let away = accuracy::mae(&numbers(&case["mstl_ets"]), &made.mean) / spread;
        assert!(away < 0.15, "{}: {away} naive errors from the reference", case["name"]);

        let asked = Request { seasons: Some(seasons[..1].to_vec()), ..request(horizon, ModelChoice::SeasonalNaive) };
        let made = run(&values, &asked);
        assert_eq!(made.model, Model::SeasonalNaive);
        assert!(accuracy::mae(&numbers(&case["seasonal_naive"]), &made.mean) < 1e-12 * values[0].abs());
    }
}

#[test]
fn measures_agree_with_utilsforecast() {
    let all = reference();
    let case = &all["measures"];
    let list = |name: &str| numbers(&case[name]);
    let (history, actual, predicted) = (list("history"), list("actual"), list("predicted"));
    let (lower, upper) = (list("lower"), list("upper"));
    let season = case["season"].as_u64().expect("a number") as usize;
    let check = |name: &str, got: f64| {
        let want = case[name].as_f64().expect("a number");
        assert!((got - want).abs() < 1e-12 * want.abs(), "{name}: {got} is not {want}");
    };
    check("mae", accuracy::mae(&actual, &predicted));
    check("mase", accuracy::mase(&actual, &predicted, &history, season).expect("scaled"));
    check("rmsse", accuracy::rmsse(&actual, &predicted, &history).expect("scaled"));
    check("smape_half", accuracy::smape(&actual, &predicted) / 2.0);
    check("pinball_0.9", accuracy::pinball(&actual, &predicted, 0.9));
    check("coverage", accuracy::coverage(&actual, &lower, &upper));
    check("msis", accuracy::msis(&actual, (&lower, &upper), 0.95, &history, season).expect("scaled"));
}

#[test]
fn intervals_hold_what_they_promise() {
    let seasonal = [ModelChoice::MstlEts, ModelChoice::SeasonalNaive, ModelChoice::SeasonalMedian];
    for model in seasonal.into_iter().chain([ModelChoice::Auto, ModelChoice::Prophet, ModelChoice::Theta]) {
        let (mut inside80, mut inside95, count) = (0.0, 0.0, 60);
        for seed in 0..count {
            let values = daily(400 + 24, 50.0, seed);
            let (history, actual) = values.split_at(400);
            let made = run(history, &request(24, model));
            let hold = |level: f64| {
                let band = made.band(level).expect("asked for");
                accuracy::coverage(actual, &band.lower, &band.upper) / count as f64
            };
            inside80 += hold(0.8);
            inside95 += hold(0.95);
        }
        assert!((inside80 - 0.8).abs() < 0.06, "{model:?}: the 80 % interval held {inside80}");
        assert!((inside95 - 0.95).abs() < 0.04, "{model:?}: the 95 % interval held {inside95}");
    }
}

#[test]
fn paths_agree_with_the_intervals() {
    let asked = Request { paths: 4_000, levels: vec![0.5, 0.8, 0.95], ..Request::new(48) };
    let made = run(&daily(500, 50.0, 3), &asked);
    for band in &made.bands {
        for step in [0, 11, 47] {
            let inside = made.paths.iter().filter(|p| band.lower[step] <= p[step] && p[step] <= band.upper[step]);
            let share = inside.count() as f64 / 4_000.0;
            assert!((share - band.level).abs() < 0.035, "{share} of paths in the {} interval at {step}", band.level);
        }
    }
}

#[test]
fn far_futures_are_less_sure() {
    let ramp: Vec<f64> = daily(700, 100.0, 5).iter().enumerate().map(|(i, v)| v + 0.05 * i as f64).collect();
    let asked = Request { paths: 200, ..Request::new(2_160) };
    let made = run(&ramp, &asked);
    let band = made.band(0.8).expect("asked for");
    let width = |step: usize| band.upper[step] - band.lower[step];
    assert!(width(2_159) > 2.0 * width(100), "{} after {}", width(2_159), width(100));
    let truth = 100.0 + 0.05 * (700.0 + 2_159.0);
    assert!((made.mean[2_159] - truth).abs() < 60.0, "{} against {truth}", made.mean[2_159]);
    let ends: Vec<f64> = made.paths.iter().map(|path| path[2_159]).collect();
    let outside = ends.iter().filter(|end| **end < band.lower[2_159] || **end > band.upper[2_159]).count();
    assert!((10..80).contains(&outside), "{outside} of 200 paths outside the 80 % interval");
}

#[test]
fn widths_never_shrink_with_the_horizon() {
    for seed in 0..5 {
        let values: Vec<f64> = daily(300, 0.0, seed);
        let made = run(&values, &Request::new(200));
        for band in &made.bands {
            for step in 1..200 {
                let width = |at: usize| band.upper[at] - band.lower[at];
                assert!(width(step) >= width(step - 1) * (1.0 - 1e-12));
            }
        }
    }
}

#[test]
fn scaling_and_shifting_move_the_forecast_along() {
    let values = daily(300, 100.0, 7);
    for model in [ModelChoice::MstlEts, ModelChoice::SeasonalNaive, ModelChoice::Ets, ModelChoice::ArRidge] {
        let plain = run(&values, &request(30, model));
        for (a, b) in [(3.0, 0.0), (1e-9, 0.0), (0.25, 500.0), (1e6, 1e7), (1e290, 0.0)] {
            let moved = run(&values.iter().map(|v| a * v + b).collect::<Vec<_>>(), &request(30, model));
            for (step, (got, want)) in moved.mean.iter().zip(&plain.mean).enumerate() {
                assert!((got - (a * want + b)).abs() < a * 0.01, "{model:?} {a} {b} step {step}: {got}");
            }
            let (got, want) = (&moved.bands[1].upper, &plain.bands[1].upper);
            assert!((got[29] - (a * want[29] + b)).abs() < a * 0.02, "{model:?} {a} {b}");
        }
    }
    let plain = run(&values, &Request::new(30));
    let scaled = run(&values.iter().map(|v| 7.0 * v).collect::<Vec<_>>(), &Request::new(30));
    for (got, want) in scaled.mean.iter().zip(&plain.mean) {
        assert!((got - 7.0 * want).abs() < 0.01 * want, "{got} is not 7 x {want}");
    }
}

#[test]
fn a_short_forecast_is_the_start_of_a_long_one() {
    let values = daily(300, 10.0, 8);
    // these two weigh by how well the same horizon went before
    let by_horizon = [ModelChoice::Auto, ModelChoice::Growth];
    for model in ModelChoice::ALL.into_iter().filter(|model| !by_horizon.contains(model)) {
        let (short, long) = (run(&values, &request(20, model)), run(&values, &request(40, model)));
        assert_eq!(short.mean, long.mean[..20], "{model:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let values = daily(300, 10.0, 9);
    let asked = Request { paths: 20, seed: 5, ..Request::new(30) };
    let (one, two) = (run(&values, &asked), run(&values, &asked));
    assert_eq!(one, two);
    let other = run(&values, &Request { seed: 6, ..asked });
    assert_eq!(one.mean, other.mean);
    assert_ne!(one.paths, other.paths);
}

#[track_caller]
fn check_model(values: &[f64], model: ModelChoice, used: Model, why: &Because) {
    let made = run(values, &Request { paths: 3, ..request(5, model) });
    assert_eq!(made.model, used);
    assert!(made.because.contains(why), "{:?}", made.because);
}

#[test]
fn fallbacks_say_why() {
    use ModelChoice as Choice;
    let too_short = |points, needed| Because::TooShort { points, needed };
    check_model(&[5.0; 100], Choice::Auto, Model::Constant, &Because::Constant);
    check_model(&[0.0; 3], Choice::MstlEts, Model::Constant, &Because::Constant);
    check_model(&[4.0], Choice::Auto, Model::Naive, &too_short(1, 8));
    check_model(&[4.0, 5.0], Choice::MstlEts, Model::Naive, &too_short(2, 16));
    check_model(&daily(30, 9.0, 1), Choice::MstlEts, Model::Ets, &too_short(30, 54));
    check_model(&daily(30, 9.0, 1), Choice::SeasonalNaive, Model::Naive, &too_short(30, 54));
    check_model(&noise(200, 1), Choice::MstlEts, Model::Ets, &Because::NoSeason);
    check_model(&noise(200, 1), Choice::Auto, Model::Combination, &Because::NoSeason);
    check_model(&daily(200, 9.0, 1), Choice::MstlEts, Model::MstlEts, &Because::Requested);
    check_model(&daily(200, 9.0, 1), Choice::HoltWinters, Model::HoltWinters, &Because::Requested);
    let failed = run(&daily(20, 9.0, 1), &request(5, Choice::ArRidge));
    assert_eq!(failed.model, Model::Naive);
    assert!(matches!(failed.because[0], Because::ModelFailed { model: Model::ArRidge, .. }), "{:?}", failed.because);
}

#[test]
fn the_combination_shows_its_shares() {
    let made = run(&daily(300, 9.0, 2), &Request::new(24));
    let Because::Combined { mase, best_single, shares } = &made.because[0] else {
        panic!("not combined: {:?}", made.because)
    };
    assert!(*mase > 0.0 && *mase < 1.0 && *best_single > 0.0);
    assert!((shares.iter().map(|share| share.weight).sum::<f64>() - 1.0).abs() < 1e-9);
    assert!(shares.windows(2).all(|pair| pair[0].weight >= pair[1].weight));
    assert_eq!(made.seasons, [24]);
}

#[test]
fn a_forecast_names_the_seasons_it_follows() {
    let seasons = |model| run(&daily(400, 9.0, 2), &request(24, model)).seasons;
    assert_eq!(seasons(ModelChoice::SeasonalNaive), [24]);
    assert_eq!(seasons(ModelChoice::HoltWinters), [24]);
    assert_eq!(seasons(ModelChoice::ArRidge), [24, 168]);
    assert_eq!(seasons(ModelChoice::Ets), Vec::<usize>::new());
    let given = Request { seasons: Some(vec![48, 12, 48]), ..request(24, ModelChoice::MstlEts) };
    assert_eq!(run(&daily(400, 9.0, 2), &given).seasons, [12, 48]);
}

#[test]
fn a_perfect_season_is_continued() {
    let values: Vec<f64> = (0..240).map(|hour| 3.0 + f64::from(hour % 24)).collect();
    for model in [ModelChoice::Auto, ModelChoice::MstlEts, ModelChoice::SeasonalNaive, ModelChoice::HoltWinters] {
        let made = run(&values, &request(48, model));
        let away = accuracy::mae(&values[..48], &made.mean);
        assert!(away < 0.3, "{model:?} is {away} away");
    }
}

#[test]
fn nothing_goes_below_zero_when_nothing_was() {
    let values: Vec<f64> = noise(300, 4).iter().map(|v| (3.0 * v).max(0.0)).collect();
    let made = run(&values, &Request { paths: 50, ..Request::new(48) });
    assert!(made.because.contains(&Because::NonNegative));
    assert!(made.bands.iter().all(|band| band.lower.iter().all(|low| *low >= 0.0)));
    assert!(made.paths.iter().flatten().all(|value| *value >= 0.0));
    let negative = run(&noise(300, 4).iter().map(|v| v - 3.0).collect::<Vec<_>>(), &Request::new(48));
    assert!(negative.bands[1].lower[0] < -3.0);
}

#[test]
fn small_signals_on_large_numbers_survive() {
    let values: Vec<f64> = daily(400, 0.0, 6).iter().map(|v| 1e12 + v).collect();
    for model in [ModelChoice::Auto, ModelChoice::MstlEts] {
        let made = run(&values, &request(24, model));
        let width = made.bands[1].upper[0] - made.bands[1].lower[0];
        assert!(width < 10.0, "{model:?}: the interval is {width} wide");
    }
}

#[test]
fn one_outlier_does_not_take_over() {
    let clean = daily(400, 50.0, 12);
    let mut spiked = clean.clone();
    spiked[390] = 5_000.0;
    let (plain, hit) = (run(&clean, &Request::new(24)), run(&spiked, &Request::new(24)));
    let away = accuracy::mae(&plain.mean, &hit.mean);
    assert!(away < 5.0, "one outlier moved the forecast by {away}");
}

#[test]
fn a_step_change_is_followed() {
    let values: Vec<f64> =
        noise(400, 13).iter().enumerate().map(|(i, v)| v + if i < 300 { 10.0 } else { 60.0 }).collect();
    let made = run(&values, &Request::new(24));
    assert!(made.mean.iter().all(|value| (value - 60.0).abs() < 8.0), "{:?}", made.mean);
}

#[test]
fn imputed_values_do_not_make_intervals_narrow() {
    let values = daily(400, 50.0, 14);
    let mut flags = vec![false; 400];
    flags[200..380].fill(true);
    let mut filled = values.clone();
    filled[200..380].fill(50.0);
    let flagged = series(filled).with_imputed(flags).expect("as many flags");
    let made = forecast(&flagged, &request(24, ModelChoice::Naive)).expect("valid");
    let plain = run(&values, &request(24, ModelChoice::Naive));
    let width = |f: &Forecast| f.bands[0].upper[20] - f.bands[0].lower[20];
    assert!(width(&made) > 0.5 * width(&plain), "{} against {}", width(&made), width(&plain));
    let all = series(values).with_imputed(vec![true; 400]).expect("as many flags");
    check_shape(&forecast(&all, &Request::new(24)).expect("valid"), &Request::new(24));
}

#[test]
fn extremes_stay_finite() {
    let wave = daily(200, 20.0, 15);
    for factor in [1e-12, 1e-300, 1e290, 1e306] {
        let values: Vec<f64> = wave.iter().map(|v| v * factor).collect();
        for model in ModelChoice::ALL {
            run(&values, &Request { paths: 5, ..request(30, model) });
        }
    }
    let flips: Vec<f64> = (0..100).map(|i| if i % 2 == 0 { f64::MAX } else { f64::MIN }).collect();
    run(&flips, &Request { paths: 5, ..Request::new(30) });
    run(&[f64::MAX, f64::MIN], &Request { paths: 5, ..Request::new(30) });
    run(&[5e-324, 0.0, 5e-324, 0.0, 0.0, 0.0, 0.0, 0.0, 5e-324, 0.0], &Request::new(3));
    let mut almost = vec![7.0; 200];
    almost[199] = 8.0;
    run(&almost, &Request::new(30));
}

#[test]
fn bad_requests_are_refused_with_what_is_allowed() {
    let values = series(daily(50, 1.0, 1));
    let refuse = |asked: Request, text: &str| {
        let error = forecast(&values, &asked).expect_err("refused");
        assert_eq!(error.to_string(), text);
    };
    refuse(Request::new(0), "horizon must be 1 to 100000 steps, got 0");
    refuse(Request::new(100_001), "horizon must be 1 to 100000 steps, got 100001");
    for level in [0.0, 1.0, -3.0, f64::NAN] {
        let asked = Request { levels: vec![0.5, level], ..Request::new(3) };
        assert!(matches!(forecast(&values, &asked), Err(ForecastError::Level(_))));
    }
    refuse(Request { seasons: Some(vec![24, 1]), ..Request::new(3) }, "season must be at least 2 steps, got 1");
    refuse(
        Request { paths: usize::MAX, ..Request::new(3) },
        "18446744073709551615 paths of 3 steps are more than the limit of 20000000 values; ask for fewer paths or a longer step",
    );
    assert!("oracle".parse::<ModelChoice>().is_err());
    assert_eq!("mstl-ets".parse(), Ok(ModelChoice::MstlEts));
}

#[test]
fn levels_are_sorted_and_may_be_extreme() {
    let asked = Request { levels: vec![0.999_999, 0.01, 0.95, 0.95], ..Request::new(12) };
    let made = forecast(&series(daily(300, 50.0, 1)), &asked).expect("valid");
    let levels: Vec<f64> = made.bands.iter().map(|band| band.level).collect();
    assert_eq!(levels, [0.01, 0.95, 0.999_999]);
    check_shape(&made, &Request { levels, ..asked });
}

#[test]
fn a_backtest_measures_whole_forecasts() {
    let values = series(daily(400, 50.0, 2));
    let report = backtest(&values, &Request::new(24), 6, &Settings::default()).expect("valid");
    assert_eq!(report.origins, [376, 364, 352, 340, 328, 316]);
    assert_eq!(report.model, Some(Model::Combination));
    assert!(report.mase.is_some_and(|mase| mase > 0.1 && mase < 1.0), "{report:?}");
    assert!(report.levels[0].coverage < report.levels[1].coverage + 1e-9);
    assert!(report.levels[1].coverage > 0.8, "{report:?}");
    let short = backtest(&series(vec![1.0, 2.0]), &Request::new(24), 6, &Settings::default()).expect("valid");
    assert_eq!((short.model, short.mase, short.levels.len()), (None, None, 0));
}

fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => -10.0..10.0,
        1 => Just(0.0),
        1 => proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL | proptest::num::f64::ZERO,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_series_makes_it_panic(
        values in proptest::collection::vec(any_value(), 1..90),
        horizon in 1_usize..60,
        choice in 0_usize..ModelChoice::ALL.len(),
        seasons in proptest::option::of(proptest::collection::vec(2_usize..40, 0..3)),
        paths in 0_usize..4,
    ) {
        let asked = Request { seasons, paths, ..request(horizon, ModelChoice::ALL[choice]) };
        run(&values, &asked);
    }
}
