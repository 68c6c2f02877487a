use moim_wire::is_one_host;
use std::net::SocketAddr;

/// One of the two IP addresses, or of the two ports, that a server has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The one that clients are told of beforehand.
    #[default]
    Primary,
    /// The other one.
    Alternate,
}

impl Side {
    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Primary => Self::Alternate,
            Self::Alternate => Self::Primary,
        }
    }

    /// The other one if `is_changed`.
    #[must_use]
    pub fn changed(self, is_changed: bool) -> Self {
        if is_changed { self.other() } else { self }
    }
}

/// One of the four pairs of IP address and port that a server receives on and answers from.
///
/// It is a choice, not an address: which socket it stands for is the driver's to know, so that a server behind 1:1 NAT,
/// whose sockets have other addresses than clients see, is like any other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// Which IP address.
    pub ip: Side,
    /// Which port.
    pub port: Side,
}

impl Endpoint {
    /// All four.
    pub const ALL: [Self; 4] = [
        Self { ip: Side::Primary, port: Side::Primary },
        Self { ip: Side::Primary, port: Side::Alternate },
        Self { ip: Side::Alternate, port: Side::Primary },
        Self { ip: Side::Alternate, port: Side::Alternate },
    ];
}

/// Where clients reach a server: two ports, on two IP addresses or on one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoints {
    primary: SocketAddr,
    alternate: SocketAddr,
}

impl Endpoints {
    /// The primary IP address and port, and the alternate ones. [`None`]: they are not of one family, not each one host's,
    /// or the ports do not differ.
    ///
    /// With the same IP address in both, the server can change its port alone, which tells address-and-port-dependent
    /// behaviour from the others.
    pub fn new(primary: SocketAddr, alternate: SocketAddr) -> Option<Self> {
        let is_usable = |address: SocketAddr| is_one_host(address.ip()) && address.port() != 0;
        let are_good = is_usable(primary)
            && is_usable(alternate)
            && primary.is_ipv4() == alternate.is_ipv4()
            && primary.port() != alternate.port();
        are_good.then_some(Self { primary, alternate })
    }

    /// The address that clients see an endpoint at.
    pub fn address(&self, endpoint: Endpoint) -> SocketAddr {
        SocketAddr::new(self.side(endpoint.ip).ip(), self.side(endpoint.port).port())
    }

    /// Which endpoint clients see at an address.
    pub fn find(&self, address: SocketAddr) -> Option<Endpoint> {
        Endpoint::ALL.into_iter().find(|endpoint| self.address(*endpoint) == address)
    }

    /// Whether there are two IP addresses.
    pub fn has_second_ip(&self) -> bool {
        self.primary.ip() != self.alternate.ip()
    }

    fn side(&self, side: Side) -> SocketAddr {
        match side {
            Side::Primary => self.primary,
            Side::Alternate => self.alternate,
        }
    }
}
