//! Header extensions and their ids.

use super::pair::{Pair, add, answer, ids, offer, offer_of};
use moim_sdp::jsep::{Capabilities, ExtensionCapability, Negotiator, SdpType};
use moim_sdp::{Direction, Extmap, SessionDescription, testing};
use moim_wire::MediaKind;

const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
const LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";

fn sound(extmaps: &str) -> String {
    offer_of(&format!("m=audio 9 UDP/TLS/RTP/SAVPF 0\na=mid:0\na=rtcp-mux\n{extmaps}"))
}

fn offered(description: &SessionDescription, uri: &str) -> Vec<u16> {
    let extmaps = description.media.iter().flat_map(moim_sdp::MediaSection::extensions);
    extmaps.filter(|extmap: &&Extmap| extmap.uri == uri).map(|extmap| extmap.id).collect()
}

/// Covers: RFC 9143 §10
#[test]
fn an_extension_has_one_id_in_all_sections() {
    let mut pair = Pair::new();
    pair.add(MediaKind::Audio);
    pair.add(MediaKind::Video);

    let exchange = pair.call();

    assert_eq!(offered(&exchange.offer, MID), [1, 1]);
    let mut all: Vec<_> = exchange
        .offer
        .media
        .iter()
        .flat_map(|section| section.extensions().map(|extmap| (extmap.id, extmap.uri.clone())))
        .collect();
    all.sort();
    all.dedup();
    assert!(all.windows(2).all(|pair| pair[0].0 != pair[1].0), "no id has two meanings");
}

/// Covers: RFC 8285 §6
#[test]
fn an_answer_takes_the_offers_ids_and_keeps_them() {
    let text = sound(&format!(
        "a=extmap:14 {MID}\na=extmap:1 urn:x:unknown\na=extmap:20 {LEVEL}\na=extmap:4097 urn:x:far\n"
    ));
    let mut answered = answer(&text);
    assert_eq!(ids(answered.media(0)), [(14, "mid"), (20, "ssrc-audio-level")]);

    add(&mut answered.negotiator, MediaKind::Video);
    let offer = answered.negotiator.create_offer(&testing::transport("us")).unwrap();

    assert_eq!(offered(&offer, MID), [14, 14]);
    assert_eq!(offered(&offer, LEVEL), [20]);
    let others = offer.media[1].extensions().filter(|extmap| extmap.uri != MID);
    assert!(
        others.map(|extmap| extmap.id).all(|id| ![1, 14, 15, 20].contains(&id)),
        "1 means something to them"
    );
}

#[test]
fn in_glare_the_other_sides_ids_win() {
    let mut side = Negotiator::new(Capabilities::default(), 1);
    add(&mut side, MediaKind::Audio);
    let ours = offer(&mut side);
    assert_eq!(offered(&ours, MID), [1]);
    let theirs =
        SessionDescription::parse(&sound(&format!("a=extmap:1 {LEVEL}\na=extmap:2 {MID}\n"))).unwrap();

    side.set_remote(SdpType::Offer, theirs).unwrap();
    side.create_answer(&testing::transport("us")).unwrap();
    side.set_local(SdpType::Answer, None).unwrap();

    let offer = side.create_offer(&testing::transport("us")).unwrap();
    assert_eq!((offered(&offer, MID), offered(&offer, LEVEL)), (vec![2, 2], vec![1, 1]));
}

/// Covers: RFC 8285 §5
#[test]
fn extensions_may_go_one_way() {
    use Direction::{RecvOnly, SendOnly, SendRecv};
    let with = |direction| Capabilities {
        audio_extensions: vec![ExtensionCapability { uri: LEVEL.to_owned(), direction }],
        ..Capabilities::default()
    };
    let agreed = |ours, theirs| {
        let mut pair = Pair::with(with(ours), with(theirs));
        pair.add(MediaKind::Audio);
        let media = pair.call().offerer.transceivers[0].media.clone().unwrap();
        media.extensions.first().map(|extension| extension.direction)
    };
    assert_eq!(agreed(SendRecv, SendRecv), Some(SendRecv));
    assert_eq!(agreed(SendRecv, SendOnly), Some(RecvOnly));
    assert_eq!(agreed(SendOnly, SendRecv), Some(SendOnly));
    assert_eq!(agreed(SendOnly, SendOnly), None);
}

/// Covers: RFC 8285 §6
#[test]
fn mixed_headers_are_allowed_if_both_say_so() {
    assert!(!answer(&sound("")).media(0).allow_mixed);
    let answered = answer(&sound("a=extmap-allow-mixed\n"));
    assert!(answered.media(0).allow_mixed);
    assert!(answered.answer.to_string().contains("\r\na=extmap-allow-mixed\r\nm=audio"));
}

#[test]
fn an_extension_that_is_named_twice_counts_once() {
    let answered = answer(&sound(&format!("a=extmap:3 {MID}\na=extmap:4 {MID}\na=extmap:3 {LEVEL}\n")));

    assert_eq!(ids(answered.media(0)), [(3, "mid")]);
}
