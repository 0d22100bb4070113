//! What callers bring: their own series and alert facts in, judgements out. Nothing is remembered.
//!
//! Every function here works on the CPU pool and stops between two series when its caller no longer waits. However much is
//! brought, one processor stays free for alerts and detectors where there are several.

use std::collections::BTreeMap;
use std::sync::Arc;

use rayon::prelude::*;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::explained::{Explanation, explain_prepared};
use super::stateless::{SeriesChanges, changes_prepared, plan_capacity, score_prepared};
use super::{App, EngineError, compute};
use crate::capacity::{self, Limit, Plan};
use crate::detect::{self, Scores};
pub use crate::detect::{
    DeviationSettings, FalseAlarmBudget, GateSettings, Model, RangeSettings, Season, Watch, WindowSettings,
};
use crate::forecast::{self, Event, Forecast, ModelChoice, Request};
use crate::series::{self, Calendar, ChangePointSettings, HumanDuration, Labels, Samples, Series, Step};
use crate::severity::{AlertFacts, Assessment, Severity};
use crate::source::file::{Prepared, SampleGroup};
use crate::source::webhook::Notification;

use super::enrich::Enriched;

/// Most points of all series of one request together, the points of gaps included.
pub const MAX_STEPS: usize = 1_000_000;

/// A series that a caller brings: the samples of one metric, or of several metrics of one entity.
#[derive(Debug, Clone)]
pub struct Brought {
    /// What it is called.
    pub name: String,
    /// The samples, one for each metric; at least one.
    pub metrics: Vec<Samples>,
    /// The step, or `None` to infer it.
    pub step: Option<Step>,
}

/// How brought series are scored; `None` is the default.
#[derive(Debug, Clone, Default)]
pub struct ScoreOptions {
    /// False alarms that are accepted.
    pub false_alarms: Option<FalseAlarmBudget>,
    /// Which side is unusual.
    pub direction: Option<Watch>,
    /// Which season is expected.
    pub season: Option<Season>,
    /// How they are judged.
    pub model: Option<Model>,
    /// Time zone and holidays of the light model's season.
    pub calendar: Option<Calendar>,
    /// What is known of the metric besides its history.
    pub gates: GateSettings,
}

/// A brought series with its scores.
#[derive(Debug, Clone)]
pub struct Judged {
    /// The step, given or inferred.
    pub step: Step,
    /// The scores.
    pub scores: Scores,
    /// Names of metrics left out because they hold no number.
    pub dropped: Vec<String>,
}

/// How far ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ahead {
    /// This many steps.
    Steps(usize),
    /// This span of time, at least one step.
    Span(HumanDuration),
}

/// How brought series are forecast.
#[derive(Debug, Clone)]
pub struct ForecastOptions {
    /// How far ahead.
    pub horizon: Ahead,
    /// Coverage of the intervals, shares of one.
    pub levels: Vec<f64>,
    /// The model.
    pub model: ModelChoice,
    /// Seasons; `None` detects them.
    pub seasons: Option<Vec<HumanDuration>>,
    /// Smallest and largest possible value; infinite where one side is open.
    pub range: Option<(f64, f64)>,
    /// Whether only whole numbers are possible.
    pub whole_numbers: bool,
    /// Past and planned events.
    pub events: Vec<Event>,
}

/// How brought usage is planned; `None` is the default.
#[derive(Debug, Clone, Copy, Default)]
pub struct PlanOptions {
    /// How far ahead to look.
    pub horizon: Option<HumanDuration>,
    /// Time needed to carry out a change.
    pub lead_time: Option<HumanDuration>,
    /// Share of the limit below which usage shall stay after a change.
    pub headroom: Option<f64>,
}

/// An alert that a caller wants judged.
#[derive(Debug, Clone, Default)]
pub struct Judgeable {
    /// What is known of it.
    pub facts: AlertFacts,
    /// The severity it came with.
    pub incoming: Option<Severity>,
    /// Its labels, for the policy's floors.
    pub labels: Labels,
}

/// One result for each series brought.
pub type Each<T> = Vec<Result<T, EngineError>>;

/// Unix numbers of one series as milliseconds. Seconds, milliseconds, microseconds or nanoseconds: the unit follows from
/// the median magnitude (below 1e11, 1e14, 1e17), as it does in files.
#[must_use]
pub fn unix_millis(numbers: &[f64]) -> Vec<i64> {
    let mut magnitudes: Vec<f64> = numbers.iter().map(|number| number.abs()).collect();
    let middle = magnitudes.len() / 2;
    let median = if magnitudes.is_empty() { 0.0 } else { *magnitudes.select_nth_unstable_by(middle, f64::total_cmp).1 };
    let factor = match median {
        seconds if seconds < 1e11 => 1e3,
        millis if millis < 1e14 => 1.0,
        micros if micros < 1e17 => 1e-3,
        _ => 1e-6,
    };
    numbers.iter().map(|number| (number * factor).round() as i64).collect()
}

impl App {
    /// Scores every series, causally.
    ///
    /// # Errors
    /// [`EngineError::Panicked`]; what is wrong with one series stands in its own result.
    pub async fn score_brought(
        &self,
        brought: Vec<Brought>,
        options: ScoreOptions,
    ) -> Result<Each<Judged>, EngineError> {
        let settings = score_settings(options);
        let work = move |_: usize, prepared: Prepared| -> Result<Judged, EngineError> {
            let scores = score_prepared(&prepared, None, &settings)?;
            Ok(Judged { step: prepared.entity.step(), scores, dropped: prepared.dropped })
        };
        each(self.lanes(), brought, work).await
    }

    /// Lasting changes of every metric of every series.
    ///
    /// # Errors
    /// [`EngineError::Panicked`]; what is wrong with one series, or with the settings, stands in its own result.
    pub async fn changes_brought(
        &self,
        brought: Vec<Brought>,
        settings: ChangePointSettings,
    ) -> Result<Each<Vec<SeriesChanges>>, EngineError> {
        let work = move |_: usize, prepared: Prepared| changes_prepared(&prepared, &settings);
        each(self.lanes(), brought, work).await
    }

    /// Explains every series: what it is like, what the detector does with it, what was most unusual.
    ///
    /// # Errors
    /// [`EngineError::Panicked`]; what is wrong with one series stands in its own result.
    pub async fn explain_brought(
        &self,
        brought: Vec<Brought>,
        options: ScoreOptions,
    ) -> Result<Each<Explanation>, EngineError> {
        let settings = score_settings(options);
        each(self.lanes(), brought, move |_: usize, prepared: Prepared| explain_prepared(&prepared, &settings)).await
    }

    /// Forecasts every metric of every series.
    ///
    /// # Errors
    /// [`EngineError::Panicked`]; what is wrong with one series stands in its own result.
    pub async fn forecast_brought(
        &self,
        brought: Vec<Brought>,
        options: ForecastOptions,
    ) -> Result<Each<Vec<Forecast>>, EngineError> {
        let work = move |_: usize, prepared: Prepared| -> Result<Vec<Forecast>, EngineError> {
            let request = |series: &Series| forecast_request(series.step(), &options);
            let one = |series: &Series| forecast::forecast(series, &request(series)).map_err(EngineError::from);
            prepared.entity.metrics().iter().map(one).collect()
        };
        each(self.lanes(), brought, work).await
    }

    /// Plans every series against its limit, seen from its last point.
    ///
    /// # Errors
    /// [`EngineError::Capacity`] when an option is out of range; what is wrong with one series stands in its own result.
    pub async fn plan_brought(
        &self,
        brought: Vec<Brought>,
        limits: Vec<f64>,
        options: PlanOptions,
    ) -> Result<Each<Plan>, EngineError> {
        let settings = plan_settings(options);
        settings.validate()?;
        let limits: Vec<Limit<'static>> = limits.into_iter().map(Limit::Constant).collect();
        let work = move |index: usize, prepared: Prepared| -> Result<Plan, EngineError> {
            let [used] = prepared.entity.metrics() else {
                let message = "capacity needs one metric, got several; bring each alone";
                return Err(EngineError::Invalid(message.to_owned()));
            };
            let limit = limits.get(index).copied();
            let limit = limit.ok_or_else(|| EngineError::Invalid("the limit is missing".to_owned()))?;
            plan_capacity(used, limit, &settings, used.time_at(used.len() - 1))
        };
        each(self.lanes(), brought, work).await
    }

    /// Judges alerts by the severity model and policy in use.
    ///
    /// # Errors
    /// [`EngineError::Panicked`].
    pub async fn classify(&self, alerts: Vec<Judgeable>) -> Result<Vec<Assessment>, EngineError> {
        let (model, policy) = (self.severity_model(), self.settings().severity.clone());
        compute::run(move || {
            let judge = |one: &Judgeable| model.assess(&one.facts, one.incoming, &one.labels, &policy);
            alerts.par_iter().map(judge).collect()
        })
        .await
    }

    /// Reads the body of a webhook and enriches what it tells of; see [`App::enrich`].
    ///
    /// # Errors
    /// [`EngineError::Webhook`] when the body is no such webhook; [`EngineError::Store`] when it cannot be recorded.
    pub async fn enrich_body(
        &self,
        body: impl AsRef<[u8]> + Send + 'static,
        now: jiff::Timestamp,
    ) -> Result<Enriched, EngineError> {
        let notification = compute::run(move || Notification::parse(body.as_ref())).await??;
        self.enrich(&notification, now).await
    }
}

fn score_settings(options: ScoreOptions) -> detect::Settings {
    let defaults = detect::Settings::default();
    detect::Settings {
        false_alarms: options.false_alarms.unwrap_or(defaults.false_alarms),
        direction: options.direction.unwrap_or(defaults.direction),
        season: options.season.unwrap_or(defaults.season),
        model: options.model.unwrap_or(defaults.model),
        calendar: options.calendar.unwrap_or_default(),
        gates: options.gates,
        ..defaults
    }
}

fn forecast_request(step: Step, options: &ForecastOptions) -> Request {
    let steps_of = |span: &HumanDuration| step.per_secs(span.as_secs_f64());
    let horizon_steps = match options.horizon {
        Ahead::Steps(steps) => steps,
        Ahead::Span(span) => steps_of(&span).max(1),
    };
    let seasons = options.seasons.as_ref();
    Request {
        levels: options.levels.clone(),
        model: options.model,
        seasons: seasons.map(|seasons| seasons.iter().map(steps_of).filter(|steps| *steps >= 2).collect()),
        seed: 42,
        range: options.range,
        whole_numbers: options.whole_numbers,
        events: options.events.clone(),
        ..Request::new(horizon_steps)
    }
}

fn plan_settings(options: PlanOptions) -> capacity::Settings {
    let defaults = capacity::Settings::default();
    capacity::Settings {
        horizon: options.horizon.unwrap_or(defaults.horizon),
        lead_time: options.lead_time.unwrap_or(defaults.lead_time),
        headroom: options.headroom.unwrap_or(defaults.headroom),
        ..defaults
    }
}

/// Cleans every series, then works on each by itself, as many at a time as there are `lanes`. The requests take turns,
/// series by series. When the future that this returns is dropped, what has not begun never begins.
async fn each<T: Send + 'static>(
    lanes: &Arc<Semaphore>,
    brought: Vec<Brought>,
    work: impl Fn(usize, Prepared) -> Result<T, EngineError> + Send + Sync + 'static,
) -> Result<Each<T>, EngineError> {
    let work = Arc::new(work);
    let prepared = compute::run(move || prepare_all(brought)).await?;
    let mut results: BTreeMap<usize, Result<T, EngineError>> = BTreeMap::new();
    let mut under_way = JoinSet::new();
    for (index, prepared) in prepared.into_iter().enumerate() {
        let prepared = match prepared {
            Ok(prepared) => prepared,
            Err(error) => {
                results.insert(index, Err(error));
                continue;
            }
        };
        let lane = Arc::clone(lanes).acquire_owned().await.map_err(|_| interrupted())?;
        let work = Arc::clone(&work);
        let job = compute::run(move || {
            let _lane = lane;
            work(index, prepared)
        });
        under_way.spawn(async move { (index, job.await.flatten()) });
    }
    while let Some(done) = under_way.join_next().await {
        let (index, result) = done.map_err(|_| interrupted())?;
        results.insert(index, result);
    }
    Ok(results.into_values().collect())
}

fn interrupted() -> EngineError {
    EngineError::Conflict("the computation was interrupted by shutdown".to_owned())
}

/// Cleans every series. Their grids share one budget of points, so that two points far apart cannot fill the memory.
pub(super) fn prepare_all(brought: Vec<Brought>) -> Each<Prepared> {
    let mut left = MAX_STEPS;
    let one = |brought: Brought| {
        let metrics = brought.metrics.len().max(1);
        let settings = series::Settings { max_steps: left / metrics, ..series::Settings::default() };
        let group = SampleGroup { name: brought.name, metrics: brought.metrics };
        let prepared = group.prepare(brought.step, &settings)?;
        left = left.saturating_sub(prepared.slots.len().saturating_mul(metrics));
        Ok(prepared)
    };
    brought.into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::Sample;

    fn brought(times_ms: &[i64], step: Option<Step>) -> Brought {
        let points = times_ms.iter().map(|time_ms| Sample { time_ms: *time_ms, value: *time_ms as f64 }).collect();
        Brought { name: "s".to_owned(), metrics: vec![Samples::gauge("s", points)], step }
    }

    #[test]
    fn the_unit_of_unix_numbers_follows_from_their_magnitude() {
        let want = vec![1_750_000_000_000, 1_750_000_060_000];
        assert_eq!(unix_millis(&[1.75e9, 1.750_000_06e9]), want);
        assert_eq!(unix_millis(&[1.75e12, 1.750_000_06e12]), want);
        assert_eq!(unix_millis(&[1.75e15, 1.750_000_06e15]), want);
        assert_eq!(unix_millis(&[1.75e18, 1.750_000_06e18]), want);
        assert_eq!(unix_millis(&[0.0, 60.0]), [0, 60_000]);
        assert!(unix_millis(&[]).is_empty());
    }

    #[test]
    fn two_points_far_apart_do_not_fill_the_memory() {
        let second = Step::from_secs(1);
        let far = brought(&[0, 900_000 * 1_000], second);
        let prepared = prepare_all(vec![far.clone(), far, brought(&[0, 1_000], second)]);
        assert!(prepared[0].is_ok());
        let error = prepared[1].as_ref().expect_err("the budget is spent").to_string();
        assert!(error.contains("more than the limit"), "{error}");
        assert!(prepared[2].is_ok(), "a short one still fits");
    }

    #[tokio::test]
    async fn what_is_wrong_with_one_series_does_not_touch_the_others() {
        let minutes: Vec<i64> = (0..50).map(|minute| minute * 60_000).collect();
        let three = vec![brought(&minutes, None), brought(&[], None), brought(&minutes, None)];
        let work = |index: usize, prepared: Prepared| {
            assert_ne!(index, 2, "planted");
            Ok(prepared.slots.len())
        };
        let done = each(&Arc::new(Semaphore::new(1)), three, work).await.expect("each has its own result");
        assert!(matches!(done[0], Ok(50)));
        assert!(matches!(done[1], Err(EngineError::Series(_))));
        assert!(matches!(&done[2], Err(EngineError::Panicked(text)) if text.contains("planted")));
    }

    #[tokio::test]
    async fn what_nobody_waits_for_any_more_is_not_begun() {
        let lanes = Arc::new(Semaphore::new(1));
        let minutes: Vec<i64> = (0..50).map(|minute| minute * 60_000).collect();
        let (begun, has_begun) = std::sync::mpsc::channel();
        let (go_on, may_go_on) = std::sync::mpsc::channel::<()>();
        let may_go_on = std::sync::Mutex::new(may_go_on);
        let work = move |index: usize, _: Prepared| {
            begun.send(index).expect("the test listens");
            may_go_on.lock().expect("not poisoned").recv().expect("the test sends");
            Ok(())
        };
        let request = each(&lanes, vec![brought(&minutes, None); 100], work);
        assert!(tokio::time::timeout(std::time::Duration::from_millis(300), request).await.is_err());
        go_on.send(()).expect("the first series waits");
        drop(lanes.acquire().await.expect("the lane is free again"));
        assert_eq!(has_begun.iter().count(), 1, "only the first series was begun");
    }
}
