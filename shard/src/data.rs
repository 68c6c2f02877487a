//! What the application's messages look like that participants send each other by way of the server.
//!
//! They go by the data channels that every connection has, under the same numbers: [reliable](RELIABLE) and [lossy](LOSSY). A message is binary:
//!
//! ```text
//!   version (1 byte: 2), how many names (1 byte), each name: its length (1 byte) and UTF-8,
//!   length of the topic (1 byte), topic (UTF-8), payload
//! ```
//!
//! From a client, the names are those of participants who are to have it; none: all others in the room. From the server, there is one name: who has sent it.
//! Topics mean something to applications alone.
//!
//! A receiver whose queue is full misses what comes meanwhile: nobody else waits for it, and its media goes on.

use moim_wire::{Reader, Writer};
use std::time::{Duration, Instant};

/// The stream of the channel whose messages arrive, in order.
pub const RELIABLE: u16 = 0;
/// The stream of the channel whose messages are sent once.
pub const LOSSY: u16 = 1;
/// Longest payload, in bytes.
pub const DATA_LEN_MAX: usize = 60_000;
/// Longest topic, in bytes.
pub const TOPIC_LEN_MAX: usize = 64;
/// Most participants that a message names. For more, it is for all.
pub const RECEIVERS_MAX: usize = 64;
/// So many bytes of messages a second somebody may send, and as many at once as in [`DATA_BURST`]: each of them goes to as many as there are in the room.
pub const DATA_RATE: u64 = 256 << 10;
/// For so long, a sender may have been silent to send more at once.
pub const DATA_BURST: Duration = Duration::from_secs(4);

const VERSION: u8 = 2;

/// A message of a client's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Message<'a> {
    /// Names, each behind its length.
    names: &'a [u8],
    /// The topic behind its length, and the payload: as they are passed on.
    rest: &'a [u8],
}

impl<'a> Message<'a> {
    /// [`None`]: it is none.
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let (version, count) = (reader.u8()?, reader.u8()?);
        if version != VERSION || usize::from(count) > RECEIVERS_MAX {
            return None;
        }
        let from = reader.rest();
        for _ in 0..count {
            let len = usize::from(reader.u8()?);
            std::str::from_utf8(reader.bytes(len)?).ok()?;
        }
        let rest = reader.rest();
        let topic_len = usize::from(reader.u8()?);
        std::str::from_utf8(reader.bytes(topic_len)?).ok()?;
        let is_sound = topic_len <= TOPIC_LEN_MAX && reader.rest().len() <= DATA_LEN_MAX;
        is_sound.then(|| Self { names: &from[..from.len() - rest.len()], rest })
    }

    /// Whether it is for all others.
    pub(crate) fn is_for_all(&self) -> bool {
        self.names.is_empty()
    }

    /// Those that it names.
    pub(crate) fn receivers(&self) -> impl Iterator<Item = &'a str> {
        let mut reader = Reader::new(self.names);
        std::iter::from_fn(move || {
            let len = usize::from(reader.u8()?);
            std::str::from_utf8(reader.bytes(len)?).ok()
        })
    }

    /// The same, as others receive it. [`None`]: the sender has too long a name.
    pub(crate) fn from(&self, sender: &str) -> Option<Vec<u8>> {
        let len = u8::try_from(sender.len()).ok()?;
        let mut bytes = vec![0; 3 + sender.len() + self.rest.len()];
        let mut writer = Writer::new(&mut bytes);
        for part in [&[VERSION, 1, len][..], sender.as_bytes(), self.rest] {
            writer.bytes(part).ok()?;
        }
        Some(bytes)
    }
}

/// How much somebody may still send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DataAllowance {
    /// When as much as may be sent at once may be sent again.
    full_at: Instant,
}

impl DataAllowance {
    pub(crate) fn new(now: Instant) -> Self {
        Self { full_at: now }
    }

    /// Whether so many bytes may be sent.
    pub(crate) fn take(&mut self, len: usize, now: Instant) -> bool {
        let full_at = self.full_at.max(now) + Duration::from_nanos(len as u64 * 1_000_000_000 / DATA_RATE);
        let is_allowed = full_at <= now + DATA_BURST;
        if is_allowed {
            self.full_at = full_at;
        }
        is_allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_receivers_and_then_their_sender() {
        let bytes = [&[2, 2, 1][..], b"a", &[3], b"ben", &[5], b"topic", b"payload"].concat();
        let message = Message::read(&bytes).unwrap();

        assert_eq!(message.receivers().collect::<Vec<_>>(), ["a", "ben"]);
        let passed_on = message.from("carl").unwrap();

        assert_eq!(passed_on, [&[2, 1, 4][..], b"carl", &[5], b"topic", b"payload"].concat());
        let message = Message::read(&passed_on).unwrap();
        assert_eq!(message.receivers().collect::<Vec<_>>(), ["carl"]);
        assert!(Message::read(&[2, 0, 0]).unwrap().is_for_all());
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let long = |topic: usize, payload: usize| {
            let topic_len = u8::try_from(topic).unwrap();
            [&[2, 0, topic_len][..], &vec![b'x'; topic], &vec![0; payload]].concat()
        };
        assert!(Message::read(&long(TOPIC_LEN_MAX, DATA_LEN_MAX)).is_some());
        for bytes in [
            &[][..],
            &[2],
            &[2, 0],
            &[1, 0, 0],
            &[2, 1, 5, b'a'],
            &[2, 1, 1, 0xFF, 0],
            &[2, 0, 1, 0xFF],
            &[2, 65],
            &long(TOPIC_LEN_MAX + 1, 0),
            &long(0, DATA_LEN_MAX + 1),
        ] {
            assert_eq!(Message::read(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn who_sends_too_much_waits() {
        let now = Instant::now();
        let mut allowance = DataAllowance::new(now);
        let mut sent = 0;
        while allowance.take(1_000, now) {
            sent += 1_000;
        }
        assert!((DATA_RATE * 4 - 2_000..=DATA_RATE * 4).contains(&sent), "{sent}");
        assert!(!allowance.take(1_000, now));
        assert!(allowance.take(1_000, now + Duration::from_secs(1)));
    }
}
