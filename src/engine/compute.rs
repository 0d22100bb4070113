//! The one door to the CPU pools.
//!
//! There are two, so that whoever waits for an answer does not stand behind a detector that learns four weeks of history:
//! [`run`] is for requests, [`run_long`] for rounds and batches. The system shares the cores between them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;

use tokio::sync::oneshot;
use tracing::Span;

use super::EngineError;
use crate::telemetry;

/// The pool for rounds and batches; `None` when its threads cannot be started, and then there is one pool.
static LONG: LazyLock<Option<rayon::ThreadPool>> = LazyLock::new(|| {
    let named = |index| format!("tidewatch-long-{index}");
    rayon::ThreadPoolBuilder::new().thread_name(named).build().ok()
});

/// Runs `work` on the CPU pool for requests and waits for it without blocking the runtime.
///
/// The current tracing span is carried over. Work that nobody waits for any more when its turn comes is skipped. A
/// panic inside becomes [`EngineError::Panicked`]; the pool lives on.
///
/// # Errors
/// [`EngineError::Panicked`].
pub async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, EngineError> {
    on(None, work).await
}

/// [`run`] on the pool for rounds and batches.
///
/// # Errors
/// [`EngineError::Panicked`].
pub async fn run_long<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, EngineError> {
    on(LONG.as_ref(), work).await
}

async fn on<T: Send + 'static>(
    pool: Option<&rayon::ThreadPool>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, EngineError> {
    let (sender, receiver) = oneshot::channel();
    let span = Span::current();
    telemetry::queued(1);
    let job = move || {
        telemetry::queued(-1);
        if sender.is_closed() {
            return;
        }
        let outcome = span.in_scope(|| contained(work));
        drop(sender.send(outcome));
    };
    match pool {
        Some(pool) => pool.spawn(job),
        None => rayon::spawn(job),
    }
    receiver.await.unwrap_or_else(|_| Err(EngineError::Panicked("the computation was dropped".to_owned())))
}

/// Runs `work`; a panic inside becomes an error.
pub(super) fn contained<T>(work: impl FnOnce() -> T) -> Result<T, EngineError> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| EngineError::Panicked(panic_text(payload.as_ref())))
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
        assert_eq!(run_long(|| 40 + 2).await.expect("works"), 42);
    }

    #[tokio::test]
    async fn long_work_does_not_keep_requests_waiting() {
        let (release, held) = std::sync::mpsc::channel::<()>();
        let held = std::sync::Arc::new(std::sync::Mutex::new(held));
        let mut busy = tokio::task::JoinSet::new();
        for _ in 0..64 {
            let held = std::sync::Arc::clone(&held);
            busy.spawn(run_long(move || drop(held.lock().map(|held| held.recv()))));
        }
        assert_eq!(run(|| 40 + 2).await.expect("answers at once"), 42);
        drop(release);
        while let Some(one) = busy.join_next().await {
            one.expect("joins").expect("ends");
        }
    }
}
