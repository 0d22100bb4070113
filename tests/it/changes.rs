//! Tests of lasting changes: found in the stream, found offline, and nothing found where nothing changed.

#![expect(clippy::expect_used, reason = "a test stops where its own material fails")]

use jiff::Timestamp;
use proptest::prelude::*;
use tidewatch::detect::{
    Change, ChangeKind, ChangeMonitor, Reason, SeriesDetector, Settings, Watch, changes_of, score_series,
};
use tidewatch::series::{ChangePointSettings, Series, Step, Unit};

const DAY: usize = 288;
const STEP_SECS: i64 = 300;
/// One false alarm in a year.
const P_STAR: f64 = 1e-5;

fn start() -> Timestamp {
    "2026-03-02T00:00:00Z".parse().expect("a time")
}

fn step() -> Step {
    Step::from_secs(STEP_SECS).expect("a step")
}

fn at(i: usize) -> Timestamp {
    Timestamp::from_second(start().as_second() + STEP_SECS * i as i64).expect("a time")
}

fn series(values: Vec<f64>) -> Series {
    Series::try_new("m", start(), step(), values).expect("a series")
}

/// Roughly normal, mean 0, variance 1, the same for the same index.
fn noise(i: usize) -> f64 {
    let uniform = |i: usize| {
        let mut z = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((z ^ (z >> 27)) >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
    };
    (0..12).map(|part| uniform(12 * i + part)).sum()
}

fn wave(i: usize) -> f64 {
    100.0 + 10.0 * (std::f64::consts::TAU * i as f64 / DAY as f64).sin()
}

/// What a monitor says to `value` over some days, when `wave` is what is expected and 1 the scale.
fn watched(days: usize, value: impl Fn(usize) -> f64) -> Vec<Change> {
    let mut monitor = ChangeMonitor::new(step(), P_STAR, Some(DAY));
    (0..days * DAY).flat_map(|i| monitor.push(at(i), value(i), wave(i), 1.0)).collect()
}

fn hours_apart(a: Timestamp, b: Timestamp) -> f64 {
    (a.as_millisecond() - b.as_millisecond()).abs() as f64 / 3_600_000.0
}

fn of(kind: ChangeKind, changes: &[Change]) -> Vec<Change> {
    changes.iter().copied().filter(|change| change.kind == kind).collect()
}

#[test]
fn ordinary_noise_changes_nothing() {
    assert_eq!(watched(28, |i| wave(i) + noise(i)), []);
}

#[test]
fn a_level_shift_is_found_within_hours_once() {
    for size in [3.0, -3.0, 20.0] {
        let found = watched(20, |i| wave(i) + noise(i) + if i < 10 * DAY { 0.0 } else { size });
        assert_eq!(found.len(), 1, "{size}: {found:?}");
        let change = found[0];
        assert_eq!((change.kind, change.reason()), (ChangeKind::LevelShift, Some(Reason::LevelShift)));
        assert!(hours_apart(change.at, at(10 * DAY)) < 1.0, "{size}: {change:?}");
        assert!(hours_apart(change.detected_at, at(10 * DAY)) < 2.0, "{size}: {change:?}");
        assert!((change.after - change.before - size).abs() < 0.4 * size.abs(), "{size}: {change:?}");
        assert!(change.p_value < P_STAR && change.at <= change.detected_at, "{size}: {change:?}");
    }
}

#[test]
fn a_level_that_comes_back_is_a_second_shift() {
    let found = watched(20, |i| wave(i) + noise(i) + if (10 * DAY..10 * DAY + 100).contains(&i) { 6.0 } else { 0.0 });
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].after > found[0].before && found[1].after < found[1].before, "{found:?}");
}

#[test]
fn noise_that_grows_and_noise_that_ends_are_changes_of_the_variance() {
    for (factor, reason) in [(4.0, Some(Reason::MoreVariable)), (0.1, None)] {
        let found = watched(20, |i| wave(i) + noise(i) * if i < 10 * DAY { 1.0 } else { factor });
        let found = of(ChangeKind::Variance, &found);
        assert_eq!(found.len(), 1, "{factor}: {found:?}");
        assert_eq!(found[0].reason(), reason);
        assert!(hours_apart(found[0].at, at(10 * DAY)) < 3.0, "{factor}: {found:?}");
        assert!((found[0].before - 1.0).abs() < 0.4, "{factor}: {found:?}");
        let ratio = found[0].after / found[0].before / factor;
        assert!((0.4..2.5).contains(&ratio), "{factor}: {found:?}");
    }
}

#[test]
fn a_slow_drift_is_found_with_its_slope_and_ordinary_weeks_are_none() {
    let found = watched(56, |i| wave(i) + noise(i) + 0.1 * (i as f64 / DAY as f64).floor());
    let drifts = of(ChangeKind::Drift, &found);
    assert!(!drifts.is_empty(), "{found:?}");
    let last = drifts[drifts.len() - 1];
    assert!((last.per_week() - 0.7).abs() < 0.2 && last.reason() == Some(Reason::Drift), "{last:?}");
    // a weekend that is lower than the week is no drift
    let weekly = |i: usize| if (i / DAY) % 7 >= 5 { -0.4 } else { 0.0 };
    let found = watched(56, |i| wave(i) + noise(i) + weekly(i));
    assert_eq!(of(ChangeKind::Drift, &found), []);
}

#[test]
fn a_daily_shape_that_does_not_come_is_missed() {
    let found = watched(14, |i| noise(i) + if i < 10 * DAY { wave(i) } else { 100.0 });
    let missing = of(ChangeKind::MissingSeason, &found);
    assert_eq!(missing.len(), 1, "{found:?}");
    assert!(hours_apart(missing[0].detected_at, at(11 * DAY)) < 18.0, "{missing:?}");
    assert!(missing[0].after < 0.5 * missing[0].before, "{missing:?}");
    // where there is no shape, none can be missed
    assert_eq!(of(ChangeKind::MissingSeason, &watched(14, |i| 100.0 + 3.0 * noise(i))), []);
}

#[test]
fn sentences_say_what_happened() {
    let change = |kind, before, after| Change {
        kind,
        at: at(0),
        detected_at: at(14 * DAY),
        before,
        after,
        size_sigmas: 4.26,
        p_value: 1e-9,
    };
    let say = |kind, before, after| change(kind, before, after).sentence(Unit::Seconds);
    assert_eq!(
        say(ChangeKind::LevelShift, 0.2, 0.35),
        "the level rose from 200 ms to 350 ms at 2026-03-02 00:00 UTC, by 4.3 standard deviations"
    );
    assert_eq!(
        say(ChangeKind::Variance, 0.2, 0.05),
        "it became calmer at 2026-03-02 00:00 UTC: standard deviation 50 ms, before that 200 ms"
    );
    assert_eq!(
        say(ChangeKind::Drift, 1.0, 2.0),
        "the level has been rising by 500 ms per week since 2026-03-02, from 1 s to 2 s"
    );
    assert_eq!(
        say(ChangeKind::MissingSeason, 1.0, 0.1),
        "the usual daily shape has not come since 2026-03-02 00:00 UTC: it moves by 100 ms instead of 1 s"
    );
}

#[test]
fn the_detector_gives_changes_and_their_reasons_with_its_scores() {
    let shifted = |i: usize| wave(i) + noise(i) + if i < 10 * DAY { 0.0 } else { 8.0 };
    let values = series((0..12 * DAY).map(shifted).collect());
    let scores = score_series(&values, &Settings::default()).expect("scores");
    let shifts: Vec<_> = scores.points.iter().filter(|p| p.reasons.contains(&Reason::LevelShift)).collect();
    let found: Vec<Change> = scores.points.iter().flat_map(|p| p.changes.iter().copied()).collect();
    let real = of(ChangeKind::LevelShift, &found);
    assert!(real.iter().any(|c| hours_apart(c.at, at(10 * DAY)) < 1.0), "{found:?}");
    assert!(shifts.iter().any(|p| !p.changes.is_empty()), "the point of detection has the reason");
    // who watches one side hears of that side only
    let below = Settings { direction: Watch::Below, ..Settings::default() };
    let scores = score_series(&values, &below).expect("scores");
    let heard: Vec<Change> = scores.points.iter().flat_map(|p| p.changes.iter().copied()).collect();
    assert!(heard.iter().all(|c| c.after <= c.before), "{heard:?}");
}

#[test]
fn a_detector_that_was_read_back_finds_the_same_changes() {
    let value = |i: usize| wave(i) + noise(i) + if i < 6 * DAY + 50 { 0.0 } else { 5.0 };
    let mut one = SeriesDetector::new(step(), &Settings::default());
    (0..6 * DAY + 53).for_each(|i| drop(one.push(at(i), value(i), false)));
    let json = serde_json::to_string(&one).expect("written");
    let mut other: SeriesDetector = serde_json::from_str(&json).expect("read");
    let mut changes = 0;
    for i in 6 * DAY + 53..7 * DAY {
        let (a, b) = (one.push(at(i), value(i), false), other.push(at(i), value(i), false));
        assert_eq!(a, b, "{i}");
        changes += a.changes.len();
    }
    assert!(changes > 0, "the shift falls into the second half");
}

#[test]
fn the_state_of_a_monitor_is_small() {
    let mut monitor = ChangeMonitor::new(step(), P_STAR, Some(DAY));
    for i in 0..60 * DAY {
        let _ = monitor.push(at(i), wave(i) + noise(i), wave(i), 1.0);
    }
    // numbers are written in 8 or 16 hexadecimal digits for 4 or 8 bytes
    let written = serde_json::to_string(&monitor).expect("written").len();
    assert!(written < 3_000, "{written}");
}

#[test]
fn offline_changes_are_those_without_season_spikes_and_gaps() {
    let mut values: Vec<f64> =
        (0..10 * DAY).map(|i| wave(i) + noise(i) + if i < 6 * DAY { 0.0 } else { 5.0 }).collect();
    values[500] += 80.0;
    values[501] -= 80.0;
    let found = changes_of(&series(values.clone()), &ChangePointSettings::default()).expect("changes");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].kind == ChangeKind::LevelShift && hours_apart(found[0].at, at(6 * DAY)) < 0.5, "{found:?}");
    assert!((found[0].after - found[0].before - 5.0).abs() < 0.5 && found[0].p_value < 1e-9, "{found:?}");
    // a stretch that was filled in says nothing
    let mut imputed = vec![false; values.len()];
    for i in 2 * DAY..2 * DAY + 100 {
        values[i] = 0.0;
        imputed[i] = true;
    }
    let filled = series(values).with_imputed(imputed).expect("flags");
    let again = changes_of(&filled, &ChangePointSettings::default()).expect("changes");
    assert_eq!(again.len(), 1, "{again:?}");
    let constant = series(vec![3.0; 500]);
    assert_eq!(changes_of(&constant, &ChangePointSettings::default()), Ok(Vec::new()));
    assert_eq!(changes_of(&series(vec![3.0]), &ChangePointSettings::default()), Ok(Vec::new()));
}

proptest! {
    #[test]
    fn no_stream_breaks_a_monitor(
        points in prop::collection::vec((prop_oneof![
            Just(f64::NAN), Just(f64::INFINITY), Just(1e300), Just(f64::MIN), Just(0.0), -5.0..5.0_f64
        ], 0.0..3.0_f64, 1..400_i64), 1..800),
    ) {
        let mut monitor = ChangeMonitor::new(step(), 0.01, None);
        let mut now = start().as_second();
        for (value, scale, steps) in points {
            now += steps * STEP_SECS;
            let at = Timestamp::from_second(now).expect("a time");
            for change in monitor.push(at, value, 1.0, scale) {
                prop_assert!(change.at <= change.detected_at && change.detected_at == at, "{change:?}");
                prop_assert!(change.p_value > 0.0 && change.p_value <= 1.0, "{change:?}");
                let numbers = [change.before, change.after, change.size_sigmas, change.per_week()];
                prop_assert!(numbers.iter().all(|v| v.is_finite()), "{change:?}");
            }
        }
        let json = serde_json::to_string(&monitor).expect("written");
        let read: ChangeMonitor = serde_json::from_str(&json).expect("read");
        prop_assert_eq!(serde_json::to_string(&read).expect("written"), json);
    }

    #[test]
    fn scaling_and_shifting_a_stream_changes_nothing(exponent in -20..20_i32, shift in -4..4_i32, size in 2..9_i32) {
        let value = |i: usize| wave(i) + noise(i) + if i < 4 * DAY { 0.0 } else { f64::from(size) };
        let scale = f64::from(exponent).exp2();
        let (mut one, mut other) = (ChangeMonitor::new(step(), P_STAR, Some(DAY)), ChangeMonitor::new(step(), P_STAR, Some(DAY)));
        for i in 0..6 * DAY {
            let moved = |v: f64| scale * (v + f64::from(shift));
            let a = one.push(at(i), value(i), wave(i), 1.0);
            let b = other.push(at(i), moved(value(i)), moved(wave(i)), scale);
            let told = |list: &[Change]| list.iter().map(|c| (c.kind, c.at, c.detected_at)).collect::<Vec<_>>();
            prop_assert_eq!(told(&a), told(&b));
        }
    }
}
