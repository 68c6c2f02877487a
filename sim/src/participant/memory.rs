use std::collections::BTreeSet;

/// How many numbers are remembered: those of about five minutes.
const NUMBERS_MAX: usize = 10_000;

/// The numbers of messages that came, to know those that come again.
#[derive(Debug, Default)]
pub(super) struct Memory(BTreeSet<u64>);

impl Memory {
    /// Notes a number, and tells whether it was not there.
    pub(super) fn is_new(&mut self, number: u64) -> bool {
        let is_new = self.0.insert(number);
        if self.0.len() > NUMBERS_MAX {
            self.0.pop_first();
        }
        is_new
    }
}
