//! What to change: volumes and other limits, containers, replicas.
//!
//! Input: the futures of usage, the history of a container, or the forecast of demand.
//! Output: a [`Recommendation`](super::Recommendation) with text, changes, risk, evidence and a Kubernetes patch.
//! Never: applies a patch; never advises a memory limit below what was seen.

mod growth;
mod kubernetes;
mod replicas;
mod sizes;
mod workload;

pub(super) use growth::{GrowthFacts, growth};
pub use kubernetes::{WorkloadKind, WorkloadName};
pub use replicas::{CurrentReplicas, Demand, ReplicaFacts, recommend_replicas};
pub use sizes::{cpu_quantity, memory_quantity};
pub use workload::{CurrentResources, WorkloadFacts, recommend_workload};
