//! Isolation forest: how few random cuts separate a row from the rest.
//!
//! Input: rows of numbers (a matrix or one row); parameters that were checked once.
//! Output: a score in (0, 1) for each row, 0.5 for "nothing to say", higher is more anomalous; shares of the features.
//! Never: reads the clock or the global random generator: the same rows and the same seed give the same forest.
//!
//! After Liu, Ting and Zhou, "Isolation Forest" (ICDM 2008); oblique cuts after Hariri, Carrasco Kind and Brunner,
//! "Extended Isolation Forest" (TKDE 2021), with each weight divided by the feature's range, so that units do not count.
//!
//! **Which cuts.** AUC and average precision of 100 trees of 256 rows, means of five seeds: a mixture of Gaussians with
//! 1 % of wide outliers (W1 of the benchmarks), and four machines of the Server Machine Dataset.
//!
//! | split | W1 | machine-1-6 | machine-1-7 | machine-2-1 | machine-2-2 |
//! |---|---|---|---|---|---|
//! | axis | .982 / .692 | .952 / .781 | .838 / .216 | .686 / .083 | .632 / .105 |
//! | guided, pooled, 25 % | .982 / .661 | .960 / .795 | .859 / .282 | .692 / .089 | .653 / .106 |
//! | guided, pooled, 100 % | .942 / .187 | .970 / .828 | .862 / .317 | .676 / .082 | .668 / .104 |
//! | guided, averaged, 100 % | .976 / .445 | .949 / .716 | .790 / .268 | .726 / .092 | .696 / .114 |
//! | extended, 2 features | .986 / .733 | .963 / .815 | .845 / .254 | .700 / .094 | .654 / .109 |
//!
//! Guided cuts find clustered anomalies and lose scattered ones, so a quarter of them is a fair default; oblique cuts
//! are better than axis cuts on every set here, and some twenty times slower to score.
//!
//! **Speed.** A forest asks of a value only which of its thresholds lie below it. A batch is therefore turned into ranks
//! first, exact and 16 bits wide, so that a vector register holds 32 rows and a node is one 16-bit word; whatever the
//! unit or the size of the values, nothing is rounded. Path lengths are whole numbers of 2^-20 steps, so that all
//! kernels, block sizes and threads give the same bits.
//!
//! **Missing values.** NaN is replaced by the feature's median in the training rows, in training and in scoring;
//! infinities count as the largest finite number. Sending a row down both sides of a cut, as isotree can, costs a walk
//! for each and is not offered.

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
