//! How unusual each point is.
//!
//! Input: a clean [`Series`](crate::series::Series) or [`Entity`](crate::series::Entity), point after point in time order.
//! Output: a [`PointScore`] for each: calibrated tail probability, score, expected band, direction, reasons, attribution.
//! Never: looks at a later point to judge an earlier one; never reads the clock; never rewrites a score it gave.
//!
//! A metric is judged by seven parts, each in its own file: an isolation forest on the features of values and seasonal
//! residuals, nearest neighbours of those features and of the newest 8 and 32 values, deviation from the season and from
//! the one-step prediction, and the shape of the newest window. Each part's raw score becomes an excess over its own past;
//! the mean of `ln(1 + excess)` is the evidence; the evidence becomes a p-value. [`Model::Light`] judges a series by other
//! means, in 4 KB: `light/`.
//!
//! Around that stands what people know: gates take an alarm away and say why ([`Suppression`]), planned work is judged and
//! not learned, an announced change carries what was learned over to the new level, and the boundary `p*` is that of the
//! budget times what a series weighs, what the team's budget leaves, and what really fired ([`retune`]).

mod adapt;
mod boundary;
mod budget;
mod change;
mod choose;
mod circumstances;
mod combine;
mod core;
mod entity;
mod error;
pub mod evaluation;
mod exact;
mod excess;
mod explain;
mod features;
mod frame;
mod gap;
mod gates;
mod habits;
mod isolation_forest;
mod joint;
mod light;
mod linear;
mod narrate;
mod novelty;
mod online_forest;
mod opening;
mod parts;
mod peers;
mod presence;
mod reseason;
mod residual;
mod ridge;
mod seasonal;
mod series_detector;
mod settings;
mod shape;
mod stream;
mod sustained;
mod trail;
mod types;
mod window;

pub use budget::{BudgetFigures, TUNING_SPAN_SECS, WeightSettings, Within, poisson_interval, retune, team_share};
pub use change::{ChangeMonitor, changes_of};
pub use choose::{Because, Choice, choose};
pub use entity::{EntityDetector, MOST_METRICS, score_entity, score_entity_until};
pub use error::DetectError;
pub use gates::{Circumstances, DeviationSettings, GateError, GateSettings, RangeSettings, WindowSettings};
pub use isolation_forest::{
    ForestError, Gain, IsolationForest, IsolationForestParams, Kernel, ParamsError, Split, average_path_length,
    score_of_mean_path,
};
pub use online_forest::{OnlineForest, OnlineForestParams, OnlineParamsError, SeriesForest};
pub use opening::Prior;
pub use peers::{PeerVerdict, peer_outliers};
pub use presence::{Absence, AbsenceScope, Announced, Excuse, Reporting, RollCall, Sighting, call_the_roll};
pub use series_detector::{SeriesDetector, score_series, score_series_until};
pub use settings::{ForestSettings, Season, SeasonError, Settings};
pub use types::{
    Attribution, BudgetError, BudgetScope, Change, ChangeKind, Direction, Disappearance, FalseAlarmBudget, Model,
    ModelError, Period, PointScore, Reason, Scores, Suppression, Watch, score_of,
};
