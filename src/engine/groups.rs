//! Samples grouped into what is followed: each series alone, or several as the metrics of one entity.

use std::collections::BTreeMap;

use crate::series::{Labels, Samples};

/// The samples of one tracked thing, one entry for each metric.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) labels: Labels,
    pub(super) metrics: Vec<Samples>,
}

impl Group {
    /// What its metrics are called: by metric name, or by whole name where several have the same.
    pub(super) fn metric_names(&self) -> Vec<String> {
        let same = |name: &str| self.metrics.iter().filter(|other| metric_name(other) == name).count();
        let named = |samples: &Samples| {
            let short = metric_name(samples);
            if same(&short) > 1 { samples.name.clone() } else { short }
        };
        self.metrics.iter().map(named).collect()
    }

    /// Time of the last sample.
    pub(super) fn last_ms(&self) -> Option<i64> {
        self.metrics.iter().flat_map(|samples| &samples.points).map(|sample| sample.time_ms).max()
    }

    /// Where the metric of this name is: its whole name goes before its metric name.
    pub(super) fn index_of(&self, metric: &str) -> Option<usize> {
        let whole = self.metrics.iter().position(|samples| samples.name == metric);
        whole.or_else(|| self.metrics.iter().position(|samples| samples.labels.metric_name() == Some(metric)))
    }
}

/// What a metric of an entity is called: its metric name, or its whole name.
pub(super) fn metric_name(samples: &Samples) -> String {
    samples.labels.metric_name().unwrap_or(&samples.name).to_owned()
}

/// Groups samples into what is followed: by the labels of `entity_by`, or each series alone.
pub(super) fn group(samples: Vec<Samples>, entity_by: &[String]) -> Vec<Group> {
    if entity_by.is_empty() {
        let alone = |samples: Samples| Group {
            name: samples.name.clone(),
            labels: samples.labels.clone(),
            metrics: vec![samples],
        };
        return samples.into_iter().map(alone).collect();
    }
    let mut groups: BTreeMap<Labels, Vec<Samples>> = BTreeMap::new();
    for one in samples {
        let key: Labels = entity_by.iter().filter_map(|name| Some((name.as_str(), one.labels.get(name)?))).collect();
        groups.entry(key).or_default().push(one);
    }
    groups.into_iter().map(|(labels, metrics)| Group { name: labels.to_string(), labels, metrics }).collect()
}
