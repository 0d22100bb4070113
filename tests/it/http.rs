//! The HTTP API: every route answers well, and every bad request gets the envelope with what was wrong and where.

#![expect(clippy::expect_used, reason = "a failed expectation fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;
use tidewatch::alert::lifecycle;
use tidewatch::alert::resend;
use tidewatch::alert::{Alert, Identity, Origin};
use tidewatch::capacity::Recommendation;
use tidewatch::detect::{self, Attribution, Direction, PointScore, Reason, Suppression};
use tidewatch::engine::{
    App, AppParts, BudgetSharing, Destination, DetectorSpec, EnrichSettings, Settings, TeamBudget,
};
use tidewatch::http::{self, AppState};
use tidewatch::series::{HumanDuration, Labels, Sample, Samples, Step, Unit};
use tidewatch::severity::{AlertFacts, Policy, SeverityModel};
use tidewatch::sink::{AlertSink, Notice, SinkError};
use tidewatch::source::{Range, SeriesSource, SourceError};
use tidewatch::store::{
    CapacityRecord, Exposure, ForecastRecord, ForecastScore, NewModel, NewRevision, OutboxItem, RetentionSettings,
    Store,
};
use tidewatch::telemetry::Metrics;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::ServiceExt;

const JSON: &str = "application/json";

/// A source whose one series moves like a day and jumps at the end of every sixth hour.
#[derive(Debug)]
struct Tides;

#[async_trait]
impl SeriesSource for Tides {
    async fn fetch(&self, query: &str, range: Range) -> Result<Vec<Samples>, SourceError> {
        if query != "latency_seconds" {
            return Err(SourceError::NoData { query: query.to_owned() });
        }
        let (start, end) = (range.start.as_millisecond(), range.end.as_millisecond());
        let step = usize::try_from(range.step.millis()).expect("a step");
        let points = (start..=end).step_by(step).map(|time_ms| Sample { time_ms, value: tide(time_ms) }).collect();
        let labels = Labels::new().with("__name__", "latency_seconds").with("service", "api");
        Ok(vec![Samples { labels, unit: Unit::Seconds, ..Samples::gauge("latency_seconds{service=\"api\"}", points) }])
    }

    async fn check(&self) -> Result<(), SourceError> {
        Ok(())
    }
}

fn tide(time_ms: i64) -> f64 {
    let minute = time_ms.div_euclid(60_000);
    let wobble = (minute.wrapping_mul(7_919).rem_euclid(101) as f64) / 1_000.0;
    1.0 + (minute as f64 / 1_440.0 * std::f64::consts::TAU).sin() * 0.5 + wobble
}

#[derive(Debug)]
struct Nowhere;

#[async_trait]
impl AlertSink for Nowhere {
    async fn deliver(&self, _: &str, _: &Notice) -> Result<(), SinkError> {
        Ok(())
    }
}

/// A service with an empty store that has not started.
struct Service {
    app: Arc<App>,
    router: Router,
    _dir: TempDir,
}

/// An answer, read to its end.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("ascii"))
    }

    #[track_caller]
    fn good(&self) -> Value {
        assert!(self.status.is_success(), "{}: {}", self.status, self.text);
        self.json()
    }

    /// The envelope, checked to be one.
    #[track_caller]
    fn failure(&self, status: u16, code: &str) -> String {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert_eq!(self.header("content-type"), JSON);
        let body = self.json();
        assert_eq!(body["error"]["code"], code, "{}", self.text);
        assert_eq!(body.as_object().map(serde_json::Map::len), Some(1));
        body["error"]["message"].as_str().expect("a message").to_owned()
    }
}

async fn read(response: Response) -> Answer {
    let (status, headers) = (response.status(), response.headers().clone());
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 30).await.expect("a body");
    Answer { status, headers, text: String::from_utf8_lossy(&bytes).into_owned() }
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn noon() -> Timestamp {
    at("2026-03-01T12:00:00Z")
}

fn settings() -> Settings {
    Settings {
        detectors: vec![DetectorSpec {
            disappearance: tidewatch::detect::Disappearance::Alert,
            name: "api-latency".to_owned(),
            source: "prod".to_owned(),
            query: "latency_seconds".to_owned(),
            unit: None,
            step: Step::MINUTE,
            history: HumanDuration::from_secs(6 * 3_600),
            delay: HumanDuration::from_secs(15),
            entity_by: Vec::new(),
            peers_by: Vec::new(),
            labels: Labels::new(),
            annotations: BTreeMap::new(),
            severity: None,
            detect: detect::Settings::default(),
            lifecycle: lifecycle::Settings::default(),
            sharing: BudgetSharing::default(),
        }],
        forecasts: Vec::new(),
        capacity: Vec::new(),
        routes: Vec::new(),
        runbooks: Vec::new(),
        enrich: EnrichSettings {
            timeout: HumanDuration::from_secs(20),
            forward_to: vec!["hook".to_owned()],
            ..EnrichSettings::default()
        },
        severity: Policy::default(),
        resend: resend::Settings::default(),
        retention: RetentionSettings::default(),
        budget: TeamBudget::default(),
    }
}

impl Service {
    async fn with(http: http::Settings, metrics: Option<Metrics>) -> Self {
        let dir = TempDir::new().expect("a directory");
        let store = Store::open(dir.path(), noon()).await.expect("a store");
        let tides: Arc<dyn SeriesSource> = Arc::new(Tides);
        let app = App::new(AppParts {
            settings: settings(),
            store,
            sources: BTreeMap::from([("prod".to_owned(), tides)]),
            destinations: BTreeMap::from([(
                "hook".to_owned(),
                Destination { sink: Arc::new(Nowhere), repeats: false },
            )]),
            severity: SeverityModel::shipped().expect("a model"),
        });
        let router = http::router(AppState::new(Arc::clone(&app), metrics, http));
        Self { app, router, _dir: dir }
    }

    async fn new() -> Self {
        Self::with(http::Settings::default(), None).await
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        read(self.router.clone().oneshot(request).await.expect("infallible")).await
    }

    async fn ask(&self, method: Method, path: &str) -> Answer {
        self.send(Request::builder().method(method).uri(path).body(Body::empty()).expect("a request")).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path).await
    }

    async fn post(&self, path: &str, body: impl Into<Body>) -> Answer {
        let request = Request::post(path).header(header::CONTENT_TYPE, JSON).body(body.into()).expect("a request");
        self.send(request).await
    }

    async fn post_json(&self, path: &str, body: &Value) -> Answer {
        self.post(path, body.to_string()).await
    }
}

/// Numbers that a better model may change are written as what they are, times that the clock gave as well.
fn masked(value: &Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => json!("[float]"),
        Value::Array(items) => Value::Array(items.iter().map(masked).collect()),
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| {
                let clock = matches!(name.as_str(), "given_at" | "updated_at") && value.is_string();
                (name.clone(), if clock { json!("[time]") } else { masked(value) })
            };
            Value::Object(fields.iter().map(field).collect())
        }
        other => other.clone(),
    }
}

/// Two weeks of hours with a daily season, and a spike in the last hour.
fn hours() -> Vec<f64> {
    let season = |hour: usize| (hour as f64 / 24.0 * std::f64::consts::TAU).sin();
    let wobble = |hour: usize| (hour * 7_919 % 101) as f64 / 500.0;
    let mut values: Vec<f64> = (0..24 * 14).map(|hour| 10.0 + 3.0 * season(hour) + wobble(hour)).collect();
    if let Some(last) = values.last_mut() {
        *last = 60.0;
    }
    values
}

fn hourly(id: &str, values: &[f64]) -> Value {
    json!({"id": id, "start": "2026-03-01T00:00:00Z", "step": "1h", "values": values})
}

#[tokio::test]
async fn changes_of_the_callers_series_are_found_and_those_of_detectors_listed() {
    let service = Service::new().await;
    let shifted: Vec<f64> =
        (0..240_u32).map(|i| if i < 120 { 10.0 } else { 14.0 } + (f64::from(i) * 2.4).sin()).collect();
    let body = json!({"series": [hourly("moved", &shifted), hourly("still", &[3.0; 50])]});
    let found = service.post_json("/api/v1/changes", &body).await.good();
    let change = &found["series"][0]["metrics"][0]["changes"][0];
    assert_eq!((&change["kind"], &change["at"]), (&json!("level_shift"), &json!("2026-03-06T00:00:00Z")), "{found}");
    assert!(change["sentence"].as_str().is_some_and(|text| text.starts_with("the level rose from")), "{change}");
    assert_eq!(found["series"][1]["metrics"][0]["changes"], json!([]));
    let wrong = json!({"series": [hourly("moved", &shifted)], "options": {"min_segment": 1}});
    let refusal = service.post_json("/api/v1/changes", &wrong).await;
    assert_eq!(refusal.status, StatusCode::UNPROCESSABLE_ENTITY);
    let wrong = json!({"series": [hourly("moved", &shifted)], "options": {"penalty": 0}});
    let refusal = service.post_json("/api/v1/changes", &wrong).await;
    assert_eq!(refusal.status, StatusCode::UNPROCESSABLE_ENTITY);
    let name = service.get("/api/v1/detectors").await.good()["detectors"][0]["name"].as_str().expect("one").to_owned();
    let listed = service.get(&format!("/api/v1/detectors/{name}/changes")).await.good();
    assert!(listed["changes"].is_array(), "{listed}");
    assert_eq!(service.get("/api/v1/detectors/nobody/changes").await.status, StatusCode::NOT_FOUND);
}

// --- judging the caller's own data ---------------------------------------------------------------------------------

#[tokio::test]
async fn a_spike_in_a_season_is_scored() {
    let service = Service::new().await;
    let body = json!({"series": [hourly("web", &hours())], "options": {"last": 2, "false_alarms": "1 per week"}});
    let scored = service.post_json("/api/v1/score", &body).await.good();
    let points = scored["series"][0]["points"].as_array().expect("points");
    assert_eq!((points.len(), &points[1]["t"]), (2, &json!("2026-03-14T23:00:00Z")));
    assert_eq!((&points[0]["is_anomaly"], &points[1]["is_anomaly"]), (&json!(false), &json!(true)));
    assert!(points[1]["score"].as_f64().expect("a score") >= 1.0);
    assert_eq!(points[1]["direction"], "above");
    let shares: f64 = points[1]["attribution"].as_object().expect("shares").values().filter_map(Value::as_f64).sum();
    assert!((shares - 1.0).abs() < 1e-6, "{shares}");
    let mut first = masked(&scored);
    first["series"][0]["points"] = json!([first["series"][0]["points"][0].clone()]);
    insta::assert_json_snapshot!("score", first);
    let said = points[1]["sentence"].as_str().expect("a sentence");
    assert!(said.starts_with("web is 60, expected ") && said.contains("times the boundary"), "{said}");
    assert!(points[0].get("sentence").is_none(), "an ordinary point needs none");
}

#[tokio::test]
async fn series_are_explained_in_sentences_and_numbers() {
    let service = Service::new().await;
    let body = json!({"series": [hourly("web", &hours()), hourly("none", &[])]});
    let answer = service.post_json("/api/v1/explain", &body).await.good();
    let web = &answer["series"][0];
    let metric = &web["metrics"][0];
    assert_eq!(
        (&metric["kind"], &metric["season_s"], &web["judged"]),
        (&json!("gauge"), &json!(86_400.0), &json!(336))
    );
    assert_eq!(web["unusual"][0]["t"], "2026-03-14T23:00:00Z");
    assert_eq!(web["last"]["is_anomaly"], true);
    let said = |list: &Value, about: &str| {
        let found = list.as_array().expect("a list").iter().find(|said| said["about"] == about).cloned();
        found.unwrap_or_else(|| panic!("nothing about {about}: {list}"))
    };
    assert!(said(&metric["found"], "season")["evidence"]["gain"].as_f64().is_some_and(|gain| gain > 0.3));
    assert!(said(&metric["chosen"], "season")["sentence"].as_str().is_some_and(|text| text.contains("earlier days")));
    assert_eq!(answer["series"][1]["error"]["code"], "unprocessable");
    let off = json!({"series": [hourly("web", &hours())], "options": {"season": "none"}});
    let off = service.post_json("/api/v1/explain", &off).await.good();
    assert_eq!(off["series"][0]["metrics"][0]["season_s"], Value::Null);
}

#[tokio::test]
async fn peers_are_compared_with_one_another() {
    let service = Service::new().await;
    let replica = |k: usize| -> Vec<f64> {
        (0..100).map(|i| 10.0 + (i * (k + 3) % 7) as f64 / 10.0 + if k == 4 && i > 50 { 30.0 } else { 0.0 }).collect()
    };
    let all: Vec<Value> = (0..12).map(|k| hourly(&format!("web-{k}"), &replica(k))).collect();
    let answer = service.post_json("/api/v1/peers", &json!({"series": all})).await.good();
    let outliers: Vec<&str> = answer["series"]
        .as_array()
        .expect("peers")
        .iter()
        .filter(|peer| peer["is_outlier"] == true)
        .filter_map(|peer| peer["id"].as_str())
        .collect();
    assert_eq!((outliers, &answer["outliers"]), (vec!["web-4"], &json!(1)));
    let two = json!({"series": [hourly("a", &[1.0, 2.0]), hourly("b", &[1.0, 2.0])]});
    let message = service.post_json("/api/v1/peers", &two).await.failure(422, "unprocessable");
    assert!(message.contains("at least 3 series"), "{message}");
}

#[tokio::test]
async fn the_light_model_takes_a_calendar_and_refuses_entities_and_unknown_zones() {
    let service = Service::new().await;
    let with = |options: Value| json!({"series": [hourly("web", &hours())], "options": options});
    let berlin = json!({"time_zone": "Europe/Berlin", "holidays": {"country": "DE", "dates": ["2026-03-09"]}});
    let body = with(json!({"last": 1, "model": "light", "calendar": berlin}));
    let scored = service.post_json("/api/v1/score", &body).await.good();
    let point = &scored["series"][0]["points"][0];
    assert_eq!((&point["is_anomaly"], &point["direction"]), (&json!(true), &json!("above")));
    assert!(point["reasons"].as_array().is_some_and(|reasons| reasons.contains(&json!("spike"))), "{point}");
    let body = with(json!({"model": "light", "calendar": {"time_zone": "Berlin"}}));
    let wrong = service.post_json("/api/v1/score", &body).await;
    assert!(wrong.failure(422, "unprocessable").contains("Europe/Berlin"));
    for options in [json!({"calendar": berlin}), json!({"model": "full", "calendar": berlin})] {
        let message = service.post_json("/api/v1/score", &with(options)).await.failure(422, "unprocessable");
        assert!(message.starts_with("options.calendar: only the light model"), "{message}");
    }
    let entity = json!({"series": [{"id": "pair", "start": 1_772_323_200, "step": "1h",
        "metrics": {"cpu": hours(), "memory": hours()}}], "options": {"model": "light"}});
    let refused = service.post_json("/api/v1/score", &entity).await;
    assert!(refused.failure(422, "unprocessable").contains("use model `full`"));
}

#[tokio::test]
async fn huge_values_are_answered_as_they_were_sent() {
    let service = Service::new().await;
    let mut values = hours();
    let middle = values.len() / 2;
    values[middle] = -1e308;
    let body = json!({"series": [hourly("web", &values)]});
    let scored = service.post_json("/api/v1/score", &body).await.good();
    assert_eq!(scored["series"][0]["points"][middle]["value"], json!(-1e308));
}

#[tokio::test]
async fn the_ways_to_bring_points_agree() {
    let service = Service::new().await;
    let values = hours();
    let start = at("2026-03-01T00:00:00Z");
    let time = |hour: usize| start + SignedDuration::from_hours(i64::try_from(hour).expect("small"));
    let pairs = |write: &dyn Fn(Timestamp) -> Value| -> Value {
        let mut pairs: Vec<Value> = values.iter().enumerate().map(|(i, v)| json!([write(time(i)), v])).collect();
        pairs.reverse();
        json!({"id": "web", "points": pairs})
    };
    let body = json!({"series": [
        hourly("web", &values),
        pairs(&|time| json!(time.to_string())),
        pairs(&|time| json!(time.as_second())),
        pairs(&|time| json!(time.as_millisecond())),
        {"id": "web", "start": start.as_second(), "step_s": 3600, "values": values},
    ], "options": {"explain": false}});
    let scored = service.post_json("/api/v1/score", &body).await.good();
    let all = scored["series"].as_array().expect("series");
    assert_eq!(all.len(), 5);
    assert!(all.iter().all(|one| one == &all[0]));
    assert_eq!(all[0]["points"].as_array().map(Vec::len), Some(values.len()));
    assert!(all[0]["points"][0].get("reasons").is_none());
}

#[tokio::test]
async fn an_entity_is_scored_as_one() {
    let service = Service::new().await;
    let other: Vec<f64> = hours().iter().map(|value| value * 2.0).collect();
    let body = json!({"series": [{"labels": {"service": "api"}, "start": 1_772_323_200, "step": "1h",
        "metrics": {"cpu": hours(), "memory": other, "empty": vec![Value::Null; hours().len()]}}],
        "options": {"last": 1}});
    let scored = service.post_json("/api/v1/score", &body).await.good();
    let one = &scored["series"][0];
    assert_eq!((&one["id"], &one["left_out"]), (&json!("{service=\"api\"}"), &json!(["empty"])));
    assert_eq!(one["points"][0]["is_anomaly"], true);
}

#[tokio::test]
async fn a_season_is_forecast_with_intervals_in_percent() {
    let service = Service::new().await;
    let mut values = hours();
    values.pop();
    let body = json!({"series": [hourly("web", &values)], "horizon": "3h", "levels": [95, 80], "seasons": ["24h"]});
    let forecast = service.post_json("/api/v1/forecast", &body).await.good();
    let made = &forecast["series"][0]["forecasts"][0];
    assert_eq!(made["start"], "2026-03-14T23:00:00Z");
    assert_eq!((&made["intervals"][0]["level"], &made["intervals"][1]["level"]), (&json!(80.0), &json!(95.0)));
    let number = |value: &Value| value.as_f64().expect("a number");
    for step in 0..3 {
        let (narrow, wide) = (&made["intervals"][0], &made["intervals"][1]);
        assert!(number(&wide["lower"][step]) <= number(&narrow["lower"][step]));
        assert!(number(&narrow["lower"][step]) <= number(&made["mean"][step]));
        assert!(number(&made["mean"][step]) <= number(&narrow["upper"][step]));
        assert!(number(&narrow["upper"][step]) <= number(&wide["upper"][step]));
    }
    let mut shape = masked(&forecast);
    shape["series"][0]["forecasts"][0]["because"] = json!("[reasons]");
    shape["series"][0]["forecasts"][0]["model"] = json!("[model]");
    insta::assert_json_snapshot!("forecast", shape);
    let sale = json!([{"name": "sale", "effect": {"times": 2.0},
        "spans": [{"start": "2026-03-14T23:00:00Z", "end": "2026-03-15T00:00:00Z"}]}]);
    let mut planned = body.clone();
    planned["events"] = sale;
    planned["at_least"] = json!(0.0);
    let doubled = service.post_json("/api/v1/forecast", &planned).await.good();
    let doubled = &doubled["series"][0]["forecasts"][0];
    assert!((number(&doubled["mean"][0]) / number(&made["mean"][0]) - 2.0).abs() < 0.1, "{doubled}");
    assert!(doubled["because"].to_string().contains("event_applied"));
    planned["at_most"] = json!(-1.0);
    let refused = service.post_json("/api/v1/forecast", &planned).await;
    assert!(refused.status.as_u16() == 422 && refused.text.contains("at_least"), "{}", refused.text);
    let steps = json!({"series": [hourly("web", &values)], "horizon": 5, "model": "seasonal_naive"});
    let forecast = service.post_json("/api/v1/forecast", &steps).await.good();
    assert_eq!(forecast["series"][0]["forecasts"][0]["mean"].as_array().map(Vec::len), Some(5));
    assert_eq!(forecast["series"][0]["forecasts"][0]["model"], "seasonal_naive");
}

#[tokio::test]
async fn the_record_that_is_off_stands_out_of_a_table() {
    let service = Service::new().await;
    let mut rows: Vec<Value> = (0..300).map(|i| json!([i * 7 % 13, i * 5 % 11])).collect();
    rows[17] = json!([6, 900]);
    rows[18] = json!([null, 5]);
    let body = json!({"columns": ["a", "b"], "rows": rows, "top_feature": true});
    let answer = service.post_json("/api/v1/isolate", &body).await.good();
    let scores: Vec<f64> = answer["scores"].as_array().expect("scores").iter().filter_map(Value::as_f64).collect();
    let most = (0..scores.len()).max_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    assert_eq!((scores.len(), most), (300, Some(17)));
    assert_eq!(answer["top_feature"][17], "b");
    assert_eq!(answer, service.post_json("/api/v1/isolate", &body).await.good(), "the same seed, the same scores");
    let refusals = [
        (json!({"columns": [], "rows": [[]]}), "columns"),
        (json!({"columns": ["a"], "rows": []}), "rows"),
        (json!({"columns": ["a", "b"], "rows": [[1, 2], [3]]}), "rows[1]"),
        (json!({"columns": ["a"], "rows": [[1]], "trees": 0}), "trees"),
        (json!({"columns": ["a"], "rows": [["x"]]}), "rows[0][0]"),
        (json!({"columns": ["a"], "rows": [[1]], "split": "round"}), "split"),
    ];
    for (body, place) in refusals {
        let answer = service.post_json("/api/v1/isolate", &body).await;
        assert!(answer.status.as_u16() == 422 && answer.text.contains(place), "{place}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_filling_disk_gets_an_exhaustion_date() {
    let service = Service::new().await;
    let filling: Vec<f64> = (0..24 * 30).map(|hour| 100.0 + f64::from(hour) + f64::from(hour % 7)).collect();
    let flat = vec![5.0; 24 * 30];
    let mut calm = hourly("calm", &flat);
    calm["limit"] = json!(1e9);
    let body =
        json!({"series": [hourly("disk", &filling), calm], "limit": 1_200.0, "horizon": "60d", "lead_time": "7d"});
    let planned = service.post_json("/api/v1/capacity", &body).await.good();
    let (disk, calm) = (&planned["series"][0]["plan"], &planned["series"][1]["plan"]);
    assert_eq!(disk["outlook"], "will_exhaust");
    let p50 = at(disk["exhaustion"]["p50"].as_str().expect("a date"));
    assert!((at("2026-04-10T00:00:00Z")..at("2026-04-25T00:00:00Z")).contains(&p50), "{p50}");
    assert_eq!((&calm["outlook"], &calm["exhaustion"]["p50"]), (&json!("never_at_this_rate"), &Value::Null));
    let fields: BTreeSet<&str> = disk.as_object().expect("fields").keys().map(String::as_str).collect();
    let contract = ["series", "used", "limit", "unit", "exhaustion", "probability_within", "growth_per_day"];
    assert!(contract.iter().chain(&["recommendation", "because", "fan"]).all(|field| fields.contains(field)));
}

#[tokio::test]
async fn alerts_are_classified_with_reasons() {
    let service = Service::new().await;
    let body = json!({"alerts": [
        {"id": "a", "facts": {"affected_users": 50_000, "business_impact": 0.95, "burn_rate": 20}, "severity": "page"},
        {"facts": {}, "labels": {"service": "api"}},
    ]});
    let judged = service.post_json("/api/v1/classify", &body).await.good();
    let alerts = judged["alerts"].as_array().expect("alerts");
    assert_eq!((&alerts[0]["id"], &alerts[0]["severity"]), (&json!("a"), &json!("critical")));
    assert_eq!(alerts[1]["id"], "2");
    for alert in alerts {
        let sum: f64 = alert["probabilities"].as_object().expect("four").values().filter_map(Value::as_f64).sum();
        assert!((sum - 1.0).abs() < 1e-9);
    }
    let mut keys: Vec<&String> = alerts[0].as_object().expect("fields").keys().collect();
    keys.sort();
    assert_eq!(keys, ["abstained", "because", "id", "model", "probabilities", "severity"]);
}

#[tokio::test]
async fn one_bad_series_does_not_spoil_the_others() {
    let service = Service::new().await;
    let nulls = json!({"id": "nulls", "start": 0, "step": "1h", "values": [null, null, null]});
    let single = json!({"id": "single", "points": [["2026-03-01T00:00:00Z", 1]]});
    let empty = json!({"id": "empty", "points": []});
    let constant = hourly("constant", &[5.0; 100]);
    let one_with_step = json!({"id": "one", "step": "1m", "points": [["2026-03-01T00:00:00Z", 1]]});
    let huge = hourly("huge", &[1e308, -1e308, 1e308, 5e-324, 0.0, -0.0, 1e308]);
    let absurd = json!({"id": "absurd", "points": [[1e300, 1], [-1e300, 2]]});
    let body = json!({"series": [nulls, single, empty, constant, one_with_step, huge, absurd]});
    for path in ["/api/v1/score", "/api/v1/forecast", "/api/v1/capacity"] {
        let mut body = body.clone();
        match path {
            "/api/v1/forecast" => body["horizon"] = json!(3),
            "/api/v1/capacity" => body["limit"] = json!(100),
            _ => {}
        }
        let answer = service.post_json(path, &body).await.good();
        let has_error: Vec<bool> =
            answer["series"].as_array().expect("series").iter().map(|one| one.get("error").is_some()).collect();
        assert_eq!(has_error, [true, true, true, false, false, false, true], "{path} {answer}");
        let message = |index: usize| answer["series"][index]["error"]["message"].as_str().expect("text").to_owned();
        assert!(message(0).contains("none of them is a finite number"), "{}", message(0));
        assert!(message(1).contains("give the step"), "{}", message(1));
        assert!(message(2).contains("no points"), "{}", message(2));
        assert!(!answer.to_string().contains("NaN"));
        for bad in [0, 1, 2, 6] {
            let mut alone = body.clone();
            alone["series"] = json!([body["series"][bad].clone()]);
            let message = service.post_json(path, &alone).await.failure(422, "unprocessable");
            assert!(message.starts_with("series[0]: "), "{message}");
        }
    }
}

// --- bad requests --------------------------------------------------------------------------------------------------

#[expect(clippy::too_many_lines, reason = "cases as data")]
#[tokio::test]
async fn bad_bodies_are_refused_with_their_path() {
    let service = Service::new().await;
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep_inside = format!(r#"{{"series":[{{"points":{deep}}}]}}"#);
    let many = format!(r#"{{"series":[{}]}}"#, vec![r#"{"points":[[1,1]]}"#; 1_001].join(","));
    let crowded = format!(r#"{{"series":[{{"start":0,"step":"1s","values":[{}]}}]}}"#, vec!["0"; 1_000_001].join(","));
    let half = vec!["0"; 600_000].join(",");
    let together = format!(
        r#"{{"series":[{{"start":0,"step":"1s","values":[{half}]}},{{"start":0,"step":"1s","values":[{half}]}}]}}"#
    );
    let cases: &[(&str, &str, u16, &str)] = &[
        ("score", "", 400, "not valid JSON"),
        ("score", "{", 400, "not valid JSON"),
        ("score", "{} {}", 422, "missing field `series`"),
        ("score", "null", 422, "invalid type: null"),
        ("score", "[]", 422, "invalid length 0"),
        ("score", r#"{"series":[]}"#, 422, "series: at least one series is needed, got none"),
        ("score", r#"{"series":{}}"#, 422, "series: invalid type: map, expected a list of series"),
        (
            "score",
            r#"{"series":[{"points":[[1,1],[2,"abc"]]}]}"#,
            422,
            "series[0].points[1][1]: invalid type: string \"abc\"",
        ),
        ("score", r#"{"series":[{"points":[[1,1e400]]}]}"#, 400, "number out of range"),
        ("score", r#"{"series":[{"points":[[1,NaN]]}]}"#, 400, "not valid JSON"),
        ("score", r#"{"series":[{"points":[[1,1]],"colour":1}]}"#, 422, "series[0].colour: unknown field `colour`"),
        ("score", r#"{"series":[{}]}"#, 422, "series[0]: give exactly one of `points`, `values` and `metrics`"),
        ("score", r#"{"series":[{"points":[],"values":[]}]}"#, 422, "give exactly one"),
        ("score", r#"{"series":[{"values":[1,2]}]}"#, 422, "series[0].values: needs `start` and `step`"),
        ("score", r#"{"series":[{"start":0,"points":[[1,1]]}]}"#, 422, "series[0].start: belongs to"),
        ("score", r#"{"series":[{"start":0,"step":"1x","values":[1]}]}"#, 422, "series[0].step: duration must be like"),
        ("score", r#"{"series":[{"start":0,"step":"0s","values":[1]}]}"#, 422, "series[0].step: must be more than 0"),
        ("score", r#"{"series":[{"start":0,"step_s":-1,"values":[1]}]}"#, 422, "series[0].step: must be more than 0"),
        ("score", r#"{"series":[{"start":0,"step_s":1e300,"values":[1]}]}"#, 422, "at most 366 days"),
        (
            "score",
            r#"{"series":[{"start":1e300,"step":"1h","values":[1,2]}]}"#,
            422,
            "series[0].start: the times leave",
        ),
        (
            "score",
            r#"{"series":[{"start":0,"step":"1h","step_s":1,"values":[1]}]}"#,
            422,
            "give `step` or `step_s`, not both",
        ),
        (
            "score",
            r#"{"series":[{"start":0,"step":"1h","metrics":{}}]}"#,
            422,
            "series[0].metrics: must be 1 to 200, got 0",
        ),
        ("score", r#"{"series":[{"start":0,"step":"1h","metrics":{"a":[1],"b":[1,2]}}]}"#, 422, "got 1 and 2"),
        ("score", r#"{"series":[{"id":"","points":[[1,1]]}]}"#, 422, "series[0].id: must have 1 to"),
        ("score", r#"{"series":[{"labels":{"":"x"},"points":[[1,1]]}]}"#, 422, "series[0].labels"),
        (
            "score",
            r#"{"series":[{"points":[[1,1]],"unit":"furlongs"}]}"#,
            422,
            "series[0].unit: unknown variant `furlongs`",
        ),
        ("score", r#"{"series":[{"points":[[1,1]],"limit":5}]}"#, 422, "series[0].limit: only /api/v1/capacity"),
        (
            "score",
            r#"{"series":[{"points":[[1,1]]}],"options":{"false_alarms":"often"}}"#,
            422,
            "options.false_alarms: false alarms must be like",
        ),
        (
            "score",
            r#"{"series":[{"points":[[1,1]]}],"options":{"direction":"up"}}"#,
            422,
            "options.direction: unknown variant",
        ),
        (
            "score",
            r#"{"series":[{"points":[[1,1]]}],"options":{"season":"spring"}}"#,
            422,
            "options.season: season must be",
        ),
        ("score", r#"{"series":[{"points":[[1,1]]}],"options":{"last":-1}}"#, 422, "options.last: invalid value"),
        ("score", &deep, 400, "recursion"),
        ("score", &deep_inside, 400, "nested deeper than 128 levels"),
        ("score", &many, 422, "series: more than 1000 series"),
        ("score", &crowded, 422, "series[0].values: more than 1000000 points"),
        ("score", &together, 413, "series[1]: all series together have more than 1000000 points"),
        (
            "score",
            r#"{"series":[{"step":"1s","points":[["1970-01-01T00:00:00Z",1],["2026-01-01T00:00:00Z",1]]}]}"#,
            422,
            "more than the limit of 1000000",
        ),
        ("forecast", r#"{"series":[{"points":[[1,1],[2,1]]}]}"#, 422, "missing field `horizon`"),
        ("forecast", r#"{"series":[{"points":[[1,1],[2,1]]}],"horizon":0}"#, 422, "horizon: must be at least 1 step"),
        (
            "forecast",
            r#"{"series":[{"points":[[1,1],[2,1]]}],"horizon":-3}"#,
            422,
            "horizon: invalid type: integer `-3`, expected a number of steps",
        ),
        ("forecast", r#"{"series":[{"points":[[1,1],[2,1]]}],"horizon":99999999}"#, 413, "horizon: 99999999 steps"),
        (
            "forecast",
            r#"{"series":[{"points":[[1,1],[2,1]]}],"horizon":"999999999w"}"#,
            422,
            "series[0]: horizon must be 1 to",
        ),
        (
            "forecast",
            r#"{"series":[{"points":[[1,1],[2,1]]}],"horizon":1,"levels":[0.8]}"#,
            422,
            "levels[0]: must be percent",
        ),
        (
            "forecast",
            r#"{"series":[{"points":[[1,1],[2,1]]}],"horizon":1,"levels":[80,100]}"#,
            422,
            "levels[1]: must be percent",
        ),
        (
            "forecast",
            r#"{"series":[{"points":[[1,1],[2,1]]}],"horizon":1,"model":"oracle"}"#,
            422,
            "model: unknown variant `oracle`",
        ),
        (
            "forecast",
            r#"{"series":[{"points":[[1,1],[2,1]]}],"horizon":1,"seasons":["1h","2h","3h","4h","5h"]}"#,
            422,
            "seasons: must be at most 4",
        ),
        ("capacity", r#"{"series":[{"points":[[1,1],[2,1]]}]}"#, 422, "series[0].limit: is missing"),
        (
            "capacity",
            r#"{"series":[{"points":[[1,1],[2,1]]}],"limit":0}"#,
            422,
            "limit: must be a positive number, got 0",
        ),
        (
            "capacity",
            r#"{"series":[{"points":[[1,1],[2,1]],"limit":-5}]}"#,
            422,
            "series[0].limit: must be a positive number, got -5",
        ),
        (
            "capacity",
            r#"{"series":[{"points":[[1,1],[2,1]]}],"limit":9,"horizon":"9999w"}"#,
            422,
            "horizon must be 1h to 3 years",
        ),
        (
            "capacity",
            r#"{"series":[{"points":[[1,1],[2,1]]}],"limit":9,"headroom":80}"#,
            422,
            "headroom must be above 0 and at most 1",
        ),
        (
            "capacity",
            r#"{"series":[{"start":0,"step":"1h","metrics":{"a":[1],"b":[1]}}],"limit":9}"#,
            422,
            "series[0].metrics: capacity needs one metric",
        ),
        ("classify", r#"{"alerts":[]}"#, 422, "alerts: must be 1 to 10000, got 0"),
        (
            "classify",
            r#"{"alerts":[{"facts":{"business_impact":1.5}}]}"#,
            422,
            "alerts[0].facts.business_impact: must be 0 to 1, got 1.5",
        ),
        (
            "classify",
            r#"{"alerts":[{"facts":{"affected_users":-1}}]}"#,
            422,
            "alerts[0].facts.affected_users: must be 0 or more",
        ),
        ("classify", r#"{"alerts":[{"facts":{"mood":1}}]}"#, 422, "alerts[0].facts.mood: unknown field"),
        ("classify", r#"{"alerts":[{"severity":"awful"}]}"#, 422, "alerts[0].severity: severity must be one of"),
        (
            "verdicts",
            r#"{"fingerprint":"x","verdict":"confirmed"}"#,
            422,
            "fingerprint: must be 16 hexadecimal digits, got `x`",
        ),
        ("verdicts", r#"{"fingerprint":"00000000000000aa","verdict":"meh"}"#, 422, "verdict: unknown variant `meh`"),
        (
            "verdicts",
            r#"{"fingerprint":"00000000000000aa","verdict":"confirmed","starts_at":"soon"}"#,
            422,
            "starts_at: ",
        ),
        ("events", r#"{"kind":"deploy","title":"","starts_at":"2026-03-01T00:00:00Z"}"#, 422, "title: must have 1 to"),
        (
            "events",
            r#"{"kind":"deploy","title":"x","starts_at":"2026-03-01T00:00:00Z","url":"javascript:alert(1)"}"#,
            422,
            "url: must be a link",
        ),
        (
            "events",
            r#"{"kind":"deploy","title":"x","starts_at":"2026-03-02T00:00:00Z","ends_at":"2026-03-01T00:00:00Z"}"#,
            422,
            "ends_at: must not be before",
        ),
        ("alerts/enrich", "", 400, "the body is not valid JSON"),
        ("alerts/enrich", "[1]", 400, "an object is needed, got"),
        ("alerts/enrich", "{}", 400, "it has no `alerts`"),
        ("alerts/enrich", r#"{"alerts":{}}"#, 400, "`alerts` must be an array"),
        ("alerts/enrich", &deep, 400, "recursion"),
    ];
    for (route, body, status, part) in cases {
        let answer = service.post(&format!("/api/v1/{route}"), (*body).to_owned()).await;
        let code = match status {
            400 => "bad_request",
            413 => "too_large",
            _ => "unprocessable",
        };
        let shown: String = body.chars().take(120).collect();
        assert_eq!(answer.status.as_u16(), *status, "{route} {shown}: {}", answer.text);
        let message = answer.failure(*status, code);
        assert!(message.contains(part), "{route} {shown}: {message}");
        assert!(message.len() < 1_000, "{route} {shown}");
    }
}

#[tokio::test]
async fn what_does_not_say_it_is_json_is_refused() {
    let service = Service::new().await;
    for path in ["/api/v1/score", "/api/v1/alerts/enrich", "/api/v1/events"] {
        for kind in [None, Some("text/plain"), Some("application/x-www-form-urlencoded")] {
            let mut request = Request::post(path);
            if let Some(kind) = kind {
                request = request.header(header::CONTENT_TYPE, kind);
            }
            let message = service
                .send(request.body(Body::from("{}")).expect("a request"))
                .await
                .failure(415, "unsupported_media_type");
            assert!(message.ends_with(kind.unwrap_or("none")), "{message}");
        }
    }
}

#[tokio::test]
async fn more_than_the_limit_is_refused_at_the_limit() {
    let limited = http::Settings { max_body_bytes: 2_000, ..http::Settings::default() };
    let service = Service::with(limited, None).await;
    let body = |size: usize| format!("{}{}", r#"{"alerts":[]}"#, " ".repeat(size - 13));
    service.post("/api/v1/alerts/enrich", body(2_000)).await.good();
    for path in ["/api/v1/alerts/enrich", "/api/v1/score"] {
        let message = service.post(path, body(2_001)).await.failure(413, "too_large");
        assert!(message.contains("http.max_body_bytes"), "{message}");
    }
}

#[tokio::test]
async fn bad_parameters_are_refused_by_name() {
    let service = Service::new().await;
    let cases = [
        ("/api/v1/alerts?state=burning", "state: must be firing or resolved, got `burning`"),
        ("/api/v1/alerts?severity=awful", "severity: severity must be one of"),
        ("/api/v1/alerts?since=yesterday", "since: must be a time such as"),
        ("/api/v1/alerts?limit=0", "limit: must be a whole number from 1 to 1000, got `0`"),
        ("/api/v1/alerts?limit=5&limit=6", "limit: given 2 times"),
        ("/api/v1/alerts?label=service", "label: must be like `service:api`"),
        ("/api/v1/alerts?after=nonsense", "after: must be `next` of the page before"),
        ("/api/v1/alerts?colour=red", "unknown parameter `colour`; known are: limit, state,"),
        ("/api/v1/forecasts?latest=maybe", "latest: "),
        ("/api/v1/series?points=many", "points: "),
        ("/api/v1/detectors?x=1", "unknown parameter `x`; known are: none"),
        ("/api/v1/events?since=2026-03-02T00:00:00Z&until=2026-03-01T00:00:00Z", "since: must not be after until"),
        ("/api/v1/detectors/api-latency/anomalies?limit=1001", "limit: must be"),
    ];
    for (path, part) in cases {
        let message = service.get(path).await.failure(422, "unprocessable");
        assert!(message.starts_with(part), "{path}: {message}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_said_in_the_envelope() {
    let service = Service::new().await;
    let unknown = [
        ("/nowhere", "there is nothing at /nowhere"),
        ("/api/v1/alerts/00000000000000aa", "there is no alert `00000000000000aa`"),
        ("/api/v1/alerts/..%2f..%2fetc", "there is no alert `../../etc`"),
        ("/api/v1/forecasts/x", "there is no forecast `x`"),
        ("/api/v1/detectors/x/anomalies", "there is no detector `x`; there are: api-latency"),
        ("/metrics", "this process collects no metrics"),
    ];
    for (path, part) in unknown {
        let message = service.get(path).await.failure(404, "not_found");
        assert!(message.starts_with(part), "{path}: {message}");
    }
    for id in ["7", "x", "99999999999999999999"] {
        let path = format!("/api/v1/outbox/{id}/replay");
        service.ask(Method::POST, &path).await.failure(404, "not_found");
    }
    let verdict = json!({"fingerprint": "00000000000000aa", "verdict": "confirmed"});
    service.post_json("/api/v1/verdicts", &verdict).await.failure(404, "not_found");
    let wrong = service.ask(Method::DELETE, "/api/v1/score").await;
    assert!(wrong.failure(405, "method_not_allowed").starts_with("/api/v1/score does not take DELETE"));
    assert_eq!(wrong.header("allow"), "POST");
}

// --- around every request ------------------------------------------------------------------------------------------

#[tokio::test]
async fn an_overloaded_service_still_says_that_it_lives() {
    let none = http::Settings { max_in_flight: 0, ..http::Settings::default() };
    let service = Service::with(none, None).await;
    let refused = service.get("/api/v1/alerts").await;
    refused.failure(503, "overloaded");
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(service.get("/healthz").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up() {
    let hasty = http::Settings { timeout: Duration::from_millis(200), ..http::Settings::default() };
    let service = Service::with(hasty, None).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let mut server = tokio::task::JoinSet::new();
    server.spawn(std::future::IntoFuture::into_future(axum::serve(listener, service.router.clone())));
    let mut stream = tokio::net::TcpStream::connect(address).await.expect("connects");
    let head =
        "POST /api/v1/score HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.expect("writes");
    let mut answer = vec![0; 4_096];
    let count = stream.read(&mut answer).await.expect("reads");
    let text = String::from_utf8_lossy(&answer[..count]).into_owned();
    assert!(text.starts_with("HTTP/1.1 408") && text.contains("the body did not arrive in time"), "{text}");
    server.abort_all();
}

#[tokio::test]
async fn every_answer_has_an_id_and_safe_headers_and_is_compressed_on_demand() {
    let service = Service::new().await;
    let plain = service.get("/api/openapi.json").await;
    assert_eq!(plain.header("x-content-type-options"), "nosniff");
    assert_eq!(plain.header("x-request-id").len(), 36);
    assert_eq!(plain.header("content-encoding"), "");
    let request = Request::get("/api/openapi.json").header("accept-encoding", "gzip").header("x-request-id", "mine-7");
    let packed = service.send(request.body(Body::empty()).expect("a request")).await;
    assert_eq!((packed.header("content-encoding"), packed.header("x-request-id")), ("gzip", "mine-7"));
    assert_eq!(service.get("/nowhere").await.header("x-content-type-options"), "nosniff");
}

// --- enrichment ----------------------------------------------------------------------------------------------------

fn fixture(name: &str) -> Value {
    let path = format!("{}/data/fixtures/alertmanager/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let value: Value = serde_json::from_slice(&std::fs::read(path).expect("a file")).expect("JSON");
    value.get("body").cloned().unwrap_or(value)
}

#[tokio::test]
async fn real_webhooks_come_back_enriched_and_otherwise_as_they_were() {
    for name in [
        "am_webhook_v4_firing_bearer_auth",
        "am_webhook_v4_firing_group3",
        "am_webhook_v4_firing_max_alerts2_truncated1",
        "am_webhook_v4_partial_resolve",
        "am_webhook_v4_resolved",
        "am_webhook_v4_resolved_single",
        "attack_am_webhook_hostile_labels",
        "derived_am_webhook_v4_shape_0.34",
        "grafana_webhook_firing",
    ] {
        let service = Service::new().await;
        let sent = fixture(name);
        let request =
            Request::post("/api/v1/alerts/enrich").header(header::CONTENT_TYPE, "application/json; charset=utf-8");
        let answer = service.send(request.body(Body::from(sent.to_string())).expect("a request")).await;
        let mut back = answer.good();
        let count = sent["alerts"].as_array().expect("alerts").len();
        assert_eq!(answer.header("x-tidewatch-enriched"), count.to_string(), "{name}");
        assert_eq!((answer.header("x-tidewatch-plain"), answer.header("x-tidewatch-repeated")), ("0", "false"));
        for (index, alert) in back["alerts"].as_array_mut().expect("alerts").iter_mut().enumerate() {
            let before = sent["alerts"][index]["annotations"].as_object().cloned().unwrap_or_default();
            let after = alert["annotations"].as_object_mut().expect("annotations");
            assert!(after.contains_key("tidewatch_severity"), "{name}: {after:?}");
            after.retain(|key, _| before.contains_key(key));
            let url = alert["generatorURL"].as_str().unwrap_or_default();
            assert!(url.is_empty() || url.starts_with("http"), "{name}: {url}");
            alert["generatorURL"] = sent["alerts"][index]["generatorURL"].clone();
            if sent["alerts"][index].get("annotations").is_none() {
                alert.as_object_mut().expect("an alert").remove("annotations");
            }
        }
        assert_eq!(back, sent, "{name}");
        let again = service.post_json("/api/v1/alerts/enrich", &sent).await;
        assert_eq!((again.status, again.header("x-tidewatch-repeated")), (StatusCode::OK, "true"), "{name}");
        let waiting = service.get("/api/v1/outbox").await.good();
        assert_eq!(waiting["destinations"][0]["pending"], 1, "{name}: forwarded once");
        let listed = service.get("/api/v1/alerts").await.good();
        assert_eq!(listed["alerts"].as_array().map(Vec::len), Some(count), "{name}");
    }
}

#[tokio::test]
async fn an_unreadable_alert_passes_and_the_others_are_enriched() {
    let service = Service::new().await;
    let mut sent = fixture("am_webhook_v4_firing_group3");
    sent["alerts"][0]["labels"] = json!({});
    let answer = service.post_json("/api/v1/alerts/enrich", &sent).await;
    assert_eq!(answer.good()["alerts"][0], sent["alerts"][0]);
    assert_eq!(answer.header("x-tidewatch-plain"), "1");
}

#[tokio::test]
async fn what_cannot_be_kept_is_to_be_sent_again() {
    let service = Service::new().await;
    service.app.store().close().await;
    let answer = service.post_json("/api/v1/alerts/enrich", &fixture("am_webhook_v4_resolved")).await;
    let message = answer.failure(503, "unavailable");
    assert!(!message.contains("database") && !message.contains("pool"), "{message}");
    assert_eq!(answer.header("retry-after"), "1");
    let ready = service.get("/readyz").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(ready.text.contains("the store does not answer"), "{}", ready.text);
}

// --- what is remembered --------------------------------------------------------------------------------------------

fn alert(name: &str, service: &str, starts_at: Timestamp) -> Alert {
    let identity = Identity {
        origin: Origin::Detector,
        alertname: name.to_owned(),
        labels: Labels::new().with("service", service),
        annotations: BTreeMap::from([("summary".to_owned(), "it is high".to_owned())]),
        generator_url: None,
    };
    let mut alert = Alert::firing(identity, starts_at, starts_at);
    alert.enrichment.score = Some(2.5);
    alert.enrichment.reasons = vec![Reason::AboveExpected];
    alert.enrichment.attribution = vec![Attribution { feature: "residual".to_owned(), share: 1.0 }];
    let model = SeverityModel::shipped().expect("a model");
    let facts = AlertFacts { anomaly_score: Some(2.5), ..AlertFacts::default() };
    alert.assessment = Some(model.assess(&facts, None, &alert.labels, &Policy::default()));
    alert
}

fn point(at: Timestamp) -> PointScore {
    PointScore {
        at,
        value: 9.0,
        expected: 1.0,
        lower: 0.5,
        upper: 1.5,
        p_value: 1e-6,
        score: 1.5,
        is_anomaly: true,
        direction: Direction::Above,
        confidence: 1.0,
        imputed: false,
        suppressed: None,
        reasons: vec![Reason::AboveExpected, Reason::SuddenChange],
        attribution: vec![Attribution { feature: "residual".to_owned(), share: 1.0 }],
        changes: Vec::new(),
    }
}

/// What a forecast of an hour ago was worth.
fn score() -> ForecastScore {
    ForecastScore {
        forecast_id: "traffic-0-a".to_owned(),
        lead_ms: 3_600_000,
        detector: "traffic".to_owned(),
        series: "requests".to_owned(),
        model: "mstl_ets".to_owned(),
        made_at: tidewatch::engine::clock::now(),
        steps: 12,
        absolute: 6.0,
        naive: 12.0,
        scale: Some(2.0),
        pinball: 1.5,
        covered: vec![(0.8, 9), (0.95, 12)],
    }
}

async fn remember(store: &Store) {
    let minutes = SignedDuration::from_mins;
    let mut over = alert("Errors", "api", noon() - minutes(90));
    over.resolve(noon() - minutes(60), noon() - minutes(60));
    let outbox = [OutboxItem {
        destination: "hook".to_owned(),
        ordering_key: "k".to_owned(),
        idempotency_key: "1".to_owned(),
        notice_json: "{}".to_owned(),
    }];
    let alerts = [over, alert("Latency", "api", noon()), alert("Latency", "web", noon() + minutes(1))];
    store.record_alerts(&alerts, &outbox, noon()).await.expect("records");
    store.put_anomalies("api-latency", "latency{}", &[point(noon()), point(noon() + minutes(1))]).await.expect("keeps");
    let forecast = ForecastRecord {
        id: "traffic-1-a".to_owned(),
        run_id: None,
        detector: "traffic".to_owned(),
        series: "requests".to_owned(),
        labels: Labels::new().with("service", "api"),
        model: "mstl_ets".to_owned(),
        created_at: noon(),
        start: noon() + minutes(60),
        step: Step::HOUR,
        horizon_steps: 2,
        body: json!({"unit": "none", "mean": [1.5, 2.5], "intervals": [{"level": 0.8, "lower": [1.0, 2.0], "upper": [2.0, 3.0]}]}),
    };
    store.put_forecasts(&[forecast]).await.expect("keeps");
    let report = CapacityRecord {
        watch: "disk".to_owned(),
        series: "used{}".to_owned(),
        labels: Labels::new().with("device", "sda"),
        computed_at: noon(),
        body: json!({"series": "used{}", "outlook": "never_at_this_rate"}),
    };
    store.put_capacity(&[report]).await.expect("keeps");
    let advice = Recommendation {
        subject: "used{}".to_owned(),
        changes: Vec::new(),
        by: Some(noon()),
        text: "grow it".to_owned(),
        risk: None,
        confidence: 0.75,
        because: vec!["it grows".to_owned()],
        patch: None,
    };
    store.put_recommendations("disk", &[advice], noon()).await.expect("keeps");
    store.put_forecast_scores(&[score()]).await.expect("keeps");
    let model = NewModel {
        name: "detector.api-latency",
        kind: "detector",
        schema: 1,
        metrics: &json!({"scaled_error": 0.5}),
        trained_on: "6h of `latency_seconds`",
        bytes: b"model",
        activate: true,
    };
    store.save_model(model, noon()).await.expect("saves");
}

#[tokio::test]
async fn what_is_remembered_is_listed() {
    let service = Service::new().await;
    remember(service.app.store()).await;
    let all = [
        ("alerts", "/api/v1/alerts?state=firing&label=service:web"),
        ("incidents", "/api/v1/incidents?since=2026-03-01T00:00:00Z"),
        ("forecasts", "/api/v1/forecasts?forecast=traffic&series=requests"),
        ("forecast_runs", "/api/v1/forecasts/runs?forecast=traffic"),
        ("forecast_accuracy", "/api/v1/forecasts/accuracy"),
        ("capacity", "/api/v1/capacity"),
        ("recommendations", "/api/v1/recommendations"),
        ("anomalies", "/api/v1/detectors/api-latency/anomalies?since=2026-03-01T12:01:00Z"),
        ("detectors", "/api/v1/detectors"),
        ("models", "/api/v1/models"),
        ("outbox", "/api/v1/outbox"),
    ];
    for (name, path) in all {
        let mut body = masked(&service.get(path).await.good());
        for alert in body.get_mut("alerts").and_then(Value::as_array_mut).into_iter().flatten() {
            alert["assessment"] = json!("[assessment]");
            alert["severity"] = json!("[severity]");
        }
        if name == "incidents" {
            let alerts = body["incidents"].as_array().expect("incidents").iter();
            let counts: Vec<usize> = alerts.map(|one| one["alerts"].as_array().map_or(0, Vec::len)).collect();
            assert_eq!(counts.iter().sum::<usize>(), 3, "{body}");
            for one in body["incidents"].as_array_mut().expect("incidents") {
                one["alerts"] = json!("[alerts]");
                one["severity"] = json!("[severity]");
            }
        }
        if name == "models" {
            body["severity"] = json!("[severity model]");
        }
        insta::assert_json_snapshot!(name, body);
    }
    let one = service.get("/api/v1/forecasts/traffic-1-a").await.good();
    assert_eq!(one["body"]["intervals"][0]["level"], 80.0);
    assert_eq!(service.get("/api/v1/capacity?watch=other").await.good(), json!({"capacity": []}));
    assert_eq!(service.get("/api/v1/forecasts?forecast=other&latest=false").await.good(), json!({"forecasts": []}));
    assert_eq!(
        service.get("/api/v1/recommendations").await.good()["recommendations"][0]["recommendation"]["text"],
        "grow it"
    );
}

#[tokio::test]
async fn pages_of_alerts_follow_each_other() {
    let service = Service::new().await;
    remember(service.app.store()).await;
    let mut seen = Vec::new();
    let mut path = "/api/v1/alerts?limit=1".to_owned();
    loop {
        let page = service.get(&path).await.good();
        seen.extend(page["alerts"].as_array().expect("alerts").iter().map(|one| one["title"].clone()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/v1/alerts?limit=1&after={next}");
    }
    assert_eq!(seen, ["Latency{service=\"web\"}", "Latency{service=\"api\"}", "Errors{service=\"api\"}"]);
}

#[tokio::test]
async fn verdicts_and_events_are_kept() {
    let service = Service::new().await;
    remember(service.app.store()).await;
    let listed = service.get("/api/v1/alerts?label=service:web").await.good();
    let fingerprint = listed["alerts"][0]["fingerprint"].as_str().expect("a fingerprint").to_owned();
    let mut verdict = json!({"fingerprint": fingerprint, "verdict": "false_alarm", "by": "ada",
        "comment": "<script>", "starts_at": "2026-03-01T12:01:00Z"});
    let kept = service.post_json("/api/v1/verdicts", &verdict).await;
    assert_eq!(kept.status, StatusCode::CREATED);
    let past = service.get(&format!("/api/v1/alerts/{fingerprint}")).await.good();
    assert_eq!(past["verdicts"], json!([kept.json()]));
    assert_eq!(past["alerts"].as_array().map(Vec::len), Some(1));
    verdict["starts_at"] = json!("2026-03-01T12:02:00Z");
    service.post_json("/api/v1/verdicts", &verdict).await.failure(404, "not_found");
    let event = json!({"kind": "deploy", "title": "checkout 2.4.1", "labels": {"service": "checkout"},
        "url": "https://git.example.com/1", "starts_at": "2026-03-01T12:00:00Z", "ends_at": null});
    let kept = service.post_json("/api/v1/events", &event).await;
    assert_eq!((kept.status, kept.json()["id"].is_i64()), (StatusCode::CREATED, true));
    let range = "since=2026-03-01T00:00:00Z&until=2026-03-02T00:00:00Z";
    assert_eq!(service.get(&format!("/api/v1/events?{range}")).await.good(), json!({"events": [event]}));
    assert_eq!(service.get("/api/v1/events").await.good()["events"].as_array().map(Vec::len), Some(0));
}

#[tokio::test]
async fn a_dead_letter_is_sent_once_more() {
    let service = Service::new().await;
    remember(service.app.store()).await;
    let store = service.app.store();
    let claimed = store.claim_due("hook", noon(), 10).await.expect("claims");
    store.bury(claimed[0].id, noon(), "refused with 404").await.expect("buries");
    let outbox = service.get("/api/v1/outbox").await.good();
    assert_eq!(
        (&outbox["destinations"][0]["dead"], &outbox["dead_letters"][0]["error"]),
        (&json!(1), &json!("refused with 404"))
    );
    let path = format!("/api/v1/outbox/{}/replay", outbox["dead_letters"][0]["id"]);
    assert_eq!(service.ask(Method::POST, &path).await.status, StatusCode::NO_CONTENT);
    service.ask(Method::POST, &path).await.failure(404, "not_found");
    assert_eq!(service.get("/api/v1/outbox").await.good()["destinations"][0]["pending"], 1);
}

#[tokio::test]
async fn a_running_service_becomes_ready_and_tells_what_it_follows() {
    let metrics = Metrics::install().expect("the first in this process");
    let service = Service::with(http::Settings::default(), Some(metrics)).await;
    assert_eq!(service.get("/healthz").await.text, "ok\n");
    let early = service.get("/readyz").await;
    assert_eq!(early.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        early.json(),
        json!({"ready": false, "reasons": ["detector api-latency: its first round is under way"]})
    );
    service.app.start();
    for _ in 0..600 {
        if service.get("/readyz").await.status == StatusCode::OK {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(service.get("/readyz").await.good(), json!({"ready": true, "reasons": []}));
    let detectors = service.get("/api/v1/detectors").await.good();
    let one = &detectors["detectors"][0];
    assert_eq!((&one["series"], &one["last_error"]), (&json!(1), &Value::Null), "{one}");
    let followed = service.get("/api/v1/series?detector=api-latency&points=5").await.good();
    assert_eq!(followed["series"][0]["name"], "latency_seconds{service=\"api\"}");
    assert_eq!(followed["series"][0]["points"].as_array().map(Vec::len), Some(5));
    assert_eq!(service.get("/api/v1/series?detector=other").await.good(), json!({"series": []}));
    followed_series_are_explained(&service).await;
    let answer = service.get("/metrics").await;
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4");
    for line in [
        "tidewatch_series_scored_total{detector=\"api-latency\"} 1",
        "tidewatch_http_requests_total{route=\"/healthz\",status=\"200\"} 1",
        "tidewatch_outbox_depth{destination=\"hook\"} 0",
        "tidewatch_alerts_firing 0",
    ] {
        assert!(answer.text.lines().any(|had| had == line), "{line}\n{}", answer.text);
    }
    assert!(answer.text.contains("tidewatch_source_request_duration_seconds_count{source=\"prod\"} "));
    assert!(answer.text.contains("tidewatch_last_scored_timestamp_seconds{detector=\"api-latency\"}"));
    assert!(service.app.stop(Duration::from_secs(10)).await);
}

/// By name and by fingerprint, over HTTP, from the command line and on the page.
async fn followed_series_are_explained(service: &Service) {
    let name = "latency_seconds%7Bservice=%22api%22%7D";
    let explained = service.get(&format!("/api/v1/series/{name}/explain")).await.good();
    assert_eq!((&explained["detector"], &explained["metrics"][0]["unit"]), (&json!("api-latency"), &json!("seconds")));
    assert!(explained["last"]["sentence"].as_str().is_some_and(|text| text.contains("expected")), "{explained}");
    let fingerprint =
        Labels::new().with("__name__", "latency_seconds").with("service", "api").fingerprint().to_string();
    let same = service.get(&format!("/api/v1/series/{fingerprint}/explain?detector=api-latency")).await.good();
    assert_eq!(same["name"], explained["name"]);
    let message = service.get("/api/v1/series/nothing/explain").await.failure(404, "not_found");
    assert!(message.contains("/api/v1/series lists"), "{message}");
    let page = service.get(&format!("/series/api-latency/{fingerprint}")).await.text;
    assert!(page.contains("What Tidewatch found") && page.contains("It is a gauge"), "{page}");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    #[expect(clippy::disallowed_methods, reason = "a server of the test, stopped at its end")]
    let server = tokio::spawn(axum::serve(listener, service.router.clone()).into_future());
    let run = move || {
        let url = format!("http://{address}");
        let args = ["explain", "latency_seconds{service=\"api\"}", "--url", &url];
        std::process::Command::new(env!("CARGO_BIN_EXE_tidewatch")).args(args).output().expect("it runs")
    };
    #[expect(clippy::disallowed_methods, reason = "a program blocks, and this is a test")]
    let output = tokio::task::spawn_blocking(run).await.expect("it ends");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(text.starts_with("latency_seconds{service=\"api\"}, followed by api-latency\n"), "{text}");
    assert!(text.contains("\nFound\n") && text.contains("\nJudged\n"), "{text}");
    server.abort();
}

// --- the description -----------------------------------------------------------------------------------------------

#[tokio::test]
async fn the_description_is_complete_and_stable() {
    let service = Service::new().await;
    let mut api = service.get("/api/openapi.json").await.good();
    assert!(api["openapi"].as_str().expect("a version").starts_with("3.1"));
    api["info"]["version"] = json!("[version]");
    for (path, item) in api["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            assert!(operation["summary"].is_string(), "{method} {path} has no summary");
            let statuses: BTreeSet<&str> =
                operation["responses"].as_object().expect("responses").keys().map(String::as_str).collect();
            if path.starts_with("/api/") {
                assert!(statuses.contains("503") && statuses.contains("422"), "{method} {path}: {statuses:?}");
            }
            if path.contains('{') {
                assert!(statuses.contains("404"), "{method} {path}: {statuses:?}");
            }
            if operation["requestBody"].is_object() {
                assert!(["400", "413", "415"].iter().all(|status| statuses.contains(status)), "{method} {path}");
            }
        }
    }
    let references = api.to_string();
    for reference in references.split("#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(api["components"]["schemas"][reference].is_object(), "{reference} is not described");
    }
    for (name, schema) in api["components"]["schemas"].as_object().expect("schemas") {
        assert!(schema["description"].is_string(), "{name} has no description");
        for (field, property) in schema["properties"].as_object().into_iter().flatten() {
            let described = property.to_string().contains("\"description\"") || property["$ref"].is_string();
            assert!(described, "{name}.{field} has no description");
        }
    }
    insta::assert_json_snapshot!("openapi", api);
}

#[tokio::test]
async fn what_is_described_is_what_is_routed() {
    let service = Service::new().await;
    let api = service.get("/api/openapi.json").await.good();
    let paths = api["paths"].as_object().expect("paths");
    for (path, item) in paths {
        let filled = path.replace("{id}", "1").replace("{name}", "x").replace("{fingerprint}", "x");
        for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
            let answer = service.ask(method.clone(), &filled).await;
            let described = item.get(method.as_str().to_lowercase()).is_some();
            assert_eq!(answer.status != StatusCode::METHOD_NOT_ALLOWED, described, "{method} {path}: {}", answer.text);
            assert!(!answer.text.contains("there is nothing at"), "{method} {path}");
        }
    }
    // routes are added through `routes!`, which describes them; by hand only what describes and shows the API itself
    let by_hand = ["\"/api/openapi.json\"", "\"/api/docs\""];
    let root = format!("{}/src/http", env!("CARGO_MANIFEST_DIR"));
    for dir in [root.clone(), format!("{root}/v1")] {
        for file in std::fs::read_dir(dir).expect("a folder").flatten().filter(|file| file.path().is_file()) {
            let text = std::fs::read_to_string(file.path()).expect("text");
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            for route in code.split(".route(").skip(1) {
                let path = route.trim_start().split(',').next().unwrap_or_default();
                assert!(by_hand.contains(&path), "{}: {path} is not described", file.path().display());
            }
        }
    }
}

#[tokio::test]
async fn the_page_for_people_shows_every_route_without_network() {
    let service = Service::new().await;
    let page = service.get("/api/docs").await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
    let api = service.get("/api/openapi.json").await.good();
    for path in api["paths"].as_object().expect("paths").keys() {
        assert!(page.text.contains(path), "{path}");
    }
    assert!(!page.text.contains("<script") && !page.text.contains("src="), "nothing is loaded");
}

// --- gates, change events, budgets ---------------------------------------------------------------------------------

#[tokio::test]
async fn gates_of_a_request_take_anomalies_away_and_say_why() {
    let service = Service::new().await;
    let score = async |gates: Value| {
        let mut options = json!({"last": 1});
        options.as_object_mut().expect("an object").extend(gates.as_object().expect("an object").clone());
        let body = json!({"series": [hourly("web", &hours())], "options": options});
        service.post_json("/api/v1/score", &body).await.good()["series"][0]["points"][0].clone()
    };
    let open = score(json!({})).await;
    assert_eq!((&open["is_anomaly"], open.get("suppressed")), (&json!(true), None));
    for (gates, why) in [
        (json!({"min_deviation": {"absolute": 100}}), "below_min_deviation"),
        (json!({"business_hours": "Mon-Fri 08:00-18:00"}), "outside_business_hours"),
        (json!({"maintenance": [{"weekly": "Sat 23:00-24:00"}]}), "maintenance"),
    ] {
        let shut = score(gates).await;
        assert_eq!((&shut["is_anomaly"], &shut["suppressed"]), (&json!(false), &json!(why)));
        // what was learned differs where planned work was not learned from
        let (shut_score, open_score) = (shut["score"].as_f64(), open["score"].as_f64());
        let (shut_score, open_score) = shut_score.zip(open_score).expect("scores");
        assert!((shut_score - open_score).abs() < 0.05 * open_score, "{why}: {shut_score} {open_score}");
        assert_eq!(shut["reasons"][0], format!("suppressed_{why}"));
    }
    let impossible = score(json!({"data_range": {"max": 50}})).await;
    assert_eq!((&impossible["value"], &impossible["imputed"]), (&Value::Null, &json!(true)));
    assert_eq!(impossible["reasons"][0], "out_of_range");
    for (gates, path) in [
        (json!({"min_deviation": {}}), "options.min_deviation"),
        (json!({"data_range": {"min": 2, "max": 1}}), "options.data_range"),
        (json!({"business_hours": "always"}), "options.business_hours"),
        (json!({"maintenance": [{"from": "2026-06-01T00:00:00Z"}]}), "options.maintenance[0]"),
    ] {
        let body = json!({"series": [hourly("web", &hours())], "options": gates});
        let answer = service.post_json("/api/v1/score", &body).await;
        assert!(answer.status.is_client_error() && answer.text.contains(path), "{}: {}", answer.status, answer.text);
    }
}

#[tokio::test]
async fn revisions_stand_beside_what_was_published() {
    let service = Service::new().await;
    let store = service.app.store();
    remember(store).await;
    let revision = |event_id, because: &str| NewRevision {
        at: noon(),
        event_id,
        because: because.to_owned(),
        score: 1.5,
        is_anomaly: false,
        suppressed: Some(Suppression::Maintenance),
    };
    let told = [revision(42, "event 42 arrived late: maintenance"), revision(42, "the same again")];
    store.put_revisions("api-latency", "latency{}", &told, noon()).await.expect("adds");
    let listed = service.get("/api/v1/detectors/api-latency/anomalies?since=2026-03-01T00:00:00Z").await.good();
    let all = listed["anomalies"].as_array().expect("a list");
    let one = all.iter().find(|one| one["point"]["t"] == "2026-03-01T12:00:00Z").expect("is there");
    assert_eq!(one["point"]["is_anomaly"], true, "as it was published");
    assert_eq!(one["now"], json!({"score": 1.5, "is_anomaly": false, "suppressed": "maintenance"}));
    assert_eq!(
        one["revisions"],
        json!([{"revision": 1, "at": "2026-03-01T12:00:00Z", "event_id": 42, "score": 1.5, "is_anomaly": false,
            "because": "event 42 arrived late: maintenance", "suppressed": "maintenance"}])
    );
    let other = all.iter().find(|one| one["point"]["t"] != "2026-03-01T12:00:00Z").expect("is there");
    assert_eq!((&other["now"]["is_anomaly"], other.get("revisions")), (&json!(true), None));
}

#[tokio::test]
async fn budgets_are_reported_with_their_interval() {
    let service = Service::new().await;
    let now = tidewatch::engine::clock::now();
    let hour = now.as_second().div_euclid(3_600);
    let watched = Exposure { hour: hour - 30, watched_secs: 3_600.0, expected: 4.0 };
    service.app.store().add_exposure("api-latency", &[watched]).await.expect("adds");
    let fired: Vec<Alert> = (0..3).map(|i| alert("api-latency", "api", now - SignedDuration::from_hours(i))).collect();
    service.app.store().record_alerts(&fired, &[], now).await.expect("records");
    let report = service.get("/api/v1/budget").await.good();
    assert_eq!(report["detectors"][0]["last_7d"]["fired"], 3);
    assert_eq!(report["detectors"][0]["last_7d"]["ratio"], 0.75);
    insta::assert_json_snapshot!("budget", masked(&report));
    let page = service.get("/budget").await;
    assert!(page.status.is_success() && page.text.contains("0.75 ("), "{}", page.text);
}
