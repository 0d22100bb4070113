//! What a series will do next, and how sure that is.
//!
//! Input: a clean [`Series`](crate::series::Series) and a [`Request`].
//! Output: a [`Forecast`] with central path, intervals and sample paths, the model that made it and why that one.
//! Never: reads the clock, a file or the network; never falls back to another model silently.
//!
//! [`forecast()`] scales the series, finds its seasons (`seasonality`), lets candidates forecast from the end and from the
//! same earlier origins (`pool`), takes one or combines them (`choice`), turns the errors at the origins into intervals
//! (`intervals`) and futures (`paths`), and puts planned events (`events`) on top. [`backtest()`] measures whole forecasts, [`accuracy`] holds the measures.

pub mod accuracy;
mod ar;
mod backtest;
mod bounds;
mod choice;
mod clean;
mod croston;
mod ets;
mod events;
mod growth;
mod holt_winters;
mod intervals;
mod linear;
mod live;
mod mstl;
mod mstl_ets;
mod naive;
mod nelder_mead;
mod normal;
mod paths;
mod pool;
mod predict;
#[cfg(test)]
mod properties;
pub mod prophet;
#[cfg(test)]
mod reference;
mod scale;
mod seasonal_median;
mod seasonality;
mod settings;
mod stats;
mod theta;
mod types;

pub use backtest::{BacktestReport, LevelReport, Origin, backtest, from_origins};
pub use live::{LiveScore, Made, judge};
pub use predict::{forecast, forecast_with};
pub use seasonality::{Season, candidates, detect};
pub use settings::{Settings, SettingsError};
pub use types::{
    Band, Because, Effect, Event, Forecast, ForecastError, Model, ModelChoice, Request, SamplePaths, Share, Span,
    UnknownModel,
};
