//! A text that must not be shown.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// What stands where a secret would.
const REDACTED: &str = "[redacted]";

/// A password, token or header value: read from settings, never shown.
///
/// `Debug` and `Serialize` write `[redacted]`, so that a secret in a settings struct reaches neither logs nor the
/// page that shows the settings. There is no `Display`. [`Secret::expose`] is the only way to the text.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Takes `text` into custody.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that sends it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing to hide.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(REDACTED)
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_in_neither_debug_nor_json_and_is_read_from_json() {
        let secret: Secret = serde_json::from_str("\"canary\"").expect("a string");
        assert_eq!(secret.expose(), "canary");
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "[redacted] Some([redacted])");
        assert_eq!(serde_json::to_string(&secret).expect("serialises"), "\"[redacted]\"");
        assert!(Secret::default().is_empty() && !secret.is_empty());
    }
}
