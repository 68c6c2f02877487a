use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What a frame takes in a file beside its bytes: more than any of the formats needs.
const FRAME_OVERHEAD: u64 = 32;

/// What a file takes beside its frames, however few these are: a block of most file systems.
const FILE_OVERHEAD: u64 = 4_096;

/// How much may still be written, by all files of a recorder together.
#[derive(Debug)]
pub(super) struct Budget {
    left: AtomicU64,
    is_spent: AtomicBool,
}

impl Budget {
    pub(super) fn new(bytes: u64) -> Self {
        Self { left: AtomicU64::new(bytes), is_spent: AtomicBool::new(false) }
    }

    /// Takes what a frame of so many bytes needs. `false`, from the first one that there is not enough for on: nothing more is to be
    /// written.
    pub(super) fn take(&self, len: usize) -> bool {
        self.take_bytes(len as u64 + FRAME_OVERHEAD)
    }

    /// Takes what another file needs. `false` as for a frame.
    pub(super) fn take_file(&self) -> bool {
        self.take_bytes(FILE_OVERHEAD)
    }

    fn take_bytes(&self, needed: u64) -> bool {
        let take = |left: u64| left.checked_sub(needed);
        let is_taken =
            !self.is_spent() && self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok();
        if !is_taken {
            self.is_spent.store(true, Ordering::Relaxed);
        }
        is_taken
    }

    pub(super) fn is_spent(&self) -> bool {
        self.is_spent.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::{Budget, FRAME_OVERHEAD};

    #[test]
    fn what_is_spent_stays_spent() {
        let budget = Budget::new(2 * (10 + FRAME_OVERHEAD));

        assert!(budget.take(10) && !budget.is_spent());
        assert!(!budget.take(11) && budget.is_spent());
        assert!(!budget.take(1), "a smaller one would leave a hole behind it");
    }
}
