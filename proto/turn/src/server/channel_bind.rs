use super::channel::BindError;
use super::decision::RelayedTransport;
use super::request::{Asked, Stop};
use super::{DropReason, FromClient, Refusal, Server};
use crate::attribute::{ChannelNumberAttribute, XorPeerAddress};
use crate::channel_data::ChannelNumber;
use std::time::Duration;

/// For how long a number stands for a peer (RFC 8656 §12).
const CHANNEL_LIFETIME: Duration = Duration::from_secs(600);

impl Server {
    /// ChannelBind (RFC 8656 §12.2): binds a number to a peer, or keeps it bound, and lets the peer through.
    pub(super) fn channel_bind(&mut self, asked: &Asked<'_>, out: &mut [u8]) -> Result<FromClient, Stop> {
        let id = asked.allocation.ok_or(Refusal::AllocationMismatch)?;
        let now = asked.now.at;
        // RFC 6062 §3.1: connections with peers have no channels.
        if self.table.get(id).is_none_or(|allocation| allocation.transport != RelayedTransport::Udp) {
            return Err(Refusal::BadRequest.into());
        }
        let ChannelNumberAttribute(number) = asked.get()?.ok_or(Refusal::BadRequest)?;
        let XorPeerAddress(peer) = asked.get()?.ok_or(Refusal::BadRequest)?;
        let number = ChannelNumber::new(number)
            .filter(|number| *number <= self.config.channel_number_max)
            .ok_or(Refusal::BadRequest)?;
        let is_own = self.check_peer(id, peer.ip(), now)?;
        let channels_max = self.config.limits.channels_max;
        let allocation = self.table.get_mut(id).ok_or(Stop::Drop(DropReason::NoAllocation))?;
        match allocation.channels.check(number, peer, channels_max, now) {
            Ok(()) => {}
            Err(BindError::Taken) => return Err(Refusal::BadRequest.into()),
            Err(BindError::Full) => return Err(Refusal::InsufficientCapacity.into()),
        }
        self.install_permissions(id, &[(peer.ip(), is_own)], now)?;
        if let Some(allocation) = self.table.get_mut(id) {
            allocation.channels.bind(number, peer, is_own, now + CHANNEL_LIFETIME);
        }
        Ok(FromClient::Respond(asked.envelope().success(out, |_| Ok(()))?))
    }
}
