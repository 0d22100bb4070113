//! What an alert is.
//!
//! Input: judgements of the core (scores, forecasts, exhaustion, severity) and the alert's own past.
//! Output: an [`Alert`] with identity, state and [`Enrichment`], and the decision whether it changes or is sent, with its reason.
//! Never: delivers anything; never reads the clock; never puts a score, value or time into a label.

mod annotations;
mod build;
pub mod lifecycle;
pub mod resend;
mod runbook;
mod similar;
mod types;

pub use annotations::annotations_of;
pub use build::{Identity, exhaustion_sentence, is_web_link, outlook_sentence};
pub use runbook::{RunbookRule, runbook_url};
pub use similar::similar;
pub use types::{Alert, AlertState, Enrichment, History, Origin, SimilarAlert};
