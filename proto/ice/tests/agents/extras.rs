//! What checks and their answers carry for others.

use super::peer::{Heard, candidate};
use moim_ice::{Candidate, Config, Event, Extra, Extras, Handled, IceRole, Protocol, Received};
use moim_stun::attribute::{IceControlling, Priority};
use moim_stun::{AttributeType, Class, Message};
use std::net::SocketAddr;
use std::time::Duration;

const KNOWN: AttributeType = AttributeType(0xC123);

fn peer() -> SocketAddr {
    "192.0.2.2:6000".parse().unwrap()
}

fn extra(value: &[u8]) -> Extra {
    Extra { number: KNOWN, value: value.to_vec() }
}

fn extras(always: &[&[u8]], in_turn: &[&[u8]]) -> Extras {
    let all = |values: &[&[u8]]| values.iter().map(|value| extra(value)).collect();
    Extras { known: vec![KNOWN], always: all(always), in_turn: all(in_turn) }
}

/// What messages of a class that were sent carry, oldest first.
fn carried(heard: &Heard, class: Class) -> Vec<Vec<Vec<u8>>> {
    let sent = heard.sent.iter().filter_map(|(_, bytes)| {
        let message = Message::parse(bytes).ok().filter(|message| message.class() == class)?;
        let known = message.attributes().filter(|attribute| attribute.attribute_type == KNOWN);
        Some(known.map(|attribute| attribute.value.to_vec()).collect())
    });
    sent.collect()
}

fn told(heard: &Heard) -> Vec<Vec<Extra>> {
    let of = |event: &Event| if let Event::Extras(extras) = event { Some(extras.clone()) } else { None };
    heard.events.iter().filter_map(of).collect()
}

fn check_with(heard: &mut Heard, value: &[u8]) -> Vec<u8> {
    heard.check(|request| {
        request.attribute(&Priority(1_862_270_975)).unwrap();
        request.attribute(&IceControlling(u64::MAX)).unwrap();
        request.raw(KNOWN, value).unwrap();
        request.raw(AttributeType(0xC124), b"not known").unwrap();
    })
}

#[test]
fn checks_carry_what_is_always_carried_and_the_rest_by_turns() {
    let mut heard = Heard::knows_peer(Config { role: IceRole::Controlling, ..Config::default() });
    heard.agent.set_extras(Some(extras(&[b"a"], &[b"1", b"22"])), heard.now);
    for port in 6000..6003 {
        let address = SocketAddr::new(peer().ip(), port);
        // Pairs of different foundations do not wait for each other.
        let candidate = Candidate { foundation: port.to_string().parse().unwrap(), ..candidate(address) };
        heard.agent.add_remote_candidate(candidate, heard.now).unwrap();
    }
    heard.pass(Duration::from_millis(200));

    let turns = |turn: &[u8]| vec![b"a".to_vec(), turn.to_vec()];
    assert_eq!(carried(&heard, Class::Request), [turns(b"1"), turns(b"22"), turns(b"1")]);
    assert_eq!(told(&heard), [[]; 0]);
}

#[test]
fn an_answer_and_the_check_that_follows_carry_what_came_of_the_request() {
    let mut heard = Heard::knows_peer(Config::default());
    heard.agent.set_extras(Some(extras(&[b"old"], &[])), heard.now);
    let check = check_with(&mut heard, b"from the peer");

    let received = Received { local: heard.local, remote: peer(), protocol: Protocol::Udp, bytes: &check };
    assert_eq!(heard.agent.handle_input(received, heard.now), Handled::Taken);
    heard.agent.set_extras(Some(extras(&[b"new"], &[])), heard.now);
    heard.drain();

    assert_eq!(told(&heard), [[extra(b"from the peer")]]);
    assert_eq!(carried(&heard, Class::SuccessResponse), [[b"new"]]);
    assert_eq!(carried(&heard, Class::Request), [[b"new"]]);
}

#[test]
fn nothing_waits_for_somebody_who_does_not_say_anything() {
    let mut heard = Heard::knows_peer(Config::default());
    heard.agent.set_extras(Some(extras(&[b"a"], &[])), heard.now);
    let check = heard.usual_check(false);

    assert_eq!(heard.give(peer(), &check), Handled::Taken);
    assert_eq!(carried(&heard, Class::SuccessResponse).len(), 1);
    heard.pass(Duration::from_millis(100));

    assert_eq!(carried(&heard, Class::Request).len(), 1);
    assert_eq!(told(&heard), [[]], "that it had none is told too");
}

#[test]
fn answers_are_told_of_that_could_have_had_something() {
    let mut heard = Heard::knows_peer(Config { role: IceRole::Controlling, ..Config::default() });
    heard.agent.add_remote_candidate(candidate(peer()), heard.now).unwrap();
    heard.drain();
    heard.agent.set_extras(Some(extras(&[b"a"], &[])), heard.now);
    heard.answer_last(peer());
    assert_eq!(told(&heard), [[]; 0], "it answers a check from before");

    heard.pass(Duration::from_secs(1));
    heard.answer_last(peer());
    assert_eq!(told(&heard), [[]]);
}

#[test]
fn what_is_not_authentic_is_not_told_of() {
    let mut heard = Heard::knows_peer(Config::default());
    heard.agent.set_extras(Some(extras(&[b"a"], &[])), heard.now);
    let mut check = check_with(&mut heard, b"forged");
    let place = check.windows(6).position(|window| window == b"forged").unwrap();
    check[place] ^= 1;

    assert!(matches!(heard.give(peer(), &check), Handled::Dropped(_)));

    assert_eq!(told(&heard), [[]; 0]);
}

#[test]
fn what_does_not_fit_is_left_out_and_the_check_goes_all_the_same() {
    let mut heard = Heard::knows_peer(Config::default());
    let long = [7; 1_100];
    heard.agent.set_extras(Some(extras(&[b"short", &long], &[])), heard.now);
    heard.agent.add_remote_candidate(candidate(peer()), heard.now).unwrap();
    heard.drain();

    assert_eq!(carried(&heard, Class::Request), [[b"short"]]);
}

#[test]
fn after_the_end_nothing_is_carried_or_told_of() {
    let mut heard = Heard::knows_peer(Config::default());
    heard.agent.set_extras(Some(extras(&[b"last"], &[])), heard.now);
    let check = check_with(&mut heard, b"x");
    let received = Received { local: heard.local, remote: peer(), protocol: Protocol::Udp, bytes: &check };
    assert_eq!(heard.agent.handle_input(received, heard.now), Handled::Taken);
    heard.agent.set_extras(None, heard.now);
    heard.drain();
    assert_eq!(carried(&heard, Class::SuccessResponse), [[b"last"]], "the answer was under way");

    let check = check_with(&mut heard, b"y");
    assert_eq!(heard.give(peer(), &check), Handled::Taken);

    assert_eq!(carried(&heard, Class::SuccessResponse)[1], [b""; 0]);
    assert_eq!(told(&heard).len(), 1);
}
