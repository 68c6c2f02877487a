//! A string of bytes as what happens next.

/// Bytes to be read one after the other; once they are over, all are zero.
pub(crate) struct Script<'a> {
    rest: &'a [u8],
}

impl<'a> Script<'a> {
    pub(crate) fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    /// The next byte. [`None`]: it is over.
    pub(crate) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    pub(crate) fn below(&mut self, end: u8) -> u8 {
        self.byte().unwrap_or_default() % end
    }

    pub(crate) fn number(&mut self) -> u16 {
        u16::from_be_bytes([self.below(255), self.below(255)])
    }

    /// Up to 31 bytes.
    pub(crate) fn bytes(&mut self) -> &'a [u8] {
        let len = usize::from(self.below(32)).min(self.rest.len());
        let (bytes, rest) = self.rest.split_at(len);
        self.rest = rest;
        bytes
    }
}
