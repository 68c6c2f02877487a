//! A participant as a program on a host.

use super::streams::StreamNews;
use super::{Call, Participant, TALK_INTERVAL, TCP_PORT, Way};
use crate::node::{Node, Output};
use crate::tcp::StreamEvent;
use moim_ice::Protocol;
use moim_turn::Now;
use moim_wire::Deadline;
use std::net::SocketAddr;

impl Node for Participant {
    fn handle_datagram(&mut self, local: SocketAddr, remote: SocketAddr, bytes: &mut [u8], now: Now) {
        self.clock = now.at;
        if let Some(call) = self.calls_mut().find(|call| call.port == local.port()) {
            call.handle_input(Way { local, remote, protocol: Protocol::Udp }, bytes, now);
        }
        self.settle(now);
    }

    fn handle_stream(&mut self, event: StreamEvent, now: Now) {
        self.clock = now.at;
        let stream = event.stream();
        if self.signalling.has(stream) {
            self.signalling.handle_stream(event, now.at);
            self.settle(now);
            return;
        }
        for news in self.streams.handle(event) {
            match news {
                StreamNews::Opened { call, id } => {
                    if let Some(call) = self.calls_mut().find(|known| known.port == call) {
                        call.connected(id, Some(stream.local), now);
                    }
                }
                StreamNews::Failed { call, id } => {
                    if let Some(call) = self.calls_mut().find(|known| known.port == call) {
                        call.connected(id, None, now);
                    }
                }
                StreamNews::Accepted => {
                    let taken = self.call.as_mut().is_some_and(|call| call.accepted(stream, now));
                    if !taken {
                        self.streams.close(stream);
                    }
                }
                StreamNews::Message { protocol, mut bytes } => {
                    let way = Way { local: stream.local, remote: stream.remote, protocol };
                    // Which of the calls it is for, the agents know.
                    for call in self.calls_mut() {
                        call.handle_input(way, &mut bytes, now);
                    }
                }
                StreamNews::Closed => {
                    for call in self.calls_mut() {
                        call.disconnected(stream, now);
                    }
                }
            }
        }
        self.settle(now);
    }

    fn handle_timeout(&mut self, now: Now) {
        self.clock = now.at;
        self.signalling.handle_timeout(now.at);
        for call in self.calls_mut() {
            call.handle_timeout(now);
        }
        if self.call.as_ref().is_some_and(|call| call.is_to_be_renewed(now)) {
            self.renew(now);
        }
        if self.next_talk <= now.at {
            self.next_talk = now.at + TALK_INTERVAL;
            if let Some(call) = &mut self.call {
                call.talk(now);
            }
        }
        self.settle(now);
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        if !self.outputs.is_empty() {
            return Some(Deadline::new(self.clock, "something is to be sent"));
        }
        let talk = self.call.is_some().then(|| Deadline::new(self.next_talk, "talk"));
        let calls = self.call.iter().chain(&self.ending).filter_map(Call::poll_timeout);
        calls.fold(Deadline::soonest(talk, self.signalling.poll_timeout()), |soonest, deadline| {
            Deadline::soonest(soonest, Some(deadline))
        })
    }

    fn poll_output(&mut self, _now: Now) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn listens(&self, local: SocketAddr) -> bool {
        self.config.tcp && local.port() == TCP_PORT && self.call.is_some()
    }
}
