//! Sessions by event streams, with a real server.

use super::link::Transport;
use super::session::{Connect, SessionOptions, TRANSPORTS};
use super::testing::PATIENCE;
use super::{SessionEvent, SignalSession};
use crate::stream::connect_https;
use crate::tls::Trust;
use crate::url::ServerUrl;
use moim_server::{Config, Overrides, Server, Shutdown};
use moim_signal::id::{ChatId, RoomName};
use moim_signal::message::{ClientMessage, LeaveReason, ServerMessage};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

/// A running server. It ends with the test.
struct Running {
    url: ServerUrl,
    shutdown: Shutdown,
    folder: TempDir,
}

impl Running {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let overrides = Overrides {
            port: Some(0),
            addresses: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
            data_dir: Some(folder.path().to_owned()),
            ..Overrides::default()
        };
        let file = folder.path().join("moim.toml");
        std::fs::write(&file, "").unwrap();
        let server = Server::bind(Config::load(Some(&file), overrides).unwrap()).unwrap();
        let (address, shutdown) = (server.local_addr(), Shutdown::new());
        tokio::spawn(server.run(shutdown.clone()));
        Self { url: format!("https://{address}").parse().unwrap(), shutdown, folder }
    }

    /// A session. `has_proxy`: the first stream leads to a proxy that knows no WebSockets.
    fn session(&self, transports: &'static [Transport], has_proxy: bool) -> SignalSession {
        let trust = Trust::Authority(self.folder.path().join("self-signed.pem"));
        let (url, tls) = (self.url.clone(), Arc::new(trust.client_config().unwrap()));
        let is_refused = Arc::new(AtomicBool::new(has_proxy));
        let connect: Connect = Box::new(move || {
            let (url, tls, is_refused) = (url.clone(), Arc::clone(&tls), Arc::clone(&is_refused));
            Box::pin(async move {
                if !is_refused.swap(false, Ordering::Relaxed) {
                    return connect_https(&url, &tls).await;
                }
                let (ours, mut theirs) = tokio::io::duplex(1 << 16);
                tokio::spawn(async move {
                    let _ = theirs.read(&mut [0; 4_096]).await;
                    let _ = theirs.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").await;
                });
                Ok(Box::new(ours) as _)
            })
        });
        let authority = self.url.authority();
        SignalSession::begin(SessionOptions { authority, token: None, connect, transports })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.stop();
    }
}

async fn join(session: &mut SignalSession, name: &str) {
    let event = timeout(PATIENCE, session.next()).await.unwrap();
    assert!(matches!(event, Some(SessionEvent::Begun(_))), "{event:?}");
    let join = ClientMessage::Join {
        room: RoomName::new("tea"),
        name: name.to_owned(),
        metadata: None,
        direct: true,
    };
    timeout(PATIENCE, session.sender().request(join)).await.unwrap().unwrap();
}

/// The next message that `find` makes something of.
async fn until<T>(session: &mut SignalSession, find: impl Fn(&ServerMessage) -> Option<T>) -> T {
    loop {
        let event = timeout(PATIENCE, session.next()).await.unwrap().expect("the session goes on");
        let SessionEvent::Message(message) = event else { panic!("{event:?}") };
        if let Some(found) = find(&message) {
            return found;
        }
    }
}

/// Covers: docs/protocol.md "Links"
#[tokio::test(flavor = "multi_thread")]
async fn where_no_websocket_gets_through_a_session_goes_by_events() {
    let server = Running::start();
    let mut anna = server.session(TRANSPORTS, true);
    join(&mut anna, "Anna").await;
    let mut ben = server.session(&[Transport::Events], false);
    join(&mut ben, "Ben").await;
    let ben_joined = |message: &ServerMessage| {
        let ServerMessage::ParticipantJoined { participant } = message else { return None };
        Some(participant.id.clone())
    };
    let id_of_ben = until(&mut anna, ben_joined).await;

    // One after the other, and in order.
    for number in 0..40 {
        let text = number.to_string();
        let line = ClientMessage::Chat { id: ChatId::new(text.clone()), to: None, text };
        timeout(PATIENCE, ben.sender().request(line)).await.unwrap().unwrap();
    }
    for number in 0..40 {
        let heard = until(&mut anna, |message| {
            let ServerMessage::Chat { text, .. } = message else { return None };
            Some(text.clone())
        });
        assert_eq!(heard.await, number.to_string());
    }

    drop(ben);

    let reason = until(&mut anna, |message| {
        let ServerMessage::ParticipantLeft { participant, reason } = message else { return None };
        (*participant == id_of_ben).then_some(*reason)
    });
    assert_eq!(reason.await, LeaveReason::Left, "it said so, rather than be missed");
}
