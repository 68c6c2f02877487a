use crate::error::SignalError;
use moim_signal::message::ClientMessage;
use std::collections::VecDeque;
use tokio::sync::oneshot;

/// Messages that may wait for the server's acknowledgement: fewer than it takes at once (docs/protocol.md), as all are sent again
/// on resuming.
pub(super) const UNACKED_MAX: usize = 200;

/// Whoever waits for what becomes of a message.
pub(super) type Done = oneshot::Sender<Result<(), SignalError>>;

struct Pending {
    seq: u32,
    body: ClientMessage,
    done: Option<Done>,
}

/// The client's messages of one session from sending to acknowledgement.
#[derive(Default)]
pub(super) struct Outbox {
    pending: VecDeque<Pending>,
    seq: u32,
}

impl Outbox {
    /// Numbers a message. `done` hears once it took effect, was refused, or its session is gone. [`None`] if there is no room.
    pub(super) fn add(&mut self, body: ClientMessage, done: Option<Done>) -> Option<u32> {
        if self.pending.len() >= UNACKED_MAX {
            tell(done, Err(SignalError::TooManyPending(UNACKED_MAX)));
            return None;
        }
        self.seq += 1;
        self.pending.push_back(Pending { seq: self.seq, body, done });
        Some(self.seq)
    }

    /// The server has handled messages up to `ack`: those that were not refused took effect.
    pub(super) fn acknowledge(&mut self, ack: u32) {
        while self.pending.front().is_some_and(|pending| pending.seq <= ack) {
            tell(self.pending.pop_front().and_then(|pending| pending.done), Ok(()));
        }
    }

    /// The server has refused a message. Its acknowledgement follows.
    pub(super) fn refuse(&mut self, seq: u32, error: SignalError) {
        let refused = self.pending.iter_mut().find(|pending| pending.seq == seq);
        tell(refused.and_then(|pending| pending.done.take()), Err(error));
    }

    /// What to send again after resuming.
    pub(super) fn unacknowledged(&self) -> impl Iterator<Item = (u32, &ClientMessage)> {
        self.pending.iter().map(|pending| (pending.seq, &pending.body))
    }

    /// A new session begins: what waited belongs to one that is gone.
    pub(super) fn reset(&mut self, error: &SignalError) {
        self.seq = 0;
        for pending in self.pending.drain(..) {
            tell(pending.done, Err(error.clone()));
        }
    }
}

fn tell(done: Option<Done>, result: Result<(), SignalError>) {
    if let Some(done) = done {
        // Whoever asked may have gone.
        let _ = done.send(result);
    }
}

#[cfg(test)]
mod tests {
    use super::{Outbox, SignalError, UNACKED_MAX};
    use moim_signal::message::{ClientMessage, ErrorCode};
    use tokio::sync::oneshot;

    #[test]
    fn messages_wait_for_their_acknowledgement() {
        let mut outbox = Outbox::default();
        let (first_done, mut first) = oneshot::channel();
        let (second_done, mut second) = oneshot::channel();
        outbox.add(ClientMessage::Leave, Some(first_done));
        outbox.add(ClientMessage::RefreshIceServers, Some(second_done));

        outbox.acknowledge(1);

        assert_eq!(first.try_recv(), Ok(Ok(())));
        assert!(second.try_recv().is_err());
        assert_eq!(outbox.unacknowledged().map(|(seq, _)| seq).collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn a_refusal_comes_before_its_acknowledgement() {
        let mut outbox = Outbox::default();
        let (done, mut heard) = oneshot::channel();
        let seq = outbox.add(ClientMessage::Leave, Some(done)).unwrap();
        let refusal = SignalError::Refused { code: ErrorCode::NotJoined, message: "join first".into() };

        outbox.refuse(seq, refusal.clone());
        outbox.acknowledge(seq);

        assert_eq!(heard.try_recv(), Ok(Err(refusal)));
    }

    #[test]
    fn there_is_room_for_so_many_and_no_more() {
        let mut outbox = Outbox::default();
        for _ in 0..UNACKED_MAX {
            assert!(outbox.add(ClientMessage::Leave, None).is_some());
        }
        let (done, mut heard) = oneshot::channel();

        assert!(outbox.add(ClientMessage::Leave, Some(done)).is_none());

        assert_eq!(heard.try_recv(), Ok(Err(SignalError::TooManyPending(UNACKED_MAX))));
    }

    #[test]
    fn what_waited_is_lost_with_its_session() {
        let mut outbox = Outbox::default();
        let (done, mut heard) = oneshot::channel();
        outbox.add(ClientMessage::Leave, Some(done));

        outbox.reset(&SignalError::Lost);

        assert_eq!(heard.try_recv(), Ok(Err(SignalError::Lost)));
        assert_eq!(outbox.add(ClientMessage::Leave, None), Some(1));
    }
}
