//! Which pair is checked when, where there are many.

use super::peer::{Heard, candidate};
use moim_ice::{CandidateKind, Config, IceRole, PairState};
use moim_stun::{Class, Message};
use std::net::SocketAddr;
use std::time::Duration;

/// Times are those of a clock that is turned by hand.
const RTO: Duration = Duration::from_millis(500);

fn controlling() -> Config {
    Config { role: IceRole::Controlling, ..Config::default() }
}

/// The better one of the peer's addresses.
fn direct() -> SocketAddr {
    SocketAddr::new([192, 0, 2, 2].into(), 6_000)
}

fn relayed(number: u16) -> SocketAddr {
    SocketAddr::new([192, 0, 2, 3].into(), 1_000 + number)
}

/// The peer tells a relayed candidate that nothing else has to do with.
fn tell_relayed(heard: &mut Heard, number: u16) {
    let told = moim_ice::Candidate {
        foundation: format!("r{number}").parse().unwrap(),
        priority: 1_000 + u32::from(number),
        kind: CandidateKind::Relayed,
        ..candidate(relayed(number))
    };
    heard.agent.add_remote_candidate(told, heard.now).unwrap();
    heard.drain();
}

fn checks_to(heard: &Heard, to: SocketAddr) -> usize {
    let is_check = |bytes: &[u8]| Message::parse(bytes).is_ok_and(|it| it.class() == Class::Request);
    heard.sent.iter().filter(|(transmit, bytes)| transmit.remote == to && is_check(bytes)).count()
}

/// Covers: RFC 8445 §14.2, §14.3
#[test]
fn transactions_begin_at_a_pace() {
    let mut heard = Heard::knows_peer(controlling());
    for port in 0..50 {
        let told = candidate(SocketAddr::new([192, 0, 2, 2].into(), 1_000 + port));
        heard.agent.add_remote_candidate(told, heard.now).unwrap();
    }
    heard.pass(Duration::from_millis(475));
    let first: Vec<_> = heard.sent.iter().map(|(transmit, _)| transmit.remote.port()).collect();
    // All have one foundation, so that one is checked at a time, unless it works.
    assert_eq!(first.len(), 1);
    heard.answer_last(SocketAddr::new([192, 0, 2, 2].into(), first[0]));
    heard.sent.clear();
    heard.pass(Duration::from_millis(200));
    assert!((4..=5).contains(&heard.sent.len()), "{}", heard.sent.len());
}

/// Covers: RFC 8445 §14.3
#[test]
fn many_relays_do_not_put_off_the_second_check_of_a_better_pair() {
    let mut heard = Heard::knows_peer(controlling());
    heard.agent.add_remote_candidate(candidate(direct()), heard.now).unwrap();
    for number in 0..60 {
        tell_relayed(&mut heard, number);
    }
    heard.pass(RTO);
    assert_eq!(checks_to(&heard, direct()), 2);

    heard.pass(RTO * 7);
    let last = relayed(0);
    assert_eq!(checks_to(&heard, last), 1, "the worst waits for the answers to all others");
}

/// Covers: RFC 8445 §6.1.4.2
#[test]
fn a_pair_whose_foundation_is_overdue_does_not_wait_until_that_has_failed() {
    let mut heard = Heard::knows_peer(controlling());
    let other = SocketAddr::new([192, 0, 2, 2].into(), 6_001);
    for (address, preference) in [(direct(), 9), (other, 5)] {
        let told = moim_ice::Candidate { priority: 2_130_706_000 + preference, ..candidate(address) };
        heard.agent.add_remote_candidate(told, heard.now).unwrap();
    }
    heard.pass(RTO / 2);
    assert_eq!((checks_to(&heard, direct()), checks_to(&heard, other)), (1, 0));

    heard.pass(RTO);
    assert_eq!((checks_to(&heard, direct()), checks_to(&heard, other)), (2, 1));
    heard.answer_last(other);
    assert_eq!(heard.states(), [PairState::InProgress, PairState::Succeeded]);
}

/// Covers: RFC 8445 §6.1.4.2
#[test]
fn what_the_peer_asks_for_leaves_room_for_better_pairs() {
    const RELAYS: u16 = 20;
    let mut heard = Heard::knows_peer(Config::default());
    for number in 0..RELAYS {
        tell_relayed(&mut heard, number);
        let check = heard.usual_check(false);
        let _ = heard.give(relayed(number), &check);
    }
    heard.agent.add_remote_candidate(candidate(direct()), heard.now).unwrap();
    heard.pass(Duration::from_millis(100));

    assert_eq!(checks_to(&heard, direct()), 1);
    let asked_for = (0..RELAYS).filter(|number| checks_to(&heard, relayed(*number)) > 0).count();
    assert!((1..=3).contains(&asked_for), "and goes on as fast: {asked_for}");
}

/// Covers: RFC 8445 §7.3.1.5
#[test]
fn a_pair_that_the_peer_names_is_checked_before_others_that_it_asks_for() {
    const RELAYS: u16 = 20;
    let mut heard = Heard::knows_peer(Config::default());
    for number in 0..RELAYS {
        tell_relayed(&mut heard, number);
        let check = heard.usual_check(false);
        let _ = heard.give(relayed(number), &check);
    }
    heard.sent.clear();
    let check = heard.usual_check(true);
    let _ = heard.give(relayed(RELAYS - 1), &check);
    heard.sent.clear();
    heard.pass(Duration::from_millis(100));

    assert_eq!(checks_to(&heard, relayed(RELAYS - 1)), 1);
}
