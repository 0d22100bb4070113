//! The registry of models.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::AppState;
use super::super::error::ApiError;
use super::super::extract::Params;
use super::super::openapi::ReadFailures;
use crate::engine::listings::ModelManifest;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(models))
}

/// The models.
#[derive(Debug, Serialize, ToSchema)]
struct Models {
    /// Every version in the registry.
    models: Vec<ModelOut>,
    /// The severity model in use.
    severity: SeverityModelOut,
}

/// A version of a model.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Model)]
struct ModelOut {
    /// Its name.
    #[schema(example = "detector.api-latency")]
    name: String,
    /// Its version.
    #[schema(example = 3)]
    version: i64,
    /// What it is: `detector`, `severity`.
    #[schema(example = "detector")]
    kind: String,
    /// `active`, `retired` or another state.
    #[schema(example = "active")]
    state: &'static str,
    /// When it was saved.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// How good it was in its backtest.
    #[schema(value_type = Object)]
    metrics: Value,
    /// What it learned from.
    trained_on: String,
    /// SHA-256 of its file.
    sha256: String,
    /// Size of its file.
    bytes: u64,
}

/// The severity model in use.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SeverityModel)]
struct SeverityModelOut {
    /// Name and version.
    #[schema(example = "severity-1")]
    name: String,
    /// Its version.
    #[schema(example = "1")]
    version: String,
    /// Number of trees.
    trees: usize,
    /// Alerts that it was made of.
    trained_on_rows: usize,
}

/// Models
#[utoipa::path(get, path = "/api/v1/models", tag = "watch",
    responses((status = 200, description = "The models.", body = Models), ReadFailures))]
async fn models(State(state): State<AppState>, params: Params) -> Result<Json<Models>, ApiError> {
    params.finish()?;
    let manifests = state.app.models().await?;
    let model = state.app.severity_model();
    let severity = SeverityModelOut {
        name: model.name(),
        version: model.version().to_owned(),
        trees: model.n_trees(),
        trained_on_rows: model.rows(),
    };
    Ok(Json(Models { models: manifests.into_iter().map(ModelOut::from).collect(), severity }))
}

impl From<ModelManifest> for ModelOut {
    fn from(manifest: ModelManifest) -> Self {
        Self {
            name: manifest.name,
            version: manifest.version,
            kind: manifest.kind,
            state: manifest.state.as_str(),
            created_at: manifest.created_at,
            metrics: manifest.metrics,
            trained_on: manifest.trained_on,
            sha256: manifest.sha256,
            bytes: manifest.bytes,
        }
    }
}
