//! How bad an alert is.
//!
//! Input: what is known of an alert as [`AlertFacts`].
//! Output: an [`Assessment`]: severity with class probabilities, the reasons, and whether the model abstained.
//! Never: lowers an alert that came in as critical unless the policy says so; never reads the clock, a file or the network.

mod types;

pub use types::{AlertFacts, Assessment, Severity, SeverityReason, UnknownSeverity};
