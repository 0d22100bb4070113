//! Version 1 of the API, a file for each group of routes.

mod alert_shapes;
mod alerts;
mod answer;
mod brought;
mod budget;
mod capacity;
mod changes;
mod classify;
mod detectors;
mod enrich;
mod events;
mod explain;
mod forecast;
mod forecast_records;
mod incidents;
mod isolate;
mod models;
mod outbox;
mod peers;
mod points;
mod score;
mod verdicts;

use utoipa_axum::router::OpenApiRouter;

use super::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .merge(score::router())
        .merge(explain::router())
        .merge(peers::router())
        .merge(forecast::router())
        .merge(forecast_records::router())
        .merge(capacity::router())
        .merge(changes::router())
        .merge(classify::router())
        .merge(enrich::router())
        .merge(alerts::router())
        .merge(incidents::router())
        .merge(isolate::router())
        .merge(verdicts::router())
        .merge(events::router())
        .merge(detectors::router())
        .merge(budget::router())
        .merge(models::router())
        .merge(outbox::router())
}
