use super::gateway::{Gateway, GatewayConfig, LinkPair};
use super::link::Link;
use super::{InterfaceId, SegmentId};
use crate::random::Seed;
use ipnet::{Ipv4Net, Ipv6Net};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The addresses of hosts on the Internet, and of the outsides of gateways: real ones, since the addresses of books are not public by
/// the rules that the servers go by.
const INTERNET_IPV4: (Ipv4Addr, u8) = (Ipv4Addr::new(81, 2, 0, 0), 16);
/// The same of IPv6. Every segment that has IPv6 has a /64 of it, numbered by the segment.
const INTERNET_IPV6: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2a01, 0x4f0, 0, 0, 0, 0, 0, 0), 32);
/// The first host of a segment: what comes before are routers.
const FIRST_HOST: u32 = 10;

/// What a segment is like.
#[derive(Clone, Debug)]
pub struct SegmentConfig {
    /// The IPv4 addresses of its hosts. Several segments may have the same, as homes do. [`None`]: it has no IPv4.
    pub ipv4: Option<Ipv4Net>,
    /// Whether its hosts have IPv6 addresses, which are public.
    pub ipv6: bool,
    /// The way up.
    pub gateway: GatewayConfig,
}

/// Hosts that reach each other without a gateway.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) ipv4: Option<Ipv4Net>,
    pub(super) ipv6: Option<Ipv6Net>,
    pub(super) gateway: Option<Gateway>,
    pub(super) interfaces: BTreeMap<IpAddr, InterfaceId>,
    pub(super) children: Vec<SegmentId>,
    next_ipv4: u32,
    next_ipv6: u32,
}

impl Segment {
    pub(super) fn internet() -> Self {
        let ipv4 = Ipv4Net::new_assert(INTERNET_IPV4.0, INTERNET_IPV4.1);
        Self::empty(Some(ipv4), Some(ipv6_of(SegmentId::INTERNET)), None)
    }

    pub(super) fn new(
        config: SegmentConfig,
        id: SegmentId,
        links: LinkPair<Link>,
        outside: Vec<IpAddr>,
        seed: Seed,
    ) -> Self {
        let gateway = Gateway::new(config.gateway, links, outside, seed, id.0 as u64);
        Self::empty(config.ipv4, config.ipv6.then(|| ipv6_of(id)), Some(gateway))
    }

    fn empty(ipv4: Option<Ipv4Net>, ipv6: Option<Ipv6Net>, gateway: Option<Gateway>) -> Self {
        Self {
            ipv4,
            ipv6,
            gateway,
            interfaces: BTreeMap::new(),
            children: Vec::new(),
            next_ipv4: FIRST_HOST,
            next_ipv6: FIRST_HOST,
        }
    }

    /// An address that nobody has had. [`None`]: there is no such family here, or no more of it.
    pub(super) fn take_address(&mut self, is_ipv6: bool) -> Option<IpAddr> {
        let (address, contained) = if is_ipv6 {
            let net = self.ipv6?;
            let address = Ipv6Addr::from(net.network().to_bits() + u128::from(self.next_ipv6));
            self.next_ipv6 += 1;
            (IpAddr::V6(address), net.contains(&address))
        } else {
            let net = self.ipv4?;
            let address = Ipv4Addr::from(net.network().to_bits() + self.next_ipv4);
            self.next_ipv4 += 1;
            (IpAddr::V4(address), net.contains(&address) && address != net.broadcast())
        };
        contained.then_some(address)
    }

    /// Whether an address would be one of its hosts'.
    pub(super) fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.ipv4.is_some_and(|net| net.contains(&address)),
            IpAddr::V6(address) => self.ipv6.is_some_and(|net| net.contains(&address)),
        }
    }
}

fn ipv6_of(segment: SegmentId) -> Ipv6Net {
    let (base, _) = INTERNET_IPV6;
    let network = base.to_bits() | (segment.0 as u128) << 64;
    Ipv6Net::new_assert(Ipv6Addr::from(network), 64)
}
