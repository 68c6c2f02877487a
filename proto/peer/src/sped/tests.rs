use super::*;

fn datagrams<const N: usize>(firsts: [u8; N]) -> [Bytes; N] {
    firsts.map(|first| Bytes::copy_from_slice(&[22, first]))
}

/// What a message carries on its `turn`.
fn carried(sped: &Sped, turn: usize) -> Vec<Extra> {
    let Extras { always, in_turn, .. } = sped.extras();
    let one = in_turn.get(turn).cloned();
    always.into_iter().chain(one).collect()
}

fn confirmed() -> Sped {
    let mut sped = Sped::new();
    sped.receive(&[Extra { number: ACKNOWLEDGEMENT, value: Vec::new() }]);
    sped.take_change();
    sped
}

#[test]
fn a_handshake_of_three_flights_goes_by_checks() {
    let (mut client, mut server) = (Sped::new(), Sped::new());
    let [hello, reply, finished] = datagrams([1, 2, 3]);

    client.capture(std::slice::from_ref(&hello), false);
    assert_eq!(server.receive(&carried(&client, 0)), Some(&hello[..]));
    server.capture(std::slice::from_ref(&reply), false);
    assert_eq!(client.receive(&carried(&server, 0)), Some(&reply[..]));
    assert_eq!(client.extras().in_turn, [], "the hello has come");
    client.capture(std::slice::from_ref(&finished), false);
    client.handshake_done();
    assert_eq!(server.receive(&carried(&client, 0)), Some(&finished[..]));
    server.handshake_done();
    assert!(server.take_change());
    assert_eq!(server.state(), SpedState::Complete, "the client has all");
    assert_eq!(client.receive(&carried(&server, 0)), None);
    assert!(client.take_change());
    assert_eq!(client.state(), SpedState::Complete);
}

#[test]
fn who_carries_nothing_does_not_take_part() {
    let mut sped = Sped::new();
    sped.capture(&datagrams([1]), false);

    sped.receive(&[]);

    assert!(sped.take_change());
    assert_eq!((sped.state(), sped.is_active()), (SpedState::Off, false));
    let again = [Extra { number: DATA, value: vec![22] }];
    assert_eq!(sped.receive(&again), None, "it stays so");
    assert!(!sped.take_change());
}

#[test]
fn who_carries_nothing_once_is_not_given_up_later() {
    let mut sped = confirmed();
    sped.receive(&[]);
    assert_eq!(sped.state(), SpedState::Confirmed);
}

#[test]
fn who_carries_nothing_any_more_is_done() {
    let mut sped = confirmed();
    sped.capture(&datagrams([1]), true);
    sped.handshake_done();
    assert!(sped.take_change());
    assert_eq!(sped.state(), SpedState::Pending, "nobody has said that the last flight came");

    assert_eq!(sped.receive(&[]), None);

    assert!(sped.take_change());
    assert_eq!((sped.state(), sped.is_active()), (SpedState::Complete, false));
}

#[test]
fn a_flight_that_went_by_no_path_is_released_to_one_but_for_what_has_come() {
    let mut sped = confirmed();
    let flight = datagrams([1, 2]);
    sped.capture(&flight, false);
    let crc = crc32fast::hash(&flight[0]).to_be_bytes().to_vec();
    sped.receive(&[Extra { number: ACKNOWLEDGEMENT, value: crc }]);

    assert_eq!(sped.release(), [flight[1].clone()]);
    assert!(sped.release().is_empty());
    sped.capture(&flight, true);
    assert!(sped.release().is_empty(), "it has gone by the path");
}

#[test]
fn of_a_long_flight_checks_carry_some_at_a_time_and_the_path_all() {
    let mut sped = confirmed();
    let flight: [Bytes; FLIGHT_MAX + 1] = datagrams([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    sped.capture(&flight, false);
    let carried: Vec<_> = sped.extras().in_turn.into_iter().map(|extra| extra.value).collect();
    assert_eq!(carried, flight[..FLIGHT_MAX]);

    let crc = crc32fast::hash(&flight[0]).to_be_bytes().to_vec();
    sped.receive(&[Extra { number: ACKNOWLEDGEMENT, value: crc }]);

    assert_eq!(sped.extras().in_turn.last().unwrap().value, flight[FLIGHT_MAX]);
    assert_eq!(sped.release(), flight[1..]);
}

#[test]
fn the_latest_four_are_acknowledged() {
    let mut sped = confirmed();
    let came = datagrams([1, 2, 2, 3, 4, 5]);
    for datagram in &came {
        sped.acknowledge(datagram);
    }

    let expected = [1, 3, 4, 5].map(|index| crc32fast::hash(&came[index]).to_be_bytes());
    assert_eq!(sped.extras().always[0], Extra { number: ACKNOWLEDGEMENT, value: expected.concat() });
}

#[test]
fn what_is_no_dtls_is_not_for_dtls_and_what_is_no_list_acknowledges_nothing() {
    let mut sped = confirmed();
    sped.capture(&datagrams([1]), false);
    let strange =
        [Extra { number: DATA, value: vec![128, 0] }, Extra { number: ACKNOWLEDGEMENT, value: vec![0; 5] }];

    assert_eq!(sped.receive(&strange), None);

    assert_eq!(sped.extras().in_turn.len(), 1);
    assert_eq!(sped.extras().always[0].value, [0; 0]);
}

#[test]
fn data_ends_it() {
    let mut sped = confirmed();
    sped.capture(&datagrams([1]), true);
    sped.data_came();
    assert_eq!(sped.state(), SpedState::Confirmed, "not before the handshake is done here");
    sped.handshake_done();
    sped.data_came();
    assert_eq!(sped.state(), SpedState::Complete);
}
