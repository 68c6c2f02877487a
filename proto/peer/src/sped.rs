//! SPED: the handshake of DTLS within ICE's checks and their answers (draft-hancke-webrtc-sped), as Chromium has it.
//!
//! Every check and every answer carries one datagram of the flight that is under way, by turns if it has several, and says which datagrams
//! have come, by their CRC-32. What the first check and its answer carry need not wait until a path is known. From then on flights go by the path as well,
//! as ever, until both sides know that the other one has all.

use bytes::Bytes;
use moim_ice::{Extra, Extras};
use moim_stun::AttributeType;
use std::collections::VecDeque;

/// How descriptions say that a side does this (`ice-options`): as the draft has it, and as Chromium does.
pub(crate) const ICE_OPTIONS: [&str; 2] = ["sped", "googspedv1"];
/// The longest datagram of a handshake, in bytes: with what else is in a check, it fits into one that passes on every path.
pub(crate) const HANDSHAKE_DATAGRAM_LEN_MAX: usize = 900;
/// Datagrams of a flight that checks carry at a time. Further ones take the places of those that have come, or go by the path.
const FLIGHT_MAX: usize = 8;
/// As many of the latest datagrams are said to have come, which is as many as Chromium says.
const ACKNOWLEDGED_MAX: usize = 4;
/// As many acknowledgements of the other side's are looked at.
const ACKNOWLEDGEMENTS_MAX: usize = 16;

const DATA: AttributeType = AttributeType::DTLS_IN_STUN;
const ACKNOWLEDGEMENT: AttributeType = AttributeType::DTLS_IN_STUN_ACKNOWLEDGEMENT;

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SpedState {
    /// The other side has said nothing yet.
    Tentative,
    /// It takes part.
    Confirmed,
    /// The handshake is done here, and perhaps not there.
    Pending,
    /// It is done on both sides, and nothing is carried any more.
    Complete,
    /// The other side does not take part, or the handshake has failed.
    Off,
}

impl SpedState {
    /// A name for statistics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Tentative => "tentative",
            Self::Confirmed => "confirmed",
            Self::Pending => "pending",
            Self::Complete => "complete",
            Self::Off => "off",
        }
    }
}

/// What of the handshake of DTLS goes by checks.
#[derive(Debug)]
pub(crate) struct Sped {
    state: SpedState,
    /// The datagrams of the flight under way that the other side has not acknowledged.
    flight: Vec<Datagram>,
    /// Of the datagrams that came, the latest.
    came: VecDeque<u32>,
    /// How many came by checks.
    received: u64,
    /// The flight has not gone by any path: there was none.
    is_held: bool,
    /// Messages are to carry something else than before.
    has_changed: bool,
}

#[derive(Debug)]
struct Datagram {
    bytes: Bytes,
    crc: u32,
}

impl Sped {
    pub(crate) fn new() -> Self {
        Self {
            state: SpedState::Tentative,
            flight: Vec::new(),
            came: VecDeque::new(),
            received: 0,
            is_held: false,
            has_changed: false,
        }
    }

    pub(crate) fn state(&self) -> SpedState {
        self.state
    }

    /// How many datagrams came by checks.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// Whether messages carry anything.
    pub(crate) fn is_active(&self) -> bool {
        matches!(self.state, SpedState::Tentative | SpedState::Confirmed | SpedState::Pending)
    }

    /// DTLS has made a flight, which takes the place of the one before. It goes by checks only, if there is no path.
    pub(crate) fn capture(&mut self, flight: &[Bytes], has_path: bool) {
        self.flight = flight
            .iter()
            .map(|bytes| Datagram { crc: crc32fast::hash(bytes), bytes: bytes.clone() })
            .collect();
        self.is_held = !has_path;
        self.has_changed = true;
    }

    /// There is a path: what has to go by it, since it went by none before.
    pub(crate) fn release(&mut self) -> Vec<Bytes> {
        let is_held = std::mem::take(&mut self.is_held);
        let waiting = self.flight.iter().filter(|_| is_held);
        waiting.map(|datagram| datagram.bytes.clone()).collect()
    }

    /// A datagram of the handshake has come by a path.
    pub(crate) fn acknowledge(&mut self, datagram: &[u8]) {
        let crc = crc32fast::hash(datagram);
        if self.is_active() && !self.came.contains(&crc) {
            if self.came.len() >= ACKNOWLEDGED_MAX {
                self.came.pop_front();
            }
            self.came.push_back(crc);
            self.has_changed = true;
        }
    }

    /// Takes in what came with a check or an answer. A datagram is for DTLS.
    pub(crate) fn receive<'a>(&mut self, extras: &'a [Extra]) -> Option<&'a [u8]> {
        if !self.is_active() {
            return None;
        }
        // Messages of the agent's wait to know what to carry, be it the same as before.
        self.has_changed = true;
        let value = |number| extras.iter().find(|extra| extra.number == number).map(|extra| &extra.value[..]);
        let (data, acknowledged) = (value(DATA), value(ACKNOWLEDGEMENT).and_then(acknowledgements));
        let is_said = data.is_some() || acknowledged.is_some();
        self.state = match (self.state, is_said) {
            (SpedState::Tentative, true) => SpedState::Confirmed,
            (SpedState::Tentative, false) => SpedState::Off,
            // Whoever carried something, and no more, is done: whatever of the last flight was not acknowledged has come, or goes by the path.
            (SpedState::Pending, false) => SpedState::Complete,
            (state, _) => state,
        };
        if let Some(acknowledged) = acknowledged {
            self.flight.retain(|datagram| !acknowledged.contains(&datagram.crc));
        }
        let datagram = data.filter(|data| is_dtls(data))?;
        self.acknowledge(datagram);
        self.received += 1;
        Some(datagram)
    }

    /// The other side's description says that it does not take part.
    pub(crate) fn turn_off(&mut self) {
        if self.is_active() {
            self.state = SpedState::Off;
            self.has_changed = true;
        }
    }

    /// The handshake is done on this side.
    pub(crate) fn handshake_done(&mut self) {
        if self.is_active() {
            self.state = SpedState::Pending;
            self.has_changed = true;
        }
    }

    /// Data came: the handshake is done on the other side too.
    pub(crate) fn data_came(&mut self) {
        if self.state == SpedState::Pending {
            self.state = SpedState::Complete;
            self.has_changed = true;
        }
    }

    /// Whether messages are to carry something else than before, or have waited to know. Who has all of the last flight is done.
    pub(crate) fn take_change(&mut self) -> bool {
        if !self.has_changed {
            return false;
        }
        self.has_changed = false;
        if self.state == SpedState::Pending && self.flight.is_empty() {
            self.state = SpedState::Complete;
        }
        true
    }

    /// What messages carry.
    pub(crate) fn extras(&self) -> Extras {
        let came = self.came.iter().flat_map(|crc| crc.to_be_bytes()).collect();
        let mut always = vec![Extra { number: ACKNOWLEDGEMENT, value: came }];
        if self.flight.is_empty() && self.state == SpedState::Confirmed {
            // Who hears nothing of data may take it that the handshake is done here.
            always.push(Extra { number: DATA, value: Vec::new() });
        }
        let data = |datagram: &Datagram| Extra { number: DATA, value: datagram.bytes.to_vec() };
        let in_turn = self.flight.iter().take(FLIGHT_MAX).map(data).collect();
        Extras { known: vec![DATA, ACKNOWLEDGEMENT], always, in_turn }
    }
}

/// A list of CRC-32s. [`None`]: it is none.
fn acknowledgements(value: &[u8]) -> Option<Vec<u32>> {
    let (crcs, rest) = value.as_chunks::<4>();
    let latest = crcs.iter().rev().take(ACKNOWLEDGEMENTS_MAX);
    rest.is_empty().then(|| latest.map(|crc| u32::from_be_bytes(*crc)).collect())
}

/// RFC 7983 §7.
fn is_dtls(datagram: &[u8]) -> bool {
    matches!(datagram.first(), Some(20..=63))
}

#[cfg(test)]
mod tests;
