//! Clients on DTLS.

use super::{After, FromWhom, Router};
use crate::counters::RelayDrop;
use crate::dtls::{DtlsMessage, DtlsOutput};
use crate::handover::Handover;
use moim_turn::channel_data::ChannelData;
use moim_turn::{FiveTuple, Now, RealmId, Transport};
use moim_udp::Destination;
use std::time::Instant;

impl Router {
    /// Plans what a DTLS datagram asks for.
    pub(super) fn plan_dtls(&mut self, from: &FromWhom, datagram: &[u8], now: Now) {
        let Some(sessions) = &mut self.clients.dtls else {
            self.counters.count_dropped(RelayDrop::UnknownProtocol);
            return;
        };
        let five_tuple = FiveTuple { transport: Transport::Dtls, ..from.five_tuple };
        sessions.receive(five_tuple, from.realm, datagram, now.at, &mut self.clients.dtls_out);
        self.take_dtls_messages(now);
    }

    /// Sends again what was not answered, and ends sessions whose time is over.
    pub(super) fn expire_dtls(&mut self, now: Now) {
        if let Some(sessions) = &mut self.clients.dtls {
            sessions.handle_timeout(now.at, &mut self.clients.dtls_out);
            self.take_dtls_messages(now);
        }
    }

    /// Sends what DTLS has for clients.
    pub(super) fn send_dtls(&mut self, now: Instant) {
        if self.clients.dtls_out.is_empty() {
            return;
        }
        let out = std::mem::take(&mut self.clients.dtls_out);
        self.end_dtls(&out, now);
        let Self { server, listeners, buffers, counters, .. } = self;
        let same_socket = |one: &FiveTuple, next: &FiveTuple| one.server == next.server;
        for transmits in out.transmits.chunk_by(|one, next| same_socket(&one.five_tuple, &next.five_tuple)) {
            let Some((socket, source)) = listeners.of(transmits[0].five_tuple.server) else {
                counters.dropped[RelayDrop::NoClient as usize] += transmits.len() as u64;
                continue;
            };
            let mut queue = buffers.queue();
            for transmit in transmits {
                let client = transmit.five_tuple.client;
                let len = transmit.range.len();
                if transmit.is_proven || server.budget().spend(client.ip(), len, now) {
                    let to = Destination { source, ..Destination::new(client) };
                    queue.push(to, &[&out.bytes[transmit.range.clone()]]);
                } else {
                    counters.count_dropped(RelayDrop::OverBudget);
                }
            }
            queue.flush(socket);
        }
        self.recycle(out);
    }

    /// Plans what the messages ask for that sessions have decrypted. Their bytes are kept with the plan, since datagrams do not
    /// stay where they were decrypted.
    fn take_dtls_messages(&mut self, now: Now) {
        if self.clients.dtls_out.messages.is_empty() {
            return;
        }
        let mut out = std::mem::take(&mut self.clients.dtls_out);
        for DtlsMessage { five_tuple, realm, range } in out.messages.drain(..) {
            self.plan_dtls_message(five_tuple, realm, &out.bytes[range], now);
        }
        self.clients.dtls_out = out;
    }

    fn plan_dtls_message(&mut self, five_tuple: FiveTuple, realm: RealmId, message: &[u8], now: Now) {
        let place = self.plan.keep(message);
        let from = FromWhom { five_tuple, realm, is_handed_over: false };
        let allocation = self.server.find(&five_tuple);
        if allocation.is_none() && self.pass_on(&from, message, 0, now.at) {
            return;
        }
        match allocation {
            Some(id) if ChannelData::is_one(message) => self.channel_data(id, message, place, 0, now.at),
            _ => match self.message(&from, message, place, 0, now) {
                After::Done => {}
                // The session stays, since the kernel goes on delivering to this shard; its messages go there, and what the
                // other shard has for the client comes back.
                After::Moves(shard, _) => {
                    self.detours.remember(five_tuple, shard, now.at);
                    let handover = Handover::FromClient { five_tuple, realm };
                    self.exchange.hand_over(shard, handover, message, 0);
                    if let Some(sessions) = &mut self.clients.dtls {
                        sessions.set_elsewhere(&five_tuple);
                    }
                }
                // The server takes no ConnectionBind by datagrams.
                After::Spliced(_) => self.counters.count_dropped(RelayDrop::Misdirected),
            },
        }
    }

    /// Whoever begins another session from the same address may be somebody else, behind the same NAT, and must find neither
    /// the allocation nor the way to it.
    fn end_dtls(&mut self, out: &DtlsOutput, now: Instant) {
        for five_tuple in &out.ended {
            self.server.client_gone(five_tuple, now);
            if let Some(shard) = self.detours.forget(five_tuple) {
                self.exchange.hand_over(shard, Handover::ClientGone { five_tuple: *five_tuple }, &[], 0);
            }
        }
    }

    fn recycle(&mut self, mut out: DtlsOutput) {
        out.clear();
        self.clients.dtls_out = out;
    }
}
