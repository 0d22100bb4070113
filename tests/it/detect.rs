//! Tests of `detect`.
#![expect(clippy::expect_used, reason = "a test stops where its own material fails")]

use jiff::Timestamp;
use proptest::prelude::*;
use tidewatch::detect::{
    Direction, EntityDetector, PointScore, Reason, Scores, SeriesDetector, Settings, Watch, peer_outliers,
    score_entity, score_entity_until, score_series, score_series_until,
};
use tidewatch::series::{Entity, Series, Step};

fn start() -> Timestamp {
    "2026-03-02T00:00:00Z".parse().expect("a time")
}

fn step(secs: i64) -> Step {
    Step::from_secs(secs).expect("a step")
}

fn series(name: &str, secs: i64, values: Vec<f64>) -> Series {
    Series::try_new(name, start(), step(secs), values).expect("a series")
}

fn scored(secs: i64, values: &[f64]) -> Scores {
    score_series(&series("m", secs, values.to_vec()), &Settings::default()).expect("scores")
}

/// Uniform in [-0.5, 0.5), the same for the same index.
fn noise(i: usize) -> f64 {
    let mut z = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((z ^ (z >> 27)) >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
}

/// A daily wave of hourly points with some noise, the same for the same index.
fn daily(i: usize) -> f64 {
    100.0 + 20.0 * (std::f64::consts::TAU * i as f64 / 24.0).sin() + 2.0 * noise(i)
}

#[track_caller]
fn check_sound(scores: &Scores) {
    assert!(scores.p_star > 0.0 && scores.p_star < 1.0);
    for (i, p) in scores.points.iter().enumerate() {
        assert!(p.p_value > 0.0 && p.p_value <= 1.0, "{i}: {p:?}");
        assert!(p.score >= 0.0 && p.score.is_finite(), "{i}: {p:?}");
        assert!(p.lower <= p.expected && p.expected <= p.upper, "{i}: {p:?}");
        assert!([p.value, p.lower, p.expected, p.upper].iter().all(|v| v.is_finite()), "{i}: {p:?}");
        assert!((0.0..=1.0).contains(&p.confidence), "{i}: {p:?}");
        assert!(!p.is_anomaly || p.score >= 1.0, "{i}: {p:?}");
        if !p.attribution.is_empty() {
            let sum: f64 = p.attribution.iter().map(|a| a.share).sum();
            assert!((sum - 1.0).abs() < 1e-9 && p.attribution.iter().all(|a| a.share >= 0.0), "{i}: {p:?}");
            assert!(!p.reasons.is_empty(), "{i}: {p:?}");
        }
    }
}

fn anomalies(scores: &Scores) -> Vec<usize> {
    scores.points.iter().enumerate().filter(|(_, p)| p.is_anomaly).map(|(i, _)| i).collect()
}

#[track_caller]
fn check_same(a: &[PointScore], b: &[PointScore], tolerance: f64) {
    assert_eq!(a.len(), b.len());
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        assert!((a.score - b.score).abs() <= tolerance * (1.0 + a.score.abs()), "{i}: {} {}", a.score, b.score);
    }
}

#[test]
fn a_spike_on_a_daily_wave_is_found_and_explained() {
    let mut values: Vec<f64> = (0..24 * 40).map(daily).collect();
    values[24 * 35 + 7] += 40.0;
    let scores = scored(3_600, &values);
    check_sound(&scores);
    let spike = &scores.points[24 * 35 + 7];
    assert!(spike.is_anomaly && spike.score > 1.0, "{spike:?}");
    assert_eq!(spike.direction, Direction::Above);
    assert_eq!(spike.reasons[0], Reason::AboveExpected);
    assert!((spike.expected - daily(24 * 35 + 7)).abs() < 6.0, "{spike:?}");
    let false_alarms = anomalies(&scores).iter().filter(|i| !(24 * 35 + 7..24 * 35 + 40).contains(*i)).count();
    assert!(false_alarms <= 4, "{:?}", anomalies(&scores));
}

#[test]
fn a_flat_series_that_moves_alerts_at_once() {
    for jump in [1e-6, 1.0, -1e12] {
        let values: Vec<f64> = (0..400).map(|i| if i < 300 { 5.0 } else { 5.0 + jump }).collect();
        let scores = scored(60, &values);
        check_sound(&scores);
        assert_eq!(anomalies(&scores).first(), Some(&300), "{jump}");
        assert!(anomalies(&scores).iter().all(|i| *i >= 300));
    }
}

#[test]
fn a_series_that_stops_moving_is_a_flatline_as_long_as_it_lasts() {
    let values: Vec<f64> = (0..3_000).map(|i| if i < 2_500 { daily(i * 7) } else { 100.0 }).collect();
    let scores = scored(60, &values);
    let still = &scores.points[2_520..];
    assert!(still.iter().all(|p| p.is_anomaly && p.reasons.contains(&Reason::Flatline)));
    assert!(!scores.points[..2_500].iter().any(|p| p.reasons.contains(&Reason::Flatline)));
}

/// A number from 0 to 1 that depends on nothing else.
fn draw(seed: u64, i: usize) -> f64 {
    let mut z = (seed << 32 | i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) as f64 / u64::MAX as f64
}

/// Alarms in so many weeks of 5 minutes; two hours of a value that is ordinary alone, behind them, must be one as well.
fn alarms_of_habit(weeks: usize, ordinary: f64, value: impl Fn(usize) -> f64) -> usize {
    let mut values: Vec<f64> = (0..2_016 * weeks).map(value).collect();
    let end = values.len();
    values.extend([ordinary; 24]);
    let found = anomalies(&scored(300, &values));
    assert!(found.iter().any(|i| *i >= end), "two hours of {ordinary} in a row are none");
    let before: Vec<usize> = found.into_iter().filter(|i| *i < end).collect();
    before.windows(2).filter(|pair| pair[1] - pair[0] > 12).count() + usize::from(!before.is_empty())
}

#[test]
fn series_that_are_mostly_one_value_keep_to_the_budget_and_still_alarm() {
    let weeks = 6;
    let sparse = |seed, i| if draw(seed, i) < 0.05 { (1.0 + 9.0 * draw(seed + 100, i)).floor() } else { 0.0 };
    let rare = |seed, i| f64::from(u8::from(draw(seed, i) < 0.02));
    let sparse_alarms: usize = (1..5).map(|seed| alarms_of_habit(weeks, 5.0, |i| sparse(seed, i))).sum();
    let rare_alarms: usize = (1..5).map(|seed| alarms_of_habit(weeks, 1.0, |i| rare(seed, i))).sum();
    let most = 4 * weeks;
    assert!(sparse_alarms <= most && rare_alarms <= most, "{sparse_alarms} and {rare_alarms} alarms in {most} weeks");
}

#[test]
fn the_warm_up_is_cautious_and_says_so_but_not_silent() {
    let values: Vec<f64> = (0..60).map(|i| if i == 30 { 1e6 } else { noise(i) }).collect();
    let scores = scored(60, &values);
    for (i, p) in scores.points[..50].iter().enumerate() {
        assert!(p.reasons.contains(&Reason::WarmingUp) && p.confidence < 0.2, "{i}: {p:?}");
        assert_eq!(p.is_anomaly, i == 30, "{i}: {p:?}");
    }
    assert_eq!(scores.points[30].reasons, [Reason::AboveExpected, Reason::WarmingUp]);
    assert!(scores.points.windows(2).all(|w| w[0].confidence <= w[1].confidence));
    assert!(scores.points[0].confidence < 0.01);
}

#[test]
fn degenerate_series_are_scored_without_a_panic() {
    let cases: Vec<(&str, Vec<f64>)> = vec![
        ("one point", vec![3.0]),
        ("two points", vec![3.0, -3.0]),
        ("constant", vec![7.0; 300]),
        ("zero", vec![0.0; 300]),
        ("alternating", (0..400).map(|i| f64::from(i % 2)).collect()),
        ("huge", (0..300).map(|i| if i % 3 == 0 { 1e300 } else { -1e300 }).collect()),
        ("largest", (0..300).map(|i| if i % 50 == 0 { f64::MAX } else { f64::MIN }).collect()),
        ("tiny", (0..300).map(|i| f64::from(i % 5) * 1e-300).collect()),
        ("tiny, then huge", (0..300).map(|i| if i < 100 { 1e-300 * noise(i) } else { 1e300 * noise(i) }).collect()),
        ("counter", (0..500).map(|i| f64::from(i) * 1e9).collect()),
        ("sparse", (0..1_000).map(|i| if i % 97 == 0 { 4.0 } else { 0.0 }).collect()),
        ("one jump at the end", (0..300).map(|i| f64::from(u8::from(i == 299))).collect()),
    ];
    for (name, values) in cases {
        for secs in [1, 60, 3_600, 86_400, 604_800] {
            let scores = scored(secs, &values);
            assert_eq!(scores.points.len(), values.len(), "{name}");
            check_sound(&scores);
        }
        let wide =
            Entity::try_new("e", vec![series("a", 60, values.clone()), series("b", 60, values)]).expect("entity");
        check_sound(&score_entity(&wide, &Settings::default()).expect(name));
    }
    for quiet in [vec![7.0; 500], (0..500).map(|i| f64::from(i % 2)).collect()] {
        assert!(anomalies(&scored(60, &quiet)).is_empty());
    }
}

#[test]
fn a_first_value_far_from_all_others_does_not_blind_the_detector() {
    for first in [0.0, -1.0, 2e9] {
        let usual = |i: usize| if i == 0 { first } else { 1e9 + noise(i) };
        let values: Vec<f64> = (0..1_500).map(|i| usual(i) + if i == 1_400 { 40.0 } else { 0.0 }).collect();
        let found = anomalies(&scored(60, &values));
        assert!(found.contains(&1_400), "{first}: {found:?}");
        assert!(found.iter().filter(|i| (100..1_400).contains(*i)).count() <= 2, "{first}: {found:?}");
    }
}

#[test]
fn imputed_and_missing_points_never_alert() {
    let mut detector = SeriesDetector::new(Step::HOUR, &Settings::default());
    for i in 0..600 {
        let missing = (300..360).contains(&i);
        let value = if missing { f64::NAN } else { daily(i) };
        let p = detector.push(start(), value, false);
        assert!(p.value.is_finite() && p.expected.is_finite());
        if missing {
            assert!(p.imputed && !p.is_anomaly && p.reasons == [Reason::Missing] && p.score.abs() < 1e-12);
        }
    }
    let p = detector.push(start(), 1e9, true);
    assert!(!p.is_anomaly && p.imputed);
    let mut silent = SeriesDetector::new(Step::HOUR, &Settings::default());
    for _ in 0..200 {
        assert!(silent.push(start(), f64::NAN, true).expected.is_finite());
    }
}

#[test]
fn scores_do_not_depend_on_unit_or_zero() {
    let values: Vec<f64> = (0..700).map(|i| daily(i) + if i == 500 { 60.0 } else { 0.0 }).collect();
    let base = scored(3_600, &values);
    for (factor, shift) in [(1024.0, 0.0), (0.25, 0.0), (1.0, 4_096.0)] {
        let moved: Vec<f64> = values.iter().map(|v| v * factor + shift).collect();
        check_same(&base.points, &scored(3_600, &moved).points, 1e-3);
    }
}

#[test]
fn the_future_does_not_change_the_past() {
    let values: Vec<f64> = (0..900).map(daily).collect();
    let mut other = values.clone();
    other[600..].iter_mut().for_each(|v| *v = *v * 7.0 + 50.0);
    assert_eq!(scored(3_600, &values).points[..600], scored(3_600, &other).points[..600]);
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_about_the_same() {
    let values: Vec<f64> = (0..600).map(|i| daily(i) + if i == 550 { 50.0 } else { 0.0 }).collect();
    assert_eq!(scored(3_600, &values), scored(3_600, &values));
    let other = Settings { seed: 7, ..Settings::default() };
    let again = score_series(&series("m", 3_600, values.clone()), &other).expect("scores");
    assert!(again.points[550].is_anomaly && scored(3_600, &values).points[550].is_anomaly);
}

#[test]
fn a_larger_budget_never_alarms_less() {
    let values: Vec<f64> = (0..2_000).map(|i| daily(i) + if i % 211 == 0 { 15.0 } else { 0.0 }).collect();
    let mut before: Option<Scores> = None;
    for budget in ["1 per month", "1 per week", "1 per day", "1 per hour"] {
        let settings = Settings { false_alarms: budget.parse().expect(budget), ..Settings::default() };
        let scores = score_series(&series("m", 600, values.clone()), &settings).expect("scores");
        check_sound(&scores);
        if let Some(before) = &before {
            assert!(before.p_star <= scores.p_star);
            for (a, b) in before.points.iter().zip(&scores.points) {
                assert!(a.p_value.total_cmp(&b.p_value).is_eq() && a.score <= b.score + 1e-12);
                assert!(!a.is_anomaly || b.is_anomaly);
            }
        }
        before = Some(scores);
    }
}

#[test]
fn only_the_watched_side_alarms() {
    let mut values: Vec<f64> = (0..800).map(daily).collect();
    values[600] += 60.0;
    values[700] -= 60.0;
    for (watch, seen, unseen) in [(Watch::Above, 600, 700), (Watch::Below, 700, 600)] {
        let settings = Settings { direction: watch, ..Settings::default() };
        let scores = score_series(&series("m", 3_600, values.clone()), &settings).expect("scores");
        assert!(scores.points[seen].is_anomaly && !scores.points[unseen].is_anomaly, "{watch:?}");
    }
}

#[test]
fn a_detector_that_was_stored_goes_on_exactly() {
    for cut in [0, 20, 120, 777] {
        let mut detector = SeriesDetector::new(Step::HOUR, &Settings::default());
        (0..cut).for_each(|i| drop(detector.push(start(), daily(i), i % 50 == 3)));
        let json = serde_json::to_string(&detector).expect("written");
        let mut again: SeriesDetector = serde_json::from_str(&json).expect("read");
        for i in cut..cut + 260 {
            assert_eq!(detector.push(start(), daily(i), false), again.push(start(), daily(i), false), "{cut} {i}");
        }
        assert_eq!(serde_json::to_string(&detector).expect("written"), serde_json::to_string(&again).expect("written"));
    }
}

#[test]
fn a_damaged_snapshot_is_refused() {
    let mut detector = SeriesDetector::new(Step::HOUR, &Settings::default());
    (0..120).for_each(|i| drop(detector.push(start(), daily(i), false)));
    let json = serde_json::to_string(&detector).expect("written");
    for (from, to) in [
        ("\"format\":1", "\"format\":9"),
        ("\"lags\":[[1,", "\"lags\":[[0,"),
        ("\"excess\":[", "\"excess\":[],\"unknown\":["),
        ("\"per_point\":\"3", "\"per_point\":\"f"),
        ("\"width\":14", "\"width\":0"),
    ] {
        let broken = json.replacen(from, to, 1);
        assert_ne!(json, broken, "{from} is not there");
        assert!(serde_json::from_str::<SeriesDetector>(&broken).is_err(), "{to}");
    }
}

#[test]
fn state_stays_bounded() {
    let mut detector = SeriesDetector::new(Step::MINUTE, &Settings::default());
    (0..13_000).for_each(|i| drop(detector.push(start(), daily(i), false)));
    let early = serde_json::to_string(&detector).expect("written").len();
    (13_000..22_000).for_each(|i| drop(detector.push(start(), daily(i), false)));
    let late = serde_json::to_string(&detector).expect("written").len();
    assert!(late < early + early / 10 && late < 1_500_000, "{early} {late}");
}

#[test]
fn a_frozen_detector_keeps_what_it_learned() {
    let values: Vec<f64> = (0..1_200).map(|i| if i < 600 { daily(i) } else { daily(i) + 80.0 * noise(i) }).collect();
    let input = series("m", 3_600, values);
    let until = input.time_at(599);
    let settings = Settings::default();
    let frozen = score_series_until(&input, Some(until), &settings).expect("scores");
    let learning = score_series(&input, &settings).expect("scores");
    assert_eq!(frozen.points[..600], learning.points[..600]);
    let count = |s: &Scores| anomalies(s).iter().filter(|i| **i >= 900).count();
    assert!(count(&frozen) > count(&learning), "{} {}", count(&frozen), count(&learning));
    assert!(frozen.points[600..].windows(2).all(|w| w[0].confidence.total_cmp(&w[1].confidence).is_eq()));
}

fn machine(metrics: usize, points: usize, change: impl Fn(usize, usize, f64) -> f64) -> Entity {
    let metric = |k: usize| {
        let load = |i: usize| (i as f64 * 0.05).sin() + 0.3 * (i as f64 * 0.31).sin() + 0.4 * noise(i);
        let value = |i: usize| change(k, i, (k as f64 + 1.0) * (load(i) + 0.1 * noise(i * 31 + k)));
        series(&format!("m{k}"), 60, (0..points).map(value).collect())
    };
    Entity::try_new("machine", (0..metrics).map(metric).collect()).expect("entity")
}

#[test]
fn the_metric_that_is_off_is_named() {
    let entity = machine(6, 1_500, |k, i, v| if k == 2 && (1_300..1_310).contains(&i) { v + 40.0 } else { v });
    let scores = score_entity(&entity, &Settings::default()).expect("scores");
    check_sound(&scores);
    let point = &scores.points[1_300];
    assert!(point.is_anomaly, "{point:?}");
    assert_eq!(point.attribution[0].feature, "m2");
    assert_eq!(point.direction, Direction::Above);
}

#[test]
fn a_metric_that_leaves_its_company_is_a_correlation_break() {
    let entity = machine(5, 2_000, |k, i, v| if k == 3 && i >= 1_800 { -v } else { v });
    let scores = score_entity(&entity, &Settings::default()).expect("scores");
    let mean = |points: &[PointScore]| points.iter().map(|p| p.score).sum::<f64>() / points.len() as f64;
    let (before, after) = (&scores.points[1_500..1_800], &scores.points[1_800..1_860]);
    assert!(mean(after) > 1.5 * mean(before), "{} {}", mean(after), mean(before));
    let broken: Vec<_> = after.iter().filter(|p| p.reasons.contains(&Reason::CorrelationBreak)).collect();
    assert!(!broken.is_empty() && broken.iter().any(|p| p.attribution[0].feature == "m3"), "{broken:?}");
}

#[test]
fn constant_channels_and_duplicates_do_no_harm() {
    let spike = |k: usize, i: usize, v: f64| if k == 0 && i == 900 { v + 30.0 } else { v };
    let plain = score_entity(&machine(3, 1_000, spike), &Settings::default()).expect("scores");
    let mut metrics = machine(3, 1_000, spike).metrics().to_vec();
    metrics.push(series("constant", 60, vec![4.0; 1_000]));
    metrics.push(series("twin", 60, metrics[0].values().to_vec()));
    let padded = Entity::try_new("padded", metrics).expect("entity");
    let padded = score_entity(&padded, &Settings::default()).expect("scores");
    check_sound(&padded);
    assert!(plain.points[900].is_anomaly && padded.points[900].is_anomaly);
    assert!(padded.points[900].attribution.iter().all(|a| a.feature != "constant"), "{:?}", padded.points[900]);
}

#[test]
fn an_entity_is_causal_stored_and_frozen_like_a_series() {
    let settings = Settings::default();
    let entity = machine(3, 500, |_, _, v| v);
    let other = machine(3, 500, |_, i, v| if i >= 400 { v * 9.0 } else { v });
    let scores = score_entity(&entity, &settings).expect("scores");
    assert_eq!(scores.points[..400], score_entity(&other, &settings).expect("scores").points[..400]);
    let names = entity.metrics().iter().map(|m| m.name().to_owned()).collect();
    let mut detector = EntityDetector::try_new(Step::MINUTE, names, &settings).expect("detector");
    let row = |i: usize| entity.metrics().iter().map(|m| m.values()[i]).collect::<Vec<_>>();
    (0..300).for_each(|i| drop(detector.push(start(), &row(i), &[false; 3])));
    let json = serde_json::to_string(&detector).expect("written");
    let mut again: EntityDetector = serde_json::from_str(&json).expect("read");
    for i in 300..450 {
        assert_eq!(detector.push(start(), &row(i), &[false; 3]), again.push(start(), &row(i), &[false; 3]));
    }
    assert!(detector.push(start(), &[], &[]).imputed);
    assert!(detector.push(start(), &[1.0, f64::NAN, 1.0], &[false; 3]).score.is_finite());
    let until = entity.metrics()[0].time_at(399);
    let frozen = score_entity_until(&entity, Some(until), &settings).expect("scores");
    assert_eq!(frozen.points[..400], scores.points[..400]);
    assert!(EntityDetector::try_new(Step::MINUTE, vec![], &settings).is_err());
}

#[test]
fn one_of_twelve_replicas_stands_apart() {
    let replica = |k: usize, i: usize| {
        let base = 50.0 + 5.0 * (i as f64 / 20.0).sin() + 2.0 * noise(i * 13 + k);
        if k == 7 && i > 100 { base + 25.0 } else { base }
    };
    let group = |count: usize| -> Vec<Series> {
        (0..count).map(|k| series(&format!("pod-{k}"), 60, (0..300).map(|i| 1e9 * replica(k, i)).collect())).collect()
    };
    let verdicts = peer_outliers(&group(12)).expect("verdicts");
    let outliers: Vec<&str> = verdicts.iter().filter(|v| v.is_outlier).map(|v| v.series.as_str()).collect();
    assert_eq!(outliers, ["pod-7"], "{verdicts:?}");
    assert!(peer_outliers(&group(6)).expect("verdicts").iter().all(|v| !v.is_outlier));
    assert!(peer_outliers(&group(2)).expect_err("too few").to_string().contains("at least 3"));
    let flat: Vec<Series> = (0..4).map(|k| series(&format!("p{k}"), 60, vec![1.0; 50])).collect();
    assert!(peer_outliers(&flat).expect("verdicts").iter().all(|v| !v.is_outlier));
    let extreme: Vec<Series> =
        (0..4).map(|k| series("p", 60, vec![if k == 0 { f64::MAX } else { f64::MIN }; 9])).collect();
    assert_eq!(peer_outliers(&extreme).expect("verdicts").len(), 4);
    let single: Vec<Series> = (0..3).map(|k| series("p", 60, vec![f64::from(k)])).collect();
    assert!(peer_outliers(&single).is_ok());
    let uneven = [series("a", 60, vec![1.0; 9]), series("b", 60, vec![1.0; 8]), series("c", 60, vec![1.0; 9])];
    assert!(peer_outliers(&uneven).expect_err("uneven").to_string().contains("align them first"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn whatever_comes_the_judgement_is_sound(
        values in prop::collection::vec(prop_oneof![6 => -10.0..10.0, 1 => -1e300..1e300, 1 => Just(0.0), 1 => Just(1e12)], 1..260),
        secs in prop_oneof![Just(1_i64), Just(60), Just(3_600), Just(86_400)], seed in any::<u64>(),
    ) {
        let settings = Settings { seed, ..Settings::default() };
        let flags: Vec<bool> = (0..values.len()).map(|i| i % 13 == 5).collect();
        let input = series("m", secs, values).with_imputed(flags).expect("flags");
        check_sound(&score_series(&input, &settings).expect("scores"));
    }
}
