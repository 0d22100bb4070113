//! Loops that run until shutdown: rounds of detectors, scheduled batches and plans, repetitions, housekeeping.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tracing::{error, info};

use super::settings::{CapacitySpec, DetectorSpec, ForecastSpec};
use super::{App, EngineError, clock};

/// How often repetitions are looked for.
const REPEAT_EVERY: Duration = Duration::from_secs(15);
/// How often states are saved and old things cleared.
const HOUSEKEEPING_EVERY: Duration = Duration::from_secs(600);
/// Longest wait between rounds of a detector: a long step must not keep an alert waiting for its resolution.
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
        let pause = Duration::from_secs((spec.step.millis().unsigned_abs() / 1_000).clamp(1, LONGEST_ROUND_SECS));
        let mut failures = 0_u32;
        while !self.is_stopping() {
            let started = std::time::Instant::now();
            match self.watch_round(spec, clock::now()).await {
                Ok(_) => failures = 0,
                Err(error) => {
                    failures += 1;
                    log_failure("detector", &spec.name, &error);
                }
            }
            self.mark_ready(&spec.name);
            let wait = pause.saturating_mul(1 << failures.min(4)).saturating_sub(started.elapsed());
            self.sleep(wait.max(Duration::from_millis(200))).await;
        }
    }

    async fn forecast_loop(&self, spec: &ForecastSpec) {
        // a batch that a kill interrupted goes on; a fresh service has one at once, then by the clock
        let mut due = self.unfinished_batch(&spec.name).await.unwrap_or_else(clock::now);
        while !self.is_stopping() {
            if let Err(error) = self.run_batch(spec, due, clock::now()).await {
                log_failure("forecast", &spec.name, &error);
            }
            match next_time(&spec.schedule, clock::now()) {
                Some(next) => due = next,
                None => return,
            }
            self.sleep_until(due).await;
        }
    }

    async fn capacity_loop(&self, spec: &CapacitySpec) {
        while !self.is_stopping() {
            if let Err(error) = self.plan_round(spec, clock::now()).await {
                log_failure("capacity", &spec.name, &error);
            }
            match next_time(&spec.schedule, clock::now()) {
                Some(next) => self.sleep_until(next).await,
                None => return,
            }
        }
    }

    async fn repeat_loop(&self) {
        while !self.is_stopping() {
            if let Err(error) = self.repeat_alerts(clock::now()).await {
                error!(%error, "alerts cannot be repeated");
            }
            self.sleep(REPEAT_EVERY).await;
        }
    }

    async fn housekeeping_loop(&self) {
        while !self.is_stopping() {
            self.sleep(HOUSEKEEPING_EVERY).await;
            if let Err(error) = self.housekeeping(clock::now()).await {
                error!(%error, "housekeeping failed");
            }
        }
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
