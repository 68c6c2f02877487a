//! Whose message is next: channels share what the path carries by their priorities (RFC 8831 §6.4).
//!
//! Weighted fair queueing (RFC 8260 §3.6) of whole messages: SCTP sends what it was given in its order, and is given little ahead. A message that it was
//! given is not interrupted, since nobody speaks the interleaving that this would take.

use super::channel::DataChannelId;
use bytes::Bytes;
use sctp_proto::PayloadProtocolIdentifier as Ppid;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

/// What a message costs beside its bytes, which are counted as well: about its headers.
const MESSAGE_COST: u64 = 64;
/// A cost is divided by the weight of a channel, which has 16 bits: so this much is 1.
const COST_SCALE: u64 = 1 << 16;

/// A message that waits.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) ppid: Ppid,
    pub(super) message: Bytes,
    /// Of how many bytes, going by the application: an empty message is one of one byte.
    pub(super) len: usize,
    /// When it is not worth sending any more.
    pub(super) expires: Option<Instant>,
}

/// The messages that SCTP has not been given yet. That they are not too many, whoever adds them sees to.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    queues: BTreeMap<DataChannelId, Queue>,
    /// Channels with messages, by when it is their turn.
    turns: BTreeSet<(u64, DataChannelId)>,
    /// The turn that was taken last: who comes anew does not come before it.
    clock: u64,
    len: usize,
    count: usize,
}

#[derive(Debug, Default)]
struct Queue {
    messages: VecDeque<Waiting>,
    len: usize,
    weight: u64,
    turn: u64,
}

impl Schedule {
    /// Adds a message of a channel.
    pub(super) fn push(&mut self, id: DataChannelId, priority: u16, waiting: Waiting) {
        let queue = self.queues.entry(id).or_default();
        queue.weight = u64::from(priority).max(1);
        if queue.messages.is_empty() {
            queue.turn = queue.turn.max(self.clock);
            self.turns.insert((queue.turn, id));
        }
        queue.len += waiting.len;
        self.len += waiting.len;
        self.count += 1;
        queue.messages.push_back(waiting);
    }

    /// The next message.
    pub(super) fn pop(&mut self) -> Option<(DataChannelId, Waiting)> {
        let (turn, id) = self.turns.pop_first()?;
        self.clock = turn;
        let queue = self.queues.get_mut(&id)?;
        let waiting = queue.messages.pop_front()?;
        queue.len -= waiting.len;
        self.len -= waiting.len;
        self.count -= 1;
        let cost = (waiting.message.len() as u64).saturating_add(MESSAGE_COST).saturating_mul(COST_SCALE);
        queue.turn = turn.saturating_add(cost / queue.weight);
        if !queue.messages.is_empty() {
            self.turns.insert((queue.turn, id));
        }
        Some((id, waiting))
    }

    /// Forgets a channel and its messages.
    pub(super) fn remove(&mut self, id: DataChannelId) {
        if let Some(queue) = self.queues.remove(&id) {
            self.turns.remove(&(queue.turn, id));
            self.len -= queue.len;
            self.count -= queue.messages.len();
        }
    }

    /// Bytes of a channel that wait.
    pub(super) fn len_of(&self, id: DataChannelId) -> usize {
        self.queues.get(&id).map_or(0, |queue| queue.len)
    }

    /// Whether messages of a channel wait.
    pub(super) fn has(&self, id: DataChannelId) -> bool {
        self.queues.get(&id).is_some_and(|queue| !queue.messages.is_empty())
    }

    /// Bytes that wait.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Messages of a channel that wait.
    pub(super) fn count_of(&self, id: DataChannelId) -> usize {
        self.queues.get(&id).map_or(0, |queue| queue.messages.len())
    }

    /// Messages that wait.
    pub(super) fn count(&self) -> usize {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    fn message(len: usize) -> Waiting {
        Waiting { ppid: Ppid::Binary, message: Bytes::from(vec![0; len]), len, expires: None }
    }

    /// How many of the next `count` messages are of each channel.
    fn served<const N: usize>(schedule: &mut Schedule, count: usize) -> [usize; N] {
        let mut served = [0; N];
        for (id, _) in std::iter::from_fn(|| schedule.pop()).take(count) {
            served[id.0 as usize] += 1;
        }
        served
    }

    /// Covers: RFC 8831 §6.4
    #[test]
    fn channels_share_by_their_priorities() {
        let mut schedule = Schedule::default();
        for (id, priority) in (0..).zip([128, 256, 512, 1024]) {
            for _ in 0..1_000 {
                schedule.push(DataChannelId(id), priority, message(1_000));
            }
        }
        assert_eq!(served(&mut schedule, 1_500), [100, 200, 400, 800]);
    }

    #[test]
    fn who_has_long_messages_gets_no_more_than_who_has_short_ones() {
        let mut schedule = Schedule::default();
        for _ in 0..1_000 {
            schedule.push(DataChannelId(0), 256, message(10_000));
            schedule.push(DataChannelId(1), 256, message(1_000));
        }
        let [long, short] = served(&mut schedule, 1_000);
        assert!((9..=10).contains(&(short / long)), "{short} short ones, {long} long ones");
    }

    #[test]
    fn who_was_silent_has_not_saved_anything_up_and_need_not_wait_for_a_backlog() {
        let mut schedule = Schedule::default();
        for _ in 0..1_000 {
            schedule.push(DataChannelId(0), 256, message(1_000));
        }
        assert_eq!(served(&mut schedule, 500), [500, 0]);
        for _ in 0..1_000 {
            schedule.push(DataChannelId(1), 256, message(1_000));
        }
        assert_eq!(served(&mut schedule, 100), [50, 50]);
    }

    #[test]
    fn a_channel_without_a_priority_is_served_too() {
        let mut schedule = Schedule::default();
        schedule.push(DataChannelId(0), 0, message(1));
        schedule.push(DataChannelId(0), 0, message(1));
        assert_eq!(served(&mut schedule, 5), [2]);
    }

    proptest! {
        #[test]
        fn each_channel_gets_its_messages_in_their_order_and_the_sums_hold(
            actions in proptest::collection::vec((0u32..4, 0usize..300, any::<bool>(), any::<u16>()), 0..200),
        ) {
            let mut schedule = Schedule::default();
            let mut expected: BTreeMap<u32, VecDeque<usize>> = BTreeMap::new();
            for (id, len, pushes, priority) in actions {
                if pushes {
                    schedule.push(DataChannelId(id), priority, message(len));
                    expected.entry(id).or_default().push_back(len);
                } else if len == 0 {
                    schedule.remove(DataChannelId(id));
                    expected.remove(&id);
                } else if let Some((id, waiting)) = schedule.pop() {
                    prop_assert_eq!(expected.get_mut(&id.0).and_then(VecDeque::pop_front), Some(waiting.len));
                } else {
                    prop_assert!(expected.values().all(VecDeque::is_empty));
                }
                for id in 0..4 {
                    let lens = expected.get(&id).into_iter().flatten();
                    prop_assert_eq!(schedule.count_of(DataChannelId(id)), lens.clone().count());
                    prop_assert_eq!(schedule.len_of(DataChannelId(id)), lens.sum::<usize>());
                }
                prop_assert_eq!(schedule.len(), expected.values().flatten().sum::<usize>());
                prop_assert_eq!(schedule.count(), expected.values().flatten().count());
            }
        }
    }
}
