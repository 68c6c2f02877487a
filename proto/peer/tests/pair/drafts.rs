//! What drafts save round trips by: SNAP and SPED.

use super::world::{Link, World, config};
use moim_peer::sdp::jsep::SdpType;
use moim_peer::{Config, DataChannelEvent, DtlsState, DtlsVersions, Event, PeerConnectionState};
use std::time::{Duration, Instant};

fn with_snap() -> Config {
    Config { snap: true, ..config() }
}

fn with_sped() -> Config {
    Config { sped: true, ..config() }
}

fn with_both() -> Config {
    Config { snap: true, ..with_sped() }
}

/// Runs until data channels are open at both ends, and says when they were.
fn run_until_open(world: &mut World) -> Instant {
    let is_open = |event: &Event| matches!(event, Event::DataChannel(DataChannelEvent::Open(_)));
    world.run_until(Duration::from_secs(30), |world| {
        world.ends.iter().all(|end| end.events.iter().any(is_open))
    });
    world.run_until_connected();
    world.now
}

/// How long after the first of these steps at an end the second one was.
fn between(world: &World, end: usize, first: &str, second: &str) -> Duration {
    let at = |name| {
        let mut steps = world.ends[end].connection.trace().steps();
        steps.find(|step| step.step == name).map(|step| step.at).unwrap()
    };
    at(second).saturating_duration_since(at(first))
}

fn init_in(description: &str) -> Option<&str> {
    description.lines().find_map(|line| line.strip_prefix("a=sctp-init:"))
}

/// Another text where an INIT is told by a description of this kind.
fn with_init(told_by: SdpType, init: &str) -> impl Fn(SdpType, String) -> String {
    move |kind, description| match init_in(&description) {
        Some(before) if kind == told_by => description.replace(before, init),
        Some(_) | None => description,
    }
}

#[test]
fn with_snap_channels_need_no_handshake() {
    for offerer in [0, 1] {
        let mut world = World::with(with_snap(), with_snap());
        world.add_media(offerer);
        world.negotiate(offerer);
        run_until_open(&mut world);

        for end in [0, 1] {
            assert_eq!(between(&world, end, "dtls.connected", "sctp.connected"), Duration::ZERO);
            assert!(world.ends[end].connection.stats().transport.snap);
        }
        super::exchange(&mut world);
        assert_eq!(world.ends.each_ref().map(|end| end.dropped), [0, 0]);
    }
}

#[test]
fn who_does_not_do_snap_shakes_hands() {
    for (one, other) in [(with_snap(), config()), (config(), with_snap())] {
        let mut world = World::with(one, other);
        world.add_media(0);
        world.negotiate(0);
        run_until_open(&mut world);

        let said = world.ends.each_ref().map(|end| end.connection.local_description().unwrap());
        assert_eq!(init_in(&said[1]), None, "nothing is answered that was not offered, or is not wanted");
        assert!(between(&world, 0, "dtls.connected", "sctp.connected") > Duration::ZERO);
        super::exchange(&mut world);
    }
}

#[test]
fn an_offer_that_cannot_be_used_is_answered_without() {
    // No base64; nothing; no chunk; the chunk of an answer; one that ends too early; one whose tag is 0.
    let unusable = [
        "?",
        "",
        "AAAA",
        "AgAAHqp4HqUAUAAA/////3Pq86HAAAAEgAgABoLA",
        "AQAAHqp4HqUAUAAA",
        "AQAAHgAAAAAAUAAA/////3Pq86HAAAAEgAgABoLA",
    ];
    for init in unusable {
        let mut world = World::with(with_snap(), with_snap());
        world.add_media(0);
        world.negotiate_through(0, Duration::ZERO, with_init(SdpType::Offer, init));
        run_until_open(&mut world);

        assert_eq!(init_in(&world.ends[1].connection.local_description().unwrap()), None, "{init}");
        assert_eq!(world.ends[1].connection.stats().peer_connection.sctp_inits_refused, 1, "{init}");
        super::exchange(&mut world);
    }
}

#[test]
fn what_browsers_tell_can_be_used() {
    // As Chromium 156 offers it.
    let init = "AQAAHqp4HqUAUAAA/////3Pq86HAAAAEgAgABoLA";
    let mut world = World::with(with_snap(), with_snap());
    world.add_media(0);

    world.negotiate_through(0, Duration::ZERO, with_init(SdpType::Offer, init));

    assert!(init_in(&world.ends[1].connection.local_description().unwrap()).is_some());
    assert_eq!(world.ends[1].connection.stats().peer_connection.sctp_inits_refused, 0);
}

#[test]
fn an_answer_that_cannot_be_used_is_counted_and_stops_no_media() {
    let mut world = World::with(with_snap(), with_snap());
    world.add_media(0);
    world.negotiate_through(0, Duration::ZERO, with_init(SdpType::Answer, "?"));

    world.run_until_connected();

    assert_eq!(world.ends[0].connection.stats().peer_connection.sctp_inits_refused, 1);
}

#[test]
fn the_same_init_is_told_again() {
    let mut world = World::with(with_snap(), with_snap());
    world.add_media(0);
    world.negotiate(0);
    run_until_open(&mut world);
    let told = |world: &World| {
        world.ends.each_ref().map(|end| {
            let description = end.connection.local_description().unwrap();
            init_in(&description).map(str::to_owned)
        })
    };
    let before = told(&world);

    world.ends[1].connection.restart_ice(world.now);
    world.negotiate(1);
    super::exchange(&mut world);

    assert!(before.iter().all(Option::is_some) && before[0] != before[1]);
    assert_eq!(told(&world), before);
}

/// How long after the descriptions were set DTLS was connected at either end, and then data channels were open at both.
fn times(one: Config, other: Config) -> ([Duration; 2], Duration) {
    let mut world = World::with(one, other);
    let begun = world.now;
    world.add_media(0);
    world.negotiate(0);
    let open = run_until_open(&mut world);
    let connected = |end: usize| {
        let mut steps = world.ends[end].connection.trace().steps();
        steps.find(|step| step.step == "dtls.connected").unwrap().at.saturating_duration_since(begun)
    };
    ([0, 1].map(connected), open.saturating_duration_since(begun))
}

#[test]
fn each_saves_a_round_trip_or_two() {
    let round_trip = Duration::from_millis(20);
    let (plain, plain_open) = times(config(), config());

    let (snap, snap_open) = times(with_snap(), with_snap());
    assert_eq!(snap, plain, "SNAP is about what follows");
    assert!(snap_open + round_trip <= plain_open, "{snap_open:?} {plain_open:?}");

    let (sped, sped_open) = times(with_sped(), with_sped());
    for (sped, plain) in sped.into_iter().zip(plain) {
        assert!(sped + round_trip <= plain, "{sped:?} {plain:?}");
    }
    assert!(sped_open + round_trip <= plain_open, "{sped_open:?} {plain_open:?}");

    let (_, both_open) = times(with_both(), with_both());
    assert!(both_open + 2 * round_trip <= plain_open, "{both_open:?} {plain_open:?}");
}

fn steps(world: &World, end: usize) -> Vec<&'static str> {
    world.ends[end].connection.trace().steps().map(|step| step.step).collect()
}

#[test]
fn with_sped_every_version_of_dtls_goes_by_checks_with_either_side_offering() {
    for versions in [DtlsVersions::Auto, DtlsVersions::Only12, DtlsVersions::Only13] {
        for offerer in [0, 1] {
            let mut world = World::with(Config { dtls_versions: versions, ..with_sped() }, with_sped());
            world.add_media(offerer);
            world.negotiate(offerer);
            world.run_until_connected();
            super::exchange(&mut world);

            for end in [0, 1] {
                let steps = steps(&world, end);
                assert!(steps.contains(&"sped.complete"), "{versions:?} {offerer} {end} {steps:?}");
                assert!(world.ends[end].connection.stats().transport.sped_datagrams_received > 0);
            }
        }
    }
}

#[test]
fn who_does_not_do_sped_gets_datagrams() {
    let says = |kind: SdpType| {
        move |at: SdpType, description: String| {
            let options = if at == kind { "trickle sped googspedv1" } else { "trickle" };
            description.replace("a=ice-options:trickle\r", &format!("a=ice-options:{options}\r"))
        }
    };
    for offerer in [0, 1] {
        for kind in [SdpType::Offer, SdpType::Answer, SdpType::Rollback] {
            let mut world = World::with(with_sped(), config());
            world.add_media(offerer);
            world.negotiate_through(offerer, Duration::ZERO, says(kind));
            world.run_until_connected();
            super::exchange(&mut world);

            assert!(steps(&world, 0).contains(&"sped.off"), "{offerer} {kind:?}");
        }
    }
}

#[test]
fn a_bad_network_stops_neither() {
    for (loss, duplication, jitter_ms) in [(100, 0, 0), (0, 200, 0), (0, 0, 30), (100, 100, 20)] {
        for offerer in [0, 1] {
            let mut world = World::with(with_both(), with_both());
            world.link = Link { loss, duplication, jitter_ms, ..world.link };
            world.add_media(offerer);
            world.negotiate(offerer);
            world.run_until_connected();
            super::exchange(&mut world);
        }
    }
}

#[test]
fn checks_that_overtake_the_answer_carry_what_waits_for_it() {
    for delay in [1, 100] {
        let mut world = World::with(with_both(), with_both());
        world.link.delay = Duration::from_millis(delay);
        world.add_media(0);
        world.negotiate_with_pause(0, Duration::from_millis(1_500));
        run_until_open(&mut world);
        super::exchange(&mut world);
    }
}

#[test]
fn a_path_that_is_long_in_coming_finds_a_handshake_that_has_waited() {
    for (one, other) in [(with_sped(), with_sped()), (with_sped(), config()), (config(), with_sped())] {
        let mut world = World::with(one, other);
        world.is_cut = true;
        world.add_media(0);
        world.negotiate(0);
        world.run_for(Duration::from_secs(120));
        for end in &world.ends {
            assert_eq!(end.connection.connection_state(), PeerConnectionState::Failed);
            assert_ne!(end.connection.dtls_state(), DtlsState::Failed);
        }

        world.is_cut = false;
        world.ends[0].connection.restart_ice(world.now);
        world.negotiate(0);
        world.run_until_connected();
        super::exchange(&mut world);
    }
}
