//! Running numbers of what comes in, turned into running numbers of what goes out.

/// Sixty-four numbers in each word.
const WORD: u64 = 64;

/// Numbers that go up by one with each thing, of which some are left out on purpose.
///
/// What is left out leaves no gap behind it; what has not come (yet) leaves its own. Whether a late one was left out or is missing is known for the last
/// `WORDS` × 64 numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbers<const WORDS: usize> {
    /// The first one of the present source.
    first: u64,
    /// The highest that came.
    newest: u64,
    /// The highest that was given away: what `newest` became, or what came before it if that was left out.
    newest_out: u64,
    /// Which of the last ones were left out, at their number modulo the window.
    left_out: [u64; WORDS],
    /// Which of the last ones were given away.
    taken: [u64; WORDS],
}

/// Why a number has none to become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It is of before the source's first.
    Before,
    /// It is too old to know what became of it.
    TooOld,
    /// It came before.
    Again,
    /// It was left out already.
    LeftOut,
}

/// What it means to leave one out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeftOut {
    /// Nobody notices.
    Unnoticed,
    /// It is late: what came after it was numbered as if it had been forwarded. The number is free to be filled.
    Gap(u64),
}

impl<const WORDS: usize> Numbers<WORDS> {
    const WINDOW: u64 = WORDS as u64 * WORD;

    /// Numbers of which the first will be one above `last_out`.
    pub(crate) fn new(last_out: u64) -> Self {
        Self { first: 0, newest: 0, newest_out: last_out, left_out: [0; WORDS], taken: [0; WORDS] }
    }

    /// A new source begins with `number`, which becomes the next one.
    pub(crate) fn begin(&mut self, number: u64) -> u64 {
        self.newest_out += 1;
        (self.first, self.newest) = (number, number);
        (self.left_out, self.taken) = ([0; WORDS], [0; WORDS]);
        set(&mut self.taken, number);
        self.newest_out
    }

    /// What `number` becomes. One that came before becomes the same again, and that is an error only if each comes once.
    #[inline]
    pub(crate) fn pass(&mut self, number: u64) -> Result<u64, Refused> {
        if number > self.newest {
            self.newest_out += number - self.newest;
            self.advance(number);
            set(&mut self.taken, number);
            return Ok(self.newest_out);
        }
        let out = self.out_of(number)?;
        if is_set(&self.taken, number) {
            return Err(Refused::Again);
        }
        set(&mut self.taken, number);
        Ok(out)
    }

    /// The same where several things have one number.
    #[inline]
    pub(crate) fn pass_again(&mut self, number: u64) -> Result<u64, Refused> {
        match self.pass(number) {
            Err(Refused::Again) => self.out_of(number),
            result => result,
        }
    }

    /// Leaves `number` out.
    #[inline]
    pub(crate) fn leave_out(&mut self, number: u64) -> Result<LeftOut, Refused> {
        if number > self.newest {
            self.newest_out += number - self.newest - 1;
            self.advance(number);
            set(&mut self.left_out, number);
            return Ok(LeftOut::Unnoticed);
        }
        let out = self.out_of(number)?;
        if is_set(&self.taken, number) {
            return Err(Refused::Again);
        }
        set(&mut self.taken, number);
        Ok(LeftOut::Gap(out))
    }

    /// Whether this number was given away lately.
    pub(crate) fn has_passed(&self, number: u64) -> bool {
        number >= self.first
            && number <= self.newest
            && self.newest - number < Self::WINDOW
            && is_set(&self.taken, number)
    }

    /// What a number at or below the newest became, or would have.
    fn out_of(&self, number: u64) -> Result<u64, Refused> {
        if number < self.first {
            return Err(Refused::Before);
        }
        let back = self.newest.saturating_sub(number);
        if back >= Self::WINDOW {
            return Err(Refused::TooOld);
        }
        if is_set(&self.left_out, number) {
            return Err(Refused::LeftOut);
        }
        let left_out = count(&self.left_out, number + 1, self.newest);
        Ok(self.newest_out - (back - left_out))
    }

    /// Forgets what was known of the places of the numbers from behind the newest up to `number`.
    #[inline]
    fn advance(&mut self, number: u64) {
        if number - self.newest >= Self::WINDOW {
            (self.left_out, self.taken) = ([0; WORDS], [0; WORDS]);
        } else {
            for number in self.newest + 1..=number {
                clear(&mut self.left_out, number);
                clear(&mut self.taken, number);
            }
        }
        self.newest = number;
    }
}

#[inline]
fn place<const WORDS: usize>(number: u64) -> (usize, u64) {
    let bit = number % (WORDS as u64 * WORD);
    ((bit / WORD) as usize, 1 << (bit % WORD))
}

#[inline]
fn set<const WORDS: usize>(bits: &mut [u64; WORDS], number: u64) {
    let (word, bit) = place::<WORDS>(number);
    bits[word] |= bit;
}

#[inline]
fn clear<const WORDS: usize>(bits: &mut [u64; WORDS], number: u64) {
    let (word, bit) = place::<WORDS>(number);
    bits[word] &= !bit;
}

fn is_set<const WORDS: usize>(bits: &[u64; WORDS], number: u64) -> bool {
    let (word, bit) = place::<WORDS>(number);
    bits[word] & bit != 0
}

/// How many are set from `from` to `to`, both included, which are less than a window apart.
fn count<const WORDS: usize>(bits: &[u64; WORDS], from: u64, to: u64) -> u64 {
    let mut total = 0;
    let mut at = from;
    while at <= to {
        let (word, _) = place::<WORDS>(at);
        let within = at % WORD;
        let len = (WORD - within).min(to - at + 1);
        let mask = (u64::MAX >> (WORD - len)) << within;
        total += u64::from((bits[word] & mask).count_ones());
        at += len;
    }
    total
}

#[cfg(test)]
mod tests {
    use super::{LeftOut, Numbers, Refused};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn what_is_left_out_leaves_no_gap_and_what_is_lost_does() {
        let mut numbers = Numbers::<2>::new(99);

        assert_eq!(numbers.begin(10), 100);
        assert_eq!(numbers.leave_out(11), Ok(LeftOut::Unnoticed));
        assert_eq!(numbers.pass(12), Ok(101));
        assert_eq!(numbers.pass(14), Ok(103), "13 is missing");
        assert_eq!(numbers.pass(13), Ok(102), "and comes late");
        assert_eq!(numbers.pass(13), Err(Refused::Again));
        assert_eq!(numbers.pass(11), Err(Refused::LeftOut));
        assert_eq!(numbers.pass(9), Err(Refused::Before));
    }

    #[test]
    fn a_late_one_that_is_left_out_is_a_gap_to_be_filled() {
        let mut numbers = Numbers::<2>::new(99);
        numbers.begin(10);

        assert_eq!(numbers.pass(12), Ok(102));
        assert_eq!(numbers.leave_out(11), Ok(LeftOut::Gap(101)));
        assert_eq!(numbers.leave_out(11), Err(Refused::Again));
        assert_eq!(numbers.pass(13), Ok(103));
    }

    #[test]
    fn a_new_source_goes_on_behind_the_old_one() {
        let mut numbers = Numbers::<2>::new(99);
        numbers.begin(10);
        assert_eq!(numbers.pass(15), Ok(105));

        assert_eq!(numbers.begin(7_000), 106);
        assert_eq!(numbers.pass(7_001), Ok(107));
        assert_eq!(numbers.pass(6_999), Err(Refused::Before));
    }

    #[test]
    fn what_is_too_old_is_not_guessed_at() {
        let mut numbers = Numbers::<1>::new(0);
        numbers.begin(10);

        assert_eq!(numbers.pass(74), Ok(65));
        assert_eq!(numbers.pass(10), Err(Refused::TooOld));
        assert_eq!(numbers.pass(11), Ok(2));
        assert_eq!(numbers.pass(100_000), Ok(99_991));
    }

    proptest! {
        /// Whatever comes in whichever order, no number is given away twice, and their order is that of what they came from.
        #[test]
        fn no_number_is_given_away_twice(
            steps in prop::collection::vec((0_i64..80, any::<bool>(), 0_u8..50), 1..400),
        ) {
            let mut numbers = Numbers::<1>::new(0);
            let (mut given, mut newest) = (BTreeMap::new(), 1_000_i64);
            let mut first = 1_000;
            given.insert(numbers.begin(1_000), (0_u64, 1_000_u64));
            let mut source = 0_u64;
            for (ahead, leave_out, what) in steps {
                if what == 0 {
                    source += 1;
                    (first, newest) = (5_000, 5_000);
                    prop_assert!(given.insert(numbers.begin(5_000), (source, 5_000)).is_none());
                    continue;
                }
                let number = (newest + ahead - 70).unsigned_abs();
                newest = newest.max(newest + ahead - 70);
                let out = if leave_out {
                    match numbers.leave_out(number) {
                        Ok(LeftOut::Gap(out)) => Some(out),
                        Ok(LeftOut::Unnoticed) | Err(_) => None,
                    }
                } else {
                    numbers.pass(number).ok()
                };
                if let Some(out) = out {
                    prop_assert!(number >= first);
                    prop_assert_eq!(given.insert(out, (source, number)), None);
                }
            }
            let order: Vec<_> = given.values().copied().collect();
            prop_assert!(order.is_sorted());
        }
    }
}
