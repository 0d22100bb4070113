//! How budgets of false alarms were kept, for those who show it.

use crate::detect::{BudgetFigures, FalseAlarmBudget};

pub use crate::detect::{BudgetScope, Within};

/// How budgets were kept.
#[derive(Debug, Clone, PartialEq)]
pub struct BudgetReport {
    /// The team's budget; `None` is what the detectors' add up to.
    pub team: Option<FalseAlarmBudget>,
    /// All detectors together, in the last 7 and 28 days.
    pub total: [BudgetFigures; 2],
    /// Each detector.
    pub detectors: Vec<DetectorBudget>,
}

/// How the budget of one detector was kept.
#[derive(Debug, Clone, PartialEq)]
pub struct DetectorBudget {
    /// Name of the detector.
    pub name: String,
    /// Its budget.
    pub budget: FalseAlarmBudget,
    /// What the budget is for.
    pub scope: BudgetScope,
    /// Series or entities followed, when the state was last saved; `None` before it was.
    pub series: Option<usize>,
    /// Median of their boundaries, a probability.
    pub p_star: Option<f64>,
    /// Factor by which what really fired has moved them, 1/8 to 8.
    pub tuning: f64,
    /// In the last 7 and 28 days.
    pub figures: [BudgetFigures; 2],
}

/// Figures of one span of time with all that follows from them, for those who show them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BudgetView {
    /// False alarms that the budget accepts for the series and the time watched.
    pub expected: f64,
    /// Alerts that fired.
    pub fired: u64,
    /// Those that a verdict calls false alarms.
    pub judged_false: u64,
    /// Those that another verdict calls right.
    pub judged_right: u64,
    /// Those without a verdict.
    pub unjudged: u64,
    /// False alarms as far as is known.
    pub false_alarms: f64,
    /// False alarms over those accepted; `None` when nothing was watched.
    pub ratio: Option<f64>,
    /// The 95 % interval of the ratio.
    pub interval: Option<(f64, f64)>,
    /// Whether the budget is kept.
    pub within: Within,
}

impl From<BudgetFigures> for BudgetView {
    fn from(figures: BudgetFigures) -> Self {
        Self {
            expected: figures.expected,
            fired: figures.fired,
            judged_false: figures.judged_false,
            judged_right: figures.judged_right,
            unjudged: figures.unjudged(),
            false_alarms: figures.false_alarms(),
            ratio: figures.ratio(),
            interval: figures.interval(),
            within: figures.within(),
        }
    }
}

impl BudgetReport {
    /// All detectors together, in the last 7 and 28 days.
    #[must_use]
    pub fn total_views(&self) -> [BudgetView; 2] {
        self.total.map(BudgetView::from)
    }
}

impl DetectorBudget {
    /// Its figures in the last 7 and 28 days.
    #[must_use]
    pub fn views(&self) -> [BudgetView; 2] {
        self.figures.map(BudgetView::from)
    }
}
