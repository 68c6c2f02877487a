//! Messages of the application between participants.

use super::MediaShard;
use crate::counters::DropReason;
use crate::data::Message;
use std::time::Instant;

/// By which of a connection's channels.
#[derive(Clone, Copy, Debug)]
pub(super) enum Delivery {
    Reliable,
    Lossy,
}

impl MediaShard {
    /// A message has come by one of a connection's channels, for others in the room.
    pub(super) fn pass_on(&mut self, place: usize, delivery: Delivery, bytes: &[u8], now: Instant) {
        if let Err(reason) = self.try_pass_on(place, delivery, bytes, now) {
            self.counters.drops.count(reason);
        }
    }

    fn try_pass_on(
        &mut self,
        place: usize,
        delivery: Delivery,
        bytes: &[u8],
        now: Instant,
    ) -> Result<(), DropReason> {
        let connection = self.connections.get_mut(place).ok_or(DropReason::DataMalformed)?;
        let sender = self.rooms.participant(connection.participant).ok_or(DropReason::DataMalformed)?;
        if !sender.permissions.data {
            return Err(DropReason::NotPermitted);
        }
        if !connection.data_allowance.take(bytes.len(), now) {
            return Err(DropReason::DataTooMuch);
        }
        let message = Message::read(bytes).ok_or(DropReason::DataMalformed)?;
        let passed_on = message.from(sender.id.as_str()).ok_or(DropReason::DataMalformed)?;
        let room = self.rooms.room(sender.room).ok_or(DropReason::DataMalformed)?;
        let mut receivers: Vec<usize> = if message.is_for_all() {
            room.participants.values().copied().collect()
        } else {
            message.receivers().filter_map(|name| room.participants.get(name).copied()).collect()
        };
        // Who is named twice has it once.
        receivers.sort_unstable();
        receivers.dedup();
        let own = connection.participant;
        for receiver in receivers.into_iter().filter(|receiver| *receiver != own) {
            let connection = self.rooms.participant(receiver).and_then(|receiver| receiver.connection);
            if let Some(connection) = connection {
                self.deliver(connection, delivery, &passed_on, now);
            }
        }
        Ok(())
    }

    fn deliver(&mut self, place: usize, delivery: Delivery, bytes: &[u8], now: Instant) {
        let Some(connection) = self.connections.get_mut(place) else { return };
        let Some(channels) = connection.channels else { return };
        let channel = match delivery {
            Delivery::Reliable => channels.reliable,
            Delivery::Lossy => channels.lossy,
        };
        if connection.peer.send_binary(channel, bytes, now).is_ok() {
            self.counters.messages_out += 1;
            self.make_ready(place);
        } else {
            self.counters.drops.count(DropReason::DataUndelivered);
        }
    }
}
