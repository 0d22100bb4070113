//! Settings of a detector.

use serde::{Deserialize, Serialize};

use super::gates::GateSettings;
use super::isolation_forest::{IsolationForestParams, ParamsError, Split};
use super::types::{FalseAlarmBudget, Model, Watch};
use crate::series::{Calendar, HumanDuration, Step};

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
    /// How series are judged: `full` (default) or `light`.
    pub model: Model,
    /// Time zone and holidays by which the light model tells the time and the kind of day. Default: UTC, no holidays.
    pub calendar: Calendar,
    /// What is known of the metric besides its history.
    pub gates: GateSettings,
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

/// The isolation forest inside a stream: trees (1 to 1000, 24 unless told), rows for each tree (2 to 1024, 64 unless told).
///
/// `extended`, the features in one oblique cut of a batch forest, has no effect on the stream's: it cuts one feature at a
/// time.
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
            model: Model::Full,
            calendar: Calendar::default(),
            gates: GateSettings::default(),
        }
    }
}

impl Settings {
    /// Whether a detector made with `other` learned the same as one made with these: all but the gates, which judge.
    #[must_use]
    pub fn learns_as(&self, other: &Self) -> bool {
        *self == Self { gates: self.gates.clone(), ..other.clone() }
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
            Split::Axis | Split::Guided { .. } => 1,
            Split::Extended { features } => features,
        };
        Self { trees: settings.0.trees(), sample_size: settings.0.sample_size(), extended }
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
        let light = read(r#"{"model":"light","calendar":{"time_zone":"Asia/Tokyo"}}"#).expect("settings");
        assert_eq!((light.model, light.calendar.time_zone()), (Model::Light, "Asia/Tokyo"));
        assert!(read(r#"{"model":"heavy"}"#).is_err() && read(r#"{"calendar":{"time_zone":"Tokyo"}}"#).is_err());
        assert!("heavy".parse::<Model>().expect_err("no model").to_string().contains("`full` or `light`"));
        let again = serde_json::to_string(&settings).expect("written");
        assert_eq!(read(&again).expect("read"), settings);
    }
}
