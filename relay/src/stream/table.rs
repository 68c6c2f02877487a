//! All clients of a shard that are on streams.

use super::connection::{Connection, Detached, ReceiveBuffer, Received, StreamEnded};
use super::{Places, StreamClient};
use crate::keyed::{Key, Keyed};
use moim_turn::{FiveTuple, RealmId, Transport};
use moim_wire::Deadline;
use socket2::SockRef;
use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

/// Most clients on streams of one shard.
const CLIENTS_MAX: usize = 1 << 20;
/// How much the kernel takes for a client beyond what is on the way to it. More would not arrive any sooner, only late.
const UNSENT_LEN_MAX: u32 = 64 * 1024;

/// What happened to clients on streams, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamCounters {
    /// Connections taken over.
    pub adopted: u64,
    /// Connections refused, since there were as many as a shard takes.
    pub refused: u64,
    /// Relayed packets dropped, since too much waited for their client.
    pub relayed_dropped: u64,
    /// Connections over, by cause as in [`StreamEnded::ALL`].
    pub ended: [u64; StreamEnded::ALL.len()],
    /// Connections that became one end of a relayed TCP connection.
    pub detached: u64,
}

/// One client.
#[derive(Debug)]
struct Client {
    connection: Connection<TcpStream>,
    five_tuple: FiveTuple,
    realm: RealmId,
    places: Places,
    /// It is to be let go with the next flush.
    doom: Option<StreamEnded>,
    /// Something was queued since the last flush.
    is_dirty: bool,
    /// The poller is to say when the socket takes more.
    wants_write: bool,
    /// When the deadlines have an entry for it. It may be earlier than the deadline, never later.
    woken_at: Option<Instant>,
}

/// What flushing a client came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flushed {
    /// The poller is to say (`true`) or to say no more (`false`) when the socket takes more.
    WantsWrite(Key, bool),
    /// The connection is over.
    Ended(Key, StreamEnded),
}

/// The clients of a shard that are on streams.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    clients: Keyed<Client>,
    keys: HashMap<FiveTuple, Key>,
    deadlines: BTreeSet<(Instant, Key)>,
    /// Clients with something queued since the last flush.
    dirty: Vec<Key>,
    counters: StreamCounters,
}

impl Streams {
    /// Takes over a connection. [`None`]: there are too many, or the same 5-tuple is here already.
    pub(crate) fn insert(&mut self, client: StreamClient, now: Instant) -> Option<Key> {
        let transport = if client.tls.is_some() { Transport::Tls } else { Transport::Tcp };
        let five_tuple = FiveTuple::new(transport, client.client, client.server);
        let is_prepared = prepare(&client.stream).is_ok();
        if self.clients.len() >= CLIENTS_MAX || self.keys.contains_key(&five_tuple) || !is_prepared {
            self.counters.refused += 1;
            return None;
        }
        self.counters.adopted += 1;
        let key = self.clients.insert(Client {
            connection: Connection::new(client.stream, client.tls, client.read_ahead, now),
            five_tuple,
            realm: client.realm,
            places: client.places,
            doom: None,
            is_dirty: false,
            wants_write: false,
            woken_at: None,
        });
        self.keys.insert(five_tuple, key);
        self.watch(key);
        Some(key)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.clients.len()
    }

    /// Totals since the start.
    pub(crate) fn counters(&self) -> &StreamCounters {
        &self.counters
    }

    /// The client with this 5-tuple.
    pub(crate) fn find(&self, five_tuple: &FiveTuple) -> Option<Key> {
        self.keys.get(five_tuple).copied()
    }

    /// A client's 5-tuple and the realm of its listener.
    pub(crate) fn client(&self, key: Key) -> Option<(FiveTuple, RealmId)> {
        self.clients.get(key).map(|client| (client.five_tuple, client.realm))
    }

    /// A client's socket, for the poller.
    pub(crate) fn socket(&self, key: Key) -> Option<BorrowedFd<'_>> {
        self.clients.get(key).map(|client| client.connection.io().as_fd())
    }

    /// Handles what was read by whoever had the connection before; comes once, after [`Self::insert`].
    pub(crate) fn resume<'b>(
        &mut self,
        key: Key,
        buffer: &'b mut ReceiveBuffer,
        now: Instant,
    ) -> Option<Received<'b>> {
        let client = self.clients.get_mut(key)?;
        let received = client.connection.resume(buffer, now);
        self.mark_dirty(key);
        Some(received)
    }

    /// Reads once from a client whose socket is ready. [`None`]: there is no such client any more.
    pub(crate) fn receive<'b>(
        &mut self,
        key: Key,
        buffer: &'b mut ReceiveBuffer,
        now: Instant,
    ) -> Option<Received<'b>> {
        let client = self.clients.get_mut(key)?;
        let is_tls = client.five_tuple.transport == Transport::Tls;
        let received = client.connection.receive(buffer, now);
        if is_tls {
            // TLS may have something to say of its own.
            self.mark_dirty(key);
        }
        Some(received)
    }

    /// Queues a response or an indication. A client that reads none of them is let go with the next flush.
    pub(crate) fn queue(&mut self, key: Key, message: &[u8]) {
        let Some(client) = self.clients.get_mut(key) else { return };
        if let Err(ended) = client.connection.queue(message) {
            client.doom = Some(ended);
        }
        self.mark_dirty(key);
    }

    /// Queues a relayed packet, given in parts; drops and counts it if too much waits for the client.
    pub(crate) fn queue_relayed(&mut self, key: Key, parts: &[&[u8]]) {
        let Some(client) = self.clients.get_mut(key) else { return };
        if client.connection.queue_relayed(parts) {
            self.mark_dirty(key);
        } else {
            self.counters.relayed_dropped += 1;
        }
    }

    /// The poller says that a client's socket takes more.
    pub(crate) fn set_writable(&mut self, key: Key) {
        self.mark_dirty(key);
    }

    /// Says whether a client has an allocation now. It gives back what it held for as long as it had none.
    pub(crate) fn set_allocated(&mut self, five_tuple: &FiveTuple, is_allocated: bool, now: Instant) {
        let Some(key) = self.find(five_tuple) else { return };
        let Some(client) = self.clients.get_mut(key) else { return };
        client.connection.set_allocated(is_allocated, now);
        if is_allocated {
            client.places.until_allocated = None;
        }
        self.watch(key);
    }

    /// Sends what was queued; what is to be done in consequence. Comes at the end of a shard's turn.
    pub(crate) fn flush(&mut self, now: Instant) -> Vec<Flushed> {
        let mut outcomes = Vec::new();
        for key in std::mem::take(&mut self.dirty) {
            let Some(client) = self.clients.get_mut(key) else { continue };
            client.is_dirty = false;
            let doom = client.doom.map_or(Ok(()), Err);
            match doom.and_then(|()| client.connection.flush(now)) {
                Ok(waits) => {
                    if client.wants_write != waits {
                        client.wants_write = waits;
                        outcomes.push(Flushed::WantsWrite(key, waits));
                    }
                    self.watch(key);
                }
                Err(ended) => outcomes.push(Flushed::Ended(key, ended)),
            }
        }
        outcomes
    }

    /// Closes a connection; its 5-tuple, of whose allocation the server is to be told.
    pub(crate) fn close(&mut self, key: Key, ended: StreamEnded) -> Option<FiveTuple> {
        let client = self.remove(key)?;
        self.counters.ended[ended as usize] += 1;
        client.connection.close();
        Some(client.five_tuple)
    }

    /// Gives up a connection for a relayed TCP connection (RFC 6062 §5.4) or for another shard, with the messages of the last
    /// read that were not handled, and with the places it holds.
    pub(crate) fn detach(&mut self, key: Key, unread: &[u8]) -> Option<(Detached<TcpStream>, Places)> {
        let client = self.remove(key)?;
        self.counters.detached += 1;
        Some((client.connection.detach(unread), client.places))
    }

    /// When to come back with [`Self::expired`].
    pub(crate) fn poll_timeout(&self) -> Option<Deadline> {
        self.deadlines
            .first()
            .map(|(at, _)| Deadline { at: *at, reason: "a client on a stream is silent or slow" })
    }

    /// A client whose time is over at `now`, and why. It is to be closed.
    pub(crate) fn expired(&mut self, now: Instant) -> Option<(Key, StreamEnded)> {
        while let Some(&(at, key)) = self.deadlines.first()
            && at <= now
        {
            self.deadlines.pop_first();
            let Some(client) = self.clients.get_mut(key) else { continue };
            client.woken_at = None;
            match client.connection.deadline() {
                Some((at, ended)) if at <= now => return Some((key, ended)),
                _ => self.watch(key),
            }
        }
        None
    }

    fn remove(&mut self, key: Key) -> Option<Client> {
        let client = self.clients.remove(key)?;
        self.keys.remove(&client.five_tuple);
        if let Some(at) = client.woken_at {
            self.deadlines.remove(&(at, key));
        }
        Some(client)
    }

    fn mark_dirty(&mut self, key: Key) {
        if let Some(client) = self.clients.get_mut(key)
            && !client.is_dirty
        {
            client.is_dirty = true;
            self.dirty.push(key);
        }
    }

    /// Sees to it that the deadlines have an entry for a client no later than its deadline. Most deadlines only move away,
    /// with every message; then the entry stays, and is looked at again when its time has come.
    fn watch(&mut self, key: Key) {
        let Some(client) = self.clients.get_mut(key) else { return };
        let Some((at, _)) = client.connection.deadline() else { return };
        let before = client.woken_at;
        if before.is_some_and(|before| before <= at) {
            return;
        }
        client.woken_at = Some(at);
        if let Some(before) = before {
            self.deadlines.remove(&(before, key));
        }
        self.deadlines.insert((at, key));
    }
}

fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nonblocking(true)?;
    // A shard writes once a turn, and what it writes is wanted now.
    stream.set_nodelay(true)?;
    // Without it the kernel takes megabytes, which a slow client would get seconds late.
    SockRef::from(stream).set_tcp_notsent_lowat(UNSENT_LEN_MAX)
}

#[cfg(test)]
mod tests;
