use super::Wire;
use super::udp::none_yet;
use moim_native::Trust;
use moim_turn::channel_data::framed_len;
use rustls::pki_types::{IpAddr, ServerName};
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A TCP connection with or without TLS, and what was read of it.
pub(super) struct Stream {
    bytes: Box<dyn ReadWrite>,
    tcp: TcpStream,
    read: Vec<u8>,
    is_closed: bool,
}

trait ReadWrite: Read + Write {}
impl<T: Read + Write> ReadWrite for T {}

impl Stream {
    pub(super) fn connect(server: SocketAddr, patience: Duration) -> io::Result<Self> {
        let tcp = open(server, patience)?;
        let bytes = Box::new(tcp.try_clone()?);
        Ok(Self { bytes, tcp, read: Vec::new(), is_closed: false })
    }

    pub(super) fn connect_tls(server: SocketAddr, name: &str, patience: Duration) -> io::Result<Self> {
        let tcp = open(server, patience)?;
        let name = match ServerName::try_from(name.to_owned()) {
            Ok(name) => name,
            Err(_) => ServerName::IpAddress(IpAddr::from(server.ip())),
        };
        let connection = ClientConnection::new(tls_config(), name).map_err(io::Error::other)?;
        let mut bytes = StreamOwned::new(connection, tcp.try_clone()?);
        while bytes.conn.is_handshaking() {
            bytes.conn.complete_io(&mut bytes.sock)?;
        }
        Ok(Self { bytes: Box::new(bytes), tcp, read: Vec::new(), is_closed: false })
    }

    /// The message at the front of what was read, if it is whole.
    fn pop(&mut self) -> io::Result<Option<Vec<u8>>> {
        match framed_len(&self.read) {
            Ok(Some(len)) if len <= self.read.len() => {
                let rest = self.read.split_off(len);
                Ok(Some(std::mem::replace(&mut self.read, rest)))
            }
            Ok(_) => Ok(None),
            Err(error) => Err(io::Error::new(io::ErrorKind::InvalidData, error)),
        }
    }
}

fn open(server: SocketAddr, patience: Duration) -> io::Result<TcpStream> {
    let tcp = TcpStream::connect_timeout(&server, patience)?;
    tcp.set_nodelay(true)?;
    tcp.set_read_timeout(Some(patience))?;
    tcp.set_write_timeout(Some(patience))?;
    Ok(tcp)
}

impl Wire for Stream {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.bytes.write_all(bytes).and_then(|()| self.bytes.flush()) {
            Err(error) if is_end(&error) => {
                self.is_closed = true;
                Ok(())
            }
            sent => sent,
        }
    }

    fn receive(&mut self, wait: Duration) -> io::Result<Option<Vec<u8>>> {
        let end = Instant::now() + wait;
        loop {
            if let Some(message) = self.pop()? {
                return Ok(Some(message));
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || self.is_closed {
                return Ok(None);
            }
            self.tcp.set_read_timeout(Some(left))?;
            let mut chunk = [0; 16_384];
            match self.bytes.read(&mut chunk) {
                Ok(0) => self.is_closed = true,
                Ok(len) => self.read.extend_from_slice(&chunk[..len]),
                Err(error) if is_end(&error) => self.is_closed = true,
                Err(error) => {
                    none_yet::<()>(error)?;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    fn is_closed(&self) -> bool {
        self.is_closed
    }
}

fn is_end(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
}

/// Whom a server's certificate is from is not what is checked: test servers sign their own.
fn tls_config() -> Arc<ClientConfig> {
    Arc::new(Trust::Anybody.client_config().expect("whoever trusts anybody needs no file"))
}
