//! What a shard knows of clients that do not send plain UDP, and of peers that are connected by TCP.

use crate::commands::Command;
use crate::dtls::{DtlsIdentity, DtlsOutput, DtlsSessions};
use crate::mailbox::Mailbox;
use crate::seed::Seed;
use crate::splice::TcpPeers;
use crate::stream::{ReceiveBuffer, Streams};
use crate::token::Token;
use moim_turn::{FiveTuple, ShardId, Transport};
use std::collections::HashMap;
use std::time::Instant;

/// The clients on streams and on DTLS, and the peers on TCP, of one shard.
#[derive(Debug)]
pub(crate) struct Clients {
    pub(crate) streams: Streams,
    /// If there is a certificate for it.
    pub(crate) dtls: Option<DtlsSessions>,
    pub(crate) dtls_out: DtlsOutput,
    pub(crate) tcp: TcpPeers,
    /// Where what is read from streams lies; taken out while it is worked on.
    pub(crate) buffer: ReceiveBuffer,
    /// How the other shards are given connections, by their numbers.
    pub(crate) posts: Vec<Mailbox<Command>>,
    /// The shards that have the sessions of DTLS clients whose allocations are here. There are as many as there are such
    /// allocations, and those that the last bundle has told of.
    homes: HashMap<FiveTuple, ShardId>,
    /// Those that may have come to nothing.
    new_homes: Vec<FiveTuple>,
    /// The secret of the cookies of DTLS.
    secret: Seed,
}

/// What [`Clients`] are made of.
#[derive(Debug)]
pub(crate) struct ClientsParts {
    pub(crate) dtls: Option<DtlsIdentity>,
    pub(crate) posts: Vec<Mailbox<Command>>,
    /// From a cryptographic random source.
    pub(crate) secret: Seed,
}

impl Clients {
    /// None yet.
    pub(crate) fn new(parts: ClientsParts, now: Instant) -> Self {
        let ClientsParts { dtls, posts, secret } = parts;
        Self {
            streams: Streams::default(),
            dtls: dtls.map(|identity| DtlsSessions::new(identity, secret.0, now)),
            dtls_out: DtlsOutput::default(),
            tcp: TcpPeers::new(|key, end| Token::Tcp(key, end).to_bits()),
            buffer: ReceiveBuffer::new(),
            posts,
            homes: HashMap::new(),
            new_homes: Vec::new(),
            secret,
        }
    }

    /// Shows DTLS clients another certificate from now on.
    pub(crate) fn set_identity(&mut self, identity: DtlsIdentity, now: Instant) {
        match &mut self.dtls {
            Some(sessions) => sessions.set_identity(identity),
            none @ None => *none = Some(DtlsSessions::new(identity, self.secret.0, now)),
        }
    }

    /// A client's allocation was made or ended.
    pub(crate) fn set_allocated(&mut self, five_tuple: &FiveTuple, is_allocated: bool, now: Instant) {
        match five_tuple.transport {
            Transport::Udp => {}
            Transport::Tcp | Transport::Tls => self.streams.set_allocated(five_tuple, is_allocated, now),
            Transport::Dtls => {
                if !is_allocated {
                    self.homes.remove(five_tuple);
                }
                if let Some(sessions) = &mut self.dtls {
                    sessions.set_allocated(five_tuple, is_allocated, now);
                }
            }
        }
    }

    /// Encrypts a message, given in parts, for a client on DTLS.
    pub(crate) fn encrypt(&mut self, five_tuple: &FiveTuple, parts: &[&[u8]], now: Instant) {
        if let Some(sessions) = &mut self.dtls {
            sessions.send(five_tuple, parts, now, &mut self.dtls_out);
        }
    }

    /// Whether a DTLS session of this client is here.
    pub(crate) fn has_session(&self, five_tuple: &FiveTuple) -> bool {
        self.dtls.as_ref().is_some_and(|sessions| sessions.has(five_tuple))
    }

    /// The shard that has the session of a DTLS client whose allocation is here.
    pub(crate) fn home(&self, five_tuple: &FiveTuple) -> Option<ShardId> {
        self.homes.get(five_tuple).copied()
    }

    /// A message came from another shard. If it is a DTLS client's, answers go back there.
    pub(crate) fn note_home(&mut self, five_tuple: FiveTuple, home: ShardId) {
        if five_tuple.transport == Transport::Dtls && self.homes.insert(five_tuple, home).is_none() {
            self.new_homes.push(five_tuple);
        }
    }

    /// A client on DTLS whose session another shard had is gone.
    pub(crate) fn forget_home(&mut self, five_tuple: &FiveTuple) {
        self.homes.remove(five_tuple);
    }

    /// Forgets where those belong that were new before and have come to nothing.
    pub(crate) fn forget_homes(&mut self, is_nothing: impl Fn(&FiveTuple) -> bool) {
        for five_tuple in self.new_homes.drain(..).filter(is_nothing) {
            self.homes.remove(&five_tuple);
        }
    }

    /// When to come back.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let dtls = self.dtls.as_ref().and_then(DtlsSessions::poll_timeout);
        let all = [self.streams.poll_timeout(), self.tcp.poll_timeout(), dtls];
        all.into_iter().flatten().map(|deadline| deadline.at).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_printed() {
        let parts = ClientsParts { dtls: None, posts: Vec::new(), secret: Seed([0xab; 32]) };

        let printed = format!("{parts:?}") + &format!("{:?}", Clients::new(parts, Instant::now()));

        assert!(!printed.contains(&0xab.to_string()), "{printed}");
    }
}
