//! Every message of the signalling protocol, as it is on the wire: JSON objects told apart by `type`, names in camelCase.
//!
//! `docs/protocol.md` is the specification; the TypeScript types of the web client are generated from these.

mod client;
mod description;
mod error;
mod frame;
mod server;

pub use client::{ClientMessage, IceCandidate, MidTrack};
pub use description::{
    Grants, IceCredential, IceServer, LinkState, ParticipantDescription, Permissions, RoomDescription,
    SignalLimits, Topology, TrackDescription, TrackKind, TrackSource,
};
pub use error::{CloseCode, ErrorCode, LeaveReason};
pub use frame::{ClientFrame, FrameError, Hello, PROTOCOL_VERSION, Resume, ServerFrame};
pub use server::ServerMessage;
