//! Text that is read, text that is not, and why not.

use moim_sdp::{
    Attribute, Candidate, CandidateAddress, CandidateError, CandidateKind, CandidateProtocol, Direction,
    HashAlgorithm, Line, MediaSection, RidDirection, SectionKind, SessionDescription, TcpType, limit,
};
use moim_wire::PayloadType;

const HEAD: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";

fn session(lines: &str) -> Result<SessionDescription, String> {
    SessionDescription::parse(&format!("{HEAD}{lines}")).map_err(|error| error.to_string())
}

/// The section of these attributes.
fn section(lines: &str) -> Result<MediaSection, String> {
    let mut description = session(&format!("m=video 9 UDP/TLS/RTP/SAVPF 96\r\n{lines}"))?;
    Ok(description.media.remove(0))
}

/// Covers: RFC 8866 §5
#[test]
fn lines_keep_their_order_and_what_nobody_knows() {
    let text = "v=0\r\no=jdoe 3724394400 3724394405 IN IP6 2001:db8::1\r\ns=Call to John\r\ni=SDP offer\r\n\
        u=http://www.example.com/\r\ne=Jane <jane@jane.example>\r\np=+1 617 555-6011\r\nc=IN IP4 198.51.100.1\r\n\
        b=X-YZ:128\r\nt=3724394400 3724398000\r\nr=604800 3600 0 90000\r\nz=0 0\r\nk=prompt\r\na=recvonly\r\na=tool:ours\r\n\
        m=audio 49170/2 RTP/AVP 0\r\ni=sound\r\nc=IN IP4 198.51.100.2/127\r\nc=IN IP4 198.51.100.3/127\r\nb=AS:64\r\na=x\r\na=x:\r\n\
        m=message 9 TCP/MSRP *\r\n";
    let description = SessionDescription::parse(text).unwrap();

    assert_eq!(description.to_string(), text);
    assert_eq!((description.name.as_str(), description.lines.len()), ("Call to John", 10));
    assert_eq!(description.direction(&description.media[0]), Direction::RecvOnly, "the session's");
    let audio = &description.media[0];
    assert_eq!((audio.port, audio.port_count), (49_170, Some(2)));
    assert_eq!(audio.connection().unwrap().address, "198.51.100.2/127");
    assert!(
        matches!(&audio.lines[3], Line::Bandwidth(bandwidth) if bandwidth.kind == "AS" && bandwidth.value == "64")
    );
    assert_eq!(description.media[1].kind, SectionKind::Other("message".to_owned()));
}

#[test]
fn lines_may_end_and_stand_as_they_do_elsewhere() {
    let text = "v=0\no=- 1 2 IN IP4 127.0.0.1\rs=-\n\nt=0 0\nm=audio 9 UDP/TLS/RTP/SAVP 0\na=mid:0\nc=IN IP4 0.0.0.0";
    let description = SessionDescription::parse(text).unwrap();

    assert_eq!(description.media[0].mid().unwrap().as_str(), "0");
    assert!(description.media[0].connection().is_some());
    let written = description.to_string();
    assert!(written.ends_with("c=IN IP4 0.0.0.0\r\na=mid:0\r\n"), "in order again: {written}");
}

#[test]
fn errors_name_the_line_and_what_was_expected() {
    let cases = [
        ("", "line 1: the text ends where `v=0` was expected"),
        ("v=1\r\n", r#"line 1: found "v=1" where `v=0` was expected"#),
        (
            "v=0\r\ns=-\r\n",
            r#"line 2: found "s=-" where `o=` with a user name, two numbers and an address was expected"#,
        ),
        ("v=0\r\no=- a b IN IP4 c\r\n", r#"line 2: found "o=- a b IN IP4 c" where `o=` with"#),
        (
            "v=0\r\no=- 1 1 IN IP4 c\r\n",
            "line 3: the text ends where `s=` with the name of the session was expected",
        ),
    ];
    for (text, expected) in cases {
        let error = SessionDescription::parse(text).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
    let in_body = [
        ("nonsense", "a lower-case letter and an equals sign"),
        ("M=audio", "a lower-case letter and an equals sign"),
        ("s=again", "a line that has not been there yet"),
        ("c=IN IP4", "`c=` with a network type, an address type and an address"),
        ("b=AS", "`b=` with a kind, a colon and a number"),
        ("m=audio 9", "`m=` with a kind of media, a port, a protocol and formats"),
        ("m=audio 70000 RTP/AVP 0", "`m=` with a kind of media"),
        ("a=", "`a=` with the name of an attribute"),
        ("a=mid:", "`a=mid:` with 1 to 16 characters of a token"),
        ("a=setup:sideways", "`a=setup:` with `active`, `passive`, `actpass` or `holdconn`"),
        ("a=fingerprint:sha-256 AB:CD", "a digest as long as its hash function makes it"),
        ("a=fingerprint:sha-256 XY", "`a=fingerprint:` with a hash function"),
        ("a=ice-ufrag:abc", "`a=ice-ufrag:` with 4 to 256 letters"),
        ("a=ice-pwd:abc", "`a=ice-pwd:` with 22 to 256 letters"),
        ("a=extmap:0 urn:x", "`a=extmap:` with an id from 1"),
        ("a=extmap:1/sideways urn:x", "`a=extmap:` with an id from 1"),
        ("a=rtpmap:96 VP8", "`a=rtpmap:` with a payload type, an encoding name and a clock rate"),
        ("a=rtpmap:128 VP8/90000", "a payload type from 0 to 127"),
        ("a=rtcp-fb:96", "`a=rtcp-fb:` with a payload type or `*`, and a kind"),
        ("a=ssrc:4294967296 cname:x", "`a=ssrc:` with a number of 32 bits"),
        ("a=ssrc-group:FID x", "`a=ssrc-group:` with what the group is for"),
        ("a=rid:a.b send", "`a=rid:` with a rid of 1 to 16"),
        ("a=rid:a sideways", "`a=rid:` with a rid of 1 to 16"),
        ("a=simulcast:send", "`a=simulcast:` with `send` or `recv` and rids, once each"),
        ("a=simulcast:send a send b", "`a=simulcast:` with `send` or `recv` and rids, once each"),
        ("a=sctp-port:99999", "`a=sctp-port:` with a number up to 65535"),
        ("a=max-message-size:-1", "`a=max-message-size:` with a number"),
        ("a=candidate:1 1 udp 1 192.0.2.1", "a candidate: foundation, component"),
        ("a=msid:", "`a=msid:` with the id of a stream"),
        ("a=sctpmap:5000", "`a=sctpmap:` with a port, a protocol"),
    ];
    for (line, expected) in in_body {
        let error = session(&format!("{line}\r\n")).unwrap_err();
        assert!(
            error.starts_with("line 5: found ") && error.contains(&format!("where {expected}")),
            "{line}: {error}"
        );
    }
}

#[test]
fn what_an_error_repeats_is_short() {
    let error = SessionDescription::parse(&format!("{HEAD}a=mid:{}\r\n", "ä".repeat(1_000))).unwrap_err();

    assert_eq!((error.line, error.found.chars().count()), (5, 61));
}

#[test]
fn there_are_limits() {
    let too_many = |line: &str, count: usize| session(&line.repeat(count)).is_err();
    let section = "m=audio 9 RTP/AVP 0\r\n";
    let candidate = "a=candidate:1 1 udp 1 192.0.2.1 1 typ host\r\n";

    assert!(!too_many(section, limit::SECTIONS_MAX) && too_many(section, limit::SECTIONS_MAX + 1));
    assert!(!too_many("a=x\r\n", limit::ATTRIBUTES_MAX) && too_many("a=x\r\n", limit::ATTRIBUTES_MAX + 1));
    assert!(!too_many(candidate, limit::CANDIDATES_MAX) && too_many(candidate, limit::CANDIDATES_MAX + 1));
    assert!(too_many("b=X:1\r\n", limit::LINES_MAX) && too_many("x=................\r\n", 15_000));
    let formats = |count: usize| session(&format!("m=audio 9 RTP/AVP{}\r\n", " 0".repeat(count)));
    assert!(session(&format!("a=group:BUNDLE{}\r\n", " a".repeat(limit::SECTIONS_MAX + 1))).is_err());
    let simulcast = |count: usize| session(&format!("a=simulcast:send a{}\r\n", ";a".repeat(count - 1)));
    assert!(
        simulcast(limit::SIMULCAST_CHOICES_MAX).is_ok()
            && simulcast(limit::SIMULCAST_CHOICES_MAX + 1).is_err()
    );
    assert!(
        formats(limit::FORMATS_MAX).is_ok()
            && formats(limit::FORMATS_MAX + 1).is_err()
            && formats(0).is_err()
    );
}

#[test]
fn a_value_cannot_begin_a_line() {
    let mut description = session("").unwrap();
    description.name = "x\r\na=ice-lite".to_owned();
    description
        .attributes
        .push(Attribute::Unknown { name: "x".to_owned(), value: Some("y\nm=audio\0".to_owned()) });

    let written = description.to_string();

    assert!(written.contains("s=xa=ice-lite\r\n") && written.contains("a=x:ym=audio\r\n"));
}

/// Covers: RFC 8839 §5.1, RFC 6544 §4.5
#[test]
fn candidates_are_read_as_everybody_writes_them() {
    let reflexive = Candidate::parse(
        "a=candidate:842163049 1 udp 1677729535 198.51.100.9 52200 typ srflx raddr 0.0.0.0 rport 0 generation 0 ufrag gydc network-cost 999",
    )
    .unwrap();
    assert_eq!(
        (reflexive.kind, reflexive.port, reflexive.component),
        (CandidateKind::ServerReflexive, 52_200, 1)
    );
    assert_eq!(reflexive.related, "0.0.0.0:0".parse().ok());
    assert_eq!(
        (reflexive.extension("ufrag"), reflexive.extension("network-cost")),
        (Some("gydc"), Some("999"))
    );

    let tcp = Candidate::parse("candidate:3 1 TCP 2105524479 fd00::2 9 typ host tcptype active").unwrap();
    assert_eq!((tcp.protocol, tcp.tcp_type), (CandidateProtocol::Tcp, Some(TcpType::Active)));
    assert_eq!(tcp.address, CandidateAddress::Ip("fd00::2".parse().unwrap()));
    assert_eq!(tcp.to_string(), "candidate:3 1 tcp 2105524479 fd00::2 9 typ host tcptype active");

    let hidden =
        "1 1 udp 2113937151 2cf0b2c0-0842-4fe3-aaa0-4556a2dfbadc.local 33192 typ relay raddr x.local rport 7";
    let hidden = Candidate::parse(hidden).unwrap();
    assert_eq!(hidden.address.ip(), None);
    assert_eq!((hidden.related, hidden.extension("raddr")), (None, Some("x.local")));
    assert_eq!(hidden.to_string().parse(), Ok(hidden));
}

/// Covers: RFC 8839 §5.1
#[test]
fn candidates_of_unknown_kinds_are_kept_and_passed_over() {
    let unknown = [
        "candidate:1 1 ssltcp 2130706431 192.0.2.1 443 typ host",
        "candidate:1 1 udp 2130706431 192.0.2.1 443 typ carrier-pigeon",
    ];
    for text in unknown {
        assert_eq!(Candidate::parse(text), Err(CandidateError::Unsupported));
        let section = section(&format!("a={text}\r\n")).unwrap();
        assert_eq!((section.candidates().count(), section.attributes.len()), (0, 1));
    }
    let wrong = [
        "",
        "1 0 udp 1 192.0.2.1 1 typ host",
        "1 1 udp 4294967296 192.0.2.1 1 typ host",
        "1 1 udp 1 a_b:c 1 typ host",
        "1 1 udp 1 192.0.2.1 65536 typ host",
        "1 1 udp 1 192.0.2.1 1 type host",
        "1 1 udp 1 192.0.2.1 1 typ host generation",
        "1 1 tcp 1 192.0.2.1 1 typ host tcptype sideways",
        "ä 1 udp 1 192.0.2.1 1 typ host",
    ];
    for text in wrong {
        assert!(matches!(Candidate::parse(text), Err(CandidateError::Malformed(_))), "{text}");
    }
    assert!(Candidate::parse(&format!("1 1 udp 1 a 1 typ host{}", " a b".repeat(300))).is_err());
}

#[test]
fn attributes_are_what_they_say() {
    let section = section(
        "a=rtpmap:96 VP8/90000\r\na=fmtp:96 max-fs=12288; max-fr=60\r\na=rtcp-fb:* nack pli\r\na=rtcp-fb:97 nack\r\n\
         a=extmap:3/recvonly urn:x some=thing\r\na=rid:hi send pt=96;max-width=1280\r\na=simulcast:recv ~1,2;3 send hi\r\n\
         a=ssrc-group:FID 1 2\r\na=ssrc:1 cname:a b\r\na=ssrc:2\r\na=msid:- track\r\na=fingerprint:SHA-512 ",
    );
    assert!(section.is_err(), "a digest is missing");
    let section = self::section(
        "a=rtpmap:96 VP8/90000\r\na=fmtp:96 max-fs=12288; max-fr=60\r\na=rtcp-fb:* nack pli\r\na=rtcp-fb:97 nack\r\n\
         a=extmap:3/recvonly urn:x some=thing\r\na=rid:hi send pt=96;max-width=1280\r\na=simulcast:recv ~1,2;3 send hi\r\n\
         a=ssrc-group:FID 1 2\r\na=ssrc:1 cname:a b\r\na=ssrc:2\r\na=msid:- track\r\n\
         a=fingerprint:MD5 00:ff\r\na=ice-options:ice2,trickle\r\n",
    )
    .unwrap();
    let vp8 = PayloadType::new(96).unwrap();

    assert_eq!(section.rtpmap(vp8).unwrap().name, "VP8");
    assert_eq!(section.format_parameters(vp8).unwrap().get("MAX-FR"), Some("60"));
    assert_eq!(section.feedback(vp8).map(ToString::to_string).collect::<Vec<_>>(), ["nack pli"]);
    let extmap = section.extensions().next().unwrap();
    assert_eq!(
        (extmap.id, extmap.direction, extmap.parameters.as_deref()),
        (3, Some(Direction::RecvOnly), Some("some=thing"))
    );
    let rid = section.rids().next().unwrap();
    assert_eq!((rid.direction, rid.restrictions.get("max-width")), (RidDirection::Send, Some("1280")));
    let simulcast = section.simulcast().unwrap();
    assert_eq!((simulcast.send.len(), simulcast.receive.len()), (1, 2));
    assert!(simulcast.receive[0][0].paused && !simulcast.receive[0][1].paused);
    assert_eq!(section.source_groups().next().unwrap().ssrcs.len(), 2);
    assert_eq!(section.sources().next().unwrap().value.as_deref(), Some("a b"));
    assert_eq!(section.msids().next().unwrap().stream(), None);
    let unknown = |attribute: &&Attribute| {
        matches!(attribute, Attribute::Fingerprint(fingerprint)
        if fingerprint.algorithm == HashAlgorithm::Other("md5".to_owned()) && !fingerprint.algorithm.is_trusted())
    };
    assert!(section.attributes.iter().find(unknown).is_some());
    assert!(section.has(&Attribute::IceOptions(vec!["ice2".to_owned(), "trickle".to_owned()])));
}

#[test]
fn how_things_were_spelt_is_kept() {
    let lines = "a=ice-options:ice2,trickle\r\na=fmtp:96 a=1; b = 2 ;c\r\na=fingerprint:SHA-1 \
        00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:00:11:22:33\r\na=simulcast: recv rid=1;2\r\na=simulcast:  send 1\r\n\
        a=candidate:1 1 UDP 0001 192.0.2.1 1 typ host\r\na=rtcp-fb:096 nack\r\na=mid:0 \r\na=msid-semantic: WMS *\r\n";
    let description = session(&format!("m=video 9 UDP/TLS/RTP/SAVPF 96\r\n{lines}")).unwrap();

    assert!(description.to_string().ends_with(lines));
    assert_eq!(description.media[0].mid().unwrap().as_str(), "0");
}
