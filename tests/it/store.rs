//! The store: what was written comes back, after a restart too, and damage is refused with a way out.

#![expect(clippy::expect_used, reason = "a failed expectation fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::json;
use tempfile::TempDir;
use tidewatch::alert::{Alert, AlertState, Enrichment, Origin};
use tidewatch::capacity::Recommendation;
use tidewatch::detect::{Attribution, Direction, PointScore, Reason, Suppression};
use tidewatch::series::{Fingerprint, HumanDuration, Labels, Step};
use tidewatch::severity::Severity;
use tidewatch::store::{
    AlertFilter, CapacityRecord, ChangeEvent, ChangeKind, Cursor, ForecastFilter, ForecastRecord, LEASE, ModelDefect,
    ModelState, NewModel, NewRevision, OutboxItem, RetentionSettings, RunState, Store, StoreError, Verdict,
    VerdictRecord,
};

const HOSTILE: &[&str] = &[
    "'; DROP TABLE alerts; --",
    "\" OR 1=1 --",
    "a\0b",
    "line\nbreak\r\n",
    "<!channel> <https://evil|Click>",
    "{{ .Labels }} ${env:HOME}",
    "日本語 🌊 \u{202e}gnp.exe",
    "%_\\",
    "=cmd|' /C calc'!A0",
];

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn noon() -> Timestamp {
    at("2026-03-01T12:00:00Z")
}

fn minutes(count: i64) -> SignedDuration {
    SignedDuration::from_mins(count)
}

async fn open(dir: &TempDir) -> Store {
    Store::open(dir.path(), noon()).await.expect("opens")
}

fn alert(name: &str, starts_at: Timestamp) -> Alert {
    let labels = Labels::new().with("alertname", name).with("service", "api");
    Alert {
        fingerprint: labels.fingerprint(),
        origin: Origin::Detector,
        labels,
        annotations: BTreeMap::from([("summary".to_owned(), "it is high".to_owned())]),
        state: AlertState::Firing,
        starts_at,
        ends_at: None,
        updated_at: starts_at,
        generator_url: None,
        assessment: None,
        enrichment: Enrichment { score: Some(2.5), reasons: vec![Reason::AboveExpected], ..Enrichment::default() },
    }
}

fn resolved(mut alert: Alert, ends_at: Timestamp) -> Alert {
    alert.state = AlertState::Resolved;
    alert.ends_at = Some(ends_at);
    alert.updated_at = ends_at;
    alert
}

fn item(destination: &str, ordering_key: &str, idempotency_key: &str) -> OutboxItem {
    OutboxItem {
        destination: destination.to_owned(),
        ordering_key: ordering_key.to_owned(),
        idempotency_key: idempotency_key.to_owned(),
        notice_json: format!("{{\"n\":\"{idempotency_key}\"}}"),
    }
}

async fn due(store: &Store, destination: &str, now: Timestamp) -> Vec<String> {
    let claimed = store.claim_due(destination, now, 100).await.expect("claims");
    claimed.into_iter().map(|delivery| delivery.item.idempotency_key).collect()
}

// --- opening -----------------------------------------------------------------------------------------------------

#[tokio::test]
async fn opening_twice_migrates_once_and_keeps_everything() {
    let dir = TempDir::new().expect("dir");
    let first = open(&dir).await;
    first.record_alerts(&[alert("High", noon())], &[], noon()).await.expect("records");
    let schema = first.schema().await.expect("schema");
    first.close().await;
    let second = open(&dir).await;
    assert_eq!(second.schema().await.expect("schema"), schema);
    assert!(schema >= 1);
    assert_eq!(second.active_alerts().await.expect("lists"), vec![alert("High", noon())]);
}

#[tokio::test]
async fn what_was_recorded_is_there_after_a_drop_without_close() {
    let dir = TempDir::new().expect("dir");
    let store = open(&dir).await;
    store.record_alerts(&[alert("High", noon())], &[item("hook", "k", "1")], noon()).await.expect("records");
    drop(store);
    let again = open(&dir).await;
    assert_eq!(again.active_alerts().await.expect("lists").len(), 1);
    assert_eq!(due(&again, "hook", noon()).await, ["1"]);
}

#[tokio::test]
async fn a_copy_of_the_files_of_a_living_store_holds_what_was_acknowledged() {
    // What a killed process leaves behind: the database with an unfolded log.
    let (dir, copy) = (TempDir::new().expect("dir"), TempDir::new().expect("dir"));
    let store = open(&dir).await;
    for n in 0..50 {
        let start = noon() + minutes(n);
        store
            .record_alerts(&[alert(&format!("A{n}"), start)], &[item("hook", "k", &n.to_string())], start)
            .await
            .expect("ok");
    }
    for name in ["tidewatch.db", "tidewatch.db-wal"] {
        std::fs::copy(dir.path().join(name), copy.path().join(name)).expect("copies");
    }
    let survivor = open(&copy).await;
    assert_eq!(survivor.active_alerts().await.expect("lists").len(), 50);
    assert_eq!(survivor.outbox_depth().await.expect("depth")[0].pending, 50);
}

#[tokio::test]
async fn a_second_process_may_read_and_write_but_not_serve() {
    let dir = TempDir::new().expect("dir");
    let (service, command) = (open(&dir).await, open(&dir).await);
    let lock = service.lock_for_service().await.expect("locks");
    command.record_alerts(&[alert("High", noon())], &[], noon()).await.expect("records");
    assert_eq!(service.active_alerts().await.expect("lists").len(), 1);
    let refused = command.lock_for_service().await.expect_err("is served already").to_string();
    assert!(refused.contains("another tidewatch serves") && refused.contains("data_dir"), "{refused}");
    drop(lock);
    command.lock_for_service().await.expect("free again");
}

#[tokio::test]
async fn many_writers_at_once_lose_nothing() {
    let dir = TempDir::new().expect("dir");
    let stores = [open(&dir).await, open(&dir).await];
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..40_i64 {
        let store = stores[usize::try_from(n % 2).expect("small")].clone();
        tasks.spawn(async move {
            store.record_alerts(&[alert(&format!("A{n}"), noon())], &[item("hook", "k", &n.to_string())], noon()).await
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("no panic").expect("records");
    }
    assert_eq!(stores[0].active_alerts().await.expect("lists").len(), 40);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_kept_aside_and_the_next_start_is_empty() {
    let dir = TempDir::new().expect("dir");
    let path = dir.path().join("tidewatch.db");
    let rubbish = b"this is not a database, it is a letter to the operator".repeat(100);
    std::fs::write(&path, &rubbish).expect("writes");
    let error = Store::open(dir.path(), noon()).await.expect_err("refuses");
    let StoreError::Damaged { kept_as, .. } = &error else { panic!("{error}") };
    assert_eq!(std::fs::read(kept_as).expect("kept"), rubbish);
    assert!(kept_as.ends_with("tidewatch.db.damaged-20260301T120000Z"), "{kept_as:?}");
    assert!(error.to_string().contains("restore a backup"), "{error}");
    assert!(open(&dir).await.active_alerts().await.expect("lists").is_empty());
}

#[tokio::test]
async fn a_database_damaged_in_the_middle_is_kept_aside_each_time_under_its_own_name() {
    let dir = TempDir::new().expect("dir");
    let path = dir.path().join("tidewatch.db");
    for round in 0..2 {
        let store = open(&dir).await;
        let alerts: Vec<Alert> = (0..300).map(|n| alert(&format!("A{n}"), noon() + minutes(n))).collect();
        store.record_alerts(&alerts, &[], noon()).await.expect("records");
        store.close().await;
        let mut bytes = std::fs::read(&path).expect("reads");
        let end = bytes.len();
        bytes[4096..end.min(200_000)].fill(0xa5);
        std::fs::write(&path, &bytes).expect("writes");
        let error = Store::open(dir.path(), noon()).await.expect_err("refuses");
        let StoreError::Damaged { kept_as, .. } = &error else { panic!("{error}") };
        assert_eq!(std::fs::read(kept_as).expect("kept"), bytes, "round {round}");
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let dir = TempDir::new().expect("dir");
    let store = open(&dir).await;
    store.close().await;
    let path = dir.path().join("tidewatch.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
    let pool = sqlx::SqlitePool::connect_with(options).await.expect("connects");
    sqlx::query("INSERT INTO _sqlx_migrations VALUES (9001, 'later', CURRENT_TIMESTAMP, TRUE, x'00', 1)")
        .execute(&pool)
        .await
        .expect("plants");
    pool.close().await;
    let error = Store::open(dir.path(), noon()).await.expect_err("refuses");
    assert!(matches!(error, StoreError::NewerSchema { found: 9001, .. }), "{error}");
    assert!(path.exists() && error.to_string().contains("newer tidewatch"), "{error}");
}

#[tokio::test]
async fn a_directory_that_cannot_be_made_is_named_with_the_setting() {
    let dir = TempDir::new().expect("dir");
    let file = dir.path().join("file");
    std::fs::write(&file, b"x").expect("writes");
    let error = Store::open(file.join("data"), noon()).await.expect_err("refuses").to_string();
    assert!(error.contains("cannot write") && error.contains("data_dir"), "{error}");
}

#[tokio::test]
async fn a_backup_is_a_data_directory_of_its_own() {
    let (dir, other) = (TempDir::new().expect("dir"), TempDir::new().expect("dir"));
    let store = open(&dir).await;
    store.record_alerts(&[alert("High", noon())], &[item("hook", "k", "1")], noon()).await.expect("records");
    save(&store, "severity", b"weights", true).await;
    let target = other.path().join("copies/monday");
    store.backup(&target).await.expect("backs up");
    store.backup(&target).await.expect_err("never writes over a backup");
    let copy = Store::open(&target, noon()).await.expect("opens");
    assert_eq!(copy.active_alerts().await.expect("lists").len(), 1);
    assert_eq!(due(&copy, "hook", noon()).await, ["1"]);
    assert_eq!(copy.load_active("severity").await.expect("loads").expect("is there").bytes, b"weights");
}

// --- alerts ------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn an_alert_keeps_everything_and_the_newer_report_wins() {
    let dir = TempDir::new().expect("dir");
    let store = open(&dir).await;
    let first = alert("High", noon());
    let over = resolved(first.clone(), noon() + minutes(30));
    store.record_alerts(std::slice::from_ref(&first), &[], noon()).await.expect("records");
    store.record_alerts(std::slice::from_ref(&over), &[], noon()).await.expect("records");
    store.record_alerts(std::slice::from_ref(&first), &[], noon()).await.expect("a late report is no error");
    assert_eq!(store.alerts(&AlertFilter::default()).await.expect("lists"), vec![over]);
    assert!(store.active_alerts().await.expect("lists").is_empty());
}

#[tokio::test]
async fn filters_select_by_state_time_label_and_identity() {
    let dir = TempDir::new().expect("dir");
    let store = open(&dir).await;
    let old = resolved(alert("Old", noon() - minutes(600)), noon() - minutes(500));
    let mut disk = alert("Disk", noon());
    disk.labels.insert("mount", "/data");
    disk.fingerprint = disk.labels.fingerprint();
    let high = alert("High", noon() + minutes(1));
    store.record_alerts(&[old.clone(), disk.clone(), high.clone()], &[], noon()).await.expect("records");

    let check = async |filter: AlertFilter, expected: &[&Alert]| {
        let found = store.alerts(&filter).await.expect("lists");
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{filter:?}");
    };
    let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let all = AlertFilter::default();
    check(all.clone(), &[&high, &disk, &old]).await;
    check(AlertFilter { state: Some(AlertState::Resolved), ..all.clone() }, &[&old]).await;
    check(AlertFilter { since: Some(noon()), ..all.clone() }, &[&high, &disk]).await;
    check(AlertFilter { labels: vec![label("mount", "/data")], ..all.clone() }, &[&disk]).await;
    check(AlertFilter { labels: vec![label("mount", "")], ..all.clone() }, &[&high, &old]).await;
    check(AlertFilter { labels: vec![label("service", "api"), label("alertname", "High")], ..all.clone() }, &[&high])
        .await;
    check(AlertFilter { labels: vec![label("service", "API")], ..all.clone() }, &[]).await;
    check(AlertFilter { fingerprint: Some(old.fingerprint), ..all.clone() }, &[&old]).await;
    check(AlertFilter { severity: Some(Severity::Critical), ..all.clone() }, &[]).await;
    check(AlertFilter { limit: 0, ..all.clone() }, &[&high]).await;
    check(AlertFilter { before: Some(Cursor::after(&high)), limit: 1, ..all }, &[&disk]).await;
}

#[tokio::test]
async fn ten_thousand_alerts_are_listed_page_by_page_without_gap_or_repeat() {
    let dir = TempDir::new().expect("dir");
    let store = open(&dir).await;
    // Ten identities share each start, so that the cursor has to break ties.
    let alerts: Vec<Alert> =
        (0..10_000_i64).map(|n| alert(&format!("A{}", n % 10), noon() + minutes(n / 10))).collect();
    for batch in alerts.chunks(1_000) {
        store.record_alerts(batch, &[], noon()).await.expect("records");
    }
    let (mut seen, mut filter) = (Vec::new(), AlertFilter { limit: 700, ..AlertFilter::default() });
    loop {
        let page = store.alerts(&filter).await.expect("lists");
        let Some(last) = page.last() else { break };
        filter.before = Some(Cursor::after(last));
        seen.extend(page.iter().map(|alert| (alert.starts_at, alert.fingerprint)));
    }
    assert_eq!(seen.len(), 10_000);
    assert!(seen.windows(2).all(|pair| pair[0] > pair[1]), "strictly descending");
}

#[tokio::test]
async fn history_counts_what_is_over_and_not_the_present_time() {
    let dir = TempDir::new().expect("dir");
    let store = open(&dir).await;
    let empty = store.history(Fingerprint(7), noon()).await.expect("reads");
    assert_eq!((empty.fired_last_30d, empty.median_duration_minutes, empty.last_resolved_at), (0, None, None));
    let day = 24 * 60;
    let past = |days: i64, lasted: i64| {
        let start = noon() - minutes(days * day);
        resolved(alert("High", start), start + minutes(lasted))
    };
    let all = [past(40, 100), past(20, 10), past(10, 30), past(1, 20), alert("High", noon() - minutes(5))];
    store.record_alerts(&all, &[], noon()).await.expect("records");
    let history = store.history(all[0].fingerprint, noon()).await.expect("reads");
    assert_eq!(history.fired_last_30d, 3);
    assert_eq!(history.median_duration_minutes, Some(25.0));
    assert_eq!(history.last_resolved_at, Some(noon() - minutes(day - 20)));
}

#[tokio::test]
async fn similarity_sees_each_identity_once_at_its_latest() {
    let dir = TempDir::new().expect("dir");
    let store = open(&dir).await;
    let flapping: Vec<Alert> = (0..20).map(|n| alert("Flap", noon() + minutes(n))).collect();
    store.record_alerts(&flapping, &[], noon()).await.expect("records");
    store.record_alerts(&[alert("Calm", noon())], &[], noon()).await.expect("records");
    let recent = store.recent_for_similarity(5).await.expect("lists");
    assert_eq!(recent, vec![flapping[19].clone(), alert("Calm", noon())]);
}

#[tokio::test]
async fn hostile_text_comes_back_as_it_went_in() {
    let dir = TempDir::new().expect("dir");
    let store = open(&dir).await;
    for (n, text) in (0..).zip(HOSTILE) {
        let mut hostile = alert("High", noon() + minutes(n));
        hostile.labels.insert("evil", *text);
        hostile.labels.insert(*text, "name");
        hostile.annotations.insert((*text).to_owned(), (*text).to_owned());
        hostile.fingerprint = hostile.labels.fingerprint();
        let sent = OutboxItem { notice_json: (*text).to_owned(), ..item(text, text, text) };
        store
            .record_alerts(std::slice::from_ref(&hostile), std::slice::from_ref(&sent), noon())
            .await
            .expect("records");
        let labels = vec![("evil".to_owned(), (*text).to_owned())];
        let found = store.alerts(&AlertFilter { labels, ..AlertFilter::default() }).await.expect("lists");
        assert_eq!(found, vec![hostile], "{text:?}");
        let claimed = store.claim_due(text, noon(), 9).await.expect("claims");
        assert_eq!(claimed.iter().map(|delivery| &delivery.item).collect::<Vec<_>>(), [&sent], "{text:?}");
        store.save_snapshots(text, &[((*text).to_owned(), vec![0, 255])], noon()).await.expect("saves");
        assert_eq!(store.load_snapshots(text).await.expect("loads")[0].series, *text);
    }
}

#[tokio::test]
async fn a_thousand_alerts_with_their_deliveries_take_less_than_a_second() {
    let dir = TempDir::new().expect("dir");
    let store = open(&dir).await;
    let batch = |round: i64| {
        let alerts: Vec<Alert> = (0..1_000).map(|n| alert(&format!("A{round}-{n}"), noon())).collect();
        let outbox: Vec<OutboxItem> = (0..1_000).map(|n| item("hook", "k", &format!("{round}-{n}"))).collect();
        (alerts, outbox)
    };
    // The best of three, because the machine may be busy with something else.
    let mut best = std::time::Duration::MAX;
    for round in 0..3 {
        let (alerts, outbox) = batch(round);
        let begun = std::time::Instant::now();
        store.record_alerts(&alerts, &outbox, noon()).await.expect("records");
        best = best.min(begun.elapsed());
    }
    assert!(best < std::time::Duration::from_secs(1), "{best:?}");
}

// --- notifications and outbox ------------------------------------------------------------------------------------

#[tokio::test]
async fn a_notification_is_taken_in_once() {
    let dir = TempDir::new().expect("dir");
    let store = open(&dir).await;
    assert!(store.first_time("group-1", noon()).await.expect("asks"));
    assert!(!store.first_time("group-1", noon()).await.expect("asks"));
    let alerts = [alert("High", noon())];
    let outbox = [item("hook", "k", "1")];
    assert!(store.record_notification("group-2", &alerts, &outbox, noon()).await.expect("records"));
    assert!(!store.record_notification("group-2", &[alert("Other", noon())], &outbox, noon()).await.expect("asks"));
    assert_eq!(store.active_alerts().await.expect("lists"), alerts);
}

#[tokio::test]
async fn deliveries_of_one_key_wait_for_each_other_and_other_keys_go_ahead() {
    let dir = TempDir::new().expect("dir");
    let store = open(&dir).await;
    let items = [item("hook", "a", "a1"), item("hook", "a", "a2"), item("hook", "b", "b1"), item("mail", "a", "m1")];
    store.enqueue(&items, noon()).await.expect("enqueues");
    store.enqueue(&items, noon()).await.expect("the same again changes nothing");
    let claimed = store.claim_due("hook", noon(), 10).await.expect("claims");
    let keys: Vec<&str> = claimed.iter().map(|delivery| delivery.item.idempotency_key.as_str()).collect();
    assert_eq!(keys, ["a1", "b1"]);
    assert!(due(&store, "hook", noon()).await.is_empty(), "claimed ones are not claimed again");
    store.retry_at(claimed[0].id, noon() + minutes(5), "503").await.expect("retries");
    store.complete(claimed[1].id, noon()).await.expect("completes");
    assert!(due(&store, "hook", noon()).await.is_empty(), "a2 waits for a1");
    let again = store.claim_due("hook", noon() + minutes(5), 10).await.expect("claims");
    assert_eq!((again[0].item.idempotency_key.as_str(), again[0].attempts), ("a1", 1));
    store.complete(again[0].id, noon()).await.expect("completes");
    assert_eq!(due(&store, "hook", noon()).await, ["a2"]);
    assert_eq!(due(&store, "mail", noon()).await, ["m1"]);
}

#[tokio::test]
async fn ten_thousand_deliveries_drain_within_a_minute() {
    let dir = TempDir::new().expect("dir");
    let store = open(&dir).await;
    let items: Vec<OutboxItem> =
        (0..10_000).map(|n| item("hook", &format!("group-{}", n % 100), &n.to_string())).collect();
    store.enqueue(&items, noon()).await.expect("enqueues");
    let (begun, mut drained) = (std::time::Instant::now(), 0);
    loop {
        let claimed = store.claim_due("hook", noon(), 256).await.expect("claims");
        if claimed.is_empty() {
            break;
        }
        drained += claimed.len();
        let ids: Vec<i64> = claimed.iter().map(|delivery| delivery.id).collect();
        store.complete_all(&ids, noon()).await.expect("completes");
    }
    assert_eq!(drained, 10_000);
    assert!(begun.elapsed() < std::time::Duration::from_secs(60), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_claim_of_a_dead_process_ends_with_its_lease_or_with_the_next_service() {
    let dir = TempDir::new().expect("dir");
    let store = open(&dir).await;
    store.enqueue(&[item("hook", "a", "1")], noon()).await.expect("enqueues");
    assert_eq!(due(&store, "hook", noon()).await, ["1"]);
    drop(store);
    let store = open(&dir).await;
    assert!(due(&store, "hook", noon()).await.is_empty());
    let later = noon() + SignedDuration::try_from(LEASE).expect("fits");
    assert_eq!(due(&store, "hook", later).await, ["1"]);
    let _lock = store.lock_for_service().await.expect("locks");
    assert_eq!(due(&store, "hook", noon()).await, ["1"]);
}

#[tokio::test]
async fn what_cannot_be_delivered_is_visible_and_can_be_sent_again() {
    let dir = TempDir::new().expect("dir");
    let store = open(&dir).await;
    store.enqueue(&[item("hook", "a", "1"), item("hook", "a", "2")], noon()).await.expect("enqueues");
    let first = store.claim_due("hook", noon(), 1).await.expect("claims").remove(0);
    store.bury(first.id, noon() + minutes(1), &"x".repeat(10_000)).await.expect("buries");
    store.complete(first.id, noon()).await.expect("says nothing");
    let dead = store.dead_letters(10).await.expect("lists");
    assert_eq!((dead.len(), dead[0].id, dead[0].attempts, dead[0].error.len()), (1, first.id, 1, 500));
    assert_eq!((dead[0].buried_at, &dead[0].item), (noon() + minutes(1), &item("hook", "a", "1")));
    let depth = store.outbox_depth().await.expect("depth").remove(0);
    assert_eq!((depth.destination.as_str(), depth.pending, depth.dead), ("hook", 1, 1));
    assert_eq!(depth.oldest_pending, Some(noon()));
    assert_eq!(due(&store, "hook", noon()).await, ["2"], "a dead letter blocks nothing");
    store.replay(first.id, noon()).await.expect("replays");
    assert_eq!(due(&store, "hook", noon()).await, ["1"]);
    let refused = store.replay(first.id, noon()).await.expect_err("is not dead").to_string();
    assert_eq!(refused, format!("there is no dead letter `{}`", first.id));
}

/// What the outbox should do, in a few lines.
#[derive(Default)]
struct Model {
    /// Number, ordering key, next attempt, claimed.
    pending: Vec<(usize, u8, i64, bool)>,
    delivered: Vec<(u8, usize)>,
}

#[derive(Debug, Clone)]
enum Action {
    Enqueue(u8),
    Claim(usize),
    Complete,
    Retry(i64),
    Bury,
    /// One second: all steps together stay within a lease.
    Wait,
}

fn steps() -> impl Strategy<Value = Vec<Action>> {
    let step = prop_oneof![
        3 => (0_u8..4).prop_map(Action::Enqueue),
        3 => (1_usize..5).prop_map(Action::Claim),
        3 => Just(Action::Complete),
        1 => (1_i64..50).prop_map(Action::Retry),
        1 => Just(Action::Bury),
        2 => Just(Action::Wait),
    ];
    proptest::collection::vec(step, 1..60)
}

/// Applies `steps` to store and model side by side; both must claim the same at every turn.
async fn compare_with_model(steps: Vec<Action>) {
    let dir = TempDir::new().expect("dir");
    let store = open(&dir).await;
    let (mut model, mut now_secs, mut next, mut claimed) = (Model::default(), 0_i64, 0_usize, Vec::new());
    let clock = |secs: i64| noon() + SignedDuration::from_secs(secs);
    for step in steps {
        match step {
            Action::Enqueue(key) => {
                store.enqueue(&[item("hook", &key.to_string(), &next.to_string())], clock(now_secs)).await.expect("ok");
                model.pending.push((next, key, now_secs, false));
                next += 1;
            }
            Action::Claim(limit) => {
                let mut blocked = BTreeSet::new();
                let mut expected = Vec::new();
                for (number, key, when, taken) in &mut model.pending {
                    if blocked.insert(*key) && *when <= now_secs && !*taken && expected.len() < limit {
                        *taken = true;
                        expected.push(*number);
                    }
                }
                let got = store.claim_due("hook", clock(now_secs), limit).await.expect("claims");
                let numbers: Vec<usize> =
                    got.iter().map(|delivery| delivery.item.idempotency_key.parse().expect("number")).collect();
                assert_eq!(numbers, expected);
                claimed.extend(got.iter().map(|delivery| delivery.id).zip(expected));
            }
            Action::Complete | Action::Bury | Action::Retry(_) => {
                let Some((id, number)) = claimed.pop() else { continue };
                let place = model.pending.iter().position(|entry| entry.0 == number).expect("is pending");
                match step {
                    Action::Complete => {
                        store.complete(id, clock(now_secs)).await.expect("ok");
                        let (number, key, ..) = model.pending.remove(place);
                        model.delivered.push((key, number));
                    }
                    Action::Bury => {
                        store.bury(id, clock(now_secs), "no").await.expect("ok");
                        model.pending.remove(place);
                    }
                    Action::Retry(secs) => {
                        store.retry_at(id, clock(now_secs + secs), "later").await.expect("ok");
                        model.pending[place].2 = now_secs + secs;
                        model.pending[place].3 = false;
                    }
                    _ => unreachable!("handled above"),
                }
            }
            Action::Wait => now_secs += 1,
        }
    }
    let pending = store.outbox_depth().await.expect("depth").first().map_or(0, |depth| depth.pending);
    assert_eq!(pending, model.pending.len());
    for key in 0..4 {
        let order: Vec<usize> =
            model.delivered.iter().filter(|(of, _)| *of == key).map(|(_, number)| *number).collect();
        assert!(order.is_sorted(), "key {key}: {order:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_outbox_does_what_its_model_does(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
        runtime.block_on(compare_with_model(steps));
    }
}

// --- forecasts, runs, reports ------------------------------------------------------------------------------------

fn forecast(id: &str, run_id: Option<i64>, series: &str) -> ForecastRecord {
    ForecastRecord {
        id: id.to_owned(),
        run_id,
        detector: "traffic".to_owned(),
        series: series.to_owned(),
        labels: Labels::new().with("service", series),
        model: "mstl_ets".to_owned(),
        created_at: noon(),
        start: noon() + minutes(60),
        step: Step::HOUR,
        horizon_steps: 2,
        body: json!({"mean": [1.5, -2e300], "because": []}),
    }
}

#[tokio::test]
async fn a_killed_batch_goes_on_where_it_stopped() {
    let dir = TempDir::new().expect("dir");
    let store = open(&dir).await;
    let run = store.begin_run("traffic", noon(), noon()).await.expect("begins");
    store.put_forecasts(&[forecast("f1", Some(run.id), "a"), forecast("f2", Some(run.id), "b")]).await.expect("stores");
    store.advance_run(run.id, 2, 3).await.expect("advances");
    drop(store);

    let store = open(&dir).await;
    let unfinished = store.unfinished_runs().await.expect("lists");
    assert_eq!((unfinished.len(), unfinished[0].done, unfinished[0].total), (1, 2, 3));
    let again = store.begin_run("traffic", noon(), noon() + minutes(9)).await.expect("finds it");
    assert_eq!((again.id, again.started_at, again.state), (run.id, noon(), RunState::Running));
    let done = store.finished_series(run.id).await.expect("lists");
    assert_eq!(done, BTreeSet::from(["a".to_owned(), "b".to_owned()]));
    store.put_forecasts(&[forecast("f9", Some(run.id), "b"), forecast("f3", Some(run.id), "c")]).await.expect("stores");
    store.finish_run(run.id, RunState::Done, noon() + minutes(10)).await.expect("finishes");
    assert!(store.unfinished_runs().await.expect("lists").is_empty());
    let of_run = ForecastFilter { run_id: Some(run.id), ..ForecastFilter::default() };
    let ids: Vec<String> = store.forecasts(&of_run, 10).await.expect("lists").into_iter().map(|f| f.id).collect();
    assert_eq!(ids, ["f9", "f3", "f1"], "the repeated series has one forecast");
    assert_eq!(store.runs(Some("traffic"), 5).await.expect("lists")[0].state, RunState::Done);
    assert!(store.runs(Some("other"), 5).await.expect("lists").is_empty());
    let other = store.begin_run("traffic", noon() + minutes(60), noon()).await.expect("begins");
    assert_ne!(other.id, run.id);
}

#[tokio::test]
async fn forecasts_come_back_whole_and_filtered() {
    let dir = TempDir::new().expect("dir");
    let store = open(&dir).await;
    let mut later = forecast("z", None, "a");
    later.created_at = noon() + minutes(1);
    let all = [forecast("x", None, "a"), forecast("y", None, "b"), later.clone()];
    store.put_forecasts(&all).await.expect("stores");
    assert_eq!(store.forecast("x").await.expect("reads"), Some(all[0].clone()));
    assert_eq!(store.forecast("nope").await.expect("reads"), None);
    let latest = ForecastFilter { latest_only: true, ..ForecastFilter::default() };
    assert_eq!(store.forecasts(&latest, 10).await.expect("lists"), vec![later.clone(), all[1].clone()]);
    let of_a =
        ForecastFilter { series: Some("a".to_owned()), detector: Some("traffic".to_owned()), ..Default::default() };
    assert_eq!(store.forecasts(&of_a, 1).await.expect("lists"), vec![later]);
    let since = ForecastFilter { since: Some(noon() + minutes(2)), ..Default::default() };
    assert!(store.forecasts(&since, 10).await.expect("lists").is_empty());
}

#[tokio::test]
async fn reports_and_recommendations_are_the_latest_of_each_subject() {
    let dir = TempDir::new().expect("dir");
    let store = open(&dir).await;
    let report = |used: f64| CapacityRecord {
        watch: "disk".to_owned(),
        series: "node1".to_owned(),
        labels: Labels::new().with("node", "1"),
        computed_at: noon(),
        body: json!({"used": used}),
    };
    store.put_capacity(&[report(1.0)]).await.expect("stores");
    store.put_capacity(&[report(2.0)]).await.expect("stores");
    assert_eq!(store.capacity().await.expect("lists"), vec![report(2.0)]);
    let advice = |subject: &str, text: &str| Recommendation {
        subject: subject.to_owned(),
        changes: Vec::new(),
        by: Some(noon()),
        text: text.to_owned(),
        risk: None,
        confidence: 0.75,
        because: vec!["growth".to_owned()],
        patch: Some(json!({"spec": {}})),
    };
    store.put_recommendations("disk", &[advice("a", "old"), advice("b", "grow")], noon()).await.expect("stores");
    store.put_recommendations("disk", &[advice("a", "new")], noon() + minutes(1)).await.expect("stores");
    let found = store.recommendations().await.expect("lists");
    assert_eq!(found.iter().map(|record| record.recommendation.text.as_str()).collect::<Vec<_>>(), ["new", "grow"]);
    assert_eq!((found[0].recommendation.clone(), found[0].computed_at), (advice("a", "new"), noon() + minutes(1)));
    store.withdraw_recommendation("disk", "a").await.expect("withdraws");
    assert_eq!(store.recommendations().await.expect("lists").len(), 1);
}

fn point(at: Timestamp, value: f64) -> PointScore {
    PointScore {
        at,
        value,
        expected: 1.0,
        lower: 0.5,
        upper: 1.5,
        p_value: 1e-9,
        score: 2.25,
        is_anomaly: true,
        direction: Direction::Above,
        confidence: 0.9,
        imputed: false,
        suppressed: None,
        reasons: vec![Reason::AboveExpected, Reason::LevelShift],
        attribution: vec![Attribution { feature: "residual".to_owned(), share: 1.0 }],
        changes: Vec::new(),
    }
}

#[tokio::test]
async fn a_published_score_is_never_rewritten() {
    let dir = TempDir::new().expect("dir");
    let store = open(&dir).await;
    let points = [point(noon(), 9.0), point(noon() + minutes(1), f64::MAX)];
    store.put_anomalies("latency", "api", &points).await.expect("stores");
    store.put_anomalies("latency", "api", &[point(noon(), 99.0)]).await.expect("is no error");
    let found = store.anomalies("latency", noon(), 10).await.expect("lists");
    assert_eq!(
        found.iter().map(|record| record.point.clone()).collect::<Vec<_>>(),
        [points[1].clone(), points[0].clone()]
    );
    assert_eq!(store.anomalies("latency", noon() + minutes(1), 10).await.expect("lists").len(), 1);
    assert!(store.anomalies("other", noon(), 10).await.expect("lists").is_empty());
    store.put_anomalies("latency", "nan", &[point(noon(), f64::NAN)]).await.expect("stores");
    assert!(store.anomalies("latency", noon(), 10).await.expect("lists")[2].point.value.is_nan());
}

#[tokio::test]
async fn detector_states_survive_and_replace_each_other() {
    let dir = TempDir::new().expect("dir");
    let store = open(&dir).await;
    let state = |byte: u8| vec![("api".to_owned(), vec![byte; 70_000])];
    store.save_snapshots("latency", &state(1), noon()).await.expect("saves");
    store.save_snapshots("latency", &state(2), noon() + minutes(1)).await.expect("saves");
    drop(store);
    let loaded = open(&dir).await.load_snapshots("latency").await.expect("loads");
    assert_eq!((loaded.len(), &loaded[0].bytes, loaded[0].taken_at), (1, &vec![2; 70_000], noon() + minutes(1)));
}

#[tokio::test]
async fn verdicts_and_change_events_are_kept() {
    let dir = TempDir::new().expect("dir");
    let store = open(&dir).await;
    let verdict = |verdict, given_at| VerdictRecord {
        fingerprint: Fingerprint(u64::MAX),
        starts_at: Some(noon()),
        verdict,
        author: "ada".to_owned(),
        comment: HOSTILE[0].to_owned(),
        given_at,
    };
    let (first, second) = (verdict(Verdict::FalseAlarm, noon()), verdict(Verdict::NewNormal, noon() + minutes(1)));
    store.put_verdict(&first).await.expect("keeps");
    store.put_verdict(&second).await.expect("keeps");
    assert_eq!(store.verdicts(Fingerprint(u64::MAX)).await.expect("lists"), [second, first]);
    assert!(store.verdicts(Fingerprint(1)).await.expect("lists").is_empty());

    let event = |title: &str, from: i64, to: Option<i64>| ChangeEvent {
        kind: ChangeKind::Deploy,
        title: title.to_owned(),
        labels: Labels::new().with("service", "api"),
        url: None,
        starts_at: noon() + minutes(from),
        ends_at: to.map(|to| noon() + minutes(to)),
    };
    let all =
        [event("long", -100, Some(100)), event("before", -100, None), event("at", 0, None), event("after", 50, None)];
    for event in &all {
        store.put_event(event, noon()).await.expect("keeps");
    }
    let found = store.events(noon()..=noon() + minutes(10)).await.expect("lists");
    assert_eq!(found, [all[0].clone(), all[2].clone()]);
}

// --- models ------------------------------------------------------------------------------------------------------

async fn save(store: &Store, name: &str, bytes: &[u8], activate: bool) -> i64 {
    let metrics = json!({"accuracy": 0.9});
    let model = NewModel { name, kind: "severity", schema: 3, metrics: &metrics, trained_on: "demo", bytes, activate };
    store.save_model(model, noon()).await.expect("saves").version
}

fn model_path(dir: &Path, name: &str, version: i64) -> std::path::PathBuf {
    dir.join("models").join(name).join(format!("{version}.model"))
}

#[tokio::test]
async fn the_active_model_is_loaded_and_can_be_changed() {
    let dir = TempDir::new().expect("dir");
    let store = open(&dir).await;
    assert_eq!(store.load_active("severity").await.expect("loads"), None);
    assert_eq!((save(&store, "severity", b"one", true).await, save(&store, "severity", b"two", false).await), (1, 2));
    let loaded = store.load_active("severity").await.expect("loads").expect("is there");
    assert_eq!((loaded.manifest.version, loaded.bytes.as_slice(), loaded.refused.len()), (1, b"one".as_slice(), 0));
    assert_eq!((loaded.manifest.schema, &loaded.manifest.metrics), (3, &json!({"accuracy": 0.9})));
    assert_eq!(store.activate("severity", 2).await.expect("activates").state, ModelState::Active);
    assert_eq!(store.load_active("severity").await.expect("loads").expect("is there").bytes, b"two");
    store.activate("severity", 1).await.expect("rolls back");
    assert_eq!(store.load_active("severity").await.expect("loads").expect("is there").bytes, b"one");
    let states: Vec<_> = store.models().await.expect("lists").iter().map(|m| (m.version, m.state)).collect();
    assert_eq!(states, [(2, ModelState::Retired), (1, ModelState::Active)]);
    assert!(matches!(store.activate("severity", 3).await, Err(StoreError::NotFound { .. })));
    assert_eq!(store.model("severity", 2).await.expect("reads").expect("is there").bytes, b"two");
    assert_eq!(store.model("severity", 9).await.expect("reads"), None);
    let leftovers: Vec<_> = std::fs::read_dir(dir.path().join("models/severity")).expect("lists").collect();
    assert_eq!(leftovers.len(), 2, "no temporary file stays");
}

#[tokio::test]
async fn a_damaged_model_is_refused_and_the_last_good_one_stays() {
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 5] = [
        ("cut off", |path| std::fs::write(path, b"tw").expect("writes")),
        ("bit flipped", |path| std::fs::write(path, b"twp").expect("writes")),
        ("missing", |path| std::fs::remove_file(path).expect("removes")),
        ("huge", |path| {
            std::fs::File::options().write(true).open(path).and_then(|f| f.set_len(1 << 40)).expect("grows");
        }),
        ("link", |path| {
            let elsewhere = path.with_file_name("elsewhere");
            std::fs::rename(path, &elsewhere).expect("moves");
            std::os::unix::fs::symlink(&elsewhere, path).expect("links");
        }),
    ];
    for (what, damage) in damages {
        let dir = TempDir::new().expect("dir");
        let store = open(&dir).await;
        save(&store, "severity", b"one", true).await;
        save(&store, "severity", b"two", true).await;
        save(&store, "severity", b"new", false).await;
        damage(&model_path(dir.path(), "severity", 2));
        let loaded = store.load_active("severity").await.expect("loads").expect("is there");
        assert_eq!((loaded.manifest.version, loaded.bytes.as_slice()), (1, b"one".as_slice()), "{what}");
        assert_eq!(loaded.refused.len(), 1, "{what}");
        let fits = match loaded.refused[0].1 {
            ModelDefect::Length { .. } => ["cut off", "huge"].contains(&what),
            ModelDefect::Checksum { .. } => what == "bit flipped",
            ModelDefect::Missing(_) => what == "missing",
            ModelDefect::NotAFile(_) => what == "link",
            ModelDefect::Unreadable(_) => false,
        };
        assert!(fits, "{what}: {:?}", loaded.refused);
        store.activate("severity", 3).await.expect("a good one can be activated");
        let refused = store.activate("severity", 2).await.expect_err("a bad one cannot");
        assert!(matches!(refused, StoreError::BadModel { version: 2, .. }), "{what}: {refused}");
        assert_eq!(store.load_active("severity").await.expect("loads").expect("is there").manifest.version, 3);
    }
}

#[tokio::test]
async fn without_any_good_version_the_error_names_the_newest() {
    let dir = TempDir::new().expect("dir");
    let store = open(&dir).await;
    save(&store, "severity", b"one", true).await;
    std::fs::write(model_path(dir.path(), "severity", 1), b"eno").expect("writes");
    let error = store.load_active("severity").await.expect_err("refuses").to_string();
    assert!(error.contains("model `severity` version 1") && error.contains("checksum"), "{error}");
}

#[tokio::test]
async fn names_and_links_cannot_leave_the_directory() {
    let (dir, outside) = (TempDir::new().expect("dir"), TempDir::new().expect("dir"));
    let store = open(&dir).await;
    let metrics = json!({});
    for name in ["../evil", "/etc/evil", "a/b", "", "..", "A", "a\0"] {
        let model =
            NewModel { name, kind: "x", schema: 1, metrics: &metrics, trained_on: "", bytes: b"x", activate: true };
        assert!(matches!(store.save_model(model, noon()).await, Err(StoreError::Name(_))), "{name:?}");
        assert!(matches!(store.load_active(name).await, Err(StoreError::Name(_))), "{name:?}");
        assert!(matches!(store.activate(name, 1).await, Err(StoreError::Name(_))), "{name:?}");
    }
    assert!(std::fs::read_dir(dir.path().join("models")).expect("lists").next().is_none());
    std::os::unix::fs::symlink(outside.path(), dir.path().join("models/linked")).expect("links");
    let model = NewModel {
        name: "linked",
        kind: "x",
        schema: 1,
        metrics: &metrics,
        trained_on: "",
        bytes: b"x",
        activate: true,
    };
    let refused = store.save_model(model, noon()).await.expect_err("refuses").to_string();
    assert!(refused.contains("links are not followed"), "{refused}");
    assert!(std::fs::read_dir(outside.path()).expect("lists").next().is_none());
    assert!(store.models().await.expect("lists").is_empty());
}

#[tokio::test]
async fn a_model_saved_over_the_leftovers_of_a_crash_is_whole() {
    let dir = TempDir::new().expect("dir");
    let store = open(&dir).await;
    let path = model_path(dir.path(), "severity", 1);
    std::fs::create_dir_all(path.parent().expect("folder")).expect("creates");
    std::fs::write(&path, b"an orphan that no manifest knows").expect("writes");
    std::fs::write(path.with_extension("part"), b"half a fi").expect("writes");
    assert_eq!(save(&store, "severity", b"whole", true).await, 1);
    assert_eq!(store.load_active("severity").await.expect("loads").expect("is there").bytes, b"whole");
}

// --- clearing ----------------------------------------------------------------------------------------------------

#[tokio::test]
async fn pruning_clears_what_is_old_and_nothing_that_is_needed() {
    let dir = TempDir::new().expect("dir");
    let store = open(&dir).await;
    let keep = HumanDuration::from_days(1);
    let retention = RetentionSettings {
        alerts: keep,
        anomalies: keep,
        forecasts: keep,
        reports: keep,
        deliveries: keep,
        dead_letters: keep,
        seen: keep,
        events: keep,
        snapshots: keep,
        retired_models: 1,
    };
    let over = resolved(alert("Over", noon()), noon() + minutes(1));
    let firing = alert("Firing", noon());
    let outbox = [item("hook", "a", "delivered"), item("hook", "b", "dead"), item("hook", "c", "waiting")];
    store.record_notification("key", &[over.clone(), firing.clone()], &outbox, noon()).await.expect("records");
    let claimed = store.claim_due("hook", noon(), 3).await.expect("claims");
    store.complete(claimed[0].id, noon()).await.expect("completes");
    store.bury(claimed[1].id, noon(), "no").await.expect("buries");
    store.put_anomalies("latency", "api", &[point(noon(), 9.0)]).await.expect("stores");
    store.put_forecasts(&[forecast("f", None, "a")]).await.expect("stores");
    let unfinished = store.begin_run("traffic", noon(), noon()).await.expect("begins");
    store.save_snapshots("latency", &[("api".to_owned(), vec![1])], noon()).await.expect("saves");
    for n in 0..4 {
        save(&store, "severity", &[n], n == 0).await;
    }

    assert_eq!(store.prune(noon() + minutes(60), &retention).await.expect("prunes").rows, 2, "surplus models only");
    let pruned = store.prune(noon() + SignedDuration::from_hours(48), &retention).await.expect("prunes");
    assert!(pruned.rows >= 7, "{pruned:?}");
    assert_eq!(store.alerts(&AlertFilter::default()).await.expect("lists"), vec![firing]);
    let gone = AlertFilter { labels: vec![("alertname".to_owned(), "Over".to_owned())], ..AlertFilter::default() };
    assert!(store.alerts(&gone).await.expect("lists").is_empty());
    let depth = store.outbox_depth().await.expect("depth").remove(0);
    assert_eq!((depth.pending, depth.dead), (1, 0));
    assert!(store.anomalies("latency", noon(), 9).await.expect("lists").is_empty());
    assert_eq!(store.forecast("f").await.expect("reads"), None);
    assert_eq!(store.unfinished_runs().await.expect("lists")[0].id, unfinished.id);
    assert!(store.load_snapshots("latency").await.expect("loads").is_empty());
    assert!(store.first_time("key", noon()).await.expect("asks"));
    let versions: Vec<i64> = store.models().await.expect("lists").iter().map(|m| m.version).collect();
    assert_eq!(versions, [4, 1], "the one in use and the newest retired");
    assert!(!model_path(dir.path(), "severity", 2).exists() && model_path(dir.path(), "severity", 1).exists());
}

#[tokio::test]
async fn revisions_are_only_added_and_go_with_what_they_revise() {
    let dir = TempDir::new().expect("a directory");
    let store = open(&dir).await;
    let (at, later) = (noon(), noon() + minutes(30));
    store.put_anomalies("d", "s", &[point(at, 5.0)]).await.expect("stored");
    let new = |event_id: i64, score: f64| NewRevision {
        at,
        event_id,
        because: format!("event {event_id}"),
        score,
        is_anomaly: score > 1.0,
        suppressed: (score < 1.0).then_some(Suppression::Maintenance),
    };
    store.put_revisions("d", "s", &[new(7, 0.5)], later).await.expect("stored");
    store.put_revisions("d", "s", &[new(9, 1.5), new(7, 9.0)], later).await.expect("stored");
    store.put_revisions("other", "s", &[new(7, 3.0)], later).await.expect("stored");
    let found = store.anomalies("d", Timestamp::UNIX_EPOCH, 10).await.expect("stored").remove(0);
    assert_eq!(found.point, point(at, 5.0));
    let seen: Vec<_> =
        found.revisions.iter().map(|one| (one.revision, one.event_id, one.score, one.suppressed)).collect();
    assert_eq!(seen, [(1, 7, 0.5, Some(Suppression::Maintenance)), (2, 9, 1.5, None)]);
    assert_eq!(store.anomalies_of("d", "s", at..later, 10).await.expect("stored"), [found]);
    assert_eq!(store.anomalies_of("d", "s", later..later, 10).await.expect("stored"), []);
    let retention = RetentionSettings { anomalies: HumanDuration::from_secs(3_600), ..RetentionSettings::default() };
    assert_eq!(store.prune(at + SignedDuration::from_hours(2), &retention).await.expect("stored").rows, 4);
}

#[tokio::test]
async fn alerts_are_counted_by_their_last_verdict() {
    let dir = TempDir::new().expect("a directory");
    let store = open(&dir).await;
    let alerts: Vec<Alert> = (0..4).map(|i| alert("lat", noon() + minutes(i))).collect();
    store.record_alerts(&alerts, &[], noon()).await.expect("stored");
    store.record_alerts(&[alert("other", noon())], &[], noon()).await.expect("stored");
    let say = |starts_at: Option<Timestamp>, verdict, when: i64| VerdictRecord {
        fingerprint: alerts[0].fingerprint,
        starts_at,
        verdict,
        author: String::new(),
        comment: String::new(),
        given_at: noon() + minutes(when),
    };
    let labels = Labels::new().with("alertname", "lat");
    let counts = async |since| {
        let counts = store.verdict_counts(&labels, noon() + minutes(since)).await.expect("stored");
        (counts.fired, counts.judged_false, counts.judged_right)
    };
    assert_eq!(counts(0).await, (4, 0, 0));
    store.put_verdict(&say(Some(alerts[0].starts_at), Verdict::Confirmed, 1)).await.expect("stored");
    store.put_verdict(&say(Some(alerts[0].starts_at), Verdict::FalseAlarm, 2)).await.expect("stored");
    store.put_verdict(&say(Some(alerts[1].starts_at), Verdict::NewNormal, 2)).await.expect("stored");
    assert_eq!(counts(0).await, (4, 1, 1));
    store.put_verdict(&say(None, Verdict::FalseAlarm, 3)).await.expect("stored");
    assert_eq!(counts(0).await, (4, 3, 1), "on the alert as such, where nothing was said of that time");
    assert_eq!(counts(2).await, (2, 2, 0));
}
