//! Tests of `source::file`: what is read, what is refused, and in which words.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use polars::prelude::{
    Column, DataFrame, DataType, Int64Chunked, IntoColumn, NewChunkedArray, ParquetWriter, TimeUnit, TimeZone,
};
use proptest::prelude::*;
use tempfile::TempDir;
use tidewatch::series::{self, Aggregate, Grid, Sample, SeriesError, Step};
use tidewatch::source::SourceError;
use tidewatch::source::file::{FileInput, Layout, Row, Settings, downsample, list, read};

/// A directory with one file.
struct Fixture {
    dir: TempDir,
    path: PathBuf,
}

fn fixture(name: &str, content: impl AsRef<[u8]>) -> Fixture {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join(name);
    fs::write(&path, content).expect("a file");
    Fixture { dir, path }
}

fn parse(name: &str, content: impl AsRef<[u8]>) -> FileInput {
    let fixture = fixture(name, content);
    read(&fixture.path, &Settings::default()).expect("a readable file")
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).expect("compressed");
    encoder.finish().expect("compressed")
}

fn parquet(columns: Vec<Column>) -> Vec<u8> {
    let mut frame = DataFrame::new(columns[0].len(), columns).expect("a frame");
    let mut bytes = Vec::new();
    ParquetWriter::new(&mut bytes).finish(&mut frame).expect("written");
    bytes
}

fn values(input: &FileInput, group: usize, metric: usize) -> Vec<f64> {
    input.groups[group].metrics[metric].points.iter().map(|p| p.value).collect()
}

fn times(input: &FileInput) -> Vec<i64> {
    input.groups[0].metrics[0].points.iter().map(|p| p.time_ms).collect()
}

/// The message without the directory, which differs from run to run.
fn said(dir: &Path, error: &SourceError) -> String {
    error.to_string().replace(&format!("{}/", dir.display()), "").replace(&dir.display().to_string(), "DIR")
}

// ---------------------------------------------------------------------------------------------- what is read

#[test]
fn wide_with_one_value_column_is_one_series() {
    let input = parse("cpu.csv", "timestamp,value,label\n2024-01-01 00:00:00,1.5,0\n2024-01-01 00:01:00,,1\n");
    assert_eq!((input.layout, input.groups.len(), input.rows.len()), (Layout::WideSingle, 1, 2));
    assert_eq!((input.groups[0].name.as_str(), input.groups[0].metrics[0].name.as_str()), ("cpu", "cpu"));
    assert_eq!(times(&input), [1_704_067_200_000, 1_704_067_260_000]);
    assert!(values(&input, 0, 0)[1].is_nan());
    assert_eq!(input.rows.time_text(1), "2024-01-01 00:01:00");
    assert_eq!(input.notes, Vec::<String>::new());
}

#[test]
fn wide_with_several_value_columns_is_one_entity() {
    let text = ",Timestamp,cpu,mem_bytes,Is_Anomaly,dead\n0,1704067200,1,10,0,\n1,1704067260,2,20,1,NA\n2,1704067320,3,30,0,null\n";
    let input = parse("host.csv.gz", gzip(text.as_bytes()));
    let names: Vec<&str> = input.groups[0].metrics.iter().map(|m| m.name.as_str()).collect();
    assert_eq!((input.layout, names), (Layout::WideEntity, vec!["cpu", "mem_bytes", "dead"]));
    assert_eq!(input.notes, ["columns ignored because they have no name in the header: 1"]);
    let prepared = input.groups[0].prepare(None, &series::Settings::default()).expect("an entity");
    assert_eq!((prepared.entity.name(), prepared.entity.metrics().len(), prepared.entity.len()), ("host", 2, 3));
    assert_eq!(prepared.dropped, ["dead"]);
    assert_eq!(prepared.quality.len(), 2);
    assert_eq!(prepared.slots.index_of(1_704_067_320_000), Some(2));
}

#[test]
fn long_rows_find_their_series_in_any_column_order() {
    let text = "value,host,series,timestamp\n1,a,db,2024-01-01T00:00:00Z\n2,a,web,2024-01-01T01:00:00+01:00\n3,b,db,2024-01-01T00:01:00Z\n";
    let input = parse("all.csv", text);
    assert_eq!(input.layout, Layout::Long);
    assert_eq!(input.groups.iter().map(|g| g.name.as_str()).collect::<Vec<_>>(), ["db", "web"]);
    let rows: Vec<(usize, usize)> = input.rows.iter().map(|row| (row.group, row.index)).collect();
    assert_eq!(rows, [(0, 0), (1, 0), (0, 1)]);
    assert_eq!(input.rows.get(3), None);
    assert_eq!(times(&input), [1_704_067_200_000, 1_704_067_260_000]);
    assert_eq!(input.groups[1].metrics[0].points[0].time_ms, 1_704_067_200_000);
    assert_eq!(input.rows.time_text(1), "2024-01-01T01:00:00+01:00");
    assert_eq!(input.notes, ["columns ignored beside series, time and value: `host`"]);
}

#[track_caller]
fn check_time(cells: &[&str], millis: &[i64]) {
    let rows: String = cells.iter().map(|cell| format!("{cell},1\n")).collect();
    let input = parse("x.csv", format!("time,v\n{rows}"));
    assert_eq!(times(&input), millis);
    for (row, cell) in cells.iter().enumerate() {
        assert_eq!(input.rows.time_text(row), *cell);
    }
}

#[test]
fn times_are_read_in_every_allowed_form() {
    check_time(&["2024-01-31T23:59:59Z", "2024-01-31T23:59:59.25+02:00"], &[1_706_745_599_000, 1_706_738_399_250]);
    check_time(&["2024-01-31 23:59:59+00:00", "2024-01-31t23:59:59z"], &[1_706_745_599_000; 2]);
    check_time(
        &["2024-01-31 23:59:59", "2024-01-31T23:59:59.5", "2024-01-31"],
        &[1_706_745_599_000, 1_706_745_599_500, 1_706_659_200_000],
    );
    check_time(&["0", "1704067200"], &[0, 1_704_067_200_000]);
    check_time(&["1704067200.5", "1704067201"], &[1_704_067_200_500, 1_704_067_201_000]);
    check_time(&["1704067200123", "1704067200124"], &[1_704_067_200_123, 1_704_067_200_124]);
    check_time(&["1704067200123456", "-1"], &[1_704_067_200_123, -1]);
    check_time(&["1704067200123456789"], &[1_704_067_200_123]);
    check_time(&["-60", "0"], &[-60_000, 0]);
}

#[test]
fn all_names_of_a_time_column_are_known() {
    for name in ["timestamp", "time", "ts", "datetime", "date", "t", "ds", "TIMESTAMP"] {
        assert_eq!(times(&parse("x.csv", format!("{name},v\n5,1\n"))), [5_000], "{name}");
    }
}

#[track_caller]
fn check_csv(text: &str, expected: &[f64]) {
    let input = parse("x.csv", text);
    let got = values(&input, 0, 0);
    assert_eq!(format!("{got:?}"), format!("{expected:?}"), "{text:?}");
    assert_eq!(input.rows.len(), expected.len());
    assert_eq!(input.rows.time_text(0), "60");
}

#[test]
fn csv_comes_in_many_dialects() {
    check_csv("t,v\n60,1\n120,2\n", &[1.0, 2.0]);
    check_csv("t,v\n60,1\n120,2", &[1.0, 2.0]);
    check_csv("\u{feff}t,v\n60,1\n120,2\n", &[1.0, 2.0]);
    check_csv("t,v\r\n60,1\r\n120,2\r\n", &[1.0, 2.0]);
    check_csv("t,v\r\n60,1\r\n120,2", &[1.0, 2.0]);
    check_csv("t;v\n60;1\n120;2\n", &[1.0, 2.0]);
    check_csv("t\tv\n60\t1\n120\t2\n", &[1.0, 2.0]);
    check_csv("t|v\n60|1\n120|2\n", &[1.0, 2.0]);
    check_csv("\"t\",\"v\"\n\"60\",\"1\"\n\"120\",\"2\"\n", &[1.0, 2.0]);
    check_csv("t,v,note\n60,1,\"a\nb, \"\"c\"\"\"\n120,2,x\n".replace("note", "label").as_str(), &[1.0, 2.0]);
    check_csv("\n\nt,v\n\n60,1\n\n120,2\n\n\n", &[1.0, 2.0]);
    check_csv("t,v\n60,1\n,\n120,2\n , \n", &[1.0, 2.0]);
    check_csv("t,v\r\n\r\n60,1\r\n\r\n120,2\r\n\r\n", &[1.0, 2.0]);
    check_csv("t , v\n60, 1\n120 , 2 \n", &[1.0, 2.0]);
    check_csv("t,v\n60\n120,2\n", &[f64::NAN, 2.0]);
    check_csv("t,v\n60,1e308\n120,1e400\n180,-inf\n240,NaN\n", &[1e308, f64::INFINITY, f64::NEG_INFINITY, f64::NAN]);
    check_csv(
        "t,v\n60,null\n120,NA\n180,n/a\n240,\n300,\"\"\n360,5\n",
        &[f64::NAN, f64::NAN, f64::NAN, f64::NAN, f64::NAN, 5.0],
    );
}

#[test]
fn the_time_text_is_the_cell_without_its_quotes_only() {
    let input = parse("x.csv", "v,t\n1, 60\n2,\"120\"\n");
    assert_eq!((input.rows.time_text(0), input.rows.time_text(1)), (" 60".into(), "120".into()));
    assert_eq!(times(&input), [60_000, 120_000]);
}

#[test]
fn many_rows_come_back_in_the_order_of_the_file() {
    let mut text = "timestamp,series,value\n".to_owned();
    for i in 0..60_000_u32 {
        writeln!(text, "{},s{},{}", 1_704_067_200 + (i / 7) * 60, i % 7, i).expect("written");
    }
    let input = parse("many.csv", &text);
    assert_eq!((input.groups.len(), input.rows.len()), (7, 60_000));
    for (number, row) in input.rows.iter().enumerate() {
        assert_eq!(input.groups[row.group].metrics[0].points[row.index].value as usize, number);
        assert_eq!(input.groups[row.group].name, format!("s{}", number % 7));
    }
}

#[test]
fn ten_thousand_columns_are_read_and_more_are_refused() {
    let names: String = (0..10_000).map(|i| format!(",m{i}")).collect();
    let cells: String = (0..10_000).map(|i| format!(",{i}")).collect();
    let input = parse("wide.csv", format!("t{names}\n60{cells}\n120{cells}\n"));
    assert_eq!((input.groups[0].metrics.len(), values(&input, 0, 9_999)), (10_000, vec![9_999.0; 2]));
    let fixture = fixture("wider.csv", format!("t{names},one_more\n60{cells},1\n"));
    let error = read(&fixture.path, &Settings::default()).expect_err("refused");
    assert!(matches!(error, SourceError::Limit { got: 10_001, limit: 10_000, .. }), "{error}");
}

#[test]
fn columns_can_be_named_in_settings() {
    let fixture =
        fixture("vm.csv", "VM_id,day,kind,value,other\n7,2024-01-01,a,1,x\n8,2024-01-01,b,2,y\n7,2024-01-02,a,3,z\n");
    let settings = Settings {
        time_column: Some("day".to_owned()),
        series_column: Some("vm_ID".to_owned()),
        value_column: Some("value".to_owned()),
        ..Settings::default()
    };
    let input = read(&fixture.path, &settings).expect("a readable file");
    assert_eq!((input.groups[0].name.as_str(), values(&input, 0, 0)), ("7", vec![1.0, 3.0]));
    let wrong = Settings { time_column: Some("when".to_owned()), ..Settings::default() };
    let error = read(&fixture.path, &wrong).expect_err("refused");
    assert!(error.to_string().contains("no time column `when`; found `VM_id`, `day`"), "{error}");
}

// ---------------------------------------------------------------------------------------------- Parquet

fn instants(unit: TimeUnit, zone: Option<TimeZone>, values: &[i64]) -> Column {
    Int64Chunked::from_slice("timestamp".into(), values).into_datetime(unit, zone).into_column()
}

#[track_caller]
fn check_parquet_time(column: Column, texts: [&str; 2]) {
    let input = parse("x.parquet", parquet(vec![column, Column::new("value".into(), [1.0, 2.0])]));
    assert_eq!(times(&input), [1_704_067_200_123, 1_704_067_260_123]);
    assert_eq!([input.rows.time_text(0), input.rows.time_text(1)], texts);
}

#[test]
fn parquet_times_are_read_in_every_unit() {
    let rfc = ["2024-01-01T00:00:00.123Z", "2024-01-01T00:01:00.123Z"];
    let millis = [1_704_067_200_123_i64, 1_704_067_260_123];
    let micros = millis.map(|t| t * 1_000 + 999);
    let nanos = millis.map(|t| t * 1_000_000 + 999_999);
    check_parquet_time(instants(TimeUnit::Milliseconds, None, &millis), rfc);
    check_parquet_time(instants(TimeUnit::Microseconds, None, &micros), rfc);
    check_parquet_time(instants(TimeUnit::Nanoseconds, None, &nanos), rfc);
    check_parquet_time(instants(TimeUnit::Microseconds, Some(TimeZone::UTC), &micros), rfc);
    check_parquet_time(Column::new("ts".into(), millis), ["1704067200123", "1704067260123"]);
    check_parquet_time(Column::new("ts".into(), nanos), ["1704067200123999999", "1704067260123999999"]);
    check_parquet_time(
        Column::new("ts".into(), [1_704_067_200.123, 1_704_067_260.123]),
        ["1704067200.123", "1704067260.123"],
    );
    check_parquet_time(Column::new("date".into(), rfc), rfc);
}

#[test]
fn parquet_keeps_nulls_numbers_and_series() {
    let columns = vec![
        Column::new("series".into(), ["b", "a", "b"]),
        Column::new("timestamp".into(), [60_i64, 60, 120]),
        Column::new("value".into(), [Some(7_i32), None, Some(9)]),
        Column::new("region".into(), ["x", "y", "z"]),
    ];
    let input = parse("all.parquet.gz", gzip(&parquet(columns)));
    assert_eq!((input.layout, values(&input, 0, 0)), (Layout::Long, vec![7.0, 9.0]));
    assert!(values(&input, 1, 0)[0].is_nan());
    assert_eq!(input.rows.get(2), Some(Row { group: 0, index: 1 }));
    assert_eq!(input.notes, ["columns ignored beside series, time and value: `region`"]);
    let days = Column::new("date".into(), [19_723_i32, 19_724]).cast(&DataType::Date).expect("dates");
    let flags = Column::new("up".into(), [true, false]);
    let words = Column::new("load".into(), ["1.5", "NA"]);
    let input = parse("wide.parquet", parquet(vec![days, flags, words]));
    assert_eq!((times(&input), values(&input, 0, 0)), (vec![1_704_067_200_000, 1_704_153_600_000], vec![1.0, 0.0]));
    assert_eq!(format!("{:?}", values(&input, 0, 1)), "[1.5, NaN]");
}

#[test]
fn parquet_and_csv_of_the_same_data_agree() {
    let rows: Vec<(i64, f64)> = (0..500).map(|i| (1_704_067_200 + i * 300, (i as f64 * 0.37).sin())).collect();
    let text: String = rows.iter().map(|(t, v)| format!("{t},{v}\n")).collect();
    let csv = parse("m.csv", format!("timestamp,value\n{text}"));
    let columns = vec![
        Column::new("timestamp".into(), rows.iter().map(|r| r.0).collect::<Vec<_>>()),
        Column::new("value".into(), rows.iter().map(|r| r.1).collect::<Vec<_>>()),
    ];
    let parquet = parse("m.parquet", parquet(columns));
    assert_eq!(csv.groups, parquet.groups);
}

// ---------------------------------------------------------------------------------------------- what is refused

/// Texts that are refused: name and content.
const REFUSED_TEXTS: &[(&str, &[u8])] = &[
    ("empty.csv", b""),
    ("blank.csv", b"\n \n\n"),
    ("header_only.csv", b"timestamp,value\n"),
    ("header_only_blank.csv", b"timestamp,value\n\n\n"),
    ("no_time.csv", b"when,value\n60,1\n"),
    ("no_header.csv", b"1704067200,35.03\n1704067260,36\n"),
    ("no_value.csv", b"timestamp,label\n60,1\n"),
    ("one_column.csv", b"timestamp\n60\n"),
    ("long_without_value.csv", b"series,timestamp,cpu\na,60,1\n"),
    ("empty_series.csv", b"series,timestamp,value\na,60,1\n,120,1\n"),
    ("not_a_number.csv", b"timestamp,cpu,mem\n60,1,1\n\n120,2,oops\n180,bad,3\n"),
    ("decimal_comma.csv", b"t;v\n60;1,5\n"),
    ("percent.csv", b"t,v\n60,12%\n"),
    ("host_column.csv", b"timestamp,host,cpu\n60,web-1,1\n"),
    ("not_a_time.csv", b"t,v\nyesterday,1\n"),
    ("not_a_date.csv", b"t,v\n2024-01-01,1\n2024-02-30,1\n"),
    ("slashes.csv", b"t,v\n01/02/2024 10:00,1\n"),
    ("empty_time.csv", b"t,v\n60,1\n,1\n"),
    ("infinite_time.csv", b"t,v\n60,1\ninf,1\n"),
    ("mixed_zones.csv", b"t,v\n2024-01-01T00:00:00Z,1\n2024-01-01T00:01:00,1\n"),
    ("mixed_zones_quoted.csv", b"label,t,v\n\"a\nb\",2024-01-01 00:00:00,1\nx,2024-01-01T00:01:00+02:00,1\n"),
    ("mixed_kinds.csv", b"t,v\n2024-01-01 00:00:00,1\n1704067260,1\n"),
    ("too_many_cells.csv", b"t,v\n60,1\n120,2,3\n"),
    ("too_many_cells_labelled.csv", b"t,v,label\n60,1,0\n120,2,3,4\n"),
    ("unclosed_quote.csv", b"t,v\n60,1\n120,\"2\n180,3\n"),
    ("lone_quote.csv", b"t,v\n60,1\n120,\""),
    ("duplicate_names.csv", b"t,cpu,cpu\n60,1,2\n"),
    ("carriage_returns.csv", b"t,v\r60,1\r120,2\r"),
    ("not_utf8.csv", b"t,v\n60,1\n120,\xff\xfe2\n"),
    ("utf16.csv", b"\xff\xfet\0,\0v\0\n\0"),
    ("unknown.xlsx", b"PK"),
    ("no_extension", b"t,v\n60,1\n"),
];

fn refused_binaries() -> Vec<(&'static str, Vec<u8>)> {
    let column = |name: &str, values: [i64; 2]| Column::new(name.into(), values);
    let whole = parquet(vec![column("timestamp", [1, 2]), column("value", [1, 2])]);
    let cut = gzip("timestamp,value\n2024-01-01 00:00:00,1\n".repeat(50).as_bytes());
    let text_column = parquet(vec![column("ts", [1, 2]), Column::new("v".into(), ["1", "web"])]);
    let null_time = parquet(vec![Column::new("ts".into(), [Some(1_i64), None]), column("v", [1, 2])]);
    let bool_time = parquet(vec![Column::new("ts".into(), [true, true]), column("v", [1, 2])]);
    let no_rows =
        parquet(vec![Column::new("ts".into(), Vec::<i64>::new()), Column::new("v".into(), Vec::<f64>::new())]);
    vec![
        ("long_cell.csv", format!("t,v\n60,{}\n", "x".repeat(500)).into_bytes()),
        ("zeros.csv", vec![0; 64]),
        ("gzip_inside.csv", gzip(b"t,v\n60,1\n")),
        ("parquet_inside.csv", whole.clone()),
        ("truncated.csv.gz", cut[..cut.len() / 2].to_vec()),
        ("not_gzip.csv.gz", b"t,v\n60,1\n".to_vec()),
        ("empty.csv.gz", b"".to_vec()),
        ("not_parquet.parquet", b"t,v\n60,1\n".to_vec()),
        ("empty.parquet", b"".to_vec()),
        ("cut.parquet", whole[..whole.len() - 20].to_vec()),
        ("only_magic.parquet", b"PAR1\xff\xff\xff\x7fPAR1".to_vec()),
        ("text_column.parquet", text_column),
        ("null_time.parquet", null_time),
        ("bool_time.parquet", bool_time),
        ("no_rows.parquet", no_rows),
    ]
}

#[test]
fn refusals_name_file_line_and_column_and_say_what_is_allowed() {
    let mut report = String::new();
    let texts = REFUSED_TEXTS.iter().map(|(name, content)| (*name, content.to_vec()));
    for (name, content) in texts.chain(refused_binaries()) {
        let fixture = fixture(name, content);
        let error = read(&fixture.path, &Settings::default()).expect_err(name);
        writeln!(report, "{name}\n    {}", said(fixture.dir.path(), &error)).expect("written");
    }
    insta::assert_snapshot!("files_refused", report);
}

#[test]
fn a_damaged_parquet_file_is_refused() {
    let mut damaged = parquet(vec![Column::new("t".into(), [1_i64; 90]), Column::new("v".into(), [1.5; 90])]);
    let (middle, end) = (damaged.len() / 2, damaged.len() - 8);
    damaged[8..middle].fill(0x5a);
    damaged[middle..end].reverse();
    let fixture = fixture("damaged.parquet", damaged);
    let error = read(&fixture.path, &Settings::default()).expect_err("refused");
    assert!(matches!(error, SourceError::BadFile { .. }), "{error}");
}

#[test]
fn a_wrong_key_in_settings_is_refused() {
    let settings: Settings = serde_json::from_str(r#"{"max_rows": 5, "time_column": "when"}"#).expect("settings");
    let expected = Settings { max_rows: 5, time_column: Some("when".to_owned()), ..Settings::default() };
    assert_eq!(settings, expected);
    assert!(serde_json::from_str::<Settings>(r#"{"max_row": 5}"#).is_err());
}

#[test]
fn limits_are_named_with_what_to_do() {
    let refuse = |name: &str, content: Vec<u8>, settings: &Settings| {
        let fixture = fixture(name, content);
        said(fixture.dir.path(), &read(&fixture.path, settings).expect_err(name))
    };
    let rows: String = (0..100).map(|i| format!("{i},1,2\n")).collect();
    let text = format!("t,a,b\n{rows}").into_bytes();
    let table = parquet(vec![Column::new("t".into(), [1_i64; 50]), Column::new("v".into(), [1.0; 50])]);
    let bomb = gzip(&vec![b'\n'; 4_000_000]);
    assert!(bomb.len() < 10_000, "{}", bomb.len());
    let mut report = String::new();
    for (name, content, settings) in [
        ("large.csv", text.clone(), Settings { max_bytes: 200, ..Settings::default() }),
        ("bomb.csv.gz", bomb, Settings { max_bytes: 1_000_000, ..Settings::default() }),
        ("rows.csv", text.clone(), Settings { max_rows: 99, ..Settings::default() }),
        ("values.csv", text, Settings { max_values: 199, ..Settings::default() }),
        ("quoted.csv", b"t,v\n60,\"1\"\n120,2\n".to_vec(), Settings { max_rows: 1, ..Settings::default() }),
        ("columns.csv", b"t,a,b,c\n60,1,2,3\n".to_vec(), Settings { max_columns: 2, ..Settings::default() }),
        ("rows.parquet", table.clone(), Settings { max_rows: 49, ..Settings::default() }),
        ("values.parquet", table, Settings { max_values: 49, ..Settings::default() }),
    ] {
        writeln!(report, "{name}\n    {}", refuse(name, content, &settings)).expect("written");
    }
    insta::assert_snapshot!("files_over_limits", report);
}

#[test]
fn paths_that_are_no_regular_file_are_refused_at_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let refuse = |name: &str| said(dir.path(), &read(&dir.path().join(name), &Settings::default()).expect_err(name));
    assert_eq!(refuse("absent.csv"), "cannot read absent.csv: No such file or directory (os error 2)");
    fs::create_dir(dir.path().join("folder.csv")).expect("a folder");
    assert_eq!(refuse("folder.csv"), "folder.csv: is a directory, a file is needed here");
    let made = std::process::Command::new("mkfifo").arg(dir.path().join("pipe.csv")).status().expect("mkfifo runs");
    assert!(made.success());
    assert!(refuse("pipe.csv").starts_with("pipe.csv: is a pipe, socket or device; only regular files are read"));
}

#[test]
fn a_directory_means_its_data_files_sorted() {
    let dir = tempfile::tempdir().expect("a directory");
    let empty = list(dir.path()).expect_err("nothing there");
    assert_eq!(
        said(dir.path(), &empty),
        "DIR: there is no data file in this directory; allowed are .csv, .tsv and .parquet, each also with .gz"
    );
    for name in ["b.csv", "a.parquet.gz", "C.CSV.GZ", "notes.md", ".hidden.csv", "c.tsv"] {
        fs::write(dir.path().join(name), "").expect("a file");
    }
    fs::create_dir(dir.path().join("deeper")).expect("a folder");
    let listing = list(dir.path()).expect("a listing");
    let names: Vec<_> = listing.files.iter().filter_map(|f| f.file_name()?.to_str()).collect();
    assert_eq!(names, ["C.CSV.GZ", "a.parquet.gz", "b.csv", "c.tsv"]);
    assert!(listing.is_directory);
    assert_eq!(listing.notes.len(), 3);
    assert!(listing.notes[0].contains(".hidden.csv") && listing.notes[1].contains("folders"), "{:?}", listing.notes);
    let one = list(&dir.path().join("b.csv")).expect("a listing");
    assert_eq!((one.files.len(), one.is_directory), (1, false));
    let unknown = list(&dir.path().join("notes.md")).expect_err("unknown extension");
    assert_eq!(
        said(dir.path(), &unknown),
        "notes.md: unknown file extension; allowed are .csv, .tsv and .parquet, each also with .gz"
    );
}

#[test]
fn hostile_bytes_never_panic() {
    let text = b"timestamp,\"v\nw\";label\n2024-01-01 00:00:00,1.5,\"x\"\"y\"\r\n1704067200,NaN,\xc3\xa9\n".to_vec();
    let table = parquet(vec![Column::new("timestamp".into(), [1_i64, 2, 3]), Column::new("v".into(), [1.0, 2.0, 3.0])]);
    let zipped = gzip(&text);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let dir = tempfile::tempdir().expect("a directory");
    let mut answered = 0;
    for round in 0..600_usize {
        let (name, base) = [("x.csv", &text), ("x.parquet", &table), ("x.csv.gz", &zipped)][round % 3];
        let mut bytes = base.clone();
        for _ in 0..1 + next() % 4 {
            let at = (next() % bytes.len() as u64) as usize;
            match next() % 4 {
                0 => bytes.truncate(at.max(1)),
                1 => bytes[at] = (next() % 256) as u8,
                2 => bytes.insert(at, b"\",;\n\r\0"[(next() % 6) as usize]),
                _ => bytes[at] ^= 1 << (next() % 8),
            }
        }
        let path = dir.path().join(name);
        fs::write(&path, &bytes).expect("a file");
        answered += usize::from(read(&path, &Settings::default()).is_ok());
    }
    assert!(answered > 0, "some changes do no harm");
}

// ---------------------------------------------------------------------------------------------- onwards

#[test]
fn what_cannot_be_a_series_is_read_and_says_so_then() {
    let prepare = |text: &str| parse("x.csv", text).groups[0].prepare(None, &series::Settings::default());
    assert!(matches!(prepare("t,v\n60,1\n"), Err(SeriesError::NoStep { distinct: 1, .. })));
    assert!(matches!(prepare("t,v\n60,\n120,NaN\n"), Err(SeriesError::AllMissing { samples: 2, .. })));
    assert!(matches!(
        prepare("t,v\n60,1\n120,1\n9e17,1\n"),
        Err(SeriesError::TooLong { .. } | SeriesError::TimeOutOfRange { .. })
    ));
    let constant = prepare("t,v\n60,5\n120,5\n180,5\n").expect("a series");
    assert_eq!(constant.entity.metrics()[0].values(), [5.0; 3]);
    let disordered = prepare("t,v\n180,3\n60,1\n120,1e308\n120,1e400\n60,0\n").expect("a series");
    assert_eq!(disordered.entity.metrics()[0].values(), [0.0, series::MAX_MAGNITUDE, 3.0]);
    assert_eq!((disordered.quality[0].duplicates, disordered.quality[0].disordered), (2, 2));
}

#[track_caller]
fn check_downsample(step_secs: i64, aggregate: Aggregate) {
    let step = Step::from_secs(step_secs).expect("a step");
    let text: String =
        (0..3_000_i64).map(|i| format!("{},{},{}\n", 1_704_067_200 + i * 600, (i * i) % 97, i % 11)).collect();
    let input = parse("x.csv", format!("t,a,b\n{text}"));
    let settings = series::Settings::default();
    let fine: Vec<Grid> = input.groups[0].grids(None, &settings).expect("grids");
    let input = downsample(input, step, aggregate).expect("resampled");
    let coarse: Vec<Grid> = input.groups[0].grids(Some(step), &settings).expect("grids");
    for (fine, coarse) in fine.iter().zip(&coarse) {
        let expected = fine.resample(step, aggregate).expect("resampled");
        assert_eq!((expected.start(), expected.values()), (coarse.start(), coarse.values()));
    }
    for (number, row) in input.rows.iter().enumerate() {
        let start = input.groups[0].metrics[1].points[row.index].time_ms;
        let time = (1_704_067_200 + number as i64 * 600) * 1_000;
        assert!(start <= time && time < start + step.millis(), "row {number}");
    }
}

#[test]
fn downsampling_by_polars_equals_the_grid_and_rows_find_their_bucket() {
    for aggregate in [Aggregate::Mean, Aggregate::Max, Aggregate::Min, Aggregate::Last, Aggregate::Sum] {
        check_downsample(3_600, aggregate);
        check_downsample(5_400, aggregate);
        check_downsample(86_400, aggregate);
        check_downsample(604_800, aggregate);
        check_downsample(1_209_600, aggregate);
    }
}

#[test]
fn downsampling_keeps_series_apart_and_drops_no_row() {
    let text = "series,timestamp,value\na,0,1\nb,30,10\na,330,\na,60,9\na,60,3\nb,600,20\na,-1,4\n";
    let input =
        downsample(parse("x.csv", text), Step::from_secs(300).expect("a step"), Aggregate::Mean).expect("resampled");
    let points = |group: usize| -> Vec<(i64, f64)> {
        input.groups[group].metrics[0].points.iter().map(|Sample { time_ms, value }| (*time_ms, *value)).collect()
    };
    assert_eq!(points(1), [(0, 10.0), (600_000, 20.0)]);
    let a = points(0);
    assert_eq!((a[0], a[1].0, a[1].1.is_nan(), a[2]), ((0, 2.0), 300_000, true, (-300_000, 4.0)));
    let rows: Vec<(usize, usize)> = input.rows.iter().map(|row| (row.group, row.index)).collect();
    assert_eq!(rows, [(0, 0), (1, 0), (0, 1), (0, 0), (0, 0), (1, 1), (0, 2)]);
    assert_eq!(input.rows.time_text(3), "60");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn csv_and_parquet_give_back_what_was_written(
        rows in prop::collection::vec((0..4_usize, -1_000_000_000..4_000_000_000_i64, any::<f64>()), 1..80),
        separator in prop::sample::select(vec![',', ';', '\t', '|']),
        end in prop::sample::select(vec!["\n", "\r\n", "\n\n"]),
    ) {
        // quotes, line breaks and separators within names
        let names = ["plain", "comma, semicolon; bar|", "two\nlines", "a \"quoted\" one"];
        let mut text = format!("series{separator}value{separator}timestamp{end}");
        for (name, time, value) in &rows {
            write!(text, "\"{}\"{separator}{value}{separator}{time}{end}", names[*name].replace('"', "\"\"")).expect("written");
        }
        let csv = parse("all.csv", &text);
        let columns = vec![
            Column::new("series".into(), rows.iter().map(|r| names[r.0]).collect::<Vec<_>>()),
            Column::new("timestamp".into(), rows.iter().map(|r| r.1).collect::<Vec<_>>()),
            Column::new("value".into(), rows.iter().map(|r| r.2).collect::<Vec<_>>()),
        ];
        let table = parse("all.parquet", parquet(columns));
        for input in [csv, table] {
            prop_assert_eq!(input.rows.len(), rows.len());
            for (number, row) in input.rows.iter().enumerate() {
                let (name, time, value) = rows[number];
                let group = &input.groups[row.group];
                let point = group.metrics[0].points[row.index];
                prop_assert_eq!(group.name.as_str(), names[name]);
                prop_assert_eq!((point.time_ms, input.rows.time_text(number).into_owned()), (time * 1_000, time.to_string()));
                prop_assert!(point.value.total_cmp(&value).is_eq() || (point.value.is_nan() && value.is_nan()));
            }
        }
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "data sets lie where a person put them; there is no configuration here")]
fn open_data_sets_are_read_whole() {
    let Ok(root) = std::env::var("TIDEWATCH_DATASETS") else { return };
    let (mut files, mut rows) = (0, 0);
    for set in ["nab", "kpi", "mscloud", "smd"] {
        for path in list(&Path::new(&root).join(set).join("series")).expect("a listing").files {
            let input = read(&path, &Settings::default()).unwrap_or_else(|e| panic!("{e}"));
            let prepared =
                input.groups[0].prepare(None, &series::Settings::default()).unwrap_or_else(|e| panic!("{e}"));
            for row in input.rows.iter() {
                let time = input.groups[row.group].metrics[0].points[row.index].time_ms;
                assert!(prepared.slots.index_of(time).is_some(), "{}", path.display());
            }
            println!(
                "{set} {} rows {} points {} step {} {:?}",
                input.groups[0].name,
                input.rows.len(),
                prepared.entity.len(),
                prepared.entity.step(),
                prepared.quality[0]
            );
            (files, rows) = (files + 1, rows + input.rows.len());
        }
    }
    let named = |time: &str, series: &str, value: &str| Settings {
        time_column: Some(time.to_owned()),
        series_column: Some(series.to_owned()),
        value_column: Some(value.to_owned()),
        ..Settings::default()
    };
    let capacity = Path::new(&root).join("capacity");
    for (name, settings) in [
        ("azure_v2_region_month_5min.csv.gz", Settings::default()),
        ("google2011_vms_24h_5min_even.parquet", named("step", "vm", "cpu")),
        ("azure_vm_noise_long_daily_median.parquet", named("day", "VM_id", "value")),
    ] {
        let input = read(&capacity.join(name), &settings).unwrap_or_else(|e| panic!("{e}"));
        println!("{name}: {} groups, {} rows, {:?}", input.groups.len(), input.rows.len(), input.notes);
        (files, rows) = (files + 1, rows + input.rows.len());
    }
    assert!(files > 100 && rows > 1_000_000, "{files} files, {rows} rows");
}
