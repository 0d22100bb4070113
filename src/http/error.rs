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
    /// What the log shall say when it says more than the answer.
    logged: Option<String>,
}

impl ApiError {
    /// 400: the body cannot be read as what it should be.
    #[must_use]
    pub const fn bad_request(message: String, details: Option<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: "bad_request", message, details, logged: None }
    }

    /// 422: the body reads well and makes no sense.
    #[must_use]
    pub const fn unprocessable(message: String, details: Option<String>) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, code: "unprocessable", message, details, logged: None }
    }

    /// 413: more than is taken.
    #[must_use]
    pub const fn too_large(message: String) -> Self {
        Self { status: StatusCode::PAYLOAD_TOO_LARGE, code: "too_large", message, details: None, logged: None }
    }

    /// 415: not JSON.
    #[must_use]
    pub const fn unsupported_media_type(message: String) -> Self {
        Self {
            status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
            code: "unsupported_media_type",
            message,
            details: None,
            logged: None,
        }
    }

    /// 404: no such thing.
    #[must_use]
    pub const fn not_found(message: String) -> Self {
        Self { status: StatusCode::NOT_FOUND, code: "not_found", message, details: None, logged: None }
    }

    /// 405: the path is right, the method is not.
    #[must_use]
    pub const fn method_not_allowed(message: String) -> Self {
        Self {
            status: StatusCode::METHOD_NOT_ALLOWED,
            code: "method_not_allowed",
            message,
            details: None,
            logged: None,
        }
    }

    /// 408: the body did not arrive in time.
    #[must_use]
    pub fn slow_body() -> Self {
        let message = "the body did not arrive in time; send it faster or raise http.timeout".to_owned();
        Self { status: StatusCode::REQUEST_TIMEOUT, code: "timeout", message, details: None, logged: None }
    }

    /// 503 with `Retry-After`: the answer was not ready in time.
    #[must_use]
    pub fn slow_answer() -> Self {
        let message = "the answer was not ready in time; ask for less or raise http.timeout".to_owned();
        Self { status: StatusCode::SERVICE_UNAVAILABLE, code: "timeout", message, details: None, logged: None }
    }

    /// 503 with `Retry-After`: more requests than can be served.
    #[must_use]
    pub fn overloaded() -> Self {
        let message = "too many requests in flight; try again in a second".to_owned();
        Self { status: StatusCode::SERVICE_UNAVAILABLE, code: "overloaded", message, details: None, logged: None }
    }

    /// 500: a bug. `logged` goes to the log only.
    #[must_use]
    pub fn internal(logged: String) -> Self {
        let message = "internal error; the log of the service says more under this x-request-id".to_owned();
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            code: "internal",
            message,
            details: None,
            logged: Some(logged),
        }
    }

    /// The same failure, said to be at `path` of the body.
    #[must_use]
    pub fn at(self, path: String) -> Self {
        Self { message: format!("{path}: {}", self.message), details: Some(path), ..self }
    }

    /// The message, for the log.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        let text = error.to_string();
        let (status, code) = match error.code() {
            ErrorCode::Malformed => (StatusCode::BAD_REQUEST, "bad_request"),
            ErrorCode::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            ErrorCode::InvalidInput => (StatusCode::UNPROCESSABLE_ENTITY, "unprocessable"),
            ErrorCode::NotFound => (StatusCode::NOT_FOUND, "not_found"),
            ErrorCode::Conflict => (StatusCode::CONFLICT, "conflict"),
            ErrorCode::Unavailable => {
                let message = "the store or a source does not answer; try again".to_owned();
                let status = StatusCode::SERVICE_UNAVAILABLE;
                return Self { status, code: "unavailable", message, details: None, logged: Some(text) };
            }
            ErrorCode::Internal => return Self::internal(text),
        };
        Self { status, code, message: text, details: None, logged: None }
    }
}

/// The message of a failure, carried to the request log.
#[derive(Debug, Clone)]
pub(super) struct LoggedError(pub(super) String);

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let retry_later = self.status == StatusCode::SERVICE_UNAVAILABLE;
        let logged = LoggedError(self.logged.unwrap_or_else(|| self.message.clone()));
        let detail = ErrorDetail { code: self.code, message: self.message, details: self.details };
        let mut response = (self.status, Json(ErrorBody { error: detail })).into_response();
        if retry_later {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response.extensions_mut().insert(logged);
        response
    }
}
