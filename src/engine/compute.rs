//! The one door to the CPU pool.

use tokio::sync::oneshot;
use tracing::Span;

use super::EngineError;

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
    rayon::spawn(move || {
        if sender.is_closed() {
            return;
        }
        let outcome = span.in_scope(|| std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)));
        let outcome = outcome.map_err(|payload| EngineError::Panicked(panic_text(payload.as_ref())));
        drop(sender.send(outcome));
    });
    receiver.await.unwrap_or_else(|_| Err(EngineError::Panicked("the computation was dropped".to_owned())))
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
}
