//! The servers around Tidewatch: Prometheus, Alertmanager, receivers of webhooks, and Tidewatch itself.
#![expect(clippy::expect_used, reason = "a failed expectation is a failed test, also in a helper")]

use std::net::SocketAddr;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use serde_json::Value;
use tokio::task::JoinSet;

use super::history::World;
use super::process::{Place, Process, free_port, output_of, pause, program, quoted, tidewatch, wait_for};

/// Every request a receiver got.
#[derive(Debug, Clone)]
pub(super) struct Received {
    pub(super) path: String,
    pub(super) key: Option<String>,
    pub(super) body: Value,
}

/// A receiver of webhooks that remembers everything.
pub(super) struct Receiver {
    pub(super) url: String,
    received: Arc<Mutex<Vec<Received>>>,
    /// Ends the server when dropped.
    _running: JoinSet<()>,
}

/// A Prometheus with history and a scrape of the same world.
pub(super) struct Prometheus {
    pub(super) url: String,
    _process: Process,
    _exporter: JoinSet<()>,
}

pub(super) struct Alertmanager {
    pub(super) url: String,
    _process: Process,
}

/// The service under test.
pub(super) struct Service {
    pub(super) url: String,
    pub(super) process: Process,
}

pub(super) fn client() -> reqwest::Client {
    let _already_installed = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder().no_proxy().tls_certs_only([]).timeout(Duration::from_secs(20));
    builder.build().expect("a client")
}

/// Status and JSON of a GET; `None` when nobody answers.
pub(super) async fn get(url: &str) -> Option<(u16, Value)> {
    let response = client().get(url).send().await.ok()?;
    let status = response.status().as_u16();
    let text = response.text().await.ok()?;
    Some((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
}

async fn listen(port: u16, router: Router) -> (SocketAddr, JoinSet<()>) {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.expect("the port is free");
    let address = listener.local_addr().expect("an address");
    let mut running = JoinSet::new();
    running.spawn(async move { axum::serve(listener, router).await.expect("serves") });
    (address, running)
}

impl Receiver {
    /// Listens on a free port.
    pub(super) async fn start() -> Self {
        Self::start_at(0, Duration::ZERO).await
    }

    /// Listens on `port` and answers after `delay`.
    pub(super) async fn start_at(port: u16, delay: Duration) -> Self {
        let received = Arc::new(Mutex::new(Vec::new()));
        let record = async move |State(list): State<Arc<Mutex<Vec<Received>>>>,
                                 (uri, headers): (Uri, HeaderMap),
                                 body: Bytes| {
            let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok()).map(str::to_owned);
            let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
            list.lock().unwrap_or_else(PoisonError::into_inner).push(Received {
                path: uri.path().to_owned(),
                key,
                body,
            });
            tokio::time::sleep(delay).await;
            StatusCode::OK
        };
        let router = Router::new().fallback(record).with_state(Arc::clone(&received));
        let (address, running) = listen(port, router).await;
        Self { url: format!("http://{address}"), received, _running: running }
    }

    pub(super) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What came to `path`.
    pub(super) fn at(&self, path: &str) -> Vec<Received> {
        self.received().into_iter().filter(|one| one.path == path).collect()
    }
}

impl Prometheus {
    /// Backfills `world`, starts the server on `port` with the rules (a YAML list of groups, may be empty) and waits
    /// until it is ready.
    pub(super) async fn start(place: &Place, world: World, port: u16, rules: &str, alertmanager: Option<&str>) -> Self {
        let prometheus = program("TIDEWATCH_PROMETHEUS", "prometheus");
        let promtool = program("TIDEWATCH_PROMTOOL", "promtool");
        let scraped = axum::routing::get(async move || world.scrape());
        let (exporter, running) = listen(0, Router::new().route("/metrics", scraped)).await;
        let history = place.write("history.om", &world.open_metrics());
        let data = place.path("prometheus");
        let (code, _, said) = output_of(
            Command::new(promtool)
                .args(["tsdb", "create-blocks-from", "openmetrics", "-q", "--max-block-duration=768h"])
                .arg(&history)
                .arg(&data),
        );
        assert_eq!(code, 0, "the history cannot be written: {said}");
        let rules = place.write("rules.yml", &format!("groups:\n{rules}\n"));
        let alerting = alertmanager.map_or_else(String::new, |url| {
            let target = url.trim_start_matches("http://");
            format!("alerting: {{ alertmanagers: [ {{ static_configs: [ {{ targets: [\"{target}\"] }} ] }} ] }}\n")
        });
        let config = format!(
            "global: {{ scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 2s }}\nrule_files: [{}]\n{alerting}\
             scrape_configs:\n  - {{ job_name: world, honor_labels: true, static_configs: [ {{ targets: [\"{exporter}\"] }} ] }}\n",
            quoted(&rules)
        );
        let config = place.write("prometheus.yml", &config);
        let mut command = Command::new(prometheus);
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", data.display()))
            // alerts of the first seconds find no Alertmanager discovered yet: they are sent again soon, not after a minute
            .args(["--storage.tsdb.retention.time=400d", "--log.level=warn", "--rules.alert.resend-delay=4s"])
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg(format!("--web.external-url=http://127.0.0.1:{port}"));
        let mut process = Process::start(place, "prometheus", &mut command);
        let url = format!("http://127.0.0.1:{port}");
        ready(&format!("{url}/-/ready"), &mut process).await;
        Self { url, _process: process, _exporter: running }
    }
}

impl Alertmanager {
    /// Starts the server with one receiver, a webhook at `webhook` that gets every alert.
    pub(super) async fn start(place: &Place, webhook: &str) -> Self {
        let alertmanager = program("TIDEWATCH_ALERTMANAGER", "prometheus-alertmanager");
        let config = format!(
            "route: {{ receiver: enrich, group_by: [alertname], group_wait: 1s, group_interval: 2s, repeat_interval: 1h }}\n\
             receivers:\n  - {{ name: enrich, webhook_configs: [ {{ url: \"{webhook}\", send_resolved: true }} ] }}\n"
        );
        let config = place.write("alertmanager.yml", &config);
        let port = free_port();
        let mut command = Command::new(alertmanager);
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", place.path("alertmanager").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args(["--cluster.listen-address=", "--log.level=warn"]);
        let mut process = Process::start(place, "alertmanager", &mut command);
        let url = format!("http://127.0.0.1:{port}");
        ready(&format!("{url}/-/ready"), &mut process).await;
        Self { url, _process: process }
    }

    /// The active alerts with this name.
    pub(super) async fn alerts(&self, name: &str) -> Vec<Value> {
        let Some((200, Value::Array(alerts))) = get(&format!("{}/api/v2/alerts?active=true", self.url)).await else {
            return Vec::new();
        };
        alerts.into_iter().filter(|alert| alert["labels"]["alertname"] == name).collect()
    }
}

impl Service {
    /// Starts `tidewatch serve` with the configuration in `place`, without waiting for it.
    pub(super) fn start(place: &Place, port: u16) -> Self {
        let process =
            Process::start(place, "tidewatch", &mut tidewatch(place, &["serve", "--config", "tidewatch.yaml"]));
        Self { url: format!("http://127.0.0.1:{port}"), process }
    }

    /// Waits until `/readyz` says 200.
    pub(super) async fn ready(&mut self) {
        let url = format!("{}/readyz", self.url);
        ready(&url, &mut self.process).await;
    }

    /// The JSON that a GET of `path` answers with 200.
    pub(super) async fn json(&self, path: &str) -> Value {
        let (status, body) = get(&format!("{}{path}", self.url)).await.expect("an answer");
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// Posts a webhook body to the enrichment door; the status, or `None` when nobody answers.
    pub(super) async fn enrich(&self, body: &Value) -> Option<u16> {
        let sent = client().post(format!("{}/api/v1/alerts/enrich", self.url)).json(body).send().await;
        sent.ok().map(|response| response.status().as_u16())
    }

    /// Waits until the log holds `text`.
    pub(super) async fn says(&mut self, text: &str) {
        wait_for(&format!("a log line with `{text}`"), async || {
            self.process.must_live();
            self.process.log().contains(text).then_some(())
        })
        .await;
    }
}

async fn ready(url: &str, process: &mut Process) {
    wait_for(url, async || {
        process.must_live();
        matches!(get(url).await, Some((200, _))).then_some(())
    })
    .await;
    pause().await;
}
