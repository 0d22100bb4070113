//! Tests of `severity`: the shipped model, training on files, and what no input may break.

use std::sync::OnceLock;

use proptest::prelude::*;
use tidewatch::series::Labels;
use tidewatch::severity::{
    AlertFacts, Challenger, LabelledAlert, Manifest, ModelError, Policy, Severity, SeverityModel, SeverityReason,
    TrainError, TrainSettings, Trained, generate, parse_labelled, to_csv, train,
};

/// What the shipped model was made of; said in `models/severity/MODEL_CARD.md`.
const SHIPPED_ROWS: usize = 12_000;
const SHIPPED_SEED: u64 = 20_260_101;

const SHIPPED_TEXT: &str = include_str!("../../models/severity/model.json");
const SHIPPED_MANIFEST: &str = include_str!("../../models/severity/manifest.json");

fn shipped() -> &'static SeverityModel {
    static MODEL: OnceLock<SeverityModel> = OnceLock::new();
    MODEL.get_or_init(|| SeverityModel::shipped().unwrap_or_else(|error| panic!("{error}")))
}

fn quick() -> TrainSettings {
    let mut settings = TrainSettings { challenger: None, ..TrainSettings::default() };
    settings.booster.rounds = 25;
    settings
}

fn trained(rows: &[LabelledAlert]) -> Trained {
    train(rows, &quick(), 1).unwrap_or_else(|error| panic!("{error}"))
}

/// An outage of the checkout in the middle of a working day.
fn outage() -> AlertFacts {
    AlertFacts {
        affected_users: Some(20_000.0),
        business_impact: Some(0.95),
        historical_resolution_minutes: Some(90.0),
        anomaly_score: Some(7.0),
        duration_minutes: Some(35.0),
        series_affected: Some(40.0),
        services_affected: Some(6.0),
        burn_rate: Some(20.0),
        hours_to_exhaustion: None,
        self_resolve_rate: Some(0.02),
        fired_last_30d: Some(1.0),
        business_hours: Some(1.0),
    }
}

/// A flapping check that nobody has ever acted on.
fn blip() -> AlertFacts {
    AlertFacts {
        affected_users: Some(2.0),
        business_impact: Some(0.05),
        historical_resolution_minutes: Some(5.0),
        anomaly_score: Some(1.1),
        duration_minutes: Some(2.0),
        series_affected: Some(1.0),
        services_affected: Some(1.0),
        burn_rate: Some(0.2),
        hours_to_exhaustion: None,
        self_resolve_rate: Some(0.95),
        fired_last_30d: Some(60.0),
        business_hours: Some(0.0),
    }
}

/// When this fails because training changed on purpose: the fresh files lie where the message says. Look at the new
/// figures, copy them over `models/severity/`, and bring `MODEL_CARD.md` up to date.
#[test]
fn the_shipped_model_is_what_its_card_says() {
    let settings = TrainSettings::default();
    let Trained { model, report } = train(&generate(SHIPPED_ROWS, SHIPPED_SEED), &settings, SHIPPED_SEED).unwrap();
    let text = model.to_json().unwrap();
    let trained_on = format!("generated alerts: {SHIPPED_ROWS} of seed {SHIPPED_SEED} (see MODEL_CARD.md)");
    let created_at = "2026-11-22T00:00:00Z".parse().unwrap();
    let manifest = Manifest::new(&model, &text, &report, &trained_on, created_at);
    let manifest_text = serde_json::to_string_pretty(&manifest).unwrap() + "\n";
    if text != SHIPPED_TEXT || manifest_text != SHIPPED_MANIFEST {
        let fresh = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("severity");
        std::fs::create_dir_all(&fresh).unwrap();
        std::fs::write(fresh.join("model.json"), &text).unwrap();
        std::fs::write(fresh.join("manifest.json"), &manifest_text).unwrap();
        std::fs::write(fresh.join("report.json"), serde_json::to_string_pretty(&report).unwrap()).unwrap();
        std::fs::write(fresh.join("rules.txt"), &report.rules.as_ref().unwrap().text).unwrap();
        panic!("the shipped model is not what training makes now; fresh files are in {}", fresh.display());
    }
    assert!(text.len() < 500_000, "{} bytes", text.len());
    assert!(report.metrics.log_loss < 0.6 * report.metrics.log_loss_of_shares);
    assert!(report.metrics.calibration_error <= 0.03 && report.metrics.urgent_calibration_error <= 0.03);
    let Some(Challenger::Measured { macro_f1, .. }) = report.challenger else { panic!("{:?}", report.challenger) };
    assert!(report.metrics.macro_f1 > macro_f1 - 0.01, "the random forest is better: {macro_f1}");
    assert!(report.rules.unwrap().fidelity > 0.6);
}

#[test]
fn the_shipped_model_fits_its_manifest_and_no_other() {
    let manifest: Manifest = serde_json::from_str(SHIPPED_MANIFEST).unwrap();
    assert_eq!(SeverityModel::verified(SHIPPED_TEXT, &manifest).as_ref(), Ok(shipped()));
    let other = Manifest { sha256: "0".repeat(64), ..manifest.clone() };
    assert!(matches!(SeverityModel::verified(SHIPPED_TEXT, &other), Err(ModelError::Checksum { .. })));
    let newer = Manifest { schema: 2, ..manifest.clone() };
    assert_eq!(SeverityModel::verified(SHIPPED_TEXT, &newer), Err(ModelError::Schema(2)));
    let kind = Manifest { kind: "detector".into(), ..manifest };
    assert_eq!(SeverityModel::verified(SHIPPED_TEXT, &kind), Err(ModelError::Kind("detector".into())));
}

#[test]
fn plain_cases_come_out_as_people_would_say() {
    let check = |facts: AlertFacts, incoming: Option<Severity>, want: Severity| {
        let got = shipped().assess(&facts, incoming, &Labels::new(), &Policy::default());
        assert_eq!(got.severity, want, "{got:?}");
    };
    check(outage(), None, Severity::Critical);
    check(outage(), Some(Severity::Info), Severity::Critical);
    check(blip(), None, Severity::Info);
    check(blip(), Some(Severity::Critical), Severity::Critical);
    let filling = AlertFacts {
        hours_to_exhaustion: Some(1.0),
        duration_minutes: Some(300.0),
        business_impact: Some(0.6),
        ..blip()
    };
    let p = shipped().probabilities(&filling);
    assert!(p[0] + p[1] > 3.0 * shipped().probabilities(&blip())[..2].iter().sum::<f64>(), "{p:?}");
}

#[test]
fn an_assessment_says_why_and_what_was_missing() {
    let facts = AlertFacts { burn_rate: None, ..outage() };
    let got = shipped().assess(&facts, None, &Labels::new(), &Policy { max_facts: 3, ..Policy::default() });
    let facts_named: Vec<&SeverityReason> =
        got.because.iter().filter(|reason| matches!(reason, SeverityReason::Fact { .. })).collect();
    assert_eq!(facts_named.len(), 3);
    let SeverityReason::Fact { weight, value, .. } = facts_named[0] else { unreachable!() };
    assert!(*weight > 0.0 && value.is_finite());
    for fact in ["burn_rate", "hours_to_exhaustion"] {
        assert!(got.because.contains(&SeverityReason::Missing { fact: fact.into() }), "{got:?}");
    }
    assert_eq!(got.model, "severity-1");
    assert!((got.probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-12);
}

#[test]
fn nothing_known_is_an_answer_too() {
    let got = shipped().assess(&AlertFacts::default(), None, &Labels::new(), &Policy::default());
    assert!((got.probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    assert_eq!(got.because.iter().filter(|reason| matches!(reason, SeverityReason::Missing { .. })).count(), 12);
    if got.abstained {
        assert_eq!(got.severity, Severity::Warning);
    }
}

#[test]
fn training_is_repeatable_and_survives_a_file() {
    let rows = generate(600, 5);
    let model = trained(&rows).model;
    let text = model.to_json().unwrap();
    assert_eq!(text, trained(&parse_labelled(&to_csv(&rows)).unwrap().rows).model.to_json().unwrap());
    assert_eq!(SeverityModel::from_json(&text), Ok(model));
}

#[test]
fn rows_without_a_time_are_drawn_and_the_order_of_timed_rows_does_not_matter() {
    let mut rows = generate(600, 6);
    let in_order = trained(&rows);
    rows.reverse();
    let mut reversed = trained(&rows);
    assert_eq!(reversed.model, in_order.model);
    // The printed rules come from a library that may break ties differently from run to run.
    reversed.report.rules.clone_from(&in_order.report.rules);
    assert!(in_order.report.in_order_of_time);
    assert_eq!(reversed.report, in_order.report);
    rows[0].time = None;
    let drawn = trained(&rows);
    assert!(!drawn.report.in_order_of_time);
    assert!((drawn.report.metrics.log_loss - in_order.report.metrics.log_loss).abs() < 0.35);
}

#[test]
fn a_fact_that_no_row_knows_is_said() {
    let mut rows = generate(400, 7);
    rows.iter_mut().for_each(|row| row.facts.burn_rate = None);
    assert_eq!(trained(&rows).report.unknown_facts, ["burn_rate"]);
}

#[test]
fn what_cannot_be_trained_is_refused() {
    let mut rows = generate(200, 8);
    let few = train(&rows[..60], &quick(), 1).unwrap_err();
    assert_eq!(few.to_string(), "training needs at least 100 labelled alerts, got 60");
    assert!(matches!(train(&[], &quick(), 1), Err(TrainError::TooFewRows { got: 0, needed: 100 })));
    let settings = TrainSettings { test_share: 0.9, ..quick() };
    let error = train(&rows, &settings, 1).unwrap_err();
    assert_eq!(error.to_string(), "train.test_share must be in [0.05, 0.4], got 0.9");
    rows.iter_mut().for_each(|row| row.severity = Severity::Info);
    let one = train(&rows, &quick(), 1).unwrap_err().to_string();
    assert_eq!(one, "training needs at least two severities among the earliest 120 alerts, all of them are info");
}

#[test]
fn hostile_facts_train_and_judge_without_a_panic() {
    let mut rows = generate(200, 9);
    for (index, row) in rows.iter_mut().enumerate() {
        row.facts.affected_users = [Some(1e308), Some(f64::INFINITY), Some(f64::NAN), None][index % 4];
        row.facts.burn_rate = Some(-1e308);
        row.facts.anomaly_score = Some(5e-324);
    }
    let settings = TrainSettings { challenger: Some(tidewatch_forest()), ..quick() };
    let model = train(&rows, &settings, 1).unwrap().model;
    let p = model.probabilities(&AlertFacts { affected_users: Some(f64::MAX), ..rows[0].facts.clone() });
    assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-12);
}

fn tidewatch_forest() -> tidewatch::learn::ForestParams {
    tidewatch::learn::ForestParams { trees: 5, ..tidewatch::learn::ForestParams::default() }
}

#[test]
fn damaged_models_are_refused_with_a_reason() {
    let check = |text: &str, says: &str| {
        let error = SeverityModel::from_json(text).unwrap_err().to_string();
        assert!(error.starts_with(says), "{error}");
    };
    check("", "severity model cannot be read: EOF");
    check("{}", "severity model cannot be read: missing field `kind`");
    check("[1,2", "severity model cannot be read");
    check(&SHIPPED_TEXT[..SHIPPED_TEXT.len() / 2], "severity model cannot be read: EOF");
    check(&SHIPPED_TEXT.replacen(r#""kind":"severity""#, r#""kind":"forest""#, 1), "artefact kind must be `severity`");
    check(&SHIPPED_TEXT.replacen(r#""schema":1"#, r#""schema":9"#, 1), "severity model schema must be 1, got 9");
    check(&SHIPPED_TEXT.replacen(r#""version":"1""#, r#""version":"""#, 1), "severity model is damaged: its version");
    check(&SHIPPED_TEXT.replacen("burn_rate", "burn", 1), "severity model is damaged: its features");
    check(&SHIPPED_TEXT.replacen(r#""n_classes":4"#, r#""n_classes":99999999"#, 1), "severity model cannot be read");
    check(
        &SHIPPED_TEXT.replacen(r#""sharpness":"#, r#""sharpness":-"#, 1),
        "severity model is damaged: its calibration",
    );
    check(&SHIPPED_TEXT.replacen(r#""sharpness":"#, r#""sharpness":null,"x":"#, 1), "severity model cannot be read");
}

fn facts() -> impl Strategy<Value = AlertFacts> {
    let fact = |top: f64| prop_oneof![1 => Just(None), 3 => (0.0..top).prop_map(Some)];
    let counts = (fact(1e5), fact(1.0), fact(500.0), fact(10.0), fact(600.0), fact(60.0));
    let rest = (fact(10.0), fact(40.0), fact(200.0), fact(1.0), fact(80.0), fact(1.0));
    (counts, rest).prop_map(|(a, b)| AlertFacts {
        affected_users: a.0,
        business_impact: a.1,
        historical_resolution_minutes: a.2,
        anomaly_score: a.3,
        duration_minutes: a.4,
        series_affected: a.5,
        services_affected: b.0,
        burn_rate: b.1,
        hours_to_exhaustion: b.2,
        self_resolve_rate: b.3,
        fired_last_30d: b.4,
        business_hours: b.5.map(f64::round),
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn weights_sum_to_the_log_odds(facts in facts()) {
        let p = shipped().probabilities(&facts);
        for (class, severity) in Severity::ALL.into_iter().enumerate() {
            let why = shipped().explain(&facts, severity);
            let sum = why.base + why.weights.iter().sum::<f64>();
            prop_assert!((sum - why.log_odds).abs() < 1e-9);
            let others: f64 = (0..4).filter(|other| *other != class).map(|other| p[other].ln()).sum();
            prop_assert!((p[class].ln() - others / 3.0 - why.log_odds).abs() < 1e-9);
        }
    }

    #[test]
    fn more_hurt_never_makes_an_alert_less_severe(facts in facts(), up in 1.0..50.0_f64) {
        let before = shipped().probabilities(&facts);
        let raised = |value: Option<f64>| value.map(|value| value * up);
        let worse = AlertFacts {
            affected_users: raised(facts.affected_users),
            duration_minutes: raised(facts.duration_minutes),
            burn_rate: raised(facts.burn_rate),
            services_affected: raised(facts.services_affected),
            hours_to_exhaustion: facts.hours_to_exhaustion.map(|hours| hours / up),
            self_resolve_rate: facts.self_resolve_rate.map(|rate| rate / up),
            ..facts
        };
        let after = shipped().probabilities(&worse);
        for class in 1..4 {
            let at_least = |p: &[f64; 4]| p[..class].iter().sum::<f64>();
            prop_assert!(at_least(&after) >= at_least(&before) - 1e-12);
        }
    }

    #[test]
    fn flipped_bytes_never_panic(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        static SMALL: OnceLock<String> = OnceLock::new();
        let small = SMALL.get_or_init(|| trained(&generate(200, 3)).model.to_json().unwrap());
        let mut bytes = small.clone().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(model) = SeverityModel::from_json(&String::from_utf8_lossy(&bytes)) {
            let p = model.probabilities(&outage());
            prop_assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        }
    }
}
