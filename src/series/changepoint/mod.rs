//! Change points: where the level or the spread of a series became another one.
//!
//! Input: finite values in time order, what a change is (mean, or mean and variance) and what one more change costs.
//! Output: the change points that minimise cost plus penalty over *all* segmentations, each with the segments beside it.
//! Never: an approximation; the pruning only leaves out what can no longer be part of the optimum.
//!
//! Changes of the mean are found by functional pruning (Maidstone, Hocking, Rigaill, Fearnhead 2017: FPOP), changes of mean
//! and variance by inequality pruning (Killick, Fearnhead, Eckley 2012: PELT). Both give the optimum of the same problem.

mod functional;
mod likelihood;
mod noise;
mod points;
mod settings;

pub use points::{ChangePoint, ChangePointError, ChangePointKind, Segment, change_points, segment_starts};
pub use settings::{ChangeCost, ChangePointSettings, Penalty, PenaltyError};
