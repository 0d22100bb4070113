//! Answers: written as JSON on the CPU pool when they may be large, and one result for each series.

use std::collections::BTreeMap;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::super::error::ApiError;
use crate::engine::requests::Each;
use crate::engine::{EngineError, compute};
use crate::series::Labels;

/// Why one series of several has no result.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SeriesError {
    /// `unprocessable` or `internal`.
    code: &'static str,
    /// What is wrong and what is allowed.
    #[schema(example = "series `a` has 5 samples and none of them is a finite number")]
    message: String,
}

/// Makes an answer of `value` on the CPU pool.
pub(super) async fn large<T: Serialize + Send + 'static>(value: T) -> Result<Response, ApiError> {
    let bytes = compute::run(move || serde_json::to_vec(&value)).await?;
    let bytes = bytes.map_err(|error| ApiError::internal(format!("the answer cannot be written: {error}")))?;
    Ok(([(header::CONTENT_TYPE, "application/json")], bytes).into_response())
}

/// Turns the results into answers; when no series has one, the first failure is that of the request.
pub(super) fn each<T, A>(
    ids: Vec<String>,
    results: Each<T>,
    good: impl Fn(String, T) -> A,
    bad: impl Fn(String, SeriesError) -> A,
) -> Result<Vec<A>, ApiError> {
    let none_is_good = results.iter().all(Result::is_err);
    let mut answers = Vec::with_capacity(results.len());
    for (index, (id, result)) in ids.into_iter().zip(results).enumerate() {
        match result {
            Ok(result) => answers.push(good(id, result)),
            Err(error) if none_is_good => return Err(ApiError::from(error).at(format!("series[{index}]"))),
            Err(error) => answers.push(bad(id, told(&error))),
        }
    }
    Ok(answers)
}

fn told(error: &EngineError) -> SeriesError {
    if let EngineError::Panicked(why) = error {
        tracing::error!("a computation panicked: {why}");
        return SeriesError {
            code: "internal",
            message: "internal error; the log of the service says more".to_owned(),
        };
    }
    SeriesError { code: "unprocessable", message: error.to_string() }
}

/// Labels as a map.
pub(super) fn map_of(labels: &Labels) -> BTreeMap<String, String> {
    labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
