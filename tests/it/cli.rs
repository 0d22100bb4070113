//! The command line, run as people run it: the file contracts, the exit codes, and what is said of bad input.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::path::Path;
use std::process::Stdio;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use jiff::{SignedDuration, Timestamp};
use polars::prelude::{DataFrame, DataType, IntoColumn, NamedFrom, ParquetReader, ParquetWriter, SerReader, Series};
use serde_json::Value;
use tempfile::TempDir;
use tidewatch::severity::{Severity, generate, to_csv};
use tidewatch::store::{BudgetState, Exposure, Store};

use crate::program::{command, directory, good, refused, run};

const SCORE_HEADER: &str = "timestamp,value,expected,lower,upper,p_value,score,is_anomaly,reasons";
const HOUR: i64 = 3_600;

fn read(dir: &TempDir, name: &str) -> String {
    fs::read_to_string(dir.path().join(name)).expect(name)
}

/// A daily wave with a little deterministic noise around 100.
fn wave(i: usize) -> f64 {
    let noise = (i.wrapping_mul(2_654_435_761) >> 7) % 1_000;
    let angle = (i % 24) as f64 / 24.0 * std::f64::consts::TAU;
    ((100.0 + 30.0 * angle.sin() + noise as f64 / 250.0) * 1e4).round() / 1e4
}

fn time(i: usize, step_secs: i64) -> Timestamp {
    let start: Timestamp = "2024-01-01T00:00:00Z".parse().expect("a time");
    start + SignedDuration::from_secs(i64::try_from(i).expect("small") * step_secs)
}

/// `timestamp,value` with `value(i)` for hour `i`.
fn hours(n: usize, value: impl Fn(usize) -> f64) -> String {
    (0..n).fold("timestamp,value\n".to_owned(), |mut text, i| {
        let _ = writeln!(text, "{},{}", time(i, HOUR), value(i));
        text
    })
}

/// 400 hours of waves with one spike.
fn spiky() -> String {
    hours(400, |i| if i == 350 { 400.0 } else { wave(i) })
}

fn wide(n: usize) -> String {
    (0..n).fold("timestamp,cpu_cores,memory_bytes,label\n".to_owned(), |mut text, i| {
        let _ = writeln!(text, "{},{},{},0", time(i, HOUR), wave(i) / 50.0, 1e9 + wave(i + 5) * 1e6);
        text
    })
}

/// Rows of the series in turns.
fn long(names: &[&str], n: usize) -> String {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let mut text = "series,timestamp,value\n".to_owned();
    for i in 0..n {
        for (k, name) in names.iter().enumerate() {
            let _ = writeln!(text, "{},{},{}", quoted(name), time(i, HOUR), wave(i + 3 * k));
        }
    }
    text
}

/// The cells of a CSV text, with its header.
fn cells(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut cell)),
            '\n' if !quoted => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            c => cell.push(c),
        }
    }
    assert!(!quoted && cell.is_empty() && row.is_empty(), "the text ends with a whole row");
    rows
}

/// A column of a CSV text, without its name.
#[track_caller]
fn column(text: &str, name: &str) -> Vec<String> {
    let rows = cells(text);
    let place = rows[0].iter().position(|cell| cell == name).unwrap_or_else(|| panic!("no column {name}"));
    rows[1..].iter().map(|row| row[place].clone()).collect()
}

fn numbers(text: &str, name: &str) -> Vec<f64> {
    column(text, name).iter().map(|cell| cell.parse().expect("a number")).collect()
}

fn header(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn gzip(content: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content.as_bytes()).expect("compressed");
    encoder.finish().expect("compressed")
}

fn gunzip(path: &Path) -> String {
    let mut text = String::new();
    GzDecoder::new(fs::File::open(path).expect("a file")).read_to_string(&mut text).expect("gzip");
    text
}

fn frame(path: &Path) -> DataFrame {
    ParquetReader::new(fs::File::open(path).expect("a file")).finish().expect("Parquet")
}

fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

// ---------------------------------------------------------------------------------------------- explain

#[test]
fn explain_says_what_was_found_chosen_and_unusual() {
    let dir = directory(&[("cpu_usage_ratio.csv", spiky())]);
    let text = good(dir.path(), &["explain", "cpu_usage_ratio.csv"]);
    for words in
        ["Found", "400 points every 1h", "It repeats every day", "Chosen", "same time of earlier days", "Judged"]
    {
        assert!(text.contains(words), "`{words}`: {text}");
    }
    let unusual = text.lines().find(|line| line.trim_start().starts_with("unusual")).expect("an unusual moment");
    assert!(unusual.contains("2024-01-15 14:00: cpu_usage_ratio is"), "{unusual}");
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
}

#[test]
fn explain_as_json_has_the_numbers_and_one_line_for_each_series() {
    let dir = directory(&[
        ("many.csv", long(&["a", "b,c"], 300)),
        ("wide.csv", wide(300)),
        ("counter.csv", hours(300, |i| 5.0 * i as f64)),
        ("one.csv", hours(1, wave)),
    ]);
    let lines = json_lines(&good(dir.path(), &["explain", "many.csv", "wide.csv", "counter.csv", "--format", "json"]));
    let names: Vec<&str> = lines.iter().filter_map(|line| line["name"].as_str()).collect();
    assert_eq!(names, ["a", "b,c", "wide", "counter"]);
    let a = &lines[0]["metrics"][0];
    assert_eq!(
        (&a["kind"], &a["season_s"], a["day"].as_array().map(Vec::len)),
        (&"gauge".into(), &86_400.0.into(), Some(24))
    );
    let season = a["found"].as_array().expect("found").iter().find(|said| said["about"] == "season").expect("a season");
    assert!(season["evidence"]["strength"].as_f64().is_some_and(|strength| strength > 0.8), "{season}");
    assert_eq!(lines[2]["metrics"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        (&lines[3]["metrics"][0]["kind"], &lines[3]["metrics"][0]["as_rate"]),
        (&"counter".into(), &true.into())
    );
    let only = json_lines(&good(dir.path(), &["explain", "many.csv", "--series", "b,c", "--format", "json"]));
    assert_eq!((only.len(), &only[0]["name"]), (1, &"b,c".into()));
}

#[test]
fn explain_refuses_what_it_cannot_do() {
    let dir = directory(&[("many.csv", long(&["a", "b"], 50)), ("empty.csv", "timestamp,value\n".to_owned())]);
    refused(dir.path(), &["explain"], 2, &["SERIES|INPUT"]);
    refused(dir.path(), &["explain", "many.csv", "--series", "c"], 2, &["has no series `c`; it has a, b"]);
    refused(dir.path(), &["explain", "none.csv"], 2, &["none.csv"]);
    refused(dir.path(), &["explain", "empty.csv"], 2, &["empty.csv"]);
    refused(dir.path(), &["explain", "many.csv", "--detector", "x"], 2, &["belongs to --url"]);
    refused(dir.path(), &["explain", "a", "--url", "nonsense"], 2, &["http://127.0.0.1:7878"]);
    refused(dir.path(), &["explain", "a", "--url", "http://127.0.0.1:9"], 1, &["cannot reach Tidewatch"]);
}

// ---------------------------------------------------------------------------------------------- help

#[test]
fn changes_are_lines_of_json() {
    let values = |i: usize| if i < 120 { 10.0 } else { 14.0 } + (i as f64 * 2.4).sin();
    let rows = |name: &str, shift: bool| -> String {
        let at = |i: usize| Timestamp::from_second(1_767_225_600 + HOUR * i as i64).expect("a time");
        let row = |i: usize| format!("{name},{},{}\n", at(i), if shift { values(i) } else { values(i % 100) });
        (0..240).map(row).collect()
    };
    let table = format!("series,timestamp,value\n{}{}", rows("moved", true), rows("stayed", false));
    let dir = directory(&[("many.csv", table)]);
    let text = good(dir.path(), &["changes", "many.csv"]);
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), 1, "{text}");
    let keys: Vec<&str> = text.split('"').skip(1).step_by(2).filter(|part| !part.contains(' ')).collect();
    assert!(keys.starts_with(&["series", "moved", "at"]), "{text}");
    assert_eq!((&lines[0]["series"], &lines[0]["kind"]), (&"moved".into(), &"level_shift".into()));
    assert_eq!(lines[0]["at"], "2026-01-06T00:00:00Z");
    let sentence = lines[0]["sentence"].as_str().expect("a sentence");
    assert!(sentence.starts_with("the level rose from"), "{sentence}");
    let ran = run(dir.path(), &["changes", "many.csv", "--fail-on", "change", "--cost", "mean", "-o", "out.json"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (3, ""), "{}", ran.stderr);
    assert_eq!(read(&dir, "out.json").lines().count(), 1);
    assert_eq!(good(dir.path(), &["changes", "many.csv", "--penalty", "100000"]), "");
    refused(dir.path(), &["changes", "many.csv", "--penalty", "0"], 2, &["above 0", "`0`"]);
    refused(dir.path(), &["changes", "many.csv", "--cost", "median"], 2, &["mean_variance", "`median`"]);
    refused(dir.path(), &["changes", "many.csv", "--min-segment", "1"], 2, &["2 to 100000", "got 1"]);
}

#[test]
fn help_can_be_read_aloud() {
    let dir = directory(&[]);
    let commands: &[&[&str]] = &[
        &[],
        &["demo"],
        &["serve"],
        &["score"],
        &["explain"],
        &["isolate"],
        &["forecast"],
        &["capacity"],
        &["changes"],
        &["evaluate"],
        &["classify"],
        &["train"],
        &["models"],
        &["models", "list"],
        &["models", "show"],
        &["budget"],
        &["check-config"],
    ];
    for command in commands {
        let args: Vec<&str> = command.iter().copied().chain(["--help"]).collect();
        let text = good(dir.path(), &args);
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        insta::assert_snapshot!(format!("help_{}", command.join("_")), text);
    }
}

#[test]
fn the_version_is_told() {
    let dir = directory(&[]);
    assert_eq!(good(dir.path(), &["--version"]), format!("tidewatch {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn wrong_usage_is_refused_with_a_suggestion() {
    let dir = directory(&[("a.csv", spiky())]);
    let cases: &[(&[&str], &[&str])] = &[
        (&["scor", "a.csv"], &["unrecognized subcommand 'scor'", "'score'"]),
        (&["score", "a.csv", "--false-alarm", "1 per week"], &["--false-alarms"]),
        (&["score"], &["<INPUT>"]),
        (&["forecast", "a.csv"], &["--horizon"]),
        (&["capacity", "a.csv"], &["--limit"]),
        (&["train"], &["--severity"]),
        (&["score", "a.csv", "--false-alarms", "3"], &["`1 per week`", "`3`"]),
        (&["score", "a.csv", "--direction", "up"], &["above, below, both", "`up`"]),
        (&["score", "a.csv", "--model", "heavy"], &["`full` or `light`", "`heavy`"]),
        (&["score", "a.csv", "--time-zone", "Berlin"], &["`Europe/Berlin`", "`Berlin`"]),
        (&["score", "a.csv", "--holidays", "Germany"], &["DE, ", "`Germany`"]),
        (&["score", "a.csv", "--holidays", "DE,FR"], &["one country", "`FR`"]),
        (&["score", "a.csv", "--holidays", "1900-01-01"], &["1970-01-01", "`1900-01-01`"]),
        (&["score", "a.csv", "--train-until", "tomorrow"], &["2024-01-31T23:59:59Z", "`tomorrow`"]),
        (&["score", "a.csv", "--step", "5x"], &["`30s`", "`5x`"]),
        (&["score", "a.csv", "--step", "0s"], &["longer than 0"]),
        (&["score", "a.csv", "--aggregate", "max"], &["--resample"]),
        (&["score", "a.csv", "--resample", "1d", "--aggregate", "median"], &["mean, max, min", "`median`"]),
        (&["score", "a.csv", "--log", "loud=x=y"], &["log level must be like `info`", "loud=x=y"]),
        (&["forecast", "a.csv", "--horizon", "0"], &["`168`", "`0`"]),
        (&["forecast", "a.csv", "--horizon", "0s"], &["`7d`", "`0s`"]),
        (&["forecast", "a.csv", "--horizon", "1000000000"], &["1 to 100000 steps", "1000000000"]),
        (&["forecast", "a.csv", "--horizon", "5", "--levels", "100"], &["below 100", "`100`"]),
        (&["forecast", "a.csv", "--horizon", "5", "--levels", "NaN"], &["percentage", "`NaN`"]),
        (&["forecast", "a.csv", "--horizon", "5", "--model", "oracle"], &["holt_winters", "`oracle`"]),
        (&["forecast", "a.csv", "--horizon", "5", "--seasons", "0s"], &["longer than 0"]),
        (&["forecast", "a.csv", "--horizon", "5", "--seasons", "1h"], &["season 1h", "at least two steps"]),
        (&["capacity", "a.csv", "--limit", "NaN"], &["`GiB`", "`NaN`"]),
        (&["capacity", "a.csv", "--limit", "-3"], &["more than 0", "`-3`"]),
        (&["capacity", "a.csv", "--limit", "90%"], &["90 % as 0.9"]),
        (&["capacity", "a.csv", "--limit", "9", "--unit", "furlongs"], &["bytes_per_second", "`furlongs`"]),
        (&["capacity", "a.csv", "--limit", "9GB", "--unit", "cores"], &["the limit is in bytes"]),
        (&["capacity", "a.csv", "--limit", "9", "--horizon", "1s"], &["1h to 3 years", "1s"]),
    ];
    for (args, says) in cases {
        refused(dir.path(), args, 2, says);
    }
}

// ---------------------------------------------------------------------------------------------- score

#[test]
fn score_of_one_series_has_a_row_for_each_row() {
    let dir = directory(&[("a.csv", spiky())]);
    let text = good(dir.path(), &["score", "a.csv"]);
    assert_eq!(header(&text), SCORE_HEADER);
    for name in ["timestamp", "value"] {
        assert_eq!(column(&text, name), column(&spiky(), name), "{name} as it was written");
    }
    let (score, p, alarm) = (numbers(&text, "score"), numbers(&text, "p_value"), column(&text, "is_anomaly"));
    for i in 0..400 {
        assert!(score[i] >= 0.0 && (0.0..=1.0).contains(&p[i]), "row {i}: {} {}", score[i], p[i]);
        assert!(alarm[i] == "0" || alarm[i] == "1", "row {i}: {}", alarm[i]);
        assert_eq!(alarm[i] == "1", score[i] >= 1.0, "row {i}: a score of 1 is the boundary");
    }
    let (lower, upper) = (numbers(&text, "lower"), numbers(&text, "upper"));
    assert!(lower.iter().zip(&upper).all(|(lower, upper)| lower <= upper));
    assert_eq!(alarm[350], "1", "the spike is found");
    assert!(400.0 > upper[350]);
    assert!(column(&text, "reasons")[350].contains("above_expected"));
}

#[test]
fn the_light_model_scores_series_by_the_users_calendar_and_no_entities() {
    let dir = directory(&[("a.csv", spiky()), ("wide.csv", wide(100))]);
    let light = good(dir.path(), &["score", "a.csv", "--model", "light"]);
    let (score, alarm) = (numbers(&light, "score"), column(&light, "is_anomaly"));
    assert_eq!((score.len(), alarm[350].as_str()), (400, "1"));
    assert!(column(&light, "reasons")[350].contains("spike"), "{}", column(&light, "reasons")[350]);
    assert_ne!(light, good(dir.path(), &["score", "a.csv"]));
    let there = ["score", "a.csv", "--model", "light", "--time-zone", "Asia/Tokyo", "--holidays", "JP,2024-01-09"];
    assert_ne!(light, good(dir.path(), &there), "days begin elsewhere and a workday is a holiday");
    for option in [["--time-zone", "Asia/Tokyo"], ["--holidays", "JP"]] {
        let ran = run(dir.path(), &["score", "a.csv", option[0], option[1]]);
        assert!(ran.code == 2 && ran.stderr.contains("only the light model follows a calendar"), "{}", ran.stderr);
    }
    let ran = run(dir.path(), &["score", "wide.csv", "--model", "light"]);
    assert_ne!(ran.code, 0);
    assert!(ran.stderr.contains("use model `full`"), "{}", ran.stderr);
}

#[test]
fn score_keeps_disorder_repetition_and_holes_as_they_are() {
    let mut rows: Vec<String> = spiky().lines().skip(1).map(ToOwned::to_owned).collect();
    rows[100] = format!("{},NaN", time(100, HOUR));
    rows[101] = format!("{},", time(101, HOUR));
    rows.insert(50, rows[49].clone());
    rows.swap(10, 300);
    rows.swap(20, 7);
    rows.drain(200..203);
    let messy = format!("timestamp,value\n{}\n", rows.join("\n"));
    let dir = directory(&[("a.csv", messy.clone())]);
    let text = good(dir.path(), &["score", "a.csv"]);
    assert_eq!(column(&text, "timestamp"), column(&messy, "timestamp"));
    let table = cells(&text);
    assert_eq!(table[50], table[51], "a repeated row has the score of the first");
    let missing = table.iter().filter(|row| row[1].is_empty()).collect::<Vec<_>>();
    assert_eq!(missing.len(), 2);
    assert!(missing.iter().all(|row| row[8].contains("missing") && row[7] == "0"), "{missing:?}");
}

#[test]
fn score_does_not_look_at_labels() {
    let labelled: String = spiky().lines().fold(String::new(), |mut text, line| {
        let label = if text.is_empty() { "label" } else { "1" };
        let _ = writeln!(text, "{line},{label}");
        text
    });
    let dir = directory(&[("a.csv", spiky()), ("b.csv", labelled)]);
    assert_eq!(good(dir.path(), &["score", "a.csv"]), good(dir.path(), &["score", "b.csv"]));
}

#[test]
fn score_of_several_metrics_names_the_top_feature() {
    let text = wide(300).replace(&format!("{},", time(280, HOUR)), &format!("{},9", time(280, HOUR)));
    let dir = directory(&[("web.csv", text)]);
    let text = good(dir.path(), &["score", "web.csv"]);
    assert_eq!(header(&text), format!("{SCORE_HEADER},top_feature"));
    assert_eq!(cells(&text).len(), 301);
    for name in ["value", "expected", "lower", "upper"] {
        assert!(column(&text, name).iter().all(String::is_empty), "{name} is empty");
    }
    assert_eq!(column(&text, "is_anomaly")[280], "1");
    assert_eq!(column(&text, "top_feature")[280], "cpu_cores");
}

#[test]
fn score_of_many_series_keeps_the_series_in_front_and_the_order() {
    let input = long(&["zeta", "alpha", "mid"], 200);
    let dir = directory(&[("l.csv", input.clone()), ("alone.csv", hours(200, |i| wave(i + 3)))]);
    let text = good(dir.path(), &["score", "l.csv"]);
    assert_eq!(header(&text), format!("series,{SCORE_HEADER}"));
    for name in ["series", "timestamp", "value"] {
        assert_eq!(column(&text, name), column(&input, name), "{name}");
    }
    let of_alpha: Vec<String> =
        cells(&text).into_iter().filter(|row| row[0] == "alpha").map(|row| row[1..].join(",")).collect();
    let alone = good(dir.path(), &["score", "alone.csv"]);
    let alone: Vec<String> = cells(&alone)[1..].iter().map(|row| row.join(",")).collect();
    assert_eq!(of_alpha, alone, "a series is scored as if it were alone");
}

#[test]
fn score_keeps_each_style_of_time() {
    let styled = |style: &dyn Fn(Timestamp) -> String| {
        (0..60).fold("timestamp,value\n".to_owned(), |mut text, i| {
            let _ = writeln!(text, "{},{}", style(time(i, HOUR)), wave(i));
            text
        })
    };
    let styles: [(&str, String); 6] = [
        ("utc", styled(&|t| t.to_string())),
        ("offset", styled(&|t| t.to_string().replace('Z', "+00:00"))),
        ("civil", styled(&|t| t.strftime("%Y-%m-%d %H:%M:%S").to_string())),
        ("seconds", styled(&|t| t.as_second().to_string())),
        ("milliseconds", styled(&|t| t.as_millisecond().to_string())),
        ("before_1970", styled(&|t| (t.as_second() - 3_000_000_000).to_string())),
    ];
    for (name, input) in styles {
        let dir = directory(&[("a.csv", input.clone())]);
        let text = good(dir.path(), &["score", "a.csv"]);
        assert_eq!(column(&text, "timestamp"), column(&input, "timestamp"), "{name}");
        assert_eq!(column(&text, "value"), column(&input, "value"), "{name}");
    }
}

#[test]
fn a_directory_in_is_a_directory_out_with_the_same_names() {
    let dir = directory(&[]);
    let inner = dir.path().join("in");
    fs::create_dir(&inner).expect("a folder");
    fs::write(inner.join("a.csv"), spiky()).expect("a file");
    fs::write(inner.join("b.csv.gz"), gzip(&spiky())).expect("a file");
    fs::write(inner.join("notes.txt"), "not data").expect("a file");
    let times: Vec<i64> = (0..100).map(|i| time(i, HOUR).as_second()).collect();
    let values: Vec<f64> = (0..100).map(wave).collect();
    let columns = vec![
        Series::new("timestamp".into(), times.clone()).into_column(),
        Series::new("value".into(), values.clone()).into_column(),
    ];
    let mut table = DataFrame::new(100, columns).expect("a frame");
    ParquetWriter::new(fs::File::create(inner.join("c.parquet")).expect("a file")).finish(&mut table).expect("written");

    let ran = run(dir.path(), &["score", "in", "-o", "new/out"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("notes.txt: skipped"), "{}", ran.stderr);
    let out = dir.path().join("new/out");
    let names: BTreeSet<String> = fs::read_dir(&out)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(names.iter().map(String::as_str).collect::<Vec<_>>(), ["a.csv", "b.csv.gz", "c.parquet"]);
    let alone = good(dir.path(), &["score", "in/a.csv"]);
    assert_eq!(fs::read_to_string(out.join("a.csv")).expect("a file"), alone);
    assert_eq!(gunzip(&out.join("b.csv.gz")), alone);
    let written = frame(&out.join("c.parquet"));
    assert_eq!(written.height(), 100);
    let text = |name: &str| written.column(name).expect(name).str().expect("text").iter().flatten().collect::<Vec<_>>();
    assert_eq!(text("timestamp"), times.iter().map(ToString::to_string).collect::<Vec<_>>());
    let echoed: Vec<f64> = written.column("value").expect("value").f64().expect("numbers").iter().flatten().collect();
    assert_eq!(echoed, values);
}

#[test]
fn the_name_of_the_output_decides_its_form() {
    let dir = directory(&[("a.csv", spiky()), ("l.csv", long(&["1", "2"], 100))]);
    let plain = good(dir.path(), &["score", "a.csv", "-o", "-"]);
    assert_eq!(good(dir.path(), &["score", "a.csv", "-o", "x.csv"]), "");
    assert_eq!(read(&dir, "x.csv"), plain);
    good(dir.path(), &["score", "a.csv", "-o", "x.csv.gz"]);
    assert_eq!(gunzip(&dir.path().join("x.csv.gz")), plain);
    good(dir.path(), &["score", "a.csv", "-o", "x.tsv"]);
    assert_eq!(read(&dir, "x.tsv"), plain.replace(',', "\t"));
    good(dir.path(), &["score", "l.csv", "-o", "x.parquet"]);
    let table = frame(&dir.path().join("x.parquet"));
    assert_eq!(
        table.schema().iter_names().map(|name| name.as_str()).collect::<Vec<_>>().join(","),
        format!("series,{SCORE_HEADER}")
    );
    let types: Vec<&DataType> = ["series", "timestamp", "value", "score", "is_anomaly", "reasons"]
        .map(|name| table.column(name).expect(name).dtype())
        .to_vec();
    let expected =
        [DataType::String, DataType::String, DataType::Float64, DataType::Float64, DataType::Int32, DataType::String];
    assert_eq!(types, expected.iter().collect::<Vec<_>>(), "types follow from the columns, not from their content");
    assert_eq!(read(&dir, "a.csv"), spiky(), "the input is as it was");
}

#[test]
fn options_of_score_do_what_they_say() {
    let dir = directory(&[("a.csv", spiky())]);
    let plain = good(dir.path(), &["score", "a.csv"]);
    let count = |text: &str| column(text, "is_anomaly").iter().filter(|cell| *cell == "1").count();

    let frozen = good(dir.path(), &["score", "a.csv", "--train-until", "2024-01-13T00:00:00Z"]);
    assert_eq!(frozen.lines().take(289).collect::<Vec<_>>(), plain.lines().take(289).collect::<Vec<_>>());
    assert_ne!(frozen, plain, "later rows are scored with what was known before");
    assert_eq!(good(dir.path(), &["score", "a.csv", "--train-until", "2024-01-13 00:00:00"]), frozen);

    let strict = good(dir.path(), &["score", "a.csv", "--false-alarms", "1 per year"]);
    let loose = good(dir.path(), &["score", "a.csv", "--false-alarms", "1 per hour"]);
    assert!(count(&strict) <= count(&plain) && count(&plain) <= count(&loose) && count(&strict) < count(&loose));

    let below = good(dir.path(), &["score", "a.csv", "--direction", "below"]);
    assert_eq!((column(&plain, "is_anomaly")[350].as_str(), column(&below, "is_anomaly")[350].as_str()), ("1", "0"));

    let sparse = hours(400, wave).lines().enumerate().filter(|(i, _)| *i == 0 || i % 2 == 1).fold(
        String::new(),
        |mut text, (_, line)| {
            let _ = writeln!(text, "{line}");
            text
        },
    );
    fs::write(dir.path().join("sparse.csv"), sparse).expect("a file");
    let inferred = good(dir.path(), &["score", "sparse.csv"]);
    assert_eq!(inferred, good(dir.path(), &["score", "sparse.csv", "--step", "2h"]));
    assert_ne!(inferred, good(dir.path(), &["score", "sparse.csv", "--step", "1h"]));

    let coarse = good(dir.path(), &["score", "a.csv", "--resample", "2h", "--aggregate", "max"]);
    assert_eq!(column(&coarse, "timestamp"), column(&plain, "timestamp"), "still one row for each row");
    let values = numbers(&coarse, "value");
    assert!((0..400).step_by(2).all(|i| values[i].to_bits() == values[i + 1].to_bits()), "of its longer step");
}

#[test]
fn an_anomaly_can_fail_a_script() {
    let dir = directory(&[("spike.csv", spiky()), ("calm.csv", hours(30, |_| 5.0))]);
    let ran = run(dir.path(), &["score", "spike.csv", "--fail-on", "anomaly", "-o", "s.csv"]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert_eq!(read(&dir, "s.csv"), good(dir.path(), &["score", "spike.csv"]), "the result is written all the same");
    good(dir.path(), &["score", "calm.csv", "--fail-on", "anomaly"]);
}

#[test]
fn a_later_row_changes_no_earlier_one() {
    let gaps = |text: String| -> String {
        let keep = |i: usize| !(60..64).contains(&i) && i != 150;
        text.lines().enumerate().filter(|(i, _)| keep(*i)).fold(String::new(), |mut text, (_, line)| {
            let _ = writeln!(text, "{line}");
            text
        })
    };
    let inputs = [
        ("one.csv", spiky()),
        ("gaps.csv", gaps(spiky())),
        ("wide.csv", wide(300)),
        ("long.csv", long(&["a", "b"], 200)),
    ];
    for (name, text) in inputs {
        let dir = directory(&[(name, text.clone())]);
        let whole = good(dir.path(), &["score", name]);
        for share in [0.4, 0.75, 0.9] {
            let lines = (text.lines().count() as f64 * share) as usize;
            let cut: String = text.lines().take(lines).fold(String::new(), |cut, line| cut + line + "\n");
            fs::write(dir.path().join(name), cut).expect("a file");
            let part = good(dir.path(), &["score", name]);
            assert_eq!(part.lines().count(), lines, "{name}");
            let differ = part.lines().zip(whole.lines()).position(|(part, whole)| part != whole);
            assert_eq!(differ, None, "{name} cut at {lines}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let dir = directory(&[("w.csv", wide(200)), ("d.csv", growing(400))]);
    let commands: &[&[&str]] = &[
        &["score", "w.csv", "--seed", "7"],
        &["forecast", "w.csv", "--horizon", "24"],
        &["capacity", "d.csv", "--limit", "500GB"],
    ];
    for args in commands {
        assert_eq!(good(dir.path(), args), good(dir.path(), args), "{args:?}");
    }
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let names: Vec<String> = (0..100).map(|i| format!("series number {i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let dir = directory(&[("l.csv", long(&names, 60))]);
    for args in [&["score", "l.csv"][..], &["forecast", "l.csv", "--horizon", "48", "--model", "naive"]] {
        let mut child =
            command(dir.path(), args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        let mut line = String::new();
        BufReader::with_capacity(64, child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        assert!(line.starts_with("series,timestamp"), "{line}");
        let ended = child.wait_with_output().expect("ends");
        assert_eq!(ended.status.code(), Some(0), "{args:?}");
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(!said.contains("error") && !said.contains("panic"), "{said}");
    }
}

#[test]
fn hostile_names_come_back_as_they_went_in() {
    let names = [
        "=1+1",
        "@SUM(A1)",
        "-5",
        "+x",
        "two\nlines",
        "say \"hi\"",
        "a,b;c",
        "tab\there",
        " outer spaces ",
        "'; DROP TABLE x; --",
        "../../etc/passwd",
        "naïve Ünïcode 海",
        "NaN",
    ];
    let input = long(&names, 60);
    let dir = directory(&[("l.csv", input.clone())]);
    let scores = good(dir.path(), &["score", "l.csv"]);
    assert_eq!(column(&scores, "series"), column(&input, "series"));
    good(dir.path(), &["score", "l.csv", "-o", "l.tsv"]);
    assert_eq!(good(dir.path(), &["score", "l.tsv", "-q"]).lines().count(), scores.lines().count());
    good(dir.path(), &["score", "l.csv", "-o", "l.parquet"]);
    let table = frame(&dir.path().join("l.parquet"));
    let stored: Vec<&str> = table.column("series").expect("series").str().expect("text").iter().flatten().collect();
    assert_eq!(stored, column(&input, "series"));
    let forecasts = good(dir.path(), &["forecast", "l.csv", "--horizon", "1", "--model", "naive"]);
    assert_eq!(column(&forecasts, "series"), names);
    let reports = good(dir.path(), &["capacity", "l.csv", "--limit", "1000", "--horizon", "1d"]);
    assert_eq!(json_lines(&reports).iter().map(|r| r["series"].as_str().expect("a name")).collect::<Vec<_>>(), names);
}

// ---------------------------------------------------------------------------------------------- forecast

#[test]
fn a_forecast_follows_its_contract() {
    let dir = directory(&[("web.csv", hours(400, wave))]);
    let text = good(dir.path(), &["forecast", "web.csv", "--horizon", "48"]);
    assert_eq!(header(&text), "series,timestamp,model,mean,lo-80,hi-80,lo-95,hi-95");
    assert!(column(&text, "series").iter().all(|name| name == "web"), "a column called `value` is called as its file");
    let expected: Vec<String> = (400..448).map(|i| time(i, HOUR).to_string()).collect();
    assert_eq!(column(&text, "timestamp"), expected);
    let of = |name: &str| numbers(&text, name);
    let (mean, wide, narrow) = (of("mean"), (of("lo-95"), of("hi-95")), (of("lo-80"), of("hi-80")));
    for (i, mean) in mean.into_iter().enumerate() {
        let ascending = [wide.0[i], narrow.0[i], mean, narrow.1[i], wide.1[i]];
        assert!(ascending.is_sorted(), "step {i}: {ascending:?}");
        assert!((mean - wave(400 + i)).abs() < 10.0, "step {i}: {mean} for {}", wave(400 + i));
    }
    assert_eq!(good(dir.path(), &["forecast", "web.csv", "--horizon", "2d"]), text);
}

#[test]
fn levels_models_and_seasons_can_be_chosen() {
    let dir = directory(&[("a.csv", hours(400, wave)), ("short.csv", hours(10, wave))]);
    let text = good(dir.path(), &["forecast", "a.csv", "--horizon", "2", "--levels", "97.5,50"]);
    assert_eq!(header(&text), "series,timestamp,model,mean,lo-50,hi-50,lo-97.5,hi-97.5");
    for model in [
        "mstl_ets",
        "seasonal_naive",
        "ets",
        "ar_ridge",
        "holt_winters",
        "naive",
        "prophet",
        "theta",
        "seasonal_median",
        "growth",
        "tsb",
    ] {
        let text = good(dir.path(), &["forecast", "a.csv", "--horizon", "2", "--model", model]);
        assert_eq!(column(&text, "model"), [model, model]);
    }
    let seasonal = ["forecast", "a.csv", "--horizon", "24", "--model", "seasonal_naive", "--seasons"];
    let daily = good(dir.path(), &[&seasonal[..], &["1d"]].concat());
    assert_ne!(daily, good(dir.path(), &[&seasonal[..], &["7h"]].concat()));
    let ran = run(dir.path(), &["forecast", "short.csv", "--horizon", "2", "--model", "mstl_ets"]);
    assert_eq!(ran.code, 0);
    assert!(ran.stderr.contains("1 of 1 series: too short"), "a fallback is said: {}", ran.stderr);
    assert_eq!(run(dir.path(), &["forecast", "short.csv", "--horizon", "2", "-q"]).stderr, "");
}

#[test]
fn planned_events_and_possible_values_bend_a_forecast() {
    let first = |text: &str| column(text, "mean")[0].parse::<f64>().expect("a number");
    let at = |hour: i64| Timestamp::from_second(1_704_067_200 + hour * HOUR).expect("time").to_string();
    let event = |name: &str, from: i64, effect: &str| {
        format!(
            "[{{\"name\": \"{name}\", \"spans\": [{{\"start\": \"{}\", \"end\": \"{}\"}}]{effect}}}]",
            at(from),
            at(from + 4)
        )
    };
    let dir = directory(&[
        ("a.csv", hours(400, wave)),
        ("double.json", event("sale", 400, ", \"effect\": {\"times\": 2.0}")),
        ("unknown.json", event("sale", 400, "")),
        ("wrong.json", event("sale", 400, ", \"effect\": {\"halves\": 2.0}")),
    ]);
    let plain = good(dir.path(), &["forecast", "a.csv", "--horizon", "12"]);
    let double = good(dir.path(), &["forecast", "a.csv", "--horizon", "12", "--events", "double.json"]);
    assert!((first(&double) / first(&plain) - 2.0).abs() < 0.05, "{plain}{double}");
    assert_eq!(plain.lines().last(), double.lines().last(), "after the event all is as usual");
    let ran = run(dir.path(), &["forecast", "a.csv", "--horizon", "12", "--events", "unknown.json"]);
    assert!(ran.code == 0 && ran.stderr.contains("event `sale` has no declared effect"), "{}", ran.stderr);
    refused(
        dir.path(),
        &["forecast", "a.csv", "--horizon", "2", "--events", "wrong.json"],
        2,
        &["wrong.json", "halves"],
    );
    refused(dir.path(), &["forecast", "a.csv", "--horizon", "2", "--events", "no.json"], 2, &["no.json"]);
    let bounded = good(dir.path(), &["forecast", "a.csv", "--horizon", "48", "--at-least", "90", "--at-most", "110"]);
    for name in ["mean", "lo-95", "hi-95"] {
        for value in column(&bounded, name) {
            assert!((90.0..=110.0).contains(&value.parse::<f64>().expect("a number")), "{name} {value}");
        }
    }
    let whole = good(dir.path(), &["forecast", "a.csv", "--horizon", "5", "--whole-numbers"]);
    assert!(column(&whole, "mean").iter().all(|value| !value.contains('.')), "{whole}");
    let swapped = ["forecast", "a.csv", "--horizon", "5", "--at-least", "9", "--at-most", "1"];
    refused(dir.path(), &swapped, 2, &["--at-least", "--at-most"]);
}

#[test]
fn many_series_are_forecast_in_the_order_of_the_input() {
    let names: Vec<String> = (0..40).map(|i| format!("s{}", (i * 17) % 40)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let dir = directory(&[("l.csv", long(&names, 100)), ("w.csv", wide(100))]);
    let text = good(dir.path(), &["forecast", "l.csv", "--horizon", "3", "--model", "ets"]);
    let expected: Vec<&str> = names.iter().flat_map(|name| [*name; 3]).collect();
    assert_eq!(column(&text, "series"), expected);
    let text = good(dir.path(), &["forecast", "w.csv", "--horizon", "1"]);
    assert_eq!(column(&text, "series"), ["cpu_cores", "memory_bytes"], "a metric is called as its column");
}

#[test]
fn weekly_data_is_forecast_week_by_week() {
    let weeks = (0..120).fold("timestamp,value\n".to_owned(), |mut text, i| {
        let day = time(i, 7 * 24 * HOUR).strftime("%Y-%m-%d").to_string();
        let _ = writeln!(text, "{day},{}", 50 + i);
        text
    });
    let dir = directory(&[("w.csv", weeks)]);
    let expected: Vec<String> = (120..133).map(|i| time(i, 7 * 24 * HOUR).to_string()).collect();
    for horizon in ["13", "13w", "91d"] {
        let text = good(dir.path(), &["forecast", "w.csv", "--horizon", horizon]);
        assert_eq!(column(&text, "timestamp"), expected, "{horizon}");
    }
}

// ---------------------------------------------------------------------------------------------- capacity

/// A disk that fills by 4.8 GB a day from 200 GB.
fn growing(n: usize) -> String {
    hours(n, |i| 2e11 + 2e8 * i as f64 + (wave(i) * 1e6).round()).replace("value", "disk_used_bytes")
}

#[test]
fn a_capacity_report_follows_its_contract() {
    let dir = directory(&[("disk.csv", growing(600))]);
    let text = good(dir.path(), &["capacity", "disk.csv", "--limit", "440GB"]);
    let mut rest = text.as_str();
    for part in [
        "{\"series\":\"disk_used_bytes\"",
        "\"used\":",
        "\"limit\":440000000000.0",
        "\"unit\":\"bytes\"",
        "\"exhaustion\":{\"p10\":\"2024-",
        "\"probability_within\":{\"7d\":",
        "\"growth_per_day\":",
        "\"recommendation\":{",
        "\"because\":[\"",
    ] {
        let at = rest.find(part).unwrap_or_else(|| panic!("no {part} in its place: {text}"));
        rest = &rest[at + part.len()..];
    }
    let reports = json_lines(&text);
    let [report] = reports.as_slice() else { panic!("one line for one series: {text}") };
    let keys: BTreeSet<&str> = report.as_object().expect("an object").keys().map(String::as_str).collect();
    let contract = ["series", "used", "limit", "unit", "exhaustion", "probability_within", "growth_per_day"];
    let contract: BTreeSet<&str> = contract.into_iter().chain(["recommendation", "because", "outlook"]).collect();
    assert_eq!(keys, contract);
    let date = |name: &str| report["exhaustion"][name].as_str().expect(name).parse::<Timestamp>().expect("RFC 3339");
    assert!(date("p10") <= date("p50") && date("p50") <= date("p90"));
    // 440 GB at 4.8 GB a day from 200 GB is 50 days
    let days = (date("p50").as_second() - time(0, HOUR).as_second()) as f64 / 86_400.0;
    assert!((45.0..55.0).contains(&days), "{days}");
    let growth = report["growth_per_day"].as_f64().expect("a number");
    assert!((4.5e9..5.1e9).contains(&growth), "{growth}");
    let within = |span: &str| report["probability_within"][span].as_f64().expect(span);
    assert!(within("7d") <= within("30d") && within("30d") <= within("90d") && within("90d") > 0.9);
    assert!(report["recommendation"]["text"].as_str().expect("a text").contains("GiB"), "{report}");
}

#[test]
fn never_is_null_and_a_full_disk_is_full_now() {
    let dir = directory(&[("flat.csv", hours(300, wave))]);
    let never = json_lines(&good(dir.path(), &["capacity", "flat.csv", "--limit", "1000"]));
    assert_eq!(never[0]["exhaustion"], serde_json::json!({ "p10": null, "p50": null, "p90": null }));
    assert_eq!(never[0]["outlook"], "never_at_this_rate");
    let full = json_lines(&good(dir.path(), &["capacity", "flat.csv", "--limit", "50"]));
    assert_eq!(full[0]["outlook"], "already_exhausted");
    assert!(full[0]["exhaustion"]["p90"].is_string());
    let args = ["capacity", "flat.csv", "--limit", "50", "--fail-on", "exhaustion"];
    assert_eq!(run(dir.path(), &args).code, 3);
    assert_eq!(run(dir.path(), &["capacity", "flat.csv", "--limit", "1000", "--fail-on", "exhaustion"]).code, 0);
}

#[test]
fn units_come_from_the_option_the_suffix_or_the_name() {
    let named = |name: &str| hours(100, |i| wave(i) / 1e3).replace("value", name);
    let dir = directory(&[("plain.csv", named("value")), ("ratio.csv", named("disk_used_ratio"))]);
    let cases: &[(&[&str], &str)] = &[
        (&["plain.csv", "--limit", "5"], "none"),
        (&["plain.csv", "--limit", "5k"], "none"),
        (&["plain.csv", "--limit", "5GB"], "bytes"),
        (&["plain.csv", "--limit", "5Gi"], "bytes"),
        (&["plain.csv", "--limit", "5B"], "bytes"),
        (&["plain.csv", "--limit", "5GB", "--unit", "bytes_per_second"], "bytes_per_second"),
        (&["plain.csv", "--limit", "5", "--unit", "cores"], "cores"),
        (&["plain.csv", "--limit", "5", "--unit", "per_second"], "per_second"),
        (&["ratio.csv", "--limit", "0.9"], "ratio"),
        (&["ratio.csv", "--limit", "0.9", "--unit", "none"], "none"),
    ];
    for (args, unit) in cases {
        let text = good(dir.path(), &[&["capacity"], *args].concat());
        assert_eq!(json_lines(&text)[0]["unit"], *unit, "{args:?}");
    }
}

#[test]
fn plans_of_a_directory_are_lines_of_json() {
    let dir = directory(&[("a.csv", growing(100)), ("l.csv", long(&["x", "y"], 100))]);
    fs::create_dir(dir.path().join("in")).expect("a folder");
    for name in ["a.csv", "l.csv"] {
        fs::rename(dir.path().join(name), dir.path().join("in").join(name)).expect("moved");
    }
    good(dir.path(), &["capacity", "in", "--limit", "1TB", "-o", "out"]);
    let count = |name: &str| json_lines(&read(&dir, name)).len();
    assert_eq!((count("out/a.jsonl"), count("out/l.jsonl")), (1, 2));
    good(dir.path(), &["capacity", "in/a.csv", "--limit", "1TB", "-o", "a.jsonl.gz"]);
    assert_eq!(gunzip(&dir.path().join("a.jsonl.gz")), read(&dir, "out/a.jsonl"));
}

// ---------------------------------------------------------------------------------------------- severity

const ALERTS: &str = "id,affected_users,business_impact,severity,colour\n\
    \"a,1\",50000,0.95,critical,red\n,3,0.01,,blue\n=2+2,,,warning,\n";

#[test]
fn classified_alerts_follow_their_contract() {
    let dir = directory(&[("alerts.csv", ALERTS.to_owned())]);
    fs::write(dir.path().join("alerts.csv.gz"), gzip(ALERTS)).expect("a file");
    let ran = run(dir.path(), &["classify", "alerts.csv"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(header(&ran.stdout), "id,severity,p_critical,p_error,p_warning,p_info");
    assert_eq!(column(&ran.stdout, "id"), ["a,1", "2", "=2+2"], "an alert without an id is known by its number");
    assert_eq!(column(&ran.stdout, "severity")[0], "critical", "an alert that came in as critical stays so");
    let p = ["p_critical", "p_error", "p_warning", "p_info"].map(|name| numbers(&ran.stdout, name));
    for row in 0..3 {
        let sum: f64 = p.iter().map(|column| column[row]).sum();
        assert!((sum - 1.0).abs() < 1e-5, "{sum}");
    }
    assert!(ran.stderr.contains("does not know are ignored: colour"), "{}", ran.stderr);
    assert!(ran.stderr.contains("absent count as unknown: historical_resolution_minutes"), "{}", ran.stderr);
    assert_eq!(good(dir.path(), &["classify", "alerts.csv.gz"]), ran.stdout);
    good(dir.path(), &["classify", "alerts.csv", "-o", "s.csv"]);
    assert_eq!(read(&dir, "s.csv"), ran.stdout);
    assert_eq!(run(dir.path(), &["classify", "alerts.csv", "--fail-on", "critical"]).code, 3);
    fs::write(dir.path().join("calm.csv"), "id,affected_users,business_impact\n1,0,0\n").expect("a file");
    good(dir.path(), &["classify", "calm.csv", "--fail-on", "critical"]);
}

#[test]
fn alerts_that_cannot_be_read_are_refused_with_their_place() {
    let cases: &[(&str, &str, &[&str])] = &[
        ("empty.csv", "", &["file is empty", "id,time,affected_users,severity"]),
        ("nothing.csv", "id,colour\n1,red\n", &["no column is a fact of an alert", "affected_users"]),
        ("cell.csv", "id,affected_users\n1,5\n2,many\n", &["line 3", "`affected_users`", "`many`"]),
        ("width.csv", "id,affected_users\n1\n", &["line 2", "1 cells, the header has 2"]),
        ("label.csv", "affected_users,severity\n5,info\n5,terrible\n", &["line 3", "critical, error", "`terrible`"]),
        ("fake.csv.gz", "plain", &["damaged gzip"]),
    ];
    for (name, content, says) in cases {
        let dir = directory(&[(name, (*content).to_owned())]);
        refused(dir.path(), &["classify", name], 2, &[&[*name], *says].concat());
        refused(dir.path(), &["train", "--severity", name], 2, &[&[*name], *says].concat());
    }
    let dir = directory(&[("a.csv", ALERTS.to_owned()), ("bare.csv", "affected_users\n5\n".to_owned())]);
    refused(dir.path(), &["train", "--severity", "a.csv"], 2, &["line 3", "`severity`"]);
    refused(dir.path(), &["train", "--severity", "bare.csv"], 2, &["`severity` is missing"]);
    refused(dir.path(), &["train", "--severity", "none.csv"], 2, &["none.csv: cannot be read"]);
    refused(dir.path(), &["classify", "."], 2, &["is no regular file"]);
    refused(dir.path(), &["classify", "a.csv", "-o", "a.csv"], 2, &["would replace the input"]);
    refused(dir.path(), &["classify", "a.csv", "-o", "a.xlsx"], 2, &[".parquet"]);
}

/// Alerts that the shipped model gets wrong, because the worst are called harmless.
fn upside_down(n: usize) -> String {
    let mut alerts = generate(n, 5);
    for alert in &mut alerts {
        alert.severity = match alert.severity {
            Severity::Critical => Severity::Info,
            Severity::Error => Severity::Warning,
            Severity::Warning => Severity::Error,
            Severity::Info => Severity::Critical,
        };
    }
    to_csv(&alerts)
}

#[test]
fn a_severity_model_is_promoted_only_when_it_is_no_worse() {
    let dir = directory(&[("few.csv", to_csv(&generate(300, 5))), ("new.csv", upside_down(800))]);
    let train = |data: &str| good(dir.path(), &["train", "--severity", data]);
    let worse = train("few.csv");
    assert!(worse.contains("not promoted: log-loss"), "{worse}");
    assert!(!dir.path().join("models").exists());

    let better = train("new.csv");
    assert!(better.contains("promoted as version 2: log-loss"), "{better}");
    let first = read(&dir, "models/severity/model.json");
    assert!(!dir.path().join("models/severity/previous-model.json").exists(), "the one before was built in");
    let again = good(dir.path(), &["train", "--severity", "new.csv", "--seed", "43"]);
    if again.contains("promoted as version 3") {
        assert_eq!(read(&dir, "models/severity/previous-model.json"), first);
        assert!(read(&dir, "models/severity/previous-manifest.json").contains("\"version\": \"2\""));
    } else {
        assert_eq!(read(&dir, "models/severity/model.json"), first, "the model in use stays: {again}");
    }
    let listed = good(dir.path(), &["models", "list"]);
    assert!(listed.contains("new.csv (800 labelled alerts)") && listed.contains("accuracy"), "{listed}");
    let shown: Value = serde_json::from_str(&good(dir.path(), &["models", "show", "severity"])).expect("JSON");
    assert_eq!((&shown["kind"], &shown["rows"]), (&"severity".into(), &800.into()));
}

#[test]
fn models_are_listed_with_and_without_a_service() {
    let dir = directory(&[]);
    let ran = run(dir.path(), &["models", "list"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("built into the program") && ran.stdout.starts_with("NAME"), "{}", ran.stdout);
    assert!(ran.stderr.contains("tidewatch-data"), "{}", ran.stderr);
    refused(dir.path(), &["models", "show", "tide"], 2, &["there is no model `tide`", "there are: severity"]);
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let shipped = shipped.to_string_lossy();
    let listed = good(dir.path(), &["models", "list", "--models", &shipped]);
    assert!(listed.contains("MODEL_CARD.md") && listed.contains("macro_f1"), "{listed}");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "training takes the history up to now")]
fn a_detector_is_trained_and_listed() {
    let now = Timestamp::now().as_second().div_euclid(HOUR) * HOUR;
    let hours = 24 * 14;
    let recent = (0..hours).fold("timestamp,value\n".to_owned(), |mut text, i| {
        let _ = writeln!(text, "{},{}", now - (hours - i) * HOUR, wave(usize::try_from(i).expect("small")));
        text
    });
    let config = "sources: { files: { files: { path: history } } }\ndetectors:\n  - { name: visits, source: files, query: \
                  traffic, step: 1h, history: 14d }\n";
    let dir = directory(&[("tidewatch.yaml", config.to_owned())]);
    fs::create_dir(dir.path().join("history")).expect("a folder");
    fs::write(dir.path().join("history/traffic.csv"), recent).expect("a file");
    refused(dir.path(), &["train", "--detector", "tide"], 2, &["no detector `tide`", "there are: visits"]);
    let trained = good(dir.path(), &["train", "--all"]);
    assert!(trained.contains("1 series") && trained.contains("promoted as version 1"), "{trained}");
    let listed = good(dir.path(), &["models", "list"]);
    let [_, severity, detector] = listed.lines().collect::<Vec<_>>()[..] else { panic!("{listed}") };
    assert!(severity.starts_with("severity"), "{listed}");
    let name = detector.split_whitespace().next().expect("a name");
    assert!(name.contains("visits") && detector.contains("active"), "{listed}");
    let shown: Value = serde_json::from_str(&good(dir.path(), &["models", "show", name])).expect("JSON");
    assert_eq!((&shown["version"], &shown["state"]), (&1.into(), &"active".into()));
    refused(dir.path(), &["models", "show", "tide"], 2, &["there are: ", name, "severity"]);
}

#[test]
fn a_corrupt_model_is_refused_and_the_built_in_one_stands_in() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/severity");
    let (model, manifest) = ("models/severity/model.json", "models/severity/manifest.json");
    let defects: &[(&str, &str, &str)] = &[
        (model, "{", "model.json is refused"),
        (model, "", "model.json is refused"),
        (manifest, "not json", "is not a manifest"),
        (manifest, "{}", "is not a manifest"),
    ];
    for (file, content, says) in defects {
        let dir = directory(&[("alerts.csv", ALERTS.to_owned()), ("new.csv", upside_down(400))]);
        let expected = good(dir.path(), &["classify", "alerts.csv"]);
        fs::create_dir_all(dir.path().join("models/severity")).expect("a folder");
        for name in ["model.json", "manifest.json"] {
            fs::copy(shipped.join(name), dir.path().join("models/severity").join(name)).expect("copied");
        }
        assert_eq!(good(dir.path(), &["classify", "alerts.csv"]), expected, "the shipped one is the built-in one");
        fs::write(dir.path().join(file), content).expect("a file");
        for args in [&["classify", "alerts.csv"][..], &["models", "list"], &["models", "show", "severity"]] {
            let ran = run(dir.path(), args);
            assert_eq!(ran.code, 0, "{args:?}: {}", ran.stderr);
            assert!(
                ran.stderr.contains(says) && ran.stderr.contains("built into the program is used"),
                "{}",
                ran.stderr
            );
        }
        assert_eq!(good(dir.path(), &["classify", "alerts.csv"]), expected);
        let retrained = good(dir.path(), &["train", "--severity", "new.csv"]);
        assert!(retrained.contains("promoted as version 2"), "a corrupt model can be replaced: {retrained}");
        assert!(!run(dir.path(), &["models", "list"]).stderr.contains("refused"));
    }
}

// ---------------------------------------------------------------------------------------------- configuration

#[test]
fn a_configuration_is_checked() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = good(root, &["check-config", "data/config/demo.yaml"]);
    assert!(text.starts_with("data/config/demo.yaml is right: "), "{text}");
    refused(
        root,
        &["check-config", "data/fixtures/config/wrong_key.yaml"],
        2,
        &["wrong_key.yaml", "line", "did you mean"],
    );
    refused(root, &["check-config", "nowhere.yaml"], 2, &["cannot read configuration nowhere.yaml"]);
}

// ---------------------------------------------------------------------------------------------- bad input

#[test]
fn bad_files_are_refused_by_every_command() {
    let mut cell = spiky();
    cell = cell.replace(&format!("{},", time(50, HOUR)), &format!("{},abc", time(50, HOUR)));
    let zones = spiky().replace(&time(5, HOUR).to_string(), "2024-01-01 05:00:00");
    let cases: Vec<(&str, String, &[&str])> = vec![
        ("empty.csv", String::new(), &["the file is empty", "`timestamp,value`"]),
        ("header.csv", "timestamp,value\n".into(), &["a header but no rows"]),
        ("one.csv", hours(1, wave), &["1 distinct timestamps", "`--step`"]),
        ("nan.csv", hours(50, |_| f64::NAN), &["none of them is a finite number"]),
        ("cell.csv", cell, &["cell.csv:52", "`value`", "`abc"]),
        ("zones.csv", zones, &["zones.csv:7", "must keep to one kind"]),
        ("notime.csv", "a,b\n1,2\n".into(), &["no time column", "`timestamp`"]),
        ("novalue.csv", "timestamp,label\n1,2\n".into(), &["no value column"]),
        ("decimal.csv", "timestamp;value\n1;2,5\n2;3,5\n".into(), &["decimals with a point"]),
        ("table.xlsx", "x".into(), &["unknown file extension", ".parquet"]),
        ("fake.parquet", "plain".into(), &["not a Parquet file"]),
        ("damaged.parquet", format!("PAR1{}PAR1", "x".repeat(40)), &["damaged.parquet"]),
        ("fake.csv.gz", "plain".into(), &["not gzip data"]),
    ];
    for (name, content, says) in &cases {
        let dir = directory(&[(name, content.clone())]);
        for command in [&["score"][..], &["forecast", "--horizon", "5"], &["capacity", "--limit", "10"]] {
            refused(dir.path(), &[command, &[*name]].concat(), 2, &[&[*name], *says].concat());
        }
    }
    let dir = directory(&[]);
    refused(dir.path(), &["score", "missing.csv"], 2, &["cannot read missing.csv: No such file"]);
    refused(dir.path(), &["score", "."], 2, &["no data file in this directory"]);
}

#[test]
fn odd_files_are_no_obstacle() {
    let odd: Vec<(&str, String)> = vec![
        ("constant.csv", hours(100, |_| 5.0)),
        ("huge.csv", hours(100, |i| if i % 2 == 0 { 1e308 } else { -1e308 })),
        ("one_huge.csv", hours(100, |i| if i == 60 { 1e308 } else { wave(i) })),
        ("infinite.csv", hours(100, |i| if i == 60 { f64::INFINITY } else { wave(i) })),
        ("tiny.csv", hours(100, |i| wave(i) * 1e-300)),
        ("two.csv", hours(2, wave)),
        ("repeated.csv", hours(100, wave).replace("2024-01-02", "2024-01-01")),
    ];
    for (name, content) in &odd {
        let dir = directory(&[(name, content.clone())]);
        let scores = good(dir.path(), &["score", name]);
        assert_eq!(scores.lines().count(), content.lines().count(), "{name}");
        assert!(numbers(&scores, "score").iter().all(|score| score.is_finite() && *score >= 0.0), "{name}");
        let forecasts = good(dir.path(), &["forecast", name, "--horizon", "5"]);
        assert!(numbers(&forecasts, "mean").iter().all(|mean| mean.is_finite()), "{name}");
        json_lines(&good(dir.path(), &["capacity", name, "--limit", "1000"]));
    }
    let dir = directory(&[("one.csv", hours(1, wave))]);
    assert_eq!(column(&good(dir.path(), &["score", "one.csv", "--step", "1h"]), "reasons"), ["warming_up"]);
    good(dir.path(), &["forecast", "one.csv", "--step", "1h", "--horizon", "2"]);
}

#[test]
fn one_poor_series_does_not_stop_the_others() {
    let mut text = long(&["good"], 100);
    let _ = writeln!(text, "lonely,{},5\nempty,{},\nempty,{},NaN", time(3, HOUR), time(3, HOUR), time(4, HOUR));
    let dir = directory(&[("l.csv", text.clone())]);
    let ran = run(dir.path(), &["score", "l.csv"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(column(&ran.stdout, "series"), column(&text, "series"));
    let reasons = column(&ran.stdout, "reasons");
    assert_eq!(reasons[100..], ["warming_up", "missing", "missing"]);
    assert!(ran.stderr.contains("`lonely`") && ran.stderr.contains("`empty`"), "{}", ran.stderr);
    let ran = run(dir.path(), &["forecast", "l.csv", "--horizon", "1"]);
    assert_eq!((ran.code, column(&ran.stdout, "series")), (0, vec!["good".to_owned()]));
    assert!(ran.stderr.contains("`lonely`") && ran.stderr.contains("no forecast"), "{}", ran.stderr);
    let ran = run(dir.path(), &["capacity", "l.csv", "--limit", "1000", "--quiet"]);
    assert_eq!((ran.code, ran.stdout.lines().count(), ran.stderr.as_str()), (0, 1, ""));
}

#[test]
fn a_file_over_the_limit_is_refused_by_its_size() {
    let dir = directory(&[("big.csv", hours(3, wave))]);
    let file = fs::File::options().write(true).open(dir.path().join("big.csv")).expect("a file");
    file.set_len(2_254_857_830).expect("a sparse file");
    for command in [&["score"][..], &["forecast", "--horizon", "5"], &["capacity", "--limit", "10"]] {
        refused(
            dir.path(),
            &[command, &["big.csv"]].concat(),
            2,
            &["big.csv", "2254857830 > 2147483648", "split the file"],
        );
    }
}

#[test]
fn outputs_that_cannot_be_written_are_refused_before_the_work() {
    let dir = directory(&[("a.csv", spiky()), ("b.csv", spiky()), ("bad.csv", "timestamp,value\n1,x\n".to_owned())]);
    fs::create_dir(dir.path().join("folder")).expect("a folder");
    std::os::unix::fs::symlink("a.csv", dir.path().join("link.csv")).expect("a link");
    let cases: &[(&[&str], i32, &[&str])] = &[
        // bad.csv would be refused as well: what is said shows that the output is looked at first
        (&["bad.csv", "-o", "folder"], 2, &["folder is a directory"]),
        (&["bad.csv", "-o", "none/x.csv"], 2, &["there is no directory none"]),
        (&["bad.csv", "-o", "x.xlsx"], 2, &["unknown file extension", ".parquet"]),
        (&["bad.csv", "-o", "x.jsonl"], 2, &["unknown file extension"]),
        (&["bad.csv", "-o", "/proc/x.csv"], 1, &["cannot write /proc/x.csv"]),
        (&["bad.csv", "-o", "bad.csv"], 2, &["would replace the input bad.csv", "`-o`"]),
        (&["link.csv", "-o", "./folder/../a.csv"], 2, &["would replace the input"]),
        (&["a.csv", "-o", "link.csv"], 2, &["would replace the input"]),
        (&["a.csv", "b.csv", "-o", "."], 2, &["would replace the input"]),
        (&["a.csv", "b.csv"], 2, &["several inputs", "-o DIR"]),
        (&["a.csv", "b.csv", "-o", "bad.csv"], 2, &["bad.csv is a file"]),
        (&["a.csv", "./folder/../a.csv", "-o", "folder"], 2, &["would both be folder/a.csv"]),
    ];
    for (args, code, says) in cases {
        refused(dir.path(), &[&["score"], *args].concat(), *code, says);
    }
    refused(dir.path(), &["capacity", "a.csv", "--limit", "5", "-o", "x.csv"], 2, &[".jsonl"]);
    assert_eq!(read(&dir, "a.csv"), spiky());
    assert_eq!(fs::read_dir(dir.path().join("folder")).expect("a folder").count(), 0);
}

#[test]
fn one_bad_file_of_a_directory_does_not_stop_the_others() {
    let dir = directory(&[]);
    fs::create_dir(dir.path().join("in")).expect("a folder");
    for (name, content) in [
        ("a.csv", spiky()),
        ("bad.csv", "timestamp,value\n1,x\n".into()),
        ("c.csv", wide(100)),
        ("empty.csv", String::new()),
    ] {
        fs::write(dir.path().join("in").join(name), content).expect("a file");
    }
    let commands: &[(&[&str], &str)] = &[
        (&["score", "--quiet"], "csv"),
        (&["forecast", "--horizon", "5"], "csv"),
        (&["capacity", "--limit", "1000"], "jsonl"),
    ];
    for (command, extension) in commands {
        let out = format!("out-{}", command[0]);
        refused(
            dir.path(),
            &[command, &["in", "-o", &out][..]].concat(),
            2,
            &["in/bad.csv:2", "in/empty.csv: the file is empty", "2 of 4 files failed", "other 2 are in out-"],
        );
        let mut written: Vec<String> = fs::read_dir(dir.path().join(&out))
            .expect("a folder")
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        written.sort();
        assert_eq!(written, [format!("a.{extension}"), format!("c.{extension}")], "{command:?}");
    }
}

#[test]
fn notes_of_one_kind_are_not_endless() {
    let mut text = long(&["good"], 60);
    for i in 0..500 {
        let _ = writeln!(text, "empty {i},{},", time(3, HOUR));
    }
    let dir = directory(&[("l.csv", text)]);
    let ran = run(dir.path(), &["score", "l.csv", "-o", "x.csv"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.lines().count() <= 12 && ran.stderr.contains("and 490 more"), "{}", ran.stderr);
}

// ---------------------------------------------------------------------------------------------- open data

/// With `TIDEWATCH_DATASETS` set to a folder of `<set>/series/*.csv.gz`, the smallest files of each set are scored; files
/// above 200 kB take minutes in a build for tests.
#[test]
fn open_data_sets_are_scored_row_by_row() {
    let Some(root) = std::env::var_os("TIDEWATCH_DATASETS") else { return };
    let dir = directory(&[]);
    for set in fs::read_dir(root).expect("the folder").map(|entry| entry.expect("an entry").path()) {
        let Ok(entries) = fs::read_dir(set.join("series")) else { continue };
        let mut files: BTreeMap<u64, std::path::PathBuf> = BTreeMap::new();
        for entry in entries.map(|entry| entry.expect("an entry")) {
            files.insert(entry.metadata().expect("a size").len(), entry.path());
        }
        for (_, path) in files.range(..200_000).take(3) {
            let scores = good(dir.path(), &["score", &path.to_string_lossy(), "-q"]);
            let input = gunzip(path);
            assert_eq!(column(&scores, "timestamp"), column(&input, "timestamp"), "{}", path.display());
            assert!(numbers(&scores, "score").iter().all(|score| score.is_finite()), "{}", path.display());
        }
    }
}

#[test]
fn gates_take_anomalies_away_and_name_themselves_among_the_reasons() {
    let dir = directory(&[("a.csv", spiky())]);
    let spike = time(350, HOUR).to_string();
    let row = |args: &[&str]| {
        let mut all = vec!["score", "a.csv"];
        all.extend(args);
        let out = good(dir.path(), &all);
        let row = out.lines().find(|line| line.starts_with(&spike)).expect("the spike").to_owned();
        row.split(',').map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    let open = row(&[]);
    assert_eq!(open[7], "1");
    let window = format!("{spike}/{}", time(352, HOUR));
    for (args, reason) in [
        (["--min-deviation", "1000"], "suppressed_below_min_deviation"),
        (["--min-relative-deviation", "9"], "suppressed_below_min_deviation"),
        (["--business-hours", "Mon-Sun 15:00-16:00"], "suppressed_outside_business_hours"),
        (["--maintenance", &window], "suppressed_maintenance"),
    ] {
        let shut = row(&args);
        assert_eq!((shut[7].as_str(), shut[8].split(';').next()), ("0", Some(reason)));
        assert_eq!(shut[1..7], open[1..7], "{reason}: the score stays");
    }
    let ran = run(dir.path(), &["score", "a.csv", "--data-range", "..300"]);
    assert!(ran.stderr.contains("1 points outside of the data range count as missing"), "{}", ran.stderr);
    let row = ran.stdout.lines().find(|line| line.starts_with(&spike)).expect("the spike");
    assert!(row.ends_with(",0,out_of_range;missing"), "{row}");
    for (args, says) in [
        (["--min-deviation", "-1"], "must be 0 or more, got -1"),
        (["--data-range", "5"], "must be like `0..1`"),
        (["--business-hours", "always"], "hours must be like"),
        (["--maintenance", "2024-01-02T00:00:00Z/2024-01-01T00:00:00Z"], "`from` before `to`"),
    ] {
        let option = format!("{}={}", args[0], args[1]);
        let ran = run(dir.path(), &["score", "a.csv", &option]);
        assert!(ran.code == 2 && ran.stderr.contains(says), "{option}: {} {}", ran.code, ran.stderr);
    }
}

#[test]
fn budgets_are_reported_from_what_a_service_left() {
    let config = "data_dir: kept\nsources: { f: { files: { path: . } } }\n\
                  detectors: [ { name: lat, source: f, query: x, step: 1m, false_alarms: 2 per week } ]\n\
                  budget: { team: 1 per week }\n";
    let dir = directory(&[("tidewatch.yaml", config.to_owned())]);
    refused(dir.path(), &["budget"], 2, &["no service has run with tidewatch.yaml"]);
    #[expect(clippy::disallowed_methods, reason = "the report is of the last days")]
    let now = Timestamp::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let open = || async { Store::open(dir.path().join("kept"), now).await.expect("a store") };
    runtime.block_on(async { open().await.close().await });
    let early = good(dir.path(), &["budget"]);
    assert_eq!(early.matches("not yet saved").count(), 4, "series and boundary, for both spans: {early}");
    runtime.block_on(async {
        let store = open().await;
        let hours: Vec<Exposure> = (1..=100)
            .map(|hour| Exposure {
                hour: now.as_second().div_euclid(HOUR) - hour,
                watched_secs: 36_000.0,
                expected: 0.1,
            })
            .collect();
        store.add_exposure("lat", &hours).await.expect("adds");
        store.add_exposure("lat", &hours[..1]).await.expect("adds up");
        let state = BudgetState { tuning: 0.9, series: 10, p_star: Some(1.5e-4), tuned_at: now };
        store.put_budget_state("lat", &state).await.expect("keeps");
        store.close().await;
    });
    let table = good(dir.path(), &["budget", "--fail-on", "broken"]);
    let lines: Vec<Vec<&str>> =
        table.lines().map(|line| line.split("  ").filter(|c| !c.is_empty()).collect()).collect();
    assert_eq!(lines.len(), 5, "{table}");
    let trimmed: Vec<&str> = lines[1].iter().map(|cell| cell.trim()).collect();
    let ratio = "0.00 (0.00 to 0.37)";
    assert_eq!(trimmed, ["lat", "2 per week each", "10", "7", "10.10", "0", "0", "0", ratio, "yes", "0.00015", "0.9"]);
    let json: Value = serde_json::from_str(&good(dir.path(), &["budget", "--json"])).expect("JSON");
    assert_eq!((&json["team"], &json["detectors"][0]["last_28d"]["within"]), (&"1 per week".into(), &"yes".into()));
    let accepted = json["total"]["last_7d"]["expected"].as_f64().expect("a number");
    assert!((accepted - 100.0 / 168.0).abs() < 1e-9, "the team's budget over the hours watched: {accepted}");
}
