//! Exit codes: 0 done, 1 failed, 2 bad usage or bad input, 3 done and something was found (`--fail-on`).

use std::process::ExitCode;

use crate::config::ConfigError;
use crate::engine::{EngineError, ErrorCode};
use crate::source::SourceError;
use crate::source::service::ServiceError;
use crate::telemetry::TelemetryError;

/// How a command that did not fail ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Done,
    /// Done, and what `--fail-on` asked about was found.
    Found,
}

/// The user's input or usage was wrong; the text says where and what is allowed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct BadInput(pub(super) String);

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::from(0),
            Outcome::Found => Self::from(3),
        }
    }
}

/// 2 when the input was at fault, 1 when something else was.
#[must_use]
pub fn exit_code_of(error: &anyhow::Error) -> ExitCode {
    ExitCode::from(if is_bad_input(error) { 2 } else { 1 })
}

/// The error in one line: each cause once, from the outside in.
#[must_use]
pub fn text_of(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// Whether the input or the usage was at fault.
pub(super) fn is_bad_input(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.is::<BadInput>()
            || cause.is::<ConfigError>()
            || matches!(cause.downcast_ref(), Some(TelemetryError::Filter { .. }))
            || cause.downcast_ref::<EngineError>().is_some_and(|e| e.code() == ErrorCode::InvalidInput)
            || cause.downcast_ref::<ServiceError>().is_some_and(ServiceError::is_by_request)
            || cause.downcast_ref::<SourceError>().is_some_and(|e| !e.is_retryable())
    })
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn a_cause_that_is_said_already_is_not_repeated() {
        let missing = || std::io::Error::new(std::io::ErrorKind::NotFound, "no such file");
        let source = SourceError::Io { path: "a.csv".to_owned(), source: missing() };
        assert_eq!(text_of(&source.into()), "cannot read a.csv: no such file");
        let written = Err::<(), _>(missing()).context("cannot write b.csv").unwrap_err();
        assert_eq!(text_of(&written), "cannot write b.csv: no such file");
        assert!(!is_bad_input(&written) && is_bad_input(&BadInput("x".to_owned()).into()));
    }
}
