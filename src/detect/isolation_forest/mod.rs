//! Isolation forest: how few random cuts separate a row from the rest.
//!
//! Input: rows of numbers (a matrix or one row); parameters that were checked once.
//! Output: a score in (0, 1) for each row, 0.5 for "nothing to say", higher is more anomalous; shares of the features.
//! Never: reads the clock or the global random generator: the same rows and the same seed give the same forest.
//!
//! After Liu, Ting and Zhou, "Isolation Forest" (ICDM 2008); oblique cuts after Hariri, Carrasco Kind and Brunner,
//! "Extended Isolation Forest" (TKDE 2021), with each weight divided by the feature's range, so that units do not count.
//!
//! **Missing values.** NaN is replaced by the feature's median in the training rows, in training and in scoring;
//! infinities count as the largest finite number.

mod batch;
mod codes;
mod file;
mod fit;
mod forest;
mod grow;
mod guide;
mod kernel;
#[cfg(test)]
mod kernels;
mod packed;
mod params;
#[cfg(test)]
mod reference;
mod sample;
#[expect(unsafe_code, reason = "vector instructions; the argument for their soundness stands in the file")]
mod simd;
mod tree;

pub(in crate::detect) use forest::mix;
pub use forest::{ForestError, IsolationForest, average_path_length, score_of_mean_path};
pub use kernel::Kernel;
pub use params::{Gain, IsolationForestParams, ParamsError, Split};
