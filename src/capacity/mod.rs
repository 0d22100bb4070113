//! When something runs out, and what to change.
//!
//! Input: usage, its limit and a [`Forecast`](crate::forecast::Forecast) with sample paths.
//! Output: an [`Exhaustion`] as a distribution of dates, and a [`Recommendation`] as text, JSON and Kubernetes patch.
//! Never: applies anything; never reads the clock, a file or the network.

mod types;

pub use types::{CapacityReport, Change, ChangeKind, Exhaustion, Outlook, Quantity, Recommendation, Risk, Within};
