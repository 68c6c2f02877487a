//! What checks and their answers carry for others.
//!
//! What comes with a check may have something to do with what its answer is to carry: so answers, and checks that would begin, wait until
//! the next packet is asked for, or until [`Agent::set_extras`] or the passing of time say that nothing more is to be expected.

use super::Agent;
use super::request::Answer;
use crate::event::Event;
use crate::extras::{Extra, Extras};
use moim_stun::{Message, MessageBuilder, SHA256_LEN};
use std::time::Instant;

/// Answers that wait for what they are to carry. Further ones do not wait.
const ANSWERS_MAX: usize = 16;
/// Attributes of one message that are told of.
const TOLD_MAX: usize = 4;
/// The longest message that carries anything, in bytes: one that passes on every path, with the header of a relay.
const MESSAGE_LEN_MAX: usize = 1_200;
/// What is behind it at most: the longest message integrity, and the fingerprint, each with its header.
const SEAL_LEN_MAX: usize = 4 + SHA256_LEN + 8;

/// What is carried, and what waits for it.
#[derive(Debug, Default)]
pub(super) struct Carried {
    extras: Extras,
    /// Whose turn it is.
    turn: usize,
    answers: Vec<Answer>,
    /// Something was told that may change what is carried: no check begins.
    is_waiting: bool,
}

impl Agent {
    /// What checks and their answers carry from now on. [`None`]: nothing, and nothing that comes with them is told of any more.
    pub fn set_extras(&mut self, extras: Option<Extras>, now: Instant) {
        self.clock = self.clock.max(now);
        if let Some(extras) = extras {
            let carried = self.carried.get_or_insert_default();
            carried.extras = extras;
            carried.is_waiting = false;
        } else {
            self.send_answers();
            self.carried = None;
        }
        self.advance(now);
    }

    /// What the next message is to carry.
    pub(super) fn next_extras(&mut self) -> Vec<Extra> {
        let Some(carried) = &mut self.carried else { return Vec::new() };
        let Carried { extras, turn, .. } = &mut **carried;
        let next = extras.in_turn.get(*turn).or_else(|| extras.in_turn.first());
        let taken = extras.always.iter().chain(next).cloned().collect();
        *turn = if *turn + 1 < extras.in_turn.len() { *turn + 1 } else { 0 };
        taken
    }

    /// Whether messages carry anything.
    pub(super) fn carries_extras(&self) -> bool {
        self.carried.is_some()
    }

    /// Tells of what came with an authentic message; also if it was nothing.
    pub(super) fn tell_extras(&mut self, message: &Message<'_>) {
        let Some(carried) = &mut self.carried else { return };
        carried.is_waiting = true;
        let known = &carried.extras.known;
        let came = message.attributes().filter(|attribute| known.contains(&attribute.attribute_type));
        let extras = came
            .take(TOLD_MAX)
            .map(|attribute| Extra { number: attribute.attribute_type, value: attribute.value.to_vec() })
            .collect();
        self.tell(Event::Extras(extras));
    }

    /// Has an answer wait for what it is to carry. It is given back if it is not to wait.
    pub(super) fn postpone(&mut self, answer: Answer) -> Option<Answer> {
        match &mut self.carried {
            Some(carried) if carried.answers.len() < ANSWERS_MAX => {
                carried.answers.push(answer);
                None
            }
            Some(_) | None => Some(answer),
        }
    }

    /// Sends the answers that have waited.
    pub(super) fn send_answers(&mut self) {
        let answers = self.carried.as_mut().map(|carried| std::mem::take(&mut carried.answers));
        for answer in answers.unwrap_or_default() {
            self.send_answer(&answer, self.clock);
        }
    }

    pub(super) fn has_answers(&self) -> bool {
        self.carried.as_ref().is_some_and(|carried| !carried.answers.is_empty())
    }

    /// Whether checks are not to begin yet.
    pub(super) fn awaits_extras(&self) -> bool {
        self.carried.as_ref().is_some_and(|carried| carried.is_waiting)
    }

    /// Nobody has changed what is carried.
    pub(super) fn stop_awaiting_extras(&mut self) {
        if let Some(carried) = &mut self.carried {
            carried.is_waiting = false;
        }
    }
}

/// Adds what there is room for.
pub(super) fn put(extras: &[Extra], message: &mut MessageBuilder<'_>) {
    for Extra { number, value } in extras {
        let len = 4 + value.len().next_multiple_of(4);
        if message.len() + len + SEAL_LEN_MAX <= MESSAGE_LEN_MAX {
            // There is room, or else the message is as it was.
            let _ = message.raw(*number, value);
        }
    }
}
