//! What happens when something is away: Prometheus, Alertmanager, a receiver, Tidewatch itself.
#![expect(clippy::expect_used, reason = "a failed expectation is a failed test, also in a helper")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tidewatch::engine::clock;
use tidewatch::store::Store;

use super::history::World;
use super::process::{Place, free_port, output_of, tidewatch, wait_for};
use super::servers::{Prometheus, Receiver, Service, get};

fn config(port: u16, rest: &str) -> String {
    format!("data_dir: data\nhttp: {{ listen: \"127.0.0.1:{port}\" }}\n{rest}\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prometheus_that_comes_later_is_waited_for() {
    let (place, port, later) = (Place::new(), free_port(), free_port());
    let rest = format!(
        "sources: {{ prod: {{ prometheus: {{ url: \"http://127.0.0.1:{later}\" }} }} }}\n\
         detectors: [ {{ name: latency, source: prod, query: app_latency_seconds, step: 5m, history: 2d }} ]"
    );
    place.write("tidewatch.yaml", &config(port, &rest));
    let mut service = Service::start(&place, port);
    let readyz = format!("{}/readyz", service.url);
    let reason = wait_for("a reason for not being ready", async || {
        service.process.must_live();
        let (status, body) = get(&readyz).await?;
        let text = body.to_string();
        (status == 503 && text.contains("cannot reach")).then_some(text)
    })
    .await;
    assert!(reason.contains("latency") && reason.contains(&later.to_string()), "{reason}");
    assert_eq!(get(&format!("{}/healthz", service.url)).await.map(|(status, _)| status), Some(200));
    let _prometheus = Prometheus::start(&place, World::new(1), later, "  []", None).await;
    service.ready().await;
    let (status, _) = service.process.terminate().await;
    assert_eq!(status.code(), Some(0), "{}", service.process.log());
}

/// A metric on disk, a point a second: an hour of history, and a future in which it is unusual for some seconds.
fn seconds(now: i64, unusual: std::ops::Range<i64>) -> String {
    (now - 3_600..now + 300).fold("timestamp,load\n".to_owned(), |mut text, at| {
        let usual = 5.0 + (at as f64 / 40.0).sin() + 0.1 * (at % 7) as f64;
        let value = if unusual.contains(&(at - now)) { 60.0 } else { usual };
        let _ = writeln!(text, "{at},{value}");
        text
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_that_fires_and_resolves_while_alertmanager_is_down_arrives_in_order() {
    let (place, port, later) = (Place::new(), free_port(), free_port());
    let now = clock::now().as_second();
    std::fs::create_dir(place.path("metrics")).expect("a directory");
    place.write("metrics/load.csv", &seconds(now, 0..8));
    let rest = format!(
        "sources: {{ files: {{ files: {{ path: metrics }} }} }}\n\
         detectors: [ {{ name: load, source: files, query: load, step: 1s, history: 1h }} ]\n\
         notify:\n  destinations: {{ am: {{ alertmanager: {{ urls: [\"http://127.0.0.1:{later}\"] }} }} }}\n  routes: [ {{ to: [am] }} ]"
    );
    place.write("tidewatch.yaml", &config(port, &rest));
    let mut service = Service::start(&place, port);
    service.ready().await;
    // both have happened before anybody listens
    wait_for("an alert that is over", async || {
        service.process.must_live();
        let store = Store::open(place.path("data"), clock::now()).await.expect("opens");
        let alerts = store.alerts(&Default::default()).await.expect("reads");
        alerts.into_iter().find(|alert| alert.ends_at.is_some_and(|end| end.as_second() >= now))
    })
    .await;
    let alertmanager = Receiver::start_at(later, Duration::ZERO).await;
    let posted = wait_for("firing and resolved", async || {
        let posted: Vec<Value> = alertmanager.at("/api/v2/alerts").into_iter().map(|one| one.body[0].clone()).collect();
        posted.iter().any(is_over).then_some(posted)
    })
    .await;
    let first_over = posted.iter().position(is_over).expect("one is over");
    assert!(first_over > 0, "it fired first: {posted:#?}");
    assert!(posted[..first_over].iter().all(|alert| alert["labels"]["alertname"] == "load"), "{posted:#?}");
    assert!(posted.iter().all(|alert| alert["startsAt"] == posted[0]["startsAt"]), "{posted:#?}");
    assert!(posted[first_over..].iter().all(is_over), "after its end it does not fire again: {posted:#?}");
}

/// Whether an alert for Alertmanager has ended already.
fn is_over(alert: &Value) -> bool {
    let ends_at = alert["endsAt"].as_str().and_then(|text| text.parse::<Timestamp>().ok());
    ends_at.is_some_and(|end| end <= clock::now())
}

/// A notification of one alert, as Alertmanager sends it.
fn notification(number: usize) -> Value {
    let labels = json!({ "alertname": "Planted", "number": number.to_string() });
    json!({
        "version": "4", "groupKey": format!("{{}}:{{number=\"{number}\"}}"), "truncatedAlerts": 0, "status": "firing",
        "receiver": "enrich", "groupLabels": labels, "commonLabels": labels, "commonAnnotations": {},
        "externalURL": "http://alertmanager.example",
        "alerts": [{
            "status": "firing", "labels": labels, "annotations": {}, "startsAt": "2026-03-01T10:00:00Z",
            "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "", "fingerprint": format!("{number:016x}"),
        }],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_delivered_although_the_service_is_killed() {
    const ALL: usize = 60;
    let (place, port) = (Place::new(), free_port());
    let hook = Receiver::start_at(0, Duration::from_millis(40)).await;
    let rest = format!(
        "notify: {{ destinations: {{ hook: {{ webhook: {{ url: \"{}/in\" }} }} }} }}\nenrich: {{ forward_to: [hook] }}",
        hook.url
    );
    place.write("tidewatch.yaml", &config(port, &rest));
    let mut acknowledged = BTreeSet::new();
    let mut number = 0;
    // three lives: killed twice in the middle of deliveries
    for life in 0..3 {
        let mut service = Service::start(&place, port);
        service.ready().await;
        let delivered = hook.received().len();
        while number < ALL * (life + 1) / 3 {
            if service.enrich(&notification(number)).await == Some(200) {
                acknowledged.insert(number);
            }
            number += 1;
        }
        if life < 2 {
            wait_for("some deliveries", async || (hook.received().len() > delivered + 3).then_some(())).await;
            service.process.kill();
            continue;
        }
        // the same again is answered and not delivered again
        assert_eq!(service.enrich(&notification(0)).await, Some(200));
        wait_for("everything that was acknowledged", async || {
            service.process.must_live();
            (numbers(&hook) == acknowledged).then_some(())
        })
        .await;
    }
    assert_eq!(acknowledged.len(), ALL, "everything was answered");
    let mut keys: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    for one in hook.received() {
        keys.entry(number_of(&one.body)).or_default().insert(one.key.expect("an idempotency key"));
    }
    assert!(keys.values().all(|keys| keys.len() == 1), "the key stays the same over restarts: {keys:?}");
    assert_eq!(keys.values().flatten().collect::<BTreeSet<_>>().len(), ALL, "and is its own for each");
}

fn number_of(body: &Value) -> usize {
    body["alerts"][0]["labels"]["number"].as_str().and_then(|text| text.parse().ok()).expect("a planted number")
}

fn numbers(hook: &Receiver) -> BTreeSet<usize> {
    hook.received().iter().map(|one| number_of(&one.body)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_the_service_from_starting_is_said() {
    let (place, port) = (Place::new(), free_port());
    place.write("tidewatch.yaml", &config(port, ""));
    let mut service = Service::start(&place, port);
    service.ready().await;
    // the port is taken
    let (code, _, said) = output_of(&mut tidewatch(&place, &["serve"]));
    assert!(code == 1 && said.contains("cannot listen on 127.0.0.1") && said.contains("--listen"), "{code}: {said}");
    // the data directory is taken
    let (code, _, said) = output_of(&mut tidewatch(&place, &["serve", "--listen", "127.0.0.1:0"]));
    assert!(code == 1 && said.contains("data") && said.contains("tidewatch"), "{code}: {said}");
    assert!(said.contains("serve") || said.contains("another"), "{said}");
    let (status, _) = service.process.terminate().await;
    assert_eq!(status.code(), Some(0), "{}", service.process.log());
    // it cannot be written, whoever one is: there is a file in the way
    place.write("file", "");
    let text = config(port, "").replace("data_dir: data", "data_dir: file/data");
    place.write("tidewatch.yaml", &text);
    let (code, _, said) = output_of(&mut tidewatch(&place, &["serve"]));
    assert!(code == 1 && said.contains("cannot write to data directory file/data"), "{code}: {said}");
    // the configuration is wrong
    place.write("tidewatch.yaml", "sauces: {}\n");
    let (code, _, said) = output_of(&mut tidewatch(&place, &["serve"]));
    assert!(code == 2 && said.contains("sauces") && said.contains("sources"), "{code}: {said}");
}
