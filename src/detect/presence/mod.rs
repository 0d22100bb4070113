//! Which series ought to be there and are not.
//!
//! Input: for each followed series its labels and how it has reported so far; what was announced; the time.
//! Output: the absences that nothing explains, each once for everything that vanished together, and why others are none.
//! Never: keeps state of its own; never takes a source that is silent for the death of what it used to show.
//!
//! A series is absent when its silence is unlikely among its own gaps. Pods that were scaled down, replaced or have come
//! and gone before are churn, not deaths; see `kin` for how they are told from their names and siblings.

mod kin;
mod reporting;
mod roll;

pub use reporting::Reporting;
pub use roll::{Absence, AbsenceScope, Announced, Excuse, RollCall, Sighting, call_the_roll};
