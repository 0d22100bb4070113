//! What every handler has at hand.

use std::sync::Arc;

use super::Settings;
use crate::engine::App;
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
}

impl AppState {
    /// The state of a server for `app`.
    #[must_use]
    pub const fn new(app: Arc<App>, metrics: Option<Metrics>, settings: Settings) -> Self {
        Self { app, metrics, settings }
    }
}
