//! Alerts as lists, with what they belong to.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::super::{App, EngineError, compute};
use crate::alert::{Alert, AlertState};
use crate::incident::{self, Incident, IncidentState};
use crate::series::{Fingerprint, Labels};
use crate::severity::Severity;
use crate::store::AlertFilter;

/// Alerts that incidents are made of; grouping takes time with the square of it.
const MOST_GROUPED: usize = 400;
/// Alerts that one question to the store brings.
const MOST_READ: usize = 1_000;

/// Firing and ended alerts.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertList {
    /// All that fire, worst first, then newest first.
    pub firing: Vec<Alert>,
    /// Those that ended, newest start first, at most 1,000.
    pub resolved: Vec<Alert>,
    /// Whether there are more that ended.
    pub more: bool,
}

/// Alerts that belong together and are not over.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenIncident {
    /// The incident.
    pub incident: Incident,
    /// Its alerts, earliest first.
    pub alerts: Vec<Alert>,
}

/// Where the series behind an alert is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesLink {
    /// Name of the detector.
    pub detector: String,
    /// Identity of the series or entity there.
    pub fingerprint: Fingerprint,
}

impl App {
    /// Firing and ended alerts.
    ///
    /// # Errors
    /// [`EngineError::Store`].
    pub async fn alert_list(&self) -> Result<AlertList, EngineError> {
        let mut firing = self.store().active_alerts().await?;
        firing.sort_by_key(|alert| (severity_of(alert), std::cmp::Reverse(alert.starts_at)));
        let ended = AlertFilter { state: Some(AlertState::Resolved), limit: MOST_READ, ..AlertFilter::default() };
        let resolved = self.store().alerts(&ended).await?;
        Ok(AlertList { firing, more: resolved.len() >= MOST_READ, resolved })
    }

    /// Every time that the alert `fingerprint` fired, newest first, at most `limit`.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] when it never did; [`EngineError::Store`].
    pub async fn episodes(&self, fingerprint: Fingerprint, limit: usize) -> Result<Vec<Alert>, EngineError> {
        let filter = AlertFilter { fingerprint: Some(fingerprint), limit, ..AlertFilter::default() };
        let alerts = self.store().alerts(&filter).await?;
        if alerts.is_empty() {
            let message = format!("there is no alert {fingerprint}; it may be older than what is kept");
            return Err(EngineError::NotFound(message));
        }
        Ok(alerts)
    }

    /// Where the series behind each alert of a detector is shown, by the alert's identity.
    pub async fn series_of_alerts(&self) -> BTreeMap<Fingerprint, SeriesLink> {
        let mut links = BTreeMap::new();
        for spec in &self.settings().detectors {
            let Ok(watch) = self.watch(&spec.name) else { continue };
            for (fingerprint, tracked) in &watch.lock().await.tracked {
                let link = SeriesLink { detector: spec.name.clone(), fingerprint: *fingerprint };
                links.insert(alert_identity(&spec.name, &spec.labels, &tracked.labels), link);
            }
        }
        links
    }
}

/// The identity of the alert that a detector raises for a series.
pub(super) fn alert_identity(detector: &str, added: &Labels, series: &Labels) -> Fingerprint {
    let labels = added.iter().fold(series.clone(), |labels, (name, value)| labels.with(name, value));
    labels.without("__name__").with("alertname", detector).fingerprint()
}

/// Incidents that are not over, worst first, then newest first.
pub(super) async fn open_incidents(
    firing: &[Alert],
    resolved: &[Alert],
    now: Timestamp,
) -> Result<Vec<OpenIncident>, EngineError> {
    if firing.is_empty() {
        return Ok(Vec::new());
    }
    let alerts: Vec<Alert> = firing.iter().chain(resolved).take(MOST_GROUPED).cloned().collect();
    compute::run(move || {
        let groups = incident::group(&alerts, now, &incident::Settings::default());
        let mut open: Vec<OpenIncident> = groups
            .into_iter()
            .filter(|incident| incident.state == IncidentState::Open)
            .map(|incident| OpenIncident {
                alerts: incident.members.iter().filter_map(|&index| alerts.get(index).cloned()).collect(),
                incident,
            })
            .collect();
        open.sort_by_key(|one| (one.incident.severity, std::cmp::Reverse(one.incident.started_at)));
        open
    })
    .await
}

/// The judged severity; one that is not judged counts as a warning.
fn severity_of(alert: &Alert) -> Severity {
    alert.assessment.as_ref().map_or(Severity::Warning, |assessment| assessment.severity)
}
