//! `--require METRIC>=VALUE`: what an evaluation must reach.

use std::fmt;
use std::str::FromStr;

use crate::detect::evaluation::Figures;

/// A figure and the name it has in arguments and results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Metric {
    VusPr,
    AucPr,
    BestF1,
    Precision,
    Recall,
    F1,
    FalseAlarmsPerDay,
    DelayMinutes,
    RecallAtOneAWeek,
    RecallAtOneADay,
    BudgetRatio,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    AtLeast,
    AtMost,
    Above,
    Below,
}

/// A figure with a bound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Requirement {
    metric: Metric,
    bound: Bound,
    value: f64,
}

impl Metric {
    /// All of them, in the order of the tables.
    pub(super) const ALL: [Self; 11] = [
        Self::VusPr,
        Self::AucPr,
        Self::BestF1,
        Self::Precision,
        Self::Recall,
        Self::F1,
        Self::FalseAlarmsPerDay,
        Self::DelayMinutes,
        Self::RecallAtOneAWeek,
        Self::RecallAtOneADay,
        Self::BudgetRatio,
    ];

    /// The name in arguments and results.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::VusPr => "vus_pr",
            Self::AucPr => "auc_pr",
            Self::BestF1 => "best_f1",
            Self::Precision => "precision",
            Self::Recall => "recall",
            Self::F1 => "f1",
            Self::FalseAlarmsPerDay => "false_alarms_per_day",
            Self::DelayMinutes => "delay_minutes",
            Self::RecallAtOneAWeek => "recall_at_one_a_week",
            Self::RecallAtOneADay => "recall_at_one_a_day",
            Self::BudgetRatio => "budget_ratio",
        }
    }

    /// The figure; `None` when the data do not tell it.
    pub(super) fn of(self, figures: &Figures) -> Option<f64> {
        match self {
            Self::VusPr => figures.vus_pr,
            Self::AucPr => figures.average_precision,
            Self::BestF1 => figures.best_f1,
            Self::Precision => Some(figures.precision),
            Self::Recall => Some(figures.recall),
            Self::F1 => Some(figures.f1),
            Self::FalseAlarmsPerDay => Some(figures.false_alerts_per_day),
            Self::DelayMinutes => figures.delay_minutes,
            Self::RecallAtOneAWeek => Some(figures.recall_at_one_a_week),
            Self::RecallAtOneADay => Some(figures.recall_at_one_a_day),
            Self::BudgetRatio => figures.budget.ratio,
        }
    }
}

impl Bound {
    /// Two characters before one, so that `>=` is not read as `>`.
    const ALL: [(Self, &'static str); 4] =
        [(Self::AtLeast, ">="), (Self::AtMost, "<="), (Self::Above, ">"), (Self::Below, "<")];

    fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(bound, _)| *bound == self).map_or("", |(_, sign)| sign)
    }
}

impl Requirement {
    /// What to say when `figures` do not meet it.
    pub(super) fn missed_by(&self, figures: &Figures) -> Option<String> {
        let Some(got) = self.metric.of(figures) else {
            return Some(format!("required {self}, but these data do not tell {}", self.metric.as_str()));
        };
        let met = match self.bound {
            Bound::AtLeast => got >= self.value,
            Bound::AtMost => got <= self.value,
            Bound::Above => got > self.value,
            Bound::Below => got < self.value,
        };
        (!met).then(|| format!("required {self}, got {got:.4}"))
    }
}

impl FromStr for Requirement {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let metrics = || Metric::ALL.map(Metric::as_str).join(", ");
        let parts = Bound::ALL.iter().find_map(|(bound, sign)| text.split_once(sign).map(|parts| (*bound, parts)));
        let Some((bound, (name, value))) = parts else {
            return Err(format!("requirement must be like `vus_pr>=0.6` or `delay_minutes<=30`, got `{text}`"));
        };
        let metric = Metric::ALL.into_iter().find(|metric| metric.as_str() == name.trim());
        let metric = metric.ok_or_else(|| format!("metric must be one of {}, got `{}`", metrics(), name.trim()))?;
        let value = value.trim().parse::<f64>().ok().filter(|value| value.is_finite());
        let value = value.ok_or_else(|| format!("the bound must be a number, in `{text}`"))?;
        Ok(Self { metric, bound, value })
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.metric.as_str(), self.bound.as_str(), self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_read_and_judge() {
        let figures = Figures { vus_pr: Some(0.6), delay_minutes: None, ..Figures::of(&[], &[], 1.0) };
        let missed = |text: &str| text.parse::<Requirement>().unwrap().missed_by(&figures);
        assert_eq!(missed("vus_pr>=0.6"), None);
        assert_eq!(missed("vus_pr > 0.6").as_deref(), Some("required vus_pr>0.6, got 0.6000"));
        assert_eq!(missed("vus_pr<=0.6"), None);
        assert!(missed("vus_pr<0.6").is_some());
        assert!(missed("delay_minutes<=30").is_some_and(|text| text.contains("do not tell")));
        for (bad, says) in
            [("vus_pr", "like"), ("vus>=1", "vus_pr, auc_pr"), ("f1>=x", "number"), ("f1>=NaN", "number")]
        {
            assert!(bad.parse::<Requirement>().unwrap_err().contains(says), "{bad}");
        }
    }
}
