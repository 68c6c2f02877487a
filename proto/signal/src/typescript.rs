//! TypeScript declarations of the messages: one source of truth for both sides.

use crate::id;
use crate::message;
use ts_rs::{Config, TS};

/// Every type of the wire, as one TypeScript module.
pub fn declarations() -> String {
    let config = Config::default().with_large_int("number");
    let mut module = String::from(
        "// Generated from proto/signal by `cargo xtask codegen`. Change the Rust types instead.\n\n",
    );
    macro_rules! declare {
        ($($kind:ty),+ $(,)?) => { $( declare::<$kind>(&config, &mut module); )+ };
    }
    declare!(
        id::RoomName,
        id::ParticipantId,
        id::TrackId,
        id::PeerConnectionId,
        id::ChatId,
        id::SessionId,
        id::SessionSecret,
        message::ClientFrame,
        message::Hello,
        message::Resume,
        message::ClientMessage,
        message::MidTrack,
        message::TrackWatch,
        message::PathState,
        message::IceCandidate,
        message::ServerFrame,
        message::ServerMessage,
        message::RoomDescription,
        message::Topology,
        message::TopologyReason,
        message::Forwarding,
        message::SectionContent,
        message::ForwardedTrack,
        message::ForwardedLayer,
        message::LayerReason,
        message::ParticipantDescription,
        message::LinkState,
        message::Permissions,
        message::TrackDescription,
        message::TrackKind,
        message::TrackSource,
        message::IceServer,
        message::IceCredential,
        message::SignalLimits,
        message::ErrorCode,
        message::CloseCode,
        message::LeaveReason,
        message::ConnectionEndReason,
    );
    module
}

fn declare<T: TS>(config: &Config, module: &mut String) {
    if let Some(docs) = T::docs() {
        module.push_str(docs.trim_end());
        module.push('\n');
    }
    module.push_str("export ");
    module.push_str(&T::decl(config));
    module.push_str("\n\n");
}
