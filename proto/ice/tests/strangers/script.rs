//! A string of bytes as what happens next.

use std::net::{IpAddr, SocketAddr};

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

    pub(crate) fn choose<T: Clone>(&mut self, of: &[T]) -> T {
        let index = usize::from(self.byte().unwrap_or_default()) % of.len();
        of[index].clone()
    }

    pub(crate) fn number(&mut self) -> u32 {
        u32::from_be_bytes(std::array::from_fn(|_| self.byte().unwrap_or_default()))
    }

    /// Up to 63 bytes.
    pub(crate) fn bytes(&mut self) -> &'a [u8] {
        let len = usize::from(self.below(64)).min(self.rest.len());
        let (bytes, rest) = self.rest.split_at(len);
        self.rest = rest;
        bytes
    }

    /// One of few addresses, so that they meet again, or any at all.
    pub(crate) fn address(&mut self) -> SocketAddr {
        let ip: IpAddr = match self.below(8) {
            0 => self.number().to_be_bytes().into(),
            1 => [0x2001, 0xdb8, 0, 0, 0, 0, 0, 2].into(),
            2 => [127, 0, 0, 1].into(),
            3 => [0xfe80, 0, 0, 0, 0, 0, 0, 5].into(),
            n => [192, 0, 2, n].into(),
        };
        let port = match self.below(4) {
            0 => u16::from_be_bytes([self.below(255), self.below(255)]),
            n => 4_999 + u16::from(n),
        };
        SocketAddr::new(ip, port)
    }
}
