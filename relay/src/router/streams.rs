//! Clients on TCP and TLS.

use super::{After, FromWhom, Router};
use crate::commands::Command;
use crate::counters::RelayDrop;
use crate::keyed::Key;
use crate::plan::Place;
use crate::stream::{Detached, Flushed, Frames, Places, Received, StreamClient, StreamEnded};
use crate::token::Token;
use moim_turn::channel_data::ChannelData;
use moim_turn::{FiveTuple, Now, ShardId, Transport};
use moim_udp::{Interest, Ready};
use std::net::TcpStream;
use std::time::Instant;

impl Router {
    /// Takes a connection over, and what was read from it already.
    pub(crate) fn adopt(&mut self, client: StreamClient, now: Now) {
        let Some(key) = self.clients.streams.insert(client, now.at) else { return };
        let socket = self.clients.streams.socket(key);
        let token = Token::Stream(key).to_bits();
        let is_watched = socket.is_some_and(|socket| self.poller.add(socket, token, Interest::Read).is_ok());
        if !is_watched {
            self.close_stream(key, StreamEnded::Broken, now.at);
            return;
        }
        let mut buffer = std::mem::take(&mut self.clients.buffer);
        if let Some(received) = self.clients.streams.resume(key, &mut buffer, now.at) {
            self.take_messages(key, received, now);
        }
        self.clients.buffer = buffer;
    }

    /// Reads from a client whose socket is ready.
    pub(crate) fn receive_stream(&mut self, key: Key, ready: Ready, now: Now) {
        if ready.writable {
            self.clients.streams.set_writable(key);
        }
        if !(ready.readable || ready.failed) {
            return;
        }
        let mut buffer = std::mem::take(&mut self.clients.buffer);
        if let Some(received) = self.clients.streams.receive(key, &mut buffer, now.at) {
            self.take_messages(key, received, now);
        }
        self.clients.buffer = buffer;
    }

    /// Sends what waits for clients on streams, at the end of a turn.
    pub(crate) fn flush_streams(&mut self, now: Instant) {
        let mut ended = Vec::new();
        let (streams, poller) = (&mut self.clients.streams, &self.poller);
        for flushed in streams.flush(now) {
            match flushed {
                Flushed::WantsWrite(key, wants) => {
                    let interest = if wants { Interest::ReadWrite } else { Interest::Read };
                    let token = Token::Stream(key).to_bits();
                    let socket = streams.socket(key);
                    if socket.is_some_and(|socket| poller.modify(socket, token, interest).is_err()) {
                        ended.push((key, StreamEnded::Broken));
                    }
                }
                Flushed::Ended(key, cause) => ended.push((key, cause)),
            }
        }
        for (key, cause) in ended {
            self.close_stream(key, cause, now);
        }
    }

    /// Lets go of clients that are silent or slow for too long.
    pub(super) fn expire_streams(&mut self, now: Instant) {
        while let Some((key, cause)) = self.clients.streams.expired(now) {
            self.close_stream(key, cause, now);
        }
    }

    /// Handles messages that lie next to each other, and sends at once what comes of them.
    fn take_messages(&mut self, key: Key, received: Received<'_>, now: Now) {
        let Received { mut frames, ended } = received;
        let region = frames.rest();
        let after = self.plan_messages(key, &mut frames, now);
        self.deliver(region, now.at);
        match after {
            After::Done => {}
            After::Spliced(connection) => return self.splice(key, connection, frames.rest()),
            // The message that told so is for the other shard.
            After::Moves(shard, len) => {
                let read = region.len() - frames.rest().len();
                return self.move_stream(key, shard, &region[read - len..], now.at);
            }
        }
        if let Some(ended) = ended {
            self.flush_streams(now.at);
            self.close_stream(key, ended, now.at);
        }
    }

    fn plan_messages(&mut self, key: Key, frames: &mut Frames<'_>, now: Now) -> After {
        let Some((five_tuple, realm)) = self.clients.streams.client(key) else { return After::Done };
        let from = FromWhom { five_tuple, realm, is_handed_over: false };
        let mut allocation = self.server.find(&five_tuple);
        let mut start = 0;
        for frame in frames {
            let place = Place::new(0, start, frame.len());
            start += frame.len();
            match allocation {
                Some(id) if ChannelData::is_one(frame) => self.channel_data(id, frame, place, 0, now.at),
                _ => match self.message(&from, frame, place, 0, now) {
                    After::Done => allocation = self.server.find(&five_tuple),
                    after @ (After::Spliced(_) | After::Moves(..)) => return after,
                },
            }
        }
        After::Done
    }

    /// Gives a connection to the shard that has what its client asks for, with the message that does so and what follows.
    fn move_stream(&mut self, key: Key, shard: ShardId, unread: &[u8], now: Instant) {
        let Some((five_tuple, realm)) = self.clients.streams.client(key) else { return };
        self.flush_streams(now);
        let Some((detached, places)) = self.clients.streams.detach(key, unread) else { return };
        let _ = self.poller.remove(&detached.io);
        self.server.client_gone(&five_tuple, now);
        let moved = moved(detached, places, five_tuple)
            .map(|client| Command::Adopt(Box::new(StreamClient { realm, ..client })))
            .and_then(|command| self.clients.posts.get(usize::from(shard.0))?.put(command).ok());
        if moved.is_none() {
            self.counters.count_dropped(RelayDrop::ShardBusy);
        }
    }

    pub(super) fn close_stream(&mut self, key: Key, cause: StreamEnded, now: Instant) {
        if let Some(five_tuple) = self.clients.streams.close(key, cause) {
            self.server.client_gone(&five_tuple, now);
        }
    }
}

/// A connection as another shard takes it. [`None`]: something waits to be sent, which cannot be passed on.
fn moved(detached: Detached<TcpStream>, places: Places, five_tuple: FiveTuple) -> Option<StreamClient> {
    let Detached { io, tls, read_ahead, outbox } = detached;
    if !outbox.is_empty() {
        return None;
    }
    let tls = match tls {
        Some(tls) => Some(tls.into_state()?),
        None => None,
    };
    debug_assert_eq!(tls.is_some(), five_tuple.transport == Transport::Tls);
    let FiveTuple { client, server, .. } = five_tuple;
    Some(StreamClient { stream: io, tls, read_ahead, client, server, realm: moim_turn::RealmId(0), places })
}
