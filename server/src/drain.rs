//! Shutting down: calls get time to end, everybody is told, and nothing may hang.

use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long the last words of connections may take once signalling has ended.
pub(crate) const FLUSH_TIMEOUT: Duration = Duration::from_secs(3);
/// How long signalling may take beyond the grace time before it is ended by force.
pub(crate) const OVERTIME: Duration = Duration::from_secs(2);

/// Tells a running server to stop. Clones tell the same server.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    pub(crate) draining: CancellationToken,
    pub(crate) at_once: CancellationToken,
}

impl Shutdown {
    /// Nothing is to stop yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Let nobody new in, give calls the grace time of the configuration to end, then stop.
    pub fn drain(&self) {
        self.draining.cancel();
    }

    /// Stop without grace. Clients are still told, as far as they read it.
    pub fn stop(&self) {
        self.at_once.cancel();
        self.draining.cancel();
    }

    /// Whether [`Self::drain`] or [`Self::stop`] was called.
    pub fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }
}
