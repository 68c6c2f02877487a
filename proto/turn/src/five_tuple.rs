use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What carries messages between a client and the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// Datagrams in the clear.
    Udp,
    /// A stream in the clear.
    Tcp,
    /// A stream under TLS.
    Tls,
    /// Datagrams under DTLS.
    Dtls,
}

impl Transport {
    /// Every transport, in the order they are declared.
    pub const ALL: [Self; 4] = [Self::Udp, Self::Tcp, Self::Tls, Self::Dtls];

    /// Whether messages follow each other in a stream, so that ChannelData is padded (RFC 8656 §12.5).
    pub const fn is_stream(self) -> bool {
        matches!(self, Self::Tcp | Self::Tls)
    }

    /// A name for metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Dtls => "dtls",
        }
    }
}

/// Who talks to whom, and how: what an allocation is known by (RFC 8656 §3.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FiveTuple {
    /// How.
    pub transport: Transport,
    /// The client, as the server sees it.
    pub client: SocketAddr,
    /// The address of the server that the client sent to.
    pub server: SocketAddr,
}

impl FiveTuple {
    /// The 5-tuple of these addresses. They are taken as clients know them, IPv4 on a dual-stack socket included; what else a
    /// socket says about an IPv6 address (flow, scope) is left out.
    pub fn new(transport: Transport, client: SocketAddr, server: SocketAddr) -> Self {
        Self { transport, client: canonical(client), server: canonical(server) }
    }

    /// The 5-tuple of an allocation whose client is gone and may come back: an address that no client can have.
    pub(crate) fn without_client(self) -> Self {
        let nobody: IpAddr = match self.client {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        Self { client: SocketAddr::new(nobody, 0), ..self }
    }
}

impl fmt::Debug for FiveTuple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} > {}", self.transport.as_str(), self.client, self.server)
    }
}

/// Hashed for every packet, so in as few steps as it can be: one word for IPv4, three for IPv6.
impl Hash for FiveTuple {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let ports = (u128::from(self.client.port()) << 16) | u128::from(self.server.port());
        let head = ((self.transport as u128) << 32) | ports;
        match (self.client.ip(), self.server.ip()) {
            (IpAddr::V4(client), IpAddr::V4(server)) => {
                let ips = (u128::from(client.to_bits()) << 32) | u128::from(server.to_bits());
                state.write_u128((ips << 64) | head);
            }
            (client, server) => {
                state.write_u128(head);
                state.write_u128(bits(client));
                state.write_u128(bits(server));
            }
        }
    }
}

/// An address as one number, for hashing: IPv4 in its mapped form.
pub(crate) fn bits(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().to_bits(),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

/// An address without what only the machine knows about it, IPv4 as IPv4.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Which kind of address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressFamily {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

impl AddressFamily {
    /// Both, in the order they are declared.
    pub const ALL: [Self; 2] = [Self::Ipv4, Self::Ipv6];

    /// The family of an address. One that is IPv4 in IPv6's clothes counts as what it is written as.
    pub const fn of(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(_) => Self::Ipv4,
            IpAddr::V6(_) => Self::Ipv6,
        }
    }

    /// The number by which attributes name it (RFC 8656 §18.6, §18.11).
    pub const fn number(self) -> u8 {
        match self {
            Self::Ipv4 => 1,
            Self::Ipv6 => 2,
        }
    }

    /// The family of this number.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Ipv4),
            2 => Some(Self::Ipv6),
            _ => None,
        }
    }

    /// A name for metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
        }
    }
}

/// One of something for each address family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PerFamily<T> {
    /// That of IPv4.
    pub ipv4: T,
    /// That of IPv6.
    pub ipv6: T,
}

impl<T> PerFamily<T> {
    /// That of `family`.
    pub const fn of(&self, family: AddressFamily) -> &T {
        match family {
            AddressFamily::Ipv4 => &self.ipv4,
            AddressFamily::Ipv6 => &self.ipv6,
        }
    }

    /// That of `family`, to be changed.
    pub const fn of_mut(&mut self, family: AddressFamily) -> &mut T {
        match family {
            AddressFamily::Ipv4 => &mut self.ipv4,
            AddressFamily::Ipv6 => &mut self.ipv6,
        }
    }
}

impl<T> PerFamily<Option<T>> {
    /// What there is, with its family.
    pub fn iter(&self) -> impl Iterator<Item = (AddressFamily, &T)> {
        AddressFamily::ALL.into_iter().filter_map(|family| Some((family, self.of(family).as_ref()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_five_tuple_is_the_same_however_the_socket_spells_it() {
        let plain = FiveTuple::new(
            Transport::Udp,
            "203.0.113.7:4000".parse().unwrap(),
            "192.0.2.1:3478".parse().unwrap(),
        );
        let mapped = FiveTuple::new(
            Transport::Udp,
            "[::ffff:203.0.113.7]:4000".parse().unwrap(),
            "[::ffff:192.0.2.1]:3478".parse().unwrap(),
        );

        assert_eq!(plain, mapped);
        assert_eq!(format!("{plain:?}"), "udp 203.0.113.7:4000 > 192.0.2.1:3478");
    }

    #[test]
    fn each_part_of_a_five_tuple_counts_for_its_hash() {
        let hash = |five_tuple: FiveTuple| {
            let mut hasher = siphasher::sip::SipHasher13::new_with_keys(1, 2);
            five_tuple.hash(&mut hasher);
            hasher.finish()
        };
        for (client, server) in
            [("203.0.113.7:4000", "192.0.2.1:3478"), ("[2001:db8::7]:4000", "[2001:db8::1]:3478")]
        {
            let (client, server): (SocketAddr, SocketAddr) =
                (client.parse().unwrap(), server.parse().unwrap());
            let base = FiveTuple::new(Transport::Udp, client, server);
            let mut moved_client = client;
            moved_client.set_port(4001);
            let mut moved_server = server;
            moved_server.set_port(3479);
            let others = [
                FiveTuple { transport: Transport::Tcp, ..base },
                FiveTuple { client: moved_client, ..base },
                FiveTuple { server: moved_server, ..base },
                FiveTuple { client: server, server: client, ..base },
            ];
            for other in others {
                assert_ne!(hash(base), hash(other), "{base:?} {other:?}");
            }
        }
    }
}
