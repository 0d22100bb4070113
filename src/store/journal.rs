//! What people and other tools told: verdicts on alerts, change events, notifications taken in before.

use std::ops::RangeInclusive;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::{Row, Sqlite, Transaction};

use super::{Store, StoreError, millis, of_json, time_of, to_json};
use crate::series::{Fingerprint, Labels};

/// What somebody thought of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It was right.
    Confirmed,
    /// It was right, and known beforehand.
    Expected,
    /// There was nothing.
    FalseAlarm,
    /// The change is here to stay.
    NewNormal,
    /// It was right and went to the wrong people.
    WrongOwner,
}

/// A verdict with who gave it and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerdictRecord {
    /// The alert.
    pub fingerprint: Fingerprint,
    /// Which time it fired; `None` for the alert as such.
    pub starts_at: Option<Timestamp>,
    /// The verdict.
    pub verdict: Verdict,
    /// Who gave it; empty when unknown.
    pub author: String,
    /// What they said; may be empty.
    pub comment: String,
    /// When.
    pub given_at: Timestamp,
}

/// What kind of change happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// A new version of something.
    Deploy,
    /// More or fewer of something: replicas, resources.
    Scaling,
    /// Something moved; its metrics may stand elsewhere from then on.
    Migration,
    /// Planned work.
    Maintenance,
    /// A day unlike others.
    Holiday,
    /// What metrics show now is how they will be.
    NewNormal,
    /// Anything else.
    Other,
}

impl ChangeKind {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Scaling => "scaling",
            Self::Migration => "migration",
            Self::Maintenance => "maintenance",
            Self::Holiday => "holiday",
            Self::NewNormal => "new_normal",
            Self::Other => "other",
        }
    }
}

/// A change that may explain what the metrics do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeEvent {
    /// Kind.
    pub kind: ChangeKind,
    /// One line.
    pub title: String,
    /// What it concerns; empty for everything.
    pub labels: Labels,
    /// Link, `http` or `https` only.
    pub url: Option<String>,
    /// When it began.
    pub starts_at: Timestamp,
    /// When it ended; `None` for a moment.
    pub ends_at: Option<Timestamp>,
}

/// A change event with its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedEvent {
    /// Its number, in the order in which events were recorded.
    pub id: i64,
    /// The event.
    pub event: ChangeEvent,
}

impl Store {
    /// Keeps a verdict. Several on one alert are all kept; the last one counts.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn put_verdict(&self, record: &VerdictRecord) -> Result<(), StoreError> {
        let sql = "INSERT INTO verdicts (fingerprint, starts_at, verdict, author, comment, given_at) \
                   VALUES ($1, $2, $3, $4, $5, $6)";
        sqlx::query(sql)
            .bind(record.fingerprint.to_string())
            .bind(record.starts_at.map(millis))
            .bind(to_json("verdicts", &record.verdict)?)
            .bind(&record.author)
            .bind(&record.comment)
            .bind(millis(record.given_at))
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// The verdicts on an alert, latest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn verdicts(&self, fingerprint: Fingerprint) -> Result<Vec<VerdictRecord>, StoreError> {
        let sql = "SELECT starts_at, verdict, author, comment, given_at FROM verdicts WHERE fingerprint = $1 \
                   ORDER BY given_at DESC, id DESC";
        let rows = sqlx::query(sql).bind(fingerprint.to_string()).fetch_all(&self.reader).await?;
        rows.iter()
            .map(|row| {
                Ok(VerdictRecord {
                    fingerprint,
                    starts_at: row.try_get::<Option<i64>, _>("starts_at")?.map(time_of),
                    verdict: of_json("verdicts", "verdict", row.try_get("verdict")?)?,
                    author: row.try_get("author")?,
                    comment: row.try_get("comment")?,
                    given_at: time_of(row.try_get("given_at")?),
                })
            })
            .collect()
    }

    /// Keeps a change event and returns its number.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn put_event(&self, event: &ChangeEvent, now: Timestamp) -> Result<i64, StoreError> {
        let sql = "INSERT INTO change_events (kind, title, labels, url, starts_at, ends_at, recorded_at) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id";
        let row = sqlx::query(sql)
            .bind(to_json("change_events", &event.kind)?)
            .bind(&event.title)
            .bind(to_json("change_events", &event.labels)?)
            .bind(&event.url)
            .bind(millis(event.starts_at))
            .bind(event.ends_at.map(millis))
            .bind(millis(now))
            .fetch_one(&self.writer)
            .await?;
        Ok(row.try_get(0)?)
    }

    /// The change events that touch `range`, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn events(&self, range: RangeInclusive<Timestamp>) -> Result<Vec<ChangeEvent>, StoreError> {
        Ok(self.recorded_events(range).await?.into_iter().map(|recorded| recorded.event).collect())
    }

    /// The same, each with its number.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn recorded_events(&self, range: RangeInclusive<Timestamp>) -> Result<Vec<RecordedEvent>, StoreError> {
        let sql = "SELECT id, kind, title, labels, url, starts_at, ends_at FROM change_events \
                   WHERE starts_at <= $2 AND COALESCE(ends_at, starts_at) >= $1 ORDER BY starts_at, id";
        let (from, to) = (millis(*range.start()), millis(*range.end()));
        let rows = sqlx::query(sql).bind(from).bind(to).fetch_all(&self.reader).await?;
        rows.iter()
            .map(|row| {
                let event = ChangeEvent {
                    kind: of_json("change_events", "kind", row.try_get("kind")?)?,
                    title: row.try_get("title")?,
                    labels: of_json("change_events", "labels", row.try_get("labels")?)?,
                    url: row.try_get("url")?,
                    starts_at: time_of(row.try_get("starts_at")?),
                    ends_at: row.try_get::<Option<i64>, _>("ends_at")?.map(time_of),
                };
                Ok(RecordedEvent { id: row.try_get("id")?, event })
            })
            .collect()
    }

    /// Whether a notification with this key comes for the first time; from then on it does not.
    ///
    /// When alerts are recorded because of it, use [`Store::record_notification`]: between this answer and a later
    /// write the process may die, and the notification would be taken for done.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn first_time(&self, idempotency_key: &str, now: Timestamp) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let first = mark_seen(&mut tx, idempotency_key, now).await?;
        tx.commit().await?;
        Ok(first)
    }
}

/// Notes `idempotency_key` in `tx`; `false` when it was there.
pub(super) async fn mark_seen(
    tx: &mut Transaction<'static, Sqlite>,
    idempotency_key: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let sql = "INSERT INTO seen_notifications (idempotency_key, seen_at) VALUES ($1, $2) \
               ON CONFLICT (idempotency_key) DO NOTHING";
    let done = sqlx::query(sql).bind(idempotency_key).bind(millis(now)).execute(&mut **tx).await?;
    Ok(done.rows_affected() == 1)
}
