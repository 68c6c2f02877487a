//! Offers and answers (RFC 9429, RFC 3264): who may say what when, and what follows once both have spoken.
//!
//! ```
//! use moim_sdp::jsep::{Capabilities, Negotiator, SdpType, TransceiverInit, TransportParameters};
//! use moim_wire::MediaKind;
//! # fn transport(of: &str) -> TransportParameters { moim_sdp::testing::transport(of) }
//!
//! let mut caller = Negotiator::new(Capabilities::default(), 1);
//! let mut callee = Negotiator::new(Capabilities::default(), 2);
//! caller.add_transceiver(MediaKind::Audio, TransceiverInit::default())?;
//!
//! let offer = caller.create_offer(&transport("caller"))?;
//! caller.set_local(SdpType::Offer, Some(offer.clone()))?;
//! callee.set_remote(SdpType::Offer, offer)?;
//! let answer = callee.create_answer(&transport("callee"))?;
//! callee.set_local(SdpType::Answer, Some(answer.clone()))?;
//! let changes = caller.set_remote(SdpType::Answer, answer)?;
//!
//! let media = changes.transceivers[0].media.as_ref().expect("both know Opus");
//! assert_eq!(media.send_codecs[0].codec.name, "opus");
//! # Ok::<(), moim_sdp::jsep::Error>(())
//! ```
//!
//! # The policies
//! Everything is bundled on one transport and RTCP is multiplexed with RTP (`max-bundle` and `require`, in the words of the W3C). Offers repeat the
//! transport's parameters in each section, as browsers do by default, so that they are understood by those who do not know `bundle-only`.
//! What an offer has outside of its bundle is rejected.
//!
//! # What stays the same
//! Within a connection a payload type or an id of a header extension never changes its meaning on our part, and media
//! sections keep their place. What the other side's offer says wins over what we would have chosen and is remembered.

mod answer;
mod build;
mod capability;
mod change;
mod check;
mod codec_match;
mod conclude;
mod error;
mod extension_ids;
mod h264;
mod layout;
mod media;
mod need;
mod negotiator;
mod offer;
mod payload_types;
mod remote_offer;
mod rollback;
mod simulcast;
mod state;
mod transceiver;
mod transport;

pub use capability::{Capabilities, Codec, ExtensionCapability};
pub use change::{
    Changes, NegotiatedCodec, NegotiatedExtension, NegotiatedMedia, RemoteStream, TransceiverChange,
};
pub use error::Error;
pub use negotiator::Negotiator;
pub use state::{SdpType, SignalingState};
pub use transceiver::{
    EncodingInit, SenderInit, SenderSsrc, Transceiver, TransceiverId, TransceiverInit, TransceiverState,
};
pub use transport::{DtlsRole, RemoteTransport, SctpParameters, TransportParameters};
