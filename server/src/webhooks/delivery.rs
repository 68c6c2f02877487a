//! One `POST` to the other server.

use axum::body::Bytes;
use axum::http::header::{CONTENT_TYPE, HOST, USER_AGENT};
use axum::http::{HeaderName, Method, Request, StatusCode, Uri};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use moim_native::{Trust, TrustError};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// How long an attempt may take, from connecting to the status of the answer.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
const SIGNATURE: HeaderName = HeaderName::from_static("moim-signature");

/// Where events are posted to.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    url: Uri,
    /// [`None`] for plain HTTP.
    tls: Option<Arc<ClientConfig>>,
}

/// What became of an attempt.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The other server has it.
    Taken,
    /// It does not want it, now or later: the status.
    Refused(u16),
    /// It may be there later.
    Failed(String),
}

impl Endpoint {
    /// An endpoint by its URL, which has a scheme and a host.
    pub(super) fn new(url: &Uri) -> Result<Self, TrustError> {
        let is_plain = url.scheme_str() == Some("http");
        let tls = if is_plain { None } else { Some(Arc::new(Trust::System.client_config()?)) };
        Ok(Self { url: url.clone(), tls })
    }

    /// Posts an event.
    pub(super) async fn post(&self, body: &str, signature: &str) -> Outcome {
        match timeout(ATTEMPT_TIMEOUT, self.exchange(body, signature)).await {
            Ok(Ok(status)) if status.is_success() => Outcome::Taken,
            Ok(Ok(status)) if may_be_taken_later(status) => Outcome::Failed(status.to_string()),
            Ok(Ok(status)) => Outcome::Refused(status.as_u16()),
            Ok(Err(error)) => Outcome::Failed(error.to_string()),
            Err(_) => Outcome::Failed("no answer in time".to_owned()),
        }
    }

    async fn exchange(&self, body: &str, signature: &str) -> io::Result<StatusCode> {
        let host = self.url.host().unwrap_or_default();
        let bare = host.trim_matches(['[', ']']);
        let port = self.url.port_u16().unwrap_or(if self.tls.is_some() { 443 } else { 80 });
        let stream = TcpStream::connect((bare, port)).await?;
        let request = self.request(body, signature).map_err(io::Error::other)?;
        match &self.tls {
            None => send(stream, request).await,
            Some(tls) => {
                let name = ServerName::try_from(bare.to_owned()).map_err(io::Error::other)?;
                send(TlsConnector::from(Arc::clone(tls)).connect(name, stream).await?, request).await
            }
        }
    }

    fn request(&self, body: &str, signature: &str) -> Result<Request<Full<Bytes>>, axum::http::Error> {
        let path = self.url.path_and_query().map_or("/", |path| path.as_str());
        let host = self.url.authority().map_or("", |authority| authority.as_str());
        Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(HOST, host.rsplit('@').next().unwrap_or_default())
            .header(USER_AGENT, concat!("moim/", env!("CARGO_PKG_VERSION")))
            .header(CONTENT_TYPE, "application/json")
            .header(SIGNATURE, signature)
            .body(Full::new(Bytes::copy_from_slice(body.as_bytes())))
    }
}

/// Sends a request on a connection of its own, and reads no more of the answer than its head.
async fn send(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Full<Bytes>>,
) -> io::Result<StatusCode> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    // It ends when the sender is dropped; what goes wrong with it, the sender is told.
    tokio::spawn(connection);
    let response = sender.send_request(request).await.map_err(io::Error::other)?;
    Ok(response.status())
}

/// Whether the same request may be taken at another time.
fn may_be_taken_later(status: StatusCode) -> bool {
    status.is_server_error()
        || status == StatusCode::REQUEST_TIMEOUT
        || status == StatusCode::TOO_MANY_REQUESTS
}
