//! Histogram gradient-boosted trees for classes, with ordinal guarantees and exact attributions.
//!
//! Input: a table, classes, parameters, a seed and, for early stopping, a validation part.
//! Output: a [`Booster`]: scores, probabilities, attributions, a checked serialised form.
//! Never: panics on missing, constant or huge values; depends on the order of a hash map or of threads.
//!
//! Leaf-wise growth over at most 255 value bins and a bin for missing values (Ke et al. 2017, "LightGBM"), second-order
//! leaf values with L2 (Chen and Guestrin 2016, "XGBoost"). Gradients are rounded to multiples of 2^-20, so that their
//! sums are exact in `f64` and do not depend on the order of rows.

mod artefact;
mod bins;
mod booster;
mod fit;
mod grow;
mod histogram;
mod objective;
mod params;
mod shap;
mod tree;

#[cfg(test)]
mod tests;

pub use artefact::BoosterError;
pub(super) use bins::Bins;
pub use booster::{Attribution, Booster};
pub use fit::{Fitted, History, Labelled};
pub use objective::Objective;
pub(super) use objective::softmax_in_place;
pub use params::{Params, ParamsError, Trend};
