//! The life of alerts over rounds, restarts and outages, with a scripted source and the time as an argument.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

use super::settings::{BudgetSharing, DetectorSpec, EnrichSettings, Settings, TeamBudget};
use super::{App, AppParts, Destination};
use crate::alert::{self, Alert, AlertState};
use crate::detect;
use crate::series::{HumanDuration, Labels, MetricKind, Sample, Samples, Step, Unit};
use crate::severity::{Policy, Severity, SeverityModel};
use crate::sink::{AlertSink, Notice, SinkError};
use crate::source::{Range, SeriesSource, SourceError};
use crate::store::{AlertFilter, RetentionSettings, Store};

/// Minutes of history before the first round.
const HISTORY: i64 = 2_000;
/// Minute of the first round.
pub(super) const FIRST: i64 = 1_000_000;

/// A metric of some instances, by minute; what it does is changed from outside.
#[derive(Debug, Default)]
pub(super) struct World {
    /// Instances that are there, each with the minutes in which it is unusual.
    pub(super) instances: BTreeMap<&'static str, std::ops::Range<i64>>,
    /// Minute from which an instance is at a multiple of its usual level.
    pub(super) levels: BTreeMap<&'static str, (i64, f64)>,
    /// Minute after which an instance has no samples.
    gone_after: BTreeMap<&'static str, i64>,
    partial: bool,
    down: bool,
    counter: bool,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Scripted(Arc<Mutex<World>>);

#[derive(Debug, Clone, Default)]
pub(super) struct Recorded(Arc<Mutex<Vec<Alert>>>);

#[async_trait]
impl SeriesSource for Scripted {
    async fn fetch(&self, query: &str, range: Range) -> Result<Vec<Samples>, SourceError> {
        let world = self.0.lock().unwrap();
        if world.down {
            return Err(SourceError::Unreachable { url: "http://p".into(), message: "planted".into() });
        }
        let minutes = |at: Timestamp| at.as_second().div_euclid(60);
        let mut found = Vec::new();
        for (name, unusual) in &world.instances {
            let last = world.gone_after.get(name).copied().unwrap_or(i64::MAX).min(minutes(range.end));
            let value = |minute: i64| {
                let usual = 10.0 + (minute as f64 / 7.0).sin() + (minute % 5) as f64 * 0.1;
                let level = world.levels.get(name).filter(|(from, _)| minute >= *from).map_or(1.0, |(_, level)| *level);
                let value = if unusual.contains(&minute) { 90.0 } else { usual * level };
                if world.counter { (minute - FIRST + HISTORY) as f64 * 600.0 + value } else { value }
            };
            let points: Vec<Sample> = (minutes(range.start).max(FIRST - HISTORY)..=last)
                .map(|minute| Sample { time_ms: minute * 60_000, value: value(minute) })
                .collect();
            if !points.is_empty() {
                let labels: Labels = [("__name__", "load"), ("instance", *name)].into_iter().collect();
                let kind = if world.counter { MetricKind::Counter } else { MetricKind::Gauge };
                let name = labels.to_string();
                found.push(Samples { name, labels, unit: Unit::None, kind, points, partial: world.partial });
            }
        }
        if found.is_empty() { Err(SourceError::NoData { query: query.to_owned() }) } else { Ok(found) }
    }

    async fn check(&self) -> Result<(), SourceError> {
        Ok(())
    }
}

#[async_trait]
impl AlertSink for Recorded {
    async fn deliver(&self, _key: &str, notice: &Notice) -> Result<(), SinkError> {
        if let Notice::Alerts { alerts } = notice {
            self.0.lock().unwrap().extend(alerts.iter().cloned());
        }
        Ok(())
    }
}

/// A service over the world, with everything that a restart keeps.
pub(super) struct Stage {
    pub(super) place: TempDir,
    pub(super) world: Scripted,
    pub(super) sent: Recorded,
    pub(super) app: Arc<App>,
}

pub(super) fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(minute * 60).unwrap()
}

pub(super) fn spec() -> DetectorSpec {
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
        labels: Labels::new(),
        annotations: BTreeMap::new(),
        severity: None,
        detect: detect::Settings::default(),
        disappearance: detect::Disappearance::Ignore,
        lifecycle: alert::lifecycle::Settings { min_confidence: 0.0, ..alert::lifecycle::Settings::default() },
        sharing: BudgetSharing::default(),
    }
}

async fn app(place: &TempDir, world: &Scripted, sent: &Recorded, detectors: Vec<DetectorSpec>) -> Arc<App> {
    app_with(place, world, sent, detectors, TeamBudget { team: None, retune: true }).await
}

pub(super) async fn app_with(
    place: &TempDir,
    world: &Scripted,
    sent: &Recorded,
    detectors: Vec<DetectorSpec>,
    budget: TeamBudget,
) -> Arc<App> {
    let settings = Settings {
        detectors,
        forecasts: Vec::new(),
        capacity: Vec::new(),
        routes: vec![super::Route { matches: Labels::new(), to: vec!["am".into()] }],
        runbooks: Vec::new(),
        enrich: EnrichSettings::default(),
        severity: Policy::default(),
        resend: alert::resend::Settings::default(),
        retention: RetentionSettings::default(),
        budget,
    };
    let source: Arc<dyn SeriesSource> = Arc::new(world.clone());
    App::new(AppParts {
        settings,
        store: Store::open(place.path(), at(FIRST)).await.unwrap(),
        sources: [("s".to_owned(), source)].into(),
        destinations: [("am".to_owned(), Destination { sink: Arc::new(sent.clone()), repeats: true })].into(),
        severity: SeverityModel::shipped().unwrap(),
    })
}

impl Stage {
    /// Instances `a` and `b`; `b` is unusual from a minute after the first round on.
    pub(super) async fn new() -> Self {
        let (place, world, sent) = (TempDir::new().unwrap(), Scripted::default(), Recorded::default());
        world.0.lock().unwrap().instances = [("a", 0..0), ("b", FIRST + 1..i64::MAX)].into();
        let app = app(&place, &world, &sent, vec![spec()]).await;
        Self { place, world, sent, app }
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut World)) {
        change(&mut self.world.0.lock().unwrap());
    }

    /// A round at each of these minutes.
    pub(super) async fn rounds(&self, minutes: std::ops::RangeInclusive<i64>) {
        for minute in minutes {
            self.app.watch_round(&spec(), at(minute)).await.unwrap();
        }
    }

    pub(super) async fn alerts(&self) -> Vec<Alert> {
        self.app.store().alerts(&AlertFilter::default()).await.unwrap()
    }

    /// What was delivered since the last time, in order: severity and state of each.
    async fn delivered(&self) -> Vec<(Severity, AlertState)> {
        let destination = self.app.destinations().get("am").unwrap().clone();
        let late = super::clock::now() + SignedDuration::from_hours(24 * 365 * 50);
        while self.app.deliver_due("am", &destination, late).await.unwrap() > 0 {}
        let sent: Vec<Alert> = std::mem::take(&mut self.sent.0.lock().unwrap());
        sent.iter().map(|alert| (alert.assessment.as_ref().unwrap().severity, alert.state)).collect()
    }

    /// As after SIGKILL: nothing in memory, everything that was stored.
    pub(super) async fn killed(self, detectors: Vec<DetectorSpec>) -> Self {
        let app = app(&self.place, &self.world, &self.sent, detectors).await;
        Self { app, ..self }
    }
}

#[tokio::test]
async fn the_alert_of_a_series_that_is_gone_ends_with_the_reason() {
    let stage = Stage::new().await;
    stage.rounds(FIRST..=FIRST + 5).await;
    assert_eq!(stage.alerts().await[0].state, AlertState::Firing);
    stage.change(|world| {
        world.gone_after.insert("b", FIRST + 5);
    });
    stage.rounds(FIRST + 6..=FIRST + 20).await;
    assert_eq!(stage.alerts().await[0].state, AlertState::Firing, "15 minutes are not over");
    stage.rounds(FIRST + 21..=FIRST + 22).await;
    let alert = stage.alerts().await.remove(0);
    assert_eq!(alert.state, AlertState::Resolved);
    assert!(alert.annotations["resolved_because"].starts_with("no samples since"), "{:?}", alert.annotations);
    // it comes back after hours and brings what it kept to itself: another alert, the old one stays over
    stage.change(|world| world.gone_after.clear());
    stage.rounds(FIRST + 500..=FIRST + 505).await;
    let alerts = stage.alerts().await;
    assert_eq!(alerts.len(), 2, "{alerts:#?}");
    assert!(alerts[0].starts_at > alert.starts_at, "{}", alerts[0].starts_at);
    assert_eq!((alerts[1].starts_at, alerts[1].ends_at), (alert.starts_at, alert.ends_at));
}

#[tokio::test]
async fn an_outage_and_partial_data_show_and_resolve_nothing() {
    let stage = Stage::new().await;
    stage.rounds(FIRST..=FIRST + 5).await;
    for (partial, down, said) in [(false, true, "cannot reach"), (true, false, "partial data")] {
        stage.change(|world| (world.partial, world.down) = (partial, down));
        for minute in FIRST + 6..FIRST + 60 {
            let error = stage.app.watch_round(&spec(), at(minute)).await.unwrap_err();
            assert_eq!(error.code(), super::ErrorCode::Unavailable);
        }
        let status = stage.app.watch_statuses().await.remove(0);
        assert!(status.last_error.as_deref().is_some_and(|text| text.contains(said)), "{status:?}");
        assert_eq!((status.firing, status.last_round), (1, Some(at(FIRST + 5))));
    }
    stage.change(|world| (world.partial, world.down) = (false, false));
    stage.rounds(FIRST + 60..=FIRST + 60).await;
    let status = stage.app.watch_statuses().await.remove(0);
    assert_eq!((status.firing, status.last_error), (1, None));
    assert_eq!(stage.alerts().await.len(), 1, "the points of the outage were caught up with");
}

#[tokio::test]
async fn a_detector_that_learns_afresh_after_a_crash_goes_on_with_its_alert() {
    let stage = Stage::new().await;
    stage.rounds(FIRST..=FIRST + 5).await;
    let before = stage.alerts().await;
    let stage = stage.killed(vec![spec()]).await;
    stage.rounds(FIRST + 8..=FIRST + 9).await;
    let after = stage.alerts().await;
    assert_eq!((after.len(), after[0].starts_at, after[0].state), (1, before[0].starts_at, AlertState::Firing));
    assert_eq!(stage.app.resolve_orphans(at(FIRST + 9)).await.unwrap(), 0);
    // it ends for good
    stage.change(|world| {
        world.instances.insert("b", FIRST + 1..FIRST + 10);
    });
    stage.rounds(FIRST + 10..=FIRST + 120).await;
    assert!(stage.alerts().await.iter().all(|alert| alert.state == AlertState::Resolved));
}

#[tokio::test]
async fn alerts_that_nobody_upholds_are_resolved_and_not_before() {
    let stage = Stage::new().await;
    stage.rounds(FIRST..=FIRST + 5).await;
    stage.change(|world| {
        world.instances.insert("b", 0..0);
    });
    let stage = stage.killed(vec![spec()]).await;
    let late = at(FIRST + 100);
    assert_eq!(stage.app.resolve_orphans(late).await.unwrap(), 0, "its detector has not had a round yet");
    stage.rounds(FIRST + 6..=FIRST + 6).await;
    assert_eq!(stage.app.resolve_orphans(at(FIRST + 7)).await.unwrap(), 0, "it was seen lately");
    assert_eq!(stage.app.resolve_orphans(late).await.unwrap(), 1);
    assert!(stage.alerts().await[0].annotations["resolved_because"].starts_with("not seen unusual since"));

    let stage = Stage::new().await;
    stage.rounds(FIRST..=FIRST + 5).await;
    let stage = stage.killed(Vec::new()).await;
    assert_eq!(stage.app.resolve_orphans(at(FIRST + 6)).await.unwrap(), 1);
    assert_eq!(stage.alerts().await[0].annotations["resolved_because"], "its detector is no longer configured");
}

#[tokio::test]
async fn severity_only_rises_and_what_it_was_before_ends() {
    let stage = Stage::new().await;
    let identity = alert::Identity {
        origin: alert::Origin::Detector,
        alertname: "load".into(),
        labels: Labels::new().with("instance", "b"),
        annotations: BTreeMap::new(),
        generator_url: None,
    };
    let now = super::clock::now();
    let firing = Alert::firing(identity, now, now);
    let judged = |severity| stage.app.judge_and_record(firing.clone(), Some(severity), now);
    let first = judged(Severity::Info).await.unwrap().assessment.unwrap().severity;
    let worst = judged(Severity::Critical).await.unwrap().assessment.unwrap().severity;
    assert_eq!(worst, Severity::Critical, "one that comes in as critical is");
    assert_ne!(first, worst);
    let kept = judged(Severity::Info).await.unwrap().assessment.unwrap().severity;
    assert_eq!(kept, worst);
    let mut over = firing.clone();
    over.resolve(now, now);
    stage.app.judge_and_record(over, None, now).await.unwrap();
    use AlertState::{Firing, Resolved};
    assert_eq!(stage.delivered().await, [(first, Firing), (first, Resolved), (worst, Firing), (worst, Resolved)]);
}

#[tokio::test]
async fn what_was_over_before_the_service_started_is_not_announced() {
    let stage = Stage::new().await;
    stage.change(|world| {
        world.instances.insert("b", FIRST - 100..FIRST - 80);
    });
    stage.rounds(FIRST..=FIRST).await;
    assert!(stage.alerts().await.iter().any(|alert| alert.labels.get("instance") == Some("b")));
    assert_eq!(stage.delivered().await, []);
}

/// Twelve replicas of a service under one load; `c` is far from the others in `unusual`, all of them in `together`.
async fn replicas(unusual: std::ops::Range<i64>, together: std::ops::Range<i64>) -> (Stage, DetectorSpec) {
    let stage = Stage::new().await;
    stage.change(|world| {
        world.instances = "abcdefghijkl"
            .split("")
            .filter(|name| !name.is_empty())
            .map(|name| (name, if name == "c" { unusual.clone() } else { together.clone() }))
            .collect();
        if !together.is_empty() {
            world.instances.insert("c", together.clone());
        }
    });
    let lifecycle = alert::lifecycle::Settings { firing_points: 3, window_points: 4, ..spec().lifecycle };
    (stage, DetectorSpec { peers_by: vec!["__name__".into()], lifecycle, ..spec() })
}

async fn peer_alerts(stage: &Stage, spec: &DetectorSpec, minutes: impl Iterator<Item = i64>) -> Vec<Alert> {
    for minute in minutes {
        stage.app.watch_round(spec, at(minute)).await.unwrap();
    }
    let mut alerts = stage.alerts().await;
    alerts.retain(|alert| alert.labels.get("anomaly") == Some("peer_outlier"));
    alerts
}

#[tokio::test]
async fn one_of_twelve_replicas_that_is_unlike_the_others_raises_one_alert_that_names_it() {
    let (stage, spec) = replicas(FIRST + 10..FIRST + 70, 0..0).await;
    assert_eq!(peer_alerts(&stage, &spec, FIRST..=FIRST + 9).await, []);
    let alerts = peer_alerts(&stage, &spec, FIRST + 10..=FIRST + 60).await;
    assert_eq!(alerts.len(), 1, "{alerts:#?}");
    let alert = &alerts[0];
    assert_eq!((alert.state, alert.labels.get("instance")), (AlertState::Firing, Some("c")));
    assert_eq!(alert.enrichment.reasons, [detect::Reason::PeerOutlier]);
    let said = alert.enrichment.sentence.as_deref().unwrap();
    assert!(said.contains("is 90, its 11 peers of") && said.contains("behaves unlike its peers"), "{said}");
    assert_eq!(alerts[0].annotations.get("summary").map(String::as_str), Some(said));
    assert_eq!(stage.app.followed(1).await.iter().filter(|one| one.firing).count(), 1, "a peer alert fires");
    // it is like the others again
    let alerts = peer_alerts(&stage, &spec, FIRST + 61..=FIRST + 160).await;
    assert_eq!((alerts.len(), alerts[0].state), (1, AlertState::Resolved), "{alerts:#?}");
}

#[tokio::test]
async fn replicas_that_move_together_and_one_that_has_always_been_different_raise_none() {
    let (stage, spec) = replicas(0..0, FIRST + 10..FIRST + 70).await;
    assert_eq!(peer_alerts(&stage, &spec, (FIRST..=FIRST + 90).step_by(10)).await, []);
    let (stage, spec) = replicas(0..i64::MAX, 0..0).await;
    assert_eq!(peer_alerts(&stage, &spec, (FIRST..=FIRST + 30).step_by(10)).await, []);
}

#[tokio::test]
async fn a_counter_is_followed_point_by_point_and_a_new_series_brings_its_history() {
    let stage = Stage::new().await;
    stage.change(|world| {
        world.counter = true;
        world.instances = [("a", 0..0)].into();
    });
    for minute in FIRST..FIRST + 3 {
        let round = stage.app.watch_round(&spec(), at(minute)).await.unwrap();
        assert!(round.points > 0, "minute {minute}: {round:?}");
    }
    stage.change(|world| {
        world.instances.insert("c", 0..0);
    });
    // not more than once an hour
    stage.rounds(FIRST + 3..=FIRST + 3).await;
    let summary = stage.app.followed(10_000).await;
    assert_eq!(summary.len(), 2);
    stage.change(|world| {
        world.instances.insert("d", 0..0);
    });
    let round = stage.app.watch_round(&spec(), at(FIRST + 64)).await.unwrap();
    assert!(round.points > 1_500, "with its history: {round:?}");
}
