//! Which pages may open links: those that this server gave out, and those of origins that the operator named.
//!
//! Browsers let any page open a WebSocket anywhere, and say in `Origin` which page it is (RFC 6454). Whoever sends no
//! `Origin` is no browser.

use crate::http::host;
use crate::shared::Shared;
use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ORIGIN, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, uri::Authority};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use std::fmt;
use std::sync::Arc;

/// How long a browser may remember that it is allowed to ask, in seconds.
const PREFLIGHT_MAX_AGE: &str = "600";
/// Headers of answers that a page of another origin may read: those of WHIP (RFC 9725 §4).
const READABLE: &str = "etag, link, location";

/// Scheme, host and port of a page (RFC 6454 §4), in lower case and without a port that the scheme implies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin(String);

impl Origin {
    /// Reads the form that browsers send: `https://host` or `https://host:port`, and nothing after it.
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        let implied = match scheme.as_str() {
            "https" => 443,
            "http" => 80,
            _ => return None,
        };
        let authority: Authority = authority.parse().ok()?;
        Self::new(&scheme, implied, &authority)
    }

    /// The origin of this server's pages, as reached by `authority`.
    fn own(authority: &Authority) -> Option<Self> {
        Self::new("https", 443, authority)
    }

    fn new(scheme: &str, implied_port: u16, authority: &Authority) -> Option<Self> {
        let host = authority.host().to_ascii_lowercase();
        if host.is_empty() || authority.as_str().contains('@') {
            return None;
        }
        match authority.port_u16() {
            Some(port) if port != implied_port => Some(Self(format!("{scheme}://{host}:{port}"))),
            // What follows the host may still be meant for a port, and be none.
            None if authority.as_str().len() != host.len() => None,
            Some(_) | None => Some(Self(format!("{scheme}://{host}"))),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who asks, if they may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Allowed {
    /// A page of this server, or no browser at all.
    Own,
    /// A page of another origin, which is to be told that it may read the answer.
    Other(HeaderValue),
}

/// Lets a request pass if its origin may open links.
pub(crate) fn check(
    shared: &Shared,
    headers: &HeaderMap,
    uri: &Uri,
) -> Result<Allowed, (StatusCode, &'static str)> {
    let Some(header) = headers.get(ORIGIN) else { return Ok(Allowed::Own) };
    let origin = header.to_str().ok().and_then(Origin::parse);
    if origin.is_some() && origin == host(headers, uri).as_ref().and_then(Origin::own) {
        return Ok(Allowed::Own);
    }
    if origin.is_some_and(|origin| shared.allowed_origins.contains(&origin)) {
        return Ok(Allowed::Other(header.clone()));
    }
    shared.counters.origins_refused.add_one();
    Err((
        StatusCode::FORBIDDEN,
        "This page's origin may not open calls here. The operator can allow it by http.allowed_origins.\n",
    ))
}

/// Checks the origin of requests that a page of another origin may make, and answers its preflights (Fetch, "CORS").
pub(crate) async fn guard(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let allowed = match check(&shared, request.headers(), request.uri()) {
        Ok(allowed) => allowed,
        Err(refusal) => return refusal.into_response(),
    };
    let is_preflight = request.method() == Method::OPTIONS;
    let mut response = next.run(request).await;
    if is_preflight {
        permit(&mut response);
    }
    response.headers_mut().insert(VARY, HeaderValue::from_static("origin"));
    if let Allowed::Other(origin) = allowed {
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        response.headers_mut().insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(READABLE));
    }
    response
}

/// What a page may ask for.
fn permit(response: &mut Response) {
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, PATCH, DELETE"));
    headers.insert(
        ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("authorization, content-type, if-match"),
    );
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(PREFLIGHT_MAX_AGE));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_origins_are_equal_however_they_are_written() {
        assert_eq!(Origin::parse("https://Moim.Example:443"), Origin::parse("https://moim.example"));
        assert_ne!(Origin::parse("https://moim.example:8443"), Origin::parse("https://moim.example"));
        assert_ne!(Origin::parse("http://moim.example"), Origin::parse("https://moim.example"));
        assert_eq!(
            Origin::own(&"[2001:db8::1]:8443".parse().unwrap()),
            Origin::parse("https://[2001:db8::1]:8443")
        );
    }

    #[test]
    fn what_is_no_origin_is_not_taken_for_one() {
        for text in [
            "null",
            "",
            "*",
            "moim.example",
            "https://",
            "https://a/b",
            "https://a@b",
            "file:///x",
            "https://a:99999",
            "https://a:",
        ] {
            assert_eq!(Origin::parse(text), None, "{text:?}");
        }
    }
}
