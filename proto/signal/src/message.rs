//! Every message of the signalling protocol, as it is on the wire: JSON objects told apart by `type`, names in camelCase.
//!
//! `docs/protocol.md` is the specification; the TypeScript types of the web client are generated from these.

mod client;
mod description;
mod error;
mod frame;
mod server;

pub use client::{ClientMessage, IceCandidate, MidTrack, PathState, TrackWatch};
pub use description::{
    ForwardedLayer, ForwardedTrack, Forwarding, Grants, IceCredential, IceServer, LayerReason, LinkState,
    ParticipantDescription, Permissions, RoomDescription, SectionContent, SignalLimits, Topology,
    TopologyReason, TrackDescription, TrackKind, TrackSource,
};
pub use error::{CloseCode, ConnectionEndReason, ErrorCode, LeaveReason};
pub use frame::{ClientFrame, FrameError, Hello, PROTOCOL_VERSION, Resume, ServerFrame};
pub use server::ServerMessage;
