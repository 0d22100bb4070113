//! Many alerts, one incident.
//!
//! Input: alerts and the time.
//! Output: [`Incident`]s: which alerts belong together, since when, how bad, and why they were joined.
//! Never: changes or drops an alert; never reads the clock, a file or the network.

mod group;
mod settings;
mod types;

pub use group::group;
pub use settings::{IncidentSettingsError, Settings};
pub use types::{Incident, IncidentState, Link};
