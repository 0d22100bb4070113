//! Models: trained against a real Prometheus, promoted with reasons, loaded at start, and refused when damaged.
#![expect(clippy::expect_used, reason = "a failed expectation is a failed test, also in a helper")]

use std::path::PathBuf;

use super::history::World;
use super::process::{Place, free_port, output_of, tidewatch};
use super::servers::{Prometheus, Service};

#[tokio::test(flavor = "multi_thread")]
async fn trained_models_are_promoted_loaded_and_refused_when_damaged() {
    let (place, port) = (Place::new(), free_port());
    let prometheus = Prometheus::start(&place, World::new(1), free_port(), "  []", None).await;
    let config = format!(
        "data_dir: data\nhttp: {{ listen: \"127.0.0.1:{port}\" }}\n\
         sources: {{ prod: {{ prometheus: {{ url: \"{}\" }} }} }}\n\
         detectors: [ {{ name: latency, source: prod, query: app_latency_seconds, step: 5m, history: 5d }} ]\n",
        prometheus.url
    );
    place.write("tidewatch.yaml", &config);
    let run = |arguments: &[&str]| {
        let (code, out, said) = output_of(&mut tidewatch(&place, arguments));
        assert_eq!(code, 0, "{arguments:?}: {out}{said}");
        out
    };
    let first = run(&["train", "--all"]);
    assert!(first.contains("detector.latency: 3 series"), "{first}");
    assert!(first.contains("promoted as version 1: there was no model before"), "{first}");
    let second = run(&["train", "--all"]);
    assert!(second.contains("scaled error") && second.contains("promoted as version 2"), "{second}");
    let list = run(&["models", "--data-dir", "data", "list"]);
    let states: Vec<&str> = list.lines().filter(|line| line.starts_with("detector.latency")).collect();
    assert_eq!(states.len(), 2, "{list}");
    assert!(states[0].contains("active") && states[1].contains("retired"), "{list}");
    let shown = run(&["models", "--data-dir", "data", "show", "detector.latency"]);
    assert!(shown.contains("\"sha256\"") && shown.contains("scaled_error"), "{shown}");
    assert!(shown.contains("5d of `app_latency_seconds` up to"), "{shown}");

    // in use at the next start
    let mut service = Service::start(&place, port);
    service.ready().await;
    service.says("3 from trained models").await;
    service.process.kill();

    // the newest is damaged: the one before it stays in use, and that is said
    damage(&artefact(&place, 2));
    let mut service = Service::start(&place, port);
    service.ready().await;
    service.says("version 2 of detector.latency is refused").await;
    service.says("version 1 stays in use").await;
    service.process.kill();

    // all are damaged: the service starts all the same and learns afresh
    damage(&artefact(&place, 1));
    let mut service = Service::start(&place, port);
    service.ready().await;
    service.says("there is no older one").await;
    let (status, _) = service.process.terminate().await;
    assert_eq!(status.code(), Some(0), "{}", service.process.log());
    let again = run(&["train", "--all"]);
    assert!(again.contains("promoted as version 3: there was no model before"), "{again}");
}

fn artefact(place: &Place, version: i64) -> PathBuf {
    place.path("data").join("models").join("detector.latency").join(format!("{version}.model"))
}

/// Turns one bit in the middle.
fn damage(path: &std::path::Path) {
    let mut bytes = std::fs::read(path).expect("a model");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).expect("writes");
}
