//! Scheduled batches of forecasts over time: what the truth says of them, and what follows.

use crate::forecast::ModelChoice;
use crate::series::{HumanDuration, Step};
use crate::store::{ForecastFilter, ForecastScore};

use super::ForecastSpec;
use super::scenarios::{FIRST, Stage, at};

fn hourly() -> ForecastSpec {
    ForecastSpec {
        name: "ahead".into(),
        source: "s".into(),
        query: "load".into(),
        step: Step::MINUTE,
        history: HumanDuration::from_secs(60 * 1_500),
        horizon: HumanDuration::from_secs(60 * 90),
        levels: vec![0.8, 0.95],
        model: ModelChoice::ArRidge,
        schedule: "0 * * * *".into(),
        unit: None,
    }
}

async fn stage() -> Stage {
    let stage = Stage::new().await;
    stage.change(|world| {
        world.instances.insert("b", 0..0);
    });
    stage
}

impl Stage {
    async fn batch(&self, minute: i64) {
        let made = self.app.run_batch(&hourly(), at(minute), at(minute)).await.unwrap();
        assert_eq!((made.done, made.failed), (2, 0));
    }
}

#[tokio::test]
async fn a_forecast_is_scored_once_for_each_lead_when_the_truth_is_there() {
    let stage = stage().await;
    stage.batch(FIRST).await;
    assert!(stage.app.accuracy(None, at(FIRST)).await.unwrap().is_empty(), "nothing is known yet");
    stage.batch(FIRST + 59).await;
    assert!(stage.app.accuracy(None, at(FIRST + 59)).await.unwrap().is_empty(), "the hour is not over");
    stage.batch(FIRST + 61).await;
    let rows = stage.app.accuracy(Some("ahead"), at(FIRST + 61)).await.unwrap();
    let [hour] = rows.as_slice() else { panic!("{rows:#?}") };
    assert_eq!((hour.lead.as_hours(), hour.forecasts, hour.steps), (1, 2, 120), "one of each series");
    assert!(hour.mase.is_some_and(|mase| mase < 1.0), "{hour:?}");
    assert!(hour.intervals.iter().all(|one| one.coverage > 0.5), "{hour:?}");
    stage.batch(FIRST + 95).await;
    stage.batch(FIRST + 96).await;
    let rows = stage.app.accuracy(None, at(FIRST + 96)).await.unwrap();
    let seen: Vec<(i64, usize, usize)> =
        rows.iter().map(|row| (row.lead.as_mins(), row.forecasts, row.steps)).collect();
    assert_eq!(seen, [(60, 2, 120), (90, 2, 60)], "the rest of the horizon on its own, nothing twice");
    assert!(stage.app.accuracy(Some("other"), at(FIRST + 96)).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_model_that_lost_its_skill_is_replaced_and_said() {
    let stage = stage().await;
    stage.batch(FIRST).await;
    let latest = ForecastFilter { latest_only: true, ..ForecastFilter::default() };
    let made = stage.app.store().forecasts(&latest, 10).await.unwrap();
    let bad = made.iter().find(|one| one.series.contains("\"b\"")).unwrap();
    let scores: Vec<ForecastScore> = (0..3)
        .map(|i| ForecastScore {
            forecast_id: format!("old-{i}"),
            lead_ms: 3_600_000,
            detector: "ahead".into(),
            series: bad.series.clone(),
            model: "combination".into(),
            made_at: at(FIRST - 60 * i),
            steps: 60,
            absolute: 30.0,
            naive: 10.0,
            scale: Some(1.0),
            pinball: 1.0,
            covered: vec![(0.8, 10), (0.95, 20)],
        })
        .collect();
    stage.app.store().put_forecast_scores(&scores).await.unwrap();
    stage.batch(FIRST + 10).await;
    for one in stage.app.store().forecasts(&latest, 10).await.unwrap() {
        let because = one.body["because"].to_string();
        let lost = one.series == bad.series;
        assert_eq!(because.contains("lost_skill"), lost, "{because}");
        assert_eq!(one.model == "ar_ridge", !lost, "{}", one.model);
    }
    // two weeks later the scores count no more
    let later = FIRST + 15 * 24 * 60;
    stage.batch(later).await;
    let renewed = stage.app.store().forecasts(&latest, 10).await.unwrap();
    assert!(renewed.iter().all(|one| one.model == "ar_ridge"), "{renewed:#?}");
}
