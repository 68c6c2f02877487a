//! When which connection wants to be looked after.

use std::time::Instant;

/// Stands for a place that there is none of.
const NOWHERE: u32 = u32::MAX;

/// A moment for each of some indices: a heap that knows where everybody is in it, so that each index is in it at most once, however often its
/// moment changes. Nothing is allocated once it has been as large.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: Vec<(Instant, u32)>,
    /// By index: its place in the heap.
    places: Vec<u32>,
}

impl Timers {
    /// The soonest moment.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.heap.first().map(|(at, _)| *at)
    }

    /// From now on, this is an index's moment; or it has none.
    pub(crate) fn set(&mut self, index: u32, at: Option<Instant>) {
        match (self.place(index), at) {
            (None, None) => {}
            (None, Some(at)) => {
                self.heap.push((at, index));
                self.rise(self.heap.len() - 1);
            }
            (Some(place), None) => self.remove(place),
            (Some(place), Some(at)) => {
                let before = std::mem::replace(&mut self.heap[place].0, at);
                if at < before {
                    self.rise(place);
                } else {
                    self.sink(place);
                }
            }
        }
    }

    /// An index whose moment has come. It has none any more.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<u32> {
        let (_, index) = *self.heap.first().filter(|(at, _)| *at <= now)?;
        self.remove(0);
        Some(index)
    }

    fn place(&self, index: u32) -> Option<usize> {
        let place = *self.places.get(index as usize)?;
        (place != NOWHERE).then_some(place as usize)
    }

    fn remove(&mut self, place: usize) {
        let (_, index) = self.heap.swap_remove(place);
        self.places[index as usize] = NOWHERE;
        if place < self.heap.len() {
            self.rise(place);
            // If it has risen, another one is here, which sinks no further.
            self.sink(place);
        }
    }

    fn rise(&mut self, place: usize) {
        let mut place = place;
        while place > 0 {
            let parent = (place - 1) / 2;
            if self.heap[parent].0 <= self.heap[place].0 {
                break;
            }
            self.heap.swap(parent, place);
            self.note(place);
            place = parent;
        }
        self.note(place);
    }

    fn sink(&mut self, place: usize) {
        let mut place = place;
        loop {
            let children =
                [2 * place + 1, 2 * place + 2].into_iter().filter(|child| *child < self.heap.len());
            let Some(sooner) = children.min_by_key(|child| self.heap[*child].0) else { break };
            if self.heap[place].0 <= self.heap[sooner].0 {
                break;
            }
            self.heap.swap(place, sooner);
            self.note(place);
            place = sooner;
        }
        self.note(place);
    }

    fn note(&mut self, place: usize) {
        let index = self.heap[place].1 as usize;
        if self.places.len() <= index {
            self.places.resize(index + 1, NOWHERE);
        }
        self.places[index] = u32::try_from(place).unwrap_or(NOWHERE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::time::Duration;

    /// Whatever is set and taken, it agrees with a map that is searched.
    #[test]
    fn the_soonest_comes_first_however_often_moments_change() {
        let start = Instant::now();
        let (mut timers, mut model) = (Timers::default(), BTreeMap::new());
        let mut random = 0x9E37_79B9_7F4A_7C15_u64;
        for _ in 0..20_000 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let index = u32::try_from(random % 50).unwrap();
            let at = start + Duration::from_millis(random >> 8 & 0xFFF);
            match random % 7 {
                0 => {
                    timers.set(index, None);
                    model.remove(&index);
                }
                1 => {
                    let popped = timers.pop_due(at);
                    let soonest = model.values().min().copied();
                    assert_eq!(popped.is_some(), soonest.is_some_and(|soonest| soonest <= at));
                    if let Some(popped) = popped {
                        assert_eq!(model.remove(&popped), soonest);
                    }
                }
                _ => {
                    timers.set(index, Some(at));
                    model.insert(index, at);
                }
            }
            assert_eq!(timers.next(), model.values().min().copied());
        }
    }
}
