//! What the configuration says about webhooks, checked and typed.

use super::Secret;
use axum::http::Uri;
use std::fmt;

/// Who is told what happens in rooms.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookConfig {
    /// Where events are posted to; it has a scheme and a host.
    pub url: Uri,
    /// What they are signed with.
    pub secret: Secret,
}

impl fmt::Debug for WebhookConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The path or the query may be what lets one in there.
        f.debug_struct("WebhookConfig").field("host", &self.url.host()).finish_non_exhaustive()
    }
}
