#![expect(clippy::wildcard_enum_match_arm, reason = "whatever else is said is all one here")]

use super::{Attempt, AttemptEvent, AttemptOptions};
use crate::connection::{IceServers, NetworkOptions};
use crate::room::negotiation::generation_of;
use crate::room::{ConnectionSettings, random_id};
use crate::tls::Trust;
use moim_signal::id::ParticipantId;
use moim_signal::message::ClientMessage;
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
    let mut attempt = Attempt::new(AttemptOptions {
        id: random_id(),
        to: ParticipantId::new(to),
        is_initiator,
        is_polite: !is_initiator,
        settings: Arc::new(settings()),
        servers: IceServers::default(),
    })
    .unwrap();
    attempt.set_media(&[]);
    attempt
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
