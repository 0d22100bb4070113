//! Kubernetes patches: strategic merge, complete enough to be applied by name.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::sizes::{cpu_quantity, memory_quantity};
use crate::capacity::ReplicaSettings;

/// The kinds of workload whose containers and replicas can be advised on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum WorkloadKind {
    /// `apps/v1` Deployment.
    #[default]
    Deployment,
    /// `apps/v1` StatefulSet.
    StatefulSet,
    /// `apps/v1` DaemonSet: has containers, but no replicas to choose.
    DaemonSet,
}

/// A workload by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WorkloadName {
    /// Its kind.
    pub kind: WorkloadKind,
    /// Its namespace; empty when unknown, and then left out of patches.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// Requests and limits of a container, in cores and bytes; what is `None` is not patched.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Resources {
    pub(super) cpu_request: Option<f64>,
    pub(super) cpu_limit: Option<f64>,
    pub(super) memory_request: Option<f64>,
    pub(super) memory_limit: Option<f64>,
}

/// What an autoscaler steers by.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Target {
    /// Average utilisation of the request of a resource (`cpu`, `memory`), percent.
    Utilisation { resource: &'static str, percent: u32 },
    /// Average of an external metric per pod.
    PerPod { metric: String, average: f64 },
}

/// A claim that asks for `bytes`.
pub(super) fn claim(name: &str, namespace: &str, bytes: f64) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": metadata(name, namespace),
        "spec": { "resources": { "requests": { "storage": memory_quantity(bytes) } } },
    })
}

/// A workload whose container has these requests and limits.
pub(super) fn resources(workload: &WorkloadName, container: &str, resources: &Resources) -> Value {
    let list = |cpu: Option<f64>, memory: Option<f64>| {
        let mut list = serde_json::Map::new();
        cpu.map(|cores| list.insert("cpu".to_owned(), cpu_quantity(cores).into()));
        memory.map(|bytes| list.insert("memory".to_owned(), memory_quantity(bytes).into()));
        list
    };
    let requests = list(resources.cpu_request, resources.memory_request);
    let limits = list(resources.cpu_limit, resources.memory_limit);
    json!({
        "apiVersion": "apps/v1",
        "kind": workload.kind.as_str(),
        "metadata": metadata(&workload.name, &workload.namespace),
        "spec": { "template": { "spec": { "containers": [
            { "name": container, "resources": { "requests": requests, "limits": limits } },
        ] } } },
    })
}

/// An autoscaler (`autoscaling/v2`) of the same name as its workload.
pub(super) fn autoscaler(
    workload: &WorkloadName,
    (fewest, most): (u32, u32),
    target: &Target,
    settings: &ReplicaSettings,
) -> Value {
    json!({
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata(&workload.name, &workload.namespace),
        "spec": {
            "scaleTargetRef": { "apiVersion": "apps/v1", "kind": workload.kind.as_str(), "name": workload.name },
            "minReplicas": fewest,
            "maxReplicas": most,
            "metrics": [target.metric()],
            "behavior": {
                "scaleUp": {
                    "stabilizationWindowSeconds": 0,
                    "selectPolicy": "Max",
                    "policies": [{ "type": "Percent", "value": settings.scale_up_percent, "periodSeconds": 60 }],
                },
                "scaleDown": {
                    "stabilizationWindowSeconds": settings.scale_down_window_secs,
                    "selectPolicy": "Max",
                    "policies": [{ "type": "Percent", "value": settings.scale_down_percent, "periodSeconds": 120 }],
                },
            },
        },
    })
}

fn metadata(name: &str, namespace: &str) -> Value {
    if namespace.is_empty() { json!({ "name": name }) } else { json!({ "name": name, "namespace": namespace }) }
}

impl Target {
    fn metric(&self) -> Value {
        match self {
            Self::Utilisation { resource, percent } => json!({
                "type": "Resource",
                "resource": { "name": resource, "target": { "type": "Utilization", "averageUtilization": percent } },
            }),
            Self::PerPod { metric, average } => json!({
                "type": "External",
                "external": {
                    "metric": { "name": metric },
                    "target": { "type": "AverageValue", "averageValue": decimal(*average) },
                },
            }),
        }
    }
}

/// A number as a quantity: whole, or in thousandths.
fn decimal(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 { format!("{value:.0}") } else { cpu_quantity(value) }
}

impl WorkloadKind {
    /// The name in manifests.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
        }
    }
}

impl std::fmt::Display for WorkloadName {
    /// `Deployment shop/api`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.kind.as_str())?;
        f.write_str(" ")?;
        if !self.namespace.is_empty() {
            write!(f, "{}/", self.namespace)?;
        }
        f.write_str(&self.name)
    }
}
