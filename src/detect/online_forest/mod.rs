//! Streaming isolation forest: score a row, then learn it, in bounded memory and without ever refitting.
//!
//! Input: rows of numbers in time order (or, for [`SeriesForest`], the values of one series); parameters checked once.
//! Output: a score in (0, 1) for each row on the scale of the batch forest (0.5 ordinary, higher is more anomalous), and
//! shares of the features in it.
//! Never: looks at a later row, fits all trees at one point, reads the clock or the global random generator.
//!
//! **What it holds.** A reservoir of recent rows in which the chance of a row to be still there falls by a factor of e
//! for each time constant (Aggarwal, "On biased reservoir sampling", VLDB 2006), and small isolation trees (Liu, Ting and
//! Zhou, ICDM 2008) that were grown from it at different times. One tree after the other, in turn, is grown anew from the
//! reservoir; within a time constant all have been. At most one tree is grown at a point, so work is bounded for each
//! point, and cuts always lie where the data are now: no fixed ranges that a level shift could leave, which is the weak
//! side of half-space trees (Tan, Ting and Liu, IJCAI 2011).
//!
//! **What a score is.** A tree keeps the range of its rows at each cut, in the cut's feature. A row outside of it would
//! have been cut off by a random cut of the range widened to hold it, with the chance `gap / (gap + range)`, as in a
//! robust random cut tree when a row is inserted (Guha, Mishra, Roy and Schrijvers, ICML 2016). The score uses the
//! *expected* depth under these chances instead of one draw, and that makes few and shallow trees as good as many deep
//! ones: rows beyond everything seen are told apart by how far they are.
//!
//! **What was tried and left.** Node masses counted along the stream (half-space trees, Online Isolation Forest of Leveni
//! and others, ICML 2024) learn a long anomaly while it lasts and rank worse; density of leaves, cuts chosen by gain or
//! kurtosis, and ranges widened at random rank worse than or like plain random cuts.
//!
//! **Memory.** Rows and cuts are held as 16-bit codes of the distance from the feature's middle in units of its spread
//! (9 bits of mantissa, 2^-31 to 2^32 units); middle and unit follow the reservoir, and codes are rewritten when they
//! move. A tree of `n` nodes takes `8 n` bytes, a row of `w` features `2 w`.
//!
//! **Missing values.** NaN stands at the feature's median in the reservoir, infinities at the largest code.

mod code;
mod forest;
mod params;
mod series;
mod stored;
#[cfg(test)]
mod tests;
mod tree;

pub use forest::OnlineForest;
pub use params::{OnlineForestParams, OnlineParamsError};
pub use series::SeriesForest;
