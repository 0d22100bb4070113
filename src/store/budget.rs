//! What the budget of false alarms is reckoned from: time watched, alerts, verdicts, and where boundaries stand.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sqlx::Row;

use super::{Store, StoreError, Verdict, millis, of_json, size, time_of};
use crate::series::Labels;

/// How long a detector watched in one hour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exposure {
    /// The hour since 1970.
    pub hour: i64,
    /// Time watched, seconds, summed over its series.
    pub watched_secs: f64,
    /// False alarms accepted for it.
    pub expected: f64,
}

/// Where the boundary of a detector stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BudgetState {
    /// Factor by which what really fired has moved it.
    pub tuning: f64,
    /// Series or entities followed.
    pub series: usize,
    /// Median of their boundaries, a probability; `None` while nothing is followed.
    pub p_star: Option<f64>,
    /// When it was last moved.
    pub tuned_at: Timestamp,
}

/// Alerts by what people said of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VerdictCounts {
    /// All.
    pub fired: u64,
    /// Those whose last verdict is `false_alarm`.
    pub judged_false: u64,
    /// Those with another last verdict.
    pub judged_right: u64,
}

impl Store {
    /// Adds to the time that `detector` watched.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing was added.
    pub async fn add_exposure(&self, detector: &str, hours: &[Exposure]) -> Result<(), StoreError> {
        if hours.is_empty() {
            return Ok(());
        }
        let sql = "INSERT INTO budget_hours (detector, hour, watched_secs, expected) VALUES ($1, $2, $3, $4) \
                   ON CONFLICT (detector, hour) DO UPDATE SET watched_secs = watched_secs + excluded.watched_secs, \
                   expected = expected + excluded.expected";
        let mut tx = self.write().await?;
        for one in hours {
            let query = sqlx::query(sql).bind(detector).bind(one.hour).bind(one.watched_secs).bind(one.expected);
            query.execute(&mut *tx).await?;
        }
        Ok(tx.commit().await?)
    }

    /// The time that `detector` watched from the hour of `since` on, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn exposure(&self, detector: &str, since: Timestamp) -> Result<Vec<Exposure>, StoreError> {
        let sql =
            "SELECT hour, watched_secs, expected FROM budget_hours WHERE detector = $1 AND hour >= $2 ORDER BY hour";
        let from = millis(since).div_euclid(3_600_000);
        let rows = sqlx::query(sql).bind(detector).bind(from).fetch_all(&self.reader).await?;
        let read = |row: &sqlx::sqlite::SqliteRow| {
            Ok(Exposure {
                hour: row.try_get("hour")?,
                watched_secs: row.try_get("watched_secs")?,
                expected: row.try_get("expected")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// The last hour since 1970 that `detector` watched; `None` when it never did.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn last_exposure(&self, detector: &str) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT MAX(hour) FROM budget_hours WHERE detector = $1";
        let row = sqlx::query(sql).bind(detector).fetch_one(&self.reader).await?;
        Ok(row.try_get(0)?)
    }

    /// Keeps where the boundary of `detector` stands.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn put_budget_state(&self, detector: &str, state: &BudgetState) -> Result<(), StoreError> {
        let sql = "INSERT INTO budget_states (detector, tuning, series, p_star, tuned_at) VALUES ($1, $2, $3, $4, $5) \
                   ON CONFLICT (detector) DO UPDATE SET tuning = excluded.tuning, series = excluded.series, \
                   p_star = excluded.p_star, tuned_at = excluded.tuned_at";
        sqlx::query(sql)
            .bind(detector)
            .bind(state.tuning)
            .bind(super::count(state.series))
            .bind(state.p_star)
            .bind(millis(state.tuned_at))
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Where the boundary of `detector` stands; `None` before it was ever kept.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn budget_state(&self, detector: &str) -> Result<Option<BudgetState>, StoreError> {
        let sql = "SELECT tuning, series, p_star, tuned_at FROM budget_states WHERE detector = $1";
        let row = sqlx::query(sql).bind(detector).fetch_optional(&self.reader).await?;
        row.map(|row| {
            Ok(BudgetState {
                tuning: row.try_get("tuning")?,
                series: size(row.try_get("series")?),
                p_star: row.try_get("p_star")?,
                tuned_at: time_of(row.try_get("tuned_at")?),
            })
        })
        .transpose()
    }

    /// Alerts that carry all of `labels` and began to fire at or after `since`, by the last verdict on each: on that time,
    /// or, without one, on the alert as such.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn verdict_counts(&self, labels: &Labels, since: Timestamp) -> Result<VerdictCounts, StoreError> {
        let mut query = sqlx::QueryBuilder::<sqlx::Sqlite>::new(
            "SELECT a.fingerprint, a.starts_at FROM alerts a WHERE a.starts_at >= ",
        );
        query.push_bind(millis(since));
        for (name, value) in labels.iter() {
            query.push(" AND EXISTS (SELECT 1 FROM alert_labels l WHERE l.fingerprint = a.fingerprint AND l.name = ");
            query.push_bind(name.to_owned()).push(" AND l.value = ").push_bind(value.to_owned()).push(")");
        }
        let fired = query.build().fetch_all(&self.reader).await?;
        let said = self.last_verdicts().await?;
        let mut counts = VerdictCounts::default();
        for row in &fired {
            let (fingerprint, starts_at): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
            let of = |start| said.get(&(fingerprint.clone(), start));
            counts.fired += 1;
            match of(Some(starts_at)).or_else(|| of(None)) {
                Some(Verdict::FalseAlarm) => counts.judged_false += 1,
                Some(_) => counts.judged_right += 1,
                None => {}
            }
        }
        Ok(counts)
    }

    /// The last verdict on each time that an alert fired, and on alerts as such.
    async fn last_verdicts(&self) -> Result<BTreeMap<(String, Option<i64>), Verdict>, StoreError> {
        let sql = "SELECT fingerprint, starts_at, verdict FROM verdicts ORDER BY given_at, id";
        let rows = sqlx::query(sql).fetch_all(&self.reader).await?;
        let mut last = BTreeMap::new();
        for row in &rows {
            let verdict = of_json("verdicts", "verdict", row.try_get("verdict")?)?;
            last.insert((row.try_get("fingerprint")?, row.try_get("starts_at")?), verdict);
        }
        Ok(last)
    }
}
