//! Webhooks, as they are written.

use crate::config::secret::Secret;
use confique::Config;
use serde::Serialize;

#[derive(Clone, Debug, Config, Serialize)]
#[config(layer_attr(serde(deny_unknown_fields)))]
pub(crate) struct RawWebhooks {
    /// Where to post what happens: rooms that open and close, participants that join and leave, such as
    /// "https://school.example/moim". Empty: nowhere. See docs/ops/rooms.md.
    #[config(env = "MOIM_WEBHOOKS_URL", default = "")]
    pub(crate) url: String,

    /// What each of them is signed with (HMAC-SHA256), at least 32 bytes. `openssl rand -hex 32` makes one.
    #[config(env = "MOIM_WEBHOOKS_SECRET")]
    pub(crate) secret: Option<Secret>,
}
