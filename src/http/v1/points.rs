//! The points of a series as callers write them, read without holding more than what counts.

use std::fmt;

use jiff::Timestamp;
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Unexpected, Visitor};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::engine::requests::{MAX_STEPS, unix_millis};

/// A moment: RFC 3339, or Unix seconds, milliseconds, microseconds or nanoseconds; which of them, the magnitude tells
/// (below 1e11, 1e14, 1e17; of several points, the median).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Moment {
    /// A Unix number of any unit.
    Unix(f64),
    /// Unix milliseconds.
    Millis(i64),
}

/// `[[time, value], …]`; a value may be `null`.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Points {
    times: Times,
    values: Vec<f64>,
}

/// `[value, …]`; a value may be `null`, read as NaN.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Values(pub(super) Vec<f64>);

/// A time and a value, for the description.
#[derive(Debug, ToSchema)]
#[schema(as = Point, value_type = Vec<serde_json::Value>, example = json!(["2026-06-01T00:00:00Z", 12.5]))]
#[expect(dead_code, reason = "only described")]
pub(super) struct PointShape(Vec<serde_json::Value>);

#[derive(Debug, PartialEq)]
enum Times {
    Unix(Vec<f64>),
    Millis(Vec<i64>),
}

impl Default for Times {
    fn default() -> Self {
        Self::Unix(Vec::new())
    }
}

impl Moment {
    /// Unix milliseconds.
    pub(super) fn millis(self) -> i64 {
        match self {
            Self::Unix(number) => unix_millis(&[number]).first().copied().unwrap_or_default(),
            Self::Millis(millis) => millis,
        }
    }
}

impl PartialSchema for Moment {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String);
        let number = ObjectBuilder::new().schema_type(Type::Number);
        let description = "A time: RFC 3339, or a Unix number of seconds, milliseconds, microseconds or nanoseconds.";
        OneOfBuilder::new().item(text).item(number).description(Some(description)).into()
    }
}

impl ToSchema for Moment {}

impl Points {
    /// Times in Unix milliseconds, and values; NaN where there is none.
    pub(super) fn into_parts(self) -> (Vec<i64>, Vec<f64>) {
        let times = match self.times {
            Times::Unix(numbers) => unix_millis(&numbers),
            Times::Millis(millis) => millis,
        };
        (times, self.values)
    }

    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    fn push<E: Error>(&mut self, time: Moment, value: f64) -> Result<(), E> {
        match (&mut self.times, time) {
            (Times::Unix(numbers), Moment::Unix(number)) => numbers.push(number),
            (Times::Millis(all), Moment::Millis(millis)) => all.push(millis),
            (Times::Unix(numbers), Moment::Millis(millis)) if numbers.is_empty() => {
                self.times = Times::Millis(vec![millis]);
            }
            _ => return Err(E::custom("the times of one series must all be texts or all be numbers")),
        }
        self.values.push(value);
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MomentVisitor)
    }
}

struct MomentVisitor;

impl Visitor<'_> for MomentVisitor {
    type Value = Moment;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time such as \"2026-01-31T12:00:00Z\" or Unix seconds or milliseconds")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Moment, E> {
        Ok(Moment::Unix(number as f64))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Moment, E> {
        Ok(Moment::Unix(number as f64))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Moment, E> {
        Ok(Moment::Unix(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Moment, E> {
        let time: Timestamp = text.parse().map_err(|_| E::invalid_value(Unexpected::Str(text), &self))?;
        Ok(Moment::Millis(time.as_millisecond()))
    }
}

/// `[time, value]`.
struct Pair(Moment, f64);

impl<'de> Deserialize<'de> for Pair {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(PairVisitor)
    }
}

struct PairVisitor;

impl<'de> Visitor<'de> for PairVisitor {
    type Value = Pair;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[time, value] with a number or null as value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Pair, A::Error> {
        let time = seq.next_element()?.ok_or_else(|| A::Error::invalid_length(0, &self))?;
        let value: Option<f64> = seq.next_element()?.ok_or_else(|| A::Error::invalid_length(1, &self))?;
        if seq.next_element::<serde::de::IgnoredAny>()?.is_some() {
            return Err(A::Error::invalid_length(3, &self));
        }
        Ok(Pair(time, value.unwrap_or(f64::NAN)))
    }
}

impl<'de> Deserialize<'de> for Points {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(PointsVisitor)
    }
}

struct PointsVisitor;

impl<'de> Visitor<'de> for PointsVisitor {
    type Value = Points;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of [time, value]")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Points, A::Error> {
        let mut points = Points::default();
        while let Some(Pair(time, value)) = seq.next_element()? {
            if points.values.len() >= MAX_STEPS {
                return Err(too_many());
            }
            points.push(time, value)?;
        }
        Ok(points)
    }
}

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ValuesVisitor)
    }
}

struct ValuesVisitor;

impl<'de> Visitor<'de> for ValuesVisitor {
    type Value = Values;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of numbers and nulls")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Values, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element::<Option<f64>>()? {
            if values.len() >= MAX_STEPS {
                return Err(too_many());
            }
            values.push(value.unwrap_or(f64::NAN));
        }
        Ok(Values(values))
    }
}

fn too_many<E: Error>() -> E {
    E::custom(format_args!("more than {MAX_STEPS} points; send fewer, or in several requests"))
}

#[cfg(test)]
mod tests {
    use super::super::super::extract::parse;
    use super::*;

    #[track_caller]
    fn read(json: &str, times: &[i64], values: &str) {
        let points: Points = parse(json.as_bytes()).unwrap_or_else(|error| panic!("{}", error.message()));
        let (got_times, got_values) = points.into_parts();
        assert_eq!((got_times.as_slice(), format!("{got_values:?}").as_str()), (times, values), "{json}");
    }

    #[track_caller]
    fn refused(json: &str, part: &str) {
        let error = parse::<Points>(json.as_bytes()).expect_err(json);
        assert!(error.message().contains(part), "{json}: {}", error.message());
    }

    #[test]
    fn points_are_read_in_every_unit() {
        read("[]", &[], "[]");
        read(
            r#"[["2026-06-01T00:00:00Z",1],["2026-06-01T02:01:00+02:00",null]]"#,
            &[1_780_272_000_000, 1_780_272_060_000],
            "[1.0, NaN]",
        );
        read("[[1780272000,-0.5],[1780272060,1e308]]", &[1_780_272_000_000, 1_780_272_060_000], "[-0.5, 1e308]");
        read("[[1780272000000,1]]", &[1_780_272_000_000], "[1.0]");
        read("[[1e300,1],[-1e300,1]]", &[i64::MAX, i64::MIN], "[1.0, 1.0]");
    }

    #[test]
    fn what_is_no_point_is_refused_with_its_path() {
        refused(r#"[[1,2],[3,"abc"]]"#, "[1][1]: invalid type: string \"abc\", expected a number");
        refused("[[1]]", "[0]: invalid length 1");
        refused("[[1,2,3]]", "invalid length 3");
        refused("[1]", "[0]: invalid type: integer `1`, expected [time, value]");
        refused(r#"[["yesterday",1]]"#, "[0][0]: invalid value: string \"yesterday\"");
        refused(r#"[[1,1],["2026-06-01T00:00:00Z",1]]"#, "all be texts or all be numbers");
        refused("[[1,1e400]]", "number out of range");
        refused("[[true,1]]", "[0][0]: invalid type: boolean");
        refused("{}", "expected a list of [time, value]");
    }
}
