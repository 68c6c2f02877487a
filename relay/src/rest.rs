use crate::Rest;
use std::time::{Duration, Instant};

/// Over how long messages are counted before their rate is judged.
const WINDOW: Duration = Duration::from_millis(10);

/// Decides when a thread rests.
#[derive(Debug)]
pub(crate) struct Pace {
    rest: Rest,
    window_began: Instant,
    messages: u32,
    is_busy: bool,
}

/// What a turn found to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TurnLoad {
    /// How many messages arrived: packets, or trains of them.
    pub(crate) messages: usize,
    /// Whether there may be more already.
    pub(crate) is_full: bool,
}

impl TurnLoad {
    /// Nothing.
    pub(crate) const NONE: Self = Self { messages: 0, is_full: false };
}

impl Pace {
    /// Begins without resting.
    pub(crate) fn new(rest: Rest, now: Instant) -> Self {
        Self { rest, window_began: now, messages: 0, is_busy: false }
    }

    /// How long to rest after a turn, if at all.
    pub(crate) fn after_turn(&mut self, load: TurnLoad, now: Instant) -> Option<Duration> {
        if self.rest.duration.is_zero() {
            return None;
        }
        self.messages = self.messages.saturating_add(u32::try_from(load.messages).unwrap_or(u32::MAX));
        let elapsed = now.saturating_duration_since(self.window_began);
        if elapsed >= WINDOW {
            // As many come within a rest, at the rate of the window, as a rest is worth it for.
            let needed = u128::from(self.rest.messages_min) * elapsed.as_nanos();
            self.is_busy = u128::from(self.messages) * self.rest.duration.as_nanos() >= needed;
            self.window_began = now;
            self.messages = 0;
        }
        // Whoever finds nothing after a rest waits for something; whoever has more to do does it.
        (self.is_busy && load.messages > 0 && !load.is_full).then_some(self.rest.duration)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: Rest = Rest { duration: Duration::from_micros(100), messages_min: 1 };

    #[test]
    fn rests_when_a_rest_gathers_messages_and_only_then() {
        let start = Instant::now();
        let mut pace = Pace::new(REST, start);
        let one = TurnLoad { messages: 1, is_full: false };
        let at = |us| start + Duration::from_micros(us);

        assert_eq!(pace.after_turn(one, at(50)), None, "nobody knows yet");
        for turn in 1..=99 {
            pace.after_turn(one, at(turn * 100));
        }
        assert_eq!(pace.after_turn(one, at(10_000)), Some(REST.duration));
        assert_eq!(pace.after_turn(TurnLoad { messages: 32, is_full: true }, at(10_100)), None);
        assert_eq!(pace.after_turn(TurnLoad { messages: 0, is_full: false }, at(10_200)), None);
        assert_eq!(pace.after_turn(one, at(30_000)), None, "few messages in the window");
    }

    #[test]
    fn never_rests_when_told_so() {
        let start = Instant::now();
        let mut pace = Pace::new(Rest { duration: Duration::ZERO, messages_min: 0 }, start);

        assert_eq!(pace.after_turn(TurnLoad { messages: 9, is_full: false }, start + WINDOW), None);
    }
}
