use crate::{Discovery, Listen, StartError};
use moim_stun::discovery::Endpoint;
use moim_turn::{FiveTuple, PerFamily, RealmId, Transport};
use moim_udp::{Socket, SocketOptions, Train};
use std::net::{IpAddr, SocketAddr};

/// How many addresses a relay listens on.
pub const LISTENERS_MAX: usize = 64;

/// What is asked of the kernel for either direction, in bytes: some 20 ms of a gigabit per second.
const BUFFER_LEN: usize = 2 << 20;

/// A socket that clients send to.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) socket: Socket,
    pub(crate) realm: RealmId,
}

/// Those of a shard.
#[derive(Debug)]
pub(crate) struct Listeners {
    listeners: Vec<Listener>,
}

/// The listeners that there are, and those that discovery needs beyond them.
pub(crate) fn with_discovery(
    mut listen: Vec<Listen>,
    discovery: &PerFamily<Option<Discovery>>,
) -> Vec<Listen> {
    for (_, discovery) in discovery.iter() {
        for address in Endpoint::ALL.map(|endpoint| discovery.local.address(endpoint)) {
            if !listen.iter().any(|one| is_within(address, one.address)) {
                listen.push(Listen { address, realm: RealmId::default() });
            }
        }
    }
    listen
}

/// Whether a socket on `listened`, which may be every address of its family, gets what is sent to `address`.
fn is_within(address: SocketAddr, listened: SocketAddr) -> bool {
    let is_ip = listened.ip() == address.ip()
        || (listened.ip().is_unspecified() && listened.is_ipv6() == address.is_ipv6());
    is_ip && listened.port() == address.port()
}

/// Binds the listeners of all shards, each of which has a socket of its own for each address.
pub(crate) fn bind(listen: &[Listen], shards: usize) -> Result<Vec<Listeners>, StartError> {
    if listen.len() > LISTENERS_MAX {
        return Err(StartError::TooManyListeners(listen.len()));
    }
    let mut all: Vec<_> = (0..shards).map(|_| Listeners { listeners: Vec::new() }).collect();
    for Listen { address, realm } in listen {
        let options = SocketOptions {
            reuse_port: shards > 1,
            packet_info: address.ip().is_unspecified(),
            recv_buffer_len: Some(BUFFER_LEN),
            send_buffer_len: Some(BUFFER_LEN),
            ..SocketOptions::default()
        };
        // Sockets that share a port do so with any program of the same user. Whether there is one shows without sharing.
        let mut address = *address;
        if shards > 1 {
            address = bind_one(address, &SocketOptions { reuse_port: false, ..options })?.local_addr();
        }
        for shard in &mut all {
            let socket = bind_one(address, &options)?;
            address = socket.local_addr();
            shard.listeners.push(Listener { socket, realm: *realm });
        }
    }
    Ok(all)
}

fn bind_one(address: SocketAddr, options: &SocketOptions) -> Result<Socket, StartError> {
    Socket::bind(address, options).map_err(|source| StartError::Listen { address, source })
}

impl Listeners {
    /// The listener of this place.
    pub(crate) fn get(&self, place: u8) -> Option<&Listener> {
        self.listeners.get(usize::from(place))
    }

    /// All of them, with their places.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u8, &Listener)> {
        (0..).zip(&self.listeners)
    }

    /// The addresses they listen on.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().map(|listener| listener.socket.local_addr()).collect()
    }

    /// The socket that answers for this address of the server, and whether the address has to be named with each packet,
    /// since the socket has several.
    pub(crate) fn of(&self, server: SocketAddr) -> Option<(&Socket, Option<IpAddr>)> {
        let (place, source) = self.find(server)?;
        Some((&self.get(place)?.socket, source))
    }

    /// The place of that socket, and the address to name.
    pub(crate) fn find(&self, server: SocketAddr) -> Option<(u8, Option<IpAddr>)> {
        let sockets = || self.iter().map(|(place, listener)| (place, listener.socket.local_addr()));
        if let Some((place, _)) = sockets().find(|(_, listened)| *listened == server) {
            return Some((place, None));
        }
        let (place, _) = sockets().find(|(_, listened)| is_within(server, *listened))?;
        Some((place, Some(server.ip())))
    }
}

impl Listener {
    /// Between whom a train went. [`None`]: it came to an address that is not one host's.
    pub(crate) fn five_tuple(&self, train: &Train<'_>) -> Option<FiveTuple> {
        let local = self.socket.local_addr();
        let ip = if local.ip().is_unspecified() { train.local? } else { local.ip() };
        Some(FiveTuple::new(Transport::Udp, train.source, SocketAddr::new(ip, local.port())))
    }
}
