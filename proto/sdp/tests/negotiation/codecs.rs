//! Codecs and their payload types.

use super::pair::{Pair, SESSION, add, answer, answer_with, listed, offer, offer_of, video};
use moim_sdp::jsep::{Capabilities, Codec, Negotiator, SdpType, TransceiverInit};
use moim_sdp::{FormatParameters, SessionDescription, testing};
use moim_wire::{MediaKind, PayloadType};

/// An offer of one format of pictures.
fn picture(name: &str, parameters: &str) -> String {
    let fmtp = if parameters.is_empty() { String::new() } else { format!("a=fmtp:100 {parameters}\n") };
    offer_of(&format!(
        "m=video 9 UDP/TLS/RTP/SAVPF 100\na=mid:0\na=rtcp-mux\na=rtpmap:100 {name}/90000\n{fmtp}"
    ))
}

/// Whether a codec of ours is one that is offered so.
fn is_same(name: &str, ours: &str, theirs: &str) -> bool {
    let answered = answer_with(&picture(name, theirs), video(vec![Codec::video(name, 96, ours)]));
    !answered.answer.media[0].is_rejected()
}

/// Covers: RFC 6184 §8.2.2
#[test]
fn h264_is_told_by_profile_and_packetization_mode() {
    let ours = "packetization-mode=1;profile-level-id=42e01f;level-asymmetry-allowed=1";

    assert!(is_same("H264", ours, "profile-level-id=42e01f;packetization-mode=1"));
    assert!(is_same("h264", ours, "profile-level-id=42E034;packetization-mode=1"), "another level");
    assert!(is_same("H264", ours, "profile-level-id=42c01f;packetization-mode=1"), "the same by another bit");
    assert!(
        is_same("H264", ours, "profile-level-id=4d801f;packetization-mode=1"),
        "Main, constrained to the same"
    );
    assert!(is_same("H264", ours, "packetization-mode=1"), "what is left out is what all have");
    assert!(!is_same("H264", ours, "profile-level-id=42e01f"), "packetization mode 0");
    assert!(!is_same("H264", ours, "profile-level-id=42001f;packetization-mode=1"), "Baseline");
    assert!(!is_same("H264", ours, "profile-level-id=4d001f;packetization-mode=1"), "Main");
    assert!(!is_same("H264", ours, "profile-level-id=64001f;packetization-mode=1"), "High");
    assert!(!is_same("H264", ours, "profile-level-id=nonsense;packetization-mode=1"));
    assert!(!is_same(
        "H264",
        "packetization-mode=1;profile-level-id=640c1f",
        "packetization-mode=1;profile-level-id=64001f"
    ));
}

/// Covers: RFC 6184 §8.2.2
#[test]
fn levels_of_h264_are_each_ones_own_if_both_allow_it() {
    let ours = |asymmetry: &str| format!("packetization-mode=1;profile-level-id=42e01f{asymmetry}");
    let answered = |ours: &str, theirs: &str| {
        let answered = answer_with(&picture("H264", theirs), video(vec![Codec::video("H264", 96, ours)]));
        let parameters = answered.answer.media[0].format_parameters(PayloadType::new(100).unwrap()).unwrap();
        parameters.get("profile-level-id").unwrap().to_owned()
    };
    let asymmetric = ";level-asymmetry-allowed=1";
    let low = format!("packetization-mode=1;profile-level-id=42e00d{asymmetric}");

    assert_eq!(answered(&ours(asymmetric), &low), "42e01f");
    assert_eq!(answered(&ours(asymmetric), "packetization-mode=1;profile-level-id=42e00d"), "42e00d");
    assert_eq!(answered(&ours(""), &low), "42e00d");
    assert_eq!(
        answered(&ours(""), "packetization-mode=1;profile-level-id=42e034"),
        "42e01f",
        "the lower of both"
    );
}

/// Covers: RFC 9628 §6, RFC 7798 §7.2.2
#[test]
fn other_codecs_are_told_by_their_profile() {
    assert!(is_same("VP9", "profile-id=0", "") && is_same("VP9", "", "profile-id=0;max-fr=60"));
    assert!(!is_same("VP9", "profile-id=0", "profile-id=2"));
    assert!(
        is_same("AV1", "profile=0;level-idx=5;tier=0", "level-idx=8") && !is_same("AV1", "", "profile=1")
    );
    assert!(is_same("H265", "profile-id=1;level-id=93", "level-id=120;tx-mode=SRST"));
    assert!(!is_same("H265", "profile-id=1", "profile-id=2") && !is_same("H265", "", "tx-mode=MRST"));
    assert!(is_same("VP8", "", "max-fs=12288;max-fr=60"));
}

#[test]
fn sound_is_told_by_clock_rate_and_channels() {
    let accepts = |rtpmap: &str| {
        let text = format!("m=audio 9 UDP/TLS/RTP/SAVPF 100\na=mid:0\na=rtcp-mux\na=rtpmap:100 {rtpmap}\n");
        !answer(&offer_of(&text)).answer.media[0].is_rejected()
    };

    assert!(
        accepts("opus/48000/2") && accepts("OPUS/48000/2") && accepts("G722/8000/1") && accepts("G722/8000")
    );
    assert!(!accepts("opus/48000") && !accepts("opus/16000/2") && !accepts("telephone-event/8000"));
}

/// Covers: RFC 3551 §6
#[test]
fn static_payload_types_need_no_map() {
    let answered = answer(&offer_of("m=audio 9 UDP/TLS/RTP/SAVPF 0 8 18\na=mid:0\na=rtcp-mux\n"));

    assert_eq!(listed(&answered.media(0).send_codecs), [(0, None, "PCMU"), (8, None, "PCMA")]);
}

/// Covers: RFC 4588 §8.1
#[test]
fn retransmission_belongs_to_its_codec() {
    let section = "m=video 9 UDP/TLS/RTP/SAVPF 96 97 98 99\na=mid:0\na=rtcp-mux\na=rtpmap:96 VP8/90000\n\
        a=rtpmap:97 rtx/90000\na=fmtp:97 apt=96;rtx-time=3000\na=rtpmap:98 VP9/90000\na=rtpmap:99 rtx/90000\na=fmtp:99 apt=45\n";
    let answered = answer(&offer_of(section));

    assert_eq!(listed(&answered.media(0).send_codecs), [(96, Some(97), "VP8"), (98, None, "VP9")]);
    let text = answered.answer.to_string();
    assert!(
        text.contains("m=video 9 UDP/TLS/RTP/SAVPF 96 97 98\r\n") && text.contains("a=fmtp:97 apt=96\r\n")
    );
}

/// Covers: RFC 9429 §5.3.1
#[test]
fn an_answer_keeps_the_offers_order_unless_there_are_preferences() {
    let names = |description: &SessionDescription| -> Vec<String> {
        let section = &description.media[0];
        let maps = section.payload_types().filter_map(|number| section.rtpmap(number));
        maps.filter(|map| map.name != "rtx").map(|map| map.name.clone()).collect()
    };
    let codec =
        |name: &str| Capabilities::default().video.into_iter().find(|codec| codec.name == name).unwrap();
    let mut pair = Pair::new();
    let preferences = vec![codec("AV1"), codec("VP8"), codec("VP9")];
    let init = TransceiverInit { codec_preferences: preferences, ..TransceiverInit::default() };
    pair.caller.add_transceiver(MediaKind::Video, init).unwrap();

    let plain = pair.call();
    assert_eq!(names(&plain.offer), ["AV1", "VP8", "VP9"]);
    assert_eq!(names(&plain.answer), ["AV1", "VP8", "VP9"]);

    let theirs = pair.callee.transceivers()[0].id();
    pair.callee.set_codec_preferences(theirs, &[codec("VP9"), codec("VP8")]).unwrap();
    let preferred = pair.call();
    assert_eq!(names(&preferred.answer), ["VP9", "VP8"]);
    let sends = |changes: &moim_sdp::jsep::Changes| {
        changes.transceivers[0].media.as_ref().unwrap().send_codecs[0].codec.name.clone()
    };
    assert_eq!((sends(&preferred.offerer), sends(&preferred.answerer)), ("VP9".to_owned(), "VP9".to_owned()));
}

#[test]
fn a_codec_that_the_connection_lacks_cannot_be_preferred() {
    let mut side = Negotiator::new(Capabilities::default(), 1);
    let init = TransceiverInit {
        codec_preferences: vec![Codec::video("theora", 96, "")],
        ..TransceiverInit::default()
    };

    assert!(side.add_transceiver(MediaKind::Video, init).is_err());
}

#[test]
fn a_section_without_a_common_codec_is_rejected() {
    let mut pair =
        Pair::with(video(vec![Codec::video("VP8", 96, "")]), video(vec![Codec::video("AV1", 96, "")]));
    let id = pair.add(MediaKind::Video);
    pair.add(MediaKind::Audio);

    let exchange = pair.call();

    assert!(exchange.answer.media[0].is_rejected() && !exchange.answer.media[1].is_rejected());
    assert_eq!((exchange.offerer.transceivers[0].id, exchange.offerer.transceivers[0].stopped), (id, true));
    assert!(exchange.answerer.transceivers[0].stopped, "the one that the offer has made is gone again");
    assert!(exchange.offerer.transport.is_some(), "another section stands for all");
}

/// Covers: RFC 9143 §9.1
#[test]
fn payload_types_stay_and_are_the_same_in_all_sections() {
    let mut pair = Pair::with(
        Capabilities::default(),
        video(vec![Codec::video("AV1", 96, ""), Codec::video("VP8", 111, "")]),
    );
    pair.add(MediaKind::Video);
    let numbers = |exchange: &super::pair::Exchange, index: usize| {
        let media = exchange.offerer.transceivers[index].media.clone().unwrap();
        listed(&media.send_codecs)
            .into_iter()
            .map(|(number, rtx, name)| (number, rtx, name.to_owned()))
            .collect::<Vec<_>>()
    };
    let agreed = [(96, Some(97), "VP8".to_owned()), (45, Some(46), "AV1".to_owned())];
    assert_eq!(numbers(&pair.call(), 0), agreed);

    add(&mut pair.callee, MediaKind::Video);
    add(&mut pair.callee, MediaKind::Audio);
    let back = pair.call_back();

    let own_order = [agreed[1].clone(), agreed[0].clone()];
    assert_eq!(numbers(&back, 1), own_order, "not the numbers it would have preferred");
    let sound = back.offerer.transceivers[2].media.as_ref().unwrap();
    assert_eq!(listed(&sound.send_codecs)[0], (111, None, "opus"), "nobody has used it");
}

#[test]
fn a_number_that_somebody_used_is_not_used_for_something_else() {
    let section = "m=video 9 UDP/TLS/RTP/SAVPF 111 98\na=mid:0\na=rtcp-mux\na=rtpmap:111 VP8/90000\na=rtpmap:98 theora/90000\n";
    let mut negotiator = answer(&offer_of(section)).negotiator;
    add(&mut negotiator, MediaKind::Audio);
    add(&mut negotiator, MediaKind::Video);

    let offer = negotiator.create_offer(&testing::transport("us")).unwrap();

    let number = |index: usize, name: &str| {
        let section: &moim_sdp::MediaSection = &offer.media[index];
        section
            .payload_types()
            .find(|number| section.rtpmap(*number).is_some_and(|map| map.name == name))
            .unwrap()
            .get()
    };
    assert_eq!(number(0, "VP8"), 111);
    assert_eq!(number(2, "VP8"), 111);
    assert_ne!(number(1, "opus"), 111);
    assert_ne!(number(2, "VP9"), 98);
}

/// Covers: RFC 3264 §6.1
#[test]
fn each_side_is_sent_the_numbers_it_wants() {
    let mut caller = Negotiator::new(video(vec![Codec::video("VP8", 96, "")]), 1);
    add(&mut caller, MediaKind::Video);
    offer(&mut caller);
    let text = format!(
        "{SESSION}a=group:BUNDLE 0\nm=video 9 UDP/TLS/RTP/SAVPF 120 121\na=mid:0\na=rtcp-mux\na=setup:passive\n\
         a=rtpmap:120 VP8/90000\na=rtcp-fb:* nack\na=rtpmap:121 rtx/90000\na=fmtp:121 apt=120\n"
    );
    let changes = caller.set_remote(SdpType::Answer, SessionDescription::parse(&text).unwrap()).unwrap();

    let media = changes.transceivers[0].media.as_ref().unwrap();
    assert_eq!(listed(&media.send_codecs), [(120, Some(121), "VP8")]);
    assert_eq!(listed(&media.receive_codecs), [(96, Some(97), "VP8")]);
    let feedback: Vec<_> = media.send_codecs[0].codec.feedback.iter().map(ToString::to_string).collect();
    assert_eq!(feedback, ["nack"], "what both know, said for all formats");
}

#[test]
fn an_answer_without_what_was_offered_is_refused() {
    let mut caller = Negotiator::new(Capabilities::default(), 1);
    add(&mut caller, MediaKind::Video);
    offer(&mut caller);
    let text = format!(
        "{SESSION}m=video 9 UDP/TLS/RTP/SAVPF 96\na=mid:0\na=rtcp-mux\na=setup:active\na=rtpmap:96 theora/90000\n"
    );

    let error = caller.set_remote(SdpType::Answer, SessionDescription::parse(&text).unwrap()).unwrap_err();

    assert!(error.to_string().starts_with("the answer accepts it with none of the codecs"));
}

/// Each number has a codec, and codecs beyond them are left out.
#[test]
fn more_codecs_than_numbers_are_no_trouble() {
    let codec = |index: u32| Codec { clock_rate: 1_000 + index, ..Codec::video("X", 96, "") };
    let mut side = Negotiator::new(video((0..100).map(codec).collect()), 1);
    add(&mut side, MediaKind::Video);

    let offer = side.create_offer(&testing::transport("us")).unwrap();

    let mut numbers: Vec<_> = offer.media[0].payload_types().collect();
    assert!(numbers.len() > 50);
    let len = numbers.len();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), len, "each is used once");
    assert_eq!(SessionDescription::parse(&offer.to_string()).as_ref(), Ok(&offer));
}

#[test]
fn parameters_are_those_of_whoever_receives() {
    let mut sparse = Capabilities::default();
    sparse.audio[0].parameters = FormatParameters::parse("stereo=1;maxplaybackrate=16000");
    let mut pair = Pair::with(Capabilities::default(), sparse);
    pair.add(MediaKind::Audio);

    let exchange = pair.call();

    let media = exchange.offerer.transceivers[0].media.as_ref().unwrap();
    assert_eq!(media.send_codecs[0].codec.parameters.get("maxplaybackrate"), Some("16000"));
    assert_eq!(media.receive_codecs[0].codec.parameters.to_string(), "minptime=10;useinbandfec=1");
}
