//! What a calendar looks up: offsets of the zone and holidays, tabulated once.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use opening_hours::localization::Country;

use super::{CalendarError, CalendarKeys, DAY_SECS, HolidayKeys};

/// Offsets of the zone are tabulated from 1970 up to the year 2100, in seconds; outside of it the zone is asked each time.
const TABLE_END: i64 = 4_102_444_800;
/// Days of holidays that are tabulated, from 1970-01-01 on.
const TABLE_DAYS: i64 = TABLE_END / DAY_SECS;
/// How many similar names an error shows.
const SIMILAR: usize = 5;

pub(super) struct Tables {
    pub(super) keys: CalendarKeys,
    zone: TimeZone,
    /// Seconds from which each offset holds, ascending, the first at or before 1970.
    starts: Vec<i64>,
    offsets: Vec<i32>,
    /// One bit for each day from 1970-01-01 on.
    holidays: Vec<u64>,
}

impl Tables {
    pub(super) fn build(keys: CalendarKeys) -> Result<Self, CalendarError> {
        let database = TimeZoneDatabase::bundled();
        let zone = database.get(&keys.time_zone).map_err(|_| CalendarError::TimeZone {
            name: keys.time_zone.clone(),
            similar: similar_zones(&database, &keys.time_zone),
        })?;
        let (starts, offsets) = changes(&zone);
        let holidays = holidays(&keys.holidays)?;
        Ok(Self { keys, zone, starts, offsets, holidays })
    }

    /// Seconds to add to UTC at `at`, whose whole seconds are `secs`.
    pub(super) fn offset(&self, secs: i64, at: Timestamp) -> i64 {
        if !(0..TABLE_END).contains(&secs) {
            return i64::from(self.zone.to_offset(at).seconds());
        }
        let index = self.starts.partition_point(|start| *start <= secs);
        i64::from(self.offsets.get(index.saturating_sub(1)).copied().unwrap_or(0))
    }

    pub(super) fn is_holiday(&self, day: i64) -> bool {
        let Ok(day) = usize::try_from(day) else { return false };
        self.holidays.get(day / 64).is_some_and(|word| word >> (day % 64) & 1 == 1)
    }
}

/// Times at which the offset of `zone` changes between 1970 and 2100, and the offsets from then on.
fn changes(zone: &TimeZone) -> (Vec<i64>, Vec<i32>) {
    let mut starts = vec![i64::MIN];
    let mut offsets = vec![zone.to_offset(Timestamp::UNIX_EPOCH).seconds()];
    for change in zone.following(Timestamp::UNIX_EPOCH) {
        let (second, offset) = (change.timestamp().as_second(), change.offset().seconds());
        if second >= TABLE_END {
            break;
        }
        if offsets.last() != Some(&offset) {
            starts.push(second);
            offsets.push(offset);
        }
    }
    (starts, offsets)
}

fn holidays(keys: &HolidayKeys) -> Result<Vec<u64>, CalendarError> {
    let mut days: Vec<i64> = Vec::new();
    if let Some(code) = &keys.country {
        let known = code.parse::<Country>().ok().filter(|country| has_holidays(*country));
        let country =
            known.ok_or_else(|| CalendarError::Country { code: code.clone(), allowed: countries().join(", ") })?;
        days.extend(country.holidays().get_public().iter().map(|date| i64::from(date.to_epoch_days())));
    }
    for text in &keys.dates {
        let day = text.parse().ok().and_then(epoch_day);
        days.push(day.ok_or_else(|| CalendarError::Date(text.clone()))?);
    }
    let words = days.iter().max().map_or(0, |last| *last as usize / 64 + 1);
    let mut bits = vec![0; words];
    for day in days.into_iter().filter(|day| *day >= 0) {
        if let Some(word) = bits.get_mut(day as usize / 64) {
            *word |= 1_u64 << (day % 64);
        }
    }
    Ok(bits)
}

/// Codes of the countries with holidays, sorted.
pub(super) fn countries() -> Vec<&'static str> {
    let known = Country::ALL.iter().filter(|country| has_holidays(**country));
    let mut codes: Vec<&'static str> = known.map(|country| country.iso_code()).collect();
    codes.sort_unstable();
    codes
}

fn has_holidays(country: Country) -> bool {
    country.holidays().get_public().iter().next().is_some()
}

/// Days since 1970-01-01; `None` outside of the table.
pub(super) fn epoch_day(date: Date) -> Option<i64> {
    let day = date.duration_since(Date::constant(1970, 1, 1)).as_hours() / 24;
    (0..TABLE_DAYS).contains(&day).then_some(day)
}

/// `; similar names: …` for names of the database that share a part with `wanted`, or nothing.
fn similar_zones(database: &TimeZoneDatabase, wanted: &str) -> String {
    let wanted = wanted.to_lowercase();
    let parts: Vec<&str> = wanted.split(['/', ' ', '_', '-']).filter(|part| part.len() > 3).collect();
    let mut names: Vec<(usize, String)> = database
        .available()
        .map(|name| name.as_str().to_owned())
        .map(|name| {
            let lower = name.to_lowercase();
            let shared: usize = parts.iter().filter(|part| lower.contains(*part)).map(|part| part.len()).sum();
            (shared, name)
        })
        .filter(|(shared, _)| *shared > 0)
        .collect();
    names.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let names: Vec<String> = names.into_iter().take(SIMILAR).map(|(_, name)| format!("`{name}`")).collect();
    if names.is_empty() { String::new() } else { format!("; similar names: {}", names.join(", ")) }
}
