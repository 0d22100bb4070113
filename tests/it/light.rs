//! Tests of the light model of `detect`.
#![expect(clippy::expect_used, reason = "a test stops where its own material fails")]

use jiff::Timestamp;
use jiff::civil::Date;
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_distr::{Distribution, Exp1, StandardNormal, StudentT};
use rand_pcg::Pcg64Mcg;
use tidewatch::detect::{
    DetectError, Direction, EntityDetector, Model, PointScore, Reason, SeriesDetector, Settings, Watch,
};
use tidewatch::series::{Calendar, DayClass, HolidayLike, Step};

const HOUR: i64 = 3_600;

fn light() -> Settings {
    Settings { model: Model::Light, ..Settings::default() }
}

fn in_zone(zone: &str, country: Option<&str>, dates: &[Date]) -> Settings {
    Settings { calendar: Calendar::try_new(zone, country, dates, HolidayLike::Sunday).expect(zone), ..light() }
}

fn at(start: &str, secs: i64) -> Timestamp {
    let start: Timestamp = start.parse().expect(start);
    Timestamp::from_second(start.as_second() + secs).expect("a time")
}

/// Scores of `value(i, time)` for `count` points `secs` apart.
fn scored(
    settings: &Settings,
    start: &str,
    secs: i64,
    count: i64,
    mut value: impl FnMut(usize, Timestamp) -> f64,
) -> Vec<PointScore> {
    let mut detector = SeriesDetector::new(Step::from_secs(secs).expect("step"), settings);
    (0..count)
        .map(|i| {
            let at = at(start, i * secs);
            detector.push(at, value(i as usize, at), false)
        })
        .collect()
}

fn noise(seed: u64) -> impl FnMut() -> f64 {
    let mut random = Pcg64Mcg::seed_from_u64(seed);
    move || StandardNormal.sample(&mut random)
}

fn alarms(points: &[PointScore], from: &str) -> Vec<Timestamp> {
    let from: Timestamp = from.parse().expect(from);
    points.iter().filter(|p| p.is_anomaly && p.at >= from).map(|p| p.at).collect()
}

#[track_caller]
fn check_sound(points: &[PointScore]) {
    for (i, p) in points.iter().enumerate() {
        assert!(p.p_value > 0.0 && p.p_value <= 1.0, "{i}: {p:?}");
        assert!(p.score >= 0.0 && p.score.is_finite(), "{i}: {p:?}");
        assert!(p.lower <= p.expected && p.expected <= p.upper, "{i}: {p:?}");
        assert!([p.value, p.lower, p.expected, p.upper].iter().all(|v| v.is_finite()), "{i}: {p:?}");
        assert!((0.0..=1.0).contains(&p.confidence), "{i}: {p:?}");
        assert!(!p.is_anomaly || (p.score >= 1.0 && !p.reasons.is_empty()), "{i}: {p:?}");
        if !p.attribution.is_empty() {
            let sum: f64 = p.attribution.iter().map(|a| a.share).sum();
            assert!((sum - 1.0).abs() < 1e-9 && p.attribution.iter().all(|a| a.share >= 0.0), "{i}: {p:?}");
        }
    }
}

/// Load that follows the working day on the wall clock of `calendar`: a steep rise at 8, a steep fall at 18, quiet nights,
/// half of it on Saturdays and a tenth on Sundays.
fn office_hours(calendar: &Calendar, at: Timestamp) -> f64 {
    let phase = calendar.phase(at);
    let hour = f64::from(phase.second_of_day) / 3_600.0;
    let open = 1.0 / (1.0 + (-(hour - 8.0) * 4.0).exp()) - 1.0 / (1.0 + (-(hour - 18.0) * 4.0).exp());
    let amount = match phase.day_class {
        DayClass::Workday => 100.0,
        DayClass::Saturday => 50.0,
        DayClass::Sunday => 10.0,
    };
    20.0 + amount * open
}

/// The same local pattern judged by the local and by the UTC calendar: alarms after the clock has changed.
#[track_caller]
fn check_clock_change(zone: &str, start: &str, change: &str) {
    let local = in_zone(zone, None, &[]);
    let count = |settings: &Settings| {
        let mut noise = noise(5);
        let points = scored(settings, start, 900, 4 * 24 * 35, |_, at| office_hours(&local.calendar, at) + noise());
        alarms(&points, change).len()
    };
    let (by_local, by_utc) = (count(&local), count(&light()));
    assert!(by_local <= 2, "{zone}: {by_local} alarms with the local calendar");
    assert!(by_utc >= 5 && by_utc > 4 * by_local, "{zone}: {by_utc} alarms in UTC, {by_local} with the local calendar");
}

#[test]
fn a_local_pattern_stays_ordinary_when_the_clock_changes() {
    check_clock_change("Europe/Berlin", "2026-03-02T00:00:00Z", "2026-03-29T00:00:00Z");
    check_clock_change("Europe/Berlin", "2026-09-28T00:00:00Z", "2026-10-25T00:00:00Z");
    check_clock_change("America/New_York", "2026-02-09T00:00:00Z", "2026-03-08T00:00:00Z");
}

#[test]
fn without_a_clock_change_the_zone_makes_no_difference_in_alarms() {
    // a zone without daylight saving whose days begin with those of UTC
    let zones = ["UTC", "Africa/Abidjan"];
    let of = |zone: &str| {
        let settings = in_zone(zone, None, &[]);
        let mut noise = noise(5);
        let points = scored(&settings, "2026-03-02T00:00:00Z", 900, 4 * 24 * 35, |_, at| {
            office_hours(&settings.calendar, at) + noise()
        });
        points.iter().map(|p| p.p_value.to_bits()).collect::<Vec<_>>()
    };
    assert_eq!(of(zones[0]), of(zones[1]));
}

#[test]
fn a_holiday_is_expected_to_be_like_a_sunday() {
    // 1 May is a German holiday, 4 May is one of the company's own
    let own = [Date::constant(2026, 5, 4)];
    let rarely = |settings: Settings| Settings { false_alarms: "1 per month".parse().expect("a budget"), ..settings };
    let with = rarely(in_zone("Europe/Berlin", Some("DE"), &own));
    let without = rarely(in_zone("Europe/Berlin", None, &[]));
    let count = |settings: &Settings| {
        let mut noise = noise(9);
        let points = scored(settings, "2026-04-07T22:00:00Z", 900, 4 * 24 * 28, |_, at| {
            office_hours(&with.calendar, at) + noise()
        });
        let days = ["2026-04-30T22:00:00Z", "2026-05-04T22:00:00Z"].map(|day| day.parse::<Timestamp>().expect(day));
        points.iter().filter(|p| p.is_anomaly && p.at >= days[0] && p.at < days[1]).count()
    };
    assert_eq!(count(&with), 0);
    assert!(count(&without) >= 5, "{}", count(&without));
}

#[test]
fn a_noisy_hour_is_judged_more_mildly_than_a_quiet_one() {
    // noise of 4 from 8 to 16 o'clock, of 0.5 else
    let at_hour = |hour: i64| {
        let mut noise = noise(2);
        let days = 20;
        let last = days * 24 * 12 + hour * 12;
        let points = scored(&light(), "2026-03-02T00:00:00Z", 300, last + 1, |i, _| {
            let busy = (8..16).contains(&(i as i64 / 12 % 24));
            let deviation = if i as i64 == last { 8.0 } else { noise() * if busy { 4.0 } else { 0.5 } };
            100.0 + deviation
        });
        points.last().cloned().expect("points")
    };
    let (busy, quiet) = (at_hour(12), at_hour(3));
    assert!(quiet.is_anomaly && !busy.is_anomaly, "{} {}", quiet.score, busy.score);
    assert!(busy.upper - busy.lower > 3.0 * (quiet.upper - quiet.lower), "{busy:?} {quiet:?}");
}

/// On noise that never changes, p-values below `p` come about as often as they say: three series of 100,000 points.
#[track_caller]
fn check_uniform(name: &str, mut draw: impl FnMut(&mut Pcg64Mcg) -> f64) {
    let mut points = Vec::new();
    for seed in 11..14 {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        points.extend(scored(&light(), "2026-01-01T00:00:00Z", 60, 100_000, |_, _| draw(&mut random)));
    }
    check_sound(&points);
    let count = points.len() as f64;
    for p in [1e-2, 1e-3] {
        let share = points.iter().filter(|point| point.p_value < p).count() as f64 / count;
        assert!(share > 0.5 * p && share < 2.0 * p, "{name}: P(p < {p}) = {share}");
    }
    let a_week = points.iter().filter(|point| point.is_anomaly).count() as f64 / (count / 10_080.0);
    assert!(a_week < 3.0, "{name}: {a_week} alarms a week for a budget of 1");
}

#[test]
fn p_values_mean_what_they_say_on_noise_of_any_tail() {
    check_uniform("normal", |random| StandardNormal.sample(random));
    let heavy = StudentT::new(3.0).expect("degrees of freedom");
    check_uniform("Student t, 3 degrees of freedom", |random| heavy.sample(random));
    check_uniform("exponential", |random| Exp1.sample(random));
}

#[test]
fn a_new_series_is_judged_early_and_not_wildly() {
    let mut alarms = 0;
    for seed in 0..200 {
        let mut noise = noise(seed);
        let points = scored(&light(), "2026-01-01T00:00:00Z", 60, 300, |_, _| 50.0 + noise());
        alarms += points.iter().filter(|p| p.is_anomaly).count();
        assert!(points[0].confidence <= 0.0 && points[0].reasons == [Reason::WarmingUp]);
    }
    assert!(alarms <= 20, "{alarms} alarms in 200 new series of 5 hours");
    let mut noise = noise(1);
    let points = scored(&light(), "2026-01-01T00:00:00Z", 60, 31, |i, _| if i == 30 { 90.0 } else { 50.0 + noise() });
    let spike = points.last().expect("points");
    assert!(spike.is_anomaly && spike.confidence < 0.2, "{spike:?}");
    assert!(spike.reasons.contains(&Reason::WarmingUp) && spike.reasons.contains(&Reason::Spike), "{spike:?}");
}

#[test]
fn reasons_tell_a_spike_from_a_dip_a_level_shift_and_more_noise() {
    let run = |change: &dyn Fn(usize, f64) -> f64| {
        let mut noise = noise(4);
        scored(&light(), "2026-03-02T00:00:00Z", 300, 2_100, |i, _| {
            let usual = noise();
            if i >= 2_000 { change(i, usual) } else { 100.0 + usual }
        })
    };
    let first = |points: &[PointScore]| points[2_000].clone();
    let spike = first(&run(&|i, e| if i == 2_000 { 120.0 } else { 100.0 + e }));
    assert!(spike.is_anomaly && spike.direction == Direction::Above, "{spike:?}");
    assert_eq!(spike.reasons, [Reason::AboveExpected, Reason::Spike]);
    assert_eq!(spike.attribution[0].feature, "one_step_error");
    let dip = first(&run(&|i, e| if i == 2_000 { 80.0 } else { 100.0 + e }));
    assert_eq!(dip.reasons, [Reason::BelowExpected, Reason::Dip]);
    let shifted = run(&|_, e| 107.0 + e);
    assert!(shifted[2_004..2_030].iter().any(|p| p.is_anomaly && p.reasons.contains(&Reason::LevelShift)));
    let variable = run(&|_, e| 100.0 + 4.0 * e);
    assert!(variable[2_000..].iter().any(|p| p.is_anomaly));
    assert!(variable[2_000..].iter().any(|p| p.reasons.contains(&Reason::MoreVariable)));
    let stuck = run(&|_, _| 112.0);
    assert!(stuck[2_012..].iter().any(|p| p.reasons.contains(&Reason::Flatline)));
    for points in [shifted, variable, stuck] {
        check_sound(&points);
    }
}

#[test]
fn a_season_that_does_not_come_is_named() {
    let points = scored(&light(), "2026-03-02T00:00:00Z", 900, 96 * 15, |i, at| {
        let wave = 20.0 * (std::f64::consts::TAU * (i % 96) as f64 / 96.0).sin();
        let jitter = ((i * 7_919) % 101) as f64 / 101.0;
        let _ = at;
        if i >= 96 * 14 { 100.0 + jitter } else { 100.0 + wave + jitter }
    });
    assert!(points[96 * 14..].iter().any(|p| p.is_anomaly && p.reasons.contains(&Reason::MissingSeason)));
}

#[test]
fn only_the_watched_side_alarms() {
    for (watch, seen, unseen) in [(Watch::Above, 120.0, 80.0), (Watch::Below, 80.0, 120.0)] {
        let settings = Settings { direction: watch, ..light() };
        for (value, expected) in [(seen, true), (unseen, false)] {
            let mut noise = noise(4);
            let points =
                scored(
                    &settings,
                    "2026-03-02T00:00:00Z",
                    300,
                    2_001,
                    |i, _| {
                        if i == 2_000 { value } else { 100.0 + noise() }
                    },
                );
            assert_eq!(points[2_000].is_anomaly, expected, "{watch:?} {value}");
        }
    }
}

#[test]
fn the_state_stays_within_4_kilobytes_whatever_the_step() {
    for secs in [1, 10, 60, 300, 900, HOUR, 24 * HOUR, 168 * HOUR] {
        let mut detector = SeriesDetector::new(Step::from_secs(secs).expect("step"), &light());
        for i in 0..20_000 {
            detector.push(at("2026-01-01T00:00:00Z", i * secs), ((i * 7_919) % 1_009) as f64, i % 50 == 7);
        }
        let bytes = detector.light_state_bytes().expect("a light detector");
        assert!(bytes <= 4_096, "step of {secs} s: {bytes} bytes");
    }
    assert_eq!(SeriesDetector::new(Step::HOUR, &Settings::default()).light_state_bytes(), None);
}

#[test]
fn a_snapshot_goes_on_bit_for_bit_and_refuses_what_was_tampered_with() {
    let settings = in_zone("Europe/Berlin", Some("DE"), &[]);
    let mut random = Pcg64Mcg::seed_from_u64(8);
    let mut value = |i: i64| 100.0 + 10.0 * (i as f64 / 15.0).sin() + random.random::<f64>();
    let mut detector = SeriesDetector::new(Step::from_secs(900).expect("step"), &settings);
    for i in 0..3_000 {
        detector.push(at("2026-01-01T00:00:00Z", i * 900), value(i), i % 97 == 5);
    }
    let json = serde_json::to_string(&detector).expect("written");
    let mut again: SeriesDetector = serde_json::from_str(&json).expect("read");
    for i in 3_000..4_000 {
        let (at, value) = (at("2026-01-01T00:00:00Z", i * 900), value(i));
        let (a, b) = (detector.push(at, value, false), again.push(at, value, false));
        assert_eq!(format!("{a:?}"), format!("{b:?}"), "{i}");
        assert_eq!(a.p_value.to_bits(), b.p_value.to_bits(), "{i}");
    }
    assert_eq!(serde_json::to_string(&detector).expect("written"), serde_json::to_string(&again).expect("written"));
    for (what, with) in
        [("\"format\":1", "\"format\":2"), ("\"per_visit\":1", "\"per_visit\":0"), ("\"Day\":96", "\"Day\":95")]
    {
        let broken = json.replacen(what, with, 1);
        assert_ne!(broken, json, "{what}");
        let error = serde_json::from_str::<SeriesDetector>(&broken).expect_err(what).to_string();
        assert!(error.contains("snapshot is not valid"), "{error}");
    }
}

#[test]
fn a_frozen_detector_learns_nothing_more_and_still_judges() {
    let mut noise = noise(6);
    let mut detector = SeriesDetector::new(Step::from_secs(300).expect("step"), &light());
    let push = |detector: &mut SeriesDetector, i: i64, value: f64| {
        detector.push(at("2026-03-02T00:00:00Z", i * 300), value, false)
    };
    for i in 0..1_000 {
        push(&mut detector, i, 10.0 + noise());
    }
    detector.freeze();
    let confidence = detector.confidence();
    let points: Vec<PointScore> =
        (1_000..2_000).map(|i| push(&mut detector, i, if i == 1_500 { 30.0 } else { 10.0 + noise() })).collect();
    assert!((detector.confidence() - confidence).abs() < 1e-12);
    assert!(points[500].is_anomaly);
    assert!(points.iter().filter(|p| p.is_anomaly).count() <= 6);
    check_sound(&points);
}

#[test]
fn missing_points_keep_the_clock_and_never_alarm() {
    let mut noise = noise(3);
    let wave = |i: usize| 20.0 * (std::f64::consts::TAU * (i % 96) as f64 / 96.0).sin();
    let gap = 96 * 10..96 * 17;
    let points = scored(&light(), "2026-03-02T00:00:00Z", 900, 96 * 20, |i, _| {
        if gap.contains(&i) { f64::NAN } else { 100.0 + wave(i) + noise() }
    });
    check_sound(&points);
    for i in gap {
        assert!(points[i].imputed && !points[i].is_anomaly && points[i].reasons == [Reason::Missing], "{i}");
        assert!((points[i].expected - 100.0 - wave(i)).abs() < 8.0, "{i}: {}", points[i].expected);
    }
    let after = points[96 * 17..].iter().filter(|p| p.is_anomaly).count();
    assert!(after <= 2, "{after} alarms after the gap");
}

#[test]
fn strange_series_are_judged_soundly_and_calmly() {
    let mut random = Pcg64Mcg::seed_from_u64(5);
    let draws: Vec<f64> = (0..8_000).map(|_| random.random()).collect();
    type Value<'a> = Box<dyn Fn(usize) -> f64 + 'a>;
    let cases: [(&str, Value<'_>, usize); 9] = [
        ("constant", Box::new(|_| 42.0), 0),
        ("linear", Box::new(|i| i as f64), 8),
        ("two values in turn", Box::new(|i| (i % 2) as f64), 4),
        ("two values at random", Box::new(|i| f64::from(u8::from(draws[i] < 0.5))), 8),
        ("95 % zeros", Box::new(|i| if draws[i] < 0.05 { 10.0 * draws[7_999 - i] } else { 0.0 }), 60),
        ("a counter", Box::new(|i| 1e9 + 1e3 * i as f64 + 300.0 * draws[i]), 8),
        ("1e300", Box::new(|i| 1e300 * (draws[i] - 0.5)), 8),
        ("1e-300", Box::new(|i| 1e-300 * draws[i]), 8),
        ("rounding errors", Box::new(|i| 0.1 + 0.2 + 1e-17 * draws[i]), 0),
    ];
    for (name, value, most) in &cases {
        let points = scored(&light(), "2026-03-02T00:00:00Z", 300, 8_000, |i, _| value(i));
        check_sound(&points);
        let alarms = points.iter().filter(|p| p.is_anomaly).count();
        assert!(alarms <= *most, "{name}: {alarms} alarms in four weeks");
    }
    let ends = [f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, -0.0, f64::MIN_POSITIVE];
    check_sound(&scored(&light(), "2026-03-02T00:00:00Z", 60, 3_000, |i, _| ends[i % ends.len()]));
    check_sound(&scored(&light(), "2026-03-02T00:00:00Z", 60, 1, |_, _| 7.0));
    // something happens after a long calm
    for (before, after) in [(0.0, 1.0), (5.0, -1e12), (1e-9, 2e-9)] {
        let points =
            scored(&light(), "2026-03-02T00:00:00Z", 300, 3_000, |i, _| if i < 2_500 { before } else { after });
        check_sound(&points);
        assert!(points[2_500].is_anomaly, "{before} {after}");
        let last = points.last().expect("points");
        assert!(!last.is_anomaly, "{before} {after}: the new level is never learned: {last:?}");
    }
}

#[test]
fn a_clock_that_jumps_does_no_harm() {
    let mut detector = SeriesDetector::new(Step::MINUTE, &in_zone("Australia/Lord_Howe", None, &[]));
    let mut noise = noise(8);
    let mut points = Vec::new();
    for i in 0..3_000 {
        let jump = if i % 500 == 250 { -86_400 * 400 } else { 0 };
        points.push(detector.push(at("2026-03-02T00:00:00Z", i * 60 + jump), 5.0 + noise(), false));
    }
    for time in [Timestamp::MIN, Timestamp::MAX] {
        points.push(detector.push(time, 5.0, false));
    }
    check_sound(&points);
}

#[test]
fn entities_are_refused_with_the_way_out() {
    let names = vec!["a".to_owned(), "b".to_owned()];
    let error = EntityDetector::try_new(Step::HOUR, names, &light()).expect_err("no entities");
    assert_eq!(error, DetectError::LightEntity(2));
    assert!(error.to_string().contains("use model `full`"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn unit_and_zero_of_a_metric_change_nothing(seed in 0_u64..1_000, exponent in -40_i32..40, shift in -64_i32..64) {
        let factor = f64::from(exponent).exp2();
        let run = |scale: f64, offset: f64| {
            let mut random = Pcg64Mcg::seed_from_u64(seed);
            // multiples of 1/1024, so that neither scaling nor shifting rounds
            scored(&light(), "2026-03-02T00:00:00Z", 900, 700, |i, _| {
                let value = (((i as f64 / 15.0).sin() * 8.0 + random.random::<f64>()) * 1024.0).round() / 1024.0;
                (value + offset) * scale
            })
        };
        let (plain, moved) = (run(1.0, 0.0), run(factor, f64::from(shift)));
        for (a, b) in plain.iter().zip(&moved) {
            prop_assert_eq!(a.p_value.to_bits(), b.p_value.to_bits());
            prop_assert_eq!(&a.reasons, &b.reasons);
        }
    }

    #[test]
    fn anything_is_judged_soundly_and_the_same_twice(
        values in prop::collection::vec(prop_oneof![any::<f64>(), -10.0..10.0, Just(f64::NAN), Just(0.0)], 1..400),
        secs in prop_oneof![Just(1_i64), Just(60), Just(3_600), Just(86_400)],
    ) {
        let run = || scored(&light(), "2026-03-27T00:00:00Z", secs, values.len() as i64, |i, _| values[i]);
        let points = run();
        check_sound(&points);
        prop_assert_eq!(format!("{points:?}"), format!("{:?}", run()));
    }

    #[test]
    fn a_larger_deviation_is_never_less_unusual(seed in 0_u64..1_000, size in 1.0..40.0_f64) {
        let last = |deviation: f64| {
            let mut noise = noise(seed);
            let points = scored(&light(), "2026-03-02T00:00:00Z", 300, 801, |i, _| {
                if i == 800 { 100.0 + deviation } else { 100.0 + noise() }
            });
            points[800].score
        };
        prop_assert!(last(size + 3.0) >= last(size), "{} {}", last(size + 3.0), last(size));
    }
}
