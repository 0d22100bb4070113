//! Where in its season a point stands.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::detect::settings::Season;
use crate::series::{Calendar, DayClass, Step};

/// Most phases of a season.
const MOST_PHASES: usize = 96;
/// A season has at least so many points.
const FEWEST_POINTS: f64 = 6.0;
const DAY_SECS: f64 = 86_400.0;

/// Which seasons there are and how they are cut into phases.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) enum Cut {
    /// No season.
    None,
    /// So many phases of the local day, for each kind of day.
    Day(usize),
    /// So many phases of the local week; a holiday is a Sunday.
    Week(usize),
    /// So many phases of a period of so many milliseconds, whatever the calendar.
    Period(usize, i64),
}

/// A place in the season.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    /// Kind of the day, 0 when it does not matter.
    pub(super) class: usize,
    /// Position between 0 and the number of phases.
    pub(super) position: f64,
}

impl Cut {
    /// The cut of a season at `step`.
    pub(super) fn new(season: Season, step: Step) -> Self {
        let points = |secs: f64| secs / step.secs_f64();
        let phases = |secs: f64| (points(secs) as usize).min(MOST_PHASES);
        match season {
            Season::None => Self::None,
            Season::Every(duration) if points(duration.as_secs_f64()) < FEWEST_POINTS => Self::None,
            Season::Every(duration) if duration.as_millis() != DAY_SECS as i64 * 1_000 => {
                Self::Period(phases(duration.as_secs_f64()), duration.as_millis())
            }
            _ if points(DAY_SECS) >= FEWEST_POINTS => Self::Day(phases(DAY_SECS)),
            _ if points(7.0 * DAY_SECS) >= FEWEST_POINTS => Self::Week(phases(7.0 * DAY_SECS)),
            _ => Self::None,
        }
    }

    /// Phases of one kind of day, and kinds of days.
    pub(super) const fn shape(self) -> (usize, usize) {
        match self {
            Self::None => (0, 0),
            Self::Day(phases) => (phases, DayClass::COUNT),
            Self::Week(phases) | Self::Period(phases, _) => (phases, 1),
        }
    }

    /// Seconds of the whole season.
    pub(super) fn secs(self) -> f64 {
        match self {
            Self::None | Self::Day(_) => DAY_SECS,
            Self::Week(_) => 7.0 * DAY_SECS,
            Self::Period(_, millis) => millis as f64 / 1_000.0,
        }
    }

    /// Where `at` stands; `None` without a season.
    pub(super) fn slot(self, at: Timestamp, calendar: &Calendar) -> Option<Slot> {
        match self {
            Self::None => None,
            Self::Day(phases) => {
                let phase = calendar.phase(at);
                let position = f64::from(phase.second_of_day) * (phases as f64 / DAY_SECS);
                Some(Slot { class: phase.day_class.index(), position })
            }
            Self::Week(phases) => {
                let phase = calendar.phase(at);
                let weekday = match phase.day_class {
                    DayClass::Sunday => 6,
                    DayClass::Saturday => 5,
                    DayClass::Workday => phase.weekday,
                };
                let secs = f64::from(weekday) * DAY_SECS + f64::from(phase.second_of_day);
                Some(Slot { class: 0, position: secs * (phases as f64 / (7.0 * DAY_SECS)) })
            }
            Self::Period(phases, millis) => {
                let within = at.as_millisecond().rem_euclid(millis.max(1)) as f64;
                Some(Slot { class: 0, position: within * (phases as f64 / millis as f64) })
            }
        }
    }
}
