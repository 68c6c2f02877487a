//! What is missing is asked for, as often as it makes sense.

use crate::nack::{MISSING_MAX, NackConfig, NackGenerator};
use crate::rtcp::{Compound, Packet, packets};
use moim_wire::{ExtSeqNo, OutOfSpace, Ssrc};
use proptest::prelude::*;
use std::time::{Duration, Instant};

#[expect(clippy::disallowed_methods, reason = "an arbitrary origin for test time")]
fn origin() -> Instant {
    Instant::now()
}

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// What a generator asks for at a moment.
fn ask(nack: &mut NackGenerator, now: Instant) -> Vec<u16> {
    let mut buffer = [0; 1_200];
    let mut out = Compound::new(&mut buffer);
    let count = nack.poll_request(&mut out, Ssrc(1), Ssrc(2), now).unwrap();
    let asked: Vec<u16> = packets(out.written())
        .flat_map(|packet| match packet {
            Ok(Packet::Nack(nack)) => nack.seqs().map(|seq| seq.0).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(asked.len(), count);
    asked
}

fn at(seq: u64) -> ExtSeqNo {
    ExtSeqNo((1 << 16) + seq)
}

/// Covers: RFC 4585 §6.2.1
#[test]
fn a_gap_is_asked_for_once_in_a_round_trip_until_it_is_filled() {
    let start = origin();
    let mut nack = NackGenerator::new(NackConfig::default());
    nack.set_rtt(millis(80));
    nack.on_packet(at(65_534), start);
    nack.on_packet(at(65_538), start);

    assert_eq!(ask(&mut nack, start), [], "it may only be late");
    assert_eq!(nack.poll_timeout().unwrap().at, start + millis(5));
    assert_eq!(ask(&mut nack, start + millis(5)), [65_535, 0, 1]);
    assert_eq!(ask(&mut nack, start + millis(50)), []);
    nack.on_packet(at(65_536), start + millis(90));
    assert_eq!(ask(&mut nack, start + millis(105)), [65_535, 1], "80 ms and a quarter of that");
    nack.on_packet(at(65_537), start + millis(110));
    nack.on_packet(at(65_535), start + millis(110));
    assert_eq!(ask(&mut nack, start + millis(300)), []);
    assert_eq!(nack.poll_timeout(), None);
    assert!(!nack.take_unrecoverable());
}

#[test]
fn what_does_not_come_is_given_up() {
    let start = origin();
    let mut nack = NackGenerator::new(NackConfig { tries_max: 3, ..NackConfig::default() });
    nack.set_rtt(millis(10));
    nack.on_packet(at(1), start);
    nack.on_packet(at(3), start);

    let mut asked = 0;
    while let Some(deadline) = nack.poll_timeout() {
        asked += ask(&mut nack, deadline.at).len();
    }

    assert_eq!((asked, nack.given_up()), (3, 1));
    assert!(nack.take_unrecoverable());
    assert!(!nack.take_unrecoverable(), "said once");
}

#[test]
fn what_is_older_than_a_second_is_given_up() {
    let start = origin();
    let mut nack = NackGenerator::new(NackConfig::default());
    nack.on_packet(at(1), start);
    nack.on_packet(at(3), start);

    assert_eq!(ask(&mut nack, start + millis(1_000)), []);
    assert_eq!(nack.given_up(), 1);
}

#[test]
fn of_a_long_gap_the_end_is_asked_for() {
    let start = origin();
    let mut nack = NackGenerator::new(NackConfig::default());
    nack.on_packet(at(0), start);
    nack.on_packet(at(2_000), start);
    nack.on_packet(at(2_011), start);

    assert_eq!(nack.missing().count(), MISSING_MAX);
    assert_eq!(nack.given_up(), 1_999 + 10 - MISSING_MAX as u64);
    assert_eq!(nack.missing().last(), Some(at(2_010).seq()));
}

#[test]
fn what_does_not_fit_stays_due() {
    let start = origin();
    let mut nack = NackGenerator::new(NackConfig::default());
    nack.on_packet(at(0), start);
    for seq in (20..=100).step_by(20) {
        nack.on_packet(at(seq), start);
    }
    let now = start + millis(10);

    let mut buffer = [0; 12 + 2 * 4];
    let mut out = Compound::new(&mut buffer[..12]);
    assert_eq!(nack.poll_request(&mut out, Ssrc(1), Ssrc(2), now), Err(OutOfSpace));
    assert!(out.is_empty());
    let mut out = Compound::new(&mut buffer);
    let first = nack.poll_request(&mut out, Ssrc(1), Ssrc(2), now).unwrap();
    assert_eq!(first + ask(&mut nack, now).len(), 95);
}

proptest! {
    /// In whatever order packets come: what has come is not missing, and what has not is, or was given up.
    #[test]
    fn what_has_come_is_never_missing(order in prop::collection::vec(0_u64..900, 1..300)) {
        let start = origin();
        let mut nack = NackGenerator::new(NackConfig::default());
        let mut come = std::collections::BTreeSet::new();
        for seq in &order {
            nack.on_packet(at(*seq), start);
            come.insert(*seq);
        }
        let (first, highest) = (order[0], *come.iter().next_back().unwrap());
        let expected: Vec<_> = (first..highest).filter(|seq| !come.contains(seq)).collect();
        let missing: Vec<_> = nack.missing().map(|seq| u64::from(seq.0)).collect();
        prop_assert!(missing.len() <= MISSING_MAX);
        prop_assert!(missing.iter().all(|seq| expected.contains(seq)));
        if nack.given_up() == 0 {
            prop_assert_eq!(missing, expected);
        }
    }
}
