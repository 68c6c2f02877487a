//! Data between a client and a peer outside: Send and Data indications, ChannelData (RFC 8656 §11, §12).

use super::{Check, conforms, success, withstands};
use crate::turn_check::draft::{Draft, random};
use crate::turn_check::peer::Peer;
use crate::turn_check::subject::Subject;
use crate::turn_check::turn::{CHANNEL, FromPeer, Turn, channel_data};
use crate::turn_check::verdict::{Outcome, Verdict};
use moim_stun::AttributeType;
use moim_turn::attribute::{Data, DontFragment, XorPeerAddress};
use moim_turn::method;
use std::net::SocketAddr;
use std::time::Duration;

pub(super) const CHECKS: &[Check] = &[
    conforms("data/send", "RFC 8656 §11.2", "relays a Send indication, from the relayed address", send),
    conforms(
        "data/data",
        "RFC 8656 §11.3",
        "relays a peer's datagram as a Data indication that names the peer",
        data,
    ),
    conforms("data/channel-out", "RFC 8656 §12.6", "relays ChannelData to the channel's peer", channel_out),
    conforms(
        "data/channel-in",
        "RFC 8656 §12.7",
        "relays a peer's datagram as ChannelData once a channel is bound",
        channel_in,
    ),
    conforms("data/empty", "RFC 8656 §11, §12", "relays datagrams without a byte", empty),
    conforms(
        "data/sizes",
        "RFC 8656 §11, §12",
        "relays datagrams of every length up to a packet's, unchanged",
        sizes,
    ),
    conforms("data/order", "RFC 8656 §2.1", "keeps the order of what comes together", order),
    conforms(
        "data/dont-fragment",
        "RFC 8656 §11.2",
        "relays a Send indication with DONT-FRAGMENT",
        dont_fragment,
    ),
    conforms(
        "data/trailing",
        "RFC 8656 §12.5",
        "takes ChannelData over UDP with or without padding",
        trailing,
    ),
    withstands(
        "data/channel-length",
        "RFC 8656 §12.6",
        "drops ChannelData that claims more than there is",
        channel_length,
    ),
    withstands(
        "data/unknown-channel",
        "RFC 8656 §12.6",
        "drops ChannelData of a channel that is not bound",
        unknown_channel,
    ),
    withstands("data/no-data", "RFC 8656 §11.2", "drops a Send indication without DATA or peer", no_data),
    withstands(
        "data/unknown-attribute",
        "RFC 8489 §6.3.2",
        "drops an indication with an attribute that it must understand and does not",
        unknown_attribute,
    ),
];

/// A client and a peer that may talk.
struct Pair {
    turn: Turn,
    peer: Peer,
    relayed: SocketAddr,
    patience: Duration,
}

impl Pair {
    fn permitted(subject: &Subject) -> Result<Self, Verdict> {
        subject.needs_outside_peer()?;
        let mut turn = Turn::allocated(subject)?;
        turn.permitted(subject.peer_ip)?;
        let relayed = turn.relayed()?;
        Ok(Self { turn, peer: Peer::open(subject.peer_ip)?, relayed, patience: subject.patience })
    }

    fn bound(subject: &Subject) -> Result<Self, Verdict> {
        let mut pair = Self::permitted(subject)?;
        let address = pair.peer.address();
        success(&pair.turn.bind(CHANNEL, address)?)?;
        Ok(pair)
    }

    fn at_peer(&self, wait: Duration) -> Result<Option<(SocketAddr, Vec<u8>)>, Verdict> {
        self.peer.receive(wait)
    }

    /// The peer must get exactly these bytes, from the relayed address.
    fn peer_gets(&self, wanted: &[u8]) -> Result<(), Verdict> {
        match self.at_peer(self.patience)? {
            Some((from, data)) if data == wanted && from.port() == self.relayed.port() => Ok(()),
            Some((from, data)) if data == wanted => {
                Err(Verdict::fail(format_args!("it comes from {from}, not from {}", self.relayed)))
            }
            Some((_, data)) => {
                Err(Verdict::fail(format_args!("{} bytes arrive, not these {}", data.len(), wanted.len())))
            }
            None => Err(Verdict::fail(format_args!("{} bytes do not arrive", wanted.len()))),
        }
    }

    fn client_gets(&mut self, wanted: &[u8]) -> Result<FromPeer, Verdict> {
        match self.turn.receive(self.patience)? {
            Some(from) if from.data() == wanted => Ok(from),
            Some(from) => Err(Verdict::fail(format_args!(
                "{} bytes arrive, not these {}",
                from.data().len(),
                wanted.len()
            ))),
            None => Err(Verdict::fail(format_args!("{} bytes do not arrive", wanted.len()))),
        }
    }

    fn nothing_at_peer(&self) -> Outcome {
        match self.at_peer(self.turn.link.settling())? {
            None => Ok("nothing arrives".to_owned()),
            Some((_, data)) => Err(Verdict::fail(format_args!("{} bytes arrive", data.len()))),
        }
    }
}

fn send(subject: &Subject) -> Outcome {
    let mut pair = Pair::permitted(subject)?;
    let address = pair.peer.address();
    pair.turn.send_to(address, b"to the peer")?;
    pair.peer_gets(b"to the peer")?;
    Ok(format!("from {}", pair.relayed))
}

fn data(subject: &Subject) -> Outcome {
    let mut pair = Pair::permitted(subject)?;
    pair.peer.send(pair.relayed, b"from the peer")?;
    match pair.client_gets(b"from the peer")? {
        FromPeer::Indication { peer, .. } if peer == pair.peer.address() => Ok(format!("from {peer}")),
        FromPeer::Indication { peer, .. } => Err(Verdict::fail(format_args!("XOR-PEER-ADDRESS {peer}"))),
        FromPeer::Channel { .. } => Err(Verdict::fail("ChannelData, without a channel")),
    }
}

fn channel_out(subject: &Subject) -> Outcome {
    let mut pair = Pair::bound(subject)?;
    pair.turn.send_on(CHANNEL, b"by channel")?;
    pair.peer_gets(b"by channel")?;
    Ok(format!("from {}", pair.relayed))
}

fn channel_in(subject: &Subject) -> Outcome {
    let mut pair = Pair::bound(subject)?;
    pair.peer.send(pair.relayed, b"by channel")?;
    match pair.client_gets(b"by channel")? {
        FromPeer::Channel { number: CHANNEL, .. } => Ok(format!("on channel {CHANNEL:#x}")),
        FromPeer::Channel { number, .. } => Err(Verdict::fail(format_args!("on channel {number:#x}"))),
        FromPeer::Indication { .. } => Err(Verdict::fail("a Data indication")),
    }
}

fn empty(subject: &Subject) -> Outcome {
    let mut pair = Pair::bound(subject)?;
    let address = pair.peer.address();
    pair.turn.send_on(CHANNEL, b"")?;
    pair.peer_gets(b"")?;
    pair.turn.send_to(address, b"")?;
    pair.peer_gets(b"")?;
    pair.peer.send(pair.relayed, b"")?;
    pair.client_gets(b"")?;
    Ok("by Send, by channel, and back".to_owned())
}

fn sizes(subject: &Subject) -> Outcome {
    let mut pair = Pair::bound(subject)?;
    let address = pair.peer.address();
    let bytes: [u8; 1400] = random();
    let lens = [1, 2, 3, 4, 5, 172, 1000, 1200, 1399, 1400];
    for len in lens {
        pair.turn.send_on(CHANNEL, &bytes[..len])?;
        pair.peer_gets(&bytes[..len])?;
        pair.turn.send_to(address, &bytes[..len])?;
        pair.peer_gets(&bytes[..len])?;
        pair.peer.send(pair.relayed, &bytes[..len])?;
        pair.client_gets(&bytes[..len])?;
    }
    Ok(format!("{lens:?} bytes, three ways each"))
}

fn order(subject: &Subject) -> Outcome {
    const COUNT: u8 = 32;
    let mut pair = Pair::bound(subject)?;
    for number in 0..COUNT {
        pair.turn.send_on(CHANNEL, &[number; 100])?;
    }
    for number in 0..COUNT {
        pair.peer_gets(&[number; 100])?;
    }
    for number in 0..COUNT {
        pair.peer.send(pair.relayed, &[number; 100])?;
    }
    for number in 0..COUNT {
        pair.client_gets(&[number; 100])?;
    }
    Ok(format!("{COUNT} each way"))
}

fn dont_fragment(subject: &Subject) -> Outcome {
    let mut pair = Pair::permitted(subject)?;
    let draft = Draft::indication(method::SEND)
        .with(&XorPeerAddress(pair.peer.address()))
        .with(&DontFragment)
        .with(&Data(b"whole"));
    pair.turn.link.send(&draft.plain())?;
    match pair.at_peer(pair.patience)? {
        Some((_, data)) if data == b"whole" => Ok("it arrives".to_owned()),
        _ => Err(Verdict::not_supported("it does not arrive")),
    }
}

fn trailing(subject: &Subject) -> Outcome {
    let mut pair = Pair::bound(subject)?;
    if pair.turn.link.transport().is_stream() {
        return Err(Verdict::skipped("over a stream there is always padding"));
    }
    for padding in 0..=3 {
        let mut message = channel_data(CHANNEL, b"five.");
        message.resize(message.len() + padding, 0);
        pair.turn.link.send(&message)?;
        pair.peer_gets(b"five.").map_err(|verdict| {
            Verdict::fail(format_args!("with {padding} bytes behind it: {}", verdict.seen))
        })?;
    }
    Ok("with 0 to 3 bytes behind it".to_owned())
}

fn channel_length(subject: &Subject) -> Outcome {
    let mut pair = Pair::bound(subject)?;
    if pair.turn.link.transport().is_stream() {
        return Err(Verdict::skipped("over a stream it would be waited for"));
    }
    let mut message = channel_data(CHANNEL, b"four");
    message[3] = 200;
    pair.turn.link.send(&message)?;
    pair.nothing_at_peer()
}

fn unknown_channel(subject: &Subject) -> Outcome {
    let mut pair = Pair::bound(subject)?;
    pair.turn.send_on(CHANNEL + 1, b"unbound")?;
    pair.nothing_at_peer()
}

fn no_data(subject: &Subject) -> Outcome {
    let mut pair = Pair::permitted(subject)?;
    let without_data = Draft::indication(method::SEND).with(&XorPeerAddress(pair.peer.address()));
    let without_peer = Draft::indication(method::SEND).with(&Data(b"to nobody"));
    pair.turn.link.send(&without_data.plain())?;
    pair.turn.link.send(&without_peer.plain())?;
    pair.nothing_at_peer()
}

fn unknown_attribute(subject: &Subject) -> Outcome {
    let mut pair = Pair::permitted(subject)?;
    let draft = Draft::indication(method::SEND)
        .with(&XorPeerAddress(pair.peer.address()))
        .raw(AttributeType(0x7ffe), &[])
        .with(&Data(b"with something unknown"));
    pair.turn.link.send(&draft.plain())?;
    pair.nothing_at_peer()
}
