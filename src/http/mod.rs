//! The HTTP face of the engine.
//!
//! Input: requests.
//! Output: JSON with one error envelope, metrics, the OpenAPI description, the web pages.
//! Never: touches a source, sink or store but through `engine`; never computes on the runtime.

mod error;
mod extract;
mod pages;
mod settings;
mod state;

pub use settings::Settings;
pub use state::AppState;

use axum::Router;

/// Every route.
#[must_use]
pub fn router(state: AppState) -> Router {
    Router::new().merge(pages::router()).with_state(state)
}
