//! The outbox: deliveries that survive a crash, in order, each tried until it succeeds or is given up visibly.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, Transaction};

use super::{Store, StoreError, count, millis, size, time_of};

/// How long a claimed delivery belongs to its claimer; after that somebody else may try it.
pub const LEASE: Duration = Duration::from_secs(120);
/// Longest error text that is kept, in characters.
const MAX_ERROR_CHARS: usize = 500;

/// Something to deliver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxItem {
    /// Name of the destination in the configuration.
    pub destination: String,
    /// Items with the same key are delivered one after another, in the order they were recorded.
    pub ordering_key: String,
    /// The same key at the same destination is the same delivery and is recorded once.
    pub idempotency_key: String,
    /// The notice as JSON text.
    pub notice_json: String,
}

/// A claimed delivery. Finish it with [`Store::complete`], [`Store::retry_at`] or [`Store::bury`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its number.
    pub id: i64,
    /// What to deliver where.
    pub item: OutboxItem,
    /// Attempts before this one.
    pub attempts: u32,
    /// When it was recorded.
    pub created_at: Timestamp,
}

/// A delivery that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its number.
    pub id: i64,
    /// What was to be delivered where.
    pub item: OutboxItem,
    /// Attempts made.
    pub attempts: u32,
    /// When it was given up.
    pub buried_at: Timestamp,
    /// Why.
    pub error: String,
}

/// How much one destination has waiting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxDepth {
    /// The destination.
    pub destination: String,
    /// Deliveries that wait or are being tried.
    pub pending: usize,
    /// Deliveries that were given up.
    pub dead: usize,
    /// When the oldest waiting one was recorded.
    pub oldest_pending: Option<Timestamp>,
}

impl Store {
    /// Records deliveries that no alert causes, recommendations for instance. One transaction.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing was recorded.
    pub async fn enqueue(&self, items: &[OutboxItem], now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        enqueue(&mut tx, items, now).await?;
        Ok(tx.commit().await?)
    }

    /// Claims up to `limit` deliveries of `destination` that are due at `now`, oldest first, at most one for each
    /// ordering key: an item is due only when every earlier one with its key was delivered or given up.
    ///
    /// A claim lasts [`LEASE`]; what a killed process had claimed becomes due again after it, or at once when the next
    /// service takes the directory over.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claim_due(
        &self,
        destination: &str,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        let select = "SELECT id, destination, ordering_key, idempotency_key, notice, attempts, created_at FROM outbox o \
                      WHERE destination = $1 AND state = 'pending' AND next_attempt_at <= $2 AND leased_until <= $2 \
                      AND NOT EXISTS (SELECT 1 FROM outbox e WHERE e.destination = o.destination \
                      AND e.ordering_key = o.ordering_key AND e.state = 'pending' AND e.id < o.id) ORDER BY id LIMIT $3";
        let until =
            millis(now.saturating_add(SignedDuration::try_from(LEASE).unwrap_or_default()).unwrap_or(Timestamp::MAX));
        let mut tx = self.write().await?;
        let rows =
            sqlx::query(select).bind(destination).bind(millis(now)).bind(count(limit)).fetch_all(&mut *tx).await?;
        let deliveries = rows.iter().map(read_delivery).collect::<Result<Vec<_>, _>>()?;
        for delivery in &deliveries {
            let sql = "UPDATE outbox SET leased_until = $1 WHERE id = $2";
            sqlx::query(sql).bind(until).bind(delivery.id).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(deliveries)
    }

    /// The delivery succeeded. Saying so twice changes nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn complete(&self, id: i64, now: Timestamp) -> Result<(), StoreError> {
        let sql = "UPDATE outbox SET state = 'delivered', attempts = attempts + 1, finished_at = $1, leased_until = 0, \
                   last_error = NULL WHERE id = $2 AND state = 'pending'";
        sqlx::query(sql).bind(millis(now)).bind(id).execute(&self.writer).await?;
        Ok(())
    }

    /// The attempt failed; the next one is at `when`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn retry_at(&self, id: i64, when: Timestamp, error: &str) -> Result<(), StoreError> {
        let sql = "UPDATE outbox SET attempts = attempts + 1, next_attempt_at = $1, leased_until = 0, last_error = $2 \
                   WHERE id = $3 AND state = 'pending'";
        sqlx::query(sql).bind(millis(when)).bind(shortened(error)).bind(id).execute(&self.writer).await?;
        Ok(())
    }

    /// The delivery is given up and becomes a dead letter; later ones with its ordering key go ahead.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn bury(&self, id: i64, now: Timestamp, error: &str) -> Result<(), StoreError> {
        let sql = "UPDATE outbox SET state = 'dead', attempts = attempts + 1, finished_at = $1, leased_until = 0, \
                   last_error = $2 WHERE id = $3 AND state = 'pending'";
        sqlx::query(sql).bind(millis(now)).bind(shortened(error)).bind(id).execute(&self.writer).await?;
        Ok(())
    }

    /// The deliveries that were given up, latest first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, StoreError> {
        let sql = "SELECT id, destination, ordering_key, idempotency_key, notice, attempts, finished_at, last_error \
                   FROM outbox WHERE state = 'dead' ORDER BY finished_at DESC, id DESC LIMIT $1";
        let rows = sqlx::query(sql).bind(count(limit)).fetch_all(&self.reader).await?;
        rows.iter()
            .map(|row| {
                Ok(DeadLetter {
                    id: row.try_get("id")?,
                    item: read_item(row)?,
                    attempts: read_attempts(row)?,
                    buried_at: time_of(row.try_get::<Option<i64>, _>("finished_at")?.unwrap_or(0)),
                    error: row.try_get::<Option<String>, _>("last_error")?.unwrap_or_default(),
                })
            })
            .collect()
    }

    /// Puts a dead letter back in line, due at once, at its old place in the order of its key.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when `id` is no dead letter.
    pub async fn replay(&self, id: i64, now: Timestamp) -> Result<(), StoreError> {
        let sql = "UPDATE outbox SET state = 'pending', attempts = 0, next_attempt_at = $1, leased_until = 0, \
                   finished_at = NULL WHERE id = $2 AND state = 'dead'";
        let done = sqlx::query(sql).bind(millis(now)).bind(id).execute(&self.writer).await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::NotFound { what: "dead letter", which: id.to_string() });
        }
        Ok(())
    }

    /// What waits and what was given up, for each destination that has either, in name order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn outbox_depth(&self) -> Result<Vec<OutboxDepth>, StoreError> {
        let sql = "SELECT destination, SUM(CASE WHEN state = 'pending' THEN 1 ELSE 0 END) AS pending, \
                   SUM(CASE WHEN state = 'dead' THEN 1 ELSE 0 END) AS dead, \
                   MIN(CASE WHEN state = 'pending' THEN created_at END) AS oldest \
                   FROM outbox WHERE state IN ('pending', 'dead') GROUP BY destination ORDER BY destination";
        let rows = sqlx::query(sql).fetch_all(&self.reader).await?;
        rows.iter()
            .map(|row| {
                Ok(OutboxDepth {
                    destination: row.try_get("destination")?,
                    pending: size(row.try_get("pending")?),
                    dead: size(row.try_get("dead")?),
                    oldest_pending: row.try_get::<Option<i64>, _>("oldest")?.map(time_of),
                })
            })
            .collect()
    }

    /// Ends every claim. Only for a service that has just become the only one.
    pub(super) async fn release_leases(&self) -> Result<(), StoreError> {
        let sql = "UPDATE outbox SET leased_until = 0 WHERE state = 'pending' AND leased_until > 0";
        sqlx::query(sql).execute(&self.writer).await?;
        Ok(())
    }
}

/// Writes `items` into `tx`, in order; known ones are left as they are.
pub(super) async fn enqueue(
    tx: &mut Transaction<'static, Sqlite>,
    items: &[OutboxItem],
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO outbox (destination, ordering_key, idempotency_key, notice, state, attempts, created_at, \
               next_attempt_at, leased_until) VALUES ($1, $2, $3, $4, 'pending', 0, $5, $5, 0) \
               ON CONFLICT (destination, idempotency_key) DO NOTHING";
    for item in items {
        sqlx::query(sql)
            .bind(&item.destination)
            .bind(&item.ordering_key)
            .bind(&item.idempotency_key)
            .bind(&item.notice_json)
            .bind(millis(now))
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

fn read_item(row: &SqliteRow) -> Result<OutboxItem, StoreError> {
    Ok(OutboxItem {
        destination: row.try_get("destination")?,
        ordering_key: row.try_get("ordering_key")?,
        idempotency_key: row.try_get("idempotency_key")?,
        notice_json: row.try_get("notice")?,
    })
}

fn read_attempts(row: &SqliteRow) -> Result<u32, StoreError> {
    Ok(u32::try_from(row.try_get::<i64, _>("attempts")?.max(0)).unwrap_or(u32::MAX))
}

fn read_delivery(row: &SqliteRow) -> Result<Delivery, StoreError> {
    Ok(Delivery {
        id: row.try_get("id")?,
        item: read_item(row)?,
        attempts: read_attempts(row)?,
        created_at: time_of(row.try_get("created_at")?),
    })
}

fn shortened(error: &str) -> String {
    error.chars().take(MAX_ERROR_CHARS).collect()
}
