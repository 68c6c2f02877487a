//! One client's signal session: what makes its messages arrive once and in order, whatever happens to its links.

use crate::config::Config;
use crate::held::HeldReports;
use crate::id::{LinkId, ParticipantId, RoomName, SessionId, SessionSecret};
use crate::message::{Grants, ServerMessage};
use crate::rate::RateLimit;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A session as long as this server runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SessionKey(pub(crate) u64);

/// The state of one session.
#[derive(Debug)]
pub(crate) struct SignalSession {
    pub(crate) id: SessionId,
    pub(crate) secret: SessionSecret,
    pub(crate) grants: Grants,
    pub(crate) attachment: Attachment,
    /// When the server looks at this session next: its entry among the timers.
    pub(crate) timer: Instant,
    /// The participant this session is, when it is in a room.
    pub(crate) place: Option<Place>,
    pub(crate) outbox: Outbox,
    /// Reports of the media plane that wait until there is a link that takes them.
    pub(crate) held: HeldReports,
    pub(crate) rate: RateLimit,
    /// The last client message handled.
    pub(crate) received: u32,
    /// The last client message that the client was told of.
    pub(crate) acknowledged: u32,
    /// Bad frames on the present link.
    pub(crate) bad_frames: u32,
}

/// Whether the client can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attachment {
    /// Over this link; something was last heard on it at `heard`.
    Linked { link: LinkId, heard: Instant },
    /// Not since then.
    Detached { since: Instant },
}

/// Where a session's participant is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) room: RoomName,
    pub(crate) participant: ParticipantId,
}

impl SignalSession {
    pub(crate) fn link(&self) -> Option<LinkId> {
        match self.attachment {
            Attachment::Linked { link, .. } => Some(link),
            Attachment::Detached { .. } => None,
        }
    }

    /// Whether reports of which the newest counts should wait: the client cannot be reached, or is behind.
    pub(crate) fn holds_reports(&self, config: &Config) -> bool {
        /// The part of the outbox that may be full before they wait.
        const OUTBOX_PART: usize = 4;
        self.link().is_none() || self.outbox.messages.len() >= config.outbox_messages_max / OUTBOX_PART
    }

    /// When this session must be looked at if nothing happens before.
    pub(crate) fn expires_at(&self, config: &Config) -> Instant {
        match self.attachment {
            Attachment::Linked { heard, .. } => heard + silence_max(config),
            Attachment::Detached { since } => since + config.resume_window,
        }
    }
}

/// How long a link may be silent.
pub(crate) fn silence_max(config: &Config) -> Duration {
    const HEARTBEATS_MISSED_MAX: u32 = 3;
    config.heartbeat * HEARTBEATS_MISSED_MAX
}

/// Messages for a client that it has not acknowledged yet, in order and bounded.
#[derive(Debug)]
pub(crate) struct Outbox {
    /// The sequence number of the last message ever pushed.
    last: u32,
    messages: VecDeque<ServerMessage>,
    bytes: usize,
}

/// The client does not read what is sent to it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OutboxFull;

/// The client acknowledges what was never sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AckOutOfRange;

impl Outbox {
    pub(crate) fn new() -> Self {
        Self { last: 0, messages: VecDeque::new(), bytes: 0 }
    }

    /// Keeps `message` until it is acknowledged, and numbers it.
    pub(crate) fn push(&mut self, message: ServerMessage, config: &Config) -> Result<u32, OutboxFull> {
        let bytes = self.bytes + message.text_len();
        if self.messages.len() >= config.outbox_messages_max || bytes > config.outbox_bytes_max {
            return Err(OutboxFull);
        }
        // The last number of all is left out, so that every number has a next one.
        self.last = self.last.checked_add(1).filter(|seq| *seq < u32::MAX).ok_or(OutboxFull)?;
        self.bytes = bytes;
        self.messages.push_back(message);
        Ok(self.last)
    }

    /// Lets go of every message up to `ack`. An older acknowledgement changes nothing.
    pub(crate) fn acknowledge(&mut self, ack: u32) -> Result<(), AckOutOfRange> {
        if ack > self.last {
            return Err(AckOutOfRange);
        }
        while self.first_unacknowledged() <= ack {
            let Some(message) = self.messages.pop_front() else { break };
            self.bytes -= message.text_len();
        }
        if self.messages.is_empty() {
            // Ten thousand idle clients should not keep the room that a busy moment needed.
            self.messages.shrink_to(0);
        }
        Ok(())
    }

    /// Whether `ack` would let go of a message.
    pub(crate) fn is_news(&self, ack: u32) -> bool {
        (self.first_unacknowledged()..=self.last).contains(&ack)
    }

    /// Every message not acknowledged, with its number.
    pub(crate) fn unacknowledged(&self) -> impl Iterator<Item = (u32, &ServerMessage)> {
        (self.first_unacknowledged()..=self.last).zip(&self.messages)
    }

    fn first_unacknowledged(&self) -> u32 {
        let waiting = u32::try_from(self.messages.len()).unwrap_or(u32::MAX);
        // `last` counts every message ever pushed, those waiting among them.
        self.last.saturating_sub(waiting) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(grace_ms: u32) -> ServerMessage {
        ServerMessage::Draining { grace_ms }
    }

    fn waiting(outbox: &Outbox) -> Vec<u32> {
        outbox.unacknowledged().map(|(seq, _)| seq).collect()
    }

    #[test]
    fn numbers_messages_and_forgets_the_acknowledged_ones() {
        let config = Config::default();
        let mut outbox = Outbox::new();
        for grace_ms in 1..=3 {
            outbox.push(message(grace_ms), &config).unwrap();
        }

        outbox.acknowledge(2).unwrap();
        assert_eq!(waiting(&outbox), [3]);

        outbox.acknowledge(1).unwrap();
        assert_eq!(waiting(&outbox), [3]);

        outbox.acknowledge(3).unwrap();
        assert_eq!(waiting(&outbox), [0; 0]);
        assert_eq!(outbox.bytes, 0);
        assert_eq!(outbox.push(message(4), &config), Ok(4));
    }

    #[test]
    fn refuses_what_it_never_sent() {
        let mut outbox = Outbox::new();
        outbox.push(message(1), &Config::default()).unwrap();

        assert_eq!(outbox.acknowledge(2), Err(AckOutOfRange));
        assert_eq!(waiting(&outbox), [1]);
    }

    #[test]
    fn is_full_for_good_when_numbers_run_out() {
        let config = Config::default();
        let mut outbox = Outbox { last: u32::MAX - 3, ..Outbox::new() };

        let pushed: Vec<_> =
            (0..4).map_while(|grace_ms| outbox.push(message(grace_ms), &config).ok()).collect();

        assert_eq!(pushed, waiting(&outbox));
        outbox.acknowledge(*pushed.last().unwrap()).unwrap();
        assert_eq!(waiting(&outbox), [0; 0]);
        assert!(!outbox.is_news(u32::MAX));
        assert_eq!(outbox.push(message(1), &config), Err(OutboxFull));
    }

    #[test]
    fn is_bounded_in_messages_and_in_bytes() {
        let config = Config { outbox_messages_max: 2, ..Config::default() };
        let mut outbox = Outbox::new();
        outbox.push(message(1), &config).unwrap();
        outbox.push(message(2), &config).unwrap();
        assert_eq!(outbox.push(message(3), &config), Err(OutboxFull));

        let config = Config { outbox_bytes_max: message(1).text_len() - 1, ..Config::default() };
        assert_eq!(Outbox::new().push(message(1), &config), Err(OutboxFull));
    }
}
