//! When something runs out, and what to change.
//!
//! Input: usage, its limit and a [`Forecast`](crate::forecast::Forecast) with sample paths.
//! Output: an [`Exhaustion`] as a distribution of dates, and a [`Recommendation`] as text, JSON and Kubernetes patch.
//! Never: applies anything; never reads the clock, a file or the network.
//!
//! [`exhaustion`] reads the dates off the paths of a forecast. [`plan`] does the whole work for one limited resource:
//! it shortens the history to a step that reaches far enough, recognises what empties itself, asks the forecaster,
//! falls back to a robust trend where that is the better judge, and advises. [`recommend_workload`] and
//! [`recommend_replicas`] advise on containers and autoscalers.

mod cycles;
mod envelope;
mod error;
mod exhaustion;
mod explain;
mod paths;
mod planning;
mod recommend;
mod robust;
mod settings;
mod types;

pub use error::CapacityError;
pub use exhaustion::{Limit, exhaustion};
pub use planning::{Fan, Plan, plan};
pub use recommend::{
    CurrentReplicas, CurrentResources, Demand, ReplicaFacts, WorkloadFacts, WorkloadKind, WorkloadName, cpu_quantity,
    memory_quantity, recommend_replicas, recommend_workload,
};
pub use settings::{ReplicaSettings, Settings, WorkloadSettings};
pub use types::{CapacityReport, Change, ChangeKind, Exhaustion, Outlook, Quantity, Recommendation, Risk, Within};
