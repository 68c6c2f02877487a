//! What participants say to each other through the server.

use crate::harness::{World, chat};
use moim_signal::Config;
use moim_signal::id::{ChatId, ParticipantId, PeerConnectionId, TrackId};
use moim_signal::message::{
    ClientFrame, ClientMessage, ErrorCode, FrameError, IceCandidate, IceCredential, IceServer, MidTrack,
    ServerMessage, TrackDescription, TrackKind, TrackSource,
};

fn camera() -> TrackDescription {
    TrackDescription {
        id: TrackId::new("cam"),
        kind: TrackKind::Video,
        source: TrackSource::Camera,
        muted: false,
    }
}

#[test]
fn a_negotiation_reaches_the_other_side_as_it_was_sent() {
    let mut world = World::new(Config::default());
    let anna = world.join("tea", "Anna");
    let ben = world.join("tea", "Ben");
    let bystander = world.join("tea", "Bystander");
    let quiet = world.clients[bystander].inbox.len();
    let connection = PeerConnectionId::new("c1");
    let tracks = vec![MidTrack { mid: "0".into(), track: TrackId::new("cam") }];
    let candidate = IceCandidate {
        candidate: "candidate:1 1 udp 1 192.0.2.1 9 typ host".into(),
        sdp_mid: Some("0".into()),
        sdp_m_line_index: Some(0),
        username_fragment: None,
    };
    let (to, from) = (world.id(anna), world.id(ben));

    let offer = ClientMessage::Offer {
        to: to.clone(),
        connection: connection.clone(),
        sdp: "v=0".into(),
        tracks: tracks.clone(),
    };
    world.send(ben, offer);
    world.send(
        ben,
        ClientMessage::Candidate {
            to: to.clone(),
            connection: connection.clone(),
            candidate: candidate.clone(),
        },
    );
    world.send(
        ben,
        ClientMessage::EndOfCandidates {
            to,
            connection: connection.clone(),
            username_fragment: Some("u".into()),
        },
    );

    let received = &world.clients[anna].inbox[world.clients[anna].inbox.len() - 3..];
    assert_eq!(
        received,
        [
            ServerMessage::Offer {
                from: from.clone(),
                connection: connection.clone(),
                sdp: "v=0".into(),
                tracks
            },
            ServerMessage::Candidate { from: from.clone(), connection: connection.clone(), candidate },
            ServerMessage::EndOfCandidates { from, connection, username_fragment: Some("u".into()) },
        ]
    );
    assert_eq!(world.clients[bystander].inbox.len(), quiet, "it was not for the bystander");
}

#[test]
fn published_tracks_are_seen_by_those_present_and_those_who_come() {
    let mut world = World::new(Config::default());
    let anna = world.join("tea", "Anna");
    let ben = world.join("tea", "Ben");
    world.send(anna, ClientMessage::Publish { track: camera() });
    world.send(anna, ClientMessage::Mute { track: TrackId::new("cam"), muted: true });
    let mia = world.join("tea", "Mia");

    for other in [ben, mia] {
        let tracks = &world.clients[other].others()["Anna"].tracks;
        assert_eq!(tracks, &[TrackDescription { muted: true, ..camera() }]);
    }

    world.send(anna, ClientMessage::Unpublish { track: TrackId::new("cam") });
    assert!(world.clients[ben].others()["Anna"].tracks.is_empty());

    world.send(anna, ClientMessage::Unpublish { track: TrackId::new("cam") });
    assert_eq!(world.clients[anna].errors().last().unwrap().1, ErrorCode::UnknownTrack);
}

#[test]
fn a_new_name_and_metadata_are_made_known() {
    let mut world = World::new(Config::default());
    let anna = world.join("tea", "Anna");
    let ben = world.join("tea", "Ben");

    world.send(anna, ClientMessage::Update { name: Some("Anna B.".into()), metadata: None });
    world.send(anna, ClientMessage::Update { name: None, metadata: Some("{\"hand\":true}".into()) });

    let seen = &world.clients[ben].others()["Anna B."];
    assert_eq!(seen.metadata.as_deref(), Some("{\"hand\":true}"));
}

#[test]
fn chat_goes_to_everybody_else_or_to_one() {
    let mut world = World::new(Config::default());
    let anna = world.join("tea", "Anna");
    let ben = world.join("tea", "Ben");
    let mia = world.join("tea", "Mia");
    let to = Some(world.id(mia));

    world.send(anna, chat("1", "hello all"));
    world.send(anna, ClientMessage::Chat { id: ChatId::new("2"), to, text: "psst".into() });

    assert_eq!(world.clients[ben].chats(), ["hello all"]);
    assert_eq!(world.clients[mia].chats(), ["hello all", "psst"]);
    assert_eq!(world.clients[anna].chats(), [""; 0]);
}

#[test]
fn messages_to_nobody_and_to_oneself_are_refused() {
    let mut world = World::new(Config::default());
    let anna = world.join("tea", "Anna");
    let elsewhere = world.join("coffee", "Elsewhere");
    let end = |to: ParticipantId| ClientMessage::EndOfCandidates {
        to,
        connection: PeerConnectionId::new("c1"),
        username_fragment: None,
    };

    world.send(anna, end(ParticipantId::new("p_nobody")));
    world.send(anna, end(world.id(elsewhere)));
    world.send(anna, end(world.id(anna)));

    assert_eq!(
        world.clients[anna].errors(),
        [
            (2, ErrorCode::UnknownParticipant),
            (3, ErrorCode::UnknownParticipant),
            (4, ErrorCode::InvalidArgument)
        ]
    );
}

#[test]
fn nothing_but_join_is_possible_outside_of_a_room() {
    let mut world = World::new(Config::default());
    let client = world.connect();
    for message in [
        ClientMessage::Leave,
        ClientMessage::Publish { track: camera() },
        chat("1", "hello"),
        ClientMessage::Kick { participant: ParticipantId::new("p_x") },
        ClientMessage::CloseRoom,
        ClientMessage::RefreshIceServers,
        ClientMessage::Update { name: Some("x".into()), metadata: None },
    ] {
        world.send(client, message);
    }

    let codes: Vec<_> = world.clients[client].errors().into_iter().map(|(_, code)| code).collect();
    assert_eq!(codes, [ErrorCode::NotJoined; 7]);
}

#[test]
fn there_is_a_place_for_ice_servers_where_a_participant_gets_some_and_nowhere_else() {
    let mut world = World::new(Config::default());
    let anna = world.join("tea", "Anna");
    let ben = world.join("tea", "Ben");
    world.send(anna, ClientMessage::RefreshIceServers);

    let id = world.id(anna);
    let places: Vec<_> = world.clients[anna]
        .inbox
        .iter_mut()
        .filter_map(|message| message.ice_servers_mut())
        .map(|(participant, servers)| (participant.clone(), servers.len()))
        .collect();

    assert_eq!(places, [(id.clone(), 0), (id, 0)]);
    let heard = world.clients[ben].inbox.iter_mut().filter_map(ServerMessage::ice_servers_mut).count();
    assert_eq!(heard, 1, "only its own, as it joined");
}

#[test]
fn ice_servers_are_written_as_browsers_take_them_and_their_credential_is_not_printed() {
    let server = IceServer {
        urls: vec!["turn:{host}:8443?transport=udp".into()],
        username: Some("1767225600:p_anna".into()),
        credential: Some(IceCredential::new("hush")),
        lifetime_ms: Some(3_600_000),
    };
    let message =
        ServerMessage::IceServers { participant: ParticipantId::new("p_anna"), ice_servers: vec![server] };

    assert_eq!(
        serde_json::to_value(&message).unwrap(),
        serde_json::json!({
            "type": "iceServers",
            "participant": "p_anna",
            "iceServers": [{
                "urls": ["turn:{host}:8443?transport=udp"],
                "username": "1767225600:p_anna",
                "credential": "hush",
                "lifetimeMs": 3_600_000,
            }],
        })
    );
    assert!(!format!("{message:?}").contains("hush"));
}

#[test]
fn frames_are_read_as_specified() {
    let parse = ClientFrame::parse;

    assert_eq!(
        parse(r#"{"type":"message","seq":1,"ack":0,"body":{"type":"leave"},"later":true}"#),
        Ok(ClientFrame::Message { seq: 1, ack: 0, body: ClientMessage::Leave })
    );
    assert_eq!(parse(r#"{"type":"ping","ack":3}"#), Ok(ClientFrame::Ping { ack: 3 }));
    assert!(
        matches!(parse(r#"{"type":"hello","version":1}"#), Ok(ClientFrame::Hello(hello)) if hello.version == 1)
    );

    for (text, expected) in [
        ("", ErrorCode::Malformed),
        ("{", ErrorCode::Malformed),
        ("[]", ErrorCode::Malformed),
        (r#"{"type":"ping"}"#, ErrorCode::Malformed),
        (r#"{"type":"ping","ack":-1}"#, ErrorCode::Malformed),
        (r#"{"type":"message","seq":1,"ack":0}"#, ErrorCode::Malformed),
        (r#"{"type":"dance"}"#, ErrorCode::UnknownType),
    ] {
        assert!(
            matches!(parse(text), Err(FrameError::Frame { code, .. }) if code == expected),
            "{text}: {:?}",
            parse(text)
        );
    }
    for (body, expected) in [
        (r#"{"type":"dance"}"#, ErrorCode::UnknownType),
        (r#"{"type":"join","room":"tea"}"#, ErrorCode::Malformed),
        (
            r#"{"type":"publish","track":{"id":"x","kind":"smell","source":"camera","muted":false}}"#,
            ErrorCode::Malformed,
        ),
        ("7", ErrorCode::Malformed),
    ] {
        let text = format!(r#"{{"type":"message","seq":4,"ack":2,"body":{body}}}"#);
        assert!(
            matches!(parse(&text), Err(FrameError::Body { seq: 4, ack: 2, code, .. }) if code == expected),
            "{text}: {:?}",
            parse(&text)
        );
    }
}
