//! The Prometheus source against a fake server with every fault that a real one, or a proxy before it, may show.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::json;
use tidewatch::series::{HumanDuration, MetricKind, Samples, Step, Unit};
use tidewatch::source::prometheus::{BasicAuth, Prometheus, Settings, Tls};
use tidewatch::source::{Range, SeriesSource, SourceError};

use fake::{Fake, Recorded, Reply};

/// Settings that try again at once.
fn settings(url: &str) -> Settings {
    Settings {
        url: url.to_owned(),
        timeout: HumanDuration::from_secs(5),
        retry_base: HumanDuration::from(Duration::from_millis(1)),
        ..Settings::default()
    }
}

fn source(url: &str) -> Prometheus {
    Prometheus::new(settings(url)).expect("a source")
}

fn range(start: i64, end: i64, step: i64) -> Range {
    Range {
        start: Timestamp::from_second(start).expect("start"),
        end: Timestamp::from_second(end).expect("end"),
        step: Step::from_secs(step).expect("step"),
    }
}

fn matrix(series: &serde_json::Value) -> Reply {
    Reply::json(200, &json!({"status": "success", "data": {"resultType": "matrix", "result": series}}))
}

/// Two series on the grid that was asked for; the value is the time.
fn two_series(request: &Recorded) -> Reply {
    let field = |name: &str| request.form[name].parse::<i64>().expect("whole seconds");
    let points: Vec<_> = (field("start")..=field("end"))
        .step_by(usize::try_from(field("step")).expect("a step"))
        .map(|time| json!([time, time.to_string()]))
        .collect();
    let series = |job: &str| json!({"metric": {"__name__": "up", "job": job}, "values": points});
    matrix(&json!([series("b"), series("a")]))
}

fn one_point() -> Reply {
    matrix(&json!([{"metric": {"job": "a"}, "values": [[1_000, "1"]]}]))
}

async fn fetch(source: &Prometheus) -> Result<Vec<Samples>, SourceError> {
    source.fetch("rate(up[5m])", range(0, 1_000, 10)).await
}

/// What the source says to one reply, without retries.
async fn outcome(reply: Reply) -> Result<Vec<Samples>, SourceError> {
    let server = Fake::start(move |_, _| reply.clone()).await;
    fetch(&Prometheus::new(Settings { retries: 0, ..settings(&server.url) }).expect("a source")).await
}

async fn message(reply: Reply) -> String {
    outcome(reply).await.expect_err("a failure").to_string()
}

#[tokio::test]
async fn a_long_range_comes_in_windows_with_each_point_once() {
    let server = Fake::start(|_, request| two_series(request)).await;
    // 12,001 points; the ends are not on the grid.
    let got = source(&server.url).fetch("sum by (job) (up)", range(7, 720_029, 60)).await.expect("samples");
    assert_eq!(got.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), [r#"up{job="a"}"#, r#"up{job="b"}"#]);
    for series in &got {
        let expected: Vec<i64> = (0..=12_000).map(|index| index * 60_000).collect();
        assert_eq!(series.points.iter().map(|point| point.time_ms).collect::<Vec<_>>(), expected);
        assert!(series.points.iter().all(|point| (point.value * 1_000.0 - point.time_ms as f64).abs() < 1e-6));
        assert!(!series.partial);
    }
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    for request in &requests {
        assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/api/v1/query_range"));
        assert_eq!(request.headers["content-type"], "application/x-www-form-urlencoded");
        assert_eq!(request.form["query"], "sum by (job) (up)");
        assert_eq!(request.form["step"], "60");
        let span =
            request.form["end"].parse::<i64>().expect("end") - request.form["start"].parse::<i64>().expect("start");
        assert!(span / 60 < 11_000, "{request:?}");
    }
}

#[tokio::test]
async fn requests_run_side_by_side_but_not_more_than_allowed() {
    let server = Fake::start(|_, request| Reply { delay: Duration::from_millis(30), ..two_series(request) }).await;
    let settings = Settings { points_per_request: 10, parallel_requests: 3, ..settings(&server.url) };
    let got = Prometheus::new(settings).expect("a source").fetch("up + 1", range(0, 199, 1)).await.expect("samples");
    assert_eq!(got[0].points.len(), 200);
    assert!(got[0].points.windows(2).all(|pair| pair[0].time_ms < pair[1].time_ms));
    assert_eq!((server.requests().len(), server.most_at_once()), (20, 3));
}

#[tokio::test]
async fn a_server_that_recovers_is_asked_again() {
    let server = Fake::start(|n, _| if n < 2 { Reply::text(500, "boom") } else { one_point() }).await;
    assert_eq!(fetch(&source(&server.url)).await.expect("samples").len(), 1);
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn retry_after_is_waited_for_and_too_long_a_wait_fails_at_once() {
    let server = Fake::start(|n, _| match n {
        0 => Reply::text(429, "slow down").with("retry-after", "1"),
        1 => one_point(),
        _ => Reply::text(429, "slow down").with("retry-after", "3600"),
    })
    .await;
    let source = source(&server.url);
    let begin = Instant::now();
    fetch(&source).await.expect("samples");
    assert!(begin.elapsed() >= Duration::from_secs(1), "{:?}", begin.elapsed());
    let begin = Instant::now();
    let error = fetch(&source).await.expect_err("too long a wait");
    assert!(matches!(error, SourceError::Server { status: 429, .. }), "{error}");
    assert!(begin.elapsed() < Duration::from_secs(1));
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn retries_end_and_a_wrong_query_is_not_repeated() {
    let server = Fake::start(|_, _| Reply::text(503, "down")).await;
    let error = fetch(&source(&server.url)).await.expect_err("down").to_string();
    assert!(error.contains("failed with status 503: `down`"), "{error}");
    assert_eq!(server.requests().len(), 4);
    let body =
        json!({"status": "error", "errorType": "bad_data", "error": "1:5: parse error: unclosed left parenthesis"});
    let server = Fake::start(move |_, _| Reply::json(400, &body)).await;
    let error = fetch(&source(&server.url)).await.expect_err("wrong");
    assert!(matches!(error, SourceError::BadQuery { .. }) && !error.is_retryable(), "{error}");
    assert!(error.to_string().contains("(query `rate(up[5m])`); correct the PromQL"), "{error}");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_server_that_hangs_is_a_timeout_and_nobody_there_is_said() {
    let server = Fake::start(|_, _| Reply { delay: Duration::from_secs(60), ..one_point() }).await;
    let settings =
        Settings { timeout: HumanDuration::from(Duration::from_millis(50)), retries: 1, ..settings(&server.url) };
    let error = fetch(&Prometheus::new(settings).expect("a source")).await.expect_err("hangs");
    assert!(matches!(error, SourceError::Timeout { .. }), "{error}");
    assert!(error.to_string().contains("did not answer within 50ms; raise `timeout`"), "{error}");
    assert_eq!(server.requests().len(), 2);
    let error = fetch(&source("http://127.0.0.1:1")).await.expect_err("nobody").to_string();
    assert!(error.contains("cannot reach http://127.0.0.1:1:") && error.contains("refused"), "{error}");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_asked_for_again() {
    let good = r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[0,"1"]]}]}}"#;
    let raw = |body: &str, length: usize| {
        format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}").into_bytes()
    };
    let (url, _server) = fake::raw(vec![raw(&good[..40], 1_000), raw(good, good.len())]).await;
    let got = fetch(&source(&url)).await.expect("the second answer");
    assert_eq!((got[0].name.as_str(), got[0].points.len()), ("rate(up[5m])", 1));
    let (url, _server) = fake::raw(vec![raw(&good[..40], 1_000)]).await;
    let settings = Settings { retries: 0, ..settings(&url) };
    let error = fetch(&Prometheus::new(settings).expect("a source")).await.expect_err("broken").to_string();
    assert!(error.contains("the answer broke off"), "{error}");
}

#[tokio::test]
async fn answers_that_are_not_the_api_are_refused_with_what_they_are() {
    let html = message(Reply::text(200, "<!DOCTYPE html><title>Sign in</title>")).await;
    assert!(html.contains("an HTML page; is there a login page or a proxy in between?"), "{html}");
    let cut = message(Reply::text(200, r#"{"status":"success","data":{"resultType":"matrix","res"#)).await;
    assert!(cut.contains("EOF while parsing") && cut.contains("not a Prometheus API response"), "{cut}");
    assert!(message(Reply::text(200, "")).await.contains("an empty body"));
    assert!(message(Reply::json(200, &json!({"status": "success"}))).await.contains("without `status: success`"));
    assert!(message(Reply::json(200, &json!({"hello": 1}))).await.contains("without `status: success`"));
    let vector = json!({"status": "success", "data": {"resultType": "vector", "result": []}});
    assert!(message(Reply::json(200, &vector)).await.contains("result type `vector` instead of `matrix`"));
    let error = json!({"status": "error", "errorType": "execution", "error": "many-to-many matching not allowed"});
    assert!(message(Reply::json(200, &error)).await.contains("group_left"));
    let deep = message(Reply::text(200, &"[".repeat(100_000))).await;
    assert!(deep.contains("not a Prometheus API response"), "{deep}");
}

#[tokio::test]
async fn redirects_are_not_followed_and_credentials_not_shown() {
    let other = Fake::start(|_, _| one_point()).await;
    let to = format!("http://user:canary@{}/login?token=canary", other.url.trim_start_matches("http://"));
    let error = message(Reply::text(302, "").with("location", &to)).await;
    assert!(error.contains("a redirect (status 302) to http://127.0.0.1"), "{error}");
    assert!(!error.contains("canary"), "{error}");
    assert_eq!(other.requests().len(), 0);
}

#[tokio::test]
async fn a_decompression_bomb_and_a_large_body_are_refused_on_the_way() {
    let bomb = fake::gzip(&vec![b' '; 64 << 20]);
    assert!(bomb.len() < 100_000);
    let replies = [Reply::bytes(200, bomb).with("content-encoding", "gzip"), Reply::bytes(200, vec![b' '; 2 << 20])];
    for reply in replies {
        let server = Fake::start(move |_, _| reply.clone()).await;
        let settings = Settings { max_body_bytes: 1 << 20, ..settings(&server.url) };
        let error = fetch(&Prometheus::new(settings).expect("a source")).await.expect_err("too large");
        let SourceError::Limit { got, limit, .. } = &error else { panic!("{error}") };
        assert!((*limit, true) == (1 << 20, *got <= 2 << 20), "{error}");
        assert!(error.to_string().contains("raise `max_body_bytes`"), "{error}");
        assert_eq!(server.requests().len(), 1, "not asked again");
    }
    let small = fake::gzip(&one_point().body);
    let got = outcome(Reply::bytes(200, small).with("content-encoding", "gzip")).await.expect("samples");
    assert_eq!(got.len(), 1);
}

#[tokio::test]
async fn series_and_sample_limits_say_what_to_do() {
    let server = Fake::start(|_, request| two_series(request)).await;
    let fail = |change: fn(&mut Settings)| {
        let mut settings = settings(&server.url);
        change(&mut settings);
        async move { fetch(&Prometheus::new(settings).expect("a source")).await.expect_err("too much").to_string() }
    };
    let series = fail(|s| s.max_series = 1).await;
    assert!(series.contains("number of series that the query returns exceeds the limit: 2 > 1"), "{series}");
    assert!(series.contains("raise `max_series`"), "{series}");
    let samples = fail(|s| s.max_samples = 150).await;
    assert!(samples.contains("202 > 150") && samples.contains("raise `max_samples`"), "{samples}");
    let sent = server.requests().len();
    let points = fail(|s| s.max_samples = 50).await;
    assert!(points.contains("101 > 50") && points.contains("shorten the range"), "{points}");
    assert_eq!(server.requests().len(), sent, "refused before any request");
}

#[tokio::test]
async fn credentials_go_with_every_request_and_a_refusal_names_the_settings() {
    let server = Fake::start(|_, request| {
        let is_allowed = request.headers.get("authorization").is_some_and(|value| value == "Basic dTpjYW5hcnk=");
        if is_allowed { one_point() } else { Reply::text(401, "Unauthorized") }
    })
    .await;
    let error = fetch(&source(&server.url)).await.expect_err("no credentials").to_string();
    assert!(error.contains("refused the credentials (status 401); check basic_auth"), "{error}");
    let basic = Some(BasicAuth { username: "u".to_owned(), password: "canary".into() });
    let tenant = BTreeMap::from([("X-Scope-OrgID".to_owned(), "team-a".into())]);
    let with = Settings { basic_auth: basic, headers: tenant, ..settings(&server.url) };
    let source = Prometheus::new(with).expect("a source");
    assert!(!format!("{source:?}").contains("canary"));
    fetch(&source).await.expect("samples");
    let requests = server.requests();
    assert_eq!(requests.len(), 2, "a refusal is not repeated");
    assert_eq!(requests[1].headers["x-scope-orgid"], "team-a");
    assert!(requests[1].headers["user-agent"].starts_with("tidewatch/"));
}

#[tokio::test]
async fn a_bearer_token_comes_from_the_settings_or_from_a_file_that_may_change() {
    let server = Fake::start(|_, _| one_point()).await;
    let with = Settings { bearer_token: Some("abc".into()), ..settings(&server.url) };
    fetch(&Prometheus::new(with).expect("a source")).await.expect("samples");
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("token");
    let source = Prometheus::new(Settings { bearer_token_file: Some(path.clone()), ..settings(&server.url) });
    let source = source.expect("a source");
    let error = fetch(&source).await.expect_err("no file yet").to_string();
    assert!(error.contains("cannot read") && error.contains("token"), "{error}");
    for token in ["first\n", "second"] {
        std::fs::write(&path, token).expect("writes");
        fetch(&source).await.expect("samples");
    }
    let sent: Vec<String> = server.requests().iter().map(|request| request.headers["authorization"].clone()).collect();
    assert_eq!(sent, ["Bearer abc", "Bearer first", "Bearer second"]);
    std::fs::write(&path, "two\nlines").expect("writes");
    let error = fetch(&source).await.expect_err("two lines").to_string();
    assert!(error.contains("must hold one token on one line") && !error.contains("two"), "{error}");
}

#[tokio::test]
async fn a_custom_authority_and_a_client_certificate_are_used() {
    let (url, _server) = fake::tls(one_point().body);
    let file = |name: &str| Some(format!("{}/data/fixtures/tls/{name}", env!("CARGO_MANIFEST_DIR")).into());
    let full = Tls { ca_file: file("ca.pem"), cert_file: file("client.pem"), key_file: file("client.key") };
    let with = |tls: Tls| Prometheus::new(Settings { tls, retries: 0, ..settings(&url) }).expect("a source");
    assert_eq!(fetch(&with(full.clone())).await.expect("samples").len(), 1);
    let without_certificate = Tls { ca_file: full.ca_file.clone(), ..Tls::default() };
    fetch(&with(without_certificate)).await.expect_err("the server wants a certificate");
    let stranger = Tls { ca_file: full.cert_file.clone(), ..full };
    let error = fetch(&with(stranger)).await.expect_err("an unknown authority").to_string();
    assert!(error.contains("certificate"), "{error}");
}

#[tokio::test]
async fn warnings_and_missing_storage_nodes_make_samples_partial() {
    let answer = |extra: serde_json::Value| {
        let mut body = json!({"status": "success", "data": {"resultType": "matrix",
            "result": [{"metric": {"job": "a"}, "values": [[0, "1"]]}]}});
        body.as_object_mut().expect("an object").extend(extra.as_object().cloned().expect("an object"));
        Reply::json(200, &body)
    };
    for (extra, partial) in [
        (json!({}), false),
        (json!({"warnings": ["store x is unavailable"]}), true),
        (json!({"isPartial": true}), true),
        (json!({"isPartial": false, "infos": ["PromQL info: metric might not be a counter"]}), false),
        (json!({"warnings": null}), false),
    ] {
        let got = outcome(answer(extra.clone())).await.expect("samples");
        assert_eq!(got[0].partial, partial, "{extra}");
    }
    // One window of several is enough.
    let server =
        Fake::start(move |n, request| if n == 1 { answer(json!({"warnings": ["w"]})) } else { two_series(request) })
            .await;
    let settings = Settings { points_per_request: 50, ..settings(&server.url) };
    let got = fetch(&Prometheus::new(settings).expect("a source")).await.expect("samples");
    assert!(got.iter().all(|series| series.partial));
}

/// The body of a captured answer.
fn captured(name: &str) -> Reply {
    let path = format!("{}/data/fixtures/prometheus/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let capture: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(path).expect("a fixture")).expect("a capture");
    let status = u16::try_from(capture["http_status"].as_u64().expect("a status")).expect("a status");
    match &capture["body"] {
        serde_json::Value::String(text) => Reply::text(status, text),
        body => Reply::json(status, body),
    }
}

#[tokio::test]
async fn captured_answers_of_real_servers_are_read() {
    let gaps = outcome(captured("prom_query_range_stale_gaps")).await.expect("samples");
    assert_eq!(gaps[0].points.len(), 12, "grid points of a stale series are absent");
    let special = outcome(captured("prom_query_range_special_values")).await.expect("samples");
    let values: Vec<f64> = special.iter().flat_map(|series| series.points.iter().map(|point| point.value)).collect();
    assert!(values.iter().any(|v| v.is_nan()) && values.contains(&f64::INFINITY) && values.contains(&5e-324));
    let nan = outcome(captured("prom_query_range_div_zero_nan")).await.expect("samples");
    assert!(nan.iter().all(|series| series.points.iter().all(|point| point.value.is_nan())));
    assert!(!outcome(captured("prom_query_range_matrix")).await.expect("samples").is_empty());
    assert!(!outcome(captured("vm_query_range")).await.expect("samples")[0].points.is_empty());
    let empty = outcome(captured("prom_query_range_empty")).await.expect_err("nothing").to_string();
    assert!(empty.contains("returned no series: `rate(up[5m])`; check the metric name"), "{empty}");
    let native = outcome(captured("prom_query_range_native_histogram")).await.expect_err("histograms").to_string();
    assert!(native.contains("native histograms") && native.contains("histogram_quantile"), "{native}");
}

#[tokio::test]
async fn an_instant_query_reads_vectors_scalars_and_texts() {
    let at = Timestamp::from_millisecond(1_500).expect("a time");
    for (fixture, series) in [("prom_query_vector", 6), ("prom_query_scalar", 1), ("prom_query_string", 1)] {
        let server = Fake::start(move |_, _| captured(fixture)).await;
        let got = source(&server.url).instant("sum(up)", at).await.expect("samples");
        assert_eq!(got.iter().map(|s| s.points.len()).collect::<Vec<_>>(), vec![1; series], "{fixture}");
        let request = &server.requests()[0];
        assert_eq!((request.path.as_str(), request.form["time"].as_str()), ("/api/v1/query", "1.500"));
    }
}

#[tokio::test]
async fn bare_selectors_of_counters_are_counters_and_everything_else_is_not() {
    let server = Fake::start(|_, request| match (request.path.as_str(), request.query.as_str()) {
        ("/api/v1/metadata", "metric=odd_name") => Reply::json(
            200,
            &json!({"status": "success", "data": {"odd_name": [{"type": "counter", "help": "h", "unit": "bytes"}]}}),
        ),
        ("/api/v1/metadata", "metric=broken_total") => Reply::text(404, "no such page"),
        ("/api/v1/metadata", _) => captured("vm_metadata"),
        _ => matrix(&json!([{"metric": {"job": "a"}, "values": [[0, "1"]]}])),
    })
    .await;
    let source = source(&server.url);
    for (query, kind, unit) in [
        ("odd_name{job=\"a\"}", MetricKind::Counter, Unit::BytesPerSecond),
        ("x_requests_total", MetricKind::Counter, Unit::PerSecond),
        ("broken_total", MetricKind::Counter, Unit::PerSecond),
        ("job:x_bytes:sum", MetricKind::Gauge, Unit::None),
        ("heap_bytes", MetricKind::Gauge, Unit::Bytes),
        ("rate(x_requests_total[5m])", MetricKind::Gauge, Unit::None),
        ("sum(x_requests_total)", MetricKind::Gauge, Unit::None),
    ] {
        let got = source.fetch(query, range(0, 0, 1)).await.expect("samples");
        assert_eq!((got[0].kind, got[0].unit), (kind, unit), "{query}");
    }
    let sent = server.requests().len();
    let info = source.metadata("odd_name").await.expect("known").expect("metadata");
    assert_eq!((info.help.as_str(), server.requests().len()), ("h", sent), "asked once");
}

#[tokio::test]
async fn rules_and_the_check_speak_with_the_server() {
    let server = Fake::start(|_, request| match request.path.as_str() {
        "/prefix/api/v1/rules" => captured("prom_rules"),
        _ => captured("prom_query_vector"),
    })
    .await;
    let source = source(&format!("{}/prefix", server.url));
    source.check().await.expect("answers");
    assert_eq!(server.requests()[0].path, "/prefix/api/v1/query");
    let rules = source.rules().await.expect("rules");
    let rule = rules.iter().find(|rule| rule.name == "LabGaugeHigh").expect("the rule");
    assert_eq!((rule.query.as_str(), rule.group.as_str(), rule.alerting), ("lab_gauge > 90", "lab", true));
    assert_eq!((rule.state.as_deref(), rule.labels.get("severity")), (Some("inactive"), Some("critical")));
    assert!(rule.annotations.contains_key("runbook_url") && rule.for_secs > 3.9);
    let recording = &rules[0];
    assert!(!recording.alerting && recording.state.is_none());
    let empty = Fake::start(|_, _| captured("vm_rules")).await;
    assert_eq!(Prometheus::new(settings(&empty.url)).expect("a source").rules().await.expect("rules"), []);
}

/// A server on loopback that answers as a function says and remembers what it was asked.
pub(crate) mod fake {
    use std::collections::BTreeMap;
    use std::io::{Read, Write};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use axum::Router;
    use axum::body::{Body, to_bytes};
    use axum::extract::{Request, State};
    use axum::response::Response;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::task::JoinSet;

    /// One answer.
    #[derive(Debug, Clone)]
    pub(crate) struct Reply {
        pub(crate) status: u16,
        pub(crate) headers: Vec<(String, String)>,
        pub(crate) body: Vec<u8>,
        pub(crate) delay: Duration,
    }

    /// One request.
    #[derive(Debug, Clone)]
    pub(crate) struct Recorded {
        pub(crate) method: String,
        pub(crate) path: String,
        pub(crate) query: String,
        pub(crate) headers: BTreeMap<String, String>,
        pub(crate) form: BTreeMap<String, String>,
        pub(crate) body: Vec<u8>,
    }

    type Answer = dyn Fn(usize, &Recorded) -> Reply + Send + Sync;

    struct Inner {
        answer: Box<Answer>,
        requests: Mutex<Vec<Recorded>>,
        now: AtomicUsize,
        most: AtomicUsize,
    }

    /// A running server; it ends when this is dropped.
    pub(crate) struct Fake {
        pub(crate) url: String,
        inner: Arc<Inner>,
        _task: JoinSet<()>,
    }

    impl Reply {
        pub(crate) fn bytes(status: u16, body: Vec<u8>) -> Self {
            Self { status, headers: Vec::new(), body, delay: Duration::ZERO }
        }

        pub(crate) fn text(status: u16, body: &str) -> Self {
            Self::bytes(status, body.as_bytes().to_vec())
        }

        pub(crate) fn json(status: u16, body: &serde_json::Value) -> Self {
            Self::text(status, &body.to_string()).with("content-type", "application/json")
        }

        pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
            self.headers.push((name.to_owned(), value.to_owned()));
            self
        }
    }

    impl Recorded {
        pub(crate) fn json(&self) -> serde_json::Value {
            serde_json::from_slice(&self.body).expect("a JSON body")
        }
    }

    impl Fake {
        /// `answer` gets the number of the request, from 0, and the request.
        pub(crate) async fn start(answer: impl Fn(usize, &Recorded) -> Reply + Send + Sync + 'static) -> Self {
            let inner = Arc::new(Inner {
                answer: Box::new(answer),
                requests: Mutex::new(Vec::new()),
                now: AtomicUsize::new(0),
                most: AtomicUsize::new(0),
            });
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
            let url = format!("http://{}", listener.local_addr().expect("an address"));
            let router = Router::new().fallback(handle).with_state(Arc::clone(&inner));
            let mut task = JoinSet::new();
            task.spawn(async move { axum::serve(listener, router).await.expect("serves") });
            Self { url, inner, _task: task }
        }

        pub(crate) fn requests(&self) -> Vec<Recorded> {
            self.inner.requests.lock().expect("a lock").clone()
        }

        pub(crate) fn most_at_once(&self) -> usize {
            self.inner.most.load(Ordering::SeqCst)
        }
    }

    async fn handle(State(inner): State<Arc<Inner>>, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let body = to_bytes(body, 64 << 20).await.expect("a body").to_vec();
        let form = url::form_urlencoded::parse(&body).into_owned().collect();
        let headers = parts.headers.iter();
        let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().expect("text").to_owned()));
        let recorded = Recorded {
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or("").to_owned(),
            headers: headers.collect(),
            form,
            body,
        };
        let number = {
            let mut requests = inner.requests.lock().expect("a lock");
            requests.push(recorded.clone());
            requests.len() - 1
        };
        inner.most.fetch_max(inner.now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let reply = (inner.answer)(number, &recorded);
        tokio::time::sleep(reply.delay).await;
        inner.now.fetch_sub(1, Ordering::SeqCst);
        let mut response = Response::builder().status(reply.status);
        for (name, value) in &reply.headers {
            response = response.header(name, value);
        }
        response.body(Body::from(reply.body)).expect("a response")
    }

    /// A server that writes these bytes, one element for each connection, and closes it.
    pub(crate) async fn raw(answers: Vec<Vec<u8>>) -> (String, JoinSet<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let mut task = JoinSet::new();
        task.spawn(async move {
            for answer in answers {
                let (mut stream, _) = listener.accept().await.expect("accepts");
                let mut request = vec![0; 4_096];
                let _length = stream.read(&mut request).await.expect("reads");
                stream.write_all(&answer).await.expect("writes");
                stream.shutdown().await.expect("closes");
            }
        });
        (url, task)
    }

    pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).expect("compresses");
        encoder.finish().expect("compresses")
    }

    /// A TLS server on its own thread that wants a certificate of the test authority and answers with `body`. It runs
    /// until the process ends.
    pub(crate) fn tls(body: Vec<u8>) -> (String, std::thread::JoinHandle<()>) {
        use rustls::pki_types::pem::PemObject;
        use rustls::pki_types::{CertificateDer, PrivateKeyDer};

        let file = |name: &str| format!("{}/data/fixtures/tls/{name}", env!("CARGO_MANIFEST_DIR"));
        let certificates = |name: &str| -> Vec<CertificateDer<'static>> {
            let found = CertificateDer::pem_file_iter(file(name)).expect("a file");
            found.collect::<Result<_, _>>().expect("certificates")
        };
        let mut roots = rustls::RootCertStore::empty();
        roots.add_parsable_certificates(certificates("ca.pem"));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder =
            rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let verifier = builder.build().expect("a verifier");
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_client_cert_verifier(verifier)
            .with_single_cert(
                certificates("server.pem"),
                PrivateKeyDer::from_pem_file(file("server.key")).expect("a key"),
            )
            .expect("a server");
        let config = Arc::new(config);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
        let port = listener.local_addr().expect("an address").port();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                let connection = rustls::ServerConnection::new(Arc::clone(&config)).expect("a connection");
                let mut tls = rustls::StreamOwned::new(connection, stream.expect("a stream"));
                let mut request = vec![0; 4_096];
                // A client that is refused ends the connection; the next one is served.
                if tls.read(&mut request).is_ok() {
                    let _sent = tls.write_all(head.as_bytes()).and_then(|()| tls.write_all(&body));
                    tls.conn.send_close_notify();
                    let _sent = tls.flush();
                }
            }
        });
        (format!("https://localhost:{port}"), thread)
    }
}
