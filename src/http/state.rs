//! What every handler has at hand.

use std::sync::Arc;

use jiff::Timestamp;

use super::Settings;
use crate::engine::{App, clock};
use crate::telemetry::Metrics;

/// What every handler has at hand. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AppState {
    /// The service.
    pub app: Arc<App>,
    /// The metrics of this process; `None` when they are not collected.
    pub metrics: Option<Metrics>,
    /// Limits.
    pub settings: Settings,
    /// The time that pages and lists take as now; `None` asks the clock. A replay stands still at the end of its data.
    pub stands_at: Option<Timestamp>,
    /// Lines of plain text for the top of the first page.
    pub report: Option<Arc<str>>,
}

impl AppState {
    /// The state of a server for `app`.
    #[must_use]
    pub const fn new(app: Arc<App>, metrics: Option<Metrics>, settings: Settings) -> Self {
        Self { app, metrics, settings, stands_at: None, report: None }
    }

    /// The state of a server for a replay that stands still at `at` and has `report` to tell.
    #[must_use]
    pub fn of_replay(app: Arc<App>, settings: Settings, at: Timestamp, report: &str) -> Self {
        Self { stands_at: Some(at), report: Some(Arc::from(report)), ..Self::new(app, None, settings) }
    }

    /// The time to take as now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.stands_at.unwrap_or_else(clock::now)
    }
}
