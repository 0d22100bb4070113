//! `labels.json`: what is known of each series of a directory.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use serde::Deserialize;

use super::super::exit::BadInput;
use crate::detect::evaluation::Span;

/// The name of the file.
pub(super) const NAME: &str = "labels.json";

/// What is known of one series. Other keys are left alone: data sets keep their own notes there.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Truth {
    /// Rows of its file.
    pub(super) n: Option<usize>,
    /// Rows that may be learned from before anything is judged.
    pub(super) train_len: Option<usize>,
    /// Time between two rows, seconds.
    pub(super) interval_s: Option<f64>,
    /// First and last row of each event, counted from 0.
    pub(super) events: Option<Vec<(usize, usize)>>,
    /// Windows of the Numenta Anomaly Benchmark as times: the events are such windows.
    pub(super) windows_time: Option<serde_json::Value>,
}

/// Reads the file; the series by their identifiers.
pub(super) fn read(path: &Path) -> anyhow::Result<BTreeMap<String, Truth>> {
    let text =
        std::fs::read_to_string(path).map_err(|error| BadInput(format!("cannot read {}: {error}", path.display())))?;
    let mut reader = serde_json::Deserializer::from_str(&text);
    let truths: BTreeMap<String, Truth> = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let at = error.path().to_string();
        let place = if at == "." { String::new() } else { format!(" at `{at}`") };
        BadInput(format!(
            "{}{place}: {}; it must be an object with an entry like `\"series\": {{\"n\": 100, \"train_len\": 30, \
             \"events\": [[40, 52]]}}` for each series",
            path.display(),
            error.inner()
        ))
    })?;
    reader.end().map_err(|error| BadInput(format!("{}: {error}", path.display())))?;
    if truths.is_empty() {
        return Err(BadInput(format!("{} names no series", path.display())).into());
    }
    for (id, truth) in &truths {
        check(id, truth).with_context(|| path.display().to_string())?;
    }
    Ok(truths)
}

fn check(id: &str, truth: &Truth) -> Result<(), BadInput> {
    let refuse = |what: String| Err(BadInput(format!("`{id}`: {what}")));
    if id.is_empty() || id.contains(['/', '\\', '\0']) || id == "." || id == ".." {
        return refuse("the identifier must be the name of a file in `series`, without its extension".to_owned());
    }
    if let Some(interval) = truth.interval_s
        && !(0.001..=3.2e9).contains(&interval)
    {
        return refuse(format!("interval_s must be between 0.001 and 3.2e9 seconds, got {interval}"));
    }
    if let (Some(rows), Some(train)) = (truth.n, truth.train_len)
        && train >= rows
    {
        return refuse(format!("train_len must be less than n = {rows}, so that something is judged, got {train}"));
    }
    for (place, (first, last)) in truth.events.iter().flatten().enumerate() {
        if first > last {
            return refuse(format!("events[{place}] must begin before it ends, got [{first}, {last}]"));
        }
        if truth.n.is_some_and(|rows| *last >= rows) {
            return refuse(format!("events[{place}] must end before row n, got [{first}, {last}]"));
        }
    }
    Ok(())
}

impl Truth {
    /// The events as labels of `rows` rows, as far as they lie in them; `None` when there are no events listed.
    pub(super) fn labels(&self, rows: usize) -> Option<Vec<bool>> {
        let mut labels = vec![false; rows];
        for span in self.spans()? {
            labels.iter_mut().take(span.last.saturating_add(1)).skip(span.first).for_each(|label| *label = true);
        }
        Some(labels)
    }

    /// The events as windows of the benchmark; `None` when they are no such windows.
    pub(super) fn windows(&self) -> Option<Vec<Span>> {
        self.windows_time.as_ref()?;
        let mut spans = self.spans()?;
        spans.sort_unstable();
        Some(spans)
    }

    fn spans(&self) -> Option<Vec<Span>> {
        Some(self.events.as_ref()?.iter().map(|(first, last)| Span { first: *first, last: *last }).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::exit::text_of;

    fn refusal(text: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(NAME);
        std::fs::write(&path, text).unwrap();
        text_of(&read(&path).unwrap_err())
    }

    #[test]
    fn defects_are_named_with_their_place() {
        for (text, says) in [
            ("", "EOF"),
            ("[]", "must be an object"),
            ("{}", "names no series"),
            (r#"{"a":{"n":-5}}"#, "at `a.n`"),
            (r#"{"a":{"n":10,"train_len":10}}"#, "train_len must be less than n = 10"),
            (r#"{"a":{"n":10,"events":[[1,2],[5,3]]}}"#, "`a`: events[1] must begin before it ends, got [5, 3]"),
            (r#"{"a":{"n":10,"events":[[1,10]]}}"#, "events[0] must end before row n"),
            (r#"{"a":{"events":[[1]]}}"#, "at `a.events[0]`"),
            (r#"{"a":{"interval_s":0}}"#, "interval_s must be"),
            (r#"{"../a":{}}"#, "name of a file"),
            (r#"{"a":{}} x"#, "trailing"),
        ] {
            let error = refusal(text);
            assert!(error.contains(says) && error.contains(NAME), "{text}: {error}");
        }
    }

    #[test]
    fn events_are_labels_and_windows_only_where_they_say_so() {
        let truth: Truth = serde_json::from_str(r#"{"events":[[3,4],[0,1]],"group":"x"}"#).unwrap();
        assert_eq!(truth.labels(5), Some(vec![true, true, false, true, true]));
        assert_eq!(truth.windows(), None);
        let truth: Truth = serde_json::from_str(r#"{"events":[[3,4],[0,1]],"windows_time":[]}"#).unwrap();
        assert_eq!(truth.windows().map(|w| w.len()), Some(2));
        assert_eq!(Truth::default().labels(3), None);
    }
}
