//! What people look at: the state of everything as plain values.
//!
//! Input: the store, the detectors' memory, the settings; for plots also the sources.
//! Output: values that a page or a list shows as they are.
//! Never: changes anything; never waits for a source longer than [`PATIENCE`].

mod alerts;
mod explain;
mod forecasts;
mod history;
mod resources;
mod series;

use std::time::Duration;

use jiff::Timestamp;

pub use alerts::{AlertList, OpenIncident, SeriesLink};
pub use forecasts::ForecastCurve;
pub(super) use forecasts::curve;
pub use resources::{Advice, FanLines, Resource};
pub use series::SeriesView;

use super::{App, EngineError, WatchStatus};
use crate::alert::Alert;

/// Longest wait for a source that a plot wants history from.
const PATIENCE: Duration = Duration::from_secs(5);
/// Undelivered messages that are told.
const MOST_UNDELIVERED: usize = 50;

/// The state of everything.
#[derive(Debug, Clone, PartialEq)]
pub struct Overview {
    /// How many jobs are configured.
    pub configured: Configured,
    /// How every detector is doing.
    pub detectors: Vec<WatchStatus>,
    /// Alerts that fire, worst first.
    pub firing: Vec<Alert>,
    /// Alerts that ended last, newest start first.
    pub resolved: Vec<Alert>,
    /// Incidents with at least one firing alert, worst first.
    pub incidents: Vec<OpenIncident>,
    /// Limited resources, soonest exhaustion first.
    pub resources: Vec<Resource>,
    /// What is recommended, most urgent first.
    pub advice: Vec<Advice>,
    /// What waits to be delivered.
    pub deliveries: Vec<DeliveryStatus>,
    /// Deliveries that were given up, latest first.
    pub undelivered: Vec<Undelivered>,
}

/// How many jobs of each kind are configured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Configured {
    /// Detectors.
    pub detectors: usize,
    /// Capacity watches.
    pub capacity: usize,
    /// Forecast jobs.
    pub forecasts: usize,
    /// Routes to destinations.
    pub routes: usize,
}

/// How much one destination has waiting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryStatus {
    /// The destination.
    pub destination: String,
    /// Deliveries that wait.
    pub pending: usize,
    /// Deliveries that were given up.
    pub dead: usize,
    /// When the oldest waiting one was recorded.
    pub oldest_pending: Option<Timestamp>,
}

/// A delivery that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undelivered {
    /// The destination.
    pub destination: String,
    /// When it was given up.
    pub at: Timestamp,
    /// Attempts made.
    pub attempts: u32,
    /// Why.
    pub error: String,
}

impl App {
    /// The state of everything at `now`.
    ///
    /// # Errors
    /// [`EngineError::Store`].
    pub async fn overview(&self, now: Timestamp) -> Result<Overview, EngineError> {
        let settings = self.settings();
        let configured = Configured {
            detectors: settings.detectors.len(),
            capacity: settings.capacity.len(),
            forecasts: settings.forecasts.len(),
            routes: settings.routes.len(),
        };
        let AlertList { firing, resolved, .. } = self.alert_list().await?;
        let incidents = alerts::open_incidents(&firing, &resolved, now).await?;
        Ok(Overview {
            configured,
            detectors: self.watch_statuses().await,
            incidents,
            firing,
            resolved,
            resources: self.resources().await?,
            advice: self.advice().await?,
            deliveries: self.delivery_statuses().await?,
            undelivered: self.undelivered().await?,
        })
    }

    async fn delivery_statuses(&self) -> Result<Vec<DeliveryStatus>, EngineError> {
        let depths = self.store().outbox_depth().await?;
        let status = |depth: crate::store::OutboxDepth| DeliveryStatus {
            destination: depth.destination,
            pending: depth.pending,
            dead: depth.dead,
            oldest_pending: depth.oldest_pending,
        };
        Ok(depths.into_iter().map(status).collect())
    }

    async fn undelivered(&self) -> Result<Vec<Undelivered>, EngineError> {
        let letters = self.store().dead_letters(MOST_UNDELIVERED).await?;
        let given_up = |letter: crate::store::DeadLetter| Undelivered {
            destination: letter.item.destination,
            at: letter.buried_at,
            attempts: letter.attempts,
            error: letter.error,
        };
        Ok(letters.into_iter().map(given_up).collect())
    }
}
