//! What arrives: whose it is, and what it is.

use super::Agent;
use crate::candidate::{Protocol, canonical};
use crate::event::{ConnectionId, DropReason, Handled, PathId, Received};
use crate::pair::{Origin, RelayId};
use moim_stun::{Class, FingerprintCheck, MAGIC_COOKIE, Message, Method};
use moim_turn::channel_data::ChannelData;
use moim_turn::client;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::Instant;

/// Where a message of a peer's came from, with what a relay put around it taken off.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source {
    /// What it came to.
    pub(super) origin: Origin,
    /// Whom it is from.
    pub(super) peer: SocketAddr,
    /// The connection it came by.
    pub(super) connection: Option<ConnectionId>,
}

/// What kind of packet the first bytes make it (RFC 7983 §7).
enum Kind {
    Binding,
    /// A STUN message that is TURN's.
    Turn,
    ChannelData,
    Other,
}

impl Agent {
    /// Takes a packet: from a peer, or from a server.
    #[inline]
    pub fn handle_input(&mut self, received: Received<'_>, now: Instant) -> Handled {
        match self.selected.filter(|path| self.is_data_of(*path, &received)) {
            Some(path) => Handled::Data { path, range: 0..received.bytes.len() },
            None => self.handle_other_input(received, now),
        }
    }

    /// Whether it is data by a pair, as nearly everything is that comes by the one that is selected: found out without a copy of anything.
    fn is_data_of(&self, path: PathId, received: &Received<'_>) -> bool {
        received.protocol == Protocol::Udp
            && matches!(kind(received.bytes), Kind::Other)
            && self.pair(path).is_some_and(|pair| {
                matches!(&pair.origin, Origin::Udp(local) if *local == received.local)
                    && pair.peer == received.remote
                    && pair.is_authentic
            })
    }

    fn handle_other_input(&mut self, received: Received<'_>, now: Instant) -> Handled {
        let local = canonical(received.local);
        let remote = canonical(received.remote);
        let taken = match received.protocol {
            Protocol::Udp => self.datagram(local, remote, received.bytes, now),
            Protocol::Tcp | Protocol::Tls => self.connection_input(local, remote, received.bytes, now),
        };
        taken.unwrap_or_else(|reason| {
            self.counters.drops.count(reason);
            Handled::Dropped(reason)
        })
    }

    fn datagram(
        &mut self,
        local: SocketAddr,
        remote: SocketAddr,
        bytes: &[u8],
        now: Instant,
    ) -> Result<Handled, DropReason> {
        let source = Source { origin: Origin::Udp(local), peer: remote, connection: None };
        match kind(bytes) {
            Kind::Other => self.data(source, 0..bytes.len()),
            Kind::Binding => self.message(source, bytes, now),
            // Where a server is, a peer may be as well: the server's own end of a call.
            Kind::Turn => {
                let relay = self.relay_at(local, remote).ok_or(DropReason::UnsupportedMethod)?;
                self.relay_input(relay, bytes, now)
            }
            Kind::ChannelData => match self.relay_at(local, remote) {
                Some(relay) => self.relay_input(relay, bytes, now),
                None => self.data(source, 0..bytes.len()),
            },
        }
    }

    pub(super) fn relay_input(
        &mut self,
        relay: RelayId,
        bytes: &[u8],
        now: Instant,
    ) -> Result<Handled, DropReason> {
        let client = &mut self.relays.get_mut(&relay).ok_or(DropReason::UnknownLocal)?.client;
        match client.handle_input(bytes, now) {
            client::Handled::Data { peer, range } => {
                let source = Source { origin: Origin::Relay(relay), peer, connection: None };
                match kind(&bytes[range.clone()]) {
                    Kind::Binding => self.message(source, &bytes[range], now),
                    Kind::Turn => Err(DropReason::UnsupportedMethod),
                    Kind::ChannelData | Kind::Other => self.data(source, range),
                }
            }
            client::Handled::Taken => {
                self.advance(now);
                Ok(Handled::Taken)
            }
            client::Handled::Ignored(_) => Err(DropReason::Relay),
        }
    }

    /// A STUN message from a peer, or from a STUN server.
    pub(super) fn message(
        &mut self,
        source: Source,
        bytes: &[u8],
        now: Instant,
    ) -> Result<Handled, DropReason> {
        if self.is_closed() {
            return Err(DropReason::Closed);
        }
        let message = Message::parse(bytes).map_err(|_| DropReason::Malformed)?;
        if message.check_fingerprint() == FingerprintCheck::Invalid {
            return Err(DropReason::BadFingerprint);
        }
        if let Origin::Udp(local) = source.origin
            && !self.addresses.iter().any(|base| base.origin() == Origin::Udp(local))
        {
            return Err(DropReason::UnknownLocal);
        }
        let handled = match message.class() {
            Class::Request => self.request(source, &message, now),
            // RFC 8445 §11: it keeps a NAT's mapping alive, and says nothing.
            Class::Indication => Ok(Handled::Taken),
            Class::SuccessResponse | Class::ErrorResponse => self.response(source, &message, now),
        };
        self.advance(now);
        handled
    }

    /// A message that came by a connection with a peer.
    pub(super) fn peer_input(
        &mut self,
        source: Source,
        bytes: &[u8],
        now: Instant,
    ) -> Result<Handled, DropReason> {
        match kind(bytes) {
            Kind::Binding => self.message(source, bytes, now),
            Kind::Turn => Err(DropReason::UnsupportedMethod),
            Kind::ChannelData | Kind::Other => self.data(source, 0..bytes.len()),
        }
    }

    /// Data is the application's if its pair has been proved to be the peer's (RFC 8445 §12.2).
    pub(super) fn data(&mut self, source: Source, range: Range<usize>) -> Result<Handled, DropReason> {
        let path = self.path_of(source).ok_or(DropReason::UnknownPeer)?;
        Ok(Handled::Data { path, range })
    }

    fn path_of(&mut self, source: Source) -> Option<PathId> {
        let is_it = |path: &PathId| {
            self.pair(*path).is_some_and(|pair| {
                pair.origin == source.origin && pair.peer == source.peer && pair.is_authentic
            })
        };
        if let Some(path) = self.selected.filter(is_it).or_else(|| self.latest_path.filter(is_it)) {
            return Some(path);
        }
        let path = self.find_pair(source.origin, source.peer).filter(is_it)?;
        self.latest_path = Some(path);
        Some(path)
    }
}

#[inline]
fn kind(bytes: &[u8]) -> Kind {
    match bytes {
        [first @ 0..=3, second, _, _, c0, c1, c2, c3, ..]
            if u32::from_be_bytes([*c0, *c1, *c2, *c3]) == MAGIC_COOKIE =>
        {
            // The method's bits lie around the two of the class.
            let bits = u16::from_be_bytes([*first, *second]) & 0x3eef;
            if bits == Method::BINDING.number() { Kind::Binding } else { Kind::Turn }
        }
        _ if ChannelData::is_one(bytes) => Kind::ChannelData,
        _ => Kind::Other,
    }
}
