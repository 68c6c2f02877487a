//! What a string of bytes says is to happen.

/// What is left of the input.
pub(crate) struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// A number below `end`; 0 once the input is used up.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte().unwrap_or(0)) % end.max(1)
    }

    /// One of these.
    pub(crate) fn choose<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }

    /// A few bytes, and sometimes many.
    pub(crate) fn bytes(&mut self) -> &'a [u8] {
        let len = match self.byte().unwrap_or(0) {
            byte @ 0xf0.. => usize::from(byte),
            byte => usize::from(byte % 8),
        };
        let (bytes, rest) = self.0.split_at(self.0.len().min(len));
        self.0 = rest;
        bytes
    }
}
