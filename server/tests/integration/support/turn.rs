//! A TURN client, as small as a test needs it.

use super::within;
use moim_stun::attribute::{ErrorCode, Nonce, Realm, Username};
use moim_stun::{Class, Integrity, IntegrityKey, Message, MessageBuilder, Method, Seal, TransactionId};
use moim_turn::attribute::{Data, Lifetime, RequestedTransport, XorPeerAddress, XorRelayedAddress};
use moim_turn::method;
use std::net::SocketAddr;
use tokio::net::UdpSocket;

/// The default realm.
const REALM: &str = "moim";

/// A client with a user name and a password.
pub(crate) struct TurnClient {
    socket: UdpSocket,
    username: String,
    password: String,
    nonce: String,
    transactions: u8,
}

impl TurnClient {
    pub(crate) async fn new(server: SocketAddr, username: &str, password: &str) -> Self {
        let socket = UdpSocket::bind(SocketAddr::new(server.ip(), 0)).await.unwrap();
        socket.connect(server).await.unwrap();
        let (username, password) = (username.to_owned(), password.to_owned());
        Self { socket, username, password, nonce: String::new(), transactions: 0 }
    }

    /// The relayed address, or the code of the refusal.
    pub(crate) async fn allocate(&mut self) -> Result<SocketAddr, u16> {
        let udp = RequestedTransport(17);
        let response = self.request(method::ALLOCATE, |builder| builder.attribute(&udp).unwrap()).await?;
        Ok(Message::parse(&response).unwrap().get::<XorRelayedAddress>().unwrap().unwrap().0)
    }

    /// Keeps the allocation for so many seconds; 0 gives it back.
    pub(crate) async fn refresh(&mut self, lifetime: u32) -> Result<(), u16> {
        let lifetime = Lifetime(lifetime);
        self.request(method::REFRESH, |builder| builder.attribute(&lifetime).unwrap()).await.map(drop)
    }

    /// Lets a peer send.
    pub(crate) async fn permit(&mut self, peer: SocketAddr) -> Result<(), u16> {
        let peer = XorPeerAddress(peer);
        self.request(method::CREATE_PERMISSION, |builder| builder.attribute(&peer).unwrap()).await.map(drop)
    }

    pub(crate) async fn send(&self, peer: SocketAddr, data: &[u8]) {
        let mut buffer = [0; 2048];
        let id = TransactionId([0xee; 12]);
        let mut builder = MessageBuilder::new(&mut buffer, Class::Indication, method::SEND, id).unwrap();
        builder.attribute(&XorPeerAddress(peer)).unwrap();
        builder.attribute(&Data(data)).unwrap();
        self.socket.send(builder.finish(Seal::default()).unwrap()).await.unwrap();
    }

    /// What a peer sent.
    pub(crate) async fn receive(&self) -> (SocketAddr, Vec<u8>) {
        let bytes = self.datagram().await;
        let message = Message::parse(&bytes).unwrap();
        assert_eq!((message.class(), message.method()), (Class::Indication, method::DATA));
        let peer = message.get::<XorPeerAddress>().unwrap().unwrap().0;
        (peer, message.get::<Data<'_>>().unwrap().unwrap().0.to_vec())
    }

    /// Asks with credentials, once more if the nonce was none or is stale.
    async fn request(
        &mut self,
        method: Method,
        fill: impl Fn(&mut MessageBuilder<'_>),
    ) -> Result<Vec<u8>, u16> {
        let mut is_challenged = false;
        loop {
            let response = self.exchange(method, &fill).await;
            let message = Message::parse(&response).unwrap();
            let Some(error) = message.get::<ErrorCode<'_>>().unwrap() else { return Ok(response) };
            match message.get::<Nonce<'_>>().unwrap() {
                Some(nonce) if !is_challenged => nonce.0.clone_into(&mut self.nonce),
                _ => return Err(error.code()),
            }
            is_challenged = true;
        }
    }

    async fn exchange(&mut self, method: Method, fill: impl Fn(&mut MessageBuilder<'_>)) -> Vec<u8> {
        self.transactions += 1;
        let id = TransactionId([self.transactions; 12]);
        let mut buffer = [0; 1024];
        let mut builder = MessageBuilder::new(&mut buffer, Class::Request, method, id).unwrap();
        fill(&mut builder);
        let key = IntegrityKey::long_term_md5(&self.username, REALM, &self.password).unwrap();
        let mut seal = Seal::default();
        if !self.nonce.is_empty() {
            builder.attribute(&Username(&self.username)).unwrap();
            builder.attribute(&Realm(REALM)).unwrap();
            builder.attribute(&Nonce(&self.nonce)).unwrap();
            seal.integrity = Integrity::Sha1(&key);
        }
        self.socket.send(builder.finish(seal).unwrap()).await.unwrap();
        self.datagram().await
    }

    async fn datagram(&self) -> Vec<u8> {
        let mut buffer = vec![0; 2048];
        let len = within(self.socket.recv(&mut buffer)).await.unwrap();
        buffer.truncate(len);
        buffer
    }
}
