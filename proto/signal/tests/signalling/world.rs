//! Random lives of many clients against what must always hold.

use crate::harness::{World, chat, join, open_grants};
use moim_signal::Config;
use moim_signal::id::TrackId;
use moim_signal::message::{ClientMessage, LinkState, TrackDescription, TrackKind, TrackSource};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;

const CLIENTS: usize = 5;
const ROOMS: [&str; 2] = ["tea", "coffee"];

#[derive(Clone, Debug)]
enum Action {
    Join { client: usize, room: usize },
    Leave { client: usize },
    Chat { client: usize },
    Publish { client: usize },
    Kick { client: usize, target: usize },
    CloseRoom { client: usize },
    DropLink { client: usize },
    OpenLink { client: usize },
    Pass { seconds: u64 },
}

fn action() -> impl Strategy<Value = Action> {
    let client = 0..CLIENTS;
    prop_oneof![
        6 => (client.clone(), 0..ROOMS.len()).prop_map(|(client, room)| Action::Join { client, room }),
        1 => client.clone().prop_map(|client| Action::Leave { client }),
        6 => client.clone().prop_map(|client| Action::Chat { client }),
        2 => client.clone().prop_map(|client| Action::Publish { client }),
        1 => (client.clone(), client.clone()).prop_map(|(client, target)| Action::Kick { client, target }),
        1 => client.clone().prop_map(|client| Action::CloseRoom { client }),
        3 => client.clone().prop_map(|client| Action::DropLink { client }),
        5 => client.prop_map(|client| Action::OpenLink { client }),
        3 => (0_u64..40).prop_map(|seconds| Action::Pass { seconds }),
    ]
}

fn perform(world: &mut World, action: &Action, number: usize) {
    match *action {
        Action::Join { client, room } => world.send(client, join(ROOMS[room], &format!("client {client}"))),
        Action::Leave { client } => world.send(client, ClientMessage::Leave),
        Action::Chat { client } => {
            world.send(client, chat(&number.to_string(), &format!("{client}: {number}")));
        }
        Action::Publish { client } => {
            let (id, kind, source) = (TrackId::new("cam"), TrackKind::Video, TrackSource::Camera);
            world.send(
                client,
                ClientMessage::Publish { track: TrackDescription { id, kind, source, muted: false } },
            );
        }
        Action::Kick { client, target } => {
            if let Some(participant) = world.clients[target].me().map(|me| me.id) {
                world.send(client, ClientMessage::Kick { participant });
            }
        }
        Action::CloseRoom { client } => world.send(client, ClientMessage::CloseRoom),
        Action::DropLink { client } => world.drop_link(client),
        Action::OpenLink { client } => {
            if world.clients[client].link.is_none() {
                world.open_link(client, Ok(open_grants()));
            }
        }
        Action::Pass { seconds } => world.pass(Duration::from_secs(seconds)),
    }
}

/// Everybody comes back, so that what is underway can arrive.
fn reconnect_all(world: &mut World) {
    for client in 0..CLIENTS {
        if world.clients[client].link.is_none() {
            world.open_link(client, Ok(open_grants()));
        }
    }
}

/// A client is in a room by its own account.
fn room_of(world: &World, client: usize) -> Option<String> {
    use moim_signal::message::ServerMessage::{Joined, Left};
    world.clients[client].inbox.iter().rev().find_map(|message| match message {
        Joined { room, .. } => Some(Some(room.name.to_string())),
        Left { .. } => Some(None),
        _ => None,
    })?
}

/// Every two clients that believe to be in one room see each other, linked, with the same tracks; and nobody else.
fn check_views_agree(world: &World) {
    let mut members: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for client in 0..CLIENTS {
        if let Some(room) = room_of(world, client) {
            members.entry(room).or_default().push(client);
        }
    }
    assert_eq!(world.server.rooms_len(), members.len());
    assert_eq!(world.server.participants_len(), members.values().map(Vec::len).sum::<usize>());
    for clients in members.values() {
        let admins = clients.iter().filter(|client| is_admin(world, **client, clients)).count();
        assert_eq!(admins, 1, "an open room has one admin");
        for &client in clients {
            let expected: Vec<_> = clients
                .iter()
                .filter(|other| **other != client)
                .map(|other| format!("client {other}"))
                .collect();
            let others = world.clients[client].others();
            assert_eq!(others.keys().cloned().collect::<Vec<_>>(), expected);
            assert!(others.values().all(|other| other.link == LinkState::Connected));
        }
    }
}

/// Whether the others (or, alone, the client itself) hold this client to be the room's admin.
fn is_admin(world: &World, client: usize, members: &[usize]) -> bool {
    use moim_signal::message::ServerMessage::{Joined, ParticipantUpdated};
    let name = format!("client {client}");
    match members.iter().find(|other| **other != client) {
        Some(other) => world.clients[*other].others()[&name].permissions.admin,
        None => world.clients[client]
            .inbox
            .iter()
            .rev()
            .find_map(|message| match message {
                Joined { participant, .. } => Some(participant.permissions.admin),
                ParticipantUpdated { participant } if participant.name == name => {
                    Some(participant.permissions.admin)
                }
                _ => None,
            })
            .unwrap_or_default(),
    }
}

/// No chat arrives twice, out of its sender's order, or at its own sender.
fn check_chats(world: &World) {
    for (receiver, client) in world.clients.iter().enumerate() {
        let mut last: BTreeMap<&str, usize> = BTreeMap::new();
        for text in client.chats() {
            let (sender, number) = text.split_once(": ").expect("the form that `perform` gives it");
            let number = number.parse().expect("the form that `perform` gives it");
            assert_ne!(sender, receiver.to_string());
            assert!(
                last.insert(sender, number).is_none_or(|before| before < number),
                "{text} doubled or late"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn everybody_ends_with_the_same_view(actions in prop::collection::vec(action(), 1..120)) {
        let mut world = World::new(Config { frame_burst_max: 10_000, ..Config::default() });
        for _ in 0..CLIENTS {
            world.connect();
        }
        for (number, action) in actions.iter().enumerate() {
            perform(&mut world, action, number);
        }
        reconnect_all(&mut world);
        check_views_agree(&world);
        check_chats(&world);

        // Once every link is lost for good, nothing is left.
        for client in 0..CLIENTS {
            world.drop_link(client);
        }
        world.pass(Duration::from_secs(31));
        prop_assert_eq!(world.server.sessions_len(), 0);
        prop_assert_eq!(world.server.rooms_len(), 0);
        prop_assert_eq!(world.server.poll_timeout(), None);
    }
}
