//! What an admin does with others, and an operator with anybody.

use crate::forwarding::camera;
use crate::harness::{World, forwarding_config};
use moim_signal::id::{ParticipantId, RoomName, TrackId};
use moim_signal::media::MediaAction;
use moim_signal::message::{ClientMessage, ErrorCode, LeaveReason, Permissions, Topology, TopologyReason};
use moim_signal::{Moderation, RoomSummary};

const SILENT: Permissions = Permissions { publish: false, subscribe: true, data: true, admin: false };
const SPEAKING: Permissions = Permissions { publish: true, ..SILENT };

/// Anna, who is admin, and Ben, who shows his camera.
fn room() -> (World, usize, usize) {
    let mut world = World::new(forwarding_config());
    let anna = world.join("tea", "Anna");
    let ben = world.join("tea", "Ben");
    world.send(ben, ClientMessage::Publish { track: camera(false) });
    world.take_media();
    (world, anna, ben)
}

#[test]
fn a_muted_track_may_be_unmuted_by_its_owner() {
    let (mut world, anna, ben) = room();
    let (ben_id, cam) = (world.id(ben), TrackId::new("cam"));

    world.send(anna, ClientMessage::MuteTrack { participant: ben_id.clone(), track: cam.clone() });

    assert!(world.clients[anna].others()["Ben"].tracks[0].muted);
    assert_eq!(world.take_media(), [(ben_id, MediaAction::Publish { tracks: vec![camera(true)] })]);

    world.send(ben, ClientMessage::Mute { track: cam, muted: false });
    assert!(!world.clients[anna].others()["Ben"].tracks[0].muted);
}

#[test]
fn whoever_may_not_publish_any_more_has_no_tracks_and_gets_none_until_they_may_again() {
    let (mut world, anna, ben) = room();
    let participant = world.id(ben);
    let set = |permissions| ClientMessage::SetPermissions { participant: participant.clone(), permissions };

    world.send(anna, set(SILENT));
    let seen = &world.clients[anna].others()["Ben"];
    assert_eq!((seen.permissions, seen.tracks.as_slice()), (SILENT, [].as_slice()));
    world.send(ben, ClientMessage::Publish { track: camera(false) });
    assert_eq!(world.clients[ben].errors(), [(3, ErrorCode::PermissionDenied)]);

    world.send(anna, set(SPEAKING));
    world.send(ben, ClientMessage::Publish { track: camera(false) });
    assert_eq!(world.clients[anna].others()["Ben"].tracks, [camera(false)]);
    let actions: Vec<_> = world.take_media().into_iter().map(|(_, action)| action).collect();
    assert_eq!(
        actions,
        [
            MediaAction::Permit { permissions: SILENT },
            MediaAction::Publish { tracks: vec![] },
            MediaAction::Permit { permissions: SPEAKING },
            MediaAction::Publish { tracks: vec![camera(false)] },
        ]
    );
}

#[test]
fn only_an_admin_moderates_and_no_room_loses_its_last_one() {
    let (mut world, anna, ben) = room();
    let [anna_id, ben_id] = [anna, ben].map(|client| world.id(client));
    let track = TrackId::new("cam");

    world.send(ben, ClientMessage::MuteTrack { participant: anna_id.clone(), track: track.clone() });
    world.send(ben, ClientMessage::SetPermissions { participant: ben_id.clone(), permissions: SPEAKING });
    assert_eq!(world.clients[ben].errors(), [3, 4].map(|request| (request, ErrorCode::PermissionDenied)));

    world.send(anna, ClientMessage::SetPermissions { participant: anna_id, permissions: SPEAKING });
    world.send(anna, ClientMessage::MuteTrack { participant: ben_id, track: TrackId::new("mic") });
    world.send(anna, ClientMessage::MuteTrack { participant: ParticipantId::new("p_0"), track });
    let refused =
        [(2, ErrorCode::InvalidArgument), (3, ErrorCode::UnknownTrack), (4, ErrorCode::UnknownParticipant)];
    assert_eq!(world.clients[anna].errors(), refused);
    assert_eq!(world.take_media(), []);
}

#[test]
fn an_operator_sees_rooms_and_does_what_an_admin_does() {
    let (mut world, anna, ben) = room();
    let [anna_id, ben_id] = [anna, ben].map(|client| world.id(client));
    let tea = RoomName::new("tea");
    let now = world.now;

    let summary = RoomSummary {
        name: tea.clone(),
        topology: Topology::Mesh,
        reason: TopologyReason::Few,
        participants: 2,
    };
    assert_eq!(world.server.rooms().collect::<Vec<_>>(), [summary]);
    let names = |world: &World| -> Vec<String> {
        world.server.participants(&tea).unwrap_or_default().into_iter().map(|one| one.name).collect()
    };
    assert_eq!(names(&world), ["Anna", "Ben"]);

    let mute = Moderation::MuteTrack(TrackId::new("cam"));
    assert_eq!(world.server.moderate(&tea, &ben_id, mute.clone(), now), Ok(()));
    assert_eq!(world.server.moderate(&tea, &anna_id, mute, now), Err(ErrorCode::UnknownTrack));
    assert_eq!(world.server.moderate(&tea, &anna_id, Moderation::SetPermissions(SILENT), now), Ok(()));
    assert_eq!(world.server.moderate(&tea, &ben_id, Moderation::Remove, now), Ok(()));
    assert_eq!(
        world.server.moderate(&tea, &ben_id, Moderation::Remove, now),
        Err(ErrorCode::UnknownParticipant)
    );
    world.settle();
    assert_eq!(world.clients[ben].left(), Some(LeaveReason::Kicked));
    assert_eq!(names(&world), ["Anna"]);

    assert!(world.server.close_room(&tea, now));
    assert!(!world.server.close_room(&tea, now));
    world.settle();
    assert_eq!(world.clients[anna].left(), Some(LeaveReason::RoomClosed));
    assert_eq!(world.server.participants(&tea), None);
}
