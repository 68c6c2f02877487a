use super::*;
use crate::relayed_tcp::RelayedTcp;
use crate::token::Token;
use std::io::Read as _;
use std::net::TcpListener;
use std::time::Duration;

/// Loopback connects at once; the limit only keeps a broken test from hanging.
const WITHIN_REASON: Duration = Duration::from_secs(60);
const ID: ConnectionId = ConnectionId(7);

/// The connections of a shard, and a socket that listens at a relayed TCP address, or where one was.
struct World {
    peers: TcpPeers,
    poller: Poller,
    listener: TcpListener,
    address: SocketAddr,
}

impl World {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let peers = TcpPeers::new(|key, end| Token::Tcp(key, end).to_bits());
        Self { peers, poller: Poller::new().unwrap(), listener, address }
    }

    /// Connects to what has been seen, and returns what became of it.
    fn connect(&mut self, sighting: Sighting) -> Option<TcpOutcome> {
        let from = SocketAddr::new(self.address.ip(), 0);
        self.peers.connect(ID, from, Destination::Own(sighting), &self.poller).unwrap();
        self.poller.wait(Some(WITHIN_REASON)).unwrap();
        let ready = self.poller.ready(0);
        let mut buffer = ReceiveBuffer::new();
        let (key, with) = (self.peers.keys[&ID], (&mut buffer, &self.poller));
        self.peers.handle_ready(key, Some(ready), with, Instant::now(), |_, _, _| true)
    }
}

#[test]
fn a_relayed_address_that_is_there_all_the_while_is_connected_to() {
    let (mut world, all) = (World::new(), RelayedTcp::default());
    let _registration = all.register(world.address, world.address);

    let outcome = world.connect(all.sight(world.address).unwrap());

    assert_eq!(outcome, Some(TcpOutcome::Connected(ID)));
}

/// Between the check and the connection, the address was given up, and a stranger's program got its port; that it
/// is a relayed address once more since makes no difference.
#[test]
fn who_takes_over_the_port_of_a_relayed_address_is_told_nothing() {
    let (mut world, all) = (World::new(), RelayedTcp::default());
    let registration = all.register(world.address, world.address);
    let sighting = all.sight(world.address).unwrap();
    drop(registration);
    let _next = all.register(world.address, world.address);

    let outcome = world.connect(sighting);

    assert_eq!((outcome, world.peers.len()), (Some(TcpOutcome::Refused(ID)), 0));
    let (mut stranger, _) = world.listener.accept().unwrap();
    assert_eq!(stranger.read(&mut [0; 1]).unwrap_or(0), 0);
}
