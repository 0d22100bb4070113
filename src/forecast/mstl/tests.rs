//! Agreement with `stlrs`, and what a linear filter keeps.

use augurs::mstl::stlrs::{MstlParams, StlParams};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use serde_json::Value;

use crate::forecast::reference::numbers;

use super::*;

fn series(points: usize, seasons: &[usize], seed: u64) -> Vec<f64> {
    let mut random = Pcg64::seed_from_u64(seed);
    let mut walk = 50.0;
    (0..points)
        .map(|index| {
            walk += random.random_range(-0.5..0.5);
            let waves = seasons.iter().map(|season| {
                let phase = std::f64::consts::TAU * index as f64 / *season as f64;
                5.0 * phase.sin() + 2.0 * (2.0 * phase).cos()
            });
            walk + waves.sum::<f64>() + random.random_range(-1.0..1.0)
        })
        .collect()
}

/// Largest difference, as a share of the range of `want`.
fn away(got: &[f64], want: &[f64]) -> f64 {
    assert_eq!(got.len(), want.len());
    let (low, high) = super::super::stats::range(want);
    let differences = got.iter().zip(want).map(|(got, want)| (got - want).abs());
    differences.fold(0.0, f64::max) / (high - low).max(1e-300)
}

#[track_caller]
fn agrees_with_stlrs(points: usize, seasons: &[usize]) {
    let values = series(points, seasons, points as u64);
    let mut stl = StlParams::new();
    stl.seasonal_degree(0);
    let want = MstlParams::new().stl_params(stl).fit(&values, seasons).expect("two seasons");
    let filter = Mstl::new(points, seasons).expect("two seasons");
    let got = filter.decompose(&values).expect("the length of the filter");
    for ((_, got), want) in got.seasons.iter().zip(want.seasonal()) {
        assert!(away(got, want) < 1e-10, "{points} {seasons:?}: season away by {}", away(got, want));
    }
    let trend = filter.trend(&got);
    assert!(away(&trend, want.trend()) < 1e-10, "{points} {seasons:?}: trend away by {}", away(&trend, want.trend()));
    let level: Vec<f64> = want.trend().iter().zip(want.remainder()).map(|(trend, rest)| trend + rest).collect();
    assert!(away(&got.level, &level) < 1e-10, "{points} {seasons:?}: level");
}

#[test]
fn one_season_agrees_with_stlrs() {
    for (points, season) in
        [(8, 2), (24, 12), (25, 12), (100, 3), (336, 24), (345, 24), (1_001, 24), (104, 52), (163, 52)]
    {
        agrees_with_stlrs(points, &[season]);
    }
}

#[test]
fn several_seasons_agree_with_stlrs() {
    agrees_with_stlrs(1_344, &[24, 168]);
    agrees_with_stlrs(960, &[24, 168]);
    agrees_with_stlrs(733, &[24, 168]);
    agrees_with_stlrs(340, &[12, 24, 168]);
    // so long that the slope of the shorter windows is given up at the edges, as Cleveland et al. do
    agrees_with_stlrs(8_640, &[288, 2_016]);
    agrees_with_stlrs(8_064, &[12, 24]);
}

/// The reference's script says what is in it.
#[test]
fn seasons_agree_with_statsmodels_and_statsforecast() {
    let text = include_str!("../../../data/reference/forecast/mstl_ets.json");
    let reference: Value = serde_json::from_str(text).expect("valid JSON");
    for case in reference["mstl"].as_array().expect("cases") {
        let values = numbers(&case["values"]);
        let seasons: Vec<usize> = numbers(&case["seasons"]).iter().map(|season| *season as usize).collect();
        let parts = Mstl::new(values.len(), &seasons).and_then(|filter| filter.decompose(&values)).expect("fits");
        for (index, (period, season)) in parts.seasons.iter().enumerate() {
            let every_third: Vec<f64> = season.iter().copied().step_by(3).collect();
            // the same algorithm; and one that smooths every position instead of interpolating
            for (name, tolerance) in [("skipping", 1e-10), ("full", 0.02)] {
                let away = away(&every_third, &numbers(&case[name][index]));
                assert!(away < tolerance, "{} {name} {period}: {away} of the season's range away", case["name"]);
            }
        }
    }
}

#[test]
fn the_parts_add_up_and_scale_with_the_series() {
    let values = series(500, &[24, 168], 3);
    let filter = Mstl::new(500, &[24, 168]).expect("two seasons");
    let parts = filter.decompose(&values).expect("the length of the filter");
    let doubled: Vec<f64> = values.iter().map(|value| 2.0 * value).collect();
    let twice = filter.decompose(&doubled).expect("the length of the filter");
    for index in 0..500 {
        let sum = parts.level[index] + parts.seasons.iter().map(|(_, season)| season[index]).sum::<f64>();
        assert!((sum - values[index]).abs() < 1e-10);
        assert!((twice.level[index] - 2.0 * parts.level[index]).abs() < 1e-10);
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    assert!(Mstl::new(100, &[]).is_none());
    assert!(Mstl::new(100, &[1]).is_none());
    assert!(Mstl::new(100, &[24, 51]).is_none());
    assert!(Mstl::new(100, &[24]).expect("fits").decompose(&[0.0; 99]).is_none());
}
