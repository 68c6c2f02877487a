use crate::RelayAddress;
use crate::ports::{PortKind, Ports};
use crate::relayed_tcp::{Registration, RelayedTcp, Sighting};
use crate::splice;
use crate::token::RelayKey;
use moim_turn::policy::RelayMode;
use moim_turn::server::{PortWanted, RelayedTransport, Wanted};
use moim_turn::{AddressFamily, AllocationId, PerFamily, RelayId, ReservationToken, Shards};
use moim_udp::{Socket, SocketOptions};
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::ops::RangeInclusive;
use std::os::fd::{AsFd, BorrowedFd};

/// How many ports are tried that somebody else on this host may have.
const BIND_TRIES: usize = 16;

/// What is asked of the kernel for what arrives at a relayed transport address, in bytes: a video frame or two of a peer, while
/// the thread does something else.
const RECV_BUFFER_LEN: usize = 512 * 1024;

/// Whether peers outside are reached, and by what.
type Mode = (RelayMode, RelayedTransport);

/// What is behind the relayed transport addresses of a shard.
pub(crate) struct Ends {
    addresses: PerFamily<Option<RelayAddress>>,
    ports: PerFamily<Ports>,
    /// By the place of the allocation.
    places: Vec<PerFamily<Option<End>>>,
    /// Those that wait for an Allocate with their token. The server bounds how many there are.
    reserved: BTreeMap<ReservationToken, Bound>,
    /// Those of all shards that are reached by TCP.
    relayed_tcp: RelayedTcp,
    /// RFC 8656 §7.2 wants ports that cannot be guessed.
    random: ChaCha12Rng,
}

/// What is behind a relayed transport address.
#[derive(Debug)]
struct End {
    id: RelayId,
    bound: Bound,
}

/// A relayed transport address, before and while it is an allocation's.
#[derive(Debug)]
pub(crate) struct Bound {
    family: AddressFamily,
    port: u16,
    kind: EndKind,
}

/// How peers reach it.
#[derive(Debug)]
pub(crate) enum EndKind {
    /// Within the process only: the address is nothing but a number.
    Internal,
    /// By UDP.
    Udp(Socket),
    /// By TCP (RFC 6062).
    Tcp(Listening),
}

/// What takes peers' connections to a relayed transport address.
#[derive(Debug)]
pub(crate) struct Listening {
    #[expect(
        dead_code,
        reason = "it is given up by being dropped, which has to be before the listener is closed"
    )]
    registration: Registration,
    listener: TcpListener,
}

/// Why a relayed transport address cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BindError {
    /// There are none of this family, or none that relay this.
    #[error("there are no such relayed addresses")]
    Unsupported,
    /// Every port of the shard is taken, or the one that was kept is no longer.
    #[error("no port is free")]
    NoPort,
    /// The system refuses.
    #[error("the system gives no socket")]
    System(#[from] io::Error),
}

impl fmt::Debug for Ends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The generator's state would tell every port to come.
        f.debug_struct("Ends").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

impl Ends {
    /// Nothing is bound yet. The seed comes from a cryptographic random source, and is another one for each shard.
    pub(crate) fn new(
        addresses: PerFamily<Option<RelayAddress>>,
        range: &RangeInclusive<u16>,
        shards: Shards,
        seed: [u8; 32],
        relayed_tcp: RelayedTcp,
    ) -> Self {
        let ports = PerFamily { ipv4: Ports::new(range, shards), ipv6: Ports::new(range, shards) };
        let random = ChaCha12Rng::from_seed(seed);
        Self { addresses, ports, places: Vec::new(), reserved: BTreeMap::new(), relayed_tcp, random }
    }

    /// Binds what an Allocate wants. It is given up by [`release`](Self::release), or becomes an allocation's by
    /// [`insert`](Self::insert).
    pub(crate) fn bind(&mut self, wanted: &Wanted, mode: RelayMode) -> Result<Bound, BindError> {
        let Wanted { family, transport, port } = *wanted;
        // Peers cannot connect to what is nothing but a number.
        let is_supported = transport == RelayedTransport::Udp || mode == RelayMode::Range;
        if self.addresses.of(family).is_none() || !is_supported {
            return Err(BindError::Unsupported);
        }
        let mode = (mode, transport);
        match port {
            PortWanted::Any => self.bind_kind(family, PortKind::Any, mode),
            PortWanted::Even => self.bind_kind(family, PortKind::Even, mode),
            PortWanted::EvenWithNext(token) => self.bind_pair(family, token, mode),
            PortWanted::Reserved(token) => match self.reserved.get(&token) {
                Some(bound) if bound.family == family => {
                    self.reserved.remove(&token).ok_or(BindError::NoPort)
                }
                Some(_) | None => Err(BindError::NoPort),
            },
        }
    }

    /// The address as clients and peers are told.
    pub(crate) fn advertised(&self, bound: &Bound) -> Option<SocketAddr> {
        let address = self.addresses.of(bound.family).as_ref()?;
        Some(SocketAddr::new(address.advertised, bound.port))
    }

    /// Gives up what was bound.
    pub(crate) fn release(&mut self, bound: Bound) {
        // Closed before its port is free for the next one.
        let Bound { family, port, kind } = bound;
        drop(kind);
        self.ports.of_mut(family).give_back(port);
    }

    /// Gives up what was kept for a token.
    pub(crate) fn release_reserved(&mut self, token: ReservationToken) {
        if let Some(bound) = self.reserved.remove(&token) {
            self.release(bound);
        }
    }

    /// What was bound is an allocation's from now on. Returns its socket, to be waited for, and by which name.
    pub(crate) fn insert(
        &mut self,
        allocation: AllocationId,
        bound: Bound,
    ) -> Option<(BorrowedFd<'_>, RelayKey)> {
        let id = RelayId { allocation, family: bound.family };
        let place = place(id);
        if place >= self.places.len() {
            self.places.resize_with(place + 1, PerFamily::default);
        }
        let slot = self.places[place].of_mut(id.family);
        debug_assert!(slot.is_none(), "a place is used again only after it was given up");
        let end = slot.insert(End { id, bound });
        match &end.bound.kind {
            EndKind::Udp(socket) => Some((socket.as_fd(), RelayKey::from(id))),
            EndKind::Tcp(tcp) => Some((tcp.listener.as_fd(), RelayKey::from(id))),
            EndKind::Internal => None,
        }
    }

    /// An allocation, or an address of it, is no more.
    pub(crate) fn remove(&mut self, id: RelayId) {
        if let Some(slot) = self.places.get_mut(place(id)).map(|families| families.of_mut(id.family))
            && let Some(end) = slot.take_if(|end| end.id == id)
        {
            self.release(end.bound);
        }
    }

    /// The relayed transport address that a poller's event is about. [`None`]: it is no more.
    pub(crate) fn find(&self, key: RelayKey) -> Option<RelayId> {
        let place = key.id();
        let end = self.end(place)?;
        (RelayKey::from(end.id) == key).then_some(end.id)
    }

    /// The socket behind a relayed transport address.
    pub(crate) fn socket(&self, id: RelayId) -> Option<&Socket> {
        match &self.end(id).filter(|end| end.id == id)?.bound.kind {
            EndKind::Udp(socket) => Some(socket),
            EndKind::Internal | EndKind::Tcp(_) => None,
        }
    }

    /// What takes peers' TCP connections to a relayed transport address.
    pub(crate) fn listener(&self, id: RelayId) -> Option<&TcpListener> {
        match &self.end(id).filter(|end| end.id == id)?.bound.kind {
            EndKind::Tcp(tcp) => Some(&tcp.listener),
            EndKind::Internal | EndKind::Udp(_) => None,
        }
    }

    /// The address of this host behind a relayed transport address.
    pub(crate) fn local(&self, id: RelayId) -> Option<SocketAddr> {
        let bound = &self.end(id).filter(|end| end.id == id)?.bound;
        let address = self.addresses.of(bound.family).as_ref()?;
        Some(SocketAddr::new(address.bind, bound.port))
    }

    /// The relayed TCP address, of any shard, that peers are told is at `peer`.
    pub(crate) fn sight_tcp(&self, peer: SocketAddr) -> Option<Sighting> {
        self.relayed_tcp.sight(peer)
    }

    /// Whether relayed transport addresses are told to be at this address.
    pub(crate) fn is_advertised(&self, ip: IpAddr) -> bool {
        self.addresses.iter().any(|(_, address)| address.advertised == ip)
    }

    /// An address as this host has it, of one that is told to be where relayed addresses are: another one behind a 1:1 NAT.
    pub(crate) fn as_bound(&self, told: SocketAddr) -> SocketAddr {
        let own = self.addresses.of(AddressFamily::of(told.ip())).filter(|own| own.advertised == told.ip());
        own.map_or(told, |own| SocketAddr::new(own.bind, told.port()))
    }

    /// The reverse: an address of this host as it is told, if it is where relayed addresses are.
    pub(crate) fn as_advertised(&self, bound: SocketAddr) -> SocketAddr {
        let own = self.addresses.of(AddressFamily::of(bound.ip())).filter(|own| own.bind == bound.ip());
        own.map_or(bound, |own| SocketAddr::new(own.advertised, bound.port()))
    }

    /// As what clients know a peer that connects from `from`. Behind a 1:1 NAT they know the process's own relayed addresses by
    /// others than these have here.
    pub(crate) fn known_as(&self, from: SocketAddr) -> SocketAddr {
        let own = self.addresses.of(AddressFamily::of(from.ip())).as_ref();
        let told = own
            .filter(|own| own.bind == from.ip() && own.advertised != own.bind)
            .map(|own| SocketAddr::new(own.advertised, from.port()));
        told.filter(|told| self.relayed_tcp.sight(*told).is_some()).unwrap_or(from)
    }

    fn end(&self, id: RelayId) -> Option<&End> {
        self.places.get(place(id))?.of(id.family).as_ref()
    }

    /// RFC 8656 §7.2: an even port, and the next one kept for a later Allocate.
    fn bind_pair(
        &mut self,
        family: AddressFamily,
        token: ReservationToken,
        mode: Mode,
    ) -> Result<Bound, BindError> {
        for _ in 0..BIND_TRIES {
            let bound = self.bind_kind(family, PortKind::EvenWithNext, mode)?;
            let next = bound.port + 1;
            let is_free = self.ports.of_mut(family).take_exactly(next);
            debug_assert!(is_free, "the kind asks for it");
            match self.open(family, next, mode) {
                Ok(kind) => {
                    self.reserved.insert(token, Bound { family, port: next, kind });
                    return Ok(bound);
                }
                Err(error) => {
                    self.ports.of_mut(family).give_back(next);
                    self.release(bound);
                    if error.kind() != io::ErrorKind::AddrInUse {
                        return Err(error.into());
                    }
                }
            }
        }
        Err(BindError::NoPort)
    }

    fn bind_kind(&mut self, family: AddressFamily, kind: PortKind, mode: Mode) -> Result<Bound, BindError> {
        let mut busy = [0; BIND_TRIES];
        let mut tries = 0;
        let result = loop {
            if tries == BIND_TRIES {
                break Err(BindError::NoPort);
            }
            let Some(port) = self.ports.of_mut(family).take(kind, self.random.next_u64()) else {
                break Err(BindError::NoPort);
            };
            match self.open(family, port, mode) {
                Ok(kind) => break Ok(Bound { family, port, kind }),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                    // Kept out of the way until another one is found.
                    busy[tries] = port;
                    tries += 1;
                }
                Err(error) => {
                    self.ports.of_mut(family).give_back(port);
                    break Err(error.into());
                }
            }
        };
        for port in &busy[..tries] {
            self.ports.of_mut(family).give_back(*port);
        }
        result
    }

    fn open(&self, family: AddressFamily, port: u16, mode: Mode) -> io::Result<EndKind> {
        let address = self.addresses.of(family).filter(|_| mode.0 == RelayMode::Range);
        let Some(RelayAddress { bind, advertised }) = address else { return Ok(EndKind::Internal) };
        let address = SocketAddr::new(bind, port);
        if mode.1 == RelayedTransport::Tcp {
            let listener = splice::listen(address)?;
            let registration = self.relayed_tcp.register(SocketAddr::new(advertised, port), address);
            return Ok(EndKind::Tcp(Listening { registration, listener }));
        }
        let options = SocketOptions {
            packet_info: false,
            recv_errors: true,
            recv_buffer_len: Some(RECV_BUFFER_LEN),
            ..SocketOptions::default()
        };
        Ok(EndKind::Udp(Socket::bind(address, &options)?))
    }
}

/// Where an allocation's ends are. The server uses places again, so that there are as many as there were allocations at once.
fn place(id: RelayId) -> usize {
    let index = id.allocation.to_bits() & u64::from(AllocationId::INDEX_MAX);
    usize::try_from(index).expect("an index has 31 bits")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, UdpSocket};
    use std::sync::atomic::{AtomicU8, Ordering};

    const UDP: RelayedTransport = RelayedTransport::Udp;

    #[test]
    fn a_port_that_somebody_else_has_is_passed_over() {
        let (mut ends, address) = ends_of_four_ports();
        let _somebody = UdpSocket::bind((address, FIRST + 1)).unwrap();

        let mut ports: Vec<_> = (0..3).map(|_| bind(&mut ends, PortWanted::Any).unwrap().port).collect();

        ports.sort_unstable();
        assert_eq!(ports, [FIRST, FIRST + 2, FIRST + 3]);
        assert!(matches!(bind(&mut ends, PortWanted::Any), Err(BindError::NoPort)));
    }

    #[test]
    fn what_is_given_up_can_be_had_again() {
        let (mut ends, _) = ends_of_four_ports();
        for generation in 0..9 {
            let bound = bind(&mut ends, PortWanted::Even).unwrap();
            let address = ends.advertised(&bound).unwrap();
            let allocation = AllocationId::from_bits(generation << 32);
            let id = RelayId { allocation, family: AddressFamily::Ipv4 };

            let (_, key) = ends.insert(allocation, bound).unwrap();
            assert_eq!(ends.find(key), Some(id));
            assert_eq!(ends.socket(id).unwrap().local_addr(), address);

            ends.remove(id);
            assert_eq!(ends.find(key), None);
            assert!(ends.socket(id).is_none());
            assert!(UdpSocket::bind(address).is_ok());
        }
    }

    /// Covers: RFC 8656 §7.2
    #[test]
    fn what_is_reserved_waits_for_its_token() {
        let (mut ends, _) = ends_of_four_ports();
        let token = ReservationToken([7; 8]);
        let even = bind(&mut ends, PortWanted::EvenWithNext(token)).unwrap();

        assert!(matches!(
            bind(&mut ends, PortWanted::Reserved(ReservationToken([8; 8]))),
            Err(BindError::NoPort)
        ));
        let ipv6 = Wanted { family: AddressFamily::Ipv6, transport: UDP, port: PortWanted::Reserved(token) };
        assert!(ends.bind(&ipv6, RelayMode::Range).is_err());
        let next = bind(&mut ends, PortWanted::Reserved(token)).unwrap();
        assert_eq!((even.port % 2, next.port), (0, even.port + 1));
        assert!(bind(&mut ends, PortWanted::Reserved(token)).is_err());

        let other = bind(&mut ends, PortWanted::EvenWithNext(token)).unwrap();
        assert!(bind(&mut ends, PortWanted::Any).is_err());
        ends.release_reserved(token);
        assert_eq!(bind(&mut ends, PortWanted::Any).unwrap().port, other.port + 1);
    }

    #[test]
    fn within_the_process_an_address_is_a_number() {
        let (mut ends, _) = ends_of_four_ports();
        let wanted = Wanted { family: AddressFamily::Ipv4, transport: UDP, port: PortWanted::Any };

        let bound = ends.bind(&wanted, RelayMode::Internal).unwrap();

        let address = ends.advertised(&bound).unwrap();
        assert!(ends.insert(AllocationId::from_bits(0), bound).is_none());
        assert!(UdpSocket::bind(address).is_ok());
        let tcp = Wanted { transport: RelayedTransport::Tcp, ..wanted };
        assert!(matches!(ends.bind(&tcp, RelayMode::Internal), Err(BindError::Unsupported)));
    }

    fn bind(ends: &mut Ends, port: PortWanted) -> Result<Bound, BindError> {
        let wanted = Wanted { family: AddressFamily::Ipv4, transport: UDP, port };
        ends.bind(&wanted, RelayMode::Range)
    }

    const FIRST: u16 = 50_000;

    /// Tests run side by side, each with a loopback address of its own.
    fn ends_of_four_ports() -> (Ends, Ipv4Addr) {
        static TESTS: AtomicU8 = AtomicU8::new(1);
        let [.., p2, p1] = std::process::id().to_be_bytes();
        let address = Ipv4Addr::new(127, 64 + TESTS.fetch_add(1, Ordering::Relaxed), p2, p1.clamp(1, 254));
        let own = RelayAddress { bind: address.into(), advertised: address.into() };
        let addresses = PerFamily { ipv4: Some(own), ipv6: None };
        (Ends::new(addresses, &(FIRST..=FIRST + 3), Shards::ONE, [1; 32], RelayedTcp::default()), address)
    }
}
