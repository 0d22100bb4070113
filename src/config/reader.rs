//! From the tree to typed settings: a serde deserializer that knows places and words its errors for people.
//!
//! A scalar is read as what the setting wants: the text `8080` is a port where a number is wanted and a label value
//! where a text is.

use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, Unexpected, VariantAccess,
    Visitor,
};
use serde::forward_to_deserialize_any;

use super::fault::{Fault, Problem, unknown};
use super::node::{Entry, Node, Plain, Scalar, Value};
use super::references::without_secrets;

/// Reads `node`, which is `setting`, as a `T`.
pub(super) fn read<T: DeserializeOwned>(node: &Node, setting: &str) -> Result<T, Problem> {
    let reader = Reader(node);
    T::deserialize(reader).map_err(|fault| reader.place(fault).into_problem(setting))
}

/// Reads one node.
#[derive(Clone, Copy)]
struct Reader<'a>(&'a Node);

impl<'a> Reader<'a> {
    /// What the node is, for messages.
    fn unexpected(self) -> Unexpected<'a> {
        match &self.0.value {
            Value::Null => Unexpected::Unit,
            Value::Scalar(scalar) => match scalar.plain {
                Plain::Bool(value) => Unexpected::Bool(value),
                Plain::Integer(_) | Plain::Float(_) | Plain::Text => Unexpected::Str(&scalar.text),
            },
            Value::List(_) => Unexpected::Seq,
            Value::Map(_) => Unexpected::Map,
        }
    }

    /// The fault, at this node unless a nearer place is known, without the text that a reference brought in.
    ///
    /// Called both where a visitor refuses a value and where a whole element fails: a `try_from` runs after the visitor.
    fn place(self, fault: Fault) -> Fault {
        let mut fault = fault.or_at(self.0.place);
        fault.message = without_secrets(fault.message, self.0);
        fault
    }

    fn scalar(self) -> Option<&'a Scalar> {
        if let Value::Scalar(scalar) = &self.0.value { Some(scalar) } else { None }
    }

    fn number(self) -> Option<Plain> {
        let scalar = self.scalar()?;
        match scalar.plain {
            Plain::Integer(_) | Plain::Float(_) => Some(scalar.plain),
            // Only what came from outside: a quoted number in the file is a text on purpose.
            Plain::Text if scalar.reference.is_some() => {
                let text = scalar.text.trim();
                text.parse().map(Plain::Integer).ok().or_else(|| text.parse().map(Plain::Float).ok())
            }
            Plain::Bool(_) | Plain::Text => None,
        }
    }

    fn mismatch<'de, V: Visitor<'de>>(self, visitor: &V) -> Fault {
        self.place(de::Error::invalid_type(self.unexpected(), visitor))
    }
}

macro_rules! whole_numbers {
    ($($method:ident)*) => {
        $(
            fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
                match self.number() {
                    Some(Plain::Integer(value)) => visitor.visit_i64(value).map_err(|fault| self.place(fault)),
                    _ => Err(self.mismatch(&visitor)),
                }
            }
        )*
    };
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.0.value {
            Value::Null => visitor.visit_unit(),
            Value::Scalar(scalar) => match scalar.plain {
                Plain::Bool(value) => visitor.visit_bool(value),
                Plain::Integer(value) => visitor.visit_i64(value),
                Plain::Float(value) => visitor.visit_f64(value),
                Plain::Text => visitor.visit_str(&scalar.text),
            },
            Value::List(items) => visitor.visit_seq(Items { items, next: 0 }),
            Value::Map(entries) => visitor.visit_map(Entries { entries, next: 0 }),
        }
        .map_err(|fault| self.place(fault))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let value = self.scalar().and_then(|scalar| match scalar.plain {
            Plain::Bool(value) => Some(value),
            Plain::Text if scalar.reference.is_some() => scalar.text.trim().parse().ok(),
            Plain::Integer(_) | Plain::Float(_) | Plain::Text => None,
        });
        match value {
            Some(value) => visitor.visit_bool(value).map_err(|fault| self.place(fault)),
            None => Err(self.mismatch(&visitor)),
        }
    }

    whole_numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.number() {
            Some(Plain::Integer(value)) => visitor.visit_f64(value as f64),
            Some(Plain::Float(value)) => visitor.visit_f64(value),
            _ => return Err(self.mismatch(&visitor)),
        }
        .map_err(|fault| self.place(fault))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.scalar() {
            Some(scalar) => visitor.visit_str(&scalar.text).map_err(|fault| self.place(fault)),
            None => Err(self.mismatch(&visitor)),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.0.value {
            Value::Null => visitor.visit_none(),
            Value::Scalar(_) | Value::List(_) | Value::Map(_) => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self).map_err(|fault| self.place(fault))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.0.value {
            Value::List(_) => self.deserialize_any(visitor),
            Value::Null | Value::Scalar(_) | Value::Map(_) => Err(self.mismatch(&visitor)),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.0.value {
            // `sources:` with nothing below it is an empty mapping.
            Value::Null => visitor.visit_map(Entries { entries: &[], next: 0 }).map_err(|fault| self.place(fault)),
            Value::Map(_) => self.deserialize_any(visitor),
            Value::Scalar(_) | Value::List(_) => Err(self.mismatch(&visitor)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let (name, place, content) = match &self.0.value {
            Value::Scalar(scalar) => (scalar.text.as_str(), self.0.place, None),
            Value::Map(entries) if entries.len() == 1 => match entries.first() {
                Some(entry) => (entry.key.as_str(), entry.place, Some(&entry.node)),
                None => return Err(self.place(Fault::new(one_of(variants)))),
            },
            Value::Null | Value::List(_) | Value::Map(_) => return Err(self.place(Fault::new(one_of(variants)))),
        };
        if !variants.contains(&name) {
            return Err(self.place(Fault::new(unknown("value", name, variants)).or_at(place)));
        }
        visitor.visit_enum(Variant { name, content }).map_err(|fault| self.place(fault))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i128 u128 f32 char bytes byte_buf unit unit_struct tuple tuple_struct
    }
}

fn one_of(variants: &[&str]) -> String {
    let names: Vec<String> = variants.iter().map(|name| format!("`{name}`")).collect();
    format!("expected exactly one of {}", names.join(", "))
}

/// Elements of a list.
struct Items<'a> {
    items: &'a [Node],
    next: usize,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some(node) = self.items.get(self.next) else { return Ok(None) };
        let index = self.next;
        self.next += 1;
        let reader = Reader(node);
        seed.deserialize(reader).map(Some).map_err(|fault| reader.place(fault).within(format!("[{index}]")))
    }
}

/// Entries of a mapping.
struct Entries<'a> {
    entries: &'a [Entry],
    next: usize,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some(entry) = self.entries.get(self.next) else { return Ok(None) };
        let key = StrDeserializer::<Fault>::new(&entry.key);
        seed.deserialize(key).map(Some).map_err(|fault| fault.or_at(entry.place))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Fault> {
        let Some(entry) = self.entries.get(self.next) else {
            return Err(Fault::new("a value was asked for before its key"));
        };
        self.next += 1;
        let reader = Reader(&entry.node);
        seed.deserialize(reader).map_err(|fault| reader.place(fault).within(format!(".{}", entry.key)))
    }
}

/// One variant of an enum: its name alone, or with settings below it.
struct Variant<'a> {
    name: &'a str,
    content: Option<&'a Node>,
}

impl<'de, 'a> EnumAccess<'de> for Variant<'a> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self), Fault> {
        let name = seed.deserialize(StrDeserializer::<Fault>::new(self.name))?;
        Ok((name, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        match self.content {
            None => Ok(()),
            Some(_) => Err(Fault::new(format!("`{}` has no settings", self.name))),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        let Some(node) = self.content else {
            return Err(Fault::new(format!("`{0}` needs its settings: write `{0}: {{ … }}`", self.name)));
        };
        let reader = Reader(node);
        seed.deserialize(reader).map_err(|fault| reader.place(fault).within(format!(".{}", self.name)))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.struct_variant(&[], visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Fault> {
        let Some(node) = self.content else {
            return Err(Fault::new(format!("`{0}` needs its settings: write `{0}: {{ … }}`", self.name)));
        };
        let reader = Reader(node);
        reader.deserialize_any(visitor).map_err(|fault| reader.place(fault).within(format!(".{}", self.name)))
    }
}
