//! The one place that reads the clock.

use jiff::Timestamp;

/// The time now. Everything below `engine` takes time as an argument.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one legal place that reads the clock")]
pub fn now() -> Timestamp {
    Timestamp::now()
}
