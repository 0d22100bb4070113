//! Files as a source that can be asked, like a Prometheus.

use std::path::PathBuf;

use async_trait::async_trait;
use jiff::Timestamp;
use regex::Regex;

use super::{FileInput, Layout, Settings, list, read};
use crate::series::{Labels, Sample, Samples};
use crate::source::{Range, SeriesSource, SourceError};

/// Longest query, bytes.
const MAX_QUERY: usize = 4_096;
/// Largest compiled pattern of a matcher, bytes.
const MAX_PATTERN: usize = 1 << 20;

/// CSV and Parquet files, asked with a selector: `name`, `name{label="value"}` or `{file=~"web-.*"}`.
///
/// A series of a file has the labels `__name__` (its column; a single column called `value` has the file's name, as does
/// every series of a long file), `file` (the file's name without extensions) and, in a long file, `series`. The bare name
/// of a selector may hold `*` and is compared with `__name__`. Matchers are `=`, `!=`, `=~`, `!~`; patterns match whole
/// values. Values at the times of the files between `start` and `end` of the range are returned as they are; the files are
/// read anew for each query.
#[derive(Debug, Clone)]
pub struct FileSource {
    path: PathBuf,
    settings: Settings,
}

/// What a selector asks of labels.
#[derive(Debug)]
struct Selector {
    matchers: Vec<(String, Regex, bool)>,
}

impl FileSource {
    /// A source of the file or directory `path`.
    #[must_use]
    pub const fn new(path: PathBuf, settings: Settings) -> Self {
        Self { path, settings }
    }

    fn select(&self, query: &str, range: Range) -> Result<Vec<Samples>, SourceError> {
        let selector = Selector::parse(query)?;
        let mut found = Vec::new();
        for file in list(&self.path)?.files {
            let input = read(&file, &self.settings)?;
            let stem = stem_of(&input);
            for group in input.groups {
                for metric in group.metrics {
                    let labels = labels_of(&metric, &stem, input.layout);
                    if selector.accepts(&labels) {
                        found.push(cut(metric, labels, range));
                    }
                }
            }
        }
        found.retain(|samples| !samples.points.is_empty());
        if found.is_empty() { Err(SourceError::NoData { query: query.to_owned() }) } else { Ok(found) }
    }
}

#[async_trait]
impl SeriesSource for FileSource {
    async fn fetch(&self, query: &str, range: Range) -> Result<Vec<Samples>, SourceError> {
        let (source, query) = (self.clone(), query.to_owned());
        #[expect(
            clippy::disallowed_methods,
            reason = "reading files blocks, and this is no computation for the CPU pool"
        )]
        let read = tokio::task::spawn_blocking(move || source.select(&query, range)).await;
        read.unwrap_or_else(|error| {
            let path = self.path.display().to_string();
            Err(SourceError::BadFile { path, message: format!("reading was interrupted: {error}") })
        })
    }

    async fn check(&self) -> Result<(), SourceError> {
        list(&self.path).map(drop)
    }
}

impl Selector {
    fn parse(query: &str) -> Result<Self, SourceError> {
        let bad = |message: &str| SourceError::BadQuery {
            query: query.to_owned(),
            message: message.to_owned(),
            hint: "; write a name (`*` stands for anything) and matchers, like `latency{file=~\"web-.*\"}`".to_owned(),
        };
        if query.len() > MAX_QUERY {
            return Err(bad("it is longer than 4,096 bytes"));
        }
        let (name, rest) = query.trim().split_once('{').unwrap_or((query.trim(), "}"));
        let inner = rest.trim_end().strip_suffix('}').ok_or_else(|| bad("`}` is missing"))?;
        let mut matchers = Vec::new();
        let name = name.trim();
        if !name.is_empty() {
            let glob: Vec<String> = name.split('*').map(regex::escape).collect();
            matchers.push((
                "__name__".to_owned(),
                whole(&glob.join(".*")).ok_or_else(|| bad("the name is too long"))?,
                true,
            ));
        }
        let mut rest = inner.trim();
        while !rest.is_empty() {
            let (matcher, after) = one_matcher(rest).ok_or_else(|| bad("a matcher is not like `label=\"value\"`"))?;
            matchers.push(matcher);
            rest = after.trim_start().strip_prefix(',').unwrap_or(after).trim_start();
        }
        if matchers.is_empty() {
            return Err(bad("it selects everything; name a series, or `*`"));
        }
        Ok(Self { matchers })
    }

    fn accepts(&self, labels: &Labels) -> bool {
        self.matchers
            .iter()
            .all(|(name, pattern, wanted)| pattern.is_match(labels.get(name).unwrap_or_default()) == *wanted)
    }
}

/// The first matcher of `text` and what follows it.
fn one_matcher(text: &str) -> Option<((String, Regex, bool), &str)> {
    let end = text.find(['=', '!'])?;
    let (label, rest) = text.split_at(end);
    let (operator, rest) = ["=~", "!~", "!=", "="].iter().find_map(|op| Some((*op, rest.strip_prefix(op)?)))?;
    let rest = rest.trim_start().strip_prefix('"')?;
    let (value, rest) = rest.split_once('"')?;
    let pattern = if operator.ends_with('~') { value.to_owned() } else { regex::escape(value) };
    let label = label.trim();
    (!label.is_empty()).then_some(())?;
    Some(((label.to_owned(), whole(&pattern)?, operator.starts_with('=')), rest))
}

fn whole(pattern: &str) -> Option<Regex> {
    regex::RegexBuilder::new(&format!("^(?:{pattern})$")).size_limit(MAX_PATTERN).build().ok()
}

fn stem_of(input: &FileInput) -> String {
    super::read::stem(&input.path)
}

fn labels_of(metric: &Samples, stem: &str, layout: Layout) -> Labels {
    let labels = Labels::new().with("file", stem);
    match layout {
        Layout::Long => labels.with("__name__", stem).with("series", metric.name.as_str()),
        Layout::WideSingle => labels.with("__name__", metric.name.as_str()),
        Layout::WideEntity => labels.with("__name__", metric.name.as_str()).with("instance", stem),
    }
}

/// The part of `metric` within `range`.
fn cut(metric: Samples, labels: Labels, range: Range) -> Samples {
    let (start, end) = (millis(range.start), millis(range.end));
    let within = |sample: &Sample| (start..=end).contains(&sample.time_ms);
    let points = metric.points.into_iter().filter(within).collect();
    Samples { name: labels.to_string(), labels, points, ..Samples { points: Vec::new(), ..metric } }
}

fn millis(time: Timestamp) -> i64 {
    time.as_millisecond()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(query: &str, accepted: &[&str]) {
        let all = [("latency", "web-0"), ("latency", "web-1"), ("errors", "web-0"), ("traffic", "traffic")];
        let selector = Selector::parse(query).expect(query);
        let got: Vec<String> = all
            .iter()
            .filter(|(name, file)| selector.accepts(&Labels::new().with("__name__", *name).with("file", *file)))
            .map(|(name, file)| format!("{name}@{file}"))
            .collect();
        assert_eq!(got, accepted, "{query}");
    }

    #[test]
    fn selectors_select() {
        check("latency", &["latency@web-0", "latency@web-1"]);
        check("latency{file=\"web-1\"}", &["latency@web-1"]);
        check("{file=~\"web-.*\", __name__!=\"errors\"}", &["latency@web-0", "latency@web-1"]);
        check("*{file!~\"web.*\"}", &["traffic@traffic"]);
        check("e*s", &["errors@web-0"]);
        check("nothing", &[]);
    }

    #[test]
    fn what_is_no_selector_is_refused_with_an_example() {
        for bad in ["", "{}", "a{b}", "a{b=c}", "a{b=\"c\"", "a{=\"c\"}", "a{b=~\"(\"}"] {
            let error = Selector::parse(bad).expect_err(bad).to_string();
            assert!(error.contains("latency{file=~"), "{error}");
        }
        assert!(Selector::parse(&"a".repeat(5_000)).is_err());
    }
}
