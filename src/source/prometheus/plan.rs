//! A range cut into requests: aligned to the step, each small enough for the server, no point twice.

use super::super::{Range, SourceError};

/// One request's part of a range: both ends on the grid, inclusive, Unix milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) start_ms: i64,
    pub(super) end_ms: i64,
}

/// The windows of `range`, in time order.
///
/// Both ends are moved down to a multiple of the step, so that a series has the same grid, and the same seasonal
/// phase, whenever it is asked for, and so that the last point is never in the future. Windows hold at most
/// `points_per_window` points and never share one. Of a range inside one step, the one point at or before it.
///
/// # Errors
/// [`SourceError::BadQuery`] when the range ends before it begins, [`SourceError::Limit`] when one series alone would
/// have more than `max_points`.
pub(super) fn windows(
    query: &str,
    range: Range,
    points_per_window: usize,
    max_points: usize,
) -> Result<Vec<Window>, SourceError> {
    if range.end < range.start {
        return Err(SourceError::BadQuery {
            query: query.to_owned(),
            message: format!("the range ends at {} before it begins at {}", range.end, range.start),
            hint: "; swap the ends".to_owned(),
        });
    }
    let step = range.step.millis();
    let first = range.start.as_millisecond().div_euclid(step);
    let last = range.end.as_millisecond().div_euclid(step);
    let points = last.abs_diff(first) + 1;
    if points > max_points as u64 {
        return Err(SourceError::Limit {
            what: format!("number of points from {} to {} at a step of {}", range.start, range.end, range.step),
            got: points,
            limit: max_points as u64,
            advice: "shorten the range, raise `step`, or raise `max_samples` of this source".to_owned(),
        });
    }
    let per_window = i64::try_from(points_per_window.max(1)).unwrap_or(i64::MAX);
    let mut windows = Vec::new();
    let mut index = first;
    while index <= last {
        let end = index.saturating_add(per_window - 1).min(last);
        windows.push(Window { start_ms: index.saturating_mul(step), end_ms: end.saturating_mul(step) });
        index = end + 1;
    }
    Ok(windows)
}

/// Milliseconds as decimal seconds, exactly: `1795289504`, `0.250`, `-1.500`.
pub(super) fn decimal_seconds(millis: i64) -> String {
    let sign = if millis < 0 { "-" } else { "" };
    let (secs, rest) = (millis.unsigned_abs() / 1_000, millis.unsigned_abs() % 1_000);
    if rest == 0 { format!("{sign}{secs}") } else { format!("{sign}{secs}.{rest:03}") }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::series::Step;

    fn range(start_ms: i64, end_ms: i64, step_ms: i64) -> Range {
        Range {
            start: Timestamp::from_millisecond(start_ms).expect("start"),
            end: Timestamp::from_millisecond(end_ms).expect("end"),
            step: Step::from_millis(step_ms).expect("step"),
        }
    }

    #[track_caller]
    fn check(from: i64, to: i64, step: i64, per_window: usize, expected: &[(i64, i64)]) {
        let got = windows("up", range(from, to, step), per_window, usize::MAX).expect("windows");
        let got: Vec<_> = got.iter().map(|w| (w.start_ms, w.end_ms)).collect();
        assert_eq!(got, expected);
    }

    #[test]
    fn ends_are_aligned_downwards_and_windows_do_not_share_points() {
        check(0, 0, 10, 5, &[(0, 0)]);
        check(13, 19, 10, 5, &[(10, 10)]);
        check(13, 47, 10, 2, &[(10, 20), (30, 40)]);
        check(-13, 5, 10, 5, &[(-20, 0)]);
        check(0, 90, 10, 5, &[(0, 40), (50, 90)]);
        check(0, 100, 10, 5, &[(0, 40), (50, 90), (100, 100)]);
    }

    #[test]
    fn a_reversed_or_enormous_range_is_refused_before_any_request() {
        let error = windows("up", range(10, 0, 1), 5, 100).expect_err("reversed").to_string();
        assert!(error.contains("ends at") && error.contains("swap the ends"), "{error}");
        let error = windows("up", range(0, 1_000, 1), 5, 100).expect_err("too many").to_string();
        assert!(error.contains("1001 > 100") && error.contains("raise `step`"), "{error}");
        let all = Range { start: Timestamp::MIN, end: Timestamp::MAX, step: Step::from_millis(1).expect("step") };
        assert!(matches!(windows("up", all, 5, 1_000_000), Err(SourceError::Limit { .. })));
    }

    #[test]
    fn seconds_are_written_exactly() {
        let texts = [1_795_289_504_000, 250, -1_500, 1_001, 0].map(decimal_seconds);
        assert_eq!(texts, ["1795289504", "0.250", "-1.500", "1.001", "0"]);
    }

    proptest! {
        #[test]
        fn windows_cover_each_grid_point_exactly_once(
            start in -1_000_000_i64..1_000_000, span in 0_i64..100_000, step in 1_i64..5_000, per_window in 1_usize..50,
        ) {
            let got = windows("up", range(start, start + span, step), per_window, usize::MAX).expect("windows");
            let mut expected = start.div_euclid(step) * step;
            for window in &got {
                prop_assert_eq!(window.start_ms, expected);
                let points = (window.end_ms - window.start_ms) / step + 1;
                prop_assert!((1..=per_window as i64).contains(&points));
                expected = window.end_ms + step;
            }
            prop_assert_eq!(expected - step, (start + span).div_euclid(step) * step);
        }
    }
}
