use super::{ATTEMPTS_MAX, Peer, PeerMessage, PeerOptions, PeerReport, reports};
use crate::connection::IceServers;
use crate::room::attempt::Attempt;
use crate::room::attempt::tests::{attempt, description, settings};
use crate::room::control::Control;
use crate::signal::{SessionOptions, SignalSession, TRANSPORTS};
use moim_peer::PeerConnectionState;
use moim_signal::id::{ParticipantId, PeerConnectionId};
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// A peer that waits for an offer, and whose server cannot be reached.
fn waiting_peer() -> Peer {
    let connect =
        Box::new(|| -> futures_util::future::BoxFuture<'static, _> { Box::pin(std::future::pending()) });
    let session = SignalSession::begin(SessionOptions {
        authority: "example.org".to_owned(),
        token: None,
        connect,
        transports: TRANSPORTS,
    });
    let options = PeerOptions {
        remote: ParticipantId::new("anna"),
        is_polite: true,
        begins: false,
        forwarding: None,
        is_sending: true,
        settings: Arc::new(settings()),
        signal: session.sender(),
        media: watch::channel(Vec::new()).1,
        servers: watch::channel(IceServers::default()).1,
        online: watch::channel(true).1,
        reports: reports(4).0,
    };
    Peer::new(options, mpsc::channel(1).1)
}

fn attempt_of(peer: &Peer) -> Option<&PeerConnectionId> {
    peer.attempt.as_ref().map(Attempt::id)
}

/// Covers: docs/protocol.md "Connections"
#[tokio::test]
async fn what_was_dropped_does_not_come_back() {
    let mut anna = attempt("ben", true);
    let (sdp, _) = description(&mut anna).await;
    let offer = || PeerMessage::Offer { sdp: sdp.clone(), tracks: Vec::new() };
    let mut ben = waiting_peer();
    ben.handle_message(anna.id(), offer());
    assert_eq!(attempt_of(&ben), Some(anna.id()));

    ben.again();
    let own = attempt_of(&ben).cloned();
    assert!(own.is_some() && own.as_ref() != Some(anna.id()));
    ben.handle_message(anna.id(), offer());
    assert_eq!(attempt_of(&ben), own.as_ref(), "an offer for an attempt that has been replaced");

    ben.failures = ATTEMPTS_MAX;
    ben.again();
    assert_eq!((attempt_of(&ben), ben.state), (None, PeerConnectionState::Closed));
    let own = own.unwrap();
    ben.handle_message(&own, offer());
    ben.handle_message(anna.id(), offer());
    assert_eq!(attempt_of(&ben), None, "an offer for an attempt that has been given up");

    let mut again = attempt("ben", true);
    let (sdp, _) = description(&mut again).await;
    ben.handle_message(again.id(), PeerMessage::Offer { sdp, tracks: Vec::new() });
    assert_eq!(attempt_of(&ben), Some(again.id()));
}

#[tokio::test]
async fn a_flood_of_one_leaves_word_of_others() {
    let (reports, mut reported) = reports(4);
    let (flooding, other) = (ParticipantId::new("p_1"), ParticipantId::new("p_2"));
    for _ in 0..100 {
        reports.send(&flooding, PeerReport::Control(Control::ChatReceived { id: "1".into() }));
    }

    reports.send(&other, PeerReport::State(PeerConnectionState::Connected));

    let first = reported.recv().await;
    assert!(
        matches!(&first, Some((from, PeerReport::State(PeerConnectionState::Connected))) if *from == other),
        "{first:?}"
    );
    assert!(matches!(reported.recv().await, Some((from, PeerReport::Control(_))) if from == flooding));
}
