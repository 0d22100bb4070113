//! How unusual each point is.
//!
//! Input: a clean [`Series`](crate::series::Series) or [`Entity`](crate::series::Entity), point after point in time order.
//! Output: a [`PointScore`] for each: calibrated tail probability, score, expected band, direction, reasons, attribution.
//! Never: looks at a later point to judge an earlier one; never reads the clock; never rewrites a score it gave.

mod types;

pub use types::{Attribution, Direction, PointScore, Reason, Scores, score_of};
