//! Capacity rounds: usage against limit, exhaustion dates, recommendations, alerts before it happens.

use jiff::{SignedDuration, Timestamp};
use rayon::prelude::*;
use tracing::warn;

use super::settings::{CapacityKind, CapacitySpec, WorkloadTemplate};
use super::stateless::{capacity_request, plan_capacity};
use super::{App, EngineError, compute};
use crate::alert::{Alert, Identity, Origin, exhaustion_sentence};
use crate::capacity::{
    self, CapacityReport, CurrentReplicas, CurrentResources, Demand, Limit, Outlook, Plan, Recommendation,
    ReplicaFacts, WorkloadFacts, WorkloadName,
};
use crate::forecast::forecast;
use crate::series::{Grid, HumanDuration, Labels, Samples, Series, Step, Unit};
use crate::sink::Notice;
use crate::source::Range;
use crate::store::{CapacityRecord, OutboxItem};
use crate::telemetry;

/// A planned resource.
struct Planned {
    labels: Labels,
    plan: Plan,
    recommendation: Option<Recommendation>,
}

impl App {
    /// Plans everything that `spec` watches.
    ///
    /// # Errors
    /// [`EngineError`] when source or store fail; a resource that cannot be planned is logged.
    pub async fn plan_round(&self, spec: &CapacitySpec, now: Timestamp) -> Result<usize, EngineError> {
        // gather
        let range = history_range(spec.step, spec.history, now)?;
        let source = self.source(&spec.source)?;
        let gathered = async {
            let used = source.fetch(&spec.used, range).await?;
            let limits = match spec.limit.trim().parse::<f64>() {
                Ok(_) => Vec::new(),
                Err(_) => source.fetch(&spec.limit, range).await?,
            };
            Ok::<_, EngineError>((used, limits))
        };
        let (used, limits) = tokio::select! {
            gathered = gathered => gathered?,
            () = self.stopped() => {
                return Err(EngineError::Conflict(format!("planning {} was interrupted by shutdown", spec.name)));
            }
        };
        // compute
        let owned = spec.clone();
        let planned = compute::run_long(move || plan_all(used, limits, &owned, now)).await?;
        // act
        let records: Vec<CapacityRecord> = planned.iter().map(|one| record(spec, one, now)).collect();
        self.store().put_capacity(&records).await?;
        for one in &planned {
            self.recommend(spec, one, now).await?;
            self.alert_on_exhaustion(spec, one, now).await?;
        }
        self.resolve_unplanned(spec, now).await?;
        Ok(planned.len())
    }

    /// Keeps, sends or withdraws the recommendation of a resource.
    async fn recommend(&self, spec: &CapacitySpec, planned: &Planned, now: Timestamp) -> Result<(), EngineError> {
        let Some(recommendation) = &planned.recommendation else {
            return Ok(self.store().withdraw_recommendation(&spec.name, &planned.plan.report.series).await?);
        };
        let recommendation = Recommendation { subject: planned.plan.report.series.clone(), ..recommendation.clone() };
        let known = self.store().recommendations().await?;
        let changes_before = known
            .iter()
            .find(|old| old.watch == spec.name && old.recommendation.subject == recommendation.subject)
            .map(|old| &old.recommendation.changes);
        let news = changes_before != Some(&recommendation.changes);
        self.store().put_recommendations(&spec.name, std::slice::from_ref(&recommendation), now).await?;
        if news {
            self.send_recommendation(spec, &recommendation, now).await?;
        }
        Ok(())
    }

    async fn send_recommendation(
        &self,
        spec: &CapacitySpec,
        advice: &Recommendation,
        now: Timestamp,
    ) -> Result<(), EngineError> {
        let notice_json = super::publish::to_json(&Notice::Recommendations { recommendations: vec![advice.clone()] })?;
        let items: Vec<OutboxItem> = self
            .recommendation_destinations()
            .into_iter()
            .map(|destination| OutboxItem {
                destination,
                ordering_key: format!("{}/{}", spec.name, advice.subject),
                idempotency_key: format!("recommendation/{}/{}/{}", spec.name, advice.subject, now.as_second()),
                notice_json: notice_json.clone(),
            })
            .collect();
        if !items.is_empty() {
            self.store().enqueue(&items, now).await?;
            self.wake_deliveries();
        }
        Ok(())
    }

    /// Fires when exhaustion within the lead time is likely, resolves when it has become half as likely.
    async fn alert_on_exhaustion(
        &self,
        spec: &CapacitySpec,
        planned: &Planned,
        now: Timestamp,
    ) -> Result<(), EngineError> {
        let report = &planned.plan.report;
        let probability = within_lead_time(report, spec.plan.lead_time, now);
        let labels = spec.labels.iter().fold(planned.labels.clone(), |labels, (name, value)| labels.with(name, value));
        let mut annotations = spec.annotations.clone();
        annotations.entry("summary".to_owned()).or_insert_with(|| exhaustion_sentence(report));
        let identity = Identity {
            origin: Origin::Capacity,
            alertname: spec.name.clone(),
            labels,
            annotations,
            generator_url: None,
        };
        let mut alert = Alert::firing(identity, now, now);
        let firing = self.store().active_alerts().await?.into_iter().find(|old| old.fingerprint == alert.fingerprint);
        match firing {
            None if probability < spec.alert_probability => return Ok(()),
            None => {}
            Some(old) => {
                alert.starts_at = old.starts_at;
                if probability < spec.alert_probability / 2.0 {
                    alert.resolve(now, now);
                }
            }
        }
        alert.enrichment.absorb_capacity(report);
        alert.enrichment.since = Some(alert.starts_at);
        self.judge_and_record(alert, None, now).await.map(drop)
    }
}

/// Probability that the limit is reached within `lead_time`, between the probabilities that the report holds.
fn within_lead_time(report: &CapacityReport, lead_time: HumanDuration, now: Timestamp) -> f64 {
    let exhaustion = &report.exhaustion;
    if exhaustion.outlook == Outlook::AlreadyExhausted {
        return 1.0;
    }
    let within = &exhaustion.probability_within;
    let days = lead_time.as_secs_f64() / 86_400.0;
    let knots = [(0.0, 0.0), (7.0, within.d7), (30.0, within.d30), (90.0, within.d90)];
    let between = knots.windows(2).find(|pair| days <= pair[1].0).map_or(within.d90, |pair| {
        let share = (days - pair[0].0) / (pair[1].0 - pair[0].0);
        pair[0].1 + share * (pair[1].1 - pair[0].1)
    });
    // the quantiles are sharper than the line between the knots
    let deadline =
        now.saturating_add(SignedDuration::from_secs_f64(lead_time.as_secs_f64().min(1e11))).unwrap_or(Timestamp::MAX);
    let reached = |at: Option<Timestamp>| at.is_some_and(|at| at <= deadline);
    let (floor, ceiling) = match (reached(exhaustion.p10), reached(exhaustion.p50), reached(exhaustion.p90)) {
        (_, _, true) => (0.9, 1.0),
        (_, true, false) => (0.5, 0.9),
        (true, false, false) => (0.1, 0.5),
        (false, false, false) => (0.0, 0.1),
    };
    between.clamp(floor, ceiling)
}

/// The last `history` before `now`, aligned to the step.
pub(super) fn history_range(step: Step, history: HumanDuration, now: Timestamp) -> Result<Range, EngineError> {
    let aligned = |ms: i64| ms.div_euclid(step.millis()) * step.millis();
    let end = aligned(now.as_millisecond());
    let start = aligned(end.saturating_sub(history.as_millis()));
    let time =
        |ms: i64| Timestamp::from_millisecond(ms).map_err(|error| EngineError::Invalid(format!("history: {error}")));
    Ok(Range { start: time(start)?, end: time(end)?, step })
}

/// Samples as clean series; what cannot become one is logged and left out, as is partial data.
pub(super) fn clean(samples: Vec<Samples>, step: Step, unit: Option<Unit>) -> Vec<Series> {
    let settings = crate::series::Settings::default();
    samples
        .into_iter()
        .filter_map(|mut one| {
            if one.partial {
                telemetry::rejected("partial");
                warn!(series = %one.name, "{} is partial data and is not used", one.name);
                return None;
            }
            one.unit = unit.unwrap_or(one.unit);
            match Grid::from_samples(&one, Some(step), &settings).and_then(Grid::into_series) {
                Ok(series) => Some(series),
                Err(error) => {
                    telemetry::rejected("unusable");
                    warn!(series = %one.name, %error, "{} is left out", one.name);
                    None
                }
            }
        })
        .collect()
}

fn plan_all(used: Vec<Samples>, limits: Vec<Samples>, spec: &CapacitySpec, now: Timestamp) -> Vec<Planned> {
    let unit = spec.unit.or_else(|| limits.iter().map(|limit| limit.unit).find(|unit| *unit != Unit::None));
    let used = clean(used, spec.step, unit);
    let limits = clean(limits, spec.step, unit);
    used.par_iter()
        .filter_map(|series| {
            let planned = plan_one(series, &limits, spec, now);
            planned.inspect_err(|error| warn!(watch = %spec.name, series = series.name(), %error, "{} is not planned", series.name())).ok()
        })
        .collect()
}

fn plan_one(used: &Series, limits: &[Series], spec: &CapacitySpec, now: Timestamp) -> Result<Planned, EngineError> {
    let constant = spec.limit.trim().parse::<f64>().ok();
    let own = limit_of(used, limits);
    let limit = match (constant, own) {
        (Some(value), _) => Limit::Constant(value),
        (None, Some(series)) => Limit::Changing(series),
        (None, None) => {
            let message = format!("no series of the limit `{}` has the labels of {}", spec.limit, used.name());
            return Err(EngineError::Invalid(message));
        }
    };
    let plan = plan_capacity(used, limit, &spec.plan, now)?;
    let today = constant.unwrap_or(plan.report.limit);
    let recommendation = match &spec.kind {
        CapacityKind::Volume | CapacityKind::Other => plan.report.recommendation.clone(),
        CapacityKind::Workload(template) => workload(used, today, template, spec, now)?,
        CapacityKind::Replicas(template) => replicas(used, today, template, spec, now)?,
    };
    Ok(Planned { labels: used.labels().clone(), plan, recommendation })
}

/// The limit whose labels agree best with those of `used`: all that both have must be equal.
fn limit_of<'a>(used: &Series, limits: &'a [Series]) -> Option<&'a Series> {
    let agreement = |limit: &Series| {
        let shared = limit.labels().iter().filter(|(name, _)| *name != "__name__");
        let mut count = 0_usize;
        for (name, value) in shared {
            match used.labels().get(name) {
                Some(own) if own == value => count += 1,
                Some(_) => return None,
                None => {}
            }
        }
        Some(count)
    };
    limits
        .iter()
        .filter_map(|limit| Some((agreement(limit)?, limit)))
        .max_by_key(|(count, _)| *count)
        .map(|(_, limit)| limit)
}

fn workload(
    used: &Series,
    limit: f64,
    template: &WorkloadTemplate,
    spec: &CapacitySpec,
    now: Timestamp,
) -> Result<Option<Recommendation>, EngineError> {
    let is_memory = used.unit() == Unit::Bytes;
    let mut current = CurrentResources::default();
    let today = if is_memory { &mut current.memory_limit } else { &mut current.cpu_limit };
    *today = Some(limit);
    let facts = WorkloadFacts {
        workload: named(template, used.labels()),
        container: filled(&template.container, used.labels()),
        cpu: (!is_memory).then_some(used),
        memory: is_memory.then_some(used),
        current,
    };
    Ok(capacity::recommend_workload(&facts, &spec.plan, now)?)
}

fn replicas(
    used: &Series,
    request: f64,
    template: &WorkloadTemplate,
    spec: &CapacitySpec,
    now: Timestamp,
) -> Result<Option<Recommendation>, EngineError> {
    let demand = match used.unit() {
        Unit::Bytes => Demand::Memory { request_bytes: request },
        Unit::Cores => Demand::Cpu { request_cores: request },
        _ => Demand::Queue { metric: used.labels().metric_name().unwrap_or(used.name()).to_owned() },
    };
    let steps = used.step().per_secs(spec.plan.horizon.as_secs_f64()).clamp(1, spec.plan.max_steps);
    let future = forecast(used, &capacity_request(steps, &spec.plan))?;
    let workload = named(template, used.labels());
    let facts = ReplicaFacts { workload, demand, forecast: &future, current: CurrentReplicas::default() };
    Ok(capacity::recommend_replicas(&facts, &spec.plan, now)?)
}

fn named(template: &WorkloadTemplate, labels: &Labels) -> WorkloadName {
    WorkloadName {
        kind: template.kind,
        namespace: filled(&template.namespace, labels),
        name: filled(&template.name, labels),
    }
}

/// `{{label}}` replaced by the label's value, by nothing when it is absent.
fn filled(template: &str, labels: &Labels) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, after)) = after.split_once("}}") else { break };
        out.push_str(before);
        out.push_str(labels.get(name.trim()).unwrap_or_default());
        rest = after;
    }
    out.push_str(rest);
    out
}

fn record(spec: &CapacitySpec, planned: &Planned, now: Timestamp) -> CapacityRecord {
    let report = &planned.plan.report;
    CapacityRecord {
        watch: spec.name.clone(),
        series: report.series.clone(),
        labels: planned.labels.clone(),
        computed_at: now,
        body: super::stateless::capacity_body(&planned.plan, planned.recommendation.as_ref()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_filled_from_labels() {
        let labels: Labels = [("namespace", "shop"), ("deployment", "api")].into_iter().collect();
        assert_eq!(filled("{{namespace}}/{{ deployment }}-x", &labels), "shop/api-x");
        assert_eq!(filled("{{absent}}", &labels), "");
        assert_eq!(filled("{{broken", &labels), "{{broken");
    }

    #[test]
    fn the_limit_with_the_most_labels_in_common_is_taken() {
        let at = Timestamp::UNIX_EPOCH;
        let series = |labels: &[(&str, &str)]| {
            let named = Series::try_new("s", at, Step::HOUR, vec![1.0]).unwrap();
            named.with_labels(labels.iter().copied().collect())
        };
        let used = series(&[("__name__", "used"), ("device", "sda"), ("instance", "a")]);
        let limits = [
            series(&[("instance", "a")]),
            series(&[("device", "sda"), ("instance", "a")]),
            series(&[("instance", "b")]),
        ];
        assert_eq!(limit_of(&used, &limits), Some(&limits[1]));
        assert_eq!(limit_of(&used, &limits[2..]), None);
    }
}
