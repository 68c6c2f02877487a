//! Connections come, change and go.

use super::{MediaShard, seed_of};
use crate::config::{BURST, CONNECT_WITHIN};
use crate::connection::{Connection, RemoteClock};
use crate::data::DataAllowance;
use crate::format::capabilities;
use crate::offer::OfferError;
use crate::paths::Paths;
use crate::section::Sections;
use moim_ice::LocalAddress;
use moim_peer::{Config, PeerConnection};
use moim_relay::Outbox;
use moim_sfu::SubscriberSpec;
use moim_signal::id::{ParticipantId, PeerConnectionId};
use moim_signal::message::{ConnectionEndReason, MidTrack, ServerMessage};
use moim_wire::Bitrate;
use std::time::Instant;

/// After so many reports of what arrives, what congestion control says is no guess any more: half a second to a second, in which probes have had their time.
const REPORTS_MIN: u64 = 10;

impl MediaShard {
    /// Somebody offers a connection, or a change of theirs.
    pub(super) fn take_offer(
        &mut self,
        participant: usize,
        id: PeerConnectionId,
        offer: (&str, &[MidTrack]),
        out: &mut Outbox<'_>,
        now: Instant,
    ) {
        let Some(offerer) = self.rooms.participant_mut(participant) else { return };
        let (present, is_allowed) = (offerer.connection, offerer.offers.take(now));
        let known = present.filter(|place| self.connections.get(*place).is_some_and(|it| it.id == id));
        if !is_allowed {
            self.counters.offers_refused += 1;
            let error = OfferError::TooOften;
            self.refuse(participant, id, error.reason(), &error.to_string());
            if let Some(place) = known {
                self.close(place, out, now);
            }
            return;
        }
        if let Some(before) = present.filter(|_| known.is_none()) {
            self.tell_end(before, ConnectionEndReason::Replaced, "Another attempt took its place.");
            self.close(before, out, now);
        }
        let place = match known.map_or_else(|| self.begin(participant, id.clone(), now), Ok) {
            Ok(place) => place,
            Err(text) => return self.refuse(participant, id, ConnectionEndReason::ServerFull, text),
        };
        match self.answer(place, offer, now) {
            Ok(()) => self.counters.offers_answered += 1,
            Err(error) => {
                self.counters.offers_refused += 1;
                self.tell_end(place, error.reason(), &error.to_string());
                self.close(place, out, now);
            }
        }
    }

    /// A connection that nothing is known of yet. An error is for the client to read.
    fn begin(
        &mut self,
        participant: usize,
        id: PeerConnectionId,
        now: Instant,
    ) -> Result<usize, &'static str> {
        if self.connections.len() >= self.config.connections_max {
            return Err("The server has as many connections as it takes. Try again later.");
        }
        let mut config = Config::new(self.config.certificate.clone(), self.wall_at(now));
        config.capabilities = capabilities();
        config.ice.lite = true;
        config.ice.ufrag_prefix.clone_from(&self.ufrag_prefix);
        config.dtls_versions = self.config.dtls_versions;
        config.congestion = Some(self.config.congestion);
        config.pacer.burst = BURST;
        let peer = PeerConnection::new(config, seed_of(&mut self.random), now);
        let mut peer = peer.map_err(|error| {
            tracing::error!(%error, "a connection cannot be made");
            "The server cannot make connections. Tell its operator."
        })?;
        for (rank, address) in (0_u16..).zip(&self.config.candidates) {
            let preference = u16::MAX - rank;
            if let Err(error) =
                peer.add_local_address(LocalAddress { preference, ..LocalAddress::udp(*address) }, now)
            {
                tracing::warn!(%error, "an address is not a candidate");
            }
        }
        let place = self.connections.insert(Box::new(Connection {
            id,
            participant,
            peer,
            sections: Sections::default(),
            subscriber: None,
            is_target_known: false,
            clock: RemoteClock::default(),
            paths: Paths::default(),
            connect_by: Some(now + CONNECT_WITHIN),
            channels: None,
            data_allowance: DataAllowance::new(now),
            is_ready: false,
        }));
        if let Some(participant) = self.rooms.participant_mut(participant) {
            participant.connection = Some(place);
        }
        Ok(place)
    }

    fn answer(
        &mut self,
        place: usize,
        (sdp, tracks): (&str, &[MidTrack]),
        now: Instant,
    ) -> Result<(), OfferError> {
        let Some(connection) = self.connections.get_mut(place) else { return Ok(()) };
        let answered = connection.answer(sdp, tracks, now)?;
        let (participant, id) = (connection.participant, connection.id.clone());
        self.directory.name(connection.peer.ice_ufrag(), place, &mut connection.paths);
        if let Some(subscriber) = connection.subscriber
            && answered.more_slots != SubscriberSpec::default()
        {
            self.forwarder.add_slots(subscriber, answered.more_slots, now).map_err(|_| OfferError::Full)?;
        }
        self.make_ready(place);
        let from = ParticipantId::new(ParticipantId::SERVER);
        let message = ServerMessage::Answer { from, connection: id, sdp: answered.sdp, tracks: Vec::new() };
        self.tell(participant, message);
        self.match_tracks(participant, now);
        Ok(())
    }

    /// A connection is connected for the first time: tracks are forwarded to it from now on.
    pub(super) fn become_subscriber(&mut self, place: usize, now: Instant) {
        let Some(connection) = self.connections.get_mut(place) else { return };
        if connection.connect_by.take().is_some() {
            self.counters.connections_made += 1;
        }
        if connection.subscriber.is_some() {
            return;
        }
        let Ok(subscriber) = self.forwarder.add_subscriber(connection.sections.slot_counts(), now) else {
            self.tell_end(place, ConnectionEndReason::ServerFull, &OfferError::Full.to_string());
            return self.remove(place, now);
        };
        connection.subscriber = Some(subscriber);
        let index = subscriber.index();
        if self.subscribers.len() <= index {
            self.subscribers.resize(index + 1, usize::MAX);
        }
        self.subscribers[index] = place;
        match self.connections.get(place).map(|connection| connection.peer.target_bitrate()) {
            // Without feedback nothing is known of the network, and everything is sent.
            Some(None) => self.set_target(place, Bitrate::MAX, now),
            Some(Some(_)) | None => self.find_out_target(place, now),
        }
        self.subscribe_to_all(place, now);
    }

    /// A connection's network carries so much.
    pub(super) fn set_target(&mut self, place: usize, target: Bitrate, now: Instant) {
        let Some(connection) = self.connections.get_mut(place) else { return };
        if let Some(subscriber) = connection.subscriber {
            connection.is_target_known = true;
            // It is there as long as its connection is.
            let _ = self.forwarder.set_target(subscriber, target, now);
        }
    }

    /// Once there were reports enough, what a connection's network carries is known, even if it is what was guessed.
    pub(super) fn find_out_target(&mut self, place: usize, now: Instant) {
        let Some(connection) = self.connections.get(place) else { return };
        if connection.is_target_known || connection.subscriber.is_none() {
            return;
        }
        if let Some((target, reports)) = connection.peer.target_bitrate()
            && reports >= REPORTS_MIN
        {
            self.set_target(place, target, now);
        }
    }

    /// A connection has failed: it is gone, and its client is told.
    pub(super) fn fail(&mut self, place: usize, text: &str, now: Instant) {
        self.counters.connections_failed += 1;
        self.tell_end(place, ConnectionEndReason::Failed, text);
        self.remove(place, now);
    }

    /// Ends a connection, and says goodbye as far as there is room.
    pub(super) fn close(&mut self, place: usize, out: &mut Outbox<'_>, now: Instant) {
        if let Some(connection) = self.connections.get_mut(place) {
            connection.peer.close(now);
            let sent = connection.transmit(&self.forwarder, out, now);
            self.counters.packets_out += sent.packets;
            self.counters.bytes_out += sent.bytes;
        }
        self.remove(place, now);
    }

    /// Nothing is left of a connection.
    fn remove(&mut self, place: usize, now: Instant) {
        let Some(participant) = self.connections.get(place).map(|connection| connection.participant) else {
            return;
        };
        self.remove_tracks(participant, now);
        if let Some(participant) = self.rooms.participant_mut(participant) {
            participant.connection = participant.connection.filter(|present| *present != place);
        }
        let Some(gone) = self.connections.try_remove(place) else { return };
        self.directory.remove(place, &gone.paths);
        self.counters.connection_drops += gone.peer.drops().total();
        if let Ok(index) = u32::try_from(place) {
            self.timers.set(index, None);
        }
        if let Some(subscriber) = gone.subscriber {
            // It is there as long as its connection is.
            let _ = self.forwarder.remove_subscriber(subscriber, now);
            self.subscribers[subscriber.index()] = usize::MAX;
        }
    }

    fn tell_end(&self, place: usize, reason: ConnectionEndReason, text: &str) {
        let Some(connection) = self.connections.get(place) else { return };
        self.refuse(connection.participant, connection.id.clone(), reason, text);
    }

    fn refuse(
        &self,
        participant: usize,
        connection: PeerConnectionId,
        reason: ConnectionEndReason,
        text: &str,
    ) {
        let message = ServerMessage::ConnectionEnded { connection, reason, message: text.to_owned() };
        self.tell(participant, message);
    }
}
