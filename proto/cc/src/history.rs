use crate::packet::{ProbeId, SentPacket};

/// Packets remembered until they are reported, at most. What is older is forgotten and counts as unanswered.
pub const SENT_MAX: usize = 8_192;
/// Results read from one report, at most; the rest is ignored. A report of transport-wide feedback names no more than this.
pub const FEEDBACK_RESULTS_MAX: usize = 65_536;

/// Of a sender that sends little.
const SENT_MIN: usize = 32;

/// The packets that were sent, by number: a ring that grows while reports are slow, up to [`SENT_MAX`].
#[derive(Debug)]
pub(crate) struct History {
    ring: Vec<Entry>,
    /// The number that the next packet is expected to have; what is remembered lies before it.
    next: u64,
    /// The oldest number that may still be in flight.
    oldest: u64,
    in_flight_bytes: u64,
    in_flight_packets: u32,
    /// Numbers that had to be forgotten before any report named them.
    pub(crate) forgotten: u64,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    sent_us: u64,
    size: u32,
    probe: Option<ProbeId>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No packet has this number.
    Empty,
    InFlight,
    /// A report said so, which a later one may take back.
    Lost,
    Received,
}

/// A packet that a report spoke of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reported {
    pub(crate) sent_us: u64,
    pub(crate) size: u32,
    pub(crate) probe: Option<ProbeId>,
    /// An earlier report had called it lost.
    pub(crate) was_lost: bool,
}

impl History {
    pub(crate) fn new() -> Self {
        Self {
            ring: vec![Entry::EMPTY; SENT_MIN],
            next: 0,
            oldest: 0,
            in_flight_bytes: 0,
            in_flight_packets: 0,
            forgotten: 0,
        }
    }

    /// Forgets all packets, so that no report about them counts.
    pub(crate) fn clear(&mut self) {
        self.ring.fill(Entry::EMPTY);
        self.oldest = self.next;
        self.in_flight_bytes = 0;
        self.in_flight_packets = 0;
    }

    /// `false`: the number had its turn already, and nothing was done.
    pub(crate) fn insert(&mut self, packet: SentPacket, sent_us: u64) -> bool {
        if packet.seq < self.next {
            return false;
        }
        if packet.seq - self.next >= self.ring.len() as u64 {
            // The first packet, or a caller that began anew elsewhere.
            self.forgotten += u64::from(self.in_flight_packets);
            self.clear();
            self.oldest = packet.seq;
            self.next = packet.seq;
        }
        while self.next <= packet.seq {
            self.make_room();
            let slot = self.slot(self.next);
            self.ring[slot] = Entry::EMPTY;
            self.next += 1;
        }
        let slot = self.slot(packet.seq);
        self.ring[slot] = Entry { sent_us, size: packet.size, probe: packet.probe, state: State::InFlight };
        self.in_flight_bytes += u64::from(packet.size);
        self.in_flight_packets += 1;
        true
    }

    /// A report says that it arrived. [`None`]: unknown, or said before.
    pub(crate) fn receive(&mut self, seq: u64) -> Option<Reported> {
        let slot = self.known(seq)?;
        let entry = &mut self.ring[slot];
        let was_lost = match entry.state {
            State::Empty | State::Received => return None,
            State::Lost => true,
            State::InFlight => false,
        };
        entry.state = State::Received;
        let reported = entry.reported(was_lost);
        if !was_lost {
            self.landed(reported.size);
        }
        Some(reported)
    }

    /// A report says that it did not arrive. [`None`]: unknown, or said before.
    pub(crate) fn lose(&mut self, seq: u64) -> Option<Reported> {
        let slot = self.known(seq)?;
        let entry = &mut self.ring[slot];
        if entry.state != State::InFlight {
            return None;
        }
        entry.state = State::Lost;
        let reported = entry.reported(false);
        self.landed(reported.size);
        Some(reported)
    }

    pub(crate) fn in_flight_bytes(&self) -> u64 {
        self.in_flight_bytes
    }

    pub(crate) fn in_flight_packets(&self) -> u32 {
        self.in_flight_packets
    }

    /// Packets sent before this no longer count as being on the way: nobody will report them.
    pub(crate) fn expire(&mut self, sent_before_us: u64) {
        while self.oldest < self.next {
            let slot = self.slot(self.oldest);
            let entry = self.ring[slot];
            match entry.state {
                State::InFlight if entry.sent_us >= sent_before_us => return,
                State::InFlight => {
                    // Late news of it still counts, as it does after a report of loss.
                    self.ring[slot].state = State::Lost;
                    self.forgotten += 1;
                    self.landed(entry.size);
                }
                State::Empty | State::Lost | State::Received => {}
            }
            self.oldest += 1;
        }
    }

    fn landed(&mut self, size: u32) {
        self.in_flight_bytes -= u64::from(size);
        self.in_flight_packets -= 1;
    }

    fn known(&self, seq: u64) -> Option<usize> {
        let first = self.next.saturating_sub(self.ring.len() as u64);
        (first..self.next).contains(&seq).then(|| self.slot(seq))
    }

    #[expect(clippy::cast_possible_truncation, reason = "masked to the length of the ring")]
    fn slot(&self, seq: u64) -> usize {
        (seq & (self.ring.len() as u64 - 1)) as usize
    }

    /// Takes care that the slot of `next` may be overwritten.
    fn make_room(&mut self) {
        let slot = self.slot(self.next);
        if self.ring[slot].state != State::InFlight {
            return;
        }
        if self.ring.len() < SENT_MAX {
            self.grow();
        } else {
            self.forgotten += 1;
            self.landed(self.ring[slot].size);
        }
    }

    fn grow(&mut self) {
        let old = std::mem::take(&mut self.ring);
        self.ring = vec![Entry::EMPTY; old.len() * 2];
        let length = old.len() as u64;
        for seq in self.next.saturating_sub(length)..self.next {
            let from = usize::try_from(seq % length).unwrap_or_default();
            let to = self.slot(seq);
            self.ring[to] = old[from];
        }
    }
}

impl Entry {
    const EMPTY: Self = Self { sent_us: 0, size: 0, probe: None, state: State::Empty };

    fn reported(self, was_lost: bool) -> Reported {
        Reported { sent_us: self.sent_us, size: self.size, probe: self.probe, was_lost }
    }
}
