//! Which runbook belongs to an alert.

use serde::{Deserialize, Serialize};

use super::build::is_web_link;
use crate::series::Labels;

/// A rule: alerts with these labels have this runbook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunbookRule {
    /// Labels that must be present with these values; none matches every alert.
    #[serde(rename = "match", default)]
    pub matches: Labels,
    /// Link, `http` or `https`; `{{name}}` is replaced by the label's value, percent-encoded.
    pub url: String,
}

/// The link of the first rule that matches `labels`.
///
/// Label values are percent-encoded, so that a hostile value cannot leave its place in the link. A rule that names a
/// label which the alert lacks is passed over.
#[must_use]
pub fn runbook_url(rules: &[RunbookRule], labels: &Labels) -> Option<String> {
    rules
        .iter()
        .filter(|rule| labels.contains_all(&rule.matches))
        .find_map(|rule| fill(&rule.url, labels))
        .filter(|url| is_web_link(url))
}

fn fill(template: &str, labels: &Labels) -> Option<String> {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}")?;
        out.push_str(before);
        out.push_str(&percent_encoded(labels.get(name.trim())?));
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

fn percent_encoded(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(matches: &[(&str, &str)], url: &str) -> RunbookRule {
        RunbookRule { matches: matches.iter().copied().collect(), url: url.into() }
    }

    #[test]
    fn the_first_rule_that_matches_wins_and_values_are_encoded() {
        let rules = [
            rule(&[("alertname", "DiskFull")], "https://runbooks/disk/{{instance}}"),
            rule(&[], "https://runbooks/{{alertname}}"),
        ];
        let disk: Labels = [("alertname", "DiskFull"), ("instance", "db-0/../x?y")].into_iter().collect();
        assert_eq!(runbook_url(&rules, &disk).as_deref(), Some("https://runbooks/disk/db-0%2F..%2Fx%3Fy"));
        let bare: Labels = [("alertname", "DiskFull")].into_iter().collect();
        assert_eq!(runbook_url(&rules, &bare).as_deref(), Some("https://runbooks/DiskFull"));
        assert_eq!(runbook_url(&rules[..1], &bare), None);
        assert_eq!(runbook_url(&[rule(&[], "javascript:{{alertname}}")], &bare), None);
    }
}
