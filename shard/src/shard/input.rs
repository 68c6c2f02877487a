//! What comes from the network.

use super::MediaShard;
use crate::paths::Known;
use moim_ice::Protocol;
use moim_peer::{Handled, Received};
use moim_relay::{Claim, Datagrams};
use moim_stun::Message;
use moim_stun::attribute::Username;
use moim_turn::FiveTuple;
use std::net::SocketAddr;
use std::time::Instant;

impl MediaShard {
    pub(super) fn take_datagrams(&mut self, mut datagrams: Datagrams<'_>, now: Instant) -> Claim {
        let five_tuple = datagrams.five_tuple;
        let Some(Known { connection: place, local }) = self.directory.of(&five_tuple) else {
            return Claim::NotMine;
        };
        self.counters.bytes_in += datagrams.bytes.len() as u64;
        for bytes in datagrams.segments_mut() {
            let Some(connection) = self.connections.get_mut(place) else { break };
            let received =
                Received { local, remote: five_tuple.client, protocol: Protocol::Udp, bytes: &mut *bytes };
            if let Handled::Rtp(rtp) = connection.peer.handle_input(received, now) {
                self.forward(place, &rtp, bytes, now);
            }
        }
        self.make_ready(place);
        Claim::Taken
    }

    pub(super) fn take_checks(&mut self, mut checks: Datagrams<'_>, now: Instant) -> Claim {
        let five_tuple = checks.five_tuple;
        let mut claim = Claim::NotMine;
        for bytes in checks.segments_mut() {
            if self.take_check(five_tuple, bytes, now).is_some() {
                claim = Claim::Taken;
            }
        }
        claim
    }

    /// [`None`]: the check is of no connection, or not authentic.
    fn take_check(&mut self, five_tuple: FiveTuple, bytes: &mut [u8], now: Instant) -> Option<()> {
        let place = {
            let message = Message::parse(bytes).ok()?;
            let Username(username) = message.get().ok()??;
            // RFC 8445 §7.2.2: the fragment of who is asked comes first.
            self.directory.of_ufrag(username.split_once(':')?.0)?
        };
        let local = self.local_for(five_tuple.server)?;
        let connection = self.connections.get_mut(place)?;
        let received = Received { local, remote: five_tuple.client, protocol: Protocol::Udp, bytes };
        match connection.peer.handle_input(received, now) {
            Handled::Taken => {}
            Handled::Rtp(_) | Handled::NotForMe | Handled::Dropped(_) => return None,
        }
        let known = Known { connection: place, local };
        let before = self.directory.learn(five_tuple, known, &mut connection.paths, now);
        if let Some(before) = before.and_then(|before| self.connections.get_mut(before)) {
            before.paths.lose(&five_tuple);
        }
        self.make_ready(place);
        Some(())
    }

    /// The candidate that an address of the server's is, or stands for: where others know it by another address, it is not among them.
    fn local_for(&self, server: SocketAddr) -> Option<SocketAddr> {
        let candidates = &self.config.candidates;
        let is_alike = |candidate: &&SocketAddr| candidate.is_ipv4() == server.is_ipv4();
        let exact = candidates.iter().find(|candidate| **candidate == server);
        exact.or_else(|| candidates.iter().find(is_alike)).copied()
    }
}
