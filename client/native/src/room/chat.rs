//! Lines of chat, each once, whichever way they came.
//!
//! A line goes by data channel to whoever is connected. If somebody is not, or does not confirm, it goes through the server as well;
//! ids keep those who have it from seeing it twice.

use moim_signal::id::ParticipantId;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

/// How long a line may go unconfirmed by a peer before it takes the way through the server too.
const CONFIRM_TIME_MAX: Duration = Duration::from_secs(3);
/// Lines that may wait for confirmation; further ones go through the server at once.
const UNCONFIRMED_MAX: usize = 100;
/// Lines by which repetitions are known.
const SEEN_MAX: usize = 2_000;

/// A line that went by data channels, and is not confirmed by all.
#[derive(Debug)]
struct Unconfirmed {
    to: Option<ParticipantId>,
    text: String,
    waiting: BTreeSet<ParticipantId>,
    due: Instant,
}

/// A line that has to go through the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Relayed {
    pub(super) id: String,
    pub(super) to: Option<ParticipantId>,
    pub(super) text: String,
}

/// The lines of a room that are on their way, and those that have arrived.
#[derive(Debug, Default)]
pub(super) struct Chat {
    unconfirmed: BTreeMap<String, Unconfirmed>,
    /// In the order they came: the oldest is forgotten first.
    seen: VecDeque<(ParticipantId, String)>,
}

impl Chat {
    /// Whether another line may go by data channels and wait for confirmation.
    pub(super) fn may_wait(&self) -> bool {
        self.unconfirmed.len() < UNCONFIRMED_MAX
    }

    /// A line went to `waiting` by data channels.
    pub(super) fn sent(&mut self, line: Relayed, waiting: BTreeSet<ParticipantId>, now: Instant) {
        if waiting.is_empty() {
            return;
        }
        let Relayed { id, to, text } = line;
        self.unconfirmed.insert(id, Unconfirmed { to, text, waiting, due: now + CONFIRM_TIME_MAX });
    }

    /// Somebody has a line.
    pub(super) fn confirmed(&mut self, id: &str, by: &ParticipantId) {
        if let Some(line) = self.unconfirmed.get_mut(id) {
            line.waiting.remove(by);
            if line.waiting.is_empty() {
                self.unconfirmed.remove(id);
            }
        }
    }

    /// Somebody is gone, and will confirm nothing.
    pub(super) fn forget(&mut self, participant: &ParticipantId) {
        self.unconfirmed.retain(|_, line| {
            line.waiting.remove(participant);
            !line.waiting.is_empty()
        });
    }

    /// A line came, whichever way. Returns whether it is new.
    pub(super) fn is_new(&mut self, from: &ParticipantId, id: &str) -> bool {
        if self.seen.iter().rev().any(|(sender, seen)| sender == from && seen == id) {
            return false;
        }
        if self.seen.len() == SEEN_MAX {
            self.seen.pop_front();
        }
        self.seen.push_back((from.clone(), id.to_owned()));
        true
    }

    /// When [`Self::poll_overdue`] has something next.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.unconfirmed.values().map(|line| line.due).min()
    }

    /// A line that was not confirmed in time.
    pub(super) fn poll_overdue(&mut self, now: Instant) -> Option<Relayed> {
        let (id, _) = self.unconfirmed.iter().find(|(_, line)| line.due <= now)?;
        let id = id.clone();
        let Unconfirmed { to, text, .. } = self.unconfirmed.remove(&id)?;
        Some(Relayed { id, to, text })
    }
}

#[cfg(test)]
mod tests {
    use super::{Chat, Relayed, SEEN_MAX, UNCONFIRMED_MAX};
    use moim_signal::id::ParticipantId;
    use std::time::{Duration, Instant};

    fn line(id: &str) -> Relayed {
        Relayed { id: id.into(), to: None, text: "tea?".into() }
    }

    #[test]
    fn a_line_that_all_confirm_is_done() {
        let now = Instant::now();
        let (anna, ben) = (ParticipantId::new("anna"), ParticipantId::new("ben"));
        let mut chat = Chat::default();
        chat.sent(line("1"), [anna.clone(), ben.clone()].into(), now);

        chat.confirmed("1", &anna);
        chat.forget(&ben);

        assert_eq!(chat.poll_timeout(), None);
        assert_eq!(chat.poll_overdue(now + Duration::from_secs(60)), None);
    }

    #[test]
    fn a_line_that_somebody_does_not_confirm_goes_through_the_server() {
        let now = Instant::now();
        let (anna, ben) = (ParticipantId::new("anna"), ParticipantId::new("ben"));
        let mut chat = Chat::default();
        chat.sent(line("1"), [anna.clone(), ben].into(), now);
        chat.confirmed("1", &anna);

        assert_eq!(chat.poll_overdue(now), None);
        let due = chat.poll_timeout().unwrap();
        assert_eq!(chat.poll_overdue(due), Some(line("1")));
        assert_eq!(chat.poll_overdue(due), None);
    }

    #[test]
    fn a_line_is_new_once() {
        let (anna, ben) = (ParticipantId::new("anna"), ParticipantId::new("ben"));
        let mut chat = Chat::default();

        assert!(chat.is_new(&anna, "1"));
        assert!(!chat.is_new(&anna, "1"));
        assert!(chat.is_new(&ben, "1"), "another sender's");
        for id in 0..SEEN_MAX {
            chat.is_new(&ben, &format!("line {id}"));
        }
        assert_eq!(chat.seen.len(), SEEN_MAX);
    }

    #[test]
    fn so_many_may_wait_and_no_more() {
        let mut chat = Chat::default();
        for id in 0..UNCONFIRMED_MAX {
            assert!(chat.may_wait());
            chat.sent(line(&id.to_string()), [ParticipantId::new("anna")].into(), Instant::now());
        }
        assert!(!chat.may_wait());
    }
}
