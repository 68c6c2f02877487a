//! The media plane of a shard: the server's ends of peer connections, and what is forwarded between them.
//!
//! A [`MediaShard`] lives on a thread of the relay's as its [`Tenant`](moim_relay::Tenant). It is told who is in which room and what they
//! offer ([`MediaCommand`](moim_signal::media::MediaCommand)), answers, and reports what sections show
//! ([`MediaReport`](moim_signal::media::MediaReport)).
//!
//! ```text
//!   datagram ─► whose? ─► connection: decrypted ─► section, encoding ─► forwarder ─► per subscriber: a reference
//!            (by address, or by the user name of a check)                                    │
//!   outbox ◄──────────────────────────────── connection: payload fetched, encrypted ◄────────┘  at the end of the turn
//! ```
//!
//! - `room`: who is in a room, what they may do, what they publish, how they want to have what others do.
//! - `connection`, `section`, `format`, `offer`: the server's end of a connection, its media sections, and how offers are answered.
//! - `paths`: which connection an address leads to. `timers`: which connection is looked after when.
//! - `data`: messages of the application, from participants to participants.
//! - `shelf`: payloads lie in the forwarder until packets leave.
//! - `shard`: all of it together: what is told, what comes, what is due, what is to be told.
//!
//! # Which codecs
//! Opus, and VP8 before H.264, so that everybody can be shown what anybody sends, whatever comes and goes. A section that offers none of them is refused, and
//! tracks in H.264 are not for those whose sections do not all have it.
//!
//! # Candidates
//! The server's end is ICE-lite (RFC 8445 §2.5): it answers checks, and learns from them where the client is. Candidates that clients tell are
//! of no use to it.

mod config;
mod connection;
mod counters;
mod data;
mod format;
mod offer;
mod paths;
mod room;
mod section;
mod shard;
mod shelf;
mod timers;

pub use config::{
    ADDRESSES_MAX, CONNECT_WITHIN, MediaConfig, OFFER_INTERVAL, OFFERS_AT_ONCE_MAX, PARTICIPANTS_MAX,
    SECTIONS_MAX, SENDING_SECTIONS_MAX, WATCHES_MAX,
};
pub use counters::{DropReason, Drops, MediaCounters, SharedCounters};
pub use data::{DATA_BURST, DATA_LEN_MAX, DATA_RATE, LOSSY, RECEIVERS_MAX, RELIABLE, TOPIC_LEN_MAX};
pub use shard::{MediaShard, Reporter};
