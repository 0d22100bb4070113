//! `POST /api/v1/isolate`: unusual records of the caller's table, which has no time order.

use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::AppState;
use super::super::error::ApiError;
use super::super::extract::Body;
use super::super::openapi::BodyFailures;
use super::answer;
use crate::engine::{Cuts, compute, isolate as isolate_table, isolation_params};

/// Most numbers of one table.
const MAX_NUMBERS: usize = 4_000_000;
/// Most rows whose columns are named.
const MAX_NAMED: usize = 20_000;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(isolate))
}

/// A table of records.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct IsolateRequest {
    /// Names of the columns.
    #[schema(example = json!(["cpu", "memory"]))]
    columns: Vec<String>,
    /// One record each, a number for each column; `null` counts as the column's median. At most 4,000,000 numbers.
    #[schema(example = json!([[0.2, 1.5], [0.3, null]]))]
    rows: Vec<Vec<Option<f64>>>,
    /// Trees of the forest, 1 to 10000; default 100.
    trees: Option<usize>,
    /// Rows that each tree is grown on, 2 to 65536; default 256.
    sample_size: Option<usize>,
    /// How trees cut: `axis` (default), `guided` or `extended`.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "axis")]
    split: Cuts,
    /// Seed; default 42. The same seed gives the same scores.
    seed: Option<u64>,
    /// Whether the column that sets each record apart most is named; for at most 20,000 rows.
    #[serde(default)]
    top_feature: bool,
}

/// Scores in the order of the rows.
#[derive(Debug, Serialize, ToSchema)]
struct IsolateResponse {
    /// In (0, 1): higher is more anomalous, 0.5 is ordinary.
    #[schema(example = json!([0.46, 0.71]))]
    scores: Vec<f64>,
    /// The column that sets each record apart most, when it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = json!(["cpu", "memory"]))]
    top_feature: Option<Vec<String>>,
}

/// Find unusual records
///
/// Stateless: a table without a time order in, isolation-forest scores out (Liu, Ting and Zhou 2008).
#[utoipa::path(post, path = "/api/v1/isolate", tag = "judge", request_body = IsolateRequest,
    responses((status = 200, description = "Scores in the order of the rows.", body = IsolateResponse), BodyFailures))]
async fn isolate(Body(request): Body<IsolateRequest>) -> Result<Response, ApiError> {
    let (trees, size) = (request.trees.unwrap_or(100), request.sample_size.unwrap_or(256));
    let params = isolation_params(trees, size, request.split, request.seed.unwrap_or(42));
    let params = params.map_err(|error| ApiError::unprocessable(error.to_string(), None))?;
    check(&request)?;
    let IsolateRequest { columns, rows, top_feature, .. } = request;
    let found = compute::run(move || {
        let values = column_after_column(&rows, columns.len());
        isolate_table(&values, rows.len(), params, top_feature).map(|isolated| IsolateResponse {
            scores: isolated.scores,
            top_feature: isolated
                .top_columns
                .map(|top| top.into_iter().map(|column| columns.get(column).cloned().unwrap_or_default()).collect()),
        })
    });
    let response = found.await?.map_err(|error| ApiError::unprocessable(error.to_string(), None))?;
    answer::large(response).await
}

/// Whether it is a table of numbers; the first place that is wrong.
fn check(request: &IsolateRequest) -> Result<(), ApiError> {
    let wrong = |place: String, message: String| Err(ApiError::unprocessable(message, None).at(place));
    let (width, rows) = (request.columns.len(), request.rows.len());
    if width == 0 || rows == 0 {
        let place = if width == 0 { "columns" } else { "rows" };
        return wrong(place.to_owned(), "must not be empty".to_owned());
    }
    if width.saturating_mul(rows) > MAX_NUMBERS {
        return wrong("rows".to_owned(), format!("must be at most {MAX_NUMBERS} numbers, got {}", width * rows));
    }
    if request.top_feature && rows > MAX_NAMED {
        return wrong("top_feature".to_owned(), format!("is for at most {MAX_NAMED} rows, got {rows}"));
    }
    if let Some((index, row)) = request.rows.iter().enumerate().find(|(_, row)| row.len() != width) {
        return wrong(
            format!("rows[{index}]"),
            format!("must have {width} numbers, one for each column, got {}", row.len()),
        );
    }
    Ok(())
}

/// The table as the forest takes it; what is missing is the median of its column, 0 in one without numbers.
fn column_after_column(rows: &[Vec<Option<f64>>], width: usize) -> Vec<f64> {
    let mut values = Vec::with_capacity(rows.len() * width);
    for column in 0..width {
        let cells = || rows.iter().map(|row| row.get(column).copied().flatten());
        let mut seen: Vec<f64> = cells().flatten().collect();
        let middle = seen.len() / 2;
        let median = if seen.is_empty() { 0.0 } else { *seen.select_nth_unstable_by(middle, f64::total_cmp).1 };
        values.extend(cells().map(|cell| cell.unwrap_or(median)));
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_numbers_are_the_median_of_their_column() {
        let rows = [vec![Some(1.0), None], vec![None, None], vec![Some(3.0), None], vec![Some(9.0), None]];
        assert_eq!(column_after_column(&rows, 2), [1.0, 3.0, 3.0, 9.0, 0.0, 0.0, 0.0, 0.0]);
    }
}
