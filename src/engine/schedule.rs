//! Loops that run until shutdown: rounds of detectors, scheduled batches and plans, repetitions, housekeeping.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tracing::{error, info};

use super::settings::{CapacitySpec, DetectorSpec, ForecastSpec};
use super::watch::last_complete_ms;
use super::{App, EngineError, ErrorCode, clock};

/// How often repetitions are looked for, unless they are wanted more often than four times in this.
const REPEAT_EVERY: Duration = Duration::from_secs(15);
/// Longest wait before a round that failed is tried again: who watches must notice soon that its source is back.
const RETRY_ROUND: Duration = Duration::from_secs(30);
/// The same for scheduled batches and plans.
const RETRY_SCHEDULED: Duration = Duration::from_secs(300);
/// Rounds of different detectors are spread over at most this long, so that they do not all ask at once.
const SPREAD_MS: u64 = 3_000;
/// How often states are saved and old things cleared.
const HOUSEKEEPING_EVERY: Duration = Duration::from_secs(600);
/// The same for the first time after the start.
const FIRST_HOUSEKEEPING: Duration = Duration::from_secs(60);
/// Longest wait between rounds of a detector, so that a change of the system's clock is noticed.
const LONGEST_ROUND_SECS: u64 = 300;

impl App {
    /// Starts every loop. They end after [`App::stop`].
    pub fn start(self: &Arc<Self>) {
        for spec in self.settings().detectors.clone() {
            let app = Arc::clone(self);
            self.track(async move { app.detector_loop(&spec).await });
        }
        for spec in self.settings().forecasts.clone() {
            let app = Arc::clone(self);
            self.track(async move { app.forecast_loop(&spec).await });
        }
        for spec in self.settings().capacity.clone() {
            let app = Arc::clone(self);
            self.track(async move { app.capacity_loop(&spec).await });
        }
        for (name, destination) in self.destinations().clone() {
            let app = Arc::clone(self);
            self.track(async move { app.delivery_loop(&name, &destination).await });
        }
        let app = Arc::clone(self);
        self.track(async move { app.housekeeping_loop().await });
        let app = Arc::clone(self);
        self.track(async move { app.repeat_loop().await });
    }

    async fn detector_loop(&self, spec: &DetectorSpec) {
        let mut failures = 0_u32;
        while !self.is_stopping() {
            let outcome = self.watch_round(spec, clock::now()).await;
            if self.is_stopping() {
                return;
            }
            let wait = match outcome {
                Ok(_) => {
                    failures = 0;
                    self.mark_ready(&spec.name);
                    until_next_point(spec, clock::now())
                }
                Err(error) => {
                    failures += 1;
                    log_failure("detector", &spec.name, &error);
                    if error.code() == ErrorCode::Unavailable {
                        self.mark_waiting(&spec.name, error.to_string());
                    } else {
                        self.mark_ready(&spec.name);
                    }
                    pause(failures, RETRY_ROUND)
                }
            };
            self.sleep(wait).await;
        }
    }

    async fn forecast_loop(&self, spec: &ForecastSpec) {
        // a batch that a kill interrupted goes on; a fresh service has one at once, then by the clock
        let mut due = self.unfinished_batch(&spec.name).await.unwrap_or_else(clock::now);
        let mut failures = 0_u32;
        while !self.is_stopping() {
            let outcome = self.run_batch(spec, due, clock::now()).await;
            let next = next_time(&spec.schedule, clock::now());
            if let Some(at) = self.again_at("forecast", &spec.name, outcome.err(), &mut failures) {
                // the same batch once more, unless the next is due before that
                due = next.filter(|next| *next <= at).unwrap_or(due);
                self.sleep_until(next.map_or(at, |next| next.min(at))).await;
                continue;
            }
            let Some(next) = next else { return };
            due = next;
            self.sleep_until(due).await;
        }
    }

    async fn capacity_loop(&self, spec: &CapacitySpec) {
        let mut failures = 0_u32;
        while !self.is_stopping() {
            let outcome = self.plan_round(spec, clock::now()).await;
            let next = next_time(&spec.schedule, clock::now());
            let again = self.again_at("capacity", &spec.name, outcome.err(), &mut failures);
            match (next, again) {
                (Some(next), Some(again)) => self.sleep_until(next.min(again)).await,
                (Some(at), None) | (None, Some(at)) => self.sleep_until(at).await,
                (None, None) => return,
            }
        }
    }

    /// When to try again what failed: soon and then less often while somebody does not answer, and not before its next
    /// time when trying again cannot help. `None` without a failure.
    fn again_at(&self, what: &str, name: &str, error: Option<EngineError>, failures: &mut u32) -> Option<Timestamp> {
        let Some(error) = error.filter(|_| !self.is_stopping()) else {
            *failures = 0;
            return None;
        };
        log_failure(what, name, &error);
        if error.code() != ErrorCode::Unavailable {
            return None;
        }
        *failures += 1;
        clock::now().checked_add(pause(*failures, RETRY_SCHEDULED)).ok()
    }

    async fn repeat_loop(&self) {
        while !self.is_stopping() {
            if let Err(error) = self.resolve_orphans(clock::now()).await {
                error!(%error, "alerts that nobody upholds cannot be resolved");
            }
            if let Err(error) = self.repeat_alerts(clock::now()).await {
                error!(%error, "alerts cannot be repeated");
            }
            self.sleep(self.repeat_every()).await;
        }
    }

    async fn housekeeping_loop(&self) {
        // soon at first: what a fresh service learned from the history outlives a kill
        let mut wait = FIRST_HOUSEKEEPING;
        while !self.is_stopping() {
            self.sleep(wait).await;
            wait = HOUSEKEEPING_EVERY;
            if let Err(error) = self.housekeeping(clock::now()).await {
                error!(%error, "housekeeping failed");
            }
        }
    }

    fn repeat_every(&self) -> Duration {
        let wanted = Duration::from_secs(self.settings().resend.resend_secs.max(1).unsigned_abs());
        (wanted / 4).min(REPEAT_EVERY)
    }

    async fn sleep_until(&self, at: Timestamp) {
        loop {
            let left = at.as_millisecond() - clock::now().as_millisecond();
            if left <= 0 || self.is_stopping() {
                return;
            }
            // in pieces, so that a change of the system's clock is noticed
            self.sleep(Duration::from_millis(left.unsigned_abs().min(60_000))).await;
        }
    }
}

/// The wait before the next try after so many failures: a second, doubled each time, up to `longest`.
fn pause(failures: u32, longest: Duration) -> Duration {
    Duration::from_secs(1 << failures.saturating_sub(1).min(16)).min(longest)
}

/// Until the next point of `spec` is complete, and a little longer, each detector by its own amount.
fn until_next_point(spec: &DetectorSpec, now: Timestamp) -> Duration {
    let step = spec.step.millis();
    let due = last_complete_ms(spec, now).saturating_add(step).saturating_add(spec.delay.as_millis());
    let own = spec.name.bytes().fold(0_u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte)));
    let spread = own % (step.unsigned_abs() / 10).clamp(1, SPREAD_MS);
    let wait = due.saturating_sub(now.as_millisecond()).max(0).unsigned_abs().saturating_add(spread);
    Duration::from_millis(wait.clamp(200, LONGEST_ROUND_SECS * 1_000))
}

fn log_failure(what: &str, name: &str, error: &EngineError) {
    error!(name, %error, "{what} {name}: {error}");
}

/// The next time of a cron expression after `now`, UTC unless it names a zone; `None` when there is none.
fn next_time(schedule: &str, now: Timestamp) -> Option<Timestamp> {
    let mut options = cronexpr::ParseOptions::default();
    options.fallback_timezone_option = cronexpr::FallbackTimezoneOption::UTC;
    let crontab = cronexpr::parse_crontab_with(schedule, options).ok()?;
    let next = crontab.find_next(now).ok().map(|zoned| zoned.timestamp());
    if next.is_none() {
        info!(schedule, "the schedule `{schedule}` has no further time");
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_are_utc_unless_they_name_a_zone() {
        let now: Timestamp = "2026-06-01T12:30:00Z".parse().unwrap();
        assert_eq!(next_time("0 * * * *", now).map(|t| t.to_string()), Some("2026-06-01T13:00:00Z".into()));
        assert_eq!(
            next_time("0 6 * * * Europe/Berlin", now).map(|t| t.to_string()),
            Some("2026-06-02T04:00:00Z".into())
        );
        assert_eq!(next_time("not cron", now), None);
    }
}
