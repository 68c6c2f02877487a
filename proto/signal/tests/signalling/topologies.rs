//! How media travels in a room, and when that changes.

use crate::harness::Told::{Changed, Settled};
use crate::harness::{World, forwarding_config, join, open_grants};
use moim_signal::id::RoomName;
use moim_signal::message::Topology::{Mesh, Sfu};
use moim_signal::message::TopologyReason::{Configured, Few, Many, PathAbsent, PathPoor, ServerOnly};
use moim_signal::message::{ClientMessage, ErrorCode, PathState, ServerMessage, Topology};
use moim_signal::{Config, TopologyPolicy};
use std::time::Duration;

fn switched(world: &mut World, client: usize, topology: Topology) {
    world.send(client, ClientMessage::Switched { topology });
}

fn report_path(world: &mut World, client: usize, other: usize, state: PathState) {
    let to = world.id(other);
    world.send(client, ClientMessage::ReportPath { to, state });
}

/// Links may be silent for as long as these tests take.
fn config() -> Config {
    Config { heartbeat: Duration::from_secs(3600), ..forwarding_config() }
}

/// Anna and Ben in a mesh.
fn two() -> (World, usize, usize) {
    let mut world = World::new(config());
    let anna = world.join("tea", "Anna");
    let ben = world.join("tea", "Ben");
    (world, anna, ben)
}

#[test]
fn two_are_a_mesh_and_know_how_to_reach_the_server() {
    let (world, _, ben) = two();

    let Some(ServerMessage::Joined { room, .. }) = world.clients[ben].inbox.first() else {
        panic!("the first message is not joined")
    };
    assert_eq!((room.topology, room.topology_reason), (Mesh, Few));
    assert_eq!(room.forwarding, forwarding_config().forwarding);
    assert_eq!(room.participants_max, 100);
}

#[test]
fn the_third_finds_the_server_forwarding_and_the_others_hear_of_it_before_they_hear_of_the_third() {
    let (mut world, anna, ben) = two();
    let mia = world.join("tea", "Mia");

    assert_eq!(world.clients[mia].topologies(), [Changed(Sfu, Many)]);
    for client in [anna, ben] {
        assert_eq!(world.clients[client].topologies(), [Changed(Mesh, Few), Changed(Sfu, Many)]);
        let is_news = |message: &ServerMessage| match message {
            ServerMessage::Topology { .. } => Some("topology"),
            ServerMessage::ParticipantJoined { participant } if participant.name == "Mia" => Some("Mia"),
            _ => None,
        };
        let news: Vec<_> = world.clients[client].inbox.iter().filter_map(is_news).collect();
        assert_eq!(news, ["topology", "Mia"]);
    }
    world.join("tea", "Zoe");
    assert_eq!(world.clients[mia].topologies(), [Changed(Sfu, Many)], "a fourth changes nothing");
}

#[test]
fn an_encoder_takes_a_room_to_the_server_and_looks_after_nothing() {
    let mut world = World::new(config());
    let encoder = world.connect();
    let join = |name: &str, direct| {
        let (room, name) = (RoomName::new("tea"), name.to_owned());
        ClientMessage::Join { room, name, metadata: None, direct }
    };
    world.send(encoder, join("Studio", false));
    let anna = world.join("tea", "Anna");

    assert_eq!(world.clients[anna].topologies(), [Changed(Sfu, ServerOnly)]);
    let is_admin = |world: &World, client: usize| {
        let Some(ServerMessage::Joined { participant, .. }) = world.clients[client].inbox.first() else {
            panic!("the first message is not joined")
        };
        participant.permissions.admin
    };
    assert!(!is_admin(&world, encoder), "nobody is behind it who could look after the room");
    assert!(is_admin(&world, anna));

    let other = world.join("porridge", "Ben");
    let player = world.connect();
    let watch = ClientMessage::Join {
        room: RoomName::new("porridge"),
        name: "Player".to_owned(),
        metadata: None,
        direct: false,
    };
    world.send(player, watch);
    let settled = [Changed(Mesh, Few), Changed(Sfu, ServerOnly)];
    assert_eq!(world.clients[other].topologies(), settled);
    switched(&mut world, other, Sfu);
    assert_eq!(
        world.clients[other].topologies().last(),
        Some(&Settled(Sfu)),
        "the player has nothing to switch"
    );
}

#[test]
fn a_change_settles_when_all_who_were_there_have_switched() {
    let (mut world, anna, ben) = two();
    let mia = world.join("tea", "Mia");

    switched(&mut world, anna, Sfu);
    switched(&mut world, anna, Sfu);
    switched(&mut world, ben, Mesh);
    assert_eq!(world.clients[mia].topologies(), [Changed(Sfu, Many)], "Ben has not switched to it");

    switched(&mut world, ben, Sfu);
    for client in [anna, ben, mia] {
        assert_eq!(world.clients[client].topologies().last(), Some(&Settled(Sfu)));
    }
    switched(&mut world, mia, Sfu);
    world.pass(Duration::from_secs(60));
    assert_eq!(world.clients[mia].topologies(), [Changed(Sfu, Many), Settled(Sfu)], "once is enough");
}

#[test]
fn a_change_does_not_wait_for_those_who_have_left_or_take_too_long() {
    let (mut world, anna, ben) = two();
    let mia = world.join("tea", "Mia");
    switched(&mut world, anna, Sfu);
    world.send(ben, ClientMessage::Leave);
    assert_eq!(world.clients[mia].topologies().last(), Some(&Settled(Sfu)));

    let (mut world, _, _) = two();
    let mia = world.join("tea", "Mia");
    world.pass(Duration::from_millis(9_999));
    assert_eq!(world.clients[mia].topologies(), [Changed(Sfu, Many)]);
    world.pass(Duration::from_millis(1));
    assert_eq!(world.clients[mia].topologies(), [Changed(Sfu, Many), Settled(Sfu)]);
}

#[test]
fn a_change_waits_for_one_whose_link_is_down_and_who_has_not_heard_of_it() {
    let (mut world, anna, ben) = two();
    world.drop_link(ben);
    let mia = world.join("tea", "Mia");
    switched(&mut world, anna, Sfu);
    world.pass(Duration::from_secs(3));
    assert_eq!(world.clients[mia].topologies(), [Changed(Sfu, Many)]);

    world.open_link(ben, Ok(open_grants()));
    switched(&mut world, ben, Sfu);
    assert_eq!(world.clients[mia].topologies(), [Changed(Sfu, Many), Settled(Sfu)]);
}

#[test]
fn a_room_becomes_a_mesh_again_after_half_a_minute_of_two() {
    let (mut world, anna, ben) = two();
    let mia = world.join("tea", "Mia");
    switched(&mut world, anna, Sfu);
    switched(&mut world, ben, Sfu);
    world.send(mia, ClientMessage::Leave);

    world.pass(Duration::from_millis(29_999));
    assert_eq!(world.clients[anna].topologies().last(), Some(&Settled(Sfu)));
    world.pass(Duration::from_millis(1));
    assert_eq!(world.clients[anna].topologies().last(), Some(&Changed(Mesh, Few)));

    switched(&mut world, anna, Mesh);
    switched(&mut world, ben, Mesh);
    assert_eq!(world.clients[ben].topologies().last(), Some(&Settled(Mesh)));
}

#[test]
fn one_who_comes_and_goes_within_half_a_minute_switches_nobody_to_and_fro() {
    let (mut world, anna, _) = two();
    let mia = world.join("tea", "Mia");
    for _ in 0..3 {
        world.send(mia, ClientMessage::Leave);
        world.pass(Duration::from_secs(20));
        world.send(mia, join("tea", "Mia"));
        world.pass(Duration::from_secs(20));
    }
    assert_eq!(world.clients[anna].topologies(), [Changed(Mesh, Few), Changed(Sfu, Many), Settled(Sfu)]);
}

#[test]
fn a_change_that_is_taken_back_before_it_settled_is_the_one_that_counts() {
    let (mut world, anna, ben) = two();
    let mia = world.join("tea", "Mia");
    world.send(mia, ClientMessage::Leave);
    world.pass(Duration::from_secs(30));
    switched(&mut world, anna, Mesh);
    // Before Ben has switched to the mesh, the third is there again.
    world.send(mia, join("tea", "Mia"));
    switched(&mut world, ben, Mesh);
    assert_eq!(world.clients[anna].topologies().last(), Some(&Changed(Sfu, Many)));
    switched(&mut world, anna, Sfu);
    switched(&mut world, ben, Sfu);
    assert_eq!(world.clients[anna].topologies().last(), Some(&Settled(Sfu)));
}

#[test]
fn two_who_do_not_reach_each_other_go_by_the_server_for_as_long_as_they_are_the_same_two() {
    for (state, reason) in [(PathState::Absent, PathAbsent), (PathState::Poor, PathPoor)] {
        let (mut world, anna, ben) = two();

        report_path(&mut world, ben, anna, PathState::Good);
        assert_eq!(world.clients[anna].topologies(), [Changed(Mesh, Few)]);
        report_path(&mut world, ben, anna, state);
        assert_eq!(world.clients[anna].topologies().last(), Some(&Changed(Sfu, reason)));
        report_path(&mut world, ben, anna, PathState::Good);
        world.pass(Duration::from_secs(600));
        assert_eq!(world.clients[anna].topologies().last(), Some(&Settled(Sfu)));

        world.send(ben, ClientMessage::Leave);
        world.pass(Duration::from_secs(30));
        assert_eq!(world.clients[anna].topologies()[3..], [Changed(Mesh, Few)]);
    }
}

#[test]
fn the_reason_is_told_when_it_changes_although_the_topology_does_not() {
    let (mut world, anna, ben) = two();
    report_path(&mut world, ben, anna, PathState::Poor);
    report_path(&mut world, anna, ben, PathState::Absent);
    report_path(&mut world, anna, ben, PathState::Poor);
    world.join("tea", "Mia");

    assert_eq!(
        world.clients[anna].topologies(),
        [Changed(Mesh, Few), Changed(Sfu, PathPoor), Changed(Sfu, PathAbsent), Changed(Sfu, Many)]
    );
    for client in [anna, ben] {
        switched(&mut world, client, Sfu);
    }
    assert_eq!(world.clients[anna].topologies()[4..], [Settled(Sfu)]);
}

#[test]
fn what_the_operator_has_set_stays() {
    for (policy, topology) in [(TopologyPolicy::Mesh, Mesh), (TopologyPolicy::Sfu, Sfu)] {
        let mut world = World::new(Config { topology: policy, ..config() });
        let anna = world.join("tea", "Anna");
        let ben = world.join("tea", "Ben");
        report_path(&mut world, anna, ben, PathState::Absent);
        world.join("tea", "Mia");
        world.pass(Duration::from_secs(60));

        assert_eq!(world.clients[anna].topologies(), [Changed(topology, Configured)]);
        let Some(ServerMessage::Joined { room, .. }) = world.clients[ben].inbox.first() else {
            panic!("the first message is not joined")
        };
        assert_eq!(room.forwarding.is_some(), policy == TopologyPolicy::Sfu, "a mesh needs no server's end");
    }
}

#[test]
fn without_a_media_plane_every_room_is_a_mesh() {
    for topology in [TopologyPolicy::Auto, TopologyPolicy::Sfu] {
        let mut world = World::new(Config { topology, ..Config::default() });
        let anna = world.join("tea", "Anna");
        world.join("tea", "Ben");
        world.join("tea", "Mia");

        assert_eq!(world.clients[anna].topologies(), [Changed(Mesh, Configured)]);
        assert_eq!(world.take_media(), []);
    }
}

#[test]
fn a_path_leads_to_somebody_else_in_the_room() {
    let (mut world, anna, _) = two();
    let zoe = world.join("coffee", "Zoe");

    report_path(&mut world, anna, zoe, PathState::Absent);
    report_path(&mut world, anna, anna, PathState::Absent);

    let refused = [(2, ErrorCode::UnknownParticipant), (3, ErrorCode::InvalidArgument)];
    assert_eq!(world.clients[anna].errors(), refused);
    assert_eq!(world.clients[anna].topologies(), [Changed(Mesh, Few)]);
}
