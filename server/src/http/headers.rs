//! Headers that every response carries.

use axum::http::header::{
    CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// Everything comes from this server; nothing may be framed, embedded, or sent elsewhere. `connect-src` names the
/// WebSocket's address too, which some browsers do not count as 'self'.
const POLICY_BEFORE_CONNECT: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
    media-src 'self' blob: mediastream:; font-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'; connect-src 'self'";
/// What the app needs, and nothing that it does not.
const PERMISSIONS: &str = "camera=(self), microphone=(self), display-capture=(self), fullscreen=(self), \
    geolocation=(), midi=(), payment=(), usb=()";
/// A year, as long as anybody asks for.
const TRANSPORT_SECURITY: &str = "max-age=31536000";

/// Adds the headers. `is_trusted`: the certificate is not self-signed, so browsers may insist on it from now on.
pub(super) fn apply(headers: &mut HeaderMap, host: Option<&Authority>, is_trusted: bool) {
    headers.insert(CONTENT_SECURITY_POLICY, content_security_policy(host));
    headers.insert(HeaderName::from_static("permissions-policy"), HeaderValue::from_static(PERMISSIONS));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    );
    if is_trusted {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(TRANSPORT_SECURITY));
    }
}

fn content_security_policy(host: Option<&Authority>) -> HeaderValue {
    host.and_then(|host| HeaderValue::try_from(format!("{POLICY_BEFORE_CONNECT} wss://{host}")).ok())
        .unwrap_or_else(|| HeaderValue::from_static(POLICY_BEFORE_CONNECT))
}
