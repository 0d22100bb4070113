//! Values with a text form of their own: links and schedules.

use std::fmt;
use std::str::FromStr;

use cronexpr::{Crontab, FallbackTimezoneOption, MakeTimestamp, ParseOptions, parse_crontab_with};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

/// An address with `http` or `https`, a host and no credentials in it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HttpUrl(Url);

/// A cron expression: minute, hour, day of month, month, day of week, and a time zone if not UTC.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Schedule {
    text: String,
    crontab: Crontab,
}

/// Why a text is not such a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ValueError(String);

impl HttpUrl {
    /// The address.
    #[must_use]
    pub const fn as_url(&self) -> &Url {
        &self.0
    }

    /// The address as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for HttpUrl {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // What stands before an `@` may be a password.
        let shown = if text.contains('@') { "an address with `@`" } else { text };
        let fail =
            |why: &str| ValueError(format!("address must be like `http://localhost:9090`, got `{shown}`: {why}"));
        let url = Url::parse(text.trim()).map_err(|error| fail(&error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(fail("only `http` and `https` are allowed"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            // Without the text: it holds a password.
            return Err(ValueError(
                "address must not hold a user name or password; use `basic_auth` instead".to_owned(),
            ));
        }
        Ok(Self(url))
    }
}

impl TryFrom<String> for HttpUrl {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<HttpUrl> for String {
    fn from(url: HttpUrl) -> Self {
        url.0.into()
    }
}

impl fmt::Debug for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Schedule {
    /// The expression as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The first time after `now` that the schedule names; `None` when there is none within four years.
    #[must_use]
    pub fn next_after(&self, now: Timestamp) -> Option<Timestamp> {
        self.crontab.find_next(MakeTimestamp(now)).ok().map(|next| next.timestamp())
    }
}

impl FromStr for Schedule {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = |why: String| {
            ValueError(format!(
                "schedule must be a cron expression like `0 */6 * * *` (minute hour day month weekday, then a time zone \
                 if not UTC), got `{text}`{why}"
            ))
        };
        let mut options = ParseOptions::default();
        options.fallback_timezone_option = FallbackTimezoneOption::UTC;
        let crontab = parse_crontab_with(text, options).map_err(|_| fail(String::new()))?;
        let schedule = Self { text: text.trim().to_owned(), crontab };
        // Any time does: what never comes, never comes.
        match schedule.next_after(Timestamp::UNIX_EPOCH) {
            Some(_) => Ok(schedule),
            None => Err(fail(", which names no date that exists".to_owned())),
        }
    }
}

impl TryFrom<String> for Schedule {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Schedule> for String {
    fn from(schedule: Schedule) -> Self {
        schedule.text
    }
}

impl PartialEq for Schedule {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_say_when_they_are_next_due() {
        let at = |text: &str| text.parse::<Timestamp>().expect("time");
        let check = |cron: &str, now: &str, next: &str| {
            assert_eq!(cron.parse::<Schedule>().expect(cron).next_after(at(now)), Some(at(next)), "{cron}");
        };
        check("0 */6 * * *", "2026-03-01T00:00:00Z", "2026-03-01T06:00:00Z");
        check("*/5 * * * *", "2026-03-01T00:04:59Z", "2026-03-01T00:05:00Z");
        check("0 3 * * MON", "2026-03-01T00:00:00Z", "2026-03-02T03:00:00Z");
        for text in ["", "hourly", "* * * *", "61 * * * *", "0 0 30 2 *", "0 0 * * * Mars/Base"] {
            assert!(text.parse::<Schedule>().is_err(), "{text}");
        }
    }

    #[test]
    fn addresses_are_http_without_credentials() {
        for text in ["http://localhost:9090", "https://mimir.example/prometheus", "http://[::1]:9090/"] {
            assert!(text.parse::<HttpUrl>().is_ok(), "{text}");
        }
        for text in
            ["", "localhost:9090", "ftp://host/", "file:///etc/passwd", "http://", "//host", "javascript:alert(1)"]
        {
            assert!(text.parse::<HttpUrl>().is_err(), "{text}");
        }
        let refused = "http://ada:hunter2@host/".parse::<HttpUrl>().expect_err("credentials").to_string();
        assert!(!refused.contains("hunter2") && refused.contains("basic_auth"), "{refused}");
    }
}
