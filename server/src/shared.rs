//! What every connection of a server has a part in.

use crate::auth::Verifier;
use crate::config::{Config, ConnectionLimits};
use crate::counters::Counters;
use crate::gateway::Origin;
use crate::gateway::events::EventLinks;
use crate::gateway::hub::HubHandle;
use crate::media::MediaStatus;
use crate::strangers::Strangers;
use crate::turn::Turn;
use crate::webhooks::Webhooks;
use crate::whip;
use moim_wire::Privacy;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// State of the whole server. All of it is read only, atomic, or behind a lock of its own.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) limits: ConnectionLimits,
    /// Longest signalling frame, in bytes.
    pub(crate) frame_len_max: usize,
    pub(crate) allowed_origins: BTreeSet<Origin>,
    pub(crate) is_open: bool,
    /// Whether the certificate is of an authority, so that browsers need not ask.
    pub(crate) is_certificate_trusted: AtomicBool,
    pub(crate) addresses: Privacy,
    pub(crate) verifier: Verifier,
    pub(crate) hub: HubHandle,
    pub(crate) turn: Turn,
    /// What the media plane counts, if there is one.
    pub(crate) media: Option<MediaStatus>,
    /// What became of webhooks, if there are any.
    pub(crate) webhooks: Option<Webhooks>,
    pub(crate) event_links: EventLinks,
    pub(crate) resources: whip::Resources,
    pub(crate) strangers: Arc<Strangers>,
    pub(crate) counters: Arc<Counters>,
    /// Everything that serves a client; a shutdown waits for it.
    pub(crate) tasks: TaskTracker,
    /// The server shuts down: nobody new is let in.
    pub(crate) draining: CancellationToken,
    /// Signalling has ended: what is left finishes what it is at.
    pub(crate) closing: CancellationToken,
}

/// What works beside the hub.
#[derive(Debug)]
pub(crate) struct Planes {
    pub(crate) turn: Turn,
    pub(crate) media: Option<MediaStatus>,
    pub(crate) webhooks: Option<Webhooks>,
}

impl Shared {
    pub(crate) fn new(config: &Config, hub: HubHandle, planes: Planes, is_certificate_trusted: bool) -> Self {
        let Planes { turn, media, webhooks } = planes;
        Self {
            limits: config.limits,
            frame_len_max: config.signal.frame_bytes_max as usize,
            allowed_origins: config.allowed_origins.clone(),
            is_open: config.is_open(),
            is_certificate_trusted: AtomicBool::new(is_certificate_trusted),
            addresses: config.log.addresses.privacy(),
            verifier: Verifier::new(&config.keys),
            hub,
            turn,
            media,
            webhooks,
            event_links: EventLinks::default(),
            resources: whip::Resources::default(),
            strangers: Strangers::new(config.limits.strangers_per_address_max),
            counters: Arc::default(),
            tasks: TaskTracker::new(),
            draining: CancellationToken::new(),
            closing: CancellationToken::new(),
        }
    }

    /// Whether the certificate is of an authority, at present.
    pub(crate) fn is_certificate_trusted(&self) -> bool {
        self.is_certificate_trusted.load(Ordering::Relaxed)
    }
}
