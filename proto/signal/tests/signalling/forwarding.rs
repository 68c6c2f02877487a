//! What the media plane is told of rooms, and what participants are told by it.

use crate::harness::{World, forwarding_config, open_grants};
use moim_signal::id::{ParticipantId, PeerConnectionId, TrackId};
use moim_signal::media::MediaAction;
use moim_signal::message::{
    ClientFrame, ClientMessage, ConnectionEndReason, ErrorCode, IceCandidate, LayerReason, Permissions,
    SectionContent, ServerMessage, TrackDescription, TrackKind, TrackSource, TrackWatch,
};
use moim_signal::{Config, MEDIA_COMMANDS_MAX, Output};
use std::time::Duration;

const EVERYTHING: Permissions = Permissions { publish: true, subscribe: true, data: true, admin: true };
const NO_ADMIN: Permissions = Permissions { admin: false, ..EVERYTHING };

pub(crate) fn camera(muted: bool) -> TrackDescription {
    TrackDescription { id: TrackId::new("cam"), kind: TrackKind::Video, source: TrackSource::Camera, muted }
}

fn server() -> ParticipantId {
    ParticipantId::new(ParticipantId::SERVER)
}

fn connection() -> PeerConnectionId {
    PeerConnectionId::new("c")
}

fn offer(to: ParticipantId) -> ClientMessage {
    ClientMessage::Offer { to, connection: connection(), sdp: "v=0".into(), tracks: vec![] }
}

fn watch(participant: ParticipantId) -> TrackWatch {
    let track = TrackId::new("cam");
    TrackWatch {
        participant,
        track,
        wanted: true,
        paused: false,
        width: Some(640),
        height: None,
        priority: 0,
    }
}

fn section(mid: &str, reason: LayerReason) -> ServerMessage {
    let sections = vec![SectionContent { mid: mid.into(), source: None, layer: None, reason }];
    ServerMessage::Sections { connection: connection(), sections }
}

#[test]
fn the_media_plane_hears_of_everybody_from_their_entering_to_their_leaving() {
    let mut world = World::new(forwarding_config());
    let anna = world.join("tea", "Anna");
    let ben = world.join("tea", "Ben");
    let [anna_id, ben_id] = [anna, ben].map(|client| world.id(client));
    world.send(ben, ClientMessage::Publish { track: camera(false) });
    world.send(ben, ClientMessage::Mute { track: TrackId::new("cam"), muted: true });
    world.send(ben, ClientMessage::Update { name: Some("Benjamin".into()), metadata: None });
    world.send(ben, ClientMessage::Unpublish { track: TrackId::new("cam") });
    world.send(anna, ClientMessage::Leave);
    world.send(ben, ClientMessage::Leave);

    assert_eq!(
        world.take_media(),
        [
            (anna_id.clone(), MediaAction::Enter { permissions: EVERYTHING }),
            (ben_id.clone(), MediaAction::Enter { permissions: NO_ADMIN }),
            (ben_id.clone(), MediaAction::Publish { tracks: vec![camera(false)] }),
            (ben_id.clone(), MediaAction::Publish { tracks: vec![camera(true)] }),
            (ben_id.clone(), MediaAction::Publish { tracks: vec![] }),
            (anna_id, MediaAction::Leave),
            (ben_id.clone(), MediaAction::Permit { permissions: EVERYTHING }),
            (ben_id, MediaAction::Leave),
        ]
    );
}

#[test]
fn what_is_for_the_server_goes_to_the_media_plane() {
    let mut world = World::new(forwarding_config());
    let anna = world.join("tea", "Anna");
    world.take_media();
    let candidate = IceCandidate {
        candidate: "candidate:1 1 udp 1 192.0.2.1 1 typ host".into(),
        sdp_mid: Some("0".into()),
        sdp_m_line_index: None,
        username_fragment: None,
    };

    world.send(anna, offer(server()));
    let message =
        ClientMessage::Candidate { to: server(), connection: connection(), candidate: candidate.clone() };
    world.send(anna, message);
    let username_fragment = Some("abcd".to_owned());
    let message = ClientMessage::EndOfCandidates {
        to: server(),
        connection: connection(),
        username_fragment: username_fragment.clone(),
    };
    world.send(anna, message);

    let no_more =
        IceCandidate { candidate: String::new(), sdp_mid: None, sdp_m_line_index: None, username_fragment };
    let actions: Vec<_> = world.take_media().into_iter().map(|(_, action)| action).collect();
    assert_eq!(
        actions,
        [
            MediaAction::Offer { connection: connection(), sdp: "v=0".into(), tracks: vec![] },
            MediaAction::Candidate { connection: connection(), candidate },
            MediaAction::Candidate { connection: connection(), candidate: no_more },
        ]
    );
    assert_eq!(world.clients[anna].errors(), []);
}

#[test]
fn the_server_is_not_answered_and_without_a_media_plane_not_offered_to() {
    let mut world = World::new(forwarding_config());
    let anna = world.join("tea", "Anna");
    world.send(
        anna,
        ClientMessage::Answer { to: server(), connection: connection(), sdp: "v=0".into(), tracks: vec![] },
    );
    assert_eq!(world.clients[anna].errors(), [(2, ErrorCode::InvalidArgument)]);

    let mut world = World::new(Config::default());
    let anna = world.join("tea", "Anna");
    world.send(anna, offer(server()));
    assert_eq!(world.clients[anna].errors(), [(2, ErrorCode::UnknownParticipant)]);
    assert_eq!(world.take_media(), []);
}

#[test]
fn what_is_watched_is_of_others_in_the_room() {
    let mut world = World::new(forwarding_config());
    let anna = world.join("tea", "Anna");
    let ben = world.join("tea", "Ben");
    let zoe = world.join("coffee", "Zoe");
    let [anna_id, ben_id, zoe_id] = [anna, ben, zoe].map(|client| world.id(client));
    world.take_media();

    world.send(
        anna,
        ClientMessage::Watch { watches: vec![watch(zoe_id.clone()), watch(ben_id.clone()), watch(anna_id)] },
    );
    world.send(anna, ClientMessage::Watch { watches: vec![watch(zoe_id)] });

    let (_, action) = world.take_media().pop().expect("the first of them has something to say");
    assert_eq!(action, MediaAction::Watch { watches: vec![watch(ben_id)] });
    assert_eq!(world.clients[anna].errors(), []);
}

#[test]
fn watches_are_bounded_in_number_and_length() {
    let mut world = World::new(forwarding_config());
    let anna = world.join("tea", "Anna");
    let ben = world.join("tea", "Ben");
    let ben = world.id(ben);
    world.take_media();

    world.send(anna, ClientMessage::Watch { watches: vec![watch(ben.clone()); 256] });
    assert_eq!(world.take_media().len(), 1);
    world.send(anna, ClientMessage::Watch { watches: vec![watch(ben.clone()); 257] });
    let long = TrackWatch { track: TrackId::new("x".repeat(65)), ..watch(ben) };
    world.send(anna, ClientMessage::Watch { watches: vec![long] });

    let refused = [3, 4].map(|request| (request, ErrorCode::InvalidArgument));
    assert_eq!(world.clients[anna].errors(), refused);
    assert_eq!(world.take_media(), []);
}

#[test]
fn commands_that_nobody_takes_are_bounded_and_leaving_is_none_that_is_refused() {
    let mut world = World::new(Config { frame_burst_max: 10_000, ..forwarding_config() });
    let anna = world.join("tea", "Anna");
    let link = world.clients[anna].link.expect("the client has a link");
    let frame = |seq, body| Ok(ClientFrame::Message { seq, ack: 0, body });
    // The driver does not take what the machine has to say.
    let offers = u32::try_from(MEDIA_COMMANDS_MAX).unwrap() + 5;
    for seq in 2..offers + 2 {
        world.server.handle_frame(link, frame(seq, offer(server())), world.now);
    }
    world.server.handle_frame(link, frame(offers + 2, ClientMessage::Leave), world.now);

    let (mut taken, mut refused) = (Vec::new(), 0);
    while let Some(output) = world.server.poll_output() {
        match output {
            Output::Media(command) => taken.push(command.action),
            Output::Send { frame, .. } => {
                let text = serde_json::to_string(&frame).unwrap();
                refused += usize::from(text.contains("rateLimited"));
            }
            _ => {}
        }
    }
    assert_eq!((taken.len(), refused), (MEDIA_COMMANDS_MAX + 1, 5));
    assert_eq!(taken.last(), Some(&MediaAction::Leave));
}

#[test]
fn reports_reach_the_participant_or_all_of_the_room_and_nobody_who_is_gone() {
    let mut world = World::new(forwarding_config());
    let anna = world.join("tea", "Anna");
    let ben = world.join("tea", "Ben");
    let zoe = world.join("coffee", "Zoe");
    let [anna_id, ben_id] = [anna, ben].map(|client| world.id(client));
    let answer =
        ServerMessage::Answer { from: server(), connection: connection(), sdp: "v=0".into(), tracks: vec![] };
    let speakers = ServerMessage::Speakers { dominant: Some(ben_id.clone()), speaking: vec![ben_id.clone()] };

    world.report("tea", Some(anna_id.clone()), answer.clone());
    world.report("tea", None, speakers.clone());
    assert_eq!(
        world.clients[anna].inbox.iter().rev().take(2).rev().collect::<Vec<_>>(),
        [&answer, &speakers]
    );
    assert_eq!(world.clients[ben].inbox.last(), Some(&speakers));

    world.send(anna, ClientMessage::Leave);
    let before = [anna, zoe].map(|client| world.clients[client].inbox.len());
    world.report("tea", Some(anna_id.clone()), answer.clone());
    world.report("coffee", Some(anna_id), answer.clone());
    world.report("water", None, answer);
    assert_eq!([anna, zoe].map(|client| world.clients[client].inbox.len()), before);
    assert_eq!(world.server.counters().media_reports_late, 3);
}

#[test]
fn media_outlives_the_link_and_ends_with_the_session() {
    let mut world = World::new(forwarding_config());
    let anna = world.join("tea", "Anna");
    world.join("tea", "Ben");
    let anna_id = world.id(anna);
    world.take_media();

    world.drop_link(anna);
    world.pass(Duration::from_secs(29));
    world.open_link(anna, Ok(open_grants()));
    assert_eq!(world.take_media(), [], "nothing changes");

    world.drop_link(anna);
    world.pass(Duration::from_secs(30));
    let left = world.take_media();
    assert_eq!(left[0], (anna_id, MediaAction::Leave));
}

#[test]
fn reports_to_one_who_cannot_be_reached_are_there_when_it_is_back_the_newest_of_each() {
    let mut world = World::new(forwarding_config());
    let anna = world.join("tea", "Anna");
    let anna_id = world.id(anna);
    let me = || Some(anna_id.clone());
    world.drop_link(anna);

    // Far more than the outbox takes.
    for _ in 0..2_000 {
        world.report("tea", me(), section("1", LayerReason::Bandwidth));
        world.report("tea", me(), section("1", LayerReason::Wanted));
        world.report("tea", None, ServerMessage::Speakers { dominant: None, speaking: vec![] });
    }
    let ended = ServerMessage::ConnectionEnded {
        connection: PeerConnectionId::new("before"),
        reason: ConnectionEndReason::Replaced,
        message: "replaced".into(),
    };
    world.report("tea", me(), ended.clone());
    let before = world.clients[anna].inbox.len();
    world.open_link(anna, Ok(open_grants()));

    let speakers = ServerMessage::Speakers { dominant: None, speaking: vec![] };
    assert_eq!(world.clients[anna].inbox[before..], [ended, section("1", LayerReason::Wanted), speakers]);
    assert_eq!(world.clients[anna].left(), None);
}

#[test]
fn a_client_that_is_behind_gets_the_newest_of_each_report_once_it_has_caught_up() {
    let mut world = World::new(Config { outbox_messages_max: 40, ..forwarding_config() });
    let anna = world.join("tea", "Anna");
    let anna_id = world.id(anna);

    // The link takes what is sent, and nothing is acknowledged.
    for mid in 0..100 {
        world.report("tea", Some(anna_id.clone()), section(&mid.to_string(), LayerReason::Wanted));
    }
    let got = world.clients[anna].inbox.len();
    assert!(got < 40, "{got}");
    world.acknowledge(anna);

    let Some(ServerMessage::Sections { sections, .. }) = world.clients[anna].inbox.last() else {
        panic!("what waited is not there: {:?}", world.clients[anna].inbox.last())
    };
    // One of the messages that it got is `joined`.
    assert_eq!(got - 1 + sections.len(), 100);
    assert_eq!(world.clients[anna].left(), None);
}

#[test]
fn a_server_that_goes_away_takes_everybody_out_of_the_media_plane() {
    let mut world = World::new(forwarding_config());
    let ids = ["Anna", "Ben"].map(|name| {
        let client = world.join("tea", name);
        world.id(client)
    });
    world.take_media();

    world.server.drain(Duration::ZERO, world.now);
    world.pass(Duration::from_secs(1));

    let mut gone: Vec<_> = world.take_media();
    gone.sort_by(|one, other| one.0.cmp(&other.0));
    let mut expected = ids.map(|id| (id, MediaAction::Leave)).to_vec();
    expected.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(gone, expected);
}
