/// What was noted about the packets of the last so many numbers.
///
/// A number that falls out of the window is forgotten; inserting never allocates.
#[derive(Clone, Debug)]
pub(super) struct ArrivalRing {
    notes: Box<[u32]>,
    /// A bit for each note: whether it was made.
    noted: Box<[u64]>,
    /// One more than the highest number inserted.
    end: u64,
}

impl ArrivalRing {
    /// A ring for `window` numbers: a power of two, and at least 64.
    pub(super) fn new(window: usize) -> Self {
        debug_assert!(window.is_power_of_two() && window >= 64, "slots are found by masking");
        Self { notes: vec![0; window].into(), noted: vec![0; window / 64].into(), end: 0 }
    }

    /// One more than the highest number inserted; 0 if there is none.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// The lowest number that is in the window.
    pub(super) fn start(&self) -> u64 {
        self.end.saturating_sub(self.notes.len() as u64)
    }

    /// Notes something about a packet, unless it is too old or something has been noted. Whether it did.
    pub(super) fn insert(&mut self, seq: u64, note: u32) -> bool {
        if seq < self.start() || self.get(seq).is_some() {
            return false;
        }
        if seq >= self.end {
            self.forget(self.end.max((seq + 1).saturating_sub(self.notes.len() as u64))..seq + 1);
            self.end = seq + 1;
        }
        let slot = self.slot(seq);
        self.notes[slot] = note;
        self.noted[slot / 64] |= 1 << (slot % 64);
        true
    }

    /// What was noted about a packet.
    pub(super) fn get(&self, seq: u64) -> Option<u32> {
        let slot = self.slot(seq);
        let is_noted = self.noted[slot / 64] & (1 << (slot % 64)) != 0;
        (is_noted && (self.start()..self.end).contains(&seq)).then(|| self.notes[slot])
    }

    fn forget(&mut self, seqs: std::ops::Range<u64>) {
        for seq in seqs {
            let slot = self.slot(seq);
            self.noted[slot / 64] &= !(1 << (slot % 64));
        }
    }

    fn slot(&self, seq: u64) -> usize {
        // The window is far smaller than what the mask keeps.
        usize::try_from(seq & (self.notes.len() as u64 - 1)).unwrap_or(0)
    }
}
