//! TURN clients: what a server answers to, and nothing more. Written apart from the project's own client, so that a server is not
//! measured by its twin.

use super::contender::{PASSWORD, USERNAME};
use super::network::Network;
use crate::udp::{Outgoing, Receiver, Sender, Socket};
use anyhow::{Context, Result, bail};
use moim_stun::attribute::{ErrorCode, Nonce, Realm, Username};
use moim_stun::{
    AttributeType, Class, Integrity, IntegrityCheck, IntegrityKey, Message, MessageBuilder, Method, Seal,
    TransactionId,
};
use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Requests without an answer at a time.
const WINDOW: usize = 64;
/// When a request is sent again.
const RETRANSMIT_AFTER: Duration = Duration::from_millis(500);
/// How often a request is sent before we give up.
const ATTEMPTS_MAX: u32 = 12;
const MESSAGE_LEN_MAX: usize = 1_024;
/// UDP, in REQUESTED-TRANSPORT.
pub(crate) const UDP: [u8; 4] = [17, 0, 0, 0];
/// The first channel number.
const CHANNEL_MIN: u16 = 0x4000;

const ALLOCATE: u16 = 3;
const REFRESH: u16 = 4;
const CHANNEL_BIND: u16 = 9;

const CHANNEL_NUMBER: AttributeType = AttributeType(0x000c);
const LIFETIME: AttributeType = AttributeType(0x000d);
const XOR_PEER_ADDRESS: AttributeType = AttributeType(0x0012);
const XOR_RELAYED_ADDRESS: AttributeType = AttributeType(0x0016);
const REQUESTED_TRANSPORT: AttributeType = AttributeType(0x0019);

/// Numbers each exchange, so that no transaction id comes twice.
static EXCHANGES: AtomicU32 = AtomicU32::new(1);

/// An allocation and what its client knows.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    pub(crate) client: SocketAddrV4,
    /// What its channel is bound to.
    pub(crate) peer: SocketAddrV4,
    pub(crate) relayed: SocketAddrV4,
    pub(crate) channel: u16,
    nonce: String,
}

/// Clients of one server, all behind one socket.
pub(crate) struct Clients<'a> {
    socket: &'a Socket,
    pub(crate) server: SocketAddrV4,
    pub(crate) lanes: Vec<Lane>,
    key: Option<IntegrityKey>,
    realm: String,
    sender: Sender,
    receiver: Receiver,
}

impl<'a> Clients<'a> {
    /// Some clients of `server`, each with its own address and its own peer.
    pub(crate) fn new(
        socket: &'a Socket,
        server: SocketAddrV4,
        network: &Network,
        clients: Range<u32>,
    ) -> Self {
        let lanes = clients.map(|index| Lane {
            client: network.client(index),
            peer: network.peer(index),
            relayed: SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0),
            // RFC 8656 §12: a channel number counts within its allocation only.
            channel: CHANNEL_MIN + u16::try_from(index % 0x1000).expect("below 4096"),
            nonce: String::new(),
        });
        Self {
            socket,
            server,
            lanes: lanes.collect(),
            key: None,
            realm: String::new(),
            sender: Sender::new(),
            receiver: Receiver::new(MESSAGE_LEN_MAX * 2),
        }
    }

    /// Makes the allocations: two round trips each, the first to be told the realm and a nonce (RFC 8489 §9.2).
    pub(crate) fn allocate(&mut self) -> Result<()> {
        let mut realm = None;
        let mut nonces = vec![String::new(); self.lanes.len()];
        self.exchange(
            ALLOCATE,
            |_, builder| Ok(builder.raw(REQUESTED_TRANSPORT, &UDP)?),
            |index, response| {
                let code = response.get::<ErrorCode<'_>>()?.context("no ERROR-CODE")?.code();
                if code != 401 {
                    bail!("{code} in place of 401");
                }
                response.get::<Nonce<'_>>()?.context("no NONCE")?.0.clone_into(&mut nonces[index]);
                realm = Some(response.get::<Realm<'_>>()?.context("no REALM")?.0.to_owned());
                Ok(())
            },
        )?;
        for (lane, nonce) in self.lanes.iter_mut().zip(nonces) {
            lane.nonce = nonce;
        }
        self.realm = realm.context("nobody was told the realm")?;
        self.key = Some(IntegrityKey::long_term_md5(USERNAME, &self.realm, PASSWORD)?);

        let mut relayed = vec![SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0); self.lanes.len()];
        self.exchange(
            ALLOCATE,
            |_, builder| Ok(builder.raw(REQUESTED_TRANSPORT, &UDP)?),
            |index, response| {
                let value = response.find(XOR_RELAYED_ADDRESS).context("no XOR-RELAYED-ADDRESS")?.value;
                relayed[index] = from_xor_address(value).context("a relayed address that is not IPv4")?;
                Ok(())
            },
        )?;
        for (lane, relayed) in self.lanes.iter_mut().zip(relayed) {
            lane.relayed = relayed;
        }
        Ok(())
    }

    /// Makes each two of them the peers of each other.
    pub(crate) fn pair(&mut self) -> Result<()> {
        for pair in self.lanes.chunks_mut(2) {
            let [one, other] = pair else { bail!("an odd number of clients") };
            (one.peer, other.peer) = (other.relayed, one.relayed);
        }
        Ok(())
    }

    /// Binds the channel of each allocation to its peer.
    pub(crate) fn bind(&mut self) -> Result<()> {
        self.exchange(
            CHANNEL_BIND,
            |lane, builder| {
                let [high, low] = lane.channel.to_be_bytes();
                builder.raw(CHANNEL_NUMBER, &[high, low, 0, 0])?;
                Ok(builder.raw(XOR_PEER_ADDRESS, &to_xor_address(lane.peer))?)
            },
            |_, _| Ok(()),
        )
    }

    /// Ends the allocations.
    pub(crate) fn free(mut self) -> Result<()> {
        self.exchange(REFRESH, |_, builder| Ok(builder.raw(LIFETIME, &[0; 4])?), |_, _| Ok(()))
    }

    /// Sends one request for each lane, a window at a time, and sees to every response.
    fn exchange(
        &mut self,
        method: u16,
        attributes: impl Fn(&Lane, &mut MessageBuilder<'_>) -> Result<()>,
        mut on_response: impl FnMut(usize, &Message<'_>) -> Result<()>,
    ) -> Result<()> {
        let exchange = EXCHANGES.fetch_add(1, Ordering::Relaxed);
        let mut answered = vec![false; self.lanes.len()];
        let mut waiting: VecDeque<(usize, Instant, u32)> = VecDeque::new();
        let (mut next, mut outstanding) = (0, 0);
        while next < self.lanes.len() || outstanding > 0 {
            while outstanding < WINDOW && next < self.lanes.len() {
                self.request(exchange, method, next, &attributes)?;
                waiting.push_back((next, Instant::now(), 1));
                next += 1;
                outstanding += 1;
            }
            self.socket.wait(Duration::from_millis(20))?;
            let count = self.receiver.receive(self.socket)?;
            for index in 0..count {
                let incoming = self.receiver.message(index);
                let bytes = &self.receiver.memory()[incoming.start..incoming.start + incoming.len];
                let Some((lane, response)) =
                    response_to(bytes, exchange).filter(|_| incoming.from == self.server)
                else {
                    continue;
                };
                if answered.get(lane) != Some(&false) {
                    continue;
                }
                check(&response, self.key.as_ref())
                    .and_then(|()| on_response(lane, &response))
                    .with_context(|| {
                        format!("the response to method {method} of client {}", self.lanes[lane].client)
                    })?;
                answered[lane] = true;
                outstanding -= 1;
            }
            while let Some(&(lane, at, attempt)) = waiting.front() {
                if answered[lane] {
                    waiting.pop_front();
                } else if at.elapsed() < RETRANSMIT_AFTER {
                    break;
                } else {
                    if attempt == ATTEMPTS_MAX {
                        bail!("no answer to method {method} of client {}", self.lanes[lane].client);
                    }
                    self.request(exchange, method, lane, &attributes)?;
                    waiting.pop_front();
                    waiting.push_back((lane, Instant::now(), attempt + 1));
                }
            }
        }
        Ok(())
    }

    fn request(
        &mut self,
        exchange: u32,
        method: u16,
        index: usize,
        attributes: impl Fn(&Lane, &mut MessageBuilder<'_>) -> Result<()>,
    ) -> Result<()> {
        let lane = &self.lanes[index];
        let mut buffer = [0; MESSAGE_LEN_MAX];
        let mut id = [0x6d; 12];
        id[..4].copy_from_slice(&exchange.to_be_bytes());
        id[4..8].copy_from_slice(&u32::try_from(index)?.to_be_bytes());
        let method = Method::new(method).context("methods have 12 bits")?;
        let mut builder = MessageBuilder::new(&mut buffer, Class::Request, method, TransactionId(id))?;
        attributes(lane, &mut builder)?;
        let message = match &self.key {
            None => builder.finish(Seal::default())?,
            Some(key) => {
                builder.attribute(&Username(USERNAME))?;
                builder.attribute(&Realm(&self.realm))?;
                builder.attribute(&Nonce(&lane.nonce))?;
                builder.finish(Seal { integrity: Integrity::Sha1(key), fingerprint: false })?
            }
        };
        let from = Some(*lane.client.ip());
        let outgoing = Outgoing { start: 0, len: message.len(), segment_len: None, from, to: self.server };
        // What the kernel does not take is sent again later.
        self.sender.send(self.socket, message, &[outgoing])?;
        Ok(())
    }
}

/// Which lane's request of `exchange` this is the response to.
fn response_to(bytes: &[u8], exchange: u32) -> Option<(usize, Message<'_>)> {
    let message = Message::parse(bytes).ok()?;
    let id = message.transaction_id().0;
    let is_ours = id[..4] == exchange.to_be_bytes()
        && matches!(message.class(), Class::SuccessResponse | Class::ErrorResponse);
    let lane = u32::from_be_bytes(id[4..8].try_into().ok()?);
    is_ours.then_some((usize::try_from(lane).ok()?, message))
}

/// Before there is a key, an error is what is asked for; then only a success that proves to know it.
fn check(response: &Message<'_>, key: Option<&IntegrityKey>) -> Result<()> {
    let Some(key) = key else { return Ok(()) };
    if response.class() == Class::ErrorResponse {
        let error = response.get::<ErrorCode<'_>>()?.context("an error without ERROR-CODE")?;
        bail!("{} {}", error.code(), error.reason());
    }
    if response.check_sha1(key) != IntegrityCheck::Valid {
        bail!("its integrity is not valid");
    }
    Ok(())
}

/// XOR-PEER-ADDRESS of an IPv4 address: both parts XOR-ed with the magic cookie (RFC 8489 §14.2).
fn to_xor_address(address: SocketAddrV4) -> [u8; 8] {
    let [p0, p1] = (address.port() ^ 0x2112).to_be_bytes();
    let [a0, a1, a2, a3] = (u32::from(*address.ip()) ^ moim_stun::MAGIC_COOKIE).to_be_bytes();
    [0, 1, p0, p1, a0, a1, a2, a3]
}

fn from_xor_address(value: &[u8]) -> Option<SocketAddrV4> {
    let [0, 1, p0, p1, a0, a1, a2, a3] = *value else { return None };
    let ip = Ipv4Addr::from(u32::from_be_bytes([a0, a1, a2, a3]) ^ moim_stun::MAGIC_COOKIE);
    Some(SocketAddrV4::new(ip, u16::from_be_bytes([p0, p1]) ^ 0x2112))
}

#[cfg(test)]
mod tests {
    use super::{from_xor_address, to_xor_address};
    use std::net::{Ipv4Addr, SocketAddrV4};

    /// Covers: RFC 8489 §14.2
    #[test]
    fn addresses_survive_their_disguise() {
        let address = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), 32_853);
        assert_eq!(to_xor_address(address), [0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43]);
        assert_eq!(from_xor_address(&to_xor_address(address)), Some(address));
        assert_eq!(from_xor_address(&[0, 2, 0, 0]), None);
    }
}
