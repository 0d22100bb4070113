//! The latest capacity report of each series and the latest recommendation of each subject.

use jiff::Timestamp;
use sqlx::Row;

use super::{Store, StoreError, millis, of_json, time_of, to_json};
use crate::capacity::Recommendation;
use crate::series::Labels;

/// The report of one limited resource.
#[derive(Debug, Clone, PartialEq)]
pub struct CapacityRecord {
    /// Name of the capacity watch in the configuration.
    pub watch: String,
    /// Name of the usage series.
    pub series: String,
    /// Labels of the usage series.
    pub labels: Labels,
    /// When it was computed.
    pub computed_at: Timestamp,
    /// The report, as the HTTP API shows it.
    pub body: serde_json::Value,
}

/// A recommendation with where and when it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct RecommendationRecord {
    /// Name of the capacity watch in the configuration.
    pub watch: String,
    /// When it was computed.
    pub computed_at: Timestamp,
    /// The recommendation.
    pub recommendation: Recommendation,
}

impl Store {
    /// Stores reports in one transaction; each replaces the one of its watch and series.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing was stored.
    pub async fn put_capacity(&self, records: &[CapacityRecord]) -> Result<(), StoreError> {
        let sql = "INSERT INTO capacity_reports (watch, series, labels, computed_at, body) VALUES ($1, $2, $3, $4, $5) \
                   ON CONFLICT (watch, series) DO UPDATE SET labels = excluded.labels, \
                   computed_at = excluded.computed_at, body = excluded.body";
        let mut tx = self.write().await?;
        for record in records {
            sqlx::query(sql)
                .bind(&record.watch)
                .bind(&record.series)
                .bind(to_json("capacity_reports", &record.labels)?)
                .bind(millis(record.computed_at))
                .bind(to_json("capacity_reports", &record.body)?)
                .execute(&mut *tx)
                .await?;
        }
        Ok(tx.commit().await?)
    }

    /// The latest report of every series, by watch and series.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn capacity(&self) -> Result<Vec<CapacityRecord>, StoreError> {
        let sql = "SELECT watch, series, labels, computed_at, body FROM capacity_reports ORDER BY watch, series";
        let rows = sqlx::query(sql).fetch_all(&self.reader).await?;
        rows.iter()
            .map(|row| {
                Ok(CapacityRecord {
                    watch: row.try_get("watch")?,
                    series: row.try_get("series")?,
                    labels: of_json("capacity_reports", "labels", row.try_get("labels")?)?,
                    computed_at: time_of(row.try_get("computed_at")?),
                    body: of_json("capacity_reports", "body", row.try_get("body")?)?,
                })
            })
            .collect()
    }

    /// Stores what `watch` recommends, in one transaction; each replaces the one of its subject.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing was stored.
    pub async fn put_recommendations(
        &self,
        watch: &str,
        recommendations: &[Recommendation],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO recommendations (watch, subject, computed_at, body) VALUES ($1, $2, $3, $4) \
                   ON CONFLICT (watch, subject) DO UPDATE SET computed_at = excluded.computed_at, body = excluded.body";
        let mut tx = self.write().await?;
        for recommendation in recommendations {
            sqlx::query(sql)
                .bind(watch)
                .bind(&recommendation.subject)
                .bind(millis(now))
                .bind(to_json("recommendations", recommendation)?)
                .execute(&mut *tx)
                .await?;
        }
        Ok(tx.commit().await?)
    }

    /// Withdraws what `watch` recommended for `subject`, because nothing needs doing any more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn withdraw_recommendation(&self, watch: &str, subject: &str) -> Result<(), StoreError> {
        let sql = "DELETE FROM recommendations WHERE watch = $1 AND subject = $2";
        sqlx::query(sql).bind(watch).bind(subject).execute(&self.writer).await?;
        Ok(())
    }

    /// The latest recommendation for every subject, by watch and subject.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn recommendations(&self) -> Result<Vec<RecommendationRecord>, StoreError> {
        let sql = "SELECT watch, computed_at, body FROM recommendations ORDER BY watch, subject";
        let rows = sqlx::query(sql).fetch_all(&self.reader).await?;
        rows.iter()
            .map(|row| {
                Ok(RecommendationRecord {
                    watch: row.try_get("watch")?,
                    computed_at: time_of(row.try_get("computed_at")?),
                    recommendation: of_json("recommendations", "recommendation", row.try_get("body")?)?,
                })
            })
            .collect()
    }
}
