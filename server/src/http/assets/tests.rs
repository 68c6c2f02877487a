use super::*;

static FILES: [Asset; 3] = [
    Asset {
        path: "/assets/app-1a2b.js",
        content_type: "text/javascript; charset=utf-8",
        hash: "1a2b",
        identity: b"plain",
        brotli: Some(b"brotli"),
        gzip: Some(b"gzip"),
    },
    Asset {
        path: "/favicon.svg",
        content_type: "image/svg+xml",
        hash: "3c",
        identity: b"<svg/>",
        brotli: None,
        gzip: None,
    },
    Asset {
        path: "/index.html",
        content_type: "text/html; charset=utf-8",
        hash: "4d",
        identity: b"<html>",
        brotli: None,
        gzip: Some(b"gzipped"),
    },
];

fn get(path: &str, headers: &[(axum::http::HeaderName, &str)]) -> Response {
    let headers =
        headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect();
    respond(&FILES, &Method::GET, path, &headers)
}

fn header(response: &Response, name: axum::http::HeaderName) -> &str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[test]
fn the_start_page_and_the_pages_of_rooms_are_the_app() {
    for path in ["/", "/r/tea", "/r/%EB%AA%A8%EC%9E%84", "/index.html"] {
        let response = get(path, &[]);

        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert_eq!(header(&response, CACHE_CONTROL), "no-cache");
        assert_eq!(header(&response, CONTENT_TYPE), "text/html; charset=utf-8");
    }
}

#[test]
fn anything_else_that_is_no_file_is_not_there() {
    for path in ["/r", "/r/", "/r/a/b", "/assets/", "/assets/../index.html", "/favicon", "//", "/Index.html"]
    {
        assert_eq!(get(path, &[]).status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[test]
fn files_named_by_their_content_are_kept_for_good() {
    let response = get("/assets/app-1a2b.js", &[]);

    assert_eq!(header(&response, CACHE_CONTROL), CACHE_FOREVER);
    assert_eq!(header(&response, CONTENT_ENCODING), "");
    assert_eq!(header(&response, ETAG), "\"1a2b\"");
}

/// Covers: RFC 9110 §12.5.3
#[test]
fn the_best_form_that_the_client_takes_is_sent() {
    for (offered, chosen) in [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip", "gzip"),
        ("br;q=0, gzip;q=0.5", "gzip"),
        ("BR ; q=0.1", "br"),
        ("identity", ""),
        ("brotli", ""),
        ("", ""),
    ] {
        let response = get("/assets/app-1a2b.js", &[(ACCEPT_ENCODING, offered)]);

        assert_eq!(header(&response, CONTENT_ENCODING), chosen, "{offered}");
        assert_eq!(header(&response, VARY), "accept-encoding");
    }
    assert_eq!(header(&get("/", &[(ACCEPT_ENCODING, "br")]), CONTENT_ENCODING), "");
}

/// Covers: RFC 9110 §13.1.2
#[test]
fn what_the_client_has_already_is_not_sent_again() {
    let known = |etags| get("/", &[(IF_NONE_MATCH, etags), (ACCEPT_ENCODING, "gzip")]).status();

    assert_eq!(known("\"4d-gzip\""), StatusCode::NOT_MODIFIED);
    assert_eq!(known("\"old\", W/\"4d-gzip\""), StatusCode::NOT_MODIFIED);
    assert_eq!(known("\"4d\""), StatusCode::OK);
}

#[test]
fn head_is_get_without_the_body_and_nothing_else_is_taken() {
    let head = respond(&FILES, &Method::HEAD, "/favicon.svg", &HeaderMap::new());
    let post = respond(&FILES, &Method::POST, "/", &HeaderMap::new());

    assert_eq!(head.status(), StatusCode::OK);
    assert_eq!(header(&head, axum::http::header::CONTENT_LENGTH), "6");
    assert_eq!(axum::body::HttpBody::size_hint(head.body()).exact(), Some(0));
    assert_eq!(post.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(header(&post, ALLOW), "GET, HEAD");
}
