//! Tests of change points: against ruptures, against the plain dynamic programme, and what no input may break.

use proptest::prelude::*;
use serde::Deserialize;
use tidewatch::series::{
    ChangeCost, ChangePointError, ChangePointKind, ChangePointSettings, Penalty, change_points, segment_starts,
};

fn settings(cost: ChangeCost, penalty: f64, min_segment: usize) -> ChangePointSettings {
    ChangePointSettings { cost, penalty: Penalty::Value(penalty), min_segment }
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

#[derive(Deserialize)]
struct Reference {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    cost: ChangeCost,
    penalty: f64,
    min_segment: usize,
    values: Vec<f64>,
    starts: Vec<usize>,
}

#[test]
fn change_points_are_those_of_ruptures() {
    let text = include_str!("../../data/reference/changepoint/changepoints.json");
    let reference: Reference = serde_json::from_str(text).expect("the reference");
    assert_eq!(reference.cases.len(), 20);
    for (i, case) in reference.cases.iter().enumerate() {
        let found = segment_starts(&case.values, &settings(case.cost, case.penalty, case.min_segment));
        assert_eq!(found.as_ref(), Ok(&case.starts), "case {i}: {:?}", case.cost);
    }
}

/// Sum of squared deviations from the mean.
fn squares(part: &[f64]) -> f64 {
    let mean = part.iter().sum::<f64>() / part.len() as f64;
    part.iter().map(|v| (v - mean).powi(2)).sum()
}

/// Cost of a segmentation with its penalties.
fn total(values: &[f64], starts: &[usize], penalty: f64) -> f64 {
    let bounds: Vec<usize> = [0].into_iter().chain(starts.iter().copied()).chain([values.len()]).collect();
    bounds.windows(2).map(|pair| squares(&values[pair[0]..pair[1]])).sum::<f64>() + penalty * starts.len() as f64
}

/// The optimum over all segmentations, by trying every last segment of every prefix.
fn optimum(values: &[f64], penalty: f64, min_segment: usize) -> f64 {
    let mut best = vec![f64::INFINITY; values.len() + 1];
    best[0] = -penalty;
    for end in min_segment..=values.len() {
        let starts = 0..=end - min_segment;
        best[end] = starts.map(|s| best[s] + squares(&values[s..end]) + penalty).fold(f64::INFINITY, f64::min);
    }
    best[values.len()]
}

proptest! {
    #[test]
    fn no_segmentation_is_better(
        values in prop::collection::vec(prop_oneof![-3.0..3.0_f64, (0..4_i32).prop_map(f64::from)], 2..90),
        penalty in 0.05..20.0_f64,
        min_segment in 1..6_usize,
    ) {
        let starts = segment_starts(&values, &settings(ChangeCost::Mean, penalty, min_segment)).expect("starts");
        if values.len() < 2 * min_segment {
            prop_assert!(starts.is_empty());
            return Ok(());
        }
        let bounds: Vec<usize> = [0].into_iter().chain(starts.iter().copied()).chain([values.len()]).collect();
        prop_assert!(bounds.windows(2).all(|pair| pair[1] - pair[0] >= min_segment), "{bounds:?}");
        let (ours, best) = (total(&values, &starts, penalty), optimum(&values, penalty, min_segment));
        if values.iter().any(|v| (v - values[0]).abs() > 0.0) {
            prop_assert!((ours - best).abs() < 1e-9 * (1.0 + best.abs()), "{ours} against {best}: {starts:?}");
        }
    }

    #[test]
    fn shift_scale_and_mirror_change_nothing(
        seed in 0..1_000_usize,
        (shift, exponent) in (-1e6..1e6_f64, -30..30_i32),
        at in 40..160_usize,
        cost in prop_oneof![Just(ChangeCost::Mean), Just(ChangeCost::MeanVariance)],
    ) {
        let settings = ChangePointSettings { cost, ..ChangePointSettings::default() };
        let values: Vec<f64> =
            (0..200).map(|i| (16.0 * noise(1_000 * seed + i)).round() / 16.0 + if i < at { 0.0 } else { 8.0 }).collect();
        let found = change_points(&values, &settings).expect("change points");
        prop_assert!(found.iter().any(|c| c.index.abs_diff(at) <= 1), "{at}: {found:?}");
        let scale = f64::from(exponent).exp2();
        for sign in [1.0, -1.0] {
            let other: Vec<f64> = values.iter().map(|v| sign * scale * (v + shift.round())).collect();
            let moved = change_points(&other, &settings).expect("change points");
            prop_assert_eq!(moved.len(), found.len());
            for (moved, found) in moved.iter().zip(&found) {
                prop_assert_eq!((moved.index, moved.kind), (found.index, found.kind));
                prop_assert!((sign * moved.size_sigmas - found.size_sigmas).abs() < 1e-6);
            }
        }
        let back: Vec<f64> = values.iter().rev().copied().collect();
        let mirrored: Vec<usize> = found.iter().rev().map(|c| 200 - c.index).collect();
        prop_assert_eq!(segment_starts(&back, &settings).expect("starts"), mirrored);
    }

    #[test]
    fn nothing_panics_and_all_is_finite(
        values in prop::collection::vec(prop_oneof![
            Just(0.0), Just(f64::MAX), Just(f64::MIN), Just(1e300), Just(f64::MIN_POSITIVE), -1e3..1e3_f64
        ], 0..60),
        cost in prop_oneof![Just(ChangeCost::Mean), Just(ChangeCost::MeanVariance)],
        min_segment in 2..8_usize,
    ) {
        let settings = ChangePointSettings { cost, min_segment, penalty: Penalty::Auto };
        for change in change_points(&values, &settings).expect("change points") {
            let numbers =
                [change.before.mean, change.before.sd, change.after.mean, change.after.sd, change.size_sigmas];
            prop_assert!(numbers.iter().all(|v| v.is_finite()), "{change:?}");
        }
    }
}

#[test]
fn level_shifts_and_variance_changes_are_told_apart() {
    let check = |values: &dyn Fn(usize) -> f64, expected: &[(usize, ChangePointKind)]| {
        let values: Vec<f64> = (0..600).map(values).collect();
        let found = change_points(&values, &ChangePointSettings::default()).expect("change points");
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        for (change, (at, kind)) in found.iter().zip(expected) {
            assert!(change.index.abs_diff(*at) <= 5 && change.kind == *kind, "{change:#?}, expected {at}");
        }
    };
    check(&noise, &[]);
    check(&|i| noise(i) + if i < 250 { 0.0 } else { 4.0 }, &[(250, ChangePointKind::LevelShift)]);
    check(&|i| noise(i) * if i < 250 { 1.0 } else { 5.0 }, &[(250, ChangePointKind::Variance)]);
    check(&|i| noise(i) * if i < 400 { 1.0 } else { 0.0 }, &[(400, ChangePointKind::Variance)]);
    let both = |i: usize| noise(i) * if i < 400 { 1.0 } else { 6.0 } + if i < 200 { 0.0 } else { -5.0 };
    check(&both, &[(200, ChangePointKind::LevelShift), (400, ChangePointKind::Variance)]);
    // an intermittent series does not change with each of its bursts
    check(&|i| if i % 37 == 5 { 1.0 + noise(i).abs() } else { 0.0 }, &[]);
}

#[test]
fn sizes_are_in_sigmas_and_segments_have_their_numbers() {
    let values: Vec<f64> = (0..1_000).map(|i| 50.0 + 2.0 * noise(i) + if i < 500 { 0.0 } else { -8.0 }).collect();
    let settings = ChangePointSettings { cost: ChangeCost::Mean, ..ChangePointSettings::default() };
    let found = change_points(&values, &settings).expect("change points");
    assert_eq!(found.len(), 1);
    let change = found[0];
    assert!((change.size_sigmas + 4.0).abs() < 0.3, "{change:?}");
    assert_eq!(
        (change.before.start, change.before.points, change.after.points),
        (0, change.index, 1_000 - change.index)
    );
    assert!((change.before.mean - 50.0).abs() < 0.3 && (change.after.mean - 42.0).abs() < 0.3, "{change:?}");
    assert!((change.before.sd - 2.0).abs() < 0.2, "{change:?}");
}

#[test]
fn a_spike_is_no_level() {
    let values: Vec<f64> = (0..600).map(|i| noise(i) + if i == 300 { 15.0 } else { 0.0 }).collect();
    let settings = ChangePointSettings { cost: ChangeCost::Mean, ..ChangePointSettings::default() };
    assert_eq!(segment_starts(&values, &settings), Ok(Vec::new()));
    let settings = ChangePointSettings { min_segment: 1, ..settings };
    assert_eq!(segment_starts(&values, &settings), Ok(vec![300, 301]), "unless single points may be segments");
}

#[test]
fn autocorrelated_noise_is_no_series_of_level_shifts() {
    for rho in [0.3, 0.6, 0.9] {
        let mut last = 0.0;
        let values: Vec<f64> = (0..2_000)
            .map(|i| {
                last = rho * last + noise(i);
                last
            })
            .collect();
        for cost in [ChangeCost::Mean, ChangeCost::MeanVariance] {
            let settings = ChangePointSettings { cost, ..ChangePointSettings::default() };
            let found = change_points(&values, &settings).expect("change points");
            assert!(found.is_empty(), "{rho} {cost:?}: {found:?}");
        }
    }
}

#[test]
fn few_constant_and_huge_values_are_answers() {
    let found = |values: &[f64]| {
        let default = ChangePointSettings { min_segment: 2, ..ChangePointSettings::default() };
        change_points(values, &default).expect("change points").iter().map(|c| c.index).collect::<Vec<_>>()
    };
    assert!(found(&[]).is_empty() && found(&[1.0]).is_empty() && found(&[1.0, 2.0]).is_empty());
    assert!(found(&[7.5; 500]).is_empty());
    assert_eq!(found(&[vec![1.0; 50], vec![2.0; 50]].concat()), [50]);
    assert_eq!(found(&[vec![-1e300; 50], vec![1e300; 50]].concat()), [50]);
    assert_eq!(found(&[vec![f64::MIN; 50], vec![f64::MAX; 50]].concat()), [50]);
}

#[test]
fn refusals_say_what_is_wrong_and_what_is_allowed() {
    let refused = |values: &[f64], min_segment, cost| {
        let settings = ChangePointSettings { cost, min_segment, ..ChangePointSettings::default() };
        change_points(values, &settings).expect_err("refused").to_string()
    };
    assert_eq!(refused(&[1.0, f64::INFINITY], 2, ChangeCost::Mean), "values must be finite, got inf at point 1");
    assert_eq!(
        refused(&[1.0], 1, ChangeCost::MeanVariance),
        "the shortest segment must have 2 to 100000 points, got 1"
    );
    let error = segment_starts(&[1.0], &settings(ChangeCost::Mean, 1.0, 0)).expect_err("refused");
    assert_eq!(error, ChangePointError::MinSegment { got: 0, least: 1, most: 100_000 });
    for text in ["0", "-1", "NaN", "inf", "much"] {
        let error = text.parse::<Penalty>().expect_err(text).to_string();
        assert!(error.ends_with(&format!("`{text}`")), "{error}");
    }
    let read = |json: &str| serde_json::from_str::<ChangePointSettings>(json);
    let read_back = read(r#"{"penalty":12.5,"cost":"mean"}"#).expect("settings");
    assert_eq!(read_back, settings(ChangeCost::Mean, 12.5, 10));
    assert!(read(r#"{"penalty":"auto"}"#).is_ok() && read(r#"{"penalty":0}"#).is_err() && read(r#"{"x":1}"#).is_err());
}
