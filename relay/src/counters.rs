use crate::dtls::DtlsCounters;
use crate::stream::StreamCounters;
use crate::tenant::TenantCounters;
use moim_udp::SendCounters;

/// How often what happened on a shard, since it was started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShardCounters {
    /// What the TURN server did.
    pub turn: moim_turn::server::Counters,
    /// What the Binding server did.
    pub binding: moim_stun::binding::Counters,
    /// Where its responses went that were asked for another way (RFC 5780).
    pub discovery: DiscoveryCounters,
    /// What was sent by UDP, to clients and to peers.
    pub sent: SendCounters,
    /// What happened to clients on TCP and TLS.
    pub streams: StreamCounters,
    /// Clients on TCP and TLS there are.
    pub stream_clients: usize,
    /// What happened to clients on DTLS.
    pub dtls: DtlsCounters,
    /// DTLS sessions there are.
    pub dtls_sessions: usize,
    /// TCP connections with peers there are (RFC 6062).
    pub tcp_connections: usize,
    /// Packets that arrived by UDP, from clients and from peers.
    pub packets_received: u64,
    /// What they took: a train counts once.
    pub trains_received: u64,
    /// What the tenant did.
    pub tenant: TenantCounters,
    /// Allocations there are.
    pub allocations: usize,
    pub(crate) dropped: [u64; RelayDrop::ALL.len()],
}

impl ShardCounters {
    /// Packets that the shard itself dropped for this reason.
    pub fn dropped(&self, reason: RelayDrop) -> u64 {
        self.dropped[reason as usize]
    }

    pub(crate) fn count_dropped(&mut self, reason: RelayDrop) {
        self.dropped[reason as usize] += 1;
    }
}

/// Responses to Binding requests that did not just go back where the request came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiscoveryCounters {
    /// Sent from another address or port than was asked (RFC 5780 §7.2).
    pub from_elsewhere: u64,
    /// Sent to another port than the request came from (RFC 5780 §7.5).
    pub to_other_port: u64,
}

/// Why a shard drops a packet, before or after the TURN server had its say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum RelayDrop {
    /// It is of a protocol that is not spoken here.
    UnknownProtocol,
    /// Its sender has proved nothing, and its network has had its share of Binding responses.
    OverBudget,
    /// It came to an address that is not one host's, so that nothing can be answered.
    UnusableAddress,
    /// It is for a relayed address of this server that nobody holds.
    NoRelayedAddress,
    /// It is for a client that cannot be reached any more.
    NoClient,
    /// It is for another shard, which does not keep up.
    ShardBusy,
    /// Its shard is not the one that another one took for it.
    Misdirected,
    /// It is for a connection of a tenant's that there is none of.
    NoConnection,
    /// It is for, or from, the tenant of another shard, and that shard does not keep up.
    TenantBusy,
}

impl RelayDrop {
    /// Every reason, in the order they are declared.
    pub const ALL: [Self; 9] = [
        Self::UnknownProtocol,
        Self::OverBudget,
        Self::UnusableAddress,
        Self::NoRelayedAddress,
        Self::NoClient,
        Self::ShardBusy,
        Self::Misdirected,
        Self::NoConnection,
        Self::TenantBusy,
    ];

    /// A name for metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownProtocol => "unknown_protocol",
            Self::OverBudget => "over_budget",
            Self::UnusableAddress => "unusable_address",
            Self::NoRelayedAddress => "no_relayed_address",
            Self::NoClient => "no_client",
            Self::ShardBusy => "shard_busy",
            Self::Misdirected => "misdirected",
            Self::NoConnection => "no_connection",
            Self::TenantBusy => "tenant_busy",
        }
    }
}
