//! Settings of a detector.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::isolation_forest::{IsolationForestParams, ParamsError, Split};
use crate::series::{HumanDuration, Step};

/// Largest probability that a boundary may have: with long steps even a generous budget judges one point in a hundred.
pub(super) const LARGEST_P_STAR: f64 = 0.01;
const SECS_PER_DAY: f64 = 86_400.0;

/// Settings of a detector, for series and entities.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// False alarms that are accepted, for one series or entity: `1 per week`, `2 per day`, `0.5 per month`.
    pub false_alarms: FalseAlarmBudget,
    /// Which side is unusual: `both`, `above`, `below`.
    pub direction: Watch,
    /// Shortest season: `auto` (a day, and a week on top of it), `none`, or a duration such as `12h`.
    pub season: Season,
    /// Seed of every random choice.
    pub seed: u64,
    /// The isolation forest of each series or entity.
    pub forest: ForestSettings,
}

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

/// Which side of the expected band is unusual.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Watch {
    /// Both sides.
    #[default]
    Both,
    /// Only values above the expected one.
    Above,
    /// Only values below the expected one.
    Below,
}

/// Which season is expected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Season {
    /// A day and a week, as far as the step and the history allow.
    #[default]
    Auto,
    /// No season.
    None,
    /// This one, and seven times this one.
    Every(HumanDuration),
}

/// Why a text is not a season.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("season must be `auto`, `none` or a duration such as `24h`, got `{0}`")]
pub struct SeasonError(pub String);

/// The isolation forest inside a stream: trees (1 to 1000), rows for each tree (2 to 1024), features in one oblique cut
/// (1 cuts one feature at a time).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ForestKeys", into = "ForestKeys")]
pub struct ForestSettings(IsolationForestParams);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ForestKeys {
    trees: usize,
    sample_size: usize,
    extended: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            false_alarms: FalseAlarmBudget::default(),
            direction: Watch::Both,
            season: Season::Auto,
            seed: 42,
            forest: ForestSettings::default(),
        }
    }
}

impl Default for ForestSettings {
    fn default() -> Self {
        Self(IsolationForestParams::DEFAULT_IN_STREAM)
    }
}

impl Default for ForestKeys {
    fn default() -> Self {
        ForestSettings::default().into()
    }
}

impl ForestSettings {
    /// Settings of a forest: `trees` 1 to 1000, `sample_size` 2 to 1024, `extended` features in one cut, at least 1.
    ///
    /// # Errors
    /// [`ParamsError`] with the value and what is allowed.
    pub fn try_new(trees: usize, sample_size: usize, extended: usize) -> Result<Self, ParamsError> {
        if trees > 1_000 {
            return Err(ParamsError::Trees(trees));
        }
        if sample_size > 1_024 {
            return Err(ParamsError::SampleSize(sample_size));
        }
        let split = if extended == 1 { Split::Axis } else { Split::Extended { features: extended } };
        IsolationForestParams::try_new(trees, sample_size, split, 0).map(Self)
    }

    /// The parameters with a seed.
    #[must_use]
    pub const fn params(&self, seed: u64) -> IsolationForestParams {
        self.0.with_seed(seed)
    }
}

impl TryFrom<ForestKeys> for ForestSettings {
    type Error = ParamsError;

    fn try_from(keys: ForestKeys) -> Result<Self, Self::Error> {
        Self::try_new(keys.trees, keys.sample_size, keys.extended)
    }
}

impl From<ForestSettings> for ForestKeys {
    fn from(settings: ForestSettings) -> Self {
        let extended = match settings.0.split() {
            Split::Axis => 1,
            Split::Extended { features } => features,
        };
        Self { trees: settings.0.trees(), sample_size: settings.0.sample_size(), extended }
    }
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

impl Season {
    /// Points of the short and the long season at `step`; a season of fewer than 6 points is none.
    pub(super) fn points(self, step: Step) -> (Option<usize>, Option<usize>) {
        let short_secs = match self {
            Self::None => return (None, None),
            Self::Auto => SECS_PER_DAY,
            Self::Every(duration) => duration.as_secs_f64(),
        };
        let at_least_six = |points: usize| Some(points).filter(|p| *p >= 6);
        (at_least_six(step.per_secs(short_secs)), at_least_six(step.per_secs(7.0 * short_secs)))
    }
}

impl TryFrom<String> for Season {
    type Error = SeasonError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.as_str() {
            "auto" => Ok(Self::Auto),
            "none" => Ok(Self::None),
            other => {
                let duration: HumanDuration = other.parse().map_err(|_| SeasonError(text.clone()))?;
                if duration.as_millis() > 0 { Ok(Self::Every(duration)) } else { Err(SeasonError(text)) }
            }
        }
    }
}

impl From<Season> for String {
    fn from(season: Season) -> Self {
        match season {
            Season::Auto => "auto".to_owned(),
            Season::None => "none".to_owned(),
            Season::Every(duration) => duration.to_string(),
        }
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

    #[test]
    fn settings_refuse_unknown_keys_and_fill_in_the_rest() {
        let read = |json: &str| serde_json::from_str::<Settings>(json);
        let settings = read(r#"{"false_alarms":"2 per day","direction":"above","season":"12h"}"#).expect("settings");
        assert_eq!(settings.direction, Watch::Above);
        assert_eq!(settings.season.points(Step::HOUR), (Some(12), Some(84)));
        assert_eq!(settings.forest, ForestSettings::default());
        assert!(read(r#"{"wrongkey":1}"#).is_err());
        assert!(read(r#"{"forest":{"trees":0}}"#).is_err());
        assert!(read(r#"{"forest":{"extended":3}}"#).is_ok());
        assert!(read(r#"{"season":"0s"}"#).is_err());
        assert!(read(r#"{"season":"sometimes"}"#).is_err());
        let again = serde_json::to_string(&settings).expect("written");
        assert_eq!(read(&again).expect("read"), settings);
    }
}
