//! `tidewatch evaluate`, run as people run it on labelled directories made on the spot.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::{self, Ran};

#[track_caller]
fn run(dir: &Path, args: &[&str]) -> Ran {
    program::run(dir, &[&["evaluate"], args].concat())
}

#[track_caller]
fn good(dir: &Path, args: &[&str]) -> String {
    program::good(dir, &[&["evaluate"], args].concat())
}

#[track_caller]
fn figures(dir: &Path, args: &[&str]) -> Value {
    let args: Vec<&str> = args.iter().copied().chain(["--format", "json"]).collect();
    serde_json::from_str(&good(dir, &args)).expect("JSON")
}

/// The figures of one detector.
#[track_caller]
fn of<'a>(figures: &'a Value, detector: &str) -> &'a Value {
    let all = figures["detectors"].as_array().expect("detectors");
    all.iter().find(|one| one["detector"] == detector).expect("the detector was run")
}

/// A daily wave with a little deterministic noise.
fn wave(i: usize, phase: usize) -> f64 {
    let noise = ((i + 31 * phase).wrapping_mul(2_654_435_761) >> 7) % 1_000;
    let angle = ((i + phase) % 24) as f64 / 24.0 * std::f64::consts::TAU;
    ((100.0 + 30.0 * angle.sin() + noise as f64 / 250.0) * 1e4).round() / 1e4
}

/// Hourly rows; `columns` are names of values, `value(row, column)` what they are, `label(row)` the last column if any.
fn table(
    rows: usize,
    columns: &[&str],
    value: impl Fn(usize, usize) -> f64,
    label: Option<(&str, &dyn Fn(usize) -> String)>,
) -> String {
    let mut text = format!("timestamp,{}", columns.join(","));
    if let Some((name, _)) = label {
        let _ = write!(text, ",{name}");
    }
    text.push('\n');
    for row in 0..rows {
        let _ = write!(text, "{}", 1_700_000_000 + 3_600 * row);
        (0..columns.len()).for_each(|column| {
            let _ = write!(text, ",{}", value(row, column));
        });
        if let Some((_, label)) = label {
            let _ = write!(text, ",{}", label(row));
        }
        text.push('\n');
    }
    text
}

const ROWS: usize = 600;
/// First and last row of the planted events of each series, and of its training part, which is not judged.
const PLANTED: [(&str, &[(usize, usize)]); 3] =
    [("api", &[(150, 152), (420, 423), (530, 531)]), ("batch", &[(480, 489)]), ("calm", &[])];

fn planted(series: usize, row: usize) -> bool {
    PLANTED[series].1.iter().any(|(first, last)| (*first..=*last).contains(&row))
}

fn value(series: usize, row: usize) -> f64 {
    wave(row, series) + if planted(series, row) { 90.0 } else { 0.0 }
}

fn truth(train: Option<usize>) -> Value {
    let entry = |(name, events): &(&str, &[(usize, usize)])| {
        let mut entry = json!({ "n": ROWS, "events": events, "group": "made" });
        if let Some(train) = train {
            entry["train_len"] = json!(train);
        }
        ((*name).to_owned(), entry)
    };
    Value::Object(PLANTED.iter().map(entry).collect())
}

/// `labels.json` and three series without a label column.
fn labelled() -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    fs::create_dir(dir.path().join("series")).expect("a folder");
    fs::write(dir.path().join("labels.json"), truth(Some(300)).to_string()).expect("labels");
    for (series, (name, _)) in PLANTED.iter().enumerate() {
        let text = table(ROWS, &["value"], |row, _| value(series, row), None);
        fs::write(dir.path().join(format!("series/{name}.csv")), text).expect("a series");
    }
    dir
}

#[test]
fn the_table_is_for_people() {
    let dir = labelled();
    let text = good(dir.path(), &[".", "--detector", "seasonal_median,moving_z"]);
    insta::assert_snapshot!("evaluate_table", text);
    let csv = good(dir.path(), &[".", "--detector", "seasonal_median,moving_z", "--format", "csv"]);
    insta::assert_snapshot!("evaluate_csv", csv);
}

#[test]
fn what_was_planted_is_found() {
    let dir = labelled();
    let all = figures(dir.path(), &["."]);
    assert_eq!((&all["series"], &all["ranked_series"], &all["events"]), (&json!(3), &json!(2), &json!(3)));
    assert!((all["series_days"].as_f64().expect("days") - 37.5).abs() < 1e-9, "the training part is not judged");
    for name in ["tidewatch", "seasonal_median", "moving_z", "isolation_forest"] {
        let own = of(&all, name);
        for figure in ["vus_pr", "auc_pr", "best_f1", "precision", "recall", "f1", "recall_at_one_a_day"] {
            let value = own[figure].as_f64().expect(figure);
            assert!((0.0..=1.0 + 1e-9).contains(&value), "{name} {figure} {value}");
        }
        assert!(own["budget"]["ratio_interval_95"][0].as_f64() <= own["budget"]["ratio"].as_f64(), "{name}");
    }
    let own = of(&all, "tidewatch");
    assert!(own["vus_pr"].as_f64() > Some(0.7) && own["recall"].as_f64() > Some(0.6), "{own}");
    let calm = &all["per_series"][2];
    assert_eq!((&calm["series"], &calm["detectors"]["tidewatch"]["vus_pr"]), (&json!("calm"), &Value::Null));
}

/// Labels are compared with and nothing else: other labels leave every alert where it was.
#[test]
fn labels_never_reach_a_detector() {
    let dir = labelled();
    let own = figures(dir.path(), &["."]);
    assert_eq!(own, figures(dir.path(), &["."]), "the same seed gives the same figures");
    let mut other = truth(Some(300));
    other["api"]["events"] = json!([[310, 340]]);
    other["calm"]["events"] = json!([[320, 321], [590, 599]]);
    fs::write(dir.path().join("labels.json"), other.to_string()).expect("labels");
    let changed = figures(dir.path(), &["."]);
    for name in ["tidewatch", "seasonal_median", "moving_z", "isolation_forest"] {
        assert_eq!(of(&own, name)["alerts"], of(&changed, name)["alerts"], "{name}");
        assert_ne!(of(&own, name)["vus_pr"], of(&changed, name)["vus_pr"], "{name}");
    }
}

#[test]
fn files_with_a_label_column_need_no_labels_json() {
    let dir = tempfile::tempdir().expect("a directory");
    let label = |row: usize| if planted(0, row) { "true".to_owned() } else { "False".to_owned() };
    let text = table(ROWS, &["value"], |row, _| value(0, row), Some(("is_anomaly", &label)));
    fs::write(dir.path().join("api.csv"), text).expect("a file");
    let mut long = "series,timestamp,value,label\n".to_owned();
    for row in 0..ROWS {
        for series in [1, 2] {
            let time = 1_700_000_000 + 3_600 * row;
            let _ = writeln!(
                long,
                "{},{time},{},{}",
                PLANTED[series].0,
                value(series, row),
                u8::from(planted(series, row))
            );
        }
    }
    fs::write(dir.path().join("others.csv"), long).expect("a file");
    // half of each series is learned from, as labels.json says in the other directory
    let apart = labelled();
    let (own, named) = (figures(dir.path(), &["."]), figures(apart.path(), &["."]));
    assert_eq!(own["per_series"], named["per_series"]);
    assert_eq!(own["detectors"], named["detectors"]);
}

#[test]
fn an_entity_is_judged_as_a_whole() {
    let dir = tempfile::tempdir().expect("a directory");
    let label = |row: usize| u8::from(planted(0, row)).to_string();
    let of_metric = |row: usize, column: usize| if column == 1 { value(0, row) } else { wave(row, 7 * column) };
    let text = table(ROWS, &["cpu", "latency", "memory"], of_metric, Some(("label", &label)));
    fs::write(dir.path().join("web-1.csv"), text).expect("a file");
    let all = figures(dir.path(), &["."]);
    assert_eq!((&all["series"], &all["per_series"][0]["metrics"]), (&json!(1), &json!(3)));
    for name in ["tidewatch", "seasonal_median"] {
        assert!(of(&all, name)["vus_pr"].as_f64() > Some(0.5), "{name}: {}", of(&all, name));
    }
}

#[test]
fn a_part_of_the_data_can_be_chosen() {
    let dir = labelled();
    let days = |args: &[&str]| {
        let args: Vec<&str> = [".", "--detector", "moving_z"].iter().chain(args).copied().collect();
        figures(dir.path(), &args)["series_days"].as_f64().expect("days") * 24.0
    };
    let near = |got: f64, expected: f64| assert!((got - expected).abs() < 1e-6, "{got} {expected}");
    near(days(&[]), 900.0);
    near(days(&["--series", "*a*c*"]), 300.0);
    near(days(&["--series", "*a*"]), 900.0);
    near(days(&["--slice", "200,100"]), 300.0);
    near(days(&["--slice", "200"]), 900.0);
    // labels.json says where the training part ends; without it the share does
    near(days(&["--train-share", "0.1"]), 900.0);
    fs::write(dir.path().join("labels.json"), truth(None).to_string()).expect("labels");
    near(days(&["--train-share", "0.1"]), 1_620.0);
}

#[test]
fn requirements_decide_the_exit_code() {
    let dir = labelled();
    let code = |requirement: &str| {
        let ran = run(dir.path(), &[".", "--detector", "tidewatch", "--require", requirement]);
        assert!(ran.stdout.contains("VUS-PR"), "the table is printed in any case");
        (ran.code, ran.stderr)
    };
    assert_eq!(code("vus_pr>=0.1").0, 0);
    let (missed, said) = code("vus_pr>1");
    assert_eq!(missed, 3);
    assert!(said.contains("required vus_pr>1, got 0."), "{said}");
    let ran = run(dir.path(), &[".", "--detector", "moving_z", "--require", "f1>0"]);
    assert!(ran.code == 2 && ran.stderr.contains("leaves out"), "{}", ran.stderr);
}

#[test]
fn windows_of_the_benchmark_get_its_score() {
    let dir = labelled();
    assert_eq!(of(&figures(dir.path(), &["."]), "tidewatch")["nab"], Value::Null);
    let mut windows = truth(Some(90));
    for (name, _) in PLANTED {
        windows[name]["windows_time"] = json!([]);
    }
    fs::write(dir.path().join("labels.json"), windows.to_string()).expect("labels");
    let all = figures(dir.path(), &["."]);
    let own = &of(&all, "tidewatch")["nab"];
    assert!(own["standard"].as_f64() > Some(40.0) && own["standard"].as_f64() <= Some(100.0), "{own}");
    assert!(own["few_false_alarms"].as_f64() <= own["standard"].as_f64(), "{own}");
    assert!(good(dir.path(), &["."]).contains("Numenta Anomaly Benchmark"));
}

#[test]
fn bad_input_is_named_with_its_place() {
    let defect = |name: &str, content: &str, args: &[&str], says: &[&str]| {
        let dir = labelled();
        match content {
            "" => fs::remove_file(dir.path().join(name)).expect("removed"),
            text => fs::write(dir.path().join(name), text).expect("a file"),
        }
        let ran = run(dir.path(), args);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{name} {args:?}: {}", ran.stderr);
        for words in says {
            assert!(ran.stderr.contains(words), "{name} {args:?} should say `{words}`: {}", ran.stderr);
        }
    };
    let short = table(10, &["value"], |row, _| value(0, row), None);
    let odd = table(
        ROWS,
        &["value"],
        |row, _| value(0, row),
        Some(("label", &|row| if row == 7 { "2" } else { "0" }.to_owned())),
    );
    let nothing = "timestamp,value\n1700000000,\n1700003600,\n";
    defect("labels.json", "{", &["."], &["labels.json", "EOF"]);
    defect("labels.json", r#"{"api":{"events":7}}"#, &["."], &["labels.json", "`api.events`"]);
    defect("labels.json", r#"{"ghost":{"n":5}}"#, &["."], &["`ghost`", "no such file", ".csv.gz"]);
    defect("labels.json", r#"{"api":{"n":600}}"#, &["."], &["api.csv", "`is_anomaly`", "no `events` for `api`"]);
    defect("labels.json", "", &["."], &["api.csv", "there is no labels.json"]);
    defect("series/api.csv", &short, &["."], &["api.csv", "the file has 10 rows", "n = 600"]);
    defect("series/api.csv", &odd, &["."], &["api.csv:9", "`label`", "`2`", "0, 1, true or false"]);
    defect("series/api.csv", "", &["."], &["names `api`"]);
    defect("series/api.csv.gz", "not gzip", &["."], &["api.csv.gz", "gzip"]);
    defect("labels.json", r#"{"api":{"events":[]}}"#, &[".", "--train-share", "1"], &["less than 1"]);
    let text = r#"{"api":{"train_len":2,"events":[]}}"#;
    let dir = labelled();
    fs::write(dir.path().join("labels.json"), text).expect("labels");
    fs::write(dir.path().join("series/api.csv"), nothing).expect("a series");
    let ran = run(dir.path(), &["."]);
    assert!(ran.code == 2 && ran.stderr.contains("nothing is left to judge"), "{}", ran.stderr);
    fs::write(dir.path().join("labels.json"), text.replace('2', "1")).expect("labels");
    let ran = run(dir.path(), &["."]);
    assert!(ran.code == 2 && ran.stderr.contains("series `api` cannot be evaluated"), "{}", ran.stderr);

    let dir = labelled();
    for (args, says) in [
        (&["nowhere"][..], "does not exist"),
        (&["labels.json"], "is not a directory"),
        (&[".", "--series", "zzz*"], "no series fits `zzz*`; there are "),
        (&[".", "--detector", "lstm"], "isolation_forest, got `lstm`"),
        (&[".", "--detector", "moving_z,moving_z"], "twice"),
        (&[".", "--slice", "many"], "12000,30000"),
        (&[".", "--require", "vus_pr"], "vus_pr>=0.6"),
        (&[".", "--report", "page.pdf"], ".html"),
        (&[".", "--report", "none/page.html"], "there is no directory"),
    ] {
        let ran = run(dir.path(), args);
        assert!(ran.code == 2 && ran.stderr.contains(says), "{args:?}: {} {}", ran.code, ran.stderr);
    }
    let empty = tempfile::tempdir().expect("a directory");
    let ran = run(empty.path(), &["."]);
    assert!(ran.code == 2 && ran.stderr.contains("there is no data file in this directory"), "{}", ran.stderr);
}

/// With `TIDEWATCH_DATASETS` set: on real telemetry our detector is good, and better than every baseline.
#[test]
fn real_telemetry_is_ranked_better_than_by_any_baseline() {
    let Some(root) = std::env::var_os("TIDEWATCH_DATASETS") else { return };
    let all = figures(&Path::new(&root).join("mscloud"), &["."]);
    let volume = |name: &str| of(&all, name)["vus_pr"].as_f64().expect("a figure");
    let own = volume("tidewatch");
    assert!(own >= 0.70, "{own}");
    for name in ["seasonal_median", "moving_z", "isolation_forest"] {
        assert!(own > volume(name), "{own} {name} {}", volume(name));
    }
    // the figure that the reference implementation of the baseline has on these data
    let median = volume("seasonal_median");
    assert!((median - 0.526).abs() < 0.003, "{median}");
}
