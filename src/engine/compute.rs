//! The one door to the CPU pool.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::oneshot;
use tracing::Span;

use super::EngineError;
use crate::telemetry;

/// Whether somebody still waits for a computation.
#[derive(Debug, Clone)]
pub struct Wanted(Arc<AtomicBool>);

/// Says on its way out that nobody waits any more.
struct Waiting(Wanted);

/// Runs `work` on the CPU pool and waits for it without blocking the runtime.
///
/// The current tracing span is carried over. Work that nobody waits for any more when its turn comes is skipped. A
/// panic inside becomes [`EngineError::Panicked`]; the pool lives on.
///
/// # Errors
/// [`EngineError::Panicked`].
pub async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, EngineError> {
    let (sender, receiver) = oneshot::channel();
    let span = Span::current();
    telemetry::queued(1);
    rayon::spawn(move || {
        telemetry::queued(-1);
        if sender.is_closed() {
            return;
        }
        let outcome = span.in_scope(|| contained(work));
        drop(sender.send(outcome));
    });
    receiver.await.unwrap_or_else(|_| Err(EngineError::Panicked("the computation was dropped".to_owned())))
}

/// Like [`run`], for work in pieces: `work` asks between them whether it is still wanted. It is not once the future that
/// this returns was dropped, because the caller went away or its time was up.
///
/// # Errors
/// [`EngineError::Panicked`].
pub async fn run_while_wanted<T: Send + 'static>(
    work: impl FnOnce(&Wanted) -> T + Send + 'static,
) -> Result<T, EngineError> {
    let wanted = Wanted(Arc::new(AtomicBool::new(true)));
    let waiting = Waiting(wanted.clone());
    let outcome = run(move || work(&wanted)).await;
    drop(waiting);
    outcome
}

/// Runs `work`; a panic inside becomes an error.
///
/// # Errors
/// [`EngineError::Panicked`].
pub fn contained<T>(work: impl FnOnce() -> T) -> Result<T, EngineError> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| EngineError::Panicked(panic_text(payload.as_ref())))
}

impl Wanted {
    /// Whether somebody still waits.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.0.store(false, Ordering::Relaxed);
    }
}

fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "unknown panic".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_and_the_pool_lives_on() {
        let error = run(|| assert_eq!(1, 2, "planted")).await.expect_err("panicked");
        assert!(error.to_string().contains("planted"), "{error}");
        assert_eq!(run(|| 40 + 2).await.expect("works"), 42);
    }

    #[tokio::test]
    async fn work_that_nobody_waits_for_hears_of_it() {
        let (begun, has_begun) = std::sync::mpsc::channel();
        let (ended, has_ended) = std::sync::mpsc::channel();
        let work = run_while_wanted(move |wanted| {
            begun.send(()).expect("the test listens");
            while wanted.is_wanted() {
                std::thread::yield_now();
            }
            ended.send(()).expect("the test listens");
        });
        assert!(tokio::time::timeout(std::time::Duration::from_millis(50), work).await.is_err());
        has_begun.recv().expect("it ran");
        has_ended.recv_timeout(std::time::Duration::from_secs(10)).expect("it ended when nobody waited");
    }
}
