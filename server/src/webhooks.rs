//! Telling another server what happens in rooms: a signed `POST` for each event, in order.
//!
//! The hub puts events into a bounded queue and never waits; one task delivers them, each until it is taken, or refused for good, or tried
//! often enough. What the queue has no room for, and what could not be delivered, is counted.

mod delivery;

use crate::config::{Secret, WebhookConfig};
use crate::counters::Counter;
use crate::management::metrics::Metric;
use aws_lc_rs::hmac;
use delivery::{Endpoint, Outcome};
use moim_signal::Event;
use moim_signal::id::{ParticipantId, RoomName};
use moim_signal::message::LeaveReason;
use serde::Serialize;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Events that wait to be delivered.
const EVENTS_MAX: usize = 4096;
/// How often an event is tried, the first time included: with the pauses between, for some two minutes.
const ATTEMPTS_MAX: u32 = 8;
/// How long to wait before the second attempt; each pause is twice as long as the one before.
const PAUSE_MIN: Duration = Duration::from_secs(1);

/// What became of events.
#[derive(Debug, Default)]
pub(crate) struct WebhookCounters {
    delivered: Counter,
    /// Refused by the other server, or tried too often.
    failed: Counter,
    /// Attempts after the first.
    retried: Counter,
    /// More than the queue takes.
    dropped: Counter,
}

/// Where the hub puts events. Clones are the same one.
#[derive(Clone, Debug)]
pub(crate) struct Webhooks {
    events: mpsc::Sender<Notice>,
    counters: Arc<WebhookCounters>,
}

/// What delivers them.
#[derive(Debug)]
pub(crate) struct Courier {
    events: mpsc::Receiver<Notice>,
    counters: Arc<WebhookCounters>,
    endpoint: Endpoint,
    secret: Secret,
    /// How long to wait before the second attempt.
    pause: Duration,
}

/// An event as the other server is told it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Notice {
    /// The same whenever it is sent again.
    id: String,
    /// When it happened, in milliseconds since 1970.
    at_ms: u64,
    event: EventName,
    room: RoomName,
    #[serde(skip_serializing_if = "Option::is_none")]
    participant: Option<WebhookParticipant>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<LeaveReason>,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
enum EventName {
    RoomOpened,
    RoomClosed,
    ParticipantJoined,
    ParticipantLeft,
}

#[derive(Clone, Debug, Serialize)]
struct WebhookParticipant {
    id: ParticipantId,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<String>,
    name: String,
}

/// Both ends of the queue. An error says why there cannot be secure connections.
pub(crate) fn webhooks(config: &WebhookConfig) -> Result<(Webhooks, Courier), moim_native::TrustError> {
    let (sender, events) = mpsc::channel(EVENTS_MAX);
    let counters = Arc::<WebhookCounters>::default();
    let courier = Courier {
        events,
        counters: Arc::clone(&counters),
        endpoint: Endpoint::new(&config.url)?,
        secret: config.secret.clone(),
        pause: PAUSE_MIN,
    };
    Ok((Webhooks { events: sender, counters }, courier))
}

impl Webhooks {
    /// Passes on what others are told of.
    pub(crate) fn note(&self, event: &Event) {
        let Some(notice) = Notice::of(event) else { return };
        if self.events.try_send(notice).is_err() {
            self.counters.dropped.add_one();
        }
    }

    /// What became of events.
    pub(crate) fn metrics(&self) -> [Metric; 2] {
        let counters = &self.counters;
        [
            Metric::counter("webhook_events", "Events for webhooks, by what became of them")
                .with([("outcome", "delivered")], counters.delivered.total())
                .with([("outcome", "failed")], counters.failed.total())
                .with([("outcome", "dropped")], counters.dropped.total()),
            Metric::counter("webhook_retries", "Attempts to deliver events to webhooks after the first")
                .value(counters.retried.total()),
        ]
    }
}

impl Courier {
    /// Delivers until the hub has ended; what waits then is tried once more each.
    pub(crate) async fn run(mut self, closing: CancellationToken) {
        while let Some(notice) = self.events.recv().await {
            self.deliver(&notice, &closing).await;
        }
    }

    async fn deliver(&self, notice: &Notice, closing: &CancellationToken) {
        let body = serde_json::to_string(notice).expect("a notice is made of strings and numbers");
        let mut pause = self.pause;
        for attempt in 1..=ATTEMPTS_MAX {
            let signature = sign(&self.secret, seconds_now(), &body);
            match self.endpoint.post(&body, &signature).await {
                Outcome::Taken => return self.counters.delivered.add_one(),
                Outcome::Refused(status) => {
                    tracing::warn!(status, "a webhook was refused; it is not tried again");
                    break;
                }
                Outcome::Failed(error) if attempt == ATTEMPTS_MAX || closing.is_cancelled() => {
                    tracing::warn!(error, attempt, "a webhook could not be delivered; it is given up");
                }
                Outcome::Failed(error) => {
                    tracing::debug!(error, attempt, "a webhook could not be delivered; it is tried again");
                    self.counters.retried.add_one();
                    // A shutdown ends the pause, and makes of the next attempt the last.
                    let _ = closing.run_until_cancelled(tokio::time::sleep(pause)).await;
                    pause *= 2;
                    continue;
                }
            }
            break;
        }
        self.counters.failed.add_one();
    }
}

impl Notice {
    fn of(event: &Event) -> Option<Self> {
        let (event, room, participant, reason) = match event {
            Event::RoomOpened { room } => (EventName::RoomOpened, room, None, None),
            Event::RoomClosed { room } => (EventName::RoomClosed, room, None, None),
            Event::Joined { room, participant, identity, name } => {
                (EventName::ParticipantJoined, room, Some((participant, identity, name)), None)
            }
            Event::Left { room, participant, identity, name, reason } => {
                (EventName::ParticipantLeft, room, Some((participant, identity, name)), Some(*reason))
            }
            Event::TopologyChanged { .. }
            | Event::Interrupted { .. }
            | Event::Resumed { .. }
            | Event::SessionEnded { .. }
            | Event::LinkClosed { .. } => return None,
        };
        let participant = participant.map(|(id, identity, name)| WebhookParticipant {
            id: id.clone(),
            identity: identity.clone(),
            name: name.clone(),
        });
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let at_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        Some(Self { id: unique_id(), at_ms, event, room: room.clone(), participant, reason })
    }
}

/// 128 random bits, as text. Without randomness it is not unique, which costs the other server no more than telling doubles apart.
fn unique_id() -> String {
    let mut bytes = [0; 16];
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    format!("e_{}", hex(&bytes))
}

/// `t=SECONDS,v1=HEX`: the HMAC-SHA256 of the time, a point and the body. The time is signed, so that what was overheard cannot be sent again
/// later.
fn sign(secret: &Secret, seconds: u64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose());
    let signature = hmac::sign(&key, format!("{seconds}.{body}").as_bytes());
    format!("t={seconds},v1={}", hex(signature.as_ref()))
}

fn seconds_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
#[path = "webhooks/tests.rs"]
mod tests;
