//! Housekeeping: detector states survive a restart, old things go.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rayon::prelude::*;
use tracing::{info, warn};

use super::tracked::Tracked;
use super::{App, EngineError, compute};

impl App {
    /// Saves the state of every detector and clears what is older than the retention.
    ///
    /// # Errors
    /// [`EngineError::Store`].
    pub async fn housekeeping(&self, now: Timestamp) -> Result<(), EngineError> {
        for spec in &self.settings().detectors {
            let tracked: Vec<Arc<Tracked>> = self.watch(&spec.name)?.lock().await.tracked.values().cloned().collect();
            let states = compute::run_long(move || tracked.par_iter().filter_map(|one| encode(one)).collect()).await?;
            let states: Vec<(String, Vec<u8>)> = states;
            self.store().save_snapshots(&spec.name, &states, now).await?;
            self.keep_budget(spec, now).await?;
        }
        let pruned = self.store().prune(now, &self.settings().retention).await?;
        if pruned.rows > 0 || pruned.model_files > 0 {
            info!(rows = pruned.rows, files = pruned.model_files, "cleared what is older than the retention");
        }
        Ok(())
    }

    /// Loads the saved state of every detector. A state that cannot be read, is of other settings, or is older than the
    /// history is left out: that series is learned afresh.
    ///
    /// # Errors
    /// [`EngineError::Store`].
    pub async fn restore(&self, now: Timestamp) -> Result<usize, EngineError> {
        let mut restored = 0;
        for spec in &self.settings().detectors {
            let snapshots = self.store().load_snapshots(&spec.name).await?;
            let oldest = now.checked_sub(SignedDuration::from_millis(spec.history.as_millis())).unwrap_or(now);
            let budget = self.store().budget_state(&spec.name).await?;
            let mut watch = self.watch(&spec.name)?.lock().await;
            if let Some(state) = budget {
                watch.ledger.resume(&state);
            }
            for snapshot in snapshots {
                match serde_json::from_slice::<Tracked>(&snapshot.bytes) {
                    Ok(mut one) if one.fits(spec) && one.last_at.is_some_and(|at| at >= oldest) => {
                        one.share(spec);
                        watch.tracked.insert(one.labels.fingerprint(), Arc::new(one));
                        restored += 1;
                    }
                    Ok(_) => {
                        info!(detector = %spec.name, "{} is learned afresh: settings changed or state too old", snapshot.series);
                    }
                    Err(error) => {
                        warn!(detector = %spec.name, %error, "the saved state of {} cannot be read; it is learned afresh", snapshot.series);
                    }
                }
            }
        }
        Ok(restored)
    }
}

fn encode(tracked: &Tracked) -> Option<(String, Vec<u8>)> {
    match serde_json::to_vec(tracked) {
        Ok(bytes) => Some((tracked.name.clone(), bytes)),
        Err(error) => {
            warn!(series = %tracked.name, %error, "the state of {} cannot be saved", tracked.name);
            None
        }
    }
}
