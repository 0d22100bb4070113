//! Reference, metamorphic and property tests of the booster.

use proptest::prelude::*;
use rand::{Rng, SeedableRng};

use super::*;
use crate::learn::metrics::{average_precision, log_loss, quality};
use crate::learn::table::{Table, Targets};

fn table(columns: &[Vec<f64>]) -> Table {
    Table::new((0..columns.len()).map(|i| format!("x{i}")).collect(), columns).unwrap()
}

/// The stored data set: features, classes.
fn reference() -> (Table, Targets) {
    let text = include_str!("../../../data/reference/boosting/classes.csv");
    let (mut columns, mut classes) = (vec![Vec::new(); 6], Vec::new());
    for line in text.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        for (column, cell) in columns.iter_mut().zip(&cells) {
            column.push(if cell.is_empty() { f64::NAN } else { cell.parse().unwrap() });
        }
        classes.push(cells[6].parse().unwrap());
    }
    (table(&columns), Targets::new(classes, 4).unwrap())
}

fn split(table: &Table, targets: &Targets, cut: usize) -> [(Table, Targets); 2] {
    let n = table.n_rows();
    [(0..cut).collect::<Vec<_>>(), (cut..n).collect()].map(|part| (table.select(&part), targets.select(&part)))
}

fn params() -> Params {
    Params { rounds: 60, max_leaves: 15, ..Params::default() }
}

fn fit(objective: Objective, (table, targets): &(Table, Targets), params: &Params) -> Booster {
    Booster::fit(objective, Labelled { table, targets }, None, &[], params, 1).unwrap().booster
}

fn probabilities(booster: &Booster, table: &Table) -> Vec<Vec<f64>> {
    (0..table.n_rows()).map(|row| booster.probabilities(&table.row(row))).collect()
}

/// Small random data with missing values: enough to exercise every path.
fn noisy(n: usize, seed: u64) -> (Table, Targets) {
    let mut rng = rand_pcg::Pcg64::seed_from_u64(seed);
    let mut columns = vec![Vec::new(); 3];
    let mut classes = Vec::new();
    for _ in 0..n {
        let x: [f64; 3] = std::array::from_fn(|_| rng.random_range(-2.0..2.0));
        let latent = x[0] + (x[1] * 2.0).sin() + rng.random_range(-0.7..0.7);
        classes.push(if latent > 1.0 {
            0
        } else if latent > 0.0 {
            1
        } else {
            2
        });
        for (column, x) in columns.iter_mut().zip(x) {
            column.push(if rng.random::<f64>() < 0.15 { f64::NAN } else { x });
        }
    }
    (table(&columns), Targets::new(classes, 3).unwrap())
}

fn small() -> Params {
    Params { rounds: 15, max_leaves: 8, min_samples_leaf: 5, ..Params::default() }
}

#[test]
fn it_is_as_good_as_scikit_learns_histogram_boosting() {
    let expected: serde_json::Value =
        serde_json::from_str(include_str!("../../../data/reference/boosting/expected.json")).unwrap();
    let want = |key: &str| expected[key].as_f64().unwrap();
    let (table, targets) = reference();
    let [train, test] = split(&table, &targets, 1_000);
    for objective in [Objective::Nominal, Objective::Ordinal] {
        let p = probabilities(&fit(objective, &train, &params()), &test.0);
        let given: Vec<usize> = p.iter().map(|p| (0..4).max_by(|a, b| p[*a].total_cmp(&p[*b])).unwrap()).collect();
        let (loss, macro_f1) = (log_loss(&test.1, &p), quality(&test.1, &given).macro_f1);
        let hits: Vec<bool> = test.1.classes().iter().map(|class| *class == 0).collect();
        let ap = average_precision(&p.iter().map(|p| p[0]).collect::<Vec<_>>(), &hits);
        // Tolerances: 0.02 in log-loss, 0.03 in the others, on 500 test rows.
        assert!(loss < want("test_log_loss") + 0.02, "{objective:?}: log-loss {loss}");
        assert!(macro_f1 > want("test_macro_f1") - 0.03, "{objective:?}: macro F1 {macro_f1}");
        assert!(ap > want("test_average_precision_of_class_0") - 0.03, "{objective:?}: average precision {ap}");
    }
}

#[test]
fn attributions_sum_to_the_scores() {
    let data = reference();
    for objective in [Objective::Nominal, Objective::Ordinal] {
        let booster = fit(objective, &data, &Params { rounds: 10, ..params() });
        for row in (0..1_500).step_by(97).map(|row| data.0.row(row)).chain([vec![f64::NAN; 6], vec![1e308; 6]]) {
            let scores = booster.scores(&row);
            let parts = booster.attribution(&row);
            for class in 0..4 {
                let sum: f64 = parts.base[class] + parts.features.iter().map(|by_class| by_class[class]).sum::<f64>();
                assert!((sum - scores[class]).abs() < 1e-9, "{sum} instead of {}", scores[class]);
            }
        }
    }
}

#[test]
fn the_order_of_rows_does_not_matter() {
    let (table, targets) = noisy(400, 5);
    let reversed: Vec<usize> = (0..400).rev().collect();
    let other = (table.select(&reversed), targets.select(&reversed));
    let (a, b) = (fit(Objective::Ordinal, &(table, targets), &small()), fit(Objective::Ordinal, &other, &small()));
    assert_eq!(a, b, "sums on the grid are exact, so even the bytes agree");
}

#[test]
fn a_constant_or_unknown_column_changes_nothing() {
    let (base, targets) = noisy(400, 6);
    let plain = fit(Objective::Ordinal, &(base.clone(), targets.clone()), &small());
    for extra in [7.0, f64::NAN, 1e308] {
        let mut columns: Vec<Vec<f64>> = (0..3).map(|i| base.column(i).to_vec()).collect();
        columns.push(vec![extra; 400]);
        let wider = fit(Objective::Ordinal, &(table(&columns), targets.clone()), &small());
        for row in 0..400 {
            let mut long = base.row(row);
            let want = plain.scores(&long);
            long.push(extra);
            assert_eq!(wider.scores(&long), want);
        }
    }
}

#[test]
fn scaling_a_column_changes_no_training_probability() {
    let (base, targets) = noisy(300, 8);
    let scaled: Vec<Vec<f64>> = (0..3).map(|i| base.column(i).iter().map(|x| x * 1e300).collect()).collect();
    let a = fit(Objective::Nominal, &(base.clone(), targets.clone()), &small());
    let b = fit(Objective::Nominal, &(table(&scaled), targets), &small());
    for row in 0..300 {
        let big: Vec<f64> = base.row(row).iter().map(|x| x * 1e300).collect();
        assert_eq!(a.scores(&base.row(row)), b.scores(&big));
    }
}

#[test]
fn early_stopping_keeps_the_best_round() {
    let (table, targets) = noisy(600, 9);
    let [train, valid] = split(&table, &targets, 400);
    let params = Params { rounds: 400, learning_rate: 0.3, patience: 10, min_samples_leaf: 3, ..Params::default() };
    let labelled = |part: &(Table, Targets)| (part.0.clone(), part.1.clone());
    let (train, valid) = (labelled(&train), labelled(&valid));
    let fitted = Booster::fit(
        Objective::Ordinal,
        Labelled { table: &train.0, targets: &train.1 },
        Some(Labelled { table: &valid.0, targets: &valid.1 }),
        &[],
        &params,
        1,
    )
    .unwrap();
    let best = fitted.history.validation_loss.iter().copied().fold(f64::INFINITY, f64::min);
    assert!(fitted.history.rounds < 400 && fitted.booster.rounds() == fitted.history.rounds);
    let got = log_loss(&valid.1, &probabilities(&fitted.booster, &valid.0));
    assert!((got - best).abs() < 1e-9, "{got} instead of {best}");
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_samples_differ_by_seed() {
    let (table, targets) = noisy(300, 10);
    let params = Params { row_fraction: 0.7, column_fraction: 0.6, ..small() };
    let bytes = |seed| {
        let labelled = Labelled { table: &table, targets: &targets };
        let fitted = Booster::fit(Objective::Ordinal, labelled, None, &[], &params, seed).unwrap();
        serde_json::to_string(&fitted.booster).unwrap()
    };
    assert_eq!(bytes(4), bytes(4));
    assert_ne!(bytes(4), bytes(5));
}

#[test]
fn balancing_raises_the_rare_class() {
    let (table, mut classes) = {
        let (table, targets) = noisy(600, 11);
        (table, targets.classes().to_vec())
    };
    (0..600).filter(|row| row % 4 != 0).for_each(|row| classes[row] = classes[row].max(1));
    let targets = Targets::new(classes, 3).unwrap();
    let mean = |class_balance| {
        let booster = fit(Objective::Ordinal, &(table.clone(), targets.clone()), &Params { class_balance, ..small() });
        probabilities(&booster, &table).iter().map(|p| p[0]).sum::<f64>() / 600.0
    };
    let share = targets.counts()[0] as f64 / 600.0;
    assert!((mean(0.0) - share).abs() < 0.01, "{} instead of {share}", mean(0.0));
    assert!(mean(1.0) > 1.5 * share);
}

#[test]
fn degenerate_data_gives_sound_probabilities() {
    let check = |columns: &[Vec<f64>], classes: Vec<usize>| {
        let data = (table(columns), Targets::new(classes, 3).unwrap());
        for objective in [Objective::Nominal, Objective::Ordinal] {
            let booster = fit(objective, &data, &Params { min_samples_leaf: 1, ..small() });
            for row in
                [vec![f64::NAN; 2], vec![1e308, -1e308], vec![f64::INFINITY, f64::NEG_INFINITY], vec![], vec![0.0; 9]]
            {
                let p = booster.probabilities(&row);
                assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-12 && p.iter().all(|p| *p >= 0.0), "{p:?}");
            }
        }
    };
    check(&[vec![1.0], vec![2.0]], vec![1]);
    check(&[vec![1.0, 2.0], vec![2.0, f64::NAN]], vec![0, 2]);
    check(&[vec![f64::NAN; 50], vec![f64::NAN; 50]], (0..50).map(|i| i % 3).collect());
    check(&[(0..50).map(f64::from).collect(), vec![3.0; 50]], vec![2; 50]);
    check(&[vec![1e308, -1e308, 1e308, -1e308], vec![5e-324; 4]], vec![0, 1, 0, 1]);
}

#[test]
fn what_cannot_be_fitted_is_refused() {
    let (table, targets) = noisy(20, 1);
    let labelled = Labelled { table: &table, targets: &targets };
    let none = (table.select(&[]), targets.select(&[]));
    let empty = Labelled { table: &none.0, targets: &none.1 };
    let fit = |objective, part, trends: &[Trend], params: &Params| {
        Booster::fit(objective, part, None, trends, params, 1).unwrap_err().to_string()
    };
    let fine = Params::default();
    assert_eq!(fit(Objective::Ordinal, empty, &[], &fine), "training needs at least one row");
    let nan = Params { learning_rate: f64::NAN, ..Params::default() };
    assert_eq!(fit(Objective::Ordinal, labelled, &[], &nan), "learning_rate must be in (0, 1], got NaN");
    let short = fit(Objective::Ordinal, labelled, &[Trend::Free], &fine);
    assert_eq!(short, "trends must be given for none or all of the 3 columns, got 1");
    let nominal = fit(Objective::Nominal, labelled, &[Trend::TowardsFirst; 3], &fine);
    assert_eq!(nominal, "trends are only defined for classes in an order: use the ordinal objective");
}

fn shares_at_or_before(booster: &Booster, row: &[f64]) -> Vec<f64> {
    let p = booster.probabilities(row);
    (0..p.len()).map(|k| p[..=k].iter().sum()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn trends_hold_for_every_row(seed in 0_u64..1_000, rows in proptest::collection::vec(
        (proptest::array::uniform3(-3.0..3.0_f64), proptest::array::uniform3(any::<bool>()), 0.0..4.0_f64), 40)) {
        let (table, targets) = noisy(200, seed);
        let trends = [Trend::TowardsFirst, Trend::TowardsLast, Trend::Free];
        let labelled = Labelled { table: &table, targets: &targets };
        let booster = Booster::fit(Objective::Ordinal, labelled, None, &trends, &small(), seed).unwrap().booster;
        for (values, missing, step) in rows {
            let row: Vec<f64> = values.iter().zip(missing).map(|(x, gone)| if gone { f64::NAN } else { *x }).collect();
            for (feature, sign) in [(0, 1.0), (1, -1.0)] {
                let mut low = row.clone();
                low[feature] = values[feature];
                let mut high = low.clone();
                high[feature] += step;
                let (before, after) = (shares_at_or_before(&booster, &low), shares_at_or_before(&booster, &high));
                for (before, after) in before.iter().zip(after) {
                    prop_assert!(sign * (after - before) >= -1e-12);
                }
            }
        }
    }

    #[test]
    fn damaged_files_are_refused_or_sound(flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let mut bytes = serde_json::to_vec(&fit(Objective::Ordinal, &noisy(60, 2), &Params { rounds: 3, ..small() })).unwrap();
        for (at, byte) in flips {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(booster) = serde_json::from_slice::<Booster>(&bytes) {
            let p = booster.probabilities(&[0.1, f64::NAN, -1.0]);
            prop_assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            let _ = booster.attribution(&[0.1, f64::NAN, -1.0]);
        }
    }
}

#[test]
fn a_written_booster_says_the_same_when_read() {
    let data = reference();
    let booster = fit(Objective::Ordinal, &data, &params());
    let read: Booster = serde_json::from_str(&serde_json::to_string(&booster).unwrap()).unwrap();
    assert_eq!(read, booster);
}

#[test]
fn impossible_files_are_refused_with_a_reason() {
    let good = serde_json::to_value(fit(Objective::Ordinal, &noisy(60, 2), &Params { rounds: 2, ..small() })).unwrap();
    let check = |pointer: &str, value: serde_json::Value, says: &str| {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap() = value;
        let error = serde_json::from_str::<Booster>(&bad.to_string()).unwrap_err().to_string();
        assert!(error.contains(says), "{pointer}: {error}");
    };
    check("/format", 2.into(), "booster format must be 1, got 2");
    check("/n_classes", 1_000_000.into(), "2 to 256 classes");
    check("/n_classes", 4.into(), "base must be 3 finite numbers");
    check("/features", serde_json::json!([]), "features must be 1 to 4096");
    check("/features", serde_json::json!(["x0"]), "beyond the 1 there are");
    check("/base/0", serde_json::Value::Null, "invalid type: null");
    check("/rounds/0", serde_json::json!([]), "every round must have 2 trees");
    check("/rounds/0/0/value/0", 1e300.into(), "not finite");
    check("/rounds/0/0/cover/0", 0.into(), "reached by no row");
    check("/rounds/0/0/cover/0", (-1).into(), "invalid value");
    check("/rounds/0/0/left/0", 0.into(), "out of range or has another parent");
    check("/rounds/0/0/left/0", (-1_000).into(), "out of range or has another parent");
    check("/rounds/0/0/right/0", i32::MAX.into(), "out of range or has another parent");
    check("/rounds/0/0/missing_left/0", 7.into(), "missing_left must be 0 or 1");
    check("/rounds/0/0/threshold", serde_json::json!([]), "differ in length");
}
