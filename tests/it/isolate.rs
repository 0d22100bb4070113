//! `tidewatch isolate`, run as people run it: what comes out, from which files, and what is said of bad input.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::fs::{self, File};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use polars::prelude::{Column, DataFrame, IntoColumn, NamedFrom, ParquetReader, ParquetWriter, SerReader, Series};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::program::{self, Ran};

/// The row that is off, in its column `b`.
const ODD: usize = 250;

#[track_caller]
fn run(dir: &Path, args: &[&str]) -> Ran {
    program::run(dir, &[&["isolate"], args].concat())
}

#[track_caller]
fn good(dir: &Path, args: &[&str]) -> Ran {
    let ran = run(dir, args);
    assert_eq!(ran.code, 0, "{args:?}: {}", ran.stderr);
    ran
}

#[track_caller]
fn refused(files: &[(&str, &str)], args: &[&str], says: &[&str]) {
    let dir = tempfile::tempdir().expect("a directory");
    files.iter().for_each(|(name, text)| fs::write(dir.path().join(name), text).expect("a file"));
    let ran = run(dir.path(), args);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{args:?}: {}", ran.stderr);
    for words in says {
        assert!(ran.stderr.contains(words), "{args:?} should say `{words}`: {}", ran.stderr);
    }
}

/// 400 rows of three columns without order; row [`ODD`] is off in `b`.
fn columns() -> [Vec<f64>; 3] {
    let value = |row: usize, column: usize| ((row * 7_919 + column * 104_729) % 997) as f64 / 10.0;
    let mut columns = [0, 1, 2].map(|column| (0..400).map(|row| value(row, column)).collect::<Vec<f64>>());
    columns[1][ODD] = 900.0;
    columns
}

fn csv() -> String {
    let [a, b, c] = columns();
    let row = |i: usize| format!("host-{i},{},{},{},0\n", a[i], b[i], c[i]);
    (0..a.len()).fold("host,a,b,c,label\n".to_owned(), |text, i| text + &row(i))
}

fn with(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    files.iter().for_each(|(name, text)| fs::write(dir.path().join(name), text).expect("a file"));
    dir
}

fn parquet(dir: &TempDir, name: &str, columns: Vec<Column>, rows_per_group: usize) {
    let file = File::create(dir.path().join(name)).expect("a file");
    let mut frame = DataFrame::new(columns[0].len(), columns).expect("a frame");
    ParquetWriter::new(file).with_row_group_size(Some(rows_per_group)).finish(&mut frame).expect("written");
}

fn scores(text: &str) -> Vec<f64> {
    text.lines().skip(1).map(|line| line.split(',').next().unwrap_or_default().parse().expect("a number")).collect()
}

fn most(scores: &[f64]) -> usize {
    scores.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(row, _)| row)
}

#[test]
fn every_row_gets_a_score_and_the_odd_one_the_highest() {
    let dir = with(&[("hosts.csv", &csv())]);
    for split in ["axis", "guided", "extended"] {
        let ran = good(dir.path(), &["hosts.csv", "--split", split, "--top-feature"]);
        assert!(ran.stdout.starts_with("score,top_feature\n"));
        let found = scores(&ran.stdout);
        assert_eq!((found.len(), most(&found)), (400, ODD), "{split}");
        assert!(found.iter().all(|score| *score > 0.0 && *score < 1.0), "{split}");
        assert!(ran.stdout.lines().nth(ODD + 1).is_some_and(|line| line.ends_with(",b")), "{split}");
        assert!(ran.stderr.contains("columns ignored, times, labels and text are no features: `host`, `label`"));
    }
}

#[test]
fn the_format_of_the_file_and_the_way_it_is_cut_change_nothing() {
    let dir = with(&[("t.csv", &csv()), ("t.tsv", &csv().replace(',', "\t"))]);
    let gzip = File::create(dir.path().join("t.csv.gz")).expect("a file");
    let mut encoder = GzEncoder::new(gzip, Compression::fast());
    std::io::Write::write_all(&mut encoder, csv().as_bytes()).expect("written");
    encoder.finish().expect("finished");
    let [a, b, c] = columns();
    let floats = |name: &str, values: &Vec<f64>| Series::new(name.into(), values).into_column();
    let table = || vec![floats("a", &a), floats("b", &b), floats("c", &c)];
    parquet(&dir, "one.parquet", table(), 1_000);
    parquet(&dir, "many.parquet", table(), 64);
    let wanted = good(dir.path(), &["t.csv", "-q"]).stdout;
    for name in ["t.tsv", "t.csv.gz", "one.parquet", "many.parquet"] {
        let ran = good(dir.path(), &[name, "-q"]);
        assert_eq!((ran.stdout == wanted, ran.stderr.as_str()), (true, ""), "{name}");
    }
    good(dir.path(), &["one.parquet", "-o", "s.parquet", "--top-feature"]);
    let frame = ParquetReader::new(File::open(dir.path().join("s.parquet")).expect("a file")).finish().expect("read");
    assert_eq!(frame.get_column_names(), ["score", "top_feature"]);
    let written: Vec<f64> = frame.column("score").expect("scores").f64().expect("numbers").iter().flatten().collect();
    for (written, printed) in written.iter().zip(scores(&wanted)) {
        assert!((written - printed).abs() < 1e-6);
    }
    let top = frame.column("top_feature").expect("names").str().expect("text").get(ODD).map(str::to_owned);
    assert_eq!(top.as_deref(), Some("b"));
    good(dir.path(), &["t.csv", "-q", "-o", "s.csv"]);
    assert_eq!(fs::read_to_string(dir.path().join("s.csv")).expect("a file"), wanted);
}

#[test]
fn whole_numbers_booleans_and_gaps_are_numbers_too() {
    let dir =
        with(&[("gaps.csv", "a,b\n1,\n2,NA\n,5\n4,6\n"), ("one.csv", "a\n3\n"), ("flat.csv", "a,b\n1,2\n1,2\n1,2\n")]);
    let gaps: Vec<Option<f64>> = (0..50).map(|i| (i % 3 > 0).then_some(f64::from(i))).collect();
    let table = vec![
        Series::new("count".into(), (0..50_i32).collect::<Vec<_>>()).into_column(),
        Series::new("up".into(), (0..50).map(|i| i % 2 == 0).collect::<Vec<_>>()).into_column(),
        Series::new("gaps".into(), gaps).into_column(),
        Series::new("name".into(), vec!["x"; 50]).into_column(),
    ];
    parquet(&dir, "mixed.parquet", table, 20);
    assert_eq!(scores(&good(dir.path(), &["mixed.parquet"]).stdout).len(), 50);
    assert_eq!(scores(&good(dir.path(), &["gaps.csv"]).stdout).len(), 4);
    assert_eq!(good(dir.path(), &["one.csv"]).stdout, "score\n0.5\n");
    assert_eq!(good(dir.path(), &["flat.csv"]).stdout, "score\n0.5\n0.5\n0.5\n");
}

#[test]
fn columns_can_be_named_and_the_seed_decides() {
    let dir = with(&[("t.csv", &csv())]);
    let without_b = good(dir.path(), &["t.csv", "--columns", "a,c"]);
    assert_eq!(without_b.stderr, "");
    assert_ne!(most(&scores(&without_b.stdout)), ODD);
    let seeded = |seed: &str| good(dir.path(), &["t.csv", "-q", "--seed", seed]).stdout;
    assert_eq!(seeded("1"), seeded("1"));
    assert_ne!(seeded("1"), seeded("2"));
}

#[test]
fn bad_input_is_refused_with_what_is_wrong_and_what_is_allowed() {
    let table = ("t.csv", "a,b\n1,2\n3,4\n");
    refused(&[table], &["none.csv"], &["none.csv"]);
    refused(&[table], &["t.csv", "--trees", "0"], &["trees must be 1 to 10000, got 0"]);
    refused(&[table], &["t.csv", "--sample-size", "1"], &["sample size must be 2 to 65536 rows, got 1"]);
    refused(&[table], &["t.csv", "--split", "oblique"], &["axis, guided, extended"]);
    refused(&[table], &["t.csv", "--columns", "z"], &["there is no column `z`", "`a`, `b`"]);
    refused(&[table], &["t.csv", "--columns", "a,a"], &["`a` is asked for twice"]);
    refused(&[table], &["t.csv", "-o", "s.xlsx"], &["unknown file extension"]);
    refused(&[table], &["t.csv", "-o", "t.csv"], &["would replace the input"]);
    refused(&[("t.csv", "a,b\n1,2\n3,x\n")], &["t.csv"], &["t.csv:3", "column `b`", "`x` is not a number"]);
    refused(&[("t.csv", "a,b\n1,2\n3,4,5\n")], &["t.csv"], &["t.csv:3", "3 cells but the header has 2"]);
    refused(&[("t.csv", "a,a\n1,2\n")], &["t.csv"], &["two columns called `a`"]);
    refused(&[("t.csv", "name,label\nx,1\n")], &["t.csv"], &["no column of numbers"]);
    refused(&[("t.csv", "name,a\nx,1\n")], &["t.csv", "--columns", "name"], &["`name` does not hold numbers"]);
    refused(&[("t.csv", "a,b\n")], &["t.csv"], &["no row with a value"]);
    refused(&[("t.csv", "a,b\n,\n,\n")], &["t.csv"], &["no row with a value"]);
    refused(&[("t.csv", "")], &["t.csv"], &["empty"]);
    refused(&[("t.parquet", "")], &["t.parquet"], &["empty"]);
    refused(&[("t.parquet", "PAR1 but no more")], &["t.parquet"], &["not a Parquet file"]);
    refused(&[("t.parquet", "PAR1 damaged PAR1")], &["t.parquet"], &["t.parquet"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn whatever_the_numbers_every_row_gets_a_score_between_0_and_1(
        rows in prop::collection::vec((any::<f64>(), -1e9..1e9_f64), 1..60),
    ) {
        let text = rows.iter().fold("a,b\n".to_owned(), |text, (a, b)| text + &format!("{a:e},{b}\n"));
        let dir = with(&[("t.csv", &text)]);
        let found = scores(&good(dir.path(), &["t.csv"]).stdout);
        prop_assert_eq!(found.len(), rows.len());
        prop_assert!(found.iter().all(|score| *score > 0.0 && *score <= 1.0));
    }
}
