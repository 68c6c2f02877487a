//! What a shard's mailbox has no room for, for the moment.

use moim_signal::id::ParticipantId;
use moim_signal::media::{MediaAction, MediaCommand};
use std::collections::VecDeque;

/// Offers, candidates and wishes that wait for a shard. One more is refused.
const REFUSABLE_MAX: usize = 1024;

/// Commands for one shard, in order.
///
/// Who is there and what they publish must not be lost: of these a participant has at most one of each kind here, since the newest
/// takes the place of what it makes old. Everything else is bounded in number.
#[derive(Debug, Default)]
pub(super) struct CommandQueue {
    waiting: VecDeque<MediaCommand>,
    /// How many of them could have been refused.
    refusable: usize,
}

impl CommandQueue {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Adds a command at the end. One that there is no room for comes back.
    pub(super) fn put(&mut self, command: MediaCommand) -> Option<MediaCommand> {
        match &command.action {
            MediaAction::Offer { .. } | MediaAction::Candidate { .. } | MediaAction::Watch { .. } => {
                if self.refusable >= REFUSABLE_MAX {
                    return Some(command);
                }
                self.refusable += 1;
            }
            MediaAction::Permit { .. } => {
                self.remove(&command.participant, |action| matches!(action, MediaAction::Permit { .. }));
            }
            MediaAction::Publish { .. } => {
                self.remove(&command.participant, |action| matches!(action, MediaAction::Publish { .. }));
            }
            MediaAction::Leave => {
                let was_told = !self.waits_to_enter(&command.participant);
                self.remove(&command.participant, |_| true);
                if !was_told {
                    return None;
                }
            }
            MediaAction::Enter { .. } => {}
        }
        self.waiting.push_back(command);
        None
    }

    /// Hands over as much as `tell` takes; what it does not take it gives back.
    pub(super) fn flush(&mut self, mut tell: impl FnMut(MediaCommand) -> Option<MediaCommand>) {
        while let Some(command) = self.waiting.pop_front() {
            let is_refusable = is_refusable(&command.action);
            if let Some(command) = tell(command) {
                self.waiting.push_front(command);
                return;
            }
            self.refusable -= usize::from(is_refusable);
        }
        // A busy moment should not keep what it needed.
        self.waiting.shrink_to(0);
    }

    fn waits_to_enter(&self, participant: &ParticipantId) -> bool {
        self.waiting.iter().any(|command| {
            command.participant == *participant && matches!(command.action, MediaAction::Enter { .. })
        })
    }

    fn remove(&mut self, participant: &ParticipantId, is_old: impl Fn(&MediaAction) -> bool) {
        let refusable = &mut self.refusable;
        self.waiting.retain(|command| {
            let goes = command.participant == *participant && is_old(&command.action);
            *refusable -= usize::from(goes && is_refusable(&command.action));
            !goes
        });
    }
}

fn is_refusable(action: &MediaAction) -> bool {
    match action {
        MediaAction::Offer { .. } | MediaAction::Candidate { .. } | MediaAction::Watch { .. } => true,
        MediaAction::Enter { .. }
        | MediaAction::Permit { .. }
        | MediaAction::Publish { .. }
        | MediaAction::Leave => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use moim_signal::id::RoomName;
    use moim_signal::message::Permissions;

    fn permissions(publish: bool) -> Permissions {
        Permissions { publish, subscribe: true, data: true, admin: false }
    }

    fn command(participant: &str, action: MediaAction) -> MediaCommand {
        MediaCommand { room: RoomName::new("tea"), participant: ParticipantId::new(participant), action }
    }

    fn enter(participant: &str) -> MediaCommand {
        command(participant, MediaAction::Enter { permissions: permissions(true) })
    }

    fn watch(participant: &str) -> MediaCommand {
        command(participant, MediaAction::Watch { watches: vec![] })
    }

    fn publish(participant: &str) -> MediaCommand {
        command(participant, MediaAction::Publish { tracks: vec![] })
    }

    fn permit(participant: &str, publish: bool) -> MediaCommand {
        command(participant, MediaAction::Permit { permissions: permissions(publish) })
    }

    fn leave(participant: &str) -> MediaCommand {
        command(participant, MediaAction::Leave)
    }

    fn flushed(queue: &mut CommandQueue) -> Vec<MediaCommand> {
        let mut told = Vec::new();
        queue.flush(|command| {
            told.push(command);
            None
        });
        told
    }

    #[test]
    fn commands_leave_in_order_as_far_as_they_are_taken() {
        let mut queue = CommandQueue::default();
        for command in [enter("a"), watch("a"), enter("b")] {
            assert_eq!(queue.put(command), None);
        }

        let mut room = 2;
        let mut told = Vec::new();
        queue.flush(|command| {
            if room == 0 {
                return Some(command);
            }
            room -= 1;
            told.push(command);
            None
        });

        assert_eq!(told, [enter("a"), watch("a")]);
        assert_eq!(flushed(&mut queue), [enter("b")]);
        assert!(queue.is_empty());
        assert_eq!(queue.refusable, 0);
    }

    #[test]
    fn what_may_be_refused_is_bounded_and_what_may_not_takes_the_place_of_the_old() {
        let mut queue = CommandQueue::default();
        assert_eq!(queue.put(enter("a")), None);
        for _ in 0..REFUSABLE_MAX {
            assert_eq!(queue.put(watch("a")), None);
        }
        assert_eq!(queue.put(watch("b")), Some(watch("b")));

        for number in 0..100 {
            assert_eq!(queue.put(publish("a")), None);
            assert_eq!(queue.put(permit("a", number % 2 == 0)), None);
        }
        let told = flushed(&mut queue);
        assert_eq!(told.len(), 1 + REFUSABLE_MAX + 2);
        assert_eq!(told[told.len() - 2..], [publish("a"), permit("a", false)]);
        assert_eq!(queue.put(watch("b")), None);
    }

    #[test]
    fn of_one_who_leaves_nothing_is_told_but_that_if_there_was_anything() {
        let mut queue = CommandQueue::default();
        for command in [watch("told"), enter("new"), publish("new"), watch("new"), enter("other")] {
            queue.put(command);
        }
        queue.put(leave("told"));
        queue.put(leave("new"));

        assert_eq!(flushed(&mut queue), [enter("other"), leave("told")]);
        assert_eq!(queue.refusable, 0);
    }
}
