//! The HTTP face of the engine.
//!
//! Input: requests.
//! Output: JSON with one error envelope, metrics, the OpenAPI description, the web pages.
//! Never: touches a source, sink or store but through `engine`; never computes on the runtime.

mod docs;
mod error;
mod extract;
mod health;
mod middleware;
mod openapi;
mod pages;
mod settings;
mod state;
mod v1;

pub use error::{ApiError, ErrorBody, ErrorDetail};
pub use settings::Settings;
pub use state::AppState;

use axum::Router;
use axum::http::{Method, Uri};

/// Serves every route on `listener` until `shutdown` resolves and the requests under way are answered.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: tokio::net::TcpListener,
    state: AppState,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, router(state)).with_graceful_shutdown(shutdown).await
}

/// Every route.
pub fn router(state: AppState) -> Router {
    let (gated, mut api) = v1::router().split_for_parts();
    let (open, health) = health::router().split_for_parts();
    api.merge(health);
    let described = openapi::router(&api);
    let routes = Router::new().merge(gated).merge(pages::router()).merge(described);
    let routes = middleware::gated(routes, &state.settings)
        .merge(open)
        .fallback(nothing_here)
        .method_not_allowed_fallback(not_this_method);
    middleware::observed(routes).with_state(state)
}

async fn nothing_here(uri: Uri) -> ApiError {
    ApiError::not_found(format!("there is nothing at {}; /api/docs lists what there is", extract::cut(uri.path())))
}

async fn not_this_method(method: Method, uri: Uri) -> ApiError {
    let path = extract::cut(uri.path());
    ApiError::method_not_allowed(format!("{path} does not take {method}; /api/docs says what it takes"))
}
