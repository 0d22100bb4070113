//! Alerts: recorded together with the deliveries they cause, listed, and looked back on.

use jiff::{SignedDuration, Timestamp};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, Transaction};

use super::{OutboxItem, Store, StoreError, count, millis, of_json, time_of, to_json};
use crate::alert::{Alert, AlertState, History};
use crate::series::Fingerprint;
use crate::severity::Severity;

const TABLE: &str = "alerts";
/// Most alerts in one answer.
const MAX_LIMIT: usize = 1_000;
/// Past alerts that the median duration looks at.
const HISTORY_ROWS: i64 = 1_000;

/// Where a listing goes on: the last alert of the page before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// Its start, milliseconds since 1970.
    pub starts_at_ms: i64,
    /// Its identity.
    pub fingerprint: Fingerprint,
}

/// Which alerts are wanted. The default is the newest 100 of all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertFilter {
    /// Only in this state.
    pub state: Option<AlertState>,
    /// Only those that began or changed at or after this time.
    pub since: Option<Timestamp>,
    /// Only of this severity.
    pub severity: Option<Severity>,
    /// Only with all of these labels, name and exact value.
    pub labels: Vec<(String, String)>,
    /// Only this identity.
    pub fingerprint: Option<Fingerprint>,
    /// How many at most, 1 to 1,000; others are brought into this range.
    pub limit: usize,
    /// Only those that come after this one in the listing.
    pub before: Option<Cursor>,
}

impl Default for AlertFilter {
    fn default() -> Self {
        Self {
            state: None,
            since: None,
            severity: None,
            labels: Vec::new(),
            fingerprint: None,
            limit: 100,
            before: None,
        }
    }
}

impl Cursor {
    /// The cursor that goes on after `alert`.
    #[must_use]
    pub fn after(alert: &Alert) -> Self {
        Self { starts_at_ms: millis(alert.starts_at), fingerprint: alert.fingerprint }
    }
}

impl Store {
    /// Records `alerts` and the deliveries they cause in one transaction: either everything is on disk, or nothing.
    ///
    /// An alert is the same when fingerprint and start are; the newer `updated_at` wins, so that a late report changes
    /// nothing. A delivery whose idempotency key is known at its destination is not repeated.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing was recorded.
    pub async fn record_alerts(
        &self,
        alerts: &[Alert],
        outbox: &[OutboxItem],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        record(&mut tx, alerts, outbox, now).await?;
        Ok(tx.commit().await?)
    }

    /// Records what a notification brought, unless a notification with the same key was recorded before: then `false`,
    /// and nothing changes. One transaction, so a crash cannot leave the key behind without its alerts.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing was recorded, the key neither.
    pub async fn record_notification(
        &self,
        idempotency_key: &str,
        alerts: &[Alert],
        outbox: &[OutboxItem],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        if !super::journal::mark_seen(&mut tx, idempotency_key, now).await? {
            return Ok(false);
        }
        record(&mut tx, alerts, outbox, now).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// The alerts that `filter` asks for, newest start first, then by fingerprint descending.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn alerts(&self, filter: &AlertFilter) -> Result<Vec<Alert>, StoreError> {
        let mut query = listing(filter);
        read_all(query.build().fetch_all(&self.reader).await?)
    }

    /// Every alert that is firing, newest start first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn active_alerts(&self) -> Result<Vec<Alert>, StoreError> {
        let sql = "SELECT body FROM alerts WHERE state = 'firing' ORDER BY starts_at DESC, fingerprint DESC";
        read_all(sqlx::query(sql).fetch_all(&self.reader).await?)
    }

    /// The past of an alert: only times that are over count, so the present one never does.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn history(&self, fingerprint: Fingerprint, now: Timestamp) -> Result<History, StoreError> {
        let sql = "SELECT starts_at, ends_at FROM alerts WHERE fingerprint = $1 AND state = 'resolved' \
                   AND ends_at IS NOT NULL ORDER BY starts_at DESC LIMIT $2";
        let rows = sqlx::query(sql).bind(fingerprint.to_string()).bind(HISTORY_ROWS).fetch_all(&self.reader).await?;
        let spans = rows
            .iter()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
            .collect::<Result<Vec<(i64, i64)>, StoreError>>()?;
        let month_ago = millis(now.saturating_sub(SignedDuration::from_hours(30 * 24)).unwrap_or(Timestamp::MIN));
        let recent = spans.iter().filter(|(start, _)| (month_ago..=millis(now)).contains(start)).count();
        let mut minutes: Vec<f64> =
            spans.iter().map(|(start, end)| end.saturating_sub(*start).max(0) as f64 / 60_000.0).collect();
        Ok(History {
            fired_last_30d: u32::try_from(recent).unwrap_or(u32::MAX),
            median_duration_minutes: median(&mut minutes),
            last_resolved_at: spans.iter().map(|(_, end)| *end).max().map(time_of),
        })
    }

    /// The latest time of each of the `limit` identities that fired last, to look for alerts like a new one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn recent_for_similarity(&self, limit: usize) -> Result<Vec<Alert>, StoreError> {
        let sql = "SELECT body FROM alerts a WHERE NOT EXISTS (SELECT 1 FROM alerts b \
                   WHERE b.fingerprint = a.fingerprint AND b.starts_at > a.starts_at) \
                   ORDER BY starts_at DESC, fingerprint DESC LIMIT $1";
        read_all(sqlx::query(sql).bind(count(limit.min(10 * MAX_LIMIT))).fetch_all(&self.reader).await?)
    }
}

/// Writes alerts, their labels and the deliveries into `tx`.
async fn record(
    tx: &mut Transaction<'static, Sqlite>,
    alerts: &[Alert],
    outbox: &[OutboxItem],
    now: Timestamp,
) -> Result<(), StoreError> {
    for alert in alerts {
        upsert(tx, alert).await?;
    }
    super::outbox::enqueue(tx, outbox, now).await
}

async fn upsert(tx: &mut Transaction<'static, Sqlite>, alert: &Alert) -> Result<(), StoreError> {
    let sql = "INSERT INTO alerts (fingerprint, starts_at, ends_at, updated_at, state, severity, body) \
               VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (fingerprint, starts_at) DO UPDATE SET \
               ends_at = excluded.ends_at, updated_at = excluded.updated_at, state = excluded.state, \
               severity = excluded.severity, body = excluded.body WHERE excluded.updated_at >= alerts.updated_at";
    let fingerprint = alert.fingerprint.to_string();
    sqlx::query(sql)
        .bind(&fingerprint)
        .bind(millis(alert.starts_at))
        .bind(alert.ends_at.map(millis))
        .bind(millis(alert.updated_at))
        .bind(state_text(alert.state))
        .bind(alert.assessment.as_ref().map(|assessment| severity_text(assessment.severity)))
        .bind(to_json(TABLE, alert)?)
        .execute(&mut **tx)
        .await?;
    if alert.labels.is_empty() {
        return Ok(());
    }
    let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO alert_labels (fingerprint, name, value) ");
    query.push_values(alert.labels.iter(), |mut row, (name, value)| {
        row.push_bind(fingerprint.clone()).push_bind(name.to_owned()).push_bind(value.to_owned());
    });
    query.push(" ON CONFLICT (fingerprint, name) DO NOTHING");
    query.build().execute(&mut **tx).await?;
    Ok(())
}

fn listing(filter: &AlertFilter) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::new("SELECT body FROM alerts a WHERE 1 = 1");
    if let Some(state) = filter.state {
        query.push(" AND a.state = ").push_bind(state_text(state));
    }
    if let Some(since) = filter.since {
        query.push(" AND a.updated_at >= ").push_bind(millis(since));
    }
    if let Some(severity) = filter.severity {
        query.push(" AND a.severity = ").push_bind(severity_text(severity));
    }
    if let Some(fingerprint) = filter.fingerprint {
        query.push(" AND a.fingerprint = ").push_bind(fingerprint.to_string());
    }
    for (name, value) in &filter.labels {
        // An empty value means "without this label", as everywhere else.
        query.push(if value.is_empty() { " AND NOT EXISTS" } else { " AND EXISTS" });
        query.push(" (SELECT 1 FROM alert_labels l WHERE l.fingerprint = a.fingerprint AND l.name = ");
        query.push_bind(name.clone());
        if !value.is_empty() {
            query.push(" AND l.value = ").push_bind(value.clone());
        }
        query.push(")");
    }
    if let Some(cursor) = filter.before {
        query.push(" AND (a.starts_at < ").push_bind(cursor.starts_at_ms);
        query.push(" OR (a.starts_at = ").push_bind(cursor.starts_at_ms);
        query.push(" AND a.fingerprint < ").push_bind(cursor.fingerprint.to_string()).push("))");
    }
    query.push(" ORDER BY a.starts_at DESC, a.fingerprint DESC LIMIT ");
    query.push_bind(count(filter.limit.clamp(1, MAX_LIMIT)));
    query
}

fn read_all(rows: Vec<SqliteRow>) -> Result<Vec<Alert>, StoreError> {
    rows.iter().map(|row| of_json(TABLE, "alert", row.try_get(0)?)).collect()
}

/// The middle of `values`, which are all finite; `None` without any.
fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    values.get(middle - 1).map(|lower| (lower + upper) / 2.0)
}

const fn state_text(state: AlertState) -> &'static str {
    match state {
        AlertState::Firing => "firing",
        AlertState::Resolved => "resolved",
    }
}

const fn severity_text(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    }
}
