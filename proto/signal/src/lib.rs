//! moim's signalling protocol, without input or output.
//!
//! [`SignalServer`] holds every room, participant and signal session of a server. A driver tells it what happened on
//! which link, and when; it answers with frames to send and events to log. It has no clock, no sockets and no randomness
//! of its own, so the same machine runs in the server, in the simulation and under the fuzzer, and any run can be
//! replayed.
//!
//! ```text
//!   link task: read, bound, parse ──► handle_hello / handle_frame / handle_link_closed ──► poll_output ──► link task
//!   clock: ─────────────────────────► handle_timeout            poll_timeout ──► sleep until then
//! ```
//!
//! - [`message`]: the messages and frames, as `docs/protocol.md` specifies them.
//! - `session`: numbering, acknowledgement and replay, so that a dropped link loses and doubles nothing.
//! - `room`: who is in a room and what they publish; `topology`: how media travels between them, and why.
//! - [`media`]: what the media plane is told, and what it reports; `held`: reports that wait for a participant to be reached.
//! - `server`: what each message does.
//!
//! Left out on purpose: verifying tokens (a driver hands in [`message::Grants`]), reading session descriptions (they are
//! passed on as text), and media itself.

pub mod config;
pub mod counters;
mod held;
pub mod id;
pub mod media;
pub mod message;
mod random;
mod rate;
mod room;
mod server;
mod session;
mod topology;
#[cfg(feature = "typescript")]
pub mod typescript;

pub use config::{Config, TopologyPolicy};
pub use counters::Counters;
pub use server::{Event, MEDIA_COMMANDS_MAX, Moderation, Output, RoomSummary, SignalServer};
