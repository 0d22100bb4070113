//! Failures as pages.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::html;

use super::super::error::{ApiError, LoggedError};
use super::shell::{Section, document};
use crate::engine::EngineError;

/// A failure on its way to a reader.
#[derive(Debug)]
pub(super) struct PageError {
    status: StatusCode,
    message: String,
}

impl PageError {
    /// 404: no such thing.
    pub(super) const fn not_found(message: String) -> Self {
        Self { status: StatusCode::NOT_FOUND, message }
    }
}

impl From<EngineError> for PageError {
    fn from(error: EngineError) -> Self {
        let message = error.to_string();
        Self { status: ApiError::from(error).into_response().status(), message }
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let title = if self.status == StatusCode::NOT_FOUND { "Not found" } else { "This page cannot be shown" };
        let advice = match self.status {
            StatusCode::NOT_FOUND => "It may have gone since the page that led here was made.",
            StatusCode::SERVICE_UNAVAILABLE => "Try again in a moment; if it stays, look at the log of the service.",
            _ => "Look at the log of the service.",
        };
        let body = html! {
            h1 { (title) }
            p.problem { (self.message) }
            p { (advice) " " a href="/" { "Go to the overview" } "." }
        };
        let mut response = (self.status, document(title, Section::None, &body)).into_response();
        response.extensions_mut().insert(LoggedError(self.message));
        response
    }
}
