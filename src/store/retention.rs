//! How long things are kept, and the clearing of what is older.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sqlx::{Row, Sqlite, Transaction};

use super::artefacts::path_of;
use super::{Store, StoreError, millis};
use crate::series::HumanDuration;

/// How long things are kept. Firing alerts, waiting deliveries, models in use and unfinished runs are never cleared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetentionSettings {
    /// Alerts, after they ended. Default 400 days: a year of history and some, for comparison with the last season.
    pub alerts: HumanDuration,
    /// Anomalous points, after they happened. Default 90 days.
    pub anomalies: HumanDuration,
    /// Forecasts and finished batches, after they were made. Default 30 days.
    pub forecasts: HumanDuration,
    /// Capacity reports and recommendations that were not renewed. Default 7 days.
    pub reports: HumanDuration,
    /// Deliveries, after they succeeded; while kept, their idempotency keys are known. Default 7 days.
    pub deliveries: HumanDuration,
    /// Deliveries that were given up. Default 30 days.
    pub dead_letters: HumanDuration,
    /// Keys of notifications taken in. Default 1 day; longer than any sender repeats.
    pub seen: HumanDuration,
    /// Change events, after they ended. Default 400 days.
    pub events: HumanDuration,
    /// Detector states that were not renewed. Default 30 days.
    pub snapshots: HumanDuration,
    /// Versions of a model kept besides the one in use, newest first. Default 10.
    pub retired_models: u32,
}

/// How many things were cleared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Rows of the database.
    pub rows: u64,
    /// Files of models.
    pub model_files: u64,
}

impl Default for RetentionSettings {
    fn default() -> Self {
        Self {
            alerts: HumanDuration::from_days(400),
            anomalies: HumanDuration::from_days(90),
            forecasts: HumanDuration::from_days(30),
            reports: HumanDuration::from_days(7),
            deliveries: HumanDuration::from_days(7),
            dead_letters: HumanDuration::from_days(30),
            seen: HumanDuration::from_days(1),
            events: HumanDuration::from_days(400),
            snapshots: HumanDuration::from_days(30),
            retired_models: 10,
        }
    }
}

impl Store {
    /// Clears what is older at `now` than `retention` says. One transaction; files of models go after it.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing was cleared.
    pub async fn prune(&self, now: Timestamp, retention: &RetentionSettings) -> Result<Pruned, StoreError> {
        let mut tx = self.write().await?;
        let mut rows = 0;
        for (sql, keep) in clearings(retention) {
            rows += sqlx::query(sql).bind(cut(now, keep)).execute(&mut *tx).await?.rows_affected();
        }
        let orphans = "DELETE FROM alert_labels WHERE NOT EXISTS \
                       (SELECT 1 FROM alerts a WHERE a.fingerprint = alert_labels.fingerprint)";
        rows += sqlx::query(orphans).execute(&mut *tx).await?.rows_affected();
        let models = surplus_models(&mut tx, retention.retired_models).await?;
        for (name, version) in &models {
            let sql = "DELETE FROM models WHERE name = $1 AND version = $2";
            rows += sqlx::query(sql).bind(name).bind(version).execute(&mut *tx).await?.rows_affected();
        }
        tx.commit().await?;
        let mut model_files = 0;
        for (name, version) in &models {
            // The manifest is gone, so a file that cannot be removed is only space.
            model_files += u64::from(tokio::fs::remove_file(path_of(&self.dir, name, *version)).await.is_ok());
        }
        Ok(Pruned { rows, model_files })
    }
}

/// Statements that clear what is older than `$1`, with how long each keeps.
fn clearings(retention: &RetentionSettings) -> [(&'static str, HumanDuration); 14] {
    [
        ("DELETE FROM alerts WHERE state = 'resolved' AND COALESCE(ends_at, updated_at) < $1", retention.alerts),
        ("DELETE FROM anomalies WHERE at < $1", retention.anomalies),
        ("DELETE FROM anomaly_revisions WHERE at < $1", retention.anomalies),
        ("DELETE FROM budget_hours WHERE hour * 3600000 < $1", retention.alerts),
        ("DELETE FROM forecasts WHERE created_at < $1", retention.forecasts),
        ("DELETE FROM forecast_scores WHERE made_at < $1", retention.forecasts),
        ("DELETE FROM runs WHERE finished_at IS NOT NULL AND finished_at < $1", retention.forecasts),
        ("DELETE FROM capacity_reports WHERE computed_at < $1", retention.reports),
        ("DELETE FROM recommendations WHERE computed_at < $1", retention.reports),
        ("DELETE FROM outbox WHERE state = 'delivered' AND finished_at < $1", retention.deliveries),
        ("DELETE FROM outbox WHERE state = 'dead' AND finished_at < $1", retention.dead_letters),
        ("DELETE FROM seen_notifications WHERE seen_at < $1", retention.seen),
        ("DELETE FROM change_events WHERE COALESCE(ends_at, starts_at) < $1", retention.events),
        ("DELETE FROM snapshots WHERE taken_at < $1", retention.snapshots),
    ]
}

/// Retired versions beyond the newest `keep` of each name.
async fn surplus_models(tx: &mut Transaction<'static, Sqlite>, keep: u32) -> Result<Vec<(String, i64)>, StoreError> {
    let sql = "SELECT m.name, m.version FROM models m WHERE m.state = 'retired' AND (SELECT COUNT(*) FROM models n \
               WHERE n.name = m.name AND n.state = 'retired' AND n.version > m.version) >= $1";
    let rows = sqlx::query(sql).bind(i64::from(keep)).fetch_all(&mut **tx).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

fn cut(now: Timestamp, keep: HumanDuration) -> i64 {
    let keep = SignedDuration::from_millis(keep.as_millis());
    millis(now.saturating_sub(keep).unwrap_or(Timestamp::MIN))
}
