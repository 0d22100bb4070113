//! Panics never reach the terminal as they are: those of libraries are contained and logged, our own become an error.

use std::any::Any;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook};

use anyhow::anyhow;
use tracing::{debug, error};

/// Replaces the hook that prints a backtrace. A panic in this program is logged as an error, one in a library, which its
/// caller contains, at debug.
pub(super) fn install_hook() {
    set_hook(Box::new(log));
}

/// Runs a command; a panic that nobody contained is an error that asks for a report.
pub(super) fn contained<T>(work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| {
        Err(anyhow!("internal error: {}; nothing was written for what was in work, please report it", text(&*payload)))
    })
}

fn log(info: &PanicHookInfo<'_>) {
    let message = text(info.payload());
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    if info.location().is_some_and(|location| is_ours(location.file())) {
        error!(%place, "panic at {place}: {message}");
    } else {
        debug!(%place, "contained a panic of a library at {place}: {message}");
    }
}

/// Whether a source file belongs to this program, by the folder that this very file stands in.
fn is_ours(file: &str) -> bool {
    let source = file!().strip_suffix("cli/panics.rs");
    source.is_some_and(|source| file.starts_with(source))
}

fn text(payload: &(dyn Any + Send)) -> String {
    let literal = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    literal.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "unknown panic".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_that_asks_for_a_report() {
        let error = contained(|| -> anyhow::Result<()> { panic!("planted {}", 7) }).unwrap_err().to_string();
        assert!(error.contains("planted 7") && error.contains("report"), "{error}");
        assert_eq!(contained(|| Ok(3)).unwrap(), 3);
    }

    #[test]
    fn own_files_are_told_from_those_of_libraries() {
        assert!(is_ours(file!()));
        assert!(is_ours(&file!().replace("cli/panics.rs", "detect/core.rs")));
        assert!(!is_ours("registry/src/index/polars-core-0.55.2/src/frame.rs"));
        assert!(!is_ours("/rustc/abc/library/core/src/option.rs"));
    }
}
