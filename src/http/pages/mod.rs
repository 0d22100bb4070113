//! The web pages: what Tidewatch knows, for people.
//!
//! Input: the state of the service, read through `engine`.
//! Output: pages rendered here, one stylesheet, one script of our own, and the plot library that the `plotly` crate holds.
//! Never: asks the network of the reader for anything; never writes foreign text unescaped; never changes anything.

mod advice;
mod alert;
mod alert_list;
mod assets;
mod budget;
mod capacity;
mod capacity_plot;
mod error;
mod forecast_plot;
mod forecasts;
mod overview;
mod plot;
mod series;
mod series_plot;
mod shell;
mod show;

use axum::Router;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::get;

use super::AppState;

/// What pages may load and run: our own files, and the one empty style element that the plot library makes for itself
/// (the hash is that of an empty text). Data and styles set by scripts are no inline scripts or styles in this sense.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; \
    style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='; \
    img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The pages and what they load.
pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/", get(overview::page))
        .route("/alerts", get(alert_list::page))
        .route("/alerts/{fingerprint}", get(alert::page))
        .route("/series", get(series::list))
        .route("/series/{detector}/{fingerprint}", get(series::page))
        .route("/capacity", get(capacity::list))
        .route("/capacity/{watch}", get(capacity::list_of_watch))
        .route("/capacity/{watch}/{id}", get(capacity::page))
        .route("/budget", get(budget::page))
        .route("/forecasts", get(forecasts::list))
        .route("/forecasts/{id}", get(forecasts::page))
        .route("/assets/tidewatch.css", get(assets::style))
        .route("/assets/tidewatch.js", get(assets::script))
        .route("/assets/plotly.min.js", get(assets::plot_library))
        .layer(map_response(with_headers))
}

async fn with_headers(mut response: Response) -> Response {
    let fixed = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    // what is true now may not be true when a reader comes back to the page
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
