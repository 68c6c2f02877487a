//! Plain HTTP: every request is sent on to HTTPS on the same host and port, and nothing else is said.

use super::host;
use axum::http::header::{CONNECTION, LOCATION};
use axum::http::{HeaderValue, Request, Response, StatusCode};

/// The answer to a request over plain HTTP.
pub(crate) fn answer<B>(request: &Request<B>) -> Response<String> {
    let location = host(request.headers(), request.uri()).and_then(|host| {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        HeaderValue::try_from(format!("https://{host}{path}")).ok()
    });
    let mut response = Response::new(String::new());
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    if let Some(location) = location {
        *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
        response.headers_mut().insert(LOCATION, location);
    } else {
        *response.status_mut() = StatusCode::BAD_REQUEST;
        "The request does not name the host that it is for.\n".clone_into(response.body_mut());
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::header::HOST;

    fn request(uri: &str, host: &[u8]) -> Request<()> {
        Request::builder().uri(uri).header(HOST, host).body(()).unwrap()
    }

    fn location(request: &Request<()>) -> Option<String> {
        let response = answer(request);
        let location = response.headers().get(LOCATION)?.to_str().unwrap().to_owned();
        assert_eq!(response.status(), StatusCode::PERMANENT_REDIRECT);
        Some(location)
    }

    #[test]
    fn goes_to_the_same_host_port_and_path() {
        assert_eq!(
            location(&request("/r/tea?lang=ko", b"192.0.2.1:8443")).as_deref(),
            Some("https://192.0.2.1:8443/r/tea?lang=ko")
        );
        assert_eq!(
            location(&request("/", b"[2001:db8::1]:8443")).as_deref(),
            Some("https://[2001:db8::1]:8443/")
        );
        assert_eq!(
            location(&request("//evil.example/", b"moim.example")).as_deref(),
            Some("https://moim.example//evil.example/")
        );
    }

    #[test]
    fn a_host_that_is_none_is_not_repeated() {
        for host in [&b""[..], b"user@moim.example", b"moim.example/evil", b"a b", b"\"><script>", b"\xff"] {
            assert_eq!(location(&request("/", host)), None, "{host:?}");
        }
        let without = Request::builder().uri("/").body(()).unwrap();
        let mut doubled = request("/", b"moim.example");
        doubled.headers_mut().append(HOST, HeaderValue::from_static("evil.example"));

        assert_eq!(location(&without), None);
        assert_eq!(location(&doubled), None);
    }
}
