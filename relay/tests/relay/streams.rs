//! Clients on TCP, and relayed TCP (RFC 6062), over real sockets.

use crate::client::{PASSWORD, REALM, USERNAME, channel_data, error_code};
use crate::{config, peer, receive, relayed_ip, start};
use moim_relay::{Places, Relay, StreamClient};
use moim_stun::attribute::{Nonce, Realm, Username, XorMappedAddress};
use moim_stun::{Class, Integrity, IntegrityKey, Message, MessageBuilder, Method, Seal, TransactionId};
use moim_turn::attribute::{ChannelNumberAttribute, RequestedTransport, XorPeerAddress, XorRelayedAddress};
use moim_turn::policy::{PeerLists, PeerPolicy};
use moim_turn::{ConnectionId, RealmId, method};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// Loopback delivers at once, but machines may be busy; the limit only keeps a broken test from hanging.
const WITHIN_REASON: Duration = Duration::from_secs(60);
const UDP: u8 = 17;
const TCP: u8 = 6;

/// A client on TCP.
struct Client {
    stream: TcpStream,
    nonce: String,
    transactions: u8,
}

impl Client {
    /// A connection that the relay has taken over.
    fn new(relay: &Relay) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        stream.set_read_timeout(Some(WITHIN_REASON)).unwrap();
        stream.set_nodelay(true).unwrap();
        let (accepted, client) = listener.accept().unwrap();
        let server = accepted.local_addr().unwrap();
        let adopted = StreamClient {
            stream: accepted,
            tls: None,
            read_ahead: Vec::new(),
            client,
            server,
            realm: RealmId::default(),
            places: Places::default(),
        };
        relay.adopt(adopted).unwrap();
        Self { stream, nonce: String::new(), transactions: 0 }
    }

    fn allocated(relay: &Relay, transport: u8) -> (Self, SocketAddr) {
        let mut client = Self::new(relay);
        let response = client.request(method::ALLOCATE, |builder| {
            builder.attribute(&RequestedTransport(transport)).unwrap();
        });
        assert_eq!(error_code(&response), None);
        let relayed = crate::attribute::<XorRelayedAddress>(&response).unwrap();
        (client, relayed.0)
    }

    /// The next message, padding included.
    fn receive(&mut self) -> Vec<u8> {
        let mut message = vec![0; 4];
        self.stream.read_exact(&mut message).unwrap();
        let len = usize::from(u16::from_be_bytes([message[2], message[3]]));
        let rest = if message[0] < 0x40 { 16 + len } else { len.next_multiple_of(4) };
        message.resize(4 + rest, 0);
        self.stream.read_exact(&mut message[4..]).unwrap();
        message
    }

    /// A request with credentials, answering one challenge.
    fn request(&mut self, method: Method, fill: impl Fn(&mut MessageBuilder<'_>)) -> Vec<u8> {
        for _ in 0..3 {
            let response = self.exchange(method, &fill);
            match error_code(&response) {
                Some(401 | 438) => {
                    let nonce = crate::attribute::<Nonce<'_>>(&response).unwrap();
                    nonce.0.clone_into(&mut self.nonce);
                }
                _ => return response,
            }
        }
        panic!("the credential is refused");
    }

    fn exchange(&mut self, method: Method, fill: impl Fn(&mut MessageBuilder<'_>)) -> Vec<u8> {
        self.transactions += 1;
        let id = TransactionId([self.transactions; 12]);
        let mut buffer = [0; 1024];
        let mut builder = MessageBuilder::new(&mut buffer, Class::Request, method, id).unwrap();
        fill(&mut builder);
        let key = IntegrityKey::long_term_md5(USERNAME, REALM, PASSWORD).unwrap();
        let mut seal = Seal::default();
        if !self.nonce.is_empty() {
            builder.attribute(&Username(USERNAME)).unwrap();
            builder.attribute(&Realm(REALM)).unwrap();
            builder.attribute(&Nonce(&self.nonce)).unwrap();
            seal.integrity = Integrity::Sha1(&key);
        }
        self.stream.write_all(builder.finish(seal).unwrap()).unwrap();
        let response = self.receive();
        assert_eq!(Message::parse(&response).unwrap().transaction_id(), id);
        response
    }

    fn permit(&mut self, peer: SocketAddr) {
        let response = self.request(method::CREATE_PERMISSION, |builder| {
            builder.attribute(&XorPeerAddress(peer)).unwrap();
        });
        assert_eq!(error_code(&response), None);
    }

    /// Becomes the other end of a connection with a peer.
    fn bind(mut self, connection: ConnectionId) -> TcpStream {
        let response = self.request(method::CONNECTION_BIND, |builder| {
            builder.attribute(&connection).unwrap();
        });
        assert_eq!(error_code(&response), None);
        self.stream
    }
}

/// What is said at one end arrives at the other, and each end is told when the other has no more to say.
fn talk(mut client: TcpStream, mut peer: TcpStream) {
    peer.set_read_timeout(Some(WITHIN_REASON)).unwrap();
    let (mut heard, question) = (Vec::new(), vec![7; 300_000]);
    let asking = std::thread::spawn(move || {
        client.write_all(&question).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).unwrap();
        answer
    });
    peer.read_to_end(&mut heard).unwrap();
    assert_eq!(heard, vec![7; 300_000]);
    peer.write_all(b"answer").unwrap();
    drop(peer);
    assert_eq!(asking.join().unwrap(), b"answer");
}

/// Covers: RFC 8656 §12.5
#[test]
fn clients_on_tcp_reach_peers_on_udp_by_padded_channels() {
    let relay = start(config(&["127.0.0.1:0"], 2));
    let (mut client, relayed) = Client::allocated(&relay, UDP);
    let (socket, at) = peer();
    let response = client.request(method::CHANNEL_BIND, |builder| {
        builder.attribute(&ChannelNumberAttribute(0x4001)).unwrap();
        builder.attribute(&XorPeerAddress(at)).unwrap();
    });
    assert_eq!(error_code(&response), None);

    let mut padded = channel_data(0x4001, b"hello");
    padded.extend([0; 3]);
    client.stream.write_all(&padded.repeat(20)).unwrap();
    for _ in 0..20 {
        assert_eq!(receive(&socket), (b"hello".to_vec(), relayed));
    }
    socket.send_to(b"back!", relayed).unwrap();
    let message = client.receive();
    assert_eq!((&message[..9], message.len()), (&channel_data(0x4001, b"back!")[..], 12));
}

#[test]
fn an_allocation_ends_with_its_connection() {
    let relay = start(config(&["127.0.0.1:0"], 1));
    let (client, _) = Client::allocated(&relay, UDP);
    assert_eq!(relay.allocations().len(), 1);

    drop(client);

    crate::within_reason(|| relay.allocations().is_empty());
}

#[test]
fn a_binding_request_on_tcp_is_answered() {
    let relay = start(config(&["127.0.0.1:0"], 2));
    let mut client = Client::new(&relay);

    let response = client.exchange(Method::BINDING, |_| {});

    let mapped = crate::attribute::<XorMappedAddress>(&response).unwrap();
    assert_eq!(mapped.0, client.stream.local_addr().unwrap());
}

/// Covers: RFC 6062 §4.3, §5.2, §5.4
#[test]
fn a_client_connects_to_a_peer_whatever_shard_its_connections_come_to() {
    let relay = start(tcp(2));
    let listener = TcpListener::bind("127.0.0.2:0").unwrap();
    let at = listener.local_addr().unwrap();
    // Connections go to the shards by turns, so that an odd number between them visits both.
    for round in 0..4 {
        let (mut control, relayed) = Client::allocated(&relay, TCP);
        let _other = (round % 2 == 0).then(|| Client::new(&relay));
        control.permit(at);
        let response =
            control.request(method::CONNECT, |builder| builder.attribute(&XorPeerAddress(at)).unwrap());
        assert_eq!(error_code(&response), None);
        let connection = crate::attribute::<ConnectionId>(&response).unwrap();
        let (peer, from) = listener.accept().unwrap();
        assert_eq!(from, relayed, "it comes from the relayed address");

        talk(Client::new(&relay).bind(connection), peer);
    }
}

/// Covers: RFC 6062 §4.4, §5.3
#[test]
fn a_peer_connects_to_a_client() {
    let relay = start(tcp(2));
    let (mut control, relayed) = Client::allocated(&relay, TCP);
    let stranger = TcpStream::connect(relayed).unwrap();
    assert_eq!((&stranger).read(&mut [0; 1]).unwrap_or(0), 0, "it has no permission");
    control.permit("127.0.0.2:9".parse().unwrap());

    let socket = bound("127.0.0.2:0");
    socket.connect(&relayed.into()).unwrap();
    let peer: TcpStream = socket.into();
    let attempt = control.receive();
    assert_eq!(Message::parse(&attempt).unwrap().method(), method::CONNECTION_ATTEMPT);
    assert_eq!(crate::attribute::<XorPeerAddress>(&attempt).unwrap().0, peer.local_addr().unwrap());
    let connection = crate::attribute::<ConnectionId>(&attempt).unwrap();

    talk(Client::new(&relay).bind(connection), peer);
}

/// Covers: RFC 6062 §5.3, §5.4 (a server of mail speaks first)
#[test]
fn what_a_peer_says_before_its_connection_is_taken_is_not_lost() {
    let relay = start(tcp(2));
    let listener = TcpListener::bind("127.0.0.2:0").unwrap();
    let at = listener.local_addr().unwrap();
    for says_no_more in [false, true] {
        let (mut control, _) = Client::allocated(&relay, TCP);
        control.permit(at);
        let response =
            control.request(method::CONNECT, |builder| builder.attribute(&XorPeerAddress(at)).unwrap());
        let connection = crate::attribute::<ConnectionId>(&response).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        peer.write_all(b"220 ready").unwrap();
        if says_no_more {
            peer.shutdown(Shutdown::Write).unwrap();
        }

        let mut client = Client::new(&relay).bind(connection);

        let mut greeting = [0; 9];
        client.read_exact(&mut greeting).unwrap();
        assert_eq!(&greeting, b"220 ready");
        if !says_no_more {
            talk(client, peer);
        }
    }
}

/// Covers: RFC 6062 §5.2
#[test]
fn a_peer_that_refuses_is_told() {
    let relay = start(tcp(1));
    let (mut control, _) = Client::allocated(&relay, TCP);
    // A port that is taken and not listened at.
    let socket = bound("127.0.0.2:0");
    let closed = socket.local_addr().unwrap().as_socket().unwrap();
    control.permit(closed);

    let response =
        control.request(method::CONNECT, |builder| builder.attribute(&XorPeerAddress(closed)).unwrap());

    assert_eq!(error_code(&response), Some(447));
}

/// Covers: RFC 6062 §5.2, §5.3
#[test]
fn clients_connect_to_each_other_whatever_shards_have_their_allocations() {
    let relay = start(tcp(2));
    for round in 0..4 {
        connect_to_each_other(&relay, round % 2 == 0);
    }
}

/// Behind a NAT they know each other by addresses that no socket has, and need no way out and back in.
#[test]
fn clients_connect_to_each_other_behind_a_nat() {
    let mut config = tcp(2);
    let advertised = "203.0.113.5".parse().unwrap();
    config.relay_addresses.ipv4.as_mut().unwrap().advertised = advertised;
    let mut turn = moim_turn::server::Config::clone(&config.turn);
    turn.peers = PeerPolicy::new(PeerLists { relayed: vec![advertised], ..PeerLists::default() });
    config.turn = Arc::new(turn);

    connect_to_each_other(&start(config), false);
}

/// One client connects to the other, whose allocation is at the same shard or another one.
fn connect_to_each_other(relay: &Relay, is_same_shard: bool) {
    let (mut anna, from) = Client::allocated(relay, TCP);
    // Connections go to the shards by turns.
    let _other = is_same_shard.then(|| Client::new(relay));
    let (mut boris, to) = Client::allocated(relay, TCP);
    assert_eq!(from.port() / 2 % 2 == to.port() / 2 % 2, is_same_shard);
    anna.permit(to);
    boris.permit(from);

    let response = anna.request(method::CONNECT, |builder| builder.attribute(&XorPeerAddress(to)).unwrap());
    assert_eq!(error_code(&response), None);
    let attempt = boris.receive();
    assert_eq!(Message::parse(&attempt).unwrap().method(), method::CONNECTION_ATTEMPT);
    assert_eq!(crate::attribute::<XorPeerAddress>(&attempt).unwrap().0, from);

    let of = |message: &[u8]| crate::attribute::<ConnectionId>(message).unwrap();
    let annas = Client::new(relay).bind(of(&response));
    let borises = Client::new(relay).bind(of(&attempt));
    talk(annas, borises);
}

/// Covers: RFC 6062 §5.2 (403)
#[test]
fn nothing_else_that_listens_on_the_servers_addresses_is_connected_to() {
    let relay = start(tcp(2));
    let (mut anna, _) = Client::allocated(&relay, TCP);
    let (boris, former) = Client::allocated(&relay, TCP);
    let (_carla, datagrams) = Client::allocated(&relay, UDP);
    let program = TcpListener::bind((relayed_ip(), 0)).unwrap();
    let connect = |anna: &mut Client, at| {
        error_code(&anna.request(method::CONNECT, |builder| builder.attribute(&XorPeerAddress(at)).unwrap()))
    };
    for at in [program.local_addr().unwrap(), datagrams, relay.local_addrs()[0]] {
        assert_eq!(connect(&mut anna, at), Some(403), "{at}");
    }

    drop(boris);
    crate::within_reason(|| relay.allocations().len() == 2);
    let heir = TcpListener::bind(former).unwrap();
    assert_eq!(connect(&mut anna, former), Some(403));

    for listener in [program, heir] {
        listener.set_nonblocking(true).unwrap();
        assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "nobody has connected");
    }
}

/// A socket with an address, and nothing more yet.
fn bound(address: &str) -> socket2::Socket {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&address.parse::<SocketAddr>().unwrap().into()).unwrap();
    socket
}

fn tcp(shards: u16) -> moim_relay::RelayConfig {
    let mut config = config(&[&format!("{}:0", relayed_ip())], shards);
    let turn = moim_turn::server::Config::clone(&config.turn);
    config.turn = Arc::new(moim_turn::server::Config { tcp_allocations: true, ..turn });
    config
}
