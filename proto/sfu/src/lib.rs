//! Selective forwarding (RFC 7667 §3.7): tracks come in once, and go out to as many as watch.
//!
//! [`Forwarder`] is one machine without sockets, clock or threads. Packets, commands and the time go in; what is to be sent to whom goes to a sink, and what has
//! to be known elsewhere is polled as [`Event`]s. It knows tracks and subscribers, and nothing of connections: a subscriber has **slots**, each of which
//! shows one track at a time, in a stream of its own that goes on in its numbers and times whatever it shows.
//!
//! ```text
//!   packet ─► encoding: what is it? ─► ring (payload, once) ◄───────────── payload of a PacketRef, when it leaves
//!                                        │ per slot that shows the track
//!                                        ▼
//!                        select (layers, switches) ─► rewrite (numbers) ─► sink: Forward { slot, copy }
//! ```
//!
//! - A payload is stored once, in a ring per encoding. A [`PacketCopy`] says where it lies and what is different in it for one subscriber.
//! - What is left out on purpose leaves no gap in any number; what was lost on the way here leaves the gap it had.
//! - Which layers a slot gets follows from what the subscriber wants to see, what its network carries ([`Forwarder::set_target`]), and what
//!   the publisher sends; each change is told with its [`Reason`].
//!
//! Payload formats are read as [`moim_rtp::payload`] knows them. Spatial layers below the one that is watched are left out where a dependency descriptor
//! says that those above do not refer to them (K-SVC). What is left out: the same by VP9's own descriptor, going by which all layers below are forwarded; and
//! spatial layers that could be added without a key frame.

mod allocate;
mod arena;
mod config;
mod encoding;
mod error;
mod event;
mod facts;
mod forwarder;
mod id;
mod keyframes;
mod layers;
mod levels;
mod numbers;
mod packet;
mod rates;
mod rewriter;
mod ring;
mod select;
mod size;
mod slot;
mod stats;
mod subscriber;
mod timeline;
mod track;
mod voice;

pub use config::Config;
pub use error::Error;
pub use event::{Event, Layer, LayersWanted, Reason};
pub use forwarder::{Forwarder, SLOTS_TOTAL_MAX, SUBSCRIBERS_MAX, TRACKS_MAX};
pub use id::{EncodingId, GroupId, OwnerId, SlotId, SubscriberId, TrackId};
pub use keyframes::{
    KEY_FRAME_INTERVAL_MAX, KEY_FRAME_INTERVAL_MIN, SUBSCRIBER_INTERVAL_MAX, SUBSCRIBER_INTERVAL_MIN,
};
pub use packet::{
    DescriptorRewrite, Forward, MediaPacket, PacketCopy, PacketRef, PayloadRewrite, RAW_LEN_MAX, Stored,
};
pub use ring::{PAYLOAD_LEN_MAX, RING_BYTES_MAX, RING_PACKETS_MAX};
pub use stats::{DropReason, Drops, EncodingStats, SlotStats, Stats, VoiceStats};
pub use subscriber::{
    SLOTS_MAX, SubscriberSpec, UPGRADE_PATIENCE_MAX, UPGRADE_PATIENCE_MIN, WATCHES_MAX, Watch,
};
pub use track::{ENCODINGS_MAX, EncodingSpec, Source, TrackSpec, UNWANTED_AFTER};
