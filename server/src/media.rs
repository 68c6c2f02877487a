//! The media plane as the rest of the server reaches it: commands to its shards, reports from them.
//!
//! ```text
//!   hub: SignalServer ──► MediaPlane ──► a queue per shard ──► mailbox ──► MediaShard, on a thread of the relay's
//!          ▲                                                                   │
//!          └────────────────────── a bounded channel ◄─────────────────────────┘
//! ```
//!
//! A room lives on one shard, which its name tells. Nothing here waits: what a mailbox does not take is tried again a moment later, and
//! what a queue does not take is refused and counted; so is a report that the hub has no room for.

mod addresses;
mod launch;
mod metrics;
mod queue;

pub(crate) use launch::Launch;

use crate::counters::Counter;
use crate::management::metrics::Metric;
use moim_relay::Tenants;
use moim_shard::SharedCounters;
use moim_signal::media::{MediaAction, MediaCommand, MediaReport};
use moim_signal::message::{ConnectionEndReason, ServerMessage};
use moim_turn::ShardId;
use queue::CommandQueue;
use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Reports that wait for the hub, of all shards together.
const REPORTS_MAX: usize = 4096;
/// How soon it is tried again to tell a shard what its mailbox had no room for.
const RETRY_INTERVAL: Duration = Duration::from_millis(5);

/// What went by between the hub and the shards, counted.
#[derive(Debug, Default)]
pub(crate) struct PlaneCounters {
    /// Commands that had to wait for a shard to take them.
    pub(crate) commands_queued: Counter,
    /// Commands that were refused, since too many waited.
    pub(crate) commands_refused: Counter,
    /// Reports that the hub had no room for.
    pub(crate) reports_lost: Counter,
}

/// The media plane, as the hub holds it.
pub(crate) struct MediaPlane {
    tenants: Tenants<MediaCommand>,
    /// What each shard has not been told yet.
    queues: Vec<CommandQueue>,
    reports: mpsc::Receiver<MediaReport>,
    counters: Arc<PlaneCounters>,
}

/// What the media plane has to show of itself.
#[derive(Clone, Debug)]
pub(crate) struct MediaStatus {
    shards: Vec<SharedCounters>,
    plane: Arc<PlaneCounters>,
}

impl MediaPlane {
    /// Tells a participant's shard something. What comes back is for the participant to be told, since the shard will not hear of it.
    pub(crate) fn tell(&mut self, command: MediaCommand) -> Option<MediaReport> {
        let shard = self.shard_of(&command);
        let queue = self.queues.get_mut(usize::from(shard.0))?;
        // Nothing overtakes what waits.
        let command = if queue.is_empty() { self.tenants.tell(shard, command).err()? } else { command };
        let Some(refused) = queue.put(command) else {
            self.counters.commands_queued.add_one();
            return None;
        };
        self.counters.commands_refused.add_one();
        refusal(refused)
    }

    /// Tries again to tell shards what they had no room for.
    pub(crate) fn retry(&mut self) {
        for (number, queue) in (0..).zip(&mut self.queues) {
            queue.flush(|command| self.tenants.tell(ShardId(number), command).err());
        }
    }

    /// Waits for a report, or for the moment to [try again](Self::retry). Cancel-safe.
    pub(crate) async fn news(&mut self) -> Option<MediaReport> {
        let is_behind = self.queues.iter().any(|queue| !queue.is_empty());
        tokio::select! {
            Some(report) = self.reports.recv() => Some(report),
            () = tokio::time::sleep(RETRY_INTERVAL), if is_behind => None,
            // Every shard has failed: there will be no more.
            else => std::future::pending().await,
        }
    }

    /// The next report, if one waits.
    pub(crate) fn waiting_report(&mut self) -> Option<MediaReport> {
        self.reports.try_recv().ok()
    }

    /// Where a room lives.
    fn shard_of(&self, command: &MediaCommand) -> ShardId {
        let mut hasher = DefaultHasher::new();
        command.room.as_str().hash(&mut hasher);
        let shard = hasher.finish() % self.queues.len().max(1) as u64;
        ShardId(u16::try_from(shard).unwrap_or(0))
    }
}

impl fmt::Debug for MediaPlane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaPlane").field("shards", &self.queues.len()).finish_non_exhaustive()
    }
}

impl MediaStatus {
    /// What was counted.
    pub(crate) fn metrics(&self) -> Vec<Metric> {
        let shards: Vec<_> = self.shards.iter().map(SharedCounters::snapshot).collect();
        metrics::of(&shards, &self.plane)
    }
}

/// What a participant is told whose command was refused. Candidates are of no use to the server's end, and wishes are told anew as windows
/// move: only an offer is waited for.
fn refusal(MediaCommand { room, participant, action }: MediaCommand) -> Option<MediaReport> {
    let MediaAction::Offer { connection, .. } = action else { return None };
    let message = ServerMessage::ConnectionEnded {
        connection,
        reason: ConnectionEndReason::ServerFull,
        message: "The server is too busy to take the offer. Try again in a moment.".to_owned(),
    };
    Some(MediaReport { room, participant: Some(participant), message })
}
