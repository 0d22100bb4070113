//! The sinks against fake receivers: what goes over the wire, and what a failure means.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};
use tidewatch::alert::{Alert, Enrichment, Identity, Origin};
use tidewatch::capacity::{Change, ChangeKind, Quantity, Recommendation, Risk};
use tidewatch::detect::{Direction, Reason};
use tidewatch::series::{HumanDuration, Labels, Unit};
use tidewatch::severity::{Assessment, Severity};
use tidewatch::sink::{
    AlertSink, AlertmanagerSettings, AlertmanagerSink, BasicAuth, FileSettings, FileSink, HttpSettings, Notice,
    SinkError, StdoutSink, WebhookSettings, WebhookSink,
};

use crate::prometheus::fake::{Fake, Reply};

const KEY: &str = "key-1";

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn firing() -> Alert {
    let identity = Identity {
        origin: Origin::Detector,
        alertname: "HighLatency".to_owned(),
        labels: Labels::new().with("service", "checkout").with("k8s.pod", "web-1"),
        annotations: BTreeMap::from([("dashboard".to_owned(), "https://grafana.example/d/1".to_owned())]),
        generator_url: Some("https://tidewatch.example/detectors/latency".to_owned()),
    };
    let mut alert = Alert::firing(identity, at("2026-03-01T10:00:00.25Z"), at("2026-03-01T10:05:00Z"));
    alert.assessment = Some(Assessment {
        severity: Severity::Critical,
        probabilities: [0.7, 0.2, 0.075, 0.025],
        abstained: false,
        because: Vec::new(),
        model: "boosted-trees-1".to_owned(),
    });
    alert.enrichment = Enrichment {
        series: Some("checkout_latency".to_owned()),
        unit: Unit::Seconds,
        value: Some(0.9),
        lower: Some(0.12),
        upper: Some(0.18),
        score: Some(2.346),
        direction: Some(Direction::Above),
        since: Some(at("2026-03-01T09:58:00Z")),
        reasons: vec![Reason::AboveExpected],
        ..Enrichment::default()
    };
    alert
}

fn resolved() -> Alert {
    let mut alert = firing();
    alert.resolve(at("2026-03-01T10:30:00Z"), at("2026-03-01T10:31:00Z"));
    alert
}

fn notice(alerts: impl Into<Vec<Alert>>) -> Notice {
    Notice::Alerts { alerts: alerts.into() }
}

fn recommendations() -> Notice {
    let gib = |value: f64| Quantity { value: value * f64::from(1 << 30), unit: Unit::Bytes };
    let recommendation = Recommendation {
        subject: "disk".to_owned(),
        changes: vec![Change { what: ChangeKind::VolumeSize, from: Some(gib(100.0)), to: gib(160.0) }],
        by: Some(at("2026-03-18T00:00:00Z")),
        text: "Grow the volume from 100 GiB to 160 GiB before 2026-03-18.".to_owned(),
        risk: Some(Risk { before: 0.4, after: 0.01 }),
        confidence: 0.8,
        because: vec!["grows by 1 GiB per day".to_owned()],
        patch: Some(json!({"spec": {"resources": {"requests": {"storage": "160Gi"}}}})),
    };
    Notice::Recommendations { recommendations: vec![recommendation] }
}

fn forward() -> Notice {
    Notice::Forward { body: json!({"version": "4", "alerts": [], "unknown": {"kept": [1, 2]}}) }
}

fn alertmanager(urls: &[&str]) -> AlertmanagerSink {
    let urls = urls.iter().map(|url| (*url).to_owned()).collect();
    let http = HttpSettings { timeout: HumanDuration::from_secs(2), ..HttpSettings::default() };
    AlertmanagerSink::new(&AlertmanagerSettings { urls, http, ..AlertmanagerSettings::default() }).expect("a sink")
}

fn webhook(url: &str) -> WebhookSink {
    let http = HttpSettings { timeout: HumanDuration::from_secs(2), ..HttpSettings::default() };
    WebhookSink::new(&WebhookSettings { url: url.into(), http }).expect("a sink")
}

async fn accepting() -> Fake {
    Fake::start(|_, _| Reply::text(200, "")).await
}

#[tokio::test]
async fn every_alertmanager_gets_alerts_without_scores_in_labels() {
    let (first, second) = (accepting().await, accepting().await);
    let sink = alertmanager(&[&first.url, &format!("{}/prefix/", second.url)]);
    sink.deliver(KEY, &notice([firing(), resolved()])).await.expect("both take it");
    let (one, two) = (first.requests(), second.requests());
    assert_eq!((one.len(), two.len()), (1, 1));
    assert_eq!((one[0].method.as_str(), one[0].path.as_str()), ("POST", "/api/v2/alerts"));
    assert_eq!(two[0].path, "/prefix/api/v2/alerts");
    assert_eq!(one[0].headers["content-type"], "application/json");
    assert_eq!(one[0].json(), two[0].json());
    insta::assert_json_snapshot!("alertmanager_body", one[0].json());
    let body = one[0].json();
    assert_eq!(body[0]["labels"], body[1]["labels"], "an alert that resolves is the same alert");
    let names: Vec<&String> = body[0]["labels"].as_object().expect("labels").keys().collect();
    assert_eq!(names, ["alertname", "k8s_pod", "service", "severity"]);
}

#[tokio::test]
async fn a_severity_that_came_with_the_alert_stays_its_label() {
    let server = accepting().await;
    let mut alert = firing();
    alert.labels.insert("severity", "page");
    alert.generator_url = Some("javascript:alert(1)".to_owned());
    alert.updated_at = Timestamp::MAX;
    alertmanager(&[&server.url]).deliver(KEY, &notice([alert])).await.expect("taken");
    let body = server.requests()[0].json();
    assert_eq!(body[0]["labels"]["severity"], "page");
    assert_eq!(body[0]["annotations"]["tidewatch_severity"], "critical");
    assert!(body[0].get("generatorURL").is_none());
    assert!(body[0]["endsAt"].as_str().is_some_and(|end| end.starts_with("9999-")));
}

#[tokio::test]
async fn many_alerts_go_in_batches() {
    let server = accepting().await;
    let alerts: Vec<Alert> = vec![firing(); 600];
    alertmanager(&[&server.url]).deliver(KEY, &notice(alerts)).await.expect("taken");
    let sizes: Vec<usize> = server.requests().iter().map(|r| r.json().as_array().expect("a list").len()).collect();
    assert_eq!(sizes, [256, 256, 88]);
}

#[tokio::test]
async fn one_alertmanager_that_fails_fails_the_delivery_but_not_the_others() {
    let good = accepting().await;
    let bad = Fake::start(|_, _| Reply::text(503, "starting").with("retry-after", "7")).await;
    let error = alertmanager(&[&bad.url, &good.url]).deliver(KEY, &notice([firing()])).await.expect_err("one failed");
    let SinkError::Retry { destination, message, retry_after_secs } = &error else { panic!("{error}") };
    assert_eq!((destination, *retry_after_secs), (&format!("{}/api/v2/alerts", bad.url), Some(7)));
    assert_eq!(message, "answered status 503: starting");
    assert_eq!(good.requests().len(), 1);
    let hangs = Fake::start(|_, _| Reply { delay: Duration::from_secs(60), ..Reply::text(200, "") }).await;
    let begin = Instant::now();
    let error = alertmanager(&[&hangs.url, &good.url]).deliver(KEY, &notice([firing()])).await.expect_err("hangs");
    assert!(error.is_retryable() && error.to_string().contains("did not answer within 2s"), "{error}");
    assert!(begin.elapsed() < Duration::from_secs(10));
    assert_eq!(good.requests().len(), 2);
}

#[tokio::test]
async fn an_alertmanager_takes_nothing_but_alerts() {
    let server = accepting().await;
    for notice in [recommendations(), forward()] {
        let error = alertmanager(&[&server.url]).deliver(KEY, &notice).await.expect_err("no alerts");
        assert!(!error.is_retryable() && error.to_string().contains("takes alerts only"), "{error}");
    }
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn a_webhook_gets_a_documented_body_and_the_key() {
    let server = Fake::start(|_, _| Reply::text(204, "")).await;
    let http = HttpSettings {
        basic_auth: Some(BasicAuth { username: "u".to_owned(), password: "canary".into() }),
        headers: BTreeMap::from([("X-Team".to_owned(), "a".into())]),
        ..HttpSettings::default()
    };
    let url = format!("{}/hook?token=canary", server.url);
    let sink = WebhookSink::new(&WebhookSettings { url: url.as_str().into(), http }).expect("a sink");
    for notice in [notice([firing()]), recommendations(), forward()] {
        sink.deliver(KEY, &notice).await.expect("taken");
    }
    let requests = server.requests();
    for request in &requests {
        assert_eq!((request.path.as_str(), request.query.as_str()), ("/hook", "token=canary"));
        assert_eq!((request.headers["idempotency-key"].as_str(), request.headers["x-team"].as_str()), (KEY, "a"));
        assert_eq!(request.headers["authorization"], "Basic dTpjYW5hcnk=");
        assert_eq!(request.headers["content-type"], "application/json");
    }
    insta::assert_json_snapshot!("webhook_alerts", requests[0].json());
    insta::assert_json_snapshot!("webhook_recommendations", requests[1].json());
    let Notice::Forward { body } = forward() else { panic!("a body") };
    assert_eq!(requests[2].json(), body, "passed on as it came");
    assert!(!format!("{sink:?}").contains("canary"), "{sink:?}");
}

/// What a webhook makes of a reply: whether to retry, after how long, and the message.
async fn meaning(reply: Reply) -> (bool, Option<u64>, String) {
    let server = Fake::start(move |_, _| reply.clone()).await;
    let error = webhook(&format!("{}/secret-path", server.url)).deliver(KEY, &notice([firing()])).await;
    let error = error.expect_err("a failure");
    assert!(!error.to_string().contains("secret-path"), "{error}");
    assert_eq!(server.requests().len(), 1, "the sink does not retry by itself");
    match &error {
        SinkError::Retry { retry_after_secs, .. } => (true, *retry_after_secs, error.to_string()),
        SinkError::Permanent { .. } => (false, None, error.to_string()),
    }
}

#[tokio::test]
async fn every_status_means_success_again_or_never() {
    for status in [408, 429, 500, 502, 503, 504, 599] {
        assert!(meaning(Reply::text(status, "")).await.0, "{status}");
    }
    for status in [300, 301, 304, 307, 400, 401, 403, 404, 410, 413, 422] {
        assert!(!meaning(Reply::text(status, "").with("location", "http://127.0.0.1:1/")).await.0, "{status}");
    }
    for status in [200, 201, 202, 204] {
        let server = Fake::start(move |_, _| Reply::text(status, "")).await;
        webhook(&server.url).deliver(KEY, &notice([firing()])).await.expect("success");
    }
    assert_eq!(meaning(Reply::text(429, "").with("retry-after", "30")).await.1, Some(30));
    let refusal = Reply::bytes(422, format!("line\none\u{1b}[2J {}", "x".repeat(100_000)).into_bytes());
    let (_, _, message) = meaning(refusal).await;
    assert!(message.contains("answered status 422: line one [2J xxx") && message.len() < 400, "{message}");
    assert!(!message.contains(char::is_control));
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_is_not_followed() {
    let other = accepting().await;
    let (again, _, message) = meaning(Reply::text(307, "").with("location", &other.url)).await;
    assert!(!again && message.contains("answered a redirect (status 307), which is not followed"), "{message}");
    assert_eq!(other.requests().len(), 0);
}

#[tokio::test]
async fn nobody_there_is_worth_a_retry_and_a_key_that_is_no_header_is_not() {
    let error = webhook("http://127.0.0.1:1/x").deliver(KEY, &forward()).await.expect_err("nobody");
    assert!(error.is_retryable() && error.to_string().starts_with("http://127.0.0.1:1: cannot be reached:"), "{error}");
    let server = accepting().await;
    let error = webhook(&server.url).deliver("a\nb", &forward()).await.expect_err("a bad key");
    assert!(!error.is_retryable(), "{error}");
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn a_file_gets_whole_lines_also_after_a_crash() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("alerts.jsonl");
    std::fs::write(&path, b"{\"torn\":").expect("writes");
    let sink = FileSink::new(FileSettings { path: path.clone(), fsync: true }).expect("a sink");
    sink.deliver(KEY, &notice([firing(), resolved()])).await.expect("written");
    sink.deliver("key-2", &recommendations()).await.expect("written");
    sink.deliver("key-3", &forward()).await.expect("written");
    let text = std::fs::read_to_string(&path).expect("reads");
    let lines: Vec<&str> = text.lines().collect();
    assert!(text.ends_with('\n') && lines.len() == 5 && lines[0] == "{\"torn\":", "{text}");
    let parsed: Vec<Value> = lines[1..].iter().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    insta::assert_json_snapshot!("file_lines", parsed);
}

#[tokio::test]
async fn deliveries_side_by_side_do_not_mix_their_lines() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("alerts.jsonl");
    let sink = Arc::new(FileSink::new(FileSettings { path: path.clone(), fsync: false }).expect("a sink"));
    let mut running = tokio::task::JoinSet::new();
    for key in 0..20 {
        let sink = Arc::clone(&sink);
        running.spawn(async move { sink.deliver(&format!("k{key}"), &notice(vec![firing(); 10])).await });
    }
    for result in running.join_all().await {
        result.expect("written");
    }
    let text = std::fs::read_to_string(&path).expect("reads");
    let keys: Vec<String> = text
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).expect("JSON")["idempotency_key"].as_str().expect("a key").to_owned()
        })
        .collect();
    assert_eq!(keys.len(), 200);
    assert!(keys.chunks(10).all(|chunk| chunk.iter().all(|key| *key == chunk[0])), "a delivery stays together");
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_said() {
    let directory = tempfile::tempdir().expect("a directory");
    let refused = |path: std::path::PathBuf| {
        FileSink::new(FileSettings { path, fsync: false }).expect_err("cannot be a file").to_string()
    };
    assert!(refused(directory.path().join("absent/alerts.jsonl")).contains("a directory that does not exist"));
    assert!(refused(std::path::PathBuf::new()).contains("file.path must name a file"));
    let settings = FileSettings { path: directory.path().join("taken"), fsync: false };
    std::fs::create_dir(&settings.path).expect("a directory in the way");
    let error = FileSink::new(settings).expect("a sink").deliver(KEY, &forward()).await.expect_err("a directory");
    assert!(error.is_retryable() && error.to_string().contains("cannot be written"), "{error}");
}

/// Bytes that a test can look at, or a pipe that is closed.
#[derive(Clone, Default)]
struct Pipe(Option<Arc<Mutex<Vec<u8>>>>);

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match &self.0 {
            Some(kept) => kept.lock().expect("a lock").write(bytes),
            None => Err(std::io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn standard_output_gets_the_same_lines_and_a_closed_pipe_is_final() {
    let pipe = Pipe(Some(Arc::default()));
    StdoutSink::to(pipe.clone()).deliver(KEY, &notice([firing()])).await.expect("written");
    let bytes = pipe.0.expect("kept").lock().expect("a lock").clone();
    let line: Value = serde_json::from_slice(&bytes).expect("JSON");
    assert!(bytes.ends_with(b"\n"));
    assert_eq!((line["kind"].as_str(), line["idempotency_key"].as_str()), (Some("alert"), Some(KEY)));
    assert_eq!(line["alert"]["annotations"]["tidewatch_expected_range"], "120 ms to 180 ms (now 900 ms)");
    let error = StdoutSink::to(Pipe(None)).deliver(KEY, &forward()).await.expect_err("closed");
    assert!(!error.is_retryable() && error.to_string().starts_with("standard output: cannot be written"), "{error}");
}

#[test]
fn settings_that_cannot_work_are_refused_with_what_is_allowed() {
    let refused = |settings: AlertmanagerSettings| AlertmanagerSink::new(&settings).expect_err("refused").to_string();
    let default = AlertmanagerSettings::default;
    assert!(refused(AlertmanagerSettings { urls: Vec::new(), ..default() }).contains("at least one Alertmanager"));
    let never = AlertmanagerSettings { resolve_after: HumanDuration::from_secs(0), ..default() };
    assert_eq!(refused(never), "alertmanager.resolve_after must be 1s to 1d, got 0s");
    let urls = vec!["http://ok:9093".to_owned(), "ok:9093".to_owned()];
    assert!(refused(AlertmanagerSettings { urls, ..default() }).starts_with("alertmanager.urls[1] must begin with"));
    assert!(serde_json::from_str::<AlertmanagerSettings>(r#"{"url":"x"}"#).is_err(), "unknown keys are errors");
    let shown = format!("{:?}", WebhookSettings { url: "http://h/canary".into(), http: HttpSettings::default() });
    assert!(!shown.contains("canary"), "{shown}");
}

#[test]
fn a_notice_survives_the_outbox() {
    for notice in [notice([firing(), resolved()]), recommendations(), forward()] {
        let kept = serde_json::to_string(&notice).expect("serialises");
        assert_eq!(serde_json::from_str::<Notice>(&kept).expect("reads back"), notice);
    }
}
