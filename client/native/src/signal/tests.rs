use super::session::EVENTS_MAX;
use super::testing::{PATIENCE, Server};
use super::{SessionEvent, SignalSession};
use crate::error::SignalError;
use moim_signal::message::{ClientMessage, ErrorCode, ServerMessage};
use serde_json::json;
use tokio::time::timeout;

async fn next(session: &mut SignalSession) -> SessionEvent {
    timeout(PATIENCE, session.next()).await.unwrap().unwrap()
}

/// Covers: docs/protocol.md "Frames"
#[tokio::test]
async fn a_link_that_does_not_answer_when_it_is_checked_is_replaced() {
    let (mut server, mut session) = Server::with_client();
    let (mut link, _) = server.link().await;
    link.welcome(false, 0).await;
    assert!(matches!(next(&mut session).await, SessionEvent::Begun(_)));

    session.check();
    assert_eq!(link.receive().await["type"], "ping");

    assert!(matches!(next(&mut session).await, SessionEvent::Interrupted(_)), "before a heartbeat is due");
    let (mut link, hello) = server.link().await;
    assert_eq!(hello["resume"]["session"], "s_1");
    link.welcome(true, 0).await;
    assert!(matches!(next(&mut session).await, SessionEvent::Resumed));
}

#[tokio::test]
async fn a_message_is_done_once_it_is_acknowledged() {
    let (mut server, mut session) = Server::with_client();
    let (mut link, hello) = server.link().await;
    assert_eq!((&hello["version"], &hello["token"]), (&json!(1), &json!("t")));
    link.welcome(false, 0).await;
    assert!(matches!(next(&mut session).await, SessionEvent::Begun(_)));
    let signal = session.sender();

    let request = tokio::spawn(async move { signal.request(ClientMessage::RefreshIceServers).await });
    assert_eq!(link.receive().await["seq"], 1);
    link.send(json!({ "type": "ack", "ack": 1 })).await;

    assert_eq!(request.await.unwrap(), Ok(()));
}

#[tokio::test]
async fn a_message_that_is_refused_says_why() {
    let (mut server, mut session) = Server::with_client();
    let (mut link, _) = server.link().await;
    link.welcome(false, 0).await;
    next(&mut session).await;
    let signal = session.sender();

    let request = tokio::spawn(async move { signal.request(ClientMessage::Leave).await });
    link.receive().await;
    link.message(
        1,
        1,
        json!({ "type": "error", "request": 1, "code": "notJoined", "message": "join first" }),
    )
    .await;

    let refused = SignalError::Refused { code: ErrorCode::NotJoined, message: "join first".into() };
    assert_eq!(request.await.unwrap(), Err(refused));
}

/// Covers: docs/protocol.md "Resuming"
#[tokio::test]
async fn a_session_goes_on_over_another_link() {
    let (mut server, mut session) = Server::with_client();
    let (mut link, _) = server.link().await;
    link.welcome(false, 0).await;
    next(&mut session).await;
    link.message(1, 0, json!({ "type": "draining", "graceMs": 1 })).await;
    next(&mut session).await;
    let signal = session.sender();
    let request = tokio::spawn(async move { signal.request(ClientMessage::Leave).await });
    while link.receive().await["type"] != "message" {}

    drop(link);
    assert!(matches!(next(&mut session).await, SessionEvent::Interrupted(_)));
    let (mut link, hello) = server.link().await;
    link.welcome(true, 0).await;

    assert_eq!(hello["resume"], json!({ "session": "s_1", "secret": "psst", "ack": 1 }));
    assert!(matches!(next(&mut session).await, SessionEvent::Resumed));
    let again = link.receive().await;
    assert_eq!((&again["seq"], &again["body"]["type"]), (&json!(1), &json!("leave")));
    // What was heard before the outage is passed over.
    link.message(1, 1, json!({ "type": "draining", "graceMs": 1 })).await;
    link.message(2, 1, json!({ "type": "left", "reason": "left" })).await;
    let SessionEvent::Message(message) = next(&mut session).await else { panic!("a message was sent") };
    assert!(matches!(*message, ServerMessage::Left { .. }));
    assert_eq!(request.await.unwrap(), Ok(()));
}

#[tokio::test]
async fn a_session_that_the_server_forgot_begins_anew() {
    let (mut server, mut session) = Server::with_client();
    let (mut link, _) = server.link().await;
    link.welcome(false, 0).await;
    next(&mut session).await;
    let signal = session.sender();
    let request = tokio::spawn(async move { signal.request(ClientMessage::Leave).await });
    link.receive().await;

    drop(link);
    next(&mut session).await;
    let (mut link, _) = server.link().await;
    link.welcome(false, 0).await;

    assert!(matches!(next(&mut session).await, SessionEvent::Begun(_)));
    assert_eq!(request.await.unwrap(), Err(SignalError::Lost));
}

#[tokio::test]
async fn a_number_that_is_left_out_costs_the_link() {
    let (mut server, mut session) = Server::with_client();
    let (mut link, _) = server.link().await;
    link.welcome(false, 0).await;
    next(&mut session).await;

    link.message(2, 0, json!({ "type": "draining", "graceMs": 1 })).await;

    assert!(matches!(next(&mut session).await, SessionEvent::Interrupted(_)));
    assert_eq!(server.link().await.1["resume"]["ack"], 0);
}

#[tokio::test]
async fn a_refusal_for_good_ends_it() {
    let (mut server, mut session) = Server::with_client();
    let (mut link, _) = server.link().await;

    link.send(json!({ "type": "close", "code": "tokenExpired", "retry": false, "message": "it is over" }))
        .await;

    let SessionEvent::Ended(SignalError::Closed { message, .. }) = next(&mut session).await else {
        panic!("the session was refused")
    };
    assert_eq!(message, "it is over");
}

/// Covers: docs/protocol.md "Links"
#[tokio::test]
async fn dropping_it_leaves_at_once() {
    let (mut server, mut session) = Server::with_client();
    let (mut link, _) = server.link().await;
    link.welcome(false, 0).await;
    next(&mut session).await;

    drop(session);

    assert_eq!(link.receive().await, json!({ "closed": 1001 }));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_pings_is_given_up() {
    let (mut server, mut session) = Server::with_client();
    let (mut link, _) = server.link().await;
    link.welcome(false, 0).await;
    next(&mut session).await;

    assert_eq!(link.receive().await["type"], "ping");
    assert!(matches!(next(&mut session).await, SessionEvent::Interrupted(_)));
}

/// What is not heard yet keeps nobody from being answered, up to a limit that is told.
#[tokio::test]
async fn whoever_does_not_listen_is_answered_for_a_while_and_then_it_is_over() {
    let (mut server, mut session) = Server::with_client();
    let (mut link, _) = server.link().await;
    link.welcome(false, 0).await;
    assert!(matches!(next(&mut session).await, SessionEvent::Begun(_)));
    let signal = session.sender();
    let draining = || json!({ "type": "draining", "graceMs": 1 });
    let unheard = u32::try_from(EVENTS_MAX).unwrap();

    let request = tokio::spawn(async move { signal.request(ClientMessage::RefreshIceServers).await });
    for seq in 1..=unheard {
        link.message(seq, u32::from(seq == unheard), draining()).await;
    }
    assert_eq!(timeout(PATIENCE, request).await.unwrap().unwrap(), Ok(()));

    link.message(unheard + 1, 1, draining()).await;
    while link.receive().await != json!({ "closed": 1001 }) {}
    assert_eq!(session.sender().request(ClientMessage::Leave).await, Err(SignalError::Over));
    for _ in 1..=unheard {
        assert!(matches!(next(&mut session).await, SessionEvent::Message(_)));
    }
    let SessionEvent::Ended(error) = next(&mut session).await else { panic!("nothing was heard") };
    assert_eq!(error, SignalError::Unheard(EVENTS_MAX));
}
