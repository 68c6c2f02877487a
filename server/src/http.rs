//! What is served over HTTP: the web app, the signalling gateway, and a word about the server's health.

pub(crate) mod app;
mod assets;
mod headers;
pub(crate) mod redirect;

use crate::strangers::Stranger;
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri};
use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;

/// The connection that a request came on.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) stranger: Arc<Stranger>,
    /// Its place among the connections that the server takes. A WebSocket holds it on, after HTTP has ended.
    #[expect(dead_code, reason = "held, never looked at")]
    pub(crate) place: Arc<OwnedSemaphorePermit>,
}

/// By which name and port the client reached the server: `:authority` in HTTP/2, `Host` in HTTP/1.1 (RFC 9110 §7.2).
///
/// `None` unless it is a host name or address with at most a port, so that it may be repeated in an answer.
pub(crate) fn host(headers: &HeaderMap, uri: &Uri) -> Option<Authority> {
    let mut named = headers.get_all(HOST).iter();
    let authority = match (uri.authority(), named.next()) {
        (Some(authority), _) => authority.clone(),
        (None, Some(host)) if named.next().is_none() => host.to_str().ok()?.parse().ok()?,
        (None, _) => return None,
    };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    (!authority.host().is_empty() && authority.as_str().bytes().all(is_plain)).then_some(authority)
}

/// Whether the client reached the server by a name, for which there can be a certificate, rather than by an address.
pub(crate) fn is_by_name(headers: &HeaderMap, uri: &Uri) -> bool {
    host(headers, uri).is_some_and(|authority| {
        let host = authority.host();
        !host.starts_with('[') && host.parse::<IpAddr>().is_err()
    })
}
