//! The server's end of a connection, and what is known of it beside.

use crate::data::{DataAllowance, LOSSY, RELIABLE};
use crate::paths::Paths;
use crate::section::Sections;
use crate::shelf::Shelf;
use moim_ice::Protocol;
use moim_peer::{DataChannelId, DataChannelInit, PeerConnection, Reliability, TRANSMIT_LEN_MAX};
use moim_relay::{Outbox, Way};
use moim_sfu::{Forwarder, SubscriberId};
use moim_signal::id::PeerConnectionId;
use moim_wire::NtpTime;
use std::time::Instant;

/// The server's end of a client's connection.
#[derive(Debug)]
pub(crate) struct Connection {
    /// What the client calls it.
    pub(crate) id: PeerConnectionId,
    /// The place of whoever's it is.
    pub(crate) participant: usize,
    pub(crate) peer: PeerConnection,
    pub(crate) sections: Sections,
    /// What is forwarded to it, once it is connected.
    pub(crate) subscriber: Option<SubscriberId>,
    /// Whether the forwarder was told what its network carries.
    pub(crate) is_target_known: bool,
    /// The client's wall clock.
    pub(crate) clock: RemoteClock,
    pub(crate) paths: Paths,
    /// By when it has to be connected. [`None`]: it is.
    pub(crate) connect_by: Option<Instant>,
    /// The channels that every connection with data has.
    pub(crate) channels: Option<Channels>,
    pub(crate) data_allowance: DataAllowance,
    /// Whether it waits to be looked after in this turn.
    pub(crate) is_ready: bool,
}

/// The data channels of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Channels {
    pub(crate) reliable: DataChannelId,
    pub(crate) lossy: DataChannelId,
}

impl Channels {
    /// Makes this side's ends. Both sides do so under the same numbers, and nothing is announced.
    pub(crate) fn make(peer: &mut PeerConnection, now: Instant) -> Result<Self, moim_peer::Error> {
        let mut make = |label: &str, stream, ordered, reliability| {
            let label = label.to_owned();
            let negotiated = Some(stream);
            let init =
                DataChannelInit { label, ordered, reliability, negotiated, ..DataChannelInit::default() };
            peer.create_data_channel(init, now)
        };
        Ok(Self {
            reliable: make("reliable", RELIABLE, true, Reliability::Reliable)?,
            lossy: make("lossy", LOSSY, false, Reliability::MaxRetransmits(0))?,
        })
    }
}

/// How far a client's wall clock is ahead of the server's. Sender reports of all its streams are read by one difference, so that what belongs
/// together stays together.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RemoteClock {
    /// What is to be added, wrapping, to the client's time.
    difference: Option<u64>,
}

impl RemoteClock {
    /// A clock that is another by so much (32 bits behind the point, in seconds) was set meanwhile, or its reports come so late.
    const LEAP: u64 = 1 << 32;

    /// When something was by the server's wall clock that a client has told of. `arrived` is the server's time when it did.
    pub(crate) fn read(&mut self, told: NtpTime, arrived: NtpTime) -> NtpTime {
        let difference = arrived.0.wrapping_sub(told.0);
        let known = *self.difference.get_or_insert(difference);
        let apart = difference.wrapping_sub(known);
        if apart.min(apart.wrapping_neg()) > Self::LEAP {
            self.difference = Some(difference);
        }
        NtpTime(told.0.wrapping_add(self.difference.unwrap_or(difference)))
    }
}

/// What has been sent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sent {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    /// To addresses that the client has not been heard from.
    pub(crate) without_way: u64,
    /// There was no room for more.
    pub(crate) is_full: bool,
}

impl Connection {
    /// When it is to be looked after next.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let peer = self.peer.poll_timeout().map(|deadline| deadline.at);
        peer.into_iter().chain(self.connect_by).min()
    }

    /// Sends what there is to be sent, as far as the outbox takes it.
    pub(crate) fn transmit(&mut self, forwarder: &Forwarder, out: &mut Outbox<'_>, now: Instant) -> Sent {
        let shelf = Shelf { forwarder, sections: &self.sections, subscriber: self.subscriber };
        let mut sent = Sent::default();
        // Packets of a connection go one way as a rule.
        let mut latest = None;
        loop {
            let Some(room) = out.room(TRANSMIT_LEN_MAX) else {
                sent.is_full = true;
                return sent;
            };
            let Some(transmit) = self.peer.poll_transmit_from(&shelf, room, now) else { return sent };
            let ends = (transmit.local, transmit.remote);
            let way = match latest {
                Some((known, way)) if known == ends => Some(way),
                _ => self.paths.way(ends.0, ends.1),
            };
            let Some(five_tuple) = way.filter(|_| transmit.protocol == Protocol::Udp) else {
                sent.without_way += 1;
                continue;
            };
            latest = Some((ends, five_tuple));
            out.send(Way { five_tuple, traffic_class: 0 }, transmit.len);
            sent.packets += 1;
            sent.bytes += transmit.len as u64;
        }
    }
}
