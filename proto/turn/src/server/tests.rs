//! Each rule of the server, with a clock turned by hand.

mod allocate;
mod channels;
mod connections;
mod data;
mod families;
mod mobility;
mod operators;
mod permissions;
mod refresh;
mod reservations;
mod strangers;

use super::{DropReason, FromClient, Prefix, ToClient, ToPeer};
use crate::attribute::XorPeerAddress;
use crate::testing::{Client, World, peer_address};
use crate::{AddressFamily, RelayId};
use std::time::Duration;

const ANNA: &str = "203.0.113.7:4000";
const BORIS: &str = "203.0.113.8:4000";
const PEER: &str = "192.0.2.1:5000";
const PEER_IPV6: &str = "[2001:db8:2::1]:5000";

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// ChannelData over a datagram.
fn channel_data(number: u16, data: &[u8]) -> Vec<u8> {
    let len = u16::try_from(data.len()).unwrap();
    [&number.to_be_bytes(), &len.to_be_bytes(), data].concat()
}

/// Where the server sends something that a client sent.
fn to_peer(world: &mut World, client: &Client, bytes: &[u8]) -> Result<ToPeer, DropReason> {
    match world.give(client, bytes).decision {
        FromClient::ToPeer(to_peer) => Ok(to_peer),
        FromClient::Dropped(reason) => Err(reason),
        FromClient::Respond(_)
        | FromClient::Allocate(_)
        | FromClient::Connect { .. }
        | FromClient::Spliced { .. }
        | FromClient::Elsewhere(_) => panic!("neither relayed nor dropped"),
    }
}

/// The relayed address of a client's allocation.
fn relay_of(world: &World, client: &Client, family: AddressFamily) -> RelayId {
    RelayId { allocation: world.server.find(&client.five_tuple).unwrap(), family }
}

/// What the server sends to a client for data that came to its IPv4 address from a peer.
fn from_peer(
    world: &mut World,
    client: &Client,
    peer: &str,
    len: usize,
) -> Result<(Vec<u8>, ToClient), DropReason> {
    let XorPeerAddress(peer) = peer_address(peer);
    let relay = relay_of(world, client, AddressFamily::of(peer.ip()));
    let mut prefix = Prefix::EMPTY;
    let to_client = world.server.handle_peer(relay, peer, len, world.now.at, &mut prefix)?;
    Ok((prefix.as_slice().to_vec(), to_client))
}
