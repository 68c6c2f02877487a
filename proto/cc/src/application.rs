use crate::units::float;
use moim_wire::Bitrate;
use std::time::{Duration, Instant};

/// The share of the target that must be used not to be limited by the application.
const USED: f64 = 0.65;
/// How far back it looks.
const WINDOW: f64 = 0.5;
/// Limited when this much of the window's share was left unused, and no longer when it is this little.
const BEGINS: f64 = 0.8;
const ENDS: f64 = 0.5;

/// Whether the application sends much less than it might, so that what arrives says little about the path.
#[derive(Debug)]
pub(crate) struct ApplicationLimited {
    /// Bytes sent since the last look.
    bytes: u64,
    looked: Instant,
    /// Bytes that might have been sent and were not, up to a window of them in either direction.
    unused: f64,
    limited: bool,
}

impl ApplicationLimited {
    pub(crate) fn new(now: Instant) -> Self {
        Self { bytes: 0, looked: now, unused: 0.0, limited: false }
    }

    pub(crate) fn sent(&mut self, size: u32) {
        self.bytes += u64::from(size);
    }

    pub(crate) fn is_limited(&self) -> bool {
        self.limited
    }

    /// Looks at what was sent since the last time.
    pub(crate) fn update(&mut self, target: Bitrate, now: Instant) {
        let elapsed = now.saturating_duration_since(self.looked).min(Duration::from_secs(1)).as_secs_f64();
        self.looked = now;
        let allowed = float(target.as_bps()) / 8.0 * USED;
        let window = allowed * WINDOW;
        let sent = float(std::mem::take(&mut self.bytes));
        self.unused = (self.unused + allowed * elapsed - sent).clamp(-window, window);
        if self.unused > window * BEGINS {
            self.limited = true;
        } else if self.unused < window * ENDS {
            self.limited = false;
        }
    }
}
