//! Bodies in, with our own error envelope.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use serde::de::DeserializeOwned;

use super::error::ApiError;

/// A JSON body. Failures name the JSON path.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let kind =
            request.headers().get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default().to_owned());
        if !is_json(kind.as_deref()) {
            let got = kind.unwrap_or_else(|| "none".to_owned());
            let message = format!("content-type must be application/json, got {got}");
            return Err(ApiError::unsupported_media_type(message));
        }
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| refused(&rejection))?;
        parse(&bytes).map(Self)
    }
}

fn is_json(kind: Option<&str>) -> bool {
    let Some(kind) = kind else { return false };
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn refused(rejection: &BytesRejection) -> ApiError {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        ApiError::too_large(
            "the body is larger than the limit; send fewer points in a request or raise http.max_body".to_owned(),
        )
    } else {
        ApiError::bad_request(format!("the body could not be read: {rejection}"), None)
    }
}

/// Reads JSON from bytes; the error names the path of the first defect.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.inner();
        match inner.classify() {
            serde_json::error::Category::Data => ApiError::unprocessable(format!("{path}: {inner}"), Some(path)),
            _ => ApiError::bad_request(format!("the body is not valid JSON: {inner}"), None),
        }
    })?;
    reader.end().map_err(|error| ApiError::bad_request(format!("the body is not valid JSON: {error}"), None))?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Probe {
        #[expect(dead_code, reason = "only parsed")]
        values: Vec<f64>,
    }

    #[test]
    fn the_path_of_a_wrong_type_is_named() {
        let error = parse::<Probe>(br#"{"values":[1,2,"x"]}"#).expect_err("wrong type");
        assert!(error.message().starts_with("values[2]: invalid type: string"), "{}", error.message());
    }

    #[test]
    fn what_is_not_json_is_said_to_be_not_json() {
        for body in ["", "{", "{} trailing", "not json"] {
            let error = parse::<Probe>(body.as_bytes()).expect_err(body);
            let text = error.message();
            assert!(text.contains("not valid JSON") || text.contains("missing field"), "{text}");
        }
        let deep = "[".repeat(100_000);
        assert!(parse::<serde_json::Value>(deep.as_bytes()).is_err());
    }

    #[test]
    fn json_media_types() {
        assert!(is_json(Some("application/json; charset=utf-8")));
        assert!(is_json(Some("application/problem+json")));
        assert!(!is_json(Some("text/plain")));
        assert!(!is_json(None));
    }
}
