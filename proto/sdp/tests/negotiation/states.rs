//! Who may say what when.

use super::pair::{Pair, add, offer, sending};
use moim_sdp::jsep::{
    Capabilities, EncodingInit, Error, Negotiator, SdpType, SignalingState, TransceiverInit,
};
use moim_sdp::{Direction, SessionDescription, limit, testing};
use moim_wire::MediaKind;

fn transport() -> moim_sdp::jsep::TransportParameters {
    testing::transport("us")
}

/// Covers: RFC 9429 §3.2
#[test]
fn descriptions_have_their_time() {
    let mut pair = Pair::new();
    let invalid =
        |result: Result<moim_sdp::jsep::Changes, Error>| matches!(result, Err(Error::InvalidState { .. }));
    pair.add(MediaKind::Audio);
    assert!(matches!(pair.caller.create_answer(&transport()), Err(Error::InvalidState { .. })));
    assert!(invalid(pair.caller.set_local(SdpType::Answer, None)));
    assert!(invalid(pair.caller.set_local(SdpType::Rollback, None)));

    let first = offer(&mut pair.caller);
    assert_eq!(pair.caller.signaling_state(), SignalingState::HaveLocalOffer);
    assert!(invalid(pair.caller.set_remote(SdpType::Rollback, first.clone())));
    pair.callee.set_remote(SdpType::Offer, first.clone()).unwrap();
    assert_eq!(pair.callee.signaling_state(), SignalingState::HaveRemoteOffer);
    assert!(invalid(pair.callee.set_remote(SdpType::Answer, first.clone())));
    assert!(matches!(pair.callee.create_offer(&transport()), Err(Error::InvalidState { .. })));

    let answer = pair.callee.create_answer(&transport()).unwrap();
    pair.callee.set_local(SdpType::Pranswer, None).unwrap();
    assert_eq!(pair.callee.signaling_state(), SignalingState::HaveLocalPranswer);
    assert!(invalid(pair.callee.set_remote(SdpType::Rollback, first.clone())), "a provisional answer stands");
    pair.caller.set_remote(SdpType::Pranswer, answer.clone()).unwrap();
    assert_eq!(pair.caller.signaling_state(), SignalingState::HaveRemotePranswer);
    assert!(invalid(pair.caller.set_remote(SdpType::Offer, first)));
    pair.caller.set_remote(SdpType::Answer, answer).unwrap();
    assert_eq!(pair.caller.signaling_state(), SignalingState::Stable);
}

#[test]
fn what_was_agreed_on_is_still_known_however_long_it_is() {
    let mut pair = Pair::new();
    pair.add(MediaKind::Audio);
    let mut text = offer(&mut pair.caller).to_string().replace('\r', "");
    let strange = format!("a=x-strange:{}\n", "x".repeat(200));
    while text.len() + strange.len() <= limit::TEXT_LEN_MAX {
        text.push_str(&strange);
    }
    let long = SessionDescription::parse(&text).unwrap();
    assert!(long.to_string().len() > limit::TEXT_LEN_MAX, "it was shorter as it came");

    pair.callee.set_remote(SdpType::Offer, long.clone()).unwrap();
    pair.callee.create_answer(&transport()).unwrap();
    pair.callee.set_local(SdpType::Answer, None).unwrap();

    assert_eq!(pair.callee.current_remote(), Some(long));
    assert!(pair.callee.current_local().is_some());
}

/// Covers: RFC 9429 §5.4
#[test]
fn a_local_description_may_not_be_changed() {
    let mut side = Negotiator::new(Capabilities::default(), 1);
    add(&mut side, MediaKind::Audio);
    let created = side.create_offer(&transport()).unwrap();
    let mut changed = created.clone();
    changed.media[0].port = 10;

    assert_eq!(side.set_local(SdpType::Offer, Some(changed)), Err(Error::Modified));
    let second = side.create_offer(&transport()).unwrap();
    assert_ne!(created.origin.session_version, second.origin.session_version);
    assert_eq!(
        side.set_local(SdpType::Offer, Some(created)),
        Err(Error::Modified),
        "another was created since"
    );
    side.set_local(SdpType::Offer, Some(second)).unwrap();
}

#[test]
fn a_provisional_answer_opens_the_transport() {
    let mut pair = Pair::new();
    pair.add(MediaKind::Audio);
    let first = offer(&mut pair.caller);
    pair.callee.set_remote(SdpType::Offer, first).unwrap();
    let answer = pair.callee.create_answer(&transport()).unwrap();

    let early = pair.callee.set_local(SdpType::Pranswer, Some(answer.clone())).unwrap();
    assert!(early.transport.is_some() && early.transceivers[0].media.is_some());
    assert_eq!(pair.callee.current_local(), None);
    assert_eq!(pair.callee.pending_local(), Some(&answer));

    let last = pair.callee.create_answer(&transport()).unwrap();
    let late = pair.callee.set_local(SdpType::Answer, Some(last.clone())).unwrap();
    assert!(!late.transport.unwrap().ice_restart);
    assert_eq!((pair.callee.current_local(), pair.callee.pending_local()), (Some(last), None));
}

/// Covers: RFC 9429 §5.7
#[test]
fn a_rollback_takes_our_offer_back() {
    let mut pair = Pair::new();
    let id = pair.add(MediaKind::Audio);
    offer(&mut pair.caller);
    assert!(pair.caller.transceiver(id).unwrap().mid().is_some());

    let changes = pair.caller.set_local(SdpType::Rollback, None).unwrap();

    assert_eq!((changes.transceivers[0].id, changes.transceivers[0].mid), (id, None));
    assert!(!changes.transceivers[0].stopped);
    assert_eq!(pair.caller.transceiver(id).unwrap().mid(), None);
    assert!(pair.caller.negotiation_needed());
    assert_eq!(pair.call().answer.media.len(), 1);
}

#[test]
fn a_rollback_takes_their_offer_back() {
    let mut pair = Pair::new();
    pair.add(MediaKind::Audio);
    let kept = add(&mut pair.callee, MediaKind::Audio);
    let first = offer(&mut pair.caller);
    pair.callee.set_remote(SdpType::Offer, first.clone()).unwrap();
    assert_eq!(pair.callee.transceivers().len(), 2);

    let changes = pair.callee.set_remote(SdpType::Rollback, first).unwrap();

    assert!(changes.transceivers.len() == 1 && changes.transceivers[0].stopped);
    assert_eq!(pair.callee.transceivers().len(), 1);
    assert_eq!((pair.callee.transceivers()[0].id(), pair.callee.transceivers()[0].mid()), (kept, None));
    assert_eq!(pair.callee.remote(), None);
}

/// Covers: RFC 9429 §4.1.10.2
#[test]
fn the_polite_side_gives_way() {
    let mut pair = Pair::new();
    let theirs = pair.callee.add_transceiver(MediaKind::Audio, sending(2)).unwrap();
    let ours = pair.caller.add_transceiver(MediaKind::Audio, sending(1)).unwrap();
    let from_callee = offer(&mut pair.callee);
    offer(&mut pair.caller);

    let changes = pair.caller.set_remote(SdpType::Offer, from_callee).unwrap();
    assert_eq!(pair.caller.signaling_state(), SignalingState::HaveRemoteOffer);
    assert!(changes.transceivers[0].added_by_remote);
    assert_eq!(
        (changes.transceivers[1].id, changes.transceivers[1].mid),
        (ours, None),
        "it has lost its section"
    );
    let answer = pair.caller.create_answer(&transport()).unwrap();
    pair.caller.set_local(SdpType::Answer, None).unwrap();
    pair.callee.set_remote(SdpType::Answer, answer).unwrap();

    assert_eq!(pair.callee.transceiver(theirs).unwrap().current_direction(), Some(Direction::SendOnly));
    assert!(pair.caller.negotiation_needed());
    assert_eq!(pair.call().offer.media.len(), 2);
    assert!(!pair.caller.negotiation_needed() && !pair.callee.negotiation_needed());
}

/// Covers: RFC 9429 §5.10
#[test]
fn in_glare_tracks_meet_in_one_section() {
    let mut pair = Pair::new();
    let both_ways = |number| TransceiverInit { matches_offers: true, ..sending(number) };
    let ours = pair.caller.add_transceiver(MediaKind::Video, both_ways(1)).unwrap();
    pair.callee.add_transceiver(MediaKind::Video, both_ways(2)).unwrap();
    let from_callee = offer(&mut pair.callee);
    offer(&mut pair.caller);

    pair.caller.set_remote(SdpType::Offer, from_callee).unwrap();
    let answer = pair.caller.create_answer(&transport()).unwrap();
    let changes = pair.caller.set_local(SdpType::Answer, None).unwrap();
    pair.callee.set_remote(SdpType::Answer, answer).unwrap();

    assert_eq!((changes.transceivers.len(), changes.transceivers[0].id), (1, ours));
    assert_eq!(changes.transceivers[0].current_direction, Some(Direction::SendRecv));
    assert!(!pair.caller.negotiation_needed() && !pair.callee.negotiation_needed());
}

#[test]
fn what_fails_has_no_effect() {
    let mut pair = Pair::new();
    pair.add(MediaKind::Audio);
    let mut first = offer(&mut pair.caller);
    first.attributes = moim_sdp::Attributes::new();
    first.media[0].attributes.retain(|attribute| !matches!(attribute, moim_sdp::Attribute::Fingerprint(_)));

    let error = pair.callee.set_remote(SdpType::Offer, first).unwrap_err();

    let text = "there is no `fingerprint`, and nothing is done without encryption, in media section 0 (counted from 0)";
    assert_eq!(error.to_string(), text);
    assert_eq!(pair.callee.signaling_state(), SignalingState::Stable);
    assert!(pair.callee.transceivers().is_empty() && pair.callee.remote().is_none());
}

/// An offer that cannot be taken does not take ours back.
#[test]
fn a_bad_offer_does_not_win_in_glare() {
    let mut pair = Pair::new();
    let id = pair.add(MediaKind::Audio);
    add(&mut pair.callee, MediaKind::Video);
    let mut bad = offer(&mut pair.callee);
    bad.media[0].attributes.retain(|attribute| !matches!(attribute, moim_sdp::Attribute::IceUfrag(_)));
    offer(&mut pair.caller);

    assert!(pair.caller.set_remote(SdpType::Offer, bad).is_err());

    assert_eq!(pair.caller.signaling_state(), SignalingState::HaveLocalOffer);
    assert!(pair.caller.transceiver(id).unwrap().mid().is_some());
}

#[test]
fn nothing_is_possible_once_closed() {
    let mut pair = Pair::new();
    let id = pair.add(MediaKind::Audio);
    pair.call();
    pair.caller.close();

    assert_eq!(pair.caller.signaling_state(), SignalingState::Closed);
    assert!(matches!(pair.caller.set_direction(id, Direction::Inactive), Err(Error::InvalidState { .. })));
    assert!(matches!(pair.caller.create_offer(&transport()), Err(Error::InvalidState { .. })));
    assert!(!pair.caller.negotiation_needed());
}

#[test]
fn negotiation_is_needed_for_what_the_other_side_does_not_know() {
    let mut pair = Pair::new();
    assert!(!pair.caller.negotiation_needed());
    let id = pair.caller.add_transceiver(MediaKind::Audio, sending(1)).unwrap();
    assert!(pair.caller.negotiation_needed());
    pair.call();
    assert!(!pair.caller.negotiation_needed() && !pair.callee.negotiation_needed());

    pair.callee.set_direction(moim_sdp::jsep::TransceiverId(0), Direction::SendRecv).unwrap();
    assert!(pair.callee.negotiation_needed() && !pair.caller.negotiation_needed());
    pair.call_back();
    assert!(!pair.callee.negotiation_needed());

    pair.caller.set_sender(id, sending(2).sender).unwrap();
    assert!(pair.caller.negotiation_needed(), "it belongs to another stream");
    pair.call();
    pair.caller.add_data_section().unwrap();
    assert!(pair.caller.negotiation_needed());
    pair.call();
    pair.caller.stop(id).unwrap();
    assert!(pair.caller.negotiation_needed());
    pair.call();
    assert!(!pair.caller.negotiation_needed() && !pair.callee.negotiation_needed());
}

#[test]
fn what_is_sent_has_to_be_spelt_as_descriptions_can() {
    let mut side = Negotiator::new(Capabilities::default(), 1);
    let mut try_with = |change: fn(&mut TransceiverInit)| {
        let mut init = sending(1);
        change(&mut init);
        side.add_transceiver(MediaKind::Video, init)
    };

    assert!(try_with(|init| init.sender.streams = vec!["two words".to_owned()]).is_err());
    assert!(try_with(|init| init.sender.track = "a\r\na=ice-lite".to_owned()).is_err());
    assert!(try_with(|init| init.sender.cname = "x".repeat(256)).is_err());
    assert!(try_with(|init| init.sender.encodings = vec![EncodingInit::default(); 2]).is_err());
    assert!(try_with(|_| {}).is_ok());
}
