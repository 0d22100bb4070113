//! Hours of the week as people write them: `Mon-Fri 08:00-18:00 Europe/Berlin`.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];
const DAY_MINUTES: u16 = 24 * 60;

/// Hours of a week in a time zone, daylight saving included.
///
/// The text is one or more ranges with `;` between them and, at the end, the name of a time zone if it is not UTC:
/// `Mon-Fri 08:00-18:00; Sat 10:00-14:00 Europe/Berlin`. A range is days (`Mon`, `Mon,Wed`, `Fri-Mon`) and one or more
/// spans of wall-clock time, the end not included. A span that ends at or before its start goes on into the next day:
/// `Fri 22:00-06:00` ends on Saturday morning. `24:00` is the end of a day.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WeeklyHours {
    text: String,
    spans: Vec<Span>,
    zone: TimeZone,
}

/// One span of wall-clock time on one day, minutes since midnight; beyond 24 h it lies in the next day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    day: Weekday,
    from: u16,
    until: u16,
}

/// Why a text is not hours of the week.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "hours must be like `Mon-Fri 08:00-18:00 Europe/Berlin` or `Mon-Thu 09:00-17:00; Fri 09:00-13:00`, got `{text}`: {why}"
)]
pub struct HoursError {
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub why: String,
}

impl WeeklyHours {
    /// Whether `at` lies within these hours, on the wall clock of their time zone. O(number of spans).
    #[must_use]
    pub fn contains(&self, at: Timestamp) -> bool {
        let local = self.zone.to_datetime(at);
        let minute = u16::from(local.hour().unsigned_abs()) * 60 + u16::from(local.minute().unsigned_abs());
        let (today, yesterday) = (local.weekday(), local.weekday().previous());
        self.spans.iter().any(|span| {
            let on = |day: Weekday, minute: u16| span.day == day && (span.from..span.until).contains(&minute);
            on(today, minute) || on(yesterday, minute + DAY_MINUTES)
        })
    }

    /// The text it was read from.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for WeeklyHours {
    type Err = HoursError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = |why: String| HoursError { text: text.to_owned(), why };
        let trimmed = text.trim();
        let (hours, zone) = match trimmed.rsplit_once(char::is_whitespace) {
            // the last word is a zone unless it is a span of time
            Some((hours, last)) if !last.contains(':') => (hours, zone_of(last).map_err(fail)?),
            _ => (trimmed, TimeZone::UTC),
        };
        let mut spans = Vec::new();
        for range in hours.split(';') {
            let mut words = range.split_whitespace();
            let days = words.next().ok_or_else(|| fail("a range is empty".to_owned())).and_then(|word| {
                days_of(word).ok_or_else(|| fail(format!("`{word}` names no days; they are Mon, Tue, … Sun")))
            })?;
            let times: Vec<&str> = words.collect();
            if times.is_empty() {
                return Err(fail(format!("`{}` has no times such as `08:00-18:00`", range.trim())));
            }
            for word in times {
                let (from, until) =
                    span_of(word).ok_or_else(|| fail(format!("`{word}` is no span of time such as `08:00-18:00`")))?;
                spans.extend(days.iter().map(|day| Span { day: *day, from, until }));
            }
        }
        Ok(Self { text: trimmed.to_owned(), spans, zone })
    }
}

/// The days of `Mon`, `Mon-Fri`, `Fri-Mon` or `Mon,Wed,Sat-Sun`.
fn days_of(word: &str) -> Option<Vec<Weekday>> {
    let mut days = Vec::new();
    for part in word.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (mut day, last) = (day_of(first)?, day_of(last)?);
        days.push(day);
        while day != last {
            day = day.next();
            days.push(day);
        }
    }
    Some(days)
}

fn day_of(word: &str) -> Option<Weekday> {
    let known = |(short, _): &&(&str, Weekday)| word.eq_ignore_ascii_case(short);
    DAYS.iter().find(known).map(|(_, day)| *day)
}

/// Start and end of `08:00-18:00` in minutes; an end at or before the start is one of the next day.
fn span_of(word: &str) -> Option<(u16, u16)> {
    let (from, until) = word.split_once('-')?;
    let (from, until) = (minutes_of(from)?, minutes_of(until)?);
    if from >= DAY_MINUTES {
        return None;
    }
    Some((from, if until <= from { until + DAY_MINUTES } else { until }))
}

fn minutes_of(word: &str) -> Option<u16> {
    let (hours, minutes) = word.split_once(':')?;
    let number = |text: &str| (text.len() == 2).then(|| text.parse::<u16>().ok()).flatten();
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let total = hours * 60 + minutes;
    (minutes < 60 && total <= DAY_MINUTES).then_some(total)
}

fn zone_of(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| format!("`{name}` is no time zone such as `Europe/Berlin` or `UTC`"))
}

impl TryFrom<String> for WeeklyHours {
    type Error = HoursError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<WeeklyHours> for String {
    fn from(hours: WeeklyHours) -> Self {
        hours.text
    }
}

impl PartialEq for WeeklyHours {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Display for WeeklyHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for WeeklyHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `times` are marked `+` (within) or `-` (outside).
    #[track_caller]
    fn check(hours: &str, times: &[&str]) {
        let parsed: WeeklyHours = hours.parse().expect(hours);
        for time in times {
            let (want, at) = time.split_at(1);
            assert_eq!(parsed.contains(at.parse().expect(at)), want == "+", "{hours}: {time}");
        }
    }

    #[test]
    fn hours_follow_the_wall_clock_over_daylight_saving() {
        // 2026-03-29 is the change to summer time; 08:00 is 07:00Z before it and 06:00Z after it
        check(
            "Mon-Fri 08:00-18:00 Europe/Berlin",
            &[
                "-2026-03-27T06:59:59Z",
                "+2026-03-27T07:00:00Z",
                "+2026-03-30T06:00:00Z",
                "-2026-03-30T05:59:59Z",
                "+2026-03-30T15:59:59Z",
                "-2026-03-30T16:00:00Z",
                "-2026-03-28T10:00:00Z",
            ],
        );
    }

    #[test]
    fn ranges_days_and_nights_combine() {
        let week = "Mon,Wed 09:00-12:00 13:00-17:00; Fri-Sun 22:00-06:00";
        check(
            week,
            &[
                "+2026-06-01T09:30:00Z",
                "-2026-06-01T12:30:00Z",
                "+2026-06-01T16:59:00Z",
                "-2026-06-02T10:00:00Z",
                "+2026-06-03T10:00:00Z",
                "+2026-06-05T22:00:00Z",
                "+2026-06-06T05:59:00Z",
                "-2026-06-06T06:00:00Z",
                "+2026-06-08T05:59:00Z",
                "-2026-06-05T05:00:00Z",
            ],
        );
        check("Mon-Sun 00:00-24:00", &["+2026-06-07T23:59:59Z", "+2026-06-08T00:00:00Z"]);
        check("sun-mon 08:00-08:00", &["+2026-06-07T08:00:00Z", "+2026-06-09T07:59:00Z", "-2026-06-09T08:00:00Z"]);
    }

    #[test]
    fn what_is_no_hours_is_refused_with_the_reason() {
        for (text, why) in [
            ("", "a range is empty"),
            ("Mon-Fri", "`Mon-Fri` has no times"),
            ("Mon-Fri 8-18", "`8-18` is no time zone"),
            ("Mon-Fri 08:00-18:00 Mars/Base", "`Mars/Base` is no time zone"),
            ("Mon-Fry 08:00-18:00", "`Mon-Fry` names no days"),
            ("08:00-18:00", "`08:00-18:00` names no days"),
            ("Mon 08:00-25:00", "`08:00-25:00` is no span"),
            ("Mon 08:60-18:00", "`08:60-18:00` is no span"),
            ("Mon 24:00-08:00", "`24:00-08:00` is no span"),
            ("Mon 08:00-18:00; UTC", "a range is empty"),
            ("Mon 08:00", "`08:00` is no span"),
        ] {
            let error = text.parse::<WeeklyHours>().expect_err(text).to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn the_text_comes_back() {
        let json = "\"Mon-Fri 08:00-18:00 Europe/Berlin\"";
        let hours: WeeklyHours = serde_json::from_str(json).expect("hours");
        assert_eq!(serde_json::to_string(&hours).expect("text"), json);
    }
}
