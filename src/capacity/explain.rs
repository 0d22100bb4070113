//! Sentences that people can read aloud.

use jiff::Timestamp;

use super::cycles::Cycles;
use super::envelope::Envelope;
use super::exhaustion::{Limit, days_between};
use super::paths::Trend;
use super::{Exhaustion, Outlook};
use crate::forecast::Forecast;
use crate::series::{Series, Unit};

/// `18 March 2026`.
pub(super) fn day(at: Timestamp) -> String {
    at.strftime("%-d %B %Y").to_string()
}

/// `18 March 2026` or, within two days, `18 March 2026 at 14:00 UTC`.
pub(super) fn moment(at: Timestamp, now: Timestamp) -> String {
    if days_between(now, at).abs() < 2.0 { at.strftime("%-d %B %Y at %H:%M UTC").to_string() } else { day(at) }
}

/// A share as people say it: `73 %`, never `100 %` or `0 %` unless it is.
pub(super) fn percent(share: f64) -> String {
    match share * 100.0 {
        p if p > 0.0 && p < 0.5 => "under 1 %".to_owned(),
        p if p < 100.0 && p >= 99.5 => "over 99 %".to_owned(),
        p => format!("{p:.0} %"),
    }
}

/// Where usage stands.
pub(super) fn usage(used: &Series, limit: Limit<'_>, now: Timestamp) -> Vec<String> {
    let (unit, last, limit_now) = (used.unit(), used.last(), limit.at(now));
    let (last_text, limit_text) = (unit.format(last), unit.format(limit_now));
    if last < limit_now {
        return vec![format!("Usage is {last_text} of {limit_text} ({}).", percent((last / limit_now).max(0.0)))];
    }
    let below = (0..used.len()).rev().find(|&i| used.values()[i] < limit.at(used.time_at(i)));
    let since = match below {
        Some(i) => format!("since {}", moment(used.time_at(i + 1), now)),
        None => format!("for all of the history, which begins on {}", day(used.start())),
    };
    vec![format!("Usage is {last_text}, at or above the limit of {limit_text} {since}.")]
}

/// What was found about emptying.
pub(super) fn cycles(cycles: &Cycles, used: &Series) -> String {
    let every = Unit::Seconds.format(cycles.peaks.step.secs_f64());
    let drop = used.unit().format(cycles.drop);
    if cycles.overdue {
        let waited = Unit::Seconds.format((used.len() - 1 - cycles.since) as f64 * used.step().secs_f64());
        return format!(
            "It used to free about {drop} every {every} and has not done so for {waited}: the dates follow the rise since then."
        );
    }
    let count = cycles.peaks.values.len();
    format!(
        "It frees about {drop} every {every}: the dates follow the trend of its {count} peaks, not the rise within a cycle."
    )
}

/// How it grows, and what of the history says so.
pub(super) fn growth(envelope: &Envelope, trend: &Trend, per_day: f64, unit: Unit) -> Vec<String> {
    let mut sentences = Vec::new();
    let peaks = trend.peaks_used;
    if peaks < 4 {
        sentences.push(format!(
            "There is too little history to tell growth: {}.",
            plural(peaks, "block of time", "blocks of time")
        ));
    }
    let span = Unit::Seconds.format(envelope.step.secs_f64() * peaks as f64);
    sentences.push(match per_day {
        g if g > 0.0 => format!("Its peaks grow by {} per day (robust trend over {span}).", unit.format(g)),
        g if g < 0.0 => format!("Its peaks shrink by {} per day (robust trend over {span}).", unit.format(-g)),
        _ => format!("Its peaks do not grow (robust trend over {span})."),
    });
    if trend.growth_changed {
        sentences.push("Growth has changed: older history is left out.".to_owned());
    }
    if trend.steps_removed > 0 {
        let steps = plural(trend.steps_removed, "one-off step", "one-off steps");
        sentences.push(format!("{steps} (a clean-up or a bulk load) left out of growth."));
    }
    sentences
}

/// What the probabilities do not cover.
pub(super) fn horizon(exhaustion: &Exhaustion) -> Vec<String> {
    let days = exhaustion.horizon_days;
    if exhaustion.outlook == Outlook::AlreadyExhausted {
        return Vec::new();
    }
    let mut sentences = Vec::new();
    if exhaustion.outlook == Outlook::NeverAtThisRate {
        sentences.push(format!(
            "No future reaches the limit within {}: never at this rate.",
            Unit::Seconds.format(days * 86_400.0)
        ));
    }
    let beyond: Vec<&str> = [(7.0, "7"), (30.0, "30"), (90.0, "90")]
        .into_iter()
        .filter(|(span, _)| *span > days + 0.5)
        .map(|(_, text)| text)
        .collect();
    if let Some((last, rest)) = beyond.split_last() {
        let spans = if rest.is_empty() { (*last).to_owned() } else { format!("{} and {last}", rest.join(", ")) };
        let reach = Unit::Seconds.format(days * 86_400.0);
        sentences
            .push(format!("The futures look {reach} ahead: the probabilities within {spans} days are lower bounds."));
    }
    sentences
}

/// Which model the dates rest on.
pub(super) fn seasonal_model(forecast: &Forecast) -> String {
    let paths = forecast.paths.count();
    format!("The dates rest on {paths} sample paths of the {} forecast.", forecast.model.as_str())
}

/// `1 pod`, `3 pods`.
pub(super) fn plural(count: usize, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

/// The dates in one clause.
pub(super) fn dates(exhaustion: &Exhaustion, now: Timestamp) -> String {
    match (exhaustion.p10, exhaustion.p50, exhaustion.p90) {
        _ if exhaustion.outlook == Outlook::AlreadyExhausted => "it is full now".to_owned(),
        (Some(first), Some(middle), Some(last)) if day(first) != day(last) => format!(
            "it will probably be full on {}, with eight chances in ten between {} and {}",
            moment(middle, now),
            moment(first, now),
            moment(last, now)
        ),
        (_, Some(middle), Some(_)) => format!("it will be full on {}", moment(middle, now)),
        (Some(first), Some(middle), None) => {
            format!(
                "it will probably be full on {}, and perhaps already on {}",
                moment(middle, now),
                moment(first, now)
            )
        }
        (Some(first), None, _) => format!("there is one chance in ten that it is full by {}", moment(first, now)),
        _ => "it is not expected to fill at this rate".to_owned(),
    }
}
