//! Byte streams to servers: TCP, with TLS or without.

use crate::url::ServerUrl;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// How long a server may take to accept a connection and agree on keys.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);

/// Bytes both ways.
pub(crate) trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

/// A stream of whichever kind.
pub(crate) type BoxedStream = Box<dyn ByteStream>;

/// Opens a TLS connection to a server, to speak HTTP/1.1 over, which WebSockets are opened by.
pub(crate) async fn connect_https(server: &ServerUrl, tls: &Arc<ClientConfig>) -> io::Result<BoxedStream> {
    let mut config = ClientConfig::clone(tls);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let host = server.host();
    let name = ServerName::try_from(host.clone()).map_err(io::Error::other)?;
    let connect = async {
        // A name may have several addresses: each is tried until one answers.
        let tcp = TcpStream::connect((host.as_str(), server.port())).await?;
        tcp.set_nodelay(true)?;
        TlsConnector::from(Arc::new(config)).connect(name, tcp).await
    };
    Ok(Box::new(timeout(CONNECT_TIME_MAX, connect).await.map_err(|_| io::ErrorKind::TimedOut)??))
}
