/// The longest event that is taken, and what may come before its end is known.
const EVENT_LEN_MAX: usize = super::FRAME_LEN_MAX;

/// What came has no end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the event stream carries an event without an end")]
pub(super) struct Endless;

/// Parses `text/event-stream` (HTML §9.2.6), as far as the protocol uses it: `data` lines, comments, blank lines.
#[derive(Debug, Default)]
pub(super) struct EventStream {
    /// What came, but for lines that were read before the last piece came.
    rest: Vec<u8>,
    /// How much of it has been read.
    taken: usize,
    /// How far it is known that the line behind that has no end.
    seen: usize,
    data: String,
}

impl EventStream {
    /// Takes a piece of the stream, cut anywhere.
    pub(super) fn push(&mut self, piece: &[u8]) -> Result<(), Endless> {
        // Once for all lines of a piece: there may be as many as there are bytes.
        self.rest.drain(..self.taken);
        self.seen -= self.taken;
        self.taken = 0;
        if self.rest.len() + self.data.len() + piece.len() > 2 * EVENT_LEN_MAX {
            return Err(Endless);
        }
        self.rest.extend_from_slice(piece);
        Ok(())
    }

    /// The data of the next event that is there.
    pub(super) fn next_event(&mut self) -> Option<String> {
        loop {
            let Some(end) = self.rest[self.seen..].iter().position(|&byte| byte == b'\n') else {
                self.seen = self.rest.len();
                return None;
            };
            let start = self.taken;
            self.taken = self.seen + end + 1;
            self.seen = self.taken;
            let line = String::from_utf8_lossy(&self.rest[start..self.taken]);
            let line = line.trim_end_matches(['\r', '\n']);
            if line.is_empty() && !self.data.is_empty() {
                return Some(std::mem::take(&mut self.data));
            }
            if let Some(value) = line.strip_prefix("data:") {
                if !self.data.is_empty() {
                    self.data.push('\n');
                }
                self.data.push_str(value.strip_prefix(' ').unwrap_or(value));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Endless, EventStream};

    #[test]
    fn events_are_read_however_they_are_cut() {
        let stream =
            "data: one\n\n: alive\n\ndata:two\r\ndata: lines\r\n\r\nevent: x\n\ndata: 셋\n\ndata: cut";
        for len in 1..stream.len() {
            let mut events = EventStream::default();
            let mut read = Vec::new();
            for piece in stream.as_bytes().chunks(len) {
                events.push(piece).unwrap();
                read.extend(std::iter::from_fn(|| events.next_event()));
            }
            assert_eq!(read, ["one", "two\nlines", "셋"], "in pieces of {len}");
        }
    }

    #[test]
    fn a_piece_may_be_lines_of_nothing() {
        let mut events = EventStream::default();
        for _ in 0..3 {
            events.push(&vec![b'\n'; 64 << 10]).unwrap();
            assert_eq!(events.next_event(), None);
        }
        events.push(b"data: one\n\n").unwrap();
        assert_eq!(events.next_event().as_deref(), Some("one"));
    }

    #[test]
    fn an_event_without_an_end_is_not_kept() {
        let mut events = EventStream::default();
        let pushed = (0..100).try_for_each(|_| {
            events.next_event();
            events.push(&vec![b'x'; 64 << 10])
        });
        assert_eq!(pushed, Err(Endless));
    }
}
