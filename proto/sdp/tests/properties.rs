//! What is written is read again, whatever it is.

use moim_sdp::{
    Attribute, Attributes, Bandwidth, Candidate, CandidateAddress, CandidateKind, CandidateProtocol,
    Connection, Direction, Extmap, Fingerprint, Fmtp, FormatParameters, Group, HashAlgorithm, IcePassword,
    Line, MediaSection, Msid, Origin, RidChoice, RidDirection, RidLine, RtcpFb, RtcpFeedback, Rtpmap,
    SctpMap, SectionKind, SessionDescription, Setup, Simulcast, SourceAttribute, SsrcGroup, TcpType, testing,
};
use moim_wire::{Mid, PayloadType, Rid, Ssrc};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use std::net::{IpAddr, SocketAddr};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_description_that_is_written_reads_the_same(description in any_description()) {
        let written = description.to_string();
        prop_assert_eq!(SessionDescription::parse(&written), Ok(description));
    }

    #[test]
    fn a_candidate_that_is_written_reads_the_same(candidate in any_candidate()) {
        prop_assert_eq!(Candidate::parse(&candidate.to_string()), Ok(candidate));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC*") {
        testing::exercise(text.as_bytes());
    }

    #[test]
    fn any_lines_are_read_or_refused(lines in vec("[a-z]=[a-z-]{0,12}[: ]?[0-9a-z:;,=/~* ]{0,20}", 0..12)) {
        let text = format!("v=0\r\no=- 1 1 IN IP4 0\r\ns=-\r\n{}\r\n", lines.join("\r\n"));
        testing::exercise(text.as_bytes());
    }

    #[test]
    fn any_value_of_a_known_attribute_is_read_or_refused(
        name in prop::sample::select(NAMES),
        value in "[0-9a-zA-Z:;,=/~*. -]{0,40}",
    ) {
        let text = format!("v=0\r\no=- 1 1 IN IP4 0\r\ns=-\r\nm=audio 9 RTP/AVP 0\r\na={name}:{value}\r\n");
        testing::exercise(text.as_bytes());
    }
}

const NAMES: &[&str] = &[
    "candidate",
    "extmap",
    "fingerprint",
    "fmtp",
    "group",
    "ice-options",
    "ice-pwd",
    "ice-ufrag",
    "max-message-size",
    "mid",
    "msid",
    "rid",
    "rtcp-fb",
    "rtpmap",
    "sctpmap",
    "sctp-port",
    "setup",
    "simulcast",
    "ssrc",
    "ssrc-group",
    "sendrecv",
];

fn token() -> impl Strategy<Value = String> {
    "[A-Za-z0-9._-]{1,12}"
}

/// Words with single spaces between them.
fn words() -> impl Strategy<Value = String> {
    vec("[!-~ä]{1,8}", 1..4).prop_map(|words| words.join(" "))
}

fn mid() -> impl Strategy<Value = Mid> {
    "[a-z0-9_]{1,16}".prop_map(|text| text.parse().expect("a token"))
}

fn rid() -> impl Strategy<Value = Rid> {
    "[A-Za-z0-9_-]{1,16}".prop_map(|text| text.parse().expect("a rid"))
}

fn payload_type() -> impl Strategy<Value = PayloadType> {
    (0..128_u8).prop_map(|number| PayloadType::new(number).expect("seven bits"))
}

fn ssrc() -> impl Strategy<Value = Ssrc> {
    any::<u32>().prop_map(Ssrc)
}

fn direction() -> impl Strategy<Value = Direction> {
    prop::sample::select(&Direction::ALL)
}

fn parameters() -> impl Strategy<Value = FormatParameters> {
    vec(("[a-z0-9-]{1,8}", option::of("[a-z0-9/,]{0,8}")), 1..4).prop_map(|all| {
        let parts: Vec<_> = all
            .into_iter()
            .map(|(name, value)| match value {
                Some(value) => format!("{name}={value}"),
                None => name,
            })
            .collect();
        FormatParameters::parse(&parts.join(";"))
    })
}

fn feedback() -> impl Strategy<Value = RtcpFeedback> {
    (token(), option::of(words())).prop_map(|(kind, parameter)| RtcpFeedback { kind, parameter })
}

fn fingerprint() -> impl Strategy<Value = Fingerprint> {
    let of = |algorithm: HashAlgorithm, len: usize| {
        vec(any::<u8>(), len).prop_map(move |digest| Fingerprint { algorithm: algorithm.clone(), digest })
    };
    prop_oneof![
        of(HashAlgorithm::Sha1, 20),
        of(HashAlgorithm::Sha256, 32),
        of(HashAlgorithm::Sha384, 48),
        of(HashAlgorithm::Sha512, 64),
        of(HashAlgorithm::Other("sha-3".to_owned()), 28),
    ]
}

fn any_candidate() -> impl Strategy<Value = Candidate> {
    let address = prop_oneof![
        any::<IpAddr>().prop_map(CandidateAddress::Ip),
        "[a-z][a-z0-9-]{0,20}\\.local".prop_map(CandidateAddress::Name),
    ];
    let protocol = prop::sample::select(vec![CandidateProtocol::Udp, CandidateProtocol::Tcp]);
    let kind = prop::sample::select(vec![
        CandidateKind::Host,
        CandidateKind::ServerReflexive,
        CandidateKind::PeerReflexive,
        CandidateKind::Relayed,
    ]);
    let tcp_type =
        option::of(prop::sample::select(vec![TcpType::Active, TcpType::Passive, TcpType::SimultaneousOpen]));
    let related =
        option::of((any::<IpAddr>(), any::<u16>()).prop_map(|(ip, port)| SocketAddr::new(ip, port)));
    let extensions = vec(("x-[a-z]{1,8}", "[!-~]{1,8}"), 0..3);
    let head = ("[A-Za-z0-9+/]{1,32}", 1..=256_u16, protocol, any::<u32>(), address, any::<u16>());
    (head, kind, related, tcp_type, extensions).prop_map(|(head, kind, related, tcp_type, extensions)| {
        let (foundation, component, protocol, priority, address, port) = head;
        Candidate {
            foundation,
            component,
            protocol,
            priority,
            address,
            port,
            kind,
            related,
            tcp_type,
            extensions,
        }
    })
}

fn flag() -> impl Strategy<Value = Attribute> {
    prop::sample::select(vec![
        Attribute::BundleOnly,
        Attribute::EndOfCandidates,
        Attribute::ExtmapAllowMixed,
        Attribute::IceLite,
        Attribute::RtcpMux,
        Attribute::RtcpMuxOnly,
        Attribute::RtcpRsize,
        Attribute::Setup(Setup::Active),
        Attribute::Setup(Setup::Passive),
        Attribute::Setup(Setup::ActPass),
        Attribute::Setup(Setup::HoldConn),
    ])
}

fn transport() -> impl Strategy<Value = Attribute> {
    prop_oneof![
        any_candidate().prop_map(|candidate| Attribute::Candidate(Box::new(candidate))),
        fingerprint().prop_map(Attribute::Fingerprint),
        (token(), vec(mid(), 0..4)).prop_map(|(semantics, mids)| Attribute::Group(Group { semantics, mids })),
        vec(token(), 1..3).prop_map(Attribute::IceOptions),
        "[A-Za-z0-9+/]{22,40}".prop_map(|text| Attribute::IcePwd(IcePassword::new(&text).expect("of ICE"))),
        "[A-Za-z0-9+/]{4,20}".prop_map(Attribute::IceUfrag),
        any::<u64>().prop_map(Attribute::MaxMessageSize),
        any::<u16>().prop_map(Attribute::SctpPort),
        (any::<u16>(), token(), option::of(any::<u32>()))
            .prop_map(|(port, protocol, streams)| Attribute::SctpMap(SctpMap { port, protocol, streams })),
    ]
}

fn media() -> impl Strategy<Value = Attribute> {
    let rid_direction = || prop::sample::select(vec![RidDirection::Send, RidDirection::Recv]);
    let encodings =
        || vec(vec((rid(), any::<bool>()).prop_map(|(rid, paused)| RidChoice { rid, paused }), 1..3), 0..4);
    let simulcast = (encodings(), encodings()).prop_map(|(send, receive)| Simulcast { send, receive });
    let is_some = |simulcast: &Simulcast| *simulcast != Simulcast::default();
    prop_oneof![
        direction().prop_map(Attribute::Direction),
        (1..=4_351_u16, option::of(direction()), "[!-~]{1,20}", option::of(words())).prop_map(
            |(id, direction, uri, parameters)| Attribute::Extmap(Extmap { id, direction, uri, parameters })
        ),
        (payload_type(), parameters())
            .prop_map(|(payload_type, parameters)| Attribute::Fmtp(Fmtp { payload_type, parameters })),
        mid().prop_map(Attribute::Mid),
        ("[!-~]{1,12}", option::of("[!-~]{1,12}"))
            .prop_map(|(stream, track)| Attribute::Msid(Msid { stream, track })),
        (rid(), rid_direction(), prop_oneof![Just(FormatParameters::default()), parameters()]).prop_map(
            |(rid, direction, restrictions)| Attribute::Rid(RidLine { rid, direction, restrictions })
        ),
        (option::of(payload_type()), feedback())
            .prop_map(|(payload_type, feedback)| Attribute::RtcpFb(RtcpFb { payload_type, feedback })),
        (payload_type(), token(), any::<u32>(), option::of("[1-8]")).prop_map(
            |(payload_type, name, clock_rate, parameters)| {
                Attribute::Rtpmap(Rtpmap { payload_type, name, clock_rate, parameters })
            }
        ),
        simulcast.prop_filter("it says something", is_some).prop_map(Attribute::Simulcast),
        (ssrc(), "[a-z-]{1,8}", option::of(words()))
            .prop_map(|(ssrc, name, value)| Attribute::Ssrc(SourceAttribute { ssrc, name, value })),
        (token(), vec(ssrc(), 0..4))
            .prop_map(|(semantics, ssrcs)| Attribute::SsrcGroup(SsrcGroup { semantics, ssrcs })),
        ("x-[a-z]{1,8}", option::of("[ -~]{0,20}"))
            .prop_map(|(name, value)| Attribute::Unknown { name, value }),
    ]
}

fn attributes() -> impl Strategy<Value = Attributes> {
    vec(prop_oneof![flag(), transport(), media()], 0..10).prop_map(|all| all.into_iter().collect())
}

fn lines() -> impl Strategy<Value = Vec<Line>> {
    let connection = ("IP[46]", "[0-9a-f.:/]{1,20}").prop_map(|(address_type, address)| {
        Line::Connection(Connection { network_type: "IN".to_owned(), address_type, address })
    });
    let bandwidth =
        (token(), "[0-9]{1,9}").prop_map(|(kind, value)| Line::Bandwidth(Bandwidth { kind, value }));
    let letters = prop::sample::select(vec!['i', 'u', 'e', 'p', 't', 'r', 'z', 'k', 'x']);
    let other = (letters, "[ -~]{0,20}").prop_map(|(letter, value)| Line::Other { letter, value });
    vec(prop_oneof![connection, bandwidth, other], 0..4)
}

fn section() -> impl Strategy<Value = MediaSection> {
    let kind = prop_oneof![
        Just(SectionKind::Audio),
        Just(SectionKind::Video),
        Just(SectionKind::Application),
        "x[a-z]{1,8}".prop_map(SectionKind::Other),
    ];
    let head = (kind, any::<u16>(), option::of(any::<u16>()), "[A-Z/]{1,20}", vec(token(), 1..6));
    (head, lines(), attributes()).prop_map(
        |((kind, port, port_count, protocol, formats), lines, attributes)| MediaSection {
            kind,
            port,
            port_count,
            protocol,
            formats,
            lines,
            attributes,
        },
    )
}

fn any_description() -> impl Strategy<Value = SessionDescription> {
    let origin = (token(), "[0-9]{1,25}", "[0-9]{1,25}", "IP[46]", "[0-9a-f.:]{1,20}").prop_map(
        |(username, session_id, session_version, address_type, address)| Origin {
            username,
            session_id,
            session_version,
            network_type: "IN".to_owned(),
            address_type,
            address,
        },
    );
    (origin, "[ -~]{0,12}", lines(), attributes(), vec(section(), 0..4)).prop_map(
        |(origin, name, lines, attributes, media)| SessionDescription {
            origin,
            name,
            lines,
            attributes,
            media,
        },
    )
}
