//! Series that stop reporting: which of them are deaths and which are churn, with a scripted source.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::Timestamp;
use tempfile::TempDir;

use super::settings::{BudgetSharing, DetectorSpec, EnrichSettings, Settings, TeamBudget};
use super::{App, AppParts};
use crate::alert::{self, Alert, AlertState};
use crate::detect::{self, Disappearance, Reason};
use crate::series::{HumanDuration, Labels, MetricKind, Sample, Samples, Step, Unit};
use crate::severity::{Policy, SeverityModel};
use crate::source::{Range, SeriesSource, SourceError};
use crate::store::{AlertFilter, ChangeEvent, ChangeKind, RetentionSettings, Store};

/// Minute of the first round.
const FIRST: i64 = 1_000_000;
/// Minutes of history before it.
const HISTORY: i64 = 3_000;
/// Minutes after which a silent series counts as gone, and a little more.
const GONE: i64 = 20;

/// A series by its labels, when it reports: from, until (exclusive) and every how many minutes.
#[derive(Debug, Clone)]
struct Reports {
    labels: Labels,
    from: i64,
    until: i64,
    every: i64,
}

#[derive(Debug, Clone, Default)]
struct World(Arc<Mutex<Vec<Reports>>>);

#[async_trait]
impl SeriesSource for World {
    async fn fetch(&self, query: &str, range: Range) -> Result<Vec<Samples>, SourceError> {
        let minutes = |at: Timestamp| at.as_second().div_euclid(60);
        let mut found = Vec::new();
        for one in self.0.lock().unwrap().iter() {
            let points: Vec<Sample> = (minutes(range.start).max(one.from)..=minutes(range.end).min(one.until - 1))
                .filter(|minute| minute % one.every == 0)
                .map(|minute| Sample { time_ms: minute * 60_000, value: 5.0 + (minute % 7) as f64 })
                .collect();
            if !points.is_empty() {
                let (name, labels) = (one.labels.to_string(), one.labels.clone());
                found.push(Samples { name, labels, unit: Unit::None, kind: MetricKind::Gauge, points, partial: false });
            }
        }
        if found.is_empty() { Err(SourceError::NoData { query: query.to_owned() }) } else { Ok(found) }
    }

    async fn check(&self) -> Result<(), SourceError> {
        Ok(())
    }
}

struct Stage {
    _place: TempDir,
    world: World,
    app: Arc<App>,
}

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(minute * 60).unwrap()
}

fn spec() -> DetectorSpec {
    DetectorSpec {
        name: "load".into(),
        source: "s".into(),
        query: "load".into(),
        unit: None,
        step: Step::MINUTE,
        history: HumanDuration::from_secs(60 * HISTORY.unsigned_abs()),
        delay: HumanDuration::from_secs(0),
        entity_by: Vec::new(),
        peers_by: Vec::new(),
        sharing: BudgetSharing::default(),
        labels: Labels::new(),
        annotations: BTreeMap::new(),
        severity: None,
        // nothing but absences shall fire
        detect: detect::Settings { false_alarms: "1 per month".parse().unwrap(), ..detect::Settings::default() },
        disappearance: Disappearance::Alert,
        lifecycle: alert::lifecycle::Settings {
            firing_points: 100,
            window_points: 100,
            immediate_score: f64::INFINITY,
            ..alert::lifecycle::Settings::default()
        },
    }
}

/// `load{job="…", pod="…"}` and the like, reporting every minute, for ever.
fn reports(labels: &[(&str, &str)]) -> Reports {
    let labels = [("__name__", "load")].iter().chain(labels).copied().collect();
    Reports { labels, from: 0, until: i64::MAX, every: 1 }
}

fn pods(names: &[&str]) -> Vec<Reports> {
    names.iter().map(|name| reports(&[("namespace", "shop"), ("pod", name)])).collect()
}

impl Stage {
    async fn new(world: Vec<Reports>) -> Self {
        let (place, world) = (TempDir::new().unwrap(), World(Arc::new(Mutex::new(world))));
        let source: Arc<dyn SeriesSource> = Arc::new(world.clone());
        let app = App::new(AppParts {
            settings: Settings {
                detectors: vec![spec()],
                forecasts: Vec::new(),
                capacity: Vec::new(),
                routes: Vec::new(),
                runbooks: Vec::new(),
                enrich: EnrichSettings::default(),
                severity: Policy::default(),
                resend: alert::resend::Settings::default(),
                retention: RetentionSettings::default(),
                budget: TeamBudget { team: None, retune: true },
            },
            store: Store::open(place.path(), at(FIRST)).await.unwrap(),
            sources: [("s".to_owned(), source)].into(),
            destinations: BTreeMap::new(),
            severity: SeverityModel::shipped().unwrap(),
        });
        Self { _place: place, world, app }
    }

    /// From `minute` on the series with this value of some label is silent.
    fn silence(&self, value: &str, minute: i64) {
        for one in self.world.0.lock().unwrap().iter_mut() {
            if one.labels.iter().any(|(_, own)| own == value) {
                one.until = minute;
            }
        }
    }

    /// Rounds at these minutes.
    async fn rounds(&self, minutes: std::ops::RangeInclusive<i64>) {
        for minute in minutes {
            self.app.watch_round(&spec(), at(minute)).await.unwrap();
        }
    }

    /// The rounds before, the silence, and the rounds until the silent count as gone.
    async fn fall_silent(&self, values: &[&str]) {
        self.rounds(FIRST..=FIRST + 1).await;
        for value in values {
            self.silence(value, FIRST + 2);
        }
        self.rounds(FIRST + 2..=FIRST + 2 + GONE).await;
    }

    async fn alerts(&self) -> Vec<Alert> {
        self.app.store().alerts(&AlertFilter::default()).await.unwrap()
    }

    #[track_caller]
    fn titles(alerts: &[Alert]) -> Vec<(String, AlertState)> {
        alerts.iter().map(|alert| (alert.title(), alert.state)).collect()
    }
}

fn firing(title: &str) -> (String, AlertState) {
    (title.to_owned(), AlertState::Firing)
}

#[tokio::test]
async fn an_exporter_that_dies_raises_an_alert_and_its_return_ends_it() {
    let jobs = ["a:9100", "b:9100", "c:9100"].map(|instance| reports(&[("instance", instance), ("job", "node")]));
    let stage = Stage::new(jobs.to_vec()).await;
    stage.fall_silent(&["b:9100"]).await;
    let alerts = stage.alerts().await;
    assert_eq!(Stage::titles(&alerts), [firing(r#"load{instance="b:9100",job="node"}"#)]);
    let alert = &alerts[0];
    assert_eq!(alert.enrichment.reasons, [Reason::Disappeared]);
    assert_eq!(alert.starts_at, at(FIRST + 2), "the first point that did not come");
    let summary = &alert.annotations["summary"];
    assert!(summary.contains("stopped reporting at") && summary.contains("a point every 1m"), "{summary}");
    assert!(alert.assessment.is_some());
    // housekeeping leaves it alone
    assert_eq!(stage.app.resolve_orphans(at(FIRST + 400)).await.unwrap(), 0);
    stage.silence("b:9100", i64::MAX);
    stage.rounds(FIRST + 60..=FIRST + 61).await;
    let alerts = stage.alerts().await;
    assert_eq!((alerts.len(), alerts[0].state), (1, AlertState::Resolved));
    assert_eq!(alerts[0].annotations["resolved_because"], "it reports again");
}

#[tokio::test]
async fn a_pod_that_is_scaled_down_or_replaced_is_no_death() {
    let (old, new) = ("web-7d4b9c6f5d-x2x7k", "web-6c8d9b5f7f-zq4wv");
    let stage = Stage::new(pods(&[old, "web-7d4b9c6f5d-b5b5b"])).await;
    stage.fall_silent(&[old]).await;
    assert_eq!(Stage::titles(&stage.alerts().await), [], "scaled down");

    let stage = Stage::new([pods(&[old]), pods(&["api-7d4b9c6f5d-b5b5b"])].concat()).await;
    stage.rounds(FIRST..=FIRST + 1).await;
    let mut replaced = pods(&[new]).remove(0);
    replaced.from = FIRST + 1;
    stage.world.0.lock().unwrap().push(replaced);
    stage.fall_silent(&[old]).await;
    assert_eq!(Stage::titles(&stage.alerts().await), [], "replaced by the pod of the new version");

    let stage = Stage::new(pods(&["db-0", "db-1", "db-2"])).await;
    stage.fall_silent(&["db-2"]).await;
    assert_eq!(Stage::titles(&stage.alerts().await), [], "the last of a set is scaled down");

    let stage = Stage::new(pods(&["db-0", "db-1", "db-2"])).await;
    stage.fall_silent(&["db-1"]).await;
    assert_eq!(
        Stage::titles(&stage.alerts().await),
        [firing(r#"load{namespace="shop",pod="db-1"}"#)],
        "one in the middle is not"
    );
}

#[tokio::test]
async fn a_job_that_vanishes_is_one_alert() {
    let of = |job: &'static str| ["1", "2", "3"].map(|instance| reports(&[("instance", instance), ("job", job)]));
    let stage = Stage::new([of("node"), of("api")].concat()).await;
    stage.fall_silent(&["api"]).await;
    let alerts = stage.alerts().await;
    assert_eq!(Stage::titles(&alerts), [firing(r#"load{job="api"}"#)]);
    let summary = &alerts[0].annotations["summary"];
    assert!(summary.starts_with(r#"each of 3 series of load{job="api"}"#), "{summary}");
    // one of it comes back: the others are missed on their own
    stage.silence("api", FIRST + 2);
    stage.world.0.lock().unwrap()[3].until = i64::MAX;
    stage.rounds(FIRST + 40..=FIRST + 41).await;
    let alerts = stage.alerts().await;
    let resolved: Vec<&Alert> = alerts.iter().filter(|alert| alert.state == AlertState::Resolved).collect();
    assert_eq!(resolved.len(), 1);
    assert_eq!(resolved[0].annotations["resolved_because"], "it reports again");
    assert_eq!(alerts.len(), 3, "{alerts:#?}");
}

#[tokio::test]
async fn a_source_that_falls_silent_is_no_death_of_its_series() {
    let jobs = ["node", "api"].map(|job| reports(&[("instance", "1"), ("job", job)]));
    let stage = Stage::new(jobs.to_vec()).await;
    stage.fall_silent(&["node", "api"]).await;
    assert_eq!(Stage::titles(&stage.alerts().await), []);
    let error = stage.app.watch_statuses().await.remove(0).last_error.expect("an error");
    assert!(error.starts_with("none of its series has had a point since"), "{error}");
    for job in ["node", "api"] {
        stage.silence(job, i64::MAX);
    }
    stage.rounds(FIRST + 60..=FIRST + 60).await;
    assert_eq!(stage.app.watch_statuses().await.remove(0).last_error, None);
}

#[tokio::test]
async fn many_that_vanish_at_the_same_time_are_one_alert() {
    let names: Vec<String> = (0..13).map(|i| format!("host{i}:9100")).collect();
    let stage = Stage::new(names.iter().map(|name| reports(&[("instance", name), ("job", "node")])).collect()).await;
    let gone: Vec<&str> = names.iter().take(11).map(String::as_str).collect();
    stage.fall_silent(&gone).await;
    let alerts = stage.alerts().await;
    assert_eq!(Stage::titles(&alerts), [firing(r#"load{job="node"}"#)]);
    assert!(alerts[0].annotations["summary"].starts_with("11 series at the same time"), "{alerts:#?}");
}

#[tokio::test]
async fn a_series_that_reports_rarely_is_judged_by_its_own_gaps() {
    let rare = Reports { every: 50, ..reports(&[("instance", "rare"), ("job", "batch")]) };
    let stage = Stage::new(vec![rare, reports(&[("instance", "a"), ("job", "node")])]).await;
    stage.rounds(FIRST..=FIRST + 45).await;
    assert_eq!(Stage::titles(&stage.alerts().await), [], "fifty minutes are its usual gap");
    stage.silence("rare", FIRST + 1);
    for minute in (FIRST + 50..FIRST + 150).step_by(5) {
        stage.rounds(minute..=minute).await;
    }
    assert_eq!(Stage::titles(&stage.alerts().await), [], "no longer than it may be late");
    for minute in (FIRST + 150..FIRST + 400).step_by(20) {
        stage.rounds(minute..=minute).await;
    }
    assert_eq!(Stage::titles(&stage.alerts().await), [firing(r#"load{instance="rare",job="batch"}"#)]);
}

#[tokio::test]
async fn announced_work_and_what_was_gone_before_wake_nobody() {
    let jobs = ["a", "b", "c"].map(|instance| reports(&[("instance", instance), ("job", "node")]));
    let mut world = jobs.to_vec();
    world.push(Reports { until: FIRST - 500, ..reports(&[("instance", "old"), ("job", "node")]) });
    let stage = Stage::new(world).await;
    let event = ChangeEvent {
        kind: ChangeKind::Maintenance,
        title: "rack 7 is moved".into(),
        labels: Labels::new().with("instance", "a"),
        url: None,
        starts_at: at(FIRST),
        ends_at: Some(at(FIRST + 120)),
    };
    stage.app.store().put_event(&event, at(FIRST)).await.unwrap();
    stage.fall_silent(&["a"]).await;
    assert_eq!(Stage::titles(&stage.alerts().await), [], "announced for a; `old` was never seen alive");
    stage.silence("b", FIRST + 30);
    stage.rounds(FIRST + 23..=FIRST + 30 + GONE).await;
    assert_eq!(Stage::titles(&stage.alerts().await), [firing(r#"load{instance="b",job="node"}"#)]);
}

#[tokio::test]
async fn an_absence_outlives_a_restart_and_can_be_switched_off() {
    let jobs = ["a", "b"].map(|instance| reports(&[("instance", instance), ("job", "node")]));
    let stage = Stage::new(jobs.to_vec()).await;
    stage.fall_silent(&["b"]).await;
    stage.app.housekeeping(at(FIRST + 30)).await.unwrap();
    let first = stage.alerts().await.remove(0);
    let again = App::new(AppParts {
        settings: stage.app.settings().clone(),
        store: stage.app.store().clone(),
        sources: [("s".to_owned(), Arc::new(stage.world.clone()) as Arc<dyn SeriesSource>)].into(),
        destinations: BTreeMap::new(),
        severity: SeverityModel::shipped().unwrap(),
    });
    assert_eq!(again.restore(at(FIRST + 31)).await.unwrap(), 2);
    again.watch_round(&spec(), at(FIRST + 31)).await.unwrap();
    let alerts = stage.alerts().await;
    assert_eq!((alerts.len(), alerts[0].starts_at, alerts[0].state), (1, first.starts_at, AlertState::Firing));

    let ignoring = DetectorSpec { disappearance: Disappearance::Ignore, ..spec() };
    let stage = Stage::new(jobs.to_vec()).await;
    for minute in [FIRST, FIRST + 1, FIRST + 2, FIRST + 30, FIRST + 31] {
        if minute == FIRST + 2 {
            stage.silence("b", FIRST + 2);
        }
        stage.app.watch_round(&ignoring, at(minute)).await.unwrap();
    }
    assert_eq!(Stage::titles(&stage.alerts().await), []);
}
