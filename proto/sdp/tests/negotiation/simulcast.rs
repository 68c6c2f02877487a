//! Several encodings of one picture.

use super::pair::{Pair, answer, answer_with, offer_of, sending};
use moim_sdp::jsep::{Capabilities, EncodingInit, SenderInit, TransceiverInit};
use moim_sdp::{Direction, testing};
use moim_wire::{MediaKind, Rid};

const RID: &str = "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\n";

fn three() -> TransceiverInit {
    let encoding = |rid: &str| EncodingInit { rid: rid.parse().ok() };
    let encodings = ["q", "h", "f"].map(encoding).to_vec();
    let sender = SenderInit { encodings, ssrcs: Vec::new(), ..sending(1).sender };
    TransceiverInit { sender, ..TransceiverInit::default() }
}

fn names(rids: &[Rid]) -> Vec<&str> {
    rids.iter().map(Rid::as_str).collect()
}

fn pictures(lines: &str) -> String {
    offer_of(&format!(
        "m=video 9 UDP/TLS/RTP/SAVPF 96 98\na=mid:0\na=rtcp-mux\na=rtpmap:96 VP8/90000\na=rtpmap:98 theora/90000\n{lines}"
    ))
}

/// Covers: RFC 8853 §5.3
#[test]
fn a_simulcast_is_sent_and_received() {
    let mut pair = Pair::new();
    pair.caller.add_transceiver(MediaKind::Video, three()).unwrap();

    let exchange = pair.call();

    let text = exchange.offer.to_string();
    assert!(text.contains("a=rid:q send\r\na=rid:h send\r\na=rid:f send\r\na=simulcast:send q;h;f\r\n"));
    assert!(!text.contains("a=ssrc:"), "rids tell the streams apart");
    let sent = exchange.offerer.transceivers[0].media.as_ref().unwrap();
    let received = exchange.answerer.transceivers[0].media.as_ref().unwrap();
    assert_eq!((names(&sent.send_rids), names(&sent.receive_rids)), (vec!["q", "h", "f"], vec![]));
    assert_eq!((names(&received.receive_rids), names(&received.send_rids)), (vec!["q", "h", "f"], vec![]));
}

#[test]
fn an_answer_may_take_fewer_encodings_or_one() {
    for (max, taken) in [(2, vec!["q", "h"]), (1, vec![]), (0, vec![])] {
        let capabilities = Capabilities { receive_encodings_max: max, ..Capabilities::default() };
        let mut pair = Pair::with(Capabilities::default(), capabilities);
        pair.caller.add_transceiver(MediaKind::Video, three()).unwrap();

        let exchange = pair.call();

        let sent = exchange.offerer.transceivers[0].media.as_ref().unwrap();
        assert_eq!(names(&sent.send_rids), taken);
        assert_eq!(exchange.answer.to_string().contains("a=rid:"), !taken.is_empty());
    }
}

#[test]
fn without_the_extension_there_is_no_simulcast() {
    let mut capabilities = Capabilities::default();
    capabilities.video_extensions.retain(|extension| !extension.uri.ends_with("sdes:rtp-stream-id"));
    let mut pair = Pair::with(Capabilities::default(), capabilities.clone());
    pair.caller.add_transceiver(MediaKind::Video, three()).unwrap();
    assert_eq!(pair.call().answer.media[0].simulcast(), None);

    let mut pair = Pair::with(capabilities, Capabilities::default());
    pair.caller.add_transceiver(MediaKind::Video, three()).unwrap();
    assert_eq!(pair.call().offer.media[0].simulcast(), None);
}

/// Covers: RFC 8851 §6.3, RFC 8853 §5.1
#[test]
fn of_each_encoding_the_first_that_is_possible_is_taken() {
    let text = pictures(&format!(
        "{RID}a=sendonly\na=rid:a send pt=98\na=rid:b send pt=96,98;max-width=640\na=rid:c send max-fps=30\n\
         a=simulcast:send a,b;~c;d\n"
    ));
    let answered = answer(&text);

    assert_eq!(names(&answered.media(0).receive_rids), ["b", "c"]);
    let text = answered.answer.to_string();
    assert!(
        text.contains(
            "a=rid:b recv pt=96;max-width=640\r\na=rid:c recv max-fps=30\r\na=simulcast:recv b;c\r\n"
        )
    );
}

/// Covers: RFC 9429 §5.10
#[test]
fn the_other_side_may_ask_for_a_simulcast() {
    let asked = pictures(&format!(
        "{RID}a=recvonly\na=rid:h recv\na=rid:l recv\na=rid:m recv\na=simulcast:recv h;m;l\n"
    ));
    let mut negotiator = moim_sdp::jsep::Negotiator::new(Capabilities::default(), 1);
    let plain = TransceiverInit { matches_offers: true, ..sending(1) };
    negotiator.add_transceiver(MediaKind::Video, plain).unwrap();
    let mut willing = negotiator.clone();
    let id = willing.transceivers()[0].id();
    willing.set_sender(id, SenderInit { streams: vec!["s".to_owned()], ..SenderInit::default() }).unwrap();
    let mut own = negotiator.clone();
    own.set_sender(id, SenderInit { encodings: three().sender.encodings, ..SenderInit::default() }).unwrap();
    let sent = |mut side: moim_sdp::jsep::Negotiator| {
        side.set_remote(moim_sdp::jsep::SdpType::Offer, moim_sdp::SessionDescription::parse(&asked).unwrap())
            .unwrap();
        side.create_answer(&testing::transport("us")).unwrap();
        let changes = side.set_local(moim_sdp::jsep::SdpType::Answer, None).unwrap();
        let media = changes.transceivers[0].media.clone().unwrap();
        assert_eq!(media.direction, Direction::SendOnly);
        names(&media.send_rids).join(" ")
    };

    assert_eq!(sent(negotiator), "", "it has one encoding, with an RTP stream");
    assert_eq!(sent(willing), "h m l", "it has nothing in mind, and sends what is wanted");
    assert_eq!(sent(own), "h", "of its own what is wanted");
}

#[test]
fn a_simulcast_that_nobody_may_send_is_none() {
    let text = pictures(&format!("{RID}a=recvonly\na=rid:q send\na=rid:h send\na=simulcast:send q;h\n"));
    let answered = answer_with(&text, Capabilities::default());

    assert_eq!(answered.answer.media[0].simulcast(), None);
    assert!(answered.media(0).receive_rids.is_empty());
}
