//! Labels: the identity of a series or an alert.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Labels as a sorted set of names and values.
///
/// Names are unique. An empty value means "absent", as in Prometheus, and is dropped on construction.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "BTreeMap<String, String>", into = "BTreeMap<String, String>")]
pub struct Labels(BTreeMap<String, String>);

/// The 64-bit identity of a label set, written as 16 hexadecimal digits.
///
/// FNV-1a over `name 0xff value 0xff …` in label order, as Prometheus' `model.LabelSet` computes it, so that an
/// alert keeps its fingerprint on the way through Alertmanager.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(pub u64);

/// Why a text is not a fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("fingerprint must be 16 hexadecimal digits, got `{0}`")]
pub struct LabelError(pub String);

impl Labels {
    /// No labels.
    #[must_use]
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// The value of `name`, if present.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Sets `name` to `value`; an empty value removes the label.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<String>) {
        let (name, value) = (name.into(), value.into());
        if value.is_empty() {
            self.0.remove(&name);
        } else {
            self.0.insert(name, value);
        }
    }

    /// The same labels with `name` set to `value`.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.insert(name, value);
        self
    }

    /// The same labels without `name`.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.0.remove(name);
        self
    }

    /// Names and values in name order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether both have the same names, and the same values but for exactly one.
    #[must_use]
    pub fn differ_in_one(&self, other: &Self) -> bool {
        self.0.len() == other.0.len()
            && self.0.keys().eq(other.0.keys())
            && self.0.values().zip(other.0.values()).filter(|(own, their)| own != their).count() == 1
    }

    /// Whether there is no label.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Number of labels.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The metric name (`__name__`), if present.
    #[must_use]
    pub fn metric_name(&self) -> Option<&str> {
        self.get("__name__")
    }

    /// Whether every label of `matcher` is present here with the same value.
    #[must_use]
    pub fn contains_all(&self, matcher: &Self) -> bool {
        matcher.iter().all(|(name, value)| self.get(name) == Some(value))
    }

    /// The identity of the set.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        const OFFSET: u64 = 14_695_981_039_346_656_037;
        const PRIME: u64 = 1_099_511_628_211;
        let mut hash = OFFSET;
        let mut feed = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(PRIME);
        for (name, value) in self.iter() {
            name.bytes().for_each(&mut feed);
            feed(0xff);
            value.bytes().for_each(&mut feed);
            feed(0xff);
        }
        Fingerprint(hash)
    }
}

impl fmt::Display for Labels {
    /// The form people know from Prometheus: `name{a="b",c="d"}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = self.metric_name() {
            f.write_str(name)?;
        }
        let mut rest = self.iter().filter(|(name, _)| *name != "__name__").peekable();
        if rest.peek().is_none() {
            return if self.metric_name().is_none() { f.write_str("{}") } else { Ok(()) };
        }
        f.write_str("{")?;
        let mut first = true;
        for (name, value) in rest {
            if !first {
                f.write_str(",")?;
            }
            first = false;
            let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            write!(f, "{name}=\"{escaped}\"")?;
        }
        f.write_str("}")
    }
}

impl From<BTreeMap<String, String>> for Labels {
    fn from(map: BTreeMap<String, String>) -> Self {
        map.into_iter().collect()
    }
}

impl From<Labels> for BTreeMap<String, String> {
    fn from(labels: Labels) -> Self {
        labels.0
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Labels {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut labels = Self::new();
        for (name, value) in pairs {
            labels.insert(name, value);
        }
        labels
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl std::str::FromStr for Fingerprint {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_hex = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
        if !is_hex {
            return Err(LabelError(text.to_owned()));
        }
        u64::from_str_radix(text, 16).map(Self).map_err(|_| LabelError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_is_the_form_of_prometheus() {
        let labels: Labels = [("__name__", "up"), ("job", "api"), ("path", "a\"b")].into_iter().collect();
        assert_eq!(labels.to_string(), r#"up{job="api",path="a\"b"}"#);
        assert_eq!(Labels::new().to_string(), "{}");
        assert_eq!(Labels::new().with("__name__", "up").to_string(), "up");
    }

    #[test]
    fn siblings_differ_in_one_label() {
        let one = Labels::new().with("job", "api").with("instance", "a:80");
        assert!(one.differ_in_one(&one.clone().with("instance", "b:80")));
        for other in
            [one.clone(), one.clone().with("instance", "b:80").with("job", "web"), one.clone().with("zone", "x")]
        {
            assert!(!one.differ_in_one(&other), "{other}");
        }
    }

    #[test]
    fn an_empty_value_is_an_absent_label() {
        assert!(Labels::new().with("a", "").is_empty());
    }

    #[test]
    fn fingerprints_round_trip_through_text_and_differ_by_boundary() {
        let a = Labels::new().with("ab", "c").fingerprint();
        let b = Labels::new().with("a", "bc").fingerprint();
        assert_ne!(a, b);
        assert_eq!(a.to_string().parse::<Fingerprint>(), Ok(a));
        assert!("xyz".parse::<Fingerprint>().is_err());
        assert!("+123456789abcdef".parse::<Fingerprint>().is_err());
    }
}
