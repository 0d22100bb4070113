//! Six weeks of history in a real Prometheus, a planted incident, a disk that fills, a rule that fires: everything comes
//! out where people look.
#![expect(clippy::expect_used, reason = "a failed expectation is a failed test, also in a helper")]

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tidewatch::alert::{Alert, Origin};
use tidewatch::engine::clock;
use tidewatch::store::{AlertFilter, ForecastFilter, Store};

use super::history::World;
use super::process::{Place, free_port, output_of, tidewatch, wait_for};
use super::servers::{Alertmanager, Prometheus, Receiver, Service};

const RULES: &str = r#"  - name: shop
    rules:
      - alert: SlowCheckout
        expr: app_latency_seconds{service="checkout"} > 1
        for: 0s
        labels: { team: shop, severity: warning }
        annotations: { summary: "checkout is slow on {{ $labels.instance }}" }"#;

fn config(port: u16, prometheus: &str, alertmanager: &str, hook: &str) -> String {
    format!(
        r#"
data_dir: data
http: {{ listen: "127.0.0.1:{port}" }}
sources: {{ prod: {{ prometheus: {{ url: "{prometheus}" }} }} }}
detectors:
  - name: checkout-latency
    source: prod
    query: app_latency_seconds{{service="checkout"}}
    step: 5m
    direction: above
    labels: {{ team: shop }}
    runbook_url: https://runbooks.example/latency
forecasts:
  - {{ name: latency, source: prod, query: app_latency_seconds, step: 1h, horizon: 24h }}
capacity:
  - {{ name: disk, source: prod, used: disk_used_bytes, limit: disk_size_bytes, kind: volume, lead_time: 30d }}
notify:
  destinations:
    alertmanager: {{ alertmanager: {{ urls: ["{alertmanager}"] }} }}
    hook: {{ webhook: {{ url: "{hook}/enriched" }} }}
    changes: {{ webhook: {{ url: "{hook}/changes" }} }}
  routes:
    - {{ to: [alertmanager, changes] }}
enrich: {{ forward_to: [hook] }}
"#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn from_real_series_to_enriched_alerts_and_recommendations() {
    let (place, world, port) = (Place::new(), World::new(6), free_port());
    let alertmanager = Alertmanager::start(&place, &format!("http://127.0.0.1:{port}/api/v1/alerts/enrich")).await;
    let prometheus = Prometheus::start(&place, world, free_port(), RULES, Some(&alertmanager.url)).await;
    let hook = Receiver::start().await;
    place.write("tidewatch.yaml", &config(port, &prometheus.url, &alertmanager.url, &hook.url));

    let (code, _, said) = output_of(&mut tidewatch(&place, &["check-config", "tidewatch.yaml"]));
    assert_eq!(code, 0, "{said}");
    let mut service = Service::start(&place, port);
    service.ready().await;

    let first = the_incident_is_in_alertmanager(&alertmanager, world).await;
    the_disk_has_its_date(&place, &service, &alertmanager, world).await;
    a_recommendation_with_a_patch_went_out(&hook).await;
    the_rule_came_out_enriched(&hook).await;
    a_forecast_is_kept(&place, &service).await;
    let before = own_alerts(&place).await;
    assert_eq!(before.len(), 2, "one for the incident, one for the disk: {before:#?}");

    let (status, took) = service.process.terminate().await;
    assert_eq!(status.code(), Some(0), "{}", service.process.log());
    assert!(took < Duration::from_secs(20), "{took:?}");

    let mut service = Service::start(&place, port);
    service.ready().await;
    service.says("restored 3 series").await;
    // a round after the restart has judged what was new, and nothing fired twice
    let again = the_incident_is_in_alertmanager(&alertmanager, world).await;
    assert_eq!(again["startsAt"], first["startsAt"]);
    let after = own_alerts(&place).await;
    let identities = |alerts: &[Alert]| alerts.iter().map(|a| (a.fingerprint, a.starts_at)).collect::<Vec<_>>();
    assert_eq!(identities(&after), identities(&before));
    let (status, _) = service.process.terminate().await;
    assert_eq!(status.code(), Some(0), "{}", service.process.log());
}

/// The one alert on the planted incident, as Alertmanager has it.
async fn the_incident_is_in_alertmanager(alertmanager: &Alertmanager, world: World) -> Value {
    let alerts = wait_for("the incident in Alertmanager", async || {
        let found = alertmanager.alerts("checkout-latency").await;
        (!found.is_empty()).then_some(found)
    })
    .await;
    assert_eq!(alerts.len(), 1, "{alerts:#?}");
    let alert = alerts.into_iter().next().expect("one");
    let labels = alert["labels"].as_object().expect("labels");
    assert_eq!(labels["instance"], "b");
    assert_eq!((&labels["service"], &labels["team"]), (&"checkout".into(), &"shop".into()));
    assert!(["critical", "error", "warning", "info"].contains(&labels["severity"].as_str().expect("a severity")));
    let measured = ["score", "value", "expected", "p_value", "anomaly", "probability", "tidewatch"];
    assert!(!labels.keys().any(|name| measured.iter().any(|word| name.contains(word))), "{labels:?}");
    assert!(!labels.values().any(|value| value.as_str().is_none_or(|text| text.parse::<f64>().is_ok())), "{labels:?}");
    let annotations = &alert["annotations"];
    for name in ["tidewatch_score", "tidewatch_severity", "tidewatch_expected_range", "tidewatch_since", "summary"] {
        assert!(annotations[name].as_str().is_some_and(|text| !text.is_empty()), "{name}: {annotations:#}");
    }
    assert_eq!(annotations["runbook_url"], "https://runbooks.example/latency");
    let starts_at: Timestamp = alert["startsAt"].as_str().expect("a start").parse().expect("a time");
    let late = starts_at.as_second() - world.incident_at();
    assert!((0..=900).contains(&late), "began {late} s after the incident");
    alert
}

/// The exhaustion date in the store and at the door, and the warning ahead of it.
async fn the_disk_has_its_date(place: &Place, service: &Service, alertmanager: &Alertmanager, world: World) {
    let record =
        wait_for("a capacity report", async || open(place).await.capacity().await.expect("reads").into_iter().next())
            .await;
    let time = |name: &str| -> Timestamp {
        let text = record.body["exhaustion"][name].as_str().unwrap_or_else(|| panic!("{name}: {:#}", record.body));
        text.parse().expect("a time")
    };
    let (p10, p50, p90, truth) = (time("p10"), time("p50"), time("p90"), world.disk_full_at());
    let day = SignedDuration::from_hours(24);
    let off = p50.duration_since(truth).abs();
    assert!(off <= day * 2, "p50 {p50}, truth {truth}");
    assert!(p10 - day <= truth && truth <= p90 + day, "{p10} to {p90}, truth {truth}");
    assert!(record.body["probability_within"]["30d"].as_f64().is_some_and(|p| p > 0.9), "{:#}", record.body);
    let shown = service.json("/api/v1/capacity").await.to_string();
    assert!(shown.contains("data-db-0") && shown.contains(&p50.to_string()), "{shown}");
    let alerts = wait_for("the disk's alert", async || {
        let found = alertmanager.alerts("disk").await;
        (!found.is_empty()).then_some(found)
    })
    .await;
    assert_eq!(alerts.len(), 1, "{alerts:#?}");
    let annotations = &alerts[0]["annotations"];
    assert!(annotations["tidewatch_exhaustion_p50"].as_str().is_some(), "{annotations:#}");
    assert_eq!(alerts[0]["labels"]["persistentvolumeclaim"], "data-db-0");
}

async fn a_recommendation_with_a_patch_went_out(hook: &Receiver) {
    let sent = wait_for("a recommendation at the receiver", async || {
        hook.at("/changes").into_iter().find(|one| one.body["kind"] == "recommendations")
    })
    .await;
    let advice = &sent.body["recommendations"][0];
    assert!(advice["text"].as_str().is_some_and(|text| text.contains("GiB")), "{advice:#}");
    let patch = &advice["patch"];
    let text = patch.to_string();
    assert!(text.contains("PersistentVolumeClaim") && text.contains("data-db-0") && text.contains("storage"), "{text}");
}

/// The rule of Prometheus, through Alertmanager's webhook and the enrichment, at the receiver.
async fn the_rule_came_out_enriched(hook: &Receiver) {
    let sent = wait_for("the enriched rule at the receiver", async || {
        let of_rule = |body: &Value| body["commonLabels"]["alertname"] == "SlowCheckout";
        hook.at("/enriched").into_iter().find(|one| of_rule(&one.body))
    })
    .await;
    assert!(sent.key.is_some(), "no idempotency key");
    let alert = &sent.body["alerts"][0];
    assert_eq!((&alert["labels"]["instance"], &alert["status"]), (&"b".into(), &"firing".into()));
    let annotations = &alert["annotations"];
    assert_eq!(annotations["summary"], "checkout is slow on b", "its own words stay");
    assert!(annotations.get("tidewatch_enrichment").is_none(), "{annotations:#}");
    for name in ["tidewatch_severity", "tidewatch_score", "tidewatch_expected_range"] {
        assert!(annotations[name].as_str().is_some(), "{name}: {annotations:#}");
    }
    // our own alerts come by the same way and are passed on, never taken for foreign ones
    let own = wait_for("our own alert at the receiver", async || {
        let of_detector = |body: &Value| body["commonLabels"]["alertname"] == "checkout-latency";
        hook.at("/enriched").into_iter().find(|one| of_detector(&one.body))
    })
    .await;
    assert!(own.body["alerts"][0]["annotations"]["tidewatch_score"].as_str().is_some(), "{:#}", own.body);
}

async fn a_forecast_is_kept(place: &Place, service: &Service) {
    let kept = wait_for("a forecast of every series", async || {
        let filter = ForecastFilter { detector: Some("latency".to_owned()), ..ForecastFilter::default() };
        let found = open(place).await.forecasts(&filter, 100).await.expect("reads");
        (found.len() == 3).then_some(found)
    })
    .await;
    for record in &kept {
        assert_eq!(record.horizon_steps, 24, "{}", record.series);
        assert_eq!(record.body["mean"].as_array().map(Vec::len), Some(24), "{:#}", record.body);
        assert!(record.start > clock::now() - SignedDuration::from_hours(2), "{}", record.start);
    }
    let shown = service.json("/api/v1/forecasts").await.to_string();
    assert!(kept.iter().all(|record| shown.contains(&record.id)), "{shown}");
}

/// The alerts that Tidewatch raised, latest first.
async fn own_alerts(place: &Place) -> Vec<Alert> {
    let filter = AlertFilter { limit: 1_000, ..AlertFilter::default() };
    let mut alerts = open(place).await.alerts(&filter).await.expect("reads");
    alerts.retain(|alert| alert.origin != Origin::External && alert.ends_at.is_none());
    alerts
}

async fn open(place: &Place) -> Store {
    Store::open(place.path("data"), clock::now()).await.expect("opens beside the service")
}
