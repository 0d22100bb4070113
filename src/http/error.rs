//! Errors as responses: the one place that knows statuses.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::engine::{EngineError, ErrorCode};

/// The body of every failure.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorBody {
    /// The failure.
    pub error: ErrorDetail,
}

/// What went wrong.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorDetail {
    /// One of `bad_request`, `unprocessable`, `too_large`, `unsupported_media_type`, `not_found`, `method_not_allowed`,
    /// `conflict`, `timeout`, `overloaded`, `unavailable`, `internal`.
    #[schema(example = "unprocessable")]
    pub code: &'static str,
    /// What was wrong, where, and what is allowed.
    #[schema(example = "series[0].points[3][1]: expected a number or null, got \"abc\"")]
    pub message: String,
    /// Where in the body it is, when that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "series[0].points[3][1]")]
    pub details: Option<String>,
}

/// A failure on its way out.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    details: Option<String>,
}

impl ApiError {
    /// 400: the body cannot be read as what it should be.
    #[must_use]
    pub const fn bad_request(message: String, details: Option<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: "bad_request", message, details }
    }

    /// 422: the body reads well and makes no sense.
    #[must_use]
    pub const fn unprocessable(message: String, details: Option<String>) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, code: "unprocessable", message, details }
    }

    /// 413: more than is taken.
    #[must_use]
    pub const fn too_large(message: String) -> Self {
        Self { status: StatusCode::PAYLOAD_TOO_LARGE, code: "too_large", message, details: None }
    }

    /// 415: not JSON.
    #[must_use]
    pub const fn unsupported_media_type(message: String) -> Self {
        Self { status: StatusCode::UNSUPPORTED_MEDIA_TYPE, code: "unsupported_media_type", message, details: None }
    }

    /// 404: no such thing.
    #[must_use]
    pub const fn not_found(message: String) -> Self {
        Self { status: StatusCode::NOT_FOUND, code: "not_found", message, details: None }
    }

    /// 405: the path is right, the method is not.
    #[must_use]
    pub const fn method_not_allowed(message: String) -> Self {
        Self { status: StatusCode::METHOD_NOT_ALLOWED, code: "method_not_allowed", message, details: None }
    }

    /// 408: it took too long.
    #[must_use]
    pub const fn timeout(message: String) -> Self {
        Self { status: StatusCode::REQUEST_TIMEOUT, code: "timeout", message, details: None }
    }

    /// 503 with `Retry-After`: more requests than can be served.
    #[must_use]
    pub fn overloaded() -> Self {
        let message = "too many requests in flight; try again in a second".to_owned();
        Self { status: StatusCode::SERVICE_UNAVAILABLE, code: "overloaded", message, details: None }
    }

    /// The message, for the log.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        let (status, code) = match error.code() {
            ErrorCode::InvalidInput => (StatusCode::UNPROCESSABLE_ENTITY, "unprocessable"),
            ErrorCode::NotFound => (StatusCode::NOT_FOUND, "not_found"),
            ErrorCode::Conflict => (StatusCode::CONFLICT, "conflict"),
            ErrorCode::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            ErrorCode::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        };
        Self { status, code, message: error.to_string(), details: None }
    }
}

/// The message of a failure, carried to the request log.
#[derive(Debug, Clone)]
pub struct LoggedError(pub String);

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let retry_later = self.status == StatusCode::SERVICE_UNAVAILABLE;
        let logged = LoggedError(self.message.clone());
        let detail = ErrorDetail { code: self.code, message: self.message, details: self.details };
        let mut response = (self.status, Json(ErrorBody { error: detail })).into_response();
        if retry_later {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response.extensions_mut().insert(logged);
        response
    }
}
