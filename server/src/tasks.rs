//! Tasks that may fail without taking the process with them.

use crate::counters::Counters;
use futures_util::FutureExt as _;
use std::panic::AssertUnwindSafe;

/// Runs `future`; a panic in it ends it, is counted and logged, and goes no further. `None` if it panicked.
///
/// Safe for whatever owns its state: that is dropped on the way. What tasks share is atomic, or behind a lock that is
/// not held across anything that can fail.
pub(crate) async fn contained<F: Future>(
    what: &'static str,
    counters: &Counters,
    future: F,
) -> Option<F::Output> {
    let output = AssertUnwindSafe(future).catch_unwind().await.ok();
    if output.is_none() {
        counters.panics.add_one();
        // The panic itself, with its place, was logged by the hook.
        tracing::error!(what, "a task panicked; what it served is dropped, the server goes on");
    }
    output
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_goes_no_further_and_is_counted() {
        let counters = Counters::default();

        let failed = contained("a test", &counters, async { panic!("on purpose") }).await;
        let done = contained("a test", &counters, async { 7 }).await;

        assert_eq!(failed, None::<()>);
        assert_eq!(done, Some(7));
        assert_eq!(counters.panics.total(), 1);
    }
}
