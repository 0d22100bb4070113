//! What people say about alerts.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::AppState;
use super::super::error::{ApiError, ErrorBody};
use super::super::extract::{Body, cut};
use super::super::openapi::BodyFailures;
use crate::engine::clock;
use crate::engine::listings::{Verdict, VerdictRecord};
use crate::series::Fingerprint;

/// Longest author, bytes.
const MAX_AUTHOR: usize = 256;
/// Longest comment, bytes.
const MAX_COMMENT: usize = 16 << 10;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(give))
}

/// A verdict on an alert.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct VerdictRequest {
    /// The alert.
    #[schema(example = "8a3c5d0e4f6b7a91")]
    fingerprint: String,
    /// `confirmed`, `expected`, `false_alarm`, `new_normal` or `wrong_owner`.
    #[schema(value_type = String, example = "confirmed")]
    verdict: Verdict,
    /// When it began to fire, to mean that one time; absent for the alert as such.
    #[schema(value_type = Option<String>, format = DateTime)]
    starts_at: Option<Timestamp>,
    /// Who says so.
    #[serde(default)]
    #[schema(example = "ada")]
    by: String,
    /// Anything else.
    #[serde(default)]
    comment: String,
}

/// A verdict that was kept.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Verdict)]
pub(super) struct VerdictOut {
    /// The alert.
    #[schema(example = "8a3c5d0e4f6b7a91")]
    fingerprint: String,
    /// The verdict.
    #[schema(value_type = String, example = "confirmed")]
    verdict: Verdict,
    /// Which time it fired; `null` for the alert as such.
    #[schema(value_type = Option<String>, format = DateTime)]
    starts_at: Option<Timestamp>,
    /// Who said so.
    by: String,
    /// What they said.
    comment: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    given_at: Timestamp,
}

/// Give a verdict
///
/// Several on one alert are all kept; the last one counts.
#[utoipa::path(post, path = "/api/v1/verdicts", tag = "alerts", request_body = VerdictRequest,
    responses((status = 201, description = "It is kept.", body = VerdictOut),
        (status = 404, description = "There is no such alert.", body = ErrorBody), BodyFailures))]
async fn give(
    State(state): State<AppState>,
    Body(request): Body<VerdictRequest>,
) -> Result<(StatusCode, Json<VerdictOut>), ApiError> {
    let wrong = |path: &str, message: String| ApiError::unprocessable(message, None).at(path.to_owned());
    let fingerprint: Fingerprint = request.fingerprint.parse().map_err(|_| {
        wrong("fingerprint", format!("must be 16 hexadecimal digits, got `{}`", cut(&request.fingerprint)))
    })?;
    if request.by.len() > MAX_AUTHOR {
        return Err(wrong("by", format!("must have at most {MAX_AUTHOR} bytes, got {}", request.by.len())));
    }
    if request.comment.len() > MAX_COMMENT {
        return Err(wrong("comment", format!("must have at most {MAX_COMMENT} bytes, got {}", request.comment.len())));
    }
    let record = VerdictRecord {
        fingerprint,
        starts_at: request.starts_at,
        verdict: request.verdict,
        author: request.by,
        comment: request.comment,
        given_at: clock::now(),
    };
    state.app.give_verdict(&record).await?;
    Ok((StatusCode::CREATED, Json(record.into())))
}

impl From<VerdictRecord> for VerdictOut {
    fn from(record: VerdictRecord) -> Self {
        Self {
            fingerprint: record.fingerprint.to_string(),
            verdict: record.verdict,
            starts_at: record.starts_at,
            by: record.author,
            comment: record.comment,
            given_at: record.given_at,
        }
    }
}
