use super::decision::{Prefix, RelayedTransport, Reply, ToClient, ToPeer};
use super::request::unknown_attributes;
use super::{DropReason, FromClient, Received, Server};
use crate::attribute::{Data, DontFragment, Icmp, XorPeerAddress};
use crate::channel_data::{self, ChannelData};
use crate::five_tuple::canonical;
use crate::{AddressFamily, AllocationId, RelayId, method};
use moim_stun::attribute::Attribute;
use moim_stun::{Class, HEADER_LEN, Message, MessageBuilder, Seal, TransactionId};
use rand_chacha::rand_core::RngCore;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

/// DATA's type and length.
const DATA_HEADER_LEN: usize = 4;

impl Server {
    /// Takes ChannelData from the client of an allocation (RFC 8656 §12.6): the fast path of
    /// [`handle_client`](Self::handle_client), which takes it too.
    #[inline]
    pub fn channel_data(
        &mut self,
        allocation: AllocationId,
        message: &[u8],
        now: Instant,
    ) -> Result<ToPeer, DropReason> {
        self.route_to_peer(allocation, message, now)
            .inspect_err(|reason| self.counters.count_dropped(*reason))
    }

    /// Takes data from a peer: `payload_len` bytes that came to a relayed transport address (RFC 8656 §11.3, §12.7). Before
    /// them goes what `prefix` then holds.
    #[inline]
    pub fn handle_peer(
        &mut self,
        relay: RelayId,
        peer: SocketAddr,
        payload_len: usize,
        now: Instant,
        prefix: &mut Prefix,
    ) -> Result<ToClient, DropReason> {
        self.route_to_client(relay, peer, payload_len, now, prefix)
            .inspect_err(|reason| self.counters.count_dropped(*reason))
    }

    /// Takes an ICMP error that came back for what was sent to a peer (RFC 8656 §11.5). [`None`]: nothing to send.
    pub fn handle_icmp(
        &mut self,
        relay: RelayId,
        peer: SocketAddr,
        icmp: Icmp,
        now: Instant,
        out: &mut [u8],
    ) -> Option<Reply> {
        match self.icmp_indication(relay, canonical(peer), icmp, now, out) {
            Ok(reply) => {
                self.counters.icmp += 1;
                Some(reply)
            }
            Err(reason) => {
                self.counters.count_dropped(reason);
                None
            }
        }
    }

    /// An indication from a client. There is one kind: Send (RFC 8656 §11.2).
    pub(super) fn indication(
        &mut self,
        received: &Received<'_>,
        message: &Message<'_>,
        now: Instant,
    ) -> Result<FromClient, DropReason> {
        if message.method() != method::SEND {
            return Err(DropReason::UnsupportedMethod);
        }
        let id = self.find(&received.five_tuple).ok_or(DropReason::NoAllocation)?;
        if !unknown_attributes(message, self.config.dont_fragment).is_empty() {
            return Err(DropReason::BadIndication);
        }
        let XorPeerAddress(peer) = message.get().ok().flatten().ok_or(DropReason::BadIndication)?;
        let range = message.find(Data::TYPE).ok_or(DropReason::BadIndication)?.value_range();
        let dont_fragment = message.get::<DontFragment>().map_err(|_| DropReason::BadIndication)?.is_some();
        let allocation = self.table.get_mut(id).ok_or(DropReason::NoAllocation)?;
        if allocation.transport != RelayedTransport::Udp {
            return Err(DropReason::WrongTransport);
        }
        let is_own = allocation.permissions.is_own(peer.ip(), now).ok_or(DropReason::NoPermission)?;
        let family = AddressFamily::of(peer.ip());
        let source = allocation.relay(family, now).ok_or(DropReason::NoRelay)?;
        if !allocation.has_bandwidth(range.len(), now) {
            return Err(DropReason::OverBandwidth);
        }
        allocation.usage.to_peers.count(range.len());
        self.counters.to_peers.count(range.len());
        let relay = RelayId { allocation: id, family };
        Ok(FromClient::ToPeer(ToPeer { relay, source, peer, range, dont_fragment, is_own }))
    }

    /// Where ChannelData goes. It takes no permission: a channel is one (RFC 8656 §12).
    #[inline]
    pub(super) fn route_to_peer(
        &mut self,
        id: AllocationId,
        message: &[u8],
        now: Instant,
    ) -> Result<ToPeer, DropReason> {
        let ChannelData { number, range } = ChannelData::parse(message).ok_or(DropReason::Malformed)?;
        let allocation = self.table.get_mut(id).ok_or(DropReason::NoAllocation)?;
        let channel = allocation.channels.by_number(number, now).ok_or(DropReason::NoChannel)?;
        let (peer, is_own) = (channel.peer, channel.is_own);
        let family = AddressFamily::of(peer.ip());
        let source = allocation.relay(family, now).ok_or(DropReason::NoRelay)?;
        if !allocation.has_bandwidth(range.len(), now) {
            return Err(DropReason::OverBandwidth);
        }
        allocation.usage.to_peers.count(range.len());
        self.counters.to_peers.count(range.len());
        let relay = RelayId { allocation: id, family };
        Ok(ToPeer { relay, source, peer, range, dont_fragment: false, is_own })
    }

    #[inline]
    fn route_to_client(
        &mut self,
        relay: RelayId,
        peer: SocketAddr,
        len: usize,
        now: Instant,
        prefix: &mut Prefix,
    ) -> Result<ToClient, DropReason> {
        let allocation = self.table.get_mut(relay.allocation).ok_or(DropReason::NoAllocation)?;
        if allocation.transport != RelayedTransport::Udp {
            return Err(DropReason::WrongTransport);
        }
        allocation.relay(relay.family, now).ok_or(DropReason::NoRelay)?;
        let peer = canonical(peer);
        if !allocation.permissions.permits(peer.ip(), now) {
            return Err(DropReason::NoPermission);
        }
        if !allocation.has_bandwidth(len, now) {
            return Err(DropReason::OverBandwidth);
        }
        let five_tuple = allocation.five_tuple;
        let padding = if let Some(number) = allocation.channels.number_of(peer, now) {
            let header = channel_data::header(number, len).ok_or(DropReason::TooLong)?;
            prefix.set(header);
            if five_tuple.transport.is_stream() { channel_data::padding(len) } else { 0 }
        } else {
            let mut id = [0; 12];
            self.random.fill_bytes(&mut id);
            prefix.set_data_indication(peer, len, TransactionId(id)).ok_or(DropReason::TooLong)?;
            channel_data::padding(len)
        };
        allocation.usage.to_client.count(len);
        self.counters.to_clients.count(len);
        Ok(ToClient { five_tuple, padding })
    }

    fn icmp_indication(
        &mut self,
        relay: RelayId,
        peer: SocketAddr,
        icmp: Icmp,
        now: Instant,
        out: &mut [u8],
    ) -> Result<Reply, DropReason> {
        let allocation = self.table.get(relay.allocation).ok_or(DropReason::NoAllocation)?;
        let icmp = passed_on(peer.ip(), icmp).ok_or(DropReason::IcmpType)?;
        if !allocation.permissions.permits(peer.ip(), now) {
            return Err(DropReason::NoPermission);
        }
        let five_tuple = allocation.five_tuple;
        let mut id = [0; 12];
        self.random.fill_bytes(&mut id);
        let mut indication = MessageBuilder::new(out, Class::Indication, method::DATA, TransactionId(id))?;
        indication.attribute(&XorPeerAddress(peer))?;
        indication.attribute(&icmp)?;
        Ok(Reply { five_tuple, len: indication.finish(Seal::default())?.len() })
    }
}

/// What a client is told of an ICMP error (RFC 8656 §11.5): those that say that the peer was not reached, with an MTU where it was
/// what the packet was too big for (§18.13).
fn passed_on(peer: IpAddr, icmp: Icmp) -> Option<Icmp> {
    let has_mtu = match (peer, icmp.icmp_type) {
        // Destination unreachable: because of the size, or for another reason.
        (IpAddr::V4(_), 3) => icmp.code == 4,
        // Packet too big.
        (IpAddr::V6(_), 2) => true,
        // Time exceeded; destination unreachable and time exceeded.
        (IpAddr::V4(_), 11) | (IpAddr::V6(_), 1 | 3) => false,
        (IpAddr::V4(_) | IpAddr::V6(_), _) => return None,
    };
    Some(if has_mtu { icmp } else { Icmp { data: 0, ..icmp } })
}

impl Prefix {
    #[inline]
    fn set(&mut self, header: [u8; channel_data::HEADER_LEN]) {
        self.bytes[..header.len()].copy_from_slice(&header);
        self.len = 4;
    }

    /// The beginning of a Data indication with so many bytes of data, up to the data (RFC 8656 §11.3). [`None`]: they are more than
    /// a message carries.
    fn set_data_indication(&mut self, peer: SocketAddr, data_len: usize, id: TransactionId) -> Option<()> {
        let mut indication =
            MessageBuilder::new(&mut self.bytes, Class::Indication, method::DATA, id).ok()?;
        indication.attribute(&XorPeerAddress(peer)).ok()?;
        let len = indication.finish(Seal::default()).ok()?.len();
        // The data are not here: what a builder would do about them is done by hand.
        let body_len = len - HEADER_LEN + DATA_HEADER_LEN + data_len.next_multiple_of(4);
        self.bytes[2..4].copy_from_slice(&u16::try_from(body_len).ok()?.to_be_bytes());
        let header = &mut self.bytes[len..len + DATA_HEADER_LEN];
        header[..2].copy_from_slice(&Data::TYPE.0.to_be_bytes());
        header[2..].copy_from_slice(&u16::try_from(data_len).ok()?.to_be_bytes());
        self.len = u8::try_from(len + DATA_HEADER_LEN).ok()?;
        Some(())
    }
}
