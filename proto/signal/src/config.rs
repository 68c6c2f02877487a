//! What an operator can set about signalling.

use crate::message::{Forwarding, SignalLimits};
use std::time::Duration;

/// Most participants of a room where everybody sends to everybody: few machines bear more.
pub const PARTICIPANTS_MAX_MESH: u32 = 4;
/// Most participants of a room whose media the server forwards, where nothing else is set.
pub const PARTICIPANTS_MAX_FORWARDED: u32 = 100;

/// The settings of a [`crate::SignalServer`]. The defaults are those that `docs/protocol.md` names.
#[derive(Clone, Debug)]
pub struct Config {
    /// Limits that clients are told.
    pub limits: SignalLimits,
    /// Who decides how media travels in a room.
    pub topology: TopologyPolicy,
    /// What the server forwards; [`None`] if there is no media plane. Then every room is a mesh.
    pub forwarding: Option<Forwarding>,
    /// Most participants in a room.
    pub participants_per_room_max: u32,
    /// Most rooms at a time.
    pub rooms_max: usize,
    /// Most signal sessions at a time, those waiting to be resumed included.
    pub sessions_max: usize,
    /// Frames per second that a session may send on average.
    pub frame_rate_max: u32,
    /// Frames that a session may send at once after a pause.
    pub frame_burst_max: u32,
    /// Bad frames of one link before it is closed.
    pub bad_frames_max: u32,
    /// Messages waiting for one client, sent but not acknowledged included.
    pub outbox_messages_max: usize,
    /// The same in bytes of text, roughly.
    pub outbox_bytes_max: usize,
    /// How often clients ping. A link that is silent for three of these is closed.
    pub heartbeat: Duration,
    /// How long a session outlives its link.
    pub resume_window: Duration,
    /// Whether the server takes clients without a token. Only passed on to clients: drivers decide about tokens.
    pub open: bool,
}

/// Who decides how media travels in a room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TopologyPolicy {
    /// The machine: a mesh while there are two at most, and they reach each other well; else through the server.
    #[default]
    Auto,
    /// The operator: always a mesh.
    Mesh,
    /// The operator: always through the server.
    Sfu,
}

impl Config {
    /// What participants are told of forwarding: nothing where no room will ever need it.
    pub(crate) fn offered_forwarding(&self) -> Option<Forwarding> {
        self.forwarding.filter(|_| self.topology != TopologyPolicy::Mesh)
    }

    /// The policy that holds: without a media plane there is only one.
    pub(crate) fn effective_topology(&self) -> TopologyPolicy {
        if self.forwarding.is_some() { self.topology } else { TopologyPolicy::Mesh }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            limits: SignalLimits::default(),
            topology: TopologyPolicy::default(),
            forwarding: None,
            participants_per_room_max: PARTICIPANTS_MAX_MESH,
            rooms_max: 10_000,
            sessions_max: 20_000,
            frame_rate_max: 50,
            frame_burst_max: 250,
            bad_frames_max: 20,
            outbox_messages_max: 512,
            outbox_bytes_max: 1024 * 1024,
            heartbeat: Duration::from_secs(10),
            resume_window: Duration::from_secs(30),
            open: true,
        }
    }
}

impl Default for SignalLimits {
    fn default() -> Self {
        Self {
            frame_len_max: 64 * 1024,
            name_len_max: 64,
            metadata_len_max: 4 * 1024,
            chat_len_max: 8 * 1024,
            tracks_max: 8,
        }
    }
}
