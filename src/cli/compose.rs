//! The composition root: a configuration becomes a running service.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use jiff::Timestamp;

use super::exit::BadInput;
use super::progress::note;
use crate::alert::{self, RunbookRule};
use crate::capacity;
use crate::config::{self, Config};
use crate::detect;
use crate::engine::{
    App, AppParts, BudgetSharing, CapacityKind, CapacitySpec, Destination, DetectorSpec, EnrichSettings, ForecastSpec,
    Route, Settings, TeamBudget, WorkloadTemplate,
};
use crate::forecast::ModelChoice;
use crate::http;
use crate::series::{HumanDuration, Labels, Secret, Step};
use crate::severity::{Floor, Policy, SeverityModel};
use crate::sink::{
    self, AlertSink, AlertmanagerSettings, AlertmanagerSink, FileSettings, FileSink, HttpSettings, StdoutSink,
    WebhookSettings, WebhookSink,
};
use crate::source::file::FileSource;
use crate::source::prometheus::{self, Prometheus};
use crate::source::{SeriesSource, file};
use crate::store::Store;

/// How long after its time a point is taken to be complete: one scrape interval.
const DELAY: HumanDuration = HumanDuration::from_secs(15);
/// Probability of exhaustion within the lead time from which an alert fires.
const ALERT_PROBABILITY: f64 = 0.5;

/// Opens the store and puts everything together; nothing runs yet.
pub(super) async fn app(config: &Config, severity: SeverityModel, now: Timestamp) -> anyhow::Result<Arc<App>> {
    let store = Store::open(&config.data_dir, now).await?;
    let parts = AppParts {
        settings: settings(config)?,
        store,
        sources: sources(config)?,
        destinations: destinations(config)?,
        severity,
    };
    Ok(App::new(parts))
}

/// The severity model of `models/` beside the program's working directory, or the one built in.
pub(super) fn severity_model() -> anyhow::Result<SeverityModel> {
    super::models::severity_model(std::path::Path::new("models")).map(|(model, _)| model)
}

/// Limits of the HTTP server.
pub(super) fn http_settings(config: &Config) -> http::Settings {
    http::Settings {
        max_body_bytes: usize::try_from(config.http.max_body_bytes).unwrap_or(usize::MAX),
        timeout: config.http.timeout.as_std(),
        max_in_flight: config.http.max_in_flight,
    }
}

fn sources(config: &Config) -> anyhow::Result<BTreeMap<String, Arc<dyn SeriesSource>>> {
    let mut sources: BTreeMap<String, Arc<dyn SeriesSource>> = BTreeMap::new();
    for (name, source) in &config.sources {
        let built: Arc<dyn SeriesSource> = match source {
            config::Source::Prometheus(settings) => {
                Arc::new(Prometheus::new(prometheus_settings(settings)).with_context(|| format!("source `{name}`"))?)
            }
            config::Source::Files(files) => {
                let limits = file::Settings { max_bytes: files.max_bytes, ..file::Settings::default() };
                Arc::new(FileSource::new(files.path.clone(), limits))
            }
        };
        sources.insert(name.clone(), built);
    }
    Ok(sources)
}

fn prometheus_settings(source: &config::PrometheusSource) -> prometheus::Settings {
    let auth = source.basic_auth.as_ref();
    prometheus::Settings {
        url: source.url.as_str().to_owned(),
        timeout: source.timeout,
        max_series: source.max_series,
        max_samples: source.max_samples,
        parallel_requests: source.parallel_requests,
        basic_auth: auth.map(|a| prometheus::BasicAuth { username: a.username.clone(), password: a.password.clone() }),
        bearer_token: source.bearer_token.clone(),
        headers: source.headers.clone(),
        tls: prometheus::Tls {
            ca_file: source.tls.ca_file.clone(),
            cert_file: source.tls.cert_file.clone(),
            key_file: source.tls.key_file.clone(),
        },
        ..prometheus::Settings::default()
    }
}

fn destinations(config: &Config) -> anyhow::Result<BTreeMap<String, Destination>> {
    let mut destinations = BTreeMap::new();
    for (name, destination) in &config.notify.destinations {
        let (sink, repeats) = sink(destination).with_context(|| format!("destination `{name}`"))?;
        destinations.insert(name.clone(), Destination { sink, repeats });
    }
    Ok(destinations)
}

fn sink(destination: &config::Destination) -> anyhow::Result<(Arc<dyn AlertSink>, bool)> {
    let wrong = |error: sink::SetupError| anyhow!(BadInput(error.to_string()));
    Ok(match destination {
        config::Destination::Alertmanager(settings) => {
            let settings = AlertmanagerSettings {
                urls: settings.urls.iter().map(|url| url.as_str().to_owned()).collect(),
                resolve_after: settings.resolve_after,
                http: http_client(&settings.http),
            };
            (Arc::new(AlertmanagerSink::new(&settings).map_err(wrong)?), true)
        }
        config::Destination::Webhook(settings) => {
            let url = Secret::from(settings.url.as_str());
            (
                Arc::new(WebhookSink::new(&WebhookSettings { url, http: http_client(&settings.http) }).map_err(wrong)?),
                false,
            )
        }
        config::Destination::File(settings) => {
            let settings = FileSettings { path: settings.path.clone(), fsync: true };
            (Arc::new(FileSink::new(settings).map_err(wrong)?), false)
        }
        config::Destination::Stdout(_) => (Arc::new(StdoutSink::new()), false),
    })
}

fn http_client(client: &config::HttpClient) -> HttpSettings {
    let auth = client.basic_auth.as_ref();
    HttpSettings {
        timeout: client.timeout,
        basic_auth: auth.map(|a| sink::BasicAuth { username: a.username.clone(), password: a.password.clone() }),
        bearer_token: client.bearer_token.clone(),
        headers: client.headers.clone(),
        ca_file: client.tls.ca_file.clone(),
        cert_file: client.tls.cert_file.clone(),
        key_file: client.tls.key_file.clone(),
    }
}

/// What the engine is told to do.
pub(super) fn settings(config: &Config) -> anyhow::Result<Settings> {
    let floors = config
        .severity
        .floors
        .iter()
        .map(|floor| Floor { matches: floor.matches.clone().into(), at_least: floor.at_least });
    let policy = Policy {
        abstain_below: config.severity.abstain_below,
        may_lower_critical: config.severity.allow_lowering_critical,
        floors: floors.collect(),
        ..Policy::default()
    };
    policy.check().map_err(|error| BadInput(format!("severity: {error}")))?;
    let runbooks = own_runbooks(config)
        .chain(config.runbooks.iter().map(|rule| RunbookRule { matches: rule.matches.clone(), url: rule.url.clone() }));
    Ok(Settings {
        detectors: config.detectors.iter().map(detector).collect::<anyhow::Result<_>>()?,
        forecasts: config.forecasts.iter().map(forecast).collect::<anyhow::Result<_>>()?,
        capacity: config.capacity.iter().map(capacity_watch).collect::<anyhow::Result<_>>()?,
        routes: config
            .notify
            .routes
            .iter()
            .map(|route| Route { matches: route.matches.clone(), to: route.to.clone() })
            .collect(),
        runbooks: runbooks.collect(),
        enrich: EnrichSettings {
            timeout: config.enrich.timeout,
            forward_to: config.enrich.forward_to.clone(),
            ..EnrichSettings::default()
        },
        severity: policy,
        resend: resend(config),
        retention: config.retention.clone(),
        budget: TeamBudget { team: config.budget.team, retune: config.budget.retune },
    })
}

/// Firing alerts are repeated four times before an Alertmanager would take them for over.
fn resend(config: &Config) -> alert::resend::Settings {
    let usual = alert::resend::Settings::default();
    let secs = config.notify.destinations.values().filter_map(|destination| match destination {
        config::Destination::Alertmanager(settings) => Some(settings.resolve_after.as_millis() / 4_000),
        _ => None,
    });
    alert::resend::Settings {
        resend_secs: secs.min().unwrap_or(usual.resend_secs).clamp(1, usual.resend_secs),
        ..usual
    }
}

/// A detector's own runbook as a rule for its alerts, before the general ones.
fn own_runbooks(config: &Config) -> impl Iterator<Item = RunbookRule> + '_ {
    config.detectors.iter().filter_map(|detector| {
        let matches = Labels::new().with("alertname", detector.name.clone());
        Some(RunbookRule { matches, url: detector.runbook_url.clone()? })
    })
}

fn step(duration: HumanDuration) -> anyhow::Result<Step> {
    Step::from_millis(duration.as_millis())
        .ok_or_else(|| anyhow!(BadInput(format!("step must be longer than 0, got {duration}"))))
}

fn detector(detector: &config::Detector) -> anyhow::Result<DetectorSpec> {
    let step = step(detector.step)?;
    Ok(DetectorSpec {
        name: detector.name.clone(),
        source: detector.source.clone(),
        query: detector.query.clone(),
        unit: detector.unit,
        step,
        history: detector.history,
        delay: DELAY,
        entity_by: detector.entity_by.clone(),
        peers_by: detector.peers_by.clone(),
        labels: detector.labels.clone(),
        annotations: detector.annotations.clone(),
        severity: detector.severity,
        detect: detect::Settings {
            false_alarms: detector.false_alarms,
            direction: detector.direction,
            model: detector.model,
            calendar: detector.calendar.clone(),
            gates: gates(detector),
            ..detect::Settings::default()
        },
        disappearance: detector.disappearance,
        lifecycle: lifecycle(step, detector.min_duration),
        sharing: BudgetSharing { scope: detector.false_alarms_scope, weights: detector.business_weight.clone() },
    })
}

fn gates(detector: &config::Detector) -> detect::GateSettings {
    detect::GateSettings {
        min_deviation: detector.min_deviation,
        data_range: detector.data_range,
        business_hours: detector.business_hours.clone(),
        maintenance: detector.maintenance.clone(),
    }
}

/// `min_duration` of unusual points, four fifths of a somewhat longer window; 0 is two of three points.
fn lifecycle(step: Step, min_duration: HumanDuration) -> alert::lifecycle::Settings {
    let usual = alert::lifecycle::Settings::default();
    let points = step.per_secs(min_duration.as_secs_f64());
    if points < 2 {
        return usual;
    }
    let immediate_score = f64::INFINITY;
    alert::lifecycle::Settings {
        firing_points: points,
        window_points: points + points.div_ceil(4),
        immediate_score,
        without_echo: true,
        ..usual
    }
}

fn forecast(job: &config::ForecastJob) -> anyhow::Result<ForecastSpec> {
    Ok(ForecastSpec {
        name: job.name.clone(),
        source: job.source.clone(),
        query: job.query.clone(),
        step: step(job.step)?,
        history: job.history,
        horizon: job.horizon,
        levels: job.levels.clone(),
        model: ModelChoice::Auto,
        schedule: job.schedule.as_ref().map_or("0 * * * *", config::Schedule::as_str).to_owned(),
        unit: job.unit,
    })
}

fn capacity_watch(watch: &config::CapacityWatch) -> anyhow::Result<CapacitySpec> {
    let template = watch.workload.as_ref().map(|workload| WorkloadTemplate {
        kind: match workload.kind {
            config::WorkloadKind::Deployment => capacity::WorkloadKind::Deployment,
            config::WorkloadKind::StatefulSet => capacity::WorkloadKind::StatefulSet,
            config::WorkloadKind::DaemonSet => capacity::WorkloadKind::DaemonSet,
        },
        namespace: workload.namespace.clone(),
        name: workload.name.clone(),
        container: workload.container.clone().unwrap_or_default(),
    });
    let kind = match (watch.kind, template) {
        (config::CapacityKind::Volume, _) => CapacityKind::Volume,
        (config::CapacityKind::Workload, Some(template)) => CapacityKind::Workload(template),
        (config::CapacityKind::Replicas, Some(template)) => CapacityKind::Replicas(template),
        (config::CapacityKind::Workload | config::CapacityKind::Replicas, None) => {
            note(
                false,
                &format!("capacity `{}` names no workload; it gets an exhaustion date and no patch", watch.name),
            );
            CapacityKind::Other
        }
        (config::CapacityKind::Other, _) => CapacityKind::Other,
    };
    Ok(CapacitySpec {
        name: watch.name.clone(),
        source: watch.source.clone(),
        used: watch.used.clone(),
        limit: watch.limit.clone(),
        kind,
        step: step(watch.step)?,
        history: watch.history,
        schedule: watch.schedule.as_ref().map_or("0 * * * *", config::Schedule::as_str).to_owned(),
        unit: watch.unit,
        alert_probability: ALERT_PROBABILITY,
        labels: Labels::new(),
        annotations: BTreeMap::new(),
        plan: capacity::Settings {
            lead_time: watch.lead_time,
            horizon: watch.horizon,
            ..capacity::Settings::default()
        },
    })
}
