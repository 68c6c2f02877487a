//! What a value about webhooks may be.

use super::Check;
use crate::config::raw::RawWebhooks;
use crate::config::{SECRET_LEN_MIN, WebhookConfig};
use axum::http::Uri;

impl Check {
    pub(in crate::config) fn webhooks(&mut self, raw: &RawWebhooks) -> Option<WebhookConfig> {
        if raw.url.is_empty() {
            if raw.secret.is_some() {
                self.problem("webhooks.secret is given without webhooks.url: say where to post to");
            }
            return None;
        }
        let url = raw.url.parse::<Uri>().ok().filter(|url| {
            matches!(url.scheme_str(), Some("http" | "https"))
                && url.host().is_some_and(|host| !host.is_empty())
        });
        let Some(url) = url else {
            // What was written may hold a secret.
            self.problem("webhooks.url is not a URL to post to, as in \"https://school.example/moim\"");
            return None;
        };
        let Some(secret) = raw.secret.clone().filter(|secret| secret.expose().len() >= SECRET_LEN_MIN) else {
            self.problem(format!(
                "webhooks.secret is needed with webhooks.url, of at least {SECRET_LEN_MIN} bytes, or anybody could forge events. \
                 `openssl rand -hex 32` makes a good one"
            ));
            return None;
        };
        if url.scheme_str() == Some("http") && !is_this_machine(url.host().unwrap_or_default()) {
            self.warning(
                "webhooks.url is of plain HTTP: names of rooms and people can be read on the way. Use https, or keep it to a \
                 private network",
            );
        }
        Some(WebhookConfig { url, secret })
    }
}

fn is_this_machine(host: &str) -> bool {
    let bare = host.trim_matches(['[', ']']);
    bare == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
