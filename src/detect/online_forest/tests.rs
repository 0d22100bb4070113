//! Tests of the streaming forest.

use proptest::prelude::*;

use super::code::{decode, encode};
use super::tree::{self, Draws, LANES, Node, Rows};
use super::{OnlineForest, OnlineForestParams, OnlineParamsError, SeriesForest};

const ODD: [f64; 10] =
    [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e300, 0.0, -0.0, f64::MIN_POSITIVE, f64::MAX, 1.0];

/// Uniform in [-0.5, 0.5), the same for the same index.
fn noise(index: u64) -> f64 {
    Draws { seed: 9, drawn: index }.unit() - 0.5
}

fn bulk(index: u64) -> [f64; 3] {
    let [a, b, c] = [noise(3 * index), noise(3 * index + 1), noise(3 * index + 2)];
    [10.0 + a, 5.0 * (a + b), 0.01 * c]
}

fn forest(seed: u64, width: usize) -> OnlineForest {
    OnlineForest::try_new(OnlineForestParams::small(seed), width).expect("a forest")
}

fn learned(seed: u64, rows: u64) -> OnlineForest {
    let mut forest = forest(seed, 3);
    (0..rows).for_each(|i| forest.learn(&bulk(i)));
    forest
}

fn series(seed: u64) -> SeriesForest {
    SeriesForest::try_new(OnlineForestParams::small(seed)).expect("a model")
}

fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("written")
}

#[test]
fn codes_are_ordered_like_the_numbers_and_lose_one_part_in_512() {
    let sizes = (-40..40).flat_map(|e| [1.0_f32, 1.3, 1.99].map(|m| m * (e as f32).exp2()));
    let mut values: Vec<f32> = sizes.flat_map(|v| [v, -v]).chain([0.0, f32::INFINITY, f32::NEG_INFINITY]).collect();
    values.sort_unstable_by(f32::total_cmp);
    assert!(values.windows(2).all(|w| encode(w[0]) <= encode(w[1])));
    for value in values.into_iter().filter(|v| (1e-9..1e9).contains(&v.abs())) {
        let again = decode(encode(value));
        assert!((again - value).abs() <= value.abs() / 512.0, "{value} {again}");
        assert_eq!(encode(again), encode(value));
    }
    assert!(decode(0).abs() < f32::MIN_POSITIVE);
}

#[test]
fn walks_together_equal_walks_one_by_one() {
    let params = OnlineForestParams::small(1);
    let forest = learned(1, 3_000);
    let slots = params.slots();
    for i in 0..200_u64 {
        let mut codes = [0; 256];
        codes.iter_mut().zip(0..3).for_each(|(code, k)| *code = encode(8.0 * noise(7 * i + k) as f32));
        for trees in forest.nodes.chunks_exact(LANES * slots) {
            let together = tree::expected_paths(trees, slots, &codes, params.most_depth());
            for (one, path) in trees.chunks_exact(slots).zip(together) {
                assert_eq!(tree::expected_path(one, &codes).to_bits(), path.to_bits());
            }
        }
    }
}

#[test]
fn a_tree_keeps_all_rows_and_its_leaves_hold_them() {
    let codes: Vec<i16> = (0..600).map(|i| encode(4.0 * noise(i) as f32)).collect();
    let mut sample: Vec<u16> = (0..200).collect();
    let mut nodes = vec![Node::default(); 63];
    let mut draws = Draws { seed: 3, drawn: 0 };
    tree::grow(&mut nodes, Rows { codes: &codes, width: 3 }, &mut sample, 8, 1, &mut draws);
    assert!(tree::is_sound(&nodes, 3) && nodes[0].feature == 1);
    let inner = nodes.iter().filter(|n| n.left > 0).count();
    let leaves: Vec<&Node> = nodes[..2 * inner + 1].iter().filter(|n| n.left == 0).collect();
    assert_eq!(leaves.len(), inner + 1);
    assert_eq!(leaves.iter().map(|n| i32::from(n.low)).sum::<i32>(), 200);
    for node in nodes {
        assert_eq!(Node::unpack(node.pack()), node);
    }
}

#[test]
fn an_outlier_scores_higher_than_the_bulk_and_its_feature_says_so() {
    let forest = learned(5, 2_000);
    let ordinary: Vec<f64> = (2_000..2_400).map(|i| forest.score(&bulk(i))).collect();
    let mean = ordinary.iter().sum::<f64>() / 400.0;
    let most = ordinary.iter().copied().fold(0.0, f64::max);
    assert!((0.35..0.6).contains(&mean), "{mean}");
    for (feature, row) in [[30.0, 0.0, 0.0], [10.0, 40.0, 0.0], [10.0, 0.0, -0.2]].iter().enumerate() {
        let score = forest.score(row);
        assert!(score > most && score > mean + 0.1, "{feature}: {score} {mean} {most}");
        let shares = forest.attribute(row);
        let top = shares.iter().copied().fold(0.0, f64::max);
        assert!(shares[feature] >= top && top > 0.5, "{feature}: {shares:?}");
    }
    let far = forest.score(&[1e6, 0.0, 0.0]);
    assert!(far > forest.score(&[12.0, 0.0, 0.0]), "the farther the higher");
}

#[test]
fn shares_sum_to_the_score() {
    let forest = learned(5, 500);
    for i in 0..300 {
        let row = bulk(i).map(|v| v * (1.0 + noise(i)));
        let (score, shares) = (forest.score(&row), forest.attribute(&row));
        assert!(shares.iter().all(|s| (0.0..=1.0).contains(s)), "{shares:?}");
        let sum: f64 = shares.iter().map(|s| s * score).sum();
        assert!((sum - score).abs() < 1e-12, "{sum} {score}");
    }
    assert_eq!(forest_of_nothing_shares(), [0.25; 4]);
}

fn forest_of_nothing_shares() -> Vec<f64> {
    forest(1, 4).attribute(&[1.0, 2.0, 3.0, 4.0])
}

#[test]
fn a_new_level_becomes_ordinary_within_the_time_constant() {
    let params = OnlineForestParams::try_new(32, 64, 1_000, 3).expect("good");
    let mut forest = OnlineForest::try_new(params, 3).expect("a forest");
    let moved = |i: u64| bulk(i).map(|v| v + 1e6);
    let usual: f64 = (0..3_000).map(|i| forest.score_then_learn(&bulk(i))).skip(2_000).sum::<f64>() / 1_000.0;
    let first = forest.score_then_learn(&moved(3_000));
    assert!(first > usual + 0.2, "{first} {usual}");
    let scores: Vec<f64> = (3_001..6_000).map(|i| forest.score_then_learn(&moved(i))).collect();
    let mean = |from: usize| scores[from..from + 200].iter().sum::<f64>() / 200.0;
    assert!(mean(1_000) < usual + 0.05, "{} {usual}", mean(1_000));
    assert!((mean(2_700) - usual).abs() < 0.05, "{} {usual}", mean(2_700));
    let inside = forest.score(&bulk(1).map(|v| v + 1e6 + 30.0));
    assert!(inside > mean(2_700) + 0.1, "what is unusual at the new level is seen again: {inside}");
    assert!(forest.score(&bulk(1)) > usual + 0.1, "the old level was forgotten");
}

#[test]
fn state_is_bounded_over_a_hundred_thousand_points_that_drift() {
    let (mut rows, mut one) = (forest(1, 14), series(1));
    let at_first = (rows.state_bytes(), one.state_bytes());
    let mut row = [0.0; 14];
    let mut most = 0;
    for i in 0..100_000_u64 {
        let level = i as f64 * 0.01;
        one.push(level + noise(i));
        if i % 10 == 0 {
            row.iter_mut().zip(0..).for_each(|(v, k)| *v = level + noise(14 * i + k));
            rows.learn(&row);
        }
        most = most.max(one.state_bytes());
    }
    assert_eq!(rows.state_bytes(), at_first.0, "all room is taken at the start");
    assert!(most <= 16 * 1_024, "{most} bytes; {} at first", at_first.1);
}

#[test]
fn scale_and_zero_of_a_series_do_not_count() {
    let mut models = [series(2), series(2), series(2)];
    for i in 0..1_500_u64 {
        let value = (noise(i) * 4_096.0).round() + if i % 300 == 299 { 9_000.0 } else { 0.0 };
        let [plain, scaled, moved] = &mut models;
        let score = plain.push(value);
        assert_eq!(score.to_bits(), scaled.push(value * 2_f64.powi(-40)).to_bits(), "{i}");
        assert!((score - moved.push(value + 1_048_576.0)).abs() < 1e-12, "{i}");
    }
    let (mut plain, mut scaled) = (forest(1, 3), forest(1, 3));
    for i in 0..800 {
        let row = bulk(i);
        let score = plain.score_then_learn(&row);
        assert_eq!(score.to_bits(), scaled.score_then_learn(&row.map(|v| v * 1_024.0)).to_bits(), "{i}");
    }
}

#[test]
fn a_fine_structure_far_from_the_first_value_is_found_again() {
    let mut forest = forest(4, 1);
    forest.learn(&[0.0]);
    (0..400).for_each(|i| forest.learn(&[1e9 + noise(i)]));
    let usual = forest.score(&[1e9]);
    assert!(forest.score(&[1e9 + 20.0]) > usual + 0.15, "{usual}");
}

#[test]
fn a_missing_value_stands_at_the_median() {
    let mut with_gaps = forest(1, 3);
    for i in 0..2_000 {
        let mut row = bulk(i);
        if i % 3 == 0 {
            row[(i / 3 % 3) as usize] = f64::NAN;
        }
        let score = with_gaps.score_then_learn(&row);
        assert!(score > 0.0 && score < 1.0);
    }
    let (gap, short) = (with_gaps.score(&[10.0, f64::NAN, 0.0]), with_gaps.score(&[10.0]));
    assert!(gap < 0.55 && short < 0.55, "{gap} {short}");
    assert!(with_gaps.score(&[90.0, f64::NAN, 0.0]) > gap + 0.1);
    let mut one = series(1);
    (0..100).for_each(|i| _ = one.push(noise(i)));
    let before = one.clone();
    assert!((one.push(f64::NAN) - 0.5).abs() < 1e-12);
    assert_eq!(one, before, "NaN is passed over");
}

#[test]
fn constant_linear_and_two_valued_series_stay_calm_and_a_move_is_seen() {
    let shapes: [fn(u64) -> f64; 4] =
        [|_| 7.0, |i| 3.0 * i as f64, |i| f64::from(u8::from(i % 3 == 0)), |i| 1e12 + noise(i)];
    for (which, shape) in shapes.iter().enumerate() {
        let mut one = series(3);
        let scores: Vec<f64> = (0..1_000).map(|i| one.push(shape(i))).collect();
        let late = scores[900..].iter().sum::<f64>() / 100.0;
        assert!(late < 0.6, "{which}: {late}");
        assert!(one.push(shape(1_000) - 1e4) > late + 0.1, "{which}");
    }
}

#[test]
fn a_snapshot_goes_on_bit_for_bit_and_the_same_seed_gives_the_same_bytes() {
    let mut one = series(11);
    (0..900).for_each(|i| _ = one.push(noise(i) + (i / 300) as f64 * 50.0));
    let mut again: SeriesForest = serde_json::from_str(&json(&one)).expect("read");
    assert_eq!(again, one);
    for i in 900..2_000 {
        assert_eq!(one.push(noise(i)).to_bits(), again.push(noise(i)).to_bits(), "{i}");
    }
    assert_eq!(json(&again), json(&one));
    assert_eq!(json(&learned(7, 700)), json(&learned(7, 700)));
    assert_ne!(json(&learned(7, 700)), json(&learned(8, 700)));
}

#[test]
fn a_snapshot_that_was_tampered_with_is_refused() {
    let good = json(&learned(1, 200));
    let read = |text: &str| serde_json::from_str::<OnlineForest>(text);
    assert!(read(&good).is_ok());
    for (from, to) in
        [("\"format\":1", "\"format\":9"), ("\"width\":3", "\"width\":2"), ("\"nodes\":[", "\"nodes\":[7,")]
    {
        let error = read(&good.replacen(from, to, 1)).expect_err(to).to_string();
        assert!(error.contains("streaming forest"), "{error}");
    }
    let first = good.split("\"nodes\":[").nth(1).and_then(|rest| rest.split(',').next()).expect("a node");
    let loops = Node { left: 0, ..Node::unpack(first.parse().expect("a number")) };
    let points_outside = Node { left: 200, ..loops };
    let bad = good.replacen(&format!("\"nodes\":[{first}"), &format!("\"nodes\":[{}", points_outside.pack()), 1);
    assert!(read(&bad).is_err());
}

#[test]
fn parameters_outside_their_range_are_named_with_what_is_allowed() {
    let text = |r: Result<OnlineForestParams, OnlineParamsError>| r.expect_err("refused").to_string();
    assert_eq!(text(OnlineForestParams::try_new(0, 64, 4_000, 1)), "trees must be 1 to 1000, got 0");
    assert_eq!(text(OnlineForestParams::try_new(1, 1, 4_000, 1)), "sample size must be 2 to 1024 rows, got 1");
    assert!(text(OnlineForestParams::try_new(1, 2, 63, 1)).contains("64 to 10000000 points, got 63"));
    let wide = OnlineForest::try_new(OnlineForestParams::small(1), 257).expect_err("refused").to_string();
    assert_eq!(wide, "a streaming forest takes rows of 1 to 256 features, got 257");
}

#[test]
fn extreme_parameters_work() {
    for (trees, sample) in [(1, 2), (3, 3), (9, 8), (17, 300), (2, 1_024)] {
        let params = OnlineForestParams::try_new(trees, sample, 64, 1).expect("good");
        for width in [1, 2, 256] {
            let mut forest = OnlineForest::try_new(params, width).expect("a forest");
            let rows = (0..200).map(|i| (0..width as u64).map(|k| noise(i * 256 + k)).collect::<Vec<_>>());
            for row in rows {
                let score = forest.score_then_learn(&row);
                assert!(score > 0.0 && score < 1.0, "{trees} {sample} {width}: {score}");
            }
        }
    }
}

fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![4 => -10.0..10.0_f64, 1 => -1e300..1e300_f64, 1 => prop::sample::select(ODD.to_vec())]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn nothing_panics_and_scores_stay_between_0_and_1(values in prop::collection::vec(any_value(), 1..400)) {
        let (mut one, mut rows) = (series(1), forest(1, 2));
        for pair in values.windows(2) {
            for score in [one.push(pair[0]), rows.score_then_learn(pair), rows.score(&[pair[1], pair[0]])] {
                prop_assert!(score > 0.0 && score < 1.0, "{score}");
            }
            let sum: f64 = rows.attribute(pair).iter().sum();
            prop_assert!((sum - 1.0).abs() < 1e-9, "{sum}");
        }
        prop_assert!(one.state_bytes() <= 16 * 1_024);
    }
}
