use super::*;
use crate::strangers::Strangers;
use moim_signal::id::{PeerConnectionId, RoomName};
use moim_signal::message::{ClientMessage, Permissions, Resume, ServerMessage};

fn grants() -> Grants {
    let permissions = Permissions { publish: true, subscribe: true, data: true, admin: false };
    Grants { room: None, identity: None, name: None, permissions }
}

fn hello(resume: Option<Resume>) -> Hello {
    Hello { version: 1, client: None, token: None, resume }
}

/// A connection from `192.0.2.1`, of which there may be as many as `strangers` says.
fn stranger(strangers: &Arc<Strangers>) -> Option<Arc<Stranger>> {
    strangers.admit([192, 0, 2, 1].into()).map(Arc::new)
}

fn client(stranger: Arc<Stranger>) -> LinkClient {
    LinkClient { stranger, is_by_name: true }
}

/// Opens a link on a connection of its own.
async fn open(
    hub: &HubHandle,
    resume: Option<Resume>,
    grants: Result<Grants, CloseCode>,
) -> Result<Link, HubEnded> {
    hub.open(hello(resume), grants, client(stranger(&Strangers::new(1)).unwrap())).await
}

fn ice() -> IceServers {
    let config = crate::config::IceConfig {
        stun_urls: vec!["stun:{host}:{port}".into()],
        turn_urls: vec!["turn:{host}:{port}".into()],
        credential_lifetime: Duration::from_secs(60),
        servers: Vec::new(),
    };
    IceServers::new(super::super::ice::Templates::new(
        &config,
        Some(crate::config::Secret::new("secret")),
        1,
        true,
    ))
}

fn started(config: Config) -> HubHandle {
    let limits = HubLimits { unread_max: Duration::from_secs(30), sessions_per_address_max: 2 };
    let (hub, handle) =
        Hub::new(config, [7; 32], limits, HubParts { ice: ice(), media: None, webhooks: None });
    tokio::spawn(hub.run());
    handle
}

#[tokio::test]
async fn a_link_that_is_not_read_is_given_up_and_its_session_can_be_resumed() {
    let hub = started(Config { outbox_messages_max: 16, ..Config::default() });
    let mut link = open(&hub, None, Ok(grants())).await.unwrap();
    let ServerFrame::Welcome { session, secret, .. } = *link.next().await.unwrap() else {
        panic!("a link begins with a welcome");
    };

    for _ in 0..200 {
        link.handle(Ok(ClientFrame::Ping { ack: 0 })).await.unwrap();
    }
    // The hub takes commands in order: once another link is welcome, all pings were handled.
    open(&hub, None, Ok(grants())).await.unwrap().next().await.unwrap();

    let last = *link.next().await.unwrap();
    assert!(matches!(last, ServerFrame::Close { code: CloseCode::SlowConsumer, retry: true, .. }));
    assert_eq!(link.next().await, None);
    let resume = Resume { session, secret, ack: 0 };
    let mut resumed = open(&hub, Some(resume), Err(CloseCode::TokenMissing)).await.unwrap();
    assert!(matches!(*resumed.next().await.unwrap(), ServerFrame::Welcome { resumed: true, .. }));
}

/// A client that acknowledges what it never read empties its outbox, and must not fill the queue of its link instead.
#[tokio::test]
async fn what_waits_for_a_link_is_bounded_whatever_is_acknowledged() {
    let config = Config { outbox_bytes_max: 64 * 1024, ..Config::default() };
    let hub = started(config);
    let mut reader = joined(&hub).await;
    let mut liar = joined(&hub).await;
    let ServerMessage::ParticipantJoined { participant } = message(&mut reader).await else {
        panic!("the other one has joined");
    };

    for number in 0..100 {
        let offer = ClientMessage::Offer {
            to: participant.id.clone(),
            connection: PeerConnectionId::new("c"),
            sdp: "x".repeat(8 * 1024),
            tracks: Vec::new(),
        };
        let frame = ClientFrame::Message { seq: 2 + number, ack: 2, body: offer };
        reader.handle(Ok(frame)).await.unwrap();
        liar.handle(Ok(ClientFrame::Ack { ack: 2 + number })).await.unwrap();
    }
    open(&hub, None, Ok(grants())).await.unwrap().next().await.unwrap();
    let mut waiting = 0;
    while let Some(frame) = liar.next().await {
        waiting += serde_json::to_string(&frame).unwrap().len();
    }

    assert!(waiting < 2 * 64 * 1024, "{waiting} bytes");
}

/// A link whose participant is in a room; the welcome and the `joined` were read.
async fn joined(hub: &HubHandle) -> Link {
    let mut link = open(hub, None, Ok(grants())).await.unwrap();
    let join = ClientMessage::Join {
        room: RoomName::new("tea"),
        name: "Somebody".to_owned(),
        metadata: None,
        direct: true,
    };
    link.handle(Ok(ClientFrame::Message { seq: 1, ack: 0, body: join })).await.unwrap();
    assert!(matches!(message(&mut link).await, ServerMessage::Joined { .. }));
    link
}

/// The next message, other frames passed over.
async fn message(link: &mut Link) -> ServerMessage {
    loop {
        if let ServerFrame::Message { body, .. } = *link.next().await.unwrap() {
            return body;
        }
    }
}

#[tokio::test]
async fn a_connection_is_known_for_as_long_as_it_has_a_link_with_a_session() {
    let hub = started(Config::default());
    let strangers = Strangers::new(1);
    let connection = stranger(&strangers).unwrap();
    let mut first = hub.open(hello(None), Ok(grants()), client(Arc::clone(&connection))).await.unwrap();
    let mut second = hub.open(hello(None), Ok(grants()), client(Arc::clone(&connection))).await.unwrap();
    assert!(stranger(&strangers).is_none());

    first.next().await.unwrap();
    second.next().await.unwrap();
    assert!(stranger(&strangers).is_some());
    drop(first);
    open(&hub, None, Ok(grants())).await.unwrap().next().await.unwrap();
    assert!(stranger(&strangers).is_some());
    drop(second);
    open(&hub, None, Ok(grants())).await.unwrap().next().await.unwrap();
    assert!(stranger(&strangers).is_none(), "the connection is open, and nobody's");

    drop(connection);
    assert!(stranger(&strangers).is_some());
}

/// Whether the next thing said on a link is that the server takes no more.
async fn is_full(link: &mut Link) -> bool {
    matches!(*link.next().await.unwrap(), ServerFrame::Close { code: CloseCode::ServerFull, .. })
}

#[tokio::test]
async fn one_address_cannot_take_all_sessions() {
    let hub = started(Config { resume_window: Duration::ZERO, ..Config::default() });
    let strangers = Strangers::new(8);
    let from_one_address = || {
        hub.open(hello(None), Ok(grants()), client(stranger(&strangers).expect("there are few connections")))
    };
    let mut first = from_one_address().await.unwrap();
    let mut second = from_one_address().await.unwrap();
    assert!(!is_full(&mut first).await && !is_full(&mut second).await);

    assert!(is_full(&mut from_one_address().await.unwrap()).await);
    let other = Arc::new(strangers.admit([192, 0, 2, 2].into()).unwrap());
    assert!(!is_full(&mut hub.open(hello(None), Ok(grants()), client(other)).await.unwrap()).await);

    drop(first);
    // A session that is not to be resumed ends as soon as the hub looks at the clock.
    while is_full(&mut from_one_address().await.unwrap()).await {}
}

#[tokio::test]
async fn sessions_that_wait_to_be_resumed_count_too() {
    let hub = started(Config::default());
    let strangers = Strangers::new(8);
    for _ in 0..2 {
        // It closes before anything was said to it.
        drop(hub.open(hello(None), Ok(grants()), client(stranger(&strangers).unwrap())).await.unwrap());
    }

    let mut third = hub.open(hello(None), Ok(grants()), client(stranger(&strangers).unwrap())).await.unwrap();

    assert!(is_full(&mut third).await);
}

#[tokio::test]
async fn a_drained_hub_ends_and_takes_no_links() {
    let hub = started(Config::default());
    let mut link = open(&hub, None, Ok(grants())).await.unwrap();
    link.next().await.unwrap();

    hub.drain(Duration::from_secs(3600)).await.unwrap();

    while link.next().await.is_some() {}
    hub.commands.closed().await;
    assert!(open(&hub, None, Ok(grants())).await.is_err());
}
