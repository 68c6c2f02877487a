//! Session descriptions (RFC 8866) as WebRTC uses them, and their offer/answer (RFC 9429). Text in, text out.
//!
//! # Reading and writing
//! [`SessionDescription::parse`] keeps everything it reads: the order of lines, attributes that this crate has no name for, and
//! the spelling of those that are not written the way this crate would. What is written again is what was read:
//!
//! ```
//! use moim_sdp::SessionDescription;
//!
//! let text = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n\
//!     m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n\
//!     a=mid:0\r\na=sctp-port:5000\r\na=x-of-tomorrow:kept\r\n";
//! let description = SessionDescription::parse(text)?;
//! assert_eq!(description.media[0].sctp_port(), Some(5000));
//! assert_eq!(description.to_string(), text);
//! # Ok::<(), moim_sdp::ParseError>(())
//! ```
//!
//! # Negotiating
//! [`jsep::Negotiator`] is the state machine of offers and answers. It knows no ICE and no DTLS: what descriptions say about
//! them comes in and goes out as values.
//!
//! # Left out
//! Media sections that are not bundled with the first, RTCP on a port of its own, SDES keys, and MSID before there were media sections per track
//! ("plan B") are understood by the parser and refused by the negotiator.

mod attribute;
mod attributes;
mod candidate;
mod description;
mod direction;
mod error;
pub mod jsep;
pub mod limit;
mod line;
mod parse;
mod section;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod text;

pub use attribute::{
    Attribute, Extmap, Fingerprint, Fmtp, FormatParameters, Group, HashAlgorithm, IcePassword, Msid,
    RidAlternatives, RidChoice, RidDirection, RidLine, RtcpFb, RtcpFeedback, Rtpmap, SctpMap, Setup,
    Simulcast, SourceAttribute, SsrcGroup,
};
pub use attributes::Attributes;
pub use candidate::{Candidate, CandidateAddress, CandidateError, CandidateKind, CandidateProtocol, TcpType};
pub use description::{Origin, SessionDescription};
pub use direction::Direction;
pub use error::ParseError;
pub use line::{Bandwidth, Connection, Line};
pub use section::{MediaSection, SectionKind};
