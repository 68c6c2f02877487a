//! A link over plain HTTP, for networks where no WebSocket gets through: the server's frames come as server-sent events in the response to a
//! POST, the client's go in further POSTs, one at a time and in order.

use super::event_stream::EventStream;
use super::{Incoming, SEND_TIME_MAX, parse};
use crate::signal::session::Connect;
use crate::stream::BoxedStream;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming as Body};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use moim_signal::message::{ClientFrame, ServerFrame};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// What requests are sent by: as long as it is kept, and until the server closes it.
struct Connection {
    requests: SendRequest<Full<Bytes>>,
    /// What reads and writes. It ends with this.
    _driver: JoinSet<()>,
}

/// A link by an event stream and POSTs.
pub(in crate::signal) struct EventsLink {
    authority: String,
    /// The connection that the event stream comes by.
    _stream: Connection,
    body: Body,
    events: EventStream,
    /// What shows whose frames are posted, once the server has said it.
    authorization: Option<String>,
    /// The connection that POSTs go by, until the server closes it.
    posts: Option<Connection>,
}

impl Connection {
    async fn new(stream: BoxedStream) -> Result<Self, String> {
        let (requests, connection) =
            handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            // Whoever waits for a response hears of it.
            let _ = connection.await;
        });
        Ok(Self { requests, _driver: driver })
    }

    async fn post(
        &mut self,
        authority: &str,
        path: &str,
        headers: &[(HeaderName, &str)],
        body: &str,
    ) -> Result<Response<Body>, String> {
        let mut request = Request::post(path).header(HOST, authority);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        let request = request.body(Full::from(body.to_owned())).map_err(|error| error.to_string())?;
        // It may still be busy with the response before this.
        self.requests.ready().await.map_err(|error| error.to_string())?;
        self.requests.send_request(request).await.map_err(|error| error.to_string())
    }
}

impl EventsLink {
    /// Opens an event stream by `hello`.
    pub(super) async fn open(
        authority: &str,
        stream: BoxedStream,
        hello: &ClientFrame,
    ) -> Result<Self, String> {
        let mut connection = Connection::new(stream).await?;
        let headers = [(CONTENT_TYPE, "application/json"), (ACCEPT, "text/event-stream")];
        let response = connection.post(authority, "/signal/v1/events", &headers, &text(hello)?).await?;
        if response.status() != StatusCode::OK {
            return Err(format!("the event stream was answered with {}", response.status()));
        }
        Ok(Self {
            authority: authority.to_owned(),
            _stream: connection,
            body: response.into_body(),
            events: EventStream::default(),
            authorization: None,
            posts: None,
        })
    }

    /// Sends a frame.
    pub(super) async fn send(&mut self, frame: &ClientFrame, connect: &Connect) -> Result<(), String> {
        let body = text(frame)?;
        let sent = timeout(SEND_TIME_MAX, self.post(&body, connect)).await;
        let status = sent.map_err(|_| "the server does not read".to_owned())??;
        if status.is_success() { Ok(()) } else { Err(format!("a frame was answered with {status}")) }
    }

    async fn post(&mut self, body: &str, connect: &Connect) -> Result<StatusCode, String> {
        let authorization = self.authorization.clone().ok_or("the server has not said welcome")?;
        let headers = [(CONTENT_TYPE, "application/x-ndjson"), (AUTHORIZATION, authorization.as_str())];
        // A connection that was idle may be closed while a request is on its way. The same frame twice has the effect of one.
        if let Some(posts) = &mut self.posts
            && let Ok(response) = posts.post(&self.authority, FRAMES, &headers, body).await
        {
            return Ok(response.status());
        }
        let stream = connect().await.map_err(|error| error.to_string())?;
        let posts = self.posts.insert(Connection::new(stream).await?);
        Ok(posts.post(&self.authority, FRAMES, &headers, body).await?.status())
    }

    /// The next frame that means something. Nothing is lost if this is not awaited to its end.
    pub(super) async fn receive(&mut self) -> Result<Incoming, String> {
        loop {
            while let Some(data) = self.events.next_event() {
                let Some(incoming) = parse(&data) else {
                    tracing::debug!("a frame that is not known was passed over");
                    continue;
                };
                if let Incoming::Frame(frame) = &incoming
                    && let ServerFrame::Welcome { session, secret, .. } = &**frame
                {
                    self.authorization = Some(format!("Bearer {}.{}", session.as_str(), secret.as_str()));
                }
                return Ok(incoming);
            }
            let piece = self.body.frame().await.ok_or("the event stream ended")?;
            if let Ok(data) = piece.map_err(|error| error.to_string())?.into_data() {
                self.events.push(&data).map_err(|error| error.to_string())?;
            }
        }
    }
}

const FRAMES: &str = "/signal/v1/frames";

fn text(frame: &ClientFrame) -> Result<String, String> {
    serde_json::to_string(frame).map_err(|error| error.to_string())
}
