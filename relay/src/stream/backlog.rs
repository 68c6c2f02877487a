//! Bytes that wait for a socket.

use std::io::{self, Write};

/// Room that is kept when nothing waits. More is given back: idle clients are many.
const KEPT_LEN: usize = 2048;

/// Bytes in the order in which they are to be written. Whoever adds to it minds the limit.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    bytes: Vec<u8>,
    /// How many of them are written already.
    written: usize,
}

impl Backlog {
    /// How many bytes wait.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.written
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What waits.
    pub(crate) fn waiting(&self) -> &[u8] {
        &self.bytes[self.written..]
    }

    /// Adds `bytes` behind what waits.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.written > self.bytes.len() / 2 {
            // What waits moves at most once for each byte written, so that a slow reader costs no more than a fast one.
            self.bytes.drain(..self.written);
            self.written = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The first `len` bytes need not wait any longer.
    pub(crate) fn advance(&mut self, len: usize) {
        self.written += len;
        debug_assert!(self.written <= self.bytes.len(), "no more is written than waits");
        if self.is_empty() {
            self.bytes.clear();
            self.bytes.shrink_to(KEPT_LEN);
            self.written = 0;
        }
    }

    /// Writes until nothing waits or the socket takes no more; how many bytes it took.
    pub(crate) fn write_to(&mut self, io: &mut impl Write) -> io::Result<usize> {
        self.write_some_to(io, usize::MAX)
    }

    /// Writes `len_max` bytes at most; how many the socket took.
    pub(crate) fn write_some_to(&mut self, io: &mut impl Write, len_max: usize) -> io::Result<usize> {
        let mut total = 0;
        loop {
            let waiting = self.waiting();
            let next = &waiting[..waiting.len().min(len_max - total)];
            if next.is_empty() {
                return Ok(total);
            }
            match io.write(next) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(len) => {
                    self.advance(len);
                    total += len;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(total),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// What [`rustls`] wants to send is gathered here.
impl Write for Backlog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.push(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bytes_leave_in_order(steps in prop::collection::vec((0..50_usize, 0..60_usize), 0..60)) {
            let mut backlog = Backlog::default();
            let (mut next_in, mut next_out) = (0_u8, 0_u8);
            for (pushed, taken) in steps {
                let bytes: Vec<u8> = (0..pushed).map(|_| { next_in = next_in.wrapping_add(1); next_in }).collect();
                backlog.push(&bytes);
                let taken = taken.min(backlog.len());
                for &byte in &backlog.waiting()[..taken] {
                    next_out = next_out.wrapping_add(1);
                    prop_assert_eq!(byte, next_out);
                }
                backlog.advance(taken);
            }
            prop_assert_eq!(usize::from(next_in.wrapping_sub(next_out)), backlog.len() % 256);
        }
    }

    #[test]
    fn what_is_written_gives_its_memory_back() {
        let mut backlog = Backlog::default();
        backlog.push(&vec![0; 100_000]);

        assert_eq!(backlog.write_to(&mut io::sink()).unwrap(), 100_000);

        assert!(backlog.is_empty());
        assert!(backlog.bytes.capacity() <= KEPT_LEN);
    }
}
