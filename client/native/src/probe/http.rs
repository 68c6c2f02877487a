//! The HTTP step.

use super::Found;
use crate::stream::BoxedStream;
use crate::url::ServerUrl;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// A status line is no longer.
const LINE_LEN_MAX: usize = 256;

/// Asks for the app's page, and reads the first line of the answer.
pub(super) async fn request(server: &ServerUrl, mut stream: BoxedStream) -> Found<()> {
    let request = format!("GET / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", server.authority());
    stream.write_all(request.as_bytes()).await.map_err(|error| error.to_string())?;
    stream.flush().await.map_err(|error| error.to_string())?;
    let mut answer = [0; LINE_LEN_MAX];
    let mut len = 0;
    while len < answer.len() && !answer[..len].contains(&b'\n') {
        match stream.read(&mut answer[len..]).await.map_err(|error| error.to_string())? {
            0 => break,
            more => len += more,
        }
    }
    let line = String::from_utf8_lossy(&answer[..len]);
    let line = line.lines().next().unwrap_or_default().trim();
    // RFC 9112 §4: version, status, reason.
    let status = line.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1));
    match status {
        Some(status) if status.starts_with('2') => Ok((line.to_owned(), ())),
        Some(_) => Err(format!("the server answers {line:?}")),
        None => Err("what answers does not speak HTTP".to_owned()),
    }
}
