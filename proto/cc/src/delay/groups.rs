use crate::units::difference;

/// Packets sent within this time are one group: what a pacer emits at once says nothing about the path between them.
const BURST_US: u64 = 5_000;
/// Packets that arrive this close together, closer than they were sent, waited together (Wi-Fi, a modem's schedule).
const ARRIVAL_BURST_US: u64 = 5_000;
/// A group of such packets ends after this time nevertheless.
const ARRIVAL_BURST_MAX_US: u64 = 100_000;
/// The clocks are taken to have jumped when both differ by more than this from one group to the next.
const JUMP_US: u64 = 3_000_000;
/// Groups that end before the one before them, in a row, until the far end's clock is taken to have been set back.
const REORDERED_MAX: u32 = 3;

/// Puts packets into groups and compares each with the one before (draft-ietf-rmcat-gcc-02 §5.2).
#[derive(Debug, Default)]
pub(crate) struct Groups {
    current: Option<Group>,
    previous: Option<Group>,
    reordered: u32,
}

#[derive(Clone, Copy, Debug)]
struct Group {
    first_sent: u64,
    last_sent: u64,
    first_arrival: u64,
    last_arrival: u64,
}

#[expect(clippy::struct_field_names, reason = "the unit, which differs elsewhere")]
/// How a group differs from the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Variation {
    /// Time between the ends of sending them, in microseconds.
    pub(crate) sent_us: i64,
    /// Time between the ends of their arrivals, in microseconds.
    pub(crate) arrived_us: i64,
    /// When the later one had arrived, by the far end's clock.
    pub(crate) at_us: u64,
}

impl Groups {
    /// Adds a packet that arrived. A variation comes out when it begins a new group.
    pub(crate) fn push(&mut self, sent_us: u64, arrival_us: u64) -> Option<Variation> {
        let Some(current) = &mut self.current else {
            self.current = Some(Group::of(sent_us, arrival_us));
            return None;
        };
        if sent_us < current.first_sent {
            // Overtaken by later ones: its time says nothing about the queue now.
            return None;
        }
        if current.holds(sent_us, arrival_us) {
            current.last_sent = current.last_sent.max(sent_us);
            current.last_arrival = current.last_arrival.max(arrival_us);
            return None;
        }
        let ended = *current;
        *current = Group::of(sent_us, arrival_us);
        let before = self.previous.replace(ended)?;
        self.compare(before, ended)
    }

    fn compare(&mut self, before: Group, ended: Group) -> Option<Variation> {
        let sent = difference(ended.last_sent, before.last_sent);
        let arrived = difference(ended.last_arrival, before.last_arrival);
        if sent.abs_diff(arrived) > JUMP_US {
            *self = Self::default();
            return None;
        }
        if arrived < 0 {
            self.reordered += 1;
            if self.reordered >= REORDERED_MAX {
                *self = Self::default();
            }
            return None;
        }
        self.reordered = 0;
        Some(Variation { sent_us: sent, arrived_us: arrived, at_us: ended.last_arrival })
    }
}

impl Group {
    fn of(sent: u64, arrival: u64) -> Self {
        Self { first_sent: sent, last_sent: sent, first_arrival: arrival, last_arrival: arrival }
    }

    fn holds(&self, sent: u64, arrival: u64) -> bool {
        sent - self.first_sent <= BURST_US || self.waited_together(sent, arrival)
    }

    fn waited_together(&self, sent: u64, arrival: u64) -> bool {
        let between = difference(arrival, self.last_arrival);
        let closer = between < difference(sent, self.last_sent);
        closer
            && between.unsigned_abs() <= ARRIVAL_BURST_US
            && arrival.saturating_sub(self.first_arrival) < ARRIVAL_BURST_MAX_US
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Covers: draft-ietf-rmcat-gcc-02 §5.2
    #[test]
    fn packets_sent_at_once_are_one_group() {
        let mut groups = Groups::default();
        let packets = [(0, 100), (4_000, 5_000), (20_000, 20_100), (24_000, 25_000), (40_000, 42_100)];
        let variations: Vec<_> =
            packets.into_iter().filter_map(|(sent, arrival)| groups.push(sent, arrival)).collect();
        assert_eq!(variations, [Variation { sent_us: 20_000, arrived_us: 20_000, at_us: 25_000 }]);
    }

    /// Covers: draft-ietf-rmcat-gcc-02 §5.2
    #[test]
    fn packets_that_waited_together_are_one_group() {
        let mut groups = Groups::default();
        // Sent 10 ms apart, arrived 1 ms apart.
        for (sent, arrival) in [(0, 50_000), (10_000, 51_000), (20_000, 52_000), (30_000, 53_000)] {
            assert_eq!(groups.push(sent, arrival), None);
        }
        assert_eq!(groups.push(100_000, 150_000), None, "the first group has none before it");
        let variation = groups.push(200_000, 250_000);
        assert_eq!(variation, Some(Variation { sent_us: 70_000, arrived_us: 97_000, at_us: 150_000 }));
    }

    #[test]
    fn a_packet_that_was_overtaken_tells_nothing() {
        let mut groups = Groups::default();
        assert_eq!(groups.push(20_000, 20_000), None);
        assert_eq!(groups.push(0, 21_000), None);
        assert_eq!(groups.push(40_000, 40_000), None);
        let variation = groups.push(60_000, 60_000);
        assert_eq!(variation, Some(Variation { sent_us: 20_000, arrived_us: 20_000, at_us: 40_000 }));
    }

    #[test]
    fn a_clock_that_jumps_begins_anew() {
        let mut groups = Groups::default();
        for (sent, arrival) in [(0, 0), (20_000, 20_000), (40_000, 9_000_000), (60_000, 9_020_000)] {
            groups.push(sent, arrival);
        }
        assert!(groups.previous.is_none());
    }
}
