//! Media sections over the life of a session.

use super::pair::{Pair, SESSION, add, answer, offer, read, refusal, sending};
use moim_sdp::jsep::{Capabilities, Error, SdpType, TransceiverInit};
use moim_sdp::{Direction, SectionKind, testing};
use moim_wire::MediaKind;

#[test]
fn each_transceiver_has_a_section_and_data_has_one() {
    let mut pair = Pair::new();
    pair.add(MediaKind::Audio);
    pair.add(MediaKind::Video);
    pair.caller.add_data_section().unwrap();

    let exchange = pair.call();

    let kinds: Vec<_> = exchange.answer.media.iter().map(|section| section.kind.clone()).collect();
    assert_eq!(kinds, [SectionKind::Audio, SectionKind::Video, SectionKind::Application]);
    assert_eq!(exchange.offer.bundle().unwrap().len(), 3);
    let sctp = exchange.offerer.transport.unwrap().sctp.unwrap();
    assert_eq!((sctp.port, sctp.max_message_size), (5_000, Some(262_144)));
    assert!(exchange.answerer.transport.unwrap().sctp.is_some());
}

/// Covers: RFC 9429 §5.2.2, RFC 3264 §8.2
#[test]
fn what_stops_is_rejected_and_its_place_used_again() {
    let mut pair = Pair::new();
    let (first, second) = (pair.add(MediaKind::Audio), pair.add(MediaKind::Video));
    let before = pair.call();
    pair.caller.stop(first).unwrap();

    let stopping = pair.call();
    assert!(stopping.offer.media[0].is_rejected() && stopping.answer.media[0].is_rejected());
    assert_eq!(stopping.offer.bundle().unwrap().len(), 1);
    assert!(stopping.offerer.transceivers[0].stopped && stopping.answerer.transceivers[0].stopped);
    assert_eq!(pair.caller.transceivers().len(), 1);
    assert_eq!(pair.caller.transceivers()[0].id(), second);

    let third = add(&mut pair.caller, MediaKind::Video);
    let recycled = pair.call();
    assert_eq!(recycled.offer.media.len(), 2);
    assert_eq!(recycled.offer.media[0].kind, SectionKind::Video);
    assert_ne!(recycled.offer.media[0].mid(), before.offer.media[0].mid());
    assert_eq!(recycled.offer.media[1].mid(), before.offer.media[1].mid());
    assert_eq!(recycled.offerer.transceivers[0].id, third);
    assert_ne!(third, first, "ids are not used again");
}

#[test]
fn a_rejected_section_stays_in_its_place() {
    let mut pair = Pair::new();
    let first = pair.add(MediaKind::Audio);
    pair.add(MediaKind::Video);
    pair.call();
    pair.caller.stop(first).unwrap();
    pair.call();

    let later = pair.call_back();

    assert!(later.offer.media[0].is_rejected() && later.answer.media[0].is_rejected());
    assert_eq!(later.offer.media[0].kind, SectionKind::Audio);
    assert!(!later.answer.media[1].is_rejected());
}

#[test]
fn the_other_side_may_stop_a_transceiver() {
    let mut pair = Pair::new();
    let id = pair.add(MediaKind::Audio);
    pair.call();
    let theirs = pair.callee.transceivers()[0].id();
    pair.callee.stop(theirs).unwrap();

    let exchange = pair.call_back();

    assert!(exchange.offer.media[0].is_rejected());
    assert_eq!((exchange.answerer.transceivers[0].id, exchange.answerer.transceivers[0].stopped), (id, true));
    assert!(pair.caller.transceivers().is_empty() && pair.callee.transceivers().is_empty());
    assert_eq!(exchange.answerer.transport, None, "nothing is left to be transported");
}

#[test]
fn a_transceiver_that_nobody_knows_of_stops_at_once() {
    let mut pair = Pair::new();
    let id = pair.add(MediaKind::Audio);
    pair.caller.create_offer(&testing::transport("us")).unwrap();
    pair.caller.stop(id).unwrap();

    assert!(pair.caller.transceivers().is_empty());
    assert_eq!(pair.caller.set_local(SdpType::Offer, None), Err(Error::Modified), "the offer is about it");
    assert_eq!(pair.caller.stop(id), Err(Error::UnknownTransceiver(id)));
}

/// Covers: RFC 9429 §5.3.1, RFC 3264 §6.1
#[test]
fn directions_are_what_both_want() {
    use Direction::{Inactive, RecvOnly, SendOnly, SendRecv};
    let cases = [
        (SendRecv, SendRecv, SendRecv),
        (SendRecv, RecvOnly, SendOnly),
        (SendOnly, SendRecv, SendOnly),
        (SendOnly, SendOnly, Inactive),
        (RecvOnly, SendRecv, RecvOnly),
        (Inactive, SendRecv, Inactive),
    ];
    for (ours, theirs, agreed) in cases {
        let mut pair = Pair::new();
        let id = pair.caller.add_transceiver(MediaKind::Audio, sending(1)).unwrap();
        pair.call();
        let their_id = pair.callee.transceivers()[0].id();
        pair.caller.set_direction(id, ours).unwrap();
        pair.callee.set_direction(their_id, theirs).unwrap();

        let exchange = pair.call();

        assert_eq!(exchange.offerer.transceivers[0].current_direction, Some(agreed), "{ours} and {theirs}");
        assert_eq!(exchange.answerer.transceivers[0].current_direction, Some(agreed.reversed()));
        assert_eq!(exchange.offered.transceivers[0].remote_sends, ours.sends());
    }
}

/// Covers: RFC 9429 §5.10
#[test]
fn an_offer_takes_a_transceiver_that_waits_for_one() {
    let mut pair = Pair::new();
    pair.caller.add_transceiver(MediaKind::Video, sending(1)).unwrap();
    let plain = add(&mut pair.callee, MediaKind::Video);
    let waiting = TransceiverInit { matches_offers: true, ..sending(2) };
    let waiting = pair.callee.add_transceiver(MediaKind::Video, waiting).unwrap();

    let exchange = pair.call();

    assert_eq!(exchange.answerer.transceivers[0].id, waiting);
    assert_eq!(exchange.answerer.transceivers[0].current_direction, Some(Direction::SendRecv));
    assert_eq!(pair.callee.transceiver(plain).unwrap().mid(), None);
    assert!(pair.callee.negotiation_needed());
}

#[test]
fn streams_and_sources_are_told() {
    let mut pair = Pair::new();
    pair.caller.add_transceiver(MediaKind::Video, sending(1)).unwrap();

    let exchange = pair.call();

    let text = exchange.offer.to_string();
    assert!(text.contains("a=msid:stream1 track1\r\n"));
    assert!(
        text.contains("a=ssrc-group:FID 10 11\r\na=ssrc:10 cname:us\r\na=ssrc:10 msid:stream1 track1\r\n")
    );
    let heard = &exchange.answerer.transceivers[0];
    assert_eq!(
        (heard.remote_streams.as_slice(), heard.remote_track.as_deref()),
        (["stream1".to_owned()].as_slice(), Some("track1"))
    );
    let media = heard.media.as_ref().unwrap();
    assert_eq!(media.remote_ssrcs[0].rtx.unwrap().0, 11);
    assert_eq!(exchange.offerer.transceivers[0].media.as_ref().unwrap().local_ssrcs[0].ssrc.0, 10);
    assert!(!exchange.answer.to_string().contains("a=ssrc"), "who does not send tells of none");
}

#[test]
fn data_may_be_refused() {
    let mut pair =
        Pair::with(Capabilities::default(), Capabilities { data_channels: false, ..Capabilities::default() });
    pair.add(MediaKind::Audio);
    pair.caller.add_data_section().unwrap();

    let exchange = pair.call();

    assert!(exchange.answer.media[1].is_rejected());
    assert_eq!(exchange.offerer.transport.unwrap().sctp, None);
    assert!(!pair.caller.has_data_section() && !pair.caller.negotiation_needed());
}

#[test]
fn an_offer_keeps_the_sections_there_were() {
    let mut pair = Pair::new();
    pair.add(MediaKind::Audio);
    pair.add(MediaKind::Video);
    pair.call();
    let whole = offer(&mut pair.caller);
    let mut refused = |change: fn(&mut moim_sdp::SessionDescription)| {
        let mut changed = whole.clone();
        change(&mut changed);
        pair.callee.set_remote(SdpType::Offer, changed).unwrap_err().to_string()
    };

    assert!(refused(|offer| drop(offer.media.pop())).starts_with("the offer has fewer media sections"));
    assert!(refused(|offer| offer.media.swap(0, 1)).starts_with("its `mid` is another than before"));
    assert!(refused(|offer| offer.media[1].kind = SectionKind::Audio).starts_with("its kind is another"));
}

#[test]
fn sections_of_unknown_kinds_are_rejected() {
    let text = format!(
        "{SESSION}a=group:BUNDLE t a\nm=text 9 UDP/TLS/RTP/SAVPF 98\na=mid:t\na=rtcp-mux\na=rtpmap:98 t140/1000\n\
         m=audio 9 UDP/TLS/RTP/SAVPF 0\na=mid:a\na=rtcp-mux\n"
    );
    let answered = answer(&text);

    assert!(answered.answer.media[0].is_rejected());
    assert_eq!(answered.answer.media[0].kind.as_str(), "text");
    assert_eq!(answered.answer.bundle().unwrap().len(), 1);
    assert!(!answered.answer.media[1].is_rejected());
}

/// Covers: RFC 9429 §5.3.1
#[test]
fn a_section_without_a_name_is_answered_without_one() {
    let text = format!("{SESSION}m=audio 9 UDP/TLS/RTP/SAVPF 0\na=rtcp-mux\na=sendonly\n");
    let answered = answer(&text);

    assert_eq!(answered.answer.media[0].mid(), None);
    assert_eq!(answered.answer.bundle(), None);
    assert!(answered.negotiator.transceivers()[0].mid().is_some(), "it has one for us");
    let again = read(&text);
    let mut negotiator = answered.negotiator;
    negotiator.set_remote(SdpType::Offer, again).unwrap();
    assert_eq!(negotiator.transceivers().len(), 1, "it is the same section");
}

#[test]
fn names_of_sections_are_theirs_alone() {
    let section = "m=audio 9 UDP/TLS/RTP/SAVPF 0\na=mid:a\na=rtcp-mux\n";

    assert!(
        refusal(&format!("{SESSION}{section}{section}")).starts_with("its `mid` is that of another section")
    );
    assert!(
        refusal(&format!("{SESSION}a=group:BUNDLE a b\n{section}"))
            .contains("names a section that does not exist")
    );
}

/// Covers: RFC 9429 §5.11
#[test]
fn an_answer_has_the_sections_of_the_offer() {
    let mut pair = Pair::new();
    pair.add(MediaKind::Audio);
    pair.add(MediaKind::Video);
    let first = offer(&mut pair.caller);
    pair.callee.set_remote(SdpType::Offer, first).unwrap();
    let answer = pair.callee.create_answer(&testing::transport("us")).unwrap();
    let mut refused = |change: fn(&mut moim_sdp::SessionDescription)| {
        let mut changed = answer.clone();
        change(&mut changed);
        pair.caller.set_remote(SdpType::Answer, changed).unwrap_err().to_string()
    };

    assert!(
        refused(|answer| drop(answer.media.pop())).starts_with("the answer has not as many media sections")
    );
    assert!(refused(|answer| answer.media.swap(0, 1)).starts_with("its kind is not that of the offer"));
    assert!(refused(|answer| answer.attributes = moim_sdp::Attributes::new()).contains("not bundled"));
    let without_mux = |answer: &mut moim_sdp::SessionDescription| {
        answer.media[1].attributes.retain(|attribute| *attribute != moim_sdp::Attribute::RtcpMux);
    };
    assert!(refused(without_mux).starts_with("it is accepted without `rtcp-mux`"));
    pair.caller.set_remote(SdpType::Answer, answer).unwrap();
}
