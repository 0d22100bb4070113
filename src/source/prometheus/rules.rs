//! The rules that the server evaluates.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::series::Labels;

/// A rule of the server: what people already alert on or precompute.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Name of its group.
    pub group: String,
    /// Name of the alert, or of the series that is recorded.
    pub name: String,
    /// Its expression.
    pub query: String,
    /// Whether it raises alerts; otherwise it records a series.
    pub alerting: bool,
    /// How long the expression must hold before it fires, seconds; 0 for recording rules.
    pub for_secs: f64,
    /// Labels that it adds.
    pub labels: Labels,
    /// Annotation templates.
    pub annotations: BTreeMap<String, String>,
    /// `inactive`, `pending` or `firing`; `None` for recording rules.
    pub state: Option<String>,
    /// `ok`, `err` or `unknown`.
    pub health: String,
}

/// The data of `/api/v1/rules`.
#[derive(Debug, Deserialize)]
pub(super) struct WireRules {
    #[serde(default)]
    groups: Vec<WireGroup>,
}

#[derive(Debug, Deserialize)]
struct WireGroup {
    #[serde(default)]
    name: String,
    #[serde(default)]
    rules: Vec<WireRule>,
}

#[derive(Debug, Deserialize)]
struct WireRule {
    name: String,
    query: String,
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    duration: f64,
    #[serde(default)]
    labels: Labels,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    #[serde(default)]
    state: Option<String>,
    #[serde(default)]
    health: String,
}

impl WireRules {
    /// The rules in the order of the server.
    pub(super) fn into_rules(self) -> Vec<Rule> {
        let of_group = |group: WireGroup| {
            let name = group.name;
            group.rules.into_iter().map(move |rule| rule.into_rule(name.clone()))
        };
        self.groups.into_iter().flat_map(of_group).collect()
    }
}

impl WireRule {
    fn into_rule(self, group: String) -> Rule {
        Rule {
            group,
            alerting: self.kind == "alerting",
            name: self.name,
            query: self.query,
            for_secs: self.duration,
            labels: self.labels,
            annotations: self.annotations,
            state: self.state.filter(|state| !state.is_empty()),
            health: self.health,
        }
    }
}
