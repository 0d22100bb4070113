//! How many false alarms people accept.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::series::Step;

/// Largest probability that a boundary may have: with long steps even a generous budget judges one point in a hundred.
pub(in crate::detect) const LARGEST_P_STAR: f64 = 0.01;
const SECS_PER_DAY: f64 = 86_400.0;

/// How many false alarms are accepted in which time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FalseAlarmBudget {
    count: f64,
    per: Period,
}

/// Span of a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// 60 minutes.
    Hour,
    /// 24 hours.
    Day,
    /// 7 days.
    Week,
    /// 30 days.
    Month,
    /// 365 days.
    Year,
}

/// Why a text is not a budget.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "false alarms must be like `1 per week`, `2 per day` or `0.5 per month`, more than 0 and at most 1000, got `{0}`"
)]
pub struct BudgetError(pub String);

/// What a budget of false alarms is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BudgetScope {
    /// Each series or entity has its own.
    #[default]
    Series,
    /// All series and entities of the detector share it.
    Detector,
}

impl Default for FalseAlarmBudget {
    fn default() -> Self {
        Self { count: 1.0, per: Period::Week }
    }
}

impl FalseAlarmBudget {
    /// `count` false alarms in one `per`.
    ///
    /// # Errors
    /// [`BudgetError`] unless `count` is more than 0 and at most 1000.
    pub fn try_new(count: f64, per: Period) -> Result<Self, BudgetError> {
        let budget = Self { count, per };
        if count > 0.0 && count <= 1_000.0 { Ok(budget) } else { Err(BudgetError(budget.to_string())) }
    }

    /// False alarms in a second.
    #[must_use]
    pub fn per_second(&self) -> f64 {
        self.count / self.per.secs()
    }

    /// The probability at which a point of this step is an alarm: false alarms for each point, at most 0.01.
    #[must_use]
    pub fn p_star(&self, step: Step) -> f64 {
        (self.per_second() * step.secs_f64()).clamp(1e-12, LARGEST_P_STAR)
    }
}

impl Period {
    const ALL: [(Self, &'static str); 5] =
        [(Self::Hour, "hour"), (Self::Day, "day"), (Self::Week, "week"), (Self::Month, "month"), (Self::Year, "year")];

    /// Length in seconds.
    #[must_use]
    pub const fn secs(self) -> f64 {
        match self {
            Self::Hour => 3_600.0,
            Self::Day => SECS_PER_DAY,
            Self::Week => 7.0 * SECS_PER_DAY,
            Self::Month => 30.0 * SECS_PER_DAY,
            Self::Year => 365.0 * SECS_PER_DAY,
        }
    }

    /// The word in settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }
}

impl fmt::Display for FalseAlarmBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} per {}", self.count, self.per.as_str())
    }
}

impl FromStr for FalseAlarmBudget {
    type Err = BudgetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = || BudgetError(text.to_owned());
        let words: Vec<&str> = text.split_whitespace().collect();
        let [count, "per", word] = words.as_slice() else { return Err(fail()) };
        let count: f64 = count.parse().map_err(|_| fail())?;
        let (per, _) = Period::ALL.iter().find(|(_, name)| name == word).ok_or_else(fail)?;
        Self::try_new(count, *per).map_err(|_| fail())
    }
}

impl TryFrom<String> for FalseAlarmBudget {
    type Error = BudgetError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<FalseAlarmBudget> for String {
    fn from(budget: FalseAlarmBudget) -> Self {
        budget.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_read_as_people_write_them() {
        for (text, per_day) in [("1 per week", 1.0 / 7.0), ("2 per day", 2.0), ("0.5 per month", 0.5 / 30.0)] {
            let budget: FalseAlarmBudget = text.parse().expect(text);
            assert!((budget.per_second() * SECS_PER_DAY - per_day).abs() < 1e-12);
            assert_eq!(budget.to_string(), text);
        }
        for text in
            ["", "1", "one per week", "0 per week", "-1 per day", "NaN per day", "1 per fortnight", "1e9 per day"]
        {
            let error = text.parse::<FalseAlarmBudget>().expect_err(text).to_string();
            assert!(error.contains("1 per week"), "{error}");
        }
    }

    #[test]
    fn the_boundary_follows_the_budget_and_the_step() {
        let p = |text: &str, secs| {
            text.parse::<FalseAlarmBudget>().expect(text).p_star(Step::from_secs(secs).expect("step"))
        };
        assert!((p("1 per week", 60) - 60.0 / 604_800.0).abs() < 1e-12);
        assert!(p("1 per day", 60) > p("1 per week", 60));
        assert!((p("100 per hour", 86_400) - LARGEST_P_STAR).abs() < 1e-12);
    }
}
