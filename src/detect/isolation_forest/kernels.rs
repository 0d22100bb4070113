//! Tests of the kernels: each against walks through the trees as they were grown, bit for bit.

use ndarray::{Array2, ShapeBuilder};
use proptest::prelude::*;

use super::forest::IsolationForest;
use super::kernel::Kernel;
use super::packed::PackedForest;
use super::params::{Gain, IsolationForestParams, Split};

fn forest(split: Split, trees: usize, sample_size: usize, seed: u64, rows: &Array2<f64>) -> IsolationForest {
    let params = IsolationForestParams::try_new(trees, sample_size, split, seed).expect("parameters");
    IsolationForest::fit(params, rows.view()).expect("a forest")
}

/// A table of `rows` rows that is the same for the same seed; every seventh feature has three values only.
fn table(rows: usize, width: usize, seed: u64) -> Array2<f64> {
    Array2::from_shape_fn((rows, width), |(i, j)| {
        let mut z = (seed ^ ((i * width + j) as u64 + 1)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let share = ((z ^ (z >> 32)) >> 11) as f64 / (1_u64 << 53) as f64;
        if j % 7 == 6 { (share * 3.0).floor() } else { (share - 0.5) / (share + 1e-3) }
    })
}

/// Scores by the definition alone: a walk from the root to a leaf for each row and tree.
fn by_walking(forest: &IsolationForest, rows: &Array2<f64>) -> Vec<u64> {
    let total = |row: ndarray::ArrayView1<'_, f64>| -> u64 {
        let values: Vec<f64> = row.iter().zip(&forest.medians).map(|(v, m)| if v.is_nan() { *m } else { *v }).collect();
        let path = |tree: &super::tree::Tree| {
            let mut node = 0;
            while !tree.is_leaf(node) {
                let cut = tree.nodes[node];
                let value = if tree.planes.is_empty() {
                    values[cut.feature as usize]
                } else {
                    tree.planes.terms(cut.feature).iter().map(|t| t.weight * values[t.feature as usize]).sum()
                };
                node = cut.left as usize + usize::from(value > cut.threshold);
            }
            u64::from(tree.paths[node])
        };
        forest.trees.iter().map(path).sum()
    };
    rows.rows().into_iter().map(total).collect()
}

#[track_caller]
fn check(forest: &IsolationForest, rows: &Array2<f64>) {
    let wanted: Vec<u64> = by_walking(forest, rows).iter().map(|t| forest.score_of_total(*t).to_bits()).collect();
    let mut turned = Array2::zeros(rows.dim().f());
    turned.assign(rows);
    for kernel in Kernel::available() {
        for rows in [rows, &turned] {
            let scores = forest.score_batch_with(rows.view(), kernel).expect("scores");
            let got: Vec<u64> = scores.iter().map(|score| score.to_bits()).collect();
            assert!(got == wanted, "{}: {:?}", kernel.name(), forest.params());
        }
    }
    for (row, wanted) in rows.rows().into_iter().zip(wanted).take(40) {
        assert_eq!(forest.score(&row.to_vec()).expect("a score").to_bits(), wanted);
    }
}

#[test]
fn every_kernel_gives_the_bits_of_a_walk_whatever_the_width() {
    // 1 to 32 columns are blended, more are picked one by one; 300 columns and many trees make several groups
    for (width, trees) in [(1, 20), (2, 9), (3, 40), (5, 7), (8, 100), (9, 11), (20, 12), (33, 30), (300, 150)] {
        let rows = table(700, width, width as u64);
        check(&forest(Split::Axis, trees, 256, 3, &rows), &rows);
    }
    let rows = table(1_100, 6, 5);
    for gain in [Gain::Averaged, Gain::Pooled] {
        check(&forest(Split::Guided { gain, percent: 60 }, 25, 200, 1, &rows), &rows);
    }
    check(&forest(Split::Extended { features: 3 }, 10, 128, 1, &rows), &rows);
}

#[test]
fn many_thresholds_make_several_groups_and_deep_trees_stay_as_grown() {
    let rows = table(3_000, 2, 9);
    let many = forest(Split::Axis, 300, 256, 1, &rows);
    assert!(PackedForest::pack(&many.trees, &many.medians).is_some_and(|packed| packed.groups.len() > 2));
    check(&many, &rows);
    let deep = forest(Split::Axis, 10, 1_024, 1, &rows);
    assert!(PackedForest::pack(&deep.trees, &deep.medians).is_none());
    check(&deep, &rows);
}

#[test]
fn more_rows_than_a_task_of_the_pool_keep_their_order() {
    let rows = table(40_001, 3, 2);
    check(&forest(Split::Axis, 5, 64, 2, &rows), &rows);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn kernels_agree_on_whatever_comes(
        values in prop::collection::vec(
            prop_oneof![any::<f64>(), -1.0..1.0, Just(f64::NAN), Just(f64::INFINITY), Just(0.0), Just(-0.0), 1e9..1e9 + 1e-3],
            130 * 3..600,
        ),
        width in 1_usize..4, seed in any::<u64>(),
    ) {
        let count = values.len() / width;
        let rows = Array2::from_shape_vec((count, width), values[..count * width].to_vec()).expect("a matrix");
        check(&forest(Split::Axis, 9, 64, seed, &rows), &rows);
    }

    #[test]
    fn unit_and_offset_change_nothing(seed in any::<u64>(), power in -900..900_i32, shift in -4..4_i32) {
        let rows = table(200, 3, seed).mapv(|v| (v * 1_048_576.0).round());
        let moved = rows.mapv(|v| (v + f64::from(shift) * 1_048_576.0) * 2_f64.powi(power));
        let (plain, other) = (forest(Split::Axis, 9, 64, seed, &rows), forest(Split::Axis, 9, 64, seed, &moved));
        let (a, b) = (plain.score_batch(rows.view()).expect("scores"), other.score_batch(moved.view()).expect("scores"));
        for (a, b) in a.iter().zip(&b) {
            prop_assert!((a - b).abs() < 1e-12, "{a} {b}");
        }
    }
}
