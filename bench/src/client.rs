//! A participant that does nothing but stay: it joins, acknowledges and pings as `docs/protocol.md` says.

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use moim_signal::id::RoomName;
use moim_signal::message::{ClientFrame, ClientMessage, Hello, PROTOCOL_VERSION, ServerFrame, ServerMessage};
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// Longest one participant may take to get into its room.
const JOIN_MAX: Duration = Duration::from_secs(30);
/// Thousands of these fit into one process only if each is small.
const BUFFER_BYTES: usize = 1024;

/// How to reach the server.
#[derive(Clone)]
pub(crate) struct Dialer {
    address: SocketAddr,
    tls: TlsConnector,
}

/// A participant in its room.
pub(crate) struct Participant {
    socket: WebSocketStream<TlsStream<TcpStream>>,
    heartbeat: Duration,
    ack: u32,
}

impl Dialer {
    /// Every connection does a whole handshake, as those of strangers do.
    pub(crate) fn new(address: SocketAddr, roots: RootCertStore) -> Self {
        let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        config.resumption = Resumption::disabled();
        Self { address, tls: TlsConnector::from(Arc::new(config)) }
    }

    /// Connects and joins.
    pub(crate) async fn join(&self, room: RoomName, name: String) -> Result<Participant> {
        let joined = timeout(JOIN_MAX, self.join_unbounded(room, name)).await;
        joined.with_context(|| format!("no join within {} s", JOIN_MAX.as_secs()))?
    }

    async fn join_unbounded(&self, room: RoomName, name: String) -> Result<Participant> {
        let tcp = TcpStream::connect(self.address).await?;
        tcp.set_nodelay(true)?;
        let tls = self.tls.connect(ServerName::from(self.address.ip()), tcp).await?;
        let url = format!("wss://{}/signal/v1/ws", self.address);
        let config = WebSocketConfig::default().read_buffer_size(BUFFER_BYTES).write_buffer_size(0);
        let (socket, _) = tokio_tungstenite::client_async_with_config(url, tls, Some(config)).await?;
        let mut participant = Participant { socket, heartbeat: Duration::MAX, ack: 0 };
        participant
            .send(&ClientFrame::Hello(Hello {
                version: PROTOCOL_VERSION,
                client: Some("moim-bench".to_owned()),
                token: None,
                resume: None,
            }))
            .await?;
        let body = ClientMessage::Join { room, name, metadata: None, direct: true };
        participant.send(&ClientFrame::Message { seq: 1, ack: 0, body }).await?;
        loop {
            if let Some(ServerMessage::Joined { .. }) = participant.receive().await? {
                return Ok(participant);
            }
        }
    }
}

impl Participant {
    /// Stays until `over` changes; gives an error if the server ends it before.
    pub(crate) async fn stay(mut self, mut over: watch::Receiver<bool>) -> Result<()> {
        let mut ping = interval(self.heartbeat);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ping.reset();
        loop {
            tokio::select! {
                _ = over.changed() => return Ok(()),
                received = self.receive() => { received?; }
                _ = ping.tick() => self.send(&ClientFrame::Ping { ack: self.ack }).await?,
            }
        }
    }

    /// The message of the next frame, if it is one that carries a message.
    async fn receive(&mut self) -> Result<Option<ServerMessage>> {
        let Message::Text(text) = self.socket.next().await.context("the server closed the link")?? else {
            return Ok(None);
        };
        match serde_json::from_str(&text)? {
            ServerFrame::Welcome { heartbeat_ms, .. } => {
                self.heartbeat = Duration::from_millis(heartbeat_ms.into());
                Ok(None)
            }
            ServerFrame::Message { seq, body, .. } => {
                self.ack = seq;
                if let ServerMessage::Error { message, .. } = &body {
                    bail!("the server refused: {message}");
                }
                Ok(Some(body))
            }
            ServerFrame::Ack { .. } | ServerFrame::Pong { .. } => Ok(None),
            ServerFrame::Rejected { message, .. } | ServerFrame::Close { message, .. } => bail!("{message}"),
        }
    }

    async fn send(&mut self, frame: &ClientFrame) -> Result<()> {
        self.socket.send(Message::text(serde_json::to_string(frame)?)).await?;
        Ok(())
    }
}
