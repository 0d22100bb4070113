//! Exit codes: 0 done, 1 failed, 2 bad usage or bad input, 3 done and something was found (`--fail-on`).

use std::process::ExitCode;

use crate::config::ConfigError;
use crate::engine::{EngineError, ErrorCode};
use crate::source::SourceError;

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
    let bad_input = error.chain().any(|cause| {
        cause.is::<BadInput>()
            || cause.is::<ConfigError>()
            || cause.downcast_ref::<EngineError>().is_some_and(|e| e.code() == ErrorCode::InvalidInput)
            || cause.downcast_ref::<SourceError>().is_some_and(|e| !e.is_retryable())
    });
    ExitCode::from(if bad_input { 2 } else { 1 })
}
