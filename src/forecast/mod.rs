//! What a series will do next, and how sure that is.
//!
//! Input: a clean [`Series`](crate::series::Series) and a [`Request`].
//! Output: a [`Forecast`] with central path, intervals and sample paths, the model that made it and why that one.
//! Never: reads the clock, a file or the network; never falls back to another model silently.

mod types;

pub use types::{Band, Because, Forecast, ForecastError, Model, ModelChoice, Request, SamplePaths};
