//! What happens to every request around its handler: admission, time limit, log line, metrics, headers, panics.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::HttpBody;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tracing::{debug, error, info};

use super::Settings;
use super::error::{ApiError, LoggedError};
use super::extract::Received;
use crate::telemetry;

/// Route label of what matches no route.
const UNMATCHED: &str = "unmatched";
/// Routes that are asked every few seconds and not worth a line each.
const QUIET: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// How many requests are admitted and how long they may take.
#[derive(Debug, Clone)]
struct Gate {
    permits: Arc<Semaphore>,
    timeout: Duration,
}

/// Admits at most `max_in_flight` requests at a time, each within its time and body limit. Others get 503.
pub(super) fn gated<S: Clone + Send + Sync + 'static>(router: Router<S>, settings: &Settings) -> Router<S> {
    let gate = Gate { permits: Arc::new(Semaphore::new(settings.max_in_flight)), timeout: settings.timeout };
    router.layer(DefaultBodyLimit::max(settings.max_body_bytes)).layer(from_fn_with_state(gate, admit))
}

/// Panics become 500, and every answer gets its request id, headers, compression, log line and metrics.
pub(super) fn observed<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(observe))
        .layer(CompressionLayer::new())
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
}

async fn admit(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let Ok(_permit) = gate.permits.try_acquire() else { return ApiError::overloaded().into_response() };
    let received = Received::new(request.body().is_end_stream());
    request.extensions_mut().insert(received.clone());
    match tokio::time::timeout(gate.timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) if received.has_arrived() => ApiError::slow_answer().into_response(),
        Err(_) => ApiError::slow_body().into_response(),
    }
}

async fn observe(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let method = request.method().clone();
    let id = request.headers().get("x-request-id").and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned();
    let mut response = next.run(request).await;
    let (route, took, status) =
        (route.as_ref().map_or(UNMATCHED, MatchedPath::as_str), started.elapsed(), response.status());
    telemetry::answered(route, status.as_u16(), took);
    let ms = took.as_secs_f64() * 1_000.0;
    let failure = response.extensions_mut().remove::<LoggedError>();
    let status_code = status.as_u16();
    match failure {
        Some(LoggedError(why)) if status == StatusCode::INTERNAL_SERVER_ERROR => {
            error!(%method, route, status = status_code, ms, id, "{method} {route} {status_code}: {why}");
        }
        Some(LoggedError(why)) => {
            info!(%method, route, status = status_code, ms, id, "{method} {route} {status_code}: {why}");
        }
        None if QUIET.contains(&route) => {
            debug!(%method, route, status = status_code, ms, id, "{method} {route} {status_code}");
        }
        None => info!(%method, route, status = status_code, ms, id, "{method} {route} {status_code}"),
    }
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::REFERRER_POLICY).or_insert(HeaderValue::from_static("no-referrer"));
    headers.entry(header::X_FRAME_OPTIONS).or_insert(HeaderValue::from_static("DENY"));
    response
}

#[expect(clippy::needless_pass_by_value, reason = "the layer hands over the box")]
fn panicked(payload: Box<dyn Any + Send + 'static>) -> Response {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    ApiError::internal(format!("a handler panicked: {}", text.unwrap_or_else(|| "no message".to_owned())))
        .into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::routing::get;
    use tower::ServiceExt;

    use super::*;

    async fn slow() -> &'static str {
        tokio::time::sleep(Duration::from_secs(60)).await;
        "done"
    }

    fn broken() -> &'static str {
        let none: [&'static str; 0] = [];
        none.iter().copied().reduce(|_, last| last).unwrap_or_else(|| std::panic::panic_any("a panic in a handler"))
    }

    fn app(max_in_flight: usize, timeout: Duration) -> Router {
        let settings = Settings { max_in_flight, timeout, ..Settings::default() };
        let routes = Router::new().route("/slow", get(slow)).route("/broken", get(|| async { broken() }));
        observed(gated(routes, &settings))
    }

    fn ask(path: &str) -> Request {
        Request::get(path).body(Body::empty()).expect("a request")
    }

    async fn text_of(response: Response) -> String {
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.expect("a body");
        String::from_utf8(bytes.to_vec()).expect("text")
    }

    #[tokio::test]
    async fn a_request_too_many_is_told_to_come_again() {
        let app = app(1, Duration::from_secs(1));
        let (first, second) = tokio::join!(app.clone().oneshot(ask("/slow")), app.clone().oneshot(ask("/slow")));
        let (first, second) = (first.expect("infallible"), second.expect("infallible"));
        assert_eq!(second.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(second.headers()[header::RETRY_AFTER], "1");
        assert!(text_of(second).await.contains("\"overloaded\""));
        assert_eq!(first.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(text_of(first).await.contains("\"timeout\""));
        let third = app.oneshot(ask("/broken")).await.expect("infallible");
        assert_eq!(third.status(), StatusCode::INTERNAL_SERVER_ERROR, "the place is free again");
    }

    #[tokio::test]
    async fn a_panic_is_an_answer_without_its_text() {
        let response = app(8, Duration::from_secs(5)).oneshot(ask("/broken")).await.expect("infallible");
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(response.headers().contains_key("x-request-id"));
        let text = text_of(response).await;
        assert!(text.contains("\"internal\"") && !text.contains("planted"), "{text}");
    }
}
