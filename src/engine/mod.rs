//! The use cases: watch, forecast in batches, plan, enrich, deliver, retrain.
//!
//! Input: settings, sources, sinks, a store, models; requests of `http` and `cli`.
//! Output: scores, forecasts, capacity reports, alerts with context, deliveries.
//! Never: computes on the async runtime (that is [`compute`]'s pool); never reads the clock anywhere but in [`clock`].
//!
//! Every use case reads *gather (async) → compute (pure, on the CPU pool) → act (async)*.

mod absences;
mod app;
mod batch;
mod budget;
mod budget_views;
mod changes;
mod chart;
pub mod clock;
pub mod compute;
mod context;
mod deliver;
mod enrich;
mod error;
mod explained;
mod groups;
mod isolate;
mod judge;
mod late;
pub mod listings;
mod maintain;
mod orphans;
mod overview;
mod peers;
mod plan;
mod publish;
pub mod requests;
mod retrain;
#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod scenarios_of_absence;
#[cfg(test)]
mod scenarios_of_forecasts;
mod schedule;
mod settings;
mod skill;
mod stateless;
#[cfg(test)]
mod tests;
mod timed;
mod tracked;
mod watch;

pub use app::{App, AppParts, SeriesSummary, WatchStatus};
pub use batch::BatchProgress;
pub use budget::budget_report;
pub use budget_views::{BudgetReport, BudgetScope, BudgetView, DetectorBudget, Within};
pub use chart::ChartPoint;
pub use enrich::Enriched;
pub use error::{EngineError, ErrorCode};
pub use explained::{Explanation, MetricExplained, Said, Told, explain_metric, explain_prepared};
pub use isolate::{Cuts, Isolated, isolate, isolation_params};
pub use judge::facts_of;
pub use overview::{
    Advice, AlertList, Configured, DeliveryStatus, FanLines, ForecastCurve, OpenIncident, Overview, Resource,
    SeriesLink, SeriesView, Undelivered,
};
pub use retrain::RetrainReport;
pub use settings::{
    BudgetSharing, CapacityKind, CapacitySpec, Destination, DetectorSpec, EnrichSettings, ForecastSpec, Route,
    Settings, TeamBudget, WorkloadTemplate,
};
pub use skill::{AccuracyRow, Covered};
pub use stateless::{SeriesChanges, capacity_body, changes_prepared, plan_capacity, score_prepared};
pub use tracked::Tracked;
pub use watch::Round;
