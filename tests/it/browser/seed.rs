//! A service with something to look at.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;
use tidewatch::alert;
use tidewatch::capacity;
use tidewatch::detect;
use tidewatch::engine::{
    App, AppParts, BudgetSharing, CapacityKind, CapacitySpec, DetectorSpec, EnrichSettings, ForecastSpec, Route,
    Settings, TeamBudget,
};
use tidewatch::forecast::ModelChoice;
use tidewatch::http::{self, AppState};
use tidewatch::series::{HumanDuration, Labels, Step, Unit};
use tidewatch::severity::{Policy, SeverityModel};
use tidewatch::source::SeriesSource;
use tidewatch::source::file::{self, FileSource};
use tidewatch::source::webhook::Notification;
use tidewatch::store::{RetentionSettings, Store};

/// A name that does harm wherever it is not escaped.
pub(crate) const HOSTILE: &str =
    "</script><script>document.title='owned'</script><img src=x onerror=document.title='owned'>";

/// A service with its directory, which goes when this is dropped.
pub(crate) struct Seeded {
    pub(crate) app: Arc<App>,
    pub(crate) router: axum::Router,
    pub(crate) now: Timestamp,
    _dir: TempDir,
}

/// A service that is told to do nothing.
pub(crate) async fn empty() -> Seeded {
    let dir = tempfile::tempdir().expect("a temporary directory");
    build(nothing(), dir, "2026-06-01T00:00:00Z".parse().expect("a time")).await
}

/// A service that is told to do `settings` and has done nothing yet.
pub(crate) async fn idle(settings: Settings) -> Seeded {
    let dir = tempfile::tempdir().expect("a temporary directory");
    build(settings, dir, "2026-06-01T00:00:00Z".parse().expect("a time")).await
}

/// A service that has watched five days of three series and an entity: one series with a hostile name fires, a disk
/// fills, hostile alerts of another tool came in.
pub(crate) async fn busy() -> Seeded {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let now: Timestamp = "2026-06-01T00:00:00Z".parse().expect("a time");
    write_data(dir.path(), now);
    let mut settings = nothing();
    settings.detectors = vec![
        detector("response-time", "{file=\"services\"}", "5d", &[]),
        detector("instance", "{instance=~\"web-.*\"}", "5d", &["instance"]),
    ];
    settings.forecasts = vec![forecast("traffic", "{file=\"services\"}", Step::HOUR, "5d", "1d")];
    settings.capacity = vec![volume("disk", "{file=\"disks\"}", "100000000000")];
    settings.routes = vec![Route { matches: Labels::new(), to: vec!["nowhere".to_owned()] }];
    let seeded = build(settings, dir, now).await;
    seeded.run_everything().await;
    let hostile = include_bytes!("../../../data/fixtures/alertmanager/attack_am_webhook_hostile_labels.json");
    let notification = Notification::parse(hostile).expect("the fixture is a notification");
    seeded.app.enrich(&notification, now).await.expect("enriched");
    seeded
}

/// The service on the bundled data.
pub(crate) async fn demo() -> Seeded {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/demo");
    for file in std::fs::read_dir(&data).expect("bundled data").flatten() {
        if file.file_name().to_string_lossy().ends_with(".csv.gz") {
            std::fs::copy(file.path(), dir.path().join(file.file_name())).expect("copied");
        }
    }
    let mut settings = nothing();
    settings.detectors = vec![
        detector("latency", "latency_p95_seconds", "14d", &[]),
        detector("instance", "{instance=~\"web-.*\"}", "14d", &["instance"]),
    ];
    settings.forecasts = vec![forecast("traffic", "{file=\"traffic\"}", Step::HOUR, "28d", "7d")];
    settings.capacity = vec![volume("disk", "{file=\"disks\"}", "440000000000")];
    let seeded = build(settings, dir, "2026-06-01T00:00:00Z".parse().expect("a time")).await;
    seeded.run_everything().await;
    seeded
}

impl Seeded {
    /// One round of every detector, batch and plan.
    async fn run_everything(&self) {
        for spec in self.app.settings().detectors.clone() {
            self.app.watch_round(&spec, self.now).await.expect("a round");
        }
        for spec in self.app.settings().forecasts.clone() {
            self.app.run_batch(&spec, self.now, self.now).await.expect("a batch");
        }
        for spec in self.app.settings().capacity.clone() {
            self.app.plan_round(&spec, self.now).await.expect("a plan");
        }
    }
}

async fn build(settings: Settings, dir: TempDir, now: Timestamp) -> Seeded {
    let files: Arc<dyn SeriesSource> = Arc::new(FileSource::new(dir.path().to_owned(), file::Settings::default()));
    let parts = AppParts {
        settings,
        store: Store::open(dir.path().join("state"), now).await.expect("a store"),
        sources: BTreeMap::from([("files".to_owned(), files)]),
        destinations: BTreeMap::new(),
        severity: SeverityModel::shipped().expect("the shipped model"),
    };
    let app = App::new(parts);
    let router = http::router(AppState::new(Arc::clone(&app), None, http::Settings::default()));
    Seeded { app, router, now, _dir: dir }
}

/// Settings that ask for nothing.
pub(crate) fn nothing() -> Settings {
    Settings {
        detectors: Vec::new(),
        forecasts: Vec::new(),
        capacity: Vec::new(),
        routes: Vec::new(),
        runbooks: Vec::new(),
        enrich: EnrichSettings::default(),
        severity: Policy::default(),
        resend: alert::resend::Settings::default(),
        retention: RetentionSettings::default(),
        budget: TeamBudget::default(),
    }
}

pub(crate) fn detector(name: &str, query: &str, history: &str, entity_by: &[&str]) -> DetectorSpec {
    DetectorSpec {
        disappearance: tidewatch::detect::Disappearance::Alert,
        name: name.to_owned(),
        source: "files".to_owned(),
        query: query.to_owned(),
        unit: None,
        step: Step::from_secs(300).expect("a step"),
        history: history.parse().expect("a duration"),
        delay: HumanDuration::from_secs(15),
        entity_by: entity_by.iter().map(|&name| name.to_owned()).collect(),
        peers_by: Vec::new(),
        labels: Labels::new(),
        annotations: BTreeMap::from([("summary".to_owned(), "Out of the ordinary for this time".to_owned())]),
        severity: None,
        detect: detect::Settings::default(),
        lifecycle: alert::lifecycle::Settings::default(),
        sharing: BudgetSharing::default(),
    }
}

pub(crate) fn forecast(name: &str, query: &str, step: Step, history: &str, horizon: &str) -> ForecastSpec {
    ForecastSpec {
        name: name.to_owned(),
        source: "files".to_owned(),
        query: query.to_owned(),
        step,
        history: history.parse().expect("a duration"),
        horizon: horizon.parse().expect("a duration"),
        levels: vec![0.8, 0.95],
        model: ModelChoice::Auto,
        schedule: "0 * * * *".to_owned(),
        unit: None,
    }
}

pub(crate) fn volume(name: &str, used: &str, limit: &str) -> CapacitySpec {
    CapacitySpec {
        name: name.to_owned(),
        source: "files".to_owned(),
        used: used.to_owned(),
        limit: limit.to_owned(),
        kind: CapacityKind::Volume,
        step: Step::HOUR,
        history: HumanDuration::from_days(42),
        schedule: "0 * * * *".to_owned(),
        unit: Some(Unit::Bytes),
        alert_probability: 0.5,
        labels: Labels::new(),
        annotations: BTreeMap::new(),
        plan: capacity::Settings::default(),
    }
}

/// Five days before `now`: two services with a daily rhythm, of which the one with a hostile name is slow at the end, an
/// instance with three metrics, and a disk with a hostile name that fills.
fn write_data(dir: &Path, now: Timestamp) {
    let begin = now - SignedDuration::from_hours(120);
    let mut services = "series,timestamp,value\n".to_owned();
    let mut instance = "timestamp,latency_p95_seconds,requests_per_second,memory_bytes\n".to_owned();
    let mut disks = "series,timestamp,value\n".to_owned();
    for index in 0..1_440_i32 {
        let at = begin + SignedDuration::from_secs(300 * i64::from(index));
        let day = (f64::from(index) * std::f64::consts::TAU / 288.0).sin();
        // a fixed sequence that looks like noise
        let noise = (f64::from(index) * 12.9898).sin() * 43_758.545_3;
        let noise = noise - noise.floor() - 0.5;
        let slow = if index > 1_430 { 3.0 } else { 1.0 };
        writeln!(services, "checkout,{at},{:.5}", 0.12 + 0.03 * day + 0.01 * noise).expect("a text");
        writeln!(services, "\"{HOSTILE}\",{at},{:.5}", slow * (0.2 + 0.05 * day + 0.01 * noise)).expect("a text");
        let requests = 100.0 + 40.0 * day + 5.0 * noise;
        writeln!(instance, "{at},{:.5},{requests:.2},{:.0}", 0.1 + 0.02 * day + 0.005 * noise, 1e9 + 1e6 * requests)
            .expect("a text");
        if index % 12 == 0 {
            writeln!(disks, "\"{HOSTILE}\",{at},{:.0}", 70e9 + 8e6 * f64::from(index) + 2e8 * noise).expect("a text");
        }
    }
    for (name, text) in [("services.csv", services), ("web-0.csv", instance), ("disks.csv", disks)] {
        std::fs::write(dir.join(name), text).expect("written");
    }
}
