use std::net::SocketAddr;
use std::time::Duration;

/// What a client found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The client's own address, as its operating system told.
    pub local: SocketAddr,
    /// The address that the first server to answer saw. [`None`]: no server answered, so that either UDP is blocked or none
    /// of them is one.
    pub mapped: Option<SocketAddr>,
    /// Which address the client was seen at, by destination.
    pub observations: Vec<Observation>,
    /// Which destinations share a mapping.
    pub mapping: Finding<Mapping>,
    /// What comes in through a mapping.
    pub filtering: Finding<Filtering>,
    /// Whether two clients behind the NAT reach each other by their mapped addresses.
    pub hairpinning: Finding<bool>,
    /// How long a mapping lives that nothing is sent through.
    pub lifetime: Finding<BindingLifetime>,
}

impl Report {
    /// Whether something on the way gives the client another address than its own. [`None`]: no server answered.
    pub fn is_translated(&self) -> Option<bool> {
        self.mapped.map(|mapped| mapped != self.local)
    }

    /// Whether another client that is not behind an address-and-port-dependent mapping can be reached directly, by sending
    /// to it first. Unknown if the mapping is.
    pub fn can_punch_holes(&self) -> Option<bool> {
        match self.mapping {
            Finding::Known(Mapping::None | Mapping::EndpointIndependent) => Some(true),
            Finding::Known(
                Mapping::AddressDependent
                | Mapping::AddressAndPortDependent
                | Mapping::AddressOrAddressAndPortDependent,
            ) => Some(false),
            Finding::Known(Mapping::EndpointIndependentOrAddressDependent) | Finding::Unknown(_) => None,
        }
    }
}

/// The address that the client was seen at by the server at `destination`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observation {
    /// Where the request went.
    pub destination: SocketAddr,
    /// What the response said.
    pub mapped: SocketAddr,
}

/// A property of the NAT, or why it is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding<T> {
    /// It is this.
    Known(T),
    /// It could not be told.
    Unknown(Unknown),
}

impl<T> Finding<T> {
    /// What is known.
    pub fn known(self) -> Option<T> {
        match self {
            Self::Known(finding) => Some(finding),
            Self::Unknown(_) => None,
        }
    }
}

/// Why a property is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// No server answered.
    NoAnswer,
    /// Only one address and port of servers answered: there is nothing to compare with.
    OneDestination,
    /// The server has no other address to answer from (RFC 5780 OTHER-ADDRESS).
    NoOtherAddress,
    /// The server refused an attribute that the test needs.
    Refused,
    /// The server's answer came from another place than it was asked to.
    NotChanged,
    /// The server changes its port, which got through, but not its IP address: filtering is address-dependent or none.
    PortOnly,
    /// The address changed while it was being tested, or the second socket was seen at another IP address.
    Unstable,
    /// There is no NAT to test.
    NotTranslated,
    /// It was not asked for.
    NotTested,
}

impl Unknown {
    /// A name for machines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoAnswer => "no_answer",
            Self::OneDestination => "one_destination",
            Self::NoOtherAddress => "no_other_address",
            Self::Refused => "refused",
            Self::NotChanged => "not_changed",
            Self::PortOnly => "port_only",
            Self::Unstable => "unstable",
            Self::NotTranslated => "not_translated",
            Self::NotTested => "not_tested",
        }
    }
}

/// Which destinations share the mapping of one socket (RFC 4787 §4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mapping {
    /// There is no NAT: every destination sees the client's own address.
    None,
    /// All.
    EndpointIndependent,
    /// All ports of one IP address.
    AddressDependent,
    /// None: each address and port sees the client at another.
    AddressAndPortDependent,
    /// All ports of one IP address; others were not asked.
    EndpointIndependentOrAddressDependent,
    /// Not all IP addresses; a second port of one was not asked.
    AddressOrAddressAndPortDependent,
}

impl Mapping {
    /// What a set of observations of one socket tells.
    pub(super) fn tell(local: SocketAddr, observations: &[Observation]) -> Finding<Self> {
        let Some(first) = observations.first() else { return Finding::Unknown(Unknown::NoAnswer) };
        if observations.iter().all(|observation| observation.mapped == local) {
            return Finding::Known(Self::None);
        }
        let mut same_ip = Comparison::default();
        let mut other_ip = Comparison::default();
        for (index, one) in observations.iter().enumerate() {
            for other in &observations[index + 1..] {
                let is_same_ip = one.destination.ip() == other.destination.ip();
                let comparison = if is_same_ip { &mut same_ip } else { &mut other_ip };
                comparison.add(one.mapped == other.mapped);
            }
        }
        debug_assert_ne!(first.destination.port(), 0, "nothing is sent to port 0");
        match (same_ip, other_ip) {
            (Comparison::Differ, _) => Finding::Known(Self::AddressAndPortDependent),
            (_, Comparison::Same) => Finding::Known(Self::EndpointIndependent),
            (Comparison::Same, Comparison::Differ) => Finding::Known(Self::AddressDependent),
            (Comparison::Same, Comparison::None) => {
                Finding::Known(Self::EndpointIndependentOrAddressDependent)
            }
            (Comparison::None, Comparison::Differ) => Finding::Known(Self::AddressOrAddressAndPortDependent),
            (Comparison::None, Comparison::None) => Finding::Unknown(Unknown::OneDestination),
        }
    }

    /// A name for machines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::EndpointIndependent => "endpoint_independent",
            Self::AddressDependent => "address_dependent",
            Self::AddressAndPortDependent => "address_and_port_dependent",
            Self::EndpointIndependentOrAddressDependent => "endpoint_independent_or_address_dependent",
            Self::AddressOrAddressAndPortDependent => "address_or_address_and_port_dependent",
        }
    }
}

/// Whether pairs of destinations saw the same address; one pair that did not outweighs all that did.
#[derive(Clone, Copy, Debug, Default)]
enum Comparison {
    #[default]
    None,
    Same,
    Differ,
}

impl Comparison {
    fn add(&mut self, is_same: bool) {
        *self = match (*self, is_same) {
            (Self::None | Self::Same, true) => Self::Same,
            (_, false) | (Self::Differ, true) => Self::Differ,
        };
    }
}

/// What comes in through a mapping (RFC 4787 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filtering {
    /// Everything.
    EndpointIndependent,
    /// What comes from an IP address that was sent to.
    AddressDependent,
    /// What comes from an IP address and port that was sent to.
    AddressAndPortDependent,
}

impl Filtering {
    /// A name for machines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EndpointIndependent => "endpoint_independent",
            Self::AddressDependent => "address_dependent",
            Self::AddressAndPortDependent => "address_and_port_dependent",
        }
    }
}

/// Between which times a mapping ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BindingLifetime {
    /// The longest silence it was seen to live through.
    pub at_least: Duration,
    /// The shortest silence it was seen to end in. [`None`]: it outlived the longest that was tried.
    pub less_than: Option<Duration>,
}
