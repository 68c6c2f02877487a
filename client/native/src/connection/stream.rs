//! A stream to a peer or a TURN server, and the messages on it.

use super::framing::{first, push};
use crate::stream::BoxedStream;
use moim_ice::{Framing, Protocol};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

/// Bytes that may wait to be written. What comes when there are more is dropped, as a datagram would be.
const BACKLOG_LEN_MAX: usize = 256 << 10;
/// How much is read at once.
const READ_LEN: usize = 16 << 10;
/// How long opening may take.
const OPEN_TIME_MAX: Duration = Duration::from_secs(10);

/// How a stream is to be opened.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) local: Option<SocketAddr>,
    pub(crate) bind_port: bool,
    pub(crate) remote: SocketAddr,
    pub(crate) framing: Framing,
    /// Whose certificate to ask for, if it is to be a TLS connection.
    pub(crate) tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

/// An open stream.
pub(crate) struct MessageStream {
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    pub(crate) protocol: Protocol,
    framing: Framing,
    stream: BoxedStream,
    incoming: Vec<u8>,
    /// How much of what came has been given out.
    taken: usize,
    outgoing: Vec<u8>,
    /// When the other end has said something last, if it is the one that has opened the stream.
    heard: Option<Instant>,
}

impl Opening {
    /// Opens it, or says why not.
    pub(crate) async fn open(self) -> io::Result<MessageStream> {
        timeout(OPEN_TIME_MAX, self.open_soon()).await.map_err(|_| io::ErrorKind::TimedOut)?
    }

    async fn open_soon(self) -> io::Result<MessageStream> {
        let socket = if self.remote.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        if let Some(local) = self.local {
            let port = if self.bind_port { local.port() } else { 0 };
            socket.set_reuseaddr(self.bind_port)?;
            socket.bind(SocketAddr::new(local.ip(), port))?;
        }
        let tcp = socket.connect(self.remote).await?;
        tcp.set_nodelay(true)?;
        let local = tcp.local_addr()?;
        let (stream, protocol): (BoxedStream, _) = match self.tls {
            Some((config, name)) => {
                (Box::new(TlsConnector::from(config).connect(name, tcp).await?), Protocol::Tls)
            }
            None => (Box::new(tcp), Protocol::Tcp),
        };
        Ok(MessageStream::new(local, self.remote, protocol, self.framing, stream))
    }
}

impl MessageStream {
    /// One that a peer has opened.
    pub(crate) fn accepted(tcp: TcpStream, local: SocketAddr, remote: SocketAddr) -> io::Result<Self> {
        tcp.set_nodelay(true)?;
        let stream = Self::new(local, remote, Protocol::Tcp, Framing::Rfc4571, Box::new(tcp));
        Ok(Self { heard: Some(Instant::now()), ..stream })
    }

    fn new(
        local: SocketAddr,
        remote: SocketAddr,
        protocol: Protocol,
        framing: Framing,
        stream: BoxedStream,
    ) -> Self {
        let (incoming, outgoing) = (Vec::new(), Vec::new());
        Self { local, remote, protocol, framing, stream, incoming, taken: 0, outgoing, heard: None }
    }

    /// Sends a message, now or soon. Returns whether there was room for it.
    pub(crate) fn send(&mut self, message: &[u8]) -> bool {
        self.outgoing.len() + message.len() <= BACKLOG_LEN_MAX
            && push(self.framing, message, &mut self.outgoing)
    }

    /// Whether the other end has opened the stream, and has not said anything for so long.
    pub(crate) fn is_silent(&self, time: Duration, now: Instant) -> bool {
        self.heard.is_some_and(|heard| now.saturating_duration_since(heard) > time)
    }

    /// Whether anything waits to be written.
    pub(crate) fn has_backlog(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Writes what waits, as far as possible. An error ends the stream.
    pub(crate) fn poll_flush(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        while !self.outgoing.is_empty() {
            match Pin::new(&mut self.stream).poll_write(context, &self.outgoing) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(len)) => drop(self.outgoing.drain(..len)),
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => return Ok(()),
            }
        }
        // TLS keeps records until it is told that no more follow.
        match Pin::new(&mut self.stream).poll_flush(context) {
            Poll::Ready(result) => result,
            Poll::Pending => Ok(()),
        }
    }

    /// The next message, in `buffer`. An error ends the stream.
    pub(crate) fn poll_message(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            let waiting = &self.incoming[self.taken..];
            if let Some((message, end)) = first(self.framing, waiting).map_err(io::Error::other)? {
                let message = &waiting[message];
                let len = message.len();
                if let Some(room) = buffer.get_mut(..len) {
                    room.copy_from_slice(message);
                }
                self.taken += end;
                // An empty message says nothing, and one that does not fit is none that was sent by us or a peer of ours.
                if len > 0 && len <= buffer.len() {
                    if let Some(heard) = &mut self.heard {
                        *heard = Instant::now();
                    }
                    return Poll::Ready(Ok(len));
                }
                continue;
            }
            self.incoming.drain(..std::mem::take(&mut self.taken));
            let mut chunk = [0; READ_LEN];
            let mut read = ReadBuf::new(&mut chunk);
            ready!(Pin::new(&mut self.stream).poll_read(context, &mut read))?;
            if read.filled().is_empty() {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            self.incoming.extend_from_slice(read.filled());
        }
    }
}
