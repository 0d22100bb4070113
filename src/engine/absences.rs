//! Series that stopped reporting: alerts for what is absent, and the end of those alerts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tracing::{debug, info};

use super::settings::DetectorSpec;
use super::tracked::{Group, RESOLVED_BECAUSE, Tracked, alertname};
use super::watch::grace_ms;
use super::{App, EngineError, compute};
use crate::alert::{Alert, Identity, Origin};
use crate::detect::{Absence, Announced, Disappearance, Reason, RollCall, Sighting, call_the_roll};
use crate::series::Fingerprint;
use crate::store::{ChangeEvent, ChangeKind};

/// How far back changes are looked for that explain a silence.
const EVENTS_HOURS: i64 = 24;
/// A deploy without an end explains what falls silent within this time.
const DEPLOY_TAKES: SignedDuration = SignedDuration::from_hours(1);

/// An absence that fires.
#[derive(Debug, Clone)]
pub(super) struct Absent {
    /// Its alert.
    pub(super) alert: Alert,
    /// Who is absent.
    members: BTreeSet<Fingerprint>,
}

impl App {
    /// Ends the alerts of absences of which something reports again; `groups` is what was fetched. Comes before those
    /// points are judged, since they may begin an alert of the same identity.
    pub(super) async fn welcome_back(
        &self,
        spec: &DetectorSpec,
        known: &BTreeMap<Fingerprint, Arc<Tracked>>,
        groups: &[Group],
        now: Timestamp,
    ) -> Result<(), EngineError> {
        let absent = self.watch(&spec.name)?.lock().await.absent.clone();
        if absent.is_empty() {
            return Ok(());
        }
        let reports = |group: &&Group| {
            let last_at = known.get(&group.labels.fingerprint()).and_then(|one| one.last_at);
            group.last_ms().is_some_and(|ms| last_at.is_none_or(|last| ms > last.as_millisecond()))
        };
        let back: BTreeSet<Fingerprint> =
            groups.iter().filter(reports).map(|group| group.labels.fingerprint()).collect();
        let mut left = Vec::with_capacity(absent.len());
        for one in absent {
            if one.members.is_disjoint(&back) {
                left.push(one);
            } else {
                self.end_absence(one.alert, "it reports again", now).await?;
            }
        }
        self.watch(&spec.name)?.lock().await.absent = left;
        Ok(())
    }

    /// Calls the roll: raises alerts for what is absent and ends those of what no longer is. Says what looks like a fault
    /// of the source, if something does.
    pub(super) async fn note_absences(
        &self,
        spec: &DetectorSpec,
        end: Timestamp,
        now: Timestamp,
    ) -> Result<Option<String>, EngineError> {
        if spec.disappearance == Disappearance::Ignore {
            return Ok(None);
        }
        // gather
        let (known, absent) = {
            let watch = self.watch(&spec.name)?.lock().await;
            let known: Vec<Arc<Tracked>> = watch.tracked.values().cloned().collect();
            (known, watch.absent.clone())
        };
        let grace = grace_ms(spec.step);
        let is_silent = |one: &Arc<Tracked>| one.reporting.silent_ms(end.as_millisecond()).is_none_or(|ms| ms > grace);
        if absent.is_empty() && !known.iter().any(is_silent) {
            return Ok(None);
        }
        let announced = self.announced(end).await?;
        // compute
        let (roll, step, budget) = (known.clone(), spec.step, spec.detect.false_alarms);
        let called = compute::run(move || {
            let sightings: Vec<Sighting<'_>> = roll.iter().map(|one| sighting_of(one)).collect();
            call_the_roll(&sightings, &announced, end, (step, grace), &budget)
        })
        .await?;
        // act
        if called.everything {
            let newest = known.iter().filter_map(|one| one.reporting.last_ms()).max();
            return Ok(looks_like_the_source(spec, newest));
        }
        self.act_on(spec, called, &known, absent, now).await?;
        Ok(None)
    }

    /// Says which of the series that are followed have never had a number, if there are any: their query yields NaN only.
    pub(super) async fn without_numbers(&self, spec: &DetectorSpec) -> Result<Option<String>, EngineError> {
        let watch = self.watch(&spec.name)?.lock().await;
        let mut empty = watch.tracked.values().filter(|one| one.last_at.is_none());
        let Some(first) = empty.next() else { return Ok(None) };
        let (count, of) = (empty.count() + 1, watch.tracked.len());
        Ok(Some(format!(
            "{count} of {of} series have no numbers, only NaN, the first of them {}: that looks like the query",
            first.name
        )))
    }

    async fn act_on(
        &self,
        spec: &DetectorSpec,
        called: RollCall,
        known: &[Arc<Tracked>],
        absent: Vec<Absent>,
        now: Timestamp,
    ) -> Result<(), EngineError> {
        for (index, excuse) in &called.excused {
            let name = known.get(*index).map_or("", |one| &one.name);
            debug!(detector = %spec.name, series = %name, ?excuse, "{name} is silent and excused");
        }
        let sure = |absence: &Absence| absence.confidence >= spec.lifecycle.min_confidence;
        let found: Vec<(Absence, Alert)> = called
            .absences
            .into_iter()
            .filter(sure)
            .map(|absence| {
                let alert = alert_of(&absence, known, spec, now);
                (absence, alert)
            })
            .collect();
        let still: BTreeSet<Fingerprint> = found.iter().map(|(_, alert)| alert.fingerprint).collect();
        let missing: BTreeSet<Fingerprint> = found.iter().flat_map(|(absence, _)| members_of(absence, known)).collect();
        let mut left = Vec::new();
        for one in absent {
            if still.contains(&one.alert.fingerprint) {
                left.push(one);
                continue;
            }
            let goes_on = !one.members.is_disjoint(&missing);
            let why = if goes_on { "more is absent, which is another alert" } else { "it is no longer expected" };
            self.end_absence(one.alert, why, now).await?;
        }
        for (absence, alert) in found {
            if left.iter().any(|one| one.alert.fingerprint == alert.fingerprint) {
                continue;
            }
            info!(detector = %spec.name, p_value = absence.p_value, "{}", absence.sentence);
            let alert = self.judge_and_record(alert, spec.severity, now).await?;
            left.push(Absent { alert, members: members_of(&absence, known).collect() });
        }
        self.watch(&spec.name)?.lock().await.absent = left;
        Ok(())
    }

    async fn end_absence(&self, mut alert: Alert, why: &str, now: Timestamp) -> Result<(), EngineError> {
        info!(alert = %alert.title(), "the absence of {} is over: {why}", alert.title());
        alert.annotations.insert(RESOLVED_BECAUSE.to_owned(), why.to_owned());
        alert.resolve(now, now);
        self.judge_and_record(alert, None, now).await.map(drop)
    }

    /// Changes of the last day that explain silences.
    async fn announced(&self, end: Timestamp) -> Result<Vec<Announced>, EngineError> {
        let since = end.saturating_sub(SignedDuration::from_hours(EVENTS_HOURS)).unwrap_or(end);
        Ok(self.store().events(since..=end).await?.into_iter().filter_map(announced).collect())
    }
}

/// What to say when every series of a detector is silent.
fn looks_like_the_source(spec: &DetectorSpec, newest_ms: Option<i64>) -> Option<String> {
    let since = Timestamp::from_millisecond(newest_ms?).ok()?.strftime("%Y-%m-%dT%H:%M:%SZ");
    Some(format!("none of its series has had a point since {since}: that looks like {} or the query", spec.source))
}

fn sighting_of(one: &Tracked) -> Sighting<'_> {
    Sighting { labels: &one.labels, name: &one.name, reporting: &one.reporting }
}

fn announced(event: ChangeEvent) -> Option<Announced> {
    let moment = event.starts_at.saturating_add(DEPLOY_TAKES).ok()?;
    let ends_at = match event.kind {
        ChangeKind::Deploy | ChangeKind::Scaling | ChangeKind::Migration | ChangeKind::Other => {
            event.ends_at.map_or(moment, |end| end.max(moment))
        }
        ChangeKind::Maintenance => event.ends_at.unwrap_or(moment),
        ChangeKind::Holiday | ChangeKind::NewNormal => return None,
    };
    Some(Announced { title: event.title, labels: event.labels, starts_at: event.starts_at, ends_at })
}

fn members_of<'a>(absence: &'a Absence, known: &'a [Arc<Tracked>]) -> impl Iterator<Item = Fingerprint> + 'a {
    absence.members.iter().filter_map(|index| known.get(*index)).map(|one| one.labels.fingerprint())
}

/// The alert of an absence: it begins with the first point that did not come.
fn alert_of(absence: &Absence, known: &[Arc<Tracked>], spec: &DetectorSpec, now: Timestamp) -> Alert {
    let labels = spec.labels.iter().fold(absence.labels.clone(), |labels, (name, value)| labels.with(name, value));
    let mut annotations = spec.annotations.clone();
    annotations.entry("summary".to_owned()).or_insert_with(|| absence.sentence.clone());
    let identity = Identity {
        origin: Origin::Detector,
        alertname: alertname(spec).to_owned(),
        labels,
        annotations,
        generator_url: None,
    };
    let step = SignedDuration::from_millis(spec.step.millis());
    let begins = absence.last_at.saturating_add(step).unwrap_or(absence.last_at);
    let mut alert = Alert::firing(identity, begins, now);
    let first = absence.members.first().and_then(|index| known.get(*index));
    alert.enrichment.series = first.map(|one| one.name.clone());
    alert.enrichment.unit = first.map(|one| one.unit).unwrap_or_default();
    alert.enrichment.since = Some(begins);
    alert.enrichment.reasons = vec![Reason::Disappeared];
    let p_star = spec.detect.false_alarms.p_star(spec.step);
    alert.enrichment.score = Some(crate::detect::score_of(absence.p_value, p_star));
    alert
}
