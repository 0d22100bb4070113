//! The user's own clock and calendar: local time of day, kind of day, holidays.

mod tables;

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use tables::Tables;

const DAY_SECS: i64 = 86_400;
/// 1970-01-01 was a Thursday; weekdays count from Monday.
const EPOCH_WEEKDAY: i64 = 3;

/// A time zone with holidays: what a timestamp is on the wall clock, and what kind of day that is.
///
/// Written as `{ time_zone: Europe/Berlin, holidays: { country: DE, dates: [2026-12-24], like: sunday } }`. The default
/// is UTC without holidays. Time zones are those of the IANA database that the program carries; holidays of countries
/// are the nationwide public ones of 121 countries in the years 2000 to 2076 (from the `opening-hours` crate), to which
/// `dates` adds days of one's own.
///
/// Phases are wall-clock phases, so that a daily pattern keeps its place when daylight saving begins and ends: a day of
/// 23 hours leaves an hour of phases out and a day of 25 hours passes through one of them twice.
///
/// Cloning shares one table of 10 to 20 KB; the default calendar has none.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(try_from = "CalendarKeys", into = "CalendarKeys")]
pub struct Calendar(Option<Arc<Tables>>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct CalendarKeys {
    time_zone: String,
    #[serde(skip_serializing_if = "HolidayKeys::is_default")]
    holidays: HolidayKeys,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct HolidayKeys {
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dates: Vec<String>,
    like: HolidayLike,
}

/// What a holiday is treated like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HolidayLike {
    /// Like a Sunday.
    #[default]
    Sunday,
    /// Like a Saturday.
    Saturday,
    /// Like the weekday that it is.
    Itself,
}

/// Kinds of days that behave alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DayClass {
    /// Monday to Friday.
    Workday,
    /// Saturday.
    Saturday,
    /// Sunday, and holidays unless the calendar says otherwise.
    Sunday,
}

/// Where a timestamp stands in the local day and week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Phase {
    /// Seconds since midnight on the wall clock, 0 to 86,399.
    pub second_of_day: u32,
    /// Monday is 0, Sunday is 6; of the local date, holiday or not.
    pub weekday: u8,
    /// Kind of the local day.
    pub day_class: DayClass,
    /// Whether the local date is a holiday.
    pub is_holiday: bool,
}

/// Why settings are not a calendar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    /// A name that the IANA database does not have.
    #[error(
        "time_zone must be an IANA name such as `Europe/Berlin`, `America/New_York` or `UTC`, got `{name}`{similar}"
    )]
    TimeZone {
        /// The name.
        name: String,
        /// Names that look like it, as the end of the sentence.
        similar: String,
    },
    /// A country whose holidays are not known.
    #[error("holidays.country must be one of {allowed}, got `{code}`")]
    Country {
        /// The code.
        code: String,
        /// All codes.
        allowed: String,
    },
    /// No date, or one out of range.
    #[error("holidays.dates must be dates like 2026-12-24 between 1970-01-01 and 2099-12-31, got `{0}`")]
    Date(String),
}

impl Calendar {
    /// A calendar of an IANA time zone, the public holidays of a country (ISO 3166 code) and holidays of one's own.
    ///
    /// # Errors
    /// [`CalendarError`] with the names that are allowed.
    pub fn try_new(
        time_zone: &str,
        country: Option<&str>,
        dates: &[Date],
        like: HolidayLike,
    ) -> Result<Self, CalendarError> {
        let holidays = HolidayKeys {
            country: country.map(str::to_owned),
            dates: dates.iter().map(Date::to_string).collect(),
            like,
        };
        Self::try_from(CalendarKeys { time_zone: time_zone.to_owned(), holidays })
    }

    /// Where `at` stands in the local day and week. O(log n) of the 300 or so changes of the zone's offset: some 10 ns.
    #[must_use]
    pub fn phase(&self, at: Timestamp) -> Phase {
        let secs = at.as_millisecond().div_euclid(1_000);
        let Some(tables) = self.0.as_deref() else { return Phase::of(secs, false, HolidayLike::Sunday) };
        let local = secs + tables.offset(secs, at);
        let is_holiday = tables.is_holiday(local.div_euclid(DAY_SECS));
        Phase::of(local, is_holiday, tables.keys.holidays.like)
    }

    /// The IANA name of the time zone.
    #[must_use]
    pub fn time_zone(&self) -> &str {
        self.0.as_deref().map_or("UTC", |tables| tables.keys.time_zone.as_str())
    }

    /// Whether the local date `date` is a holiday.
    #[must_use]
    pub fn is_holiday(&self, date: Date) -> bool {
        self.0.as_deref().is_some_and(|tables| tables::epoch_day(date).is_some_and(|day| tables.is_holiday(day)))
    }

    /// Codes of the countries whose holidays are known, sorted.
    #[must_use]
    pub fn countries() -> Vec<&'static str> {
        tables::countries()
    }
}

impl Phase {
    fn of(local_secs: i64, is_holiday: bool, like: HolidayLike) -> Self {
        let day = local_secs.div_euclid(DAY_SECS);
        let weekday = (day + EPOCH_WEEKDAY).rem_euclid(7) as u8;
        let usual = match weekday {
            5 => DayClass::Saturday,
            6 => DayClass::Sunday,
            _ => DayClass::Workday,
        };
        let day_class = match like {
            HolidayLike::Sunday if is_holiday => DayClass::Sunday,
            HolidayLike::Saturday if is_holiday => DayClass::Saturday,
            _ => usual,
        };
        Self { second_of_day: local_secs.rem_euclid(DAY_SECS) as u32, weekday, day_class, is_holiday }
    }
}

impl DayClass {
    /// Number of kinds.
    pub const COUNT: usize = 3;

    /// Position among the kinds: 0, 1, 2.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Workday => 0,
            Self::Saturday => 1,
            Self::Sunday => 2,
        }
    }
}

impl HolidayKeys {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for CalendarKeys {
    fn default() -> Self {
        Self { time_zone: "UTC".to_owned(), holidays: HolidayKeys::default() }
    }
}

impl PartialEq for Calendar {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b) || a.keys == b.keys,
            (None, None) => true,
            _ => false,
        }
    }
}

impl fmt::Debug for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = CalendarKeys::from(self.clone());
        f.debug_struct("Calendar").field("time_zone", &keys.time_zone).field("holidays", &keys.holidays).finish()
    }
}

impl TryFrom<CalendarKeys> for Calendar {
    type Error = CalendarError;

    fn try_from(keys: CalendarKeys) -> Result<Self, CalendarError> {
        if keys == CalendarKeys::default() {
            return Ok(Self(None));
        }
        Tables::build(keys).map(|tables| Self(Some(Arc::new(tables))))
    }
}

impl From<Calendar> for CalendarKeys {
    fn from(calendar: Calendar) -> Self {
        calendar.0.as_deref().map_or_else(Self::default, |tables| tables.keys.clone())
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZoneDatabase;

    use super::*;

    fn calendar(json: &str) -> Result<Calendar, String> {
        serde_json::from_str(json).map_err(|error: serde_json::Error| error.to_string())
    }

    /// `zone`: UTC time → local time of day, weekday (Monday 0).
    #[track_caller]
    fn check(zone: &str, utc: &str, local: &str, weekday: u8) {
        let calendar = Calendar::try_new(zone, None, &[], HolidayLike::Sunday).expect(zone);
        let phase = calendar.phase(utc.parse().expect(utc));
        let second = phase.second_of_day;
        let clock = format!("{:02}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60);
        assert_eq!((clock.as_str(), phase.weekday), (local, weekday), "{zone} {utc}");
    }

    #[test]
    fn local_time_follows_daylight_saving() {
        // Berlin loses 02:00 to 03:00 on 29 March and has it twice on 25 October
        check("Europe/Berlin", "2026-03-29T00:59:59Z", "01:59:59", 6);
        check("Europe/Berlin", "2026-03-29T01:00:00Z", "03:00:00", 6);
        check("Europe/Berlin", "2026-10-25T00:30:00Z", "02:30:00", 6);
        check("Europe/Berlin", "2026-10-25T01:30:00Z", "02:30:00", 6);
        check("Europe/Berlin", "2026-10-25T23:00:00Z", "00:00:00", 0);
        check("America/New_York", "2026-03-08T06:59:59Z", "01:59:59", 6);
        check("America/New_York", "2026-03-08T07:00:00Z", "03:00:00", 6);
        check("America/New_York", "2026-11-01T06:00:00Z", "01:00:00", 6);
        // no daylight saving
        check("Asia/Kolkata", "2026-03-29T01:00:00Z", "06:30:00", 6);
        check("Asia/Tokyo", "2026-10-25T15:00:00Z", "00:00:00", 0);
        // half an hour of it
        check("Australia/Lord_Howe", "2026-04-04T14:59:59Z", "01:59:59", 6);
        check("Australia/Lord_Howe", "2026-04-04T15:00:00Z", "01:30:00", 6);
        check("Australia/Lord_Howe", "2026-10-03T15:30:00Z", "02:30:00", 6);
        check("UTC", "1969-12-31T23:59:59Z", "23:59:59", 2);
        check("Europe/Berlin", "1950-06-01T12:00:00Z", "13:00:00", 3);
        check("Europe/Berlin", "2150-07-01T12:00:00Z", "14:00:00", 2);
    }

    #[test]
    fn the_table_agrees_with_the_zone_at_every_hour_of_years() {
        for name in ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kathmandu"]
        {
            let calendar = Calendar::try_new(name, None, &[], HolidayLike::Sunday).expect(name);
            let zone = TimeZoneDatabase::bundled().get(name).expect(name);
            for hour in (0..24 * 365 * 60).step_by(7) {
                let at = Timestamp::from_second(i64::from(hour) * 3_600).expect("time");
                let local = zone.to_datetime(at);
                let phase = calendar.phase(at);
                let clock =
                    i64::from(local.hour()) * 3_600 + i64::from(local.minute()) * 60 + i64::from(local.second());
                assert_eq!(i64::from(phase.second_of_day), clock, "{name} {at}");
                assert_eq!(phase.weekday, local.weekday().to_monday_zero_offset() as u8, "{name} {at}");
            }
        }
    }

    #[test]
    fn holidays_of_the_country_and_of_ones_own_are_like_sundays() {
        let german = calendar(r#"{"time_zone":"Europe/Berlin","holidays":{"country":"DE","dates":["2026-12-24"]}}"#)
            .expect("read");
        let class = |calendar: &Calendar, at: &str| calendar.phase(at.parse().expect(at)).day_class;
        assert_eq!(class(&german, "2026-10-02T23:00:00Z"), DayClass::Sunday, "3 October begins at 22:00 UTC");
        assert_eq!(class(&german, "2026-12-24T12:00:00Z"), DayClass::Sunday);
        assert_eq!(class(&german, "2026-12-23T12:00:00Z"), DayClass::Workday);
        assert_eq!(class(&german, "2026-12-26T12:00:00Z"), DayClass::Sunday, "a Saturday that is a holiday");
        assert_eq!(class(&german, "2026-12-19T12:00:00Z"), DayClass::Saturday);
        assert!(german.is_holiday(Date::constant(2026, 5, 14)), "Ascension moves with Easter");
        assert!(!german.is_holiday(Date::constant(2026, 7, 4)));
        let itself = Calendar::try_new("UTC", Some("US"), &[], HolidayLike::Itself).expect("calendar");
        let phase = itself.phase("2026-12-25T12:00:00Z".parse().expect("time"));
        assert!(phase.is_holiday && phase.day_class == DayClass::Workday);
    }

    #[test]
    fn settings_say_what_is_allowed() {
        let error = |json: &str| calendar(json).expect_err(json);
        assert!(error(r#"{"zone":"UTC"}"#).contains("time_zone"));
        assert!(error(r#"{"holidays":{"country":"DE","wrongkey":1}}"#).contains("dates"));
        assert!(error(r#"{"time_zone":"Berlin"}"#).contains("`Europe/Berlin`"));
        assert!(error(r#"{"time_zone":"Mars"}"#).contains("`America/New_York`"));
        let country = error(r#"{"holidays":{"country":"XX"}}"#);
        assert!(country.contains("DE, ") && country.contains("`XX`"), "{country}");
        assert!(error(r#"{"holidays":{"country":"de"}}"#).contains("`de`"));
        assert!(error(r#"{"holidays":{"dates":["1900-01-01"]}}"#).contains("1970-01-01"));
        assert!(error(r#"{"holidays":{"dates":["24.12.2026"]}}"#).contains("24.12.2026"));
        assert!(error(r#"{"holidays":{"like":"monday"}}"#).contains("sunday"));
        assert!(Calendar::countries().len() > 100);
    }

    #[test]
    fn a_calendar_is_written_as_it_was_read_and_the_default_has_no_table() {
        let read = calendar(r#"{"time_zone":"Asia/Tokyo","holidays":{"country":"JP"}}"#).expect("read");
        let json = serde_json::to_string(&read).expect("written");
        assert_eq!(calendar(&json).expect("again"), read);
        assert_ne!(calendar("{}").expect("default"), read);
        assert!(calendar(r#"{"time_zone":"UTC"}"#).expect("default").0.is_none());
        assert_eq!(Calendar::default().time_zone(), "UTC");
    }
}
