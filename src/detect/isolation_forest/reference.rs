//! Tests of the forest: agreement with scikit-learn, and properties.

use ndarray::{Array2, ArrayView2};
use proptest::prelude::*;
use serde_json::Value;

use super::batch::Packed;
use super::forest::{IsolationForest, average_path_length, score_of_mean_path};
use super::params::{IsolationForestParams, Split};
use super::tree::{Node, Tree};

const SMALL: &str = include_str!("../../../data/reference/isolation_forest/small_forest.json");
const SCORES: &str = include_str!("../../../data/reference/isolation_forest/scores.json");

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|v| v.as_f64().expect("a number")).collect()
}

fn matrix(value: &Value) -> Array2<f64> {
    let rows: Vec<Vec<f64>> = value.as_array().expect("rows").iter().map(numbers).collect();
    Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).expect("a matrix")
}

fn params(trees: usize, sample_size: usize, split: Split, seed: u64) -> IsolationForestParams {
    IsolationForestParams::try_new(trees, sample_size, split, seed).expect("parameters")
}

fn score_all(forest: &IsolationForest, rows: &ArrayView2<'_, f64>) -> Vec<f64> {
    forest.score_batch(*rows).expect("scores").to_vec()
}

/// A tree of scikit-learn with children side by side, as ours are.
fn imported(tree: &Value) -> Tree {
    let ints = |key: &str| numbers(&tree[key]).into_iter().map(|v| v as i64).collect::<Vec<_>>();
    let (left, right, feature, samples) = (ints("left"), ints("right"), ints("feature"), ints("samples"));
    let threshold = numbers(&tree["threshold"]);
    let mut ours = Tree::default();
    let mut queue = vec![0_usize];
    let mut next = 0;
    while next < queue.len() {
        let theirs = queue[next];
        let size = samples[theirs];
        if left[theirs] < 0 {
            ours.nodes.push(Node { threshold: f64::MAX, feature: 0, left: next as u32 });
        } else {
            let place = queue.len() as u32;
            ours.nodes.push(Node { threshold: threshold[theirs], feature: feature[theirs] as u32, left: place });
            queue.extend([left[theirs] as usize, right[theirs] as usize]);
        }
        ours.samples.push(size as u32);
        next += 1;
    }
    ours.measure();
    ours
}

#[test]
fn a_forest_imported_from_scikit_learn_gives_its_scores() {
    let file: Value = serde_json::from_str(SMALL).expect("fixture");
    let rows = matrix(&file["rows"]);
    let trees: Vec<Tree> = file["trees"].as_array().expect("trees").iter().map(imported).collect();
    let forest = IsolationForest {
        params: params(trees.len(), 32, Split::Axis, 0),
        trees,
        medians: vec![0.0; rows.ncols()],
        rows_per_tree: 32,
        packed: Packed::default(),
    };
    let expected = numbers(&file["scores"]);
    for (got, wanted) in score_all(&forest, &rows.view()).iter().zip(&expected) {
        assert!((got - wanted).abs() < 1e-7, "{got} {wanted}");
    }
    for (row, wanted) in rows.rows().into_iter().zip(&expected) {
        let got = forest.score(&row.to_vec()).expect("score");
        assert!((got - wanted).abs() < 1e-7, "{got} {wanted}");
    }
}

#[test]
fn the_average_path_length_is_that_of_scikit_learn() {
    let file: Value = serde_json::from_str(SMALL).expect("fixture");
    for (rows, wanted) in file["average_path_length"].as_object().expect("table") {
        let got = average_path_length(rows.parse().expect("a count"));
        assert!((got - wanted.as_f64().expect("a number")).abs() < 1e-12, "{rows}: {got} {wanted}");
    }
    assert!((score_of_mean_path(average_path_length(256), 256) - 0.5).abs() < 1e-15);
    assert!((score_of_mean_path(0.0, 256) - 1.0).abs() < 1e-15);
    assert!((score_of_mean_path(3.0, 1) - 0.5).abs() < 1e-15);
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    order.iter().enumerate().for_each(|(rank, index)| ranks[*index] = rank as f64);
    ranks
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (ma, mb) = (mean(a), mean(b));
    let product =
        |x: &[f64], mx: f64, y: &[f64], my: f64| x.iter().zip(y).map(|(p, q)| (p - mx) * (q - my)).sum::<f64>();
    product(a, ma, b, mb) / (product(a, ma, a, ma) * product(b, mb, b, mb)).sqrt()
}

fn auc(scores: &[f64], is_outlier: &[f64]) -> f64 {
    let ranked = ranks(scores);
    let positives = is_outlier.iter().sum::<f64>();
    let sum: f64 = ranked.iter().zip(is_outlier).map(|(r, y)| (r + 1.0) * y).sum();
    (sum - positives * (positives + 1.0) / 2.0) / (positives * (is_outlier.len() as f64 - positives))
}

#[test]
fn our_own_trees_agree_with_scikit_learn_in_rank_and_auc() {
    let file: Value = serde_json::from_str(SCORES).expect("fixture");
    let (rows, theirs, label) = (matrix(&file["rows"]), numbers(&file["scores"]), numbers(&file["is_outlier"]));
    for seed in [1, 2] {
        let forest = IsolationForest::fit(params(200, 256, Split::Axis, seed), rows.view()).expect("fit");
        let ours = score_all(&forest, &rows.view());
        let rank = correlation(&ranks(&ours), &ranks(&theirs));
        assert!(rank > 0.98, "rank correlation {rank}");
        assert!(
            (auc(&ours, &label) - auc(&theirs, &label)).abs() < 0.01,
            "{} {}",
            auc(&ours, &label),
            auc(&theirs, &label)
        );
        let bias = ours.iter().zip(&theirs).map(|(a, b)| a - b).sum::<f64>() / ours.len() as f64;
        assert!(bias.abs() < 0.01, "{bias}");
    }
    let extended = Split::Extended { features: 4 };
    let forest = IsolationForest::fit(params(200, 256, extended, 3), rows.view()).expect("fit");
    assert!(auc(&score_all(&forest, &rows.view()), &label) > auc(&theirs, &label) - 0.03);
}

#[test]
fn a_constant_feature_and_missing_values_change_little() {
    let rows = Array2::from_shape_fn((200, 2), |(i, j)| if j == 1 { 7.0 } else { f64::from((i * 37 % 100) as u32) });
    let forest = IsolationForest::fit(params(50, 64, Split::Axis, 1), rows.view()).expect("fit");
    let shares = forest.attribute(&[500.0, 7.0]).expect("shares");
    assert!(shares[1].abs() < 1e-12 && (shares[0] - 1.0).abs() < 1e-12, "{shares:?}");
    let median = forest.score(&[50.0, 7.0]).expect("score");
    assert!((forest.score(&[f64::NAN, f64::NAN]).expect("score") - median).abs() < 0.05);
    assert!(forest.score(&[f64::INFINITY, f64::NEG_INFINITY]).expect("score").is_finite());
    let flat = Array2::from_elem((50, 3), 1e300);
    let forest = IsolationForest::fit(params(10, 32, Split::Extended { features: 2 }, 1), flat.view()).expect("fit");
    assert!((forest.score(&[1.0, 2.0, 3.0]).expect("score") - 0.5).abs() < 1e-12);
    let one = Array2::from_elem((1, 1), f64::NAN);
    let forest = IsolationForest::fit(params(3, 2, Split::Axis, 1), one.view()).expect("fit");
    assert!((forest.score(&[3.0]).expect("score") - 0.5).abs() < 1e-12);
}

#[test]
fn wrong_shapes_are_refused_with_both_numbers() {
    let rows = Array2::<f64>::zeros((10, 2));
    let forest = IsolationForest::fit(params(3, 4, Split::Axis, 1), rows.view()).expect("fit");
    let text = forest.score(&[1.0]).expect_err("refused").to_string();
    assert_eq!(text, "the forest was trained on 2 features, got 1");
    assert!(forest.score_batch(Array2::zeros((2, 3)).view()).is_err());
    assert!(IsolationForest::fit(params(3, 4, Split::Axis, 1), Array2::zeros((0, 2)).view()).is_err());
    assert!(IsolationForest::fit(params(3, 4, Split::Axis, 1), Array2::zeros((2, 0)).view()).is_err());
}

#[test]
fn a_forest_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<IsolationForest>();
}

#[test]
fn the_feature_that_is_off_gets_the_largest_share() {
    let rows =
        Array2::from_shape_fn((300, 3), |(i, j)| f64::from(((i * 7_919 + j * 104_729) % 1_000) as u32) / 1_000.0);
    for split in [Split::Axis, Split::Extended { features: 2 }] {
        let forest = IsolationForest::fit(params(100, 128, split, 5), rows.view()).expect("fit");
        let shares = forest.attribute(&[0.5, 9.0, 0.5]).expect("shares");
        assert!(shares[1] > shares[0] && shares[1] > shares[2], "{split:?} {shares:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn scores_are_probability_like_and_batch_equals_rows(
        values in prop::collection::vec(prop_oneof![-1e3..1e3, -1e300..1e300, Just(f64::NAN), Just(0.0)], 4..160),
        seed in any::<u64>(), features in 1_usize..4, oblique in any::<bool>(),
    ) {
        let count = values.len() / features;
        prop_assume!(count > 0);
        let rows = Array2::from_shape_vec((count, features), values[..count * features].to_vec()).expect("matrix");
        let split = if oblique { Split::Extended { features: 2 } } else { Split::Axis };
        let forest = IsolationForest::fit(params(7, 16, split, seed), rows.view()).expect("fit");
        let again = IsolationForest::fit(params(7, 16, split, seed), rows.view()).expect("fit");
        prop_assert_eq!(serde_json::to_string(&forest).expect("json"), serde_json::to_string(&again).expect("json"));
        for (row, batch) in rows.rows().into_iter().zip(score_all(&forest, &rows.view())) {
            let row = row.to_vec();
            let single = forest.score(&row).expect("score");
            prop_assert!(single > 0.0 && single <= 1.0);
            prop_assert_eq!(single.to_bits(), batch.to_bits());
            let shares = forest.attribute(&row).expect("shares");
            prop_assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9 && shares.iter().all(|s| *s >= 0.0));
        }
    }
}
