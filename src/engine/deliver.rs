//! The outbox's workers: every destination on its own, in order, until delivered or given up visibly.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tracing::{error, info, warn};

use super::{App, Destination, EngineError, clock};
use crate::alert::resend::due;
use crate::alert::{Alert, AlertState, Origin};
use crate::sink::{Notice, SinkError};
use crate::store::{Delivery, OutboxItem};
use crate::telemetry::{self, Outcome};

/// Deliveries claimed at a time.
const BATCH: usize = 50;
/// First wait after a failure; doubles with each further one.
const FIRST_WAIT_SECS: u64 = 2;
/// Longest wait.
const LONGEST_WAIT_SECS: u64 = 300;
/// Attempts after which a delivery is given up: with the waits above about four days.
const MOST_ATTEMPTS: u32 = 1_200;

impl App {
    /// Delivers to `name` until shutdown.
    pub(super) async fn delivery_loop(&self, name: &str, destination: &Destination) {
        while !self.is_stopping() {
            match self.deliver_due(name, destination, clock::now()).await {
                Ok(0) => self.wait_for_deliveries(Duration::from_secs(1)).await,
                Ok(_) => {}
                Err(error) => {
                    error!(destination = name, %error, "the outbox of {name} cannot be read");
                    self.sleep(Duration::from_secs(5)).await;
                }
            }
        }
    }

    /// Delivers what is due at `now`; how many deliveries were tried.
    ///
    /// # Errors
    /// [`EngineError::Store`]; deliveries that were claimed are tried again after their lease.
    pub async fn deliver_due(
        &self,
        name: &str,
        destination: &Destination,
        now: Timestamp,
    ) -> Result<usize, EngineError> {
        let claimed = self.store().claim_due(name, now, BATCH).await?;
        let count = claimed.len();
        for delivery in claimed {
            self.deliver_one(name, destination, &delivery).await?;
        }
        Ok(count)
    }

    async fn deliver_one(&self, name: &str, destination: &Destination, delivery: &Delivery) -> Result<(), EngineError> {
        let notice = match serde_json::from_str::<Notice>(&delivery.item.notice_json) {
            Ok(notice) if destination.repeats => as_of(notice, clock::now()),
            Ok(notice) => notice,
            Err(error) => {
                let text = format!("the notice in the outbox cannot be read: {error}");
                return Ok(self.store().bury(delivery.id, clock::now(), &text).await?);
            }
        };
        let started = std::time::Instant::now();
        let outcome = destination.sink.deliver(&delivery.item.idempotency_key, &notice).await;
        let (now, took) = (clock::now(), started.elapsed());
        match outcome {
            Ok(()) => {
                telemetry::delivered(name, Outcome::Ok, took);
                self.store().complete(delivery.id, now).await?;
            }
            Err(SinkError::Retry { message, retry_after_secs, .. }) if delivery.attempts + 1 < MOST_ATTEMPTS => {
                let wait = wait_secs(delivery.attempts, delivery.id, retry_after_secs);
                warn!(
                    destination = name,
                    attempts = delivery.attempts + 1,
                    wait,
                    "{name}: {message}; next attempt in {wait} s"
                );
                telemetry::delivered(name, Outcome::Retry, took);
                let when = now.saturating_add(SignedDuration::from_secs(i64::try_from(wait).unwrap_or(i64::MAX)));
                self.store().retry_at(delivery.id, when.unwrap_or(now), &message).await?;
            }
            Err(SinkError::Retry { message, .. } | SinkError::Permanent { message, .. }) => {
                error!(destination = name, "{name}: {message}; given up, see the dead letters");
                telemetry::delivered(name, Outcome::Failed, took);
                self.store().bury(delivery.id, now, &message).await?;
            }
        }
        Ok(())
    }

    /// Enqueues repetitions of firing and lately resolved alerts for destinations that forget what is not repeated.
    ///
    /// # Errors
    /// [`EngineError::Store`].
    pub async fn repeat_alerts(&self, now: Timestamp) -> Result<usize, EngineError> {
        let repeating: Vec<&str> = self.repeating_destinations();
        if repeating.is_empty() {
            return Ok(0);
        }
        let mut alerts = self.store().active_alerts().await?;
        alerts.extend(self.lately_resolved(now).await?);
        // foreign alerts live where they came from: repeated to Alertmanager they would keep themselves alive
        alerts.retain(|alert| alert.origin != Origin::External);
        let behind = self.destinations_behind(now).await?;
        let mut items: Vec<OutboxItem> = Vec::new();
        for mut alert in alerts {
            let last = self.last_sent(&alert);
            let unheard = alert.state == AlertState::Resolved && last.is_none();
            if unheard || !due(&alert, last, now, &self.settings().resend).is_send() {
                continue;
            }
            self.remember_sent(&alert, now);
            if alert.state == AlertState::Firing {
                alert.updated_at = now;
            }
            let wanted = self.deliveries_of(&alert, Some(now))?;
            let wanted = wanted.into_iter().filter(|item| repeating.contains(&item.destination.as_str()));
            items.extend(wanted.filter(|item| !behind.contains(&item.destination)));
        }
        let count = items.len();
        if count > 0 {
            self.store().enqueue(&items, now).await?;
            self.wake_deliveries();
            info!(count, "repeated {count} alert deliveries");
        }
        Ok(count)
    }

    /// Destinations with something that has waited for longer than the repeat interval: repetitions would only pile up
    /// behind it, and what waits is brought up to date when it is sent.
    async fn destinations_behind(&self, now: Timestamp) -> Result<BTreeSet<String>, EngineError> {
        let patience = self.settings().resend.resend_secs;
        let late = |oldest: Timestamp| now.as_second() - oldest.as_second() > patience;
        let depths = self.store().outbox_depth().await?;
        let behind = depths.into_iter().filter(|depth| depth.oldest_pending.is_some_and(late));
        Ok(behind.map(|depth| depth.destination).collect())
    }

    async fn lately_resolved(&self, now: Timestamp) -> Result<Vec<Alert>, EngineError> {
        let span = SignedDuration::from_secs(self.settings().resend.resolved_for_secs);
        let since = now.checked_sub(span).unwrap_or(now);
        let filter = crate::store::AlertFilter {
            state: Some(AlertState::Resolved),
            since: Some(since),
            limit: 1_000,
            ..crate::store::AlertFilter::default()
        };
        Ok(self.store().alerts(&filter).await?)
    }
}

/// A notice for a destination that forgets what is not repeated, as of now: a firing alert that has waited would count
/// as over already when it arrives.
fn as_of(mut notice: Notice, now: Timestamp) -> Notice {
    if let Notice::Alerts { alerts } = &mut notice {
        for alert in alerts.iter_mut().filter(|alert| alert.state == AlertState::Firing) {
            alert.updated_at = alert.updated_at.max(now);
        }
    }
    notice
}

/// Doubling waits with a deterministic jitter of up to a quarter, or what the destination asked for.
fn wait_secs(attempts: u32, id: i64, asked: Option<u64>) -> u64 {
    let doubled = FIRST_WAIT_SECS.saturating_mul(1_u64 << attempts.min(16)).min(LONGEST_WAIT_SECS);
    let jitter =
        id.unsigned_abs().wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(u64::from(attempts)) % (doubled / 4 + 1);
    (doubled - jitter).max(asked.unwrap_or(0)).max(1)
}

#[cfg(test)]
mod tests {
    use super::wait_secs;

    #[test]
    fn waits_double_up_to_five_minutes_and_honour_what_was_asked() {
        assert!((1..=2).contains(&wait_secs(0, 7, None)));
        assert!((6..=8).contains(&wait_secs(2, 7, None)));
        assert!((225..=300).contains(&wait_secs(30, 7, None)));
        assert_eq!(wait_secs(0, 7, Some(120)), 120);
    }
}
