//! YAML as a tree that knows where everything stands.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use super::fault::Problem;

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    /// Line and column, counted from 1.
    pub(super) place: (u64, u64),
    /// The value.
    pub(super) value: Value,
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// Nothing was written.
    Null,
    /// A single value.
    Scalar(Scalar),
    /// Values in order.
    List(Vec<Node>),
    /// Keys and values in order; keys are unique.
    Map(Vec<Entry>),
}

/// A single value: its text, and what YAML takes it for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scalar {
    /// The text, so that a label `1.10` stays `1.10`.
    pub(super) text: String,
    /// What an untyped reader would see.
    pub(super) plain: Plain,
    /// Where `text` came from, when it came from outside and must not be shown.
    pub(super) reference: Option<Reference>,
}

/// A text that was brought in from outside.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reference {
    /// The text as written in the file.
    pub(super) written: String,
    /// What was put in the place of each reference.
    pub(super) brought_in: Vec<String>,
}

/// What YAML takes a scalar for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Plain {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A number.
    Float(f64),
    /// Anything else.
    Text,
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    /// The key.
    pub(super) key: String,
    /// Its line and column.
    pub(super) place: (u64, u64),
    /// The value.
    pub(super) node: Node,
}

impl Node {
    /// Reads `text`. Anchors and nesting are bounded, so a small file cannot become a large tree.
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        let options = serde_saphyr::options! {
            budget: serde_saphyr::budget! { max_depth: 32, max_nodes: 100_000, max_events: 300_000 },
            alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 20_000, max_replay_stack_depth: 8 },
            strict_booleans: true,
            with_snippet: false,
        };
        let tree: Spanned<Shape> =
            serde_saphyr::from_str_with_options(text, options).map_err(|error| explain(&error))?;
        Ok(build(tree, text))
    }

    /// The value of `key`, when this is a mapping that has it.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let Value::Map(entries) = &self.value else { return None };
        entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    /// The value that `keys` lead to, as far as they go.
    pub(super) fn at(&self, keys: &[&str]) -> &Self {
        let mut here = self;
        for key in keys {
            let index = key.parse::<usize>().ok();
            let next = match (&here.value, index) {
                (Value::List(items), Some(index)) => items.get(index),
                _ => here.get(key),
            };
            let Some(next) = next else { break };
            here = next;
        }
        here
    }
}

/// The shape of a value as the YAML library hands it over; places wrap it.
enum Shape {
    Null,
    Plain(String, Plain),
    List(Vec<Spanned<Self>>),
    Map(Vec<(String, Spanned<Self>)>),
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShapeVisitor)
    }
}

struct ShapeVisitor;

impl<'de> Visitor<'de> for ShapeVisitor {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Shape, E> {
        Ok(Shape::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Shape, E> {
        Ok(Shape::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Shape, D::Error> {
        Shape::deserialize(deserializer)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Shape, E> {
        Ok(Shape::Plain(value.to_string(), Plain::Bool(value)))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Shape, E> {
        Ok(Shape::Plain(value.to_string(), Plain::Integer(value)))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Shape, E> {
        let plain = i64::try_from(value).map_or(Plain::Float(value as f64), Plain::Integer);
        Ok(Shape::Plain(value.to_string(), plain))
    }

    fn visit_i128<E: de::Error>(self, value: i128) -> Result<Shape, E> {
        Ok(Shape::Plain(value.to_string(), Plain::Float(value as f64)))
    }

    fn visit_u128<E: de::Error>(self, value: u128) -> Result<Shape, E> {
        Ok(Shape::Plain(value.to_string(), Plain::Float(value as f64)))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Shape, E> {
        Ok(Shape::Plain(value.to_string(), Plain::Float(value)))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Shape, E> {
        Ok(Shape::Plain(text.to_owned(), Plain::Text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Shape, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Shape::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Shape, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Shape::Map(entries))
    }
}

fn build(shape: Spanned<Shape>, text: &str) -> Node {
    let (place, defined) = (place_of(&shape.referenced), shape.defined);
    let value = match shape.value {
        Shape::Null => Value::Null,
        Shape::Plain(read, plain) => {
            let written = if plain == Plain::Text { None } else { written(&defined, text) };
            Value::Scalar(Scalar { text: written.unwrap_or(read), plain, reference: None })
        }
        Shape::List(items) => Value::List(items.into_iter().map(|item| build(item, text)).collect()),
        Shape::Map(entries) => Value::Map(
            entries
                .into_iter()
                .map(|(key, inner)| {
                    let place = key_place(&key, &inner.referenced, text);
                    Entry { key, place, node: build(inner, text) }
                })
                .collect(),
        ),
    };
    Node { place, value }
}

fn place_of(location: &Location) -> (u64, u64) {
    (location.line(), location.column())
}

/// The scalar at `location` as it stands in `text`.
fn written(location: &Location, text: &str) -> Option<String> {
    let start = usize::try_from(location.span().byte_offset()?).ok()?;
    let length = usize::try_from(location.span().byte_len()?).ok()?;
    let slice = text.get(start..start.checked_add(length)?)?.trim();
    (!slice.is_empty()).then(|| slice.to_owned())
}

/// Where `key` stands: its last occurrence before its value.
fn key_place(key: &str, value: &Location, text: &str) -> (u64, u64) {
    let fallback = place_of(value);
    let end = value.span().byte_offset().and_then(|offset| usize::try_from(offset).ok());
    let Some(before) = end.and_then(|end| text.get(..end)) else { return fallback };
    let Some(at) = before.rfind(key) else { return fallback };
    let line_start = before[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let line = before[..at].matches('\n').count() + 1;
    let column = before[line_start..at].chars().count() + 1;
    (line as u64, column as u64)
}

/// What the YAML library found, in our words where people meet it.
fn explain(error: &serde_saphyr::Error) -> Problem {
    use serde_saphyr::Error;
    let (line, column) = error.location().map_or((0, 0), |location| place_of(&location));
    let mut error = error.without_snippet();
    if let Error::AliasError { error: inner, .. } = error {
        error = inner.as_ref();
    }
    let message = match error {
        Error::DuplicateMappingKey { key: Some(key), .. } => {
            format!("`{}` is there twice; keep one", super::fault::shortened(key))
        }
        Error::MultipleDocuments { .. } => "there is more than one YAML document; keep one, without `---`".to_owned(),
        other => in_a_line(&other.to_string()),
    };
    Problem { line, column, setting: String::new(), message }
}

/// The library's text without the place, which is said already, and with what to do about it.
fn in_a_line(text: &str) -> String {
    if text.contains("limit exceeded") || text.contains("budget") {
        return "anchors, aliases or nesting grow beyond what a configuration needs; write the values out".to_owned();
    }
    let text = text.split(" at line ").next().unwrap_or(text).lines().next().unwrap_or_default();
    let advice = if text.contains("tabs") { "; indent with spaces" } else { "" };
    format!("not valid YAML: {}{advice}", super::fault::shortened(text))
}
