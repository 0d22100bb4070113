//! What the query API answers, parsed straight into samples.
//!
//! Nothing here trusts the server: every shape error is a message, unknown fields are skipped, and memory stays within
//! about twice the size of the body, which the client has bounded before.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::series::{Labels, Sample};

/// Seconds of the year 9999: times beyond are no times.
const MAX_ABS_SECS: f64 = 253_402_207_200.0;

/// The envelope of every answer.
#[derive(Debug, Deserialize)]
pub(super) struct Envelope<'a, T> {
    #[serde(borrow, default)]
    pub(super) status: Cow<'a, str>,
    #[serde(default = "none")]
    pub(super) data: Option<T>,
    #[serde(borrow, rename = "errorType", default)]
    pub(super) error_type: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) error: Cow<'a, str>,
    #[serde(default)]
    pub(super) warnings: Option<Vec<String>>,
    /// Said by clusters of VictoriaMetrics when a storage node did not answer.
    #[serde(rename = "isPartial", default)]
    pub(super) is_partial: bool,
}

fn none<T>() -> Option<T> {
    None
}

impl<T> Envelope<'_, T> {
    /// The warnings that mean missing data. Prometheus 2.48 to 2.53 also sent remarks on the query as warnings.
    pub(super) fn data_warnings(&self) -> impl Iterator<Item = &str> {
        self.warnings.iter().flatten().map(String::as_str).filter(|text| !text.starts_with("PromQL info"))
    }
}

/// The result of a query.
#[derive(Debug, Deserialize)]
pub(super) struct QueryData {
    #[serde(rename = "resultType")]
    pub(super) result_type: String,
    #[serde(default)]
    pub(super) result: QueryResult,
}

/// `matrix` and `vector` are lists of series, `scalar` and `string` a single pair. The shape alone tells them apart, so
/// that the order of the fields does not matter.
#[derive(Debug, Default, PartialEq)]
pub(super) struct QueryResult {
    pub(super) series: Vec<WireSeries>,
    pub(super) scalar: Option<Sample>,
}

/// One series of a result.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct WireSeries {
    pub(super) metric: Labels,
    #[serde(deserialize_with = "points")]
    pub(super) values: Vec<Sample>,
    #[serde(deserialize_with = "one_point")]
    pub(super) value: Option<Sample>,
    /// How many native histogram samples there were.
    #[serde(deserialize_with = "count")]
    pub(super) histograms: usize,
    #[serde(deserialize_with = "presence")]
    pub(super) histogram: bool,
}

/// A pair of time and value.
struct Point(Sample);

/// A number as text (`"NaN"`, `"+Inf"`, `"1e-3"`), as a number, or `null` for NaN.
struct Value(f64);

impl<'de> Deserialize<'de> for Point {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(PointVisitor)
    }
}

struct PointVisitor;

impl<'de> Visitor<'de> for PointVisitor {
    type Value = Point;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a pair of Unix seconds and a value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Point, A::Error> {
        let secs: f64 = seq.next_element()?.ok_or_else(|| A::Error::invalid_length(0, &self))?;
        let Value(value) = seq.next_element()?.ok_or_else(|| A::Error::invalid_length(1, &self))?;
        if seq.next_element::<IgnoredAny>()?.is_some() {
            return Err(A::Error::invalid_length(3, &self));
        }
        Ok(Point(Sample { time_ms: time_ms(secs)?, value }))
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl Visitor<'_> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number as text, such as \"1.5\", \"NaN\" or \"+Inf\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        text.parse().map(Value).map_err(|_| E::invalid_value(serde::de::Unexpected::Str(text), &self))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value(value as f64))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value(value as f64))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value(f64::NAN))
    }
}

fn time_ms<E: Error>(secs: f64) -> Result<i64, E> {
    if secs.abs() <= MAX_ABS_SECS {
        Ok((secs * 1_000.0).round() as i64)
    } else {
        Err(E::custom(format_args!("time {secs} is not within the years -9999 to 9999 as Unix seconds")))
    }
}

fn points<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Sample>, D::Error> {
    deserializer.deserialize_seq(PointsVisitor)
}

struct PointsVisitor;

impl<'de> Visitor<'de> for PointsVisitor {
    type Value = Vec<Sample>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of pairs of time and value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<Sample>, A::Error> {
        let mut samples = Vec::new();
        while let Some(Point(sample)) = seq.next_element()? {
            samples.push(sample);
        }
        Ok(samples)
    }
}

fn one_point<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Sample>, D::Error> {
    Ok(Option::<Point>::deserialize(deserializer)?.map(|Point(sample)| sample))
}

fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    Ok(Vec::<IgnoredAny>::deserialize(deserializer)?.len())
}

fn presence<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(Option::<IgnoredAny>::deserialize(deserializer)?.is_some())
}

impl<'de> Deserialize<'de> for QueryResult {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ResultVisitor)
    }
}

struct ResultVisitor;

impl<'de> Visitor<'de> for ResultVisitor {
    type Value = QueryResult;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of series, or a pair of time and value")
    }

    fn visit_unit<E>(self) -> Result<QueryResult, E> {
        Ok(QueryResult::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<QueryResult, A::Error> {
        let mut result = QueryResult::default();
        let mut time = None;
        while let Some(element) = seq.next_element()? {
            match (element, time) {
                (Element::Series(series), None) if result.scalar.is_none() => result.series.push(*series),
                (Element::Number(secs), None) if result.series.is_empty() && result.scalar.is_none() => {
                    time = Some(secs);
                }
                (Element::Text(text), Some(secs)) => {
                    // A `string` result is no number: NaN says that there is no value.
                    let value = text.parse().unwrap_or(f64::NAN);
                    result.scalar = Some(Sample { time_ms: time_ms(secs)?, value });
                    time = None;
                }
                _ => return Err(A::Error::custom("neither a list of series nor a pair of time and value")),
            }
        }
        if time.is_some() { Err(A::Error::custom("a time without a value")) } else { Ok(result) }
    }
}

/// An element of `result`. The series is boxed because it is much larger than the others.
enum Element {
    Series(Box<WireSeries>),
    Number(f64),
    Text(String),
}

impl<'de> Deserialize<'de> for Element {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ElementVisitor)
    }
}

struct ElementVisitor;

impl<'de> Visitor<'de> for ElementVisitor {
    type Value = Element;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a series, a time or a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Element, A::Error> {
        WireSeries::deserialize(MapAccessDeserializer::new(map)).map(|series| Element::Series(Box::new(series)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Element, E> {
        Ok(Element::Number(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Element, E> {
        Ok(Element::Number(value as f64))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Element, E> {
        Ok(Element::Number(value as f64))
    }

    fn visit_str<E>(self, text: &str) -> Result<Element, E> {
        Ok(Element::Text(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<QueryData, serde_json::Error> {
        let envelope: Envelope<'_, QueryData> = serde_json::from_str(text)?;
        envelope.data.ok_or_else(|| serde_json::Error::custom("no data"))
    }

    fn matrix(result: &str) -> String {
        format!(r#"{{"status":"success","data":{{"resultType":"matrix","result":{result}}}}}"#)
    }

    #[test]
    fn special_values_times_with_fractions_and_field_order_are_read() {
        let data = parse(
            r#"{"data":{"result":[{"values":[[1.5,"NaN"],[2,"+Inf"],[3,"-Inf"],[4.0004,"5e-324"],[5,"1e999"],[6,7]],
            "metric":{"a":"b"},"new":[{}]}],"resultType":"matrix"},"status":"success"}"#,
        )
        .expect("parses");
        let series = &data.result.series[0];
        let times: Vec<i64> = series.values.iter().map(|s| s.time_ms).collect();
        assert_eq!(times, [1_500, 2_000, 3_000, 4_000, 5_000, 6_000]);
        assert!(series.values[0].value.is_nan());
        let values: Vec<f64> = series.values[1..].iter().map(|s| s.value).collect();
        assert_eq!(values, [f64::INFINITY, f64::NEG_INFINITY, 5e-324, f64::INFINITY, 7.0]);
        assert_eq!(series.metric.to_string(), "{a=\"b\"}");
    }

    #[test]
    fn scalars_strings_vectors_and_histograms_are_told_apart() {
        let of = |result: &str| parse(&matrix(result)).expect("parses").result;
        let half = Sample { time_ms: 1_720, value: 0.5 };
        assert_eq!(of(r#"[1.72,"0.5"]"#).scalar, Some(half));
        assert!(of(r#"[1,"text"]"#).scalar.expect("a pair").value.is_nan());
        assert_eq!(of(r#"[{"metric":{},"value":[1.72,"0.5"]}]"#).series[0].value, Some(half));
        let native = of(r#"[{"metric":{},"histograms":[[1,{"count":"3"}],[2,{"count":"3"}]]}]"#);
        assert_eq!((native.series[0].histograms, native.series[0].values.len()), (2, 0));
        assert_eq!(of("[]"), QueryResult::default());
        assert_eq!(of("null"), QueryResult::default());
    }

    #[test]
    fn hostile_shapes_are_errors_and_say_where() {
        for result in [
            r#"[{"metric":{},"values":[[1]]}]"#,
            r#"[{"metric":{},"values":[[1,"2",3]]}]"#,
            r#"[{"metric":{},"values":[[1,"two"]]}]"#,
            r#"[{"metric":{},"values":[["1","2"]]}]"#,
            r#"[{"metric":{},"values":[[1e300,"2"]]}]"#,
            r#"[{"metric":{},"values":[[1e400,"2"]]}]"#,
            r#"[{"metric":{},"values":[[1,true]]}]"#,
            r#"[{"metric":{"a":1},"values":[]}]"#,
            r#"[{"metric":[],"values":[]}]"#,
            r#"[{"metric":{}},1]"#,
            "[1]",
            r#"["1",1]"#,
            r#"[1,"2",{"metric":{}}]"#,
            "7",
            "{}",
        ] {
            let error = parse(&matrix(result)).expect_err(result).to_string();
            assert!(error.contains("line 1 column"), "{result}: {error}");
        }
        assert!(parse(&"[".repeat(100_000)).is_err());
        assert!(parse(&matrix(&"[".repeat(100_000))).is_err());
    }

    #[test]
    fn remarks_on_the_query_are_not_missing_data() {
        let text =
            r#"{"status":"success","warnings":["PromQL info: might not be a counter","store a is down"],"data":null}"#;
        let envelope: Envelope<'_, QueryData> = serde_json::from_str(text).expect("parses");
        assert_eq!(envelope.data_warnings().collect::<Vec<_>>(), ["store a is down"]);
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused_without_a_panic(text in "\\PC{0,200}") {
            let _outcome = parse(&text);
            let _outcome = parse(&matrix(&text));
        }

        #[test]
        fn every_finite_value_comes_back_bit_by_bit(value in any::<f64>(), time in -1_000_000_000_i64..10_000_000_000) {
            let text = matrix(&format!(r#"[{{"metric":{{}},"values":[[{}.{:03},"{value}"]]}}]"#, time / 1_000, time.abs() % 1_000));
            prop_assume!(time >= 0);
            let sample = parse(&text).expect("parses").result.series[0].values[0];
            prop_assert_eq!(sample.time_ms, time);
            prop_assert!(sample.value.to_bits() == value.to_bits() || (sample.value.is_nan() && value.is_nan()));
        }
    }
}
