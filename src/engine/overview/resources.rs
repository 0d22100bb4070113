//! Limited resources and what is recommended for them, read from the store.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::super::stateless::exhaustion_of_body;
use super::super::{App, EngineError};
use crate::capacity::{Exhaustion, Outlook, Recommendation};
use crate::series::{Fingerprint, Labels, Series, Unit};
use crate::store::CapacityRecord;

/// A limited resource as it was planned last.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    /// Its identity: made of watch and series.
    pub id: Fingerprint,
    /// Name of the capacity watch.
    pub watch: String,
    /// Name of the usage series.
    pub series: String,
    /// Labels of the usage series.
    pub labels: Labels,
    /// When it was planned.
    pub computed_at: Timestamp,
    /// Usage then.
    pub used: f64,
    /// Its limit.
    pub limit: f64,
    /// Unit of both.
    pub unit: Unit,
    /// When it runs out.
    pub exhaustion: Exhaustion,
    /// What to do; `None` when nothing needs doing.
    pub recommendation: Option<Recommendation>,
    /// Evidence, one sentence each.
    pub because: Vec<String>,
    /// Its futures.
    pub fan: Option<FanLines>,
}

/// Quantiles of the futures at each step.
#[derive(Debug, Clone, PartialEq)]
pub struct FanLines {
    /// Time of the first step.
    pub start: Timestamp,
    /// Time between two steps, seconds.
    pub step_s: f64,
    /// One future in ten is lower.
    pub p10: Vec<f64>,
    /// Half of the futures are lower.
    pub p50: Vec<f64>,
    /// Nine futures in ten are lower.
    pub p90: Vec<f64>,
}

/// A recommendation with where it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Advice {
    /// Name of the capacity watch.
    pub watch: String,
    /// Identity of the resource.
    pub resource: Fingerprint,
    /// When it was computed.
    pub computed_at: Timestamp,
    /// The recommendation.
    pub recommendation: Recommendation,
}

impl App {
    /// Every limited resource as it was planned last, soonest exhaustion first. Reports that cannot be read are left out.
    ///
    /// # Errors
    /// [`EngineError::Store`].
    pub async fn resources(&self) -> Result<Vec<Resource>, EngineError> {
        let mut all: Vec<Resource> = self.store().capacity().await?.into_iter().filter_map(resource).collect();
        all.sort_by_key(|one| urgency(&one.exhaustion));
        Ok(all)
    }

    /// The resource `id` of the capacity watch `watch`.
    ///
    /// # Errors
    /// [`EngineError::NotFound`], [`EngineError::Store`].
    pub async fn resource(&self, watch: &str, id: Fingerprint) -> Result<Resource, EngineError> {
        let found = self.resources().await?.into_iter().find(|one| one.watch == watch && one.id == id);
        found.ok_or_else(|| EngineError::NotFound(format!("the capacity watch `{watch}` has no resource {id}")))
    }

    /// Every recommendation, the one to act on first in front.
    ///
    /// # Errors
    /// [`EngineError::Store`].
    pub async fn advice(&self) -> Result<Vec<Advice>, EngineError> {
        let records = self.store().recommendations().await?;
        let mut all: Vec<Advice> = records
            .into_iter()
            .map(|record| Advice {
                resource: identity(&record.watch, &record.recommendation.subject),
                watch: record.watch,
                computed_at: record.computed_at,
                recommendation: record.recommendation,
            })
            .collect();
        all.sort_by_key(|one| one.recommendation.by.unwrap_or(Timestamp::MAX));
        Ok(all)
    }

    /// What the resource used before it was planned, for a plot; nothing when its source does not answer in time.
    pub async fn usage_history(&self, resource: &Resource) -> Option<Series> {
        let spec = self.settings().capacity.iter().find(|spec| spec.name == resource.watch)?;
        let until = resource.computed_at;
        let all = self.history(&spec.source, &spec.used, spec.step, spec.history, until).await;
        all.into_iter().find(|series| *series.labels() == resource.labels)
    }
}

/// Already exhausted, then by date, then what does not run out.
fn urgency(exhaustion: &Exhaustion) -> Timestamp {
    match exhaustion.outlook {
        Outlook::AlreadyExhausted => Timestamp::MIN,
        _ => exhaustion.p50.or(exhaustion.p10).unwrap_or(Timestamp::MAX),
    }
}

fn identity(watch: &str, series: &str) -> Fingerprint {
    Labels::new().with("watch", watch).with("series", series).fingerprint()
}

fn resource(record: CapacityRecord) -> Option<Resource> {
    let body = &record.body;
    Some(Resource {
        id: identity(&record.watch, &record.series),
        used: body.get("used").and_then(Value::as_f64).unwrap_or(f64::NAN),
        limit: body.get("limit").and_then(Value::as_f64).unwrap_or(f64::NAN),
        unit: read(body, "unit").unwrap_or_default(),
        exhaustion: exhaustion_of_body(body)?,
        recommendation: read(body, "recommendation"),
        because: read(body, "because").unwrap_or_default(),
        fan: body.get("fan").and_then(fan),
        watch: record.watch,
        series: record.series,
        labels: record.labels,
        computed_at: record.computed_at,
    })
}

fn fan(body: &Value) -> Option<FanLines> {
    let numbers = |name: &str| numbers(body, name);
    Some(FanLines {
        start: read(body, "start")?,
        step_s: body.get("step_s").and_then(Value::as_f64).filter(|step| *step > 0.0)?,
        p10: numbers("p10")?,
        p50: numbers("p50")?,
        p90: numbers("p90")?,
    })
}

/// A list of numbers in a stored body; `null` is NaN.
pub(super) fn numbers(body: &Value, name: &str) -> Option<Vec<f64>> {
    let values = body.get(name)?.as_array()?;
    Some(values.iter().map(|value| value.as_f64().unwrap_or(f64::NAN)).collect())
}

/// A field of a stored body; `None` when it is absent or not what it should be.
pub(super) fn read<T: DeserializeOwned>(body: &Value, name: &str) -> Option<T> {
    T::deserialize(body.get(name)?).ok()
}
