//! How unusual each point is.
//!
//! Input: a clean [`Series`](crate::series::Series) or [`Entity`](crate::series::Entity), point after point in time order.
//! Output: a [`PointScore`] for each: calibrated tail probability, score, expected band, direction, reasons, attribution.
//! Never: looks at a later point to judge an earlier one; never reads the clock; never rewrites a score it gave.
//!
//! A metric is judged by seven parts, each in its own file: an isolation forest on the features of values and seasonal
//! residuals, nearest neighbours of those features and of the newest 8 and 32 values, deviation from the season and from
//! the one-step prediction, and the shape of the newest window. Each part's raw score becomes an excess over its own past;
//! the mean of `ln(1 + excess)` is the evidence; the evidence becomes a p-value.

mod combine;
mod core;
mod entity;
mod error;
pub mod evaluation;
mod exact;
mod excess;
mod explain;
mod features;
mod isolation_forest;
mod joint;
mod linear;
mod novelty;
mod peers;
mod residual;
mod ridge;
mod seasonal;
mod settings;
mod shape;
mod stream;
mod trail;
mod types;
mod window;

pub use entity::{EntityDetector, MOST_METRICS, score_entity, score_entity_until};
pub use error::DetectError;
pub use isolation_forest::{
    ForestError, IsolationForest, IsolationForestParams, ParamsError, Split, average_path_length, score_of_mean_path,
};
pub use peers::{PeerVerdict, peer_outliers};
pub use settings::{ForestSettings, Season, SeasonError, Settings};
pub use stream::{SeriesDetector, score_series, score_series_until};
pub use types::{
    Attribution, BudgetError, Direction, FalseAlarmBudget, Period, PointScore, Reason, Scores, Watch, score_of,
};
