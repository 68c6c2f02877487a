//! ICE and DTLS in descriptions.

use super::pair::{Pair, SESSION, answer, offer, offer_of, read, refusal};
use moim_sdp::jsep::{Capabilities, DtlsRole, Negotiator, SdpType, TransportParameters};
use moim_sdp::{Attribute, Candidate, SessionDescription, Setup, testing};
use moim_wire::MediaKind;

const SOUND: &str = "m=audio 9 UDP/TLS/RTP/SAVPF 0\na=mid:0\na=rtcp-mux\n";

/// Our offer of sound, and a session for the answer to it.
fn caller() -> Negotiator {
    let mut caller = Negotiator::new(Capabilities::default(), 1);
    super::pair::add(&mut caller, MediaKind::Audio);
    offer(&mut caller);
    caller
}

/// The answer to an offer of sound, with another line of `setup`.
fn with_setup(setup: &str) -> String {
    format!("{}{SOUND}", SESSION.replace("a=setup:actpass\n", setup))
}

/// Covers: RFC 8842 §5.2, RFC 8842 §5.3
#[test]
fn an_answer_chooses_to_be_the_server_unless_told_otherwise() {
    use DtlsRole::{Client, Server};
    let answered = |setup: &str, preferred| {
        let mut side = Negotiator::new(Capabilities::default(), 1);
        side.set_remote(SdpType::Offer, read(&with_setup(setup))).unwrap();
        let transport = TransportParameters { preferred_role: preferred, ..testing::transport("us") };
        let answer = side.create_answer(&transport).unwrap();
        let changes = side.set_local(SdpType::Answer, None).unwrap();
        (answer.setup(&answer.media[0]).unwrap(), changes.transport.unwrap().role)
    };
    assert_eq!(answered("a=setup:actpass\n", Server), (Setup::Passive, Server));
    assert_eq!(answered("a=setup:actpass\n", Client), (Setup::Active, Client));
    assert_eq!(answered("a=setup:active\n", Client), (Setup::Passive, Server));
    assert_eq!(answered("a=setup:passive\n", Server), (Setup::Active, Client));
    assert_eq!(answered("", Server), (Setup::Passive, Server));
    assert!(refusal(&with_setup("a=setup:holdconn\n")).contains("holdconn"));
}

/// Covers: RFC 8842 §5.4
#[test]
fn an_offer_learns_its_role_from_the_answer() {
    let learnt = |setup: &str| caller().set_remote(SdpType::Answer, read(&with_setup(setup)));

    assert_eq!(learnt("a=setup:active\n").unwrap().transport.unwrap().role, DtlsRole::Server);
    assert_eq!(learnt("a=setup:passive\n").unwrap().transport.unwrap().role, DtlsRole::Client);
    assert_eq!(learnt("").unwrap().transport.unwrap().role, DtlsRole::Server);
    assert!(learnt("a=setup:actpass\n").is_err());
}

#[test]
fn roles_stay_over_renegotiations() {
    let mut pair = Pair::new();
    pair.add(MediaKind::Audio);
    pair.call();
    assert_eq!((pair.caller.role(), pair.callee.role()), (Some(DtlsRole::Client), Some(DtlsRole::Server)));

    let back = pair.call_back();
    assert_eq!(back.offer.setup(&back.offer.media[0]), Some(Setup::ActPass));
    assert_eq!(
        back.answer.setup(&back.answer.media[0]),
        Some(Setup::Active),
        "not what an answer would prefer"
    );
    assert_eq!((pair.caller.role(), pair.callee.role()), (Some(DtlsRole::Client), Some(DtlsRole::Server)));

    let mut turned = offer(&mut pair.caller);
    turned.media[0].attributes.retain(|attribute| !matches!(attribute, Attribute::Setup(_)));
    turned.media[0].attributes.push(Attribute::Setup(Setup::Passive));
    let error = pair.callee.set_remote(SdpType::Offer, turned).unwrap_err();
    assert!(error.to_string().starts_with("`setup` turns the DTLS roles round"));
}

/// Covers: RFC 8839 §4.4.1.1.1
#[test]
fn other_credentials_restart_ice() {
    let mut pair = Pair::new();
    pair.add(MediaKind::Audio);
    let first = pair.call();
    assert!(!first.offerer.transport.unwrap().ice_restart && !first.answerer.transport.unwrap().ice_restart);
    let same = pair.call();
    assert!(!same.offerer.transport.unwrap().ice_restart);

    pair.caller.create_offer(&testing::transport("new")).unwrap();
    pair.caller.set_local(SdpType::Offer, None).unwrap();
    let restarting = pair.caller.pending_local().unwrap().clone();
    pair.callee.set_remote(SdpType::Offer, restarting).unwrap();
    assert!(pair.callee.remote_restarts_ice(), "the answer needs new credentials, too");
    let answer = pair.callee.create_answer(&testing::transport("newer")).unwrap();
    let learnt = pair.callee.set_local(SdpType::Answer, None).unwrap().transport.unwrap();
    assert!(learnt.ice_restart && learnt.ice_ufrag.ends_with("new"));
    assert!(pair.caller.set_remote(SdpType::Answer, answer).unwrap().transport.unwrap().ice_restart);
    assert!(!pair.callee.remote_restarts_ice());
}

#[test]
fn the_lite_implementation_says_so() {
    let mut side = Negotiator::new(Capabilities::default(), 1);
    super::pair::add(&mut side, MediaKind::Audio);
    let lite = TransportParameters { ice_lite: true, ..testing::transport("us") };

    assert!(side.create_offer(&lite).unwrap().is_ice_lite());
    let answered = answer(&format!("{SESSION}a=ice-lite\n{SOUND}"));
    assert!(answered.changes.transport.unwrap().ice_lite && !answered.answer.is_ice_lite());
}

/// Covers: RFC 8839 §4.2.1.2, RFC 9143 §7.1.3
#[test]
fn candidates_stand_in_the_first_section() {
    let candidate = |text: &str| Candidate::parse(text).unwrap();
    let parameters = TransportParameters {
        candidates: vec![
            candidate("1 1 udp 2130706431 192.0.2.2 5000 typ host"),
            candidate("2 1 udp 1694498815 198.51.100.7 6000 typ srflx raddr 192.0.2.2 rport 5000"),
            candidate("3 1 tcp 1518280447 192.0.2.2 9 typ host tcptype active"),
        ],
        end_of_candidates: true,
        ..testing::transport("us")
    };
    let mut side = Negotiator::new(Capabilities::default(), 1);
    super::pair::add(&mut side, MediaKind::Audio);
    super::pair::add(&mut side, MediaKind::Video);

    let offer = side.create_offer(&parameters).unwrap();

    assert_eq!((offer.media[0].candidates().count(), offer.media[1].candidates().count()), (3, 0));
    assert!(offer.media[0].has_end_of_candidates());
    assert_eq!(
        (offer.media[0].port, offer.media[0].connection().unwrap().address.as_str()),
        (6_000, "198.51.100.7")
    );
    assert_eq!(offer.ice_credentials(&offer.media[1]), offer.ice_credentials(&offer.media[0]));

    let early = side.create_offer(&testing::transport("us")).unwrap();
    assert_eq!((early.media[0].candidates().count(), early.media[0].port), (0, 9));
    side.set_local(SdpType::Offer, None).unwrap();
    let late = side.local_with_candidates(&parameters.candidates, true).unwrap();
    assert_eq!(late.media, offer.media, "the same as if they had been known before");
    assert_eq!(side.local(), Some(early));
}

#[test]
fn candidates_of_rtcp_are_left_out() {
    let lines = "a=candidate:1 1 udp 1 192.0.2.1 7 typ host\na=candidate:1 2 udp 1 192.0.2.1 8 typ host\n";
    let transport = answer(&offer_of(&format!("{SOUND}{lines}"))).changes.transport.unwrap();

    assert_eq!(transport.candidates.len(), 1);
    assert_eq!(transport.candidates[0].port, 7);
}

/// Covers: RFC 8122 §5
#[test]
fn a_certificate_needs_a_hash_that_proves_something() {
    let sha1 = "a=fingerprint:sha-1 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33\n";
    let weak = format!("{SESSION}{SOUND}{sha1}");
    assert!(refusal(&weak).starts_with("none of its fingerprints is of SHA-256 or better"));

    let both = format!("{SESSION}{sha1}{SOUND}");
    assert_eq!(answer(&both).changes.transport.unwrap().fingerprints.len(), 2);
}

#[test]
fn what_is_missing_is_named() {
    let without = |line: &str| {
        let session: Vec<_> = SESSION.lines().filter(|other| !other.starts_with(line)).collect();
        refusal(&format!("{}\n{SOUND}", session.join("\n")))
    };

    assert!(without("a=ice-ufrag").starts_with("`ice-ufrag` or `ice-pwd` is missing"));
    assert!(without("a=ice-pwd").starts_with("`ice-ufrag` or `ice-pwd` is missing"));
    assert!(without("a=fingerprint").starts_with("there is no `fingerprint`"));
}

#[test]
fn rtcp_is_multiplexed_or_the_section_rejected() {
    let text = format!(
        "{SESSION}a=group:BUNDLE a b\nm=audio 9 UDP/TLS/RTP/SAVPF 0\na=mid:a\na=rtcp-mux-only\n\
         m=audio 9 UDP/TLS/RTP/SAVPF 0\na=mid:b\n"
    );
    let answered = answer(&text);

    assert!(!answered.answer.media[0].is_rejected() && answered.answer.media[1].is_rejected());
}

/// Covers: RFC 9143 §7.3.1
#[test]
fn the_first_section_that_is_accepted_stands_for_all() {
    let text = format!(
        "{SESSION}a=group:BUNDLE a b\nm=audio 9 UDP/TLS/RTP/SAVPF 18\na=mid:a\na=rtcp-mux\n\
         a=candidate:1 1 udp 1 192.0.2.1 7 typ host\na=end-of-candidates\n\
         m=audio 0 UDP/TLS/RTP/SAVPF 0\na=mid:b\na=bundle-only\na=rtcp-mux\n"
    );
    let answered = answer(&text);

    let mids: Vec<_> = answered.answer.bundle().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(mids, ["b"]);
    assert_eq!(answered.answer.media[1].port, 9);
    // The transport is that of the section that we rejected: what was said there of it holds.
    let transport = answered.changes.transport.unwrap();
    assert_eq!(transport.candidates.len(), 1);
    assert!(transport.end_of_candidates);
}

/// Covers: RFC 9143 §7.3.1
#[test]
fn the_section_that_stands_for_all_need_not_be_the_first_one() {
    let text = format!(
        "{SESSION}a=group:BUNDLE b a\nm=audio 9 UDP/TLS/RTP/SAVPF 0\na=mid:a\na=rtcp-mux\n\
         m=audio 9 UDP/TLS/RTP/SAVPF 0\na=mid:b\na=rtcp-mux\na=candidate:1 1 udp 1 192.0.2.1 7 typ host\n"
    );
    let mut negotiator = Negotiator::new(Capabilities::default(), 7);
    negotiator.set_remote(SdpType::Offer, read(&text)).unwrap();
    let candidate = Candidate::parse("1 1 udp 2130706431 192.0.2.2 5000 typ host").unwrap();
    let parameters = TransportParameters { candidates: vec![candidate], ..testing::transport("us") };

    let answer = negotiator.create_answer(&parameters).unwrap();
    let transport = negotiator.set_local(SdpType::Answer, None).unwrap().transport.unwrap();

    let mids: Vec<_> = answer.bundle().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(mids, ["b", "a"]);
    assert_eq!((answer.media[0].candidates().count(), answer.media[1].candidates().count()), (0, 1));
    assert_eq!(transport.candidates.len(), 1);
    let late = negotiator.local_with_candidates(&parameters.candidates, false).unwrap();
    assert_eq!(late.media, answer.media);
}

/// What was written before RFC 8841, and still is.
#[test]
fn data_channels_may_be_spelt_the_old_way() {
    let text = offer_of("m=application 9 DTLS/SCTP 5001\na=mid:d\na=sctpmap:5001 webrtc-datachannel 256\n");
    let answered = answer(&text);

    assert_eq!(answered.changes.transport.unwrap().sctp.unwrap().port, 5_001);
    let written = answered.answer.to_string();
    assert!(written.contains("m=application 9 DTLS/SCTP 5000\r\n"), "{written}");
    assert!(written.contains("a=sctpmap:5000 webrtc-datachannel 1024\r\na=max-message-size:262144\r\n"));
}

/// Covers: RFC 8841 §6.1
#[test]
fn messages_may_be_of_any_size() {
    let section = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\na=mid:d\na=sctp-port:5000\n";
    let size = |line: &str| {
        answer(&offer_of(&format!("{section}{line}")))
            .changes
            .transport
            .unwrap()
            .sctp
            .unwrap()
            .max_message_size
    };

    assert_eq!(size(""), Some(65_536));
    assert_eq!(size("a=max-message-size:0\n"), None);
    assert_eq!(size("a=max-message-size:100\n"), Some(100));
}

#[test]
fn our_parameters_have_to_be_right() {
    let mut side = Negotiator::new(Capabilities::default(), 1);
    super::pair::add(&mut side, MediaKind::Audio);

    assert!(
        side.create_offer(&TransportParameters { ice_ufrag: "abc".to_owned(), ..testing::transport("us") })
            .is_err()
    );
    assert!(
        side.create_offer(&TransportParameters { fingerprints: Vec::new(), ..testing::transport("us") })
            .is_err()
    );
}

#[test]
fn passwords_do_not_show_in_logs() {
    let description: SessionDescription = read(&offer_of(SOUND));
    let shown = format!("{description:?} {:?}", testing::transport("us"));

    assert!(
        !shown.contains("0123456789012345678901")
            && !shown.contains(testing::transport("us").ice_pwd.as_str())
    );
    let error = SessionDescription::parse("v=0\no=- 1 1 IN IP4 0\ns=-\na=ice-pwd:tooshort\n").unwrap_err();
    assert!(!error.to_string().contains("tooshort"));
}
