//! When to try again: exponential backoff with full jitter, and what `Retry-After` asks.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use jiff::fmt::rfc2822;

/// Longest wait before retry number `attempt` (0 is the first): `base · 2^attempt`, at most `max`.
pub(super) fn ceiling(base: Duration, max: Duration, attempt: u32) -> Duration {
    base.checked_mul(2_u32.saturating_pow(attempt.min(31))).unwrap_or(max).min(max)
}

/// A wait drawn evenly between zero and `ceiling` ("full jitter"), so that many clients do not come back together.
pub(super) fn jittered(ceiling: Duration) -> Duration {
    // The standard library's hash keys are the one source of chance here that needs no seed; nothing depends on it
    // but the wait.
    let bits = RandomState::new().hash_one(0_u8) >> 11;
    ceiling.mul_f64(bits as f64 / (1_u64 << 53) as f64)
}

/// What `Retry-After` asks: whole seconds, or a date, which is measured from the answer's own `Date`.
///
/// `None` when it is neither, or when a date comes without `Date`. A date in the past is zero.
pub(super) fn retry_after(value: Option<&str>, date: Option<&str>) -> Option<Duration> {
    let value = value?.trim();
    if let Ok(secs) = value.parse::<u64>() {
        return Some(Duration::from_secs(secs));
    }
    let parser = rfc2822::DateTimeParser::new();
    let until = parser.parse_timestamp(value).ok()?;
    let now = parser.parse_timestamp(date?.trim()).ok()?;
    Some(Duration::from_secs(u64::try_from(until.as_second() - now.as_second()).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_doubles_up_to_the_cap_and_never_overflows() {
        let (base, max) = (Duration::from_millis(500), Duration::from_secs(30));
        let secs: Vec<f64> = [0, 1, 2, 6, 40, u32::MAX].map(|n| ceiling(base, max, n).as_secs_f64()).to_vec();
        assert_eq!(secs, [0.5, 1.0, 2.0, 30.0, 30.0, 30.0]);
        assert_eq!(ceiling(Duration::MAX, max, 3), max);
        let waits: Vec<Duration> = (0..200).map(|_| jittered(max)).collect();
        assert!(waits.iter().all(|wait| *wait < max));
        assert!(waits.iter().any(|wait| *wait < max / 2) && waits.iter().any(|wait| *wait > max / 2));
    }

    #[track_caller]
    fn check(value: &str, date: Option<&str>, secs: Option<u64>) {
        assert_eq!(retry_after(Some(value), date), secs.map(Duration::from_secs), "{value}");
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_measured_from_the_answers_own_date() {
        let date = Some("Wed, 21 Oct 2015 07:28:00 GMT");
        check("7", None, Some(7));
        check(" 0 ", None, Some(0));
        check("Wed, 21 Oct 2015 07:28:30 GMT", date, Some(30));
        check("Wed, 21 Oct 2015 07:20:00 GMT", date, Some(0));
        check("Wed, 21 Oct 2015 07:28:30 GMT", None, None);
        for junk in ["-1", "soon", "1.5", "", "99999999999999999999999"] {
            check(junk, date, None);
        }
        assert_eq!(retry_after(None, date), None);
    }
}
