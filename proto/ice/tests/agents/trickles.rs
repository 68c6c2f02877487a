//! What comes early, late, twice, or not at all.

use super::peer::{Heard, PASSWORD, UFRAG, candidate};
use moim_ice::{
    Ask, CandidateAddress, CandidateKind, Config, ConnectionState, DropReason, Error, Event, FailureReason,
    Handled, IceCredentials, IceRole, PEER_REFLEXIVE_MAX, PairState, REMOTE_CANDIDATES_MAX,
};
use moim_stun::attribute::{ErrorCode, IceControlling, Priority, UnknownAttributes, XorMappedAddress};
use moim_stun::{AttributeType, Class, Integrity, IntegrityKey, Message, MessageBuilder, Method, Seal};
use std::net::SocketAddr;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn controlling() -> Config {
    Config { role: IceRole::Controlling, ..Config::default() }
}

/// Covers: RFC 8838 §8.1
#[test]
fn candidates_may_come_before_credentials() {
    let mut heard = Heard::new(controlling());
    let peer = address("192.0.2.2:6000");
    heard.agent.add_remote_candidate(candidate(peer), heard.now).unwrap();
    heard.pass(SECOND);
    assert_eq!(heard.last_check_to(peer), None);

    heard.set_remote();
    assert!(heard.last_check_to(peer).is_some());
}

/// Covers: RFC 8838 §5.4
#[test]
fn candidates_of_credentials_to_come_wait_and_those_of_others_are_forgotten() {
    let mut heard = Heard::knows_peer(controlling());
    let (early, other) = (address("192.0.2.2:6000"), address("192.0.2.3:6000"));
    let next = moim_ice::Candidate { ufrag: Some("next".into()), ..candidate(early) };
    let unknown = moim_ice::Candidate { ufrag: Some("what".into()), ..candidate(other) };
    heard.agent.add_remote_candidate(next, heard.now).unwrap();
    heard.agent.add_remote_candidate(unknown, heard.now).unwrap();
    heard.pass(SECOND);
    assert_eq!(heard.states(), []);

    heard.agent.restart(heard.now);
    let old = moim_ice::Candidate { ufrag: Some(UFRAG.into()), ..candidate(other) };
    let next = moim_ice::Candidate { ufrag: Some("next".into()), ..candidate(early) };
    heard.agent.add_remote_candidate(next, heard.now).unwrap();
    heard.agent.set_remote(IceCredentials::new("next", PASSWORD).unwrap(), false, heard.now);
    let _ = heard.agent.add_remote_candidate(old, heard.now);
    heard.pass(SECOND);
    assert!(heard.last_check_to(early).is_some());
    assert_eq!(heard.last_check_to(other), None);
}

/// Covers: RFC 8445 §7.3, §7.3.1.3, §7.3.1.4
#[test]
fn checks_that_come_before_the_answer_are_answered_and_remembered() {
    let mut heard = Heard::new(Config::default());
    let peer = address("198.51.100.7:6000");
    let check = heard.usual_check(true);
    assert_eq!(heard.give(peer, &check), Handled::Taken);
    let (_, response) = heard.sent.last().unwrap();
    let response = Message::parse(response).unwrap();
    assert_eq!(response.class(), Class::SuccessResponse);
    assert_eq!(response.get(), Ok(Some(XorMappedAddress(peer))));
    assert!(matches!(heard.give(peer, b"\x16data before the answer"), Handled::Data { .. }));
    heard.pass(SECOND);
    assert_eq!(heard.last_check_to(peer), None, "there is nothing to seal it with");

    heard.set_remote();
    heard.answer_last(peer);
    assert_eq!(
        heard.agent.connection_state(),
        ConnectionState::Completed,
        "it was named before it was valid"
    );
}

#[test]
fn checks_that_come_before_the_answer_are_remembered_to_a_limit() {
    let mut heard = Heard::new(Config::default());
    let check = heard.usual_check(false);
    for port in 0..1_000 {
        let _ = heard.give(SocketAddr::new([198, 51, 100, 7].into(), 1_000 + port), &check);
    }
    assert_eq!(heard.agent.pairs().count(), PEER_REFLEXIVE_MAX);
    assert!(heard.agent.counters().drops.of(DropReason::LimitReached) > 900);

    // They were another's: the peer's credentials show it.
    heard.agent.set_remote(IceCredentials::new("other", PASSWORD).unwrap(), false, heard.now);
    assert_eq!(heard.agent.pairs().count(), 0);
}

/// Covers: RFC 8838 §11.4
#[test]
fn what_a_check_told_is_corrected_by_the_candidate_that_comes_later() {
    let mut heard = Heard::knows_peer(Config::default());
    let peer = address("192.0.2.2:6000");
    let check = heard.usual_check(false);
    assert_eq!(heard.give(peer, &check), Handled::Taken);
    let before = heard.agent.pairs().next().unwrap();
    assert_eq!(before.remote.kind, CandidateKind::PeerReflexive);
    let (path, priority) = (before.path, before.priority);
    heard.answer_last(peer);

    heard.agent.add_remote_candidate(candidate(peer), heard.now).unwrap();
    assert_eq!(heard.agent.pairs().count(), 1);
    let after = heard.agent.pairs().next().unwrap();
    assert_eq!((after.path, after.state), (path, PairState::Succeeded));
    assert_eq!(after.remote.kind, CandidateKind::Host);
    assert!(after.priority > priority);
}

/// Covers: RFC 8445 §7.2.5.2.1
#[test]
fn an_answer_from_another_address_fails_the_pair() {
    let mut heard = Heard::knows_peer(controlling());
    let peer = address("192.0.2.2:6000");
    heard.agent.add_remote_candidate(candidate(peer), heard.now).unwrap();
    heard.drain();
    let answer = Heard::answer(&heard.last_check_to(peer).unwrap(), heard.local);

    assert_eq!(heard.give(address("192.0.2.3:6000"), &answer), Handled::Taken);
    assert_eq!(heard.states(), [PairState::Failed(FailureReason::NonSymmetric)]);
    assert_eq!(heard.give(peer, &answer), Handled::Dropped(DropReason::NotAsked));
}

/// Covers: RFC 8445 §7.2.5.3.1
#[test]
fn an_answer_tells_how_the_peer_sees_this_side() {
    let mut heard = Heard::knows_peer(controlling());
    let (peer, seen) = (address("198.51.100.7:6000"), address("203.0.113.9:1234"));
    heard.agent.add_remote_candidate(candidate(peer), heard.now).unwrap();
    heard.drain();
    let answer = Heard::answer(&heard.last_check_to(peer).unwrap(), seen);
    assert_eq!(heard.give(peer, &answer), Handled::Taken);

    let pair = heard.agent.pairs().next().unwrap();
    assert_eq!((pair.local.kind, pair.local.socket()), (CandidateKind::PeerReflexive, Some(seen)));
    assert_eq!(pair.local.related, Some(heard.local));
    let tells_of_it =
        |event: &Event| matches!(event, Event::LocalCandidate(it) if it.kind != CandidateKind::Host);
    assert!(!heard.events.iter().any(tells_of_it), "the peer knows it already");
}

/// Covers: RFC 8489 §6.3.3, RFC 8445 §7.2.5.2
#[test]
fn answers_that_are_not_authentic_are_dropped() {
    let mut heard = Heard::knows_peer(controlling());
    let peer = address("192.0.2.2:6000");
    heard.agent.add_remote_candidate(candidate(peer), heard.now).unwrap();
    heard.drain();
    let id = Message::parse(&heard.last_check_to(peer).unwrap()).unwrap().transaction_id();
    let key = IntegrityKey::short_term("anotherpasswordthanthat");
    for integrity in [Integrity::None, Integrity::Sha1(&key)] {
        let mut buffer = [0; 200];
        let mut response =
            MessageBuilder::new(&mut buffer, Class::SuccessResponse, Method::BINDING, id).unwrap();
        response.attribute(&XorMappedAddress(heard.local)).unwrap();
        let response = response.finish(Seal { integrity, fingerprint: true }).unwrap().to_vec();
        assert_eq!(heard.give(peer, &response), Handled::Dropped(DropReason::NotAuthentic));
    }
    assert_eq!(heard.states(), [PairState::InProgress]);
}

#[test]
fn a_check_for_another_agent_is_not_taken() {
    let mut heard = Heard::knows_peer(Config::default());
    let mut other = Heard::new(Config::default());
    other.agent.restart(other.now);
    let check = other.usual_check(false);

    assert_eq!(heard.give(address("192.0.2.2:6000"), &check), Handled::NotForMe);
    assert_eq!(heard.agent.pairs().count(), 0);
}

/// Covers: RFC 8489 §9.1.3
#[test]
fn a_check_with_a_wrong_password_is_refused() {
    let mut heard = Heard::knows_peer(Config::default());
    let mut check = heard.usual_check(false);
    // The last byte of the integrity: the fingerprint would give it away, and is left out.
    let len = check.len() - 8;
    check.truncate(len);
    let body = u16::try_from(len - 20).unwrap().to_be_bytes();
    check[2..4].copy_from_slice(&body);
    check[len - 1] ^= 1;

    let dropped = Handled::Dropped(DropReason::NotAuthentic);
    assert_eq!(heard.give(address("192.0.2.2:6000"), &check), dropped);
    let (_, response) = heard.sent.last().unwrap();
    assert_eq!(Message::parse(response).unwrap().get(), Ok(Some(ErrorCode::UNAUTHENTICATED)));
    assert_eq!(heard.agent.pairs().count(), 0);
}

/// Covers: RFC 8489 §6.3.1, RFC 8445 §7.3
#[test]
fn what_must_be_understood_and_is_not_is_refused_and_the_rest_passed_over() {
    let mut heard = Heard::knows_peer(Config::default());
    let peer = address("192.0.2.2:6000");
    // GOOG-NETWORK-INFO, and the number of a nomination, as libwebrtc sends them.
    let check = heard.check(|request| {
        request.attribute(&Priority(5)).unwrap();
        request.attribute(&IceControlling(7)).unwrap();
        request.raw(AttributeType(0xc057), &[0, 1, 0, 10]).unwrap();
        request.raw(AttributeType(0xc001), &[0, 0, 0, 1]).unwrap();
    });
    assert_eq!(heard.give(peer, &check), Handled::Taken);
    assert_eq!(Message::parse(&heard.sent[0].1).unwrap().class(), Class::SuccessResponse);

    heard.sent.clear();
    let check = heard.check(|request| {
        request.attribute(&Priority(5)).unwrap();
        request.raw(AttributeType(0x7fff), b"what").unwrap();
    });
    assert_eq!(heard.give(peer, &check), Handled::Taken);
    let response = Message::parse(&heard.sent[0].1).unwrap();
    assert_eq!(response.get(), Ok(Some(ErrorCode::UNKNOWN_ATTRIBUTE)));
    let unknown = response.get::<UnknownAttributes>().unwrap().unwrap();
    assert_eq!(unknown.as_slice(), [AttributeType(0x7fff)]);

    let check = heard.check(|_| {});
    assert_eq!(heard.give(peer, &check), Handled::Dropped(DropReason::Malformed), "without a priority");
}

#[test]
fn an_unreachable_peer_is_checked_on_and_named_as_the_reason_in_the_end() {
    let mut heard = Heard::knows_peer(controlling());
    let peer = address("192.0.2.2:6000");
    heard.agent.add_remote_candidate(candidate(peer), heard.now).unwrap();
    heard.drain();
    heard.agent.unreachable(heard.local, peer);
    heard.pass(SECOND);
    assert_eq!(heard.states(), [PairState::InProgress]);

    heard.pass(SECOND * 60);
    assert_eq!(heard.states(), [PairState::Failed(FailureReason::Unreachable)]);
    assert_eq!(heard.agent.connection_state(), ConnectionState::Failed);
    assert_eq!(heard.agent.pairs().next().unwrap().traffic.requests_sent, 7);
}

/// Covers: RFC 8863 §4
#[test]
fn there_is_hope_for_as_long_as_a_check_of_the_peer_may_come() {
    let mut heard = Heard::knows_peer(controlling());
    heard.agent.end_of_remote_candidates(heard.now);
    heard.pass(SECOND * 39);
    assert_eq!(heard.agent.connection_state(), ConnectionState::Checking);

    let (peer, check) = (address("198.51.100.7:6000"), heard.usual_check(false));
    assert_eq!(heard.give(peer, &check), Handled::Taken);
    heard.pass(Duration::from_millis(100));
    heard.answer_last(peer);
    assert_eq!(heard.agent.connection_state(), ConnectionState::Connected);
}

#[test]
fn a_peer_without_candidates_fails_after_the_time_of_patience() {
    let mut heard = Heard::knows_peer(controlling());
    heard.pass(SECOND * 41);
    assert_eq!(heard.agent.connection_state(), ConnectionState::Failed);

    // It is not too late for a candidate.
    let peer = address("192.0.2.2:6000");
    heard.agent.add_remote_candidate(candidate(peer), heard.now).unwrap();
    heard.pass(Duration::from_millis(100));
    assert_eq!(heard.agent.connection_state(), ConnectionState::Checking);
    heard.answer_last(peer);
    assert_eq!(heard.agent.connection_state(), ConnectionState::Connected);
}

#[test]
fn names_are_resolved_by_the_driver() {
    let mut heard = Heard::knows_peer(controlling());
    let name = CandidateAddress::Name { name: "a1b2.local".into(), port: 6000 };
    let named = moim_ice::Candidate { address: name, ..candidate(address("192.0.2.2:1")) };
    for _ in 0..2 {
        heard.agent.add_remote_candidate(named.clone(), heard.now).unwrap();
    }
    heard.drain();
    let asks = |event: &&Event| matches!(event, Event::Ask(Ask::ResolveName { .. }));
    let asked: Vec<_> = heard.events.iter().filter(asks).collect();
    let [Event::Ask(Ask::ResolveName { id, name })] = asked[..] else { panic!("{asked:?}") };
    assert_eq!(name, "a1b2.local");
    let id = *id;

    heard.agent.resolved(id, Some([192, 0, 2, 2].into()), heard.now);
    heard.agent.resolved(id, Some([192, 0, 2, 3].into()), heard.now);
    heard.drain();
    assert!(heard.last_check_to(address("192.0.2.2:6000")).is_some());
    assert_eq!(heard.agent.pairs().count(), 1);
}

#[test]
fn there_are_limits_and_useless_candidates_are_refused() {
    let mut heard = Heard::knows_peer(controlling());
    for bad in ["0.0.0.0:5", "192.0.2.2:0", "224.0.0.1:5", "[::]:5"] {
        let result = heard.agent.add_remote_candidate(candidate(address(bad)), heard.now);
        assert_eq!(result, Err(Error::UnusableAddress), "{bad}");
    }
    for n in 0..REMOTE_CANDIDATES_MAX {
        let port = 1_000 + u16::try_from(n).unwrap();
        let told = candidate(SocketAddr::new([192, 0, 2, 2].into(), port));
        heard.agent.add_remote_candidate(told.clone(), heard.now).unwrap();
        heard.agent.add_remote_candidate(told, heard.now).unwrap();
    }
    let one_more = heard.agent.add_remote_candidate(candidate(address("192.0.2.9:9")), heard.now);
    assert_eq!(one_more, Err(Error::LimitReached));
    assert_eq!(heard.agent.pairs().count(), moim_ice::PAIRS_MAX);

    heard.agent.close(heard.now);
    let closed = heard.agent.add_remote_candidate(candidate(address("192.0.2.9:9")), heard.now);
    assert_eq!(closed, Err(Error::Closed));
}

#[test]
fn the_network_is_not_asked_for_names_without_end() {
    let mut heard = Heard::knows_peer(controlling());
    let mut asked = 0;
    for n in 0..1_000 {
        let name = CandidateAddress::Name { name: format!("{n}.local"), port: 6000 };
        let named = moim_ice::Candidate { address: name, ..candidate(address("192.0.2.2:1")) };
        let _ = heard.agent.add_remote_candidate(named, heard.now);
        while let Some(event) = heard.agent.poll_event() {
            if let Event::Ask(Ask::ResolveName { id, .. }) = event {
                asked += 1;
                heard.agent.resolved(id, None, heard.now);
            }
        }
    }

    assert_eq!(asked, moim_ice::NAMES_ASKED_MAX);
}

/// Covers: RFC 8421 §4
#[test]
fn families_take_turns() {
    let mut heard = Heard::new(controlling());
    for text in ["[2001:db8::1]:1", "[2001:db8::2]:1", "192.0.2.50:1"] {
        heard.agent.add_local_address(moim_ice::LocalAddress::udp(address(text)), heard.now).unwrap();
    }
    let mut all: Vec<_> = heard.agent.local_candidates().cloned().collect();
    all.sort_by_key(|candidate| std::cmp::Reverse(candidate.priority));
    let is_ipv6: Vec<_> = all.iter().map(|candidate| candidate.socket().unwrap().is_ipv6()).collect();
    assert_eq!(is_ipv6, [true, false, true, false]);
    let again = moim_ice::LocalAddress::udp(address("192.0.2.50:1"));
    heard.agent.add_local_address(again, heard.now).unwrap();
    assert_eq!(heard.agent.local_candidates().count(), 4, "another interface has the same address");
}

/// Covers: RFC 8445 §8.1.1
#[test]
fn a_controlled_agent_follows_a_peer_that_changes_its_mind() {
    let mut heard = Heard::knows_peer(Config::default());
    let (first, second) = (address("192.0.2.2:6000"), address("192.0.2.3:6000"));
    for (peer, preference) in [(first, 9), (second, 5)] {
        let told = moim_ice::Candidate { priority: 2_130_706_000 + preference, ..candidate(peer) };
        heard.agent.add_remote_candidate(told, heard.now).unwrap();
        let check = heard.usual_check(false);
        assert_eq!(heard.give(peer, &check), Handled::Taken);
        heard.pass(Duration::from_millis(100));
        heard.answer_last(peer);
    }
    let selected =
        |heard: &Heard| heard.agent.pairs().find(|pair| pair.is_selected).and_then(|it| it.remote.socket());
    let check = heard.usual_check(true);
    let _ = heard.give(first, &check);
    let _ = heard.give(second, &check);
    assert_eq!(selected(&heard), Some(first), "named at once, the better counts");

    for _ in 0..4 {
        heard.pass(SECOND);
        let check = heard.usual_check(true);
        let _ = heard.give(second, &check);
    }
    assert_eq!(selected(&heard), Some(second), "named again and again, and the other no longer");
}
