use crate::dtls::DtlsIdentity;
use crate::router::Router;
use crate::stream::StreamClient;
use moim_turn::server::{AllocationView, Config, RelayedTransport, Usage};
use moim_turn::{AllocationId, FiveTuple, Now, PerFamily, RealmId, ShardId};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

/// What other threads want of a shard.
#[derive(Debug)]
pub(crate) enum Command {
    /// To take over a client's connection.
    Adopt(Box<StreamClient>),
    /// To go by another configuration.
    Reload(Arc<Config>),
    /// To show DTLS clients another certificate.
    Identify(DtlsIdentity),
    /// To make no more allocations.
    Drain,
    /// To tell which allocations there are.
    List(SyncSender<Vec<AllocationSummary>>),
    /// To free an allocation, and to tell whether there was one.
    Kick(AllocationId, SyncSender<bool>),
}

/// An allocation, as an operator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllocationSummary {
    /// The shard that has it.
    pub shard: ShardId,
    /// Its id, which is its shard's.
    pub id: AllocationId,
    /// Between whom.
    pub five_tuple: FiveTuple,
    /// Whose it is.
    pub username: Box<str>,
    /// In which realm.
    pub realm: RealmId,
    /// What is relayed.
    pub transport: RelayedTransport,
    /// Its addresses, as peers see them.
    pub relayed: PerFamily<Option<SocketAddr>>,
    /// For how long it has been there.
    pub age: Duration,
    /// When it, or the first of its addresses, ends unless it is refreshed.
    pub expires_in: Duration,
    /// What went through it.
    pub usage: Usage,
    /// How many permissions it has.
    pub permissions: usize,
    /// How many channels.
    pub channels: usize,
    /// How many TCP connections with peers.
    pub connections: usize,
}

impl Command {
    /// Does what is wanted. Whoever does not wait for the answer any more does not get it.
    pub(crate) fn carry_out(self, router: &mut Router, shard: ShardId, at: Now) {
        let now = at.at;
        match self {
            Self::Adopt(client) => router.adopt(*client, at),
            Self::Identify(identity) => router.clients.set_identity(identity, now),
            Self::Reload(config) => router.set_config(config),
            Self::Drain => {
                let config = Config { draining: true, ..Config::clone(router.config()) };
                router.set_config(Arc::new(config));
            }
            Self::List(reply) => {
                let allocations = router.server().allocations(now);
                let _ =
                    reply.try_send(allocations.map(|view| AllocationSummary::new(shard, &view)).collect());
            }
            Self::Kick(allocation, reply) => {
                let was_there = router.server().kick(allocation, now);
                router.handle_events(now);
                let _ = reply.try_send(was_there);
            }
        }
    }
}

impl AllocationSummary {
    fn new(shard: ShardId, view: &AllocationView<'_>) -> Self {
        Self {
            shard,
            id: view.id,
            five_tuple: view.five_tuple,
            username: view.username.into(),
            realm: view.realm,
            transport: view.transport,
            relayed: view.relayed,
            age: view.age,
            expires_in: view.expires_in,
            usage: view.usage,
            permissions: view.permissions,
            channels: view.channels,
            connections: view.connections,
        }
    }
}
