//! Gates, change events and budgets over rounds and restarts.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::App;
use super::listings::{ChangeEvent, ChangeKind, Verdict, VerdictRecord};
use super::scenarios::{FIRST, Stage, app_with, at, spec};
use super::settings::{BudgetSharing, DetectorSpec, TeamBudget};
use crate::alert::AlertState;
use crate::detect::{self, GateSettings, Suppression, WeightSettings};
use crate::series::{Labels, Step};

fn event(kind: ChangeKind, from: i64, to: Option<i64>) -> ChangeEvent {
    let labels = Labels::new().with("instance", "b");
    ChangeEvent { kind, title: "v2".into(), labels, url: None, starts_at: at(from), ends_at: to.map(at) }
}

impl Stage {
    async fn told(&self, event: &ChangeEvent) -> i64 {
        self.app.add_event(event, event.starts_at).await.unwrap()
    }

    async fn rounds_of(&self, spec: &DetectorSpec, minutes: std::ops::RangeInclusive<i64>) {
        for minute in minutes {
            self.app.watch_round(spec, at(minute)).await.unwrap();
        }
    }

    /// The anomalies of `b` since the first round, oldest first.
    async fn found(&self) -> Vec<crate::store::AnomalyRecord> {
        let mut all = self.app.anomalies("load", at(FIRST), 1_000).await.unwrap();
        all.retain(|record| record.series.contains("\"b\""));
        all.reverse();
        all
    }
}

#[tokio::test]
async fn planned_work_is_shown_and_wakes_nobody() {
    let stage = Stage::new().await;
    stage.change(|world| {
        world.instances.insert("b", FIRST + 1..FIRST + 20);
    });
    stage.told(&event(ChangeKind::Maintenance, FIRST + 1, Some(FIRST + 20))).await;
    stage.rounds(FIRST..=FIRST + 60).await;
    let alerts = stage.alerts().await;
    assert!(alerts.iter().all(|alert| alert.starts_at < at(FIRST)), "{alerts:#?}");
    let found = stage.found().await;
    assert!(found.len() >= 15, "{}", found.len());
    assert!(found.iter().all(|one| one.point.suppressed == Some(Suppression::Maintenance) && !one.point.is_anomaly));
    assert!(found.iter().all(|one| one.point.score >= 1.0 && one.revisions.is_empty()));
}

#[tokio::test]
async fn work_that_is_told_of_late_revises_and_ends_the_alert() {
    let stage = Stage::new().await;
    stage.rounds(FIRST..=FIRST + 5).await;
    let before = stage.found().await;
    assert_eq!(stage.alerts().await[0].state, AlertState::Firing);
    let id = stage.told(&event(ChangeKind::Maintenance, FIRST, Some(FIRST + 30))).await;
    stage.rounds(FIRST + 6..=FIRST + 7).await;
    let alert = stage.alerts().await.remove(0);
    assert_eq!(alert.state, AlertState::Resolved);
    let because = format!("event {id} arrived late: maintenance \"v2\"");
    assert!(alert.annotations["resolved_because"].starts_with(&because), "{:?}", alert.annotations);
    let after = stage.found().await;
    for (old, new) in before.iter().zip(&after) {
        assert_eq!(old.point, new.point, "what was published stays");
        let [revision] = new.revisions.as_slice() else { panic!("{:?}", new.revisions) };
        assert_eq!((revision.revision, revision.event_id, revision.is_anomaly), (1, id, false));
        assert_eq!(revision.suppressed, Some(Suppression::Maintenance));
        assert!(revision.because.starts_with(&because));
    }
    assert!(after[before.len()..].iter().all(|one| one.revisions.is_empty() && !one.point.is_anomaly));
    // once, also when a crash makes the detector learn afresh
    let stage = stage.killed(vec![spec()]).await;
    stage.rounds(FIRST + 8..=FIRST + 9).await;
    assert!(stage.found().await.iter().all(|one| one.revisions.len() <= 1));
}

#[tokio::test]
async fn after_a_deploy_the_watch_is_closer_and_the_alert_says_so() {
    let stage = Stage::new().await;
    stage.told(&event(ChangeKind::Deploy, FIRST, None)).await;
    stage.rounds(FIRST..=FIRST + 5).await;
    let alert = stage.alerts().await.remove(0);
    assert_eq!((alert.state, alert.labels.get("instance")), (AlertState::Firing, Some("b")));
    assert_eq!(alert.annotations["after_change"], "deploy \"v2\" at 1971-11-26T10:40:00Z");
    assert!(alert.enrichment.reasons.contains(&detect::Reason::AfterChange), "{:?}", alert.enrichment.reasons);
    let point = &stage.found().await[0].point;
    let usual = detect::score_of(point.p_value, spec().detect.false_alarms.p_star(Step::MINUTE));
    assert!(point.score > usual * 1.05, "{} {usual}", point.score);
}

#[tokio::test]
async fn a_verdict_of_new_normal_teaches_the_new_level() {
    let stage = Stage::new().await;
    stage.change(|world| {
        world.instances.insert("b", 0..0);
        world.levels.insert("b", (FIRST + 1, 3.0));
    });
    stage.rounds(FIRST..=FIRST + 5).await;
    let alert = stage.alerts().await.remove(0);
    let verdict = VerdictRecord {
        fingerprint: alert.fingerprint,
        starts_at: None,
        verdict: Verdict::NewNormal,
        author: "ada".into(),
        comment: String::new(),
        given_at: at(FIRST + 5),
    };
    stage.app.give_verdict(&verdict).await.unwrap();
    stage.rounds(FIRST + 6..=FIRST + 60).await;
    let alert = stage.alerts().await.into_iter().find(|one| one.starts_at == alert.starts_at).unwrap();
    assert_eq!(alert.state, AlertState::Resolved);
    assert!(alert.annotations["resolved_because"].contains("new_normal \"verdict of ada\""), "{alert:#?}");
    let found = stage.found().await;
    let late: Vec<_> = found.iter().filter(|one| one.point.at > at(FIRST + 25) && one.point.is_anomaly).collect();
    assert!(late.len() <= 3, "three times the level is ordinary now, {late:#?}");
}

#[tokio::test]
async fn gates_change_without_learning_afresh_and_blips_below_the_duration_wake_nobody() {
    let stage = Stage::new().await;
    stage.change(|world| {
        world.instances.insert("b", FIRST + 1..FIRST + 3);
    });
    let mut patient = spec();
    patient.lifecycle.firing_points = 4;
    patient.lifecycle.window_points = 5;
    patient.lifecycle.immediate_score = f64::INFINITY;
    patient.lifecycle.without_echo = true;
    stage.rounds_of(&patient, FIRST..=FIRST + 30).await;
    assert!(stage.found().await.iter().any(|one| one.point.is_anomaly));
    assert!(stage.alerts().await.iter().all(|alert| alert.starts_at < at(FIRST)), "two minutes are a blip");
    stage.change(|world| {
        world.instances.insert("b", FIRST + 31..FIRST + 60);
    });
    let mut gated = spec();
    gated.detect.gates = GateSettings {
        min_deviation: detect::DeviationSettings::try_new(Some(500.0), None).ok(),
        ..Default::default()
    };
    stage.app.housekeeping(at(FIRST + 30)).await.unwrap();
    let stage = stage.killed(vec![gated.clone()]).await;
    assert_eq!(stage.app.restore(at(FIRST + 31)).await.unwrap(), 2, "what was learned is taken over");
    stage.rounds_of(&gated, FIRST + 31..=FIRST + 40).await;
    assert!(stage.alerts().await.iter().all(|alert| alert.starts_at < at(FIRST)));
    let last = stage.found().await.pop().unwrap();
    assert_eq!(last.point.suppressed, Some(Suppression::BelowMinDeviation));
}

#[tokio::test]
async fn budgets_are_shared_out_by_weight_and_capped_by_the_team() {
    let p_stars = |app: Arc<App>| async move {
        let watch = app.watch("load").unwrap().lock().await;
        let all: BTreeMap<String, f64> =
            watch.tracked.values().map(|one| (one.labels.get("instance").unwrap().to_owned(), one.p_star())).collect();
        (all["a"], all["b"])
    };
    let usual = spec().detect.false_alarms.p_star(Step::MINUTE);
    let weights = vec![WeightSettings::try_new(Labels::new().with("instance", "b"), 3.0).unwrap()];
    for (scope, team, a, b) in [
        (detect::BudgetScope::Series, None, 1.0, 3.0),
        (detect::BudgetScope::Detector, None, 0.25, 0.75),
        (detect::BudgetScope::Series, Some("2 per week"), 0.5, 1.5),
        (detect::BudgetScope::Series, Some("9 per week"), 1.0, 3.0),
        (detect::BudgetScope::Detector, Some("0.5 per week"), 0.125, 0.375),
    ] {
        let stage = Stage::new().await;
        let spec = DetectorSpec { sharing: BudgetSharing { scope, weights: weights.clone() }, ..spec() };
        let team = TeamBudget { team: team.map(|text| text.parse().unwrap()), retune: true };
        let app = app_with(&stage.place, &stage.world, &stage.sent, vec![spec.clone()], team).await;
        for minute in FIRST..=FIRST + 2 {
            app.watch_round(&spec, at(minute)).await.unwrap();
        }
        let (got_a, got_b) = p_stars(app).await;
        assert!(
            (got_a / usual - a).abs() < 1e-9 && (got_b / usual - b).abs() < 1e-9,
            "{scope:?} {team:?}: {got_a} {got_b}"
        );
    }
}

#[tokio::test]
async fn what_fired_is_reckoned_against_what_was_accepted() {
    let stage = Stage::new().await;
    stage.rounds(FIRST..=FIRST + 100).await;
    let report = stage.app.budget(at(FIRST + 100)).await.unwrap();
    let [week, month] = report.detectors[0].views();
    assert_eq!((week.fired, week.unjudged), (1, 1));
    // two series, 100 minutes and 2000 of history without the warm-up, one in a week accepted
    let minutes = week.expected * 7.0 * 24.0 * 60.0;
    assert!((3_000.0..=4_204.0).contains(&minutes), "{minutes}");
    assert!((month.expected - week.expected).abs() < 1e-12 && week.within == super::Within::Unknown);
    assert_eq!(report.detectors[0].series, Some(2));
    let alert = stage.alerts().await.into_iter().find(|alert| alert.starts_at > at(FIRST)).unwrap();
    let verdict = |verdict| VerdictRecord {
        fingerprint: alert.fingerprint,
        starts_at: Some(alert.starts_at),
        verdict,
        author: String::new(),
        comment: String::new(),
        given_at: at(FIRST + 100),
    };
    stage.app.give_verdict(&verdict(Verdict::FalseAlarm)).await.unwrap();
    stage.app.give_verdict(&verdict(Verdict::Confirmed)).await.unwrap();
    let [week, _] = stage.app.budget(at(FIRST + 100)).await.unwrap().detectors[0].views();
    assert_eq!(
        (week.judged_false, week.judged_right, week.within),
        (0, 1, super::Within::Unknown),
        "the last one counts"
    );
    // the store has it within a minute; it survives, and nothing of it is counted twice
    let settings = stage.app.settings();
    let stored = super::budget_report(stage.app.store(), settings, at(FIRST + 100)).await.unwrap();
    assert!((stored.detectors[0].views()[0].expected - week.expected).abs() < 1e-6, "{stored:?}");
    assert!(stored.detectors[0].series == Some(2) && stored.detectors[0].p_star.is_some());
    stage.app.housekeeping(at(FIRST + 100)).await.unwrap();
    let stage = stage.killed(vec![spec()]).await;
    stage.app.restore(at(FIRST + 100)).await.unwrap();
    let [again, _] = stage.app.budget(at(FIRST + 100)).await.unwrap().detectors[0].views();
    assert!((again.expected - week.expected).abs() < 1e-12 && again.fired == 1);
    // nor when all is learned afresh, but for the last hours
    let stage = stage.killed(vec![spec()]).await;
    stage.rounds(FIRST + 101..=FIRST + 102).await;
    let [afresh, _] = stage.app.budget(at(FIRST + 102)).await.unwrap().detectors[0].views();
    assert!((afresh.expected - week.expected) * 7.0 * 24.0 * 60.0 < 250.0, "{} {}", afresh.expected, week.expected);
}

#[tokio::test]
async fn boundaries_follow_what_fired_slowly_and_over_a_restart() {
    let stage = Stage::new().await;
    stage.rounds(FIRST..=FIRST + 100).await;
    stage.app.housekeeping(at(FIRST + 100)).await.unwrap();
    let tuning = |app: Arc<App>, minute| async move { app.budget(at(minute)).await.unwrap().detectors[0].tuning };
    assert!((tuning(Arc::clone(&stage.app), FIRST + 100).await - 1.0).abs() < 2e-3, "hardly any time has passed");
    let day = FIRST + 100 + 24 * 60;
    stage.app.housekeeping(at(day)).await.unwrap();
    let after = tuning(Arc::clone(&stage.app), day).await;
    assert!(after < 1.0 && after > 0.97, "one false alarm where less was accepted: {after}");
    let stage = stage.killed(vec![spec()]).await;
    stage.app.restore(at(day)).await.unwrap();
    assert!((tuning(Arc::clone(&stage.app), day).await - after).abs() < 1e-12);
}
