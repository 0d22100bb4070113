//! Values with a text form of their own: secrets, links, budgets, schedules.

use std::fmt;
use std::str::FromStr;

use cronexpr::{Crontab, FallbackTimezoneOption, MakeTimestamp, ParseOptions, parse_crontab_with};
use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};
use url::Url;

const REDACTED: &str = "[redacted]";
const MAX_FALSE_ALARMS: f64 = 1_000.0;

/// A password, token or header value: `Debug` and `Serialize` write `[redacted]`, and there is no `Display`.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

/// An address with `http` or `https`, a host and no credentials in it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HttpUrl(Url);

/// How many false alarms are accepted in which time: `1 per week`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FalseAlarmBudget {
    /// Number of false alarms, more than 0.
    pub count: f64,
    /// In which time.
    pub per: Period,
}

/// Span of a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// 60 minutes.
    Hour,
    /// 24 hours.
    Day,
    /// 7 days.
    Week,
    /// 30 days.
    Month,
    /// 365 days.
    Year,
}

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

impl Secret {
    /// Takes `text` into custody.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that sends it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(REDACTED)
    }
}

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

impl Period {
    const ALL: [Self; 5] = [Self::Hour, Self::Day, Self::Week, Self::Month, Self::Year];

    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    /// Its length in seconds.
    #[must_use]
    pub const fn secs(self) -> f64 {
        match self {
            Self::Hour => 3_600.0,
            Self::Day => 86_400.0,
            Self::Week => 604_800.0,
            Self::Month => 2_592_000.0,
            Self::Year => 31_536_000.0,
        }
    }
}

impl Default for FalseAlarmBudget {
    fn default() -> Self {
        Self { count: 1.0, per: Period::Week }
    }
}

impl FromStr for FalseAlarmBudget {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = || {
            ValueError(format!(
                "false alarms must be like `1 per week`, `2 per day` or `0.5 per month`, more than 0 and at most 1000, \
                 got `{text}`"
            ))
        };
        let words: Vec<&str> = text.split_whitespace().collect();
        let [count, "per", period] = words.as_slice() else { return Err(fail()) };
        let count: f64 = count.parse().map_err(|_| fail())?;
        let per = Period::ALL.into_iter().find(|known| known.as_str() == *period).ok_or_else(fail)?;
        if !(0.0 < count && count <= MAX_FALSE_ALARMS) {
            return Err(fail());
        }
        Ok(Self { count, per })
    }
}

impl TryFrom<String> for FalseAlarmBudget {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<FalseAlarmBudget> for String {
    fn from(budget: FalseAlarmBudget) -> Self {
        budget.to_string()
    }
}

impl fmt::Display for FalseAlarmBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} per {}", self.count, self.per.as_str())
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
    fn budgets_read_and_write_their_text() {
        for text in ["1 per week", "2 per day", "0.5 per month", "1000 per hour", "3 per year"] {
            assert_eq!(text.parse::<FalseAlarmBudget>().expect(text).to_string(), text);
        }
        for text in
            ["", "1", "0 per week", "-1 per day", "nan per day", "inf per day", "1 per fortnight", "1001 per day"]
        {
            assert!(text.parse::<FalseAlarmBudget>().expect_err(text).to_string().contains("1 per week"));
        }
    }

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

    #[test]
    fn secrets_are_not_shown() {
        let secret = Secret::new("canary");
        assert_eq!(format!("{secret:?}"), REDACTED);
        assert_eq!(serde_json::to_string(&secret).expect("serialises"), "\"[redacted]\"");
        assert_eq!(secret.expose(), "canary");
    }
}
