//! The demo's data: it is what its generator makes, it holds what its truth says, and it keeps the file contracts.

#![expect(clippy::expect_used, reason = "a test stops when the data is not what it should be")]

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tidewatch::series::Labels;

const STEPS: usize = 6 * 7 * 288;

fn demo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/demo")
}

fn json(name: &str) -> Value {
    let text = std::fs::read_to_string(demo().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn time(value: &Value) -> Timestamp {
    value.as_str().expect("a time").parse().unwrap_or_else(|e| panic!("{value}: {e}"))
}

/// A wide file: time to the values of its columns, in the order of the header.
struct Wide {
    columns: Vec<String>,
    rows: BTreeMap<Timestamp, Vec<f64>>,
}

impl Wide {
    fn column(&self, name: &str, range: std::ops::Range<&str>) -> Vec<f64> {
        let index = self.columns.iter().position(|column| column == name).expect("the column");
        let at = |text: &str| -> Timestamp { text.parse().expect("a time") };
        self.rows.range(at(range.start)..at(range.end)).map(|(_, values)| values[index]).collect()
    }
}

fn lines(name: &str) -> Vec<String> {
    let packed = std::fs::File::open(demo().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed).read_to_string(&mut text).expect("a gzip file of text");
    text.lines().map(str::to_owned).collect()
}

fn wide(name: &str) -> Wide {
    let lines = lines(name);
    let columns: Vec<String> = lines[0].split(',').skip(1).map(str::to_owned).collect();
    let mut rows = BTreeMap::new();
    let mut before = None;
    for line in &lines[1..] {
        let (at, values) = line.split_once(',').expect("a time and values");
        let at: Timestamp = at.parse().expect("a time");
        assert!(before < Some(at), "{name}: {at} is not after {before:?}");
        assert_eq!(at.as_second() % 300, 0, "{name}: {at} is off the grid");
        let values: Vec<f64> = values.split(',').map(|value| value.parse().expect("a number")).collect();
        assert!(values.iter().all(|value| value.is_finite() && *value >= 0.0), "{name}: {line}");
        assert_eq!(values.len(), columns.len(), "{name}: {line}");
        rows.insert(at, values);
        before = Some(at);
    }
    Wide { columns, rows }
}

fn long(name: &str) -> BTreeMap<String, Vec<(Timestamp, f64)>> {
    let mut series: BTreeMap<String, Vec<(Timestamp, f64)>> = BTreeMap::new();
    let lines = lines(name);
    assert_eq!(lines[0], "series,timestamp,value");
    for line in &lines[1..] {
        let [name, at, value] = line.split(',').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let point = (at.parse().expect("a time"), value.parse().expect("a number"));
        series.entry(name.to_owned()).or_default().push(point);
    }
    series
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn deviation(values: &[f64]) -> f64 {
    let centre = mean(values);
    (values.iter().map(|value| (value - centre).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
}

fn generate(arguments: &[&Path]) -> Output {
    Command::new("python3")
        .arg(demo().join("generate.py"))
        .args(arguments)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("python3 runs the generator; `make test-tools` installs it")
}

#[test]
fn the_generator_makes_exactly_these_files() {
    let output = generate(&[Path::new("--check")]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_generator_sees_a_changed_file() {
    let copy = tempfile::tempdir().expect("a temporary folder");
    for entry in std::fs::read_dir(demo()).expect("data/demo") {
        let path = entry.expect("a readable entry").path();
        if path.is_file() {
            std::fs::copy(&path, copy.path().join(path.file_name().expect("a name"))).expect("a copy");
        }
    }
    let events = json("deploys.json").to_string().replace("4.12.0", "4.12.9");
    std::fs::write(copy.path().join("deploys.json"), events).expect("a writable folder");
    let output = generate(&[Path::new("--check"), Path::new("--out"), copy.path()]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("deploys.json") && !said.contains("truth.json"), "{said}");
}

#[test]
fn the_demo_is_small() {
    let sizes = std::fs::read_dir(demo()).expect("data/demo").map(|entry| entry.expect("an entry").metadata());
    let total: u64 = sizes.map(|metadata| metadata.expect("metadata").len()).sum();
    assert!(total <= 3_000_000, "{total} bytes");
}

#[test]
fn instances_share_the_traffic_and_miss_only_what_the_truth_says() {
    let instances = ["web-0.csv.gz", "web-1.csv.gz", "web-2.csv.gz"].map(wide);
    let total = wide("traffic.csv.gz");
    assert_eq!(total.rows.len(), STEPS);
    assert_eq!(instances.each_ref().map(|one| one.rows.len()), [STEPS, STEPS - 8 - 2, STEPS]);
    for (at, values) in &total.rows {
        let parts: Vec<f64> = instances.iter().filter_map(|one| Some(one.rows.get(at)?[1])).collect();
        if parts.len() == 3 {
            assert!((parts.iter().sum::<f64>() - values[0]).abs() < 0.05, "{at}: {parts:?} against {values:?}");
        }
    }
    for one in &instances {
        for (at, values) in &one.rows {
            let [latency, _, errors, cores, memory] = values[..] else { panic!("five columns") };
            assert!((0.03..2.0).contains(&latency) && (0.0..=1.0).contains(&errors), "{at}: {values:?}");
            assert!((0.0..4.0).contains(&cores) && (1e9..4.3e9).contains(&memory), "{at}: {values:?}");
        }
    }
}

#[test]
fn the_truth_names_files_columns_and_times_that_exist() {
    let truth = json("truth.json");
    let (start, end) = (time(&truth["start"]), time(&truth["end"]));
    assert_eq!(end.duration_since(start), SignedDuration::from_hours(6 * 7 * 24));
    let incidents = truth["incidents"].as_array().expect("incidents");
    let expecting = |what: &str| incidents.iter().filter(|one| one["expect"] == what).count();
    assert_eq!((expecting("alert"), expecting("quiet")), (9, 5));
    for one in incidents {
        let (from, to) = (time(&one["from"]), time(&one["to"]));
        assert!(start <= from && from < to && to <= end, "{one}");
        for file in one["files"].as_array().expect("files") {
            let data = wide(file.as_str().expect("a name"));
            let columns = one["columns"].as_array().expect("columns");
            let known = columns.iter().any(|column| data.columns.iter().any(|known| column == known));
            assert!(known, "{file} has none of {columns:?}");
        }
    }
}

#[test]
fn what_is_planted_shows_in_the_data() {
    let [first, second, third] = ["web-0.csv.gz", "web-1.csv.gz", "web-2.csv.gz"].map(wide);
    let slow = "latency_p95_seconds";
    let surge = first.column(slow, "2026-05-13T11:20:00Z".."2026-05-13T12:35:00Z");
    assert!(mean(&surge) > 2.0 * mean(&first.column(slow, "2026-05-13T09:00:00Z".."2026-05-13T11:20:00Z")));
    let leak = second.column("memory_bytes", "2026-05-16T06:00:00Z".."2026-05-18T03:55:00Z");
    assert!(leak[leak.len() - 3] > 4.1e9 && leak[leak.len() - 1] < 1.5e9, "the leak ends in a restart");
    let stuck = third.column("cpu_cores", "2026-05-20T15:05:00Z".."2026-05-20T15:55:00Z");
    assert!(stuck.len() == 10 && deviation(&stuck) < 1e-12, "a stuck instance is flat");
    let shifted = first.column(slow, "2026-05-21T10:00:00Z".."2026-05-23T09:00:00Z");
    let usual = first.column(slow, "2026-04-30T10:00:00Z".."2026-05-02T09:00:00Z");
    assert!((1.15..1.30).contains(&(mean(&shifted) / mean(&usual))), "the release is about 22 % slower");
    let noisy = first.column(slow, "2026-05-28T08:00:00Z".."2026-05-28T13:00:00Z");
    let calm = first.column(slow, "2026-05-21T08:00:00Z".."2026-05-21T10:00:00Z");
    assert!(deviation(&noisy) > 3.0 * deviation(&calm));
    let total = wide("traffic.csv.gz");
    let outage = total.column("requests_per_second", "2026-05-26T18:10:00Z".."2026-05-26T18:50:00Z");
    let before = total.column("requests_per_second", "2026-05-26T17:30:00Z".."2026-05-26T18:10:00Z");
    assert!(mean(&outage) < 0.2 * mean(&before));
    let backlog = wide("queue.csv.gz").column("queue_depth", "2026-05-29T13:00:00Z".."2026-05-29T15:10:00Z");
    assert!(backlog.iter().copied().fold(0.0, f64::max) > 1_000.0);
    let blip = third.column(slow, "2026-05-27T07:20:00Z".."2026-05-27T07:35:00Z");
    assert!(blip[1] > 1.6 * blip[0] && blip[1] > 1.6 * blip[2], "a blip is one point: {blip:?}");
}

#[test]
fn one_disk_fills_and_the_other_saws() {
    let truth = json("truth.json");
    let disks = long("disks.csv.gz");
    for volume in truth["exhaustion"].as_array().expect("volumes") {
        let points = &disks[volume["series"].as_str().expect("a name")];
        let limit = volume["limit"].as_f64().expect("a limit");
        assert_eq!(points.len(), STEPS);
        assert!(points.iter().all(|(_, used)| (0.0..0.9 * limit).contains(used)), "{volume}");
        let falls = points.windows(2).filter(|pair| pair[1].1 < pair[0].1 - 0.008 * limit).count();
        let (first, last) = (points[0].1, points[STEPS - 1].1);
        if volume["runs_out"] == true {
            assert!(falls >= 41, "cleaned {falls} times in 42 nights");
            assert!(last > first + 1.5e11, "{first} to {last}");
            let dates = ["p10", "p50", "p90"].map(|name| time(&volume[name]));
            let interval = [time(&volume["interval"][0]), time(&volume["interval"][1])];
            assert!(time(&truth["end"]) < interval[0] && interval[0] < dates[0], "{volume}");
            assert!(dates[0] < dates[1] && dates[1] < dates[2] && dates[2] < interval[1], "{volume}");
            assert!((interval[0]..interval[1]).contains(&time(&volume["at"])), "{volume}");
        } else {
            assert!((10..40).contains(&falls), "pruned {falls} times");
            assert!(volume["at"].is_null() && volume["interval"].is_null());
        }
    }
}

#[test]
fn foreign_alerts_are_webhook_bodies_with_true_fingerprints() {
    let bodies = json("alerts.json");
    for body in bodies.as_array().expect("bodies") {
        assert_eq!(body["version"], "4");
        let alerts = body["alerts"].as_array().expect("alerts");
        assert!(!alerts.is_empty());
        for alert in alerts {
            let labels: Labels = serde_json::from_value(alert["labels"].clone()).expect("labels");
            assert_eq!(alert["fingerprint"], labels.fingerprint().to_string());
            assert_eq!(alert["status"], body["status"]);
            assert!(time(&alert["startsAt"]) < time(&json("truth.json")["end"]));
            assert_eq!(alert["endsAt"] == "0001-01-01T00:00:00Z", alert["status"] == "firing", "{alert}");
        }
    }
}

#[test]
fn the_inventory_and_the_events_fit_the_data() {
    let inventory = json("inventory.json");
    let disks = long("disks.csv.gz");
    for volume in inventory["volumes"].as_array().expect("volumes") {
        assert!(disks.contains_key(volume["series"].as_str().expect("a name")), "{volume}");
    }
    for workload in inventory["workloads"].as_array().expect("workloads") {
        for file in workload["files"].as_array().expect("files") {
            assert!(demo().join(file.as_str().expect("a name")).exists(), "{file}");
        }
    }
    let times: Vec<Timestamp> =
        json("deploys.json").as_array().expect("events").iter().map(|one| time(&one["at"])).collect();
    assert!(times.is_sorted() && times.len() == 6);
}
