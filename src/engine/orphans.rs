//! Alerts that nobody upholds any more: their detector is gone, or learned afresh and sees nothing unusual.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use tracing::info;

use super::settings::{CapacitySpec, DetectorSpec};
use super::tracked::{RESOLVED_BECAUSE, alertname};
use super::watch::grace_ms;
use super::{App, EngineError};
use crate::alert::{Alert, Origin};
use crate::series::{Fingerprint, Step};

impl App {
    /// Resolves firing alerts in the store that no detector and no capacity watch upholds, with the reason in the
    /// annotation `resolved_because`; how many.
    ///
    /// A detector has to have had a round since the start and the alert to be without news for the time after which a
    /// series counts as gone: an alert is never taken back because a source does not answer.
    ///
    /// # Errors
    /// [`EngineError::Store`].
    pub async fn resolve_orphans(&self, now: Timestamp) -> Result<usize, EngineError> {
        let own: Vec<Alert> = self.store().active_alerts().await?;
        let own: Vec<Alert> = own.into_iter().filter(|alert| alert.origin != Origin::External).collect();
        if own.is_empty() {
            return Ok(0);
        }
        let (upheld, silent) = self.upheld().await;
        let mut resolved = 0;
        for alert in own.into_iter().filter(|alert| !upheld.contains(&alert.fingerprint)) {
            if let Some(why) = self.orphaned_because(&alert, &silent, now) {
                self.end_orphan(alert, &why, now).await?;
                resolved += 1;
            }
        }
        Ok(resolved)
    }

    /// Resolves alerts of `spec` whose resource has not been planned for as long as it takes to count as gone.
    pub(super) async fn resolve_unplanned(&self, spec: &CapacitySpec, now: Timestamp) -> Result<(), EngineError> {
        for alert in self.store().active_alerts().await? {
            let ours = alert.origin == Origin::Capacity && alert.labels.get("alertname") == Some(&spec.name);
            if ours && is_stale(&alert, spec.step, now) {
                let why = format!("no plan for it since {}", alert.updated_at.strftime("%Y-%m-%dT%H:%M:%SZ"));
                self.end_orphan(alert, &why, now).await?;
            }
        }
        Ok(())
    }

    /// What fires in memory, and the detectors that have not had a round yet.
    async fn upheld(&self) -> (BTreeSet<Fingerprint>, BTreeSet<String>) {
        let (mut upheld, mut silent) = (BTreeSet::new(), BTreeSet::new());
        for spec in &self.settings().detectors {
            let Ok(watch) = self.watch(&spec.name) else { continue };
            let watch = watch.lock().await;
            upheld.extend(watch.tracked.values().filter_map(|one| one.firing()).map(|alert| alert.fingerprint));
            upheld.extend(watch.absent.iter().map(|one| one.alert.fingerprint));
            if watch.last_round.is_none() {
                silent.insert(spec.name.clone());
            }
        }
        (upheld, silent)
    }

    fn orphaned_because(&self, alert: &Alert, silent: &BTreeSet<String>, now: Timestamp) -> Option<String> {
        if alert.origin == Origin::Capacity {
            let configured =
                self.settings().capacity.iter().any(|spec| alert.labels.get("alertname") == Some(&spec.name));
            return (!configured).then(|| "its capacity watch is no longer configured".to_owned());
        }
        let raises = |spec: &&DetectorSpec| {
            alert.labels.get("alertname") == Some(alertname(spec)) && alert.labels.contains_all(&spec.labels)
        };
        let owners: Vec<&DetectorSpec> = self.settings().detectors.iter().filter(raises).collect();
        if owners.is_empty() {
            return Some("its detector is no longer configured".to_owned());
        }
        let over = |spec: &&DetectorSpec| !silent.contains(&spec.name) && is_stale(alert, spec.step, now);
        let since = alert.updated_at.strftime("%Y-%m-%dT%H:%M:%SZ");
        owners.iter().all(over).then(|| format!("not seen unusual since {since}"))
    }

    async fn end_orphan(&self, mut alert: Alert, why: &str, now: Timestamp) -> Result<(), EngineError> {
        info!(alert = %alert.title(), "{} is over: {why}", alert.title());
        alert.annotations.insert(RESOLVED_BECAUSE.to_owned(), why.to_owned());
        alert.resolve(now, now);
        self.judge_and_record(alert, None, now).await.map(drop)
    }
}

/// Whether nothing was heard of `alert` for as long as it takes a series of this step to count as gone.
fn is_stale(alert: &Alert, step: Step, now: Timestamp) -> bool {
    let grace = SignedDuration::from_millis(grace_ms(step));
    alert.updated_at.checked_add(grace).is_ok_and(|until| until < now)
}
