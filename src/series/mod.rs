//! What a time series is.
//!
//! Input: samples as they were pulled, pushed or read: disordered, duplicated, gapped, counters that reset.
//! Output: a [`Series`] (regular step, finite values, imputed points flagged) or an [`Entity`] (several aligned series).
//! Never: reads the clock, a file or the network; never drops a defect without counting it in a quality report.
//!
//! The stages are types: [`Samples`] → [`Grid`] → [`Series`]. What holds a `Series` need not check for NaN.

mod aggregate;
mod align;
mod calendar;
mod changepoint;
mod duration;
mod entity;
mod grid;
mod hours;
mod impute;
mod labels;
mod profile;
mod quality;
mod samples;
mod secret;
mod settings;
mod slots;
mod step;
mod unit;
mod values;

pub use aggregate::{Aggregate, AggregateError};
pub use align::align;
pub use calendar::{Calendar, CalendarError, DayClass, HolidayLike, Phase};
pub use changepoint::{
    ChangeCost, ChangePoint, ChangePointError, ChangePointKind, ChangePointSettings, Penalty, PenaltyError, Segment,
    change_points, segment_starts,
};
pub use duration::{DurationError, HumanDuration};
pub use entity::Entity;
pub use grid::{Grid, MAX_MAGNITUDE, clamp_magnitude};
pub use hours::{HoursError, WeeklyHours};
pub use labels::{Fingerprint, LabelError, Labels};
pub use profile::{Cycle, Demand, Finding, Intermittency, Kind, Noise, Profile, Span, Topic, Trend, seasons};
pub use quality::Quality;
pub use samples::{MetricKind, Sample, Samples};
pub use secret::Secret;
pub use settings::Settings;
pub use slots::{Slots, bucket_start};
pub use step::{Step, infer_step};
pub use unit::Unit;
pub use values::{Series, SeriesError};
