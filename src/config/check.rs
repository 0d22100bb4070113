//! What serde cannot check: ranges, names that refer to other names, settings that belong together.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::capacity::{CapacityKind, CapacityWatch};
use super::detectors::{Detector, ForecastJob};
use super::fault::{Problem, unknown};
use super::node::Node;
use super::notify::{Destination, HttpClient, Route};
use super::references::without_secrets;
use super::service::{Enrich, Http, Runbook, SeverityPolicy};
use super::sources::{Source, Tls};
use super::values::HttpUrl;
use crate::detect::Model;
use crate::series::{Calendar, HumanDuration};
use crate::store::RetentionSettings;

const SECOND: HumanDuration = HumanDuration::from_secs(1);
const MINUTE: HumanDuration = HumanDuration::from_secs(60);
const HOUR: HumanDuration = HumanDuration::from_secs(3_600);
const DAY: HumanDuration = HumanDuration::from_days(1);
/// Fewest points that anything can be learned from.
const MIN_HISTORY_STEPS: i64 = 10;
const MAX_HORIZON_STEPS: i64 = 100_000;
const MAX_NAME_CHARS: usize = 64;

/// Names that others refer to.
#[derive(Default)]
pub(super) struct Names {
    pub(super) sources: Vec<String>,
    pub(super) destinations: Vec<String>,
}

/// Names taken so far in one list.
pub(super) type Taken = BTreeSet<String>;
/// Checks one value.
pub(super) type Rule<T> = fn(&mut Check<'_>, &T);

/// One value under check: where it stands, and what it may refer to.
pub(super) struct Check<'a> {
    node: &'a Node,
    setting: String,
    names: &'a Names,
    taken: &'a mut Taken,
    problems: &'a mut Vec<Problem>,
}

impl<'a> Check<'a> {
    /// A check of the value at `node`, which is `setting`.
    pub(super) const fn new(
        node: &'a Node,
        setting: String,
        names: &'a Names,
        taken: &'a mut Taken,
        problems: &'a mut Vec<Problem>,
    ) -> Self {
        Self { node, setting, names, taken, problems }
    }

    /// Reports a problem with what `keys` lead to.
    fn report(&mut self, keys: &[&str], message: String) {
        let node = self.node.at(keys);
        let ((line, column), message) = (node.place, without_secrets(message, node));
        let mut setting = self.setting.clone();
        for key in keys {
            let step =
                if key.bytes().all(|byte| byte.is_ascii_digit()) { format!("[{key}]") } else { format!(".{key}") };
            setting.push_str(&step);
        }
        self.problems.push(Problem { line, column, setting, message });
    }

    fn duration(&mut self, keys: &[&str], got: HumanDuration, least: HumanDuration, most: HumanDuration) {
        if !(least..=most).contains(&got) {
            self.report(keys, format!("must be {least} to {most}, got `{got}`"));
        }
    }

    fn number<T: Copy + PartialOrd + std::fmt::Display>(&mut self, keys: &[&str], got: T, least: T, most: T) {
        // Written so that NaN fails.
        if !(least <= got && got <= most) {
            self.report(keys, format!("must be {least} to {most}, got `{got}`"));
        }
    }

    fn not_blank(&mut self, key: &str, text: &str) {
        if text.trim().is_empty() {
            self.report(&[key], "must not be empty".to_owned());
        }
    }

    /// A name: well formed, and the first of its kind.
    fn name(&mut self, keys: &[&str], name: &str) {
        let allowed =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'_' | b'-');
        let starts_well = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if !starts_well || name.len() > MAX_NAME_CHARS || !name.bytes().all(allowed) {
            let got = super::fault::shortened(name);
            let message = format!(
                "name must be 1 to {MAX_NAME_CHARS} characters of `a-z 0-9 . _ -` and begin with a letter or digit, got `{got}`"
            );
            self.report(keys, message);
        } else if !self.taken.insert(name.to_owned()) {
            self.report(keys, format!("name `{name}` is taken by an earlier one; names are unique"));
        }
    }

    fn source(&mut self, name: &str) {
        if !self.names.sources.iter().any(|known| known == name) {
            let message = unknown("source", name, &self.names.sources);
            self.report(&["source"], message);
        }
    }

    fn destination(&mut self, keys: &[&str], name: &str) {
        if !self.names.destinations.iter().any(|known| known == name) {
            let message = unknown("destination", name, &self.names.destinations);
            self.report(keys, message);
        }
    }

    /// Step and history: a step of a second to a day, and at least ten of them.
    fn history(&mut self, step: HumanDuration, history: HumanDuration) {
        self.duration(&["step"], step, SECOND, DAY);
        if step.as_millis() > 0 && history.as_millis() / step.as_millis() < MIN_HISTORY_STEPS {
            self.report(&["history"], format!("must be at least {MIN_HISTORY_STEPS} steps of {step}, got `{history}`"));
        }
    }

    fn horizon(&mut self, step: HumanDuration, horizon: HumanDuration) {
        if step.as_millis() > 0 && !(1..=MAX_HORIZON_STEPS).contains(&(horizon.as_millis() / step.as_millis())) {
            self.report(&["horizon"], format!("must be 1 to {MAX_HORIZON_STEPS} steps of {step}, got `{horizon}`"));
        }
    }

    /// A link template: a web address once its `{{label}}`s are filled in.
    fn link(&mut self, key: &str, template: &str) {
        let (mut filled, mut rest) = (String::new(), template);
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((_, after)) = after.split_once("}}") else {
                self.report(&[key], "`{{` without `}}` after it".to_owned());
                return;
            };
            filled.push_str(before);
            filled.push('x');
            rest = after;
        }
        filled.push_str(rest);
        if let Err(error) = filled.parse::<HttpUrl>() {
            self.report(&[key], error.to_string());
        }
    }

    fn tls(&mut self, keys: &[&str], tls: &Tls) {
        if tls.cert_file.is_some() != tls.key_file.is_some() {
            self.report(keys, "`cert_file` and `key_file` belong together; give both or neither".to_owned());
        }
    }

    fn one_credential(&mut self, keys: &[&str], basic: bool, bearer: bool) {
        if basic && bearer {
            self.report(keys, "give `basic_auth` or `bearer_token`, not both".to_owned());
        }
    }
}

#[expect(clippy::ptr_arg, reason = "a rule takes what was read, by reference")]
pub(super) fn data_dir(check: &mut Check<'_>, path: &PathBuf) {
    if path.as_os_str().is_empty() {
        check.report(&[], "must not be empty".to_owned());
    }
}

pub(super) fn http(check: &mut Check<'_>, http: &Http) {
    if !http.listen.ip().is_loopback() && !http.allow_remote {
        let message = format!(
            "`{}` can be reached from other machines and there is no login; listen on 127.0.0.1, or put a proxy with a \
             login in front and set `allow_remote: true`",
            http.listen
        );
        check.report(&["listen"], message);
    }
    check.number(&["max_body_bytes"], http.max_body_bytes, 1 << 10, 1 << 30);
    check.duration(&["timeout"], http.timeout, SECOND, HumanDuration::from_secs(600));
    check.number(&["max_in_flight"], http.max_in_flight, 1, 10_000);
}

pub(super) fn source(check: &mut Check<'_>, source: &Source) {
    let name = check.setting.rsplit_once("sources.").map(|(_, name)| name.to_owned()).unwrap_or_default();
    check.name(&[], &name);
    match source {
        Source::Prometheus(prometheus) => {
            let at = "prometheus";
            check.duration(&[at, "timeout"], prometheus.timeout, SECOND, HOUR);
            check.number(&[at, "max_series"], prometheus.max_series, 1, 10_000_000);
            check.number(&[at, "max_samples"], prometheus.max_samples, 1, 1_000_000_000);
            check.number(&[at, "parallel_requests"], prometheus.parallel_requests, 1, 64);
            check.one_credential(&[at], prometheus.basic_auth.is_some(), prometheus.bearer_token.is_some());
            check.tls(&[at, "tls"], &prometheus.tls);
        }
        Source::Files(files) => {
            check.number(&["files", "max_bytes"], files.max_bytes, 1, 1 << 40);
            if files.path.as_os_str().is_empty() {
                check.report(&["files", "path"], "must not be empty".to_owned());
            }
        }
    }
}

pub(super) fn detector(check: &mut Check<'_>, detector: &Detector) {
    check.name(&["name"], &detector.name);
    check.source(&detector.source);
    check.not_blank("query", &detector.query);
    check.history(detector.step, detector.history);
    check.duration(&["min_duration"], detector.min_duration, HumanDuration::from_secs(0), HumanDuration::from_days(7));
    if detector.peers_by.is_empty() && check.node.get("peers_by").is_some() {
        let message = "give at least one label, like `[service]`, or leave it out: then peers are not compared";
        check.report(&["peers_by"], message.to_owned());
    }
    if !detector.peers_by.is_empty() && !detector.entity_by.is_empty() {
        let message =
            "peers are single series, `entity_by` makes entities; use one of both, in two detectors if need be";
        check.report(&["peers_by"], message.to_owned());
    }
    if let Some(template) = &detector.runbook_url {
        check.link("runbook_url", template);
    }
    if detector.model == Model::Full && detector.calendar != Calendar::default() {
        let message = "only the light model follows a calendar: add `model: light`, or leave `calendar` out";
        check.report(&["calendar"], message.to_owned());
    }
    if detector.model == Model::Light && !detector.entity_by.is_empty() {
        let message = "`light` judges single series: use `full`, or leave `entity_by` out";
        check.report(&["model"], message.to_owned());
    }
}

pub(super) fn forecast(check: &mut Check<'_>, job: &ForecastJob) {
    check.name(&["name"], &job.name);
    check.source(&job.source);
    check.not_blank("query", &job.query);
    check.history(job.step, job.history);
    check.horizon(job.step, job.horizon);
    if job.levels.is_empty() {
        check.report(&["levels"], "name at least one level, such as `[0.8, 0.95]`".to_owned());
    }
    for (index, level) in job.levels.iter().enumerate() {
        if !(0.0 < *level && *level < 1.0) {
            let hint = if (1.0..100.0).contains(level) {
                format!("; write {} for {level} %", level / 100.0)
            } else {
                String::new()
            };
            let message = format!("must be between 0 and 1, got `{level}`{hint}");
            check.report(&["levels", &index.to_string()], message);
        }
    }
}

pub(super) fn capacity(check: &mut Check<'_>, watch: &CapacityWatch) {
    check.name(&["name"], &watch.name);
    check.source(&watch.source);
    check.not_blank("used", &watch.used);
    check.not_blank("limit", &watch.limit);
    check.history(watch.step, watch.history);
    check.horizon(watch.step, watch.horizon);
    check.duration(&["lead_time"], watch.lead_time, HumanDuration::from_secs(0), HumanDuration::from_days(3 * 365));
    let needs_workload = matches!(watch.kind, CapacityKind::Workload | CapacityKind::Replicas);
    match &watch.workload {
        None if needs_workload => {
            check.report(&["kind"], "this kind needs `workload` with the `name` of the workload".to_owned());
        }
        Some(workload) => {
            if workload.name.trim().is_empty() {
                check.report(&["workload", "name"], "must not be empty".to_owned());
            }
            if watch.kind == CapacityKind::Workload && workload.container.is_none() {
                check.report(&["workload"], "the kind `workload` needs `container`".to_owned());
            }
        }
        None => {}
    }
}

pub(super) fn severity(check: &mut Check<'_>, policy: &SeverityPolicy) {
    check.number(&["abstain_below"], policy.abstain_below, 0.0, 1.0);
    for (index, floor) in policy.floors.iter().enumerate() {
        if floor.matches.is_empty() {
            let message = "name at least one label; a floor for every alert is no floor".to_owned();
            check.report(&["floors", &index.to_string()], message);
        }
    }
}

pub(super) fn runbook(check: &mut Check<'_>, runbook: &Runbook) {
    check.link("url", &runbook.url);
}

pub(super) fn destination(check: &mut Check<'_>, destination: &Destination) {
    let name = check.setting.rsplit_once("destinations.").map(|(_, name)| name.to_owned()).unwrap_or_default();
    check.name(&[], &name);
    match destination {
        Destination::Alertmanager(alertmanager) => {
            if alertmanager.urls.is_empty() {
                check.report(&["alertmanager", "urls"], "name at least one address".to_owned());
            }
            check.duration(&["alertmanager", "resolve_after"], alertmanager.resolve_after, MINUTE, DAY);
            client(check, "alertmanager", &alertmanager.http);
        }
        Destination::Webhook(webhook) => client(check, "webhook", &webhook.http),
        Destination::File(file) if file.path.as_os_str().is_empty() => {
            check.report(&["file", "path"], "must not be empty".to_owned());
        }
        Destination::File(_) | Destination::Stdout(_) => {}
    }
}

fn client(check: &mut Check<'_>, kind: &str, http: &HttpClient) {
    check.duration(&[kind, "http", "timeout"], http.timeout, SECOND, HumanDuration::from_secs(600));
    check.one_credential(&[kind, "http"], http.basic_auth.is_some(), http.bearer_token.is_some());
    check.tls(&[kind, "http", "tls"], &http.tls);
}

pub(super) fn route(check: &mut Check<'_>, route: &Route) {
    if route.to.is_empty() {
        check.report(&["to"], "name at least one destination".to_owned());
    }
    for (index, name) in route.to.iter().enumerate() {
        check.destination(&["to", &index.to_string()], name);
    }
}

pub(super) fn enrich(check: &mut Check<'_>, enrich: &Enrich) {
    for (index, name) in enrich.forward_to.iter().enumerate() {
        check.destination(&["forward_to", &index.to_string()], name);
    }
    let least = HumanDuration::from(std::time::Duration::from_millis(100));
    check.duration(&["timeout"], enrich.timeout, least, HumanDuration::from_secs(9));
}

pub(super) fn retention(check: &mut Check<'_>, retention: &RetentionSettings) {
    let most = HumanDuration::from_days(3_650);
    let spans = [
        ("alerts", retention.alerts),
        ("anomalies", retention.anomalies),
        ("forecasts", retention.forecasts),
        ("reports", retention.reports),
        ("deliveries", retention.deliveries),
        ("dead_letters", retention.dead_letters),
        ("seen", retention.seen),
        ("events", retention.events),
        ("snapshots", retention.snapshots),
    ];
    for (key, span) in spans {
        check.duration(&[key], span, HOUR, most);
    }
}
