//! Whether the false alarms that people accept are kept to.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::AppState;
use super::super::error::ApiError;
use super::super::extract::Params;
use super::super::openapi::ReadFailures;
use crate::engine::{BudgetReport, BudgetScope, BudgetView, DetectorBudget, Within};

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(budget))
}

/// How the budgets of false alarms were kept.
#[derive(Debug, Serialize, ToSchema)]
struct Budget {
    /// The team's budget; `null` means whatever the detectors' add up to.
    #[schema(example = "5 per week")]
    team: Option<String>,
    /// All detectors together.
    total: Spans,
    /// Each detector.
    detectors: Vec<DetectorOut>,
}

/// How the budget of a detector was kept.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DetectorBudget)]
struct DetectorOut {
    /// Its name.
    #[schema(example = "api-latency")]
    name: String,
    /// Its budget.
    #[schema(example = "1 per week")]
    budget: String,
    /// What the budget is for: each `series`, or the whole `detector`.
    #[schema(value_type = String, example = "series")]
    scope: BudgetScope,
    /// Series or entities followed.
    series: usize,
    /// Median of their decision boundaries, a probability; `null` while nothing is followed.
    #[schema(example = 0.0001)]
    p_star: Option<f64>,
    /// Factor by which what really fired has moved the boundaries, 1/8 to 8.
    #[schema(example = 1.1)]
    tuning: f64,
    /// What fired against what was accepted.
    #[serde(flatten)]
    spans: Spans,
}

/// What fired against what was accepted, over two spans of time.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BudgetSpans)]
struct Spans {
    /// The last 7 days.
    last_7d: Figures,
    /// The last 28 days.
    last_28d: Figures,
}

/// What fired against what was accepted.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BudgetFigures)]
struct Figures {
    /// False alarms that the budget accepts for the series and the time watched.
    #[schema(example = 4.0)]
    expected: f64,
    /// Alerts that fired.
    fired: u64,
    /// Those that a verdict calls false alarms.
    judged_false: u64,
    /// Those that another verdict calls right.
    judged_right: u64,
    /// Those without a verdict.
    unjudged: u64,
    /// False alarms as far as is known: those judged so, and of the unjudged the share that verdicts suggest.
    #[schema(example = 3.0)]
    false_alarms: f64,
    /// False alarms over those accepted; `null` when nothing was watched.
    #[schema(example = 0.75)]
    ratio: Option<f64>,
    /// Lower end of the 95 % interval of the ratio.
    #[schema(example = 0.15)]
    ratio_low: Option<f64>,
    /// Its upper end.
    #[schema(example = 2.2)]
    ratio_high: Option<f64>,
    /// Whether the budget is kept: `yes`, `no` (more fired than chance explains) or `unknown` (too little time passed).
    #[schema(value_type = String, example = "yes")]
    within: Within,
}

/// False-alarm budgets
///
/// What really fired against the false alarms that are accepted, by detector and for the team. Verdicts correct the count.
#[utoipa::path(get, path = "/api/v1/budget", tag = "watch",
    responses((status = 200, description = "How the budgets were kept.", body = Budget), ReadFailures))]
async fn budget(State(state): State<AppState>, params: Params) -> Result<Json<Budget>, ApiError> {
    params.finish()?;
    Ok(Json(state.app.budget(state.now()).await?.into()))
}

impl From<BudgetReport> for Budget {
    fn from(report: BudgetReport) -> Self {
        Self {
            team: report.team.map(|budget| budget.to_string()),
            total: Spans::of(&report.total_views()),
            detectors: report.detectors.iter().map(DetectorOut::from).collect(),
        }
    }
}

impl From<&DetectorBudget> for DetectorOut {
    fn from(one: &DetectorBudget) -> Self {
        Self {
            name: one.name.clone(),
            budget: one.budget.to_string(),
            scope: one.scope,
            series: one.series.unwrap_or(0),
            p_star: one.p_star,
            tuning: one.tuning,
            spans: Spans::of(&one.views()),
        }
    }
}

impl Spans {
    fn of([week, month]: &[BudgetView; 2]) -> Self {
        Self { last_7d: Figures::of(week), last_28d: Figures::of(month) }
    }
}

impl Figures {
    const fn of(view: &BudgetView) -> Self {
        let (ratio_low, ratio_high) = match view.interval {
            Some((low, high)) => (Some(low), Some(high)),
            None => (None, None),
        };
        Self {
            expected: view.expected,
            fired: view.fired,
            judged_false: view.judged_false,
            judged_right: view.judged_right,
            unjudged: view.unjudged,
            false_alarms: view.false_alarms,
            ratio: view.ratio,
            ratio_low,
            ratio_high,
            within: view.within,
        }
    }
}
