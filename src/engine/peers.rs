//! Peer groups: one of twelve replicas that behaves unlike the others raises an alert of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tracing::info;

use super::requests::{Brought, prepare_all};
use super::settings::DetectorSpec;
use super::tracked::{Tracked, alertname};
use super::{App, ChartPoint, EngineError, compute};
use crate::alert::{Alert, Identity, Origin};
use crate::detect::{self, Direction, PeerVerdict, Reason};
use crate::series::{Fingerprint, Grid, Labels, Sample, Samples, Series, Step, align};
use crate::telemetry;

/// Time that is compared, and the fewest points of it.
const WINDOW_SECS: f64 = 7_200.0;
const FEWEST_POINTS: usize = 30;
/// Share of the window that must be unusual to its end, and the fewest points of that.
const FRESH: usize = 4;
const FEWEST_FRESH: usize = 8;
/// Time before the window that shows who has always been different.
const BEFORE_SECS: f64 = 86_400.0;
/// Share of the points that a peer must have, as a fraction of four.
const PRESENT: usize = 3;
/// Series that are compared at least.
const FEWEST_PEERS: usize = 3;
/// How often an alert that goes on is recorded again.
const REFRESH: SignedDuration = SignedDuration::from_mins(5);
/// The label that tells an alert about a peer from one about its own past.
const LABEL: (&str, &str) = ("anomaly", "peer_outlier");

/// Since when a series has been unlike its peers, and the alert that it raised.
#[derive(Debug, Clone)]
pub(super) struct Apart {
    since: Timestamp,
    alert: Option<Alert>,
}

impl Apart {
    /// Whether its alert fires.
    pub(super) const fn fires(&self) -> bool {
        self.alert.is_some()
    }
}

/// One peer, compared.
struct Compared {
    fingerprint: Fingerprint,
    at: Timestamp,
    /// Unlike the others through the window and at its end.
    is_apart: bool,
    /// It has been so for the day before.
    always: bool,
    alert: Alert,
}

/// What the others were like at the end.
struct Others {
    count: usize,
    low: f64,
    middle: f64,
    high: f64,
}

impl App {
    /// Compares the peers that `spec` follows, once after each round; raises an alert for each that has been unlike the
    /// others for as long as an alert of the detector needs, and resolves it when it is like them again.
    ///
    /// Peers are compared over two hours (at least 30 points), and must be unlike the others at the end of it too. A series
    /// that has been different for the day before is taken to be so by nature. The points are those in memory: after a
    /// restart it takes two hours until peers are compared again.
    ///
    /// # Errors
    /// [`EngineError::Store`].
    pub(super) async fn compare_peers(&self, spec: &DetectorSpec, now: Timestamp) -> Result<usize, EngineError> {
        if spec.peers_by.is_empty() {
            return Ok(0);
        }
        // gather
        let (tracked, mut states) = {
            let watch = self.watch(&spec.name)?.lock().await;
            (watch.tracked.values().cloned().collect::<Vec<Arc<Tracked>>>(), watch.apart.clone())
        };
        // compute
        let owned = spec.clone();
        let compared = compute::run_long(move || compare_groups(&tracked, &owned)).await?;
        // act
        let mut alerts = 0;
        for one in compared {
            let before = states.remove(&one.fingerprint);
            if let Some(after) = self.follow_peer(spec, one, before, now, &mut alerts).await? {
                states.insert(after.0, after.1);
            }
        }
        self.watch(&spec.name)?.lock().await.apart = states;
        Ok(alerts)
    }

    async fn follow_peer(
        &self,
        spec: &DetectorSpec,
        one: Compared,
        before: Option<Apart>,
        now: Timestamp,
        alerts: &mut usize,
    ) -> Result<Option<(Fingerprint, Apart)>, EngineError> {
        let fires = before.as_ref().is_some_and(Apart::fires);
        if !one.is_apart || one.always && !fires {
            if let Some(mut alert) = before.and_then(|apart| apart.alert) {
                alert.resolve(one.at, one.at);
                *alerts += 1;
                info!(alert = %alert.title(), "{} is like its peers again", alert.title());
                self.judge_and_record(alert, spec.severity, now).await?;
            }
            return Ok(None);
        }
        let mut apart = before.unwrap_or(Apart { since: one.at, alert: None });
        let needed = spec.step.millis().saturating_mul(i64::try_from(spec.lifecycle.firing_points).unwrap_or(i64::MAX));
        let lasted = one.at.as_millisecond() - apart.since.as_millisecond() + spec.step.millis();
        let known = apart.alert.as_ref();
        let due = known.is_none_or(|alert| one.at.duration_since(alert.updated_at) >= REFRESH);
        if lasted >= needed && due {
            let mut alert = one.alert;
            alert.starts_at = apart.since;
            alert.enrichment.since = Some(apart.since);
            *alerts += usize::from(known.is_none());
            telemetry::episodes(&spec.name, usize::from(known.is_none()));
            apart.alert = Some(self.judge_and_record(alert, spec.severity, now).await?);
        }
        Ok(Some((one.fingerprint, apart)))
    }

    /// Compares the series of a request with one another.
    ///
    /// # Errors
    /// [`EngineError::Series`], [`EngineError::Detect`] when they cannot be compared; [`EngineError::Invalid`] for
    /// entities.
    pub async fn peers_brought(&self, brought: Vec<Brought>) -> Result<Vec<PeerVerdict>, EngineError> {
        compute::run(move || {
            let mut peers = Vec::with_capacity(brought.len());
            for prepared in prepare_all(brought) {
                let prepared = prepared?;
                let [only] = prepared.entity.metrics() else {
                    let message = "peers are single series, got one with several metrics; bring each metric alone";
                    return Err(EngineError::Invalid(message.to_owned()));
                };
                peers.push(only.clone());
            }
            Ok(detect::peer_outliers(align("peers".to_owned(), peers)?.metrics())?)
        })
        .await?
    }
}

/// Every group of at least three peers, compared.
fn compare_groups(tracked: &[Arc<Tracked>], spec: &DetectorSpec) -> Vec<Compared> {
    let mut groups: BTreeMap<Labels, Vec<&Tracked>> = BTreeMap::new();
    for one in tracked.iter().filter(|one| one.metrics.len() == 1) {
        let key: Option<Labels> =
            spec.peers_by.iter().map(|name| Some((name.as_str(), one.labels.get(name)?))).collect();
        if let Some(key) = key {
            groups.entry(key).or_default().push(one);
        }
    }
    groups.into_iter().flat_map(|(key, peers)| compare(&peers, &key, spec).unwrap_or_default()).collect()
}

/// The peers of one group; `None` when they cannot be compared.
fn compare(peers: &[&Tracked], key: &Labels, spec: &DetectorSpec) -> Option<Vec<Compared>> {
    let end = peers.iter().filter_map(|one| one.last_at).max()?;
    let window = spec.step.per_secs(WINDOW_SECS).max(FEWEST_POINTS);
    let before = spec.step.per_secs(BEFORE_SECS).max(FEWEST_POINTS);
    let fresh = (window / FRESH).max(FEWEST_FRESH);
    let (peers, now): (Vec<&Tracked>, Vec<Series>) =
        peers.iter().filter_map(|one| Some((*one, stretch(one, end, window, spec.step)?))).unzip();
    if peers.len() < FEWEST_PEERS {
        return None;
    }
    let of = |series: &[Series]| detect::peer_outliers(series).ok();
    let whole = of(&now)?;
    let newest = of(&now.iter().map(|series| series.tail(fresh)).collect::<Vec<_>>())?;
    let apart: Vec<bool> = whole.iter().zip(&newest).map(|(w, n)| w.is_outlier && n.is_outlier).collect();
    // where a third stands apart there is no majority to stand apart from
    let majority = apart.iter().filter(|apart| **apart).count() * FEWEST_PEERS <= peers.len();
    let start =
        end.saturating_sub(SignedDuration::from_millis(spec.step.millis().saturating_mul(window as i64))).ok()?;
    let earlier: Option<Vec<Series>> = peers.iter().map(|one| stretch(one, start, before, spec.step)).collect();
    let earlier = earlier.or_else(|| peers.iter().map(|one| stretch(one, start, FEWEST_POINTS, spec.step)).collect());
    let always = earlier.and_then(|series| of(&series));
    let compared = peers.iter().enumerate().map(|(index, one)| Compared {
        fingerprint: one.labels.fingerprint(),
        at: end,
        is_apart: majority && apart[index],
        always: always.as_ref().is_some_and(|verdicts| verdicts[index].is_outlier),
        alert: alert_of(one, (&now, index), &whole[index], key, spec, end),
    });
    Some(compared.collect())
}

/// The newest `points` of `one` up to `end`; `None` when it has too few of them, or none at the end.
fn stretch(one: &Tracked, end: Timestamp, points: usize, step: Step) -> Option<Series> {
    let step_ms = step.millis();
    let start = end.as_millisecond() - step_ms.saturating_mul(i64::try_from(points).ok()? - 1);
    let inside = |point: &&ChartPoint| (start..=end.as_millisecond()).contains(&point.at.as_millisecond());
    let held: Vec<&ChartPoint> = one.recent.iter().filter(inside).collect();
    let known = held.iter().filter(|point| point.value.is_finite()).count();
    let current = held.last().is_some_and(|last| end.as_millisecond() - last.at.as_millisecond() <= 2 * step_ms);
    if known * 4 < points * PRESENT || !current {
        return None;
    }
    let mut samples: Vec<Sample> =
        held.iter().map(|point| Sample { time_ms: point.at.as_millisecond(), value: point.value }).collect();
    // both ends hold their place, so that all peers have the same times
    samples.push(Sample { time_ms: start, value: f64::NAN });
    samples.push(Sample { time_ms: end.as_millisecond(), value: f64::NAN });
    let samples = Samples { unit: one.unit, ..Samples::gauge(one.name.clone(), samples) };
    Grid::from_samples(&samples, Some(step), &crate::series::Settings::default()).ok()?.into_series().ok()
}

fn alert_of(
    one: &Tracked,
    (group, index): (&[Series], usize),
    verdict: &PeerVerdict,
    key: &Labels,
    spec: &DetectorSpec,
    at: Timestamp,
) -> Alert {
    let labels = spec.labels.iter().fold(one.labels.clone(), |labels, (name, value)| labels.with(name, value));
    let identity = Identity {
        origin: Origin::Detector,
        alertname: alertname(spec).to_owned(),
        labels: labels.with(LABEL.0, LABEL.1),
        annotations: spec.annotations.clone(),
        generator_url: None,
    };
    let mut alert = Alert::firing(identity, at, at);
    let value = group.get(index).map_or(f64::NAN, Series::last);
    let others = others(group, index);
    let shown = |value: f64| one.unit.format(value);
    let known = &mut alert.enrichment;
    known.series = Some(one.name.clone());
    known.unit = one.unit;
    (known.value, known.expected) = (Some(value), Some(others.middle));
    (known.lower, known.upper) = (Some(others.low), Some(others.high));
    known.direction = Some(match value {
        value if value > others.high => Direction::Above,
        value if value < others.low => Direction::Below,
        _ => Direction::Within,
    });
    known.reasons = vec![Reason::PeerOutlier];
    known.sentence = Some(format!(
        "{} is {}, its {} peers of {key} lie between {} and {} (median {}): it {}, {:.0} times their usual distance",
        one.name,
        shown(value),
        others.count,
        shown(others.low),
        shown(others.high),
        shown(others.middle),
        Reason::PeerOutlier.sentence(),
        verdict.distance.min(1e6)
    ));
    alert
}

/// The last values of the others.
fn others(group: &[Series], index: usize) -> Others {
    let mut values: Vec<f64> =
        group.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, series)| series.last()).collect();
    values.sort_unstable_by(f64::total_cmp);
    let at = |place: usize| values.get(place).copied().unwrap_or(f64::NAN);
    let last = values.len().saturating_sub(1);
    let middle = at(last / 2) / 2.0 + at(values.len() / 2) / 2.0;
    Others { count: values.len(), low: at(0), middle, high: at(last) }
}
