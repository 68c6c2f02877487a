//! A TURN client on a blocking socket, for tests.

use moim_stun::attribute::{Attribute, ErrorCode, Nonce, Realm, Username};
use moim_stun::{Class, Integrity, IntegrityKey, Message, MessageBuilder, Method, Seal, TransactionId};
use moim_turn::attribute::{
    ChannelNumberAttribute, Data, Icmp, Lifetime, RequestedTransport, XorPeerAddress, XorRelayedAddress,
};
use moim_turn::method;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

pub(crate) const USERNAME: &str = "user";
pub(crate) const PASSWORD: &str = "pass";
pub(crate) const REALM: &str = "moim";

/// Loopback delivers at once, but machines may be busy; the limit only keeps a broken test from hanging.
const WITHIN_REASON: Duration = Duration::from_secs(60);

pub(crate) struct Client {
    pub(crate) socket: UdpSocket,
    nonce: String,
    transactions: u8,
}

impl Client {
    /// A client on a loopback address, with a port of its own.
    pub(crate) fn new(server: SocketAddr) -> Self {
        let socket = UdpSocket::bind(SocketAddr::new(server.ip(), 0)).unwrap();
        socket.set_read_timeout(Some(WITHIN_REASON)).unwrap();
        socket.connect(server).unwrap();
        Self { socket, nonce: String::new(), transactions: 0 }
    }

    /// One that has an allocation.
    pub(crate) fn allocated(server: SocketAddr) -> (Self, SocketAddr) {
        let mut client = Self::new(server);
        let relayed = client.allocate(|_| {}).unwrap();
        (client, relayed)
    }

    /// Asks for a relayed transport address; or says with which code it was refused.
    pub(crate) fn allocate(&mut self, extra: impl Fn(&mut MessageBuilder<'_>)) -> Result<SocketAddr, u16> {
        let response = self.request(method::ALLOCATE, |builder| {
            builder.attribute(&RequestedTransport(17)).unwrap();
            extra(builder);
        });
        let message = Message::parse(&response).unwrap();
        if let Some(error) = message.get::<ErrorCode<'_>>().unwrap() {
            return Err(error.code());
        }
        Ok(message.get::<XorRelayedAddress>().unwrap().unwrap().0)
    }

    pub(crate) fn refresh(&mut self, lifetime: u32) -> Vec<u8> {
        self.request(method::REFRESH, |builder| builder.attribute(&Lifetime(lifetime)).unwrap())
    }

    pub(crate) fn permit(&mut self, peer: SocketAddr) {
        let response = self.request(method::CREATE_PERMISSION, |builder| {
            builder.attribute(&XorPeerAddress(peer)).unwrap();
        });
        assert_eq!(error_code(&response), None);
    }

    pub(crate) fn bind_channel(&mut self, number: u16, peer: SocketAddr) {
        let response = self.request(method::CHANNEL_BIND, |builder| {
            builder.attribute(&ChannelNumberAttribute(number)).unwrap();
            builder.attribute(&XorPeerAddress(peer)).unwrap();
        });
        assert_eq!(error_code(&response), None);
    }

    /// Data by a Send indication.
    pub(crate) fn send_indication(&self, peer: SocketAddr, data: &[u8]) {
        let mut buffer = [0; 2048];
        let id = TransactionId([0xee; 12]);
        let mut builder = MessageBuilder::new(&mut buffer, Class::Indication, method::SEND, id).unwrap();
        builder.attribute(&XorPeerAddress(peer)).unwrap();
        builder.attribute(&Data(data)).unwrap();
        self.socket.send(builder.finish(Seal::default()).unwrap()).unwrap();
    }

    /// Data by a channel.
    pub(crate) fn send_channel(&self, number: u16, data: &[u8]) {
        self.socket.send(&channel_data(number, data)).unwrap();
    }

    /// Waits for data, from which channel or peer it may come.
    pub(crate) fn receive(&self) -> Incoming {
        let bytes = self.receive_bytes();
        if bytes[0] & 0xc0 == 0x40 {
            let len = usize::from(u16::from_be_bytes([bytes[2], bytes[3]]));
            return Incoming::Channel(u16::from_be_bytes([bytes[0], bytes[1]]), bytes[4..][..len].to_vec());
        }
        let message = Message::parse(&bytes).unwrap();
        assert_eq!((message.class(), message.method()), (Class::Indication, method::DATA));
        let peer = message.get::<XorPeerAddress>().unwrap().unwrap().0;
        if let Some(data) = message.get::<Data<'_>>().unwrap() {
            return Incoming::Data(peer, data.0.to_vec());
        }
        let icmp = message.get::<Icmp>().unwrap().unwrap();
        Incoming::Icmp(peer, icmp.icmp_type, icmp.code)
    }

    pub(crate) fn receive_bytes(&self) -> Vec<u8> {
        let mut buffer = vec![0; 65_536];
        let len = self.socket.recv(&mut buffer).expect("something arrives");
        buffer[..len].to_vec()
    }

    /// A request with credentials, answering one challenge.
    pub(crate) fn request(&mut self, method: Method, fill: impl Fn(&mut MessageBuilder<'_>)) -> Vec<u8> {
        for _ in 0..3 {
            let response = self.exchange(method, &fill);
            let message = Message::parse(&response).unwrap();
            match error_code(&response) {
                Some(401 | 438) => {
                    message.get::<Nonce<'_>>().unwrap().unwrap().0.clone_into(&mut self.nonce);
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
        self.socket.send(builder.finish(seal).unwrap()).unwrap();
        loop {
            let bytes = self.receive_bytes();
            if Message::parse(&bytes).is_ok_and(|message| message.transaction_id() == id) {
                return bytes;
            }
        }
    }
}

/// What comes to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Incoming {
    Channel(u16, Vec<u8>),
    Data(SocketAddr, Vec<u8>),
    Icmp(SocketAddr, u8, u8),
}

pub(crate) fn channel_data(number: u16, data: &[u8]) -> Vec<u8> {
    let len = u16::try_from(data.len()).unwrap();
    [&number.to_be_bytes(), &len.to_be_bytes(), data].concat()
}

pub(crate) fn error_code(response: &[u8]) -> Option<u16> {
    Message::parse(response).unwrap().get::<ErrorCode<'_>>().unwrap().map(|error| error.code())
}

pub(crate) fn attribute<'a, A: Attribute<'a>>(response: &'a [u8]) -> Option<A> {
    Message::parse(response).unwrap().get::<A>().unwrap()
}
