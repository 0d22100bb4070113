//! Foreign webhook bodies: Alertmanager's (payload version 4) and Grafana's.
//!
//! Input: the bytes of a request body, at most as many as the caller admits.
//! Output: a [`Notification`]: the alerts that can be read, an error for each that cannot, and the body itself, so that it
//! can be sent on with more annotations and otherwise as it came.
//! Never: fails a batch for one bad alert; never follows or trusts a link; never believes a fingerprint that is none.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::series::{Fingerprint, Labels};

/// Most alerts in one body.
pub const MAX_ALERTS: usize = 10_000;
/// Most labels, and most annotations, of one alert.
pub const MAX_LABELS: usize = 128;
/// Most bytes of one label or annotation, name and value together.
pub const MAX_LABEL_BYTES: usize = 64 << 10;

/// Go's zero time, `0001-01-01T00:00:00Z`, in Unix seconds: "no end".
const GO_ZERO_SECS: i64 = -62_135_596_800;

/// Whether an alert fires or is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// It is happening.
    Firing,
    /// It is over.
    Resolved,
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Alertmanager, payload version 4.
    Alertmanager,
    /// Grafana's contact point.
    Grafana,
}

/// One webhook request.
#[derive(Debug, Clone, PartialEq)]
pub struct Notification {
    /// Who speaks.
    pub dialect: Dialect,
    /// Identity of the group, or empty.
    pub group_key: String,
    /// `firing` when any alert of the group fires.
    pub status: Status,
    /// Name of the receiver, or empty.
    pub receiver: String,
    /// Why it was sent (`repeat interval elapsed`, …), since Alertmanager 0.34.
    pub notification_reason: Option<String>,
    /// How many alerts the sender left out.
    pub truncated_alerts: u64,
    /// The alerts that could be read, in the order of the body.
    pub alerts: Vec<WebhookAlert>,
    /// One error for each alert that could not be read.
    pub errors: Vec<AlertError>,
    body: Map<String, Value>,
}

/// One alert of a webhook request.
#[derive(Debug, Clone, PartialEq)]
pub struct WebhookAlert {
    /// Its place in the body's `alerts`, for [`Notification::with_annotations`].
    pub index: usize,
    /// Firing or resolved.
    pub status: Status,
    /// Labels; empty values are absent labels.
    pub labels: Labels,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
    /// When it began.
    pub starts_at: Timestamp,
    /// When it ended; `None` while it fires.
    pub ends_at: Option<Timestamp>,
    /// Where it came from; `None` unless `http` or `https`.
    pub generator_url: Option<String>,
    /// What the sender calls it, or, where that is absent or no fingerprint, the fingerprint of `labels`.
    pub fingerprint: Fingerprint,
    /// Grafana's values by query, finite ones only.
    pub values: BTreeMap<String, f64>,
}

/// Why one alert was left out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("alerts[{index}]{path} {message}")]
pub struct AlertError {
    /// Its place in the body's `alerts`.
    pub index: usize,
    /// Where in the alert, such as `.labels.job`.
    pub path: String,
    /// What is wrong and what is allowed.
    pub message: String,
}

/// Why a body cannot be read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// The body is no JSON.
    #[error("the body is not valid JSON: {message}")]
    NotJson {
        /// What the parser says, with line and column.
        message: String,
    },
    /// The body is JSON of another shape.
    #[error(
        "the body is not a webhook of Alertmanager (version 4) or Grafana: {message}; \
         send the default payload, without a template of your own"
    )]
    OtherShape {
        /// What was looked for and what was there.
        message: String,
    },
    /// More alerts than are allowed.
    #[error("the body has {got} alerts, at most {MAX_ALERTS} are allowed; set `max_alerts` of the receiver")]
    TooManyAlerts {
        /// How many there are.
        got: usize,
    },
}

impl Status {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Resolved => "resolved",
        }
    }
}

impl Notification {
    /// Reads a body.
    ///
    /// Unknown fields are kept and missing ones tolerated, except `alerts`. An alert needs `labels` and `startsAt`;
    /// without `status` the group's stands. O(size of the body).
    ///
    /// # Errors
    /// [`WebhookError`] when the body as a whole is no such webhook. Errors of single alerts stand in `errors`.
    pub fn parse(body: &[u8]) -> Result<Self, WebhookError> {
        let value: Value =
            serde_json::from_slice(body).map_err(|error| WebhookError::NotJson { message: error.to_string() })?;
        let other = |message: String| WebhookError::OtherShape { message };
        let Value::Object(body) = value else {
            return Err(other(format!("an object is needed, got {}", kind_of(&value))));
        };
        let alerts = match body.get("alerts") {
            Some(Value::Array(alerts)) => alerts,
            Some(wrong) => return Err(other(format!("`alerts` must be an array, got {}", kind_of(wrong)))),
            None => return Err(other("it has no `alerts`".to_owned())),
        };
        if alerts.len() > MAX_ALERTS {
            return Err(WebhookError::TooManyAlerts { got: alerts.len() });
        }
        let status = match body.get("status").and_then(Value::as_str) {
            Some("resolved") => Status::Resolved,
            Some("firing") | None => Status::Firing,
            Some(wrong) => return Err(other(format!("`status` must be firing or resolved, got `{}`", cut(wrong)))),
        };
        let (mut read, mut errors) = (Vec::with_capacity(alerts.len()), Vec::new());
        for (index, alert) in alerts.iter().enumerate() {
            match alert_from(index, alert, status) {
                Ok(alert) => read.push(alert),
                Err((path, message)) => errors.push(AlertError { index, path, message }),
            }
        }
        let is_grafana = body.contains_key("orgId") || body.get("version").and_then(Value::as_str) == Some("1");
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or("").to_owned();
        Ok(Self {
            dialect: if is_grafana { Dialect::Grafana } else { Dialect::Alertmanager },
            group_key: text("groupKey"),
            status,
            receiver: text("receiver"),
            notification_reason: body.get("notification_reason").and_then(Value::as_str).map(str::to_owned),
            truncated_alerts: body.get("truncatedAlerts").and_then(Value::as_u64).unwrap_or(0),
            alerts: read,
            errors,
            body,
        })
    }

    /// The body with these annotations added, by place in `alerts`; everything else as it came, unreadable alerts too.
    ///
    /// An annotation of the same name is replaced. The one thing taken away is a `generatorURL` that is neither `http`
    /// nor `https`, because people click on it. Places that do not exist are ignored.
    #[must_use]
    pub fn with_annotations(&self, added: &BTreeMap<usize, BTreeMap<String, String>>) -> Value {
        let mut body = self.body.clone();
        if let Some(Value::Array(alerts)) = body.get_mut("alerts") {
            for (index, alert) in alerts.iter_mut().enumerate() {
                let Value::Object(alert) = alert else { continue };
                if alert.get("generatorURL").is_some_and(|url| web_url(url).is_none()) {
                    alert.insert("generatorURL".to_owned(), Value::String(String::new()));
                }
                let Some(added) = added.get(&index) else { continue };
                let annotations = alert.entry("annotations").or_insert_with(|| Value::Object(Map::new()));
                if annotations.is_null() {
                    *annotations = Value::Object(Map::new());
                }
                let Value::Object(annotations) = annotations else { continue };
                annotations.extend(added.iter().map(|(name, text)| (name.clone(), Value::String(text.clone()))));
            }
        }
        Value::Object(body)
    }

    /// The key under which `alert` of this request is worked on once; see [`idempotency_key`].
    #[must_use]
    pub fn key_of(&self, alert: &WebhookAlert) -> String {
        idempotency_key(&self.group_key, alert.fingerprint, alert.starts_at, alert.status)
    }
}

/// The same alert in the same state has the same key, however often and from whichever replica it comes: SHA-256 of the
/// group's key, the fingerprint, the start and the status, as 64 hexadecimal digits.
#[must_use]
pub fn idempotency_key(group_key: &str, fingerprint: Fingerprint, starts_at: Timestamp, status: Status) -> String {
    let mut hash = Sha256::new();
    for part in [group_key, &fingerprint.to_string(), &starts_at.to_string(), status.as_str()] {
        // The length in front keeps ("ab", "c") and ("a", "bc") apart.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Where in the alert, and what is wrong with it.
type Fault = (String, String);

fn alert_from(index: usize, alert: &Value, group_status: Status) -> Result<WebhookAlert, Fault> {
    let fault = |path: &str, message: String| Err((path.to_owned(), message));
    let Value::Object(fields) = alert else {
        return fault("", format!("must be an object, got {}", kind_of(alert)));
    };
    let status = match fields.get("status") {
        None => group_status,
        Some(Value::String(text)) if text == "firing" => Status::Firing,
        Some(Value::String(text)) if text == "resolved" => Status::Resolved,
        Some(wrong) => return fault(".status", format!("must be firing or resolved, got {}", shown(wrong))),
    };
    let labels: Labels = texts(fields, "labels")?.into();
    if labels.is_empty() {
        return fault(".labels", "must hold at least one label that is not empty".to_owned());
    }
    let annotations = texts(fields, "annotations")?;
    let Some(starts_at) = time(fields, "startsAt")? else {
        return fault(".startsAt", "must be a time such as 2026-01-31T12:00:00Z, got none".to_owned());
    };
    let ends_at = if status == Status::Firing { None } else { time(fields, "endsAt")? };
    let given = fields.get("fingerprint").and_then(Value::as_str).and_then(|text| text.parse().ok());
    let values = fields.get("values").and_then(Value::as_object).into_iter().flatten();
    Ok(WebhookAlert {
        index,
        status,
        fingerprint: given.unwrap_or_else(|| labels.fingerprint()),
        labels,
        annotations,
        starts_at,
        ends_at,
        generator_url: fields.get("generatorURL").and_then(web_url).map(str::to_owned),
        values: values.filter_map(|(name, value)| Some((name.clone(), value.as_f64()?))).collect(),
    })
}

/// A map of texts; absent and `null` are empty.
fn texts(fields: &Map<String, Value>, name: &str) -> Result<BTreeMap<String, String>, Fault> {
    let map = match fields.get(name) {
        None | Some(Value::Null) => return Ok(BTreeMap::new()),
        Some(Value::Object(map)) => map,
        Some(wrong) => return Err((format!(".{name}"), format!("must be an object, got {}", kind_of(wrong)))),
    };
    if map.len() > MAX_LABELS {
        return Err((format!(".{name}"), format!("must have at most {MAX_LABELS} entries, got {}", map.len())));
    }
    let entry = |(key, value): (&String, &Value)| {
        let path = || format!(".{name}.{}", cut(key));
        let Value::String(text) = value else {
            return Err((path(), format!("must be a text, got {}", kind_of(value))));
        };
        let bytes = key.len() + text.len();
        if key.is_empty() {
            return Err((format!(".{name}"), "must not have an empty name".to_owned()));
        }
        if bytes > MAX_LABEL_BYTES {
            return Err((path(), format!("must be at most {MAX_LABEL_BYTES} bytes with its name, got {bytes}")));
        }
        Ok((key.clone(), text.clone()))
    };
    map.iter().map(entry).collect()
}

/// A time; absent, `null`, empty and Go's zero time are `None`.
fn time(fields: &Map<String, Value>, name: &str) -> Result<Option<Timestamp>, Fault> {
    let wrong = |got: String| (format!(".{name}"), format!("must be a time such as 2026-01-31T12:00:00Z, got {got}"));
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => {
            let time: Timestamp = text.parse().map_err(|_| wrong(format!("`{}`", cut(text))))?;
            Ok(Some(time).filter(|time| time.as_second() > GO_ZERO_SECS))
        }
        Some(other) => Err(wrong(kind_of(other).to_owned())),
    }
}

fn web_url(value: &Value) -> Option<&str> {
    let text = value.as_str()?;
    let url = url::Url::parse(text).ok()?;
    matches!(url.scheme(), "http" | "https").then_some(text)
}

/// What a value is, and its beginning if it is a text.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("`{}`", cut(text)),
        _ => kind_of(value).to_owned(),
    }
}

const fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// The first 40 characters, without control characters.
fn cut(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    macro_rules! fixture {
        ($name:literal) => {
            include_str!(concat!("../../data/fixtures/alertmanager/", $name, ".json"))
        };
    }

    const FIRING: &str = fixture!("am_webhook_v4_firing_group3");

    /// The body of a capture.
    #[track_caller]
    fn captured(text: &str) -> (Notification, Value) {
        let capture: Value = serde_json::from_str(text).expect("a capture");
        let body = capture.get("body").cloned().unwrap_or(capture);
        (Notification::parse(body.to_string().as_bytes()).expect("parses"), body)
    }

    #[track_caller]
    fn check(text: &str, status: Status, alerts: &[Status]) -> Notification {
        let (notification, body) = captured(text);
        assert_eq!(notification.status, status);
        assert_eq!(notification.alerts.iter().map(|alert| alert.status).collect::<Vec<_>>(), alerts);
        assert_eq!(notification.errors, []);
        assert_eq!(notification.dialect, Dialect::Alertmanager);
        for alert in &notification.alerts {
            assert_eq!(alert.fingerprint, alert.labels.fingerprint(), "{}", alert.labels);
            assert_eq!(alert.ends_at.is_some(), alert.status == Status::Resolved);
            assert!(alert.generator_url.is_some());
        }
        assert_eq!(notification.with_annotations(&BTreeMap::new()), body, "sent on as it came");
        notification
    }

    #[test]
    fn every_captured_body_of_alertmanager_is_read_and_its_fingerprints_are_ours() {
        use Status::{Firing, Resolved};
        let group = check(FIRING, Firing, &[Firing, Firing, Firing]);
        assert_eq!((group.receiver.as_str(), group.truncated_alerts, group.notification_reason), ("all", 0, None));
        assert_eq!(group.alerts[0].labels.get("team"), Some("payments"));
        assert_eq!(group.alerts[0].starts_at.to_string(), "2026-11-22T19:16:04.932Z");
        let partial = captured(fixture!("am_webhook_v4_partial_resolve")).0;
        check(
            fixture!("am_webhook_v4_partial_resolve"),
            Firing,
            &partial.alerts.iter().map(|a| a.status).collect::<Vec<_>>(),
        );
        assert_eq!(partial.alerts.iter().filter(|a| a.status == Resolved).count(), 1);
        let resolved = captured(fixture!("am_webhook_v4_resolved")).0.alerts.len();
        check(fixture!("am_webhook_v4_resolved"), Resolved, &vec![Resolved; resolved]);
        check(fixture!("am_webhook_v4_resolved_single"), Resolved, &[Resolved]);
        check(fixture!("am_webhook_v4_firing_bearer_auth"), Firing, &[Firing]);
        let truncated = check(fixture!("am_webhook_v4_firing_max_alerts2_truncated1"), Firing, &[Firing, Firing]);
        assert_eq!(truncated.truncated_alerts, 1);
        let newer = check(fixture!("derived_am_webhook_v4_shape_0.34"), Firing, &[Firing, Firing, Firing]);
        assert!(newer.notification_reason.is_some());
    }

    #[test]
    fn a_body_of_grafana_is_read_with_its_values() {
        let (notification, body) = captured(fixture!("grafana_webhook_firing"));
        assert_eq!(notification.dialect, Dialect::Grafana);
        let alert = &notification.alerts[0];
        assert_eq!(alert.values, [("B".to_owned(), 44.239_437_375_419_08), ("C".to_owned(), 1.0)].into());
        assert_eq!((alert.starts_at.to_string().as_str(), alert.ends_at), ("2026-10-12T07:51:03.157076Z", None));
        assert_eq!(alert.fingerprint.to_string(), "c6eadffa33fcdf37", "the sender's own, which covers hidden labels");
        assert_eq!(notification.with_annotations(&BTreeMap::new()), body);
    }

    #[test]
    fn hostile_labels_are_data_and_what_is_no_link_or_fingerprint_is_dropped() {
        let (notification, body) = captured(fixture!("attack_am_webhook_hostile_labels"));
        let alert = &notification.alerts[0];
        assert_eq!(alert.labels.get("nul"), Some("a\0b"));
        assert_eq!(alert.generator_url, None);
        assert_eq!(alert.fingerprint, alert.labels.fingerprint());
        assert_eq!(notification.truncated_alerts, u64::MAX);
        let sent_on = notification.with_annotations(&BTreeMap::new());
        assert_eq!(sent_on["alerts"][0]["generatorURL"], "");
        assert_eq!(sent_on["alerts"][0]["labels"], body["alerts"][0]["labels"]);
    }

    #[test]
    fn annotations_are_added_and_nothing_else_changes() {
        let (notification, mut body) = captured(FIRING);
        let added = BTreeMap::from([
            (
                1,
                BTreeMap::from([
                    ("tidewatch_score".to_owned(), "2".to_owned()),
                    ("summary".to_owned(), "new".to_owned()),
                ]),
            ),
            (99, BTreeMap::from([("x".to_owned(), "y".to_owned())])),
        ]);
        let sent_on = notification.with_annotations(&added);
        body["alerts"][1]["annotations"]["tidewatch_score"] = "2".into();
        body["alerts"][1]["annotations"]["summary"] = "new".into();
        assert_eq!(sent_on, body);
        let bare = br#"{"alerts":[{"labels":{"a":"b"},"startsAt":"2026-01-01T00:00:00Z","annotations":null},7]}"#;
        let bare = Notification::parse(bare).expect("parses");
        let added = BTreeMap::from([(0, BTreeMap::from([("x".to_owned(), "y".to_owned())]))]);
        let sent_on = bare.with_annotations(&added);
        assert_eq!(sent_on["alerts"][0]["annotations"], json!({"x": "y"}));
        assert_eq!(sent_on["alerts"][1], json!(7));
    }

    #[track_caller]
    fn bad(alert: &Value, error: &str) {
        let good = json!({"labels": {"a": "b"}, "startsAt": "2026-01-01T00:00:00Z"});
        let body = json!({"alerts": [good, alert, good]}).to_string();
        let notification = Notification::parse(body.as_bytes()).expect("the batch is read");
        assert_eq!(notification.alerts.iter().map(|alert| alert.index).collect::<Vec<_>>(), [0, 2]);
        let got: Vec<String> = notification.errors.iter().map(ToString::to_string).collect();
        assert_eq!(got.len(), 1);
        assert!(got[0].contains(error), "{got:?}");
    }

    #[test]
    fn one_bad_alert_does_not_fail_the_others_and_is_named() {
        let at = "2026-01-01T00:00:00Z";
        let many: Map<String, Value> = (0..129).map(|i| (format!("l{i}"), "x".into())).collect();
        bad(&json!(null), "alerts[1] must be an object, got null");
        bad(&json!({"startsAt": at}), "alerts[1].labels must hold at least one label");
        bad(&json!({"labels": {"a": ""}, "startsAt": at}), "alerts[1].labels must hold");
        bad(&json!({"labels": [], "startsAt": at}), "alerts[1].labels must be an object, got an array");
        bad(&json!({"labels": {"a": 1}, "startsAt": at}), "alerts[1].labels.a must be a text, got a number");
        bad(&json!({"labels": {"": "x"}, "startsAt": at}), "must not have an empty name");
        bad(&json!({"labels": many, "startsAt": at}), "at most 128 entries, got 129");
        bad(
            &json!({"labels": {"a": "x".repeat(65_536)}, "startsAt": at}),
            "at most 65536 bytes with its name, got 65537",
        );
        bad(&json!({"labels": {"a": "b"}, "annotations": {"a": {}}, "startsAt": at}), ".annotations.a must be a text");
        bad(&json!({"labels": {"a": "b"}}), "alerts[1].startsAt must be a time such as");
        bad(&json!({"labels": {"a": "b"}, "startsAt": "0001-01-01T00:00:00Z"}), "startsAt must be a time");
        bad(&json!({"labels": {"a": "b"}, "startsAt": "yesterday"}), "got `yesterday`");
        bad(&json!({"labels": {"a": "b"}, "startsAt": 5}), "got a number");
        bad(&json!({"labels": {"a": "b"}, "startsAt": at, "status": "resolved", "endsAt": "x"}), "alerts[1].endsAt");
        bad(&json!({"labels": {"a": "b"}, "startsAt": at, "status": "maybe"}), "firing or resolved, got `maybe`");
    }

    #[track_caller]
    fn refused(body: &[u8], part: &str) {
        let error = Notification::parse(body).expect_err(part).to_string();
        assert!(error.contains(part), "{error}");
    }

    #[test]
    fn bodies_of_another_shape_are_refused_with_what_was_there() {
        refused(b"", "not valid JSON: EOF");
        refused(b"alert=1", "line 1 column 1");
        refused(&[0xff, 0xfe, 0x00], "not valid JSON");
        refused("[".repeat(100_000).as_bytes(), "recursion limit");
        refused(b"[]", "an object is needed, got an array");
        refused(br#"{"text":"hello"}"#, "it has no `alerts`; send the default payload");
        refused(br#"{"alerts":{}}"#, "`alerts` must be an array, got an object");
        refused(br#"{"alerts":[],"status":"x"}"#, "`status` must be firing or resolved");
        let many = json!({ "alerts": vec![0; MAX_ALERTS + 1] }).to_string();
        refused(many.as_bytes(), "has 10001 alerts, at most 10000");
        let empty = Notification::parse(br#"{"alerts":[]}"#).expect("an empty group is a group");
        assert!(empty.alerts.is_empty() && empty.errors.is_empty());
    }

    #[test]
    fn keys_differ_by_group_alert_start_and_status_and_by_nothing_else() {
        let (notification, _) = captured(FIRING);
        let mut keys: Vec<String> = notification.alerts.iter().map(|alert| notification.key_of(alert)).collect();
        let alert = &notification.alerts[0];
        assert_eq!(keys[0], notification.key_of(&WebhookAlert { annotations: BTreeMap::new(), ..alert.clone() }));
        let (print, start) = (alert.fingerprint, alert.starts_at);
        keys.push(idempotency_key("other", print, start, Status::Firing));
        keys.push(idempotency_key(&notification.group_key, print, start, Status::Resolved));
        keys.push(idempotency_key(&notification.group_key, print, Timestamp::UNIX_EPOCH, Status::Firing));
        assert!(keys.iter().all(|key| key.len() == 64));
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), 6);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _outcome = Notification::parse(&bytes);
        }

        #[test]
        fn damage_to_a_real_body_is_read_or_refused_without_a_panic(at in 0_usize..2_000, byte in any::<u8>()) {
            let mut bytes = captured(FIRING).1.to_string().into_bytes();
            let at = at % bytes.len();
            bytes[at] = byte;
            if let Ok(notification) = Notification::parse(&bytes) {
                let _body = notification.with_annotations(&BTreeMap::new());
            }
        }
    }
}
