//! What changed for good, rather than for a moment: level, spread, slow drift, a season that does not come.
//!
//! Input: point after point with what was expected (in the stream), or a whole series (offline).
//! Output: [`Change`]s: what kind, since when, from what to what, how sure, and a sentence for people.
//! Never: judges the point itself; a change is about many points.

mod bank;
mod days;
mod event;
mod monitor;
mod offline;
mod profile;
mod tail;

pub use event::{Change, ChangeKind};
pub use monitor::ChangeMonitor;
pub use offline::changes_of;
