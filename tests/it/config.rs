//! The configuration: what is read, and one file for each way to get it wrong.

#![expect(clippy::expect_used, reason = "a failed expectation fails the test")]

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use tempfile::TempDir;
use tidewatch::config::{CapacityKind, Config, ConfigError, Destination, Environment, MAX_BYTES, Source};
use tidewatch::detect::{FalseAlarmBudget, Watch};
use tidewatch::series::{HumanDuration, Labels};
use tidewatch::severity::Severity;

const CANARY: &str = "canary-5f1e";

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(name)
}

fn environment() -> Environment {
    let long = CANARY.repeat(50);
    Environment::of([
        ("SECRET", CANARY),
        ("MIMIR_PASSWORD", CANARY),
        ("HOOK_SECRET", CANARY),
        ("PORT", "9191"),
        ("LONG", &long),
    ])
}

/// Every problem of `text`, a line each.
#[track_caller]
fn problems(text: &str) -> String {
    let problems = Config::parse(text, &environment()).expect_err("is wrong");
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}

#[track_caller]
fn parse(text: &str) -> Config {
    Config::parse(text, &environment()).unwrap_or_else(|problems| {
        panic!("{}", problems.iter().map(|problem| format!("{problem}\n")).collect::<String>())
    })
}

#[test]
fn every_defect_is_named_with_its_place_and_what_is_allowed() {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder("fixtures/config"))
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    assert!(files.len() > 40, "{}", files.len());
    let mut report = String::new();
    for path in files {
        let text = std::fs::read_to_string(&path).expect("reads");
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let with_files = environment().with_files(folder("fixtures/config"));
        let wrong = Config::parse(&text, &with_files).expect_err(&name);
        let found: String = wrong.iter().map(|problem| format!("{problem}\n")).collect();
        assert!(!found.contains(CANARY) && !found.contains("hunter2"), "{name} shows a secret: {found}");
        report.push_str(&format!("== {name}\n{found}"));
    }
    insta::assert_snapshot!(report);
}

#[test]
fn the_example_shows_every_key_and_parses() {
    let text = std::fs::read_to_string(folder("config/tidewatch.example.yaml")).expect("reads");
    let config = parse(&text);
    let defaults = Config::default();
    assert_eq!(config.retention, defaults.retention, "the example states the defaults");
    assert_eq!(config.http, defaults.http);
    assert_eq!((config.detectors.len(), config.capacity.len(), config.notify.destinations.len()), (3, 2, 4));
    assert_eq!(config.detectors[0].direction, Watch::Above);
    assert_eq!(config.detectors[0].labels, Labels::new().with("team", "checkout"));
    assert_eq!(config.capacity[0].kind, CapacityKind::Volume);
    assert_eq!(config.severity.floors[0].at_least, Severity::Error);
    // Every key that can be written stands in the example, be it in a comment.
    let keys = serde_json::to_value(&config).expect("serialises");
    let mut missing = Vec::new();
    collect_missing(&keys, &text, &mut missing);
    assert_eq!(missing, Vec::<String>::new());
}

fn collect_missing(value: &serde_json::Value, text: &str, missing: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(map) => {
            for (key, inner) in map {
                if !text.contains(key.as_str()) {
                    missing.push(key.clone());
                }
                collect_missing(inner, text, missing);
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| collect_missing(item, text, missing)),
        _ => {}
    }
}

#[test]
fn the_demo_parses_without_environment() {
    let config = Config::default_for_demo().expect("parses");
    assert!(!config.detectors.is_empty() && !config.forecasts.is_empty() && !config.capacity.is_empty());
    assert!(config.http.listen.ip().is_loopback());
    assert!(config.notify.destinations.values().all(|to| matches!(to, Destination::Stdout(_))));
}

#[test]
fn the_shortest_detector_has_the_documented_defaults() {
    let config = parse(
        "sources: { prod: { prometheus: { url: http://localhost:9090 } } }\n\
         detectors: [ { name: a, source: prod, query: up, step: 1m } ]\n",
    );
    let detector = &config.detectors[0];
    assert_eq!(detector.history, HumanDuration::from_days(28));
    assert_eq!(detector.false_alarms, "1 per week".parse::<FalseAlarmBudget>().expect("a budget"));
    assert_eq!(detector.direction, Watch::Both);
    assert_eq!(config.enrich.timeout, HumanDuration::from_secs(2));
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:7878");
}

#[test]
fn references_are_filled_in_and_never_shown() {
    let dir = TempDir::new().expect("dir");
    std::fs::write(dir.path().join("token"), format!("{CANARY}\n")).expect("writes");
    let text = "sources:\n  prod:\n    prometheus:\n      url: http://localhost:${env:PORT}/x\n      \
                bearer_token: ${file:token}\n      headers: { X-Scope-OrgID: team-a, X-Literal: '$${env:PORT}', \
                X-Other: '${HOME} $1' }\n      max_series: ${env:PORT}\n";
    let config = Config::parse(text, &environment().with_files(dir.path())).expect("parses");
    let Source::Prometheus(prometheus) = &config.sources["prod"] else { panic!("{config:?}") };
    assert_eq!(prometheus.url.as_str(), "http://localhost:9191/x");
    assert_eq!(prometheus.bearer_token.as_ref().expect("is there").expose(), CANARY);
    assert_eq!(prometheus.headers["X-Literal"].expose(), "${env:PORT}");
    assert_eq!(prometheus.headers["X-Other"].expose(), "${HOME} $1");
    assert_eq!(prometheus.max_series, 9191);
    let shown = format!("{config:?} {} {:?}", serde_json::to_string(&config).expect("serialises"), environment());
    assert!(!shown.contains(CANARY), "{shown}");
}

#[test]
fn a_secret_in_the_wrong_place_is_not_shown_either() {
    for text in [
        "detectors: [ { name: '${env:SECRET} x', source: a, query: up, step: 1m } ]",
        "detectors: [ { name: a, source: '${env:SECRET}', query: up, step: '${env:SECRET}' } ]",
        "http: { listen: '${env:SECRET}' }",
        "http: { max_in_flight: '${env:SECRET}' }",
        "http: { allow_remote: '${env:SECRET}' }",
        "notify: { routes: [ { to: ['${env:SECRET}'] } ] }",
        "runbooks: [ { url: '${env:SECRET}' } ]",
        "runbooks: [ { url: '${env:SECRET}/{{a}}' } ]",
        "sources: { a: { prometheus: { url: 'http://u:${env:SECRET}@host/' } } }",
        "detectors: [ { name: '${env:LONG}', source: '${env:LONG}', query: up, step: 1m, direction: '${env:LONG}' } ]",
        "sources: { a: '${env:SECRET}' }",
        "sources: '${env:SECRET}'",
        "severity: { floors: [ { match: { a: b }, at_least: '${env:SECRET}' } ] }",
        "forecasts: [ { name: a, source: b, query: up, step: 1h, horizon: 1d, schedule: '${env:SECRET}' } ]",
        "enrich: { timeout: 1h, forward_to: ['${env:SECRET}'] }",
    ] {
        let found = problems(text);
        assert!(!found.contains(CANARY), "{text}: {found}");
    }
}

#[test]
fn label_values_keep_their_text() {
    let config = parse("runbooks: [ { match: { port: 8080, version: 1.10, on: true, zero: 007 }, url: http://a/ } ]");
    let expected = Labels::new().with("port", "8080").with("version", "1.10").with("on", "true").with("zero", "007");
    assert_eq!(config.runbooks[0].matches, expected);
}

#[test]
fn anchors_in_measure_are_fine() {
    let repeated = parse(
        "sources: { prod: { files: { path: data } } }\ndetectors:\n  - { name: a, source: prod, query: &q up, step: &s 1m }\n  \
         - { name: b, source: prod, query: *q, step: *s }\n",
    );
    assert_eq!(repeated.detectors[0].query, repeated.detectors[1].query);
}

#[test]
fn a_file_is_loaded_with_its_path_in_every_message() {
    let dir = TempDir::new().expect("dir");
    let path = dir.path().join("tidewatch.yaml");
    let missing = Config::load(&path).expect_err("is not there").to_string();
    assert!(missing.contains("cannot read configuration") && missing.contains("tidewatch.yaml"), "{missing}");

    std::fs::write(&path, "sources:\n  prod: { files: { path: data } }\nretention: { alerts: 5 }\n").expect("writes");
    let wrong = Config::load(&path).expect_err("is wrong").to_string();
    assert!(
        wrong.contains("tidewatch.yaml is not valid:\n  line 3, column 22: retention.alerts: duration must be like"),
        "{wrong}"
    );

    std::fs::write(dir.path().join("secret"), CANARY).expect("writes");
    let text = "notify: { destinations: { hook: { webhook: { url: http://localhost/, http: { bearer_token: '${file:secret}' } } } } }";
    std::fs::write(&path, text).expect("writes");
    let config = Config::load(&path).expect("paths begin at the file");
    let Destination::Webhook(webhook) = &config.notify.destinations["hook"] else { panic!("{config:?}") };
    assert_eq!(webhook.http.bearer_token.as_ref().expect("is there").expose(), CANARY);
}

#[test]
fn five_megabytes_are_refused_before_they_are_read() {
    let dir = TempDir::new().expect("dir");
    let path = dir.path().join("big.yaml");
    let text = "# filler\n".repeat(5 * 1024 * 1024 / 9 + 1);
    std::fs::write(&path, &text).expect("writes");
    let error = Config::load(&path).expect_err("refuses");
    assert!(matches!(error, ConfigError::TooLarge { got, limit: MAX_BYTES, .. } if got > 5 << 20), "{error}");
    assert!(problems(&text).contains("at most 1048576 are read"));
}

#[test]
fn a_file_that_is_not_text_is_refused() {
    let dir = TempDir::new().expect("dir");
    let path = dir.path().join("binary.yaml");
    std::fs::write(&path, [0xff, 0xfe, 0x00, 0x01]).expect("writes");
    assert!(matches!(Config::load(&path), Err(ConfigError::Read { .. })));
    assert!(matches!(Config::load(dir.path()), Err(ConfigError::Read { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_it_panic(text in "[ -~\n]{0,200}") {
        let _ = Config::parse(&text, &environment());
    }

    #[test]
    fn no_mutilated_example_makes_it_panic_or_show_a_secret(cut in 0_usize..6_000, put in "[ -~\n\t]{0,3}") {
        let mut text = std::fs::read_to_string(folder("config/tidewatch.example.yaml")).expect("reads");
        let at = (0..=cut.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.insert_str(at, &put);
        if let Err(problems) = Config::parse(&text, &environment()) {
            for problem in problems {
                prop_assert!(!problem.to_string().contains(CANARY), "{}", problem);
            }
        }
    }
}
