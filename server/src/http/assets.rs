//! The web app, from the binary itself. `build.rs` puts it there, compressed already.

use axum::body::{Body, Bytes};
use axum::http::header::{
    ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use axum::response::Response;

/// Names under `/assets/` carry a hash of their content: what a name stands for never changes.
const CACHE_FOREVER: &str = "public, max-age=31536000, immutable";
/// Kept, but asked about each time.
const CACHE_CHECKED: &str = "no-cache";
const NOT_FOUND: &str = "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Not found</title>\n\
    <h1>There is no page here</h1>\n<p>Check the link, or <a href=\"/\">go to the start page</a>.</p></html>\n";

/// One file of the web app.
struct Asset {
    /// As in a URL, from the root.
    path: &'static str,
    content_type: &'static str,
    /// A hash of the content.
    hash: &'static str,
    identity: &'static [u8],
    brotli: Option<&'static [u8]>,
    gzip: Option<&'static [u8]>,
}

/// All files, sorted by path.
type Assets = &'static [Asset];

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// Serves whatever no other route does.
pub(super) async fn serve(request: Request<Body>) -> Response {
    respond(ASSETS, request.method(), request.uri().path(), request.headers())
}

fn respond(assets: Assets, method: &Method, path: &str, headers: &HeaderMap) -> Response {
    if method != Method::GET && method != Method::HEAD {
        let mut response = status(StatusCode::METHOD_NOT_ALLOWED);
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let mut response = match find(assets, path) {
        Some(asset) => asset.respond(headers),
        None => not_found(),
    };
    if method == Method::HEAD {
        // hyper gives HEAD the length that GET would have, if it is left to know the body's.
        let length = axum::body::HttpBody::size_hint(response.body()).exact();
        *response.body_mut() = Body::empty();
        if let Some(length) = length {
            response.headers_mut().insert(axum::http::header::CONTENT_LENGTH, length.into());
        }
    }
    response
}

/// The file at `path`. The start page and the pages of rooms are one file, which looks at the address itself.
fn find(assets: Assets, path: &str) -> Option<&'static Asset> {
    let is_room = path.strip_prefix("/r/").is_some_and(|room| !room.is_empty() && !room.contains('/'));
    let path = if path == "/" || is_room { "/index.html" } else { path };
    let index = assets.binary_search_by(|asset| asset.path.cmp(path)).ok()?;
    Some(&assets[index])
}

impl Asset {
    fn respond(&self, request: &HeaderMap) -> Response {
        let (encoding, content) = self.choose(request);
        let etag = format!("\"{}{}\"", self.hash, encoding.map_or(String::new(), |name| format!("-{name}")));
        let is_known = request
            .get_all(IF_NONE_MATCH)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|known| known.trim().trim_start_matches("W/") == etag);
        let mut response = if is_known {
            status(StatusCode::NOT_MODIFIED)
        } else {
            let mut response = Response::new(Body::from(Bytes::from_static(content)));
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
            if let Some(encoding) = encoding {
                response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
            }
            response
        };
        let headers = response.headers_mut();
        let cached = if self.path.starts_with("/assets/") { CACHE_FOREVER } else { CACHE_CHECKED };
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(cached));
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        headers.insert(ETAG, HeaderValue::try_from(etag).expect("a hash and a name are of plain letters"));
        response
    }

    /// The form with the best compression that the client takes, and the name of that compression.
    fn choose(&self, request: &HeaderMap) -> (Option<&'static str>, &'static [u8]) {
        [("br", self.brotli), ("gzip", self.gzip)]
            .into_iter()
            .find_map(|(name, content)| {
                content.filter(|_| accepts(request, name)).map(|content| (Some(name), content))
            })
            .unwrap_or((None, self.identity))
    }
}

/// Whether `Accept-Encoding` (RFC 9110 §12.5.3) names `encoding`, other than to refuse it.
fn accepts(request: &HeaderMap, encoding: &str) -> bool {
    request
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|offer| {
            let mut parts = offer.split(';').map(str::trim);
            let is_named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(encoding));
            let is_refused = parts.any(|part| {
                part.strip_prefix("q=")
                    .is_some_and(|weight| weight.parse::<f32>().is_ok_and(|weight| weight <= 0.0))
            });
            is_named && !is_refused
        })
}

fn not_found() -> Response {
    let mut response = Response::new(Body::from(NOT_FOUND));
    *response.status_mut() = StatusCode::NOT_FOUND;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn status(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests;
