use super::*;
use std::sync::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// What the other server was sent: heads and bodies.
type Requests = Arc<Mutex<Vec<(String, String)>>>;

/// Another server, which answers with these statuses in turn, and then with 200.
async fn other_server(statuses: &'static [u16]) -> (WebhookConfig, Requests) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hooks?tenant=7", listener.local_addr().unwrap()).parse().unwrap();
    let requests = Requests::default();
    let seen = Arc::clone(&requests);
    tokio::spawn(async move {
        let mut statuses = statuses.iter();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut text = String::new();
            let mut buffer = [0; 4096];
            while !is_whole(&text) {
                let len = stream.read(&mut buffer).await.unwrap();
                assert_ne!(len, 0, "the request ends early: {text}");
                text.push_str(str::from_utf8(&buffer[..len]).unwrap());
            }
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            seen.lock().unwrap().push((head.to_lowercase(), body.to_owned()));
            let status = statuses.next().unwrap_or(&200);
            let answer = format!("HTTP/1.1 {status} Whatever\r\nContent-Length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (WebhookConfig { url, secret: Secret::new(SECRET) }, requests)
}

fn is_whole(text: &str) -> bool {
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.to_lowercase().lines().find_map(|line| {
        line.strip_prefix("content-length: ").map(|length| length.parse::<usize>().unwrap())
    });
    length.is_some_and(|length| body.len() >= length)
}

fn opened(room: &str) -> Event {
    Event::RoomOpened { room: RoomName::new(room) }
}

/// Delivers these events, with pauses that cost a test nothing.
async fn delivered(config: &WebhookConfig, events: &[Event]) -> Arc<WebhookCounters> {
    let (webhooks, mut courier) = webhooks(config).unwrap();
    courier.pause = Duration::from_millis(1);
    let counters = Arc::clone(&webhooks.counters);
    for event in events {
        webhooks.note(event);
    }
    drop(webhooks);
    courier.run(CancellationToken::new()).await;
    counters
}

#[tokio::test]
async fn events_arrive_in_order_and_signed() {
    let (config, requests) = other_server(&[]).await;
    let (room, participant) = (RoomName::new("tea"), ParticipantId::new("p_1"));
    let (identity, name) = (Some("anna@example".to_owned()), "Anna".to_owned());
    let joined = Event::Joined {
        room: room.clone(),
        participant: participant.clone(),
        identity: identity.clone(),
        name: name.clone(),
    };
    let left = Event::Left { room: room.clone(), participant, identity, name, reason: LeaveReason::TimedOut };
    let unsaid = Event::SessionEnded { session: moim_signal::id::SessionId::new("s_1") };

    let counters =
        delivered(&config, &[opened("tea"), joined, unsaid, left, Event::RoomClosed { room }]).await;

    assert_eq!(counters.delivered.total(), 4);
    let requests = requests.lock().unwrap();
    let bodies: Vec<serde_json::Value> =
        requests.iter().map(|(_, body)| serde_json::from_str(body).unwrap()).collect();
    let events: Vec<_> = bodies.iter().map(|body| body["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["roomOpened", "participantJoined", "participantLeft", "roomClosed"]);
    assert_eq!(
        bodies[1]["participant"],
        serde_json::json!({ "id": "p_1", "identity": "anna@example", "name": "Anna" })
    );
    assert_eq!(bodies[2]["reason"], "timedOut");
    for (head, body) in &*requests {
        assert!(head.starts_with("post /hooks?tenant=7 http/1.1"), "{head}");
        let signature = head.lines().find_map(|line| line.strip_prefix("moim-signature: ")).unwrap();
        let seconds = signature.split([',', '=']).nth(1).unwrap().parse().unwrap();
        assert_eq!(signature, sign(&Secret::new(SECRET), seconds, body));
    }
}

/// What `printf '1700000000.{}' | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef` prints.
#[test]
fn a_signature_is_what_others_make_of_the_same() {
    assert_eq!(
        sign(&Secret::new(SECRET), 1_700_000_000, "{}"),
        "t=1700000000,v1=417adf36b901772f658597a76d329694e335e65fc0849d7715c3ca33406309b5"
    );
}

#[tokio::test]
async fn what_may_be_taken_later_is_tried_again_and_overtaken_by_nothing() {
    let (config, requests) = other_server(&[503, 429, 500]).await;

    let counters = delivered(&config, &[opened("tea"), opened("coffee")]).await;

    assert_eq!((counters.delivered.total(), counters.retried.total()), (2, 3));
    let rooms: Vec<String> = requests
        .lock()
        .unwrap()
        .iter()
        .map(|(_, body)| serde_json::from_str::<serde_json::Value>(body).unwrap())
        .map(|body| body["room"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(rooms, ["tea", "tea", "tea", "tea", "coffee"]);
}

#[tokio::test]
async fn what_is_refused_is_not_tried_again_and_what_never_works_is_given_up() {
    let (config, requests) = other_server(&[410]).await;
    let counters = delivered(&config, &[opened("tea"), opened("coffee")]).await;
    assert_eq!((counters.failed.total(), counters.delivered.total()), (1, 1));
    assert_eq!(requests.lock().unwrap().len(), 2);

    let nobody = WebhookConfig { url: "http://127.0.0.1:1/".parse().unwrap(), ..config };
    let counters = delivered(&nobody, &[opened("tea")]).await;
    assert_eq!(counters.failed.total(), 1);
    assert_eq!(counters.retried.total(), u64::from(ATTEMPTS_MAX) - 1);
}

#[tokio::test]
async fn more_than_can_wait_is_dropped_and_nobody_waits_for_it() {
    let (config, _) = other_server(&[]).await;
    let (webhooks, _courier) = webhooks(&config).unwrap();

    for _ in 0..EVENTS_MAX + 3 {
        webhooks.note(&opened("tea"));
    }

    assert_eq!(webhooks.counters.dropped.total(), 3);
}
