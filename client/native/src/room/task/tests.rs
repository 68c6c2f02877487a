mod forwarding;

use super::{Command, Joined, Task, TaskOptions};
use crate::connection::NetworkOptions;
use crate::error::{Error, JoinStep, SignalError};
use crate::room::{ConnectionSettings, RoomEvent};
use crate::signal::SignalSession;
use crate::signal::testing::Server;
use crate::tls::Trust;
use moim_signal::id::RoomName;
use moim_wire::Bitrate;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// What is to be kept for a room to go on.
type Kept = (mpsc::Sender<Command>, mpsc::Receiver<RoomEvent>);

/// A room that joins by a session.
fn join(session: SignalSession) -> (oneshot::Receiver<Joined>, Kept) {
    let tls = Arc::new(Trust::Anybody.client_config().unwrap());
    let settings = ConnectionSettings {
        network: NetworkOptions { has_loopback: true, has_tcp: false, tls },
        certificate: crate::connection::certificate().unwrap(),
        relay_only: false,
        drafts: false,
        bitrate_max: Bitrate::from_kbps(500),
    };
    let (commands, inbox) = mpsc::channel(1);
    let (events, heard) = mpsc::channel(64);
    let (ready, joined) = oneshot::channel();
    Task::spawn(TaskOptions {
        room: RoomName::new("tea"),
        name: "Anna".to_owned(),
        metadata: None,
        host: "server.test".to_owned(),
        settings: Arc::new(settings),
        session,
        commands: inbox,
        events,
        ready,
    });
    (joined, (commands, heard))
}

fn missing(joined: Joined) -> JoinStep {
    match joined {
        Err(Error::Signal(SignalError::JoinTimedOut { missing, .. })) => missing,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it was joined"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_says_joined_is_not_waited_for_for_ever() {
    let (mut server, session) = Server::with_client();
    let (joined, _kept) = join(session);
    let (mut link, _) = server.link().await;
    link.welcome(false, 0).await;
    // It answers pings all the while.
    let answering = tokio::spawn(async move {
        while let Some(frame) = link.try_receive().await {
            if frame["type"] == "ping" {
                link.send(serde_json::json!({ "type": "pong", "ack": 1 })).await;
            }
        }
    });

    assert_eq!(missing(joined.await.unwrap()), JoinStep::Joined);
    answering.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_link_that_is_lost_for_good_before_the_room_is_joined_is_told() {
    let (mut server, session) = Server::with_client();
    let (joined, _kept) = join(session);
    let (mut link, _) = server.link().await;
    link.welcome(false, 0).await;
    link.receive().await;

    drop((link, server));

    assert_eq!(missing(joined.await.unwrap()), JoinStep::Link);
}
