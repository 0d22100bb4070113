//! From a file to a checked [`Config`], or to every problem in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use super::check::{self, Check, Names, Rule, Taken};
use super::environment::Environment;
use super::fault::{ConfigError, Problem, unknown};
use super::node::{Entry, Node, Value};
use super::{Config, Notify, reader, references};

/// Largest configuration that is read.
pub const MAX_BYTES: u64 = 1024 * 1024;
const DEMO: &str = include_str!("../../data/config/demo.yaml");
const SECTIONS: [&str; 12] = [
    "budget",
    "capacity",
    "data_dir",
    "detectors",
    "enrich",
    "forecasts",
    "http",
    "notify",
    "retention",
    "runbooks",
    "severity",
    "sources",
];

impl Config {
    /// Reads and checks the file at `path`. Relative paths in `${file:…}` begin at its directory.
    ///
    /// # Errors
    /// [`ConfigError`] with every problem that was found.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let read = |source| ConfigError::Read { path: path.to_path_buf(), source };
        let meta = std::fs::metadata(path).map_err(read)?;
        if meta.len() > MAX_BYTES {
            return Err(ConfigError::TooLarge { path: path.to_path_buf(), got: meta.len(), limit: MAX_BYTES });
        }
        let text = std::fs::read_to_string(path).map_err(read)?;
        let base = path.parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf);
        let parsed = Self::parse(&text, &Environment::of_process(base));
        parsed.map_err(|problems| ConfigError::Invalid { path: path.to_path_buf(), problems })
    }

    /// Reads and checks `text`. Apart from files that `environment` allows to be referred to, nothing outside is touched.
    ///
    /// # Errors
    /// Every problem that was found, by line.
    pub fn parse(text: &str, environment: &Environment) -> Result<Self, Vec<Problem>> {
        let mut draft = Draft::default();
        let config = draft.read(text, environment);
        draft.problems.sort_by_key(|problem| (problem.line, problem.column));
        match config {
            Some(config) if draft.problems.is_empty() => Ok(config),
            _ => Err(draft.problems),
        }
    }

    /// The configuration of the demo: the bundled data, every kind of job, output on the terminal.
    ///
    /// # Errors
    /// None for the text that is built in; a test reads it.
    pub fn default_for_demo() -> Result<Self, Vec<Problem>> {
        Self::parse(DEMO, &Environment::default())
    }
}

/// A configuration being read, with what was found wrong so far.
#[derive(Default)]
struct Draft {
    names: Names,
    problems: Vec<Problem>,
}

impl Draft {
    fn read(&mut self, text: &str, environment: &Environment) -> Option<Config> {
        let mut root = self.root(text)?;
        references::fill_in(&mut root, "", environment, &mut self.problems);
        self.only_known_keys(&root, "", &SECTIONS);
        let notify = root.get("notify");
        if let Some(node) = notify {
            self.only_known_keys(node, "notify", &["destinations", "routes"]);
        }
        let destinations = notify.and_then(|node| node.get("destinations"));
        // Names first: whoever refers to a source that is itself wrong shall not be blamed for it.
        self.names = Names { sources: keys_of(root.get("sources")), destinations: keys_of(destinations) };
        let defaults = Config::default();
        Some(Config {
            data_dir: self.section(&root, "data_dir", check::data_dir).unwrap_or(defaults.data_dir),
            http: self.section(&root, "http", check::http).unwrap_or(defaults.http),
            sources: self.named(root.get("sources"), "sources", check::source),
            detectors: self.list(root.get("detectors"), "detectors", check::detector),
            forecasts: self.list(root.get("forecasts"), "forecasts", check::forecast),
            capacity: self.list(root.get("capacity"), "capacity", check::capacity),
            severity: self.section(&root, "severity", check::severity).unwrap_or(defaults.severity),
            runbooks: self.list(root.get("runbooks"), "runbooks", check::runbook),
            notify: Notify {
                destinations: self.named(destinations, "notify.destinations", check::destination),
                routes: self.list(notify.and_then(|node| node.get("routes")), "notify.routes", check::route),
            },
            enrich: self.section(&root, "enrich", check::enrich).unwrap_or(defaults.enrich),
            retention: self.section(&root, "retention", check::retention).unwrap_or(defaults.retention),
            budget: self.section(&root, "budget", |_, _| {}).unwrap_or(defaults.budget),
        })
    }

    /// The tree of `text`, whose root is a mapping.
    fn root(&mut self, text: &str) -> Option<Node> {
        if text.len() as u64 > MAX_BYTES {
            self.problem((0, 0), "", format!("the text has {} bytes, at most {MAX_BYTES} are read", text.len()));
            return None;
        }
        let is_blank = |line: &str| matches!(line.trim(), "" | "---" | "...") || line.trim_start().starts_with('#');
        if text.lines().all(is_blank) {
            self.problem((0, 0), "", "the file is empty; begin with `sources:` and `detectors:`".to_owned());
            return None;
        }
        let root = Node::parse(text).map_err(|problem| self.problems.push(problem)).ok()?;
        if !matches!(root.value, Value::Map(_)) {
            let what = if matches!(root.value, Value::List(_)) { "a list" } else { "a single value" };
            let names: Vec<String> = SECTIONS.iter().map(|name| format!("`{name}`")).collect();
            self.problem(root.place, "", format!("expected a mapping of {}, got {what}", names.join(", ")));
            return None;
        }
        Some(root)
    }

    fn problem(&mut self, place: (u64, u64), setting: &str, message: String) {
        self.problems.push(Problem { line: place.0, column: place.1, setting: setting.to_owned(), message });
    }

    fn only_known_keys(&mut self, node: &Node, setting: &str, known: &[&str]) {
        match &node.value {
            Value::Null => {}
            Value::Map(entries) => {
                for entry in entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
                    self.problem(entry.place, setting, unknown("key", &entry.key, known));
                }
            }
            Value::Scalar(_) | Value::List(_) => {
                self.problem(node.place, setting, format!("expected a mapping of {}", known.join(", ")));
            }
        }
    }

    /// Reads `node`, which is `setting`, and checks it.
    fn value<T: DeserializeOwned>(
        &mut self,
        node: &Node,
        setting: String,
        taken: &mut Taken,
        rule: Rule<T>,
    ) -> Option<T> {
        match reader::read(node, &setting) {
            Ok(value) => {
                rule(&mut Check::new(node, setting, &self.names, taken, &mut self.problems), &value);
                Some(value)
            }
            Err(problem) => {
                self.problems.push(problem);
                None
            }
        }
    }

    /// The section `key`; `None` when it is absent, empty or wrong.
    fn section<T: DeserializeOwned>(&mut self, root: &Node, key: &str, rule: Rule<T>) -> Option<T> {
        let node = root.get(key).filter(|node| node.value != Value::Null)?;
        self.value(node, key.to_owned(), &mut Taken::new(), rule)
    }

    /// The elements of a list, each read by itself, so that one mistake does not hide the next.
    fn list<T: DeserializeOwned>(&mut self, node: Option<&Node>, setting: &str, rule: Rule<T>) -> Vec<T> {
        let Some(node) = node else { return Vec::new() };
        match &node.value {
            Value::Null => Vec::new(),
            Value::List(items) => {
                let mut taken = Taken::new();
                let read = |(index, item)| self.value(item, format!("{setting}[{index}]"), &mut taken, rule);
                items.iter().enumerate().filter_map(read).collect()
            }
            Value::Scalar(_) | Value::Map(_) => {
                self.problem(node.place, setting, "expected a list; begin each element with `- `".to_owned());
                Vec::new()
            }
        }
    }

    /// The values of a mapping from names, each read by itself.
    fn named<T: DeserializeOwned>(&mut self, node: Option<&Node>, setting: &str, rule: Rule<T>) -> BTreeMap<String, T> {
        let Some(node) = node else { return BTreeMap::new() };
        match &node.value {
            Value::Null => BTreeMap::new(),
            Value::Map(entries) => {
                let mut read = BTreeMap::new();
                for Entry { key, node, .. } in entries {
                    if let Some(value) = self.value(node, format!("{setting}.{key}"), &mut Taken::new(), rule) {
                        read.insert(key.clone(), value);
                    }
                }
                read
            }
            Value::Scalar(_) | Value::List(_) => {
                self.problem(node.place, setting, "expected a mapping from names to settings".to_owned());
                BTreeMap::new()
            }
        }
    }
}

fn keys_of(node: Option<&Node>) -> Vec<String> {
    match node.map(|node| &node.value) {
        Some(Value::Map(entries)) => entries.iter().map(|entry| entry.key.clone()).collect(),
        Some(Value::Null | Value::Scalar(_) | Value::List(_)) | None => Vec::new(),
    }
}
