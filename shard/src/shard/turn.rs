//! A turn, and its end.

use super::MediaShard;
use super::passing::Delivery;
use crate::connection::Connection;
use crate::counters::DropReason;
use moim_peer::{DataChannelEvent, DataMessage, Event, PeerConnectionState};
use moim_relay::{Claim, Datagrams, Outbox, Parcels, Tenant};
use moim_sfu::SlotId;
use moim_signal::media::MediaCommand;
use moim_wire::Deadline;
use std::time::{Duration, Instant};

/// How often what one part says has others say something, in one turn. What is left is said in the next.
const ROUNDS_MAX: usize = 8;
/// How often others see what was counted.
const PUBLISH_INTERVAL: Duration = Duration::from_millis(100);

impl Tenant for MediaShard {
    type Message = MediaCommand;

    fn handle_datagrams(&mut self, datagrams: Datagrams<'_>, _: &mut Outbox<'_>, now: Instant) -> Claim {
        self.now = self.now.max(now);
        self.take_datagrams(datagrams, now)
    }

    fn handle_checks(&mut self, checks: Datagrams<'_>, _: &mut Outbox<'_>, now: Instant) -> Claim {
        self.now = self.now.max(now);
        self.take_checks(checks, now)
    }

    fn handle_parcels(&mut self, _: Parcels<'_>, _: &mut Outbox<'_>, _: Instant) {
        // A room lives on one shard: the others have nothing to hand over.
    }

    fn handle_message(&mut self, message: MediaCommand, out: &mut Outbox<'_>, now: Instant) {
        self.now = self.now.max(now);
        self.obey(message, out, now);
        self.is_counted_anew = true;
    }

    fn handle_timeout(&mut self, out: &mut Outbox<'_>, now: Instant) {
        self.now = self.now.max(now);
        self.is_counted_anew |= !self.ready.is_empty();
        while let Some(index) = self.timers.pop_due(now) {
            let place = index as usize;
            if let Some(connection) = self.connections.get_mut(place) {
                connection.peer.handle_timeout(now);
                self.make_ready(place);
                self.is_counted_anew = true;
            }
        }
        if self.forwarder.poll_timeout().is_some_and(|deadline| deadline.at <= now) {
            self.forwarder.handle_timeout(now);
        }
        self.settle(now);
        self.transmit(out, now);
        self.tell_news();
        if self.is_counted_anew && now >= self.publish_at {
            self.publish_counters(now);
        }
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        if !self.ready.is_empty() {
            return Some(Deadline::new(self.now, "something is to be sent"));
        }
        let connections = self.timers.next().map(|at| Deadline::new(at, "a connection"));
        let counters = self.is_counted_anew.then(|| Deadline::new(self.publish_at, "counters"));
        Deadline::soonest(Deadline::soonest(connections, counters), self.forwarder.poll_timeout())
    }
}

impl MediaShard {
    /// Carries what connections and the forwarder have to say to each other until they are quiet.
    fn settle(&mut self, now: Instant) {
        for _ in 0..ROUNDS_MAX {
            let mut is_quiet = true;
            for at in 0..self.ready.len() {
                is_quiet &= !self.take_events(self.ready[at], now);
            }
            is_quiet &= !self.take_forwarder_events(now);
            if is_quiet {
                return;
            }
        }
    }

    /// What a connection has to say. Says whether it was anything.
    fn take_events(&mut self, place: usize, now: Instant) -> bool {
        let mut has_any = false;
        self.find_out_target(place, now);
        while let Some(connection) = self.connections.get_mut(place) {
            if connection.connect_by.is_some_and(|by| by <= now) {
                self.fail(place, "The connection did not come about in time. Try again.", now);
                return true;
            }
            let Some(event) = connection.peer.poll_event() else { break };
            has_any = true;
            self.on_event(place, &event, now);
        }
        has_any
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "of what else happens to a connection, nothing follows here"
    )]
    fn on_event(&mut self, place: usize, event: &Event, now: Instant) {
        match event {
            Event::ConnectionStateChange(PeerConnectionState::Connected) => {
                self.become_subscriber(place, now);
            }
            Event::ConnectionStateChange(PeerConnectionState::Failed) => {
                let text = "Nothing was heard by the connection for too long, or its keys could not be agreed on. Try again.";
                self.fail(place, text, now);
            }
            Event::ConnectionStateChange(PeerConnectionState::Closed) => {
                self.fail(place, "The client has closed the connection.", now);
            }
            Event::KeyFrameRequested { transceiver, .. } => {
                self.counters.key_frames_wanted += 1;
                let Some(connection) = self.connections.get(place) else { return };
                let slot = connection.sections.slot_of(*transceiver);
                if let (Some(subscriber), Some(index)) = (connection.subscriber, slot) {
                    // The slot is there: it was added with the section.
                    let _ = self.forwarder.key_frame_requested(SlotId { subscriber, index }, now);
                }
            }
            Event::TargetBitrate(target) => {
                // What it begins with says nothing of the network.
                let is_known =
                    self.connections.get(place).is_some_and(|connection| connection.is_target_known);
                if is_known || *target != self.config.congestion.start {
                    self.set_target(place, *target, now);
                }
            }
            Event::DataChannel(DataChannelEvent::Message(channel, DataMessage::Binary(bytes))) => {
                let channels = self.connections.get(place).and_then(|connection| connection.channels);
                let Some(channels) = channels else { return };
                if *channel == channels.reliable {
                    self.pass_on(place, Delivery::Reliable, bytes, now);
                } else if *channel == channels.lossy {
                    self.pass_on(place, Delivery::Lossy, bytes, now);
                }
            }
            Event::SenderReport { transceiver, stream, ntp, timestamp } => {
                let arrived = self.wall_at(now);
                let Some(connection) = self.connections.get_mut(place) else { return };
                let Some(section) = connection.sections.incoming(*transceiver) else { return };
                if let (Some(track), Some(encoding)) = (section.forwarded, section.encoding_of(*stream)) {
                    let ntp = connection.clock.read(*ntp, arrived);
                    self.forwarder.on_sender_report(track, encoding, ntp, *timestamp);
                }
            }
            _ => {}
        }
    }

    /// Sends what there is to be sent, connection by connection.
    fn transmit(&mut self, out: &mut Outbox<'_>, now: Instant) {
        while let Some(place) = self.ready.pop_front() {
            let Some(connection) = self.connections.get_mut(place) else { continue };
            let sent = connection.transmit(&self.forwarder, out, now);
            self.counters.packets_out += sent.packets;
            self.counters.bytes_out += sent.bytes;
            (0..sent.without_way).for_each(|_| self.counters.drops.count(DropReason::NoWay));
            if sent.is_full {
                self.counters.outbox_full += 1;
                self.ready.push_front(place);
                return;
            }
            connection.is_ready = false;
            if let Ok(index) = u32::try_from(place) {
                self.timers.set(index, connection.poll_timeout());
            }
        }
    }

    fn publish_counters(&mut self, now: Instant) {
        (self.publish_at, self.is_counted_anew) = (now + PUBLISH_INTERVAL, false);
        let forwarder = self.forwarder.stats();
        let count = |count: usize| count as u64;
        let mut counters = self.counters;
        counters.rooms = count(self.rooms.count());
        counters.participants = count(self.rooms.participant_count());
        counters.connections = count(self.connections.len());
        let is_connected = |connection: &Connection| connection.connect_by.is_none();
        counters.connected = count(self.connections.iter().filter(|(_, it)| is_connected(it)).count());
        counters.tracks = count(forwarder.tracks);
        counters.subscribers = count(forwarder.subscribers);
        counters.forwarder_drops = forwarder.drops;
        counters.connection_drops +=
            self.connections.iter().map(|(_, connection)| connection.peer.drops().total()).sum::<u64>();
        self.shared.publish(&counters);
    }
}
