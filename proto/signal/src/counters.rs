//! What happened, counted.

use crate::message::{CloseCode, ErrorCode, TopologyReason};
use std::collections::BTreeMap;

/// Plain totals since the start; a driver exports them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Sessions begun.
    pub sessions_started: u64,
    /// Sessions that went on over a new link.
    pub sessions_resumed: u64,
    /// Wishes to resume a session that was not known, or with a wrong secret.
    pub resumes_refused: u64,
    /// Participants that entered a room.
    pub joins: u64,
    /// Messages handled, refused ones included.
    pub messages_in: u64,
    /// Messages addressed to clients.
    pub messages_out: u64,
    /// Messages that had been handled before: sent again after a dropped link.
    pub duplicates: u64,
    /// Frames of links that had been closed already.
    pub late_frames: u64,
    /// Messages and frames refused, by reason.
    pub refused: BTreeMap<ErrorCode, u64>,
    /// Links closed by the server, by reason.
    pub closed: BTreeMap<CloseCode, u64>,
    /// How often rooms went on by another topology, or the same for another reason, by that reason.
    pub topology_changes: BTreeMap<TopologyReason, u64>,
    /// What the media plane was told.
    pub media_commands: u64,
    /// What the media plane reported.
    pub media_reports: u64,
    /// Of these, those about somebody who was gone already.
    pub media_reports_late: u64,
}

impl Counters {
    pub(crate) fn count_refused(&mut self, code: ErrorCode) {
        *self.refused.entry(code).or_default() += 1;
    }

    pub(crate) fn count_closed(&mut self, code: CloseCode) {
        *self.closed.entry(code).or_default() += 1;
    }
}
