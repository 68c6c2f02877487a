//! Entering, leaving, being removed, and who is in charge.

use crate::harness::{World, join, open_grants};
use moim_signal::Config;
use moim_signal::id::RoomName;
use moim_signal::message::{ClientMessage, ErrorCode, Grants, LeaveReason, Permissions, ServerMessage};

#[test]
fn participants_see_each_other_come_and_go() {
    let mut world = World::new(Config::default());
    let anna = world.join("tea", "Anna");
    let ben = world.join("tea", "Ben");

    assert_eq!(world.clients[anna].others().into_keys().collect::<Vec<_>>(), ["Ben"]);
    assert_eq!(world.clients[ben].others().into_keys().collect::<Vec<_>>(), ["Anna"]);

    world.send(anna, ClientMessage::Leave);

    assert_eq!(world.clients[anna].left(), Some(LeaveReason::Left));
    assert!(world.clients[ben].others().is_empty());
    assert_eq!(world.server.participants_len(), 1);

    world.send(ben, ClientMessage::Leave);
    assert_eq!(world.server.rooms_len(), 0);
}

#[test]
fn rooms_do_not_see_each_other() {
    let mut world = World::new(Config::default());
    let anna = world.join("tea", "Anna");
    let before = world.clients[anna].inbox.len();

    world.join("coffee", "Ben");

    assert_eq!(world.clients[anna].inbox.len(), before);
    assert_eq!(world.server.rooms_len(), 2);
}

#[test]
fn the_joiner_hears_of_those_present_longest_first() {
    let mut world = World::new(Config::default());
    for name in ["Zoe", "Anna", "Mia"] {
        world.join("tea", name);
    }
    let last = world.join("tea", "Last");

    let Some(ServerMessage::Joined { participants, .. }) = world.clients[last].inbox.first() else {
        panic!("the first message is not joined: {:?}", world.clients[last].inbox.first());
    };
    let names: Vec<_> = participants.iter().map(|participant| participant.name.as_str()).collect();
    assert_eq!(names, ["Zoe", "Anna", "Mia"]);
}

#[test]
fn a_full_room_says_so_and_takes_the_next_one_when_somebody_leaves() {
    let mut world = World::new(Config { participants_per_room_max: 2, ..Config::default() });
    let anna = world.join("tea", "Anna");
    world.join("tea", "Ben");
    let late = world.join("tea", "Late");
    assert_eq!(world.clients[late].errors(), [(1, ErrorCode::RoomFull)]);

    world.send(anna, ClientMessage::Leave);
    world.send(late, join("tea", "Late"));

    assert!(world.clients[late].others().contains_key("Ben"));
}

#[test]
fn in_an_open_room_the_first_is_admin_and_hands_over_when_leaving() {
    let mut world = World::new(Config::default());
    let anna = world.join("tea", "Anna");
    let ben = world.join("tea", "Ben");
    let mia = world.join("tea", "Mia");
    assert!(world.clients[anna].me().unwrap().permissions.admin);

    let kick = ClientMessage::Kick { participant: world.id(mia) };
    world.send(ben, kick.clone());
    assert_eq!(world.clients[ben].errors(), [(2, ErrorCode::PermissionDenied)]);

    world.send(anna, ClientMessage::Leave);
    assert!(world.clients[mia].others()["Ben"].permissions.admin);

    world.send(ben, kick);
    assert_eq!(world.clients[mia].left(), Some(LeaveReason::Kicked));
}

#[test]
fn an_admin_closes_the_room_for_everybody() {
    let mut world = World::new(Config::default());
    let anna = world.join("tea", "Anna");
    let ben = world.join("tea", "Ben");

    world.send(anna, ClientMessage::CloseRoom);

    assert_eq!(world.clients[anna].left(), Some(LeaveReason::RoomClosed));
    assert_eq!(world.clients[ben].left(), Some(LeaveReason::RoomClosed));
    assert_eq!(world.server.rooms_len(), 0);
}

#[test]
fn a_token_opens_its_room_only_and_says_who_one_is() {
    let mut world = World::new(Config { open: false, ..Config::default() });
    let grants = Grants {
        room: Some(RoomName::new("tea")),
        identity: Some("anna@example".into()),
        name: Some("Dr. Anna".into()),
        ..open_grants()
    };
    let anna = world.connect_with(Ok(grants));

    world.send(anna, join("coffee", "Anna"));
    assert_eq!(world.clients[anna].errors(), [(1, ErrorCode::WrongRoom)]);

    world.send(anna, join("tea", "Somebody else"));
    let me = world.clients[anna].me().unwrap();
    assert_eq!((me.name.as_str(), me.identity.as_deref()), ("Dr. Anna", Some("anna@example")));
    assert!(!me.permissions.admin, "only an open room makes its first participant admin");
}

#[test]
fn a_second_join_with_the_same_identity_takes_the_place_of_the_first() {
    let mut world = World::new(Config { participants_per_room_max: 2, ..Config::default() });
    let grants = Grants { identity: Some("anna".into()), ..open_grants() };
    let ben = world.join("tea", "Ben");
    let old = world.connect_with(Ok(grants.clone()));
    world.send(old, join("tea", "Anna on the phone"));

    let new = world.connect_with(Ok(grants));
    world.send(new, join("tea", "Anna on the laptop"));

    assert_eq!(world.clients[old].left(), Some(LeaveReason::Replaced));
    assert_eq!(world.clients[ben].others().into_keys().collect::<Vec<_>>(), ["Anna on the laptop"]);
}

#[test]
fn what_the_token_does_not_permit_is_refused() {
    let mut world = World::new(Config { open: false, ..Config::default() });
    let permissions = Permissions { publish: false, subscribe: true, data: false, admin: false };
    let viewer = world.connect_with(Ok(Grants { permissions, ..open_grants() }));
    world.send(viewer, join("tea", "Viewer"));

    let track = serde_json::json!({"id": "mic", "kind": "audio", "source": "microphone", "muted": false});
    world.send(viewer, ClientMessage::Publish { track: serde_json::from_value(track).unwrap() });
    world.send(viewer, crate::harness::chat("1", "hello"));
    world.send(viewer, ClientMessage::CloseRoom);

    let denied = [2, 3, 4].map(|request| (request, ErrorCode::PermissionDenied));
    assert_eq!(world.clients[viewer].errors(), denied);
}

#[test]
fn names_and_rooms_are_checked() {
    let mut world = World::new(Config::default());
    let client = world.connect();
    let long_room = "r".repeat(65);
    let long_name = "n".repeat(65);
    for (room, name) in [
        ("", "Anna"),
        ("a b", "Anna"),
        ("../etc", "Anna"),
        (&*long_room, "Anna"),
        ("tea", " "),
        ("tea", "a\u{7}b"),
        ("tea", &*long_name),
    ] {
        world.send(client, join(room, name));
    }
    let refused: Vec<_> = world.clients[client].errors().into_iter().map(|(_, code)| code).collect();
    assert_eq!(refused, [ErrorCode::InvalidArgument; 7]);

    world.send(client, join("tea", "김민지"));
    assert_eq!(world.clients[client].me().unwrap().name, "김민지");
}
