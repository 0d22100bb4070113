//! What kind of series this is: the look that a person would take before choosing a detector.
//!
//! Input: a clean [`Series`](super::Series). Output: a [`Profile`]: kind, range, gaps, seasons, trend, noise, each with
//! its numbers and, by [`Profile::findings`], a sentence. Never: judges a point, chooses a model, looks beyond the end.
//!
//! Cost is O(n log n): counts, gaps and extremes are of all points. Beyond 16,384 points, seasons and noise are measured on
//! means of k adjacent points of the newest 262,144 at most, k as small as keeps 16,384; trend and level shifts on the
//! medians of at most 400 buckets of all points.

mod findings;
mod kind;
mod measure;
mod noise;
mod order;
mod season;
mod spectrum;
mod trend;
mod types;

pub use findings::{Finding, Topic};
pub use season::{Cycle, seasons};
pub use types::{Demand, Intermittency, Kind, Noise, Profile, Span, Trend};
