//! Change events that come after their time was judged: what was published stays, and a revision is added to it.

use jiff::Timestamp;

use super::changes::{Bearing, LATEST, in_words, moves_level, vigilance, watch_of, work_of};
use super::settings::DetectorSpec;
use super::tracked::{Happened, RESOLVED_BECAUSE, Tracked};
use super::{App, EngineError};
use crate::alert::lifecycle::Lifecycle;
use crate::detect::{Suppression, score_of};
use crate::store::{AnomalyRecord, ChangeEvent, ChangeKind, NewRevision, RecordedEvent};

/// Judgements that one late event revises at most.
const MOST_REVISED: usize = 10_000;

impl Tracked {
    /// Takes note of the change events that are new. One whose time was judged already is late: the level is sought anew
    /// from now on if it moves levels, and an alert that fires because of planned work is over.
    ///
    /// Every event is late at most once, restarts between the saving of states aside; revisions are kept once by event.
    pub(super) fn take_note(&mut self, changes: &Bearing<'_>, now: Timestamp) -> Happened {
        let mut happened = Happened::default();
        for recorded in changes.iter() {
            let judged = self.last_at.is_some_and(|last| is_late(&recorded.event, last));
            if !self.events.insert(recorded.id) || !judged {
                continue;
            }
            if moves_level(recorded.event.kind) {
                self.expect_change();
            }
            self.end_alert_within(recorded, now, &mut happened);
            happened.late.push(recorded.clone());
        }
        let known: Vec<i64> = changes.iter().map(|recorded| recorded.id).collect();
        self.events.retain(|id| known.contains(id));
        happened
    }

    /// Resolves the alert that fires when all of its unusual points lie in the time of planned work, or when what is seen
    /// is the new normal.
    fn end_alert_within(&mut self, recorded: &RecordedEvent, now: Timestamp, happened: &mut Happened) {
        let Some(episode) = self.lifecycle.episode().filter(|_| self.lifecycle.is_firing()) else { return };
        let work = work_of(&recorded.event);
        let planned = work.is_some_and(|(from, to)| from <= episode.since && episode.last_anomalous < to);
        let normal = recorded.event.kind == ChangeKind::NewNormal;
        if !planned && !normal {
            return;
        }
        let Some(alert) = self.alert.as_mut() else { return };
        alert.annotations.insert(RESOLVED_BECAUSE.to_owned(), arrived(recorded));
        let end = self.last_at.unwrap_or(now);
        alert.resolve(end, now);
        happened.alerts.push(alert.clone());
        self.lifecycle = Lifecycle::default();
    }
}

impl App {
    /// Adds a revision to every judgement of `tracked` in the time of its late events. The judgements stay as they are.
    pub(super) async fn revise(
        &self,
        spec: &DetectorSpec,
        tracked: &Tracked,
        late: &[RecordedEvent],
        now: Timestamp,
    ) -> Result<(), EngineError> {
        for recorded in late {
            let event = &recorded.event;
            let Some((from, to)) = work_of(event).or_else(|| watch_of(event)) else { continue };
            let found = self.store().anomalies_of(&spec.name, &tracked.name, from..to, MOST_REVISED).await?;
            let p_star = tracked.p_star();
            let revisions: Vec<NewRevision> = found.iter().map(|record| revision(record, recorded, p_star)).collect();
            self.store().put_revisions(&spec.name, &tracked.name, &revisions, now).await?;
        }
        Ok(())
    }
}

fn revision(record: &AnomalyRecord, recorded: &RecordedEvent, p_star: f64) -> NewRevision {
    // as it stands: the latest revision, or the judgement itself
    let (score, is_anomaly, suppressed) = match record.revisions.last() {
        Some(latest) => (latest.score, latest.is_anomaly, latest.suppressed),
        None => (record.point.score, record.point.is_anomaly, record.point.suppressed),
    };
    let because = arrived(recorded);
    let (at, event_id) = (record.point.at, recorded.id);
    if work_of(&recorded.event).is_some() {
        let suppressed = Some(Suppression::Maintenance);
        return NewRevision { at, event_id, because, score, is_anomaly: false, suppressed };
    }
    // p* times the vigilance: the same p is that much further beyond it
    let closer = score_of(record.point.p_value, (p_star * vigilance()).min(0.01));
    let is_anomaly = is_anomaly || (suppressed.is_none() && closer >= 1.0);
    NewRevision { at, event_id, because, score: score.max(closer), is_anomaly, suppressed }
}

/// Whether an event that is new lies before the last point judged, and not so far that it is history.
fn is_late(event: &ChangeEvent, last: Timestamp) -> bool {
    let oldest = last.saturating_sub(LATEST).unwrap_or(Timestamp::MIN);
    event.starts_at <= last && event.ends_at.unwrap_or(event.starts_at) >= oldest
}

fn arrived(recorded: &RecordedEvent) -> String {
    format!("event {} arrived late: {}", recorded.id, in_words(&recorded.event))
}
