#![expect(clippy::wildcard_enum_match_arm, reason = "whatever else is said is all one here")]

use super::{Attempt, AttemptEvent, AttemptOptions};
use crate::connection::{IceServers, NetworkOptions};
use crate::media::LocalTrack;
use crate::room::negotiation::generation_of;
use crate::room::{ConnectionSettings, random_id};
use crate::tls::Trust;
use moim_peer::sdp::jsep::SignalingState;
use moim_signal::id::{ParticipantId, TrackId};
use moim_signal::message::{
    ClientMessage, ForwardedTrack, Forwarding, LayerReason, MidTrack, SectionContent, TrackDescription,
    TrackKind, TrackSource,
};
use moim_wire::Bitrate;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// Long enough for anything; nothing waits that long unless it has failed.
const PATIENCE: Duration = Duration::from_secs(60);

pub(in crate::room) fn settings() -> ConnectionSettings {
    let tls = Arc::new(Trust::Anybody.client_config().unwrap());
    ConnectionSettings {
        network: NetworkOptions { has_loopback: true, has_tcp: false, tls },
        certificate: crate::connection::certificate().unwrap(),
        relay_only: false,
        drafts: false,
        bitrate_max: Bitrate::from_kbps(500),
    }
}

pub(in crate::room) fn attempt(to: &str, is_initiator: bool) -> Attempt {
    attempt_with(to, is_initiator, None, &[])
}

/// An attempt at the server's end, if it forwards.
fn attempt_with(
    to: &str,
    is_initiator: bool,
    forwarding: Option<Forwarding>,
    tracks: &[LocalTrack],
) -> Attempt {
    let mut attempt = Attempt::new(AttemptOptions {
        id: random_id(),
        to: ParticipantId::new(to),
        is_initiator,
        is_polite: !is_initiator,
        forwarding,
        settings: Arc::new(settings()),
        servers: IceServers::default(),
    })
    .unwrap();
    attempt.set_media(tracks);
    attempt
}

fn track(id: &str, kind: TrackKind, source: TrackSource, encodings: usize) -> LocalTrack {
    LocalTrack::new(TrackDescription { id: TrackId::new(id), kind, source, muted: false }, encodings)
}

/// The next message to the other side.
async fn said(attempt: &mut Attempt) -> ClientMessage {
    loop {
        if let AttemptEvent::Send(message) = timeout(PATIENCE, attempt.next()).await.unwrap() {
            return *message;
        }
    }
}

/// The next description, and what was said before it.
pub(in crate::room) async fn description(attempt: &mut Attempt) -> (String, Vec<ClientMessage>) {
    let mut before = Vec::new();
    loop {
        match said(attempt).await {
            ClientMessage::Offer { sdp, .. } | ClientMessage::Answer { sdp, .. } => return (sdp, before),
            message => before.push(message),
        }
    }
}

/// Covers: RFC 8838 §9
#[tokio::test]
async fn candidates_come_after_the_description_that_they_belong_to() {
    let (mut anna, mut ben) = (attempt("ben", true), attempt("anna", false));
    let (offer, before) = description(&mut anna).await;
    assert_eq!(before, []);
    ben.handle_offer(&offer, &[]).unwrap();
    let (answer, before) = description(&mut ben).await;
    assert_eq!(before, []);
    anna.handle_answer(&answer, &[]).unwrap();

    anna.restart_ice();

    let (again, before) = description(&mut anna).await;
    let new = generation_of(&again);
    assert_ne!(new, generation_of(&offer));
    for message in before {
        let named = match message {
            ClientMessage::Candidate { candidate, .. } => candidate.username_fragment,
            ClientMessage::EndOfCandidates { username_fragment, .. } => username_fragment,
            other => panic!("{other:?}"),
        };
        assert_ne!(named, new, "it is of the description that comes after it");
    }
    // Whatever was found meanwhile is in it; the rest follows it.
    let mut is_complete = again.contains("a=end-of-candidates");
    while !is_complete {
        is_complete = matches!(said(&mut anna).await,
            ClientMessage::EndOfCandidates { username_fragment, .. } if username_fragment == new);
    }
}

/// An attempt at the server's end that has been answered once, and the other side of it.
async fn forwarded(tracks: &[LocalTrack]) -> (Attempt, Attempt) {
    let sections = Forwarding { audio_sections: 2, video_sections: 3 };
    let mut ours = attempt_with(ParticipantId::SERVER, true, Some(sections), tracks);
    let mut server = attempt("anna", false);
    let (offer, _) = description(&mut ours).await;
    exchange(&mut ours, &mut server, &offer).await;
    (ours, server)
}

async fn exchange(ours: &mut Attempt, server: &mut Attempt, offer: &str) {
    server.handle_offer(offer, &[]).unwrap();
    let (answer, _) = description(server).await;
    ours.handle_answer(&answer, &[]).unwrap();
}

fn count(sdp: &str, line: &str) -> usize {
    sdp.lines().filter(|other| *other == line).count()
}

#[tokio::test]
async fn the_server_is_offered_a_section_for_each_place_and_those_to_receive_by() {
    let microphone = track("mic", TrackKind::Audio, TrackSource::Microphone, 1);
    let camera = track("cam", TrackKind::Video, TrackSource::Camera, 3);
    let sections = Forwarding { audio_sections: 2, video_sections: 3 };
    let mut ours = attempt_with(ParticipantId::SERVER, true, Some(sections), &[microphone, camera]);

    let ClientMessage::Offer { to, sdp, tracks, .. } = said(&mut ours).await else { panic!("no offer") };

    assert!(to.is_server());
    assert_eq!(["a=sendonly", "a=recvonly", "a=inactive"].map(|line| count(&sdp, line)), [2, 5, 2]);
    assert_eq!(count(&sdp, "a=simulcast:send l;m;h"), 1);
    assert_eq!(sdp.matches("m=application").count(), 1);
    let named: Vec<_> = tracks.iter().map(|MidTrack { track, .. }| track.as_str()).collect();
    assert_eq!(named, ["cam", "mic"]);
}

#[tokio::test]
async fn a_track_that_is_published_later_takes_its_place_by_another_offer() {
    let (mut ours, _server) = forwarded(&[]).await;

    ours.set_media(&[track("mic", TrackKind::Audio, TrackSource::Microphone, 1)]);

    let ClientMessage::Offer { sdp, tracks, .. } = said_next(&mut ours).await else { panic!("no offer") };
    assert_eq!(["a=sendonly", "a=recvonly", "a=inactive"].map(|line| count(&sdp, line)), [1, 5, 3]);
    assert_eq!(tracks.len(), 1);
}

#[tokio::test]
async fn as_many_sections_are_added_as_the_server_can_use() {
    let (mut ours, mut server) = forwarded(&[]).await;

    ours.receive_by(4, 1);

    let ClientMessage::Offer { sdp, .. } = said_next(&mut ours).await else { panic!("no offer") };
    assert_eq!(count(&sdp, "a=recvonly"), 4 + 3, "none is taken back");
    exchange(&mut ours, &mut server, &sdp).await;
    assert_eq!(ours.connection.peer().signaling_state(), SignalingState::Stable);
}

#[tokio::test]
async fn what_sections_carry_is_what_the_server_says() {
    let (mut ours, _server) = forwarded(&[]).await;
    let source = |participant: &str| {
        let (participant, track) = (ParticipantId::new(participant), TrackId::new("cam"));
        Some(ForwardedTrack { participant, track })
    };
    let content = |mid: &str, source| SectionContent {
        mid: mid.to_owned(),
        source,
        layer: None,
        reason: LayerReason::WaitingForKeyFrame,
    };

    ours.handle_sections(vec![content("6", source("ben")), content("99", source("eve")), content("#", None)]);
    let received = ours.receiving.values().map(|key| key.participant.as_str()).collect::<Vec<_>>();
    assert_eq!((received, ours.contents().len()), (vec!["ben"], 1), "there are no other sections");

    ours.handle_sections(vec![content("6", None)]);
    assert!(ours.receiving.is_empty());
    assert_eq!(ours.contents(), [content("6", None)]);
}

/// The next message that is no candidate.
async fn said_next(attempt: &mut Attempt) -> ClientMessage {
    loop {
        match said(attempt).await {
            ClientMessage::Candidate { .. } | ClientMessage::EndOfCandidates { .. } => {}
            message => return message,
        }
    }
}
