//! `tidewatch backtest`, run as people run it on series made on the spot.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::program::{directory, good, refused, run};

/// Hourly rows from 2024 on of `value(row)`.
fn hourly(rows: usize, name: &str, value: impl Fn(usize) -> f64) -> String {
    let mut text = format!("timestamp,{name}\n");
    for row in 0..rows {
        let _ = writeln!(text, "{},{}", 1_704_067_200 + 3_600 * row, value(row));
    }
    text
}

/// A daily wave with a little deterministic noise.
fn wave(row: usize) -> f64 {
    let noise = ((row.wrapping_mul(2_654_435_761)) >> 7) % 1_000;
    100.0 + 30.0 * ((row % 24) as f64 / 24.0 * std::f64::consts::TAU).sin() + noise as f64 / 100.0
}

#[track_caller]
fn figures(dir: &Path, args: &[&str]) -> Value {
    let args: Vec<&str> = ["backtest"].iter().chain(args).copied().chain(["--format", "json"]).collect();
    serde_json::from_str(&good(dir, &args)).expect("JSON")
}

#[test]
fn a_model_that_knows_the_season_beats_one_that_does_not() {
    let dir = directory(&[("load.csv", hourly(600, "load", wave))]);
    let found = figures(dir.path(), &["load.csv", "--horizon", "1d", "--model", "naive,auto"]);
    let of = |place: usize, key: &str| found["models"][place][key].as_f64().expect(key);
    assert_eq!(found["models"][0]["model"], "naive");
    assert!(of(1, "mase") < 0.5 * of(0, "mase"), "{found:#}");
    assert_eq!((of(0, "best_on_percent"), of(1, "best_on_percent")), (0.0, 100.0));
    assert_eq!(found["series"][0]["models"][1]["forecasts"], 6);
    for level in found["models"][1]["intervals"].as_array().expect("intervals") {
        let (asked, covers) = (level["level"].as_f64().expect("level"), level["coverage"].as_f64().expect("coverage"));
        assert!((covers - asked).abs() < 0.2, "{found:#}");
    }
}

#[test]
fn nothing_after_an_origin_is_seen_from_it() {
    // the last day is another world: forecasts from before it are the same, their errors are not
    let other = |row: usize| if row < 576 { wave(row) } else { 1e6 };
    let dir = directory(&[("a.csv", hourly(600, "load", wave)), ("b.csv", hourly(600, "load", other))]);
    for file in ["a", "b"] {
        good(
            dir.path(),
            &[
                "backtest",
                &format!("{file}.csv"),
                "--horizon",
                "24",
                "--origins",
                "1",
                "-q",
                "--report",
                &format!("{file}.html"),
            ],
        );
    }
    let mase =
        |file: &str| figures(dir.path(), &[file, "--horizon", "24", "--origins", "1"])["models"][0]["mase"].clone();
    assert!(mase("b.csv").as_f64() > mase("a.csv").as_f64().map(|mase| 100.0 * mase));
    let second = figures(dir.path(), &["b.csv", "--horizon", "24", "--origins", "2"]);
    assert!(second["models"][0]["mase"].as_f64().is_some());
}

#[test]
fn the_page_has_a_fan_for_every_series_and_model_and_escapes_names() {
    let name = "<script>alert(1)</script>";
    let dir = directory(&[("load.csv", hourly(400, name, wave))]);
    good(dir.path(), &["backtest", "load.csv", "--horizon", "24", "--report", "out.html", "--model", "auto,ets,naive"]);
    let page = fs::read_to_string(dir.path().join("out.html")).expect("the page");
    assert_eq!(page.matches("class=\"chart\"").count(), 3);
    assert_eq!(page.matches("class=\"band\"").count(), 2 * 3 + 1);
    assert!(!page.contains("<script") && page.contains("&lt;script&gt;"));
    assert!(!page.contains("NaN"));
}

#[test]
fn csv_has_a_row_for_each_series_and_model_and_tables_name_what_was_used() {
    let dir = directory(&[("load.csv", hourly(400, "load", wave)), ("flat.csv", hourly(60, "flat", |_| 3.0))]);
    let csv =
        good(dir.path(), &["backtest", "load.csv", "flat.csv", "--horizon", "12", "--format", "csv", "--levels", "50"]);
    let rows: Vec<&str> = csv.lines().collect();
    assert_eq!(rows[0], "series,model,used,forecasts,mase,smape,msis,coverage-50");
    assert_eq!(rows.len(), 1 + 2 * 2, "{csv}");
    // a constant series has no scale: no MASE, and intervals that hold it
    assert!(rows.contains(&"flat,auto,constant,4,,0,,1"), "{csv}");
    let table = good(dir.path(), &["backtest", "load.csv", "--horizon", "12", "--model", "auto"]);
    assert!(table.contains("1 series: 6 forecasts of 12 steps"), "{table}");
}

#[test]
fn what_cannot_be_measured_is_said() {
    let dir = directory(&[("load.csv", hourly(20, "load", wave)), ("text.csv", "timestamp,load\nnever,1\n".into())]);
    let short = run(dir.path(), &["backtest", "load.csv", "--horizon", "100"]);
    assert_eq!(short.code, 0, "{}", short.stderr);
    assert!(short.stderr.contains("give a shorter `--horizon`"), "{}", short.stderr);
    assert!(short.stdout.starts_with("no series could be measured"), "{}", short.stdout);
    let path = dir.path();
    refused(path, &["backtest", "load.csv", "--horizon", "4", "--model", "naive,naive"], 2, &["twice"]);
    refused(path, &["backtest", "load.csv", "--horizon", "4", "--origins", "0"], 2, &["1 to 100"]);
    refused(path, &["backtest", "load.csv", "--horizon", "4", "--model", "best"], 2, &["seasonal_naive", "best"]);
    refused(path, &["backtest", "gone.csv", "--horizon", "4"], 2, &["gone.csv"]);
    refused(path, &["backtest", "text.csv", "--horizon", "4"], 2, &["never"]);
    refused(path, &["backtest", "load.csv", "--horizon", "4", "--seasons", "1h"], 2, &["at least two steps"]);
}
