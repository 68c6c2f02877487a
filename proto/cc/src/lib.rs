//! Congestion control of a sender: how much may be sent, told from what the far end says arrived, and sending it evenly.
//!
//! - [`SendSideController`] takes what was sent and what was reported, and says at which [target](SendSideController::target)
//!   media may be sent. It is fed alike by transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01) and by
//!   RFC 8888; decoding them, and turning their numbers into one ascending count, is the caller's.
//! - [`Pacer`] holds packets back until it is their turn, in bursts that leave together, and mixes in what a
//!   [probe](ProbeCluster) needs.
//!
//! Delay is judged after draft-ietf-rmcat-gcc-02 (groups of packets, their gradient, an adaptive threshold, AIMD), and beyond it by the
//! length of the queue itself: a link that nobody else uses is kept just full, one on which others' packets show between our own is shared as
//! browsers share it. What is on the way is bounded by a window, since a link that becomes slow shows in it before any report. Loss is judged by how well a bandwidth and a share of loss that has nothing to do with
//! congestion explain together what was seen. ECN is left out: no browser marks media.

mod application;
mod config;
mod controller;
mod delay;
mod history;
mod loss;
pub mod pacer;
mod packet;
mod probe;
mod stats;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod throughput;
mod units;

pub use config::{Config, InvalidConfig};
pub use controller::SendSideController;
pub use delay::Usage;
pub use history::{FEEDBACK_RESULTS_MAX, SENT_MAX};
pub use pacer::{Paced, Pacer, PacerConfig, PacerOutput};
pub use packet::{PacketKind, ProbeCluster, ProbeId, SentPacket};
pub use stats::{Counters, Reason, Stats};
