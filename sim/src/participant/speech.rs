//! What is said and heard in a call: numbered messages, of which it is known whose they are.

use super::memory::Memory;
use super::words::Message;

/// What somebody says in a call, and has heard so far.
#[derive(Debug)]
pub struct Speech {
    /// What everything that is said in this call begins with, here and there.
    says: u64,
    hears: u64,
    record: Record,
    memory: Memory,
    is_quiet: bool,
}

/// What was said and heard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Messages sent, by anything that may lose them.
    pub sent: u64,
    /// Messages that came for the first time.
    pub received: u64,
    /// Messages that came again.
    pub repeated: u64,
    /// What came and was not said by the other one, or not to this one.
    pub strange: u64,
    /// One's own messages that came back: a NAT that has forgotten its mappings may give this side the other one's address, and then sends
    /// back to it what it still sends there. Only keys tell such a packet from one of the other side's.
    pub reflected: u64,
    /// Messages sent by what must not lose any.
    pub reliable_sent: u64,
    /// Such messages received, each in its order.
    pub reliable_received: u64,
    /// Such messages that came out of order, changed, or twice.
    pub reliable_wrong: u64,
}

impl Speech {
    /// Nothing yet. `says` and `hears`: what everything that both say begins with.
    pub(super) fn new(says: u64, hears: u64) -> Self {
        Self { says, hears, record: Record::default(), memory: Memory::default(), is_quiet: false }
    }

    /// What was said and heard so far.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// From now on nothing is said, and what has been said may arrive.
    pub(super) fn fall_silent(&mut self) {
        self.is_quiet = true;
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.is_quiet
    }

    /// The next message, which may get lost.
    pub(super) fn next(&self) -> Message {
        Message { says: self.says, number: self.record.sent }
    }

    /// It was sent.
    pub(super) fn sent(&mut self) {
        self.record.sent += 1;
    }

    /// The next message that must not get lost.
    pub(super) fn next_reliable(&self) -> Message {
        Message { says: self.says, number: self.record.reliable_sent }
    }

    /// It was sent.
    pub(super) fn sent_reliably(&mut self) {
        self.record.reliable_sent += 1;
    }

    /// What came by something that may lose it, repeat it, and change its order.
    pub(super) fn heard(&mut self, bytes: &[u8]) {
        match Message::read(bytes) {
            Some(Message { says, number }) if says == self.hears => {
                if self.memory.is_new(number) {
                    self.record.received += 1;
                } else {
                    self.record.repeated += 1;
                }
            }
            Some(Message { says, .. }) if says == self.says => self.record.reflected += 1,
            Some(_) | None => self.record.strange += 1,
        }
    }

    /// What came by something that must do none of this: each message once, whole and in its order. `is_whole`: whether what follows the
    /// message is as it was sent.
    pub(super) fn heard_reliably(&mut self, bytes: &[u8], is_whole: bool) {
        let expected = Message { says: self.hears, number: self.record.reliable_received };
        if is_whole && Message::read_beginning(bytes) == Some(expected) {
            self.record.reliable_received += 1;
        } else {
            self.record.reliable_wrong += 1;
        }
    }

    /// Something came that nobody says.
    pub(super) fn heard_something_strange(&mut self) {
        self.record.strange += 1;
    }
}

impl std::ops::AddAssign<&Self> for Record {
    fn add_assign(&mut self, other: &Self) {
        let Self {
            sent,
            received,
            repeated,
            strange,
            reflected,
            reliable_sent,
            reliable_received,
            reliable_wrong,
        } = other;
        self.sent += sent;
        self.received += received;
        self.repeated += repeated;
        self.strange += strange;
        self.reflected += reflected;
        self.reliable_sent += reliable_sent;
        self.reliable_received += reliable_received;
        self.reliable_wrong += reliable_wrong;
    }
}
