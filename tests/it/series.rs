//! Tests of `series`: what each stage promises, on cases and on arbitrary samples.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use tidewatch::series::{
    Aggregate, Grid, HumanDuration, MAX_MAGNITUDE, MetricKind, Sample, Samples, SeriesError, Settings, Step,
};

const NAN: f64 = f64::NAN;

fn samples(points: &[(i64, f64)]) -> Samples {
    Samples::gauge("cpu", points.iter().map(|(secs, value)| Sample { time_ms: secs * 1_000, value: *value }).collect())
}

fn grid(points: &[(i64, f64)]) -> Grid {
    Grid::from_samples(&samples(points), None, &Settings::default()).expect("a grid")
}

#[track_caller]
fn same(got: &[f64], expected: &[f64]) {
    let bits = |values: &[f64]| values.iter().map(|v| if v.is_nan() { None } else { Some(*v) }).collect::<Vec<_>>();
    assert_eq!(bits(got), bits(expected));
}

#[track_caller]
fn check(points: &[(i64, f64)], start_secs: i64, step: &str, expected: &[f64]) -> Grid {
    let grid = grid(points);
    assert_eq!((grid.start().as_second(), grid.step().to_string().as_str()), (start_secs, step));
    same(grid.values(), expected);
    grid
}

#[test]
fn clean_samples_stay_as_they_are() {
    let grid = check(&[(60, 1.0), (120, 2.0), (180, 3.0)], 60, "1m", &[1.0, 2.0, 3.0]);
    assert!(grid.quality().is_clean(), "{:?}", grid.quality());
    let series = grid.into_series().expect("a series");
    assert_eq!(series.imputed(), [false; 3]);
}

#[test]
fn gaps_become_explicit_and_are_flagged_when_filled() {
    let grid = check(&[(60, 1.0), (120, 2.0), (300, 5.0)], 60, "1m", &[1.0, 2.0, NAN, NAN, 5.0]);
    assert_eq!(grid.quality().missing, 2);
    let series = grid.into_series().expect("a series");
    same(series.values(), &[1.0, 2.0, 3.0, 4.0, 5.0]);
    assert_eq!(series.imputed(), [false, false, true, true, false]);
}

#[test]
fn the_last_finite_sample_of_one_time_wins() {
    let points = [(60, 1.0), (120, 2.0), (120, 7.0), (120, NAN), (180, NAN), (180, f64::INFINITY), (180, 3.0)];
    let grid = check(&points, 60, "1m", &[1.0, 7.0, 3.0]);
    assert_eq!((grid.quality().duplicates, grid.quality().not_finite), (4, 0));
}

#[test]
fn disorder_is_counted_and_sorted_away() {
    let grid = check(&[(180, 3.0), (60, 1.0), (240, 4.0), (120, 2.0)], 60, "1m", &[1.0, 2.0, 3.0, 4.0]);
    assert_eq!(grid.quality().disordered, 2);
}

#[test]
fn irregular_samples_go_to_the_nearest_point_and_conflicts_are_averaged() {
    let grid = check(
        &[(0, 1.0), (60, 2.0), (119, 4.0), (121, 6.0), (180, 3.0), (240, 3.0)],
        0,
        "1m",
        &[1.0, 2.0, 5.0, 3.0, 3.0],
    );
    let quality = grid.quality();
    assert_eq!((quality.irregular, quality.merged, quality.missing), (2, 1, 0));
}

#[test]
fn infinities_are_missing_and_absurd_magnitudes_are_cut() {
    let grid = check(
        &[(0, f64::INFINITY), (60, 1e308), (120, -1e308), (180, 0.0)],
        0,
        "1m",
        &[NAN, MAX_MAGNITUDE, -MAX_MAGNITUDE, 0.0],
    );
    assert_eq!((grid.quality().not_finite, grid.quality().clamped, grid.quality().missing), (1, 2, 1));
    let series = grid.into_series().expect("a series");
    let squares: f64 = series.values().iter().map(|v| v * v).sum();
    assert!(squares.is_finite());
}

#[test]
fn counters_become_rates_that_survive_restarts() {
    let counter = |points: &[(i64, f64)]| {
        let samples = Samples { kind: MetricKind::Counter, ..samples(points) };
        Grid::from_samples(&samples, None, &Settings::default()).expect("a grid")
    };
    let grid = counter(&[(0, 100.0), (60, 160.0), (120, 220.0), (180, 30.0), (240, 90.0)]);
    same(grid.values(), &[NAN, 1.0, 1.0, 0.5, 1.0]);
    assert_eq!(grid.quality().resets, 1);
    // a gap's growth is spread over the gap; what is no count is missing
    same(
        counter(&[(0, 0.0), (60, 60.0), (240, 240.0), (300, -5.0), (360, 360.0)]).values(),
        &[NAN, 1.0, NAN, NAN, 1.0, NAN, 1.0],
    );
    same(
        counter(&[(0, f64::INFINITY), (60, 60.0), (120, 1e308), (180, 0.0)]).values(),
        &[NAN, NAN, MAX_MAGNITUDE, 0.0],
    );
}

#[test]
fn long_gaps_repeat_the_day_before() {
    let hour = |i: i64| (i * 3_600, (i % 24) as f64);
    let points: Vec<(i64, f64)> = (0..100).filter(|i| !(50..60).contains(i)).map(hour).collect();
    let series = grid(&points).into_series().expect("a series");
    same(series.values(), &(0..100).map(|i| hour(i).1).collect::<Vec<_>>());
    assert_eq!(series.imputed().iter().filter(|flag| **flag).count(), 10);
    let settings = Settings { gap_season: HumanDuration::from_secs(5_000), ..Settings::default() };
    let held = Grid::from_samples(&samples(&points), None, &settings).and_then(Grid::into_series).expect("a series");
    same(&held.values()[49..61], &[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 12.0]);
}

#[test]
fn what_makes_no_series_says_why() {
    let fail = |points: &[(i64, f64)], step: Option<Step>| -> String {
        let grid = Grid::from_samples(&samples(points), step, &Settings::default());
        grid.and_then(Grid::into_series).expect_err("no series").to_string()
    };
    assert_eq!(fail(&[], None), "series `cpu` has no points");
    assert!(fail(&[(0, 1.0)], None).contains("1 distinct timestamps"));
    assert!(fail(&[(5, 1.0), (5, 2.0)], None).contains("give the step"));
    assert!(fail(&[(0, NAN), (60, NAN), (120, f64::INFINITY)], None).contains("3 samples and none"));
    assert!(fail(&[(0, 1.0), (60, 1.0), (253_402_207_000, 1.0)], None).contains("more than the limit of 20000000"));
    assert!(fail(&[(0, 1.0), (60, 1.0), (9_000_000_000_000_000, 1.0)], None).contains("beyond the years"));
    let one = Grid::from_samples(&samples(&[(7, 1.0)]), Some(Step::MINUTE), &Settings::default()).expect("a grid");
    assert_eq!((one.len(), one.start().as_second()), (1, 7));
}

#[track_caller]
fn check_resample(step_secs: i64, aggregate: Aggregate, start_secs: i64, expected: &[f64]) {
    let fine = grid(&[(120, 1.0), (180, 2.0), (240, 6.0), (300, 5.0), (360, NAN), (420, 1.0), (900, 4.0)]);
    let coarse = fine.resample(Step::from_secs(step_secs).expect("a step"), aggregate).expect("a grid");
    assert_eq!(coarse.start().as_second(), start_secs);
    same(coarse.values(), expected);
    assert_eq!(coarse.quality().missing, expected.iter().filter(|v| v.is_nan()).count());
    assert_eq!(coarse.index_of(599_999), coarse.index_of(300_000));
}

#[test]
fn resampling_fills_buckets_from_their_start_on() {
    check_resample(300, Aggregate::Mean, 0, &[3.0, 3.0, NAN, 4.0]);
    check_resample(300, Aggregate::Max, 0, &[6.0, 5.0, NAN, 4.0]);
    check_resample(300, Aggregate::Min, 0, &[1.0, 1.0, NAN, 4.0]);
    check_resample(300, Aggregate::Last, 0, &[6.0, 1.0, NAN, 4.0]);
    check_resample(300, Aggregate::Sum, 0, &[9.0, 6.0, NAN, 4.0]);
    let finer = grid(&[(0, 1.0), (60, 2.0)]).resample(Step::from_secs(30).expect("a step"), Aggregate::Mean);
    assert!(matches!(finer, Err(SeriesError::FinerStep { .. })));
}

#[test]
fn a_wrong_key_in_settings_is_refused() {
    let settings: Settings = serde_json::from_str(r#"{"gap_season": "7d"}"#).expect("settings");
    assert_eq!(settings, Settings { gap_season: HumanDuration::from_days(7), ..Settings::default() });
    assert!(serde_json::from_str::<Settings>(r#"{"gap_seasons": "7d"}"#).is_err());
}

fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![4 => -1e6..1e6_f64, 1 => Just(NAN), 1 => Just(f64::INFINITY), 1 => any::<f64>()]
}

fn any_samples() -> impl Strategy<Value = Samples> {
    let times = prop_oneof![8 => 0..400_000_i64, 1 => -1_000_000..1_000_000_i64];
    let points = prop::collection::vec((times, any_value()), 1..60);
    (points, any::<bool>()).prop_map(|(points, counter)| {
        let kind = if counter { MetricKind::Counter } else { MetricKind::Gauge };
        let points = points.into_iter().map(|(time_ms, value)| Sample { time_ms, value }).collect();
        Samples { kind, ..Samples::gauge("any", points) }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_sample_finds_its_point_and_every_series_is_finite(samples in any_samples(), step_ms in 1_000..100_000_i64) {
        let step = Step::from_millis(step_ms);
        let grid = Grid::from_samples(&samples, step, &Settings::default()).expect("a grid");
        for point in &samples.points {
            let index = grid.index_of(point.time_ms).expect("on the grid");
            let distance = (grid.slots().time_ms(index) - point.time_ms).abs();
            prop_assert!(distance * 2 <= step_ms, "{distance} of {step_ms}");
        }
        let quality = *grid.quality();
        prop_assert_eq!(quality.missing, grid.values().iter().filter(|v| v.is_nan()).count());
        prop_assert!(quality.duplicates + quality.merged < samples.points.len());
        let len = grid.len();
        if let Ok(series) = grid.into_series() {
            prop_assert_eq!(series.len(), len);
            prop_assert!(series.values().iter().all(|v| v.abs() <= MAX_MAGNITUDE));
            prop_assert_eq!(series.imputed().iter().filter(|f| **f).count(), quality.missing);
        }
    }

    #[test]
    fn order_does_not_matter_when_times_differ(values in prop::collection::vec(-1e6..1e6_f64, 2..50), seed in any::<u64>()) {
        let points: Vec<(i64, f64)> = values.iter().enumerate().map(|(i, v)| (i as i64 * 60, *v)).collect();
        let mut shuffled = points.clone();
        shuffled.sort_by_key(|(secs, _)| (*secs as u64 + 1).wrapping_mul(seed | 1) % 1_009);
        let (sorted, mixed) = (grid(&points), grid(&shuffled));
        prop_assert_eq!(sorted.values(), mixed.values());
    }

    #[test]
    fn shifting_by_whole_steps_shifts_the_grid(values in prop::collection::vec(-1e6..1e6_f64, 2..50), steps in -500..500_i64) {
        let at = |offset: i64| -> Vec<(i64, f64)> { values.iter().enumerate().map(|(i, v)| (i as i64 * 60 + offset, *v)).collect() };
        let (here, there) = (grid(&at(0)), grid(&at(steps * 60)));
        prop_assert_eq!(here.values(), there.values());
        prop_assert_eq!(there.start().as_second() - here.start().as_second(), steps * 60);
    }

    #[test]
    fn a_finite_grid_passes_through_unchanged(values in prop::collection::vec(-1e9..1e9_f64, 2..50)) {
        let points: Vec<(i64, f64)> = values.iter().enumerate().map(|(i, v)| (i as i64 * 60, *v)).collect();
        let series = grid(&points).into_series().expect("a series");
        prop_assert_eq!(series.values(), &values[..]);
    }

    #[test]
    fn sums_survive_resampling(values in prop::collection::vec(0.0..1e6_f64, 2..200), minutes in 1..90_i64) {
        let points: Vec<(i64, f64)> = values.iter().enumerate().map(|(i, v)| (i as i64 * 60, *v)).collect();
        let coarse = grid(&points).resample(Step::from_secs(minutes * 60).expect("a step"), Aggregate::Sum).expect("a grid");
        let (before, after): (f64, f64) = (values.iter().sum(), coarse.values().iter().sum());
        prop_assert!((before - after).abs() <= 1e-9 * before.max(1.0));
    }
}
