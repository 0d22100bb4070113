//! What is wanted of a forecast.

use super::super::prophet::Regressor;
use super::{Event, ModelChoice};

/// What is wanted of a forecast.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Steps ahead, at least 1.
    pub horizon_steps: usize,
    /// Coverage of the intervals, each in (0, 1), for example `[0.8, 0.95]`.
    pub levels: Vec<f64>,
    /// The model.
    pub model: ModelChoice,
    /// Seasons in steps; `None` detects them.
    pub seasons: Option<Vec<usize>>,
    /// Number of sample paths, 0 for none.
    pub paths: usize,
    /// Seed of the sample paths.
    pub seed: u64,
    /// Smallest and largest possible value, in the unit of the series; infinite where one side is open.
    ///
    /// Forecast, intervals and paths stay inside, and growth saturates at the end it moves to. `None` leaves both sides open, but
    /// for ratios whose history lies in 0 to 1.
    pub range: Option<(f64, f64)>,
    /// Whether only whole numbers are possible: forecast and paths are rounded, intervals widened to the next ones.
    pub whole_numbers: bool,
    /// Known influences over the whole history of the series and the horizon: [`Model::Prophet`](super::Model::Prophet) uses
    /// them, and joins the automatic combination when there are any.
    pub regressors: Vec<Regressor>,
    /// Past and planned events: what they did is kept out of the ordinary course, what they will do is put on top of it.
    pub events: Vec<Event>,
}

impl Request {
    /// A request for `horizon_steps` with intervals of 80 and 95 %, the best model, detected seasons and no paths.
    #[must_use]
    pub fn new(horizon_steps: usize) -> Self {
        Self {
            horizon_steps,
            levels: vec![0.8, 0.95],
            model: ModelChoice::Auto,
            seasons: None,
            paths: 0,
            seed: 0,
            range: None,
            whole_numbers: false,
            regressors: Vec::new(),
            events: Vec::new(),
        }
    }
}
