//! What the demo's data truly hold, and what of it was caught.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::exit::BadInput;
use crate::alert::{Alert, Origin};

/// An alert that begins up to this long after the end of an incident still belongs to it.
const AFTERMATH: SignedDuration = SignedDuration::from_mins(60);

/// The truth about the demo's data.
#[derive(Debug, Deserialize)]
pub(super) struct Truth {
    /// End of the data.
    pub(super) end: Timestamp,
    /// What was planted.
    pub(super) incidents: Vec<Planted>,
}

/// Something planted.
#[derive(Debug, Deserialize)]
pub(super) struct Planted {
    pub(super) id: String,
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    pub(super) files: Vec<String>,
    pub(super) expect: Expectation,
    pub(super) says: String,
}

/// Whether people want to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Expectation {
    Alert,
    Quiet,
}

/// What became of one planted thing.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Outcome {
    pub(super) id: String,
    pub(super) says: String,
    pub(super) expect: Expectation,
    /// Names of the detectors that raised an alert in its time, with the delay of the first.
    pub(super) raised: Vec<String>,
    pub(super) delay: Option<SignedDuration>,
}

/// How the alerts stand against the truth.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Comparison {
    pub(super) outcomes: Vec<Outcome>,
    /// Alerts that belong to nothing that was planted.
    pub(super) unexplained: Vec<String>,
}

/// Reads `truth.json` of `folder`.
pub(super) fn read(folder: &Path) -> anyhow::Result<Truth> {
    let path = folder.join("truth.json");
    let text = std::fs::read_to_string(&path).map_err(|error| {
        let advice = "run `tidewatch demo` in the project's folder, or give the folder of the bundled data with --data";
        BadInput(format!("cannot read {}: {error}; {advice}", path.display()))
    })?;
    serde_json::from_str(&text).with_context(|| format!("{} is not the demo's truth", path.display()))
}

/// Which alerts of detectors belong to what was planted: same file, and overlapping in time.
pub(super) fn compare(truth: &Truth, alerts: &[Alert]) -> Comparison {
    let detected: Vec<&Alert> = alerts.iter().filter(|alert| alert.origin == Origin::Detector).collect();
    let mut explained: BTreeMap<usize, bool> = BTreeMap::new();
    let outcomes = truth.incidents.iter().map(|planted| {
        let mut raised: Vec<String> = Vec::new();
        let mut first: Option<Timestamp> = None;
        for (index, alert) in detected.iter().enumerate().filter(|(_, alert)| belongs(alert, planted)) {
            explained.insert(index, true);
            let name = alert.labels.get("alertname").unwrap_or("alert").to_owned();
            if !raised.contains(&name) {
                raised.push(name);
            }
            first = Some(first.map_or(alert.starts_at, |earlier| earlier.min(alert.starts_at)));
        }
        Outcome {
            id: planted.id.clone(),
            says: planted.says.clone(),
            expect: planted.expect,
            raised,
            delay: first.map(|at| at.duration_since(planted.from)),
        }
    });
    let outcomes = outcomes.collect();
    let rest = detected.iter().enumerate().filter(|(index, _)| !explained.contains_key(index));
    let unexplained = rest.map(|(_, alert)| format!("{} {}", alert.starts_at.strftime("%m-%d %H:%M"), alert.title()));
    Comparison { outcomes, unexplained: unexplained.collect() }
}

fn belongs(alert: &Alert, planted: &Planted) -> bool {
    let file = alert.labels.get("file").or_else(|| alert.labels.get("instance")).unwrap_or_default();
    let same_file = planted.files.iter().any(|name| name.split('.').next() == Some(file));
    let until = planted.to.checked_add(AFTERMATH).unwrap_or(Timestamp::MAX);
    let ended = alert.ends_at.unwrap_or(Timestamp::MAX);
    same_file && alert.starts_at < until && ended > planted.from
}

impl Comparison {
    /// Incidents that people want to know of, and how many of them were caught.
    pub(super) fn caught(&self) -> (usize, usize) {
        self.count(Expectation::Alert)
    }

    /// Traps, and how many of them raised an alert.
    pub(super) fn fallen_for(&self) -> (usize, usize) {
        self.count(Expectation::Quiet)
    }

    fn count(&self, expect: Expectation) -> (usize, usize) {
        let of = self.outcomes.iter().filter(|outcome| outcome.expect == expect);
        let raised = of.clone().filter(|outcome| !outcome.raised.is_empty()).count();
        (raised, of.count())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::alert::Identity;
    use crate::series::Labels;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(hour * 3_600).unwrap()
    }

    fn alert(file: &str, from: i64, to: i64) -> Alert {
        let identity = Identity {
            origin: Origin::Detector,
            alertname: "latency".into(),
            labels: Labels::new().with("file", file),
            annotations: BTreeMap::new(),
            generator_url: None,
        };
        let mut alert = Alert::firing(identity, at(from), at(from));
        alert.resolve(at(to), at(to));
        alert
    }

    fn planted(id: &str, expect: Expectation, from: i64, to: i64) -> Planted {
        let (files, says) = (vec!["web-0.csv.gz".to_owned()], String::new());
        Planted { id: id.into(), from: at(from), to: at(to), files, expect, says }
    }

    #[test]
    fn caught_missed_fallen_for_and_unexplained_are_told_apart() {
        let incidents = vec![
            planted("caught", Expectation::Alert, 10, 12),
            planted("missed", Expectation::Alert, 20, 22),
            planted("trap", Expectation::Quiet, 30, 31),
        ];
        let truth = Truth { end: at(100), incidents };
        let alerts = [alert("web-0", 11, 13), alert("web-1", 20, 22), alert("web-0", 30, 31), alert("web-0", 50, 51)];
        let compared = compare(&truth, &alerts);
        assert_eq!(compared.caught(), (1, 2));
        assert_eq!(compared.fallen_for(), (1, 1));
        assert_eq!(compared.unexplained.len(), 2);
        assert_eq!(compared.outcomes[0].delay, Some(SignedDuration::from_hours(1)));
    }
}
