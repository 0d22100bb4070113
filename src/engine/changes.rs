//! What change events mean to detection: planned work, a closer watch, another level.
//!
//! | kind | points in its time | after its beginning | the level |
//! |---|---|---|---|
//! | `maintenance` | scored, not learned, no alert; an hour without an end | | |
//! | `deploy` | closer watch | closer watch for 30 minutes | |
//! | `scaling` | closer watch | closer watch for 30 minutes | sought anew at its beginning and end |
//! | `migration`, `new_normal` | | | sought anew at its beginning and end |
//! | `holiday`, `other` | | | |
//!
//! A closer watch is a boundary of three times the probability: a deviation right after a change is more likely to be real.

use jiff::{SignedDuration, Timestamp};

use super::settings::DetectorSpec;
use super::tracked::alertname;
use crate::detect::Circumstances;
use crate::series::Labels;
use crate::store::{ChangeEvent, ChangeKind, RecordedEvent};

/// Factor of the boundary under a closer watch, and how long it lasts.
const VIGILANCE: f64 = 3.0;
const VIGILANT: SignedDuration = SignedDuration::from_mins(30);
/// Planned work without an end lasts this long.
const WORK: SignedDuration = SignedDuration::from_hours(1);
/// Events that come later than this after their time change nothing.
pub(super) const LATEST: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The change events of some time, oldest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Changes(Vec<RecordedEvent>);

/// Those of them that concern one series.
#[derive(Debug, Default)]
pub(super) struct Bearing<'a>(Vec<&'a RecordedEvent>);

impl Changes {
    pub(super) const fn new(events: Vec<RecordedEvent>) -> Self {
        Self(events)
    }

    /// The events whose labels are all among those of the series, of the detector, or its `alertname`.
    pub(super) fn on(&self, labels: &Labels, spec: &DetectorSpec) -> Bearing<'_> {
        if self.0.is_empty() {
            return Bearing::default();
        }
        let labels = spec.labels.iter().fold(labels.clone(), |all, (name, value)| all.with(name, value));
        let labels = labels.with("alertname", alertname(spec));
        Bearing(self.0.iter().filter(|recorded| labels.contains_all(&recorded.event.labels)).collect())
    }
}

impl<'a> Bearing<'a> {
    pub(super) fn iter(&self) -> impl Iterator<Item = &'a RecordedEvent> + '_ {
        self.0.iter().copied()
    }

    /// What is going on at `at`.
    pub(super) fn circumstances(&self, at: Timestamp) -> Circumstances {
        let watched = self.0.iter().any(|recorded| is_watched(&recorded.event, at));
        let maintenance = self.0.iter().any(|recorded| is_work(&recorded.event, at));
        Circumstances { maintenance, vigilance: if watched { VIGILANCE } else { 1.0 } }
    }

    /// Whether the level may have become another one after `before` and up to `at`.
    pub(super) fn changes_level(&self, before: Timestamp, at: Timestamp) -> bool {
        let falls = |time: &Timestamp| before < *time && *time <= at;
        let times = |event: &ChangeEvent| [Some(event.starts_at), event.ends_at];
        let moving = self.0.iter().map(|recorded| &recorded.event).filter(|event| moves_level(event.kind));
        moving.flat_map(times).flatten().any(|time| falls(&time))
    }

    /// The latest change under whose watch `at` is, in words: `deploy "checkout 2.4.1" at 2026-06-01T10:00:00Z`.
    pub(super) fn watched_because(&self, at: Timestamp) -> Option<String> {
        self.0.iter().rev().find(|recorded| is_watched(&recorded.event, at)).map(|recorded| in_words(&recorded.event))
    }
}

/// Whether events of this kind move levels.
pub(super) const fn moves_level(kind: ChangeKind) -> bool {
    matches!(kind, ChangeKind::Scaling | ChangeKind::Migration | ChangeKind::NewNormal)
}

/// The time of planned work, its end not included; `None` for other kinds.
pub(super) fn work_of(event: &ChangeEvent) -> Option<(Timestamp, Timestamp)> {
    let end = event.ends_at.unwrap_or_else(|| event.starts_at.saturating_add(WORK).unwrap_or(Timestamp::MAX));
    (event.kind == ChangeKind::Maintenance).then_some((event.starts_at, end))
}

/// The time of a closer watch, its end not included; `None` for kinds without.
pub(super) fn watch_of(event: &ChangeEvent) -> Option<(Timestamp, Timestamp)> {
    let last = event.ends_at.unwrap_or(event.starts_at);
    let end = last.saturating_add(VIGILANT).unwrap_or(Timestamp::MAX);
    matches!(event.kind, ChangeKind::Deploy | ChangeKind::Scaling).then_some((event.starts_at, end))
}

/// How much closer the watch is.
pub(super) const fn vigilance() -> f64 {
    VIGILANCE
}

/// An event as people read it.
pub(super) fn in_words(event: &ChangeEvent) -> String {
    let time = |at: Timestamp| at.strftime("%Y-%m-%dT%H:%M:%SZ");
    let kind = event.kind.as_str();
    match event.ends_at {
        Some(end) => format!("{kind} \"{}\" from {} to {}", event.title, time(event.starts_at), time(end)),
        None => format!("{kind} \"{}\" at {}", event.title, time(event.starts_at)),
    }
}

fn is_work(event: &ChangeEvent, at: Timestamp) -> bool {
    work_of(event).is_some_and(|(from, to)| from <= at && at < to)
}

fn is_watched(event: &ChangeEvent, at: Timestamp) -> bool {
    watch_of(event).is_some_and(|(from, to)| from <= at && at < to)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60).unwrap()
    }

    fn event(kind: ChangeKind, from: i64, to: Option<i64>, labels: &[(&str, &str)]) -> RecordedEvent {
        let labels = labels.iter().copied().collect();
        let (starts_at, ends_at) = (at(from), to.map(at));
        RecordedEvent {
            id: from,
            event: ChangeEvent { kind, title: "x".into(), labels, url: None, starts_at, ends_at },
        }
    }

    /// What a minute is: `.` ordinary, `w` watched, `m` maintenance, upper case where the level is sought anew.
    #[track_caller]
    fn check(kind: ChangeKind, to: Option<i64>, minutes: &[i64], want: &str) {
        let changes = Changes::new(vec![event(kind, 100, to, &[("job", "api")])]);
        let spec = super::super::scenarios::spec();
        let bearing = changes.on(&Labels::new().with("job", "api").with("instance", "a"), &spec);
        let got: String = minutes
            .iter()
            .map(|minute| {
                let now = bearing.circumstances(at(*minute));
                let level = bearing.changes_level(at(minute - 1), at(*minute));
                match (now.maintenance, now.vigilance > 1.0, level) {
                    (true, _, false) => 'm',
                    (false, true, false) => 'w',
                    (false, true, true) => 'W',
                    (false, false, true) => 'L',
                    _ => '.',
                }
            })
            .collect();
        assert_eq!(got, want, "{kind:?}");
    }

    #[test]
    fn each_kind_has_its_meaning() {
        let minutes = [99, 100, 101, 129, 130, 140, 159, 160, 170];
        check(ChangeKind::Deploy, None, &minutes, ".www.....");
        check(ChangeKind::Deploy, Some(130), &minutes, ".wwwwww..");
        check(ChangeKind::Scaling, Some(140), &minutes, ".WwwwWww.");
        check(ChangeKind::Migration, Some(140), &minutes, ".L...L...");
        check(ChangeKind::NewNormal, None, &minutes, ".L.......");
        check(ChangeKind::Maintenance, None, &minutes, ".mmmmmm..");
        check(ChangeKind::Maintenance, Some(130), &minutes, ".mmm.....");
        check(ChangeKind::Holiday, Some(130), &minutes, ".........");
        check(ChangeKind::Other, None, &minutes, ".........");
    }

    #[test]
    fn events_concern_what_carries_their_labels() {
        let mut spec = super::super::scenarios::spec();
        spec.labels = Labels::new().with("team", "checkout");
        let on = |labels: &[(&str, &str)]| {
            let changes = Changes::new(vec![event(ChangeKind::Deploy, 100, None, labels)]);
            let bearing = changes.on(&Labels::new().with("job", "api"), &spec);
            bearing.watched_because(at(100))
        };
        let words = Some("deploy \"x\" at 1970-01-01T01:40:00Z".to_owned());
        assert_eq!(on(&[]), words);
        assert_eq!(on(&[("job", "api"), ("team", "checkout"), ("alertname", "load")]), words);
        assert_eq!(on(&[("job", "web")]), None);
        assert_eq!(on(&[("job", "api"), ("pod", "a")]), None);
    }
}
