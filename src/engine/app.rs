//! The running service as one value: what every use case stands on.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::chart::ChartPoint;
use super::settings::{Destination, Settings};
use super::timed::Timed;
use super::watch::Watch;
use super::{EngineError, clock};
use crate::alert::{Alert, AlertState};
use crate::series::{Fingerprint, Labels, Unit};
use crate::severity::SeverityModel;
use crate::source::SeriesSource;
use crate::store::Store;

/// What an [`App`] is made of.
#[derive(Debug)]
pub struct AppParts {
    /// What to do.
    pub settings: Settings,
    /// What is remembered.
    pub store: Store,
    /// Where metrics come from, by name.
    pub sources: BTreeMap<String, Arc<dyn SeriesSource>>,
    /// Where alerts go, by name.
    pub destinations: BTreeMap<String, Destination>,
    /// The severity model.
    pub severity: SeverityModel,
}

/// The running service.
#[derive(Debug)]
pub struct App {
    settings: Settings,
    store: Store,
    sources: BTreeMap<String, Arc<dyn SeriesSource>>,
    destinations: BTreeMap<String, Destination>,
    severity: RwLock<Arc<SeverityModel>>,
    watches: BTreeMap<String, tokio::sync::Mutex<Watch>>,
    /// Detectors that are not ready, with the reason.
    waiting: Mutex<BTreeMap<String, String>>,
    sent: Mutex<BTreeMap<(Fingerprint, Timestamp), (Timestamp, AlertState)>>,
    deliveries: Notify,
    lanes: Arc<Semaphore>,
    tasks: TaskTracker,
    stopping: CancellationToken,
    started_at: Timestamp,
}

/// How a detector is doing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WatchStatus {
    /// Name of the detector.
    pub name: String,
    /// Name of its source.
    pub source: String,
    /// Its query.
    pub query: String,
    /// Step, seconds.
    pub step_s: f64,
    /// Series or entities followed.
    pub series: usize,
    /// How many of them fire now.
    pub firing: usize,
    /// Mean confidence of its judgements, 0 to 1.
    pub confidence: f64,
    /// When it last went well.
    pub last_round: Option<Timestamp>,
    /// Why it did not go well since.
    pub last_error: Option<String>,
}

/// One followed series, for lists and plots.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesSummary {
    /// Name of its detector.
    pub detector: String,
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: Labels,
    /// Its unit.
    pub unit: Unit,
    /// Its metrics, for an entity.
    pub metrics: Vec<String>,
    /// Recent points, oldest first.
    pub recent: Vec<ChartPoint>,
    /// Whether its alert fires now.
    pub firing: bool,
}

impl App {
    /// An app that has not started anything yet.
    #[must_use]
    pub fn new(parts: AppParts) -> Arc<Self> {
        let watches =
            parts.settings.detectors.iter().map(|spec| (spec.name.clone(), tokio::sync::Mutex::default())).collect();
        let first = "its first round is under way".to_owned();
        let waiting = parts.settings.detectors.iter().map(|spec| (spec.name.clone(), first.clone())).collect();
        let timed = |(name, source): (String, Arc<dyn SeriesSource>)| {
            let source: Arc<dyn SeriesSource> = Arc::new(Timed::new(&name, source));
            (name, source)
        };
        Arc::new(Self {
            settings: parts.settings,
            store: parts.store,
            sources: parts.sources.into_iter().map(timed).collect(),
            destinations: parts.destinations,
            severity: RwLock::new(Arc::new(parts.severity)),
            watches,
            waiting: Mutex::new(waiting),
            sent: Mutex::default(),
            deliveries: Notify::new(),
            lanes: Arc::new(Semaphore::new(rayon::current_num_threads().saturating_sub(1).max(1))),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            started_at: clock::now(),
        })
    }

    /// What it was told to do.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What it remembers.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// Where its alerts go.
    #[must_use]
    pub const fn destinations(&self) -> &BTreeMap<String, Destination> {
        &self.destinations
    }

    /// When it began.
    #[must_use]
    pub const fn started_at(&self) -> Timestamp {
        self.started_at
    }

    /// The severity model in use.
    #[must_use]
    pub fn severity_model(&self) -> Arc<SeverityModel> {
        Arc::clone(&self.severity.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another severity model in use.
    pub fn use_severity_model(&self, model: SeverityModel) {
        *self.severity.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(model);
    }

    /// Detectors that are not ready yet, each with the reason (`api-latency: cannot reach …`); empty means ready.
    ///
    /// A detector is ready once its source has answered: with data that was judged, or with a refusal that waiting does
    /// not mend, which its status shows. It stays ready when the source fails later: the service still takes alerts in.
    #[must_use]
    pub fn not_ready(&self) -> Vec<String> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.iter().map(|(name, why)| format!("{name}: {why}")).collect()
    }

    /// How every detector is doing.
    pub async fn watch_statuses(&self) -> Vec<WatchStatus> {
        let mut statuses = Vec::with_capacity(self.settings.detectors.len());
        for spec in &self.settings.detectors {
            let Ok(watch) = self.watch(&spec.name) else { continue };
            let watch = watch.lock().await;
            let series = watch.tracked.len();
            let sum: f64 = watch.tracked.values().map(|one| one.confidence()).sum();
            statuses.push(WatchStatus {
                name: spec.name.clone(),
                source: spec.source.clone(),
                query: spec.query.clone(),
                step_s: spec.step.secs_f64(),
                series,
                firing: watch.tracked.values().filter(|one| watch.fires(one)).count(),
                confidence: if series > 0 { sum / series as f64 } else { 0.0 },
                last_round: watch.last_round,
                last_error: watch.last_error.clone(),
            });
        }
        statuses
    }

    /// Every followed series with at most `points` recent points.
    pub async fn followed(&self, points: usize) -> Vec<SeriesSummary> {
        let mut all = Vec::new();
        for spec in &self.settings.detectors {
            let Ok(watch) = self.watch(&spec.name) else { continue };
            let watch = watch.lock().await;
            all.extend(watch.tracked.values().map(|one| SeriesSummary {
                detector: spec.name.clone(),
                name: one.name.clone(),
                labels: one.labels.clone(),
                unit: one.unit,
                metrics: one.metrics.clone(),
                recent: one.recent.iter().skip(one.recent.len().saturating_sub(points)).copied().collect(),
                firing: watch.fires(one),
            }));
        }
        all
    }

    /// Asks every loop to end and waits for them, at most `patience`; whether all of them ended.
    pub async fn stop(&self, patience: Duration) -> bool {
        self.stopping.cancel();
        self.deliveries.notify_waiters();
        self.tasks.close();
        let ended = tokio::time::timeout(patience, self.tasks.wait()).await.is_ok();
        if let Err(error) = self.housekeeping(clock::now()).await {
            tracing::error!(%error, "the states of the detectors could not be saved");
        }
        self.store.close().await;
        ended
    }

    /// Resolves when [`App::stop`] was called.
    pub async fn stopped(&self) {
        self.stopping.cancelled().await;
    }

    /// Runs `work` until it ends or the app stops waiting for it.
    #[expect(clippy::disallowed_methods, reason = "the one legal place: this is the app's task tracker")]
    pub(super) fn track(&self, work: impl Future<Output = ()> + Send + 'static) {
        drop(tokio::spawn(self.tasks.track_future(work)));
    }

    /// Becomes cancelled when [`App::stop`] is called, for work that cannot await.
    pub(super) fn stopping_token(&self) -> CancellationToken {
        self.stopping.clone()
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.is_cancelled()
    }

    /// Sleeps, not beyond [`App::stop`].
    pub(super) async fn sleep(&self, duration: Duration) {
        tokio::select! {
            () = tokio::time::sleep(duration) => {}
            () = self.stopping.cancelled() => {}
        }
    }

    /// Places on the CPU pool for what callers bring.
    pub(super) const fn lanes(&self) -> &Arc<Semaphore> {
        &self.lanes
    }

    pub(super) fn wake_deliveries(&self) {
        self.deliveries.notify_waiters();
    }

    /// Waits for new deliveries, at most `longest`.
    pub(super) async fn wait_for_deliveries(&self, longest: Duration) {
        tokio::select! {
            () = self.deliveries.notified() => {}
            () = self.sleep(longest) => {}
        }
    }

    pub(super) fn watch(&self, name: &str) -> Result<&tokio::sync::Mutex<Watch>, EngineError> {
        self.watches.get(name).ok_or_else(|| not_found("detector", name, self.watches.keys()))
    }

    pub(super) fn source(&self, name: &str) -> Result<Arc<dyn SeriesSource>, EngineError> {
        self.sources.get(name).cloned().ok_or_else(|| not_found("source", name, self.sources.keys()))
    }

    /// The source for expressions of foreign alerts: the configured one, or the only one.
    pub(super) fn enrich_source(&self) -> Option<Arc<dyn SeriesSource>> {
        let configured = self.settings.enrich.source.as_ref().and_then(|name| self.sources.get(name));
        let only = self.sources.values().next().filter(|_| self.sources.len() == 1);
        configured.or(only).cloned()
    }

    /// Notes that `detector` had its first round.
    pub fn mark_ready(&self, detector: &str) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(detector);
    }

    /// Notes why a detector that has never been ready is not ready yet.
    pub(super) fn mark_waiting(&self, detector: &str, why: String) {
        if let Some(reason) = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).get_mut(detector) {
            *reason = why;
        }
    }

    pub(super) fn repeating_destinations(&self) -> Vec<&str> {
        let repeating = self.destinations.iter().filter(|(_, destination)| destination.repeats);
        repeating.map(|(name, _)| name.as_str()).collect()
    }

    /// Where recommendations go: every destination that some route names and that is no Alertmanager.
    pub(super) fn recommendation_destinations(&self) -> Vec<String> {
        let routed = |name: &str| self.settings.routes.iter().any(|route| route.to.iter().any(|to| to == name));
        let fitting = self.destinations.iter().filter(|(name, destination)| !destination.repeats && routed(name));
        fitting.map(|(name, _)| name.clone()).collect()
    }

    pub(super) fn last_sent(&self, alert: &Alert) -> Option<(Timestamp, AlertState)> {
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.get(&(alert.fingerprint, alert.starts_at)).copied()
    }

    pub(super) fn remember_sent(&self, alert: &Alert, now: Timestamp) {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let forget = now.as_second() - 2 * self.settings.resend.resolved_for_secs.max(self.settings.resend.resend_secs);
        sent.retain(|_, (at, _)| at.as_second() > forget);
        sent.insert((alert.fingerprint, alert.starts_at), (now, alert.state));
    }
}

fn not_found<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a String>) -> EngineError {
    let known: Vec<&str> = known.map(String::as_str).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    EngineError::NotFound(format!("there is no {what} `{name}`; there are: {known}"))
}
