//! Tests of `capacity`.

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use serde_json::Value;
use tidewatch::capacity::{
    CapacityError, CurrentReplicas, CurrentResources, Demand, Limit, Outlook, Plan, Recommendation, ReplicaFacts,
    Settings, WorkloadFacts, WorkloadKind, WorkloadName, cpu_quantity, exhaustion, memory_quantity, plan,
    recommend_replicas, recommend_workload,
};
use tidewatch::forecast::{Forecast, ForecastError, Model, SamplePaths};
use tidewatch::series::{HumanDuration, Labels, Series, Step, Unit};

const DAY: f64 = 86_400.0;
const GIB: f64 = 1_073_741_824.0;
const MIB: f64 = 1_048_576.0;

fn start() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().expect("a time")
}

fn hourly(hours: usize, value: impl FnMut(usize) -> f64) -> Series {
    Series::try_new("disk", start(), Step::HOUR, (0..hours).map(value).collect()).expect("a series")
}

/// Forecasts nothing: the trend has to stand in.
fn no_model(_: &Series, horizon: usize) -> Result<Forecast, ForecastError> {
    Err(ForecastError::Horizon { got: horizon, limit: 1 })
}

/// A forecast whose paths are `path(number, step)`.
fn forecast(used: &Series, steps: usize, count: usize, path: impl Fn(usize, usize) -> f64) -> Forecast {
    let values: Vec<f64> = (0..count).flat_map(|n| (0..steps).map(move |i| (n, i))).map(|(n, i)| path(n, i)).collect();
    Forecast {
        series: used.name().to_owned(),
        unit: used.unit(),
        start: used.end(),
        step: used.step(),
        model: Model::MstlEts,
        because: vec![],
        seasons: vec![],
        mean: (0..steps).map(|i| path(count / 2, i)).collect(),
        bands: vec![],
        paths: SamplePaths::new(steps, values),
    }
}

#[track_caller]
fn planned(used: &Series, limit: f64) -> Plan {
    let now = used.time_at(used.len() - 1);
    let plan = plan(used, Limit::Constant(limit), &Settings::default(), now, no_model).expect("a plan");
    let exhaustion = &plan.report.exhaustion;
    assert!(exhaustion.growth_per_day.is_finite());
    assert!(exhaustion.p10.unwrap_or(Timestamp::MAX) <= exhaustion.p50.unwrap_or(Timestamp::MAX));
    assert!(exhaustion.p50.unwrap_or(Timestamp::MAX) <= exhaustion.p90.unwrap_or(Timestamp::MAX));
    let within = exhaustion.probability_within;
    assert!(0.0 <= within.d7 && within.d7 <= within.d30 && within.d30 <= within.d90 && within.d90 <= 1.0);
    for sentence in &plan.report.because {
        assert!(sentence.ends_with('.') && !sentence.contains("NaN") && !sentence.contains("inf "), "{sentence}");
    }
    plan
}

fn noise(seed: u64) -> impl FnMut() -> f64 {
    let mut random = rand_pcg::Pcg64::seed_from_u64(seed);
    move || random.random_range(-1.0..1.0)
}

mod scenarios {
    use super::*;

    /// `days` is where the median must lie, days from now; `None` for never within the horizon.
    #[track_caller]
    fn check(used: &Series, limit: f64, outlook: Outlook, days: Option<(f64, f64)>) -> Plan {
        let plan = planned(used, limit);
        let exhaustion = &plan.report.exhaustion;
        assert_eq!(exhaustion.outlook, outlook, "{:#?}", plan.report);
        let now = used.time_at(used.len() - 1);
        let got = exhaustion.p50.map(|at| (at.as_second() - now.as_second()) as f64 / DAY);
        match (got, days) {
            (None, None) => {}
            (Some(got), Some((low, high))) if (low..=high).contains(&got) => {}
            _ => panic!("median in {got:?} days, not {days:?}: {:#?}", plan.report),
        }
        plan
    }

    #[test]
    fn a_steady_fill_is_full_when_the_line_says_so() {
        // 1 per day, 60 days: at 60 now, 100 in 40 days
        let plan = check(&hourly(60 * 24, |i| i as f64 / 24.0), 100.0, Outlook::WillExhaust, Some((38.0, 42.0)));
        assert!((plan.report.exhaustion.growth_per_day - 1.0).abs() < 1e-3);
        let mut noise = noise(1);
        check(&hourly(60 * 24, |i| i as f64 / 24.0 + noise()), 100.0, Outlook::WillExhaust, Some((36.0, 42.0)));
    }

    #[test]
    fn a_disk_that_empties_itself_every_night_is_not_full_tonight() {
        // at 23:00 it stands at 96 of 100, rising 4 per hour: a straight line is full at midnight
        let used = hourly(30 * 24, |i| 4.0 + 4.0 * (i % 24) as f64);
        assert!(used.last() > 95.0);
        let plan = check(&used, 100.0, Outlook::NeverAtThisRate, None);
        assert!(plan.report.because.iter().any(|text| text.contains("frees about")), "{:?}", plan.report.because);
        assert_eq!(plan.report.recommendation, None);
        let mut noise = noise(2);
        let used = hourly(30 * 24, |i| 4.0 + 3.9 * (i % 24) as f64 + noise());
        let plan = planned(&used, 100.0);
        assert!(plan.report.exhaustion.probability_within.d7 < 0.05, "{:#?}", plan.report);
    }

    #[test]
    fn growing_peaks_of_a_sawtooth_do_run_out() {
        // nightly peaks grow by 0.5 per day from 46 on; 30 days later at 60.5, 100 in 79 days
        let used = hourly(30 * 24, |i| 2.0 * (i % 24) as f64 + 0.5 * (i / 24) as f64);
        check(&used, 100.0, Outlook::WillExhaust, Some((74.0, 82.0)));
        // weekly: 50 per week and back, peaks grow by 2 per week; 10 weeks
        let used = hourly(10 * 168, |i| 50.0 * (i % 168) as f64 / 168.0 + 2.0 * (i / 168) as f64);
        let plan = check(&used, 85.0, Outlook::WillExhaust, Some((50.0, 70.0)));
        assert!((plan.report.exhaustion.growth_per_day - 2.0 / 7.0).abs() < 0.02);
        check(&used, 120.0, Outlook::NeverAtThisRate, None);
    }

    #[test]
    fn a_clean_up_that_does_not_come_is_noticed() {
        let used = hourly(22 * 24, |i| if i < 18 * 24 { 2.0 * (i % 24) as f64 } else { 2.0 * (i - 18 * 24) as f64 });
        assert!(used.last() > 180.0);
        // 48 per day, at 190: 300 in 2.3 days
        let plan = check(&used, 300.0, Outlook::WillExhaust, Some((2.0, 3.5)));
        assert!(plan.report.because.iter().any(|text| text.contains("has not done so")), "{:?}", plan.report.because);
    }

    #[test]
    fn what_does_not_grow_never_runs_out() {
        check(&hourly(60 * 24, |i| 90.0 - i as f64 / 48.0), 100.0, Outlook::NeverAtThisRate, None);
        check(&hourly(60 * 24, |_| 99.0), 100.0, Outlook::NeverAtThisRate, None);
        check(&hourly(60 * 24, |_| 0.0), 1e-300, Outlook::NeverAtThisRate, None);
        check(&hourly(60 * 24, |_| -5.0), 1.0, Outlook::NeverAtThisRate, None);
        let mut noise = noise(3);
        check(&hourly(60 * 24, |_| 50.0 + 5.0 * noise()), 100.0, Outlook::NeverAtThisRate, None);
    }

    #[test]
    fn full_is_full_now_and_says_since_when() {
        let used = hourly(10 * 24, |i| i as f64);
        let plan = check(&used, 200.0, Outlook::AlreadyExhausted, Some((0.0, 0.0)));
        let because = &plan.report.because[0];
        assert!(because.contains("since 9 January 2026 at 08:00 UTC"), "{because}");
        let advice = plan.report.recommendation.expect("a recommendation");
        assert_eq!(advice.by, Some(used.time_at(used.len() - 1)));
        check(&used, 239.0, Outlook::AlreadyExhausted, Some((0.0, 0.0)));
        check(&used, 1e-9, Outlook::AlreadyExhausted, Some((0.0, 0.0)));
    }

    #[test]
    fn too_little_history_says_so() {
        let plan = check(&hourly(1, |_| 5.0), 100.0, Outlook::NeverAtThisRate, None);
        assert!(plan.report.because.iter().any(|text| text.contains("too little history")));
        let plan = planned(&hourly(2, |i| 5.0 + i as f64), 100.0);
        assert!(plan.report.because.iter().any(|text| text.contains("too little history")));
        let advice = plan.report.recommendation.expect("a recommendation");
        assert!(advice.confidence < 0.1, "{}", advice.confidence);
        let plan = planned(&hourly(36, |i| 5.0 + i as f64), 1e6);
        assert_eq!(plan.report.exhaustion.outlook, Outlook::NeverAtThisRate);
    }

    #[test]
    fn a_clean_up_moves_the_level_and_not_the_growth() {
        // 1 per day; 40 freed on day 50 of 70: 30 now, 100 in 70 days
        let used = hourly(70 * 24, |i| i as f64 / 24.0 - if i >= 50 * 24 { 40.0 } else { 0.0 });
        let plan = check(&used, 100.0, Outlook::WillExhaust, Some((66.0, 74.0)));
        assert!(plan.report.because.iter().any(|text| text.contains("one-off step")), "{:?}", plan.report.because);
    }

    #[test]
    fn growth_that_accelerates_counts_by_its_latest_rate() {
        // t²/60: 60 after 60 days, growing by 2 per day; full at 100 in 17.5 days, by the mean rate in 40
        let used = hourly(60 * 24, |i| (i as f64 / 24.0).powi(2) / 60.0);
        let plan = check(&used, 100.0, Outlook::WillExhaust, Some((16.0, 25.0)));
        assert!(
            plan.report.because.iter().any(|text| text.contains("Growth has changed")),
            "{:?}",
            plan.report.because
        );
    }

    #[test]
    fn a_short_horizon_makes_no_promise_beyond_itself() {
        let used = hourly(20 * 24, |i| i as f64 / 24.0);
        let settings = Settings { horizon: HumanDuration::from_days(10), ..Settings::default() };
        let now = used.time_at(used.len() - 1);
        let plan = plan(&used, Limit::Constant(60.0), &settings, now, no_model).expect("a plan");
        let within = plan.report.exhaustion.probability_within;
        assert!((plan.report.exhaustion.horizon_days - 10.0).abs() < 0.1);
        assert!(within.d30.abs() < 1e-12 && within.d90.abs() < 1e-12);
        let said = plan.report.because.iter().any(|text| text.contains("within 30 and 90 days are lower bounds"));
        assert!(said, "{:?}", plan.report.because);
    }

    #[test]
    fn values_at_the_edge_of_numbers_do_not_panic() {
        planned(&hourly(100, |i| i as f64 * 1e306), 1.7e308);
        planned(&hourly(100, |i| if i % 2 == 0 { 1.7e308 } else { -1.7e308 }), 1e300);
        planned(&hourly(100, |i| i as f64 * 5e-324), 1e-300);
        let late = Series::try_new("s", Timestamp::MAX, Step::HOUR, vec![1.0]);
        assert!(late.is_err());
        let long = Step::from_millis(86_400_000 * 365).expect("a step");
        let yearly = Series::try_new("s", start(), long, vec![1.0, 2.0, 3.0]).expect("a series");
        planned(&yearly, 5.0);
        let dense = Series::try_new("s", start(), Step::from_millis(1).expect("a step"), vec![1.0, 2.0, 3.0]);
        planned(&dense.expect("a series"), 5.0);
    }

    #[test]
    fn a_limit_that_cannot_be_is_refused() {
        let used = hourly(10, |i| i as f64);
        for limit in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let error =
                plan(&used, Limit::Constant(limit), &Settings::default(), start(), no_model).expect_err("no limit");
            assert!(matches!(error, CapacityError::Limit(_)), "{error}");
        }
        let settings = Settings { headroom: 80.0, ..Settings::default() };
        let error = plan(&used, Limit::Constant(1.0), &settings, start(), no_model).expect_err("headroom");
        assert_eq!(error.to_string(), "headroom must be above 0 and at most 1, got 80");
    }
}

mod choice {
    use super::*;

    #[track_caller]
    fn check(path: impl Fn(usize, usize) -> f64, count: usize, said: &str) -> Plan {
        let used = hourly(60 * 24, |i| i as f64 / 24.0);
        let now = used.time_at(used.len() - 1);
        let model = |series: &Series, steps: usize| Ok(forecast(series, steps, count, &path));
        let plan = plan(&used, Limit::Constant(100.0), &Settings::default(), now, model).expect("a plan");
        assert!(plan.report.because.iter().any(|text| text.contains(said)), "{:#?}", plan.report.because);
        plan
    }

    #[test]
    fn a_forecast_is_used_unless_it_is_poor() {
        let straight = |n: usize, i: usize| 60.0 + i as f64 / 24.0 + n as f64 / 100.0;
        let plan = check(straight, 100, "100 sample paths of the mstl_ets forecast");
        assert_eq!(plan.report.exhaustion.outlook, Outlook::WillExhaust);
        check(straight, 19, "19 sample paths and 20 are needed");
        check(|_, _| 60.0, 100, "outside of the");
        check(|n, i| 60.0 + i as f64 / 24.0 * (n as f64 / 50.0), 100, "wide at its end");
        check(|_, _| f64::NAN, 100, "not finite");
    }

    #[test]
    fn the_forecaster_gets_a_step_with_which_the_horizon_is_short() {
        let minutes = (0..3 * 1_440).map(|i| f64::from(i) / 1_440.0).collect();
        let used = Series::try_new("disk", start(), Step::MINUTE, minutes).expect("a series");
        let now = used.time_at(used.len() - 1);
        let seen = std::cell::Cell::new(None);
        let model = |series: &Series, steps: usize| {
            seen.set(Some((series.step(), steps, series.time_at(series.len() - 1))));
            no_model(series, steps)
        };
        plan(&used, Limit::Constant(100.0), &Settings::default(), now, model).expect("a plan");
        assert_eq!(seen.get(), Some((Step::HOUR, 2_160, now)));
    }

    #[test]
    fn the_same_question_has_the_same_answer() {
        let mut noise = noise(4);
        let used = hourly(40 * 24, |i| i as f64 / 24.0 + noise());
        assert_eq!(planned(&used, 80.0), planned(&used, 80.0));
    }
}

mod truth {
    use super::*;

    /// Histories of 60 days and the futures that really followed.
    fn world(seed: u64, kind: usize) -> Vec<f64> {
        let mut noise = noise(seed);
        let (mut level, mut error) = (50.0, 0.0);
        let rate = 0.5 + 0.4 * noise();
        (0..200 * 24)
            .map(|i| {
                let hour = i as f64;
                error = 0.95 * error + 0.3 * noise();
                match kind {
                    // a line with short-lived errors
                    0 => 50.0 + rate * hour / 24.0 + noise(),
                    // a line with long-lived errors and a daily season
                    1 => 50.0 + rate * hour / 24.0 + error + (hour / 24.0 * std::f64::consts::TAU).sin(),
                    // growth by chance
                    _ => {
                        level += (rate / 24.0 + 0.25 * noise()).max(-1.0);
                        level
                    }
                }
            })
            .collect()
    }

    /// How often P10 to P90 holds the date, of the cases that run out within the horizon.
    #[track_caller]
    fn coverage(kind: usize) -> (usize, usize) {
        let (mut held, mut cases) = (0, 0);
        for seed in 0.. {
            let world = world(seed, kind);
            let history = 60 * 24;
            let used = hourly(history, |i| world[i]);
            let highest = world[..history].iter().copied().fold(f64::MIN, f64::max);
            let limit = highest + 5.0 + (seed % 20) as f64;
            let Some(ahead) = world[history..].iter().position(|&v| v >= limit).filter(|&h| h < 85 * 24) else {
                continue;
            };
            let truth = used.time_at(history + ahead);
            let exhaustion = planned(&used, limit).report.exhaustion;
            let after = exhaustion.p10.is_some_and(|p10| p10 <= truth);
            let before = exhaustion.p90.is_none_or(|p90| truth <= p90);
            held += usize::from(after && before);
            cases += 1;
            if cases == 100 {
                break;
            }
        }
        (held, cases)
    }

    #[test]
    fn the_interval_holds_the_true_date() {
        for kind in 0..3 {
            let (held, cases) = coverage(kind);
            eprintln!("kind {kind}: {held} of {cases}");
            assert!(held * 4 >= cases * 3, "kind {kind}: {held} of {cases}");
        }
    }

    #[test]
    fn the_median_of_a_linear_fill_is_within_a_tenth() {
        for (rate, limit) in [(0.5, 60.0), (1.0, 100.0), (2.0, 240.0)] {
            let used = hourly(60 * 24, |i| rate * i as f64 / 24.0);
            let p50 = planned(&used, limit).report.exhaustion.p50.expect("a date");
            let got = (p50.as_second() - start().as_second()) as f64 / DAY - 60.0;
            let truth = limit / rate - 60.0;
            assert!((got - truth).abs() <= 0.1 * truth, "{got} days, not {truth}");
        }
    }
}

mod properties {
    use super::*;

    fn usage() -> impl Strategy<Value = Vec<f64>> {
        proptest::collection::vec(0.0..100.0_f64, 1..60)
    }

    fn futures() -> impl Strategy<Value = Vec<Vec<f64>>> {
        (1_usize..40)
            .prop_flat_map(|steps| proptest::collection::vec(proptest::collection::vec(-50.0..300.0_f64, steps), 1..20))
    }

    fn answer(used: &[f64], paths: &[Vec<f64>], limit: f64) -> tidewatch::capacity::Exhaustion {
        let used = hourly(used.len(), |i| used[i]);
        let forecast = forecast(&used, paths[0].len(), paths.len(), |n, i| paths[n][i]);
        exhaustion(&used, Limit::Constant(limit), &forecast, used.time_at(used.len() - 1)).expect("an answer")
    }

    fn later(a: Option<Timestamp>, b: Option<Timestamp>) -> bool {
        a.unwrap_or(Timestamp::MAX) >= b.unwrap_or(Timestamp::MAX)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn quantiles_and_probabilities_are_in_order(used in usage(), paths in futures(), limit in 1.0..300.0_f64) {
            let got = answer(&used, &paths, limit);
            prop_assert!(later(got.p50, got.p10) && later(got.p90, got.p50));
            let within = got.probability_within;
            prop_assert!(within.d7 <= within.d30 && within.d30 <= within.d90 && within.d90 <= 1.0);
            prop_assert!(got.growth_per_day.is_finite());
        }

        #[test]
        fn more_growth_is_never_later(used in usage(), paths in futures(), limit in 100.0..300.0_f64, more in 0.0..9.0_f64) {
            let faster: Vec<Vec<f64>> =
                paths.iter().map(|p| p.iter().enumerate().map(|(i, v)| v + more * i as f64).collect()).collect();
            let (slow, fast) = (answer(&used, &paths, limit), answer(&used, &faster, limit));
            prop_assert!(later(slow.p10, fast.p10) && later(slow.p50, fast.p50) && later(slow.p90, fast.p90));
        }

        #[test]
        fn a_higher_limit_is_never_earlier(used in usage(), paths in futures(), limit in 1.0..200.0_f64, more in 0.0..99.0_f64) {
            let (low, high) = (answer(&used, &paths, limit), answer(&used, &paths, limit + more));
            prop_assert!(later(high.p10, low.p10) && later(high.p50, low.p50) && later(high.p90, low.p90));
        }

        #[test]
        fn the_whole_plan_keeps_its_laws(rate in 0.01..3.0_f64, seed in 0_u64..1_000, power in -20_i32..20) {
            let mut shake = noise(seed);
            let values: Vec<f64> = (0..40 * 24).map(|i| 20.0 + rate * f64::from(i) / 24.0 + shake()).collect();
            let used = hourly(values.len(), |i| values[i]);
            let limit = 160.0;
            let base = planned(&used, limit).report.exhaustion;
            // units do not matter
            let scale = 2.0_f64.powi(power);
            let scaled = planned(&hourly(values.len(), |i| scale * values[i]), scale * limit).report.exhaustion;
            prop_assert_eq!(base.p50, scaled.p50);
            prop_assert_eq!(base.probability_within, scaled.probability_within);
            // a higher limit is not earlier
            let higher = planned(&used, 1.2 * limit).report.exhaustion;
            prop_assert!(later(higher.p10, base.p10) && later(higher.p50, base.p50) && later(higher.p90, base.p90));
            // more growth is not later
            let faster = hourly(values.len(), |i| values[i] + 0.5 * i as f64 / 24.0);
            let faster = planned(&faster, limit).report.exhaustion;
            prop_assert!(later(base.p50, faster.p50), "{:?} {:?}", base, faster);
        }

        #[test]
        fn anything_finite_gets_an_answer(
            values in proptest::collection::vec(proptest::num::f64::NORMAL | proptest::num::f64::ZERO, 1..80),
            limit in proptest::num::f64::POSITIVE | proptest::num::f64::NORMAL,
        ) {
            let used = hourly(values.len(), |i| values[i]);
            let now = used.time_at(used.len() - 1);
            let settings = Settings { paths: 20, max_steps: 24, ..Settings::default() };
            match plan(&used, Limit::Constant(limit), &settings, now, no_model) {
                Ok(plan) => {
                    prop_assert!(plan.report.exhaustion.growth_per_day.is_finite());
                    prop_assert!(plan.fan.p50.iter().all(|v| v.is_finite()));
                }
                Err(error) => prop_assert!(!(limit > 0.0 && limit.is_finite()), "{error}"),
            }
        }
    }
}

mod advice {
    use super::*;

    /// Everything in `part` is in `whole`: what a schema does not know is dropped on the way through its types.
    #[track_caller]
    fn contained(part: &Value, whole: &Value, path: &str) {
        match (part, whole) {
            (Value::Object(part), Value::Object(whole)) => {
                for (key, value) in part {
                    let found = whole.get(key).unwrap_or_else(|| panic!("{path}.{key} is not in the schema"));
                    contained(value, found, &format!("{path}.{key}"));
                }
            }
            (Value::Array(part), Value::Array(whole)) => {
                assert_eq!(part.len(), whole.len(), "{path}");
                part.iter().zip(whole).for_each(|(part, whole)| contained(part, whole, path));
            }
            _ => assert_eq!(part, whole, "{path}"),
        }
    }

    #[track_caller]
    fn valid<T: serde::de::DeserializeOwned + serde::Serialize>(patch: &Value) {
        let object: T = serde_json::from_value(patch.clone()).expect("the schema");
        contained(patch, &serde_json::to_value(object).expect("an object"), "");
    }

    #[test]
    #[should_panic(expected = "is not in the schema")]
    fn a_misspelt_field_is_noticed() {
        valid::<PersistentVolumeClaim>(&serde_json::json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "spec": { "resource": {} },
        }));
    }

    /// A Kubernetes quantity as upstream's grammar has it: a signed number with one suffix.
    #[track_caller]
    fn quantity(text: &str) {
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let suffix = &text[digits.len()..];
        assert!(!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()), "{text}");
        assert!(
            ["", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"].contains(&suffix),
            "{text}"
        );
    }

    fn volume(days: usize, per_day: f64) -> Series {
        let labels = Labels::new().with("persistentvolumeclaim", "data").with("namespace", "shop");
        let values = (0..days * 24).map(|i| (40.0 + per_day * i as f64 / 24.0) * GIB).collect();
        Series::try_new("shop/data", start(), Step::HOUR, values)
            .expect("a series")
            .with_unit(Unit::Bytes)
            .with_labels(labels)
    }

    #[track_caller]
    fn volume_advice(used: &Series, limit: f64) -> Recommendation {
        planned(used, limit).report.recommendation.expect("a recommendation")
    }

    #[test]
    fn a_volume_grows_to_a_sensible_size_in_time() {
        let used = volume(40, 0.7);
        let advice = volume_advice(&used, 100.0 * GIB);
        let change = &advice.changes[0];
        let to = change.to.value / GIB;
        // 68 GiB now, 131 GiB in 90 days, 80 % headroom
        assert!((131.0 / 0.8..1.15 * 131.0 / 0.8).contains(&to) && (to % 10.0).abs() < 1e-9, "{to}");
        let risk = advice.risk.expect("a risk");
        assert!(risk.after < 0.01 && risk.before >= risk.after);
        let p10 = planned(&used, 100.0 * GIB).report.exhaustion.p10.expect("a date");
        let lead = p10.as_second() - advice.by.expect("a deadline").as_second();
        assert_eq!(lead, 14 * 86_400);
        let patch = advice.patch.as_ref().expect("a patch");
        valid::<PersistentVolumeClaim>(patch);
        assert_eq!(patch["metadata"]["namespace"], "shop");
        quantity(patch["spec"]["resources"]["requests"]["storage"].as_str().expect("a quantity"));
        insta::assert_snapshot!(advice.text);
        insta::assert_json_snapshot!(advice);
    }

    #[test]
    fn what_is_no_volume_is_advised_without_a_patch() {
        let connections = hourly(40 * 24, |i| (20.0 + i as f64 / 24.0).floor()).with_unit(Unit::Count);
        let advice = volume_advice(&connections, 100.0);
        assert_eq!(advice.patch, None);
        insta::assert_snapshot!(advice.text);
        let share = hourly(40 * 24, |i| 0.5 + 0.005 * i as f64 / 24.0).with_unit(Unit::Ratio);
        insta::assert_snapshot!(volume_advice(&share, 1.0).text);
        let full = volume(40, 0.7);
        insta::assert_snapshot!(volume_advice(&full, 60.0 * GIB).text);
    }

    fn named(kind: WorkloadKind) -> WorkloadName {
        WorkloadName { kind, namespace: "shop".into(), name: "api".into() }
    }

    fn container() -> (Series, Series) {
        let mut shake = noise(5);
        let day = |i: usize| (i as f64 / 24.0 * std::f64::consts::TAU).sin();
        let cpu = hourly(28 * 24, |i| 0.2 + 0.05 * day(i) + 0.01 * shake()).with_unit(Unit::Cores);
        let mut shake = noise(6);
        let memory = hourly(28 * 24, |i| (300.0 + 30.0 * day(i) + 5.0 * shake()) * MIB).with_unit(Unit::Bytes);
        (cpu, memory)
    }

    #[track_caller]
    fn workload_advice(kind: WorkloadKind, current: CurrentResources, peak: Option<f64>) -> Option<Recommendation> {
        let (cpu, memory) = container();
        let last = memory.len() - 1;
        let memory =
            hourly(memory.len(), |i| if i == last { peak.unwrap_or(memory.last()) } else { memory.values()[i] });
        let facts = WorkloadFacts {
            workload: named(kind),
            container: "app".into(),
            cpu: Some(&cpu),
            memory: Some(&memory),
            current,
        };
        recommend_workload(&facts, &Settings::default(), cpu.end()).expect("an answer")
    }

    #[test]
    fn a_container_gets_what_it_uses() {
        let current = CurrentResources {
            cpu_request: Some(1.0),
            cpu_limit: Some(2.0),
            memory_request: Some(512.0 * MIB),
            memory_limit: Some(335.0 * MIB),
        };
        let advice = workload_advice(WorkloadKind::Deployment, current, None).expect("a recommendation");
        let values: Vec<f64> = advice.changes.iter().map(|change| change.to.value).collect();
        assert!((values[1] - 2.0 * values[0]).abs() < 0.011 && (0.25..0.27).contains(&values[0]), "{values:?}");
        assert!(values[3] >= 1.5 * values[2] - 1.0 && values[3] >= 1.1 * 335.0 * MIB, "{values:?}");
        let risk = advice.risk.expect("a risk");
        assert!(risk.before > 0.5 && risk.after < 0.01, "{risk:?}");
        assert!(advice.by.is_some());
        let patch = advice.patch.as_ref().expect("a patch");
        valid::<Deployment>(patch);
        let resources = &patch["spec"]["template"]["spec"]["containers"][0]["resources"];
        for (kind, name) in [("requests", "cpu"), ("requests", "memory"), ("limits", "cpu"), ("limits", "memory")] {
            quantity(resources[kind][name].as_str().expect("a quantity"));
        }
        insta::assert_snapshot!(advice.text);
        insta::assert_json_snapshot!(advice);
        let stateful = workload_advice(WorkloadKind::StatefulSet, current, None).expect("a recommendation");
        valid::<StatefulSet>(stateful.patch.as_ref().expect("a patch"));
        let daemon = workload_advice(WorkloadKind::DaemonSet, current, None).expect("a recommendation");
        valid::<DaemonSet>(daemon.patch.as_ref().expect("a patch"));
    }

    #[test]
    fn a_memory_limit_is_never_below_what_was_seen() {
        for peak_mib in [400.0, 900.0, 5_000.0] {
            let advice = workload_advice(WorkloadKind::Deployment, CurrentResources::default(), Some(peak_mib * MIB));
            let limit = advice.expect("a recommendation").changes[3].to.value;
            assert!(limit >= 1.1 * peak_mib * MIB, "{peak_mib} {limit}");
        }
    }

    #[test]
    fn what_fits_already_is_left_alone_unless_memory_is_in_danger() {
        let first =
            workload_advice(WorkloadKind::Deployment, CurrentResources::default(), None).expect("a recommendation");
        let values: Vec<Option<f64>> = first.changes.iter().map(|change| Some(change.to.value * 1.05)).collect();
        let fits = CurrentResources {
            cpu_request: values[0],
            cpu_limit: values[1],
            memory_request: values[2],
            memory_limit: values[3],
        };
        assert_eq!(workload_advice(WorkloadKind::Deployment, fits, None), None);
        let peak = fits.memory_limit.map(|limit| 0.99 * limit);
        assert!(workload_advice(WorkloadKind::Deployment, fits, peak).is_some());
    }

    #[test]
    fn a_workload_without_history_is_refused_and_garbage_is_survived() {
        let facts = WorkloadFacts {
            workload: named(WorkloadKind::Deployment),
            container: "app".into(),
            cpu: None,
            memory: None,
            current: CurrentResources::default(),
        };
        let error = recommend_workload(&facts, &Settings::default(), start()).expect_err("no history");
        assert_eq!(
            error.to_string(),
            "workload `Deployment shop/api` has neither CPU nor memory history; give at least one"
        );
        for value in [1e308, -1e308, 0.0] {
            let series = hourly(1, |_| value);
            let facts = WorkloadFacts { cpu: Some(&series), memory: Some(&series), ..facts.clone() };
            let advice = recommend_workload(&facts, &Settings::default(), start()).expect("an answer").expect("advice");
            valid::<Deployment>(advice.patch.as_ref().expect("a patch"));
        }
        assert_eq!((cpu_quantity(0.25), memory_quantity(512.0 * MIB)), ("250m".into(), "512Mi".into()));
    }

    /// Demand between 2 and 10 cores a day, growing by 3 % a day.
    fn demand(unit_size: f64) -> Forecast {
        let used = hourly(1, |_| 0.0);
        forecast(&used, 30 * 24, 50, |n, i| {
            let day = (i as f64 / 24.0 * std::f64::consts::TAU).sin();
            unit_size * (6.0 + 4.0 * day) * (1.0 + 0.001 * i as f64 / 24.0 + 0.001 * n as f64)
        })
    }

    #[track_caller]
    fn replica_advice(demand_of: Demand, size: f64, current: CurrentReplicas) -> Option<Recommendation> {
        let forecast = demand(size);
        let facts =
            ReplicaFacts { workload: named(WorkloadKind::Deployment), demand: demand_of, forecast: &forecast, current };
        recommend_replicas(&facts, &Settings::default(), start()).expect("an answer")
    }

    #[test]
    fn replicas_hold_the_peak_that_is_forecast() {
        let current = CurrentReplicas { min: Some(1), max: Some(10) };
        let advice = replica_advice(Demand::Cpu { request_cores: 1.0 }, 1.0, current).expect("a recommendation");
        // the peak of about 10.7 cores at 0.7 × 0.8 cores per pod; the trough of 2 cores at 0.7
        let values: Vec<f64> = advice.changes.iter().map(|change| change.to.value).collect();
        assert!((19.0..=20.0).contains(&values[0]) && (3.0..=4.0).contains(&values[1]), "{values:?}");
        assert_eq!(advice.by, Some(start()));
        let risk = advice.risk.expect("a risk");
        assert!(risk.before > 0.99 && risk.after < 0.01);
        let patch = advice.patch.as_ref().expect("a patch");
        valid::<HorizontalPodAutoscaler>(patch);
        insta::assert_snapshot!(advice.text);
        insta::assert_json_snapshot!(advice);
        let memory = replica_advice(Demand::Memory { request_bytes: GIB }, GIB, current).expect("a recommendation");
        valid::<HorizontalPodAutoscaler>(memory.patch.as_ref().expect("a patch"));
        let queue = Demand::Queue { metric: "orders_waiting".into() };
        let queue = replica_advice(queue, 100.0, CurrentReplicas::default()).expect("a recommendation");
        assert_eq!((queue.by, queue.risk), (None, None));
        let patch = queue.patch.as_ref().expect("a patch");
        valid::<HorizontalPodAutoscaler>(patch);
        quantity(patch["spec"]["metrics"][0]["external"]["target"]["averageValue"].as_str().expect("a quantity"));
        insta::assert_snapshot!(queue.text);
    }

    #[test]
    fn right_bounds_are_left_alone_and_a_larger_maximum_is_kept() {
        let cpu = || Demand::Cpu { request_cores: 1.0 };
        let first = replica_advice(cpu(), 1.0, CurrentReplicas::default()).expect("a recommendation");
        let (max, min) = (first.changes[0].to.value as u32, first.changes[1].to.value as u32);
        assert_eq!(replica_advice(cpu(), 1.0, CurrentReplicas { min: Some(min), max: Some(max) }), None);
        assert_eq!(replica_advice(cpu(), 1.0, CurrentReplicas { min: Some(min), max: Some(max + 5) }), None);
        let lower = replica_advice(cpu(), 1.0, CurrentReplicas { min: Some(min), max: Some(5 * max) });
        assert!((lower.expect("a recommendation").changes[0].to.value - f64::from(max)).abs() < 1e-9);
    }

    #[test]
    fn demand_that_makes_no_sense_is_refused() {
        let forecast = demand(1.0);
        let ask = |demand: Demand, forecast: &Forecast, kind: WorkloadKind, now: Timestamp| {
            let facts = ReplicaFacts { workload: named(kind), demand, forecast, current: CurrentReplicas::default() };
            recommend_replicas(&facts, &Settings::default(), now)
        };
        for size in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let error = ask(Demand::Cpu { request_cores: size }, &forecast, WorkloadKind::Deployment, start());
            assert!(matches!(error, Err(CapacityError::ReplicaCapacity(_))), "{error:?}");
        }
        let cpu = || Demand::Cpu { request_cores: 1.0 };
        assert_eq!(ask(cpu(), &forecast, WorkloadKind::DaemonSet, start()), Ok(None));
        let late = ask(cpu(), &forecast, WorkloadKind::Deployment, Timestamp::MAX);
        assert!(matches!(late, Err(CapacityError::StaleForecast { .. })), "{late:?}");
        let empty = Forecast { paths: SamplePaths::default(), ..forecast.clone() };
        let error = ask(cpu(), &empty, WorkloadKind::Deployment, start());
        assert!(matches!(error, Err(CapacityError::NoPaths { .. })), "{error:?}");
        let huge = Forecast { paths: SamplePaths::new(1, vec![1e308]), ..forecast };
        let advice = ask(cpu(), &huge, WorkloadKind::Deployment, Timestamp::MIN).expect("an answer").expect("advice");
        valid::<HorizontalPodAutoscaler>(advice.patch.as_ref().expect("a patch"));
    }
}
