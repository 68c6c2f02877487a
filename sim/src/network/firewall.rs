//! Firewalls: what a network lets out, and what it lets in without translating it.

use super::DropReason;
use super::nat::Dependence;
use crate::packet::{Flags, Packet, Payload, Protocol};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Flows that a firewall remembers at a time. Beyond it, those that have been silent for too long are forgotten; then nothing new is
/// let through.
const FLOWS_MAX: usize = 4096;

/// What a firewall does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirewallConfig {
    /// Whether hosts inside may send datagrams to outside.
    pub udp_out: bool,
    /// To which TCP ports hosts inside may connect. [`None`]: to all.
    pub tcp_out: Option<Vec<u16>>,
    /// What comes in uninvited, where no NAT decides: of IPv6, and of IPv4 that is not translated. [`None`]: everything.
    pub inbound: Option<Dependence>,
    /// How long a flow of datagrams may be silent before what answers it is no longer let in (RFC 6092 §3.2).
    pub udp_lifetime: Duration,
}

impl Default for FirewallConfig {
    /// Everything may go out, and what comes in must answer something (RFC 6092 REC-49 by its strictest choice).
    fn default() -> Self {
        Self {
            udp_out: true,
            tcp_out: None,
            inbound: Some(Dependence::AddressAndPortDependent),
            udp_lifetime: Duration::from_secs(120),
        }
    }
}

impl FirewallConfig {
    /// Everything passes.
    pub fn open() -> Self {
        Self { inbound: None, ..Self::default() }
    }

    /// A company's: only what looks like the web.
    pub fn web_only() -> Self {
        Self { udp_out: false, tcp_out: Some(vec![80, 443]), ..Self::default() }
    }
}

/// A firewall, and the flows it has seen go out.
#[derive(Debug)]
pub struct Firewall {
    config: FirewallConfig,
    /// From inside, to outside: when last.
    flows: BTreeMap<(Protocol, SocketAddr, SocketAddr), Instant>,
}

impl Firewall {
    pub(super) fn new(config: FirewallConfig) -> Self {
        Self { config, flows: BTreeMap::new() }
    }

    /// What it does.
    pub fn config(&self) -> &FirewallConfig {
        &self.config
    }

    /// From now on hosts inside may no longer send datagrams to outside.
    pub fn block_udp(&mut self) {
        self.config.udp_out = false;
    }

    /// It restarts, and has forgotten every flow.
    pub fn restart(&mut self) {
        self.flows.clear();
    }

    /// How many flows it remembers.
    pub fn flows_len(&self) -> usize {
        self.flows.len()
    }

    /// Whether a packet may leave.
    pub(super) fn outbound(&mut self, packet: &Packet, now: Instant) -> Result<(), DropReason> {
        let allowed = match &packet.payload {
            Payload::Udp(_) => self.config.udp_out,
            // A connection that was made from outside is answered from any port.
            Payload::Tcp(segment) if segment.flags != Flags::Syn => true,
            Payload::Tcp(_) => {
                let ports = self.config.tcp_out.as_deref();
                ports.is_none_or(|ports| ports.contains(&packet.destination.port()))
            }
        };
        if !allowed {
            return Err(DropReason::Firewall);
        }
        let flow = (packet.protocol(), packet.source, packet.destination);
        if self.flows.len() >= FLOWS_MAX && !self.flows.contains_key(&flow) {
            let lifetime = self.config.udp_lifetime;
            self.flows.retain(|(protocol, ..), last| *protocol == Protocol::Tcp || now < *last + lifetime);
            if self.flows.len() >= FLOWS_MAX {
                return Err(DropReason::Firewall);
            }
        }
        self.flows.insert(flow, now);
        Ok(())
    }

    /// Whether a packet that no NAT has let in may enter.
    pub(super) fn inbound(&mut self, packet: &Packet, now: Instant) -> Result<(), DropReason> {
        if !self.config.udp_out && packet.protocol() == Protocol::Udp {
            return Err(DropReason::Firewall);
        }
        let Some(filtering) = self.config.inbound else { return Ok(()) };
        let (inside, outside, protocol) = (packet.destination, packet.source, packet.protocol());
        let from_here = (protocol, inside, unspecified_before())..=(protocol, inside, unspecified_after());
        let lifetime = self.config.udp_lifetime;
        let is_answer = |((_, _, to), last): (&(Protocol, SocketAddr, SocketAddr), &mut Instant)| {
            let is_alive = protocol == Protocol::Tcp || now < *last + lifetime;
            let answers = is_alive && filtering.is_same(*to, outside);
            if answers {
                *last = now;
            }
            answers
        };
        if self.flows.range_mut(from_here).any(is_answer) { Ok(()) } else { Err(DropReason::Firewall) }
    }
}

/// Sorts before every address.
fn unspecified_before() -> SocketAddr {
    SocketAddr::from(([0; 4], 0))
}

/// Sorts after every address.
fn unspecified_after() -> SocketAddr {
    SocketAddr::from(([u16::MAX; 8], u16::MAX))
}
